# Configurations that would lock users out are refused before anything is stopped.
{
  nodes.machine =
    { lib, ... }:
    let
      legacy = {
        enable_registration = true;
        enable_registration_without_verification = true;
        session_lifetime = "52w";
        password_config.pepper = "pepper of the test";
      };
      pepper.environment.etc.pepper = {
        text = "pepper of the test";
        mode = "0400";
      };
      mas = migration: {
        imports = [
          ./common/mas.nix
          ./common/nginx.nix
          pepper
        ];
        services.matrix-authentication-service.migration = migration;
      };
    in
    {
      imports = [ ./common/synapse.nix ];
      services.matrix-synapse.settings = lib.mapAttrs (_: lib.mkDefault) legacy;
      # A configuration without MAS.
      services.nginx.enable = lib.mkDefault false;

      specialisation = {
        delegating.configuration = {
          imports = [ (mas { }) ];
          services.matrix-synapse.settings = {
            enable_registration = false;
            session_lifetime = null;
            password_config = null;
          };
        };
        migrating.configuration = mas {
          enable = true;
          pepperFile = "/etc/pepper";
        };
        settled.configuration = {
          imports = [
            (mas {
              passwords = true;
              pepperFile = "/etc/pepper";
            })
          ];
          services.matrix-synapse.settings = {
            enable_registration = false;
            session_lifetime = null;
            password_config = null;
          };
        };
      };
    };
}
