# nixpkgs nixos/modules/services/matrix/synapse.nix
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkEnableOption mkOption types;
  json = import ./json.nix { inherit lib; };
  cfg = config.services.matrix-synapse;
  hasWorkers = cfg.workers != { };
  isPostgresql = cfg.settings.database.name == "psycopg2";

  # Settings that are null are left out, those in lists as well.
  withoutNulls =
    value:
    if lib.isAttrs value then
      lib.mapAttrs (_: withoutNulls) (lib.filterAttrs (_: item: item != null) value)
    else if lib.isList value then
      map withoutNulls (lib.filter (item: item != null) value)
    else
      value;
  write = name: value: pkgs.writeText name (builtins.toJSON value);

  log = {
    version = 1;
    formatters.journal_fmt.format = "%(name)s: [%(request)s] %(message)s";
    handlers.journal = {
      class = "systemd.journal.JournalHandler";
      formatter = "journal_fmt";
    };
    root = {
      level = "INFO";
      handlers = [ "journal" ];
    };
    disable_existing_loggers = false;
  };
  logConfig =
    name:
    write "synapse-log-${name}.yaml" (
      lib.recursiveUpdate cfg.log (
        lib.optionalAttrs (cfg.log ? handlers.journal) {
          handlers.journal.SYSLOG_IDENTIFIER = name;
        }
      )
    );

  switch =
    default:
    mkOption {
      type = types.bool;
      inherit default;
    };
  optionalText = mkOption {
    type = types.nullOr types.str;
    default = null;
  };
  text =
    default:
    mkOption {
      type = types.str;
      inherit default;
    };

  octal = lib.foldl (sum: digit: sum * 8 + lib.toInt digit) 0;
  listenerOf =
    isWorker:
    types.submodule (
      { config, ... }:
      {
        options = {
          mode = mkOption {
            type = types.nullOr (types.strMatching "^[0,2-7]{3,4}$");
            default = if config.path != null then "660" else null;
            apply = mode: if mode == null then null else octal (lib.stringToCharacters mode);
          };
          port = mkOption {
            type = types.nullOr types.port;
            default = null;
          };
          bind_addresses = mkOption {
            type = types.nullOr (types.listOf types.str);
            default =
              if config.path != null then
                null
              else
                [
                  "::1"
                  "127.0.0.1"
                ];
          };
          path = mkOption {
            type = types.nullOr types.path;
            default = null;
          };
          type = mkOption {
            type = types.enum [
              "http"
              "manhole"
              "metrics"
              "replication"
            ];
            default = "http";
          };
          tls = mkOption {
            type = types.nullOr types.bool;
            default = if config.path != null then null else !isWorker;
          };
          x_forwarded = mkOption {
            type = types.bool;
            default = config.path != null;
          };
          resources = mkOption {
            type = types.listOf (
              types.submodule {
                options = {
                  names = mkOption {
                    type = types.listOf (
                      types.enum [
                        "client"
                        "consent"
                        "federation"
                        "health"
                        "keys"
                        "media"
                        "metrics"
                        "openid"
                        "replication"
                        "static"
                      ]
                    );
                  };
                  compress = mkOption {
                    type = types.bool;
                    default = false;
                  };
                };
              }
            );
          };
        };
      }
    );
