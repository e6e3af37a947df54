# Seen in a stored file of a public repository that the index does not name (id 60042890509).
# A oneshot unit that MAS binds to writes an extra file into /run/matrix-authentication-service, where it has
# a RuntimeDirectory of the same name as MAS's, with the database password, `matrix.secret` and the secrets
# of client and provider. Unusual: provider and client are half in the settings and half in the extra file,
# in the hope that lists are merged by id; `database.uri` is forced to another host; secrets of mode 0644.
{ lib, pkgs, ... }:
let
  provider = "01HFVBY12TMNTYTBV8W921M5FA";
in
{
  services.matrix-authentication-service = {
    enable = true;
    settings = {
      http = {
        public_base = "https://matrix.example.com/";
        trusted_proxies = [
          "10.0.0.0/24"
          "fd01::/64"
        ];
        listeners = [
          {
            name = "web";
            resources = [
              { name = "discovery"; }
              { name = "human"; }
              { name = "oauth"; }
            ];
            binds = [
              {
                host = "::";
                port = 8080;
              }
            ];
          }
        ];
      };
      database = {
        uri = lib.mkForce "postgresql://mas@db.example.com/mas";
      };
      matrix = {
        homeserver = "example.com";
        endpoint = "http://localhost:8008";
      };
      passwords.enabled = false;
      upstream_oauth2.providers = [
        {
          id = provider;
          human_name = "Kanidm";
          issuer = "https://idm.example.com/oauth2/openid/mas";
          client_id = "mas";
          scope = "openid profile email";
        }
      ];
      clients = [
        {
          client_id = "0000000000000000000SYNAPSE";
          client_auth_method = "client_secret_basic";
        }
      ];
    };
    extraConfigFiles = [
      "/run/matrix-authentication-service/secrets.yaml"
    ];
  };

  systemd.services.mas-secrets = {
    wantedBy = [ "matrix-authentication-service.service" ];
    before = [ "matrix-authentication-service.service" ];
    partOf = [ "matrix-authentication-service.service" ];
    bindsTo = [ "matrix-authentication-service.service" ];
    serviceConfig = {
      Type = "oneshot";
      RuntimeDirectory = "matrix-authentication-service";
      RuntimeDirectoryMode = "0755";
    };
    path = [ pkgs.coreutils ];
    script = ''
      {
        echo "database: { password: $(cat /var/lib/secrets/mas/database) }"
        echo "matrix: { secret: $(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n') }"
        echo "upstream_oauth2: { providers: [ { id: ${provider}, client_secret: $(cat /var/lib/secrets/mas/oidc) } ] }"
      } > /run/matrix-authentication-service/secrets.yaml
      chmod 644 /run/matrix-authentication-service/secrets.yaml
    '';
  };
}
