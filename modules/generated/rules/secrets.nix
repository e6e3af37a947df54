# Written by `mas2nix compile` from src/rules and src/schema/secrets.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules) each refuse;
in
lib.concatLists [
  (refuse "secrets.encryption_file"
    "MAS needs a key to encrypt its data. Set `secrets.encryption_file`. `openssl rand -hex 32` generates a key."
    (
      settings ? secrets
      && (
        (complete && !(settings ? secrets.encryption))
        && (complete && !(settings ? secrets.encryption_file))
      )
    )
  )
  (refuse "secrets.encryption_file"
    "`encryption` and `encryption_file` cannot both be set. Remove one of them."
    (settings ? secrets.encryption && settings ? secrets.encryption_file)
  )
  (refuse "secrets.encryption"
    "MAS before 0.17.0 requires this option. Set it, or use a newer version of MAS."
    (settings ? secrets && (older "0.17.0" && (complete && !(settings ? secrets.encryption))))
  )
  (refuse "secrets.encryption_file"
    "this option requires MAS 0.17.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.17.0" && settings ? secrets.encryption_file)
  )
  (refuse "secrets.keys_dir"
    "this option requires MAS 1.7.0 or newer. Remove it, or use a newer version of MAS."
    (older "1.7.0" && settings ? secrets.keys_dir)
  )
  (each "secrets.keys" (settings.secrets.keys or [ ]) (
    at: key: earlier: [
      (refuse "${at}.key_file" "the entry has no key. Set `key_file`." (
        !(key ? key) && !(key ? key_file)
      ))
      (refuse "${at}.key_file" "`key` and `key_file` cannot both be set. Remove one of them." (
        key ? key && key ? key_file
      ))
      (refuse "${at}.password_file"
        "`password` and `password_file` cannot both be set. Remove one of them."
        (key ? password && key ? password_file)
      )
      (refuse "${at}.kid" "MAS before 1.2.0 requires this option. Set it, or use a newer version of MAS."
        (older "1.2.0" && !(key ? kid))
      )
    ]
  ))
]