in
{
  options.services.matrix-synapse = {
    enable = mkEnableOption "Synapse";
    # Set below, and only where Synapse is enabled.
    package = mkOption {
      type = types.package;
      readOnly = true;
    };
    configFile = mkOption {
      type = types.path;
      readOnly = true;
    };
    serviceUnit = mkOption {
      type = types.str;
      readOnly = true;
    };
    dataDir = mkOption {
      type = types.str;
      default = "/var/lib/matrix-synapse";
    };
    extraConfigFiles = mkOption {
      type = types.listOf types.path;
      default = [ ];
    };
    extras = mkOption {
      type = types.listOf types.str;
      default = [ ];
    };
    plugins = mkOption {
      type = types.listOf types.package;
      default = [ ];
    };
    configureRedisLocally = mkOption {
      type = types.bool;
      default = false;
    };
    log = mkOption { type = types.attrsOf json; };
    settings = mkOption {
      default = { };
      type = types.submodule {
        freeformType = json;
        options = {
          server_name = mkOption {
            type = types.str;
            default = config.networking.hostName;
          };
          enable_metrics = switch false;
          enable_registration = switch false;
          dynamic_thumbnails = switch false;
          presence.enabled = switch true;
          report_stats = switch false;
          registration_shared_secret = optionalText;
          macaroon_secret_key = optionalText;
          public_baseurl = optionalText;
          tls_certificate_path = optionalText;
          tls_private_key_path = optionalText;
          max_image_pixels = text "32M";
          max_upload_size = text "50M";
          turn_shared_secret = text "";
          turn_uris = mkOption {
            type = types.listOf types.str;
            default = [ ];
          };
          app_service_config_files = mkOption {
            type = types.listOf types.path;
            default = [ ];
          };
          redis = mkOption {
            type = types.submodule {
              freeformType = json;
              options.enabled = switch false;
            };
            default = { };
          };
          pid_file = mkOption {
            type = types.path;
            readOnly = true;
            default = "/run/matrix-synapse.pid";
          };
          log_config = mkOption {
            type = types.path;
            default = logConfig "synapse";
          };
          signing_key_path = mkOption {
            type = types.path;
            default = "${cfg.dataDir}/homeserver.signing.key";
          };
          media_store_path = mkOption {
            type = types.path;
            default = "${cfg.dataDir}/media_store";
          };
          listeners = mkOption {
            type = types.listOf (listenerOf false);
            default = [
              {
                port = 8008;
                bind_addresses = [ "127.0.0.1" ];
                type = "http";
                tls = false;
                x_forwarded = true;
                resources = [
                  {
                    names = [ "client" ];
                    compress = true;
                  }
                  {
                    names = [ "federation" ];
                    compress = false;
                  }
                ];
              }
            ]
            ++ lib.optional hasWorkers {
              path = "/run/matrix-synapse/main_replication.sock";
              type = "http";
              resources = [
                {
                  names = [ "replication" ];
                  compress = false;
                }
              ];
            };
          };
          database = {
            name = mkOption {
              type = types.enum [
                "sqlite3"
                "psycopg2"
              ];
              default = "psycopg2";
            };
            args = {
              database = text (if isPostgresql then "matrix-synapse" else "${cfg.dataDir}/homeserver.db");
              user = mkOption {
                type = types.nullOr types.str;
                default = if isPostgresql then "matrix-synapse" else null;
              };
            };
          };
          trusted_key_servers = mkOption {
            type = types.listOf (
              types.submodule {
                freeformType = json;
                options.server_name = mkOption { type = types.str; };
              }
            );
            default = [
              {
                server_name = "matrix.org";
                # Public, and the same on every NixOS.
                verify_keys."ed25519:auto" = "Noi6WqcDj0QmPxCNQqgezwTlBKrfqehY1u2FyWP9uYw";
              }
            ];
          };
        };
      };
    };
    workers = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            freeformType = json;
            options = {
              worker_app = mkOption {
                type = types.enum [
                  "synapse.app.generic_worker"
                  "synapse.app.media_repository"
                ];
                default = "synapse.app.generic_worker";
              };
              worker_listeners = mkOption {
                type = types.listOf (listenerOf true);
                default = [ ];
              };
              worker_log_config = mkOption {
                type = types.path;
                default = logConfig "synapse-${name}";
              };
            };
          }
        )
      );
    };
  };

  config.users = lib.mkIf cfg.enable {
    users.matrix-synapse = {
      group = "matrix-synapse";
      home = cfg.dataDir;
      createHome = true;
    };
    groups.matrix-synapse = { };
  };

  config.services.matrix-synapse = lib.mkIf cfg.enable {
    package = pkgs.matrix-synapse;
    configFile = write "homeserver.yaml" (withoutNulls cfg.settings);
    serviceUnit = if hasWorkers then "matrix-synapse.target" else "matrix-synapse.service";
    log = lib.mapAttrsRecursive (_: lib.mkDefault) log;
    settings = {
      redis = lib.mkIf cfg.configureRedisLocally {
        enabled = true;
        path = config.services.redis.servers.matrix-synapse.unixSocket;
      };
      instance_map.main = lib.mkIf hasWorkers (
        lib.mkDefault { path = "/run/matrix-synapse/main_replication.sock"; }
      );
    };
  };
}
