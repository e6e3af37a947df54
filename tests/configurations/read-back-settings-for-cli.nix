# Seen at darkone-linux/darkone-nixos-framework, modules/service/matrix/mas.nix (earlier in matrix.nix).
# sops files in `credentials`; the settings name them below /run/credentials. Unusual: `serviceDependencies`
# is emptied so that Synapse can start after MAS, Type is set to notify, and a command for the host is built
# from all of `settings`, defaults included, and `package`, with the credentials' paths replaced.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.matrix-authentication-service;
  directory = "/run/credentials/matrix-authentication-service.service";
  files = {
    encryption = "/run/secrets/mas-encryption";
    rsa-key = "/run/secrets/mas-rsa";
    shared = "/run/secrets/mas-shared";
    oidc = "/run/secrets/mas-oidc";
  };
  configFile = (pkgs.formats.yaml { }).generate "mas-cli.yaml" cfg.settings;
in
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    credentials = files;
    settings = {
      http.public_base = "https://auth.example.com" + "/";
      http.listeners = [
        {
          name = "web";
          resources = [
            { name = "discovery"; }
            { name = "human"; }
            { name = "oauth"; }
            { name = "compat"; }
            { name = "graphql"; }
            { name = "adminapi"; }
            { name = "assets"; }
            { name = "health"; }
          ];
          binds = [
            {
              host = "10.0.0.2";
              port = 8090;
            }
          ];
        }
      ];
      matrix = {
        kind = "synapse";
        homeserver = config.services.matrix-synapse.settings.server_name;
        endpoint = "http://localhost:8008";
        secret_file = "${directory}/shared";
      };
      secrets = {
        encryption_file = "${directory}/encryption";
        keys = [
          {
            kid = "rsa";
            key_file = "${directory}/rsa-key";
          }
        ];
      };
      passwords = {
        enabled = true;
        schemes = [
          {
            version = 1;
            algorithm = "bcrypt";
            unicode_normalization = true;
          }
          {
            version = 2;
            algorithm = "argon2id";
          }
        ];
      };
      account = {
        password_registration_enabled = true;
        password_registration_token_required = true;
        password_registration_email_required = false;
      };
      policy.data.admin_users = [ "alice" ];
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          human_name = "IDM";
          issuer = "https://idm.example.com/oauth2/openid/matrix";
          client_id = "matrix";
          client_secret_file = "${directory}/oidc";
          scope = "openid profile";
          token_endpoint_auth_method = "client_secret_basic";
          id_token_signed_response_alg = "ES256";
          synapse_idp_id = "oidc-kanidm";
          claims_imports.localpart = {
            action = "require";
            template = "{{ user.preferred_username | split('@') | first | lower }}";
          };
        }
      ];
    };
    serviceDependencies = [ ];
  };

  environment.systemPackages = [
    (pkgs.writeShellScriptBin "mas-admin" ''
      copy=$(mktemp -d)
      ${lib.concatStringsSep "\n" (lib.mapAttrsToList (name: file: "cp ${file} $copy/${name}") files)}
      sed "s|${directory}|$copy|" ${configFile} > $copy/config.yaml
      ${cfg.package}/bin/mas-cli --config $copy/config.yaml "$@"
    '')
  ];

  services.matrix-synapse = {
    enable = true;
    settings = {
      server_name = "example.com";
      matrix_authentication_service = {
        enabled = true;
        endpoint = "http://localhost:8090/";
        secret_path = "/run/secrets/mas-shared";
      };
      experimental_features.msc4108_enabled = true;
    };
  };

  systemd.services.matrix-authentication-service.serviceConfig.Type = "notify";
  systemd.services.matrix-synapse = {
    after = [ "matrix-authentication-service.service" ];
    wants = [ "matrix-authentication-service.service" ];
  };
}
