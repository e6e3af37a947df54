# Seen at uku3lig/flake, systems/etna/matrix/mas.nix, commit f31057e (before nixpkgs#537261 was merged).
# The host loads three credentials itself; the extra file's path is the variable with its name, the other
# two are paths below /run/credentials. Unusual: `extraConfigFiles` holds something that is no path before
# systemd expands it.
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    extraConfigFiles = [ "\${CREDENTIALS_DIRECTORY}/masExtraConfig" ];
    settings = {
      http.public_base = "https://auth.example.com";
      matrix = {
        homeserver = "example.com";
        kind = "synapse";
        endpoint = "http://localhost:8009";
        secret_file = "/run/credentials/matrix-authentication-service.service/masSharedSecret";
      };
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          issuer = "https://id.example.com";
          client_id = "mas";
          client_secret_file = "/run/credentials/matrix-authentication-service.service/masClientSecret";
          token_endpoint_auth_method = "client_secret_basic";
          scope = "openid profile";
        }
      ];
      email.transport = "blackhole";
    };
  };

  systemd.services.matrix-authentication-service.serviceConfig = {
    LoadCredential = [
      "masExtraConfig:/run/agenix/masExtraConfig"
      "masClientSecret:/run/agenix/masClientSecret"
      "masSharedSecret:/run/agenix/masSharedSecret"
    ];
  };
}
