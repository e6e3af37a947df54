# Caddy in front of both, with the certificates of the tests.
{ lib, ... }:
let
  names = [
    "auth.example.com"
    "example.com"
    "matrix.example.com"
  ];
in
{
  services.matrix-authentication-service.routes.caddy = true;
  services.caddy.virtualHosts = lib.genAttrs names (_: {
    extraConfig = "tls ${../certificates/example.com.pem} ${../certificates/example.com.key}";
  });
}
