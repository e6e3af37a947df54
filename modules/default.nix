# Matrix Authentication Service on NixOS. The options, and the results computed from them, are generated:
# see ./generated. This file passes the options to the generated files, and the results to NixOS.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  inherit (lib)
    mkAfter
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
  toYaml = import ./yaml.nix { inherit lib; };
  merge = import ./merge.nix { inherit lib; };
  loginLocations = import ./login-locations.nix { inherit lib; };

  older = version: lib.versionOlder (cfg.package.version or version) version;

  # The user's settings, without the defaults that `settings` shows: unchanged, and without unset options.
  # Values are evaluated only when they are needed, because they may refer to each other.
  settingsOption = options.services.${name}.settings;
  definedSettings =
    (lib.modules.mergeDefinitions settingsOption.loc settingsOption.type
      settingsOption.definitionsWithLocations
    ).mergedValue;
  prunedSettings = settingsTypes.prune settingsOption.type definedSettings;
  # nixpkgs' module has `providers = null`, and MAS rejects the section without providers.
  ownSettings = removeAttrs prunedSettings (
    lib.optional (prunedSettings.upstream_oauth2 or null == { }) "upstream_oauth2"
  );
  derived = import ./generated/defaults.nix {
    inherit lib older;
    cfg = cfg // {
      inherit settingsElsewhere;
      settings = definedSettings;
    };
  };
  # `extraSettings` is one more file that MAS merges.
  settings = merge.joiningLists (merge.replacingLists derived.settings ownSettings) cfg.extraSettings;
  files = import ./files.nix { inherit lib settings; };

  # The settings that other modules see.
  fill =
    defaults: defined:
    defaults
    // lib.mapAttrs (
      option: value:
      if settingsTypes.isMissing value then
        defaults.${option} or null
      else if lib.isAttrs value && lib.isAttrs (defaults.${option} or null) then
        fill defaults.${option} value
      else
        value
    ) defined;
  shownDefaults = merge.replacingLists (import ./shown-defaults.nix definedSettings) derived.settings;
  shownSettings = merge.joiningLists (fill shownDefaults definedSettings) cfg.extraSettings;

  # Files that are read only when MAS starts may contain any setting, and so may variables. Only rules check
  # for variables: all units of a host may depend on the settings, which must not depend on the units.
  settingsElsewhere = cfg.extraConfigFiles != [ ];
  complete = !settingsElsewhere && !mainUnit.bringsSettings;
  mainUnit = import ./main-unit.nix {
    inherit lib name units;
    inherit (config.systemd) services;
    credentials = lines credentials;
  };

  extraConfigFiles = lib.imap0 (
    i: file:
    let
      path = files.withBraces file;
      credential = "config-${toString i}";
    in
    if files.isOwn path then
      {
        inherit path;
        credentials = { };
      }
    else
      {
        path = "\${CREDENTIALS_DIRECTORY}/${credential}";
        credentials.${credential} = file;
      }
  ) cfg.extraConfigFiles;
  credentials =
    files.credentials
    // cfg.credentials
    // lib.mergeAttrsList (map (file: file.credentials) extraConfigFiles);
  forDatabase = lib.filterAttrs (
    credential: _: lib.hasPrefix "database." credential || !files.credentials ? ${credential}
  );
  passwords = lib.mapAttrs' (
    user: { passwordFile, ... }: lib.nameValuePair "user-${user}" passwordFile
  ) (lib.filterAttrs (_: user: user ? passwordFile) cfg.users);
  lines = lib.mapAttrsToList (credential: file: "${credential}:${file}");

  # The file with the shared secret, as Synapse can read it: for a credential, its source file, if
  # `credentials` names one.
  sharedSecretFile =
    let
      file = settings.matrix.secret_file or null;
      path = files.withBraces (toString file);
    in
    if files.isCredential path then cfg.credentials.${files.credentialName path} or null else file;

  # The options and computed values, for the generated files.
  context = cfg // {
    inherit settings settingsElsewhere;
    computed = derived // {
      inherit (files) copies;
      config = files.settings;
      inherit (mainUnit) user group;
      unitProperties = mainUnit.properties;
      inherit sharedSecretFile;
      dependencies = lib.subtractLists (lib.optionals cfg.synapse.enable (
        cfg.synapse.units ++ [ "matrix-synapse.target" ]
      )) cfg.serviceDependencies;
      credentials = lines credentials;
      databaseCredentials = lines (forDatabase credentials);
      userCredentials = lines passwords;
      credentialFiles = mainUnit.credentialFiles // credentials // passwords;
      extraConfigFiles = map (file: file.path) extraConfigFiles;
      wellKnownHeaders = lib.mapAttrsToList lib.nameValuePair cfg.routes.wellKnownHeaders;
      wellKnownClient = import ./well-known.nix { inherit lib; } cfg.routes.wellKnownClient;
      experimentalFeatures = synapse.features // cfg.synapse.experimentalFeatures;
    };
  };
  generated =
    file:
    import file {
      inherit lib older;
      cfg = context;
    };
  units = generated ./generated/units.nix;
  tools = generated ./generated/tools.nix;
  synapse = generated ./generated/synapse.nix;
  routes = generated ./generated/routes.nix;
  etcFiles = generated ./generated/etc-files.nix;

  ruleArguments = {
    inherit lib settings older;
    rules = import ./rules.nix { inherit lib; };
    inherit complete;
  };
  below = path: map (problem: "${path}.${problem}");
  problems =
    below "services.matrix-authentication-service.settings" (
      import ./generated/rules ruleArguments
      ++ lib.optionals (!cfg.allowInlineSecrets) (import ./generated/secrets.nix ruleArguments)
    )
    ++ below "services.matrix-authentication-service" (
      import ./generated/module-rules.nix (
        ruleArguments
        // {
          settings = context // {
            settingsElsewhere = !complete;
          };
        }
      )
    )
    ++ lib.optionals (delegated && !migration.enable) (
      below "services.matrix-synapse.settings" (
        import ./generated/synapse-rules.nix (
          ruleArguments
          // {
            inherit (homeserver) settings;
            complete = true;
          }
        )
      )
    );

  # Problems that depend on the host, in addition to the generated rules.
  hostProblems =
    lib.optional (delegatedHere && !config.users.groups ? ${cfg.synapse.group})
      "synapse.group: there is no group ${cfg.synapse.group} on this host, so Synapse could not read the shared secret. Set `services.matrix-synapse.enable`, set the group that Synapse runs as, or set `synapse.units` to [ ] if Synapse runs on another host."
    ++ lib.concatMap (
      { path, ... }:
      let
        file = toString (lib.attrByPath path "" settings);
      in
      lib.optional
        (lib.head path == "database" && mainUnit.makesFiles && files.isOwn file && !files.isCredential file)
        "settings.${lib.concatStringsSep "." path}: the database is migrated before the `preStart` of MAS's unit creates this file. Create it in a separate unit, and add that to `systemd.services.${name}.after` and `wants`."
    ) (import ./generated/files.nix)
    ++ lib.concatMap (
      credential:
      lib.optional (!mainUnit.hasCredential credential)
        "settings: systemd.services.${name}.serviceConfig.LoadCredential leaves `${credential}` out, which MAS reads. Set it to a list without `mkForce`, which is joined with the module's own."
    ) (lib.attrNames credentials)
    ++ lib.concatMap (
      { option, credential }:
      lib.optional (!mainUnit.hasCredential credential)
        "${option}: MAS's unit has no credential `${credential}`. Use the path of the file itself, or set `services.matrix-authentication-service.credentials.${credential}` to it."
    ) (map (need: need // { option = "settings.${need.option}"; }) files.needs ++ neededByExtraFiles);
  neededByExtraFiles = lib.concatLists (
    lib.imap0 (
      i: file:
      lib.optional (files.isCredential file.path && file.credentials == { }) {
        option = "extraConfigFiles[${toString i}]";
        credential = files.credentialName file.path;
      }
    ) extraConfigFiles
  );
  # nginx does not allow a location twice. Those of the module are taken from their text.
  nginxProblems = lib.optionals cfg.routes.nginx (
    lib.concatMap (
      site:
      let
        ours = lib.concatMap (line: lib.toList (builtins.match "location (.*) [{]" line)) (
          lib.splitString "\n" site.text
        );
        theirs = lib.attrNames config.services.nginx.virtualHosts.${site.host}.locations;
      in
      map (
        place:
        "services.nginx.virtualHosts.\"${site.host}\".locations.\"${place}\": `services.${name}.routes` defines this location too, and nginx does not start with duplicates. Remove it, or set `routes.nginx` to false."
      ) (lib.intersectLists ours theirs)
    ) (lib.attrValues routes.nginx)
    ++ lib.optionals (routes.nginx ? matrix) (
      let
        inherit (routes.nginx.matrix) host text;
      in
      below "services.nginx.virtualHosts.\"${host}\"" (
        loginLocations text config.services.nginx.virtualHosts.${host}
      )
    )
  );
  headers = config.services.nginx.commonHttpConfig + config.services.nginx.appendHttpConfig;
  nginxWarnings =
    lib.optional
      (
        cfg.routes.nginx
        && cfg.routes.wellKnown
        && cfg.routes.wellKnownHeaders == { }
        && lib.hasInfix "add_header" headers
      )
      "services.${name}.routes.wellKnownHeaders: nginx's configuration sets headers for every server, but nginx does not send them with the well-known documents, which set headers of their own. Repeat them here.";

  # Where the proxy and Synapse expect MAS, if the listeners are not the module's own.
  listenerProblems =
    let
      portOf = address: lib.last (lib.splitString ":" address);
      ports = lib.concatMap (
        listener: map (bind: toString (bind.port or (portOf (bind.address or "")))) (listener.binds or [ ])
      ) (settings.http.listeners or [ ]);
      isOwn = !settingsTypes.isMissing (definedSettings.http.listeners or null) && complete;
      missing =
        option: who:
        lib.optional
          (isOwn && !lib.hasPrefix "/" cfg.listen.${option} && !lib.elem (portOf cfg.listen.${option}) ports)
          "listen.${option}: ${who} connects to ${cfg.listen.${option}}, where none of `settings.http.listeners` listens. Use the address of a listener, or remove `settings.http.listeners`.";
    in
    lib.optionals (cfg.routes.nginx || cfg.routes.caddy) (missing "public" "the reverse proxy")
    ++ lib.optionals (
      delegatedHere && lib.hasSuffix ":${portOf cfg.listen.internal}/" cfg.synapse.endpoint
    ) (missing "internal" "Synapse");

  orderProblems = map (
    unit:
    "systemd.services.${name}.after: ${unit} starts after MAS, and cannot start before it too. Remove it here."
  ) mainUnit.cycles;

  masCli = "${cfg.package}/bin/mas-cli";
  plainEtcFiles = lib.mapAttrs (
    file: content: pkgs.writeText file (content.text or (toYaml content.yaml))
  ) etcFiles;
  plainConfigFile = plainEtcFiles."config.yaml";
  knownAtBuild =
    lib.all (file: lib.hasPrefix "${builtins.storeDir}/" file) cfg.extraConfigFiles
    && !mainUnit.bringsSettings;
  canRun = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;
  configFile =
    if cfg.checkConfig && knownAtBuild && canRun then
      pkgs.runCommand "config.yaml"
        {
          config = plainConfigFile;
          preferLocalBuild = true;
          # MAS sets up its HTTP client, which needs certificates, even to check its configuration.
          SSL_CERT_FILE = "${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt";
        }
        ''
          cp "$config" "$out"
          ${masCli} config check --config "$out"${
            lib.concatMapStrings (file: " --config ${file}") cfg.extraConfigFiles
          }
        ''
    else
      plainConfigFile;

  # Synapse on this host.
  homeserver = config.services.matrix-synapse;
  delegated = cfg.synapse.enable && homeserver.enable;
  delegatedHere = cfg.synapse.enable && cfg.synapse.units != [ ];
  # The cutover happens at run time, until the administrator adopts it in the settings.
  inherit (cfg) migration;
  synapseUrl = import ./synapse-url.nix { inherit lib; } (homeserver.settings.listeners or [ ]);
  synapseVersion = lib.getVersion homeserver.package;
  synapseDatabase = homeserver.settings.database or { name = "sqlite3"; };
  isLocal = lib.elem (synapseDatabase.args.host or "localhost") [
    "localhost"
    "127.0.0.1"
    "::1"
    "/run/postgresql"
  ];
  # A device that logs in with a QR code gets this address from Synapse.
  qrLoginWarnings =
    lib.optional
      (
        delegated
        && cfg.synapse.qrLogin
        && homeserver.settings.public_baseurl or null == null
        && cfg.routes.matrixHost != null
        && cfg.routes.matrixHost != homeserver.settings.server_name
      )
      "services.${name}.synapse.qrLogin: Synapse has no `public_baseurl`, so devices that log in with a QR code would look for it at https://${homeserver.settings.server_name}/. Set `services.matrix-synapse.settings.public_baseurl` to \"https://${cfg.routes.matrixHost}/\", or set this option to false.";
  servesCalls =
    config.services.livekit.enable or false || config.services.lk-jwt-service.enable or false;
  # A switch that would lock users out is refused before anything is stopped.
  knowsOldPasswords = lib.any (
    scheme: scheme.version or null == 1 && scheme.algorithm or null == "bcrypt"
  ) settings.passwords.schemes or [ ];
  ifMoved = reason: ''
    if [ -s ${migration.directory}/synapse.yaml ]; then
      echo "This homeserver was migrated to MAS: ${reason}." >&2
      exit 1
    fi
  '';
  guards =
    lib.optionalAttrs (!(cfg.enable && cfg.synapse.enable)) {
      syn2mas-way-back = ifMoved "without MAS, all users would be logged out. Run 'syn2mas rollback' first";
    }
    // lib.optionalAttrs (cfg.enable && delegated && !knowsOldPasswords) {
      syn2mas-passwords = ifMoved "users could not log in with their existing passwords. Set services.matrix-authentication-service.migration.passwords";
    }
    // lib.optionalAttrs cfg.enable {
      syn2mas-at-work = "${cfg.toolsPackage}/bin/syn2mas guard --idle --state-dir ${migration.directory}";
    }
    // lib.optionalAttrs (cfg.enable && delegated && !migration.enable) {
      syn2mas-way-there = lib.concatStringsSep " " (
        [
          "${cfg.toolsPackage}/bin/syn2mas guard"
          "--manifest ${guardManifest}"
          "--synapse-directory ${lib.escapeShellArg homeserver.dataDir}"
        ]
        ++ lib.optional migration.assumeMoved "--assume-moved"
      );
    };
  # The files of the configuration to switch to, which are not below /etc yet.
  guardManifest = pkgs.writeText "guard.yaml" (toYaml {
    inherit (migration) synapseConfig synapseUser;
    synapseUnit = cfg.synapse.units;
    masUser = mainUnit.user;
    masService = "${pkgs.writeText "guard-service.yaml" (
      toYaml (etcFiles."service.yaml".yaml // { config = "${configFile}"; })
    )}";
  });

  # An administrator can override directives that are set only once; lists are joined.
  defaults =
    value:
    if lib.isAttrs value then
      lib.mapAttrs (_: defaults) value
    else if lib.isList value then
      value
    else
      mkDefault value;
  declaration =
    unitName: unit:
    let
      serviceConfig = defaults (
        lib.mergeAttrsList (map (part: units.sandboxes.${part}) unit.sandbox ++ [ unit.serviceConfig ])
      );
    in
    defaults (
      removeAttrs unit [
        "inherits"
        "sandbox"
        "serviceConfig"
      ]
    )
    // {
      # The administrator's own commands come first: they may create files that the configuration names.
      serviceConfig =
        serviceConfig
        # A list of addresses joined with ours would allow more than either.
        // lib.optionalAttrs (serviceConfig ? IPAddressAllow) {
          IPAddressAllow = mkDefault serviceConfig.IPAddressAllow;
        }
        // lib.optionalAttrs (serviceConfig ? ExecStartPre) {
          ExecStartPre = mkAfter serviceConfig.ExecStartPre;
        };
      # Units are restarted together, so that MAS is not stopped while the others are.
      stopIfChanged = mkDefault false;
    }
    // (
      if lib.hasPrefix "syn2mas-" unitName then
        # A migration is never restarted because something else has changed.
        { restartIfChanged = mkDefault false; }
      else
        {
          restartTriggers = map (file: config.environment.etc."${name}/${file}".source) [
            "config.yaml"
            "service.yaml"
          ];
        }
    );
  inheritance =
    unit: mainUnit.order // lib.optionalAttrs (unit.inherits == "everything") mainUnit.everything;

  # The configuration if MAS is enabled.
  enabled = {
    services.matrix-authentication-service = {
      finalSettings = files.settings;
      synapseOverlay = mkIf cfg.synapse.enable (toYaml etcFiles."synapse.yaml".yaml);
      settings.matrix = mkIf delegated {
        homeserver = mkDefault homeserver.settings.server_name;
        endpoint = mkIf (synapseUrl != null) (mkDefault "${synapseUrl}/");
      };
      postgresqlPort = mkDefault config.services.postgresql.settings.port;
      migration.synapseConfig = mkIf homeserver.enable (
        mkDefault (map toString ([ homeserver.configFile ] ++ homeserver.extraConfigFiles))
      );
      routes.synapse = mkIf (delegated && synapseUrl != null) (mkDefault synapseUrl);
      synapse = mkIf homeserver.enable {
        version = mkDefault (if synapseVersion == "" then null else synapseVersion);
        database = mkIf (synapseDatabase.name == "psycopg2" && isLocal) (
          mkDefault synapseDatabase.args.database
        );
        units = mkDefault (
          [ "matrix-synapse.service" ]
          ++ map (worker: "matrix-synapse-worker-${worker}.service") (lib.attrNames homeserver.workers)
        );
        qrLogin = mkIf delegated (mkDefault true);
        rtcTransports = mkIf (delegated && servesCalls) (
          mkDefault cfg.routes.wellKnownClient."org.matrix.msc4143.rtc_foci" or [ ]
        );
        experimentalFeatures = mkDefault (homeserver.settings.experimental_features or { });
      };
    };

    assertions =
      map
        (message: {
          assertion = false;
          inherit message;
        })
        (
          # Both kinds of rules need the lists of the settings.
          lib.unique problems
          ++ below "services.${name}" (hostProblems ++ listenerProblems)
          ++ orderProblems
          ++ mainUnit.problems
          ++ nginxProblems
        );

    warnings =
      lib.optional (mainUnit.bringsSettings && derived.isolated && cfg.addresses == null)
        "services.${name}.addresses: according to its settings, MAS communicates only with this host. If variables of its environment name other hosts, list them here, or set this to [ \"any\" ]."
      ++ nginxWarnings
      ++ qrLoginWarnings
      ++ below "services.${name}.settings" (import ./generated/warnings.nix ruleArguments)
      ++ lib.optionals cfg.synapse.enable (import ./bridges.nix { inherit lib config; });

    services.matrix-synapse = mkIf delegated {
      settings = mkIf (!migration.enable) {
        matrix_authentication_service = lib.mapAttrs (_: mkDefault) synapse.section;
        experimental_features = mkIf (synapse.features != { }) (
          lib.mapAttrs (_: mkDefault) synapse.features
        );
        matrix_rtc = mkIf (synapse ? matrixRtc) (lib.mapAttrs (_: mkDefault) synapse.matrixRtc);
      };
      extraConfigFiles = mkIf migration.enable (lib.mkAfter [ synapse.overlayFile ]);
    };

    # Backup and other modules use these lists.
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

    services.nginx = mkIf cfg.routes.nginx {
      enable = true;
      virtualHosts = lib.mkMerge (
        lib.mapAttrsToList (_: site: { ${site.host}.extraConfig = site.text; }) routes.nginx
      );
      appendHttpConfig = routes.nginxHttp;
    };

    services.caddy = mkIf cfg.routes.caddy {
      enable = true;
      virtualHosts = lib.mkMerge (
        lib.mapAttrsToList (_: site: { ${site.host}.extraConfig = site.text; }) routes.caddy
      );
    };

    services.prometheus = mkIf (cfg.metrics && config.services.prometheus.enable or false) {
      scrapeConfigs = [
        {
          job_name = name;
          static_configs = [ { targets = [ cfg.listen.internal ]; } ];
        }
      ];
    };

    environment.etc = lib.mapAttrs' (
      file: source: lib.nameValuePair "${name}/${file}" { inherit source; }
    ) (plainEtcFiles // { "config.yaml" = configFile; });

    environment.systemPackages =
      lib.optionals delegatedHere [
        cfg.toolsPackage
        # `syn2mas` names them in its messages.
        (pkgs.callPackage ../nix/pages.nix { })
      ]
      ++ lib.mapAttrsToList (
        tool: text:
        pkgs.writeTextFile {
          name = tool;
          inherit text;
          executable = true;
          destination = "/bin/${tool}";
        }
      ) tools;

    users.users.${name} = lib.mapAttrs (_: mkDefault) {
      isSystemUser = true;
      group = name;
      description = "Matrix Authentication Service";
      home = "/var/lib/${name}";
    };
    users.groups.${name} = { };

    systemd = {
      services = lib.mkMerge [
        (lib.mapAttrs declaration units.services)
        (lib.mapAttrs (_: inheritance) (lib.filterAttrs (_: unit: unit ? inherits) units.services))
        # NixOS creates the databases in that list with the locale of the cluster.
        (mkIf (cfg.createDatabase && cfg.databaseLocale != null) {
          postgresql-setup.preStart = ''
            ${cfg.postgresqlPackage}/bin/psql -X --quiet --set=ON_ERROR_STOP=1 --dbname=postgres \
              --port=${toString cfg.postgresqlPort} --file=/etc/${name}/database.sql
          '';
        })
      ];
      sockets = lib.mapAttrs (_: defaults) units.sockets;
      timers = lib.mapAttrs (_: defaults) units.timers;
      tmpfiles.rules = units.tmpfiles;
    };
  };
