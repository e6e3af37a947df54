# The module, evaluated with nixpkgs' `lib` alone: what NixOS itself brings is left undeclared.
#
# `cases` is a JSON file: a list of { name, module, version? }, `module` being the value of
# `services.matrix-authentication-service`. Gives a list of
# { name, valid, messages, settings, final, credentials }.
{ cases }:
let
  lib = import <nixpkgs/lib>;

  package = version: {
    type = "derivation";
    name = "matrix-authentication-service-${version}";
    inherit version;
    outPath = "/nix/store/00000000000000000000000000000000-matrix-authentication-service";
    meta.mainProgram = "mas-cli";
  };

  pkgs = {
    gettext.outPath = "/nix/store/00000000000000000000000000000000-gettext";
    stdenv.buildPlatform.canExecute = _: true;
    stdenv.hostPlatform = { };
    writeText = _: text: { inherit text; outPath = builtins.toFile "text" text; };
    writeShellScript = _: text: text;
    runCommand = name: _: command: {
      inherit command;
      outPath = "/nix/store/00000000000000000000000000000000-${name}";
    };
  };

  evaluate =
    case:
    lib.evalModules {
      modules = [
        ../../modules
        {
          config._module.args.pkgs = pkgs // {
            matrix-authentication-service = package (case.version or "1.22.0");
          };
          options.assertions = lib.mkOption { type = lib.types.listOf lib.types.raw; };
          options.systemd = lib.mkOption { type = lib.types.lazyAttrsOf lib.types.raw; };
          options.services.postgresql = lib.mkOption { type = lib.types.lazyAttrsOf lib.types.raw; };
        }
        { services.matrix-authentication-service.enable = true; }
        { services.matrix-authentication-service = case.module; }
      ];
    };

  report =
    case:
    let
      inherit (evaluate case) config;
      cfg = config.services.matrix-authentication-service;
      messages = map (problem: problem.message) config.assertions;
      evaluated = builtins.tryEval (builtins.deepSeq [ messages cfg.settings cfg.finalSettings ] true);
    in
    {
      inherit (case) name;
      valid = evaluated.success && messages == [ ];
    }
    // lib.optionalAttrs evaluated.success {
      inherit messages;
      inherit (cfg) settings;
      final = cfg.finalSettings;
      credentials = (config.systemd.services.matrix-authentication-service).serviceConfig.LoadCredential;
    };
in
map report (builtins.fromJSON (builtins.readFile cases))
