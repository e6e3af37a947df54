//! Rules of the `upstream_oauth2` section.

use super::{Rule, each, exclusive};
use crate::expr::{Expr, Term, all, all_missing, any_set, missing, not, option, option_or, set};
use crate::schema::format::OPENID_SCOPE;

const PROVIDERS: &str = "upstream_oauth2.providers[]";

pub fn rules() -> Vec<Rule> {
    let mut rules = vec![
        each(
            PROVIDERS,
            "provider-id-twice",
            "id",
            all([
                set("id"),
                Expr::Repeated(Term::Upper(Box::new(option_or("id", "")))),
            ]),
            "another provider already has this ID, and MAS would use only the last one",
            "Give each provider a different ID.",
        ),
        // 30
        each(
            PROVIDERS,
            "no-issuer",
            "issuer",
            all([
                missing("issuer"),
                not(option_or("discovery_mode", "oidc").is("disabled")),
            ]),
            "discovery requires the provider's issuer",
            "Set `issuer`, or set `discovery_mode` to \"disabled\" and set the endpoints.",
        ),
        // 8
        exclusive(PROVIDERS, "", "client_secret", "client_secret_file"),
    ];
    rules.extend(authentication());
    rules.extend(claims_imports());
    for endpoint in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        rules.push(each(
            PROVIDERS,
            "undiscovered-endpoint",
            endpoint,
            all([
                option("discovery_mode").is("disabled"),
                missing(endpoint),
                // Plain OAuth 2.0 has no signed tokens, so it needs no keys.
                match endpoint {
                    "jwks_uri" => option_or("scope", "openid").matches(&OPENID_SCOPE),
                    _ => all([]),
                },
            ]),
            &format!("without discovery, MAS does not know the provider's `{endpoint}`"),
            "Set it, or remove `discovery_mode`.",
        ));
    }
    rules
}

fn authentication() -> Vec<Rule> {
    let method = || option("token_endpoint_auth_method");
    let with_secret = || {
        method().one_of(&[
            "client_secret_basic",
            "client_secret_post",
            "client_secret_jwt",
        ])
    };
    let with_jwt = || method().one_of(&["client_secret_jwt", "private_key_jwt"]);
    let apple = || method().is("sign_in_with_apple");
    vec![
        // 31
        each(
            PROVIDERS,
            "unused-client-secret",
            "token_endpoint_auth_method",
            all([
                set("token_endpoint_auth_method"),
                not(with_secret()),
                any_set(&["client_secret", "client_secret_file"]),
            ]),
            "this authentication method does not use a client secret",
            "Remove the secret, or use a method such as \"client_secret_basic\".",
        ),
        // 32
        each(
            PROVIDERS,
            "no-client-secret",
            "client_secret_file",
            all([
                with_secret(),
                all_missing(&["client_secret", "client_secret_file"]),
            ]),
            "the authentication method requires a client secret",
            "Set `client_secret_file`.",
        ),
        // 33
        each(
            PROVIDERS,
            "unused-signing-algorithm",
            "token_endpoint_auth_signing_alg",
            all([
                set("token_endpoint_auth_method"),
                not(with_jwt()),
                set("token_endpoint_auth_signing_alg"),
            ]),
            "the authentication method does not use a signing algorithm",
            "Remove it.",
        ),
        each(
            PROVIDERS,
            "no-signing-algorithm",
            "token_endpoint_auth_signing_alg",
            all([with_jwt(), missing("token_endpoint_auth_signing_alg")]),
            "the authentication method requires a signing algorithm",
            "Set it, for example to \"RS256\" for private_key_jwt or \"HS256\" for client_secret_jwt.",
        ),
        // 34
        each(
            PROVIDERS,
            "no-apple-key",
            "sign_in_with_apple",
            all([apple(), missing("sign_in_with_apple")]),
            "the authentication method requires Apple's key",
            "Set `sign_in_with_apple`.",
        ),
        each(
            PROVIDERS,
            "unused-apple-key",
            "sign_in_with_apple",
            all([
                set("token_endpoint_auth_method"),
                not(apple()),
                set("sign_in_with_apple"),
            ]),
            "Apple's key is only for the authentication method \"sign_in_with_apple\"",
            "Remove it, or change `token_endpoint_auth_method`.",
        ),
    ]
}

fn claims_imports() -> Vec<Rule> {
    let action = |name: &str| option_or(&format!("claims_imports.{name}.action"), "ignore");
    let skipping = || option("claims_imports.skip_confirmation").is(true);
    let mut rules = vec![
        // 35
        each(
            PROVIDERS,
            "skip-confirmation-without-localpart",
            "claims_imports.localpart.action",
            all([skipping(), not(action("localpart").is("require"))]),
            "without a confirmation page, the user name must come from the provider",
            "Set it to \"require\", or remove `skip_confirmation`.",
        ),
        // 37
        each(
            PROVIDERS,
            "conflict-without-localpart",
            "claims_imports.localpart.action",
            all([
                option("claims_imports.localpart.on_conflict").one_of(&["add", "replace", "set"]),
                not(action("localpart").one_of(&["force", "require"])),
            ]),
            "an existing account can be linked only if the provider determines the user name",
            "Set it to \"force\" or \"require\", or remove `on_conflict`.",
        ),
    ];
    // 36
    for name in ["email", "displayname"] {
        rules.push(each(
            PROVIDERS,
            "skip-confirmation-with-suggestion",
            &format!("claims_imports.{name}.action"),
            all([skipping(), action(name).is("suggest")]),
            "without a confirmation page, nothing can be suggested",
            "Set it to \"force\", \"require\" or \"ignore\", or remove `skip_confirmation`.",
        ));
    }
    rules
}
