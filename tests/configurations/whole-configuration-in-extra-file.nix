# Seen at skiinganchor/config, modules/homelab/services/matrix/mas.nix, commit ff52fc0.
# One sops file holds a complete MAS configuration, secrets, listeners and all, and is the only extra file.
# Unusual: `http.listeners` is an empty list, because MAS joins lists of all its files and would bind twice;
# nothing else is set, so neither `matrix` nor `http.public_base` is known when the system is evaluated.
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    extraConfigFiles = [ "/run/secrets/mas-config" ];
    settings.http.listeners = [ ];
  };

  services.nginx.virtualHosts."auth.example.com" = {
    forceSSL = true;
    enableACME = false;
    sslCertificate = "/var/lib/acme/example.com/fullchain.pem";
    sslCertificateKey = "/var/lib/acme/example.com/key.pem";
    locations."/".proxyPass = "http://127.0.0.1:8083";
  };

  services.matrix-synapse = {
    enable = true;
    settings = {
      server_name = "example.com";
      matrix_authentication_service = {
        enabled = true;
        endpoint = "http://127.0.0.1:8083/";
        secret_path = "/run/secrets/mas-shared";
      };
    };
  };
}
