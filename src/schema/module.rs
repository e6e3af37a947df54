//! The NixOS module's own options, beside MAS's settings. `mas2nix render` reads the same options
//! from a file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Settings,
    format::{
        Addresses, CalendarEvent, ConfigFile, DomainName, FilePath, HeaderValue, ListenAddress,
        Name, ServerAddress, UnitName, Upstream, Url, UrlPath, Version,
    },
};

/// Options of the NixOS module.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-since" = "0.9.0"))]
pub struct Module {
    /// Whether to enable Matrix Authentication Service (MAS).
    #[schemars(extend("default" = true))]
    pub enable: bool,

    /// Directory in which MAS is installed, with `bin/mas-cli` below it.
    #[schemars(extend("default" = "/usr"), example = &"/opt/mas")]
    pub package: FilePath,

    /// Directory in which mas2nix is installed, with `bin/mas-service` below it.
    #[schemars(extend("default" = "/usr"), example = &"/usr/local")]
    pub tools_package: FilePath,

    /// Directory in which the PostgreSQL client is installed, with `bin/psql` below it.
    #[schemars(extend("default" = "/usr"))]
    pub postgresql_package: FilePath,

    /// Port of the PostgreSQL server on this host. The name of its Unix socket contains it too.
    #[schemars(extend(
        "default" = 5432,
        "x-default-text" = "`services.postgresql.settings.port` on NixOS, otherwise 5432"
    ))]
    pub postgresql_port: u16,

    /// Configuration of MAS.
    pub settings: Settings,

    /// Settings that this module does not know, for a newer MAS.
    #[schemars(extend("default" = {}))]
    pub extra_settings: Value,

    /// What this host does: answer requests, process the job queue (mail, provisioning, cleanup),
    /// or both. Any number of hosts can share one database, with a load balancer in front of those
    /// that answer requests. At least one host must process the queue.
    #[schemars(extend("default" = "both"))]
    pub role: Role,

    /// Additional configuration files, read after the generated one. Use them for secrets that MAS
    /// cannot read from separate files. The service receives them as systemd credentials, unless
    /// they already are credentials or are in the service's own directories.
    #[schemars(extend("default" = []), example = ["/run/secrets/mas.yaml"])]
    pub extra_config_files: Vec<ConfigFile>,

    /// Whether to allow secrets in the settings themselves, where they are readable by every user
    /// of this host and in every copy of its system. Only for tests.
    #[schemars(extend("default" = false))]
    pub allow_inline_secrets: bool,

    /// Whether MAS checks its own configuration: each time the service starts, and when the system
    /// is built, unless `extraConfigFiles` names files that exist only on the host.
    #[schemars(extend("default" = true))]
    pub check_config: bool,

    /// Files to pass to the service as systemd credentials, by name. Settings can refer to them as
    /// `${CREDENTIALS_DIRECTORY}/<name>`. The `*_file` options do not need this.
    #[schemars(
        extend("default" = {}, "x-names" = "CredentialName"),
        example = serde_json::json!({"oidc": "/run/secrets/oidc"})
    )]
    pub credentials: BTreeMap<String, FilePath>,

    /// Units to start before MAS. If `synapse.enable` is true, Synapse's units are ignored here,
    /// because they start after MAS.
    #[schemars(extend("default" = []), example = ["openldap.service"])]
    pub service_dependencies: Vec<UnitName>,

    /// Whether to create a role and a database named `matrix-authentication-service` in the
    /// PostgreSQL server on this host. The service connects through the Unix socket as its own
    /// user, without a password.
    #[schemars(extend("default" = false))]
    pub create_database: bool,

    /// Locale of the database that `createDatabase` creates.
    #[schemars(
        extend("x-default-text" = "that of the PostgreSQL cluster"),
        example = &"C.UTF-8"
    )]
    pub database_locale: Option<Name>,

    /// Generated secrets.
    pub secrets: Secrets,

    /// Where MAS listens, unless `settings.http.listeners` is set.
    pub listen: Listen,

    /// Whether systemd holds the listening sockets, so that no connection is dropped when MAS
    /// restarts.
    #[schemars(extend("default" = false))]
    pub socket_activation: bool,

    /// Addresses that MAS may exchange packets with. Clients that register themselves may publish
    /// their keys at an address of their own. MAS must be able to reach it: `any` allows all
    /// addresses.
    #[schemars(
        extend(
            "x-nullable" = true,
            "x-default-text" = "this host only, unless the settings require others"
        ),
        example = ["localhost", "10.0.0.0/8"]
    )]
    pub addresses: Option<Vec<Addresses>>,

    /// Whether to serve the admin API on the public listener too, for a web interface such as
    /// Element Admin. Otherwise, only the internal listener serves it.
    #[schemars(extend("default" = false))]
    pub public_admin_api: bool,

    /// Whether to serve metrics for Prometheus on the internal listener, under `/metrics`.
    #[schemars(extend("default" = false))]
    pub metrics: bool,

    /// Whether to send mail through the mail server on this host, on port 25, without encryption or
    /// a password.
    #[schemars(extend("default" = false))]
    pub local_mail_relay: bool,

    /// Directory that contains a `policy.wasm` to use instead of MAS's own.
    #[schemars(extend("x-default-text" = "provided by MAS's package"))]
    pub policy_package: Option<FilePath>,

    /// Directory that contains `templates`, `translations`, `assets` and their `manifest.json`, to
    /// use instead of MAS's own.
    #[schemars(extend("x-default-text" = "provided by MAS's package"))]
    pub templates_package: Option<FilePath>,

    /// Delegation of Synapse's authentication to MAS.
    pub synapse: Synapse,

    /// Migration of an existing homeserver to MAS with `syn2mas`.
    pub migration: Migration,

    /// Routes of the reverse proxy to MAS and Synapse.
    pub routes: Routes,

    /// Regular checks of MAS, Synapse and the connections between them.
    pub doctor: Doctor,

    /// Users to create once MAS is running, by localpart. A user that exists or has ever existed is
    /// not changed. No users are created while `migration.enable` is true.
    #[schemars(
        extend("default" = {}, "x-names" = "Localpart"),
        example = serde_json::json!({
            "alice": {"passwordFile": "/run/secrets/alice", "admin": true}
        })
    )]
    pub users: BTreeMap<String, User>,

    /// Localparts of existing users who may use admin tools. Each user is granted this right only
    /// once.
    #[schemars(extend("default" = []), example = ["alice"])]
    pub admins: Vec<Name>,
}

