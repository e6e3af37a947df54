//! What is wrong or noteworthy with rows of Synapse's database, found by one query each.
//!
//! The import reads the rows that [`verify`](super::verify) tells of, and stops at the first one
//! that it cannot take, or takes it and harms somebody. Each query gives a text that names a row.

use std::sync::Mutex;

use sqlx::{PgConnection, Row};

use super::{
    MigrateError, catalogue,
    database::Database,
    findings::{Check, Finding, SAMPLES},
};

/// Looks at Synapse's database, over two connections at once.
///
/// # Errors
///
/// If it cannot be read.
pub async fn findings(
    database: &Database,
    server_name: &str,
) -> Result<Vec<Finding>, MigrateError> {
    let checks = [identities(), tables(), times(), sessions(), people()];
    let left = Mutex::new(checks.into_iter().flatten());
    let (one, other) = tokio::try_join!(
        work_off(&left, database, server_name),
        work_off(&left, database, server_name),
    )?;
    Ok([one, other].concat())
}

/// Makes one check after the other, until none is left.
async fn work_off(
    left: &Mutex<impl Iterator<Item = Check>>,
    database: &Database,
    server_name: &str,
) -> Result<Vec<Finding>, MigrateError> {
    let next = || left.lock().ok()?.next();
    let mut connection = database.snapshot().await?;
    let mut findings = Vec::new();
    while let Some(check) = next() {
        findings.extend(made(check, &mut connection, database, server_name).await?);
    }
    Ok(findings)
}

async fn made(
    check: Check,
    connection: &mut PgConnection,
    database: &Database,
    server_name: &str,
) -> Result<Option<Finding>, MigrateError> {
    let sql = format!(
        "SELECT count(*), (array_agg(sample ORDER BY sample))[1:{SAMPLES}]
         FROM ({}) AS rows (sample) WHERE $1::text IS NOT NULL",
        check.query
    );
    let begun = std::time::Instant::now();
    let row = sqlx::query(&sql)
        .bind(server_name)
        .fetch_one(connection)
        .await
        .map_err(database.failed(&format!("cannot look for {}", check.kind.id)))?;
    tracing::debug!("{}: {:?}", check.kind.id, begun.elapsed());
    let count: i64 = row.get(0);
    Ok((count > 0).then(|| Finding {
        kind: check.kind,
        count,
        samples: row.get::<Option<Vec<String>>, _>(1).unwrap_or_default(),
    }))
}

/// The rows that the import reads of each table, of those that meet a condition on `t`, as columns
/// `user_id` and `sample`. Few do, so what else decides is looked up only for them.
fn read(condition: &str) -> [String; 5] {
    let table = |name: &str, sample: &str, more: &str| {
        format!(
            "SELECT t.user_id, '{name}: ' || t.user_id || {sample} AS sample
             FROM (SELECT * FROM {name} t WHERE {condition} OFFSET 0) t {more}"
        )
    };
    [
        table("user_threepids", "' ' || t.medium || ' ' || t.address", ""),
        table("user_external_ids", "' ' || t.auth_provider", ""),
        table(
            "devices",
            "' ' || t.device_id",
            "WHERE NOT t.hidden AND t.device_id <> 'guest_device'",
        ),
        table(
            "access_tokens",
            "' token ' || t.id",
            "LEFT JOIN devices d USING (user_id, device_id)
             WHERE t.puppets_user_id IS NULL AND t.refresh_token_id IS NULL
               AND (t.device_id IS NULL OR d.device_id IS NOT NULL)",
        ),
        table(
            "refresh_tokens",
            "' refresh token ' || t.id",
            "JOIN devices d USING (user_id, device_id)",
        ),
    ]
}

/// Whether a column holds a user id of this homeserver, as the import takes it apart.
fn own(column: &str) -> String {
    format!(
        "(left({column}, 1) = '@' AND position(':' IN {column}) > 0
          AND substr({column}, position(':' IN {column}) + 1) = $1)"
    )
}

/// An application service's user whose localpart contains a colon, which the import leaves out.
const WITH_COLON: &str = "(appservice_id IS NOT NULL AND name LIKE '%:' || $1
    AND position(':' IN left(name, length(name) - length($1) - 1)) > 0)";

