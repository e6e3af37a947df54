//! Whether a homeserver is ready for the migration. Everything that would stop the import, or harm users
//! afterwards, is found while Synapse runs and without changing anything.

pub mod catalogue;
pub mod finding;
pub mod host;
pub mod lockout;
pub mod mas_database;
mod mas_files;
pub mod processes;
pub mod rows;
pub mod server;

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};
use sqlx::PgConnection;
use ulid::Ulid;

use self::{
    finding::{Finding, FindingKind},
    host::Writes,
};
use crate::migrate::{
    MigrateError,
    context::Context,
    cutover_file::CutoverFile,
    health,
    postgres::{
        backup::BackupScope,
        connection::Database,
        mas_state::{self, MasState},
        tables::TABLES,
    },
    synapse_config,
};

/// All findings before a migration with this backup, the most severe first.
///
/// # Errors
///
/// If a configuration or a database cannot be read: then there is no result.
pub async fn inspect(context: &Context, extent: BackupScope) -> Result<Vec<Finding>, MigrateError> {
    let (synapse, mas) = (context.synapse()?, context.mas()?);
    let server_name = synapse.server_name()?;
    let mut findings = settings(synapse, mas, server_name);
    findings.extend(passwords(synapse, mas));
    if let Some(overlay) = &context.args.overlay {
        let settings = overlay.settings()?;
        findings.extend(no_delegation(overlay, &settings));
        findings.extend(features_lost(&settings, synapse));
    }
    findings.extend(mas_files::findings(context, mas)?);
    findings.extend(host::bridges(synapse));
    let (versions, refused_by_mas) =
        tokio::join!(host::versions(context, synapse), host::mas_config(context));
    findings.extend(versions);
    findings.extend(refused_by_mas?);
    findings.extend(host::units(context).await);
    let running = health::processes(context).await?;
    findings.extend(processes::findings(context, &running).await?);
    findings.extend(host::superuser(context).await?);
    if context.args.synapse_database_uri.is_none() && synapse.is_sqlite() {
        findings.push(catalogue::SQLITE.found());
        return Ok(sorted(findings));
    }

    let (of_synapse, of_mas) = (context.synapse_database()?, context.mas_database()?);
    if let Some(pooled) = host::pooled([of_synapse, of_mas]).await {
        findings.push(pooled);
        return Ok(sorted(findings));
    }
    let mut reader = of_synapse.snapshot().await?;
    let mut writer = match of_mas.snapshot().await {
        Ok(writer) => Some(writer),
        Err(error) => {
            findings.push(refused(error)?);
            None
        }
    };
    if let Some(writer) = &mut writer {
        let versions = [
            of_synapse.version(&mut reader).await?,
            of_mas.version(writer).await?,
        ];
        findings.extend(host::postgresql_programs(context, versions).await);
    }
    let outdated = server::outdated(&mut reader, of_synapse).await?;
    let is_readable = outdated.is_none();
    if let Some(outdated) = outdated {
        findings.push(outdated);
    } else {
        findings.extend(server::findings(&mut reader, of_synapse).await?);
        let elsewhere = processes::elsewhere(&mut reader, of_synapse, context, &running).await?;
        findings.extend(elsewhere);
        if server::may_read(&mut reader, of_synapse, &TABLES).await? {
            let others = ["registration_tokens"];
            let others = server::may_read(&mut reader, of_synapse, &others).await?;
            findings.extend(rows::findings(of_synapse, server_name, others).await?);
            findings.extend(passwords_off(&mut reader, of_synapse, synapse, mas).await?);
            let providers = Providers {
                used: used_providers(&mut reader, of_synapse).await?,
                known: synapse.provider_names(),
                of_mas: mas["upstream_oauth2"]["providers"].as_array(),
                in_database: match &mut writer {
                    Some(writer) => providers_of_mas(writer, of_mas).await?,
                    None => BTreeSet::new(),
                },
            };
            findings.extend(providers.findings());
        }
    }
    let Some(writer) = &mut writer else {
        return Ok(sorted(findings));
    };
    if identity(&mut reader, of_synapse).await? == identity(writer, of_mas).await? {
        findings.push(catalogue::SAME_DATABASE.found());
        return Ok(sorted(findings));
    }
    let through = context.synapse_database_for_import()?;
    // One more connection reads Synapse's database, as the same role or as another one.
    let same_role = through.role() == of_mas.role();
    let target = mas_database::inspect(writer, of_mas, if same_role { 10 } else { 9 }).await?;
    let is_open = target.findings.is_empty();
    findings.extend(target.findings);
    if target.state.is_some() {
        findings.extend(host::room(context, Writes::Migration(extent)).await?);
        let no_copy = host::no_copy(context).await?;
        findings.extend(no_copy.map(|reason| catalogue::NO_COPY.because(reason)));
    }
    if target.state == Some(MasState::Empty) && is_readable && is_open {
        // The check brings MAS's schema up to date, so it does not run if there are no tables.
        findings.extend(host::mas_says(context, &through, &findings).await);
    }
    Ok(sorted(findings))
}

