//! What a report must not show: secrets, never; and names of users, unless they are wanted.

use std::sync::LazyLock;

use regex::Regex;

use crate::migrate::{
    MigrateError,
    preflight::{catalogue, finding::FindingKind},
};

/// Findings with samples about this host, its configurations and its programs. The samples of all others
/// are about users.
const ABOUT_THE_HOST: &[FindingKind] = &[
    catalogue::BRIDGE_UNREADABLE,
    catalogue::CONNECTED_FROM_ELSEWHERE,
    catalogue::CONNECTIONS,
    catalogue::CONNECTION_LIMIT,
    catalogue::DISK_SPACE,
    catalogue::DISK_SPACE_OF_POSTGRESQL,
    catalogue::EMPTY_SECTION,
    catalogue::ENCRYPTED_BRIDGE,
    catalogue::EXTERNAL_LOGIN,
    catalogue::IMPORT_INTERRUPTED,
    catalogue::IMPORT_RUNNING,
    catalogue::LOGIN_NOT_ANSWERED,
    catalogue::MAS_CHECK_FAILED,
    catalogue::MAS_CHECK_LEFT_OUT,
    catalogue::MAS_CLI,
    catalogue::MAS_CONFIG,
    catalogue::MAS_INCONSISTENT,
    catalogue::MAS_IN_USE,
    catalogue::MAS_NOT_EMPTY,
    catalogue::MAS_PRIVILEGES,
    catalogue::MAS_READ_ONLY,
    catalogue::MAS_ROLLBACK_PRIVILEGES,
    catalogue::MAS_UNREACHABLE,
    catalogue::MAS_VERSION,
    catalogue::MODULES,
    catalogue::NO_COPY,
    catalogue::OPEN_TRANSACTION,
    catalogue::OVERLAY_NOT_READ,
    catalogue::PASSWORD_SCHEME_TWICE,
    catalogue::PEPPER,
    catalogue::PGBOUNCER,
    catalogue::PG_DUMP_TOO_OLD,
    catalogue::PG_RESTORE_NEWER,
    catalogue::PG_RESTORE_TOO_OLD,
    catalogue::POSTGRESQL_PROGRAMS,
    catalogue::PRIVILEGES,
    catalogue::PROCESS_NOT_NAMED,
    catalogue::PROCESS_UNKNOWN,
    catalogue::PROVIDER_CLAIMED_TWICE,
    catalogue::PROVIDER_DISABLED,
    catalogue::PROVIDER_DISABLED_LATER,
    catalogue::PROVIDER_NOT_IN_MAS,
    catalogue::PROVIDER_NOT_IN_SYNAPSE,
    catalogue::REPLICA,
    catalogue::ROLLBACK_PRIVILEGES,
    catalogue::SERVER_NAME,
    catalogue::SYNAPSE_TOO_OLD,
    catalogue::SYNAPSE_VERSION,
    catalogue::UNIT_MISSING,
    catalogue::VACUUM,
];

/// What is put in the place of a secret.
const SECRET: &str = "(secret)";

/// Tokens of Synapse and MAS, password hashes, macaroons, and passwords in URLs. Each has the part that
/// stays as its first group.
static SECRETS: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    [
        r"\b((?:syt|syr|syl|mat|mar|mct|mcr|mpt|mua|mxt)_)[A-Za-z0-9_.~+/=-]+",
        r"(\$(?:2[abxy]|argon2[a-z]*|pbkdf2[a-z0-9-]*)\$)[^\s,;)]+",
        r"()\bMDA[A-Za-z0-9_-]{20,}",
        r"(://[^/\s:@]*:)\S+@",
    ]
    .map(|pattern| Regex::new(pattern).expect("a valid pattern"))
});

static USER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"@[^\s:@]*:[^\s,;)'`]+").expect("a valid pattern"));

/// Removes from texts what the report must not show.
#[derive(Clone, Debug)]
pub struct Privacy {
    names: bool,
    own_user: Option<Regex>,
}

impl Privacy {
    /// With `names`, users may be named.
    pub fn new(names: bool, server_name: &str) -> Self {
        // A localpart may have any characters.
        let pattern = format!("@[^@\n]*?:{}", regex::escape(server_name));
        Privacy {
            names,
            own_user: Regex::new(&pattern).ok(),
        }
    }

