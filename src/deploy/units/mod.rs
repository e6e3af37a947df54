//! The systemd units that run MAS, as typed values over the module's options.
//!
//! [`crate::codegen::nix`] prints them for NixOS, [`crate::codegen::host_files`] writes unit files.

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

/// The name of the service, its user and group, and its PostgreSQL role and database.
pub const NAME: &str = "matrix-authentication-service";

/// The directory with the configuration of MAS's own unit, while that unit runs.
pub const RUNTIME_DIRECTORY: &str = "/run/matrix-authentication-service";

/// The directory with the generated configuration.
pub const ETC: &str = "/etc/matrix-authentication-service";

/// A systemd unit. Directives have their names from systemd.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The name without its suffix.
    pub name: &'static str,
    /// The type of the unit.
    pub kind: UnitKind,
    /// The condition for having this unit; always present without one.
    pub when: Option<Expr>,
    /// Directives of the section `[Unit]`, such as `After=`.
    pub unit: Vec<Entry>,
    /// The sandboxing that it shares with other services.
    pub sandbox: Vec<Sandbox>,
    /// The drop-in settings for MAS's own unit that also apply to this one.
    pub inherits: Inherits,
    /// The other directives of `[Service]`, `[Socket]` or `[Timer]`.
    pub body: Vec<Entry>,
    /// The units that start this one: `WantedBy=` in `[Install]`.
    pub wanted_by: Vec<&'static str>,
}

impl Unit {
    /// The file name, such as `matrix-authentication-service.socket`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.kind.suffix())
    }
}

/// Which settings a unit copies from those that an administrator adds to MAS's own unit.
///
/// On NixOS the module sees these additions. Elsewhere, the administrator must repeat the drop-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherits {
    /// None, as for MAS's own unit.
    Nothing,
    /// The units in `After=`, `Wants=` and `Requires=`.
    Order,
    /// The same units, and the user, groups, environment and credentials.
    Everything,
}

impl Inherits {
    /// The name in the generated Nix files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Inherits::Nothing => "nothing",
            Inherits::Order => "order",
            Inherits::Everything => "everything",
        }
    }
}

/// The type of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitKind {
    /// A program: `NAME.service`.
    Service,
    /// A socket that starts MAS: `NAME.socket`.
    Socket,
    /// A schedule: `NAME.timer`.
    Timer,
}

impl UnitKind {
    /// The suffix of the file name, without the dot.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            UnitKind::Service => "service",
            UnitKind::Socket => "socket",
            UnitKind::Timer => "timer",
        }
    }

    /// The section for directives of this type.
    #[must_use]
    pub fn section(self) -> &'static str {
        match self {
            UnitKind::Service => "Service",
            UnitKind::Socket => "Socket",
            UnitKind::Timer => "Timer",
        }
    }
}

/// All units, in start order.
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

/// Lines of tmpfiles.d(5): the directories of secrets and of the migration, and the cutover files.
#[must_use]
pub fn tmpfiles() -> Vec<Item> {
    let migrating = || enabled("migration.enable");
    let mut lines = vec![
        item(template(
            "d {secrets.directory} 0711 matrix-authentication-service matrix-authentication-service -",
        )),
        item(template("d {migration.directory} 0711 root root -")).when(migrating()),
    ];
    // Synapse and the proxy fail if a file they include is missing, so it exists even while empty.
    for cutover_file in cutover_files::all() {
        let rest = format!(" 0644 root root -{}", cutover_file.nothing);
        let file = Term::Text(vec!["f ".into(), cutover_file.file, rest.as_str().into()]);
        lines.push(item(file).when(crate::expr::all([migrating(), cutover_file.when])));
    }
    lines
}

/// A condition that keeps a unit from starting before the cutover.
fn after_cutover() -> Entry {
    entry(
        "ConditionFileNotEmpty",
        vec![item(template("{migration.directory}/synapse.yaml"))],
    )
    .when(enabled("migration.enable"))
}

/// The `[Unit]` directives that every unit has, and `others`.
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
