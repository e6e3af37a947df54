# Written by `mas2nix compile` from src/rules/synapse.rs. Do not edit: change that instead.
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
  (refuse "password_config.enabled"
    "MAS is responsible for passwords now. Remove it, and configure `passwords` of MAS."
    (
      builtins.elem (settings.password_config.enabled or null) [
        true
        "only_for_reauth"
      ]
    )
  )
  (refuse "enable_registration"
    "MAS is responsible for this now. Remove it, and set `account.password_registration_enabled` of MAS."
    ((settings.enable_registration or null) == true)
  )
  (refuse "enable_registration_captcha"
    "MAS is responsible for this now. Remove it, and configure `captcha` of MAS."
    ((settings.enable_registration_captcha or null) == true)
  )
  (refuse "oidc_providers"
    "MAS is responsible for identity providers now. Remove it, and list the providers in `upstream_oauth2.providers` of MAS, each with its `synapse_idp_id` so that users keep their accounts."
    (
      (settings ? oidc_providers && (settings.oidc_providers or null) != null)
      && (settings.oidc_providers or null) != [ ]
    )
  )
  (refuse "oidc_config.enabled"
    "MAS is responsible for identity providers now. Remove it, and list the providers in `upstream_oauth2.providers` of MAS, each with its `synapse_idp_id` so that users keep their accounts."
    ((settings.oidc_config.enabled or null) == true)
  )
  (refuse "saml2_config"
    "MAS does not support SAML. Remove it, and put a provider such as Dex between SAML and `upstream_oauth2.providers` of MAS."
    (
      (
        (settings ? saml2_config.sp_config && (settings.saml2_config.sp_config or null) != null)
        || (settings ? saml2_config.config_path && (settings.saml2_config.config_path or null) != null)
      )
      && (settings.saml2_config.enabled or true) == true
    )
  )
  (refuse "cas_config.enabled"
    "MAS does not support CAS. Remove it, and put a provider such as Dex between CAS and `upstream_oauth2.providers` of MAS."
    ((settings.cas_config.enabled or null) == true)
  )
  (refuse "jwt_config.enabled" "MAS does not accept JWTs issued by others. Remove it." (
    (settings.jwt_config.enabled or null) == true
  ))
  (refuse "password_providers"
    "MAS cannot use Synapse's password providers. Remove it, and use an identity provider with `upstream_oauth2.providers` of MAS."
    (
      (settings ? password_providers && (settings.password_providers or null) != null)
      && (settings.password_providers or null) != [ ]
    )
  )
  (refuse "login_via_existing_session.enabled"
    "MAS is responsible for this now. Remove it. MAS's device code grant replaces it."
    ((settings.login_via_existing_session.enabled or null) == true)
  )
  (refuse "user_consent"
    "Synapse can no longer ask for consent. Remove it, and set `branding.tos_uri` of MAS."
    (settings ? user_consent.version && (settings.user_consent.version or null) != null)
  )
  (refuse "refresh_token_lifetime" "MAS issues the tokens now. Remove it." (
    settings ? refresh_token_lifetime && (settings.refresh_token_lifetime or null) != null
  ))
  (refuse "nonrefreshable_access_token_lifetime"
    "MAS issues the tokens now. Remove it, and set `experimental.access_token_ttl` of MAS."
    (
      settings ? nonrefreshable_access_token_lifetime
      && (settings.nonrefreshable_access_token_lifetime or null) != null
    )
  )
  (refuse "session_lifetime"
    "MAS issues the tokens now. Remove it, and set `experimental.inactive_session_expiration` of MAS."
    (settings ? session_lifetime && (settings.session_lifetime or null) != null)
  )
  (refuse "enable_3pid_changes"
    "MAS is responsible for this now. Remove it, and set `account.email_change_allowed` of MAS."
    ((settings.enable_3pid_changes or null) == true)
  )
  (refuse "experimental_features.msc3861"
    "`matrix_authentication_service` replaces this experimental feature, and Synapse 1.157.0 rejects it. Remove it. Its `admin_token` is the shared secret now: write it to the file that `matrix.secret_file` of MAS names. Remove Synapse's client from `clients` of MAS."
    (
      (
        settings ? experimental_features.msc3861 && (settings.experimental_features.msc3861 or null) != null
      )
      && (settings.experimental_features.msc3861 or null) != { }
    )
  )
  (refuse "matrix_authentication_service.secret"
    "Synapse accepts either a secret or a file that contains it, and everyone could read this one. Remove it."
    (
      settings ? matrix_authentication_service.secret
      && (settings.matrix_authentication_service.secret or null) != null
    )
  )
]
