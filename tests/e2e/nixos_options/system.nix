# What belongs to no service. The file of nixpkgs stands beside each option.
{ lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options = {
    # nixos/modules/misc/assertions.nix
    assertions = mkOption {
      type = types.listOf types.unspecified;
      default = [ ];
    };
    warnings = mkOption {
      type = types.listOf types.str;
      default = [ ];
    };

    # nixos/modules/config/system-path.nix
    environment.systemPackages = mkOption {
      type = types.listOf types.package;
      default = [ ];
    };

    networking = {
      # nixos/modules/tasks/network-interfaces.nix
      hostName = mkOption {
        type = types.strMatching "^$|^[[:alnum:]]([[:alnum:]_-]{0,61}[[:alnum:]])?$";
        default = "nixos";
      };
      # nixos/modules/config/networking.nix
      hosts = mkOption {
        type = types.attrsOf (types.listOf types.str);
        default = { };
      };
      # nixos/modules/services/networking/firewall.nix
      firewall.allowedTCPPorts = mkOption {
        type = types.listOf types.port;
        default = [ ];
        apply = ports: lib.unique (lib.sort builtins.lessThan ports);
      };
    };

    security = {
      # nixos/modules/security/ca.nix
      pki.certificateFiles = mkOption {
        type = types.listOf types.path;
        default = [ ];
      };
      # nixos/modules/security/acme/default.nix
      acme = {
        acceptTerms = mkOption {
          type = types.bool;
          default = false;
        };
        defaults.email = mkOption {
          type = types.nullOr types.str;
          default = null;
        };
      };
    };

    # nixos/modules/system/activation/specialisation.nix. What is set inside is evaluated on top of the rest.
    specialisation = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule {
          options = {
            inheritParentConfig = mkOption {
              type = types.bool;
              default = true;
            };
            configuration = mkOption {
              type = types.deferredModule;
              default = { };
            };
          };
        }
      );
    };

    system = {
      # nixos/modules/system/activation/pre-switch-check.nix
      preSwitchChecks = mkOption {
        type = types.attrsOf types.str;
        default = { };
      };
      # nixos/modules/misc/version.nix
      stateVersion = mkOption {
        type = types.str;
        default = lib.trivial.release;
      };
    };
  };
}
