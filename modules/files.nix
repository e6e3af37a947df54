# Makes files that options name readable for the service.
#
# A file outside of the service's own directories becomes a systemd credential. If MAS would treat a final
# newline as part of the secret, the service gets a copy without it. Both directories are known only when
# the service starts. Until then, paths contain `${CREDENTIALS_DIRECTORY}` and `${RUNTIME_DIRECTORY}`.
# src/deploy/credentials.rs does the same for `mas2nix render`.
{ lib, settings }:
let
  inherit (builtins)
    head
    isAttrs
    isList
    isString
    tail
    ;

  # Directories that the service can read directly.
  own = [
    "/var/lib/matrix-authentication-service/"
    "/run/matrix-authentication-service/"
  ];

  # Directories of credentials: a fixed one in MAS's own unit, and the variable in other units.
  credentials = [
    "\${CREDENTIALS_DIRECTORY}/"
    "/run/credentials/"
  ];

  startsWith = prefixes: path: lib.any (prefix: lib.hasPrefix prefix path) prefixes;
  isOwn = startsWith (own ++ credentials);

  # systemd replaces the variable within a word only in this form.
  withBraces = lib.replaceStrings [ "$CREDENTIALS_DIRECTORY/" ] [ "\${CREDENTIALS_DIRECTORY}/" ];

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

  # `b` of ${CREDENTIALS_DIRECTORY}/b/c and of /run/credentials/a.service/b.
  credentialName =
    file:
    let
      parts = lib.splitString "/" file;
    in
    lib.elemAt parts (if lib.hasPrefix "/" file then 4 else 1);

  place =
    kind:
    { path, value }:
    let
      name = lib.concatMapStringsSep "." toString path;
      # The path as in rules.
      option = lib.removePrefix "." (
        lib.concatMapStrings (step: if builtins.isInt step then "[${toString step}]" else ".${step}") path
      );
      file = withBraces value;
      foreign = lib.hasPrefix "/" file && !isOwn file && !lib.hasPrefix "${builtins.storeDir}/" file;
      source = if foreign then "\${CREDENTIALS_DIRECTORY}/${name}" else file;
      copied = kind == "raw" || (kind == "directory" && (foreign || startsWith credentials file));
      target = if copied then "\${RUNTIME_DIRECTORY}/${name}" else source;
    in
    {
      inherit path target;
      credential = lib.optionalAttrs foreign { ${name} = value; };
      # The name of a credential that must already exist.
      needs = lib.optional (startsWith credentials file) {
        inherit option;
        credential = credentialName file;
      };
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

  # Options that name a credential: the option, and the name.
  needs = lib.concatMap (file: file.needs) files;

  inherit credentialName isOwn withBraces;
  isCredential = startsWith credentials;
}
