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
    MigrateError, catalogue,
    database::Database,
    findings::{Finding, FindingKind},
    import::{MasCli, Said},
    inputs::Inputs,
    probe, program,
    services::Services,
    synapse,
};

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
        let old = running.filter(|version| older(version, &OLDEST_SYNAPSE));
        findings.extend(old.map(|version| catalogue::SYNAPSE_VERSION.because(version)));
    }
    let mut command = program::command(&inputs.mas_cli(), None);
    findings.extend(match program::output(command.arg("--version")).await {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            older(last_word(&said), &OLDEST_MAS).then(|| catalogue::MAS_VERSION.because(said))
        }
        Err(error) => Some(catalogue::MAS_CLI.because(error.to_string())),
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
    catalogue::UNIT_MISSING.found_in(missing)
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
    let mut needs = vec![(catalogue::DISK_SPACE, inputs.state(), backups)];
    if let Some(directory) = data_directory(inputs).await? {
        // MAS's rows, their indexes, and the log of both.
        needs.push((catalogue::DISK_SPACE_OF_POSTGRESQL, directory, 3 * size));
    }
    let findings = needs.into_iter().filter_map(|(kind, place, needed)| {
        let free = free(&place).filter(|free| *free < needed)?;
        let (needed, free) = (indicatif::HumanBytes(needed), indicatif::HumanBytes(free));
        let place = place.display();
        Some(kind.because(format!("{place} has {free} left, and may need {needed}")))
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
    Ok(catalogue::NO_SUPERUSER.found_if(!is))
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
    let found = [
        catalogue::ENCRYPTED_BRIDGE.found_in(encrypted),
        catalogue::BRIDGE_UNREADABLE.found_in(unreadable),
    ];
    found.into_iter().flatten().collect()
}

/// What `mas-cli config check` says against MAS's configuration. It does not look at databases.
///
/// # Errors
///
/// If the configurations cannot be handed over.
pub async fn mas_config(inputs: &Inputs) -> Result<Option<Finding>, MigrateError> {
    // Of Synapse's database it hears nothing.
    let mas_cli = MasCli::prepare(inputs, &inputs.mas_database()?, None)?;
    let mut command = mas_cli.command(&["config", "check"]);
    let refused = command.output().await.ok();
    let refused = refused.filter(|output| !output.status.success());
    Ok(refused.map(|output| {
        let said = String::from_utf8_lossy(&output.stderr);
        let error = said.lines().rfind(|line| !line.trim().is_empty());
        catalogue::MAS_CONFIG.because(error.unwrap_or_default().trim())
    }))
}

/// What `mas-cli syn2mas check` finds besides what is known already.
pub async fn mas_says(inputs: &Inputs, synapse: &Database, known: &[Finding]) -> Vec<Finding> {
    let said = match MasCli::prepare(inputs, synapse, None) {
        Ok(mas_cli) => mas_cli.check().await,
        Err(error) => Err(error),
    };
    match said {
        Ok(said) => fold(&said, known),
        Err(error) => vec![not_checked(inputs, &error.to_string())],
    }
}

/// Why `mas-cli syn2mas check` could not check. Where MAS's role is lent Synapse's for the import, it
/// does not have it yet; else the import will fail in the same way.
fn not_checked(inputs: &Inputs, error: &str) -> Finding {
    // It ended by itself, and was not only impossible to run.
    let failed = error.contains("exit status");
    if failed && inputs.admin_database_uri.is_none() {
        catalogue::MAS_CHECK_FAILED.because(error)
    } else {
        catalogue::MAS_CHECK_LEFT_OUT.because(error)
    }
}

/// Sentences of `mas-cli syn2mas check` (MAS's `crates/syn2mas/src/synapse_reader/checks.rs`), by words
/// in them, and what they are called here. Without a name it is nothing that has to be done: the
/// overlay does it.
const SENTENCES: &[(&str, Option<FindingKind>)] = &[
    (
        "missing a password hashing scheme",
        Some(catalogue::PASSWORD_SCHEME),
    ),
    (
        "must use the Bcrypt algorithm",
        Some(catalogue::PASSWORD_SCHEME),
    ),
    ("must have the same secret", Some(catalogue::PEPPER)),
    ("Guest support is enabled", Some(catalogue::GUEST_ACCESS)),
    (
        "`enable_3pid_changes`",
        Some(catalogue::THIRD_PARTY_ID_CHANGES),
    ),
    (
        "`login_via_existing_session.enabled`",
        Some(catalogue::LOGIN_VIA_EXISTING_SESSION),
    ),
    ("wrong `matrix.homeserver`", Some(catalogue::SERVER_NAME)),
    (
        "previously-configured MAS instance",
        Some(catalogue::DELEGATED_BEFORE),
    ),
    (
        "does not contain this provider",
        Some(catalogue::PROVIDER_NOT_IN_SYNAPSE),
    ),
    (
        "must also be configured in the MAS",
        Some(catalogue::PROVIDER_NOT_IN_MAS),
    ),
    ("registration enabled", None),
    ("should be disabled after migration", None),
    ("terms of service", Some(catalogue::CONSENT)),
    ("registration CAPTCHA", Some(catalogue::CAPTCHA)),
    ("auth configuration", Some(catalogue::EXTERNAL_LOGIN)),
    (
        "non-standard password provider",
        Some(catalogue::PASSWORD_PROVIDER),
    ),
    ("guests which will be migrated", Some(catalogue::GUESTS)),
    ("non-email 3PIDs", Some(catalogue::THIRD_PARTY_IDS)),
];

/// What MAS says, without what is known already.
fn fold(said: &Said, known: &[Finding]) -> Vec<Finding> {
    let lists = [
        (&said.errors, catalogue::MAS_CHECK),
        (&said.warnings, catalogue::MAS_CHECK_WARNING),
    ];
    let mut findings = Vec::new();
    for (sentences, unknown) in lists {
        for sentence in sentences {
            let sense = SENTENCES.iter().find(|(words, _)| sentence.contains(words));
            let kind = match sense {
                Some((_, None)) => continue,
                Some((_, Some(kind))) => *kind,
                None => unknown,
            };
            let told = known.iter().any(|finding| finding.kind == kind);
            // What stands in its way stands in the way, whatever we think of it.
            let kind = if kind.severity < unknown.severity {
                unknown
            } else {
                kind
            };
            if !told || kind == unknown {
                findings.push(kind.because(sentence.clone()));
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
        let known = [catalogue::GUEST_ACCESS.found()];
        let found = fold(&said, &known);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].kind, &*found[0].samples[0]),
            (catalogue::MAS_CHECK, "something new")
        );
    }
}
