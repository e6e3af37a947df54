//! Rules of the `database` section.

use super::{Rule, RuleKind, exclusive, rule};
use crate::{
    expr::{all, all_missing, any, any_set, option, set},
    schema::format::URI_WITH_PASSWORD,
};

pub fn rules() -> Vec<Rule> {
    let certificate = ["database.ssl_certificate", "database.ssl_certificate_file"];
    let key = ["database.ssl_key", "database.ssl_key_file"];
    vec![
        // 14
        rule(
            "database-uri-and-parts",
            "database.uri",
            all([
                set("database.uri"),
                any_set(&[
                    "database.host",
                    "database.port",
                    "database.socket",
                    "database.username",
                    "database.password",
                    "database.password_file",
                    "database.database",
                ]),
            ]),
            "`uri` cannot be combined with `host`, `port`, `socket`, `username`, `password`, `password_file` or `database`",
            "Keep either `uri` or the other options.",
        ),
        // 15, 16
        exclusive("", "database", "password", "password_file"),
        exclusive("", "database", "ssl_ca", "ssl_ca_file"),
        exclusive("", "database", "ssl_certificate", "ssl_certificate_file"),
        exclusive("", "database", "ssl_key", "ssl_key_file"),
        // 17
        rule(
            "database-certificate-or-key-alone",
            "database.ssl_certificate_file",
            any([
                all([any_set(&certificate), all_missing(&key)]),
                all([any_set(&key), all_missing(&certificate)]),
            ]),
            "a client certificate and its private key must be set together",
            "Set both `ssl_certificate_file` and `ssl_key_file`, or neither.",
        ),
        Rule {
            kind: RuleKind::Secrecy,
            ..rule(
                "inline-secret",
                "database.uri",
                option("database.uri").matches(&URI_WITH_PASSWORD),
                "the password in the URI would be readable by everyone",
                "Set `host`, `username`, `database` and `password_file` instead of `uri`.",
            )
        },
    ]
}
