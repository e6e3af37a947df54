# nixpkgs nixos/modules/services/monitoring/prometheus/default.nix
{ lib, ... }:
let
  inherit (lib) mkEnableOption mkOption types;
in
{
  options.services.prometheus = {
    enable = mkEnableOption "Prometheus";
    scrapeConfigs = mkOption {
      default = [ ];
      type = types.listOf (
        types.submodule {
          options = {
            job_name = mkOption { type = types.str; };
            static_configs = mkOption {
              default = [ ];
              type = types.listOf (
                types.submodule {
                  options.targets = mkOption { type = types.listOf types.str; };
                }
              );
            };
          };
        }
      );
    };
  };
}
