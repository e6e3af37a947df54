//! Whether a homeserver is ready to be moved: everything that would stop the import, or hurt
//! somebody afterwards, found while Synapse runs and without changing anything.

use std::{fmt, fs, path::Path};

use serde_json::{Value, json};
use sqlx::{PgConnection, Row};

use super::{
    MigrateError,
    database::Database,
    findings::{Finding, Severity},
    host,
    inputs::Inputs,
    rows, server, synapse,
};
use Severity::{Blocker, Note, Warning};

/// Everything found, what matters most first.
///
/// # Errors
///
/// If a configuration or a database cannot be read: then nothing is known.
pub async fn inspect(inputs: &Inputs) -> Result<Vec<Finding>, MigrateError> {
    let (synapse, mas) = (inputs.synapse()?, inputs.mas()?);
    let server_name = synapse.server_name()?;
    let mut findings = settings(&synapse, &mas, server_name);
    findings.extend(passwords(&synapse, &mas)?);
    findings.extend(host::bridges(&synapse));
    findings.extend(host::versions(inputs, &synapse).await);
    findings.extend(host::units(inputs).await);
    findings.extend(host::superuser(inputs).await?);
    if inputs.synapse_database_uri.is_none() && synapse.is_sqlite() {
        findings.push(sqlite());
        return Ok(sorted(findings));
    }

    let (of_synapse, of_mas) = (inputs.synapse_database()?, inputs.mas_database()?);
    let (mut reader, mut writer) = tokio::try_join!(of_synapse.snapshot(), of_mas.snapshot())?;
    let outdated = server::outdated(&mut reader, &of_synapse).await?;
    let is_readable = outdated.is_none();
    if let Some(outdated) = outdated {
        findings.push(outdated);
    } else {
        findings.extend(host::room(inputs, &mut reader, &of_synapse).await?);
        findings.extend(server::findings(&mut reader, &of_synapse).await?);
        findings.extend(rows::findings(&of_synapse, server_name).await?);
        findings.extend(providers(&mut reader, &of_synapse, &synapse, &mas).await?);
    }
    if identity(&mut reader, &of_synapse).await? == identity(&mut writer, &of_mas).await? {
        findings.push(Finding::one(
            "same-database",
            Blocker,
            "Both configurations lead to the same database, and both have a table named `users`.",
            "Make a database of MAS's own.",
        ));
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
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.id));
    findings
}

fn sqlite() -> Finding {
    Finding::one(
        "sqlite",
        Blocker,
        "Synapse's database is SQLite, and MAS can take over from PostgreSQL only.",
        "Move Synapse's data with `synapse_port_db` first.",
    )
}

fn on(config: &synapse::Config, path: &str) -> bool {
    config.get(path) == Some(&Value::Bool(true))
}

/// What the two configurations say.
fn settings(config: &synapse::Config, mas: &Value, server_name: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |found: bool, id, severity, meaning: &str, fix: &str| {
        findings.extend(found.then(|| Finding::one(id, severity, meaning, fix)));
    };
    let homeserver = mas["matrix"]["homeserver"]
        .as_str()
        .unwrap_or("localhost:8008");
    add(
        homeserver != server_name,
        "server-name",
        Blocker,
        &format!("MAS is for {homeserver}, and Synapse is {server_name}."),
        "Set `matrix.homeserver` of MAS to Synapse's `server_name`.",
    );
    add(
        on(config, "allow_guest_access"),
        "guest-access",
        Blocker,
        "MAS knows no new guests, and the import refuses to begin.",
        "Set `allow_guest_access` to false.",
    );
    add(
        on(config, "enable_3pid_changes"),
        "third-party-id-changes",
        Blocker,
        "The import refuses to begin while `enable_3pid_changes` is written out as true.",
        "Remove it.",
    );
    add(
        on(config, "login_via_existing_session.enabled"),
        "login-via-existing-session",
        Blocker,
        "The import refuses to begin while `login_via_existing_session` is enabled.",
        "Disable it. MAS has a device code grant for the same purpose.",
    );
    add(
        on(config, "enable_registration")
            && mas["account"]["password_registration_enabled"] != true,
        "registration",
        Warning,
        "People can register now, and will not be able to.",
        "Set `account.password_registration_enabled` of MAS, if they should.",
    );
    add(
        config.get("user_consent").is_some() && mas["branding"]["tos_uri"].is_null(),
        "consent",
        Warning,
        "Synapse asks for consent to terms, and MAS will show none.",
        "Set `branding.tos_uri` of MAS.",
    );
    add(
        on(config, "enable_registration_captcha") && mas["captcha"]["service"].is_null(),
        "captcha",
        Warning,
        "Registration has a CAPTCHA now, and will have none.",
        "Configure `captcha` of MAS.",
    );
    findings.extend(elsewhere(config));
    findings.extend(nulls(config));
    findings
}

