# Written by `mas2nix compile` from src/schema/upstream_oauth2.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  providers = lib.mkOption {
    type = types.list (
      types.section {
        id = lib.mkOption {
          type = types.ulid;
          description = ''
            ID of the provider, in the form of a ULID. It is part of the redirect URI to
            register with the provider: `<public_base>/upstream/callback/<id>`. Do not
            change it: MAS treats a new ID as a new provider, and users lose their links.
          '';
          example = "01HFVBY12TMNTYTBV8W921M5FA";
        };
        enabled = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether users can log in through this provider. If Synapse's users have logged
            in through it, it must be enabled during the migration.

            Needs MAS 0.10.0 or newer.
          '';
          defaultText = lib.literalExpression "true";
        };
        synapse_idp_id = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = ''
            ID of the provider in Synapse, so that users keep their links to it. It is
            `oidc-` followed by the `idp_id` of the provider's entry in `oidc_providers`, or
            `oidc` for `oidc_config` and for an entry without `idp_id`.

            Needs MAS 0.14.0 or newer.
          '';
          example = "oidc-github";
        };
        issuer = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = ''
            Issuer of the provider, exactly as in its discovery document. Required unless
            `discovery_mode` is `disabled`.
          '';
          example = "https://accounts.example.com/";
        };
        human_name = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = "Name of the provider on the login page.";
          example = "Example ID";
        };
        brand_name = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = ''
            Brand whose logo to show. MAS's own pages know `apple`, `google`, `facebook`,
            `github`, `gitlab` and `twitter`.
          '';
          example = "google";
        };
        client_id = lib.mkOption {
          type = lib.types.str;
          description = "Client ID of MAS at the provider.";
          example = "mas";
        };
        client_secret = lib.mkOption {
          type = types.secret (types.unsetOr lib.types.str);
          description = ''
            Client secret of MAS at the provider, for the `client_secret_*` methods.

            This is a secret. The module rejects it here, because everyone could read it in
            the Nix store. Use `client_secret_file` instead.
          '';
        };
        client_secret_file = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = ''
            File that contains the client secret of MAS at the provider.

            Needs MAS 1.7.0 or newer.
          '';
          example = "/run/secrets/oidc-client-secret";
        };
        token_endpoint_auth_method = lib.mkOption {
          type = lib.types.enum [
            "none"
            "client_secret_basic"
            "client_secret_post"
            "client_secret_jwt"
            "private_key_jwt"
            "sign_in_with_apple"
          ];
          description = ''
            How MAS authenticates to the provider.

            - `"none"`: No authentication.
            - `"client_secret_basic"`: `client_secret` in the `Authorization` header.
            - `"client_secret_post"`: `client_secret` in the request body.
            - `"client_secret_jwt"`: A JWT signed with `client_secret`.
            - `"private_key_jwt"`: A JWT signed with a key from the `secrets` section.
            - `"sign_in_with_apple"`: Apple's method, with the key in `sign_in_with_apple`.
              Needs MAS 0.13.0 or newer.
          '';
        };
        sign_in_with_apple = lib.mkOption {
          type = types.unsetOr (
            types.section {
              private_key = lib.mkOption {
                type = types.secret (types.unsetOr lib.types.str);
                description = ''
                  Private key in PEM format.

                  This is a secret. The module rejects it here, because everyone could read it in
                  the Nix store. Use `private_key_file` instead.

                  Needs MAS 0.13.0 or newer.
                '';
              };
              private_key_file = lib.mkOption {
                type = types.unsetOr lib.types.str;
                description = ''
                  File that contains the private key.

                  Needs MAS 0.16.0 or newer.
                '';
                example = "/run/secrets/apple-key";
              };
              team_id = lib.mkOption {
                type = lib.types.str;
                description = ''
                  Team ID, as assigned by Apple.

                  Needs MAS 0.13.0 or newer.
                '';
                example = "ABCDE12345";
              };
              key_id = lib.mkOption {
                type = lib.types.str;
                description = ''
                  Key ID, as assigned by Apple.

                  Needs MAS 0.13.0 or newer.
                '';
                example = "FGHIJ67890";
              };
            }
          );
          description = ''
            Key for the method `sign_in_with_apple`.

            Needs MAS 0.13.0 or newer.
          '';
        };
        token_endpoint_auth_signing_alg = lib.mkOption {
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
            Algorithm that signs the JWT of the methods `client_secret_jwt` and
            `private_key_jwt`.

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
        id_token_signed_response_alg = lib.mkOption {
          type = lib.types.enum [
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
          ];
          description = ''
            Algorithm with which the provider must sign ID tokens.

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

            Needs MAS 0.13.0 or newer.
          '';
          defaultText = lib.literalExpression "\"RS256\"";
        };
        scope = lib.mkOption {
          type = lib.types.str;
          description = "Scopes to request, separated by spaces. OpenID Connect requires `openid`.";
          defaultText = lib.literalExpression "\"openid\"";
          example = "openid profile email";
        };
        discovery_mode = lib.mkOption {
          type = lib.types.enum [
            "oidc"
            "insecure"
            "disabled"
          ];
          description = ''
            How MAS discovers the provider's endpoints.

            - `"oidc"`: From the discovery document, with strict validation.
            - `"insecure"`: From the discovery document, without validation.
            - `"disabled"`: From the configuration, without discovery.
          '';
          defaultText = lib.literalExpression "\"oidc\"";
        };
        pkce_method = lib.mkOption {
          type = lib.types.enum [
            "auto"
            "always"
            "never"
          ];
          description = ''
            Whether to protect logins with PKCE.

            - `"auto"`: If the discovery document advertises it.
            - `"always"`: Always, with SHA-256.
            - `"never"`: Never.
          '';
          defaultText = lib.literalExpression "\"auto\"";
        };
        fetch_userinfo = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether to fetch claims from the userinfo endpoint. Needed for providers whose
            ID tokens lack some claims, and for OAuth 2.0 providers without OpenID Connect.

            Needs MAS 0.13.0 or newer.
          '';
          defaultText = lib.literalExpression "false";
        };
        userinfo_signed_response_alg = lib.mkOption {
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
            Algorithm with which the userinfo endpoint must sign its responses. If unset,
            MAS does not request signed responses.

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

            Needs MAS 0.13.0 or newer.
          '';
        };
        authorization_endpoint = lib.mkOption {
          type = types.unsetOr types.url;
          description = "Authorization endpoint of the provider, instead of the discovered one.";
          defaultText = lib.literalMD "discovered";
          example = "https://id.example.com/authorize";
        };
        userinfo_endpoint = lib.mkOption {
          type = types.unsetOr types.url;
          description = ''
            Userinfo endpoint of the provider, instead of the discovered one.

            Needs MAS 0.13.0 or newer.
          '';
          defaultText = lib.literalMD "discovered";
          example = "https://id.example.com/userinfo";
        };
        token_endpoint = lib.mkOption {
          type = types.unsetOr types.url;
          description = "Token endpoint of the provider, instead of the discovered one.";
          defaultText = lib.literalMD "discovered";
          example = "https://id.example.com/token";
        };
        jwks_uri = lib.mkOption {
          type = types.unsetOr types.url;
          description = "URL of the provider's keys, instead of the discovered one.";
          defaultText = lib.literalMD "discovered";
          example = "https://id.example.com/keys";
        };
        response_mode = lib.mkOption {
          type = types.unsetOr (
            lib.types.enum [
              "query"
              "form_post"
            ]
          );
          description = ''
            How the provider returns users to MAS.

            - `"query"`: In the query string of a redirect.
            - `"form_post"`: In a form. Apple requires this.

            Needs MAS 0.13.0 or newer.
          '';
          defaultText = lib.literalMD "`query`";
        };
        claims_imports = lib.mkOption {
          type = types.section {
            subject = lib.mkOption {
              type = types.section {
                template = lib.mkOption {
                  type = types.unsetOr lib.types.str;
                  description = "Template of the value. The claims are available as `user`.";
                  defaultText = lib.literalMD "`{{ user.sub }}`";
                  example = "{{ user.sub }}";
                };
              };
              description = "Identifier of the user at the provider.";
            };
            skip_confirmation = lib.mkOption {
              type = lib.types.bool;
              description = ''
                Whether new users skip the page that shows their future account. Requires
                `localpart.action = "require"`, and no action may be `suggest`.

                Needs MAS 1.8.0 or newer.
              '';
              defaultText = lib.literalExpression "false";
            };
            localpart = lib.mkOption {
              type = types.section {
                action = lib.mkOption {
                  type = lib.types.enum [
                    "ignore"
                    "suggest"
                    "force"
                    "require"
                  ];
                  description = ''
                    What to do with the value.

                    - `"ignore"`: Ignore the value.
                    - `"suggest"`: Suggest the value to the user.
                    - `"force"`: Use the value, if there is one.
                    - `"require"`: Use the value, and refuse the login if there is none.
                  '';
                  defaultText = lib.literalExpression "\"ignore\"";
                };
                template = lib.mkOption {
                  type = types.unsetOr lib.types.str;
                  description = "Template of the value. The claims are available as `user`.";
                  defaultText = lib.literalMD "`{{ user.preferred_username }}`";
                  example = "{{ user.preferred_username | lower }}";
                };
                on_conflict = lib.mkOption {
                  type = lib.types.enum [
                    "fail"
                    "add"
                    "replace"
                    "set"
                  ];
                  description = ''
                    What to do if an account with this name already exists. Every value except
                    `fail` gives that account to whoever has the name at the provider.

                    - `"fail"`: Refuse the login.
                    - `"add"`: Link the account, regardless of its existing links.
                    - `"replace"`: Link the account, replacing its existing link to this provider.
                      Needs MAS 1.8.0 or newer.
                    - `"set"`: Link the account, unless it already has a link to this provider.
                      Needs MAS 1.8.0 or newer.

                    Needs MAS 0.20.0 or newer.
                  '';
                  defaultText = lib.literalExpression "\"fail\"";
                };
              };
              description = "User name: the part before the colon in a Matrix user ID.";
            };
            displayname = lib.mkOption {
              type = types.section {
                action = lib.mkOption {
                  type = lib.types.enum [
                    "ignore"
                    "suggest"
                    "force"
                    "require"
                  ];
                  description = ''
                    What to do with the value.

                    - `"ignore"`: Ignore the value.
                    - `"suggest"`: Suggest the value to the user.
                    - `"force"`: Use the value, if there is one.
                    - `"require"`: Use the value, and refuse the login if there is none.
                  '';
                  defaultText = lib.literalExpression "\"ignore\"";
                };
                template = lib.mkOption {
                  type = types.unsetOr lib.types.str;
                  description = "Template of the value. The claims are available as `user`.";
                  defaultText = lib.literalMD "`{{ user.name }}`";
                  example = "{{ user.name }}";
                };
              };
              description = "Display name.";
            };
            email = lib.mkOption {
              type = types.section {
                action = lib.mkOption {
                  type = lib.types.enum [
                    "ignore"
                    "suggest"
                    "force"
                    "require"
                  ];
                  description = ''
                    What to do with the value.

                    - `"ignore"`: Ignore the value.
                    - `"suggest"`: Suggest the value to the user.
                    - `"force"`: Use the value, if there is one.
                    - `"require"`: Use the value, and refuse the login if there is none.
                  '';
                  defaultText = lib.literalExpression "\"ignore\"";
                };
                template = lib.mkOption {
                  type = types.unsetOr lib.types.str;
                  description = "Template of the value. The claims are available as `user`.";
                  defaultText = lib.literalMD "`{{ user.email }}`";
                  example = "{{ user.email }}";
                };
                set_email_verification = lib.mkOption {
                  type = types.unsetOr (
                    lib.types.enum [
                      "always"
                      "never"
                      "import"
                    ]
                  );
                  description = ''
                    When to consider the address verified. MAS 0.13.0 removed this option and
                    ignores it.

                    - `"always"`: Always.
                    - `"never"`: Never.
                    - `"import"`: If the provider says that it is verified.

                    Removed in MAS 0.13.0.
                  '';
                };
              };
              description = "Email address.";
            };
            account_name = lib.mkOption {
              type = types.section {
                template = lib.mkOption {
                  type = types.unsetOr lib.types.str;
                  description = ''
                    Template of the value. The claims are available as `user`.

                    Needs MAS 0.13.0 or newer.
                  '';
                  example = "@{{ user.preferred_username }}";
                };
              };
              description = ''
                Name of the account at the provider, so that users can see which account they
                used.

                Needs MAS 0.13.0 or newer.
              '';
            };
          };
          description = "Which user data to import from the provider.";
        };
        additional_authorization_parameters = lib.mkOption {
          type = lib.types.attrsOf lib.types.str;
          description = ''
            Additional parameters of the authorization request. Since MAS 1.20.0, their
            values are templates.
          '';
          defaultText = lib.literalExpression "{ }";
          example = {
            prompt = "select_account";
          };
        };
        forward_login_hint = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether to forward the client's `login_hint` to the provider.

            Needs MAS 0.17.0 or newer.
          '';
          defaultText = lib.literalExpression "false";
        };
        on_backchannel_logout = lib.mkOption {
          type = lib.types.enum [
            "do_nothing"
            "logout_browser_only"
            "logout_all"
          ];
          description = ''
            What to do when the provider reports that a user has logged out.

            - `"do_nothing"`: Only write it to the log.
            - `"logout_browser_only"`: End the browser session at MAS.
            - `"logout_all"`: End the browser session and all client sessions that were
              started from it.

            Needs MAS 0.19.0 or newer.
          '';
          defaultText = lib.literalExpression "\"do_nothing\"";
        };
        registration_token_required = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether registering through this provider requires a registration token.

            Needs MAS 1.19.0 or newer.
          '';
          defaultText = lib.literalExpression "false";
        };
      }
    );
    description = ''
      Identity providers, in the order in which the login page shows them. MAS copies
      this list to its database at every start, and disables providers that are no
      longer in it.
    '';
  };
}
