# nixpkgs nixos/modules/services/web-servers/caddy/default.nix and vhost-options.nix
{ lib, ... }:
let
  inherit (lib) mkEnableOption mkOption types;
  text = mkOption {
    type = types.lines;
    default = "";
  };
in
{
  options.services.caddy = {
    enable = mkEnableOption "Caddy";
    globalConfig = text;
    virtualHosts = mkOption {
      default = { };
      type = types.attrsOf (types.submodule { options.extraConfig = text; });
    };
  };
}
