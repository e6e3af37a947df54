# Synapse and MAS for example.com, behind nginx. Replace the names with your own.
{ config, ... }:
let
  domain = "example.com";
  tls = {
    enableACME = true;
    forceSSL = true;
  };
in
{
  networking.hostName = "matrix";
  networking.firewall.allowedTCPPorts = [
    80
    443
  ];

  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    synapse.enable = true;
    routes = {
      nginx = true;
      host = "auth.${domain}";
      matrixHost = "matrix.${domain}";
    };
  };

  services.matrix-synapse = {
    enable = true;
    settings = {
      server_name = domain;
      public_baseurl = "https://matrix.${domain}/";
    };
  };

  services.postgresql = {
    enable = true;
    # Synapse requires a database with the locale C.
    initialScript = builtins.toFile "synapse.sql" ''
      CREATE ROLE "matrix-synapse" WITH LOGIN;
      CREATE DATABASE "matrix-synapse" WITH OWNER "matrix-synapse"
        TEMPLATE template0 LC_COLLATE = "C" LC_CTYPE = "C";
    '';
  };

  security.acme = {
    acceptTerms = true;
    defaults.email = "admin@${domain}";
  };

  services.nginx = {
    recommendedTlsSettings = true;
    virtualHosts = {
      ${domain} = tls;
      "auth.${domain}" = tls;
      "matrix.${domain}" = tls;
    };
  };

  # The NixOS release of the first installation. Do not change it later.
  system.stateVersion = config.system.nixos.release;
}
