# Written by `mas2nix compile` from src/rules and src/schema/upstream_oauth2.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules)
    each
    refuse
    matches
    upper
    formats
    ;
in
lib.concatLists [
  (refuse "upstream_oauth2.providers"
    "required option missing. Set it; see `mas2nix explain upstream_oauth2.providers`."
    (settings ? upstream_oauth2 && (complete && !(settings ? upstream_oauth2.providers)))
  )
  (each "upstream_oauth2.providers" (settings.upstream_oauth2.providers or [ ]) (
    at: provider: earlier: [
      (refuse "${at}.id"
        "another provider already has this ID, and MAS would use only the last one. Give each provider a different ID."
        (
          provider ? id
          && builtins.any (other: (upper (other.id or "")) == (upper (provider.id or ""))) earlier
        )
      )
      (refuse "${at}.issuer"
        "discovery requires the provider's issuer. Set `issuer`, or set `discovery_mode` to \"disabled\" and set the endpoints."
        (!(provider ? issuer) && (provider.discovery_mode or "oidc") != "disabled")
      )
      (refuse "${at}.client_secret_file"
        "`client_secret` and `client_secret_file` cannot both be set. Remove one of them."
        (provider ? client_secret && provider ? client_secret_file)
      )
      (refuse "${at}.token_endpoint_auth_method"
        "this authentication method does not use a client secret. Remove the secret, or use a method such as \"client_secret_basic\"."
        (
          provider ? token_endpoint_auth_method
          && !(builtins.elem (provider.token_endpoint_auth_method or null) [
            "client_secret_basic"
            "client_secret_post"
            "client_secret_jwt"
          ])
          && (provider ? client_secret || provider ? client_secret_file)
        )
      )
      (refuse "${at}.client_secret_file"
        "the authentication method requires a client secret. Set `client_secret_file`."
        (
          builtins.elem (provider.token_endpoint_auth_method or null) [
            "client_secret_basic"
            "client_secret_post"
            "client_secret_jwt"
          ]
          && (!(provider ? client_secret) && !(provider ? client_secret_file))
        )
      )
      (refuse "${at}.token_endpoint_auth_signing_alg"
        "the authentication method does not use a signing algorithm. Remove it."
        (
          provider ? token_endpoint_auth_method
          && !(builtins.elem (provider.token_endpoint_auth_method or null) [
            "client_secret_jwt"
            "private_key_jwt"
          ])
          && provider ? token_endpoint_auth_signing_alg
        )
      )
      (refuse "${at}.token_endpoint_auth_signing_alg"
        "the authentication method requires a signing algorithm. Set it, for example to \"RS256\" for private_key_jwt or \"HS256\" for client_secret_jwt."
        (
          builtins.elem (provider.token_endpoint_auth_method or null) [
            "client_secret_jwt"
            "private_key_jwt"
          ]
          && !(provider ? token_endpoint_auth_signing_alg)
        )
      )
      (refuse "${at}.sign_in_with_apple"
        "the authentication method requires Apple's key. Set `sign_in_with_apple`."
        (
          (provider.token_endpoint_auth_method or null) == "sign_in_with_apple"
          && !(provider ? sign_in_with_apple)
        )
      )
      (refuse "${at}.sign_in_with_apple"
        "Apple's key is only for the authentication method \"sign_in_with_apple\". Remove it, or change `token_endpoint_auth_method`."
        (
          provider ? token_endpoint_auth_method
          && (provider.token_endpoint_auth_method or null) != "sign_in_with_apple"
          && provider ? sign_in_with_apple
        )
      )
      (refuse "${at}.claims_imports.localpart.action"
        "without a confirmation page, the user name must come from the provider. Set it to \"require\", or remove `skip_confirmation`."
        (
          (provider.claims_imports.skip_confirmation or null) == true
          && (provider.claims_imports.localpart.action or "ignore") != "require"
        )
      )
      (refuse "${at}.claims_imports.localpart.action"
        "an existing account can be linked only if the provider determines the user name. Set it to \"force\" or \"require\", or remove `on_conflict`."
        (
          builtins.elem (provider.claims_imports.localpart.on_conflict or null) [
            "add"
            "replace"
            "set"
          ]
          && !(builtins.elem (provider.claims_imports.localpart.action or "ignore") [
            "force"
            "require"
          ])
        )
      )
      (refuse "${at}.claims_imports.email.action"
        "without a confirmation page, nothing can be suggested. Set it to \"force\", \"require\" or \"ignore\", or remove `skip_confirmation`."
        (
          (provider.claims_imports.skip_confirmation or null) == true
          && (provider.claims_imports.email.action or "ignore") == "suggest"
        )
      )
      (refuse "${at}.claims_imports.displayname.action"
        "without a confirmation page, nothing can be suggested. Set it to \"force\", \"require\" or \"ignore\", or remove `skip_confirmation`."
        (
          (provider.claims_imports.skip_confirmation or null) == true
          && (provider.claims_imports.displayname.action or "ignore") == "suggest"
        )
      )
      (refuse "${at}.authorization_endpoint"
        "without discovery, MAS does not know the provider's `authorization_endpoint`. Set it, or remove `discovery_mode`."
        ((provider.discovery_mode or null) == "disabled" && !(provider ? authorization_endpoint) && (true))
      )
      (refuse "${at}.token_endpoint"
        "without discovery, MAS does not know the provider's `token_endpoint`. Set it, or remove `discovery_mode`."
        ((provider.discovery_mode or null) == "disabled" && !(provider ? token_endpoint) && (true))
      )
      (refuse "${at}.jwks_uri"
        "without discovery, MAS does not know the provider's `jwks_uri`. Set it, or remove `discovery_mode`."
        (
          (provider.discovery_mode or null) == "disabled"
          && !(provider ? jwks_uri)
          && matches formats.openidScope (provider.scope or "openid")
        )
      )
      (refuse "${at}.id"
        "required option missing. Set it; see `mas2nix explain upstream_oauth2.providers[].id`."
        (!(provider ? id))
      )
      (refuse "${at}.enabled"
        "this option requires MAS 0.10.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.10.0" && provider ? enabled)
      )
      (refuse "${at}.synapse_idp_id"
        "this option requires MAS 0.14.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.14.0" && provider ? synapse_idp_id)
      )
      (refuse "${at}.issuer"
        "MAS before 0.13.0 requires this option. Set it, or use a newer version of MAS."
        (older "0.13.0" && !(provider ? issuer))
      )
      (refuse "${at}.client_id"
        "required option missing. Set it; see `mas2nix explain upstream_oauth2.providers[].client_id`."
        (!(provider ? client_id))
      )
      (refuse "${at}.client_secret_file"
        "this option requires MAS 1.7.0 or newer. Remove it, or use a newer version of MAS."
        (older "1.7.0" && provider ? client_secret_file)
      )
      (refuse "${at}.token_endpoint_auth_method"
        "required option missing. Set it; see `mas2nix explain upstream_oauth2.providers[].token_endpoint_auth_method`."
        (!(provider ? token_endpoint_auth_method))
      )
      (refuse "${at}.token_endpoint_auth_method"
        "this value requires MAS 0.13.0 or newer. Use another value, or a newer version of MAS."
        (older "0.13.0" && (provider.token_endpoint_auth_method or null) == "sign_in_with_apple")
      )
      (refuse "${at}.sign_in_with_apple"
        "this option requires MAS 0.13.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.13.0" && provider ? sign_in_with_apple)
      )
      (refuse "${at}.sign_in_with_apple.private_key"
        "MAS before 0.16.0 requires this option. Set it, or use a newer version of MAS."
        (provider ? sign_in_with_apple && (older "0.16.0" && !(provider ? sign_in_with_apple.private_key)))
      )
      (refuse "${at}.sign_in_with_apple.private_key_file"
        "this option requires MAS 0.16.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.16.0" && provider ? sign_in_with_apple.private_key_file)
      )
      (refuse "${at}.sign_in_with_apple.team_id"
        "required option missing. Set it; see `mas2nix explain upstream_oauth2.providers[].sign_in_with_apple.team_id`."
        (provider ? sign_in_with_apple && !(provider ? sign_in_with_apple.team_id))
      )
      (refuse "${at}.sign_in_with_apple.key_id"
        "required option missing. Set it; see `mas2nix explain upstream_oauth2.providers[].sign_in_with_apple.key_id`."
        (provider ? sign_in_with_apple && !(provider ? sign_in_with_apple.key_id))
      )
      (refuse "${at}.token_endpoint_auth_signing_alg"
        "this value requires MAS 0.18.0 or newer. Use another value, or a newer version of MAS."
        (
          older "0.18.0"
          && builtins.elem (provider.token_endpoint_auth_signing_alg or null) [
            "Ed25519"
            "Ed448"
          ]
        )
      )
      (refuse "${at}.id_token_signed_response_alg"
        "this option requires MAS 0.13.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.13.0" && provider ? id_token_signed_response_alg)
      )
      (refuse "${at}.id_token_signed_response_alg"
        "this value requires MAS 0.18.0 or newer. Use another value, or a newer version of MAS."
        (
          older "0.18.0"
          && builtins.elem (provider.id_token_signed_response_alg or null) [
            "Ed25519"
            "Ed448"
          ]
        )
      )
      (refuse "${at}.scope"
        "MAS before 0.17.0 requires this option. Set it, or use a newer version of MAS."
        (older "0.17.0" && !(provider ? scope))
      )
      (refuse "${at}.fetch_userinfo"
        "this option requires MAS 0.13.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.13.0" && provider ? fetch_userinfo)
      )
      (refuse "${at}.userinfo_signed_response_alg"
        "this option requires MAS 0.13.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.13.0" && provider ? userinfo_signed_response_alg)
      )
      (refuse "${at}.userinfo_signed_response_alg"
        "this value requires MAS 0.18.0 or newer. Use another value, or a newer version of MAS."
        (
          older "0.18.0"
          && builtins.elem (provider.userinfo_signed_response_alg or null) [
            "Ed25519"
            "Ed448"
          ]
        )
      )
      (refuse "${at}.userinfo_endpoint"
        "this option requires MAS 0.13.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.13.0" && provider ? userinfo_endpoint)
      )
      (refuse "${at}.response_mode"
        "this option requires MAS 0.13.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.13.0" && provider ? response_mode)
      )
      (refuse "${at}.claims_imports.skip_confirmation"
        "this option requires MAS 1.8.0 or newer. Remove it, or use a newer version of MAS."
        (older "1.8.0" && provider ? claims_imports.skip_confirmation)
      )
      (refuse "${at}.claims_imports.localpart.on_conflict"
        "this option requires MAS 0.20.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.20.0" && provider ? claims_imports.localpart.on_conflict)
      )
      (refuse "${at}.claims_imports.localpart.on_conflict"
        "this value requires MAS 1.8.0 or newer. Use another value, or a newer version of MAS."
        (
          older "1.8.0"
          && builtins.elem (provider.claims_imports.localpart.on_conflict or null) [
            "replace"
            "set"
          ]
        )
      )
      (refuse "${at}.claims_imports.account_name"
        "this option requires MAS 0.13.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.13.0" && provider ? claims_imports.account_name)
      )
      (refuse "${at}.forward_login_hint"
        "this option requires MAS 0.17.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.17.0" && provider ? forward_login_hint)
      )
      (refuse "${at}.on_backchannel_logout"
        "this option requires MAS 0.19.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.19.0" && provider ? on_backchannel_logout)
      )
      (refuse "${at}.registration_token_required"
        "this option requires MAS 1.19.0 or newer. Remove it, or use a newer version of MAS."
        (older "1.19.0" && provider ? registration_token_required)
      )
    ]
  ))
]
