# The module, evaluated with nixpkgs' `lib` alone. What NixOS itself brings is declared as little as
# can be, and packages are where a shell finds their programs.
{
  modules,
  module ? ../../modules,
  version ? "1.22.0",
  masCli ? "/nix/store/00000000000000000000000000000000-matrix-authentication-service",
  gettext ? "/usr",
}:
let
  lib = import <nixpkgs/lib>;
  any = lib.types.lazyAttrsOf lib.types.raw;
in
lib.evalModules {
  modules = [
    module
    {
      options.assertions = lib.mkOption { type = lib.types.listOf lib.types.raw; };
      options.systemd = lib.mkOption { type = any; };
      options.services.postgresql = lib.mkOption { type = any; };
      config._module.args.pkgs = {
        matrix-authentication-service = {
          type = "derivation";
          name = "matrix-authentication-service-${version}";
          inherit version;
          outPath = masCli;
          meta.mainProgram = "mas-cli";
        };
        gettext.outPath = gettext;
        cacert.outPath = "/nix/store/00000000000000000000000000000000-cacert";
        stdenv.buildPlatform.canExecute = _: true;
        stdenv.hostPlatform = { };
        writeText = name: text: {
          inherit text;
          type = "derivation";
          outPath = builtins.toFile name text;
        };
        writeShellScript = _: text: text;
        runCommand = name: { json, ... }: command: {
          text = json;
          inherit command;
          type = "derivation";
          outPath = builtins.toFile name json;
        };
      };
    }
    { services.matrix-authentication-service.enable = true; }
  ]
  ++ modules;
}
