//! Whether this host and the programs on it are ready for a migration.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::migrate::{
    MigrateError,
    context::Context,
    health,
    import::PreparedMasCli,
    postgres::{backup::BackupScope, connection::Database, scratch, tables::TABLES},
    preflight::{
        catalogue,
        finding::{Finding, FindingKind},
    },
    synapse_config,
    system::{command, private_dir::PrivateDir},
};
use crate::{
    mas_cli::{MasCli, syn2mas::CheckReport},
    util::yaml,
};

/// The first version of Synapse with the option `matrix_authentication_service`.
const OLDEST_SYNAPSE: Version = Version::new(1, 136, 0);
/// The first version of MAS to which Synapse can delegate.
const OLDEST_MAS: Version = Version::new(1, 0, 0);

/// Reports versions of Synapse and MAS that are too old, and a `mas-cli` that does not run.
pub async fn versions(context: &Context, config: &synapse_config::Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let url = context.args.synapse_url.clone().or_else(|| config.url());
    if let Some(url) = url {
        let running = health::synapse_version(url.trim_end_matches('/')).await;
        let old = running.filter(|version| older(version, &OLDEST_SYNAPSE));
        findings.extend(old.map(|version| catalogue::SYNAPSE_VERSION.because(version)));
    }
    findings.extend(match mas_version(context).await {
        Ok(text) => {
            older(last_word(&text), &OLDEST_MAS).then(|| catalogue::MAS_VERSION.because(text))
        }
        Err(error) => Some(catalogue::MAS_CLI.because(error.with_causes())),
    });
    findings
}

/// What `mas-cli --version` prints.
///
/// # Errors
///
/// If it does not run.
pub async fn mas_version(context: &Context) -> Result<String, MigrateError> {
    let mas_cli = MasCli {
        program: context.mas_cli(),
        config: Vec::new(),
    };
    let mut command = command::isolated(mas_cli.command(&["--version"]), None);
    let output = command::output(&mut command).await?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The version in the output of `mas-cli --version`: `mas-cli v1.22.0`, without the `v` in nixpkgs.
fn last_word(text: &str) -> &str {
    text.rsplit(' ').next().unwrap_or_default()
}

fn older(version: &str, than: &Version) -> bool {
    let number = version.trim_start_matches('v');
    // Distributions append something to versions, which is ignored.
    let number = number.split([' ', '+', '-']).next().unwrap_or_default();
    Version::parse(number).is_ok_and(|version| version < *than)
}

/// Reports systemd units that do not exist.
pub async fn units(context: &Context) -> Option<Finding> {
    let missing = context.services().ok()?.missing().await.ok()?;
    catalogue::UNIT_MISSING.found_in(missing)
}

/// Reports PostgreSQL's programs that are missing, or do not suit the servers. `servers` has the
/// versions of the servers of Synapse's and MAS's database, such as 150018 for 15.18.
pub async fn postgresql_programs(context: &Context, servers: [i32; 2]) -> Vec<Finding> {
    let mut missing = Vec::new();
    let mut majors = Vec::new();
    for name in ["pg_dump", "pg_restore", "psql"] {
        let mut command = command::command(&context.postgresql().path(name), None);
        match command::output(command.arg("--version")).await {
            Ok(output) => majors.push(major(&String::from_utf8_lossy(&output.stdout))),
            Err(error) => missing.push(error.with_causes()),
        }
    }
    if let Some(missing) = catalogue::POSTGRESQL_PROGRAMS.found_in(missing) {
        return vec![missing];
    }
    let [Some(dump), Some(restore), _] = majors[..] else {
        return Vec::new();
    };
    let servers = servers.map(|version| version / 10_000);
    let (oldest, newest) = (servers.iter().min(), servers.iter().max());
    let details = |program: &str, version: i32| {
        let [synapse, mas] = servers;
        format!("{program} {version}; server of Synapse's database {synapse}, of MAS's {mas}")
    };
    let found = [
        (
            catalogue::PG_DUMP_TOO_OLD,
            newest > Some(&dump),
            details("pg_dump", dump),
        ),
        (
            catalogue::PG_RESTORE_TOO_OLD,
            restore < dump,
            format!("pg_dump {dump}, pg_restore {restore}"),
        ),
        (
            catalogue::PG_RESTORE_NEWER,
            Some(&restore) > oldest,
            details("pg_restore", restore),
        ),
    ];
    let found = found.into_iter().filter(|(_, so, _)| *so);
    found
        .map(|(kind, _, details)| kind.because(details))
        .collect()
}

/// The major version in a text such as `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major(text: &str) -> Option<i32> {
    let version = text.split_once("(PostgreSQL) ")?.1;
    let digits = version.split(|character: char| !character.is_ascii_digit());
    digits.into_iter().next()?.parse().ok()
}

