{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.postgresql;
  data = "/var/lib/postgresql/data";
  bin = "${cfg.package}/bin";
  value =
    value: if lib.isString value then "'${value}'" else lib.generators.mkValueStringDefault { } value;
  settings = {
    hba_file = "${pkgs.writeText "pg_hba.conf" cfg.authentication}";
    ident_file = "${pkgs.writeText "pg_ident.conf" cfg.identMap}";
    listen_addresses = if cfg.enableTCPIP then "*" else "localhost";
    unix_socket_directories = "/run/postgresql";
  }
  // cfg.settings;
  file = pkgs.writeText "postgresql.conf" (
    lib.concatLines (lib.mapAttrsToList (name: setting: "${name} = ${value setting}") settings)
  );
in
lib.mkIf cfg.enable {
  services.postgresql.authentication = lib.mkAfter ''
    local all all peer
    host all all 127.0.0.1/32 md5
    host all all ::1/128 md5
  '';

  systemd.targets.postgresql = {
    description = "PostgreSQL";
    wantedBy = [ "multi-user.target" ];
    requires = [
      "postgresql.service"
      "postgresql-setup.service"
    ];
  };

  systemd.services.postgresql = {
    description = "PostgreSQL Server";
    after = [ "network.target" ];
    preStart = ''
      if ! test -e ${data}/PG_VERSION; then
        ${bin}/initdb --pgdata=${data} --username=postgres --locale=C.UTF-8 --encoding=UTF8
        touch ${data}/.first_startup
      fi
    '';
    serviceConfig = {
      Type = "notify";
      User = "postgres";
      Group = "postgres";
      StateDirectory = "postgresql";
      RuntimeDirectory = "postgresql";
      ExecStart = "${bin}/postgres -D ${data} -c config_file=${file}";
      KillSignal = "SIGINT";
      KillMode = "mixed";
      TimeoutSec = "120";
    };
  };

  systemd.services.postgresql-setup = {
    description = "PostgreSQL Setup Scripts";
    requires = [ "postgresql.service" ];
    after = [ "postgresql.service" ];
    before = [ "postgresql.target" ];
    script =
      lib.optionalString (cfg.initialScript != null) ''
        if test -e ${data}/.first_startup; then
          ${bin}/psql -X --file=${cfg.initialScript} postgres
        fi
      ''
      + lib.concatMapStrings (database: ''
        ${bin}/psql -XAtc "SELECT 1 FROM pg_database WHERE datname = '${database}'" postgres | grep -q . ||
          ${bin}/createdb ${database}
      '') cfg.ensureDatabases
      + lib.concatMapStrings (
        { name, ensureDBOwnership }:
        ''
          ${bin}/psql -XAtc "SELECT 1 FROM pg_roles WHERE rolname = '${name}'" postgres | grep -q . ||
            ${bin}/psql -X --command='CREATE USER "${name}"' postgres
        ''
        + lib.optionalString ensureDBOwnership ''
          ${bin}/psql -X --command='ALTER DATABASE "${name}" OWNER TO "${name}"' postgres
        ''
      ) cfg.ensureUsers
      + "rm -f ${data}/.first_startup\n";
    environment.PGPORT = toString cfg.settings.port;
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      User = "postgres";
      Group = "postgres";
    };
  };
}
