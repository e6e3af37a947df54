//! The `secrets` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::format::Hex32;

/// Keys that encrypt the data MAS stores and sign the tokens it issues.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Secrets {
    /// Key that encrypts cookies and database columns: 32 bytes as 64 hexadecimal digits. Do not
    /// change it: everything encrypted with it would be lost.
    #[schemars(extend("x-secret" = true, "x-required-before" = "0.17.0"))]
    pub encryption: Option<Hex32>,

    /// File that contains the key that encrypts cookies and database columns. `openssl rand -hex
    /// 32` generates a key.
    #[schemars(
        example = &"/run/secrets/mas-encryption",
        extend("x-since" = "0.17.0", "x-read-raw" = true)
    )]
    #[schemars(extend("x-file-of" = "encryption"))]
    pub encryption_file: Option<String>,

    /// Keys that sign tokens. One of them should be an RSA key, which OpenID Connect requires.
    #[schemars(extend("x-nullable" = true))]
    pub keys: Option<Vec<Key>>,

    /// Directory with additional keys that sign tokens. Every file in it must be an unencrypted
    /// key.
    #[schemars(example = &"/var/lib/secrets/mas-keys", extend("x-since" = "1.7.0"))]
    #[schemars(extend("x-directory" = true))]
    pub keys_dir: Option<String>,
}

/// A private key: RSA, or ECDSA on P-256, P-384 or secp256k1.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    /// ID by which clients identify the key.
    #[schemars(extend(
        "x-required-before" = "1.2.0",
        "x-default-text" = "the key's SHA-256 thumbprint"
    ))]
    #[schemars(example = &"signing-2026")]
    pub kid: Option<String>,

    /// The key in PEM format.
    #[schemars(extend("x-secret" = true))]
    pub key: Option<String>,

    /// File that contains the key, in PEM or DER format.
    #[schemars(example = &"/run/secrets/mas-rsa-key")]
    #[schemars(extend("x-file-of" = "key"))]
    pub key_file: Option<String>,

    /// Password that decrypts the key.
    #[schemars(extend("x-secret" = true))]
    pub password: Option<String>,

    /// File that contains the password that decrypts the key.
    #[schemars(extend("x-read-raw" = true))]
    #[schemars(extend("x-file-of" = "password"))]
    #[schemars(example = &"/run/secrets/mas-key-password")]
    pub password_file: Option<String>,
}
