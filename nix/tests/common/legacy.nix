# An existing homeserver to migrate: Synapse has settings that conflict with delegation, and
# passwords with a pepper.
{ ... }:
{
  imports = [
    ./mas.nix
    ./synapse.nix
  ];

  services.matrix-synapse.settings = {
    enable_registration = true;
    enable_registration_without_verification = true;
    session_lifetime = "52w";
    password_config.pepper = "pepper of the test";
  };

  # The trailing newline, as written by editors, is ignored.
  environment.etc.pepper = {
    text = "pepper of the test\n";
    mode = "0400";
  };
  services.matrix-authentication-service.migration = {
    enable = true;
    pepperFile = "/etc/pepper";
  };
}
