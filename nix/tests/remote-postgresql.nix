# Both databases are on another machine, and require passwords.
{
  nodes.database = {
    networking.firewall.allowedTCPPorts = [ 5432 ];
    services.postgresql = {
      enable = true;
      enableTCPIP = true;
      # Names resolve to addresses of both families, IPv6 first.
      authentication = ''
        host all all 192.168.1.0/24 scram-sha-256
        host all all 2001:db8:1::/64 scram-sha-256
      '';
      initialScript = builtins.toFile "databases.sql" ''
        CREATE ROLE synapse WITH LOGIN PASSWORD 'p@ss:of/synapse';
        CREATE DATABASE synapse WITH OWNER synapse
          TEMPLATE template0 LC_COLLATE = "C" LC_CTYPE = "C";
        CREATE ROLE mas WITH LOGIN PASSWORD 'of-mas';
        CREATE DATABASE mas WITH OWNER mas;
      '';
    };
  };

  nodes.machine =
    { lib, ... }:
    {
      imports = [
        ./common/legacy.nix
        ./common/nginx.nix
      ];
      services.postgresql.enable = lib.mkForce false;
      services.matrix-synapse.settings.database.args = {
        host = "database";
        user = "synapse";
        password = "p@ss:of/synapse";
        database = "synapse";
      };
      environment.etc.mas-database-password = {
        text = "of-mas";
        mode = "0400";
      };
      services.matrix-authentication-service = {
        createDatabase = lib.mkForce false;
        migration.grant = false;
        settings.database = {
          host = "database";
          username = "mas";
          password_file = "/etc/mas-database-password";
          database = "mas";
        };
      };
    };
}