/// What a host does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Answer requests and process the queue.
    Both,
    /// Only answer requests.
    Server,
    /// Only process the queue.
    Worker,
}

/// Generated secrets.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Secrets {
    /// Whether to generate the secrets that the settings do not name, before MAS starts for the
    /// first time: the encryption key, the signing keys, and the secret shared with Synapse.
    /// Existing secrets are never changed.
    #[schemars(extend(
        "x-default-text" = "true if `extraConfigFiles` is empty, otherwise false, because such a file may contain secrets"
    ))]
    pub generate: Option<bool>,

    /// Directory for the generated secrets. Back it up: without it, MAS's database is of little
    /// use.
    #[schemars(extend("default" = "/var/lib/matrix-authentication-service-secrets"))]
    pub directory: FilePath,
}

/// Where MAS listens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listen {
    /// Address that the reverse proxy connects to: an IP address with a port, or the path of a Unix
    /// socket.
    #[schemars(
        extend("default" = "127.0.0.1:8080"),
        example = &"/run/matrix-authentication-service/public.sock"
    )]
    pub public: ListenAddress,

    /// Address that Synapse and monitoring connect to. It serves health checks, metrics, the admin
    /// API and the OAuth 2.0 endpoints. It must not be reachable by the public.
    #[schemars(extend("default" = "127.0.0.1:8081"))]
    pub internal: ServerAddress,
}

