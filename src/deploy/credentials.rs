//! Makes files that options name readable for the service.
//!
//! A file outside of the service's own directories becomes a systemd credential. If MAS would take a
//! final newline as part of the secret, the service gets a copy without it. Both directories are known
//! only when the service starts. Until then, paths contain `${CREDENTIALS_DIRECTORY}` and
//! `${RUNTIME_DIRECTORY}`.
//!
//! `modules/files.nix` does the same for settings on NixOS; `tests/module/render.rs` checks that the two
//! agree.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    config::tree::{Node, steps},
    deploy::manifests::{CopyKind, FileCopy},
};

/// An option that names a file or a directory.
#[derive(Clone, Debug)]
pub struct FileOption {
    /// The path of the option, with `[]` for list entries.
    pub path: String,
    /// How MAS reads the file.
    pub kind: FileKind,
}

/// How MAS reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// MAS ignores white space around the content.
    Trimmed,
    /// MAS uses a trailing newline as part of the content.
    Raw,
    /// MAS reads every file in this directory.
    Directory,
}

impl FileKind {
    /// The name in the generated Nix files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FileKind::Trimmed => "trimmed",
            FileKind::Raw => "raw",
            FileKind::Directory => "directory",
        }
    }
}

/// All options that name files.
#[must_use]
pub fn options(settings: &Node) -> Vec<FileOption> {
    let nodes = settings.descendants().into_iter();
    let files = nodes.filter_map(|(path, node)| {
        let kind = match (node.directory, &node.file_of, node.read_raw) {
            (true, _, _) => FileKind::Directory,
            (false, None, _) => return None,
            (false, Some(_), true) => FileKind::Raw,
            (false, Some(_), false) => FileKind::Trimmed,
        };
        Some(FileOption { path, kind })
    });
    files.collect()
}

/// Settings with the paths that the service sees, and how the files get there.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// The settings with the new paths.
    pub settings: Value,
    /// The credentials to load: the source file of each, by name.
    pub credentials: BTreeMap<String, String>,
    /// The copies that the service makes when it starts.
    pub copies: Vec<FileCopy>,
}

/// Directories that the service can read directly.
const OWN: &[&str] = &[
    "/var/lib/matrix-authentication-service/",
    "/run/matrix-authentication-service/",
];

/// Prefixes of credential paths: MAS's own unit has a fixed directory, the others use the variable.
const CREDENTIALS: &[&str] = &["${CREDENTIALS_DIRECTORY}/", "/run/credentials/"];

/// Whether the service can read the path directly or as a credential that it already has.
#[must_use]
pub fn is_own(path: &str) -> bool {
    let prefixes = OWN.iter().chain(CREDENTIALS);
    prefixes.clone().any(|own| path.starts_with(own))
}

/// The name of the credential at a path: `b` for `${CREDENTIALS_DIRECTORY}/b` and for
/// `/run/credentials/a.service/b`.
#[must_use]
pub fn credential(path: &str) -> Option<&str> {
    let mut steps = path.split('/');
    match steps.next()? {
        "${CREDENTIALS_DIRECTORY}" => steps.next(),
        _ if is_credential(path) => steps.nth(3),
        _ => None,
    }
}

/// Rewrites `$CREDENTIALS_DIRECTORY/` to `${CREDENTIALS_DIRECTORY}/`: only this form is expanded by
/// systemd within a word.
#[must_use]
pub fn with_braces(path: &str) -> String {
    path.replace("$CREDENTIALS_DIRECTORY/", "${CREDENTIALS_DIRECTORY}/")
}

fn is_credential(path: &str) -> bool {
    CREDENTIALS.iter().any(|own| path.starts_with(own))
}

/// Decides how the service gets each file that the settings name.
#[must_use]
pub fn place(options: &[FileOption], settings: &Value) -> Placed {
    let mut placed = Placed {
        settings: settings.clone(),
        ..Placed::default()
    };
    let mut settings = settings.clone();
    for option in options {
        let steps: Vec<&str> = steps(&option.path).collect();
        walk(&mut settings, &steps, "", &mut |name, value| {
            let Some(path) = value.as_str().map(str::to_owned) else {
                return;
            };
            let path = with_braces(&path);
            let foreign =
                path.starts_with('/') && !is_own(&path) && !path.starts_with("/nix/store/");
            let is_credential = foreign || is_credential(&path);
            let source = if foreign {
                placed.credentials.insert(name.to_owned(), path);
                format!("${{CREDENTIALS_DIRECTORY}}/{name}")
            } else {
                path
            };
            let copied = match option.kind {
                FileKind::Raw => Some(CopyKind::Raw),
                FileKind::Directory if is_credential => Some(CopyKind::Directory),
                FileKind::Directory | FileKind::Trimmed => None,
            };
            *value = match copied {
                Some(kind) => {
                    let target = format!("${{RUNTIME_DIRECTORY}}/{name}");
                    placed.copies.push(FileCopy {
                        kind,
                        source,
                        target: target.clone(),
                    });
                    target.into()
                }
                None => source.into(),
            };
        });
    }
    placed.settings = settings;
    placed
}

/// Calls `visit` for every value of an option, with its path. List indices are steps of the path.
fn walk(value: &mut Value, steps: &[&str], at: &str, visit: &mut impl FnMut(&str, &mut Value)) {
    let join = |step: &str| {
        if at.is_empty() {
            step.to_owned()
        } else {
            format!("{at}.{step}")
        }
    };
    match (steps, value) {
        ([], value) => visit(at, value),
        (["[]", rest @ ..], Value::Array(items)) => {
            for (i, item) in items.iter_mut().enumerate() {
                walk(item, rest, &join(&i.to_string()), visit);
            }
        }
        ([step, rest @ ..], Value::Object(entries)) => {
            if let Some(value) = entries.get_mut(*step) {
                walk(value, rest, &join(step), visit);
            }
        }
        _ => {}
    }
}
