# Written by `mas2nix compile` from src/schema/policy.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  wasm_module = lib.mkOption {
    type = lib.types.str;
    description = "The compiled policy. Change it only for a policy of your own.";
    defaultText = lib.literalMD "what the package brings";
  };
  client_registration_entrypoint = lib.mkOption {
    type = lib.types.str;
    description = "Rule that decides on registrations of clients.";
    defaultText = lib.literalExpression "\"client_registration/violation\"";
  };
  register_entrypoint = lib.mkOption {
    type = lib.types.str;
    description = "Rule that decides on registrations of users.";
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
      Rule that decides on logins of the old Matrix kind.

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
      What the policy is told, in any form. The policy that comes with MAS looks at
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
