# Written by `mas2nix compile` from src/deploy/defaults.rs. Do not edit: change that instead.
{
  lib,
  cfg,
  older,
  ...
}:
let
  inherit (import ../formats.nix) formats matches;
in
{
  settings = {
    http = {
      public_base =
        if cfg.routes.host != null then
          "https://${cfg.routes.host}${cfg.routes.path}"
        else
          "http://localhost:8080/";
      listeners = [
        {
          name = "public";
          resources = [
            { name = "discovery"; }
            { name = "human"; }
            { name = "oauth"; }
            { name = "compat"; }
            { name = "graphql"; }
            (
              {
                name = "assets";
              }
              // lib.optionalAttrs (cfg.templatesPackage != null) { path = "${cfg.templatesPackage}/assets"; }
            )
          ]
          ++ lib.optional cfg.publicAdminApi { name = "adminapi"; };
          binds = [
            (
              if cfg.socketActivation || matches formats.absolutePath cfg.listen.public then
                {
                  fd = 0;
                  kind = if matches formats.absolutePath cfg.listen.public then "unix" else "tcp";
                }
              else
                { address = cfg.listen.public; }
            )
          ];
        }
        {
          name = "internal";
          resources = [
            { name = "health"; }
            { name = "discovery"; }
            { name = "oauth"; }
          ]
          ++ lib.optional (!(older "0.10.0")) { name = "adminapi"; }
          ++ lib.optional cfg.metrics { name = "prometheus"; };
          binds = [
            (
              if cfg.socketActivation || matches formats.absolutePath cfg.listen.public then
                {
                  fd = 1;
                  kind = if matches formats.absolutePath cfg.listen.internal then "unix" else "tcp";
                }
              else
                { address = cfg.listen.internal; }
            )
          ];
        }
      ];
      trusted_proxies = [
        "127.0.0.1/8"
        "::1/128"
      ];
    };
  }
  //
    lib.optionalAttrs
      (
        (
          (cfg.secrets.generate == null && !cfg.settingsElsewhere)
          || (cfg.secrets.generate != null && cfg.secrets.generate)
        )
        && !(
          (cfg.settings.matrix.secret or null) != null || (cfg.settings.matrix.secret_file or null) != null
        )
      )
      {
        matrix = {
          secret_file = "${cfg.secrets.directory}/synapse";
        };
      }
  //
    lib.optionalAttrs
      (
        (
          (
            (cfg.secrets.generate == null && !cfg.settingsElsewhere)
            || (cfg.secrets.generate != null && cfg.secrets.generate)
          )
          && !(
            (cfg.settings.secrets.encryption or null) != null
            || (cfg.settings.secrets.encryption_file or null) != null
          )
        )
        || (
          (
            (cfg.secrets.generate == null && !cfg.settingsElsewhere)
            || (cfg.secrets.generate != null && cfg.secrets.generate)
          )
          && !((cfg.settings.secrets.keys or null) != null || (cfg.settings.secrets.keys_dir or null) != null)
        )
      )
      {
        secrets =
          lib.optionalAttrs (
            (
              (cfg.secrets.generate == null && !cfg.settingsElsewhere)
              || (cfg.secrets.generate != null && cfg.secrets.generate)
            )
            && !(
              (cfg.settings.secrets.encryption or null) != null
              || (cfg.settings.secrets.encryption_file or null) != null
            )
          ) { encryption_file = "${cfg.secrets.directory}/encryption"; }
          // lib.optionalAttrs (
            (
              (
                (cfg.secrets.generate == null && !cfg.settingsElsewhere)
                || (cfg.secrets.generate != null && cfg.secrets.generate)
              )
              && !((cfg.settings.secrets.keys or null) != null || (cfg.settings.secrets.keys_dir or null) != null)
            )
            && !(older "1.7.0")
          ) { keys_dir = "${cfg.secrets.directory}/keys"; }
          //
            lib.optionalAttrs
              (
                (
                  (
                    (cfg.secrets.generate == null && !cfg.settingsElsewhere)
                    || (cfg.secrets.generate != null && cfg.secrets.generate)
                  )
                  && !((cfg.settings.secrets.keys or null) != null || (cfg.settings.secrets.keys_dir or null) != null)
                )
                && older "1.7.0"
              )
              {
                keys = [
                  (
                    lib.optionalAttrs (older "1.2.0") { kid = "rsa"; }
                    // {
                      key_file = "${cfg.secrets.directory}/keys/rsa.pem";
                    }
                  )
                  (
                    lib.optionalAttrs (older "1.2.0") { kid = "p256"; }
                    // {
                      key_file = "${cfg.secrets.directory}/keys/p256.pem";
                    }
                  )
                ];
              };
      }
  // lib.optionalAttrs (cfg.migration.enable || cfg.migration.passwords) {
    passwords = {
      schemes = [
        (
          {
            version = 1;
            algorithm = "bcrypt";
            unicode_normalization = true;
          }
          // lib.optionalAttrs (cfg.migration.pepperFile != null) { secret_file = cfg.migration.pepperFile; }
        )
        {
          version = 2;
          algorithm = "argon2id";
        }
      ];
    };
  }
  // lib.optionalAttrs cfg.createDatabase {
    database =
      lib.optionalAttrs
        (
          !(
            (cfg.settings.database.uri or null) != null
            || (cfg.settings.database.host or null) != null
            || (cfg.settings.database.socket or null) != null
            || (cfg.settings.database.port or null) != null
            || (cfg.settings.database.username or null) != null
            || (cfg.settings.database.password or null) != null
            || (cfg.settings.database.password_file or null) != null
            || (cfg.settings.database.database or null) != null
          )
        )
        {
          uri =
            if cfg.postgresqlPort == 5432 then
              "postgresql:///matrix-authentication-service?host=/run/postgresql"
            else
              "postgresql:///matrix-authentication-service?host=/run/postgresql&port=${toString cfg.postgresqlPort}";
        }
      // lib.optionalAttrs (
        (
          (cfg.settings.database.host or null) != null
          && !(matches formats.absolutePath (cfg.settings.database.host or "/"))
        )
        && cfg.postgresqlPort != 5432
      ) { port = cfg.postgresqlPort; }
      //
        lib.optionalAttrs
          (
            (cfg.settings.database.host or null) != null
            && !(matches formats.absolutePath (cfg.settings.database.host or "/"))
          )
          {
            username = "matrix-authentication-service";
            database = "matrix-authentication-service";
          }
      // lib.optionalAttrs (
        cfg.createDatabase
        && (
          (cfg.settings.database.host or null) != null
          && !(matches formats.absolutePath (cfg.settings.database.host or "/"))
        )
        && (
          (
            (cfg.secrets.generate == null && !cfg.settingsElsewhere)
            || (cfg.secrets.generate != null && cfg.secrets.generate)
          )
          && !(
            (cfg.settings.database.password or null) != null
            || (cfg.settings.database.password_file or null) != null
          )
        )
      ) { password_file = "${cfg.secrets.directory}/database"; };
  }
  // lib.optionalAttrs cfg.localMailRelay {
    email =
      lib.optionalAttrs ((cfg.settings.matrix.homeserver or null) != null) {
        from = "Authentication Service <no-reply@${cfg.settings.matrix.homeserver}>";
      }
      // {
        transport = "smtp";
        mode = "plain";
        hostname = "localhost";
        port = 25;
      };
  }
  // lib.optionalAttrs cfg.metrics {
    telemetry = {
      metrics = {
        exporter = "prometheus";
      };
    };
  }
  // lib.optionalAttrs (cfg.policyPackage != null) {
    policy = {
      wasm_module = "${cfg.policyPackage}/policy.wasm";
    };
  }
  // lib.optionalAttrs (cfg.templatesPackage != null) {
    templates = {
      path = "${cfg.templatesPackage}/templates";
      translations_path = "${cfg.templatesPackage}/translations";
      assets_manifest = "${cfg.templatesPackage}/manifest.json";
    };
  };
  generate = {
    encryption =
      if
        (
          (cfg.secrets.generate == null && !cfg.settingsElsewhere)
          || (cfg.secrets.generate != null && cfg.secrets.generate)
        )
        && !(
          (cfg.settings.secrets.encryption or null) != null
          || (cfg.settings.secrets.encryption_file or null) != null
        )
      then
        true
      else
        false;
    keys =
      if
        (
          (cfg.secrets.generate == null && !cfg.settingsElsewhere)
          || (cfg.secrets.generate != null && cfg.secrets.generate)
        )
        && !((cfg.settings.secrets.keys or null) != null || (cfg.settings.secrets.keys_dir or null) != null)
      then
        true
      else
        false;
    synapse =
      if
        (
          (cfg.secrets.generate == null && !cfg.settingsElsewhere)
          || (cfg.secrets.generate != null && cfg.secrets.generate)
        )
        && !(
          (cfg.settings.matrix.secret or null) != null || (cfg.settings.matrix.secret_file or null) != null
        )
      then
        true
      else
        false;
    database =
      if
        cfg.createDatabase
        && (
          (cfg.settings.database.host or null) != null
          && !(matches formats.absolutePath (cfg.settings.database.host or "/"))
        )
        && (
          (
            (cfg.secrets.generate == null && !cfg.settingsElsewhere)
            || (cfg.secrets.generate != null && cfg.secrets.generate)
          )
          && !(
            (cfg.settings.database.password or null) != null
            || (cfg.settings.database.password_file or null) != null
          )
        )
      then
        true
      else
        false;
  };
  isolated =
    if
      !(
        (cfg.settings.captcha or null) != null
        || (cfg.settings.clients or null) != null
        || (cfg.settings.email or null) != null
        || (cfg.settings.http.listeners or null) != null
        || (cfg.settings.telemetry or null) != null
        || (cfg.settings.upstream_oauth2 or null) != null
      )
      && !cfg.settingsElsewhere
      && cfg.extraSettings == { }
      && matches formats.loopback (cfg.settings.matrix.endpoint or "http://localhost")
      && (matches formats.loopback cfg.listen.public || matches formats.absolutePath cfg.listen.public)
      && matches formats.loopback cfg.listen.internal
      && (
        cfg.createDatabase
        && !((cfg.settings.database.uri or null) != null || (cfg.settings.database.host or null) != null)
      )
    then
      true
    else
      false;
  databaseBehindSocket =
    if
      !cfg.settingsElsewhere
      && (
        (
          cfg.createDatabase
          && !((cfg.settings.database.uri or null) != null || (cfg.settings.database.host or null) != null)
        )
        || matches formats.absolutePath (cfg.settings.database.host or null)
        || matches formats.socketDatabaseUri (cfg.settings.database.uri or null)
      )
    then
      true
    else
      false;
  upstream = {
    nginx =
      if matches formats.absolutePath cfg.listen.public then
        "unix:${cfg.listen.public}"
      else
        cfg.listen.public;
    caddy =
      if matches formats.absolutePath cfg.listen.public then
        "unix/${cfg.listen.public}"
      else
        cfg.listen.public;
  };
}
