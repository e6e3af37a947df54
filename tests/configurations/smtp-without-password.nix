# Seen at SpyHoodle/server, services/matrix-authentication-service.nix (named in nixpkgs#376738).
# One agenix file is the extra file: it must bring the mail password, `matrix.secret` and `secrets`.
# Unusual: `email` has a user name and no password in Nix, and its addresses have single quotes; no listener
# is set, so the module's defaults count. (Written for the author's own copy of the module.)
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    settings = {
      http = {
        public_base = "https://auth.example.com/";
        issuer = "https://auth.example.com/";
      };
      email = {
        from = "'Authentication Service' <auth@example.com>";
        reply_to = "'Authentication Service' <auth@example.com>";
        transport = "smtp";
        hostname = "smtp.example.com";
        mode = "starttls";
        username = "auth@example.com";
      };
      account = {
        password_recovery_enabled = true;
      };
      matrix = {
        homeserver = "example.com";
        endpoint = "http://[::1]:8008/";
      };
    };
    extraConfigFiles = [ "/run/agenix/matrix-authentication-service" ];
  };
}
