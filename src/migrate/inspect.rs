//! Whether a homeserver is ready to be moved: everything that would stop the import, or hurt
//! somebody afterwards, found while Synapse runs and without changing anything.

use std::{fmt, fs, path::Path};

use serde_json::{Value, json};
use sqlx::{PgConnection, Row};

use super::{
    MigrateError,
    backup::Extent,
    catalogue,
    database::Database,
    findings::Finding,
    host::{self, Writes},
    inputs::Inputs,
    rows, server, synapse,
};

/// Everything found, what matters most first, before a migration with this backup.
///
/// # Errors
///
/// If a configuration or a database cannot be read: then nothing is known.
pub async fn inspect(inputs: &Inputs, extent: Extent) -> Result<Vec<Finding>, MigrateError> {
    let (synapse, mas) = (inputs.synapse()?, inputs.mas()?);
    let server_name = synapse.server_name()?;
    let mut findings = settings(&synapse, &mas, server_name);
    findings.extend(passwords(&synapse, &mas)?);
    findings.extend(host::bridges(&synapse));
    findings.extend(host::versions(inputs, &synapse).await);
    findings.extend(host::units(inputs).await);
    findings.extend(host::superuser(inputs).await?);
    if inputs.synapse_database_uri.is_none() && synapse.is_sqlite() {
        findings.push(catalogue::SQLITE.found());
        return Ok(sorted(findings));
    }

    let (of_synapse, of_mas) = (inputs.synapse_database()?, inputs.mas_database()?);
    if let Some(pooled) = host::pooled([&of_synapse, &of_mas]).await? {
        findings.push(pooled);
        return Ok(sorted(findings));
    }
    let (mut reader, mut writer) = tokio::try_join!(of_synapse.snapshot(), of_mas.snapshot())?;
    let versions = [
        of_synapse.version(&mut reader).await?,
        of_mas.version(&mut writer).await?,
    ];
    findings.extend(host::postgresql_programs(inputs, versions).await);
    let outdated = server::outdated(&mut reader, &of_synapse).await?;
    let is_readable = outdated.is_none();
    if let Some(outdated) = outdated {
        findings.push(outdated);
    } else {
        findings.extend(host::room(inputs, Writes::Migration(extent)).await?);
        findings.extend(server::findings(&mut reader, &of_synapse).await?);
        findings.extend(rows::findings(&of_synapse, server_name).await?);
        findings.extend(providers(&mut reader, &of_synapse, &synapse, &mas).await?);
    }
    if identity(&mut reader, &of_synapse).await? == identity(&mut writer, &of_mas).await? {
        findings.push(catalogue::SAME_DATABASE.found());
    } else {
        let state = mas_state(&mut writer, &of_mas).await?;
        if state == MasState::Empty && is_readable {
            // It brings MAS's tables up to date, so it is not asked where there are none.
            let through = inputs.synapse_database_for_import()?;
            findings.extend(host::mas_says(inputs, &through, &findings).await);
        }
        findings.extend(of_state(state));
    }
    Ok(sorted(findings))
}

/// What matters most first.
fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.kind.severity), finding.kind.id));
    findings
}

fn on(config: &synapse::Config, path: &str) -> bool {
    config.get(path) == Some(&Value::Bool(true))
}

/// What the two configurations say.
fn settings(config: &synapse::Config, mas: &Value, server_name: &str) -> Vec<Finding> {
    let homeserver = mas["matrix"]["homeserver"]
        .as_str()
        .unwrap_or("localhost:8008");
    let other_name = (homeserver != server_name).then(|| {
        catalogue::SERVER_NAME.because(format!("MAS: {homeserver}, Synapse: {server_name}"))
    });
    let found = [
        (catalogue::GUEST_ACCESS, on(config, "allow_guest_access")),
        (
            catalogue::THIRD_PARTY_ID_CHANGES,
            on(config, "enable_3pid_changes"),
        ),
        (
            catalogue::LOGIN_VIA_EXISTING_SESSION,
            on(config, "login_via_existing_session.enabled"),
        ),
        (
            catalogue::REGISTRATION,
            on(config, "enable_registration")
                && mas["account"]["password_registration_enabled"] != true,
        ),
        (
            catalogue::CONSENT,
            config.get("user_consent").is_some() && mas["branding"]["tos_uri"].is_null(),
        ),
        (
            catalogue::CAPTCHA,
            on(config, "enable_registration_captcha") && mas["captcha"]["service"].is_null(),
        ),
    ];
    let mut findings: Vec<Finding> = other_name.into_iter().collect();
    findings.extend(found.into_iter().filter_map(|(kind, so)| kind.found_if(so)));
    findings.extend(elsewhere(config));
    findings.extend(catalogue::EMPTY_SECTION.found_in(nulls(config)));
    findings
}

