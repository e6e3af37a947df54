//! The `clients` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{
    format::{Ulid, Url},
    jwk::JsonWebKeySet,
};

/// An OAuth 2.0 client.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Client {
    /// What identifies the client, in the form of a ULID. Never change it: a new id is a new
    /// client.
    #[schemars(example = &"01GFWR28C4KNE04WG3HKXB7C9R")]
    pub client_id: Ulid,

    /// How the client proves to MAS who it is.
    pub client_auth_method: ClientAuthMethod,

    /// Name shown to users when the client asks for access.
    #[schemars(extend("x-since" = "0.16.0"))]
    pub client_name: Option<String>,

    /// Page about the client, shown to users when it asks for access.
    #[schemars(extend("x-since" = "1.22.0"))]
    pub client_uri: Option<Url>,

    /// The client's secret, for the `client_secret_*` methods.
    #[schemars(extend("x-secret" = true))]
    pub client_secret: Option<String>,

    /// File with the client's secret.
    #[schemars(example = &"/run/secrets/mas-client-secret", extend("x-since" = "1.0.0"))]
    #[schemars(extend("x-file-of" = "client_secret"))]
    pub client_secret_file: Option<String>,

    /// The client's public keys, for `private_key_jwt`.
    #[schemars(extend("x-nullable" = true))]
    pub jwks: Option<JsonWebKeySet>,

    /// Where to fetch the client's public keys, for `private_key_jwt`.
    pub jwks_uri: Option<Url>,

    /// Where MAS may send users back to after they logged in. Must match what the client asks
    /// for, character by character.
    #[schemars(
        example = ["https://client.example.com/callback"],
        extend("x-default" = [])
    )]
    pub redirect_uris: Option<Vec<Url>>,
}

/// Client authentication methods of OAuth 2.0 and OpenID Connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// A public client: it has no secret to prove itself with.
    None,
    /// The client's secret in the `Authorization` header.
    ClientSecretBasic,
    /// The client's secret in the request's body.
    ClientSecretPost,
    /// A JWT signed with the client's secret.
    ClientSecretJwt,
    /// A JWT signed with the client's private key.
    PrivateKeyJwt,
}
