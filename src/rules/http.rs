//! Rules of the `http` section.

use super::{Rule, each, exclusive, rule};
use crate::{
    expr::{all, all_missing, any, empty, missing, option, set},
    schema::format::WILDCARD_URL,
};

const LISTENERS: &str = "http.listeners[]";

pub fn rules() -> Vec<Rule> {
    vec![
        rule(
            "no-listener",
            "http.listeners",
            all([
                set("http"),
                any([missing("http.listeners"), empty("http.listeners")]),
            ]),
            "MAS would not listen anywhere, because an `http` section replaces its default listeners",
            "Add at least one listener.",
        ),
        wildcard("http.public_base"),
        wildcard("http.issuer"),
        // 9, 10
        each(
            LISTENERS,
            "listener-without-resource",
            "resources",
            empty("resources"),
            "the listener serves nothing",
            "Add at least one resource, such as one with the `name` \"human\".",
        ),
        each(
            LISTENERS,
            "listener-without-bind",
            "binds",
            empty("binds"),
            "the listener has no sockets",
            "Add at least one socket, such as one with the `address` \"127.0.0.1:8080\".",
        ),
        // 11, 12, 13
        each(
            LISTENERS,
            "tls-without-certificate",
            "tls",
            all([
                set("tls"),
                all_missing(&["tls.certificate", "tls.certificate_file"]),
            ]),
            "TLS requires a certificate",
            "Set `certificate_file`.",
        ),
        each(
            LISTENERS,
            "tls-without-key",
            "tls",
            all([set("tls"), all_missing(&["tls.key", "tls.key_file"])]),
            "TLS requires a private key",
            "Set `key_file`.",
        ),
        exclusive(LISTENERS, "tls", "certificate", "certificate_file"),
        exclusive(LISTENERS, "tls", "key", "key_file"),
        exclusive(LISTENERS, "tls", "password", "password_file"),
    ]
}

/// Element X cannot use a MAS whose public address is a wildcard, such as `http://[::]:8080/`, the
/// default of nixpkgs' module
/// (<https://github.com/element-hq/matrix-authentication-service/issues/5379>).
fn wildcard(at: &str) -> Rule {
    rule(
        "wildcard-url",
        at,
        option(at).matches(&WILDCARD_URL),
        "this URL stands for all addresses of a host, and clients such as Element X cannot use it",
        "Set it to the public URL of MAS, such as \"https://auth.example.com/\".",
    )
}
