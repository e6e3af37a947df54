//! Finds what a rollback would lose: rows of MAS's database that do not come from the import.

use serde::Serialize;
use sqlx::{Connection, Row};

use crate::migrate::{MigrateError, postgres::connection::Database, preflight::finding::SAMPLES};

/// One kind of data that a rollback would lose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// The kind, for example `sessions`.
    pub what: &'static str,
    /// The number of rows, at least 1.
    pub count: i64,
    /// Up to five rows, for example `alice DEVICEID`.
    pub samples: Vec<String>,
    /// The consequence for these users, as a sentence.
    pub meaning: &'static str,
}

/// Kind, query and consequence. The query returns one text for each row; `$1` is the time of the cutover.
const QUERIES: &[(&str, &str, &str)] = &[
    (
        "users",
        "SELECT username FROM users WHERE created_at > $1",
        "They have registered since. Synapse keeps the accounts, without a way to log in.",
    ),
    (
        "passwords",
        "SELECT u.username FROM user_passwords p JOIN users u USING (user_id)
         WHERE p.created_at > $1 AND p.upgraded_from_id IS NULL AND u.created_at <= $1",
        "They have changed their password since. The old one will be right again.",
    ),
    (
        "sessions",
        "SELECT u.username || coalesce(' ' || s.device_id, '') FROM compat_sessions s
         JOIN users u USING (user_id) WHERE s.created_at > $1 AND s.finished_at IS NULL
         UNION ALL SELECT u.username || coalesce(' ' || substring(
             array_to_string(s.scope_list, ' ') FROM 'device:([^ ]+)'), '')
         FROM oauth2_sessions s JOIN users u USING (user_id)
         WHERE s.created_at > $1 AND s.finished_at IS NULL",
        "They have logged in since, and will be logged out.",
    ),
    (
        "refreshed sessions",
        "SELECT DISTINCT u.username || coalesce(' ' || s.device_id, '') FROM compat_access_tokens t
         JOIN compat_sessions s USING (compat_session_id) JOIN users u USING (user_id)
         WHERE t.created_at > $1 AND s.created_at <= $1 AND s.finished_at IS NULL",
        "Their clients have exchanged their tokens since, and will be logged out.",
    ),
    (
        "browser sessions",
        "SELECT u.username FROM user_sessions s JOIN users u USING (user_id)
         WHERE s.created_at > $1 AND s.finished_at IS NULL",
        "They are logged in to MAS's own pages, which will be gone.",
    ),
    (
        "emails",
        "SELECT u.username || ' ' || e.email FROM user_emails e JOIN users u USING (user_id)
         WHERE e.created_at > $1 AND u.created_at <= $1",
        "They have added the address since.",
    ),
    (
        "upstream links",
        "SELECT coalesce(u.username || ' ', '') || l.subject FROM upstream_oauth_links l
         LEFT JOIN users u USING (user_id) WHERE l.created_at > $1
           AND (u.created_at IS NULL OR u.created_at <= $1)",
        "They have connected an account at an identity provider since.",
    ),
    (
        "locked users",
        "SELECT username FROM users WHERE locked_at > $1",
        "They were locked since, and will not be locked any more.",
    ),
];

/// Finds what was added to MAS's database after `cut_over` (RFC 3339), most important kind first. Empty
/// if nobody has used MAS yet.
///
/// # Errors
///
/// If the database cannot be read.
pub async fn since(database: &Database, cut_over: &str) -> Result<Vec<Loss>, MigrateError> {
    let mut connection = database.snapshot().await?;
    let mut losses = Vec::new();
    for (what, query, meaning) in QUERIES {
        let sql = format!(
            "SELECT count(*), (array_agg(sample ORDER BY sample))[1:{SAMPLES}]
             FROM ({}) AS rows (sample)",
            query.replace("$1", "$1::timestamptz")
        );
        let row = sqlx::query(&sql)
            .bind(cut_over)
            .fetch_one(&mut connection)
            .await
            .map_err(database.failed(&format!("cannot look for new {what}")))?;
        let count: i64 = row.get(0);
        if count > 0 {
            let samples: Option<Vec<String>> = row.get(1);
            losses.push(Loss {
                what,
                count,
                samples: samples.unwrap_or_default(),
                meaning,
            });
        }
    }
    Ok(losses)
}

/// Devices that exist in Synapse because of logins through MAS after `cut_over`, as (localpart, device
/// ID).
///
/// # Errors
///
/// If the database cannot be read.
pub async fn devices_since(
    database: &Database,
    cut_over: &str,
) -> Result<Vec<(String, String)>, MigrateError> {
    let mut connection = database.snapshot().await?;
    sqlx::query_as(
        "SELECT u.username, n.device_id FROM (
           SELECT user_id, device_id FROM compat_sessions WHERE created_at > $1::timestamptz
           UNION SELECT user_id, substring(scope FROM '^urn:matrix:.*:?device:(.+)$')
           FROM oauth2_sessions, unnest(scope_list) scope WHERE created_at > $1::timestamptz
         ) n JOIN users u USING (user_id)
         WHERE n.device_id IS NOT NULL AND NOT EXISTS (
           SELECT FROM compat_sessions o WHERE o.user_id = n.user_id AND o.device_id = n.device_id
             AND o.created_at <= $1::timestamptz)
         ORDER BY 1, 2",
    )
    .bind(cut_over)
    .fetch_all(&mut connection)
    .await
    .map_err(database.failed("cannot look for new devices"))
}

/// Access tokens of imported sessions that were ended after `cut_over`.
///
/// # Errors
///
/// If the database cannot be read.
pub async fn tokens_ended_since(
    database: &Database,
    cut_over: &str,
) -> Result<Vec<String>, MigrateError> {
    let mut connection = database.snapshot().await?;
    sqlx::query_scalar(
        "SELECT t.access_token FROM compat_access_tokens t
         JOIN compat_sessions s USING (compat_session_id)
         WHERE s.created_at <= $1::timestamptz AND s.finished_at > $1::timestamptz",
    )
    .bind(cut_over)
    .fetch_all(&mut connection)
    .await
    .map_err(database.failed("cannot look for ended sessions"))
}

/// Deletes from Synapse's database the tokens of sessions that were ended in MAS, and the external IDs that
/// delegation has added.
///
/// # Errors
///
/// If a database cannot be read or written.
pub async fn repair(
    synapse: &Database,
    mas: &Database,
    cut_over: &str,
) -> Result<(), MigrateError> {
    let ended = tokens_ended_since(mas, cut_over).await?;
    let failed = || synapse.failed("cannot repair its tables");
    let mut connection = synapse.connect().await?;
    let mut transaction = connection.begin().await.map_err(failed())?;
    sqlx::query("DELETE FROM access_tokens WHERE token = ANY($1)")
        .bind(&ended)
        .execute(&mut *transaction)
        .await
        .map_err(failed())?;
    sqlx::query("DELETE FROM user_external_ids WHERE auth_provider = 'oauth-delegated'")
        .execute(&mut *transaction)
        .await
        .map_err(failed())?;
    transaction.commit().await.map_err(failed())
}
