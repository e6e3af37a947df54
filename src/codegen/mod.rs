//! Compiles the schema and the rules to the files that Nix evaluates and users read.

pub mod docs;
pub mod host_files;
pub mod json_schema;
pub mod nix;
mod package_files;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use similar::TextDiff;

pub use self::package_files::package_files;
use crate::{
    config::tree::{self, Node},
    rules::Rule,
    util::atomic_write,
};

/// The directory of the generated Nix files. Any other file in it is removed.
pub const GENERATED: &str = "modules/generated";

/// A generated file: one of the repository, or one of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its path, relative to the root of the repository or of the host's file system.
    pub path: PathBuf,
    /// The text of the whole file.
    pub content: String,
}

/// A file that differs from its generated version.
#[derive(Clone, Debug)]
pub struct Stale {
    /// Its path, relative to the root of the repository.
    pub path: PathBuf,
    /// The change that would update it, as a unified diff.
    pub diff: String,
}

/// Why a file could not be generated or written.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A generated file is not valid Nix, which is a bug.
    #[error("{path}: the generated file is not valid Nix: {reason}")]
    InvalidNix {
        /// The path of the generated file.
        path: PathBuf,
        /// The message of the parser or formatter.
        reason: String,
    },
    /// A template failed, which is a bug.
    #[error("a documentation template failed")]
    Template(#[from] minijinja::Error),
    /// A file cannot be read, written or removed.
    #[error("cannot {action} {path}")]
    Io {
        /// A verb, for example `read`.
        action: &'static str,
        /// The path of the file.
        path: PathBuf,
        /// The error from the operating system.
        source: io::Error,
    },
}

impl CompileError {
    /// For `map_err`: constructs [`CompileError::Io`] from a verb, for example `read`, and a path.
    fn io(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| CompileError::Io {
            action,
            path: path.clone(),
            source,
        }
    }
}

/// All generated files.
///
/// # Errors
///
/// Only in case of a bug in the compiler: see [`CompileError`].
pub fn artifacts(settings: &Node, rules: &[Rule]) -> Result<Vec<Artifact>, CompileError> {
    let mut artifacts = Vec::new();
    for (path, source) in nix::generated(settings, rules) {
        let path = Path::new(GENERATED).join(path);
        let content = format_nix(&path, &source)?;
        artifacts.push(Artifact { path, content });
    }
    artifacts.push(Artifact {
        path: "docs/options.md".into(),
        content: docs::options(settings)?,
    });
    artifacts.push(Artifact {
        path: "docs/module-options.md".into(),
        content: docs::module(&tree::module())?,
    });
    artifacts.push(Artifact {
        path: "docs/config.schema.json".into(),
        content: json_schema::text(&json_schema::config(settings, rules)),
    });
    let module = json_schema::render(&tree::module(), rules, &crate::rules::module());
    artifacts.push(Artifact {
        path: "docs/render.schema.json".into(),
        content: json_schema::text(&module),
    });
    Ok(artifacts)
}

/// A JSON value as formatted Nix.
///
/// # Errors
///
/// Only in case of a bug in the compiler.
pub fn nix_value(value: &serde_json::Value) -> Result<String, CompileError> {
    format_nix(Path::new("value.nix"), &nix::value(value))
}

/// Formats a Nix file, after checking that it parses.
fn format_nix(path: &Path, source: &str) -> Result<String, CompileError> {
    let invalid = |reason: String| CompileError::InvalidNix {
        path: path.to_owned(),
        reason,
    };
    let parsed = rnix::Root::parse(source);
    if let Some(error) = parsed.errors().first() {
        return Err(invalid(error.to_string()));
    }
    nixfmt_rs::format(source)
        .map_err(|error| invalid(nixfmt_rs::format_error(source, None, &error)))
}

