//! The options of the NixOS module itself, around MAS's own settings. `mas2nix render` reads the
//! same from a file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Settings,
    format::{
        Addresses, CalendarEvent, ConfigFile, DomainName, FilePath, HeaderValue, ListenAddress,
        Name, SocketAddress, UnitName, Upstream, Url, UrlPath, Version,
    },
};

/// MAS, what runs it, and what stands around it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-since" = "0.9.0"))]
pub struct Module {
    /// Whether to run MAS.
    #[schemars(extend("default" = true))]
    pub enable: bool,

    /// Where MAS is installed: the directory above `bin/mas-cli`.
    #[schemars(extend("default" = "/usr"), example = &"/opt/mas")]
    pub package: FilePath,

    /// Where mas2nix is installed: the directory above `bin/mas-service`.
    #[schemars(extend("default" = "/usr"), example = &"/usr/local")]
    pub tools_package: FilePath,

    /// Where PostgreSQL's client is installed: the directory above `bin/psql`.
    #[schemars(extend("default" = "/usr"))]
    pub postgresql_package: FilePath,

    /// The port of the PostgreSQL on this host, with which its socket is named, too.
    #[schemars(extend(
        "default" = 5432,
        "x-default-text" = "`services.postgresql.settings.port` on NixOS, otherwise 5432"
    ))]
    pub postgresql_port: u16,

    /// The configuration of MAS.
    pub settings: Settings,

    /// Settings that are unknown here, for a newer MAS.
    #[schemars(extend("default" = {}))]
    pub extra_settings: Value,

    /// What this host does: answer requests, work off the queue of jobs (mail, provisioning,
    /// cleaning up), or both. Any number of hosts can share one database, with a load balancer
    /// before those that answer; at least one of them has to work off the queue.
    #[schemars(extend("default" = "both"))]
    pub role: Role,

    /// Further configuration files, read after the generated one: for secrets that MAS cannot read
    /// from a file of their own. They are handed to the service as systemd credentials, unless they
    /// are credentials already or lie in the service's own directories.
    #[schemars(extend("default" = []), example = ["/run/secrets/mas.yaml"])]
    pub extra_config_files: Vec<ConfigFile>,

    /// Whether secrets may stand in the settings themselves, where every user of this host and
    /// every copy of its system can read them. For tests.
    #[schemars(extend("default" = false))]
    pub allow_inline_secrets: bool,

    /// Whether to let MAS itself check its configuration: when the system is built, unless
    /// `extraConfigFiles` names files that exist only on the host, and each time the service
    /// starts.
    #[schemars(extend("default" = true))]
    pub check_config: bool,

    /// Files to hand to the service as systemd credentials, by name. Settings refer to one as
    /// `${CREDENTIALS_DIRECTORY}/<name>`. The `*_file` options do not need this.
    #[schemars(extend("default" = {}), example = serde_json::json!({"oidc": "/run/secrets/oidc"}))]
    pub credentials: BTreeMap<String, FilePath>,

    /// Units to start before MAS. Synapse is none of them: it is started after MAS, so its units are
    /// left out here where `synapse.enable` is true.
    #[schemars(extend("default" = []), example = ["openldap.service"])]
    pub service_dependencies: Vec<UnitName>,

    /// Whether to make a role and a database named `matrix-authentication-service` in the
    /// PostgreSQL of this host. The service connects to it through the Unix socket as its own
    /// user, so there is no password.
    #[schemars(extend("default" = false))]
    pub create_database: bool,

    /// The locale of the database that `createDatabase` makes.
    #[schemars(
        extend("x-default-text" = "that of the PostgreSQL cluster"),
        example = &"C.UTF-8"
    )]
    pub database_locale: Option<Name>,

    /// Secrets that nobody has to create by hand.
    pub secrets: Secrets,

    /// Where MAS listens, as long as `settings.http.listeners` does not say otherwise.
    pub listen: Listen,

    /// Whether systemd holds the sockets, so that restarting MAS drops no connection.
    #[schemars(extend("default" = false))]
    pub socket_activation: bool,

    /// Addresses that MAS may exchange packets with. If clients that register themselves publish
    /// their keys at an address of their own, MAS has to reach that: `any` allows everything.
    #[schemars(
        extend(
            "x-nullable" = true,
            "x-default-text" = "only this host, if nothing in the settings needs another one"
        ),
        example = ["localhost", "10.0.0.0/8"]
    )]
    pub addresses: Option<Vec<Addresses>>,

    /// Serving the administrators' API to the public too, for a web interface such as Element
    /// Admin. Without it, it is on the internal listener only.
    #[schemars(extend("default" = false))]
    pub public_admin_api: bool,

    /// Metrics for Prometheus on the internal listener, under `/metrics`.
    #[schemars(extend("default" = false))]
    pub metrics: bool,

    /// Whether to send mail through the mail server of this host, port 25, without encryption or
    /// password.
    #[schemars(extend("default" = false))]
    pub local_mail_relay: bool,

    /// A directory with another `policy.wasm` than MAS's own.
    #[schemars(extend("x-default-text" = "what MAS's package brings"))]
    pub policy_package: Option<FilePath>,

    /// A directory with `templates`, `translations`, `assets` and their `manifest.json`, in place
    /// of MAS's own.
    #[schemars(extend("x-default-text" = "what MAS's package brings"))]
    pub templates_package: Option<FilePath>,

    /// Synapse, made to let MAS authenticate its users.
    pub synapse: Synapse,

    /// Moving an existing homeserver to MAS with `syn2mas`.
    pub migration: Migration,

    /// What the reverse proxy hands to MAS and to Synapse.
    pub routes: Routes,

    /// Looking regularly whether MAS, Synapse and the world between them fit together.
    pub doctor: Doctor,

    /// Users to create once MAS runs, by localpart. A user that exists already, or existed once,
    /// is left alone. Nobody is created while `migration.enable` is true.
    #[schemars(
        extend("default" = {}),
        example = serde_json::json!({
            "alice": {"passwordFile": "/run/secrets/alice", "admin": true}
        })
    )]
    pub users: BTreeMap<String, User>,

    /// Localparts of existing users who may use administrators' tools. They are given that right
    /// once.
    #[schemars(extend("default" = []), example = ["alice"])]
    pub admins: Vec<Name>,
}

