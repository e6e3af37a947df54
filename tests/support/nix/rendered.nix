# The files that `mas2nix render` writes, from what the module gives NixOS.
#
# `config` is a JSON file, the value of `services.matrix-authentication-service`. Gives their texts by
# path. Units are printed as NixOS prints them (nixos/lib/systemd-lib.nix), without what it adds to
# every unit.
{
  config,
  version ? "1.22.0",
}:
let
  lib = import <nixpkgs/lib>;
  name = "matrix-authentication-service";
  given = builtins.fromJSON (builtins.readFile config);

  evaluated = import ./module.nix {
    inherit version;
    masCli = given.package;
    tools = given.toolsPackage;
    modules = [
      {
        services.${name} = removeAttrs given [
          "package"
          "toolsPackage"
        ];
      }
      # Debian has Synapse's group without a module of Synapse's.
      { users.groups.matrix-synapse = { }; }
      # On NixOS it is in the store.
      {
        services.${name}.migration.synapseConfig = lib.mkOverride 900 [
          "/etc/matrix-synapse/homeserver.yaml"
        ];
      }
    ];
  };
  system = evaluated.config;
  problems = map (problem: problem.message) system.assertions;

  toText = value: if builtins.isBool value then lib.boolToString value else toString value;
  lines = directive: value: map (value: "${directive}=${toText value}\n") (lib.toList value);
  directives = values: lib.concatStrings (lib.concatLists (lib.mapAttrsToList lines values));
  section = header: text: lib.optional (text != "") "[${header}]\n${text}";

  unitSection = unit: directives (removeAttrs unit.unitConfig [ "X-Restart-Triggers" ]);

  install =
    unit:
    lib.optionalString (unit.wantedBy != [ ]) "WantedBy=${lib.concatStringsSep " " unit.wantedBy}\n";

  print =
    suffix: header: own:
    lib.mapAttrs' (
      unitName: unit:
      lib.nameValuePair "etc/systemd/system/${unitName}.${suffix}" (
        lib.concatStringsSep "\n" (
          section "Unit" (unitSection unit)
          ++ section header (directives (own unit))
          ++ section "Install" (install unit)
        )
      )
    );

  cfg = system.services.${name};
in
if problems != [ ] then
  throw (lib.concatStringsSep "\n" problems)
else
  print "service" "Service" (unit: unit.serviceConfig) (
    lib.filterAttrs (
      unit: _: lib.hasPrefix name unit || lib.hasPrefix "syn2mas-" unit
    ) system.systemd.services
  )
  // print "socket" "Socket" (
    unit: unit.socketConfig // { ListenStream = unit.listenStreams; }
  ) system.systemd.sockets
  // print "timer" "Timer" (unit: unit.timerConfig) system.systemd.timers
  // lib.mapAttrs' (
    path: file: lib.nameValuePair "etc/${path}" file.source.text
  ) system.environment.etc
  // {
    "etc/tmpfiles.d/${name}.conf" = lib.concatLines system.systemd.tmpfiles.rules;
    "etc/sysusers.d/${name}.conf" =
      let
        user = system.users.users.${name};
      in
      assert user.isSystemUser && system.users.groups ? ${user.group};
      "u ${user.group} - \"${user.description}\" ${user.home}\n";
  }
  // lib.listToAttrs (
    map (tool: lib.nameValuePair "usr/local${tool.destination}" tool.text) (
      lib.filter (package: package ? destination) system.environment.systemPackages
    )
  )
  // lib.optionalAttrs cfg.routes.nginx (
    lib.mapAttrs' (
      host: site: lib.nameValuePair "nginx ${host}" site.extraConfig
    ) system.services.nginx.virtualHosts
    // {
      "etc/nginx/conf.d/${name}.conf" = system.services.nginx.appendHttpConfig;
    }
  )
  // lib.optionalAttrs cfg.routes.caddy (
    lib.mapAttrs' (
      host: site: lib.nameValuePair "caddy ${host}" site.extraConfig
    ) system.services.caddy.virtualHosts
  )
