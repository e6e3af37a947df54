# Written by `mas2nix compile` from src/schema/clients.rs. Do not edit: change that instead.
{ lib, types }:
types.list (
  types.section {
    client_id = lib.mkOption {
      type = types.ulid;
      description = ''
        ID of the client, in the form of a ULID. Do not change it: MAS treats a new ID
        as a new client.
      '';
      example = "01GFWR28C4KNE04WG3HKXB7C9R";
    };
    client_auth_method = lib.mkOption {
      type = lib.types.enum [
        "none"
        "client_secret_basic"
        "client_secret_post"
        "client_secret_jwt"
        "private_key_jwt"
      ];
      description = ''
        How the client authenticates to MAS.

        - `"none"`: No authentication. For public clients, which have no secret.
        - `"client_secret_basic"`: The client secret in the `Authorization` header.
        - `"client_secret_post"`: The client secret in the request body.
        - `"client_secret_jwt"`: A JWT signed with the client secret.
        - `"private_key_jwt"`: A JWT signed with the client's private key.
      '';
    };
    client_name = lib.mkOption {
      type = types.unsetOr lib.types.str;
      description = ''
        Name shown to users when the client requests access.

        Needs MAS 0.16.0 or newer.
      '';
      example = "Example client";
    };
    client_uri = lib.mkOption {
      type = types.unsetOr types.url;
      description = ''
        URL of a page about the client, shown to users when it requests access.

        Needs MAS 1.22.0 or newer.
      '';
      example = "https://client.example.com/";
    };
    client_secret = lib.mkOption {
      type = types.secret (types.unsetOr lib.types.str);
      description = ''
        Client secret, for the `client_secret_*` methods.

        This is a secret. The module rejects it here, because everyone could read it in
        the Nix store. Use `client_secret_file` instead.
      '';
    };
    client_secret_file = lib.mkOption {
      type = types.unsetOr lib.types.str;
      description = ''
        File that contains the client secret.

        Needs MAS 1.0.0 or newer.
      '';
      example = "/run/secrets/mas-client-secret";
    };
    jwks = lib.mkOption {
      type = types.unsetOr (
        types.section {
          keys = lib.mkOption {
            type = types.list (
              types.section {
                kty = lib.mkOption {
                  type = lib.types.enum [
                    "RSA"
                    "EC"
                    "OKP"
                  ];
                  description = ''
                    Type of the key. It determines which other options describe the key.

                    - `"RSA"`: An RSA key.
                    - `"EC"`: A key on an elliptic curve in Weierstrass form.
                    - `"OKP"`: A key on an Edwards or Montgomery curve ("octet key pair").
                  '';
                };
                n = lib.mkOption {
                  type = types.base64Url;
                  description = "Modulus of an RSA key.";
                };
                e = lib.mkOption {
                  type = types.base64Url;
                  description = "Exponent of an RSA key.";
                  example = "AQAB";
                };
                crv = lib.mkOption {
                  type = lib.types.enum [
                    "P-256"
                    "P-384"
                    "P-521"
                    "secp256k1"
                    "Ed25519"
                    "Ed448"
                    "X25519"
                    "X448"
                  ];
                  description = ''
                    The curve of an EC or OKP key.

                    - `"P-256"`: NIST P-256.
                    - `"P-384"`: NIST P-384.
                    - `"P-521"`: NIST P-521.
                    - `"secp256k1"`: SECG secp256k1.
                    - `"Ed25519"`: Signatures on Curve25519.
                    - `"Ed448"`: Signatures on Curve448.
                    - `"X25519"`: Key agreement on Curve25519.
                    - `"X448"`: Key agreement on Curve448.
                  '';
                };
                x = lib.mkOption {
                  type = types.base64Url;
                  description = "X coordinate of an EC key, or the complete OKP key.";
                };
                y = lib.mkOption {
                  type = types.base64Url;
                  description = "Y coordinate of an EC key.";
                };
                use = lib.mkOption {
                  type = types.unsetOr (
                    lib.types.enum [
                      "sig"
                      "enc"
                    ]
                  );
                  description = ''
                    Intended use of the key.

                    - `"sig"`: Signatures.
                    - `"enc"`: Encryption.
                  '';
                };
                key_ops = lib.mkOption {
                  type = types.unsetOr (
                    types.list (
                      lib.types.enum [
                        "sign"
                        "verify"
                        "encrypt"
                        "decrypt"
                        "wrapKey"
                        "unwrapKey"
                        "deriveKey"
                        "deriveBits"
                      ]
                    )
                  );
                  description = "Operations that the key may be used for.";
                };
                alg = lib.mkOption {
                  type = types.unsetOr (
                    lib.types.enum [
                      "HS256"
                      "HS384"
                      "HS512"
                      "RS256"
                      "RS384"
                      "RS512"
                      "ES256"
                      "ES384"
                      "ES512"
                      "PS256"
                      "PS384"
                      "PS512"
                      "none"
                      "EdDSA"
                      "ES256K"
                      "Ed25519"
                      "Ed448"
                    ]
                  );
                  description = ''
                    Algorithm that the key is intended for.

                    - `"HS256"`: HMAC with SHA-256.
                    - `"HS384"`: HMAC with SHA-384.
                    - `"HS512"`: HMAC with SHA-512.
                    - `"RS256"`: RSASSA-PKCS1-v1_5 with SHA-256.
                    - `"RS384"`: RSASSA-PKCS1-v1_5 with SHA-384.
                    - `"RS512"`: RSASSA-PKCS1-v1_5 with SHA-512.
                    - `"ES256"`: ECDSA on P-256 with SHA-256.
                    - `"ES384"`: ECDSA on P-384 with SHA-384.
                    - `"ES512"`: ECDSA on P-521 with SHA-512.
                    - `"PS256"`: RSASSA-PSS with SHA-256.
                    - `"PS384"`: RSASSA-PSS with SHA-384.
                    - `"PS512"`: RSASSA-PSS with SHA-512.
                    - `"none"`: No signature at all.
                    - `"EdDSA"`: EdDSA, on the curve of the key.
                    - `"ES256K"`: ECDSA on secp256k1 with SHA-256.
                    - `"Ed25519"`: EdDSA on Curve25519. Needs MAS 0.18.0 or newer.
                    - `"Ed448"`: EdDSA on Curve448. Needs MAS 0.18.0 or newer.
                  '';
                };
                kid = lib.mkOption {
                  type = types.unsetOr lib.types.str;
                  description = "ID of the key within its set.";
                  example = "signing-2026";
                };
                x5u = lib.mkOption {
                  type = types.unsetOr types.url;
                  description = "URL of the key's X.509 certificate chain.";
                };
                x5c = lib.mkOption {
                  type = types.unsetOr (types.list types.base64);
                  description = ''
                    X.509 certificate chain of the key, starting with the key's own certificate.
                    Each certificate is in DER format.
                  '';
                };
                x5t = lib.mkOption {
                  type = types.unsetOr types.base64Url;
                  description = "SHA-1 digest of the key's X.509 certificate.";
                };
                "x5t#S256" = lib.mkOption {
                  type = types.unsetOr types.base64Url;
                  description = "SHA-256 digest of the key's X.509 certificate.";
                };
              }
            );
            description = "The keys.";
          };
        }
      );
      description = "Public keys of the client, for `private_key_jwt`.";
    };
    jwks_uri = lib.mkOption {
      type = types.unsetOr types.url;
      description = "URL of the client's public keys, for `private_key_jwt`.";
      example = "https://client.example.com/keys.json";
    };
    redirect_uris = lib.mkOption {
      type = types.list types.url;
      description = ''
        URLs to which MAS may redirect users after they log in. The URL that the client
        requests must match one of them exactly.
      '';
      defaultText = lib.literalExpression "[ ]";
      example = [ "https://client.example.com/callback" ];
    };
  }
)
