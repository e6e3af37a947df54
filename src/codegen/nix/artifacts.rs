//! Everything that NixOS computes from the module's options: default settings, units, the service's
//! manifest, Synapse's settings, and routes.

use super::{expr::NixScope, header};
use crate::{
    deploy::{
        cutover_files, defaults,
        etc_files::{self, Content},
        manifests,
        routes::{self, Site},
        synapse_overlay,
        units::{self, Inherits, Sandbox, Unit, UnitKind},
    },
    expr::{Entry, Item, Term, entry},
};

/// The generated files, as pairs of path and content.
pub fn files() -> Vec<(String, String)> {
    let synapse: Term = vec![
        entry("section", synapse_overlay::section()),
        entry("features", synapse_overlay::features()),
        entry("matrixRtc", synapse_overlay::matrix_rtc())
            .when(synapse_overlay::announces_transports()),
        entry("overlayFile", cutover_files::overlay().file),
    ]
    .into();
    [
        ("defaults", "src/deploy/defaults.rs", defaults::section()),
        ("etc-files", "src/deploy/etc_files.rs", etc_files()),
        ("routes", "src/deploy/routes.rs", routes()),
        ("synapse", "src/deploy/synapse_overlay.rs", synapse),
        ("tools", "src/deploy/manifests.rs", tools()),
        ("units", "src/deploy/units", units()),
    ]
    .map(|(name, origin, term)| (format!("{name}.nix"), file(origin, &term)))
    .into()
}

fn file(origin: &str, term: &Term) -> String {
    let body = NixScope::module().expression(term);
    let mut arguments = vec!["lib", "cfg"];
    arguments.extend(body.contains("older ").then_some("older"));
    let matches = if body.contains("matches formats.") {
        "let inherit (import ../formats.nix) formats matches; in "
    } else {
        ""
    };
    format!(
        "{}{{ {}, ... }}: {matches}{body}",
        header(origin),
        arguments.join(", ")
    )
}

/// The files below `/etc`. The content of each is `yaml`, a value to print, or `text`.
fn etc_files() -> Term {
    let files = etc_files::etc_files().into_iter();
    let entries = files.map(|file| {
        let content = match file.content {
            Content::Yaml(value) => entry("yaml", value),
            Content::Lines(items) => entry("text", lines(items)),
        };
        Entry {
            name: file.name,
            when: file.when,
            value: vec![content].into(),
        }
    });
    Term::Section(entries.collect())
}

fn lines(items: Vec<Item>) -> Term {
    Term::Lines(Box::new(items.into()))
}

fn tools() -> Term {
    let tools = manifests::tools().into_iter();
    Term::Section(tools.map(|tool| entry(tool.name, tool.script())).collect())
}

fn routes() -> Term {
    let sites = |print: fn(&Site) -> Vec<Item>| {
        let sites = routes::sites().into_iter();
        let sites = sites.map(|site| {
            let text = lines(print(&site));
            let value = vec![entry("host", site.host), entry("text", text)];
            entry(site.name, value).when(site.when)
        });
        Term::Section(sites.collect())
    };
    vec![
        entry("nginx", sites(|site| routes::nginx(&site.locations))),
        entry("nginxHttp", lines(routes::nginx_http())),
        entry("caddy", sites(routes::caddy)),
    ]
    .into()
}

fn units() -> Term {
    let of = |kind: UnitKind| {
        let units = units::all()
            .into_iter()
            .filter(move |unit| unit.kind == kind);
        let entries = units.map(|unit| Entry {
            name: unit.name,
            when: unit.when.clone(),
            value: declaration(unit).into(),
        });
        Term::Section(entries.collect())
    };
    let sandboxes = Sandbox::ALL.iter();
    let sandboxes = sandboxes.map(|part| entry(part.name(), part.directives()));
    vec![
        entry("sandboxes", Term::Section(sandboxes.collect())),
        entry("services", of(UnitKind::Service)),
        entry("sockets", of(UnitKind::Socket)),
        entry("timers", of(UnitKind::Timer)),
        entry("tmpfiles", units::tmpfiles()),
    ]
    .into()
}

/// A unit with NixOS's names for its directives.
fn declaration(unit: Unit) -> Vec<Entry> {
    let (mut entries, mut other) = (Vec::new(), Vec::new());
    for directive in unit.unit {
        match nixos_name(directive.name) {
            Some(name) => entries.push(Entry { name, ..directive }),
            None => other.push(directive),
        }
    }
    if !other.is_empty() {
        entries.push(entry("unitConfig", other));
    }
    let mut own = Vec::new();
    for directive in unit.body {
        if directive.name == "ListenStream" {
            entries.push(Entry {
                name: "listenStreams",
                ..directive
            });
        } else {
            own.push(directive);
        }
    }
    if !unit.sandbox.is_empty() {
        let names: Vec<&str> = unit.sandbox.iter().map(|part| part.name()).collect();
        entries.push(entry("sandbox", crate::expr::texts(&names)));
    }
    if unit.inherits != Inherits::Nothing {
        entries.push(entry("inherits", unit.inherits.name()));
    }
    let config = match unit.kind {
        UnitKind::Service => "serviceConfig",
        UnitKind::Socket => "socketConfig",
        UnitKind::Timer => "timerConfig",
    };
    entries.push(entry(config, own));
    if !unit.wanted_by.is_empty() {
        entries.push(entry("wantedBy", crate::expr::texts(&unit.wanted_by)));
    }
    entries
}

/// The NixOS option for a directive of `[Unit]`, if there is one.
fn nixos_name(directive: &str) -> Option<&'static str> {
    Some(match directive {
        "After" => "after",
        "Before" => "before",
        "Description" => "description",
        "Requires" => "requires",
        "Wants" => "wants",
        _ => return None,
    })
}