/// Who else logs people in.
fn elsewhere(config: &synapse::Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |found: bool, id, meaning: &str, fix: &str| {
        findings.extend(found.then(|| Finding::one(id, Warning, meaning, fix)));
    };
    for (section, name) in [("cas_config", "CAS"), ("jwt_config", "JWT")] {
        add(
            on(config, &format!("{section}.enabled")),
            "external-login",
            &format!("People log in by {name}, which MAS does not know."),
            "Put a provider such as Dex between it and `upstream_oauth2.providers` of MAS.",
        );
    }
    let saml = ["sp_config", "config_path"].map(|key| format!("saml2_config.{key}"));
    add(
        saml.iter().any(|path| config.get(path).is_some())
            && config.get("saml2_config.enabled") != Some(&json!(false)),
        "external-login",
        "People log in by SAML, which MAS does not know.",
        "Put a provider such as Dex between it and `upstream_oauth2.providers` of MAS.",
    );
    let custom = config.get("password_providers").and_then(Value::as_array);
    add(
        custom.is_some_and(|providers| !providers.is_empty())
            || config.get("password_config.localdb_enabled") == Some(&json!(false)),
        "password-provider",
        "Passwords are checked by something that MAS cannot ask, such as LDAP.",
        "Put a provider such as Dex in front of it, in `upstream_oauth2.providers` of MAS.",
    );
    let modules = config.get("modules").and_then(Value::as_array);
    let modules = modules.into_iter().flatten();
    let modules: Vec<String> = modules
        .filter_map(|module| module["module"].as_str().map(str::to_owned))
        .collect();
    if !modules.is_empty() {
        findings.push(
            Finding::one(
                "modules",
                Note,
                "Synapse loads these modules. Those that check passwords or decide on registrations and \
                 logins are not asked any more, and Synapse refuses to start with the former.",
                "Look what they do, and remove those that MAS takes the place of.",
            )
            .about(modules),
        );
    }
    findings
}

/// Sections that Synapse takes for absent, and on which the import stumbles.
fn nulls(config: &synapse::Config) -> Option<Finding> {
    const SECTIONS: &[&str] = &[
        "cas_config",
        "jwt_config",
        "login_via_existing_session",
        "password_config",
        "saml2_config",
    ];
    let empty = |name: &&&str| config.value.get(**name).is_some_and(Value::is_null);
    let found: Vec<String> = SECTIONS
        .iter()
        .filter(empty)
        .map(|name| (*name).to_owned())
        .collect();
    (!found.is_empty()).then(|| {
        Finding::one(
            "empty-section",
            Note,
            "These sections of Synapse's configuration are empty. Synapse does not mind; mas-cli cannot \
             read such a file. `syn2mas` hands it one without them.",
            "Nothing, unless you run mas-cli yourself.",
        )
        .about(found)
    })
}

/// Whether MAS will take the passwords that Synapse takes.
fn passwords(config: &synapse::Config, mas: &Value) -> Result<Vec<Finding>, MigrateError> {
    let blocker = |id, meaning: &str, fix: &str| Finding::one(id, Blocker, meaning, fix);
    let written = config.get("password_config.pepper").and_then(Value::as_str);
    let schemes = mas["passwords"]["schemes"].as_array();
    let scheme = schemes
        .into_iter()
        .flatten()
        .find(|scheme| scheme["version"] == 1);
    let Some(scheme) = scheme.filter(|scheme| scheme["algorithm"] == "bcrypt") else {
        return Ok(vec![blocker(
            "password-scheme",
            "Passwords come over with version 1, which has to be bcrypt in MAS.",
            "Set `passwords.schemes` of MAS to [ { version = 1; algorithm = \"bcrypt\"; \
             unicode_normalization = true; } { version = 2; algorithm = \"argon2id\"; } ], with \
             Synapse's pepper as `secret_file` of the first.",
        )]);
    };
    let mut findings = Vec::new();
    if scheme["unicode_normalization"] != true {
        findings.push(blocker(
            "unicode-normalization",
            "Synapse normalizes passwords before it hashes them. Without the same in MAS, passwords \
             with letters such as ä will be wrong.",
            "Set `unicode_normalization` of the password scheme with version 1 to true.",
        ));
    }
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
    if written == Some("") {
        findings.push(Finding::one(
            "empty-pepper",
            Note,
            "Synapse's pepper is the empty text, which is none for Synapse and one for mas-cli. `syn2mas` \
             hands it a configuration without it.",
            "Nothing, unless you run mas-cli yourself.",
        ));
    }
    if !same && trimmed == expected.map(str::as_bytes) {
        findings.push(blocker(
            "pepper-newline",
            "The file with the pepper ends with a newline, which MAS takes for a part of it.",
            "Write the file without a newline.",
        ));
    } else if !same {
        findings.push(blocker(
            "pepper",
            "MAS's pepper is not Synapse's, so no password would be right.",
            "Put Synapse's `password_config.pepper` into the file that `secret_file` of the password \
             scheme with version 1 names.",
        ));
    }
    Ok(findings)
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
            Some(provider) if provider["enabled"] == false => Some((
                "provider-disabled",
                "The provider that takes this one's place is disabled in MAS. The import fails at its \
                 very end.",
                "Enable it.",
            )),
            Some(_) if known.contains(&name) => None,
            Some(_) => Some((
                "provider-not-in-synapse",
                "People have accounts at a provider that Synapse's configuration does not have, so the \
                 import refuses to begin.",
                "Give the import Synapse's configuration as it was with the provider.",
            )),
            None => Some((
                "provider-not-in-mas",
                "People log in by this provider, and MAS has none that takes its place.",
                "Give a provider in `upstream_oauth2.providers` of MAS this name as `synapse_idp_id`.",
            )),
        };
        if let Some((id, meaning, fix)) = found {
            findings.push(Finding {
                count: users,
                samples: vec![name],
                ..Finding::one(id, Blocker, meaning, fix)
            });
        }
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
        MasState::Partial => Some(Finding::one(
            "import-interrupted",
            Note,
            "An import into this database was interrupted. The next one begins anew.",
            "Do not take another version of MAS before it is done.",
        )),
        MasState::Inconsistent => Some(Finding::one(
            "mas-inconsistent",
            Blocker,
            "An import into this database was interrupted in a way that cannot be undone.",
            "Drop MAS's database and make it anew.",
        )),
        MasState::Populated(tables) => Some(
            Finding::one(
                "mas-not-empty",
                Blocker,
                "MAS's database has users or sessions already, and the import refuses to begin.",
                "If they are not needed, make the database anew. If this homeserver was migrated \
                 before, there is nothing to do.",
            )
            .about(tables),
        ),
    }
}
