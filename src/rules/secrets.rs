//! Rules of the `secrets` section.

use super::{Rule, each, exclusive, rule};
use crate::expr::{all, all_missing, set};

const KEYS: &str = "secrets.keys[]";

pub fn rules() -> Vec<Rule> {
    vec![
        // 26
        rule(
            "no-encryption-key",
            "secrets.encryption_file",
            all([
                set("secrets"),
                all_missing(&["secrets.encryption", "secrets.encryption_file"]),
            ]),
            "MAS needs a key to encrypt its data",
            "Set `secrets.encryption_file`. `openssl rand -hex 32` generates a key.",
        ),
        exclusive("", "secrets", "encryption", "encryption_file"),
        // 27
        each(
            KEYS,
            "key-without-key",
            "key_file",
            all_missing(&["key", "key_file"]),
            "the entry has no key",
            "Set `key_file`.",
        ),
        exclusive(KEYS, "", "key", "key_file"),
        exclusive(KEYS, "", "password", "password_file"),
    ]
}
