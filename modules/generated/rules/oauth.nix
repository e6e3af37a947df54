# Written by `mas2nix compile` from src/rules and src/schema/oauth.rs. Do not edit: change that instead.
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
  (refuse "oauth"
    "this option requires MAS 1.18.0 or newer. Remove it, or use a newer version of MAS."
    (older "1.18.0" && settings ? oauth)
  )
]