/// Reports a connection pooler in front of a database. A database that cannot be reached at all is not
/// reported here, but by the code that reads it next.
pub async fn pooled(databases: [&Database; 2]) -> Option<Finding> {
    let mut signs = Vec::new();
    for database in databases {
        if let Err(MigrateError::Pooled { which, sign }) = database.connect().await {
            signs.push(format!("{which}: {sign}"));
        }
    }
    catalogue::PGBOUNCER.found_in(signs)
}

/// What is about to write to the disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// A migration with this backup.
    Migration(BackupScope),
    /// A rehearsal, which also has scratch databases.
    Rehearsal,
}

/// Bytes that an import writes for each byte of Synapse's tables: MAS's rows, their indexes, and the
/// write-ahead log of both.
const IMPORT: u64 = 3;

/// The same with a copy of Synapse's tables, its indexes and the write-ahead log of both.
const COPY_AND_IMPORT: u64 = 6;

/// The size in bytes of a database before anything is in it, about. It has a catalogue of its own.
const EMPTY_DATABASE: u64 = 8 << 20;

/// What a migration reads and backs up, in bytes.
struct Sizes {
    tables: u64,
    backups: u64,
}

async fn sizes(context: &Context, scope: BackupScope) -> Result<Sizes, MigrateError> {
    let (synapse, mas) = (context.synapse_database()?, context.mas_database()?);
    let (tables, rows_of_mas) = tokio::try_join!(size_of_tables(synapse), size_of_rows(mas))?;
    let backed_up = match scope {
        BackupScope::All => size(synapse).await?,
        BackupScope::Tables => tables,
    };
    Ok(Sizes {
        tables,
        backups: backed_up + rows_of_mas,
    })
}

/// Reports too little disk space for the backups and for what is imported, as far as this is known.
///
/// # Errors
///
/// If a server does not report the size of its databases, or where it keeps them.
pub async fn room(context: &Context, writes: Writes) -> Result<Vec<Finding>, MigrateError> {
    let scope = match writes {
        Writes::Migration(scope) => scope,
        Writes::Rehearsal => BackupScope::Tables,
    };
    let Sizes { tables, backups } = sizes(context, scope).await?;
    let imported = IMPORT * tables;
    let written = match writes {
        Writes::Migration(_) => imported,
        // Both scratch databases, and the write-ahead log of what is restored.
        Writes::Rehearsal => imported + 2 * tables + 2 * size(context.mas_database()?).await?,
    };
    // The last megabyte is for the journal and the log.
    let backups = backups + 1_000_000;
    let mut needs = vec![(catalogue::DISK_SPACE, context.state(), backups)];
    if let Some(directory) = data_directory(context).await? {
        match &mut needs[0] {
            (_, state, needed) if device(state) == device(&directory) => *needed += written,
            _ => needs.push((catalogue::DISK_SPACE_OF_POSTGRESQL, directory, written)),
        }
    }
    let findings = needs.into_iter().filter_map(|(kind, place, needed)| {
        let free = free(&place).filter(|free| *free < needed)?;
        let (needed, free) = (indicatif::HumanBytes(needed), indicatif::HumanBytes(free));
        let place = place.display();
        Some(kind.because(format!("{place} has {free} left, and may need {needed}")))
    });
    Ok(findings.collect())
}

/// Room that something needs on a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// For what: `backups` or `databases`.
    pub what: String,
    /// A directory on this disk. None for the databases of a server of which it is not known.
    pub place: Option<PathBuf>,
    /// How many bytes it may need, at most.
    pub needed: u64,
    /// How many bytes are free. None if that is not known.
    pub free: Option<u64>,
}

/// What a migration may need on the disks, at most. `copies` says whether Synapse's tables are copied.
///
/// # Errors
///
/// If a server does not report the size of its databases, or where it keeps them.
pub async fn needs(
    context: &Context,
    scope: BackupScope,
    copies: bool,
) -> Result<Vec<Need>, MigrateError> {
    let Sizes { tables, backups } = sizes(context, scope).await?;
    let state = context.state();
    let directory = data_directory(context).await?;
    Ok(vec![
        Need {
            what: "backups".to_owned(),
            free: free(&state),
            place: Some(state),
            needed: backups,
        },
        Need {
            what: "databases".to_owned(),
            free: directory.as_deref().and_then(free),
            place: directory,
            // The tables of MAS's database are made too.
            needed: if copies {
                tables * COPY_AND_IMPORT + 2 * EMPTY_DATABASE
            } else {
                tables * IMPORT + EMPTY_DATABASE
            },
        },
    ])
}

