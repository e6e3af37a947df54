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
      The CAPTCHA service to use. If unset, there is no CAPTCHA.

      - `"recaptcha_v2"`: Google reCAPTCHA, version 2.
      - `"cloudflare_turnstile"`: Cloudflare Turnstile.
      - `"hcaptcha"`: hCaptcha.

      Needs MAS 0.10.0 or newer.
    '';
  };
  site_key = lib.mkOption {
    type = types.unsetOr lib.types.str;
    description = ''
      The public key issued by the CAPTCHA service.

      Needs MAS 0.10.0 or newer.
    '';
    example = "6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI";
  };
  secret_key = lib.mkOption {
    type = types.secret (types.unsetOr lib.types.str);
    description = ''
      The secret key issued by the CAPTCHA service. MAS cannot read it from a file.

      This is a secret. The module rejects it here, because everyone could read it in
      the Nix store. Write it to a separate configuration file, and add that file to
      `extraConfigFiles`.

      Needs MAS 0.10.0 or newer.
    '';
  };
}
