# Synapse and MAS for example.com, behind nginx. Put your own name in.
{ config, ... }:
let
  domain = "example.com";
  secrets = "/var/lib/secrets";
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
    settings = {
      http = {
        public_base = "https://auth.${domain}/";
        trusted_proxies = [
          "127.0.0.1/8"
          "::1/128"
        ];
      };
      matrix = {
        homeserver = domain;
        endpoint = "http://127.0.0.1:8008/";
        # One secret for both: `openssl rand -hex 32`.
        secret_file = "${secrets}/mas-synapse";
      };
      secrets = {
        # `openssl rand -hex 32`
        encryption_file = "${secrets}/mas-encryption";
        # `openssl genrsa 4096`
        keys = [ { key_file = "${secrets}/mas-rsa-key"; } ];
      };
    };
  };

  services.matrix-synapse = {
    enable = true;
    settings = {
      server_name = domain;
      public_baseurl = "https://matrix.${domain}/";
      listeners = [
        {
          port = 8008;
          bind_addresses = [ "127.0.0.1" ];
          type = "http";
          tls = false;
          x_forwarded = true;
          resources = [
            {
              names = [
                "client"
                "federation"
              ];
              compress = false;
            }
          ];
        }
      ];
      matrix_authentication_service = {
        enabled = true;
        endpoint = "http://localhost:8080/";
        # The same secret, readable by Synapse.
        secret_path = "${secrets}/synapse-mas";
      };
      password_config.enabled = false;
    };
  };

  services.postgresql = {
    enable = true;
    # Synapse wants a database with the locale C.
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
    enable = true;
    recommendedProxySettings = true;
    recommendedTlsSettings = true;
    virtualHosts = {
      "auth.${domain}" = {
        enableACME = true;
        forceSSL = true;
        locations."/".proxyPass = "http://localhost:8080";
      };
      "matrix.${domain}" = {
        enableACME = true;
        forceSSL = true;
        locations = {
          "~ ^/_matrix/client/.*/(login|logout|refresh)".proxyPass = "http://localhost:8080";
          "/_matrix".proxyPass = "http://127.0.0.1:8008";
          "/_synapse/client".proxyPass = "http://127.0.0.1:8008";
        };
      };
    };
  };

  # Write the release you install with, and leave it.
  system.stateVersion = config.system.nixos.release;
}