/// What a host does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Answer requests, and work off the queue.
    Both,
    /// Only answer requests.
    Server,
    /// Only work off the queue.
    Worker,
}

/// Secrets that nobody has to create by hand.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Secrets {
    /// Whether to make the secrets that the settings do not name, before MAS starts for the first
    /// time: the encryption key, signing keys, the secret shared with Synapse. What is there is
    /// never touched.
    #[schemars(extend(
        "x-default-text" = "whether `extraConfigFiles` is empty: such a file may bring secrets"
    ))]
    pub generate: Option<bool>,

    /// Where they are kept. Back this directory up: without it, MAS's database is of little use.
    #[schemars(extend("default" = "/var/lib/matrix-authentication-service-secrets"))]
    pub directory: FilePath,
}

/// Where MAS listens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listen {
    /// What the reverse proxy connects to: an IP address with a port, or the path of a Unix
    /// socket.
    #[schemars(
        extend("default" = "127.0.0.1:8080"),
        example = &"/run/matrix-authentication-service/public.sock"
    )]
    pub public: ListenAddress,

    /// What Synapse and monitoring connect to: health, metrics, the administrators' API, and the
    /// OAuth 2.0 endpoints. The public must not reach it.
    #[schemars(extend("default" = "127.0.0.1:8081"))]
    pub internal: SocketAddress,
}

/// Synapse, made to let MAS authenticate its users.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Synapse {
    /// Whether Synapse lets MAS authenticate its users. With `services.matrix-synapse` on the same
    /// host this sets Synapse's part too, and refuses what conflicts with it.
    #[schemars(extend("default" = false))]
    pub enable: bool,

    /// The version of Synapse.
    #[schemars(
        extend("x-default-text" = "that of `services.matrix-synapse`, if it is enabled"),
        example = &"1.157.1"
    )]
    pub version: Option<Version>,

    /// Where Synapse reaches MAS.
    #[schemars(extend("default" = "http://127.0.0.1:8081/"))]
    pub endpoint: Url,

    /// The file from which Synapse reads the secret that it shares with MAS. `synapse.group` has to
    /// be able to read it.
    #[schemars(
        extend("x-default-text" = "the one that is made here, or `matrix.secret_file` of the settings"),
        example = &"/run/secrets/synapse-mas"
    )]
    pub secret_path: Option<FilePath>,

    /// The group that Synapse and its workers run as on this host, which may read the shared secret.
    #[schemars(extend("default" = "matrix-synapse"))]
    pub group: Name,

    /// Synapse's units on this host, workers included. They are started after MAS. Empty if
    /// Synapse runs on another host.
    #[schemars(extend("default" = ["matrix-synapse.service"]))]
    pub units: Vec<UnitName>,

    /// The name of Synapse's database, if it is in the same PostgreSQL as MAS's: it must be
    /// another one.
    #[schemars(extend(
        "x-default-text" = "`database.args.database` of `services.matrix-synapse.settings`, if that is enabled"
    ))]
    pub database: Option<String>,

    /// Whether to speak HTTP/2 to MAS from the first byte on. Needs Synapse 1.151.0 or newer.
    #[schemars(extend("default" = false))]
    pub force_http2: bool,
}

