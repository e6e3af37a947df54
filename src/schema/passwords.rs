//! The `passwords` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// Login with passwords that MAS itself stores.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Passwords {
    /// Whether users can log in with a password. Otherwise, only upstream providers remain.
    #[schemars(extend("default" = true))]
    pub enabled: Option<bool>,

    /// Schemes for hashing passwords. The scheme with the highest version hashes new passwords. The
    /// others verify existing passwords, which are rehashed with that scheme at the user's next
    /// login.
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

    /// Minimum strength of new passwords as a zxcvbn score, from 0 (any password) to 4 (very hard
    /// to guess).
    #[schemars(
        range(min = 0, max = 4),
        extend("x-since" = "0.10.0", "default" = 3, "x-upstream" = {"maximum": 255})
    )]
    pub minimum_complexity: Option<u8>,
}

/// A scheme for hashing passwords.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Scheme {
    /// Version number of the scheme. MAS stores it with each hash: do not change or reuse it.
    /// Passwords imported from Synapse have version 1.
    #[schemars(example = 1)]
    pub version: u16,

    /// Hash function.
    pub algorithm: Algorithm,

    /// Whether to normalize passwords to Unicode NFKC before hashing them. Synapse does this:
    /// enable it for passwords imported from Synapse, and leave it disabled otherwise.
    #[schemars(extend("x-since" = "0.17.0", "x-default" = false))]
    pub unicode_normalization: Option<bool>,

    /// Cost of bcrypt. Each increment doubles the time.
    #[schemars(extend("default" = 12, "x-nullable" = true))]
    pub cost: Option<u32>,

    /// Secret that goes into every hash (pepper). For passwords imported from Synapse, use
    /// Synapse's `password_config.pepper`.
    #[schemars(extend("x-secret" = true))]
    pub secret: Option<String>,

    /// File that contains the secret that goes into every hash.
    #[schemars(example = &"/run/secrets/synapse-pepper", extend("x-read-raw" = true))]
    #[schemars(extend("x-file-of" = "secret"))]
    pub secret_file: Option<String>,
}

/// Functions that hash passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Used by Synapse.
    Bcrypt,
    /// Recommended for new passwords.
    Argon2id,
    /// For hashes from other systems.
    Pbkdf2,
}