/// Like [`room`], but with the first finding as an error.
///
/// # Errors
///
/// If there is too little room, or a server does not report the size of its databases.
pub async fn make_sure_of_room(context: &Context, writes: Writes) -> Result<(), MigrateError> {
    match room(context, writes).await?.into_iter().next() {
        None => Ok(()),
        Some(Finding { kind, samples, .. }) => Err(MigrateError::Room {
            meaning: kind.meaning,
            details: samples.concat(),
            fix: kind.fix,
        }),
    }
}

async fn size_of_tables(database: &Database) -> Result<u64, MigrateError> {
    let tables = TABLES.join("', '");
    let size = format!(
        "SELECT coalesce(sum(pg_table_size(to_regclass(name))), 0)::bigint
         FROM unnest(ARRAY['{tables}']) name"
    );
    bytes(database, &size).await
}

/// Approximate size in bytes of what is backed up of a database: its tables without indexes.
async fn size_of_rows(database: &Database) -> Result<u64, MigrateError> {
    const SIZE: &str =
        "SELECT coalesce(sum(pg_relation_size(oid) + CASE reltoastrelid WHEN 0 THEN 0
          ELSE pg_relation_size(reltoastrelid) END), 0)::bigint
        FROM pg_class WHERE relkind IN ('r', 'm') AND oid >= 16384";
    bytes(database, SIZE).await
}

/// Size of a database in bytes, with indexes. A backup has no indexes, but it stores texts
/// without compression.
///
/// # Errors
///
/// If the server does not answer.
pub async fn size(database: &Database) -> Result<u64, MigrateError> {
    bytes(database, "SELECT pg_database_size(current_database())").await
}

/// Runs a query that returns a number of bytes.
async fn bytes(database: &Database, query: &str) -> Result<u64, MigrateError> {
    let mut connection = database.connect().await?;
    let size: i64 = sqlx::query_scalar(query)
        .fetch_one(&mut connection)
        .await
        .map_err(database.failed("cannot read its size"))?;
    Ok(size.try_into().unwrap_or_default())
}

/// The device number of the file system that has a directory, or will have it.
fn device(directory: &Path) -> Option<u64> {
    Some(fs::metadata(existing(directory)?).ok()?.dev())
}

/// The free bytes in the file system that has a directory, or will have it.
fn free(directory: &Path) -> Option<u64> {
    let found = statvfs(existing(directory)?).ok()?;
    Some(
        found
            .blocks_available()
            .saturating_mul(found.fragment_size()),
    )
}

/// The nearest existing directory: this one, or one of its ancestors.
fn existing(directory: &Path) -> Option<&Path> {
    directory.ancestors().find(|ancestor| ancestor.exists())
}

/// The directory where the server keeps its databases, if it is on this host and the superuser is known.
async fn data_directory(context: &Context) -> Result<Option<PathBuf>, MigrateError> {
    let Some(admin) = context.admin_database()? else {
        return Ok(None);
    };
    let mut connection = admin.connect().await?;
    let directory: Option<String> = sqlx::query_scalar(
        "SELECT CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') AND inet_server_addr() IS NULL
           THEN current_setting('data_directory') END",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(admin.failed("cannot read its data directory"))?;
    Ok(directory
        .map(PathBuf::from)
        .filter(|directory| directory.exists()))
}

/// Why Synapse's tables cannot be copied while it runs. None if they can, as far as this is known.
///
/// # Errors
///
/// If a server does not answer.
pub async fn no_copy(context: &Context) -> Result<Option<String>, MigrateError> {
    let obstacle = scratch::obstacle(&context.scratch_server()?).await?;
    if obstacle.is_some() {
        return Ok(obstacle);
    }
    let Some(directory) = data_directory(context).await? else {
        return Ok(None);
    };
    let needed = COPY_AND_IMPORT * size_of_tables(context.synapse_database()?).await?;
    let lack = free(&directory).filter(|free| *free < needed);
    Ok(lack.map(|free| {
        let (needed, free) = (indicatif::HumanBytes(needed), indicatif::HumanBytes(free));
        format!(
            "{} has {free} left, and may need {needed}",
            directory.display()
        )
    }))
}

/// Reports an administrative role that is not a superuser, and so cannot grant Synapse's role to MAS's
/// role temporarily.
///
/// # Errors
///
/// If the server cannot be reached with that role.
pub async fn superuser(context: &Context) -> Result<Option<Finding>, MigrateError> {
    let Some(admin) = context.admin_database()? else {
        return Ok(None);
    };
    let mut connection = admin.connect().await?;
    let is: bool = sqlx::query_scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        .fetch_one(&mut connection)
        .await
        .map_err(admin.failed("cannot read its role"))?;
    Ok(catalogue::NO_SUPERUSER.found_if(!is))
}

/// Reports application services whose bots encrypt, and log in in a way that MAS does not support. Also
/// reports registration files that cannot be read, and those that are none.
pub fn bridges(config: &synapse_config::Config) -> Vec<Finding> {
    let files = config.get("app_service_config_files");
    let files = files.and_then(Value::as_array).into_iter().flatten();
    let (mut encrypted, mut unreadable, mut invalid) = (Vec::new(), Vec::new(), Vec::new());
    for file in files.filter_map(Value::as_str) {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                unreadable.push(format!("{file}: {error}"));
                continue;
            }
        };
        let registration = match synapse_config::yaml::parse(&text) {
            Ok(registration @ Value::Object(_)) => registration,
            Ok(_) => {
                invalid.push(format!("{file}: not a map"));
                continue;
            }
            Err(error) => {
                invalid.push(format!("{file}: {error}"));
                continue;
            }
        };
        let on = |name: &str| registration[name] == true;
        if on("org.matrix.msc3202") && !on("io.element.msc4190") {
            encrypted.push(registration["id"].as_str().unwrap_or(file).to_owned());
        }
    }
    let found = [
        catalogue::ENCRYPTED_BRIDGE.found_in(encrypted),
        catalogue::BRIDGE_UNREADABLE.found_in(unreadable),
        catalogue::BRIDGE_INVALID.found_in(invalid),
    ];
    found.into_iter().flatten().collect()
}

