# Written by `mas2nix compile` from src/rules and src/schema/passwords.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules) each refuse;
in
lib.concatLists [
  (refuse "passwords.schemes"
    "there is no scheme to hash passwords with. Give a scheme, or set `passwords.enabled` to false."
    (
      (settings.passwords.enabled or true) != false
      && (complete && (settings.passwords.schemes or null) == [ ])
    )
  )
  (refuse "passwords.minimum_complexity"
    "this option needs MAS 0.10.0 or newer. Remove it, or use a newer MAS."
    (older "0.10.0" && settings ? passwords.minimum_complexity)
  )
  (each "passwords.schemes" (settings.passwords.schemes or [ ]) (
    at: scheme: earlier: [
      (refuse "${at}.secret_file" "`secret` and `secret_file` exclude each other. Keep one of the two." (
        scheme ? secret && scheme ? secret_file && !((settings.passwords.enabled or true) == false)
      ))
      (refuse "${at}.version"
        "another scheme has this version already. Give every scheme a version of its own; the highest one hashes new passwords."
        (builtins.any (other: (other.version or null) == (scheme.version or null)) earlier)
      )
      (refuse "${at}.version" "required option missing. Set it." (!(scheme ? version)))
      (refuse "${at}.algorithm" "required option missing. Set it." (!(scheme ? algorithm)))
      (refuse "${at}.unicode_normalization"
        "this option needs MAS 0.17.0 or newer. Remove it, or use a newer MAS."
        (older "0.17.0" && scheme ? unicode_normalization)
      )
    ]
  ))
]
