# What a machine has to have on its disk to be what a node's modules say: units as NixOS prints them
# (nixpkgs nixos/lib/systemd-lib.nix), files below /etc, users, programs and names.
{
  lib,
  modules,
  pkgs,
}:
let
  toText = value: if builtins.isBool value then lib.boolToString value else toString value;
  directives =
    values:
    lib.concatStrings (
      lib.concatLists (
        lib.mapAttrsToList (
          directive: value: map (value: "${directive}=${toText value}\n") (lib.toList value)
        ) values
      )
    );
  section = header: text: lib.optionalString (text != "") "[${header}]\n${text}";

  common = unit: section "Unit" (directives unit.unitConfig);
  environment =
    unit:
    lib.concatStrings (
      lib.mapAttrsToList (name: value: "Environment=${builtins.toJSON "${name}=${value}"}\n") (
        lib.filterAttrs (_: value: value != null) unit.environment
      )
    );

  print =
    suffix: body:
    lib.mapAttrs' (name: unit: lib.nameValuePair "${name}.${suffix}" (common unit + body unit));
  links =
    suffix:
    lib.concatMapAttrs (
      name: unit:
      let
        link =
          kind: target:
          lib.nameValuePair "etc/systemd/system/${target}.${kind}/${name}.${suffix}" "../${name}.${suffix}";
      in
      lib.listToAttrs (map (link "wants") unit.wantedBy ++ map (link "requires") unit.requiredBy)
    );

  describe =
    config:
    let
      inherit (config) systemd;
      failed = map (problem: problem.message) (
        builtins.filter (problem: !problem.assertion) config.assertions
      );
    in
    if failed != [ ] then
      throw "Failed assertions:\n${lib.concatMapStrings (message: "- ${message}\n") failed}"
    else
      {
        inherit (config) warnings;
        hostName = config.networking.hostName;
        units =
          print "service" (
            unit: section "Service" (environment unit + directives unit.serviceConfig)
          ) systemd.services
          // print "socket" (
            unit: section "Socket" (directives (unit.socketConfig // { ListenStream = unit.listenStreams; }))
          ) systemd.sockets
          // print "timer" (unit: section "Timer" (directives unit.timerConfig)) systemd.timers
          // print "target" (_: "") systemd.targets;
        onChange = lib.mapAttrs' (
          name: unit:
          lib.nameValuePair "${name}.service" (
            if !unit.restartIfChanged then
              "keep"
            else if unit.stopIfChanged then
              "stop"
            else
              "restart"
          )
        ) systemd.services;
        links =
          links "service" systemd.services
          // links "socket" systemd.sockets
          // links "timer" systemd.timers
          // links "target" systemd.targets;
        etc = lib.mapAttrsToList (_: file: {
          inherit (file)
            target
            mode
            user
            group
            ;
          source = "${file.source}";
        }) (lib.filterAttrs (_: file: file.enable) config.environment.etc);
        tools = lib.listToAttrs (
          map (tool: lib.nameValuePair (baseNameOf tool.destination) tool.text) (
            builtins.filter (tool: tool ? destination) config.environment.systemPackages
          )
        );
        tmpfiles = systemd.tmpfiles.rules;
        users = lib.mapAttrs (_: user: {
          inherit (user)
            group
            home
            description
            extraGroups
            createHome
            ;
        }) config.users.users;
        groups = lib.mapAttrs (_: group: group.members) config.users.groups;
        certificates = map (file: "${file}") config.security.pki.certificateFiles;
        inherit (config.networking) hosts;
        checks = config.system.preSwitchChecks;
        specialisations = lib.mapAttrs (
          _: specialisation:
          describe (
            evaluate (
              modules
              ++ [
                specialisation.configuration
                { specialisation = lib.mkOverride 0 { }; }
              ]
            )
          )
        ) config.specialisation;
      };

  evaluate =
    modules:
    (lib.evalModules {
      modules = [
        ./.
        { _module.args = { inherit pkgs; }; }
      ]
      ++ modules;
    }).config;
in
describe (evaluate modules)