/// Whether generated files belong below `out`: it is this project, or a copy of the generated files. If `new`,
/// it may also be empty or missing.
///
/// # Errors
///
/// If the directory or a file in it cannot be read.
pub fn may_write(out: &Path, new: bool) -> Result<bool, CompileError> {
    let manifest = read(&out.join("Cargo.toml"))?.unwrap_or_default();
    let generated = read(&out.join(GENERATED).join("module.nix"))?.unwrap_or_default();
    if manifest.lines().any(|line| line == "name = \"mas2nix\"")
        || generated.starts_with("# Written by `mas2nix compile`")
    {
        return Ok(true);
    }
    match fs::read_dir(out) {
        Ok(mut entries) => Ok(new && entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(new),
        Err(error) => Err(CompileError::io("read", out)(error)),
    }
}

/// Writes all artifacts below `out`, each atomically, and removes other files from [`GENERATED`]. Returns
/// the paths of the changed files.
///
/// # Errors
///
/// If a file cannot be read, written or removed.
pub fn write(out: &Path, artifacts: &[Artifact]) -> Result<Vec<PathBuf>, CompileError> {
    let mut changed = Vec::new();
    for stale in stale(out, artifacts)? {
        let path = out.join(&stale.path);
        let found = artifacts
            .iter()
            .find(|artifact| artifact.path == stale.path);
        match found {
            Some(artifact) => atomic_write::replace(&path, &artifact.content, 0o644)
                .map_err(CompileError::io("write", &path))?,
            None => fs::remove_file(&path).map_err(CompileError::io("remove", &path))?,
        }
        tracing::debug!(file = %path.display(), "replaced");
        changed.push(stale.path);
    }
    Ok(changed)
}

/// Writes all artifacts below `out`, each atomically, and leaves other files alone. Returns the paths of the
/// changed files.
///
/// # Errors
///
/// If a file cannot be read, in which case nothing was written, or cannot be written.
pub fn write_all(out: &Path, artifacts: &[Artifact]) -> Result<Vec<PathBuf>, CompileError> {
    let changed = changed(out, artifacts)?;
    for artifact in &changed {
        write_one(out, artifact)?;
    }
    Ok(changed.iter().map(|it| it.path.clone()).collect())
}

/// The artifacts that [`write_one`] would change below `out`.
///
/// # Errors
///
/// If a file that is in the place of an artifact cannot be read, or is a directory.
pub fn changed<'a>(
    out: &Path,
    artifacts: &'a [Artifact],
) -> Result<Vec<&'a Artifact>, CompileError> {
    let mut changed = Vec::new();
    for artifact in artifacts {
        if read(&out.join(&artifact.path))?.as_ref() != Some(&artifact.content) {
            changed.push(artifact);
        }
    }
    Ok(changed)
}

/// Writes an artifact below `out`, atomically. A file below `bin` is executable.
///
/// # Errors
///
/// If it cannot be written.
pub fn write_one(out: &Path, artifact: &Artifact) -> Result<(), CompileError> {
    let path = out.join(&artifact.path);
    let program = path.parent().is_some_and(|parent| parent.ends_with("bin"));
    let mode = if program { 0o755 } else { 0o644 };
    atomic_write::replace(&path, &artifact.content, mode).map_err(CompileError::io("write", &path))
}

/// The files below `out` that differ from the artifacts: changed, missing, or no longer generated.
///
/// # Errors
///
/// If a file cannot be read.
pub fn stale(out: &Path, artifacts: &[Artifact]) -> Result<Vec<Stale>, CompileError> {
    let mut stale = Vec::new();
    for artifact in artifacts {
        let old = read(&out.join(&artifact.path))?.unwrap_or_default();
        if old != artifact.content {
            stale.push(difference(&artifact.path, &old, &artifact.content));
        }
    }
    let known: BTreeSet<&Path> = artifacts.iter().map(|a| a.path.as_path()).collect();
    for path in present(out, Path::new(GENERATED))? {
        if !known.contains(path.as_path()) {
            let old = read(&out.join(&path))?.unwrap_or_default();
            stale.push(difference(&path, &old, ""));
        }
    }
    Ok(stale)
}

fn difference(path: &Path, old: &str, new: &str) -> Stale {
    let name = path.display().to_string();
    let diff = TextDiff::from_lines(old, new);
    Stale {
        path: path.to_owned(),
        diff: diff.unified_diff().header(&name, &name).to_string(),
    }
}

fn read(path: &Path) -> Result<Option<String>, CompileError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CompileError::io("read", path)(error)),
    }
}

/// All files below a directory, with paths relative to `root`.
fn present(root: &Path, directory: &Path) -> Result<Vec<PathBuf>, CompileError> {
    let failed = &CompileError::io("read", &root.join(directory));
    let mut files = Vec::new();
    let entries = match fs::read_dir(root.join(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let path = directory.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            files.extend(present(root, &path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
