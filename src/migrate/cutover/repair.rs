//! Repairs Synapse's database for a rollback, so that Synapse accepts nothing that MAS does not accept.
//!
//! [`prepare`] runs while Synapse is down, in one transaction. It deletes tokens that are not good in MAS
//! any more, and marks the devices that have to go: those of logins through MAS, and those whose session
//! MAS has ended. Only Synapse itself can delete a device with its keys and tell other servers about it.
//! So each gets a temporary access token, and [`log_out`] logs it out as soon as Synapse runs again with
//! its own authentication.
//!
//! A temporary token is made as one that has expired, which Synapse accepts for nothing but to log out.

use std::collections::HashSet;

use futures_util::future::join_all;
use rand::Rng;
use sqlx::{Connection, PgConnection, Row as _};

use crate::migrate::{
    MigrateError, health,
    postgres::{
        connection::Database,
        mas_state::{MasState, mas_state},
        tables::LastTokens,
    },
    verify::{Comparison, Moment, OneSided, moment},
};

/// The start of every temporary token. The rest is 256 random bits.
const PREFIX: &str = "syn2mas_";

/// SQL condition: the access token `t` is a temporary one.
const IS_TEMPORARY: &str = "starts_with(t.token, 'syn2mas_')";

/// Requests to Synapse at the same time.
const AT_ONCE: usize = 8;

/// What [`prepare`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Access and refresh tokens that were deleted.
    pub tokens: u64,
    /// Devices that [`log_out`] will delete.
    pub devices: u64,
}

/// Repairs Synapse's database, which must not be in use. Tokens after `last` stay. Can be repeated. Does nothing if MAS's database
/// is empty, as after a rollback that was killed.
///
/// # Errors
///
/// If a database cannot be reached or read, or MAS's is in the middle of an import. Then nothing was
/// changed.
pub async fn prepare(
    synapse: &Database,
    mas: &Database,
    comparison: &Comparison,
    cut_over: &str,
    last: LastTokens,
) -> Result<Repaired, MigrateError> {
    let moment = moment(cut_over)?;
    let mut of_mas = mas.snapshot().await?;
    match mas_state(&mut of_mas, mas).await? {
        MasState::Populated(_) => {}
        MasState::New | MasState::Empty => return Ok(Repaired::default()),
        state @ (MasState::Partial | MasState::Inconsistent(_)) => {
            return Err(MigrateError::Marker {
                which: mas.which,
                problem: format!("it is {state}, so it does not show which sessions have ended"),
            });
        }
    }
    let mut ended = Ended::default();
    comparison
        .one_sided(synapse, mas, cut_over, |found| ended.add(&found))
        .await?;
    let devices = devices(&mut of_mas, mas, &moment).await?;
    let failed = || synapse.failed("cannot repair its tables");
    let mut connection = synapse.connect().await?;
    let mut transaction = connection.begin().await.map_err(failed())?;
    sqlx::query("DELETE FROM user_external_ids WHERE auth_provider = 'oauth-delegated'")
        .execute(&mut *transaction)
        .await
        .map_err(failed())?;
    let tokens = ended
        .delete(&mut transaction, last)
        .await
        .map_err(failed())?;
    let devices = mark(&mut transaction, &devices, &comparison.server_name)
        .await
        .map_err(failed())?;
    transaction.commit().await.map_err(failed())?;
    Ok(Repaired { tokens, devices })
}

/// The tokens that Synapse would accept and MAS does not.
#[derive(Debug, Default)]
struct Ended {
    access: Vec<String>,
    refresh: Vec<String>,
    /// Users whom MAS does not have. It cannot have ended anything of theirs.
    unknown: HashSet<String>,
}

