# Written by `mas2nix compile` from src/schema/account.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  email_change_allowed = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether users may add and remove email addresses. Disable this if another
      system, such as an identity provider, manages the addresses.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "true";
  };
  displayname_change_allowed = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether users may change their display name in MAS. Set this to the same value
      as Synapse's `enable_set_displayname`. Otherwise, users see a form that then
      fails.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "true";
  };
  password_registration_enabled = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether anyone may register an account with a password. Has no effect while
      `passwords.enabled` is false. On a public server, combine it with a CAPTCHA, a
      registration token or email verification.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "false";
  };
  password_registration_email_required = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether registering with a password requires a verified email address. Disable
      this on servers that send no mail.

      Needs MAS 1.4.0 or newer.
    '';
    defaultText = lib.literalExpression "true";
  };
  password_change_allowed = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether users may change their password. Has no effect while `passwords.enabled`
      is false.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "true";
  };
  password_recovery_enabled = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether users may reset a forgotten password by email. Requires a working
      `email` section.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "false";
  };
  account_deactivation_allowed = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether users may deactivate their own account.

      Needs MAS 0.15.0 or newer.
    '';
    defaultText = lib.literalExpression "true";
  };
  login_with_email_allowed = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether the login form accepts an email address instead of a user name. An
      address that belongs to several accounts cannot be used to log in.

      Needs MAS 0.15.0 or newer.
    '';
    defaultText = lib.literalExpression "false";
  };
  password_registration_token_required = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether registering with a password requires a registration token. `mas-cli
      manage issue-user-registration-token` issues such tokens.

      Needs MAS 1.19.0 or newer.
    '';
    defaultText = lib.literalExpression "false";
  };
  registration_token_required = lib.mkOption {
    type = lib.types.bool;
    description = ''
      The former name of `password_registration_token_required`, for MAS before
      1.19.0.

      Needs MAS 0.17.0 or newer.
    '';
    defaultText = lib.literalExpression "false";
  };
}
