//! The `secrets` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::format::Hex32;

/// Keys that encrypt what MAS stores and sign what it issues.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Secrets {
    /// Key that encrypts cookies and columns of the database: 32 bytes as 64 hexadecimal digits.
    /// Never change it: what it encrypted is lost then.
    #[schemars(extend("x-secret" = true, "x-required-before" = "0.17.0"))]
    pub encryption: Option<Hex32>,

    /// File with the key that encrypts cookies and columns of the database. `openssl rand -hex 32`
    /// makes one.
    #[schemars(
        example = &"/run/secrets/mas-encryption",
        extend("x-since" = "0.17.0", "x-read-raw" = true)
    )]
    #[schemars(extend("x-file-of" = "encryption"))]
    pub encryption_file: Option<String>,

    /// Keys that sign tokens. There should be an RSA key, which OpenID Connect demands.
    #[schemars(extend("x-nullable" = true))]
    pub keys: Option<Vec<Key>>,

    /// Directory whose files are all keys that sign tokens, none of them encrypted. Adds to
    /// `keys`.
    #[schemars(example = &"/var/lib/secrets/mas-keys", extend("x-since" = "1.7.0"))]
    #[schemars(extend("x-directory" = true))]
    pub keys_dir: Option<String>,
}

/// A private key: RSA, or ECDSA on P-256, P-384 or secp256k1.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    /// What identifies the key to clients.
    #[schemars(extend(
        "x-required-before" = "1.2.0",
        "x-default-text" = "the key's SHA-256 thumbprint"
    ))]
    pub kid: Option<String>,

    /// The key in PEM form.
    #[schemars(extend("x-secret" = true))]
    pub key: Option<String>,

    /// File with the key, in PEM or DER form.
    #[schemars(example = &"/run/secrets/mas-rsa-key")]
    #[schemars(extend("x-file-of" = "key"))]
    pub key_file: Option<String>,

    /// Password that decrypts the key.
    #[schemars(extend("x-secret" = true))]
    pub password: Option<String>,

    /// File with the password that decrypts the key.
    #[schemars(extend("x-read-raw" = true))]
    #[schemars(extend("x-file-of" = "password"))]
    pub password_file: Option<String>,
}
