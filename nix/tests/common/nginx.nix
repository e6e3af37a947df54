# nginx in front of both, with the certificates of the tests.
{ lib, ... }:
{
  services.matrix-authentication-service.routes.nginx = true;
  services.nginx.virtualHosts = lib.genAttrs (import ./names.nix) (_: {
    onlySSL = true;
    sslCertificate = ../certificates/example.com.pem;
    sslCertificateKey = ../certificates/example.com.key;
  });
}
