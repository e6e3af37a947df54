# Written by `mas2nix compile` from src/rules and src/schema/matrix.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules)
    each
    refuse
    matches
    formats
    ;
in
lib.concatLists [
  (refuse "matrix.secret_file"
    "MAS and the homeserver need a shared secret. Set `matrix.secret_file`."
    (
      settings ? matrix
      && ((complete && !(settings ? matrix.secret)) && (complete && !(settings ? matrix.secret_file)))
    )
  )
  (refuse "matrix.secret_file" "`secret` and `secret_file` exclude each other. Keep one of the two." (
    settings ? matrix.secret && settings ? matrix.secret_file
  ))
  (refuse "matrix.endpoint"
    "MAS reaches the homeserver over HTTP, and this address is none of HTTP. Begin it with http:// or https://."
    (settings ? matrix.endpoint && !(matches formats.httpUrl (settings.matrix.endpoint or null)))
  )
  (refuse "matrix.kind" "this option needs MAS 0.15.0 or newer. Remove it, or use a newer MAS." (
    older "0.15.0" && settings ? matrix.kind
  ))
  (refuse "matrix.kind"
    "this value needs MAS 0.20.0 or newer. Choose another one, or use a newer MAS."
    (
      older "0.20.0"
      && builtins.elem (settings.matrix.kind or null) [
        "synapse_legacy"
        "synapse_modern"
      ]
    )
  )
  (refuse "matrix.secret" "MAS before 1.0.0 needs this option. Set it, or use a newer MAS." (
    settings ? matrix && (older "1.0.0" && (complete && !(settings ? matrix.secret)))
  ))
  (refuse "matrix.secret_file" "this option needs MAS 1.0.0 or newer. Remove it, or use a newer MAS."
    (older "1.0.0" && settings ? matrix.secret_file)
  )
]