/// Users who are not the homeserver's own, or not there.
fn identities() -> Vec<Check> {
    // Patterns cost less than taking every id apart.
    let suspicious = "(t.user_id NOT LIKE '@%:' || $1 OR t.user_id LIKE '%:%:%')";
    let foreign_rows = read(suspicious).map(|rows| {
        format!(
            "SELECT sample FROM ({rows}) r LEFT JOIN users u ON u.name = r.user_id
             WHERE NOT {} AND NOT coalesce({WITH_COLON}, false)",
            own("r.user_id")
        )
    });
    let orphans = read("NOT EXISTS (SELECT FROM users u WHERE u.name = t.user_id)")
        .map(|rows| format!("SELECT sample FROM ({rows}) r WHERE {}", own("r.user_id")));
    let stuck = read(&format!(
        "t.user_id IN (SELECT name FROM users WHERE {WITH_COLON})"
    ))
    .map(|rows| format!("SELECT sample FROM ({rows}) r"));
    vec![
        catalogue::WRONG_SERVER_NAME.check(format!(
            "SELECT 'users: ' || name FROM users WHERE NOT {} AND NOT {WITH_COLON}
                 UNION ALL {}",
            own("name"),
            foreign_rows.join(" UNION ALL ")
        )),
        catalogue::ABSENT_USER.check(orphans.join(" UNION ALL ")),
        catalogue::APPSERVICE_USER_WITH_COLON.check(stuck.join(" UNION ALL ")),
        catalogue::APPSERVICE_USER_WITH_COLON_LEFT_OUT
            .check(format!("SELECT name FROM users WHERE {WITH_COLON}")),
    ]
}

/// Rows that MAS's own tables refuse.
fn tables() -> Vec<Check> {
    vec![
        catalogue::CREATION_TIME_MISSING.check("SELECT name FROM users WHERE creation_ts IS NULL"),
        catalogue::TOKEN_ON_HIDDEN_DEVICE.check(
            "SELECT t.user_id || ' ' || t.device_id FROM access_tokens t
             JOIN devices d USING (user_id, device_id) JOIN users u ON u.name = t.user_id
             WHERE t.puppets_user_id IS NULL
               AND (d.hidden IS NULL OR d.hidden OR d.device_id = 'guest_device')
               AND u.appservice_id IS NULL AND u.deactivated = 0 AND u.is_guest = 0",
        ),
        catalogue::SHARED_REFRESH_TOKEN.check(
            "SELECT r.user_id || ' refresh token ' || r.id FROM refresh_tokens r
             JOIN devices USING (user_id, device_id)
             JOIN access_tokens a ON a.refresh_token_id = r.id AND a.user_id = r.user_id
               AND a.device_id = r.device_id
             GROUP BY r.user_id, r.id HAVING count(*) > 1",
        ),
        catalogue::DELEGATED_BEFORE.check(
            "SELECT user_id || ' ' || auth_provider FROM user_external_ids
             WHERE auth_provider = 'oauth-delegated'",
        ),
    ]
}

/// Times that MAS cannot keep: it counts in nanoseconds, which end in the year 2262.
fn times() -> Vec<Check> {
    let late = |column: &str| format!("{column} NOT BETWEEN 0 AND 9223372036854");
    vec![catalogue::TIME_OUT_OF_RANGE.check(format!(
        "SELECT 'users: ' || name FROM users
             WHERE appservice_id IS NULL AND creation_ts NOT BETWEEN 0 AND 9223372036
             UNION ALL SELECT 'user_threepids: ' || user_id || ' ' || address FROM user_threepids
             WHERE {}
             UNION ALL SELECT 'devices: ' || user_id || ' ' || device_id FROM devices WHERE {}
             UNION ALL SELECT 'access_tokens: ' || user_id || ' token ' || id FROM access_tokens
             WHERE {} OR {}",
        late("added_at"),
        late("last_seen"),
        late("valid_until_ms"),
        late("last_validated")
    ))]
}

