# Caddy in front of both, with the certificates of the tests.
{ lib, ... }:
{
  services.matrix-authentication-service.routes.caddy = true;
  services.caddy.virtualHosts = lib.genAttrs (import ./names.nix) (_: {
    extraConfig = "tls ${../certificates/example.com.pem} ${../certificates/example.com.key}";
  });
}
