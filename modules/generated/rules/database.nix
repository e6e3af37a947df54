# Written by `mas2nix compile` from src/rules and src/schema/database.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules) refuse;
in
lib.concatLists [
  (refuse "database.uri"
    "`uri` cannot be combined with `host`, `port`, `socket`, `username`, `password`, `password_file` or `database`. Keep either `uri` or the other options."
    (
      settings ? database.uri
      && (
        settings ? database.host
        || settings ? database.port
        || settings ? database.socket
        || settings ? database.username
        || settings ? database.password
        || settings ? database.password_file
        || settings ? database.database
      )
    )
  )
  (refuse "database.password_file"
    "`password` and `password_file` cannot both be set. Remove one of them."
    (settings ? database.password && settings ? database.password_file)
  )
  (refuse "database.ssl_ca_file" "`ssl_ca` and `ssl_ca_file` cannot both be set. Remove one of them."
    (settings ? database.ssl_ca && settings ? database.ssl_ca_file)
  )
  (refuse "database.ssl_certificate_file"
    "`ssl_certificate` and `ssl_certificate_file` cannot both be set. Remove one of them."
    (settings ? database.ssl_certificate && settings ? database.ssl_certificate_file)
  )
  (refuse "database.ssl_key_file"
    "`ssl_key` and `ssl_key_file` cannot both be set. Remove one of them."
    (settings ? database.ssl_key && settings ? database.ssl_key_file)
  )
  (refuse "database.ssl_certificate_file"
    "a client certificate and its private key must be set together. Set both `ssl_certificate_file` and `ssl_key_file`, or neither."
    (
      (
        (settings ? database.ssl_certificate || settings ? database.ssl_certificate_file)
        && (
          (complete && !(settings ? database.ssl_key)) && (complete && !(settings ? database.ssl_key_file))
        )
      )
      || (
        (settings ? database.ssl_key || settings ? database.ssl_key_file)
        && (
          (complete && !(settings ? database.ssl_certificate))
          && (complete && !(settings ? database.ssl_certificate_file))
        )
      )
    )
  )
  (refuse "database.password_file"
    "this option requires MAS 1.22.0 or newer. Remove it, or use a newer version of MAS."
    (older "1.22.0" && settings ? database.password_file)
  )
  (refuse "database.ssl_mode"
    "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.10.0" && settings ? database.ssl_mode)
  )
  (refuse "database.ssl_ca"
    "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.10.0" && settings ? database.ssl_ca)
  )
  (refuse "database.ssl_ca_file"
    "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.10.0" && settings ? database.ssl_ca_file)
  )
  (refuse "database.ssl_certificate"
    "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.10.0" && settings ? database.ssl_certificate)
  )
  (refuse "database.ssl_certificate_file"
    "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.10.0" && settings ? database.ssl_certificate_file)
  )
  (refuse "database.ssl_key"
    "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.10.0" && settings ? database.ssl_key)
  )
  (refuse "database.ssl_key_file"
    "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.10.0" && settings ? database.ssl_key_file)
  )
]
