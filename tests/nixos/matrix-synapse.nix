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

  listener = types.submodule (
    { config, ... }:
    {
      options = {
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
          default = if config.path != null then null else true;
        };
        x_forwarded = mkOption {
          type = types.bool;
          default = config.path != null;
        };
        resources = mkOption {
          default = [ ];
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
    package = mkOption {
      type = types.package;
      readOnly = true;
      default = pkgs.matrix-synapse;
    };
    configFile = mkOption {
      type = types.path;
      readOnly = true;
      # Values that are null are left out, as nixpkgs does.
      default = pkgs.writeText "homeserver.yaml" (
        builtins.toJSON (lib.filterAttrsRecursive (_: value: value != null) cfg.settings)
      );
    };
    dataDir = mkOption {
      type = types.str;
      default = "/var/lib/matrix-synapse";
    };
    extraConfigFiles = mkOption {
      type = types.listOf types.path;
      default = [ ];
    };
    configureRedisLocally = mkOption {
      type = types.bool;
      default = false;
    };
    log = mkOption {
      type = types.attrsOf json;
      default = { };
    };
    settings = mkOption {
      default = { };
      type = types.submodule {
        freeformType = json;
        options = {
          server_name = mkOption {
            type = types.str;
            default = config.networking.hostName;
          };
          enable_registration = mkOption {
            type = types.bool;
            default = false;
          };
          registration_shared_secret = mkOption {
            type = types.nullOr types.str;
            default = null;
          };
          macaroon_secret_key = mkOption {
            type = types.nullOr types.str;
            default = null;
          };
          report_stats = mkOption {
            type = types.bool;
            default = false;
          };
          signing_key_path = mkOption {
            type = types.path;
            default = "${cfg.dataDir}/homeserver.signing.key";
          };
          media_store_path = mkOption {
            type = types.path;
            default = "${cfg.dataDir}/media_store";
          };
          public_baseurl = mkOption {
            type = types.nullOr types.str;
            default = null;
          };
          listeners = mkOption {
            type = types.listOf listener;
            default = [
              {
                port = 8008;
                bind_addresses = [ "127.0.0.1" ];
                tls = false;
                x_forwarded = true;
                resources = [
                  {
                    names = [ "client" ];
                    compress = true;
                  }
                  { names = [ "federation" ]; }
                ];
              }
            ]
            ++ lib.optional (cfg.workers != { }) {
              path = "/run/matrix-synapse/main_replication.sock";
              resources = [ { names = [ "replication" ]; } ];
            };
          };
          database = {
            name = mkOption {
              type = types.enum [
                "psycopg2"
                "sqlite3"
              ];
              default = "psycopg2";
            };
            args = {
              database = mkOption {
                type = types.str;
                default = "matrix-synapse";
              };
              user = mkOption {
                type = types.nullOr types.str;
                default = "matrix-synapse";
              };
            };
          };
          trusted_key_servers = mkOption {
            type = types.listOf json;
            default = [ { server_name = "matrix.org"; } ];
          };
        };
      };
    };
    workers = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule {
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
              type = types.listOf listener;
              default = [ ];
            };
          };
        }
      );
    };
  };

  config.services.matrix-synapse.settings = {
    redis = lib.mkIf cfg.configureRedisLocally {
      enabled = true;
      path = config.services.redis.servers.matrix-synapse.unixSocket;
    };
    instance_map.main = lib.mkIf (cfg.workers != { }) (
      lib.mkDefault { path = "/run/matrix-synapse/main_replication.sock"; }
    );
  };
}
