# Written by `mas2nix compile` from src/schema/branding.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  service_name = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "Name of this service on pages and in mails.";
    defaultText = lib.literalMD "the server's address";
    example = "Example Chat";
  };
  policy_uri = lib.mkOption {
    type = types.unsetOr types.url;
    description = ''
      URL of your privacy policy. Pages and mails link to it, and MAS advertises it to
      clients.
    '';
    example = "https://example.com/privacy";
  };
  tos_uri = lib.mkOption {
    type = types.unsetOr types.url;
    description = ''
      URL of your terms of service. Users must accept them when they register.
      Existing users are not asked.
    '';
    example = "https://example.com/terms";
  };
  imprint = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "Legal notice shown in the footer of pages and mails.";
    example = "Example Ltd, 1 Example Street, Exampleton";
  };
  logo_uri = lib.mkOption {
    type = types.unsetOr types.url;
    description = ''
      URL of a logo. MAS 1.21.0 removed this option; showing a logo now requires a
      custom template.

      Removed in MAS 1.21.0.
    '';
  };
}
