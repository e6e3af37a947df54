# Written by `mas2nix compile` from src/rules and src/schema/account.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules) refuse;
in
lib.concatLists [
  (refuse "account"
    "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.10.0" && settings ? account)
  )
  (refuse "account.password_registration_email_required"
    "this option requires MAS 1.4.0 or newer. Remove it, or use a newer version of MAS."
    (older "1.4.0" && settings ? account.password_registration_email_required)
  )
  (refuse "account.account_deactivation_allowed"
    "this option requires MAS 0.15.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.15.0" && settings ? account.account_deactivation_allowed)
  )
  (refuse "account.login_with_email_allowed"
    "this option requires MAS 0.15.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.15.0" && settings ? account.login_with_email_allowed)
  )
  (refuse "account.password_registration_token_required"
    "this option requires MAS 1.19.0 or newer. Remove it, or use a newer version of MAS."
    (older "1.19.0" && settings ? account.password_registration_token_required)
  )
  (refuse "account.registration_token_required"
    "this option requires MAS 0.17.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.17.0" && settings ? account.registration_token_required)
  )
]
