//! Whether this host, and the programs on it, are ready for a migration.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;
use semver::Version;
use serde_json::Value;
use sqlx::PgConnection;

use super::{
    MigrateError,
    database::Database,
    findings::{Finding, Severity},
    import::{MasCli, Said},
    inputs::Inputs,
    probe, program,
    services::Services,
    synapse,
};
use Severity::{Blocker, Note, Warning};

/// The first Synapse that knows `matrix_authentication_service`.
const OLDEST_SYNAPSE: Version = Version::new(1, 136, 0);
/// The first MAS to which it can delegate.
const OLDEST_MAS: Version = Version::new(1, 0, 0);

/// What is wrong with the versions of the programs.
pub async fn versions(inputs: &Inputs, config: &synapse::Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let url = inputs.synapse_url.clone().or_else(|| config.url());
    if let Some(url) = url {
        let running = probe::synapse_version(url.trim_end_matches('/')).await;
        findings.extend(
            running
                .filter(|version| older(version, &OLDEST_SYNAPSE))
                .map(|version| {
                    Finding::one(
                        "synapse-version",
                        Blocker,
                        &format!("Synapse {version} cannot delegate to MAS."),
                        "Update Synapse, to 1.136.0 at least.",
                    )
                }),
        );
    }
    let mut command = program::command(&inputs.mas_cli(), None);
    findings.extend(match program::output(command.arg("--version")).await {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            older(last_word(&said), &OLDEST_MAS).then(|| {
                Finding::one(
                    "mas-version",
                    Blocker,
                    &format!("{said} is too old: Synapse cannot delegate to it."),
                    "Update MAS, to 1.0.0 at least.",
                )
            })
        }
        Err(error) => Some(Finding::one(
            "mas-cli",
            Note,
            &format!("MAS's own program, which imports, cannot be asked for its version: {error}."),
            "Install MAS before you migrate, or name the program with `--mas-cli`.",
        )),
    });
    findings
}

/// The version in what `mas-cli --version` prints: `mas-cli v1.22.0`, without the `v` in nixpkgs.
fn last_word(said: &str) -> &str {
    said.rsplit(' ').next().unwrap_or_default()
}

fn older(version: &str, than: &Version) -> bool {
    let number = version.trim_start_matches('v');
    // What a distribution adds does not matter.
    let number = number.split([' ', '+', '-']).next().unwrap_or_default();
    Version::parse(number).is_ok_and(|version| version < *than)
}

/// Units that do not exist.
pub async fn units(inputs: &Inputs) -> Option<Finding> {
    let missing = Services::of(inputs).ok()?.missing().await.ok()?;
    (!missing.is_empty()).then(|| {
        Finding::one(
            "unit-missing",
            Blocker,
            "systemd does not know these units, so they cannot be stopped and started.",
            "Name them as `systemctl list-units` does.",
        )
        .about(missing)
    })
}

