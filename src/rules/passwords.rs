//! Rules of the `passwords` section.

use super::{Rule, each, rule};
use crate::expr::{Expr, all, empty, not, option, option_or, set};

const SCHEMES: &str = "passwords.schemes[]";

pub fn rules() -> Vec<Rule> {
    vec![
        // 24
        rule(
            "no-password-scheme",
            "passwords.schemes",
            all([
                not(option_or("passwords.enabled", true).is(false)),
                empty("passwords.schemes"),
            ]),
            "there is no scheme for hashing passwords",
            "Add a scheme, or set `passwords.enabled` to false.",
        ),
        // 25. MAS applies it only while passwords are enabled.
        each(
            SCHEMES,
            "secret-and-secret-file",
            "secret_file",
            all([
                set("secret"),
                set("secret_file"),
                not(Expr::Global(Box::new(
                    option_or("passwords.enabled", true).is(false),
                ))),
            ]),
            "`secret` and `secret_file` cannot both be set",
            "Remove one of them.",
        ),
        each(
            SCHEMES,
            "scheme-version-twice",
            "version",
            Expr::Repeated(option("version")),
            "another scheme already has this version",
            "Give each scheme a different version. The highest one hashes new passwords.",
        ),
    ]
}
