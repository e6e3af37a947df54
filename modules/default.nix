# Matrix Authentication Service on NixOS. What can be set is generated: see ./generated.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib)
    mkDefault
    mkEnableOption
    mkIf
    mkOption
    mkPackageOption
    types
    ;

  cfg = config.services.matrix-authentication-service;
  name = "matrix-authentication-service";
  settingsTypes = import ./types.nix { inherit lib; };

  # MAS merges its files this way, and `extraSettings` is one more of them.
  join =
    below: above:
    if lib.isAttrs below && lib.isAttrs above then
      below // lib.mapAttrs (key: value: if below ? ${key} then join below.${key} value else value) above
    else if lib.isList below && lib.isList above then
      below ++ above
    else
      above;
  joined = join cfg.settings cfg.extraSettings;

  files = import ./files.nix { inherit lib; } {
    settings = joined;
    own = [
      "/var/lib/${name}"
      "/run/${name}"
      "/run/credentials"
    ];
  };

  ruleArguments = {
    inherit lib;
    rules = import ./rules.nix { inherit lib; };
    settings = joined;
    complete = cfg.extraConfigFiles == [ ];
    older = version: lib.versionOlder (cfg.package.version or version) version;
  };
  problems =
    import ./generated/rules ruleArguments
    ++ lib.optionals (!cfg.allowInlineSecrets) (import ./generated/secrets.nix ruleArguments);

  masCli = "${cfg.package}/bin/mas-cli";
  json = builtins.toJSON files.settings;
  extraArguments = lib.concatMapStrings (file: " --config ${file}");
  knownAtBuild = lib.all (file: lib.hasPrefix "${builtins.storeDir}/" file) cfg.extraConfigFiles;
  canRun = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;
  configFile =
    if cfg.checkConfig && knownAtBuild && canRun then
      pkgs.runCommand "config.yaml"
        {
          inherit json;
          passAsFile = [ "json" ];
          preferLocalBuild = true;
          # MAS sets up its HTTP client even to check its configuration, and wants certificates.
          SSL_CERT_FILE = "${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt";
        }
        ''
          cp "$jsonPath" "$out"
          ${masCli} config check --config "$out"${extraArguments cfg.extraConfigFiles}
        ''
    else
      pkgs.writeText "config.yaml" json;

  extraCredentials = lib.imap0 (i: file: {
    name = "config-${toString i}";
    value = file;
  }) cfg.extraConfigFiles;
  credentials = files.credentials // cfg.credentials // lib.listToAttrs extraCredentials;
  configArguments = extraArguments (
    [ "\${RUNTIME_DIRECTORY}/config.yaml" ]
    ++ map (credential: "\${CREDENTIALS_DIRECTORY}/${credential.name}") extraCredentials
  );

  prepare = pkgs.writeShellScript "matrix-authentication-service-prepare" ''
    set -eu
    ${files.prepare}
    ${pkgs.gettext}/bin/envsubst '$CREDENTIALS_DIRECTORY $RUNTIME_DIRECTORY' \
      < ${configFile} > "$RUNTIME_DIRECTORY/config.yaml"
    ${lib.optionalString cfg.checkConfig "${masCli} config check${configArguments}"}
  '';
