# Options that name files, made to work for a service that may not read them.
#
# A file elsewhere becomes a systemd credential. Where MAS would take a final newline for a part of
# the secret, the service gets a copy without one. Both are known only when the service starts, so
# paths contain `${CREDENTIALS_DIRECTORY}` and `${RUNTIME_DIRECTORY}` until then. src/deploy/credentials.rs does
# the same for `mas2nix render`.
{ lib, settings }:
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
  ];

  # Where credentials are, in MAS's own unit and, by the variable, in every other one.
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
      # As rules name it.
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
      # The name of the credential that has to be there already.
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
