//! The `http` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::format::{IpNetwork, Mode, SocketAddress, Url};

/// The web server of MAS.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Http {
    /// Public URL of MAS. Links on pages and in mails, and redirects, start with it.
    #[schemars(example = &"https://auth.example.com/")]
    pub public_base: Url,

    /// The issuer that MAS advertises to OpenID Connect clients. Clients remember it: do not change
    /// it once users have logged in.
    #[schemars(extend("x-default-text" = "the value of `public_base`"))]
    #[schemars(example = &"https://auth.example.com/")]
    pub issuer: Option<Url>,

    /// Where MAS listens, and what it serves there. If the `http` section is present, these
    /// listeners replace the default ones.
    #[schemars(extend("default" = []))]
    pub listeners: Option<Vec<Listener>>,

    /// Reverse proxies whose `X-Forwarded-For` header MAS trusts.
    #[schemars(
        example = ["127.0.0.1/8", "::1/128"],
        extend("default" = [
            "192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/10", "127.0.0.1/8", "fd00::/8", "::1/128"
        ])
    )]
    pub trusted_proxies: Option<Vec<IpNetwork>>,
}

/// A listener: a set of sockets, and the resources served on all of them.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Listener {
    /// Name of the listener in logs and metrics.
    #[schemars(example = &"web")]
    pub name: Option<String>,

    /// Resources that the listener serves.
    #[schemars(example = [
        serde_json::json!({"name": "discovery"}),
        serde_json::json!({"name": "human"}),
        serde_json::json!({"name": "oauth"}),
    ])]
    pub resources: Vec<Resource>,

    /// Path under which the listener serves all its resources.
    #[schemars(example = &"/auth")]
    pub prefix: Option<String>,

    /// Sockets to listen on.
    #[schemars(example = [serde_json::json!({"address": "127.0.0.1:8080"})])]
    pub binds: Vec<Bind>,

    /// Whether connections start with a PROXY protocol header, as HAProxy sends it.
    #[schemars(extend("default" = false))]
    pub proxy_protocol: Option<bool>,

    /// TLS for this listener. Not needed behind a reverse proxy on the same host.
    #[schemars(extend("x-nullable" = true))]
    pub tls: Option<Tls>,
}

/// A resource that a listener serves.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "lowercase")]
#[schemars(extend("x-tag-description" = "The resource to serve."))]
pub enum Resource {
    /// Health check under `/health`: whether MAS runs and reaches its database. Keep it internal.
    Health,
    /// Metrics under `/metrics`, if `telemetry.metrics.exporter` is `"prometheus"`. Keep it
    /// internal.
    Prometheus,
    /// OpenID Connect discovery under `/.well-known/`. Synapse needs it.
    Discovery,
    /// The pages that users see.
    Human,
    /// The GraphQL API, which the pages use.
    GraphQL {
        /// Whether to serve GraphiQL, a page for trying out the GraphQL API. Only for `graphql`.
        #[schemars(extend("x-default" = false))]
        #[serde(skip_serializing_if = "Option::is_none")]
        playground: Option<bool>,
        /// Whether OAuth 2.0 access tokens give access to the GraphQL API, which upstream does not
        /// support. Only for `graphql`.
        #[schemars(extend("x-default" = false, "x-since" = "0.10.0"))]
        #[serde(skip_serializing_if = "Option::is_none")]
        undocumented_oauth2_access: Option<bool>,
    },
    /// The OAuth 2.0 endpoints. Synapse needs them.
    OAuth,
    /// The legacy Matrix login, for clients that do not support OAuth 2.0.
    Compat,
    /// Style sheets and scripts of the pages.
    Assets {
        /// Directory that contains the style sheets and scripts. Only for `assets`.
        #[schemars(extend("x-nullable" = false, "x-default-text" = "provided by the package"))]
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// The admin REST API, under `/api/admin/v1/`.
    #[schemars(extend("x-since" = "0.10.0"))]
    AdminApi,
    /// Information about the connection, for debugging.
    #[serde(rename = "connection-info")]
    ConnectionInfo,
}

/// A socket to listen on, in one of four forms: `port` with or without `host`; `address`;
/// `socket` with or without `mode`; `fd` with or without `kind`.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Bind {
    /// A TCP port, by name.
    Listen {
        /// Host name or IP address to listen on, together with `port`.
        #[schemars(example = &"localhost", extend("x-default-text" = "all addresses"))]
        host: Option<String>,
        /// TCP port to listen on.
        #[schemars(example = 8080)]
        port: u16,
    },
    /// A TCP port, by address.
    Address {
        /// IP address and TCP port to listen on.
        #[schemars(example = &"127.0.0.1:8080")]
        address: SocketAddress,
    },
    /// A Unix socket.
    Unix {
        /// Path of a Unix socket to listen on.
        #[schemars(example = &"/run/matrix-authentication-service/web.sock")]
        socket: String,
        /// Permissions of `socket` in octal, as a string. They determine who may connect.
        #[schemars(
            example = &"660",
            extend("x-since" = "1.22.0", "x-default-text" = "determined by the umask")
        )]
        mode: Option<Mode>,
    },
    /// A socket passed by systemd.
    FileDescriptor {
        /// Index of the socket among those passed by systemd, starting at 0.
        #[schemars(extend("default" = 0))]
        fd: Option<usize>,
        /// Type of the socket `fd`.
        #[schemars(extend("default" = "tcp"))]
        kind: Option<SocketKind>,
    },
}

/// Type of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SocketKind {
    /// A Unix socket.
    Unix,
    /// A TCP socket.
    Tcp,
}

/// A certificate and its key.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Tls {
    /// Certificate chain in PEM format.
    pub certificate: Option<String>,

    /// File that contains the certificate chain in PEM format.
    #[schemars(example = &"/var/lib/acme/auth.example.com/fullchain.pem")]
    #[schemars(extend("x-file-of" = "certificate"))]
    pub certificate_file: Option<String>,

    /// Private key in PEM format.
    #[schemars(extend("x-secret" = true))]
    pub key: Option<String>,

    /// File that contains the private key, in PEM or DER format.
    #[schemars(example = &"/var/lib/acme/auth.example.com/key.pem")]
    #[schemars(extend("x-file-of" = "key"))]
    pub key_file: Option<String>,

    /// Password that decrypts the private key.
    #[schemars(extend("x-secret" = true))]
    pub password: Option<String>,

    /// File that contains the password that decrypts the private key.
    #[schemars(extend("x-read-raw" = true))]
    #[schemars(extend("x-file-of" = "password"))]
    #[schemars(example = &"/run/secrets/mas-tls-password")]
    pub password_file: Option<String>,
}
