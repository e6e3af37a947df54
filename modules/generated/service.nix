# Written by `mas2nix compile` from src/deploy/manifests.rs. Do not edit: change that instead.
{ lib, cfg, ... }:
let
  inherit (import ../formats.nix) formats matches;
in
{
  manifest = {
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
  migration = {
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
        cfg.socketActivation || matches formats.filePath cfg.listen.public
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
  databaseSql = lib.concatLines [
    "SELECT 'CREATE ROLE \"matrix-authentication-service\" LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'matrix-authentication-service') \\gexec"
    (
      if cfg.databaseLocale != null then
        "SELECT 'CREATE DATABASE \"matrix-authentication-service\" OWNER \"matrix-authentication-service\" TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''${cfg.databaseLocale}''' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'matrix-authentication-service') \\gexec"
      else
        "SELECT 'CREATE DATABASE \"matrix-authentication-service\" OWNER \"matrix-authentication-service\"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'matrix-authentication-service') \\gexec"
    )
  ];
  databasePasswordSql = lib.concatLines [
    "-- The password must not appear in the server's log."
    "SET log_statement = 'none';"
    "\\set password `cat \"$CREDENTIALS_DIRECTORY/password\"`"
    "ALTER ROLE \"matrix-authentication-service\" PASSWORD :'password';"
  ];
  tools = {
    mas-cli = "#!/bin/sh\n${"exec ${cfg.toolsPackage}/bin/mas-service cli \"$@\"\n"}";
    mas-register-user = "#!/bin/sh\n${"exec ${cfg.toolsPackage}/bin/mas-service register-user \"$@\"\n"}";
  };
}
