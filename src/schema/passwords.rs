//! The `passwords` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// Logging in with a password that MAS itself keeps.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Passwords {
    /// Whether users can log in with a password. Without, only upstream providers remain.
    #[schemars(extend("default" = true))]
    pub enabled: Option<bool>,

    /// How passwords are hashed. The scheme with the highest version hashes new passwords; the
    /// others check old ones, which move to the newest scheme at the user's next login.
    #[schemars(
        example = [
            serde_json::json!({
                "version": 1, "algorithm": "bcrypt", "unicode_normalization": true,
                "secret_file": "/run/secrets/synapse-pepper"
            }),
            serde_json::json!({"version": 2, "algorithm": "argon2id"}),
        ],
        extend("default" = [{"version": 1, "algorithm": "argon2id"}])
    )]
    pub schemes: Option<Vec<Scheme>>,

    /// How hard to guess a new password has to be, as zxcvbn scores it: 0 is anything, 4 is very
    /// hard.
    #[schemars(
        range(min = 0, max = 4),
        extend("x-since" = "0.10.0", "default" = 3, "x-upstream" = {"maximum": 255})
    )]
    pub minimum_complexity: Option<u8>,
}

/// A way to hash passwords.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Scheme {
    /// Number of the scheme. MAS stores it beside each hash: never change it, never use it twice.
    /// Passwords that came from Synapse have version 1.
    pub version: u16,

    /// The hash function.
    pub algorithm: Algorithm,

    /// Whether to bring a password into Unicode's form NFKC before hashing it. Synapse does, so
    /// set it for passwords that came from there, and leave it off otherwise.
    #[schemars(extend("x-since" = "0.17.0", "x-default" = false))]
    pub unicode_normalization: Option<bool>,

    /// Cost of bcrypt: one more doubles the time.
    #[schemars(extend("default" = 12, "x-nullable" = true))]
    pub cost: Option<u32>,

    /// A secret that goes into every hash ("pepper"). Synapse's `password_config.pepper` for
    /// passwords that came from there.
    #[schemars(extend("x-secret" = true))]
    pub secret: Option<String>,

    /// File with the secret that goes into every hash.
    #[schemars(example = &"/run/secrets/synapse-pepper", extend("x-read-raw" = true))]
    #[schemars(extend("x-file-of" = "secret"))]
    pub secret_file: Option<String>,
}

/// Functions that hash passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// What Synapse uses.
    Bcrypt,
    /// What new passwords should use.
    Argon2id,
    /// For hashes that came from elsewhere.
    Pbkdf2,
}
