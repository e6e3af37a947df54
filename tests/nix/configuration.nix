# One of ../configurations, evaluated: what is wrong with it, and what a machine would get.
{ name }:
let
  lib = import <nixpkgs/lib>;
  evaluated = import ./module.nix {
    modules = [
      (../configurations + "/${name}.nix")
      { networking.hostName = "host"; }
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
