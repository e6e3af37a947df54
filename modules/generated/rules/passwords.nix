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
    "there is no scheme for hashing passwords. Add a scheme, or set `passwords.enabled` to false."
    (
      (settings.passwords.enabled or true) != false
      && (complete && (settings.passwords.schemes or null) == [ ])
    )
  )
  (refuse "passwords.minimum_complexity"
    "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.10.0" && settings ? passwords.minimum_complexity)
  )
  (each "passwords.schemes" (settings.passwords.schemes or [ ]) (
    at: scheme: earlier: [
      (refuse "${at}.secret_file" "`secret` and `secret_file` cannot both be set. Remove one of them." (
        scheme ? secret && scheme ? secret_file && !((settings.passwords.enabled or true) == false)
      ))
      (refuse "${at}.version"
        "another scheme already has this version. Give each scheme a different version. The highest one hashes new passwords."
        (builtins.any (other: (other.version or null) == (scheme.version or null)) earlier)
      )
      (refuse "${at}.version"
        "required option missing. Set it; see `mas2nix explain passwords.schemes[].version`."
        (!(scheme ? version))
      )
      (refuse "${at}.algorithm"
        "required option missing. Set it; see `mas2nix explain passwords.schemes[].algorithm`."
        (!(scheme ? algorithm))
      )
      (refuse "${at}.unicode_normalization"
        "this option requires MAS 0.17.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.17.0" && scheme ? unicode_normalization)
      )
    ]
  ))
]
