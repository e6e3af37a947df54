# Written by `mas2nix compile` from src/schema/policy.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  wasm_module = lib.mkOption {
    type = lib.types.str;
    description = "Compiled policy. Change this only to use a custom policy.";
    defaultText = lib.literalMD "provided by the package";
    example = "/opt/mas/share/policy.wasm";
  };
  client_registration_entrypoint = lib.mkOption {
    type = lib.types.str;
    description = "Rule that decides on client registrations.";
    defaultText = lib.literalExpression "\"client_registration/violation\"";
  };
  register_entrypoint = lib.mkOption {
    type = lib.types.str;
    description = "Rule that decides on user registrations.";
    defaultText = lib.literalExpression "\"register/violation\"";
  };
  authorization_grant_entrypoint = lib.mkOption {
    type = lib.types.str;
    description = "Rule that decides on a client's access to an account.";
    defaultText = lib.literalExpression "\"authorization_grant/violation\"";
  };
  compat_login_entrypoint = lib.mkOption {
    type = lib.types.str;
    description = ''
      Rule that decides on legacy Matrix logins.

      Needs MAS 1.8.0 or newer.
    '';
    defaultText = lib.literalExpression "\"compat_login/violation\"";
  };
  password_entrypoint = lib.mkOption {
    type = lib.types.str;
    description = "Rule that decides on new passwords.";
    defaultText = lib.literalExpression "\"password/violation\"";
  };
  email_entrypoint = lib.mkOption {
    type = lib.types.str;
    description = "Rule that decides on new email addresses.";
    defaultText = lib.literalExpression "\"email/violation\"";
  };
  data = lib.mkOption {
    type = types.json;
    description = ''
      Arbitrary data for the policy. The policy that comes with MAS uses
      `admin_users`, `admin_clients`, `client_registration`, `registration`, `emails`
      and `requester`.
    '';
    defaultText = lib.literalExpression "{ }";
    example = {
      admin_clients = [ "01H8PKNWKKRPCBW4YGH1RWV279" ];
      registration.banned_usernames = {
        literals = [ "root" ];
        prefixes = [ "admin-" ];
      };
    };
  };
}
