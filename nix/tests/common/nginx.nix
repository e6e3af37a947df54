# nginx in front of both, with the certificates of the tests.
{ lib, ... }:
let
  names = [
    "auth.example.com"
    "example.com"
    "matrix.example.com"
  ];
in
{
  services.matrix-authentication-service.routes.nginx = true;
  services.nginx.virtualHosts = lib.genAttrs names (_: {
    onlySSL = true;
    sslCertificate = ../certificates/example.com.pem;
    sslCertificateKey = ../certificates/example.com.key;
  });
}
