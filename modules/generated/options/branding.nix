# Written by `mas2nix compile` from src/schema/branding.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  service_name = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "The name that pages and mails call this service by.";
    defaultText = lib.literalMD "the server's address";
    example = "Example Chat";
  };
  policy_uri = lib.mkOption {
    type = types.unsetOr types.url;
    description = "Your privacy policy. Pages and mails link to it, and clients are told about it.";
    example = "https://example.com/privacy";
  };
  tos_uri = lib.mkOption {
    type = types.unsetOr types.url;
    description = ''
      Your terms of service. Whoever registers has to accept them; accounts that exist
      already are not asked.
    '';
    example = "https://example.com/terms";
  };
  imprint = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = "Legal notice in the footer of pages and mails.";
    example = "Example Ltd, 1 Example Street, Exampleton";
  };
  logo_uri = lib.mkOption {
    type = types.unsetOr types.url;
    description = ''
      A logo to show. MAS 1.21.0 dropped this option; a logo now needs a template of
      your own.

      Gone since MAS 1.21.0.
    '';
  };
}
