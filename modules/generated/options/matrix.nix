# Written by `mas2nix compile` from src/schema/matrix.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  kind = lib.mkOption {
    type = lib.types.enum [
      "synapse"
      "synapse_read_only"
      "synapse_legacy"
      "synapse_modern"
    ];
    description = ''
      What kind of homeserver it is, and how MAS talks to it.

      - `"synapse"`: Synapse.
      - `"synapse_read_only"`: Synapse, without ever writing to it: for a MAS that is
        only being tried out.
      - `"synapse_legacy"`: Synapse before 1.136.0, through its admin API. Needs MAS
        0.20.0 or newer.
      - `"synapse_modern"`: Synapse from 1.136.0 on, through its API for MAS. The same
        as `synapse` since MAS 1.0.0. Needs MAS 0.20.0 or newer.

      Needs MAS 0.15.0 or newer.
    '';
    defaultText = lib.literalExpression "\"synapse\"";
  };
  homeserver = lib.mkOption {
    type = types.unsetIfEmpty types.serverName;
    description = ''
      The homeserver's name, `server_name` in Synapse's configuration: what stands
      behind the colon in user ids.
    '';
    defaultText = lib.literalExpression "\"localhost:8008\"";
    example = "example.com";
  };
  endpoint = lib.mkOption {
    type = types.unsetIfEmpty types.url;
    description = ''
      Where MAS reaches the homeserver. Use an internal address: this way leads to an
      API that the public must not reach.
    '';
    defaultText = lib.literalExpression "\"http://localhost:8008/\"";
  };
  secret = lib.mkOption {
    type = types.secret (types.unsetOr lib.types.str);
    description = ''
      Secret shared with the homeserver, `matrix_authentication_service.secret` in
      Synapse's configuration. Whoever knows it is administrator of the homeserver.

      A secret: the module refuses it, because everyone could read it in the Nix
      store. Use `secret_file`.
    '';
  };
  secret_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File with the secret shared with the homeserver.

      Needs MAS 1.0.0 or newer.
    '';
    example = "/run/secrets/mas-synapse-secret";
  };
}
