//! MAS's files below `/etc`: the NixOS module and `mas2nix render` write them from this list.

use crate::{
    deploy::{cutover_files, manifests, routes, synapse_overlay},
    expr::{Entry, Expr, Item, Term, all, enabled, known},
};

/// A file in the directory [`ETC`](super::units::ETC).
#[derive(Clone, Debug)]
pub struct EtcFile {
    /// The name of the file, such as `service.yaml`.
    pub name: &'static str,
    /// The text, as terms over the module's options.
    pub content: Content,
    /// The condition for having this file; always present without one.
    pub when: Option<Expr>,
}

/// The content of a file.
#[derive(Clone, Debug)]
pub enum Content {
    /// A value that is printed as a YAML document.
    Yaml(Term),
    /// Lines of text, each without its newline.
    Lines(Vec<Item>),
}

impl Content {
    fn yaml(entries: Vec<Entry>) -> Self {
        Content::Yaml(entries.into())
    }
}

impl EtcFile {
    fn new(name: &'static str, content: Content) -> Self {
        EtcFile {
            name,
            content,
            when: None,
        }
    }

    fn when(self, condition: Expr) -> Self {
        EtcFile {
            when: Some(condition),
            ..self
        }
    }
}

/// All files in that directory, whether they exist on every host or on some.
#[must_use]
pub fn etc_files() -> Vec<EtcFile> {
    let at_cutover = |cutover_file: cutover_files::CutoverFile, lines| {
        EtcFile::new(cutover_file.source, Content::Lines(lines))
            .when(all([enabled("migration.enable"), cutover_file.when]))
    };
    vec![
        EtcFile::new("config.yaml", Content::Yaml(known("computed.config"))),
        EtcFile::new("service.yaml", Content::yaml(manifests::section())),
        EtcFile::new("database.sql", Content::Lines(manifests::database_sql()))
            .when(enabled("createDatabase")),
        EtcFile::new(
            "database-password.sql",
            Content::Lines(manifests::database_password_sql()),
        )
        .when(enabled("computed.generate.database")),
        EtcFile::new("synapse.yaml", Content::yaml(synapse_overlay::overlay()))
            .when(enabled("synapse.enable")),
        EtcFile::new("syn2mas.yaml", Content::yaml(manifests::migration()))
            .when(synapse_overlay::on_this_host()),
        at_cutover(cutover_files::nginx(), routes::nginx_compat()),
        at_cutover(cutover_files::caddy(), routes::caddy_compat()),
    ]
}
