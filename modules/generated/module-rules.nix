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
    refuse
    matches
    formats
    ;
in
lib.concatLists [
  (refuse "settings.matrix.homeserver"
    "MAS would take its users for those of localhost:8008. Give the name of the homeserver, `server_name` in Synapse's configuration."
    (complete && !(settings ? settings.matrix.homeserver))
  )
  (refuse "settings.database"
    "this is Synapse's database, and both have a table named `users`. Give MAS a database of its own, for instance with `createDatabase`."
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
        || matches formats.filePath (settings.settings.database.host or null)
        || matches formats.localDatabaseUri (settings.settings.database.uri or null)
      )
    )
  )
  (refuse "synapse.enable"
    "Synapse cannot delegate to a MAS before 1.0.0. Take a newer MAS in `package`."
    (settings.synapse.enable && older "1.0.0")
  )
  (refuse "synapse.secretPath"
    "Synapse has nowhere to read the shared secret from: it cannot read MAS's credentials, and no file is named. Name a file with it, which Synapse's group can read."
    (
      settings.synapse.enable
      && settings.synapse.secretPath == null
      && !settings.computed.generate.synapse
      && settings.computed.sharedSecretFile == null
    )
  )
  (refuse "migration.enable"
    "the cutover makes Synapse let MAS authenticate its users, and nothing says how. Set `synapse.enable` to true."
    (settings.migration.enable && !settings.synapse.enable)
  )
  (refuse "synapse.units"
    "Synapse has to be stopped and started on this host. Name its units, workers too."
    (settings.migration.enable && settings.synapse.units == [ ])
  )
  (refuse "synapse.version"
    "Synapse before 1.136.0 does not know `matrix_authentication_service`. Take a newer Synapse."
    (
      settings.synapse.enable
      && (settings.synapse.version != null && lib.versionOlder settings.synapse.version "1.136.0")
    )
  )
  (refuse "synapse.forceHttp2"
    "Synapse before 1.151.0 does not know `force_http2`. Take a newer Synapse, or remove the option."
    (
      settings.synapse.forceHttp2
      && (settings.synapse.version != null && lib.versionOlder settings.synapse.version "1.151.0")
    )
  )
  (refuse "routes.host"
    "the proxy needs to know the public name of MAS. Give it, for instance \"auth.example.com\"."
    ((settings.routes.nginx || settings.routes.caddy) && settings.routes.host == null)
  )
  (refuse "routes.matrixHost"
    "the proxy needs to know the public name of Synapse. Give it, for instance \"matrix.example.com\"."
    ((settings.routes.nginx || settings.routes.caddy) && settings.routes.matrixHost == null)
  )
  (refuse "routes.path"
    "MAS and Synapse have the same public name, so MAS needs a path of its own. Give one, for instance \"/auth/\"."
    (
      settings.routes.host != null
      && settings.routes.host == settings.routes.matrixHost
      && settings.routes.path == "/"
    )
  )
  (refuse "settings.matrix.homeserver"
    "the proxy serves documents on the name of the homeserver, and a file that only MAS reads may bring it. Give it here too, or set `routes.wellKnown` to false."
    (
      (settings.routes.nginx || settings.routes.caddy)
      && settings.routes.wellKnown
      && settings.settingsElsewhere
      && !(settings ? settings.matrix.homeserver)
    )
  )
  (refuse "routes.wellKnown"
    "the name of the homeserver has a port or is an address, so other servers do not look there. Set the option to false, and serve what clients need by yourself."
    (
      (settings.routes.nginx || settings.routes.caddy)
      && settings.routes.wellKnown
      && settings ? settings.matrix.homeserver
      && !(matches formats.domainName (settings.settings.matrix.homeserver or null))
    )
  )
  (refuse "listen.public"
    "systemd removes this directory whenever MAS stops, and the socket with it. Put it elsewhere below /run, for instance at /run/mas.sock."
    (matches formats.runtimeFile settings.listen.public)
  )
  (refuse "settings.http.listeners"
    "systemd holds the sockets of `listen`, but none of these listeners takes them. Use `fd = 0` for `listen.public` and `fd = 1` for `listen.internal`, or set `socketActivation` to false."
    (
      (settings.socketActivation || matches formats.filePath settings.listen.public)
      && settings.role != "worker"
      && !(builtins.any (entry: builtins.any (entry: entry ? fd || entry ? kind) (entry.binds or [ ])) (
        settings.settings.http.listeners or [ ]
      ))
    )
  )
  (refuse "settings.passwords.enabled"
    "`users` gives passwords, with which nobody could log in. Enable passwords, or remove `passwordFile` from the users."
    (
      (settings.settings.passwords.enabled or null) == false
      && builtins.any (entry: true) (settings.computed.userCredentials or [ ])
    )
  )
  (refuse "package"
    "the wrapper `mas-cli` goes to /usr/local/bin, where this is MAS's own. Install MAS elsewhere, for instance below /opt/mas."
    (settings.package == "/usr/local")
  )
]
