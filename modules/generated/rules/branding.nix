# Written by `mas2nix compile` from src/rules and src/schema/branding.rs. Do not edit: change that instead.
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
  (refuse "branding.logo_uri" "MAS 1.21.0 dropped this option and ignores it. Remove it." (
    !(older "1.21.0") && settings ? branding.logo_uri
  ))
]