/// Moving an existing homeserver to MAS.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Migration {
    /// Whether Synapse and the reverse proxy are switched to MAS by `syn2mas` at run time, not by
    /// this configuration. Synapse's own settings stay as they are; MAS does not start before the
    /// cutover, and no users are created. Afterwards, move what the settings say about passwords,
    /// identity providers and registration out of Synapse's, set this to false, and
    /// `migration.passwords` to true.
    #[schemars(extend("default" = false))]
    pub enable: bool,

    /// Whether users have passwords that Synapse has hashed. Then MAS's default for
    /// `passwords.schemes` knows them, and hashes new passwords in its own way. It does so while
    /// `migration.enable` is true, too.
    #[schemars(extend("default" = false))]
    pub passwords: bool,

    /// Whether the homeserver is known to be moved to MAS although MAS's database does not say so:
    /// because it was moved with `mas-cli syn2mas migrate` and not with `syn2mas`, or because its
    /// database is now on another server of PostgreSQL. Without this, a configuration in which MAS
    /// authenticates users is refused as long as Synapse has their sessions and there is no proof that
    /// MAS has them too. With it, only an empty MAS is refused.
    #[schemars(extend("default" = false))]
    pub assume_moved: bool,

    /// A file with Synapse's `password_config.pepper`, if it has one.
    #[schemars(example = &"/run/secrets/synapse-pepper")]
    pub pepper_file: Option<FilePath>,

    /// Where `syn2mas` keeps its journal, its backups, and the files that it switches.
    #[schemars(extend("default" = "/var/lib/syn2mas"))]
    pub directory: FilePath,

    /// Synapse's configuration files, in the order in which it reads them.
    #[schemars(extend(
        "default" = ["/etc/matrix-synapse/homeserver.yaml"],
        "x-default-text" = "those of `services.matrix-synapse`, if it is enabled"
    ))]
    pub synapse_config: Vec<FilePath>,

    /// The user of this host as whom Synapse reaches its database.
    #[schemars(extend("default" = "matrix-synapse"))]
    pub synapse_user: Name,

    /// Whether MAS's role is lent Synapse's while the import runs. Needed where PostgreSQL knows both
    /// by the users of this host, and not if Synapse's database takes a password.
    #[schemars(extend("default" = true))]
    pub grant: bool,

    /// The user of this host who is a superuser of the PostgreSQL with both databases.
    #[schemars(extend("default" = "postgres"))]
    pub superuser: Name,
}

/// What the reverse proxy hands to MAS and to Synapse.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Routes {
    /// Whether to set up nginx on this host.
    #[schemars(extend("default" = false))]
    pub nginx: bool,

    /// Whether to set up Caddy on this host.
    #[schemars(extend("default" = false))]
    pub caddy: bool,

    /// The public name of MAS. It may be the same as `matrixHost`, with a `path` of its own.
    #[schemars(example = &"auth.example.com")]
    pub host: Option<DomainName>,

    /// The path under which MAS is reached on `host`.
    #[schemars(extend("default" = "/"), example = &"/auth/")]
    pub path: UrlPath,

    /// The public name of Synapse.
    #[schemars(example = &"matrix.example.com")]
    pub matrix_host: Option<DomainName>,

    /// Where the proxy reaches Synapse.
    #[schemars(extend("default" = "http://127.0.0.1:8008"))]
    pub synapse: Upstream,

    /// Whether to serve `/.well-known/matrix/client` and `/.well-known/matrix/server` on the name
    /// of the homeserver, by which clients and other servers find it.
    #[schemars(extend("default" = true))]
    pub well_known: bool,

    /// Response headers to add to these two documents, by name. nginx drops the headers that a
    /// server or `http` block sets wherever a location sets one of its own, as these two do: repeat
    /// such headers here.
    #[schemars(
        extend("default" = {}),
        example = serde_json::json!({"X-Content-Type-Options": "nosniff"})
    )]
    pub well_known_headers: BTreeMap<String, HeaderValue>,

    /// An address of this host at which programs on the same host, such as bridges, reach Synapse
    /// and MAS in the way that the public does.
    #[schemars(example = &"127.0.0.1:8480")]
    pub internal: Option<ListenAddress>,
}

/// Looking regularly whether everything fits together.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Doctor {
    /// Whether to run `mas-cli doctor` regularly. The unit fails if it finds an error, and never
    /// shows a secret.
    #[schemars(extend("default" = true))]
    pub enable: bool,

    /// When to run it, as a calendar event of systemd.
    #[schemars(extend("default" = "daily"), example = &"Mon 04:00")]
    pub schedule: CalendarEvent,
}

/// A user to create.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// File with the password. Without one, the user logs in through an identity provider, or gets
    /// a password by `mas-cli manage set-password`.
    #[schemars(example = &"/run/secrets/alice")]
    pub password_file: Option<FilePath>,

    /// Whether the user may use administrators' tools.
    #[schemars(extend("default" = false))]
    pub admin: Option<bool>,

    /// Address of the user, taken as verified.
    #[schemars(example = &"alice@example.com")]
    pub email: Option<String>,

    /// The name shown to others.
    #[schemars(example = &"Alice")]
    pub display_name: Option<String>,
}
