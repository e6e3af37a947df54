{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.matrix-synapse;
  hasWorkers = cfg.workers != { };
  database = lib.optional config.services.postgresql.enable "postgresql.target";

  files = configs: lib.concatMapStringsSep " " (file: "--config-path ${file}") configs;
  service = {
    serviceConfig = {
      Type = "notify";
      User = "matrix-synapse";
      Group = "matrix-synapse";
      WorkingDirectory = cfg.dataDir;
      RuntimeDirectory = "matrix-synapse";
      RuntimeDirectoryPreserve = true;
      ExecReload = "/bin/kill -HUP $MAINPID";
      Restart = "on-failure";
      UMask = "0077";
      CapabilityBoundingSet = [ "" ];
      LockPersonality = true;
      NoNewPrivileges = true;
      PrivateDevices = true;
      PrivateTmp = true;
      PrivateUsers = true;
      ProcSubset = "pid";
      ProtectControlGroups = true;
      ProtectHome = true;
      ProtectKernelModules = true;
      ProtectKernelTunables = true;
      ProtectProc = "invisible";
      ProtectSystem = "strict";
      ReadWritePaths = [ cfg.dataDir ] ++ lib.optional hasWorkers "/run/matrix-synapse";
      RestrictAddressFamilies = [
        "AF_INET"
        "AF_INET6"
        "AF_UNIX"
      ];
      RestrictNamespaces = true;
      SystemCallFilter = [
        "@system-service"
        "~@resources"
        "~@privileged"
      ];
    };
  }
  // (
    if hasWorkers then
      {
        partOf = [ "matrix-synapse.target" ];
        wantedBy = [ "matrix-synapse.target" ];
        unitConfig.ReloadPropagatedFrom = "matrix-synapse.target";
        requires = database;
      }
    else
      {
        wants = [ "network-online.target" ];
        after = [ "network-online.target" ] ++ database;
        requires = database;
        wantedBy = [ "multi-user.target" ];
      }
  );

  worker =
    name: settings:
    let
      file = pkgs.writeText "worker-${name}.yaml" (builtins.toJSON (settings // { worker_name = name; }));
    in
    lib.nameValuePair "matrix-synapse-worker-${name}" (
      lib.mkMerge [
        service
        {
          description = "Synapse Matrix worker ${name}";
          after = [ "matrix-synapse.service" ];
          requires = [ "matrix-synapse.service" ];
          serviceConfig.ExecStart = "${cfg.package}/bin/synapse_worker ${
            files (
              [
                cfg.configFile
                file
              ]
              ++ cfg.extraConfigFiles
            )
          } --keys-directory ${cfg.dataDir}";
        }
      ]
    );
in
lib.mkIf cfg.enable {
  # Synapse from PyPI cannot write to the journal itself.
  services.matrix-synapse.log = lib.mkForce {
    version = 1;
    formatters.plain.format = "%(name)s: %(levelname)s: %(message)s";
    handlers.console = {
      class = "logging.StreamHandler";
      formatter = "plain";
    };
    root = {
      level = "WARNING";
      handlers = [ "console" ];
    };
    disable_existing_loggers = false;
  };

  services.redis.servers.matrix-synapse = lib.mkIf cfg.configureRedisLocally {
    enable = true;
    user = "matrix-synapse";
  };

  environment.systemPackages = [
    (pkgs.writeTextFile {
      name = "matrix-synapse-register_new_matrix_user";
      executable = true;
      destination = "/bin/matrix-synapse-register_new_matrix_user";
      text = ''
        #!/bin/sh
        exec ${cfg.package}/bin/register_new_matrix_user "$@" -c ${cfg.configFile} http://127.0.0.1:8008/
      '';
    })
  ];

  systemd.targets.matrix-synapse = lib.mkIf hasWorkers {
    description = "Synapse Matrix parent target";
    wants = [ "network-online.target" ];
    after = [ "network-online.target" ] ++ database;
    wantedBy = [ "multi-user.target" ];
  };

  systemd.services = {
    matrix-synapse = lib.mkMerge [
      service
      {
        description = "Synapse Matrix homeserver";
        preStart = ''
          ${cfg.package}/bin/synapse_homeserver --config-path ${cfg.configFile} \
            --keys-directory ${cfg.dataDir} --generate-keys
        '';
        serviceConfig.ExecStart = "${cfg.package}/bin/synapse_homeserver ${
          files ([ cfg.configFile ] ++ cfg.extraConfigFiles)
        } --keys-directory ${cfg.dataDir}";
      }
    ];
  }
  // lib.mapAttrs' worker cfg.workers;
}