in
{
  disabledModules = [ "services/matrix/matrix-authentication-service.nix" ];

  options.services.matrix-authentication-service =
    import ./generated/module.nix {
      inherit lib;
      types = settingsTypes;
    }
    // {
      enable = mkEnableOption "Matrix Authentication Service";

      package = mkPackageOption pkgs "matrix-authentication-service" { };

      toolsPackage = mkOption {
        type = types.package;
        default = pkgs.mas2nix or (pkgs.callPackage ../nix/package.nix { });
        defaultText = lib.literalMD "mas2nix, built from the source of this module";
        description = "Package that contains `mas-service`, which the units run.";
      };

      postgresqlPackage = mkOption {
        type = types.package;
        default = config.services.postgresql.package;
        defaultText = lib.literalExpression "config.services.postgresql.package";
        description = "Package that contains `psql`, which `createDatabase` uses.";
      };

      settings = mkOption {
        type =
          settingsTypes.module
            {
              inherit lib options pkgs;
              config = cfg.settings;
              name = "settings";
            }
            (
              import ./generated/options {
                inherit lib;
                types = settingsTypes;
              }
            );
        default = { };
        # Other modules read the options for which nixpkgs' module has defaults.
        apply = _: shownSettings;
        description = ''
          Configuration of MAS. MAS gets only these settings and those that follow from other options:
          the listeners, the secrets generated on this host, and its database. Reading this option
          returns both, and also MAS's own defaults where nixpkgs' module has them.

          A `*_file` option accepts any path. The service receives a file outside the Nix store as a
          systemd credential, so only root needs to be able to read it, and a trailing newline is ignored.
        '';
      };

      extraSettings = mkOption {
        type = settingsTypes.json;
        default = { };
        example.experimental.some_new_option = true;
        description = ''
          Settings that this module does not know, for a newer MAS. They are merged over
          {option}`services.matrix-authentication-service.settings` as MAS merges its files: sets are
          merged, lists are joined, and other values are replaced. Only `checkConfig` checks their names
          and types.
        '';
      };

      finalSettings = mkOption {
        type = settingsTypes.json;
        readOnly = true;
        internal = true;
        description = "Content of the generated configuration file.";
      };

      synapseOverlay = mkOption {
        type = types.str;
        readOnly = true;
        internal = true;
        description = "Configuration file for Synapse that enables delegation, whatever its other files contain.";
      };
    };

  config = lib.mkMerge [
    { system.preSwitchChecks = mkIf homeserver.enable guards; }
    (mkIf cfg.enable enabled)
  ];
}
