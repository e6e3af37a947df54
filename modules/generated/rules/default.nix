# Written by `mas2nix compile` from src/rules and src/schema. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}@arguments:
let
  inherit (rules) refuse;
in
lib.concatLists [
  (refuse "matrix" "required option missing. Add a section `matrix`; see `mas2nix explain matrix`." (
    complete && !(settings ? matrix)
  ))
  (refuse "secrets" "required option missing. Add a section `secrets`; see `mas2nix explain secrets`."
    (complete && !(settings ? secrets))
  )
  (lib.optionals (settings ? http) (import ./http.nix arguments))
  (lib.optionals (settings ? matrix) (import ./matrix.nix arguments))
  (lib.optionals (settings ? secrets) (import ./secrets.nix arguments))
  (lib.optionals (settings ? database) (import ./database.nix arguments))
  (lib.optionals (settings ? passwords) (import ./passwords.nix arguments))
  (lib.optionals (settings ? email) (import ./email.nix arguments))
  (lib.optionals (settings ? upstream_oauth2) (import ./upstream_oauth2.nix arguments))
  (lib.optionals (settings ? clients) (import ./clients.nix arguments))
  (lib.optionals (settings ? account) (import ./account.nix arguments))
  (lib.optionals (settings ? oauth) (import ./oauth.nix arguments))
  (lib.optionals (settings ? captcha) (import ./captcha.nix arguments))
  (lib.optionals (settings ? policy) (import ./policy.nix arguments))
  (lib.optionals (settings ? rate_limiting) (import ./rate_limiting.nix arguments))
  (lib.optionals (settings ? telemetry) (import ./telemetry.nix arguments))
  (lib.optionals (settings ? experimental) (import ./experimental.nix arguments))
]
