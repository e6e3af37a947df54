//! What `mas-service` has to know about this host: a file that the module and `mas2nix render`
//! write, and the program reads.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    deploy::{
        cutover_files::{self, CutoverFile},
        synapse_overlay,
        units::{self, ETC, NAME},
    },
    expr::{Entry, Item, Term, either, enabled, entry, given, item, known, template},
    schema::module::User,
};

/// Where it is, unless an argument says otherwise.
pub const PATH: &str = "/etc/matrix-authentication-service/service.yaml";

/// The manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// MAS's own program.
    pub mas_cli: PathBuf,
    /// The generated configuration, with `${CREDENTIALS_DIRECTORY}` and `${RUNTIME_DIRECTORY}` in
    /// paths.
    pub config: PathBuf,
    /// Configuration files that are read after it, with the same in their paths.
    pub extra_config_files: Vec<String>,
    /// Whether to let MAS check its configuration before it is used.
    pub check_config: bool,
    /// Files of which the service makes copies.
    pub copies: Vec<Copy>,
    /// Files that become credentials, by name.
    pub credentials: BTreeMap<String, PathBuf>,
    /// The user that MAS runs as.
    pub user: String,
    /// The group that MAS runs as.
    pub group: String,
    /// What an administrator added to MAS's unit that its commands need too: directives of
    /// systemd.exec(5), such as `EnvironmentFile=/run/secrets/mas`.
    pub unit_properties: Vec<String>,
    /// The secrets to make.
    pub secrets: Secrets,
    /// The file from which Synapse reads the shared secret, if Synapse is on this host.
    pub synapse_secret: Option<PathBuf>,
    /// Users to create, by localpart.
    pub users: BTreeMap<String, User>,
    /// Localparts of users to give administrators' rights to.
    pub admins: Vec<String>,
}

/// A file of which the service makes a copy, with `${CREDENTIALS_DIRECTORY}` and
/// `${RUNTIME_DIRECTORY}` in its paths.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// What kind of copy.
    pub kind: CopyKind,
    /// What is copied.
    pub source: String,
    /// The copy.
    pub target: String,
}

/// A kind of copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyKind {
    /// A secret, without the newlines at its end.
    Raw,
    /// All files whose names begin with the source's name and `_`, as systemd loads a directory.
    Directory,
}

/// The secrets to make.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Secrets {
    /// Where they are.
    pub directory: PathBuf,
    /// The key that encrypts cookies and columns of the database.
    pub encryption: bool,
    /// The keys that sign tokens.
    pub keys: bool,
    /// The secret shared with Synapse.
    pub synapse: bool,
    /// The password of the database's role.
    pub database: bool,
    /// The group that may read the secret shared with Synapse; only MAS if null.
    pub group: Option<String>,
}

/// The manifest, as a section over the module's options.
#[must_use]
pub fn section() -> Vec<Entry> {
    vec![
        entry("masCli", template("{package}/bin/mas-cli")),
        entry("config", "/etc/matrix-authentication-service/config.yaml"),
        entry("extraConfigFiles", known("computed.extraConfigFiles")),
        entry("checkConfig", known("checkConfig")),
        entry("copies", known("computed.copies")),
        entry("credentials", known("computed.credentialFiles")),
        entry("user", known("computed.user")),
        entry("group", known("computed.group")),
        entry("unitProperties", known("computed.unitProperties")),
        entry(
            "secrets",
            vec![
                entry("directory", known("secrets.directory")),
                entry("encryption", known("computed.generate.encryption")),
                entry("keys", known("computed.generate.keys")),
                entry("synapse", known("computed.generate.synapse")),
                entry("database", known("computed.generate.database")),
                entry(
                    "group",
                    either(synapse_overlay::here(), known("synapse.group"), Value::Null),
                ),
            ],
        ),
        entry(
            "synapseSecret",
            either(
                synapse_overlay::here(),
                synapse_overlay::secret_path(),
                Value::Null,
            ),
        ),
        entry("users", known("users")),
        entry("admins", known("admins")),
    ]
}

