//! The `database` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::format::Hostname;

/// The connection to PostgreSQL 13 or newer. A connection pooler in between must use session mode.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Database {
    /// Connection URI, used instead of `host`, `port`, `socket`, `username`, `password` and
    /// `database`. A password in the URI would end up in the Nix store: set the individual options
    /// and `password_file` instead.
    #[schemars(
        url,
        example = &"postgresql:///mas?host=/run/postgresql",
        extend("x-default" = null, "x-upstream" = {"default": "postgresql://"})
    )]
    pub uri: Option<String>,

    /// Host name or IP address of the database server.
    #[schemars(extend("x-default-text" = "the local server's socket"))]
    #[schemars(example = &"db.example.com")]
    pub host: Option<Hostname>,

    /// TCP port of the database server.
    #[schemars(range(min = 1, max = 65535), extend("x-default-text" = "5432"))]
    #[schemars(example = 5432)]
    pub port: Option<u16>,

    /// Directory that contains the database server's Unix socket.
    #[schemars(example = &"/run/postgresql")]
    pub socket: Option<String>,

    /// Role to connect as.
    #[schemars(extend("x-default-text" = "the user that MAS runs as"))]
    #[schemars(example = &"mas")]
    pub username: Option<String>,

    /// Password of the role.
    #[schemars(extend("x-secret" = true))]
    pub password: Option<String>,

    /// File that contains the password of the role.
    #[schemars(example = &"/run/secrets/mas-database-password", extend("x-since" = "1.22.0"))]
    #[schemars(extend("x-file-of" = "password"))]
    pub password_file: Option<String>,

    /// Name of the database. It must not be Synapse's database.
    #[schemars(extend("x-default-text" = "the role's name"))]
    #[schemars(example = &"mas")]
    pub database: Option<String>,

    /// Whether to use TLS, and how strictly to verify the server's certificate. Use `verify-full`
    /// if the server runs on another host.
    #[schemars(extend("x-since" = "0.10.0", "x-default-text" = "`prefer`"))]
    pub ssl_mode: Option<SslMode>,

    /// Certificate of the authority that signed the server's certificate, in PEM format.
    #[schemars(extend("x-since" = "0.10.0"))]
    pub ssl_ca: Option<String>,

    /// File that contains the certificate of the authority that signed the server's certificate.
    #[schemars(extend("x-since" = "0.10.0"))]
    #[schemars(extend("x-file-of" = "ssl_ca"))]
    #[schemars(example = &"/etc/ssl/certs/db-ca.pem")]
    pub ssl_ca_file: Option<String>,

    /// Certificate that MAS presents to the server, in PEM format.
    #[schemars(extend("x-since" = "0.10.0"))]
    pub ssl_certificate: Option<String>,

    /// File that contains the certificate that MAS presents to the server.
    #[schemars(extend("x-since" = "0.10.0"))]
    #[schemars(extend("x-file-of" = "ssl_certificate"))]
    #[schemars(example = &"/run/secrets/mas-db.crt")]
    pub ssl_certificate_file: Option<String>,

    /// Private key of `ssl_certificate`, in PEM format.
    #[schemars(extend("x-since" = "0.10.0", "x-secret" = true))]
    pub ssl_key: Option<String>,

    /// File that contains the private key of `ssl_certificate`.
    #[schemars(extend("x-since" = "0.10.0"))]
    #[schemars(extend("x-file-of" = "ssl_key"))]
    #[schemars(example = &"/run/secrets/mas-db.key")]
    pub ssl_key_file: Option<String>,

    /// Maximum number of open connections. Each MAS host opens up to this many: the total must stay
    /// below the server's `max_connections`.
    #[schemars(range(min = 1), extend("default" = 10))]
    pub max_connections: Option<u32>,

    /// Number of connections that MAS keeps open even when it is idle.
    #[schemars(extend("default" = 0))]
    pub min_connections: Option<u32>,

    /// Seconds to wait for a connection before giving up.
    #[schemars(extend("default" = 30))]
    pub connect_timeout: Option<u64>,

    /// Seconds after which an idle connection is closed.
    #[serde(with = "serde_with::rust::double_option", default)]
    #[schemars(
        with = "Option<u64>",
        extend("default" = 600, "x-nullable" = true, "x-null" = "never close idle connections")
    )]
    pub idle_timeout: Option<Option<u64>>,

    /// Seconds after which a connection is replaced by a new one.
    #[serde(with = "serde_with::rust::double_option", default)]
    #[schemars(
        with = "Option<u64>",
        extend(
            "default" = 1800,
            "x-nullable" = true,
            "x-null" = "keep connections open forever",
            "x-upstream" = {"nullable": false}
        )
    )]
    pub max_lifetime: Option<Option<u64>>,
}

/// Use of TLS, as in libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS only if the server requires it.
    Allow,
    /// TLS if the server offers it.
    Prefer,
    /// TLS. Any certificate is accepted.
    Require,
    /// TLS. The certificate must come from a trusted authority.
    VerifyCa,
    /// TLS. The certificate must come from a trusted authority and match the server's name.
    VerifyFull,
}
