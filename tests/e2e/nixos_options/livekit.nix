# nixpkgs nixos/modules/services/networking/livekit.nix and nixos/modules/services/matrix/lk-jwt-service.nix
{ lib, ... }:
let
  inherit (lib) mkEnableOption mkOption types;
in
{
  options.services.livekit = {
    enable = mkEnableOption "LiveKit";
    keyFile = mkOption { type = types.path; };
    openFirewall = mkOption {
      type = types.bool;
      default = false;
    };
    settings = mkOption {
      default = { };
      type = types.submodule {
        freeformType = import ./json.nix { inherit lib; };
        options.rtc.use_external_ip = mkOption {
          type = types.bool;
          default = false;
        };
      };
    };
  };
  options.services.lk-jwt-service = {
    enable = mkEnableOption "lk-jwt-service";
    keyFile = mkOption { type = types.path; };
    livekitUrl = mkOption { type = types.strMatching "^wss?://.*"; };
  };
}
