# The module, evaluated with nixpkgs' `lib` alone. What NixOS itself brings is declared as little as
# can be, and packages are where a shell finds their programs.
{
  modules,
  module ? ../../modules,
  version ? "1.22.0",
  masCli ? "/nix/store/00000000000000000000000000000000-matrix-authentication-service",
  tools ? "/usr/local",
  postgresql ? "/usr",
}:
let
  lib = import <nixpkgs/lib>;
  any = lib.types.lazyAttrsOf lib.types.raw;
  proxy = {
    enable = lib.mkEnableOption "the proxy";
    virtualHosts = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule {
          options.extraConfig = lib.mkOption { type = lib.types.lines; };
        }
      );
    };
  };
  package = prefix: {
    type = "derivation";
    name = "package";
    outPath = prefix;
  };
  file = name: text: {
    inherit text;
    type = "derivation";
    outPath = builtins.toFile name text;
  };
in
lib.evalModules {
  modules = [
    module
    {
      options = {
        assertions = lib.mkOption { type = lib.types.listOf lib.types.raw; };
        warnings = lib.mkOption { type = lib.types.listOf lib.types.str; };
        environment.etc = lib.mkOption { type = any; };
        environment.systemPackages = lib.mkOption { type = lib.types.listOf lib.types.raw; };
        systemd = {
          services = lib.mkOption { type = any; };
          sockets = lib.mkOption { type = any; };
          timers = lib.mkOption { type = any; };
          tmpfiles.rules = lib.mkOption { type = lib.types.listOf lib.types.str; };
        };
        system.preSwitchChecks = lib.mkOption { type = lib.types.attrsOf lib.types.str; };
        users.users = lib.mkOption { type = any; };
        users.groups = lib.mkOption { type = any; };
        services = {
          caddy = proxy;
          matrix-synapse = {
            enable = lib.mkEnableOption "Synapse";
            package = lib.mkOption {
              type = lib.types.raw;
              default.name = "matrix-synapse-wrapped-1.163.2";
            };
            settings = lib.mkOption { type = (import ../../modules/types.nix { inherit lib; }).json; };
            configFile = lib.mkOption {
              type = lib.types.path;
              default = "/etc/matrix-synapse/homeserver.yaml";
            };
            extraConfigFiles = lib.mkOption {
              type = lib.types.listOf lib.types.path;
              default = [ ];
            };
            workers = lib.mkOption {
              type = any;
              default = { };
            };
          };
          nginx = proxy // {
            appendHttpConfig = lib.mkOption { type = lib.types.lines; };
          };
          postgresql = {
            enable = lib.mkEnableOption "PostgreSQL";
            package = lib.mkOption { type = lib.types.raw; };
            initialScript = lib.mkOption { type = lib.types.path; };
          };
          prometheus = {
            enable = lib.mkEnableOption "Prometheus";
            scrapeConfigs = lib.mkOption { type = lib.types.listOf lib.types.raw; };
          };
        };
      };
      config.services.postgresql.package = package postgresql;
      config._module.args.pkgs = {
        matrix-authentication-service = package masCli // {
          name = "matrix-authentication-service-${version}";
          inherit version;
          meta.mainProgram = "mas-cli";
        };
        callPackage = _: _: package tools;
        cacert.outPath = "/nix/store/00000000000000000000000000000000-cacert";
        stdenv.buildPlatform.canExecute = _: true;
        stdenv.hostPlatform = { };
        writeText = file;
        writeTextFile = { name, text, ... }@arguments: file name text // arguments;
        runCommand = name: { yaml, ... }: command: file name yaml // { inherit command; };
      };
    }
    { services.matrix-authentication-service.enable = true; }
  ]
  ++ modules;
}
