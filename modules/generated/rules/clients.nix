# Written by `mas2nix compile` from src/rules and src/schema/clients.rs. Do not edit: change that instead.
{
  lib,
  rules,
  settings,
  complete,
  older,
}:
let
  inherit (rules) each refuse upper;
in
lib.concatLists [
  (each "clients" (settings.clients or [ ]) (
    at: client: earlier: [
      (refuse "${at}.client_id"
        "another client already has this ID, and MAS would use only the last one. Give each client a different ID."
        (
          client ? client_id
          && builtins.any (other: (upper (other.client_id or "")) == (upper (client.client_id or ""))) earlier
        )
      )
      (refuse "${at}.jwks_uri"
        "the authentication method \"private_key_jwt\" requires the client's public keys. Set `jwks` or `jwks_uri`."
        (
          (client.client_auth_method or null) == "private_key_jwt"
          && (!(client ? jwks) && !(client ? jwks_uri))
        )
      )
      (refuse "${at}.jwks_uri" "`jwks` and `jwks_uri` cannot both be set. Remove one of them." (
        client ? jwks && client ? jwks_uri
      ))
      (refuse "${at}.client_auth_method"
        "this authentication method does not use a client secret. Remove the secret, or use a method such as \"client_secret_basic\"."
        (
          client ? client_auth_method
          && !(builtins.elem (client.client_auth_method or null) [
            "client_secret_basic"
            "client_secret_post"
            "client_secret_jwt"
          ])
          && (client ? client_secret || client ? client_secret_file)
        )
      )
      (refuse "${at}.client_secret_file"
        "the authentication method requires a client secret. Set `client_secret_file`."
        (
          builtins.elem (client.client_auth_method or null) [
            "client_secret_basic"
            "client_secret_post"
            "client_secret_jwt"
          ]
          && (!(client ? client_secret) && !(client ? client_secret_file))
        )
      )
      (refuse "${at}.client_secret_file"
        "`client_secret` and `client_secret_file` cannot both be set. Remove one of them."
        (client ? client_secret && client ? client_secret_file)
      )
      (refuse "${at}.jwks"
        "public keys are only for the authentication method \"private_key_jwt\". Remove them, or change `client_auth_method`."
        (
          client ? client_auth_method
          && (client.client_auth_method or null) != "private_key_jwt"
          && client ? jwks
        )
      )
      (refuse "${at}.jwks_uri"
        "public keys are only for the authentication method \"private_key_jwt\". Remove them, or change `client_auth_method`."
        (
          client ? client_auth_method
          && (client.client_auth_method or null) != "private_key_jwt"
          && client ? jwks_uri
        )
      )
      (refuse "${at}.client_id"
        "required option missing. Set it; see `mas2nix explain clients[].client_id`."
        (!(client ? client_id))
      )
      (refuse "${at}.client_auth_method"
        "required option missing. Set it; see `mas2nix explain clients[].client_auth_method`."
        (!(client ? client_auth_method))
      )
      (refuse "${at}.client_name"
        "this option requires MAS 0.16.0 or newer. Remove it, or use a newer version of MAS."
        (older "0.16.0" && client ? client_name)
      )
      (refuse "${at}.client_uri"
        "this option requires MAS 1.22.0 or newer. Remove it, or use a newer version of MAS."
        (older "1.22.0" && client ? client_uri)
      )
      (refuse "${at}.client_secret_file"
        "this option requires MAS 1.0.0 or newer. Remove it, or use a newer version of MAS."
        (older "1.0.0" && client ? client_secret_file)
      )
      (refuse "${at}.jwks.keys"
        "required option missing. Set it; see `mas2nix explain clients[].jwks.keys`."
        (client ? jwks && !(client ? jwks.keys))
      )
      (each "${at}.jwks.keys" (client.jwks.keys or [ ]) (
        at: key: earlier: [
          (refuse "${at}.kty"
            "required option missing. Set it; see `mas2nix explain clients[].jwks.keys[].kty`."
            (!(key ? kty))
          )
          (refuse "${at}.n" "this option is only for `kty` \"RSA\". Remove it, or change `kty`." (
            key ? kty && (key.kty or null) != "RSA" && key ? n
          ))
          (refuse "${at}.n" "`kty` \"RSA\" requires this option. Set it." (
            (key.kty or null) == "RSA" && !(key ? n)
          ))
          (refuse "${at}.e" "this option is only for `kty` \"RSA\". Remove it, or change `kty`." (
            key ? kty && (key.kty or null) != "RSA" && key ? e
          ))
          (refuse "${at}.e" "`kty` \"RSA\" requires this option. Set it." (
            (key.kty or null) == "RSA" && !(key ? e)
          ))
          (refuse "${at}.crv" "this option is only for `kty` \"EC\" or \"OKP\". Remove it, or change `kty`." (
            key ? kty
            && !(builtins.elem (key.kty or null) [
              "EC"
              "OKP"
            ])
            && key ? crv
          ))
          (refuse "${at}.crv" "`kty` \"EC\" requires this option. Set it." (
            (key.kty or null) == "EC" && !(key ? crv)
          ))
          (refuse "${at}.crv"
            "this value is not valid for `kty` \"EC\". Use one of P-256, P-384, P-521, secp256k1."
            (
              (key.kty or null) == "EC"
              && key ? crv
              && !(builtins.elem (key.crv or null) [
                "P-256"
                "P-384"
                "P-521"
                "secp256k1"
              ])
            )
          )
          (refuse "${at}.crv" "`kty` \"OKP\" requires this option. Set it." (
            (key.kty or null) == "OKP" && !(key ? crv)
          ))
          (refuse "${at}.crv"
            "this value is not valid for `kty` \"OKP\". Use one of Ed25519, Ed448, X25519, X448."
            (
              (key.kty or null) == "OKP"
              && key ? crv
              && !(builtins.elem (key.crv or null) [
                "Ed25519"
                "Ed448"
                "X25519"
                "X448"
              ])
            )
          )
          (refuse "${at}.x" "this option is only for `kty` \"EC\" or \"OKP\". Remove it, or change `kty`." (
            key ? kty
            && !(builtins.elem (key.kty or null) [
              "EC"
              "OKP"
            ])
            && key ? x
          ))
          (refuse "${at}.x" "`kty` \"EC\" requires this option. Set it." (
            (key.kty or null) == "EC" && !(key ? x)
          ))
          (refuse "${at}.x" "`kty` \"OKP\" requires this option. Set it." (
            (key.kty or null) == "OKP" && !(key ? x)
          ))
          (refuse "${at}.y" "this option is only for `kty` \"EC\". Remove it, or change `kty`." (
            key ? kty && (key.kty or null) != "EC" && key ? y
          ))
          (refuse "${at}.y" "`kty` \"EC\" requires this option. Set it." (
            (key.kty or null) == "EC" && !(key ? y)
          ))
          (refuse "${at}.alg"
            "this value requires MAS 0.18.0 or newer. Use another value, or a newer version of MAS."
            (
              older "0.18.0"
              && builtins.elem (key.alg or null) [
                "Ed25519"
                "Ed448"
              ]
            )
          )
        ]
      ))
    ]
  ))
]
