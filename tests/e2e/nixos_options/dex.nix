# nixpkgs nixos/modules/services/web-apps/dex.nix
{ lib, ... }:
let
  inherit (lib) mkEnableOption mkOption types;
in
{
  options.services.dex = {
    enable = mkEnableOption "the OpenID Connect and OAuth 2.0 identity provider";
    environmentFile = mkOption {
      type = types.nullOr types.path;
      default = null;
    };
    settings = mkOption {
      type = import ./json.nix { inherit lib; };
      default = { };
    };
  };
}
