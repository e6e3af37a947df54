# Written by `mas2nix compile` from src/rules/module.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules)
    capture
    each
    refuse
    matches
    formats
    ;
in
lib.concatLists [
  (refuse "settings.matrix.homeserver"
    "MAS would use the name localhost:8008. Set it to the name of the homeserver, `server_name` in Synapse's configuration."
    (complete && !(settings ? settings.matrix.homeserver))
  )
  (refuse "settings.database"
    "this is Synapse's database, but both need a table named `users`. Use a separate database for MAS, for example with `createDatabase`."
    (
      settings.synapse.database != null
      &&
        (
          if settings ? settings.database.database then
            settings.settings.database.database or null
          else
            capture "[^:]*://[^/?]*/([^?]*).*" (settings.settings.database.uri or null)
        ) == settings.synapse.database
      && (
        !(settings ? settings.database.host || settings ? settings.database.uri)
        || builtins.elem (settings.settings.database.host or null) [
          "localhost"
          "127.0.0.1"
          "::1"
        ]
        || matches formats.absolutePath (settings.settings.database.host or null)
        || matches formats.localDatabaseUri (settings.settings.database.uri or null)
      )
    )
  )
  (refuse "synapse.enable"
    "Synapse cannot delegate to MAS before 1.0.0. Set `package` to a newer version of MAS."
    (settings.synapse.enable && older "1.0.0")
  )
  (refuse "synapse.secretPath"
    "Synapse cannot read the shared secret: it has no access to MAS's credentials, and no other file is set. Set it to a file that contains the secret and that Synapse's group can read."
    (
      settings.synapse.enable
      && settings.synapse.secretPath == null
      && !settings.computed.generate.synapse
      && settings.computed.sharedSecretFile == null
    )
  )
  (refuse "migration.enable"
    "a migration needs the settings with which Synapse delegates to MAS. Set `synapse.enable` to true."
    (settings.migration.enable && !settings.synapse.enable)
  )
  (refuse "synapse.units"
    "a migration stops and starts Synapse on this host. List Synapse's units, including workers."
    (settings.migration.enable && settings.synapse.units == [ ])
  )
  (refuse "synapse.version"
    "Synapse before 1.136.0 does not support `matrix_authentication_service`. Use a newer version of Synapse."
    (
      settings.synapse.enable
      && (settings.synapse.version != null && lib.versionOlder settings.synapse.version "1.136.0")
    )
  )
  (refuse "synapse.forceHttp2"
    "Synapse before 1.151.0 does not support `force_http2`. Use a newer version of Synapse, or remove this option."
    (
      settings.synapse.forceHttp2
      && (settings.synapse.version != null && lib.versionOlder settings.synapse.version "1.151.0")
    )
  )
  (refuse "synapse.qrLogin"
    "Synapse offers login with a QR code only if it delegates to MAS. Set `synapse.enable` to true, or remove this option."
    (settings.synapse.qrLogin && !settings.synapse.enable)
  )
  (refuse "synapse.qrLogin"
    "Synapse before 1.137.0 does not start with `msc4108_enabled` if it delegates to MAS in this way. Use a newer version of Synapse, or set this option to false."
    (
      settings.synapse.qrLogin
      && (settings.synapse.version != null && lib.versionOlder settings.synapse.version "1.137.0")
    )
  )
  (refuse "synapse.qrLogin"
    "a login with a QR code uses the device code grant, which `settings.oauth.device_code_grant_enabled` disables. Set this option to false, or remove that one."
    (settings.synapse.qrLogin && (settings.settings.oauth.device_code_grant_enabled or null) == false)
  )
  (refuse "synapse.rtcTransports"
    "they are written to the file with which Synapse delegates to MAS. Set `synapse.enable` to true, or set `matrix_rtc` in Synapse's own configuration."
    (settings.synapse.rtcTransports != [ ] && !settings.synapse.enable)
  )
  (refuse "synapse.rtcTransports"
    "Synapse before 1.140.0 does not announce transports. Use a newer version of Synapse, or remove this option."
    (
      settings.synapse.rtcTransports != [ ]
      && (settings.synapse.version != null && lib.versionOlder settings.synapse.version "1.140.0")
    )
  )
  (refuse "routes.host"
    "the proxy needs the public host name of MAS. Set it, for example to \"auth.example.com\"."
    ((settings.routes.nginx || settings.routes.caddy) && settings.routes.host == null)
  )
  (refuse "routes.matrixHost"
    "the proxy needs the public host name of Synapse. Set it, for example to \"matrix.example.com\"."
    ((settings.routes.nginx || settings.routes.caddy) && settings.routes.matrixHost == null)
  )
  (refuse "routes.path"
    "MAS and Synapse have the same public host name, so MAS needs its own path. Set it, for example to \"/auth/\"."
    (
      settings.routes.host != null
      && settings.routes.host == settings.routes.matrixHost
      && settings.routes.path == "/"
    )
  )
  (refuse "settings.matrix.homeserver"
    "the proxy serves the well-known documents on the name of the homeserver, but cannot read it from `extraConfigFiles`. Set it here too, or set `routes.wellKnown` to false."
    (
      (settings.routes.nginx || settings.routes.caddy)
      && settings.routes.wellKnown
      && settings.settingsElsewhere
      && !(settings ? settings.matrix.homeserver)
    )
  )
  (refuse "routes.wellKnown"
    "the name of the homeserver has a port or is an IP address, so other servers do not request these documents. Set it to false, and serve the document for clients yourself."
    (
      (settings.routes.nginx || settings.routes.caddy)
      && settings.routes.wellKnown
      && settings ? settings.matrix.homeserver
      && !(matches formats.domainName (settings.settings.matrix.homeserver or null))
    )
  )
  (refuse "settings.http.issuer"
    "it is a part of the well-known documents, and the proxy does not serve quotes, $, \\, braces and white space as they are. Write these characters with % and their number, such as %24 for $."
    (
      (settings.routes.nginx || settings.routes.caddy)
      && settings.routes.wellKnown
      && settings ? settings.http.issuer
      && !(matches formats.servedText (settings.settings.http.issuer or null))
    )
  )
  (refuse "settings.http.public_base"
    "it is a part of the well-known documents, and the proxy does not serve quotes, $, \\, braces and white space as they are. Write these characters with % and their number, such as %24 for $."
    (
      (settings.routes.nginx || settings.routes.caddy)
      && settings.routes.wellKnown
      && settings ? settings.http.public_base
      && !(matches formats.servedText (settings.settings.http.public_base or null))
    )
  )
  (refuse "routes.wellKnownClient"
    "`m.homeserver` and `org.matrix.msc2965.authentication` follow from other options. Remove them here, and set `routes.matrixHost`, `routes.host` and `settings.http.issuer`."
    (
      builtins.any (
        entry:
        builtins.elem entry.name [
          "m.homeserver"
          "org.matrix.msc2965.authentication"
        ]
      ) (settings.computed.wellKnownClient or [ ])
    )
  )
  (refuse "listen.public"
    "systemd removes this directory, and the socket in it, whenever MAS stops. Use another path below /run, such as /run/mas.sock."
    (matches formats.runtimeFile settings.listen.public)
  )
  (refuse "settings.http.listeners"
    "systemd holds the sockets of `listen`, but none of these listeners uses them. Set `fd` to 0 for `listen.public` and to 1 for `listen.internal`, or set `socketActivation` to false."
    (
      (settings.socketActivation || matches formats.absolutePath settings.listen.public)
      && settings.role != "worker"
      && !(builtins.any (entry: builtins.any (entry: entry ? fd || entry ? kind) (entry.binds or [ ])) (
        settings.settings.http.listeners or [ ]
      ))
    )
  )
  (refuse "settings.passwords.enabled"
    "`users` sets passwords, but login with a password is disabled. Set it to true, or remove `passwordFile` from the users."
    (
      (settings.settings.passwords.enabled or null) == false
      && builtins.any (entry: true) (settings.computed.userCredentials or [ ])
    )
  )
  (refuse "package"
    "the wrapper `mas-cli` is installed in /usr/local/bin, and would replace MAS's own program there. Install MAS elsewhere, for example below /opt/mas."
    (settings.package == "/usr/local")
  )
  (refuse "settings.matrix.secret_file"
    "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
    (
      matches formats.absolutePath (settings.settings.matrix.secret_file or null)
      && !(matches formats.credentialSource (settings.settings.matrix.secret_file or null))
    )
  )
  (refuse "settings.secrets.encryption_file"
    "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
    (
      matches formats.absolutePath (settings.settings.secrets.encryption_file or null)
      && !(matches formats.credentialSource (settings.settings.secrets.encryption_file or null))
    )
  )
  (refuse "settings.secrets.keys_dir"
    "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
    (
      matches formats.absolutePath (settings.settings.secrets.keys_dir or null)
      && !(matches formats.credentialSource (settings.settings.secrets.keys_dir or null))
    )
  )
  (refuse "settings.database.password_file"
    "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
    (
      matches formats.absolutePath (settings.settings.database.password_file or null)
      && !(matches formats.credentialSource (settings.settings.database.password_file or null))
    )
  )
  (refuse "settings.database.ssl_ca_file"
    "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
    (
      matches formats.absolutePath (settings.settings.database.ssl_ca_file or null)
      && !(matches formats.credentialSource (settings.settings.database.ssl_ca_file or null))
    )
  )
  (refuse "settings.database.ssl_certificate_file"
    "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
    (
      matches formats.absolutePath (settings.settings.database.ssl_certificate_file or null)
      && !(matches formats.credentialSource (settings.settings.database.ssl_certificate_file or null))
    )
  )
  (refuse "settings.database.ssl_key_file"
    "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
    (
      matches formats.absolutePath (settings.settings.database.ssl_key_file or null)
      && !(matches formats.credentialSource (settings.settings.database.ssl_key_file or null))
    )
  )
  (refuse "settings.email.password_file"
    "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
    (
      matches formats.absolutePath (settings.settings.email.password_file or null)
      && !(matches formats.credentialSource (settings.settings.email.password_file or null))
    )
  )
  (each "settings.http.listeners" (settings.settings.http.listeners or [ ]) (
    at: listener: earlier: [
      (refuse "${at}.tls.certificate_file"
        "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
        (
          matches formats.absolutePath (listener.tls.certificate_file or null)
          && !(matches formats.credentialSource (listener.tls.certificate_file or null))
        )
      )
      (refuse "${at}.tls.key_file"
        "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
        (
          matches formats.absolutePath (listener.tls.key_file or null)
          && !(matches formats.credentialSource (listener.tls.key_file or null))
        )
      )
      (refuse "${at}.tls.password_file"
        "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
        (
          matches formats.absolutePath (listener.tls.password_file or null)
          && !(matches formats.credentialSource (listener.tls.password_file or null))
        )
      )
    ]
  ))
  (each "settings.secrets.keys" (settings.settings.secrets.keys or [ ]) (
    at: key: earlier: [
      (refuse "${at}.key_file"
        "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
        (
          matches formats.absolutePath (key.key_file or null)
          && !(matches formats.credentialSource (key.key_file or null))
        )
      )
      (refuse "${at}.password_file"
        "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
        (
          matches formats.absolutePath (key.password_file or null)
          && !(matches formats.credentialSource (key.password_file or null))
        )
      )
    ]
  ))
  (each "settings.passwords.schemes" (settings.settings.passwords.schemes or [ ]) (
    at: scheme: earlier: [
      (refuse "${at}.secret_file"
        "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
        (
          matches formats.absolutePath (scheme.secret_file or null)
          && !(matches formats.credentialSource (scheme.secret_file or null))
        )
      )
    ]
  ))
  (each "settings.upstream_oauth2.providers" (settings.settings.upstream_oauth2.providers or [ ]) (
    at: provider: earlier: [
      (refuse "${at}.client_secret_file"
        "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
        (
          matches formats.absolutePath (provider.client_secret_file or null)
          && !(matches formats.credentialSource (provider.client_secret_file or null))
        )
      )
      (refuse "${at}.sign_in_with_apple.private_key_file"
        "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
        (
          matches formats.absolutePath (provider.sign_in_with_apple.private_key_file or null)
          && !(matches formats.credentialSource (provider.sign_in_with_apple.private_key_file or null))
        )
      )
    ]
  ))
  (each "settings.clients" (settings.settings.clients or [ ]) (
    at: client: earlier: [
      (refuse "${at}.client_secret_file"
        "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters. Use another path to it."
        (
          matches formats.absolutePath (client.client_secret_file or null)
          && !(matches formats.credentialSource (client.client_secret_file or null))
        )
      )
    ]
  ))
]
