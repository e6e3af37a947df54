//! The systemd units that run MAS, as typed values over the module's options.
//!
//! [`crate::codegen::nix`] prints them for NixOS, [`crate::codegen::host_files`] as unit files.

mod migration;
mod sandbox;
mod service;
mod socket;

use crate::{
    deploy::cutover_files,
    expr::{Entry, Expr, Item, Term, enabled, entry, item, template},
};

pub use self::sandbox::Sandbox;
pub use self::socket::{activated, is_unix};

/// The name of the service, its user, its group, and its role and database in PostgreSQL.
pub const NAME: &str = "matrix-authentication-service";

/// Where the configuration of MAS's own unit is while that runs.
pub const RUNTIME_DIRECTORY: &str = "/run/matrix-authentication-service";

/// Where the service finds its configuration.
pub const ETC: &str = "/etc/matrix-authentication-service";

/// A systemd unit. Its directives are those of systemd, under systemd's names.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its name, without the suffix.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// When there is such a unit.
    pub when: Option<Expr>,
    /// `[Unit]`.
    pub unit: Vec<Entry>,
    /// What it has in common with other services.
    pub sandbox: Vec<Sandbox>,
    /// What it takes over of what an administrator adds to MAS's own unit.
    pub inherits: Inherits,
    /// What is its own of `[Service]`, `[Socket]` or `[Timer]`.
    pub body: Vec<Entry>,
    /// The units that start it, `WantedBy=` in `[Install]`.
    pub wanted_by: Vec<&'static str>,
}

impl Unit {
    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.kind.suffix())
    }
}

/// What a unit takes over of what an administrator adds to MAS's own unit.
///
/// On NixOS the module sees these additions; elsewhere a drop-in has to be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherits {
    /// Nothing.
    Nothing,
    /// The units that it comes after, wants and requires.
    Order,
    /// The same, and its user, groups, environment and credentials.
    Everything,
}

impl Inherits {
    /// What it is called in Nix.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Inherits::Nothing => "nothing",
            Inherits::Order => "order",
            Inherits::Everything => "everything",
        }
    }
}

/// A kind of unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `.service`
    Service,
    /// `.socket`
    Socket,
    /// `.timer`
    Timer,
}

impl Kind {
    /// The suffix of its name.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Kind::Service => "service",
            Kind::Socket => "socket",
            Kind::Timer => "timer",
        }
    }

    /// The section of its own directives.
    #[must_use]
    pub fn section(self) -> &'static str {
        match self {
            Kind::Service => "Service",
            Kind::Socket => "Socket",
            Kind::Timer => "Timer",
        }
    }
}

/// All units, in the order in which they start.
#[must_use]
pub fn all() -> Vec<Unit> {
    [
        service::secrets(),
        service::database(),
        service::migrate_database(),
        socket::socket(),
        service::server(),
        service::users(),
        service::doctor(),
        service::doctor_timer(),
    ]
    .into_iter()
    .chain(migration::all())
    .collect()
}

/// Lines for systemd-tmpfiles (tmpfiles.d(5)).
#[must_use]
pub fn tmpfiles() -> Vec<Item> {
    let migrating = || enabled("migration.enable");
    let mut lines = vec![
        item(template(
            "d {secrets.directory} 0711 matrix-authentication-service matrix-authentication-service -",
        )),
        item(template("d {migration.directory} 0711 root root -")).when(migrating()),
    ];
    // What Synapse and the proxy read has to be there, even if nothing is in it yet.
    for switch in cutover_files::switches() {
        let rest = format!(" 0644 root root -{}", switch.nothing);
        let file = Term::Text(vec!["f ".into(), switch.file, rest.as_str().into()]);
        lines.push(item(file).when(crate::expr::all([migrating(), switch.when])));
    }
    lines
}

/// What keeps a unit of MAS down until the cutover.
fn after_cutover() -> Entry {
    entry(
        "ConditionFileNotEmpty",
        vec![item(template("{migration.directory}/synapse.yaml"))],
    )
    .when(enabled("migration.enable"))
}

/// `[Unit]` directives that every unit has.
fn described(description: &'static str, others: Vec<Entry>) -> Vec<Entry> {
    let mut entries = vec![
        entry("Description", description),
        entry(
            "Documentation",
            "https://element-hq.github.io/matrix-authentication-service/",
        ),
    ];
    entries.extend(others);
    entries
}
