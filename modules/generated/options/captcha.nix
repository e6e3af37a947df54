# Written by `mas2nix compile` from src/schema/captcha.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  service = lib.mkOption {
    type = types.unsetOr (
      lib.types.enum [
        "recaptcha_v2"
        "cloudflare_turnstile"
        "hcaptcha"
      ]
    );
    description = ''
      Which service checks that a human is there. Leave it out for no CAPTCHA.

      - `"recaptcha_v2"`: Google reCAPTCHA, version 2.
      - `"cloudflare_turnstile"`: Cloudflare Turnstile.
      - `"hcaptcha"`: hCaptcha.

      Needs MAS 0.10.0 or newer.
    '';
  };
  site_key = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      The public half of the key pair that the service issued.

      Needs MAS 0.10.0 or newer.
    '';
  };
  secret_key = lib.mkOption {
    type = types.secret (types.unsetOr lib.types.str);
    description = ''
      The secret half of the key pair. MAS cannot read it from a file.

      A secret: the module refuses it, because everyone could read it in the Nix
      store. Put it into a file of its own and name that in `extraConfigFiles`.

      Needs MAS 0.10.0 or newer.
    '';
  };
}
