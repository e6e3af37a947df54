# Written by `mas2nix compile` from src/rules and src/schema/matrix.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules) refuse matches formats;
in
lib.concatLists [
  (refuse "matrix.secret_file"
    "MAS and the homeserver need a shared secret. Set `matrix.secret_file`."
    (
      settings ? matrix
      && ((complete && !(settings ? matrix.secret)) && (complete && !(settings ? matrix.secret_file)))
    )
  )
  (refuse "matrix.secret_file" "`secret` and `secret_file` cannot both be set. Remove one of them." (
    settings ? matrix.secret && settings ? matrix.secret_file
  ))
  (refuse "matrix.endpoint" "this is not an HTTP URL. Start it with http:// or https://." (
    settings ? matrix.endpoint && !(matches formats.httpUrl (settings.matrix.endpoint or null))
  ))
  (refuse "matrix.kind"
    "this option requires MAS 0.15.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.15.0" && settings ? matrix.kind)
  )
  (refuse "matrix.kind"
    "this value requires MAS 0.20.0 or newer. Use another value, or a newer version of MAS."
    (
      older "0.20.0"
      && builtins.elem (settings.matrix.kind or null) [
        "synapse_legacy"
        "synapse_modern"
      ]
    )
  )
  (refuse "matrix.secret"
    "MAS before 1.0.0 requires this option. Set it, or use a newer version of MAS."
    (settings ? matrix && (older "1.0.0" && (complete && !(settings ? matrix.secret))))
  )
  (refuse "matrix.secret_file"
    "this option requires MAS 1.0.0 or newer. Remove it, or use a newer version of MAS."
    (older "1.0.0" && settings ? matrix.secret_file)
  )
]
