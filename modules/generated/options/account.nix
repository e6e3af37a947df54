# Written by `mas2nix compile` from src/schema/account.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  email_change_allowed = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether users may add and remove their email addresses. Turn it off where
      another system, such as an identity provider, owns the addresses.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "true";
  };
  displayname_change_allowed = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether users may change their display name in MAS. Keep it equal to Synapse's
      `enable_set_displayname`, or users meet a form that then fails.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "true";
  };
  password_registration_enabled = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether anyone may register an account with a password. Has no effect while
      `passwords.enabled` is false. Combine it with a CAPTCHA, a registration token or
      email verification on a public server.

      Needs MAS 0.10.0 or newer.
    '';
    defaultText = lib.literalExpression "false";
  };
  password_registration_email_required = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether registering with a password needs a verified email address. Turn it off
      on servers that send no mail.

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
      Whether users may reset a forgotten password by email. Needs a working `email`
      section.

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
      Whether the login form takes an email address in place of a user name. An
      address that belongs to several accounts logs in to none of them.

      Needs MAS 0.15.0 or newer.
    '';
    defaultText = lib.literalExpression "false";
  };
  password_registration_token_required = lib.mkOption {
    type = lib.types.bool;
    description = ''
      Whether registering with a password needs a registration token, as issued by
      `mas-cli manage issue-user-registration-token`.

      Needs MAS 1.19.0 or newer.
    '';
    defaultText = lib.literalExpression "false";
  };
  registration_token_required = lib.mkOption {
    type = lib.types.bool;
    description = ''
      The older name of `password_registration_token_required`, for MAS before 1.19.0.

      Needs MAS 0.17.0 or newer.
    '';
    defaultText = lib.literalExpression "false";
  };
}
