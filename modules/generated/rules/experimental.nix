# Written by `mas2nix compile` from src/rules and src/schema/experimental.rs. Do not edit: change that instead.
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
  (refuse "experimental.session_limit.hard_limit"
    "the hard limit is below the soft limit. Set it to at least the value of `soft_limit`."
    (
      less (settings.experimental.session_limit.hard_limit or null) (
        settings.experimental.session_limit.soft_limit or null
      )
    )
  )
  (refuse "experimental.session_limit.hard_limit"
    "with `dangerous_hard_limit_eviction`, the hard limit must be at least 2. Set it to 2 or more, or disable `dangerous_hard_limit_eviction`."
    (
      (settings.experimental.session_limit.dangerous_hard_limit_eviction or null) == true
      && less (settings.experimental.session_limit.hard_limit or null) 2
    )
  )
  (refuse "experimental.inactive_session_expiration"
    "this option requires MAS 0.14.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.14.0" && settings ? experimental.inactive_session_expiration)
  )
  (refuse "experimental.inactive_session_expiration.ttl"
    "required option missing. Set it; see `mas2nix explain experimental.inactive_session_expiration.ttl`."
    (
      settings ? experimental.inactive_session_expiration
      && (complete && !(settings ? experimental.inactive_session_expiration.ttl))
    )
  )
  (refuse "experimental.plan_management_iframe_uri"
    "this option requires MAS 0.17.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.17.0" && settings ? experimental.plan_management_iframe_uri)
  )
  (refuse "experimental.session_limit"
    "this option requires MAS 1.8.0 or newer. Remove it, or use a newer version of MAS."
    (older "1.8.0" && settings ? experimental.session_limit)
  )
  (refuse "experimental.session_limit.soft_limit"
    "required option missing. Set it; see `mas2nix explain experimental.session_limit.soft_limit`."
    (
      settings ? experimental.session_limit
      && (complete && !(settings ? experimental.session_limit.soft_limit))
    )
  )
  (refuse "experimental.session_limit.hard_limit"
    "required option missing. Set it; see `mas2nix explain experimental.session_limit.hard_limit`."
    (
      settings ? experimental.session_limit
      && (complete && !(settings ? experimental.session_limit.hard_limit))
    )
  )
  (refuse "experimental.session_limit.max_session_threshold"
    "this option requires MAS 1.18.0 or newer. Remove it, or use a newer version of MAS."
    (older "1.18.0" && settings ? experimental.session_limit.max_session_threshold)
  )
  (refuse "experimental.session_limit.dangerous_hard_limit_eviction"
    "this option requires MAS 1.17.0 or newer. Remove it, or use a newer version of MAS."
    (older "1.17.0" && settings ? experimental.session_limit.dangerous_hard_limit_eviction)
  )
]
