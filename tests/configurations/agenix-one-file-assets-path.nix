# Seen at pub-solar/infra, modules/matrix/default.nix and hosts/underground/configuration.nix.
# One agenix file, owned by the user matrix-authentication-service, is the only extra file; it has all that
# is secret and the `matrix` section. Unusual: the assets' path is put together from `package`, listeners
# are open to the world, a single key of `account` is set, and the module comes from a fork of nixpkgs.
{ config, ... }:
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    extraConfigFiles = [
      "/run/agenix/matrix-authentication-service-secret-config.yml"
    ];

    settings = {
      account.email_change_allowed = false;
      http.public_base = "https://auth.example.com";
      http.issuer = "https://auth.example.com";
      http.listeners = [
        {
          name = "web";
          resources = [
            { name = "discovery"; }
            { name = "human"; }
            { name = "oauth"; }
            { name = "compat"; }
            { name = "graphql"; }
            {
              name = "assets";
              path = "${config.services.matrix-authentication-service.package}/share/matrix-authentication-service/assets";
            }
          ];
          binds = [
            {
              host = "0.0.0.0";
              port = 8090;
            }
          ];
          proxy_protocol = false;
        }
        {
          name = "internal";
          resources = [
            { name = "health"; }
          ];
          binds = [
            {
              host = "0.0.0.0";
              port = 8081;
            }
          ];
          proxy_protocol = false;
        }
      ];
      passwords.enabled = false;
    };
  };
}