in
{
  disabledModules = [ "services/matrix/matrix-authentication-service.nix" ];

  options.services.matrix-authentication-service = {
    enable = mkEnableOption "Matrix Authentication Service";

    package = mkPackageOption pkgs "matrix-authentication-service" { };

    settings = mkOption {
      type = import ./generated/options {
        inherit lib;
        types = settingsTypes;
      };
      default = { };
      description = ''
        The configuration of MAS. Only what is set here reaches MAS, and listeners on the loopback
        interface if none are given.

        A `*_file` option takes any path: a file outside the Nix store is handed to the service as a
        systemd credential, so it may belong to root alone, and a newline at its end does no harm.
      '';
    };

    extraSettings = mkOption {
      type = settingsTypes.json;
      default = { };
      example.experimental.some_new_option = true;
      description = ''
        Settings that this module does not know, for a newer MAS. They are merged over
        {option}`services.matrix-authentication-service.settings` as MAS merges its files: sets are
        merged, lists are joined, and other values win. Their names and types are checked by
        nothing but `checkConfig`.
      '';
    };

    extraConfigFiles = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "/run/secrets/mas.yaml" ];
      description = ''
        Further configuration files, read after the generated one: for secrets that MAS cannot read
        from a file of their own. They are handed to the service as systemd credentials.
      '';
    };

    allowInlineSecrets = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether secrets may stand in the settings themselves, where every user of this host and
        every copy of its system can read them. For tests.
      '';
    };

    checkConfig = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether to let MAS itself check its configuration: when the system is built, unless
        {option}`services.matrix-authentication-service.extraConfigFiles` names files that exist
        only on the host, and each time the service starts.
      '';
    };

    createDatabase = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether to set up PostgreSQL on this host, with a role and a database named
        `matrix-authentication-service`.
      '';
    };

    serviceDependencies = mkOption {
      type = types.listOf types.str;
      default = lib.optional (config.services.matrix-synapse.enable or false
      ) config.services.matrix-synapse.serviceUnit;
      defaultText = lib.literalExpression ''
        lib.optional config.services.matrix-synapse.enable config.services.matrix-synapse.serviceUnit
      '';
      description = "Units to start before MAS, such as the homeserver on the same host.";
    };

    credentials = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example.oidc = "/run/secrets/oidc";
      description = ''
        Files to hand to the service as systemd credentials, by name. Settings refer to one as
        `''${CREDENTIALS_DIRECTORY}/<name>`. The `*_file` options do not need this.
      '';
    };

    finalSettings = mkOption {
      type = settingsTypes.json;
      readOnly = true;
      internal = true;
      description = "What the generated configuration file says.";
    };

    configFile = mkOption {
      type = types.path;
      readOnly = true;
      internal = true;
      description = "The generated configuration file, before the service fills in its directories.";
    };
  };

  config = mkIf cfg.enable {
    services.matrix-authentication-service = {
      finalSettings = files.settings;
      inherit configFile;

      # MAS itself would listen on every interface, or on none as soon as `http` is set.
      settings.http = {
        public_base = mkDefault "http://localhost:8080/";
        listeners = mkDefault [
          {
            name = "web";
            resources = map (name: { inherit name; }) [
              "discovery"
              "human"
              "oauth"
              "compat"
              "graphql"
              "assets"
            ];
            binds = [
              {
                host = "localhost";
                port = 8080;
              }
            ];
          }
          {
            name = "internal";
            resources = [ { name = "health"; } ];
            binds = [
              {
                host = "localhost";
                port = 8081;
              }
            ];
          }
        ];
      };
    };

    assertions = map (problem: {
      assertion = false;
      message = "services.matrix-authentication-service.settings.${problem}";
    }) problems;

    services.postgresql = mkIf cfg.createDatabase {
      enable = true;
      ensureDatabases = [ name ];
      ensureUsers = [
        {
          inherit name;
          ensureDBOwnership = true;
        }
      ];
    };

    systemd.services.matrix-authentication-service = rec {
      description = "Matrix Authentication Service";
      after = [
        "network-online.target"
      ]
      ++ lib.optional cfg.createDatabase "postgresql.target"
      ++ cfg.serviceDependencies;
      wants = after;
      wantedBy = [ "multi-user.target" ];
      serviceConfig = {
        Type = "notify";
        DynamicUser = true;
        StateDirectory = name;
        StateDirectoryMode = "0700";
        RuntimeDirectory = name;
        RuntimeDirectoryMode = "0700";
        WorkingDirectory = "/var/lib/${name}";
        UMask = "0077";
        LoadCredential = lib.mapAttrsToList (name: file: "${name}:${file}") credentials;
        # After what an administrator puts into `preStart`, which may make the files.
        ExecStartPre = lib.mkAfter [ prepare ];
        ExecStart = "${masCli} server${configArguments}";
        Restart = "on-failure";
        RestartSec = "1s";

        CapabilityBoundingSet = "";
        LockPersonality = true;
        NoNewPrivileges = true;
        PrivateDevices = true;
        PrivateTmp = true;
        ProcSubset = "pid";
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHome = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        ProtectSystem = "strict";
        RemoveIPC = true;
        RestrictAddressFamilies = [
          "AF_UNIX"
          "AF_INET"
          "AF_INET6"
        ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [ "@system-service" ];
      };
    };
  };
}
