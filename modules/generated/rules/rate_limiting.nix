# Written by `mas2nix compile` from src/rules and src/schema/rate_limiting.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules) refuse less;
in
lib.concatLists [
  (refuse "rate_limiting.account_recovery.per_ip.per_second"
    "the rate must be more than 0 and at most 1000000000. For example, 0.0167 is one attempt per minute."
    (
      settings ? rate_limiting.account_recovery.per_ip.per_second
      && (
        !(less 0 (settings.rate_limiting.account_recovery.per_ip.per_second or null))
        || less 1000000000 (settings.rate_limiting.account_recovery.per_ip.per_second or null)
      )
    )
  )
  (refuse "rate_limiting.account_recovery.per_address.per_second"
    "the rate must be more than 0 and at most 1000000000. For example, 0.0167 is one attempt per minute."
    (
      settings ? rate_limiting.account_recovery.per_address.per_second
      && (
        !(less 0 (settings.rate_limiting.account_recovery.per_address.per_second or null))
        || less 1000000000 (settings.rate_limiting.account_recovery.per_address.per_second or null)
      )
    )
  )
  (refuse "rate_limiting.login.per_ip.per_second"
    "the rate must be more than 0 and at most 1000000000. For example, 0.0167 is one attempt per minute."
    (
      settings ? rate_limiting.login.per_ip.per_second
      && (
        !(less 0 (settings.rate_limiting.login.per_ip.per_second or null))
        || less 1000000000 (settings.rate_limiting.login.per_ip.per_second or null)
      )
    )
  )
  (refuse "rate_limiting.login.per_account.per_second"
    "the rate must be more than 0 and at most 1000000000. For example, 0.0167 is one attempt per minute."
    (
      settings ? rate_limiting.login.per_account.per_second
      && (
        !(less 0 (settings.rate_limiting.login.per_account.per_second or null))
        || less 1000000000 (settings.rate_limiting.login.per_account.per_second or null)
      )
    )
  )
  (refuse "rate_limiting.registration.per_second"
    "the rate must be more than 0 and at most 1000000000. For example, 0.0167 is one attempt per minute."
    (
      settings ? rate_limiting.registration.per_second
      && (
        !(less 0 (settings.rate_limiting.registration.per_second or null))
        || less 1000000000 (settings.rate_limiting.registration.per_second or null)
      )
    )
  )
  (refuse "rate_limiting.email_authentication.per_ip.per_second"
    "the rate must be more than 0 and at most 1000000000. For example, 0.0167 is one attempt per minute."
    (
      settings ? rate_limiting.email_authentication.per_ip.per_second
      && (
        !(less 0 (settings.rate_limiting.email_authentication.per_ip.per_second or null))
        || less 1000000000 (settings.rate_limiting.email_authentication.per_ip.per_second or null)
      )
    )
  )
  (refuse "rate_limiting.email_authentication.per_address.per_second"
    "the rate must be more than 0 and at most 1000000000. For example, 0.0167 is one attempt per minute."
    (
      settings ? rate_limiting.email_authentication.per_address.per_second
      && (
        !(less 0 (settings.rate_limiting.email_authentication.per_address.per_second or null))
        || less 1000000000 (settings.rate_limiting.email_authentication.per_address.per_second or null)
      )
    )
  )
  (refuse "rate_limiting.email_authentication.emails_per_session.per_second"
    "the rate must be more than 0 and at most 1000000000. For example, 0.0167 is one attempt per minute."
    (
      settings ? rate_limiting.email_authentication.emails_per_session.per_second
      && (
        !(less 0 (settings.rate_limiting.email_authentication.emails_per_session.per_second or null))
        || less 1000000000 (
          settings.rate_limiting.email_authentication.emails_per_session.per_second or null
        )
      )
    )
  )
  (refuse "rate_limiting.email_authentication.attempt_per_session.per_second"
    "the rate must be more than 0 and at most 1000000000. For example, 0.0167 is one attempt per minute."
    (
      settings ? rate_limiting.email_authentication.attempt_per_session.per_second
      && (
        !(less 0 (settings.rate_limiting.email_authentication.attempt_per_session.per_second or null))
        || less 1000000000 (
          settings.rate_limiting.email_authentication.attempt_per_session.per_second or null
        )
      )
    )
  )
  (refuse "rate_limiting"
    "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.10.0" && settings ? rate_limiting)
  )
  (refuse "rate_limiting.account_recovery.per_ip.burst"
    "required option missing. Set it; see `mas2nix explain rate_limiting.account_recovery.per_ip.burst`."
    (
      settings ? rate_limiting.account_recovery.per_ip
      && (complete && !(settings ? rate_limiting.account_recovery.per_ip.burst))
    )
  )
  (refuse "rate_limiting.account_recovery.per_ip.per_second"
    "required option missing. Set it; see `mas2nix explain rate_limiting.account_recovery.per_ip.per_second`."
    (
      settings ? rate_limiting.account_recovery.per_ip
      && (complete && !(settings ? rate_limiting.account_recovery.per_ip.per_second))
    )
  )
  (refuse "rate_limiting.account_recovery.per_address.burst"
    "required option missing. Set it; see `mas2nix explain rate_limiting.account_recovery.per_address.burst`."
    (
      settings ? rate_limiting.account_recovery.per_address
      && (complete && !(settings ? rate_limiting.account_recovery.per_address.burst))
    )
  )
  (refuse "rate_limiting.account_recovery.per_address.per_second"
    "required option missing. Set it; see `mas2nix explain rate_limiting.account_recovery.per_address.per_second`."
    (
      settings ? rate_limiting.account_recovery.per_address
      && (complete && !(settings ? rate_limiting.account_recovery.per_address.per_second))
    )
  )
  (refuse "rate_limiting.login.per_ip.burst"
    "required option missing. Set it; see `mas2nix explain rate_limiting.login.per_ip.burst`."
    (
      settings ? rate_limiting.login.per_ip
      && (complete && !(settings ? rate_limiting.login.per_ip.burst))
    )
  )
  (refuse "rate_limiting.login.per_ip.per_second"
    "required option missing. Set it; see `mas2nix explain rate_limiting.login.per_ip.per_second`."
    (
      settings ? rate_limiting.login.per_ip
      && (complete && !(settings ? rate_limiting.login.per_ip.per_second))
    )
  )
  (refuse "rate_limiting.login.per_account.burst"
    "required option missing. Set it; see `mas2nix explain rate_limiting.login.per_account.burst`."
    (
      settings ? rate_limiting.login.per_account
      && (complete && !(settings ? rate_limiting.login.per_account.burst))
    )
  )
  (refuse "rate_limiting.login.per_account.per_second"
    "required option missing. Set it; see `mas2nix explain rate_limiting.login.per_account.per_second`."
    (
      settings ? rate_limiting.login.per_account
      && (complete && !(settings ? rate_limiting.login.per_account.per_second))
    )
  )
  (refuse "rate_limiting.registration.burst"
    "required option missing. Set it; see `mas2nix explain rate_limiting.registration.burst`."
    (
      settings ? rate_limiting.registration
      && (complete && !(settings ? rate_limiting.registration.burst))
    )
  )
  (refuse "rate_limiting.registration.per_second"
    "required option missing. Set it; see `mas2nix explain rate_limiting.registration.per_second`."
    (
      settings ? rate_limiting.registration
      && (complete && !(settings ? rate_limiting.registration.per_second))
    )
  )
  (refuse "rate_limiting.email_authentication"
    "this option requires MAS 0.13.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.13.0" && settings ? rate_limiting.email_authentication)
  )
  (refuse "rate_limiting.email_authentication.per_ip.burst"
    "required option missing. Set it; see `mas2nix explain rate_limiting.email_authentication.per_ip.burst`."
    (
      settings ? rate_limiting.email_authentication.per_ip
      && (complete && !(settings ? rate_limiting.email_authentication.per_ip.burst))
    )
  )
  (refuse "rate_limiting.email_authentication.per_ip.per_second"
    "required option missing. Set it; see `mas2nix explain rate_limiting.email_authentication.per_ip.per_second`."
    (
      settings ? rate_limiting.email_authentication.per_ip
      && (complete && !(settings ? rate_limiting.email_authentication.per_ip.per_second))
    )
  )
  (refuse "rate_limiting.email_authentication.per_address.burst"
    "required option missing. Set it; see `mas2nix explain rate_limiting.email_authentication.per_address.burst`."
    (
      settings ? rate_limiting.email_authentication.per_address
      && (complete && !(settings ? rate_limiting.email_authentication.per_address.burst))
    )
  )
  (refuse "rate_limiting.email_authentication.per_address.per_second"
    "required option missing. Set it; see `mas2nix explain rate_limiting.email_authentication.per_address.per_second`."
    (
      settings ? rate_limiting.email_authentication.per_address
      && (complete && !(settings ? rate_limiting.email_authentication.per_address.per_second))
    )
  )
  (refuse "rate_limiting.email_authentication.emails_per_session.burst"
    "required option missing. Set it; see `mas2nix explain rate_limiting.email_authentication.emails_per_session.burst`."
    (
      settings ? rate_limiting.email_authentication.emails_per_session
      && (complete && !(settings ? rate_limiting.email_authentication.emails_per_session.burst))
    )
  )
  (refuse "rate_limiting.email_authentication.emails_per_session.per_second"
    "required option missing. Set it; see `mas2nix explain rate_limiting.email_authentication.emails_per_session.per_second`."
    (
      settings ? rate_limiting.email_authentication.emails_per_session
      && (complete && !(settings ? rate_limiting.email_authentication.emails_per_session.per_second))
    )
  )
  (refuse "rate_limiting.email_authentication.attempt_per_session.burst"
    "required option missing. Set it; see `mas2nix explain rate_limiting.email_authentication.attempt_per_session.burst`."
    (
      settings ? rate_limiting.email_authentication.attempt_per_session
      && (complete && !(settings ? rate_limiting.email_authentication.attempt_per_session.burst))
    )
  )
  (refuse "rate_limiting.email_authentication.attempt_per_session.per_second"
    "required option missing. Set it; see `mas2nix explain rate_limiting.email_authentication.attempt_per_session.per_second`."
    (
      settings ? rate_limiting.email_authentication.attempt_per_session
      && (complete && !(settings ? rate_limiting.email_authentication.attempt_per_session.per_second))
    )
  )
]
