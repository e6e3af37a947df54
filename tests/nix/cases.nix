# Evaluates the module for many cases at once.
#
# `cases` is a JSON file: a list of { name, module, version? }, `module` being the value of
# `services.matrix-authentication-service`. Gives a list of { name, valid, messages, settings, final,
# credentials }, without the last four where evaluation throws.
{ cases }:
let
  lib = import <nixpkgs/lib>;

  report =
    case:
    let
      evaluated = import ./module.nix {
        version = case.version or "1.22.0";
        modules = [ { services.matrix-authentication-service = case.module; } ];
      };
      inherit (evaluated) config;
      cfg = config.services.matrix-authentication-service;
      messages = map (problem: problem.message) config.assertions;
      forced = builtins.tryEval (
        builtins.deepSeq [
          messages
          cfg.settings
          cfg.finalSettings
        ] true
      );
    in
    {
      inherit (case) name;
      valid = forced.success && messages == [ ];
    }
    // lib.optionalAttrs forced.success {
      inherit messages;
      inherit (cfg) settings;
      final = cfg.finalSettings;
      credentials = config.systemd.services.matrix-authentication-service.serviceConfig.LoadCredential;
    };
in
map report (builtins.fromJSON (builtins.readFile cases))
