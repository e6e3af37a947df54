# Written by `mas2nix compile` from src/schema/module.rs. Do not edit: change that instead.
{ lib, types, ... }: {
  postgresqlPort = lib.mkOption {
    type = lib.types.ints.u16;
    default = 5432;
    defaultText = lib.literalMD "`services.postgresql.settings.port` on NixOS, otherwise 5432";
    description = ''
      Port of the PostgreSQL server on this host. The name of its Unix socket contains
      it too.
    '';
  };
  role = lib.mkOption {
    type = lib.types.enum [
      "both"
      "server"
      "worker"
    ];
    default = "both";
    description = ''
      What this host does: answer requests, process the job queue (mail, provisioning,
      cleanup), or both. Any number of hosts can share one database, with a load
      balancer in front of those that answer requests. At least one host must process
      the queue.

      - `"both"`: Answer requests and process the queue.
      - `"server"`: Only answer requests.
      - `"worker"`: Only process the queue.
    '';
  };
  extraConfigFiles = lib.mkOption {
    type = types.list types.configFile;
    default = [ ];
    example = [ "/run/secrets/mas.yaml" ];
    description = ''
      Additional configuration files, read after the generated one. Use them for
      secrets that MAS cannot read from separate files. The service receives them as
      systemd credentials, unless they already are credentials or are in the service's
      own directories.
    '';
  };
  allowInlineSecrets = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Whether to allow secrets in the settings themselves, where they are readable by
      every user of this host and in every copy of its system. Only for tests.
    '';
  };
  checkConfig = lib.mkOption {
    type = lib.types.bool;
    default = true;
    description = ''
      Whether MAS checks its own configuration: each time the service starts, and when
      the system is built, unless `extraConfigFiles` names files that exist only on
      the host.
    '';
  };
  credentials = lib.mkOption {
    type = types.named types.credentialName (lib.types.attrsOf types.filePath);
    default = { };
    example = {
      oidc = "/run/secrets/oidc";
    };
    description = ''
      Files to pass to the service as systemd credentials, by name. Settings can refer
      to them as `''${CREDENTIALS_DIRECTORY}/<name>`. The `*_file` options do not need
      this.
    '';
  };
  serviceDependencies = lib.mkOption {
    type = types.list types.unitName;
    default = [ ];
    example = [ "openldap.service" ];
    description = ''
      Units to start before MAS. If `synapse.enable` is true, Synapse's units are
      ignored here, because they start after MAS.
    '';
  };
  createDatabase = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Whether to create a role and a database named `matrix-authentication-service` in
      the PostgreSQL server on this host. The service connects through the Unix socket
      as its own user, without a password.
    '';
  };
  databaseLocale = lib.mkOption {
    type = lib.types.nullOr types.name;
    default = null;
    defaultText = lib.literalMD "that of the PostgreSQL cluster";
    example = "C.UTF-8";
    description = "Locale of the database that `createDatabase` creates.";
  };
  secrets = {
    generate = lib.mkOption {
      type = lib.types.nullOr lib.types.bool;
      default = null;
      defaultText = lib.literalMD "true if `extraConfigFiles` is empty, otherwise false, because such a file may contain secrets";
      description = ''
        Whether to generate the secrets that the settings do not name, before MAS starts
        for the first time: the encryption key, the signing keys, and the secret shared
        with Synapse. Existing secrets are never changed.
      '';
    };
    directory = lib.mkOption {
      type = types.filePath;
      default = "/var/lib/matrix-authentication-service-secrets";
      description = ''
        Directory for the generated secrets. Back it up: without it, MAS's database is
        of little use.
      '';
    };
  };
  listen = {
    public = lib.mkOption {
      type = types.listenAddress;
      default = "127.0.0.1:8080";
      example = "/run/matrix-authentication-service/public.sock";
      description = ''
        Address that the reverse proxy connects to: an IP address with a port, or the
        path of a Unix socket.
      '';
    };
    internal = lib.mkOption {
      type = types.serverAddress;
      default = "127.0.0.1:8081";
      description = ''
        Address that Synapse and monitoring connect to. It serves health checks,
        metrics, the admin API and the OAuth 2.0 endpoints. It must not be reachable by
        the public.
      '';
    };
  };
  socketActivation = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Whether systemd holds the listening sockets, so that no connection is dropped
      when MAS restarts.
    '';
  };
  addresses = lib.mkOption {
    type = lib.types.nullOr (types.list types.addresses);
    default = null;
    defaultText = lib.literalMD "this host only, unless the settings require others";
    example = [
      "localhost"
      "10.0.0.0/8"
    ];
    description = ''
      Addresses that MAS may exchange packets with. Clients that register themselves
      may publish their keys at an address of their own. MAS must be able to reach it:
      `any` allows all addresses.
    '';
  };
  publicAdminApi = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Whether to serve the admin API on the public listener too, for a web interface
      such as Element Admin. Otherwise, only the internal listener serves it.
    '';
  };
  metrics = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Whether to serve metrics for Prometheus on the internal listener, under
      `/metrics`.
    '';
  };
  localMailRelay = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Whether to send mail through the mail server on this host, on port 25, without
      encryption or a password.
    '';
  };
  policyPackage = lib.mkOption {
    type = lib.types.nullOr types.filePath;
    default = null;
    defaultText = lib.literalMD "provided by MAS's package";
    description = "Directory that contains a `policy.wasm` to use instead of MAS's own.";
  };
  templatesPackage = lib.mkOption {
    type = lib.types.nullOr types.filePath;
    default = null;
    defaultText = lib.literalMD "provided by MAS's package";
    description = ''
      Directory that contains `templates`, `translations`, `assets` and their
      `manifest.json`, to use instead of MAS's own.
    '';
  };
  synapse = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether Synapse delegates authentication to MAS. If `services.matrix-synapse` is
        enabled on the same host, this configures Synapse too, and rejects settings of
        Synapse that conflict with delegation.
      '';
    };
    version = lib.mkOption {
      type = lib.types.nullOr types.version;
      default = null;
      defaultText = lib.literalMD "that of `services.matrix-synapse`, if it is enabled";
      example = "1.157.1";
      description = "Version of Synapse.";
    };
    endpoint = lib.mkOption {
      type = types.url;
      default = "http://127.0.0.1:8081/";
      description = "URL at which Synapse reaches MAS.";
    };
    secretPath = lib.mkOption {
      type = lib.types.nullOr types.filePath;
      default = null;
      defaultText = lib.literalMD "the generated one, or `matrix.secret_file` of the settings";
      example = "/run/secrets/synapse-mas";
      description = ''
        File from which Synapse reads the secret that it shares with MAS.
        `synapse.group` must be able to read it.
      '';
    };
    group = lib.mkOption {
      type = types.name;
      default = "matrix-synapse";
      description = ''
        Group that Synapse and its workers run as on this host. It may read the shared
        secret.
      '';
    };
    units = lib.mkOption {
      type = types.list types.unitName;
      default = [ "matrix-synapse.service" ];
      description = ''
        Units of Synapse on this host, including workers. They start after MAS. Use an
        empty list if Synapse runs on another host.
      '';
    };
    database = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      defaultText = lib.literalMD "`database.args.database` of `services.matrix-synapse.settings`, if that is enabled";
      description = ''
        Name of Synapse's database, if it is on the same PostgreSQL server as MAS's. MAS
        must use a different one.
      '';
    };
    forceHttp2 = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether Synapse speaks HTTP/2 to MAS from the first byte, without negotiating
        it. Needs Synapse 1.151.0 or newer.
      '';
    };
    qrLogin = lib.mkOption {
      type = lib.types.bool;
      default = false;
      defaultText = lib.literalMD "true if `services.matrix-synapse` on the same host delegates to MAS, otherwise false";
      description = ''
        Whether people can log in a new device with a QR code that a device of theirs
        shows or scans. This sets `experimental_features` of Synapse: `msc4108_enabled`,
        and `msc4388_mode`, which Synapse before 1.149.0 ignores. Needs Synapse 1.137.0
        or newer with a `public_baseurl`. Synapse offers it once it delegates to MAS,
        not before.
      '';
    };
    rtcTransports = lib.mkOption {
      type = types.list (lib.types.attrsOf types.json);
      default = [ ];
      defaultText = lib.literalMD "`org.matrix.msc4143.rtc_foci` of `routes.wellKnownClient`, if `services.livekit` or `services.lk-jwt-service` is enabled on the same host";
      example = [
        {
          type = "livekit";
          livekit_service_url = "https://rtc.example.com/livekit/jwt";
        }
      ];
      description = ''
        Transports for calls that Synapse announces to clients such as Element Call, in
        addition to the well-known document. This sets `matrix_rtc.transports` and
        `experimental_features` of Synapse. Needs Synapse 1.140.0 or newer.
      '';
    };
    experimentalFeatures = lib.mkOption {
      type = lib.types.attrsOf types.json;
      default = { };
      defaultText = lib.literalMD "`experimental_features` of `services.matrix-synapse.settings`, if that is enabled";
      example = {
        msc4222_enabled = true;
      };
      description = ''
        Other `experimental_features` of Synapse. Synapse takes this section from the
        last of its files that has it. If that is the file with which it delegates to
        MAS, because of `qrLogin` or `rtcTransports`, the features of the other files
        must be repeated here.
      '';
    };
  };
  migration = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether `syn2mas` switches Synapse and the reverse proxy to MAS at run time,
        instead of this configuration. Synapse keeps its own settings. MAS does not
        start before the cutover, and no users are created. After the migration, remove
        the settings for passwords, identity providers and registration from Synapse's
        configuration, set this option to false, and set `migration.passwords` to true.
      '';
    };
    passwords = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether users have passwords that Synapse hashed. The default of
        `passwords.schemes` then accepts these passwords, and hashes new ones with MAS's
        own scheme. It also does so while `migration.enable` is true.
      '';
    };
    assumeMoved = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether the homeserver is known to be moved to MAS although MAS's database does
        not say so, because it was moved with `mas-cli syn2mas migrate` and not with
        `syn2mas`, or because its database is now on another PostgreSQL server. Without
        this, a configuration in which MAS authenticates users is rejected as long as
        Synapse has their sessions and nothing proves that MAS has them too. With it,
        only an empty MAS is rejected.
      '';
    };
    pepperFile = lib.mkOption {
      type = lib.types.nullOr types.filePath;
      default = null;
      example = "/run/secrets/synapse-pepper";
      description = "File that contains Synapse's `password_config.pepper`, if it has one.";
    };
    directory = lib.mkOption {
      type = types.filePath;
      default = "/var/lib/syn2mas";
      description = ''
        Directory for the journal and the backups of `syn2mas`, and for the files that
        it switches.
      '';
    };
    synapseConfig = lib.mkOption {
      type = types.list types.filePath;
      default = [ "/etc/matrix-synapse/homeserver.yaml" ];
      defaultText = lib.literalMD "those of `services.matrix-synapse`, if it is enabled";
      description = "Synapse's configuration files, in the order in which Synapse reads them.";
    };
    synapseUser = lib.mkOption {
      type = types.name;
      default = "matrix-synapse";
      description = "User of this host as which Synapse connects to its database.";
    };
    grant = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = ''
        Whether to grant Synapse's role to MAS's role during the import. Needed if
        PostgreSQL identifies both roles by users of this host, and not needed if
        Synapse's database requires a password.
      '';
    };
    superuser = lib.mkOption {
      type = types.name;
      default = "postgres";
      description = ''
        User of this host who is a superuser of the PostgreSQL server with both
        databases.
      '';
    };
  };
  routes = {
    nginx = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether to configure nginx on this host.";
    };
    caddy = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether to configure Caddy on this host.";
    };
    host = lib.mkOption {
      type = lib.types.nullOr types.domainName;
      default = null;
      example = "auth.example.com";
      description = ''
        Public host name of MAS. It may be the same as `matrixHost`, if MAS has a `path`
        of its own.
      '';
    };
    path = lib.mkOption {
      type = types.urlPath;
      default = "/";
      example = "/auth/";
      description = "Path under which MAS is served on `host`.";
    };
    matrixHost = lib.mkOption {
      type = lib.types.nullOr types.domainName;
      default = null;
      example = "matrix.example.com";
      description = "Public host name of Synapse.";
    };
    synapse = lib.mkOption {
      type = types.upstream;
      default = "http://127.0.0.1:8008";
      description = "Address at which the proxy reaches Synapse.";
    };
    wellKnown = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = ''
        Whether to serve `/.well-known/matrix/client` and `/.well-known/matrix/server`
        on the name of the homeserver. Clients and other servers use these documents to
        find it.
      '';
    };
    wellKnownHeaders = lib.mkOption {
      type = types.named types.headerName (lib.types.attrsOf types.headerValue);
      default = { };
      example = {
        X-Content-Type-Options = "nosniff";
      };
      description = ''
        Response headers to add to the well-known documents, by name. In nginx, a
        location that sets a header of its own, as those of the documents do, drops all
        headers set by a `server` or `http` block. Repeat such headers here.
      '';
    };
    wellKnownClient = lib.mkOption {
      type = lib.types.attrsOf types.json;
      default = { };
      example = {
        "org.matrix.msc4143.rtc_foci" = [
          {
            type = "livekit";
            livekit_service_url = "https://rtc.example.com/livekit/jwt";
          }
        ];
      };
      description = ''
        Additional content of `/.well-known/matrix/client`, such as where clients find
        the servers for calls.
      '';
    };
    synapseAdmin = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether the proxy serves Synapse's admin API, `/_synapse/admin/`, for a web
        interface such as Ketesa or Element Admin. It requires the access token of an
        administrator. Otherwise, it is reachable only on this host.
      '';
    };
    internal = lib.mkOption {
      type = lib.types.nullOr types.listenAddress;
      default = null;
      example = "127.0.0.1:8480";
      description = ''
        Address on this host at which local programs, such as bridges, reach Synapse and
        MAS in the same way as the public.
      '';
    };
  };
  doctor = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = ''
        Whether to run `mas-cli doctor` regularly. The unit fails if the doctor finds an
        error. It never shows a secret.
      '';
    };
    schedule = lib.mkOption {
      type = types.calendarEvent;
      default = "daily";
      example = "Mon 04:00";
      description = ''
        When to run the doctor, as a systemd calendar event. `systemd-analyze calendar`
        shows when that is, and refuses what is none.
      '';
    };
  };
  users = lib.mkOption {
    type = types.named types.localpart (
      lib.types.attrsOf (
        types.section {
          passwordFile = lib.mkOption {
            type = types.unsetOr types.filePath;
            description = ''
              File that contains the password. Without one, the user logs in through an
              identity provider, or is given a password with `mas-cli manage set-password`.
            '';
            example = "/run/secrets/alice";
          };
          admin = lib.mkOption {
            type = lib.types.bool;
            description = "Whether the user may use admin tools.";
            defaultText = lib.literalExpression "false";
          };
          email = lib.mkOption {
            type = types.unsetOr lib.types.str;
            description = "Email address of the user. It is considered verified.";
            example = "alice@example.com";
          };
          displayName = lib.mkOption {
            type = types.unsetOr lib.types.str;
            description = "Display name of the user.";
            example = "Alice";
          };
        }
      )
    );
    default = { };
    example = {
      alice = {
        passwordFile = "/run/secrets/alice";
        admin = true;
      };
    };
    description = ''
      Users to create once MAS is running, by localpart. A user that exists or has
      ever existed is not changed. No users are created while `migration.enable` is
      true.
    '';
  };
  admins = lib.mkOption {
    type = types.list types.name;
    default = [ ];
    example = [ "alice" ];
    description = ''
      Localparts of existing users who may use admin tools. Each user is granted this
      right only once.
    '';
  };
}
