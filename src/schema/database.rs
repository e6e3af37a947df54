//! The `database` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::format::Hostname;

/// The connection to PostgreSQL, version 13 or newer. A connection pooler in between must work in
/// session mode.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Database {
    /// The whole connection as one URI, in place of `host`, `port`, `socket`, `username`,
    /// `password` and `database`. A password in it would lie in the Nix store: give the parts
    /// and `password_file` instead.
    #[schemars(
        url,
        example = &"postgresql:///mas?host=/run/postgresql",
        extend("x-default" = null, "x-upstream" = {"default": "postgresql://"})
    )]
    pub uri: Option<String>,

    /// Name or address of the database server.
    #[schemars(extend("x-default-text" = "the local server's socket"))]
    pub host: Option<Hostname>,

    /// TCP port of the database server.
    #[schemars(range(min = 1, max = 65535), extend("x-default-text" = "5432"))]
    pub port: Option<u16>,

    /// Directory of the database server's Unix socket.
    #[schemars(example = &"/run/postgresql")]
    pub socket: Option<String>,

    /// Role to connect as.
    #[schemars(extend("x-default-text" = "the user MAS runs as"))]
    pub username: Option<String>,

    /// Password of the role.
    #[schemars(extend("x-secret" = true))]
    pub password: Option<String>,

    /// File with the password of the role.
    #[schemars(example = &"/run/secrets/mas-database-password", extend("x-since" = "1.22.0"))]
    #[schemars(extend("x-file-of" = "password"))]
    pub password_file: Option<String>,

    /// Name of the database. Never the one Synapse uses.
    #[schemars(extend("x-default-text" = "the role's name"))]
    pub database: Option<String>,

    /// Whether to use TLS, and how much of the server's certificate to check. Use `verify-full`
    /// for a server on another host.
    #[schemars(extend("x-since" = "0.10.0", "x-default-text" = "`prefer`"))]
    pub ssl_mode: Option<SslMode>,

    /// Certificate of the authority that signed the server's one, in PEM form.
    #[schemars(extend("x-since" = "0.10.0"))]
    pub ssl_ca: Option<String>,

    /// File with the certificate of the authority that signed the server's one.
    #[schemars(extend("x-since" = "0.10.0"))]
    #[schemars(extend("x-file-of" = "ssl_ca"))]
    pub ssl_ca_file: Option<String>,

    /// Certificate that MAS shows to the server, in PEM form.
    #[schemars(extend("x-since" = "0.10.0"))]
    pub ssl_certificate: Option<String>,

    /// File with the certificate that MAS shows to the server.
    #[schemars(extend("x-since" = "0.10.0"))]
    #[schemars(extend("x-file-of" = "ssl_certificate"))]
    pub ssl_certificate_file: Option<String>,

    /// Private key of `ssl_certificate`, in PEM form.
    #[schemars(extend("x-since" = "0.10.0", "x-secret" = true))]
    pub ssl_key: Option<String>,

    /// File with the private key of `ssl_certificate`.
    #[schemars(extend("x-since" = "0.10.0"))]
    #[schemars(extend("x-file-of" = "ssl_key"))]
    pub ssl_key_file: Option<String>,

    /// How many connections MAS opens at most. Several MAS hosts open that many each; stay below
    /// the server's `max_connections`.
    #[schemars(range(min = 1), extend("default" = 10))]
    pub max_connections: Option<u32>,

    /// How many connections MAS keeps open even when it is idle.
    #[schemars(extend("default" = 0))]
    pub min_connections: Option<u32>,

    /// Seconds to wait for a connection before giving up.
    #[schemars(extend("default" = 30))]
    pub connect_timeout: Option<u64>,

    /// Seconds after which an idle connection is closed.
    #[serde(with = "serde_with::rust::double_option", default)]
    #[schemars(
        with = "Option<u64>",
        extend("default" = 600, "x-nullable" = true, "x-null" = "never close an idle connection")
    )]
    pub idle_timeout: Option<Option<u64>>,

    /// Seconds after which a connection is replaced by a new one.
    #[serde(with = "serde_with::rust::double_option", default)]
    #[schemars(
        with = "Option<u64>",
        extend(
            "default" = 1800,
            "x-nullable" = true,
            "x-null" = "keep a connection for ever",
            "x-upstream" = {"nullable": false}
        )
    )]
    pub max_lifetime: Option<Option<u64>>,
}

/// How PostgreSQL's clients treat TLS, as `libpq`'s `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS only if the server insists.
    Allow,
    /// TLS if the server offers it.
    Prefer,
    /// TLS, with any certificate.
    Require,
    /// TLS, with a certificate of a known authority.
    VerifyCa,
    /// TLS, with a certificate of a known authority that names the server.
    VerifyFull,
}
