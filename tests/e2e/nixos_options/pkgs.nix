# A stand-in for nixpkgs' packages: files are what Nix itself can write, and programs are where a
# machine has them.
{
  mas ? "/nix/store/00000000000000000000000000000000-matrix-authentication-service",
  masVersion ? "1.22.0",
  tools ? "/usr/local",
  synapse ? "/opt/synapse",
  postgresql ? "/usr",
  olderMas ? mas,
}:
let
  package = prefix: {
    type = "derivation";
    name = "package";
    outPath = prefix;
  };
  file = name: text: {
    inherit name text;
    type = "derivation";
    outPath = builtins.toFile name text;
  };
  masAt =
    prefix:
    package prefix
    // {
      name = "matrix-authentication-service-${masVersion}";
      version = masVersion;
      meta.mainProgram = "mas-cli";
    };
in
{
  matrix-authentication-service = masAt mas;
  matrix-authentication-service-older = masAt olderMas;
  matrix-synapse = package synapse // {
    name = "matrix-synapse-wrapped-1.163.2";
  };
  callPackage = _: _: package tools;
  element-web.override = { conf }: package "/opt/element-web" // { inherit conf; };
  ketesa.withConfig = config: package "/opt/ketesa" // { inherit config; };
  openssl = package "/usr";
  cacert.outPath = "/nix/store/00000000000000000000000000000000-cacert";
  chromium = package "/usr";
  # What every service of NixOS finds; on a machine they have a directory of their own.
  coreutils = package "/opt/nixos";
  findutils = package "/opt/nixos";
  gnugrep = package "/opt/nixos";
  gnused = package "/opt/nixos";
  systemd = package "/opt/nixos";
  python3 = package "/usr";
  postgresql = package postgresql;
  runtimeShell = "/bin/sh";
  stdenv = {
    buildPlatform.canExecute = _: true;
    hostPlatform = { };
  };
  writeText = file;
  writeTextFile = { name, text, ... }@arguments: file name text // arguments;
  runCommand =
    name:
    {
      config ? {
        text = "";
      },
      ...
    }:
    command: file name config.text // { inherit command; };
}
