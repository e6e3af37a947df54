//! The error type of migrations: one variant for each cause.
//!
//! The text of a variant does not repeat that of its source. [`MigrateError::with_causes`] gives both, and
//! is what people and the journal get to see.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use crate::{
    config::load::LoadError,
    service::ServiceError,
    util::{error_text, secret::SecretError},
};

/// An error of another library.
type Source = Box<dyn Error + Send + Sync>;

/// An error of a migration.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// An option of the command line is missing, or does not fit.
    #[error("{problem}: {fix}")]
    Usage {
        /// What is missing or wrong, for example `no MAS configuration`.
        problem: &'static str,
        /// What to do about it, for example ``pass `--mas-config FILE` ``.
        fix: &'static str,
    },
    /// A value on the command line, in a configuration or in the journal cannot be used.
    #[error("{place}: {reason}")]
    Setting {
        /// Where it comes from, for example `--mas-database-uri`.
        place: String,
        /// What is wrong, and what to do about it. Without the value if that may hold a secret.
        reason: String,
    },
    /// The time of the cutover cannot be parsed.
    #[error("{text:?} is not a time such as 2026-01-31T12:00:00Z")]
    Time {
        /// The text.
        text: String,
        /// The error of the parser.
        source: humantime::TimestampError,
    },
    /// A file cannot be read that the command line or a configuration names.
    #[error("{place}: cannot read {path}")]
    SettingFile {
        /// What names it, for example `--synapse-database-uri`.
        place: String,
        /// The path of the file.
        path: PathBuf,
        /// The error from the operating system.
        source: io::Error,
    },
    /// SIGINT, as from Ctrl-C, or SIGTERM, as from systemd.
    #[error("interrupted")]
    Interrupted,
    /// The administrator has run `syn2mas cancel`.
    #[error("cancelled")]
    Cancelled,
    /// Signals cannot be received.
    #[error("cannot listen to signals")]
    Signals(#[source] io::Error),
    /// Something took too long.
    #[error("{what}: no answer within {} s", .limit.as_secs())]
    Timeout {
        /// What did not answer, for example `mas-cli doctor`.
        what: &'static str,
        /// How long it had.
        limit: Duration,
    },
    /// A file or a directory cannot be read, written or the like.
    #[error("cannot {action} {path}")]
    Io {
        /// A verb, for example `read`.
        action: &'static str,
        /// The path of the file or the directory.
        path: PathBuf,
        /// The error from the operating system.
        source: io::Error,
    },
    /// A file does not have the form that it must have.
    #[error("{path} is not {expected}")]
    Form {
        /// The path of the file.
        path: PathBuf,
        /// The form, for example `YAML`.
        expected: &'static str,
        /// The error of the parser.
        source: Source,
    },
    /// A value cannot be written as JSON, for a file.
    #[error("cannot put the content of {path} into JSON")]
    Serialize {
        /// The path of the file.
        path: PathBuf,
        /// The error of the serializer.
        source: Source,
    },
    /// The content of a file or of a directory is wrong.
    #[error("{path}: {reason}")]
    Content {
        /// The path.
        path: PathBuf,
        /// What is wrong, and where useful what to do about it.
        reason: String,
    },
    /// MAS's configuration cannot be loaded.
    #[error(transparent)]
    MasConfig(#[from] LoadError),
    /// MAS's configuration cannot be put together as `mas-service` does.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The copy of Synapse's tables, or what was imported from it, cannot follow Synapse's database.
    #[error("{problem}")]
    Copy {
        /// What is wrong, and where useful what to do about it.
        problem: String,
    },
    /// A database cannot be reached, or a query failed.
    #[error("{which}: {doing}")]
    Database {
        /// The database, for example `Synapse's database`.
        which: &'static str,
        /// What cannot be done, for example `cannot connect`.
        doing: String,
        /// The error of `SQLx`.
        source: sqlx::Error,
    },
    /// The certificate of a database server is not trusted.
    #[error(
        "{which}: the server's certificate is refused (pass the certificate of the authority that signed \
         it as `sslrootcert`, in MAS's configuration `ssl_ca_file`, and a host name that it is for)"
    )]
    Certificate {
        /// The database, for example `Synapse's database`.
        which: &'static str,
        /// The error of `SQLx`.
        source: sqlx::Error,
    },
    /// A database is behind a connection pooler.
    #[error(
        "{which} is behind PgBouncer or another pooler ({sign}), and the import needs PostgreSQL itself. \
         Pass the address of the server with `--synapse-database-uri` and `--mas-database-uri`"
    )]
    Pooled {
        /// The database, for example `Synapse's database`.
        which: &'static str,
        /// The sign of a pooler, for example its error text.
        sign: String,
    },
    /// Other clients are connected to a database.
    #[error("{which} is in use by {}. {fix}", .connections.join(", "))]
    InUse {
        /// The database, for example `Synapse's database`.
        which: &'static str,
        /// The other connections, for example `psql as synapse from 10.0.0.7`.
        connections: Vec<String>,
        /// What to do about it.
        fix: &'static str,
    },
    /// There is too little room on a disk.
    #[error("{meaning} {details}. {fix}")]
    Room {
        /// What needs more room than there is.
        meaning: &'static str,
        /// Where, how much is left, and how much is needed.
        details: String,
        /// What to do about it.
        fix: &'static str,
    },
    /// A program cannot be started, or its exit status cannot be had.
    #[error("cannot run {command}")]
    Spawn {
        /// The program and its arguments.
        command: String,
        /// The error from the operating system.
        source: io::Error,
    },
    /// A program failed.
    #[error("{command}: {status}{}{output}", if .output.is_empty() { "" } else { "\n" })]
    Command {
        /// The program and its arguments.
        command: String,
        /// The exit status, or the signal that ended it.
        status: ExitStatus,
        /// The end of its output.
        output: String,
    },
    /// A systemd unit does not do what it was asked to.
    #[error("{unit} {problem}. See `journalctl --unit={unit}`")]
    Unit {
        /// The name of the unit.
        unit: String,
        /// For example `does not stop`.
        problem: &'static str,
    },
    /// An HTTP request got no answer.
    #[error("{url} does not answer")]
    Http {
        /// The address.
        url: String,
        /// The error of the HTTP client.
        source: Source,
    },
    /// An HTTP request got another answer than it should.
    #[error("{url} answers with status {status}, and not with {expected}")]
    Answer {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it should have answered with, for example `the issuer`.
        expected: &'static str,
    },
    /// Some listeners of Synapse do not answer as they should.
    #[error("{}", .0.join("; "))]
    Listeners(
        /// What each answers, for example `http://127.0.0.1:8083/ (worker.service): …`.
        Vec<String>,
    ),
    /// A user of this host cannot be looked up, or acted as.
    #[error("cannot {action} the user {user}")]
    User {
        /// A verb, for example `look up`.
        action: &'static str,
        /// The name of the user.
        user: String,
        /// The error from the operating system.
        source: nix::Error,
    },
    /// There is no such user.
    #[error("there is no user {0} on this host")]
    NoUser(String),
    /// This process may not act as another user.
    #[error("only root may act as the user {0}. Put `sudo` before the command")]
    NotRoot(String),
    /// Another `syn2mas` has locked the journal.
    #[error("another syn2mas is running, and has locked {}. Wait until it is done", .0.display())]
    Locked(PathBuf),
    /// The comparison found rows that differ.
    #[error("{entity} did not arrive as they should. See {report}")]
    Differences {
        /// The name of the first entity that differs.
        entity: &'static str,
        /// The file with all rows that differ.
        report: PathBuf,
    },
    /// Digests differ, and no row does.
    #[error(
        "the digests of {0} differ between both databases, and no row does. This is a bug of syn2mas: do \
         not rely on this comparison"
    )]
    Digests(&'static str),
    /// The rehearsal found that the backup of MAS's database does not restore it.
    #[error(
        "a rollback would not work: MAS's database is {before}, and {after} once its backup is restored"
    )]
    Restore {
        /// The state of MAS's database.
        before: String,
        /// The state of the scratch database to which its backup was restored.
        after: String,
    },
    /// Synapse did not log out all devices that came through MAS.
    #[error(
        "Synapse did not log {refused} of {all} devices out, which their users can remove: first {first}"
    )]
    Logout {
        /// How many it did not log out.
        refused: usize,
        /// How many it should have.
        all: usize,
        /// One of them, with the reason.
        first: String,
    },
    /// A database is not the one that the migration in the journal is about.
    #[error("{which} is {now}, and the migration is about {then}: it is not touched")]
    OtherDatabase {
        /// The database, for example `MAS's database`.
        which: &'static str,
        /// The identity of the database that is named.
        now: String,
        /// The identity of the database in the journal.
        then: String,
    },
    /// The marker in MAS's database is not what the next step needs.
    #[error("{which}: {problem}")]
    Marker {
        /// The database, for example `MAS's database`.
        which: &'static str,
        /// What is wrong, and where useful what to do about it.
        problem: String,
    },
}

