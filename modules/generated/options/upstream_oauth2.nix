# Written by `mas2nix compile` from src/schema/upstream_oauth2.rs. Do not edit: change that instead.
{ lib, types }:
types.section {
  providers = lib.mkOption {
    type = types.list (
      types.section {
        id = lib.mkOption {
          type = types.ulid;
          description = ''
            What identifies the provider, in the form of a ULID. It is part of the redirect
            URI that the provider has to know: `<public_base>/upstream/callback/<id>`. Never
            change it: a new id is a new provider, and users lose their link.
          '';
          example = "01HFVBY12TMNTYTBV8W921M5FA";
        };
        enabled = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether users can log in through this provider. A provider that Synapse's users
            came from must be enabled while they are moved.

            Needs MAS 0.10.0 or newer.
          '';
          defaultText = lib.literalExpression "true";
        };
        synapse_idp_id = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = ''
            The provider's name in Synapse, so that users keep their link to it: `oidc-` and
            the `idp_id` of its entry in `oidc_providers`, or `oidc` for `oidc_config` and
            for an entry without `idp_id`.

            Needs MAS 0.14.0 or newer.
          '';
          example = "oidc-github";
        };
        issuer = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = ''
            The provider's issuer, exactly as its discovery document gives it. Needed unless
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
            Which logo to show. The pages that come with MAS know `apple`, `google`,
            `facebook`, `github`, `gitlab` and `twitter`.
          '';
          example = "google";
        };
        client_id = lib.mkOption {
          type = lib.types.str;
          description = "What identifies MAS to the provider.";
        };
        client_secret = lib.mkOption {
          type = types.secret (types.unsetOr lib.types.str);
          description = ''
            Secret shared with the provider, for the `client_secret_*` methods.

            A secret: the module refuses it, because everyone could read it in the Nix
            store. Use `client_secret_file`.
          '';
        };
        client_secret_file = lib.mkOption {
          type = types.unsetOr lib.types.str;
          description = ''
            File with the secret shared with the provider.

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
            How MAS proves to the provider who it is.

            - `"none"`: Not at all.
            - `"client_secret_basic"`: `client_secret` in the `Authorization` header.
            - `"client_secret_post"`: `client_secret` in the request's body.
            - `"client_secret_jwt"`: A JWT signed with `client_secret`.
            - `"private_key_jwt"`: A JWT signed with a key of the `secrets` section.
            - `"sign_in_with_apple"`: The way Apple wants it, with `sign_in_with_apple`.
              Needs MAS 0.13.0 or newer.
          '';
        };
        sign_in_with_apple = lib.mkOption {
          type = types.unsetOr (
            types.section {
              private_key = lib.mkOption {
                type = types.secret (types.unsetOr lib.types.str);
                description = ''
                  The private key in PEM form.

                  A secret: the module refuses it, because everyone could read it in the Nix
                  store. Use `private_key_file`.

                  Needs MAS 0.13.0 or newer.
                '';
              };
              private_key_file = lib.mkOption {
                type = types.unsetOr lib.types.str;
                description = ''
                  File with the private key.

                  Needs MAS 0.16.0 or newer.
                '';
                example = "/run/secrets/apple-key";
              };
              team_id = lib.mkOption {
                type = lib.types.str;
                description = ''
                  Apple's id of your team.

                  Needs MAS 0.13.0 or newer.
                '';
              };
              key_id = lib.mkOption {
                type = lib.types.str;
                description = ''
                  Apple's id of the key.

                  Needs MAS 0.13.0 or newer.
                '';
              };
            }
          );
          description = ''
            The key for the method `sign_in_with_apple`.

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
            - `"EdDSA"`: EdDSA, the curve left to the key.
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
            Algorithm the provider has to sign ID tokens with.

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
            - `"EdDSA"`: EdDSA, the curve left to the key.
            - `"ES256K"`: ECDSA on secp256k1 with SHA-256.
            - `"Ed25519"`: EdDSA on Curve25519. Needs MAS 0.18.0 or newer.
            - `"Ed448"`: EdDSA on Curve448. Needs MAS 0.18.0 or newer.

            Needs MAS 0.13.0 or newer.
          '';
          defaultText = lib.literalExpression "\"RS256\"";
        };
        scope = lib.mkOption {
          type = lib.types.str;
          description = "Scopes to ask for, with spaces between them. OpenID Connect needs `openid`.";
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
            How MAS learns the provider's endpoints.

            - `"oidc"`: From its discovery document, checked strictly.
            - `"insecure"`: From its discovery document, whatever it says.
            - `"disabled"`: Not at all: the endpoints stand in the configuration.
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
            Whether to protect the login with PKCE.

            - `"auto"`: If the discovery document offers it.
            - `"always"`: Yes, with SHA-256.
            - `"never"`: No.
          '';
          defaultText = lib.literalExpression "\"auto\"";
        };
        fetch_userinfo = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether to ask the userinfo endpoint for claims. Needed for providers whose ID
            token lacks some, and for OAuth 2.0 providers without OpenID Connect.

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
            Ask for a signed answer from the userinfo endpoint, with this algorithm.

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
            - `"EdDSA"`: EdDSA, the curve left to the key.
            - `"ES256K"`: ECDSA on secp256k1 with SHA-256.
            - `"Ed25519"`: EdDSA on Curve25519. Needs MAS 0.18.0 or newer.
            - `"Ed448"`: EdDSA on Curve448. Needs MAS 0.18.0 or newer.

            Needs MAS 0.13.0 or newer.
          '';
        };
        authorization_endpoint = lib.mkOption {
          type = types.unsetOr types.url;
          description = "The provider's authorization endpoint, in place of the discovered one.";
          defaultText = lib.literalMD "discovered";
        };
        userinfo_endpoint = lib.mkOption {
          type = types.unsetOr types.url;
          description = ''
            The provider's userinfo endpoint, in place of the discovered one.

            Needs MAS 0.13.0 or newer.
          '';
          defaultText = lib.literalMD "discovered";
        };
        token_endpoint = lib.mkOption {
          type = types.unsetOr types.url;
          description = "The provider's token endpoint, in place of the discovered one.";
          defaultText = lib.literalMD "discovered";
        };
        jwks_uri = lib.mkOption {
          type = types.unsetOr types.url;
          description = "Where the provider publishes its keys, in place of the discovered address.";
          defaultText = lib.literalMD "discovered";
        };
        response_mode = lib.mkOption {
          type = types.unsetOr (
            lib.types.enum [
              "query"
              "form_post"
            ]
          );
          description = ''
            How the provider sends users back.

            - `"query"`: In the query of a redirect.
            - `"form_post"`: In a form. Apple needs this one.

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
                  description = "Template of the value, over the claims in `user`.";
                  defaultText = lib.literalMD "`{{ user.sub }}`";
                  example = "{{ user.sub }}";
                };
              };
              description = "What identifies the user at the provider.";
            };
            skip_confirmation = lib.mkOption {
              type = lib.types.bool;
              description = ''
                Whether new users skip the page that shows what their account will look like.
                Needs `localpart.action = "require"` and nothing left to suggest.

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

                    - `"ignore"`: Leave it.
                    - `"suggest"`: Offer it to the user.
                    - `"force"`: Take it if it is there.
                    - `"require"`: Take it, and refuse the login if it is not there.
                  '';
                  defaultText = lib.literalExpression "\"ignore\"";
                };
                template = lib.mkOption {
                  type = types.unsetOr lib.types.str;
                  description = "Template of the value, over the claims in `user`.";
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
                    What to do when an account of that name exists already. Anything but `fail`
                    hands that account to whoever has the name at the provider.

                    - `"fail"`: Refuse the login.
                    - `"add"`: Link the account, whatever it is linked to.
                    - `"replace"`: Link the account, and drop its other link to this provider. Needs
                      MAS 1.8.0 or newer.
                    - `"set"`: Link the account, unless it has a link to this provider. Needs MAS
                      1.8.0 or newer.

                    Needs MAS 0.20.0 or newer.
                  '';
                  defaultText = lib.literalExpression "\"fail\"";
                };
              };
              description = "The user name: what stands before the colon in a Matrix user id.";
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

                    - `"ignore"`: Leave it.
                    - `"suggest"`: Offer it to the user.
                    - `"force"`: Take it if it is there.
                    - `"require"`: Take it, and refuse the login if it is not there.
                  '';
                  defaultText = lib.literalExpression "\"ignore\"";
                };
                template = lib.mkOption {
                  type = types.unsetOr lib.types.str;
                  description = "Template of the value, over the claims in `user`.";
                  defaultText = lib.literalMD "`{{ user.name }}`";
                };
              };
              description = "The display name.";
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

                    - `"ignore"`: Leave it.
                    - `"suggest"`: Offer it to the user.
                    - `"force"`: Take it if it is there.
                    - `"require"`: Take it, and refuse the login if it is not there.
                  '';
                  defaultText = lib.literalExpression "\"ignore\"";
                };
                template = lib.mkOption {
                  type = types.unsetOr lib.types.str;
                  description = "Template of the value, over the claims in `user`.";
                  defaultText = lib.literalMD "`{{ user.email }}`";
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
                    When to take the address for verified. MAS 0.13.0 dropped this option and
                    ignores it.

                    - `"always"`: Always.
                    - `"never"`: Never.
                    - `"import"`: If the provider says so.

                    Gone since MAS 0.13.0.
                  '';
                };
              };
              description = "An email address.";
            };
            account_name = lib.mkOption {
              type = types.section {
                template = lib.mkOption {
                  type = types.unsetOr lib.types.str;
                  description = ''
                    Template of the value, over the claims in `user`.

                    Needs MAS 0.13.0 or newer.
                  '';
                  example = "@{{ user.preferred_username }}";
                };
              };
              description = ''
                The name of the account at the provider, to tell users which one they used.

                Needs MAS 0.13.0 or newer.
              '';
            };
          };
          description = "What to take over from the provider into the account.";
        };
        additional_authorization_parameters = lib.mkOption {
          type = lib.types.attrsOf lib.types.str;
          description = ''
            Further parameters of the authorization request. From MAS 1.20.0 on the values
            are templates.
          '';
          defaultText = lib.literalExpression "{ }";
          example = {
            prompt = "select_account";
          };
        };
        forward_login_hint = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether to hand the `login_hint` of the client on to the provider.

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
            What to do when the provider tells MAS that a user logged out there.

            - `"do_nothing"`: Write it to the log.
            - `"logout_browser_only"`: End the browser session at MAS.
            - `"logout_all"`: End the browser session and every client's session that came
              from it.

            Needs MAS 0.19.0 or newer.
          '';
          defaultText = lib.literalExpression "\"do_nothing\"";
        };
        registration_token_required = lib.mkOption {
          type = lib.types.bool;
          description = ''
            Whether registering through this provider needs a registration token.

            Needs MAS 1.19.0 or newer.
          '';
          defaultText = lib.literalExpression "false";
        };
      }
    );
    description = ''
      The providers, in the order the login page shows them. MAS copies this list into
      its database at every start and disables a provider that is no longer in it.
    '';
  };
}