/// Delegation of Synapse's authentication to MAS.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Synapse {
    /// Whether Synapse delegates authentication to MAS. If `services.matrix-synapse` is enabled on
    /// the same host, this configures Synapse too, and rejects settings of Synapse that conflict
    /// with delegation.
    #[schemars(extend("default" = false))]
    pub enable: bool,

    /// Version of Synapse.
    #[schemars(
        extend("x-default-text" = "that of `services.matrix-synapse`, if it is enabled"),
        example = &"1.157.1"
    )]
    pub version: Option<Version>,

    /// URL at which Synapse reaches MAS.
    #[schemars(extend("default" = "http://127.0.0.1:8081/"))]
    pub endpoint: Url,

    /// File from which Synapse reads the secret that it shares with MAS. `synapse.group` must be
    /// able to read it.
    #[schemars(
        extend("x-default-text" = "the generated one, or `matrix.secret_file` of the settings"),
        example = &"/run/secrets/synapse-mas"
    )]
    pub secret_path: Option<FilePath>,

    /// Group that Synapse and its workers run as on this host. It may read the shared secret.
    #[schemars(extend("default" = "matrix-synapse"))]
    pub group: Name,

    /// Units of Synapse on this host, including workers. They start after MAS. Use an empty list if
    /// Synapse runs on another host.
    #[schemars(extend("default" = ["matrix-synapse.service"]))]
    pub units: Vec<UnitName>,

    /// Name of Synapse's database, if it is on the same PostgreSQL server as MAS's. MAS must use a
    /// different one.
    #[schemars(extend(
        "x-default-text" = "`database.args.database` of `services.matrix-synapse.settings`, if that is enabled"
    ))]
    pub database: Option<String>,

    /// Whether Synapse speaks HTTP/2 to MAS from the first byte, without negotiating it. Needs
    /// Synapse 1.151.0 or newer.
    #[schemars(extend("default" = false))]
    pub force_http2: bool,

    /// Whether people can log in a new device with a QR code that a device of theirs shows or scans.
    /// This sets `experimental_features` of Synapse: `msc4108_enabled`, and `msc4388_mode`, which Synapse
    /// before 1.149.0 ignores. Needs Synapse 1.137.0 or newer with a `public_baseurl`. Synapse offers it once it
    /// delegates to MAS, not before.
    #[schemars(extend(
        "default" = false,
        "x-default-text" = "true if `services.matrix-synapse` on the same host delegates to MAS, otherwise false"
    ))]
    pub qr_login: bool,

    /// Transports for calls that Synapse announces to clients such as Element Call, in addition to the
    /// well-known document. This sets `matrix_rtc.transports` and `experimental_features` of Synapse. Needs
    /// Synapse 1.140.0 or newer.
    #[schemars(
        extend(
            "default" = [],
            "x-default-text" = "`org.matrix.msc4143.rtc_foci` of `routes.wellKnownClient`, if `services.livekit` or `services.lk-jwt-service` is enabled on the same host"
        ),
        example = serde_json::json!([
            {"type": "livekit", "livekit_service_url": "https://rtc.example.com/livekit/jwt"}
        ])
    )]
    pub rtc_transports: Vec<BTreeMap<String, Value>>,

    /// Other `experimental_features` of Synapse. Synapse takes this section from the last of its files that
    /// has it. If that is the file with which it delegates to MAS, because of `qrLogin` or `rtcTransports`,
    /// the features of the other files must be repeated here.
    #[schemars(
        extend(
            "default" = {},
            "x-default-text" = "`experimental_features` of `services.matrix-synapse.settings`, if that is enabled"
        ),
        example = serde_json::json!({"msc4222_enabled": true})
    )]
    pub experimental_features: BTreeMap<String, Value>,
}

/// Migration of an existing homeserver to MAS.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Migration {
    /// Whether `syn2mas` switches Synapse and the reverse proxy to MAS at run time, instead of this
    /// configuration. Synapse keeps its own settings. MAS does not start before the cutover, and no
    /// users are created. After the migration, remove the settings for passwords, identity
    /// providers and registration from Synapse's configuration, set this option to false, and set
    /// `migration.passwords` to true.
    #[schemars(extend("default" = false))]
    pub enable: bool,

    /// Whether users have passwords that Synapse hashed. The default of `passwords.schemes` then
    /// accepts these passwords, and hashes new ones with MAS's own scheme. It also does so while
    /// `migration.enable` is true.
    #[schemars(extend("default" = false))]
    pub passwords: bool,

    /// Whether the homeserver is known to be moved to MAS although MAS's database does not say so,
    /// because it was moved with `mas-cli syn2mas migrate` and not with `syn2mas`, or because its
    /// database is now on another PostgreSQL server. Without this, a configuration in which MAS
    /// authenticates users is rejected as long as Synapse has their sessions and nothing proves that MAS
    /// has them too. With it, only an empty MAS is rejected.
    #[schemars(extend("default" = false))]
    pub assume_moved: bool,

    /// File that contains Synapse's `password_config.pepper`, if it has one.
    #[schemars(example = &"/run/secrets/synapse-pepper")]
    pub pepper_file: Option<FilePath>,

    /// Directory for the journal and the backups of `syn2mas`, and for the files that it switches.
    #[schemars(extend("default" = "/var/lib/syn2mas"))]
    pub directory: FilePath,

    /// Synapse's configuration files, in the order in which Synapse reads them.
    #[schemars(extend(
        "default" = ["/etc/matrix-synapse/homeserver.yaml"],
        "x-default-text" = "those of `services.matrix-synapse`, if it is enabled"
    ))]
    pub synapse_config: Vec<FilePath>,

    /// User of this host as which Synapse connects to its database.
    #[schemars(extend("default" = "matrix-synapse"))]
    pub synapse_user: Name,

    /// Whether to grant Synapse's role to MAS's role during the import. Needed if PostgreSQL
    /// identifies both roles by users of this host, and not needed if Synapse's database requires a
    /// password.
    #[schemars(extend("default" = true))]
    pub grant: bool,

    /// User of this host who is a superuser of the PostgreSQL server with both databases.
    #[schemars(extend("default" = "postgres"))]
    pub superuser: Name,
}