/// Who else logs people in.
fn elsewhere(config: &synapse::Config) -> Vec<Finding> {
    let saml = ["sp_config", "config_path"].map(|key| format!("saml2_config.{key}"));
    let protocols = [
        ("CAS", on(config, "cas_config.enabled")),
        ("JWT", on(config, "jwt_config.enabled")),
        (
            "SAML",
            saml.iter().any(|path| config.get(path).is_some())
                && config.get("saml2_config.enabled") != Some(&json!(false)),
        ),
    ];
    let protocols = protocols.into_iter().filter(|(_, used)| *used);
    let protocols = protocols.map(|(name, _)| name.to_owned()).collect();
    let custom = config.get("password_providers").and_then(Value::as_array);
    let modules = config.get("modules").and_then(Value::as_array);
    let modules = modules.into_iter().flatten();
    let modules = modules.filter_map(|module| module["module"].as_str().map(str::to_owned));
    let found = [
        catalogue::EXTERNAL_LOGIN.found_in(protocols),
        catalogue::PASSWORD_PROVIDER.found_if(
            custom.is_some_and(|providers| !providers.is_empty())
                || config.get("password_config.localdb_enabled") == Some(&json!(false)),
        ),
        catalogue::MODULES.found_in(modules.collect()),
    ];
    found.into_iter().flatten().collect()
}

/// Sections that Synapse takes for absent, and on which the import stumbles.
fn nulls(config: &synapse::Config) -> Vec<String> {
    const SECTIONS: &[&str] = &[
        "cas_config",
        "jwt_config",
        "login_via_existing_session",
        "password_config",
        "saml2_config",
    ];
    let empty = |name: &&&str| config.value.get(**name).is_some_and(Value::is_null);
    SECTIONS
        .iter()
        .filter(empty)
        .map(|name| (*name).to_owned())
        .collect()
}

/// Whether MAS will take the passwords that Synapse takes.
fn passwords(config: &synapse::Config, mas: &Value) -> Result<Vec<Finding>, MigrateError> {
    let written = config.get("password_config.pepper").and_then(Value::as_str);
    let schemes = mas["passwords"]["schemes"].as_array();
    let scheme = schemes
        .into_iter()
        .flatten()
        .find(|scheme| scheme["version"] == 1);
    let Some(scheme) = scheme.filter(|scheme| scheme["algorithm"] == "bcrypt") else {
        return Ok(vec![catalogue::PASSWORD_SCHEME.found()]);
    };
    let expected = config.pepper();
    let found = match scheme["secret_file"].as_str() {
        Some(file) => Some(fs::read(file).map_err(|error| {
            MigrateError::file(
                Path::new(file),
                format!("the pepper cannot be read: {error}"),
            )
        })?),
        None => scheme["secret"]
            .as_str()
            .map(|secret| secret.as_bytes().to_vec()),
    };
    let same = found.as_deref() == expected.map(str::as_bytes);
    let trimmed = found.as_deref().map(<[u8]>::trim_ascii_end);
    let newline = !same && trimmed == expected.map(str::as_bytes);
    let found = [
        (
            catalogue::UNICODE_NORMALIZATION,
            scheme["unicode_normalization"] != true,
        ),
        (catalogue::EMPTY_PEPPER, written == Some("")),
        (catalogue::PEPPER_NEWLINE, newline),
        (catalogue::PEPPER, !same && !newline),
    ];
    let found = found.into_iter().filter_map(|(kind, so)| kind.found_if(so));
    Ok(found.collect())
}

