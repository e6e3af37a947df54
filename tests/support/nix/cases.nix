# Evaluates the module for many cases at once, to check settings: it makes no secrets, and does not
# mind that the homeserver has no name, which MAS accepts.
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
        modules = [
          { services.matrix-authentication-service = case.module; }
          { services.matrix-authentication-service.secrets.generate = lib.mkDefault false; }
          # As if Synapse were here.
          { users.groups.matrix-synapse = { }; }
        ];
      };
      inherit (evaluated) config;
      cfg = config.services.matrix-authentication-service;
      errors = builtins.filter (message: !lib.hasInfix "settings.matrix.homeserver: MAS would" message) (
        map (problem: problem.message) config.assertions
      );
      messages = errors ++ config.warnings;
      forced = builtins.tryEval (
        builtins.deepSeq [
          messages
          cfg.settings
          cfg.finalSettings
          # What is only in units and routes.
          {
            inherit (cfg)
              addresses
              credentials
              doctor
              extraConfigFiles
              listen
              routes
              secrets
              synapse
              users
              ;
          }
        ] true
      );
    in
    {
      inherit (case) name;
      valid = forced.success && errors == [ ];
    }
    // lib.optionalAttrs forced.success {
      inherit messages;
      inherit (cfg) settings;
      final = cfg.finalSettings;
      credentials = config.systemd.services.matrix-authentication-service.serviceConfig.LoadCredential;
    };
in
map report (builtins.fromJSON (builtins.readFile cases))
