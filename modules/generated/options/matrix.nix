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
      Type of the homeserver, and how MAS communicates with it.

      - `"synapse"`: Synapse.
      - `"synapse_read_only"`: Synapse, without ever writing to it. For trying out
        MAS.
      - `"synapse_legacy"`: Synapse before 1.136.0, through its admin API. Needs MAS
        0.20.0 or newer.
      - `"synapse_modern"`: Synapse 1.136.0 or newer, through its API for MAS. The
        same as `synapse` since MAS 1.0.0. Needs MAS 0.20.0 or newer.

      Needs MAS 0.15.0 or newer.
    '';
    defaultText = lib.literalExpression "\"synapse\"";
  };
  homeserver = lib.mkOption {
    type = types.unsetIfEmpty types.serverName;
    description = ''
      Name of the homeserver, `server_name` in Synapse's configuration: the part after
      the colon in user IDs.
    '';
    defaultText = lib.literalExpression "\"localhost:8008\"";
    example = "example.com";
  };
  endpoint = lib.mkOption {
    type = types.unsetIfEmpty types.url;
    description = ''
      URL at which MAS reaches the homeserver. Use an internal address: it leads to an
      API that must not be reachable by the public.
    '';
    defaultText = lib.literalExpression "\"http://localhost:8008/\"";
  };
  secret = lib.mkOption {
    type = types.secret (types.unsetOr lib.types.str);
    description = ''
      Secret shared with the homeserver, `matrix_authentication_service.secret` in
      Synapse's configuration. Anyone who knows it is an administrator of the
      homeserver.

      This is a secret. The module rejects it here, because everyone could read it in
      the Nix store. Use `secret_file` instead.
    '';
  };
  secret_file = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      File that contains the secret shared with the homeserver.

      Needs MAS 1.0.0 or newer.
    '';
    example = "/run/secrets/mas-synapse-secret";
  };
}
