# nixpkgs nixos/lib/systemd-unit-options.nix and systemd-types.nix; tmpfiles:
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

  # Lists are joined; other values have to be the same.
  directive = lib.mkOptionType {
    name = "systemd option";
    merge =
      loc: defs:
      if lib.all (def: builtins.isList def.value) defs then
        lib.concatMap (def: def.value) defs
      else if lib.any (def: builtins.isList def.value) defs then
        throw "The definitions of `${lib.showOption loc}' are a mix of lists and other values."
      else
        lib.mergeEqualOption loc defs;
  };
  directives = mkOption {
    type = types.attrsOf directive;
    default = { };
  };

  unit.options = {
    enable = mkOption {
      type = types.bool;
      default = true;
    };
    description = mkOption {
      type = types.singleLineStr;
      default = "";
    };
    documentation = mkOption {
      type = types.listOf types.str;
      default = [ ];
    };
    after = units;
    before = units;
    bindsTo = units;
    conflicts = units;
    onFailure = units;
    partOf = units;
    requiredBy = units;
    requires = units;
    requisite = units;
    wantedBy = units;
    wants = units;
    unitConfig = directives;
    restartTriggers = mkOption {
      type = types.listOf types.unspecified;
      default = [ ];
    };
  };

  script = text: "${pkgs.runtimeShell} ${pkgs.writeText "script" "set -e\n${text}"}";
  service =
    { config, ... }:
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
        preStart = lines;
        postStart = lines;
        restartIfChanged = mkOption {
          type = types.bool;
          default = true;
        };
        stopIfChanged = mkOption {
          type = types.bool;
          default = true;
        };
        serviceConfig = directives;
      };
      config.serviceConfig = lib.mkMerge [
        (lib.mkIf (config.preStart != "") { ExecStartPre = [ (script config.preStart) ]; })
        (lib.mkIf (config.script != "") { ExecStart = script config.script; })
        (lib.mkIf (config.postStart != "") { ExecStartPost = [ (script config.postStart) ]; })
      ];
    };

  of =
    modules:
    mkOption {
      default = { };
      type = types.attrsOf (types.submodule ([ unit ] ++ modules));
    };
in
{
  options.systemd = {
    services = of [ service ];
    sockets = of [
      {
        options = {
          listenStreams = mkOption {
            type = types.listOf types.str;
            default = [ ];
          };
          socketConfig = directives;
        };
      }
    ];
    targets = of [ ];
    timers = of [ { options.timerConfig = directives; } ];
    tmpfiles.rules = mkOption {
      type = types.listOf types.str;
      default = [ ];
    };
  };
}
