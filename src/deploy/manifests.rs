//! What `mas-service` and `syn2mas` must know about this host, as manifests. The module and
//! `mas2nix render` write them; the programs read them.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
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

/// The default path of the service's manifest.
pub const PATH: &str = "/etc/matrix-authentication-service/service.yaml";

/// The manifest of `mas-service`, the file at [`PATH`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// The path of `mas-cli`, such as `/usr/local/bin/mas-cli`.
    pub mas_cli: PathBuf,
    /// The generated configuration. File names in it may contain `${CREDENTIALS_DIRECTORY}` and
    /// `${RUNTIME_DIRECTORY}`.
    pub config: PathBuf,
    /// Configuration files that are read after it. Their paths may contain the same variables.
    pub extra_config_files: Vec<String>,
    /// Whether to run `mas-cli config check` before the configuration is used.
    pub check_config: bool,
    /// The files that the service copies.
    pub copies: Vec<FileCopy>,
    /// The source file of each credential, by the credential's name.
    pub credentials: BTreeMap<String, PathBuf>,
    /// The user that MAS runs as.
    pub user: String,
    /// The group that MAS runs as.
    pub group: String,
    /// Directives of systemd.exec(5) that an administrator added to MAS's unit and that MAS's commands
    /// need too, such as `EnvironmentFile=/run/secrets/mas`.
    pub unit_properties: Vec<String>,
    /// Which secrets `mas-service secrets` generates, and where.
    pub secrets: Secrets,
    /// The file from which Synapse reads the shared secret, if Synapse runs on this host.
    pub synapse_secret: Option<PathBuf>,
    /// The users to create, by localpart.
    pub users: BTreeMap<String, User>,
    /// The localparts of the users to make administrators.
    pub admins: Vec<String>,
}

/// A file that the service copies. Both paths may contain `${CREDENTIALS_DIRECTORY}` and
/// `${RUNTIME_DIRECTORY}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileCopy {
    /// Whether the original is a file or a directory credential.
    pub kind: CopyKind,
    /// The path of the original.
    pub source: String,
    /// The path of the copy.
    pub target: String,
}

/// How to copy a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyKind {
    /// A secret, without its final newlines.
    Raw,
    /// All files whose names begin with the source's name and `_`: systemd loads a directory in that form.
    Directory,
}

/// Which secrets are generated on this host, and who may read them.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Secrets {
    /// The directory that contains them.
    pub directory: PathBuf,
    /// Whether to generate the key that encrypts cookies and some database columns.
    pub encryption: bool,
    /// Whether to generate the keys that sign tokens.
    pub keys: bool,
    /// Whether to generate the secret shared with Synapse.
    pub synapse: bool,
    /// Whether to generate the password of the database role.
    pub database: bool,
    /// The group that may read the secret shared with Synapse; if `None`, only MAS may.
    pub group: Option<String>,
}

/// The manifest of `mas-service`, as terms over the module's options.
#[must_use]
pub fn section() -> Vec<Entry> {
    vec![
        entry("masCli", template("{package}/bin/mas-cli")),
        entry("config", &*format!("{ETC}/config.yaml")),
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
                    either(
                        synapse_overlay::on_this_host(),
                        known("synapse.group"),
                        Value::Null,
                    ),
                ),
            ],
        ),
        entry(
            "synapseSecret",
            either(
                synapse_overlay::on_this_host(),
                synapse_overlay::secret_path(),
                Value::Null,
            ),
        ),
        entry("users", known("users")),
        entry("admins", known("admins")),
    ]
}

/// The manifest of `syn2mas`: the [`Args`](crate::migrate::args::Args) of a migration.
#[must_use]
pub fn migration() -> Vec<Entry> {
    let has_superuser = || enabled("migration.grant");
    let paths = |cutover_file: CutoverFile| {
        vec![
            entry("file", cutover_file.file),
            entry("source", &*format!("{ETC}/{}", cutover_file.source)),
        ]
    };
    let includes = [cutover_files::nginx(), cutover_files::caddy()].map(|cutover_file| {
        let when = cutover_file.when.clone();
        item(Term::Section(paths(cutover_file))).when(when)
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
        entry("overlay", paths(cutover_files::overlay())),
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

/// The psql script that creates the role and the database if they do not exist.
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

/// The psql script that sets the role's password to the one generated on this host.
#[must_use]
pub fn database_password_sql() -> Vec<Item> {
    vec![
        item("-- The password must not appear in the server's log."),
        item("SET log_statement = 'none';"),
        item("\\set password `cat \"$CREDENTIALS_DIRECTORY/password\"`"),
        item(&*format!("ALTER ROLE \"{NAME}\" PASSWORD :'password';")),
    ]
}

/// A command for administrators: a shell script that runs `mas-service`.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// The name of the program, such as `mas-cli`.
    pub name: &'static str,
    /// The subcommand of `mas-service` that it runs, such as `cli`.
    pub subcommand: &'static str,
}

/// The commands for administrators: `mas-cli` and `mas-register-user`.
#[must_use]
pub fn tools() -> Vec<Tool> {
    let tool = |name, subcommand| Tool { name, subcommand };
    vec![
        tool("mas-cli", "cli"),
        tool("mas-register-user", "register-user"),
    ]
}

impl Tool {
    /// The text of the shell script.
    #[must_use]
    pub fn script(&self) -> Term {
        let command = format!(
            "exec {{toolsPackage}}/bin/mas-service {} \"$@\"\n",
            self.subcommand
        );
        Term::Text(vec!["#!/bin/sh\n".into(), template(&command)])
    }
}
