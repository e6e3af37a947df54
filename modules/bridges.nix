# Bridges that will not get into encrypted rooms once MAS authenticates: what to do about each.
#
# A bridge logs in with `m.login.application_service` to have a device for encryption. Synapse no
# longer answers that when it delegates, so the bridge has to make its device by MSC4190. Names of
# options and files are those of nixpkgs' modules in nixos/modules/services/matrix.
{ lib, config }:
let
  bridge = service: path: registration: {
    inherit service path registration;
  };

  bridges = [
    (bridge "mautrix-discord" [
      "settings"
      "bridge"
      "encryption"
    ] "/var/lib/mautrix-discord/discord-registration.yaml")
    (bridge "mautrix-signal" [
      "settings"
      "encryption"
    ] "/var/lib/mautrix-signal/signal-registration.yaml")
    (bridge "mautrix-telegram" [
      "settings"
      "bridge"
      "encryption"
    ] "/var/lib/mautrix-telegram/telegram-registration.yaml")
    (bridge "mautrix-whatsapp" [
      "settings"
      "encryption"
    ] "/var/lib/mautrix-whatsapp/whatsapp-registration.yaml")
  ];

  warn =
    {
      service,
      path,
      registration,
    }:
    let
      bridge = config.services.${service} or { };
      encryption = lib.attrByPath path { } bridge;
      option = "services.${service}.${lib.concatStringsSep "." path}";
    in
    lib.optional
      ((bridge.enable or false) && (encryption.allow or false) && !(encryption.msc4190 or false))
      "${option}.msc4190: this bridge encrypts, and cannot log in any more to do so. Set the option to true. With Synapse before 1.141.0, add `io.element.msc4190: true` to ${registration}.";
in
lib.concatMap warn bridges
