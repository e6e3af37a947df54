//! What is wrong or noteworthy with rows of Synapse's database, found by one query each.
//!
//! The import reads the rows that [`mapping`](super::mapping) tells of, and stops at the first one
//! that it cannot take, or takes it and harms somebody. Each query gives a text that names a row.

use std::sync::Mutex;

use sqlx::{PgConnection, Row};

use super::{
    MigrateError,
    database::Database,
    findings::{Check, Finding, SAMPLES, Severity},
};
use Severity::{Blocker, Note, Warning};

fn check(
    id: &'static str,
    severity: Severity,
    query: impl Into<String>,
    meaning: &str,
    fix: &str,
) -> Check {
    Check {
        finding: Finding::one(id, severity, meaning, fix),
        query: query.into(),
    }
}

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
        .map_err(database.failed(&format!("cannot look for {}", check.finding.id)))?;
    tracing::debug!("{}: {:?}", check.finding.id, begun.elapsed());
    let count: i64 = row.get(0);
    Ok((count > 0).then(|| Finding {
        count,
        samples: row.get::<Option<Vec<String>>, _>(1).unwrap_or_default(),
        ..check.finding
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
        check(
            "wrong-server-name",
            Blocker,
            format!(
                "SELECT 'users: ' || name FROM users WHERE NOT {} AND NOT {WITH_COLON}
                 UNION ALL {}",
                own("name"),
                foreign_rows.join(" UNION ALL ")
            ),
            "These rows belong to another homeserver. The import stops at the first of them.",
            "Delete the rows, after you have looked where they come from.",
        ),
        check(
            "absent-user",
            Blocker,
            orphans.join(" UNION ALL "),
            "These rows belong to users that are not in `users`. The import stops at the first of them.",
            "Delete them: nobody can use them. For example: DELETE FROM devices d WHERE NOT EXISTS \
             (SELECT FROM users u WHERE u.name = d.user_id);",
        ),
        check(
            "appservice-user-with-colon",
            Blocker,
            stuck.join(" UNION ALL "),
            "These rows belong to an application service's user whose localpart contains a colon. The \
             import leaves such users out, and stops when it comes upon a row of theirs.",
            "Delete the rows. The application service makes its sessions anew.",
        ),
        check(
            "appservice-user-with-colon-left-out",
            Note,
            format!("SELECT name FROM users WHERE {WITH_COLON}"),
            "These users of application services have a colon in their localpart. MAS knows no user of \
             an application service, so nothing is lost.",
            "Nothing.",
        ),
    ]
}

/// Rows that MAS's own tables refuse.
fn tables() -> Vec<Check> {
    vec![
        check(
            "creation-time-missing",
            Blocker,
            "SELECT name FROM users WHERE creation_ts IS NULL",
            "Nobody knows when these users were created. The import stops at the first of them.",
            "UPDATE users SET creation_ts = 0 WHERE creation_ts IS NULL;",
        ),
        check(
            "token-on-hidden-device",
            Blocker,
            "SELECT t.user_id || ' ' || t.device_id FROM access_tokens t
             JOIN devices d USING (user_id, device_id) JOIN users u ON u.name = t.user_id
             WHERE t.puppets_user_id IS NULL
               AND (d.hidden IS NULL OR d.hidden OR d.device_id = 'guest_device')
               AND u.appservice_id IS NULL AND u.deactivated = 0 AND u.is_guest = 0",
            "These tokens belong to devices that the import leaves out, and it fails at its very end \
             because of them.",
            "Delete the tokens, or set `hidden` to false where the device is real.",
        ),
        check(
            "shared-refresh-token",
            Blocker,
            "SELECT r.user_id || ' refresh token ' || r.id FROM refresh_tokens r
             JOIN devices USING (user_id, device_id)
             JOIN access_tokens a ON a.refresh_token_id = r.id AND a.user_id = r.user_id
               AND a.device_id = r.device_id
             GROUP BY r.user_id, r.id HAVING count(*) > 1",
            "Several access tokens share one refresh token, which MAS's tables refuse. The import fails \
             at its very end.",
            "Delete all but the newest access token of each.",
        ),
        check(
            "delegated-before",
            Blocker,
            "SELECT user_id || ' ' || auth_provider FROM user_external_ids
             WHERE auth_provider = 'oauth-delegated'",
            "These rows were left by an earlier delegation of this homeserver.",
            "If MAS is not in use: DELETE FROM user_external_ids WHERE auth_provider = \
             'oauth-delegated';",
        ),
    ]
}

/// Times that MAS cannot keep: it counts in nanoseconds, which end in the year 2262.
fn times() -> Vec<Check> {
    let late = |column: &str| format!("{column} NOT BETWEEN 0 AND 9223372036854");
    vec![check(
        "time-out-of-range",
        Warning,
        format!(
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
        ),
        "These times lie beyond what MAS can keep, and wrap around: a token that should be valid until \
         the year 9999 has expired in the past.",
        "Correct the times; a token that never expires has NULL in valid_until_ms.",
    )]
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
        check(
            "device-id-length",
            Warning,
            "SELECT user_id || ' ' || left(device_id, 40) FROM devices
             WHERE NOT hidden AND length(device_id) NOT BETWEEN 1 AND 255",
            "Synapse will answer 500 to the sessions of devices with an empty or a very long id.",
            "Log these devices out beforehand.",
        ),
        check(
            "token-form",
            Warning,
            of("t.puppets_user_id IS NULL AND t.token !~ '^(syt_|MDA)'
                AND u.appservice_id IS NULL AND u.deactivated = 0 AND u.is_guest = 0"),
            "MAS does not take tokens of this form for Synapse's. These sessions end.",
            "Nothing; their users log in anew.",
        ),
        check(
            "token-of-puppet",
            Note,
            of("t.puppets_user_id IS NOT NULL"),
            "Tokens with which an administrator acts for another user are not carried over.",
            "Get new ones from MAS where they are needed.",
        ),
        check(
            "token-without-device",
            Note,
            of(
                "t.puppets_user_id IS NULL AND t.device_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM devices d WHERE d.user_id = t.user_id AND d.device_id = t.device_id)",
            ),
            "The devices of these tokens do not exist any more. They are not carried over.",
            "Nothing.",
        ),
        check(
            "token-superseded",
            Note,
            "SELECT r.user_id || ' refresh token ' || r.id FROM refresh_tokens r
             JOIN access_tokens n ON n.refresh_token_id = r.next_token_id WHERE n.used",
            "These refresh tokens have been used, and so has what came of them. They are not carried \
             over.",
            "Nothing.",
        ),
        check(
            "refresh-token-alone",
            Note,
            "SELECT r.user_id || ' refresh token ' || r.id FROM refresh_tokens r
             WHERE NOT EXISTS (SELECT FROM access_tokens a JOIN devices d USING (user_id, device_id)
               WHERE a.refresh_token_id = r.id)",
            "These refresh tokens have no access token or no device any more. They are not carried over.",
            "Nothing.",
        ),
        check(
            "sessions-of-deactivated",
            Note,
            "SELECT d.user_id || ' ' || d.device_id FROM devices d JOIN users u ON u.name = d.user_id
             WHERE u.deactivated <> 0 AND u.appservice_id IS NULL AND NOT d.hidden",
            "These devices belong to deactivated users. They and their tokens are not carried over.",
            "Nothing.",
        ),
        check(
            "sessions-of-appservices",
            Note,
            "SELECT d.user_id || ' ' || d.device_id FROM devices d JOIN users u ON u.name = d.user_id
             WHERE u.appservice_id IS NOT NULL AND NOT d.hidden",
            "These devices belong to users of application services, which MAS does not know. They stay in \
             Synapse; an application service that has logged in for them has to use MSC4190 from now on.",
            "Turn MSC4190 on in application services that encrypt.",
        ),
        check(
            "refresh-token-expired",
            Warning,
            "SELECT r.user_id || ' refresh token ' || r.id FROM refresh_tokens r
             JOIN access_tokens a ON a.refresh_token_id = r.id
             WHERE r.expiry_ts < extract(epoch FROM now()) * 1000
               OR r.ultimate_session_expiry_ts < extract(epoch FROM now()) * 1000",
            "MAS does not know when refresh tokens expire, so these work again.",
            "Delete them.",
        ),
    ]
}

/// What becomes of people.
fn people() -> Vec<Check> {
    vec![
        check(
            "empty-password",
            Warning,
            "SELECT name FROM users WHERE password_hash = '' AND appservice_id IS NULL",
            "MAS answers with an internal error when these users log in with a password.",
            "UPDATE users SET password_hash = NULL WHERE password_hash = '';",
        ),
        check(
            "guests",
            Warning,
            "SELECT name FROM users WHERE is_guest <> 0 AND appservice_id IS NULL",
            "Guests are carried over without their devices and tokens, so they lose their access.",
            "Nothing, if that is all right.",
        ),
        check(
            "locked",
            Warning,
            "SELECT name FROM users WHERE locked AND appservice_id IS NULL",
            "Clients of locked users are told that their token is unknown, not that the account is \
             locked, and forget their keys.",
            "Unlock them beforehand, or tell them to back their keys up.",
        ),
        check(
            "no-way-to-log-in",
            Warning,
            "SELECT name FROM users u WHERE coalesce(password_hash, '') = ''
               AND appservice_id IS NULL AND deactivated = 0 AND is_guest = 0
               AND NOT EXISTS (SELECT FROM user_external_ids e WHERE e.user_id = u.name)",
            "These users have neither a password nor an account at an identity provider. Their sessions \
             go on, but they cannot log in again.",
            "Give them a password with `mas-cli manage set-password` afterwards.",
        ),
        check(
            "not-approved",
            Warning,
            "SELECT name FROM users WHERE NOT approved AND appservice_id IS NULL AND deactivated = 0",
            "These users wait for an administrator's approval, which MAS does not know: they will be able \
             to log in.",
            "Approve or deactivate them beforehand, or lock them with `mas-cli manage lock-user` \
             afterwards.",
        ),
        check(
            "registration-tokens",
            Note,
            "SELECT 'a token for ' || coalesce((uses_allowed - completed)::text, 'any number of')
               || ' more users' FROM registration_tokens
             WHERE coalesce(uses_allowed > completed, true)
               AND coalesce(expiry_time > extract(epoch FROM now()) * 1000, true)",
            "Registration tokens are not carried over.",
            "Make new ones with `mas-cli manage issue-user-registration-token`.",
        ),
        check(
            "localparts-by-case",
            Warning,
            "SELECT string_agg(name, ' ' ORDER BY name) FROM users WHERE appservice_id IS NULL
             GROUP BY lower(name) HAVING count(*) > 1",
            "These users differ only by case. They are carried over, but have to log in with exactly \
             their own spelling.",
            "Tell them.",
        ),
        check(
            "email-of-several",
            Warning,
            "SELECT min(lower(t.address)) || ': ' || string_agg(DISTINCT t.user_id, ' ')
             FROM user_threepids t JOIN users u ON u.name = t.user_id
             WHERE t.medium = 'email' AND u.appservice_id IS NULL
             GROUP BY lower(t.address) HAVING count(DISTINCT t.user_id) > 1",
            "Several accounts have the same address, by case or exactly. None of them can log in or \
             recover a password by it.",
            "Leave the address with one of them.",
        ),
        check(
            "third-party-ids",
            Warning,
            "SELECT t.user_id || ' ' || t.medium || ' ' || t.address FROM user_threepids t
             JOIN users u ON u.name = t.user_id
             WHERE t.medium <> 'email' AND u.appservice_id IS NULL",
            "MAS keeps these, phone numbers for example, but nobody can log in by them.",
            "Nothing.",
        ),
    ]
}
