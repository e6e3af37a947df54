# nixpkgs nixos/modules/services/web-servers/nginx/default.nix, vhost-options.nix and
# location-options.nix
{ lib, ... }:
let
  inherit (lib) mkEnableOption mkOption types;
  switch = mkOption {
    type = types.bool;
    default = false;
  };
  text = mkOption {
    type = types.lines;
    default = "";
  };
  optionalPath = mkOption {
    type = types.nullOr types.path;
    default = null;
  };
in
{
  options.services.nginx = {
    enable = mkEnableOption "nginx";
    appendHttpConfig = text;
    commonHttpConfig = text;
    recommendedProxySettings = switch;
    recommendedTlsSettings = switch;
    virtualHosts = mkOption {
      default.localhost = { };
      type = types.attrsOf (
        types.submodule {
          options = {
            serverName = mkOption {
              type = types.nullOr types.str;
              default = null;
            };
            addSSL = switch;
            enableACME = switch;
            forceSSL = switch;
            onlySSL = switch;
            root = optionalPath;
            sslCertificate = mkOption { type = types.path; };
            sslCertificateKey = mkOption { type = types.path; };
            extraConfig = text;
            locations = mkOption {
              default = { };
              type = types.attrsOf (
                types.submodule {
                  options = {
                    proxyPass = mkOption {
                      type = types.nullOr types.str;
                      default = null;
                    };
                    proxyWebsockets = switch;
                    tryFiles = mkOption {
                      type = types.nullOr types.str;
                      default = null;
                    };
                    extraConfig = text;
                  };
                }
              );
            };
          };
        }
      );
    };
  };
}