/// Whether MAS knows the providers by which people log in.
async fn providers(
    connection: &mut PgConnection,
    database: &Database,
    config: &synapse::Config,
    mas: &Value,
) -> Result<Vec<Finding>, MigrateError> {
    let used = sqlx::query(
        "SELECT e.auth_provider, count(*) FROM user_external_ids e
         JOIN users u ON u.name = e.user_id
         WHERE u.appservice_id IS NULL AND e.auth_provider <> 'oauth-delegated'
         GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .map_err(database.failed("cannot look for identity providers"))?;
    let known = config.provider_names();
    let of_mas = mas["upstream_oauth2"]["providers"].as_array();
    let mut findings = Vec::new();
    for row in used {
        let (name, users): (String, i64) = (row.get(0), row.get(1));
        let mapped = of_mas
            .into_iter()
            .flatten()
            .find(|provider| provider["synapse_idp_id"] == name.as_str());
        let found = match mapped {
            Some(provider) if provider["enabled"] == false => Some(catalogue::PROVIDER_DISABLED),
            Some(_) if known.contains(&name) => None,
            Some(_) => Some(catalogue::PROVIDER_NOT_IN_SYNAPSE),
            None => Some(catalogue::PROVIDER_NOT_IN_MAS),
        };
        findings.extend(found.map(|kind| Finding {
            count: users,
            ..kind.because(name)
        }));
    }
    Ok(findings)
}

/// What tells a database from all others: its server's identity, and its own.
async fn identity(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<(String, i64), MigrateError> {
    let row = sqlx::query(
        "SELECT pg_postmaster_start_time()::text || coalesce(inet_server_addr()::text, ''),
           oid::bigint FROM pg_database WHERE datname = current_database()",
    )
    .fetch_one(connection)
    .await
    .map_err(database.failed("cannot tell which it is"))?;
    Ok((row.get(0), row.get(1)))
}

/// What MAS's database is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasState {
    /// It has no tables yet.
    New,
    /// It has its tables, and nobody in them.
    Empty,
    /// An import was interrupted, which the next one takes back.
    Partial,
    /// An import was interrupted in a way that cannot be undone.
    Inconsistent,
    /// These tables have rows.
    Populated(Vec<String>),
}

impl fmt::Display for MasState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MasState::New => write!(out, "without tables"),
            MasState::Empty => write!(out, "empty"),
            MasState::Partial => write!(out, "half imported"),
            MasState::Inconsistent => write!(out, "inconsistent"),
            MasState::Populated(tables) => write!(out, "rows in {}", tables.join(", ")),
        }
    }
}

/// The tables that the import writes.
const IMPORTED: [&str; 8] = [
    "users",
    "user_passwords",
    "user_emails",
    "user_unsupported_third_party_ids",
    "upstream_oauth_links",
    "compat_sessions",
    "compat_access_tokens",
    "compat_refresh_tokens",
];

/// Tells the state of the database that MAS has.
///
/// # Errors
///
/// If it cannot be read.
pub async fn mas_state_of(inputs: &Inputs) -> Result<MasState, MigrateError> {
    let database = inputs.mas_database()?;
    let mut connection = database.snapshot().await?;
    mas_state(&mut connection, &database).await
}

/// Tells the state of MAS's database.
///
/// # Errors
///
/// If it cannot be read.
pub async fn mas_state(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<MasState, MigrateError> {
    let failed = || database.failed("cannot tell its state");
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r'
           AND relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(failed())?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    match (
        has("syn2mas_restore_constraints"),
        has("syn2mas_restore_indices"),
    ) {
        (true, true) => return Ok(MasState::Partial),
        (false, false) => {}
        _ => return Ok(MasState::Inconsistent),
    }
    if !has("users") {
        return Ok(MasState::New);
    }
    let mut full = Vec::new();
    for table in IMPORTED {
        let any = format!("SELECT EXISTS (SELECT FROM {table})");
        let any: bool = sqlx::query_scalar(&any)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed())?;
        full.extend(any.then(|| table.to_owned()));
    }
    Ok(if full.is_empty() {
        MasState::Empty
    } else {
        MasState::Populated(full)
    })
}

/// Whether MAS's database can take the import.
fn of_state(state: MasState) -> Option<Finding> {
    match state {
        MasState::New | MasState::Empty => None,
        MasState::Partial => Some(catalogue::IMPORT_INTERRUPTED.found()),
        MasState::Inconsistent => Some(catalogue::MAS_INCONSISTENT.found()),
        MasState::Populated(tables) => catalogue::MAS_NOT_EMPTY.found_in(tables),
    }
}
