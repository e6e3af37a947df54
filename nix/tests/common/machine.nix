# What every machine of the tests has: a Matrix client, and trust in the certificates of the tests.
{ lib, pkgs, ... }:
{
  environment.etc."matrix-client.py".source = ../../../tests/e2e/scenarios/client.py;
  environment.systemPackages = [
    pkgs.chromium
    pkgs.python3
  ];
  security.pki.certificateFiles = [ ../certificates/ca.pem ];
  system.stateVersion = lib.trivial.release;
  virtualisation = {
    cores = 2;
    diskSize = 4096;
    memorySize = 3072;
  };
}
