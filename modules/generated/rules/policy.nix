# Written by `mas2nix compile` from src/rules and src/schema/policy.rs. Do not edit: change that instead.
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
  (refuse "policy.compat_login_entrypoint"
    "this option requires MAS 1.8.0 or newer. Remove it, or use a newer version of MAS."
    (older "1.8.0" && settings ? policy.compat_login_entrypoint)
  )
]