impl Ended {
    fn add(&mut self, found: &OneSided) {
        let column =
            |row: &[Option<String>], column: usize| row[column].clone().unwrap_or_default();
        let tokens = match found.entity {
            "users" => {
                let known: HashSet<String> = found.mas.iter().map(|row| column(row, 0)).collect();
                let names = found.synapse.iter().map(|row| column(row, 0));
                self.unknown
                    .extend(names.filter(|name| !known.contains(name)));
                return;
            }
            "access tokens" => &mut self.access,
            "refresh tokens" => &mut self.refresh,
            _ => return,
        };
        let rows = found.synapse.iter();
        let rows = rows.filter(|row| !self.unknown.contains(&column(row, 1)));
        tokens.extend(rows.map(|row| column(row, 0)));
    }

    /// Deletes them. An access token that is still good stays, even if its refresh token goes.
    async fn delete(
        &self,
        synapse: &mut PgConnection,
        last: LastTokens,
    ) -> Result<u64, sqlx::Error> {
        sqlx::query(
            "UPDATE access_tokens t SET refresh_token_id = NULL
             FROM refresh_tokens r JOIN unnest($1) ended (token) USING (token)
             WHERE r.id = t.refresh_token_id AND r.id <= $3 AND t.valid_until_ms > extract(epoch FROM now()) * 1000
               AND NOT EXISTS (SELECT FROM unnest($2) ended (token) WHERE ended.token = t.token)",
        )
        .bind(&self.refresh)
        .bind(&self.access)
        .bind(last.refresh)
        .execute(&mut *synapse)
        .await?;
        // Refresh tokens first, with what is left of their access tokens, and refresh tokens before them.
        let mut deleted = 0;
        for (table, tokens, last) in [
            ("refresh_tokens", &self.refresh, last.refresh),
            ("access_tokens", &self.access, last.access),
        ] {
            let delete = format!(
                "DELETE FROM {table} t USING unnest($1) ended (token)
                 WHERE t.token = ended.token AND t.id <= $2"
            );
            let done = sqlx::query(&delete).bind(tokens).bind(last);
            deleted += done.execute(&mut *synapse).await?.rows_affected();
        }
        Ok(deleted)
    }
}

/// The devices that go, as localparts and device ids: MAS has sessions of theirs, and none of these is one
/// that was imported and has not ended.
async fn devices(
    connection: &mut PgConnection,
    mas: &Database,
    moment: &Moment,
) -> Result<(Vec<String>, Vec<String>), MigrateError> {
    // From the scopes of a session, as MAS reads them.
    const DEVICE: &str =
        "substring(scope FROM '^urn:matrix:(?:org[.]matrix[.]msc2967[.])?client:device:(.+)$')";
    let failed = || mas.failed("cannot look for devices");
    let personal: bool = sqlx::query_scalar("SELECT to_regclass('personal_sessions') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed())?;
    let personal = if personal {
        format!(
            "UNION SELECT actor_user_id, {DEVICE} FROM personal_sessions, unnest(scope_list) scope"
        )
    } else {
        String::new()
    };
    let rows = sqlx::query(&format!(
        "SELECT u.username, n.device_id FROM (
           SELECT user_id, device_id FROM compat_sessions s
           WHERE {later} OR finished_at IS NOT NULL
           UNION SELECT user_id, {DEVICE} FROM oauth2_sessions, unnest(scope_list) scope
           {personal}) n
         JOIN users u USING (user_id)
         WHERE n.device_id IS NOT NULL AND NOT EXISTS (
           SELECT FROM compat_sessions s WHERE s.user_id = n.user_id AND s.device_id = n.device_id
             AND s.finished_at IS NULL AND NOT {later})
         ORDER BY 1, 2",
        later = moment.came_later()
    ))
    .fetch_all(connection)
    .await
    .map_err(failed())?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).unzip())
}

