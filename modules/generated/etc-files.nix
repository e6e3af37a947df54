# Written by `mas2nix compile` from src/deploy/etc_files.rs. Do not edit: change that instead.
{ lib, cfg, ... }:
let
  inherit (import ../formats.nix) formats matches;
in
{
  "config.yaml" = {
    yaml = cfg.computed.config;
  };
  "service.yaml" = {
    yaml = {
      masCli = "${cfg.package}/bin/mas-cli";
      config = "/etc/matrix-authentication-service/config.yaml";
      extraConfigFiles = cfg.computed.extraConfigFiles;
      checkConfig = cfg.checkConfig;
      copies = cfg.computed.copies;
      credentials = cfg.computed.credentialFiles;
      user = cfg.computed.user;
      group = cfg.computed.group;
      unitProperties = cfg.computed.unitProperties;
      secrets = {
        directory = cfg.secrets.directory;
        encryption = cfg.computed.generate.encryption;
        keys = cfg.computed.generate.keys;
        synapse = cfg.computed.generate.synapse;
        database = cfg.computed.generate.database;
        group = if cfg.synapse.enable && cfg.synapse.units != [ ] then cfg.synapse.group else null;
      };
      synapseSecret =
        if cfg.synapse.enable && cfg.synapse.units != [ ] then
          if cfg.synapse.secretPath != null then
            cfg.synapse.secretPath
          else if cfg.computed.generate.synapse then
            "${cfg.secrets.directory}/synapse"
          else
            cfg.computed.sharedSecretFile
        else
          null;
      users = cfg.users;
      admins = cfg.admins;
    };
  };
}
// lib.optionalAttrs cfg.createDatabase {
  "database.sql" = {
    text = lib.concatLines [
      "SELECT 'CREATE ROLE \"matrix-authentication-service\" LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'matrix-authentication-service') \\gexec"
      (
        if cfg.databaseLocale != null then
          "SELECT 'CREATE DATABASE \"matrix-authentication-service\" OWNER \"matrix-authentication-service\" TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''${cfg.databaseLocale}''' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'matrix-authentication-service') \\gexec"
        else
          "SELECT 'CREATE DATABASE \"matrix-authentication-service\" OWNER \"matrix-authentication-service\"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'matrix-authentication-service') \\gexec"
      )
    ];
  };
}
// lib.optionalAttrs cfg.computed.generate.database {
  "database-password.sql" = {
    text = lib.concatLines [
      "-- The password must not appear in the server's log."
      "SET log_statement = 'none';"
      "\\set password `cat \"$CREDENTIALS_DIRECTORY/password\"`"
      "ALTER ROLE \"matrix-authentication-service\" PASSWORD :'password';"
    ];
  };
}
// lib.optionalAttrs cfg.synapse.enable {
  "synapse.yaml" = {
    yaml = {
      matrix_authentication_service = {
        enabled = true;
        endpoint = cfg.synapse.endpoint;
        secret_path =
          if cfg.synapse.secretPath != null then
            cfg.synapse.secretPath
          else if cfg.computed.generate.synapse then
            "${cfg.secrets.directory}/synapse"
          else
            cfg.computed.sharedSecretFile;
      }
      // lib.optionalAttrs cfg.synapse.forceHttp2 { force_http2 = true; };
      password_config = {
        enabled = false;
      };
      password_providers = [ ];
      oidc_providers = [ ];
      oidc_config = null;
      saml2_config = null;
      cas_config = null;
      jwt_config = null;
      user_consent = null;
      enable_registration = false;
      enable_registration_captcha = false;
      login_via_existing_session = {
        enabled = false;
      };
      refresh_token_lifetime = null;
      nonrefreshable_access_token_lifetime = null;
      session_lifetime = null;
      enable_3pid_changes = false;
    }
    // lib.optionalAttrs (cfg.synapse.qrLogin || cfg.synapse.rtcTransports != [ ]) {
      experimental_features = cfg.computed.experimentalFeatures;
    }
    // lib.optionalAttrs (cfg.synapse.rtcTransports != [ ]) {
      matrix_rtc = {
        transports = cfg.synapse.rtcTransports;
      };
    };
  };
}
// lib.optionalAttrs (cfg.synapse.enable && cfg.synapse.units != [ ]) {
  "syn2mas.yaml" = {
    yaml = {
      masService = "/etc/matrix-authentication-service/service.yaml";
      masCli = "${cfg.package}/bin/mas-cli";
      postgresqlPrograms = "${cfg.postgresqlPackage}/bin";
      stateDir = cfg.migration.directory;
      synapseConfig = cfg.migration.synapseConfig;
      synapseUser = cfg.migration.synapseUser;
      masUser = cfg.computed.user;
    }
    // lib.optionalAttrs cfg.migration.grant {
      adminUser = cfg.migration.superuser;
      adminDatabaseUri = "postgresql:///postgres?host=/run/postgresql&port=${toString cfg.postgresqlPort}&user=${cfg.migration.superuser}";
    }
    // {
      synapseUnit = cfg.synapse.units;
      masUnit =
        lib.optional (
          cfg.socketActivation || matches formats.absolutePath cfg.listen.public
        ) "matrix-authentication-service.socket"
        ++ [ "matrix-authentication-service.service" ];
      overlay = {
        file = "${cfg.migration.directory}/synapse.yaml";
        source = "/etc/matrix-authentication-service/synapse.yaml";
      };
      include =
        lib.optional cfg.routes.nginx {
          file = "${cfg.migration.directory}/nginx.conf";
          source = "/etc/matrix-authentication-service/cutover.nginx";
        }
        ++ lib.optional cfg.routes.caddy {
          file = "${cfg.migration.directory}/caddy.conf";
          source = "/etc/matrix-authentication-service/cutover.caddy";
        };
      proxyUnit =
        lib.optional cfg.routes.nginx "nginx.service" ++ lib.optional cfg.routes.caddy "caddy.service";
    };
  };
}
// lib.optionalAttrs (cfg.migration.enable && cfg.routes.nginx) {
  "cutover.nginx" = {
    text = lib.concatLines [
      "location ~ ^/_matrix/client/(api/)?[^/]+/(login|logout|refresh)(/.*)?$ {"
      "    proxy_pass http://matrix-authentication-service;"
      "    proxy_http_version 1.1;"
      "    proxy_set_header Host $host;"
      "    proxy_set_header X-Forwarded-For $remote_addr;"
      "    proxy_set_header X-Forwarded-Proto $scheme;"
      "}"
    ];
  };
}
// lib.optionalAttrs (cfg.migration.enable && cfg.routes.caddy) {
  "cutover.caddy" = {
    text = lib.concatLines [
      "\t@compat path_regexp ^/_matrix/client/(api/)?[^/]+/(login|logout|refresh)(/.*)?$"
      "\thandle @compat {"
      "\t\treverse_proxy ${cfg.computed.upstream.caddy} {"
      "\t\t\tlb_try_duration 5s"
      "\t\t}"
      "\t}"
    ];
  };
}
