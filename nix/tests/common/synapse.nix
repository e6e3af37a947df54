# Synapse with a database of its own, as people have it before MAS.
{ ... }:
{
  services.matrix-synapse = {
    enable = true;
    settings = {
      server_name = "example.com";
      public_baseurl = "https://matrix.example.com/";
      registration_shared_secret = "of-the-test";
      macaroon_secret_key = "of-the-test";
      suppress_key_server_warning = true;
      trusted_key_servers = [ ];
      # The tests ask more often than people do.
      rc_login = {
        address = {
          per_second = 1000;
          burst_count = 1000;
        };
        account = {
          per_second = 1000;
          burst_count = 1000;
        };
      };
    };
  };

  services.postgresql = {
    enable = true;
    initialScript = builtins.toFile "synapse.sql" ''
      CREATE ROLE "matrix-synapse" WITH LOGIN;
      CREATE DATABASE "matrix-synapse" WITH OWNER "matrix-synapse"
        TEMPLATE template0 LC_COLLATE = "C" LC_CTYPE = "C";
    '';
  };
}
