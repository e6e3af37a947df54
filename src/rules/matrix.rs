//! Rules of the `matrix` section.

use super::{Rule, exclusive, rule};
use crate::{
    expr::{all, all_missing, not, option, set},
    schema::format::HTTP_URL,
};

pub fn rules() -> Vec<Rule> {
    vec![
        // 28
        rule(
            "no-matrix-secret",
            "matrix.secret_file",
            all([
                set("matrix"),
                all_missing(&["matrix.secret", "matrix.secret_file"]),
            ]),
            "MAS and the homeserver need a shared secret",
            "Set `matrix.secret_file`.",
        ),
        exclusive("", "matrix", "secret", "secret_file"),
        rule(
            "endpoint-without-scheme",
            "matrix.endpoint",
            all([
                set("matrix.endpoint"),
                not(option("matrix.endpoint").matches(&HTTP_URL)),
            ]),
            "this is not an HTTP URL",
            "Start it with http:// or https://.",
        ),
    ]
}
