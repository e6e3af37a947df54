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
        "another client has this id already, and only the last one would count. Give every client an id of its own."
        (
          client ? client_id
          && builtins.any (other: (upper (other.client_id or "")) == (upper (client.client_id or ""))) earlier
        )
      )
      (refuse "${at}.jwks_uri"
        "the authentication method needs the client's public keys. Set `jwks` or `jwks_uri`."
        (
          (client.client_auth_method or null) == "private_key_jwt"
          && (!(client ? jwks) && !(client ? jwks_uri))
        )
      )
      (refuse "${at}.jwks_uri" "`jwks` and `jwks_uri` exclude each other. Keep one of the two." (
        client ? jwks && client ? jwks_uri
      ))
      (refuse "${at}.client_auth_method"
        "this method does not use a client secret. Remove the secret, or choose a method such as \"client_secret_basic\"."
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
        "the authentication method needs a client secret. Set `client_secret_file`."
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
        "`client_secret` and `client_secret_file` exclude each other. Keep one of the two."
        (client ? client_secret && client ? client_secret_file)
      )
      (refuse "${at}.jwks"
        "public keys are for the authentication method \"private_key_jwt\". Remove them, or change `client_auth_method`."
        (
          client ? client_auth_method
          && (client.client_auth_method or null) != "private_key_jwt"
          && client ? jwks
        )
      )
      (refuse "${at}.jwks_uri"
        "public keys are for the authentication method \"private_key_jwt\". Remove them, or change `client_auth_method`."
        (
          client ? client_auth_method
          && (client.client_auth_method or null) != "private_key_jwt"
          && client ? jwks_uri
        )
      )
      (refuse "${at}.client_id" "required option missing. Set it." (!(client ? client_id)))
      (refuse "${at}.client_auth_method" "required option missing. Set it." (
        !(client ? client_auth_method)
      ))
      (refuse "${at}.client_name" "this option needs MAS 0.16.0 or newer. Remove it, or use a newer MAS."
        (older "0.16.0" && client ? client_name)
      )
      (refuse "${at}.client_uri" "this option needs MAS 1.22.0 or newer. Remove it, or use a newer MAS." (
        older "1.22.0" && client ? client_uri
      ))
      (refuse "${at}.client_secret_file"
        "this option needs MAS 1.0.0 or newer. Remove it, or use a newer MAS."
        (older "1.0.0" && client ? client_secret_file)
      )
      (refuse "${at}.jwks.keys" "required option missing. Set it." (
        client ? jwks && !(client ? jwks.keys)
      ))
      (each "${at}.jwks.keys" (client.jwks.keys or [ ]) (
        at: key: earlier: [
          (refuse "${at}.kty" "required option missing. Set it." (!(key ? kty)))
          (refuse "${at}.n" "this option belongs to `kty` \"RSA\". Remove it, or change `kty`." (
            key ? kty && (key.kty or null) != "RSA" && key ? n
          ))
          (refuse "${at}.n" "`kty` \"RSA\" needs this option. Set it." (
            (key.kty or null) == "RSA" && !(key ? n)
          ))
          (refuse "${at}.e" "this option belongs to `kty` \"RSA\". Remove it, or change `kty`." (
            key ? kty && (key.kty or null) != "RSA" && key ? e
          ))
          (refuse "${at}.e" "`kty` \"RSA\" needs this option. Set it." (
            (key.kty or null) == "RSA" && !(key ? e)
          ))
          (refuse "${at}.crv" "this option belongs to `kty` \"EC\" or \"OKP\". Remove it, or change `kty`." (
            key ? kty
            && !(builtins.elem (key.kty or null) [
              "EC"
              "OKP"
            ])
            && key ? crv
          ))
          (refuse "${at}.crv" "`kty` \"EC\" needs this option. Set it." (
            (key.kty or null) == "EC" && !(key ? crv)
          ))
          (refuse "${at}.crv"
            "`kty` \"EC\" does not go with this value. Use one of P-256, P-384, P-521, secp256k1."
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
          (refuse "${at}.crv" "`kty` \"OKP\" needs this option. Set it." (
            (key.kty or null) == "OKP" && !(key ? crv)
          ))
          (refuse "${at}.crv"
            "`kty` \"OKP\" does not go with this value. Use one of Ed25519, Ed448, X25519, X448."
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
          (refuse "${at}.x" "this option belongs to `kty` \"EC\" or \"OKP\". Remove it, or change `kty`." (
            key ? kty
            && !(builtins.elem (key.kty or null) [
              "EC"
              "OKP"
            ])
            && key ? x
          ))
          (refuse "${at}.x" "`kty` \"EC\" needs this option. Set it." (
            (key.kty or null) == "EC" && !(key ? x)
          ))
          (refuse "${at}.x" "`kty` \"OKP\" needs this option. Set it." (
            (key.kty or null) == "OKP" && !(key ? x)
          ))
          (refuse "${at}.y" "this option belongs to `kty` \"EC\". Remove it, or change `kty`." (
            key ? kty && (key.kty or null) != "EC" && key ? y
          ))
          (refuse "${at}.y" "`kty` \"EC\" needs this option. Set it." (
            (key.kty or null) == "EC" && !(key ? y)
          ))
          (refuse "${at}.alg" "this value needs MAS 0.18.0 or newer. Choose another one, or use a newer MAS."
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
