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
  (refuse "upstream_oauth2.providers" "required option missing. Set it." (
    settings ? upstream_oauth2 && (complete && !(settings ? upstream_oauth2.providers))
  ))
  (each "upstream_oauth2.providers" (settings.upstream_oauth2.providers or [ ]) (
    at: provider: earlier: [
      (refuse "${at}.id"
        "another provider has this id already, and only the last one would count. Give every provider an id of its own."
        (
          provider ? id
          && builtins.any (other: (upper (other.id or "")) == (upper (provider.id or ""))) earlier
        )
      )
      (refuse "${at}.issuer"
        "discovery needs the provider's issuer. Set `issuer`, or set `discovery_mode` to \"disabled\" and give the endpoints."
        (!(provider ? issuer) && (provider.discovery_mode or "oidc") != "disabled")
      )
      (refuse "${at}.client_secret_file"
        "`client_secret` and `client_secret_file` exclude each other. Keep one of the two."
        (provider ? client_secret && provider ? client_secret_file)
      )
      (refuse "${at}.token_endpoint_auth_method"
        "this method does not use a client secret. Remove the secret, or choose a method such as \"client_secret_basic\"."
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
        "the authentication method needs a client secret. Set `client_secret_file`."
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
        "the authentication method signs nothing. Remove it."
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
        "the authentication method needs an algorithm to sign with. Set it, such as \"RS256\" for private_key_jwt or \"HS256\" for client_secret_jwt."
        (
          builtins.elem (provider.token_endpoint_auth_method or null) [
            "client_secret_jwt"
            "private_key_jwt"
          ]
          && !(provider ? token_endpoint_auth_signing_alg)
        )
      )
      (refuse "${at}.sign_in_with_apple"
        "the authentication method needs Apple's key. Set `sign_in_with_apple`."
        (
          (provider.token_endpoint_auth_method or null) == "sign_in_with_apple"
          && !(provider ? sign_in_with_apple)
        )
      )
      (refuse "${at}.sign_in_with_apple"
        "Apple's key is for the authentication method \"sign_in_with_apple\". Remove it, or change `token_endpoint_auth_method`."
        (
          provider ? token_endpoint_auth_method
          && (provider.token_endpoint_auth_method or null) != "sign_in_with_apple"
          && provider ? sign_in_with_apple
        )
      )
      (refuse "${at}.claims_imports.localpart.action"
        "without a confirmation page the user name must come from the provider. Set it to \"require\", or leave out `skip_confirmation`."
        (
          (provider.claims_imports.skip_confirmation or null) == true
          && (provider.claims_imports.localpart.action or "ignore") != "require"
        )
      )
      (refuse "${at}.claims_imports.localpart.action"
        "an account can only be taken over by a name that the provider decides. Set it to \"force\" or \"require\", or leave out `on_conflict`."
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
        "without a confirmation page nothing can be suggested. Set it to \"force\", \"require\" or \"ignore\", or leave out `skip_confirmation`."
        (
          (provider.claims_imports.skip_confirmation or null) == true
          && (provider.claims_imports.email.action or "ignore") == "suggest"
        )
      )
      (refuse "${at}.claims_imports.displayname.action"
        "without a confirmation page nothing can be suggested. Set it to \"force\", \"require\" or \"ignore\", or leave out `skip_confirmation`."
        (
          (provider.claims_imports.skip_confirmation or null) == true
          && (provider.claims_imports.displayname.action or "ignore") == "suggest"
        )
      )
      (refuse "${at}.authorization_endpoint"
        "without discovery MAS cannot know the provider's `authorization_endpoint`. Set it, or leave out `discovery_mode`."
        ((provider.discovery_mode or null) == "disabled" && !(provider ? authorization_endpoint) && (true))
      )
      (refuse "${at}.token_endpoint"
        "without discovery MAS cannot know the provider's `token_endpoint`. Set it, or leave out `discovery_mode`."
        ((provider.discovery_mode or null) == "disabled" && !(provider ? token_endpoint) && (true))
      )
      (refuse "${at}.jwks_uri"
        "without discovery MAS cannot know the provider's `jwks_uri`. Set it, or leave out `discovery_mode`."
        (
          (provider.discovery_mode or null) == "disabled"
          && !(provider ? jwks_uri)
          && matches formats.openidScope (provider.scope or "openid")
        )
      )
      (refuse "${at}.id" "required option missing. Set it." (!(provider ? id)))
      (refuse "${at}.enabled" "this option needs MAS 0.10.0 or newer. Remove it, or use a newer MAS." (
        older "0.10.0" && provider ? enabled
      ))
      (refuse "${at}.synapse_idp_id"
        "this option needs MAS 0.14.0 or newer. Remove it, or use a newer MAS."
        (older "0.14.0" && provider ? synapse_idp_id)
      )
      (refuse "${at}.issuer" "MAS before 0.13.0 needs this option. Set it, or use a newer MAS." (
        older "0.13.0" && !(provider ? issuer)
      ))
      (refuse "${at}.client_id" "required option missing. Set it." (!(provider ? client_id)))
      (refuse "${at}.client_secret_file"
        "this option needs MAS 1.7.0 or newer. Remove it, or use a newer MAS."
        (older "1.7.0" && provider ? client_secret_file)
      )
      (refuse "${at}.token_endpoint_auth_method" "required option missing. Set it." (
        !(provider ? token_endpoint_auth_method)
      ))
      (refuse "${at}.token_endpoint_auth_method"
        "this value needs MAS 0.13.0 or newer. Choose another one, or use a newer MAS."
        (older "0.13.0" && (provider.token_endpoint_auth_method or null) == "sign_in_with_apple")
      )
      (refuse "${at}.sign_in_with_apple"
        "this option needs MAS 0.13.0 or newer. Remove it, or use a newer MAS."
        (older "0.13.0" && provider ? sign_in_with_apple)
      )
      (refuse "${at}.sign_in_with_apple.private_key"
        "MAS before 0.16.0 needs this option. Set it, or use a newer MAS."
        (provider ? sign_in_with_apple && (older "0.16.0" && !(provider ? sign_in_with_apple.private_key)))
      )
      (refuse "${at}.sign_in_with_apple.private_key_file"
        "this option needs MAS 0.16.0 or newer. Remove it, or use a newer MAS."
        (older "0.16.0" && provider ? sign_in_with_apple.private_key_file)
      )
      (refuse "${at}.sign_in_with_apple.team_id" "required option missing. Set it." (
        provider ? sign_in_with_apple && !(provider ? sign_in_with_apple.team_id)
      ))
      (refuse "${at}.sign_in_with_apple.key_id" "required option missing. Set it." (
        provider ? sign_in_with_apple && !(provider ? sign_in_with_apple.key_id)
      ))
      (refuse "${at}.token_endpoint_auth_signing_alg"
        "this value needs MAS 0.18.0 or newer. Choose another one, or use a newer MAS."
        (
          older "0.18.0"
          && builtins.elem (provider.token_endpoint_auth_signing_alg or null) [
            "Ed25519"
            "Ed448"
          ]
        )
      )
      (refuse "${at}.id_token_signed_response_alg"
        "this option needs MAS 0.13.0 or newer. Remove it, or use a newer MAS."
        (older "0.13.0" && provider ? id_token_signed_response_alg)
      )
      (refuse "${at}.id_token_signed_response_alg"
        "this value needs MAS 0.18.0 or newer. Choose another one, or use a newer MAS."
        (
          older "0.18.0"
          && builtins.elem (provider.id_token_signed_response_alg or null) [
            "Ed25519"
            "Ed448"
          ]
        )
      )
      (refuse "${at}.scope" "MAS before 0.17.0 needs this option. Set it, or use a newer MAS." (
        older "0.17.0" && !(provider ? scope)
      ))
      (refuse "${at}.fetch_userinfo"
        "this option needs MAS 0.13.0 or newer. Remove it, or use a newer MAS."
        (older "0.13.0" && provider ? fetch_userinfo)
      )
      (refuse "${at}.userinfo_signed_response_alg"
        "this option needs MAS 0.13.0 or newer. Remove it, or use a newer MAS."
        (older "0.13.0" && provider ? userinfo_signed_response_alg)
      )
      (refuse "${at}.userinfo_signed_response_alg"
        "this value needs MAS 0.18.0 or newer. Choose another one, or use a newer MAS."
        (
          older "0.18.0"
          && builtins.elem (provider.userinfo_signed_response_alg or null) [
            "Ed25519"
            "Ed448"
          ]
        )
      )
      (refuse "${at}.userinfo_endpoint"
        "this option needs MAS 0.13.0 or newer. Remove it, or use a newer MAS."
        (older "0.13.0" && provider ? userinfo_endpoint)
      )
      (refuse "${at}.response_mode"
        "this option needs MAS 0.13.0 or newer. Remove it, or use a newer MAS."
        (older "0.13.0" && provider ? response_mode)
      )
      (refuse "${at}.claims_imports.skip_confirmation"
        "this option needs MAS 1.8.0 or newer. Remove it, or use a newer MAS."
        (older "1.8.0" && provider ? claims_imports.skip_confirmation)
      )
      (refuse "${at}.claims_imports.localpart.on_conflict"
        "this option needs MAS 0.20.0 or newer. Remove it, or use a newer MAS."
        (older "0.20.0" && provider ? claims_imports.localpart.on_conflict)
      )
      (refuse "${at}.claims_imports.localpart.on_conflict"
        "this value needs MAS 1.8.0 or newer. Choose another one, or use a newer MAS."
        (
          older "1.8.0"
          && builtins.elem (provider.claims_imports.localpart.on_conflict or null) [
            "replace"
            "set"
          ]
        )
      )
      (refuse "${at}.claims_imports.account_name"
        "this option needs MAS 0.13.0 or newer. Remove it, or use a newer MAS."
        (older "0.13.0" && provider ? claims_imports.account_name)
      )
      (refuse "${at}.forward_login_hint"
        "this option needs MAS 0.17.0 or newer. Remove it, or use a newer MAS."
        (older "0.17.0" && provider ? forward_login_hint)
      )
      (refuse "${at}.on_backchannel_logout"
        "this option needs MAS 0.19.0 or newer. Remove it, or use a newer MAS."
        (older "0.19.0" && provider ? on_backchannel_logout)
      )
      (refuse "${at}.registration_token_required"
        "this option needs MAS 1.19.0 or newer. Remove it, or use a newer MAS."
        (older "1.19.0" && provider ? registration_token_required)
      )
    ]
  ))
]
