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
    "the password in the URI would be readable by everyone. Set `host`, `username`, `database` and `password_file` instead of `uri`."
    (matches formats.uriWithPassword (settings.database.uri or null))
  )
  (refuse "matrix.secret"
    "this secret would be readable by everyone. Write it to a file, and set `secret_file` to the path of that file."
    (settings ? matrix.secret)
  )
  (refuse "secrets.encryption"
    "this secret would be readable by everyone. Write it to a file, and set `encryption_file` to the path of that file."
    (settings ? secrets.encryption)
  )
  (refuse "database.password"
    "this secret would be readable by everyone. Write it to a file, and set `password_file` to the path of that file."
    (settings ? database.password)
  )
  (refuse "database.ssl_key"
    "this secret would be readable by everyone. Write it to a file, and set `ssl_key_file` to the path of that file."
    (settings ? database.ssl_key)
  )
  (refuse "email.password"
    "this secret would be readable by everyone. Write it to a file, and set `password_file` to the path of that file."
    (settings ? email.password)
  )
  (refuse "captcha.secret_key"
    "this secret would be readable by everyone. Write it to a separate configuration file, and add that file to `extraConfigFiles`."
    (settings ? captcha.secret_key)
  )
  (refuse "telemetry.sentry.dsn"
    "this secret would be readable by everyone. Write it to a separate configuration file, and add that file to `extraConfigFiles`."
    (settings ? telemetry.sentry.dsn)
  )
  (each "http.listeners" (settings.http.listeners or [ ]) (
    at: listener: earlier: [
      (refuse "${at}.tls.key"
        "this secret would be readable by everyone. Write it to a file, and set `key_file` to the path of that file."
        (listener ? tls.key)
      )
      (refuse "${at}.tls.password"
        "this secret would be readable by everyone. Write it to a file, and set `password_file` to the path of that file."
        (listener ? tls.password)
      )
    ]
  ))
  (each "secrets.keys" (settings.secrets.keys or [ ]) (
    at: key: earlier: [
      (refuse "${at}.key"
        "this secret would be readable by everyone. Write it to a file, and set `key_file` to the path of that file."
        (key ? key)
      )
      (refuse "${at}.password"
        "this secret would be readable by everyone. Write it to a file, and set `password_file` to the path of that file."
        (key ? password)
      )
    ]
  ))
  (each "passwords.schemes" (settings.passwords.schemes or [ ]) (
    at: scheme: earlier: [
      (refuse "${at}.secret"
        "this secret would be readable by everyone. Write it to a file, and set `secret_file` to the path of that file."
        (scheme ? secret)
      )
    ]
  ))
  (each "upstream_oauth2.providers" (settings.upstream_oauth2.providers or [ ]) (
    at: provider: earlier: [
      (refuse "${at}.client_secret"
        "this secret would be readable by everyone. Write it to a file, and set `client_secret_file` to the path of that file."
        (provider ? client_secret)
      )
      (refuse "${at}.sign_in_with_apple.private_key"
        "this secret would be readable by everyone. Write it to a file, and set `private_key_file` to the path of that file."
        (provider ? sign_in_with_apple.private_key)
      )
    ]
  ))
  (each "clients" (settings.clients or [ ]) (
    at: client: earlier: [
      (refuse "${at}.client_secret"
        "this secret would be readable by everyone. Write it to a file, and set `client_secret_file` to the path of that file."
        (client ? client_secret)
      )
    ]
  ))
]
