# A second MAS, which answers requests from the same database, on a host of its own.
let
  secrets = {
    environment.etc = {
      "mas/encryption" = {
        text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        mode = "0400";
      };
      "mas/key.pem" = {
        source = ./certificates/signing.key;
        mode = "0400";
      };
      "mas/synapse" = {
        text = "shared-secret-of-the-test";
        mode = "0444";
      };
      "mas/database" = {
        text = "of-mas";
        mode = "0400";
      };
    };
    services.matrix-authentication-service = {
      secrets.generate = false;
      settings = {
        secrets = {
          encryption_file = "/etc/mas/encryption";
          keys = [ { key_file = "/etc/mas/key.pem"; } ];
        };
        matrix.secret_file = "/etc/mas/synapse";
      };
    };
  };
in
{
  nodes.first = {
    imports = [
      ./common/mas.nix
      ./common/nginx.nix
      ./common/synapse.nix
      secrets
    ];
    networking.firewall.allowedTCPPorts = [
      5432
      8008
    ];
    services.postgresql = {
      enableTCPIP = true;
      # Names resolve to addresses of both families, IPv6 first.
      authentication = ''
        host all all 192.168.1.0/24 scram-sha-256
        host all all 2001:db8:1::/64 scram-sha-256
      '';
      settings.password_encryption = "scram-sha-256";
    };
    services.matrix-synapse.settings.listeners = [
      {
        port = 8008;
        # `::` serves both families where it can. Synapse accepts that `0.0.0.0` is taken then, but only
        # in this order.
        bind_addresses = [
          "::"
          "0.0.0.0"
        ];
        tls = false;
        x_forwarded = true;
        resources = [ { names = [ "client" ]; } ];
      }
    ];
  };

  nodes.second =
    { lib, ... }:
    {
      imports = [
        ./common/mas.nix
        ./common/nginx.nix
        secrets
      ];
      services.matrix-authentication-service = {
        role = "server";
        createDatabase = lib.mkForce false;
        synapse.enable = lib.mkForce false;
        routes.synapse = "http://first:8008";
        settings = {
          matrix = {
            homeserver = "example.com";
            endpoint = "http://first:8008/";
          };
          database = {
            host = "first";
            username = "matrix-authentication-service";
            password_file = "/etc/mas/database";
            database = "matrix-authentication-service";
          };
        };
      };
    };
}
