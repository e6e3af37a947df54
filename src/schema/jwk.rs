//! Public keys in JSON form: RFC 7517 (JWK), RFC 7518 (JWA), RFC 8037 (OKP).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::format::{Base64, Base64Url, Url};

/// A set of public keys.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JsonWebKeySet {
    /// The keys.
    pub keys: Vec<JsonWebKey>,
}

/// A public key.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JsonWebKey {
    /// The parameters that make up the key; they depend on its type.
    #[serde(flatten)]
    pub parameters: PublicParameters,

    /// Intended use of the key.
    pub r#use: Option<Use>,

    /// Operations that the key may be used for.
    #[schemars(extend("x-nullable" = true))]
    pub key_ops: Option<Vec<Operation>>,

    /// Algorithm that the key is intended for.
    pub alg: Option<SigningAlgorithm>,

    /// ID of the key within its set.
    #[schemars(example = &"signing-2026")]
    pub kid: Option<String>,

    /// URL of the key's X.509 certificate chain.
    #[schemars(extend("x-upstream" = {"type": "string"}))]
    pub x5u: Option<Url>,

    /// X.509 certificate chain of the key, starting with the key's own certificate. Each
    /// certificate is in DER format.
    #[schemars(extend("x-nullable" = true, "x-upstream" = {"nullable": false}))]
    pub x5c: Option<Vec<Base64>>,

    /// SHA-1 digest of the key's X.509 certificate.
    pub x5t: Option<Base64Url>,

    /// SHA-256 digest of the key's X.509 certificate.
    #[serde(rename = "x5t#S256")]
    pub x5t_s256: Option<Base64Url>,
}

/// Parameters of a public key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kty")]
#[schemars(extend("x-tag-description" = "Type of the key. It determines which other options describe the key."))]
pub enum PublicParameters {
    /// An RSA key.
    #[serde(rename = "RSA")]
    Rsa {
        /// Modulus of an RSA key.
        n: Base64Url,
        /// Exponent of an RSA key.
        #[schemars(example = &"AQAB")]
        e: Base64Url,
    },
    /// A key on an elliptic curve in Weierstrass form.
    #[serde(rename = "EC")]
    Ec {
        /// The curve of an EC or OKP key.
        crv: EcCurve,
        /// X coordinate of an EC key, or the complete OKP key.
        x: Base64Url,
        /// Y coordinate of an EC key.
        y: Base64Url,
    },
    /// A key on an Edwards or Montgomery curve ("octet key pair").
    #[serde(rename = "OKP")]
    Okp {
        /// The curve of an EC or OKP key.
        crv: OkpCurve,
        /// X coordinate of an EC key, or the complete OKP key.
        x: Base64Url,
    },
}

/// Curves of EC keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EcCurve {
    /// NIST P-256.
    #[serde(rename = "P-256")]
    P256,
    /// NIST P-384.
    #[serde(rename = "P-384")]
    P384,
    /// NIST P-521.
    #[serde(rename = "P-521")]
    P521,
    /// SECG secp256k1.
    #[serde(rename = "secp256k1")]
    Secp256k1,
}

/// Curves of OKP keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OkpCurve {
    /// Signatures on Curve25519.
    Ed25519,
    /// Signatures on Curve448.
    Ed448,
    /// Key agreement on Curve25519.
    X25519,
    /// Key agreement on Curve448.
    X448,
}

/// Intended use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// Signatures.
    Sig,
    /// Encryption.
    Enc,
}

/// An operation with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(description = "An operation with a key.")]
pub enum Operation {
    /// Compute a signature or MAC.
    Sign,
    /// Verify a signature or MAC.
    Verify,
    /// Encrypt content.
    Encrypt,
    /// Decrypt content.
    Decrypt,
    /// Encrypt a key.
    WrapKey,
    /// Decrypt a key.
    UnwrapKey,
    /// Derive a key.
    DeriveKey,
    /// Derive bits that are not used as a key.
    DeriveBits,
}

/// Signature algorithms of JOSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SigningAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// No signature at all.
    #[serde(rename = "none")]
    None,
    /// EdDSA, on the curve of the key.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on secp256k1 with SHA-256.
    ES256K,
    /// EdDSA on Curve25519.
    #[schemars(extend("x-since" = "0.18.0"))]
    Ed25519,
    /// EdDSA on Curve448.
    #[schemars(extend("x-since" = "0.18.0"))]
    Ed448,
}
