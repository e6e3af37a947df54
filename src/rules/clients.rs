//! Rules of the `clients` section.

use super::{Rule, each, exclusive};
use crate::expr::{Expr, Term, all, all_missing, any_set, not, option, option_or, set};

const CLIENTS: &str = "clients[]";
const SECRET: [&str; 2] = ["client_secret", "client_secret_file"];

pub fn rules() -> Vec<Rule> {
    let method = || option("client_auth_method");
    let with_key = || method().is("private_key_jwt");
    let with_secret = || {
        method().one_of(&[
            "client_secret_basic",
            "client_secret_post",
            "client_secret_jwt",
        ])
    };
    let mut rules = vec![
        each(
            CLIENTS,
            "client-id-twice",
            "client_id",
            all([
                set("client_id"),
                Expr::Repeated(Term::Upper(Box::new(option_or("client_id", "")))),
            ]),
            "another client already has this ID, and MAS would use only the last one",
            "Give each client a different ID.",
        ),
        // 1
        each(
            CLIENTS,
            "no-client-keys",
            "jwks_uri",
            all([with_key(), all_missing(&["jwks", "jwks_uri"])]),
            "the authentication method \"private_key_jwt\" requires the client's public keys",
            "Set `jwks` or `jwks_uri`.",
        ),
        // 2; with every other method MAS rejects the pair anyway.
        exclusive(CLIENTS, "", "jwks", "jwks_uri"),
        // 3, 7
        each(
            CLIENTS,
            "unused-client-secret",
            "client_auth_method",
            all([
                set("client_auth_method"),
                not(with_secret()),
                any_set(&SECRET),
            ]),
            "this authentication method does not use a client secret",
            "Remove the secret, or use a method such as \"client_secret_basic\".",
        ),
        // 4
        each(
            CLIENTS,
            "no-client-secret",
            "client_secret_file",
            all([with_secret(), all_missing(&SECRET)]),
            "the authentication method requires a client secret",
            "Set `client_secret_file`.",
        ),
        // 8
        exclusive(CLIENTS, "", "client_secret", "client_secret_file"),
    ];
    // 5, 6, 7
    for keys in ["jwks", "jwks_uri"] {
        rules.push(each(
            CLIENTS,
            "unused-client-keys",
            keys,
            all([set("client_auth_method"), not(with_key()), set(keys)]),
            "public keys are only for the authentication method \"private_key_jwt\"",
            "Remove them, or change `client_auth_method`.",
        ));
    }
    rules
}