    /// Whether users may be named.
    pub fn names(&self) -> bool {
        self.names
    }

    /// Whether the samples of a finding may be shown.
    pub fn shows(&self, kind: &FindingKind) -> bool {
        self.names || ABOUT_THE_HOST.iter().any(|host| host.id == kind.id)
    }

    /// A text without secrets, and without what programs have printed, which may have any of them.
    pub fn text(&self, text: &str) -> String {
        let mut text = without_output(text);
        for secret in &*SECRETS {
            let end = if secret.as_str().ends_with('@') {
                "@"
            } else {
                ""
            };
            let shown = format!("${{1}}{SECRET}{end}");
            text = secret.replace_all(&text, shown).into_owned();
        }
        if !self.names {
            let users = self.own_user.iter().chain([&*USER]);
            for user in users {
                text = user.replace_all(&text, "(a user)").into_owned();
            }
        }
        text
    }

    /// An error with its causes.
    pub fn error(&self, error: &MigrateError) -> String {
        match error {
            MigrateError::Logout { refused, all, .. } if !self.names => {
                format!("Synapse did not log {refused} of {all} devices out")
            }
            MigrateError::Command {
                command, status, ..
            } => self.text(&format!(
                "{command}: {status}. The terminal or the log has its output"
            )),
            error => self.text(&error.with_causes()),
        }
    }
}

/// The first line, and what to do, if that follows. Between them is the output of a program.
fn without_output(text: &str) -> String {
    const TO_DO: &str = ". Correct that";
    let Some((first, rest)) = text.trim_end().split_once('\n') else {
        return text.to_owned();
    };
    match rest.rfind(TO_DO) {
        Some(at) => format!("{first} …{}", &rest[at..]),
        None => format!("{first} …"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn privacy(names: bool) -> Privacy {
        Privacy::new(names, "example.com")
    }

    #[test]
    fn secrets_are_never_shown() {
        for (text, shown) in [
            ("a syt_YWxpY2U_abc-d_1a2b3c.", "a syt_(secret)"),
            ("`mat_0123456789_ab`", "`mat_(secret)`"),
            ("(a, $2b$12$aaaaaaaaaaaaaaaa/.a, b)", "(a, $2b$(secret), b)"),
            ("$argon2id$v=19$m=1$c2FsdA$aGFzaA", "$argon2id$(secret)"),
            (
                "token MDAyMWxvY2F0aW9uIGV4YW1wbGUuY29tCjAw is",
                "token (secret) is",
            ),
            (
                "postgresql://mas:p%40ss/w@db/mas: refused",
                "postgresql://mas:(secret)@db/mas: refused",
            ),
            (
                "postgresql://mas@db:5432/mas",
                "postgresql://mas@db:5432/mas",
            ),
        ] {
            assert_eq!(privacy(true).text(text), shown);
        }
    }

    #[test]
    fn users_are_named_only_if_that_is_wanted() {
        let text = "the user @a b<c:example.com, and @x:other.org: gone";
        assert_eq!(privacy(true).text(text), text);
        assert_eq!(
            privacy(false).text(text),
            "the user (a user), and (a user) gone"
        );
        let error = MigrateError::Logout {
            refused: 1,
            all: 2,
            first: "alice PHONE (refused)".to_owned(),
        };
        assert!(privacy(true).error(&error).contains("alice"));
        assert!(!privacy(false).error(&error).contains("alice"));
        assert!(privacy(false).shows(&catalogue::MODULES));
        assert!(!privacy(false).shows(&catalogue::GUESTS));
        assert!(privacy(true).shows(&catalogue::GUESTS));
    }

    #[test]
    fn the_output_of_programs_is_left_out() {
        let text = "start: exit status: 1\nDETAIL: (alice, hunter2). Correct that, then go on";
        let shown = "start: exit status: 1 …. Correct that, then go on";
        assert_eq!(privacy(true).text(text), shown);
        assert_eq!(privacy(true).text("a\nhunter2\n"), "a …");
    }
}