/// Routes of the reverse proxy to MAS and Synapse.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Routes {
    /// Whether to configure nginx on this host.
    #[schemars(extend("default" = false))]
    pub nginx: bool,

    /// Whether to configure Caddy on this host.
    #[schemars(extend("default" = false))]
    pub caddy: bool,

    /// Public host name of MAS. It may be the same as `matrixHost`, if MAS has a `path` of its own.
    #[schemars(example = &"auth.example.com")]
    pub host: Option<DomainName>,

    /// Path under which MAS is served on `host`.
    #[schemars(extend("default" = "/"), example = &"/auth/")]
    pub path: UrlPath,

    /// Public host name of Synapse.
    #[schemars(example = &"matrix.example.com")]
    pub matrix_host: Option<DomainName>,

    /// Address at which the proxy reaches Synapse.
    #[schemars(extend("default" = "http://127.0.0.1:8008"))]
    pub synapse: Upstream,

    /// Whether to serve `/.well-known/matrix/client` and `/.well-known/matrix/server` on the name
    /// of the homeserver. Clients and other servers use these documents to find it.
    #[schemars(extend("default" = true))]
    pub well_known: bool,

    /// Response headers to add to the well-known documents, by name. In nginx, a location that sets
    /// a header of its own, as those of the documents do, drops all headers set by a `server` or
    /// `http` block. Repeat such headers here.
    #[schemars(
        extend("default" = {}, "x-names" = "HeaderName"),
        example = serde_json::json!({"X-Content-Type-Options": "nosniff"})
    )]
    pub well_known_headers: BTreeMap<String, HeaderValue>,

    /// Additional content of `/.well-known/matrix/client`, such as where clients find the servers for
    /// calls.
    #[schemars(
        extend("default" = {}),
        example = serde_json::json!({
            "org.matrix.msc4143.rtc_foci": [
                {"type": "livekit", "livekit_service_url": "https://rtc.example.com/livekit/jwt"}
            ]
        })
    )]
    pub well_known_client: BTreeMap<String, Value>,

    /// Whether the proxy serves Synapse's admin API, `/_synapse/admin/`, for a web interface such as
    /// Ketesa or Element Admin. It requires the access token of an administrator. Otherwise, it is
    /// reachable only on this host.
    #[schemars(extend("default" = false))]
    pub synapse_admin: bool,

    /// Address on this host at which local programs, such as bridges, reach Synapse and MAS in the
    /// same way as the public.
    #[schemars(example = &"127.0.0.1:8480")]
    pub internal: Option<ListenAddress>,
}

/// Regular checks of the service.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Doctor {
    /// Whether to run `mas-cli doctor` regularly. The unit fails if the doctor finds an error. It
    /// never shows a secret.
    #[schemars(extend("default" = true))]
    pub enable: bool,

    /// When to run the doctor, as a systemd calendar event. `systemd-analyze calendar` shows when that is,
    /// and refuses what is none.
    #[schemars(extend("default" = "daily"), example = &"Mon 04:00")]
    pub schedule: CalendarEvent,
}

/// A user to create.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// File that contains the password. Without one, the user logs in through an identity provider,
    /// or is given a password with `mas-cli manage set-password`.
    #[schemars(example = &"/run/secrets/alice")]
    pub password_file: Option<FilePath>,

    /// Whether the user may use admin tools.
    #[schemars(extend("default" = false))]
    pub admin: Option<bool>,

    /// Email address of the user. It is considered verified.
    #[schemars(example = &"alice@example.com")]
    pub email: Option<String>,

    /// Display name of the user.
    #[schemars(example = &"Alice")]
    pub display_name: Option<String>,
}
