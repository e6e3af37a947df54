# nixpkgs nixos/lib/systemd-unit-options.nix, systemd-types.nix and systemd-lib.nix; tmpfiles:
# nixos/modules/system/boot/systemd/tmpfiles.nix.
{ lib, pkgs, ... }:
let
  inherit (lib) mkOption types;

  unitName = types.strMatching "[a-zA-Z0-9@%:_.\\-]+[.](service|socket|device|mount|automount|swap|target|path|timer|scope|slice)";
  units = mkOption {
    type = types.listOf unitName;
    default = [ ];
  };
  lines = mkOption {
    type = types.lines;
    default = "";
  };
  strings = mkOption {
    type = types.listOf types.str;
    default = [ ];
  };
  switch =
    default:
    mkOption {
      type = types.bool;
      inherit default;
    };

  # If one definition is a list, all are joined; otherwise they must be equal.
  directive = lib.mkOptionType {
    name = "systemd option";
    merge =
      loc: defs:
      let
        highest = lib.filterOverrides defs;
      in
      if lib.any (def: lib.isList def.value) highest then
        lib.concatMap (def: lib.toList def.value) highest
      else
        lib.mergeEqualOption loc highest;
  };
  directives = mkOption {
    type = types.attrsOf directive;
    default = { };
  };
  # Each definition is checked by itself, before they are merged.
  serviceDirectives =
    let
      known = {
        Type = [
          "dbus"
          "exec"
          "forking"
          "idle"
          "notify"
          "notify-reload"
          "oneshot"
          "simple"
        ];
        Restart = [
          "always"
          "no"
          "on-abnormal"
          "on-abort"
          "on-failure"
          "on-success"
        ];
      };
      content =
        value:
        if
          lib.elem (value._type or "") [
            "if"
            "override"
          ]
        then
          value.content
        else
          value;
      isKnown =
        values: name: allowed:
        !values ? ${name} || lib.elem (content values.${name}) allowed;
    in
    mkOption {
      type = types.addCheck (types.attrsOf directive) (
        values: lib.all lib.id (lib.mapAttrsToList (isKnown values) known)
      );
      default = { };
    };

  unit.options = {
    name = mkOption { type = types.str; };
    description = mkOption {
      type = types.singleLineStr;
      default = "";
    };
    documentation = strings;
    after = units;
    before = units;
    bindsTo = units;
    conflicts = units;
    onFailure = units;
    onSuccess = units;
    partOf = units;
    requiredBy = units;
    requires = units;
    requisite = units;
    upholds = units;
    wantedBy = units;
    wants = units;
    startLimitBurst = mkOption { type = types.int; };
    startLimitIntervalSec = mkOption { type = types.int; };
    unitConfig = directives;
    restartTriggers = mkOption {
      type = types.listOf types.unspecified;
      default = [ ];
    };
    reloadTriggers = mkOption {
      type = types.listOf directive;
      default = [ ];
    };
  };

  # The section [Unit] that follows from a unit's options. These are ordinary definitions, so setting such a
  # directive in `unitConfig` as well is a conflict.
  inUnitSection =
    {
      config,
      name,
      options,
      ...
    }:
    let
      triggers =
        kind: items:
        "${pkgs.writeText "X-${kind}-Triggers-${name}" (
          toString (map (item: if lib.isPath item then "${item}" else item) (lib.flatten items))
        )}";
      given = {
        After = config.after;
        Before = config.before;
        BindsTo = config.bindsTo;
        Conflicts = config.conflicts;
        Documentation = config.documentation;
        OnFailure = config.onFailure;
        OnSuccess = config.onSuccess;
        PartOf = config.partOf;
        Requires = config.requires;
        Requisite = config.requisite;
        Upholds = config.upholds;
        Wants = config.wants;
      };
    in
    {
      config.unitConfig =
        lib.mapAttrs (_: toString) (lib.filterAttrs (_: units: units != [ ]) given)
        // lib.optionalAttrs (config.description != "") { Description = config.description; }
        // lib.optionalAttrs (config.restartTriggers != [ ]) {
          X-Restart-Triggers = triggers "Restart" config.restartTriggers;
        }
        // lib.optionalAttrs (config.reloadTriggers != [ ]) {
          X-Reload-Triggers = triggers "Reload" config.reloadTriggers;
        }
        // lib.optionalAttrs options.startLimitIntervalSec.isDefined {
          StartLimitIntervalSec = toString config.startLimitIntervalSec;
        }
        // lib.optionalAttrs options.startLimitBurst.isDefined {
          StartLimitBurst = toString config.startLimitBurst;
        };
    };

  service =
    { config, name, ... }:
    {
      options = {
        environment = mkOption {
          type = types.attrsOf (
            types.nullOr (
              types.oneOf [
                types.str
                types.path
                types.package
              ]
            )
          );
          default = { };
        };
        path = mkOption {
          type = types.listOf (
            types.oneOf [
              types.package
              types.str
            ]
          );
          default = [ ];
        };
        script = lines;
        scriptArgs = mkOption {
          type = types.str;
          default = "";
        };
        preStart = lines;
        postStart = lines;
        reload = lines;
        preStop = lines;
        postStop = lines;
        jobScripts = mkOption {
          type = types.coercedTo types.path lib.singleton (types.listOf types.path);
          default = [ ];
        };
        restartIfChanged = switch true;
        stopIfChanged = switch true;
        serviceConfig = serviceDirectives;
      };
      # `ExecStartPre` and `ExecStartPost` are lists, to which others add; the rest are single commands.
      config =
        let
          # nixpkgs builds a program of each script. Without building, there is a file for the shell.
          job =
            suffix: text: directive: asCommand:
            let
              file = "${pkgs.writeText "unit-script-${name}-${suffix}" "set -e\n\n${text}\n"}";
            in
            lib.mkIf (text != "") {
              jobScripts = file;
              serviceConfig.${directive} = asCommand "${pkgs.runtimeShell} ${file}";
            };
        in
        lib.mkMerge [
          (job "pre-start" config.preStart "ExecStartPre" lib.singleton)
          (job "start" config.script "ExecStart" (command: "${command} ${config.scriptArgs}"))
          (job "post-start" config.postStart "ExecStartPost" lib.singleton)
          (job "reload" config.reload "ExecReload" lib.id)
          (job "pre-stop" config.preStop "ExecStop" lib.id)
          (job "post-stop" config.postStop "ExecStopPost" lib.id)
        ];
    };
  # The path that every service has.
  servicePath =
    { config, ... }:
    {
      config = {
        path = lib.mkAfter [
          pkgs.coreutils
          pkgs.findutils
          pkgs.gnugrep
          pkgs.gnused
          pkgs.systemd
        ];
        environment.PATH =
          lib.mkIf (config.path != [ ])
            "${lib.makeBinPath config.path}:${lib.makeSearchPathOutput "bin" "sbin" config.path}";
      };
    };

  of =
    kind: modules:
    mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule (
          [ unit ]
          ++ modules
          ++ [
            inUnitSection
            ({ name, ... }: { config.name = "${name}.${kind}"; })
          ]
        )
      );
    };
in
{
  options.systemd = {
    services = of "service" [
      service
      servicePath
    ];
    sockets = of "socket" [
      {
        options = {
          listenStreams = strings;
          socketConfig = directives;
        };
      }
    ];
    targets = of "target" [ ];
    timers = of "timer" [ { options.timerConfig = directives; } ];
    tmpfiles.rules = strings;
  };
}
