# One of ../../fixtures/configurations, evaluated: what is wrong with it, and what a machine would get.
{ name }:
let
  lib = import <nixpkgs/lib>;
  # What these configurations use of nixpkgs, by name only: nothing of it is run.
  program = name: {
    type = "derivation";
    inherit name;
    outPath = "/nix/store/00000000000000000000000000000000-${name}";
    meta.mainProgram = name;
  };
  text =
    name: content:
    program name
    // {
      text = if lib.isString content then content else builtins.toJSON content;
    };
  packages = lib.genAttrs [ "coreutils" "envsubst" "gettext" "openssl" ] program // {
    formats.yaml = _: { generate = text; };
    writeShellScriptBin = text;
  };

  evaluated = import ./module.nix {
    inherit packages;
    modules = [
      (../../fixtures/configurations + "/${name}.nix")
      {
        networking.hostName = "host";
      }
    ];
  };
  inherit (evaluated) config;
  service = "matrix-authentication-service";
  ours = lib.filterAttrs (unit: _: lib.hasPrefix service unit) config.systemd.services;
  etc = file: config.environment.etc."${service}/${file}".source.text;
in
{
  problems = map (problem: problem.message) (
    builtins.filter (problem: !problem.assertion) config.assertions
  );
  inherit (config) warnings;
  units = lib.mapAttrs (_: unit: {
    inherit (unit)
      after
      before
      environment
      requires
      serviceConfig
      wants
      ;
  }) ours;
  config = etc "config.yaml";
  manifest = etc "service.yaml";
  groups = builtins.attrNames config.users.groups;
  users = builtins.attrNames config.users.users;
}
