# Options that name files, made to work for a service whose user exists only while it runs.
#
# A file outside the Nix store becomes a systemd credential. Where MAS would take a final newline
# for a part of the secret, it gets a copy without one. Both are known only when the service starts,
# so paths contain `${CREDENTIALS_DIRECTORY}` and `${RUNTIME_DIRECTORY}` until then.
{ lib }:
{
  settings,
  # Directories that the service reads by itself.
  own,
}:
let
  inherit (builtins)
    head
    isAttrs
    isList
    isString
    tail
    ;

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

  isOwn =
    file: lib.any (directory: lib.hasPrefix "${directory}/" file) (own ++ [ builtins.storeDir ]);

  place =
    kind:
    { path, value }:
    let
      name = lib.concatMapStringsSep "." toString path;
      foreign = lib.hasPrefix "/" value && !isOwn value;
      source = if foreign then "\${CREDENTIALS_DIRECTORY}/${name}" else value;
      copied = kind == "raw" || (kind == "directory" && foreign);
    in
    {
      inherit
        path
        name
        kind
        source
        copied
        ;
      credential = lib.optionalAttrs foreign { ${name} = value; };
      target = if copied then "\${RUNTIME_DIRECTORY}/${name}" else source;
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

  # Shell commands that make the copies.
  prepare = lib.concatMapStrings (
    file:
    lib.optionalString file.copied (
      if file.kind == "directory" then
        ''
          install -d -m 0700 "${file.target}"
          for key in "${file.source}"_*; do
            ln -sf "$key" "${file.target}/"
          done
        ''
      else
        ''
          secret=$(cat "${file.source}")
          printf %s "$secret" > "${file.target}"
        ''
    )
  ) files;
}
