# Written by `mas2nix compile` from the options marked as secret. Do not edit: change that instead.
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
  (refuse "database.uri"
    "the password in the URI would be readable by everyone. Give `host`, `username` and `database` in place of `uri`, and the password in `password_file`."
    (matches formats.uriWithPassword (settings.database.uri or null))
  )
  (refuse "matrix.secret"
    "this secret would be readable by everyone. Put it into a file and name that in `secret_file`."
    (settings ? matrix.secret)
  )
  (refuse "secrets.encryption"
    "this secret would be readable by everyone. Put it into a file and name that in `encryption_file`."
    (settings ? secrets.encryption)
  )
  (refuse "database.password"
    "this secret would be readable by everyone. Put it into a file and name that in `password_file`."
    (settings ? database.password)
  )
  (refuse "database.ssl_key"
    "this secret would be readable by everyone. Put it into a file and name that in `ssl_key_file`."
    (settings ? database.ssl_key)
  )
  (refuse "email.password"
    "this secret would be readable by everyone. Put it into a file and name that in `password_file`."
    (settings ? email.password)
  )
  (refuse "captcha.secret_key"
    "this secret would be readable by everyone. Put it into a file of its own and name that in `extraConfigFiles`; MAS cannot read it from anywhere else."
    (settings ? captcha.secret_key)
  )
  (refuse "telemetry.sentry.dsn"
    "this secret would be readable by everyone. Put it into a file of its own and name that in `extraConfigFiles`; MAS cannot read it from anywhere else."
    (settings ? telemetry.sentry.dsn)
  )
  (each "http.listeners" (settings.http.listeners or [ ]) (
    at: listener: earlier: [
      (refuse "${at}.tls.key"
        "this secret would be readable by everyone. Put it into a file and name that in `key_file`."
        (listener ? tls.key)
      )
      (refuse "${at}.tls.password"
        "this secret would be readable by everyone. Put it into a file and name that in `password_file`."
        (listener ? tls.password)
      )
    ]
  ))
  (each "secrets.keys" (settings.secrets.keys or [ ]) (
    at: key: earlier: [
      (refuse "${at}.key"
        "this secret would be readable by everyone. Put it into a file and name that in `key_file`."
        (key ? key)
      )
      (refuse "${at}.password"
        "this secret would be readable by everyone. Put it into a file and name that in `password_file`."
        (key ? password)
      )
    ]
  ))
  (each "passwords.schemes" (settings.passwords.schemes or [ ]) (
    at: scheme: earlier: [
      (refuse "${at}.secret"
        "this secret would be readable by everyone. Put it into a file and name that in `secret_file`."
        (scheme ? secret)
      )
    ]
  ))
  (each "upstream_oauth2.providers" (settings.upstream_oauth2.providers or [ ]) (
    at: provider: earlier: [
      (refuse "${at}.client_secret"
        "this secret would be readable by everyone. Put it into a file and name that in `client_secret_file`."
        (provider ? client_secret)
      )
      (refuse "${at}.sign_in_with_apple.private_key"
        "this secret would be readable by everyone. Put it into a file and name that in `private_key_file`."
        (provider ? sign_in_with_apple.private_key)
      )
    ]
  ))
  (each "clients" (settings.clients or [ ]) (
    at: client: earlier: [
      (refuse "${at}.client_secret"
        "this secret would be readable by everyone. Put it into a file and name that in `client_secret_file`."
        (client ? client_secret)
      )
    ]
  ))
]
