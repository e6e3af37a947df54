# Seen at uku3lig/flake, systems/etna/matrix/mas.nix, commit 45531d9, and in NixOS/nixpkgs#540397 as advice.
# An extra file and two credentials that the host loads itself. Unusual: ExecStart is forced, with the
# paths that nixpkgs' module uses inside: /run/matrix-authentication-service/config.yaml and %d/config-0.
{ config, lib, ... }:
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    extraConfigFiles = [ "/run/agenix/masExtraConfig" ];
    settings = {
      http.public_base = "https://auth.example.com";
      matrix = {
        homeserver = "example.com";
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
    };
  };

  systemd.services.matrix-authentication-service.serviceConfig = {
    LoadCredential = [
      "masClientSecret:/run/agenix/masClientSecret"
      "masSharedSecret:/run/agenix/masSharedSecret"
    ];
    ExecStart = lib.mkForce ''
      ${lib.getExe config.services.matrix-authentication-service.package} server \
        --config /run/matrix-authentication-service/config.yaml \
        --config %d/config-0
    '';
  };
}
