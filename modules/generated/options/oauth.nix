# Written by `mas2nix compile` from src/schema/oauth.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  device_code_grant_enabled = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether a device may log in by showing a code that the user confirms on another
      device (RFC 8628). Required for login by QR code.

      Needs MAS 1.18.0 or newer.
    '';
    defaultText = lib.literalExpression "true";
  };
  device_code_user_code_auto_fill_enabled = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether the link that a device shows already contains the code. This is
      convenient, but easier to abuse for phishing.

      Needs MAS 1.18.0 or newer.
    '';
    defaultText = lib.literalExpression "false";
  };
}
