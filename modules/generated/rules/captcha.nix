# Written by `mas2nix compile` from src/rules and src/schema/captcha.rs. Do not edit: change that instead.
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
  (refuse "captcha.site_key"
    "the CAPTCHA service requires its public key. Set it, or remove `captcha.service`."
    (settings ? captcha.service && (complete && !(settings ? captcha.site_key)))
  )
  (refuse "captcha.secret_key"
    "the CAPTCHA service requires its secret key. Set it, or remove `captcha.service`."
    (settings ? captcha.service && (complete && !(settings ? captcha.secret_key)))
  )
  (refuse "captcha"
    "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
    (older "0.10.0" && settings ? captcha)
  )
]
