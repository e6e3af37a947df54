# Written by `mas2nix compile` from src/deploy/units. Do not edit: change that instead.
{ lib, cfg, ... }:
let
  inherit (import ../formats.nix) formats matches;
in
{
  sandboxes = {
    common = {
      LockPersonality = true;
      NoNewPrivileges = true;
      PrivateDevices = true;
      PrivateIPC = true;
      PrivateMounts = true;
      ProtectClock = true;
      ProtectControlGroups = true;
      ProtectHostname = true;
      ProtectKernelLogs = true;
      ProtectKernelModules = true;
      ProtectKernelTunables = true;
      RemoveIPC = true;
      RestrictNamespaces = true;
      RestrictRealtime = true;
      RestrictSUIDSGID = true;
      DevicePolicy = "closed";
      KeyringMode = "private";
      ProcSubset = "pid";
      ProtectProc = "invisible";
      ProtectSystem = "strict";
      SystemCallArchitectures = "native";
      SystemCallErrorNumber = "EPERM";
      UMask = "0077";
    };
    unprivileged = {
      CapabilityBoundingSet = "";
      PrivateTmp = true;
      PrivateUsers = true;
      ProtectHome = true;
      SystemCallFilter = [
        "@system-service"
        "~@privileged"
        "~@resources"
      ];
    };
    networked = {
      IPAddressAllow =
        if cfg.addresses != null then
          cfg.addresses
        else if cfg.computed.isolated then
          [ "localhost" ]
        else
          [ "any" ];
      IPAddressDeny = "any";
      RestrictAddressFamilies = [
        "AF_UNIX"
        "AF_INET"
        "AF_INET6"
      ];
    };
    public = {
      IPAddressAllow = [ "any" ];
      IPAddressDeny = "any";
      RestrictAddressFamilies = [
        "AF_UNIX"
        "AF_INET"
        "AF_INET6"
      ];
    };
    databaseOnly =
      lib.optionalAttrs cfg.computed.databaseBehindSocket {
        IPAddressDeny = "any";
        PrivateNetwork = true;
        RestrictAddressFamilies = [ "AF_UNIX" ];
      }
      // lib.optionalAttrs (!cfg.computed.databaseBehindSocket) {
        IPAddressAllow =
          if cfg.addresses != null then
            cfg.addresses
          else if cfg.computed.isolated then
            [ "localhost" ]
          else
            [ "any" ];
        IPAddressDeny = "any";
        RestrictAddressFamilies = [
          "AF_UNIX"
          "AF_INET"
          "AF_INET6"
        ];
      };
    offline = {
      IPAddressDeny = "any";
      PrivateNetwork = true;
      RestrictAddressFamilies = [ "AF_UNIX" ];
    };
    noJit = {
      MemoryDenyWriteExecute = true;
    };
  };
  services = {
    matrix-authentication-service-secrets = {
      description = "Secrets of Matrix Authentication Service";
      before = lib.optionals cfg.synapse.enable cfg.synapse.units;
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
        StartLimitIntervalSec = "0";
      };
      sandbox = [
        "common"
        "offline"
        "noJit"
      ];
      inherits = "order";
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = [
          "${cfg.toolsPackage}/bin/mas-service secrets"
          "!${cfg.toolsPackage}/bin/mas-service check-secrets"
        ];
        User = "matrix-authentication-service";
        Group =
          if cfg.synapse.enable && cfg.synapse.units != [ ] then
            cfg.synapse.group
          else
            "matrix-authentication-service";
        ReadWritePaths = [ cfg.secrets.directory ];
        CapabilityBoundingSet = "CAP_DAC_READ_SEARCH";
        PrivateTmp = true;
        ProtectHome = "read-only";
        SystemCallFilter = [
          "@system-service"
          "~@privileged"
          "~@resources"
          "@chown"
        ];
        Restart = "on-failure";
        RestartSec = "1s";
        RestartSteps = "6";
        RestartMaxDelaySec = "1min";
        RestartMode = "direct";
      };
      wantedBy = [ "multi-user.target" ];
    };
  }
  // lib.optionalAttrs cfg.createDatabase {
    matrix-authentication-service-database = {
      description = "Database of Matrix Authentication Service";
      after = [
        "postgresql.service"
        "postgresql.target"
      ]
      ++ [ "matrix-authentication-service-secrets.service" ];
      requires = [ "matrix-authentication-service-secrets.service" ];
      wants = [
        "postgresql.service"
        "postgresql.target"
      ];
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
        StartLimitIntervalSec = "0";
      };
      sandbox = [
        "common"
        "unprivileged"
        "offline"
        "noJit"
      ];
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${"${cfg.postgresqlPackage}/bin/psql -X --quiet --set=ON_ERROR_STOP=1 --port=${toString cfg.postgresqlPort} --dbname=postgres --file=/etc/matrix-authentication-service/database.sql"}${
          if cfg.computed.generate.database then
            " --file=/etc/matrix-authentication-service/database-password.sql"
          else
            ""
        }";
        Restart = "on-failure";
        RestartSec = "1s";
        RestartSteps = "6";
        RestartMaxDelaySec = "1min";
        RestartMode = "direct";
        RemainAfterExit = true;
        User = "postgres";
      }
      // lib.optionalAttrs cfg.computed.generate.database {
        LoadCredential = [ "password:${cfg.secrets.directory}/database" ];
      };
      wantedBy = [ "multi-user.target" ];
    };
  }
  // {
    matrix-authentication-service-migrate-database = {
      description = "Database migrations of Matrix Authentication Service";
      after = [
        "network-online.target"
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service"
      ++ cfg.computed.dependencies;
      requires = [
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service";
      wants = [ "network-online.target" ] ++ cfg.computed.dependencies;
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
      }
      // lib.optionalAttrs cfg.migration.enable {
        ConditionFileNotEmpty = [ "${cfg.migration.directory}/synapse.yaml" ];
      }
      // {
        StartLimitIntervalSec = "0";
      };
      sandbox = [
        "common"
        "unprivileged"
        "databaseOnly"
        "noJit"
      ];
      inherits = "everything";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${cfg.toolsPackage}/bin/mas-service run --only database -- database migrate";
        Restart = "on-failure";
        RestartSec = "1s";
        RestartSteps = "6";
        RestartMaxDelaySec = "1min";
        RestartMode = "direct";
        User = cfg.computed.user;
        Group = cfg.computed.group;
        StateDirectory = "matrix-authentication-service";
        StateDirectoryMode = "0700";
        WorkingDirectory = "/var/lib/matrix-authentication-service";
        RuntimeDirectory = "matrix-authentication-service-migrate-database";
        RuntimeDirectoryMode = "0700";
        LoadCredential = cfg.computed.databaseCredentials;
        RemainAfterExit = true;
      };
    };
    matrix-authentication-service = {
      description = "Matrix Authentication Service";
      after =
        (
          [
            "network-online.target"
            "matrix-authentication-service-secrets.service"
          ]
          ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service"
          ++ cfg.computed.dependencies
        )
        ++ [ "matrix-authentication-service-migrate-database.service" ]
        ++ lib.optional (
          (cfg.socketActivation || matches formats.absolutePath cfg.listen.public) && cfg.role != "worker"
        ) "matrix-authentication-service.socket";
      before = lib.optionals cfg.synapse.enable cfg.synapse.units;
      requires =
        (
          [ "matrix-authentication-service-secrets.service" ]
          ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service"
        )
        ++ [ "matrix-authentication-service-migrate-database.service" ]
        ++ lib.optional (
          (cfg.socketActivation || matches formats.absolutePath cfg.listen.public) && cfg.role != "worker"
        ) "matrix-authentication-service.socket";
      wants = [ "network-online.target" ] ++ cfg.computed.dependencies;
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
      }
      // lib.optionalAttrs cfg.migration.enable {
        ConditionFileNotEmpty = [ "${cfg.migration.directory}/synapse.yaml" ];
      }
      // {
        StartLimitIntervalSec = "0";
      };
      sandbox = [
        "common"
        "unprivileged"
        "networked"
      ];
      serviceConfig = {
        Type = "notify-reload";
        ExecStartPre = [ "${cfg.toolsPackage}/bin/mas-service prepare" ];
        ExecStart =
          if cfg.role == "worker" then
            "${"${cfg.package}/bin/mas-cli worker"}${" --config /run/matrix-authentication-service/config.yaml${lib.concatStringsSep "" (map (entry: " --config ${entry}") cfg.computed.extraConfigFiles)}"}"
          else if cfg.role == "server" then
            "${"${cfg.package}/bin/mas-cli server --no-migrate --no-worker"}${" --config /run/matrix-authentication-service/config.yaml${lib.concatStringsSep "" (map (entry: " --config ${entry}") cfg.computed.extraConfigFiles)}"}"
          else
            "${"${cfg.package}/bin/mas-cli server --no-migrate"}${" --config /run/matrix-authentication-service/config.yaml${lib.concatStringsSep "" (map (entry: " --config ${entry}") cfg.computed.extraConfigFiles)}"}";
        WatchdogSec = "1min";
        LimitNOFILE = "65536";
        MemoryHigh = "2G";
        MemoryMax = "3G";
        TasksMax = "1024";
        Restart = "on-failure";
        RestartSec = "1s";
        RestartSteps = "6";
        RestartMaxDelaySec = "1min";
        User = "matrix-authentication-service";
        Group = "matrix-authentication-service";
        StateDirectory = "matrix-authentication-service";
        StateDirectoryMode = "0700";
        WorkingDirectory = "/var/lib/matrix-authentication-service";
        RuntimeDirectory = "matrix-authentication-service";
        RuntimeDirectoryMode = "0755";
        LoadCredential = cfg.computed.credentials;
      };
      wantedBy = [ "multi-user.target" ];
    };
  }
  // lib.optionalAttrs ((cfg.users != { } || cfg.admins != [ ]) && !cfg.migration.enable) {
    matrix-authentication-service-users = {
      description = "Users of Matrix Authentication Service";
      after = [
        "matrix-authentication-service.service"
      ]
      ++ lib.optionals cfg.synapse.enable cfg.synapse.units;
      wants = [ "matrix-authentication-service.service" ];
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
        StartLimitIntervalSec = "0";
      };
      sandbox = [
        "common"
        "unprivileged"
        "networked"
        "noJit"
      ];
      inherits = "everything";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${cfg.toolsPackage}/bin/mas-service users";
        Restart = "on-failure";
        RestartSec = "1s";
        RestartSteps = "6";
        RestartMaxDelaySec = "1min";
        RestartMode = "direct";
        User = cfg.computed.user;
        Group = cfg.computed.group;
        StateDirectory = "matrix-authentication-service";
        StateDirectoryMode = "0700";
        WorkingDirectory = "/var/lib/matrix-authentication-service";
        RuntimeDirectory = "matrix-authentication-service-users";
        RuntimeDirectoryMode = "0700";
        LoadCredential = cfg.computed.credentials ++ cfg.computed.userCredentials;
        RemainAfterExit = true;
      };
      wantedBy = [ "multi-user.target" ];
    };
  }
  // lib.optionalAttrs cfg.doctor.enable {
    matrix-authentication-service-doctor = {
      description = "Health check of Matrix Authentication Service and Synapse";
      after =
        (
          [
            "network-online.target"
            "matrix-authentication-service-secrets.service"
          ]
          ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service"
          ++ cfg.computed.dependencies
        )
        ++ [ "matrix-authentication-service.service" ]
        ++ lib.optionals cfg.synapse.enable cfg.synapse.units;
      requires = [
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service";
      wants = [ "network-online.target" ] ++ cfg.computed.dependencies;
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
      }
      // lib.optionalAttrs cfg.migration.enable {
        ConditionFileNotEmpty = [ "${cfg.migration.directory}/synapse.yaml" ];
      };
      sandbox = [
        "common"
        "unprivileged"
        "public"
        "noJit"
      ];
      inherits = "everything";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${cfg.toolsPackage}/bin/mas-service doctor";
        User = cfg.computed.user;
        Group = cfg.computed.group;
        StateDirectory = "matrix-authentication-service";
        StateDirectoryMode = "0700";
        WorkingDirectory = "/var/lib/matrix-authentication-service";
        RuntimeDirectory = "matrix-authentication-service-doctor";
        RuntimeDirectoryMode = "0700";
        LoadCredential = cfg.computed.credentials;
        SuccessExitStatus = "11";
      };
    };
  }
  // lib.optionalAttrs cfg.migration.enable {
    syn2mas-inspect = {
      description = "Inspection of Synapse for the migration to Matrix Authentication Service";
      after = [
        "network-online.target"
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service"
      ++ cfg.computed.dependencies
      ++ [
        "postgresql.service"
        "postgresql.target"
      ];
      requires = [
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service";
      wants = [ "network-online.target" ] ++ cfg.computed.dependencies;
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
      };
      sandbox = [
        "common"
        "public"
        "noJit"
      ];
      inherits = "order";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${cfg.toolsPackage}/bin/syn2mas inspect";
        PrivateTmp = true;
        ProtectHome = "read-only";
        CapabilityBoundingSet = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID";
        SystemCallFilter = [ "@system-service" ];
        TimeoutStartSec = "infinity";
        ReadWritePaths = [ "/run" ];
        SuccessExitStatus = "11";
      };
    };
    syn2mas-rehearse = {
      description = "Rehearsal of the migration to Matrix Authentication Service";
      after = [
        "network-online.target"
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service"
      ++ cfg.computed.dependencies
      ++ [
        "postgresql.service"
        "postgresql.target"
      ];
      requires = [
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service";
      wants = [ "network-online.target" ] ++ cfg.computed.dependencies;
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
        Conflicts = "syn2mas-migrate.service syn2mas-prepare.service syn2mas-rollback.service";
      };
      sandbox = [
        "common"
        "public"
        "noJit"
      ];
      inherits = "order";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${cfg.toolsPackage}/bin/syn2mas rehearse";
        PrivateTmp = true;
        ProtectHome = "read-only";
        CapabilityBoundingSet = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID";
        SystemCallFilter = [ "@system-service" ];
        TimeoutStartSec = "infinity";
        ReadWritePaths = [
          "/run"
          cfg.migration.directory
        ];
        KillMode = "mixed";
        TimeoutStopSec = "10min";
      };
    };
    syn2mas-migrate = {
      description = "Migration of Synapse's users to Matrix Authentication Service";
      after = [
        "network-online.target"
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service"
      ++ cfg.computed.dependencies
      ++ [
        "postgresql.service"
        "postgresql.target"
        "syn2mas-rehearse.service"
      ];
      requires = [
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service";
      wants = [ "network-online.target" ] ++ cfg.computed.dependencies;
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
        Conflicts = "syn2mas-rehearse.service syn2mas-prepare.service syn2mas-rollback.service";
      };
      sandbox = [
        "common"
        "public"
        "noJit"
      ];
      inherits = "order";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${cfg.toolsPackage}/bin/syn2mas migrate --yes";
        PrivateTmp = true;
        ProtectHome = "read-only";
        CapabilityBoundingSet = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID";
        SystemCallFilter = [ "@system-service" ];
        TimeoutStartSec = "infinity";
        ReadWritePaths = [
          "/run"
          cfg.migration.directory
        ];
        KillMode = "mixed";
        TimeoutStopSec = "10min";
        ExecStopPost = "${cfg.toolsPackage}/bin/syn2mas rollback --interrupted";
      };
    };
    syn2mas-prepare = {
      description = "Preparation of the migration, which `syn2mas cutover` completes";
      after = [
        "network-online.target"
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service"
      ++ cfg.computed.dependencies
      ++ [
        "postgresql.service"
        "postgresql.target"
        "syn2mas-rehearse.service"
        "syn2mas-migrate.service"
      ];
      requires = [
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service";
      wants = [ "network-online.target" ] ++ cfg.computed.dependencies;
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
        Conflicts = "syn2mas-rehearse.service syn2mas-migrate.service syn2mas-rollback.service";
      };
      sandbox = [
        "common"
        "public"
        "noJit"
      ];
      inherits = "order";
      serviceConfig = {
        Type = "exec";
        ExecStart = "${cfg.toolsPackage}/bin/syn2mas migrate --yes --wait";
        PrivateTmp = true;
        ProtectHome = "read-only";
        CapabilityBoundingSet = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID";
        SystemCallFilter = [ "@system-service" ];
        TimeoutStartSec = "infinity";
        ReadWritePaths = [
          "/run"
          cfg.migration.directory
        ];
        KillMode = "mixed";
        TimeoutStopSec = "10min";
        ExecStopPost = "${cfg.toolsPackage}/bin/syn2mas rollback --interrupted";
      };
    };
    syn2mas-verify = {
      description = "Verification of Matrix Authentication Service's database";
      after = [
        "network-online.target"
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service"
      ++ cfg.computed.dependencies
      ++ [
        "postgresql.service"
        "postgresql.target"
      ];
      requires = [
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service";
      wants = [ "network-online.target" ] ++ cfg.computed.dependencies;
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
      };
      sandbox = [
        "common"
        "public"
        "noJit"
      ];
      inherits = "order";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${cfg.toolsPackage}/bin/syn2mas verify";
        PrivateTmp = true;
        ProtectHome = "read-only";
        CapabilityBoundingSet = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID";
        SystemCallFilter = [ "@system-service" ];
        TimeoutStartSec = "infinity";
        ReadWritePaths = [
          "/run"
          cfg.migration.directory
        ];
      };
    };
    syn2mas-rollback = {
      description = "Rollback to Synapse's own authentication";
      after = [
        "network-online.target"
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service"
      ++ cfg.computed.dependencies
      ++ [
        "postgresql.service"
        "postgresql.target"
        "syn2mas-rehearse.service"
        "syn2mas-migrate.service"
        "syn2mas-prepare.service"
      ];
      requires = [
        "matrix-authentication-service-secrets.service"
      ]
      ++ lib.optional cfg.createDatabase "matrix-authentication-service-database.service";
      wants = [ "network-online.target" ] ++ cfg.computed.dependencies;
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
        Conflicts = "syn2mas-rehearse.service syn2mas-migrate.service syn2mas-prepare.service";
      };
      sandbox = [
        "common"
        "public"
        "noJit"
      ];
      inherits = "order";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${cfg.toolsPackage}/bin/syn2mas rollback";
        PrivateTmp = true;
        ProtectHome = "read-only";
        CapabilityBoundingSet = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID";
        SystemCallFilter = [ "@system-service" ];
        TimeoutStartSec = "infinity";
        ReadWritePaths = [
          "/run"
          cfg.migration.directory
        ];
        KillMode = "mixed";
        TimeoutStopSec = "10min";
        ExecStopPost = "${cfg.toolsPackage}/bin/syn2mas rollback --interrupted";
      };
    };
  };
  sockets =
    lib.optionalAttrs
      ((cfg.socketActivation || matches formats.absolutePath cfg.listen.public) && cfg.role != "worker")
      {
        matrix-authentication-service = {
          description = "Sockets of Matrix Authentication Service";
          unitConfig = {
            Documentation = "https://element-hq.github.io/matrix-authentication-service/";
          }
          // lib.optionalAttrs cfg.migration.enable {
            ConditionFileNotEmpty = [ "${cfg.migration.directory}/synapse.yaml" ];
          };
          listenStreams = [
            cfg.listen.public
            cfg.listen.internal
          ];
          socketConfig = {
            DeferAcceptSec = "5s";
            NoDelay = true;
            SocketMode = "0666";
          };
          wantedBy = [ "sockets.target" ];
        };
      };
  timers = lib.optionalAttrs cfg.doctor.enable {
    matrix-authentication-service-doctor = {
      description = "Regular health check of Matrix Authentication Service and Synapse";
      unitConfig = {
        Documentation = "https://element-hq.github.io/matrix-authentication-service/";
      };
      timerConfig = {
        OnCalendar = cfg.doctor.schedule;
        Persistent = true;
        RandomizedDelaySec = "30min";
      };
      wantedBy = [ "timers.target" ];
    };
  };
  tmpfiles = [
    "d ${cfg.secrets.directory} 0711 matrix-authentication-service matrix-authentication-service -"
  ]
  ++ lib.optional cfg.migration.enable "d ${cfg.migration.directory} 0711 root root -"
  ++ lib.optional (
    cfg.migration.enable && (true)
  ) "f ${"${cfg.migration.directory}/synapse.yaml"} 0644 root root -"
  ++ lib.optional (
    cfg.migration.enable && cfg.routes.nginx
  ) "f ${"${cfg.migration.directory}/nginx.conf"} 0644 root root - \\n"
  ++ lib.optional (
    cfg.migration.enable && cfg.routes.caddy
  ) "f ${"${cfg.migration.directory}/caddy.conf"} 0644 root root - \\n";
}
