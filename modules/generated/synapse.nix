# Written by `mas2nix compile` from src/deploy/synapse_overlay.rs. Do not edit: change that instead.
{ lib, cfg, ... }: {
  section = {
    enabled = true;
    endpoint = cfg.synapse.endpoint;
    secret_path =
      if cfg.synapse.secretPath != null then
        cfg.synapse.secretPath
      else if cfg.computed.generate.synapse then
        "${cfg.secrets.directory}/synapse"
      else
        cfg.computed.sharedSecretFile;
  }
  // lib.optionalAttrs cfg.synapse.forceHttp2 { force_http2 = true; };
  overlay = {
    matrix_authentication_service = {
      enabled = true;
      endpoint = cfg.synapse.endpoint;
      secret_path =
        if cfg.synapse.secretPath != null then
          cfg.synapse.secretPath
        else if cfg.computed.generate.synapse then
          "${cfg.secrets.directory}/synapse"
        else
          cfg.computed.sharedSecretFile;
    }
    // lib.optionalAttrs cfg.synapse.forceHttp2 { force_http2 = true; };
    password_config = {
      enabled = false;
    };
    password_providers = [ ];
    oidc_providers = [ ];
    oidc_config = null;
    saml2_config = null;
    cas_config = null;
    jwt_config = null;
    user_consent = null;
    enable_registration = false;
    enable_registration_captcha = false;
    login_via_existing_session = {
      enabled = false;
    };
    refresh_token_lifetime = null;
    nonrefreshable_access_token_lifetime = null;
    session_lifetime = null;
    enable_3pid_changes = false;
  };
}
