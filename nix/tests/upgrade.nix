# MAS is updated after a migration, and after one that was interrupted. In a container an older MAS is
# at hand if one was named; otherwise it is the same one, with another setting.
let
  homeserver =
    { pkgs, ... }:
    {
      imports = [
        ./common/legacy.nix
        ./common/nginx.nix
      ];
      services.matrix-authentication-service.package =
        pkgs.matrix-authentication-service-older or pkgs.matrix-authentication-service;

      specialisation.newer.configuration =
        { lib, pkgs, ... }:
        {
          services.matrix-authentication-service = {
            package = lib.mkForce pkgs.matrix-authentication-service;
            settings.branding.service_name = "Newer";
          };
        };
    };
in
{
  nodes = {
    interrupted = homeserver;
    machine = homeserver;
  };
}
