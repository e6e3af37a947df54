//! The `matrix` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::format::{ServerName, Url};

/// The homeserver that MAS authenticates users for.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Matrix {
    /// Type of the homeserver, and how MAS communicates with it.
    #[schemars(extend("x-since" = "0.15.0", "default" = "synapse"))]
    pub kind: Option<HomeserverKind>,

    /// Name of the homeserver, `server_name` in Synapse's configuration: the part after the colon
    /// in user IDs.
    #[schemars(
        example = &"example.com",
        extend("default" = "localhost:8008", "x-unset-if-empty" = true)
    )]
    pub homeserver: Option<ServerName>,

    /// URL at which MAS reaches the homeserver. Use an internal address: it leads to an API that
    /// must not be reachable by the public.
    #[schemars(extend("default" = "http://localhost:8008/", "x-unset-if-empty" = true))]
    pub endpoint: Option<Url>,

    /// Secret shared with the homeserver, `matrix_authentication_service.secret` in Synapse's
    /// configuration. Anyone who knows it is an administrator of the homeserver.
    #[schemars(extend("x-secret" = true, "x-required-before" = "1.0.0"))]
    pub secret: Option<String>,

    /// File that contains the secret shared with the homeserver.
    // MAS itself trims it from 1.3.0 on.
    #[schemars(
        example = &"/run/secrets/mas-synapse-secret",
        extend("x-since" = "1.0.0", "x-read-raw" = true)
    )]
    #[schemars(extend("x-file-of" = "secret"))]
    pub secret_file: Option<String>,
}

/// Type of a homeserver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HomeserverKind {
    /// Synapse.
    Synapse,
    /// Synapse, without ever writing to it. For trying out MAS.
    SynapseReadOnly,
    /// Synapse before 1.136.0, through its admin API.
    #[schemars(extend("x-since" = "0.20.0"))]
    SynapseLegacy,
    /// Synapse 1.136.0 or newer, through its API for MAS. The same as `synapse` since MAS 1.0.0.
    #[schemars(extend("x-since" = "0.20.0"))]
    SynapseModern,
}
