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
    /// ID of the client, in the form of a ULID. Do not change it: MAS treats a new ID as a new
    /// client.
    #[schemars(example = &"01GFWR28C4KNE04WG3HKXB7C9R")]
    pub client_id: Ulid,

    /// How the client authenticates to MAS.
    pub client_auth_method: ClientAuthMethod,

    /// Name shown to users when the client requests access.
    #[schemars(extend("x-since" = "0.16.0"))]
    #[schemars(example = &"Example client")]
    pub client_name: Option<String>,

    /// URL of a page about the client, shown to users when it requests access.
    #[schemars(extend("x-since" = "1.22.0"))]
    #[schemars(example = &"https://client.example.com/")]
    pub client_uri: Option<Url>,

    /// Client secret, for the `client_secret_*` methods.
    #[schemars(extend("x-secret" = true))]
    pub client_secret: Option<String>,

    /// File that contains the client secret.
    #[schemars(example = &"/run/secrets/mas-client-secret", extend("x-since" = "1.0.0"))]
    #[schemars(extend("x-file-of" = "client_secret"))]
    pub client_secret_file: Option<String>,

    /// Public keys of the client, for `private_key_jwt`.
    #[schemars(extend("x-nullable" = true))]
    pub jwks: Option<JsonWebKeySet>,

    /// URL of the client's public keys, for `private_key_jwt`.
    #[schemars(example = &"https://client.example.com/keys.json")]
    pub jwks_uri: Option<Url>,

    /// URLs to which MAS may redirect users after they log in. The URL that the client requests
    /// must match one of them exactly.
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
    /// No authentication. For public clients, which have no secret.
    None,
    /// The client secret in the `Authorization` header.
    ClientSecretBasic,
    /// The client secret in the request body.
    ClientSecretPost,
    /// A JWT signed with the client secret.
    ClientSecretJwt,
    /// A JWT signed with the client's private key.
    PrivateKeyJwt,
}
