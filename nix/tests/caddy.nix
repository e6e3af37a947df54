# A migration behind Caddy.
{
  nodes.machine = {
    imports = [
      ./common/caddy.nix
      ./common/legacy.nix
    ];
    services.matrix-authentication-service.routes.wellKnownClient = import ./common/well-known-client.nix;
  };
}
