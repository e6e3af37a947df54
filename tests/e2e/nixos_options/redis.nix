# nixpkgs nixos/modules/services/databases/redis.nix
{ config, lib, ... }:
let
  inherit (lib) mkEnableOption mkOption types;
in
{
  options.services.redis.servers = mkOption {
    default = { };
    type = types.attrsOf (
      types.submodule (
        { name, ... }:
        {
          options = {
            enable = mkEnableOption "Redis server";
            user = mkOption {
              type = types.str;
              default = if name == "" then "redis" else "redis-${name}";
            };
            port = mkOption {
              type = types.port;
              default = if name == "" then 6379 else 0;
            };
            unixSocket = mkOption {
              type = types.nullOr types.path;
              default = if name == "" then "/run/redis/redis.sock" else "/run/redis-${name}/redis.sock";
            };
          };
        }
      )
    );
  };
}
