# Written by `mas2nix compile` from the options that MAS removed. Do not edit: change that instead.
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
  (refuse "branding.logo_uri"
    "MAS 1.21.0 and newer versions ignore this option. Remove it. This has no other effect."
    (!(older "1.21.0") && settings ? branding.logo_uri)
  )
  (each "upstream_oauth2.providers" (settings.upstream_oauth2.providers or [ ]) (
    at: provider: earlier: [
      (refuse "${at}.claims_imports.email.set_email_verification"
        "MAS 0.13.0 and newer versions ignore this option. Remove it. This has no other effect."
        (!(older "0.13.0") && provider ? claims_imports.email.set_email_verification)
      )
    ]
  ))
]