impl MigrateError {
    /// The error for a missing `--overlay`.
    #[must_use]
    pub fn no_overlay() -> Self {
        MigrateError::Usage {
            problem: "no overlay, the file that makes Synapse delegate",
            fix: "pass `--overlay FILE=SOURCE`",
        }
    }

    /// For `map_err`: constructs [`MigrateError::Io`] from a verb, for example `read`, and a path.
    pub fn io(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| MigrateError::Io {
            action,
            path: path.clone(),
            source,
        }
    }

    /// For `map_err`: constructs [`MigrateError::Form`] from a path and the form that the file must have.
    pub fn form<E: Into<Source>>(
        path: &Path,
        expected: &'static str,
    ) -> impl Fn(E) -> Self + use<E> {
        let path = path.to_owned();
        move |source| MigrateError::Form {
            path: path.clone(),
            expected,
            source: source.into(),
        }
    }

    /// For `map_err`: constructs [`MigrateError::Serialize`] from the path of the file that is written.
    pub fn json(path: &Path) -> impl FnOnce(serde_json::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| MigrateError::Serialize {
            path,
            source: source.into(),
        }
    }

    /// Constructs [`MigrateError::Content`].
    #[must_use]
    pub fn content(path: &Path, reason: impl Into<String>) -> Self {
        MigrateError::Content {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }

    /// Constructs [`MigrateError::Setting`].
    #[must_use]
    pub fn setting(place: &str, reason: impl Into<String>) -> Self {
        MigrateError::Setting {
            place: place.to_owned(),
            reason: reason.into(),
        }
    }

    /// The error with its causes, each once.
    #[must_use]
    pub fn with_causes(&self) -> String {
        error_text::with_causes(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_shown_once() {
        let cause = || io::Error::other("no luck");
        let path = Path::new("/a");
        let errors = [
            MigrateError::Signals(cause()),
            MigrateError::io("read", path)(cause()),
            MigrateError::form(path, "YAML")(cause()),
            MigrateError::from(LoadError::Unreadable {
                file: path.to_owned(),
                source: cause(),
            }),
            MigrateError::from(ServiceError::Executable(cause())),
            MigrateError::Database {
                which: "the database",
                doing: "cannot connect".to_owned(),
                source: sqlx::Error::Io(cause()),
            },
            MigrateError::Spawn {
                command: "mas-cli doctor".to_owned(),
                source: cause(),
            },
            MigrateError::Http {
                url: "http://localhost".to_owned(),
                source: ureq::Error::Io(cause()).into(),
            },
        ];
        for error in errors {
            let text = error.with_causes();
            assert_eq!(text.matches("no luck").count(), 1, "{text}");
            assert!(!error.to_string().contains("no luck"), "{error}");
        }
    }
}