/// Whether there is room for the backups, and for what is imported, as far as that can be told.
///
/// # Errors
///
/// If the server does not tell how large the tables are, or where it keeps them.
pub async fn room(
    inputs: &Inputs,
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Vec<Finding>, MigrateError> {
    let size: i64 = sqlx::query_scalar(
        "SELECT coalesce(sum(pg_table_size(to_regclass(name))), 0)::bigint FROM unnest($1::text[]) name",
    )
    .bind(super::server::TABLES.as_slice())
    .fetch_one(connection)
    .await
    .map_err(database.failed("cannot tell its size"))?;
    let size = u64::try_from(size).unwrap_or_default();
    // What is left is for the journal and the log.
    let backups = size + 1_000_000;
    let mut needs = vec![(
        "disk-space",
        inputs.state(),
        backups,
        "The backups",
        "Make room, or name another directory with `--state-dir`.",
    )];
    if let Some(directory) = data_directory(inputs).await? {
        // MAS's rows, their indexes, and the log of both.
        needs.push((
            "disk-space-of-postgresql",
            directory,
            3 * size,
            "What is imported",
            "Make room where PostgreSQL keeps its databases.",
        ));
    }
    let findings = needs
        .into_iter()
        .filter_map(|(id, place, needed, what, fix)| {
            let free = free(&place).filter(|free| *free < needed)?;
            let (needed, free) = (indicatif::HumanBytes(needed), indicatif::HumanBytes(free));
            let place = place.display();
            let meaning = format!("{what} may take {needed}, and {place} has {free} left.");
            Some(Finding::one(id, Blocker, &meaning, fix))
        });
    Ok(findings.collect())
}

/// How many bytes are free where a directory is, or will be.
fn free(directory: &Path) -> Option<u64> {
    let there = directory.ancestors().find(|ancestor| ancestor.exists())?;
    let found = statvfs(there).ok()?;
    Some(
        found
            .blocks_available()
            .saturating_mul(found.fragment_size()),
    )
}

/// Where the server keeps its databases, if that is on this host and the superuser is known.
async fn data_directory(inputs: &Inputs) -> Result<Option<PathBuf>, MigrateError> {
    let Some(admin) = inputs.admin_database()? else {
        return Ok(None);
    };
    let mut connection = admin.connect().await?;
    let directory: Option<String> = sqlx::query_scalar(
        "SELECT CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') AND inet_server_addr() IS NULL
           THEN current_setting('data_directory') END",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(admin.failed("cannot tell where it keeps its databases"))?;
    Ok(directory
        .map(PathBuf::from)
        .filter(|directory| directory.exists()))
}

/// Whether MAS's role can be lent Synapse's.
///
/// # Errors
///
/// If the server cannot be reached as the superuser.
pub async fn superuser(inputs: &Inputs) -> Result<Option<Finding>, MigrateError> {
    let Some(admin) = inputs.admin_database()? else {
        return Ok(None);
    };
    let mut connection = admin.connect().await?;
    let is: bool = sqlx::query_scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        .fetch_one(&mut connection)
        .await
        .map_err(admin.failed("cannot tell its role"))?;
    Ok((!is).then(|| {
        Finding::one(
            "no-superuser",
            Blocker,
            "The role of `--admin-database-uri` is no superuser, so it cannot lend MAS's role Synapse's.",
            "Name a superuser, or leave it out if Synapse's database takes a password.",
        )
    }))
}

/// Application services whose bots encrypt, and log in as MAS does not let them.
pub fn bridges(config: &synapse::Config) -> Vec<Finding> {
    let files = config.get("app_service_config_files");
    let files = files.and_then(Value::as_array).into_iter().flatten();
    let (mut encrypted, mut unreadable) = (Vec::new(), Vec::new());
    for file in files.filter_map(Value::as_str) {
        let text = fs::read_to_string(file);
        let registration: Option<Value> = text
            .ok()
            .and_then(|text| serde_yaml_ng::from_str(&text).ok());
        let Some(registration) = registration else {
            unreadable.push(file.to_owned());
            continue;
        };
        let on = |name: &str| registration[name] == true;
        if on("org.matrix.msc3202") && !on("io.element.msc4190") {
            encrypted.push(registration["id"].as_str().unwrap_or(file).to_owned());
        }
    }
    let mut findings = Vec::new();
    if !encrypted.is_empty() {
        findings.push(
            Finding::one(
                "encrypted-bridge",
                Warning,
                "These application services encrypt, and make devices for their users by logging in, \
                 which MAS does not let them.",
                "Turn MSC4190 on in the application service, and `io.element.msc4190` in its \
                 registration.",
            )
            .about(encrypted),
        );
    }
    if !unreadable.is_empty() {
        findings.push(
            Finding::one(
                "bridge-unreadable",
                Note,
                "These registrations of application services cannot be read, so it is not known whether \
                 they encrypt.",
                "Look whether MSC4190 is on in those that do.",
            )
            .about(unreadable),
        );
    }
    findings
}

/// What `mas-cli syn2mas check` finds besides what is known already.
pub async fn mas_says(inputs: &Inputs, synapse: &Database, known: &[Finding]) -> Vec<Finding> {
    let said = match MasCli::prepare(inputs, synapse, None) {
        Ok(mas_cli) => mas_cli.check().await,
        Err(error) => Err(error),
    };
    let said = match said {
        Ok(said) => said,
        Err(error) => {
            return vec![Finding::one(
                "mas-check-left-out",
                Note,
                &format!("`mas-cli syn2mas check` could not be asked: {error}"),
                "Nothing, if its user cannot read Synapse's database now; `syn2mas rehearse --dry-run` \
                 asks it with the rights that it will have.",
            )];
        }
    };
    fold(&said, known)
}

/// Sentences of `mas-cli syn2mas check` (MAS's `crates/syn2mas/src/synapse_reader/checks.rs`), by words
/// in them, and what they are called here. Without a name it is nothing that has to be done: the
/// overlay does it.
const SENTENCES: &[(&str, Option<&str>)] = &[
    ("missing a password hashing scheme", Some("password-scheme")),
    ("must use the Bcrypt algorithm", Some("password-scheme")),
    ("must have the same secret", Some("pepper")),
    ("Guest support is enabled", Some("guest-access")),
    ("`enable_3pid_changes`", Some("third-party-id-changes")),
    (
        "`login_via_existing_session.enabled`",
        Some("login-via-existing-session"),
    ),
    ("wrong `matrix.homeserver`", Some("server-name")),
    (
        "previously-configured MAS instance",
        Some("delegated-before"),
    ),
    (
        "does not contain this provider",
        Some("provider-not-in-synapse"),
    ),
    (
        "must also be configured in the MAS",
        Some("provider-not-in-mas"),
    ),
    ("registration enabled", None),
    ("should be disabled after migration", None),
    ("terms of service", Some("consent")),
    ("registration CAPTCHA", Some("captcha")),
    ("auth configuration", Some("external-login")),
    ("non-standard password provider", Some("password-provider")),
    ("guests which will be migrated", Some("guests")),
    ("non-email 3PIDs", Some("third-party-ids")),
];

fn fold(said: &Said, known: &[Finding]) -> Vec<Finding> {
    let lists = [(&said.errors, Blocker), (&said.warnings, Warning)];
    let mut findings = Vec::new();
    for (sentences, severity) in lists {
        for sentence in sentences {
            let sense = SENTENCES.iter().find(|(words, _)| sentence.contains(words));
            let id = match sense {
                Some((_, None)) => continue,
                Some((_, Some(id))) => *id,
                None => "mas-check",
            };
            // Whatever stands in its way stands in the way, whatever we think of it.
            let told = known
                .iter()
                .any(|finding| finding.id == id && finding.severity >= severity);
            if !told {
                let mut finding = Finding::one(
                    id,
                    severity,
                    "MAS says this, and the import refuses to begin on what it calls an error.",
                    "Do what it says.",
                );
                finding.samples = vec![sentence.clone()];
                findings.push(finding);
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_whatever_is_added_to_them() {
        assert!(older("1.135.2", &OLDEST_SYNAPSE));
        for old in ["mas-cli v0.20.0", "mas-cli 0.20.0"] {
            assert!(older(last_word(old), &OLDEST_MAS), "{old}");
        }
        for new in ["mas-cli v1.22.0", "mas-cli 1.22.0"] {
            assert!(!older(last_word(new), &OLDEST_MAS), "{new}");
        }
        assert!(!older("1.163.2 (b=develop)", &OLDEST_SYNAPSE));
        assert!(!older("v1.22.0-5-gabcdef", &OLDEST_MAS));
        assert!(!older("unknown", &OLDEST_MAS));
    }

    #[test]
    fn what_mas_says_is_told_once() {
        let said = Said {
            errors: vec![
                "Guest support is enabled in …".into(),
                "something new".into(),
            ],
            warnings: vec!["… registration enabled …".into()],
        };
        let known = [Finding::one("guest-access", Blocker, "", "")];
        let found = fold(&said, &known);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].id, &*found[0].samples[0]),
            ("mas-check", "something new")
        );
    }
}
