# MAS beside Synapse, and their public names.
{ ... }:
{
  networking.hosts."127.0.0.1" = import ./names.nix;

  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    synapse.enable = true;
    routes = {
      host = "auth.example.com";
      matrixHost = "matrix.example.com";
    };
    # The tests ask more often than people do.
    settings.rate_limiting.login = {
      per_ip = {
        burst = 1000;
        per_second = 100;
      };
      per_account = {
        burst = 1000;
        per_second = 100;
      };
    };
  };
}