/// The finding for a server that answers, but refuses the connection. If the server does not answer,
/// nothing is known, and this fails.
fn refused(error: MigrateError) -> Result<Finding, MigrateError> {
    match &error {
        MigrateError::Database {
            source: sqlx::Error::Database(source),
            ..
        } => Ok(catalogue::MAS_UNREACHABLE.because(source.message())),
        _ => Err(error),
    }
}

/// Sorts by severity, the most severe first, and then by id.
fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.kind.severity), finding.kind.id));
    findings
}

/// Findings about the two configurations.
fn settings(config: &synapse_config::Config, mas: &Value, server_name: &str) -> Vec<Finding> {
    let homeserver = mas["matrix"]["homeserver"]
        .as_str()
        .unwrap_or("localhost:8008");
    let other_name = (homeserver != server_name).then(|| {
        catalogue::SERVER_NAME.because(format!("MAS: {homeserver}, Synapse: {server_name}"))
    });
    let found = [
        (catalogue::GUEST_ACCESS, config.is_on("allow_guest_access")),
        (
            catalogue::THIRD_PARTY_ID_CHANGES,
            config.is_on("enable_3pid_changes"),
        ),
        (
            catalogue::LOGIN_VIA_EXISTING_SESSION,
            config.is_on("login_via_existing_session.enabled"),
        ),
        (
            catalogue::REGISTRATION,
            config.is_on("enable_registration")
                && mas["account"]["password_registration_enabled"] != true,
        ),
        (
            catalogue::CONSENT,
            config.get("user_consent").is_some() && mas["branding"]["tos_uri"].is_null(),
        ),
        (
            catalogue::CAPTCHA,
            config.is_on("enable_registration_captcha") && mas["captcha"]["service"].is_null(),
        ),
    ];
    let mut findings: Vec<Finding> = other_name.into_iter().collect();
    findings.extend(found.into_iter().filter_map(|(kind, so)| kind.found_if(so)));
    findings.extend(elsewhere(config));
    findings.extend(catalogue::EMPTY_SECTION.found_in(nulls(config)));
    findings
}

