//! The `http` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::format::{IpNetwork, Mode, SocketAddress, Url};

/// The web server.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Http {
    /// Address under which users reach MAS. Everything in links, mails and redirects starts with
    /// it.
    #[schemars(example = &"https://auth.example.com/")]
    pub public_base: Url,

    /// The issuer that MAS advertises to OpenID Connect clients. Clients remember it: never change
    /// it once users have logged in.
    #[schemars(extend("x-default-text" = "the value of `public_base`"))]
    pub issuer: Option<Url>,

    /// Where MAS listens, and what it serves there. As soon as this section is there, MAS has no
    /// listener but these.
    #[schemars(extend("default" = []))]
    pub listeners: Option<Vec<Listener>>,

    /// Reverse proxies whose `X-Forwarded-For` header MAS believes.
    #[schemars(
        example = ["127.0.0.1/8", "::1/128"],
        extend("default" = [
            "192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/10", "127.0.0.1/8", "fd00::/8", "::1/128"
        ])
    )]
    pub trusted_proxies: Option<Vec<IpNetwork>>,
}

/// A listener: some sockets, and what is served on all of them.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Listener {
    /// Name of the listener in logs and metrics.
    #[schemars(example = &"web")]
    pub name: Option<String>,

    /// What the listener serves.
    #[schemars(example = [
        serde_json::json!({"name": "discovery"}),
        serde_json::json!({"name": "human"}),
        serde_json::json!({"name": "oauth"}),
    ])]
    pub resources: Vec<Resource>,

    /// Path under which the listener serves all of it.
    #[schemars(example = &"/auth")]
    pub prefix: Option<String>,

    /// The sockets to listen on.
    #[schemars(example = [serde_json::json!({"address": "127.0.0.1:8080"})])]
    pub binds: Vec<Bind>,

    /// Whether connections start with a PROXY protocol header, as HAProxy sends it.
    #[schemars(extend("default" = false))]
    pub proxy_protocol: Option<bool>,

    /// Serve TLS. Not needed behind a reverse proxy on the same host.
    #[schemars(extend("x-nullable" = true))]
    pub tls: Option<Tls>,
}

/// Something a listener serves.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "lowercase")]
#[schemars(extend("x-tag-description" = "What to serve."))]
pub enum Resource {
    /// Whether MAS is alive and reaches its database, under `/health`. Keep it internal.
    Health,
    /// Metrics under `/metrics`, with `telemetry.metrics.exporter = "prometheus"`. Keep it
    /// internal.
    Prometheus,
    /// OpenID Connect discovery, under `/.well-known/`. Synapse needs it.
    Discovery,
    /// The pages users see.
    Human,
    /// The API behind those pages.
    GraphQL {
        /// Whether to serve GraphiQL, a page to try the GraphQL API with. Only for `graphql`.
        #[schemars(extend("x-default" = false))]
        #[serde(skip_serializing_if = "Option::is_none")]
        playground: Option<bool>,
        /// Whether OAuth 2.0 access tokens open the GraphQL API, which upstream does not support.
        /// Only for `graphql`.
        #[schemars(extend("x-default" = false, "x-since" = "0.10.0"))]
        #[serde(skip_serializing_if = "Option::is_none")]
        undocumented_oauth2_access: Option<bool>,
    },
    /// The OAuth 2.0 endpoints. Synapse needs them.
    OAuth,
    /// The old Matrix login, for clients that do not know OAuth 2.0.
    Compat,
    /// Style sheets and scripts of the pages.
    Assets {
        /// Directory of the style sheets and scripts. Only for `assets`.
        #[schemars(extend("x-nullable" = false, "x-default-text" = "what the package brings"))]
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// The administrators' REST API, under `/api/admin/v1/`.
    #[schemars(extend("x-since" = "0.10.0"))]
    AdminApi,
    /// What MAS knows of the connection, for debugging.
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
        /// Name or address to listen on, together with `port`.
        #[schemars(example = &"localhost", extend("x-default-text" = "every address"))]
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
        /// Who may connect to `socket`: permissions in octal, as a string.
        #[schemars(
            example = &"660",
            extend("x-since" = "1.22.0", "x-default-text" = "what the umask leaves")
        )]
        mode: Option<Mode>,
    },
    /// A socket that systemd hands over.
    FileDescriptor {
        /// Which of the sockets that systemd hands over, counted from 0.
        #[schemars(extend("default" = 0))]
        fd: Option<usize>,
        /// What kind of socket `fd` is.
        #[schemars(extend("default" = "tcp"))]
        kind: Option<SocketKind>,
    },
}

/// A kind of socket.
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
    /// Certificate chain in PEM form.
    pub certificate: Option<String>,

    /// File with the certificate chain in PEM form.
    #[schemars(example = &"/var/lib/acme/auth.example.com/fullchain.pem")]
    #[schemars(extend("x-file-of" = "certificate"))]
    pub certificate_file: Option<String>,

    /// Private key in PEM form.
    #[schemars(extend("x-secret" = true))]
    pub key: Option<String>,

    /// File with the private key, in PEM or DER form.
    #[schemars(example = &"/var/lib/acme/auth.example.com/key.pem")]
    #[schemars(extend("x-file-of" = "key"))]
    pub key_file: Option<String>,

    /// Password that decrypts the private key.
    #[schemars(extend("x-secret" = true))]
    pub password: Option<String>,

    /// File with the password that decrypts the private key.
    #[schemars(extend("x-read-raw" = true))]
    #[schemars(extend("x-file-of" = "password"))]
    pub password_file: Option<String>,
}