/// Reports the error of `mas-cli config check` for MAS's configuration. The command does not look at
/// databases.
///
/// # Errors
///
/// If the configuration cannot be written to a private directory.
pub async fn mas_config(context: &Context) -> Result<Option<Finding>, MigrateError> {
    let account = context.mas_account()?;
    let private_dir = PrivateDir::new(account.as_ref())?;
    let config = yaml::document(context.mas()?);
    let config = private_dir.write("mas.yaml", &config, account.as_ref())?;
    let mas_cli = MasCli {
        program: context.mas_cli(),
        config: vec![config],
    };
    let check = mas_cli.parsable(&["config", "check"]);
    let refused = command::isolated(check, account.as_ref()).output();
    let refused = refused.await.ok();
    let refused = refused.filter(|output| !output.status.success());
    Ok(refused.map(|output| {
        let text = String::from_utf8_lossy(&output.stderr);
        let error = text.lines().rfind(|line| !line.trim().is_empty());
        catalogue::MAS_CONFIG.because(error.unwrap_or_default().trim())
    }))
}

/// What `mas-cli syn2mas check` reports, except for the findings that are known already.
pub async fn mas_says(context: &Context, synapse: &Database, known: &[Finding]) -> Vec<Finding> {
    let report = match PreparedMasCli::prepare(context, synapse, None).await {
        Ok(mas_cli) => mas_cli.check().await,
        Err(error) => Err(error),
    };
    match report {
        Ok(report) => fold(&report, known),
        Err(error) => vec![not_checked(context, &error)],
    }
}

/// The finding for a `mas-cli syn2mas check` that could not check. If MAS's role is granted Synapse's
/// temporarily for the import, it does not have it yet. Otherwise the import will fail in the same way.
fn not_checked(context: &Context, error: &MigrateError) -> Finding {
    // The program ran and exited with an error, instead of not starting at all or being killed.
    let failed = matches!(error, MigrateError::Command { status, .. } if status.code().is_some());
    if failed && context.args.admin_database_uri.is_none() {
        catalogue::MAS_CHECK_FAILED.because(error.with_causes())
    } else {
        catalogue::MAS_CHECK_LEFT_OUT.because(error.with_causes())
    }
}

/// Messages of `mas-cli syn2mas check` (MAS's `crates/syn2mas/src/synapse_reader/checks.rs`): words that
/// identify a message, and our finding for it. With `None` there is nothing to do, because the overlay
/// does it.
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

/// Turns MAS's messages into findings, without those that are known already.
fn fold(report: &CheckReport, known: &[Finding]) -> Vec<Finding> {
    let lists = [
        (&report.errors, catalogue::MAS_CHECK),
        (&report.warnings, catalogue::MAS_CHECK_WARNING),
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
            // An error of `mas-cli` stops the import, even where our finding is only a warning.
            let kind = if kind.severity < unknown.severity {
                unknown
            } else {
                kind
            };
            if !known.iter().any(|finding| finding.kind == kind) {
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
    fn the_version_of_a_program_is_found() {
        let debian = "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(major(debian), Some(15));
        assert_eq!(major("psql (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("something else"), None);
    }

    #[test]
    fn what_mas_says_is_told_once() {
        let report = CheckReport {
            errors: vec![
                "Guest support is enabled in …".into(),
                "something new".into(),
            ],
            warnings: vec!["… registration enabled …".into()],
        };
        let known = [catalogue::GUEST_ACCESS.found()];
        let found = fold(&report, &known);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].kind, &*found[0].samples[0]),
            (catalogue::MAS_CHECK, "something new")
        );
    }
}
