# Warnings about bridges that can no longer join encrypted rooms once MAS authenticates.
#
# A bridge logs in with `m.login.application_service` to get a device for encryption. Synapse rejects this
# login when it delegates, so the bridge must create its device with MSC4190. Names of options and files
# are those of nixpkgs' modules in nixos/modules/services/matrix.
{ lib, config }:
let
  simple =
    map
      (kind: {
        option = "services.mautrix-${kind}";
        bridge = config.services."mautrix-${kind}" or { };
        registration = directory: "${directory}/${kind}-registration.yaml";
        directory = "/var/lib/mautrix-${kind}";
      })
      [
        "discord"
        "signal"
        "slack"
        "telegram"
        "whatsapp"
      ];
  meta = lib.mapAttrsToList (instance: bridge: {
    option = "services.mautrix-meta.instances.${instance}";
    inherit bridge;
    registration = directory: "/var/lib/${directory}/meta-registration.yaml";
    directory = "mautrix-meta-${instance}";
  }) (config.services.mautrix-meta.instances or { });

  # In older bridges, the section is inside another one.
  sections = [
    [ "encryption" ]
    [
      "bridge"
      "encryption"
    ]
  ];

  warn =
    {
      option,
      bridge,
      registration,
      directory,
    }:
    lib.concatMap (
      path:
      let
        encryption = lib.attrByPath path { } (bridge.settings or { });
        file = registration (bridge.dataDir or directory);
      in
      lib.optional
        ((bridge.enable or false) && (encryption.allow or false) && !(encryption.msc4190 or false))
        "${option}.settings.${lib.concatStringsSep "." path}.msc4190: encrypting bridges can no longer log in by themselves. Set this to true. With Synapse before 1.141.0, add `io.element.msc4190: true` to ${file} too."
    ) sections;

  hookshot = config.services.matrix-hookshot or { };
in
lib.concatMap warn (simple ++ meta)
++
  lib.optional ((hookshot.enable or false) && hookshot.settings ? encryption)
    "services.matrix-hookshot.settings.encryption: with encryption, Hookshot can no longer log in by itself. Use a version that supports MSC4190 and, with Synapse before 1.141.0, add `io.element.msc4190: true` to ${toString hookshot.registrationFile}; or remove the section."
