# Written by `mas2nix compile` from src/schema/module.rs. Do not edit: change that instead.
{ lib, types, ... }: {
  postgresqlPort = lib.mkOption {
    type = lib.types.ints.u16;
    default = 5432;
    defaultText = lib.literalMD "`services.postgresql.settings.port` on NixOS, otherwise 5432";
    description = "The port of the PostgreSQL on this host, with which its socket is named, too.";
  };
  role = lib.mkOption {
    type = lib.types.enum [
      "both"
      "server"
      "worker"
    ];
    default = "both";
    description = ''
      What this host does: answer requests, work off the queue of jobs (mail,
      provisioning, cleaning up), or both. Any number of hosts can share one database,
      with a load balancer before those that answer; at least one of them has to work
      off the queue.

      - `"both"`: Answer requests, and work off the queue.
      - `"server"`: Only answer requests.
      - `"worker"`: Only work off the queue.
    '';
  };
  extraConfigFiles = lib.mkOption {
    type = types.list types.configFile;
    default = [ ];
    example = [ "/run/secrets/mas.yaml" ];
    description = ''
      Further configuration files, read after the generated one: for secrets that MAS
      cannot read from a file of their own. They are handed to the service as systemd
      credentials, unless they are credentials already or lie in the service's own
      directories.
    '';
  };
  allowInlineSecrets = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Whether secrets may stand in the settings themselves, where every user of this
      host and every copy of its system can read them. For tests.
    '';
  };
  checkConfig = lib.mkOption {
    type = lib.types.bool;
    default = true;
    description = ''
      Whether to let MAS itself check its configuration: when the system is built,
      unless `extraConfigFiles` names files that exist only on the host, and each time
      the service starts.
    '';
  };
  credentials = lib.mkOption {
    type = lib.types.attrsOf types.filePath;
    default = { };
    example = {
      oidc = "/run/secrets/oidc";
    };
    description = ''
      Files to hand to the service as systemd credentials, by name. Settings refer to
      one as `''${CREDENTIALS_DIRECTORY}/<name>`. The `*_file` options do not need this.
    '';
  };
  serviceDependencies = lib.mkOption {
    type = types.list types.unitName;
    default = [ ];
    example = [ "openldap.service" ];
    description = ''
      Units to start before MAS. Synapse is none of them: it is started after MAS, so
      its units are left out here where `synapse.enable` is true.
    '';
  };
  createDatabase = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Whether to make a role and a database named `matrix-authentication-service` in
      the PostgreSQL of this host. The service connects to it through the Unix socket
      as its own user, so there is no password.
    '';
  };
  databaseLocale = lib.mkOption {
    type = lib.types.nullOr types.name;
    default = null;
    defaultText = lib.literalMD "that of the PostgreSQL cluster";
    example = "C.UTF-8";
    description = "The locale of the database that `createDatabase` makes.";
  };
  secrets = {
    generate = lib.mkOption {
      type = lib.types.nullOr lib.types.bool;
      default = null;
      defaultText = lib.literalMD "whether `extraConfigFiles` is empty: such a file may bring secrets";
      description = ''
        Whether to make the secrets that the settings do not name, before MAS starts for
        the first time: the encryption key, signing keys, the secret shared with
        Synapse. What is there is never touched.
      '';
    };
    directory = lib.mkOption {
      type = types.filePath;
      default = "/var/lib/matrix-authentication-service-secrets";
      description = ''
        Where they are kept. Back this directory up: without it, MAS's database is of
        little use.
      '';
    };
  };
  listen = {
    public = lib.mkOption {
      type = types.listenAddress;
      default = "127.0.0.1:8080";
      example = "/run/matrix-authentication-service/public.sock";
      description = ''
        What the reverse proxy connects to: an IP address with a port, or the path of a
        Unix socket.
      '';
    };
    internal = lib.mkOption {
      type = types.socketAddress;
      default = "127.0.0.1:8081";
      description = ''
        What Synapse and monitoring connect to: health, metrics, the administrators'
        API, and the OAuth 2.0 endpoints. The public must not reach it.
      '';
    };
  };
  socketActivation = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = "Whether systemd holds the sockets, so that restarting MAS drops no connection.";
  };
  addresses = lib.mkOption {
    type = lib.types.nullOr (types.list types.addresses);
    default = null;
    defaultText = lib.literalMD "only this host, if nothing in the settings needs another one";
    example = [
      "localhost"
      "10.0.0.0/8"
    ];
    description = ''
      Addresses that MAS may exchange packets with. If clients that register
      themselves publish their keys at an address of their own, MAS has to reach that:
      `any` allows everything.
    '';
  };
  publicAdminApi = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Serving the administrators' API to the public too, for a web interface such as
      Element Admin. Without it, it is on the internal listener only.
    '';
  };
  metrics = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = "Metrics for Prometheus on the internal listener, under `/metrics`.";
  };
  localMailRelay = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Whether to send mail through the mail server of this host, port 25, without
      encryption or password.
    '';
  };
  policyPackage = lib.mkOption {
    type = lib.types.nullOr types.filePath;
    default = null;
    defaultText = lib.literalMD "what MAS's package brings";
    description = "A directory with another `policy.wasm` than MAS's own.";
  };
  templatesPackage = lib.mkOption {
    type = lib.types.nullOr types.filePath;
    default = null;
    defaultText = lib.literalMD "what MAS's package brings";
    description = ''
      A directory with `templates`, `translations`, `assets` and their
      `manifest.json`, in place of MAS's own.
    '';
  };
  synapse = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether Synapse lets MAS authenticate its users. With `services.matrix-synapse`
        on the same host this sets Synapse's part too, and refuses what conflicts with
        it.
      '';
    };
    version = lib.mkOption {
      type = lib.types.nullOr types.version;
      default = null;
      defaultText = lib.literalMD "that of `services.matrix-synapse`, if it is enabled";
      example = "1.157.1";
      description = "The version of Synapse.";
    };
    endpoint = lib.mkOption {
      type = types.url;
      default = "http://127.0.0.1:8081/";
      description = "Where Synapse reaches MAS.";
    };
    secretPath = lib.mkOption {
      type = lib.types.nullOr types.filePath;
      default = null;
      defaultText = lib.literalMD "the one that is made here, or `matrix.secret_file` of the settings";
      example = "/run/secrets/synapse-mas";
      description = ''
        The file from which Synapse reads the secret that it shares with MAS.
        `synapse.group` has to be able to read it.
      '';
    };
    group = lib.mkOption {
      type = types.name;
      default = "matrix-synapse";
      description = ''
        The group that Synapse and its workers run as on this host, which may read the
        shared secret.
      '';
    };
    units = lib.mkOption {
      type = types.list types.unitName;
      default = [ "matrix-synapse.service" ];
      description = ''
        Synapse's units on this host, workers included. They are started after MAS.
        Empty if Synapse runs on another host.
      '';
    };
    database = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      defaultText = lib.literalMD "`database.args.database` of `services.matrix-synapse.settings`, if that is enabled";
      description = ''
        The name of Synapse's database, if it is in the same PostgreSQL as MAS's: it
        must be another one.
      '';
    };
    forceHttp2 = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether to speak HTTP/2 to MAS from the first byte on. Needs Synapse 1.151.0 or
        newer.
      '';
    };
  };
  migration = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether Synapse and the reverse proxy are switched to MAS by `syn2mas` at run
        time, not by this configuration. Synapse's own settings stay as they are; MAS
        does not start before the cutover, and no users are created. Afterwards, move
        what the settings say about passwords, identity providers and registration out
        of Synapse's, set this to false, and `migration.passwords` to true.
      '';
    };
    passwords = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether users have passwords that Synapse has hashed. Then MAS's default for
        `passwords.schemes` knows them, and hashes new passwords in its own way. It does
        so while `migration.enable` is true, too.
      '';
    };
    assumeMoved = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether the homeserver is known to be moved to MAS although MAS's database does
        not say so: because it was moved with `mas-cli syn2mas migrate` and not with
        `syn2mas`, or because its database is now on another server of PostgreSQL.
        Without this, a configuration in which MAS authenticates users is refused as
        long as Synapse has their sessions and there is no proof that MAS has them too.
        With it, only an empty MAS is refused.
      '';
    };
    pepperFile = lib.mkOption {
      type = lib.types.nullOr types.filePath;
      default = null;
      example = "/run/secrets/synapse-pepper";
      description = "A file with Synapse's `password_config.pepper`, if it has one.";
    };
    directory = lib.mkOption {
      type = types.filePath;
      default = "/var/lib/syn2mas";
      description = "Where `syn2mas` keeps its journal, its backups, and the files that it switches.";
    };
    synapseConfig = lib.mkOption {
      type = types.list types.filePath;
      default = [ "/etc/matrix-synapse/homeserver.yaml" ];
      defaultText = lib.literalMD "those of `services.matrix-synapse`, if it is enabled";
      description = "Synapse's configuration files, in the order in which it reads them.";
    };
    synapseUser = lib.mkOption {
      type = types.name;
      default = "matrix-synapse";
      description = "The user of this host as whom Synapse reaches its database.";
    };
    grant = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = ''
        Whether MAS's role is lent Synapse's while the import runs. Needed where
        PostgreSQL knows both by the users of this host, and not if Synapse's database
        takes a password.
      '';
    };
    superuser = lib.mkOption {
      type = types.name;
      default = "postgres";
      description = "The user of this host who is a superuser of the PostgreSQL with both databases.";
    };
  };
  routes = {
    nginx = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether to set up nginx on this host.";
    };
    caddy = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether to set up Caddy on this host.";
    };
    host = lib.mkOption {
      type = lib.types.nullOr types.domainName;
      default = null;
      example = "auth.example.com";
      description = ''
        The public name of MAS. It may be the same as `matrixHost`, with a `path` of its
        own.
      '';
    };
    path = lib.mkOption {
      type = types.urlPath;
      default = "/";
      example = "/auth/";
      description = "The path under which MAS is reached on `host`.";
    };
    matrixHost = lib.mkOption {
      type = lib.types.nullOr types.domainName;
      default = null;
      example = "matrix.example.com";
      description = "The public name of Synapse.";
    };
    synapse = lib.mkOption {
      type = types.upstream;
      default = "http://127.0.0.1:8008";
      description = "Where the proxy reaches Synapse.";
    };
    wellKnown = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = ''
        Whether to serve `/.well-known/matrix/client` and `/.well-known/matrix/server`
        on the name of the homeserver, by which clients and other servers find it.
      '';
    };
    wellKnownHeaders = lib.mkOption {
      type = lib.types.attrsOf types.headerValue;
      default = { };
      example = {
        X-Content-Type-Options = "nosniff";
      };
      description = ''
        Response headers to add to these two documents, by name. nginx drops the headers
        that a server or `http` block sets wherever a location sets one of its own, as
        these two do: repeat such headers here.
      '';
    };
    internal = lib.mkOption {
      type = lib.types.nullOr types.listenAddress;
      default = null;
      example = "127.0.0.1:8480";
      description = ''
        An address of this host at which programs on the same host, such as bridges,
        reach Synapse and MAS in the way that the public does.
      '';
    };
  };
  doctor = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = ''
        Whether to run `mas-cli doctor` regularly. The unit fails if it finds an error,
        and never shows a secret.
      '';
    };
    schedule = lib.mkOption {
      type = types.calendarEvent;
      default = "daily";
      example = "Mon 04:00";
      description = "When to run it, as a calendar event of systemd.";
    };
  };
  users = lib.mkOption {
    type = lib.types.attrsOf (
      types.section {
        passwordFile = lib.mkOption {
          type = types.unsetOr types.filePath;
          description = ''
            File with the password. Without one, the user logs in through an identity
            provider, or gets a password by `mas-cli manage set-password`.
          '';
          example = "/run/secrets/alice";
        };
        admin = lib.mkOption {
          type = lib.types.bool;
          description = "Whether the user may use administrators' tools.";
          defaultText = lib.literalExpression "false";
        };
        email = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = "Address of the user, taken as verified.";
          example = "alice@example.com";
        };
        displayName = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = "The name shown to others.";
          example = "Alice";
        };
      }
    );
    default = { };
    example = {
      alice = {
        passwordFile = "/run/secrets/alice";
        admin = true;
      };
    };
    description = ''
      Users to create once MAS runs, by localpart. A user that exists already, or
      existed once, is left alone. Nobody is created while `migration.enable` is true.
    '';
  };
  admins = lib.mkOption {
    type = types.list types.name;
    default = [ ];
    example = [ "alice" ];
    description = ''
      Localparts of existing users who may use administrators' tools. They are given
      that right once.
    '';
  };
}