/// Sessions that will not go on as they were.
fn sessions() -> Vec<Check> {
    let of = |condition: &str| {
        format!(
            "SELECT t.user_id || ' token ' || t.id FROM access_tokens t
             JOIN users u ON u.name = t.user_id WHERE {condition}"
        )
    };
    vec![
        catalogue::DEVICE_ID_LENGTH.check("SELECT user_id || ' ' || left(device_id, 40) FROM devices
             WHERE NOT hidden AND length(device_id) NOT BETWEEN 1 AND 255"),
        catalogue::TOKEN_FORM.check(of("t.puppets_user_id IS NULL AND t.token !~ '^(syt_|MDA)'
                AND u.appservice_id IS NULL AND u.deactivated = 0 AND u.is_guest = 0")),
        catalogue::TOKEN_OF_PUPPET.check(of("t.puppets_user_id IS NOT NULL")),
        catalogue::TOKEN_WITHOUT_DEVICE.check(of(
                "t.puppets_user_id IS NULL AND t.device_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM devices d WHERE d.user_id = t.user_id AND d.device_id = t.device_id)",
            )),
        catalogue::TOKEN_SUPERSEDED.check("SELECT r.user_id || ' refresh token ' || r.id FROM refresh_tokens r
             JOIN access_tokens n ON n.refresh_token_id = r.next_token_id WHERE n.used"),
        catalogue::REFRESH_TOKEN_ALONE.check("SELECT r.user_id || ' refresh token ' || r.id FROM refresh_tokens r
             WHERE NOT EXISTS (SELECT FROM access_tokens a JOIN devices d USING (user_id, device_id)
               WHERE a.refresh_token_id = r.id)"),
        catalogue::SESSIONS_OF_DEACTIVATED.check("SELECT d.user_id || ' ' || d.device_id FROM devices d JOIN users u ON u.name = d.user_id
             WHERE u.deactivated <> 0 AND u.appservice_id IS NULL AND NOT d.hidden"),
        catalogue::SESSIONS_OF_APPSERVICES.check("SELECT d.user_id || ' ' || d.device_id FROM devices d JOIN users u ON u.name = d.user_id
             WHERE u.appservice_id IS NOT NULL AND NOT d.hidden"),
        catalogue::REFRESH_TOKEN_EXPIRED.check("SELECT r.user_id || ' refresh token ' || r.id FROM refresh_tokens r
             JOIN access_tokens a ON a.refresh_token_id = r.id
             WHERE r.expiry_ts < extract(epoch FROM now()) * 1000
               OR r.ultimate_session_expiry_ts < extract(epoch FROM now()) * 1000"),
    ]
}

/// What becomes of people.
fn people() -> Vec<Check> {
    vec![
        catalogue::EMPTY_PASSWORD.check("SELECT name FROM users WHERE password_hash = '' AND appservice_id IS NULL"),
        catalogue::GUESTS.check("SELECT name FROM users WHERE is_guest <> 0 AND appservice_id IS NULL"),
        catalogue::LOCKED.check("SELECT name FROM users WHERE locked AND appservice_id IS NULL"),
        catalogue::NO_WAY_TO_LOG_IN.check("SELECT name FROM users u WHERE coalesce(password_hash, '') = ''
               AND appservice_id IS NULL AND deactivated = 0 AND is_guest = 0
               AND NOT EXISTS (SELECT FROM user_external_ids e WHERE e.user_id = u.name)"),
        catalogue::NOT_APPROVED.check("SELECT name FROM users WHERE NOT approved AND appservice_id IS NULL AND deactivated = 0"),
        catalogue::REGISTRATION_TOKENS.check("SELECT 'a token for ' || coalesce((uses_allowed - completed)::text, 'any number of')
               || ' more users' FROM registration_tokens
             WHERE coalesce(uses_allowed > completed, true)
               AND coalesce(expiry_time > extract(epoch FROM now()) * 1000, true)"),
        catalogue::LOCALPARTS_BY_CASE.check("SELECT string_agg(name, ' ' ORDER BY name) FROM users WHERE appservice_id IS NULL
             GROUP BY lower(name) HAVING count(*) > 1"),
        catalogue::EMAIL_OF_SEVERAL.check("SELECT min(lower(t.address)) || ': ' || string_agg(DISTINCT t.user_id, ' ')
             FROM user_threepids t JOIN users u ON u.name = t.user_id
             WHERE t.medium = 'email' AND u.appservice_id IS NULL
             GROUP BY lower(t.address) HAVING count(DISTINCT t.user_id) > 1"),
        catalogue::THIRD_PARTY_IDS.check("SELECT t.user_id || ' ' || t.medium || ' ' || t.address FROM user_threepids t
             JOIN users u ON u.name = t.user_id
             WHERE t.medium <> 'email' AND u.appservice_id IS NULL"),
    ]
}
