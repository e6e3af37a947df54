# Options that name files, made to work for a service that may not read them.
#
# A file elsewhere becomes a systemd credential. Where MAS would take a final newline for a part of
# the secret, the service gets a copy without one. Both are known only when the service starts, so
# paths contain `${CREDENTIALS_DIRECTORY}` and `${RUNTIME_DIRECTORY}` until then. src/files.rs does
# the same for `mas2nix render`.
{ lib }:
settings:
let
  inherit (builtins)
    head
    isAttrs
    isList
    isString
    tail
    ;

  # Directories that the service reads by itself.
  own = [
    "/var/lib/matrix-authentication-service/"
    "/run/matrix-authentication-service/"
    "/run/credentials/"
    "${builtins.storeDir}/"
  ];

  # The values of an option, each with its concrete path.
  occurrences =
    at: path: value:
    if path == [ ] then
      lib.optional (isString value) {
        path = at;
        inherit value;
      }
    else if head path == "*" then
      lib.optionals (isList value) (
        lib.concatLists (lib.imap0 (i: occurrences (at ++ [ i ]) (tail path)) value)
      )
    else if isAttrs value && value ? ${head path} then
      occurrences (at ++ [ (head path) ]) (tail path) value.${head path}
    else
      [ ];

  place =
    kind:
    { path, value }:
    let
      name = lib.concatMapStringsSep "." toString path;
      foreign = lib.hasPrefix "/" value && !(lib.any (directory: lib.hasPrefix directory value) own);
      source = if foreign then "\${CREDENTIALS_DIRECTORY}/${name}" else value;
      copied = kind == "raw" || (kind == "directory" && foreign);
      target = if copied then "\${RUNTIME_DIRECTORY}/${name}" else source;
    in
    {
      inherit path target;
      credential = lib.optionalAttrs foreign { ${name} = value; };
      copy = lib.optional copied { inherit kind source target; };
    };

  files = lib.concatMap (option: map (place option.kind) (occurrences [ ] option.path settings)) (
    import ./generated/files.nix
  );

  replace =
    path: new: value:
    if path == [ ] then
      new
    else if isList value then
      lib.imap0 (i: old: if i == head path then replace (tail path) new old else old) value
    else
      value // { ${head path} = replace (tail path) new value.${head path}; };
in
{
  # The settings with the paths that the service will see.
  settings = lib.foldl' (value: file: replace file.path file.target value) settings files;

  # Credentials to load, by name.
  credentials = lib.foldl' (all: file: all // file.credential) { } files;

  # Copies to make, each with its kind, source and target.
  copies = lib.concatMap (file: file.copy) files;
}