/// What `syn2mas` has to know: the [`Inputs`](crate::migrate::inputs::Inputs) of a migration.
#[must_use]
pub fn migration() -> Vec<Entry> {
    let has_superuser = || enabled("migration.grant");
    let switched = |switch: CutoverFile| {
        vec![
            entry("file", switch.file),
            entry("source", &*format!("{ETC}/{}", switch.source)),
        ]
    };
    let includes = [cutover_files::nginx(), cutover_files::caddy()].map(|switch| {
        let when = switch.when.clone();
        item(Term::Section(switched(switch))).when(when)
    });
    vec![
        entry("masService", PATH),
        entry("masCli", template("{package}/bin/mas-cli")),
        entry("postgresqlPrograms", template("{postgresqlPackage}/bin")),
        entry("stateDir", known("migration.directory")),
        entry("synapseConfig", known("migration.synapseConfig")),
        entry("synapseUser", known("migration.synapseUser")),
        entry("masUser", known("computed.user")),
        entry("adminUser", known("migration.superuser")).when(has_superuser()),
        entry(
            "adminDatabaseUri",
            template(
                "postgresql:///postgres?host=/run/postgresql&port={#postgresqlPort}&user={migration.superuser}",
            ),
        )
        .when(has_superuser()),
        entry("synapseUnit", known("synapse.units")),
        entry(
            "masUnit",
            vec![
                item("matrix-authentication-service.socket").when(units::activated()),
                item("matrix-authentication-service.service"),
            ],
        ),
        entry("overlay", switched(cutover_files::overlay())),
        entry("include", Term::from(Vec::from(includes))),
        entry(
            "proxyUnit",
            vec![
                item("nginx.service").when(enabled("routes.nginx")),
                item("caddy.service").when(enabled("routes.caddy")),
            ],
        ),
    ]
}

/// What psql does to make the role and the database, if they are not there.
#[must_use]
pub fn database_sql() -> Vec<Item> {
    let name = NAME;
    let missing = |what: &str, table: &str, column: &str| {
        format!(
            "SELECT '{what}' WHERE NOT EXISTS (SELECT FROM {table} WHERE {column} = '{name}') \\gexec"
        )
    };
    let create = format!("CREATE DATABASE \"{name}\" OWNER \"{name}\"");
    let with_locale = missing(
        &format!("{create} TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''{{databaseLocale}}''"),
        "pg_database",
        "datname",
    );
    vec![
        item(&*missing(
            &format!("CREATE ROLE \"{name}\" LOGIN"),
            "pg_roles",
            "rolname",
        )),
        item(either(
            given("databaseLocale"),
            template(&with_locale),
            &*missing(&create, "pg_database", "datname"),
        )),
    ]
}

/// What psql does to give the role the password that is made on this host.
#[must_use]
pub fn database_password_sql() -> Vec<Item> {
    vec![
        item("-- The password must not appear in the server's log."),
        item("SET log_statement = 'none';"),
        item("\\set password `cat \"$CREDENTIALS_DIRECTORY/password\"`"),
        item(&*format!("ALTER ROLE \"{NAME}\" PASSWORD :'password';")),
    ]
}

/// A command for the administrator.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// The subcommand of `mas-service` that does its work.
    pub subcommand: &'static str,
}

/// The commands for the administrator.
#[must_use]
pub fn tools() -> Vec<Tool> {
    let tool = |name, subcommand| Tool { name, subcommand };
    vec![
        tool("mas-cli", "cli"),
        tool("mas-register-user", "register-user"),
    ]
}

impl Tool {
    /// Its shell script.
    #[must_use]
    pub fn script(&self) -> Term {
        let command = format!(
            "exec {{toolsPackage}}/bin/mas-service {} \"$@\"\n",
            self.subcommand
        );
        Term::Text(vec!["#!/bin/sh\n".into(), template(&command)])
    }
}