/// Findings about what else logs users in: CAS, JWT, SAML, password providers and modules.
fn elsewhere(config: &synapse_config::Config) -> Vec<Finding> {
    let saml = ["sp_config", "config_path"].map(|key| format!("saml2_config.{key}"));
    let protocols = [
        ("CAS", config.is_on("cas_config.enabled")),
        ("JWT", config.is_on("jwt_config.enabled")),
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

/// Whether Synapse would not delegate with the overlay.
fn no_delegation(overlay: &CutoverFile, settings: &Value) -> Option<Finding> {
    let reason = health::endpoint_of_mas(settings).err()?;
    let source = overlay.source.display();
    Some(catalogue::NO_DELEGATION.because(format!("{source}: {reason}")))
}

/// Experimental features of Synapse that the overlay leaves out. Synapse takes the whole section from the last
/// file that has it.
fn features_lost(overlay: &Value, config: &synapse_config::Config) -> Option<Finding> {
    let kept = overlay["experimental_features"].as_object()?;
    let features = config.get("experimental_features");
    let features = features.and_then(Value::as_object).into_iter().flatten();
    let lost = features.filter(|(name, _)| !kept.contains_key(*name));
    catalogue::FEATURES_LOST.found_in(lost.map(|(name, _)| name.clone()).collect())
}

/// Empty sections. Synapse treats them as absent, but the import fails on them.
fn nulls(config: &synapse_config::Config) -> Vec<String> {
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

/// Whether MAS will accept the passwords that Synapse accepts.
fn passwords(config: &synapse_config::Config, mas: &Value) -> Vec<Finding> {
    let written = config.get("password_config.pepper").and_then(Value::as_str);
    let schemes = mas["passwords"]["schemes"].as_array();
    let schemes = schemes.map(Vec::as_slice).unwrap_or_default();
    let mut versions = BTreeSet::new();
    let same = schemes.iter().map(|scheme| scheme["version"].to_string());
    let twice = same.filter(|version| !versions.insert(version.clone()));
    let twice = catalogue::PASSWORD_SCHEME_TWICE.found_in(twice.collect());
    let scheme = schemes.iter().find(|scheme| scheme["version"] == 1);
    let Some(scheme) = scheme.filter(|scheme| scheme["algorithm"] == "bcrypt") else {
        let wrong = Some(catalogue::PASSWORD_SCHEME.found());
        return wrong.into_iter().chain(twice).collect();
    };
    let found = [
        catalogue::UNICODE_NORMALIZATION.found_if(scheme["unicode_normalization"] != true),
        catalogue::EMPTY_PEPPER.found_if(written == Some("")),
        pepper(config.pepper(), scheme),
        twice,
    ];
    found.into_iter().flatten().collect()
}

/// Whether MAS and Synapse have the same pepper, the secret that is appended to passwords.
fn pepper(expected: Option<&str>, scheme: &Value) -> Option<Finding> {
    let found = match (scheme["secret_file"].as_str(), scheme["secret"].as_str()) {
        (Some(file), _) => match fs::read(file) {
            Ok(found) => Some(found),
            Err(error) => return Some(catalogue::PEPPER.because(format!("{file}: {error}"))),
        },
        (None, secret) => secret.map(|secret| secret.as_bytes().to_vec()),
    };
    let expected = expected.map(str::as_bytes);
    if found.as_deref() == expected {
        return None;
    }
    let trimmed = found.as_deref().map(<[u8]>::trim_ascii_end);
    Some(if trimmed == expected {
        catalogue::PEPPER_NEWLINE.found()
    } else {
        catalogue::PEPPER.found()
    })
}

/// Whether passwords are enabled on one side only, although some users have one.
async fn passwords_off(
    connection: &mut PgConnection,
    database: &Database,
    config: &synapse_config::Config,
    mas: &Value,
) -> Result<Option<Finding>, MigrateError> {
    let kind = match (
        config.takes_passwords(),
        mas["passwords"]["enabled"] != false,
    ) {
        (true, false) => catalogue::PASSWORDS_OFF_IN_MAS,
        (false, true) => catalogue::PASSWORDS_OFF_IN_SYNAPSE,
        _ => return Ok(None),
    };
    let check = kind.check(
        "SELECT name FROM users
         WHERE password_hash <> '' AND appservice_id IS NULL AND deactivated = 0",
    );
    rows::run_check(check, connection, database, "").await
}

/// An upstream provider with which users log in.
struct Used {
    /// Its name in Synapse's database.
    name: String,
    /// Number of rows of all users. The import looks up the provider of each.
    rows: i64,
    /// Number of rows of people. The import links them to the provider.
    people: i64,
}

async fn used_providers(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Vec<Used>, MigrateError> {
    let used: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT e.auth_provider, count(*), count(*) FILTER (WHERE u.appservice_id IS NULL)
         FROM user_external_ids e LEFT JOIN users u ON u.name = e.user_id
         WHERE e.auth_provider <> 'oauth-delegated' GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .map_err(database.failed("cannot look for identity providers"))?;
    let used = used
        .into_iter()
        .map(|(name, rows, people)| Used { name, rows, people });
    Ok(used.collect())
}

/// The ids of the upstream providers in MAS's database, including disabled ones.
async fn providers_of_mas(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<BTreeSet<String>, MigrateError> {
    const TABLE: &str = "upstream_oauth_providers";
    if !server::may_read(connection, database, &[TABLE]).await? {
        return Ok(BTreeSet::new());
    }
    let ids: Vec<String> = sqlx::query_scalar(&format!(
        "SELECT upstream_oauth_provider_id::text FROM {TABLE}"
    ))
    .fetch_all(connection)
    .await
    .map_err(database.failed("cannot look for identity providers"))?;
    Ok(ids.into_iter().collect())
}

/// The upstream providers of both sides.
struct Providers<'a> {
    used: Vec<Used>,
    known: Vec<String>,
    of_mas: Option<&'a Vec<Value>>,
    in_database: BTreeSet<String>,
}

impl Providers<'_> {
    /// Whether MAS knows the upstream providers with which users log in.
    fn findings(&self) -> Vec<Finding> {
        let findings = self.used.iter().flat_map(|used| {
            let kinds = self.of(used).into_iter();
            kinds.map(|(kind, count)| Finding {
                count,
                ..kind.because(used.name.as_str())
            })
        });
        findings.collect()
    }

    /// The findings about one provider, each with the number of rows concerned.
    fn of(&self, used: &Used) -> Vec<(FindingKind, i64)> {
        let claims = self.of_mas.into_iter().flatten();
        let claims = claims.filter(|provider| provider["synapse_idp_id"] == used.name.as_str());
        let claims: Vec<&Value> = claims.collect();
        // If several providers claim it, the import uses the last one.
        let Some(last) = claims.last() else {
            return vec![(catalogue::PROVIDER_NOT_IN_MAS, used.rows)];
        };
        if !self.known.contains(&used.name) {
            return vec![(catalogue::PROVIDER_NOT_IN_SYNAPSE, used.rows)];
        }
        let disabled = last["enabled"] == false;
        let kept = last["id"].as_str().and_then(|id| id.parse::<Ulid>().ok());
        let kept = kept.is_some_and(|id| self.in_database.contains(&mas_state::uuid(id)));
        let found = [
            (catalogue::PROVIDER_DISABLED, disabled && !kept),
            (catalogue::PROVIDER_DISABLED_LATER, disabled && kept),
            (catalogue::PROVIDER_CLAIMED_TWICE, claims.len() > 1),
        ];
        let found = found.into_iter().filter(|(_, so)| *so && used.people > 0);
        found.map(|(kind, _)| (kind, used.people)).collect()
    }
}

/// Identifies a database: the start time and address of its server, and the database's OID.
async fn identity(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<(String, i64), MigrateError> {
    sqlx::query_as(
        "SELECT pg_postmaster_start_time()::text || coalesce(inet_server_addr()::text, ''),
           oid::bigint FROM pg_database WHERE datname = current_database()",
    )
    .fetch_one(connection)
    .await
    .map_err(database.failed("cannot read its identity"))
}