/// Gives each of these devices that Synapse has a temporary token, unless it has a token that is still
/// good. Returns how many got one.
async fn mark(
    synapse: &mut PgConnection,
    (localparts, ids): &(Vec<String>, Vec<String>),
    server_name: &str,
) -> Result<u64, sqlx::Error> {
    // An earlier run may have made some.
    delete_temporary(synapse).await?;
    let users = localparts
        .iter()
        .map(|localpart| format!("@{localpart}:{server_name}"));
    let users: Vec<String> = users.collect();
    let tokens: Vec<String> = ids.iter().map(|_| temporary_token()).collect();
    // Synapse numbers tokens itself, from the highest number that it finds when it starts.
    let marked = sqlx::query(
        "INSERT INTO access_tokens (id, user_id, device_id, token, valid_until_ms, used)
         SELECT (SELECT coalesce(max(id), 0) FROM access_tokens) + row_number() OVER (),
           d.user_id, d.device_id, n.token, 1, false
         FROM unnest($1, $2, $3) n (user_id, device_id, token)
         JOIN devices d USING (user_id, device_id)
         JOIN users u ON u.name = d.user_id AND u.appservice_id IS NULL
         WHERE d.hidden IS NOT TRUE AND NOT EXISTS (
           SELECT FROM access_tokens t LEFT JOIN refresh_tokens r ON r.id = t.refresh_token_id
           WHERE t.user_id = d.user_id AND t.device_id = d.device_id
             AND (t.valid_until_ms IS NULL OR t.valid_until_ms > extract(epoch FROM now()) * 1000
               OR r.id IS NOT NULL))",
    )
    .bind(users)
    .bind(ids)
    .bind(tokens)
    .execute(synapse)
    .await?;
    Ok(marked.rows_affected())
}

async fn delete_temporary(synapse: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(&format!("DELETE FROM access_tokens t WHERE {IS_TEMPORARY}"))
        .execute(synapse)
        .await?;
    Ok(())
}

fn temporary_token() -> String {
    let bits: [u8; 32] = rand::thread_rng().r#gen();
    let hex = bits.map(|byte| format!("{byte:02x}"));
    format!("{PREFIX}{}", hex.concat())
}

/// Logs the devices out to which [`prepare`] has given temporary tokens, with which Synapse deletes them
/// and their keys. Returns how many. Synapse must run with its own authentication; `url` is that of its
/// own listener. Finds the tokens by their prefix, so a run that was killed is continued.
///
/// # Errors
///
/// If Synapse does not answer, or the database cannot be reached: then the next call continues. Also if
/// Synapse refuses to log some devices out: they stay, but no temporary token does.
pub async fn log_out(synapse: &Database, url: &str) -> Result<usize, MigrateError> {
    let failed = |doing: &str| synapse.failed(doing);
    let mut connection = synapse.connect().await?;
    let marked: Vec<(String, String, String)> = sqlx::query_as(&format!(
        "SELECT t.token, t.user_id, t.device_id FROM access_tokens t
         WHERE {IS_TEMPORARY} AND t.device_id IS NOT NULL ORDER BY t.id"
    ))
    .fetch_all(&mut connection)
    .await
    .map_err(failed("cannot look for devices to log out"))?;
    if marked.is_empty() {
        return Ok(0);
    }
    health::answers(url).await?;
    let mut refused = Vec::new();
    for some in marked.chunks(AT_ONCE) {
        let answers = some.iter().map(|(token, ..)| health::log_out(url, token));
        for (answer, (_, user, device)) in join_all(answers).await.into_iter().zip(some) {
            if let Err(error) = answer {
                refused.push(format!("{user} {device} ({})", error.with_causes()));
            }
        }
    }
    delete_temporary(&mut connection)
        .await
        .map_err(failed("cannot delete temporary tokens"))?;
    match refused.first() {
        None => Ok(marked.len()),
        Some(first) => Err(MigrateError::Logout {
            refused: refused.len(),
            all: marked.len(),
            first: first.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_tokens_are_random_and_known_by_their_prefix() {
        let [one, other] = [temporary_token(), temporary_token()];
        assert_ne!(one, other);
        assert!(one.starts_with(PREFIX) && one.len() == PREFIX.len() + 64);
        assert!(IS_TEMPORARY.contains(&format!("'{PREFIX}'")));
    }
}
