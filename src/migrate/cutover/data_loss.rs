//! Finds what a rollback would lose: how what MAS has now differs from what Synapse will have.
//!
//! Synapse still has the tables of its own authentication, and the import has copied them. So what
//! people have changed in MAS since is what the comparison of both finds now. Of what only MAS
//! has, such as browser sessions, everything counts that is not over.
//!
//! Not a loss: a session that was ended in MAS, because [`super::repair`] ends it in Synapse too; the
//! name of a device, of which MAS tells Synapse at once; what programs write for themselves, such as
//! registered clients and the times of MAS's own clean-up; and a password hash that MAS has only
//! written in another scheme.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::SystemTime,
};

use serde::Serialize;
use sqlx::{PgConnection, Row as _};

use crate::migrate::{
    MigrateError,
    postgres::{
        connection::Database,
        mas_state::{MasState, mas_state},
    },
    preflight::finding::SAMPLES,
    verify::{Comparison, Moment, OneSided, Row, moment, time_of},
};

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

/// The kinds that the comparison finds, and their consequences. The most important kind is first.
const COMPARED: &[(&str, &str)] = &[
    (
        "users",
        "They have registered since. Synapse keeps the accounts, without a way to log in.",
    ),
    (
        "removed users",
        "MAS does not have them any more. They will be able to log in again.",
    ),
    (
        "deactivated users",
        "They were deactivated since, which Synapse has not done. They will be able to log in again.",
    ),
    (
        "reactivated users",
        "They were reactivated since, which Synapse has not done. They will be deactivated again.",
    ),
    (
        "locked users",
        "They were locked since, and will not be locked any more.",
    ),
    (
        "unlocked users",
        "They were unlocked since, and will be locked again.",
    ),
    (
        "new administrators",
        "They may administer MAS since, and will not be administrators of Synapse.",
    ),
    (
        "former administrators",
        "They may not administer MAS any more, and will be administrators of Synapse.",
    ),
    (
        "guests",
        "MAS and Synapse do not agree on whether they are guests. Synapse's answer will count.",
    ),
    (
        "passwords",
        "They have set a password since. The one that Synapse has, if any, will be right again.",
    ),
    (
        "removed passwords",
        "They have no password any more. The one that Synapse has will be right again.",
    ),
    ("emails", "They have added the address since."),
    (
        "removed emails",
        "They have removed the address since. It will be theirs again.",
    ),
    (
        "third-party ids",
        "They have added the phone number or other id since.",
    ),
    (
        "removed third-party ids",
        "They have removed the phone number or other id since. It will be theirs again.",
    ),
    (
        "upstream links",
        "They have connected an account at an identity provider since.",
    ),
    (
        "removed upstream links",
        "The account at an identity provider is not connected any more. It will be able to log in again.",
    ),
    (
        "refreshed sessions",
        "Their clients have tokens that Synapse does not have, because they have exchanged them since. \
         They will be logged out.",
    ),
];

/// A kind that only MAS has.
struct OfMas {
    what: &'static str,
    meaning: &'static str,
    /// The tables that the query reads. If MAS is too old to have one, there is nothing to lose.
    tables: &'static [&'static str],
    /// Returns one text for each row. `{cut_over}` is the time of the cutover, and `{came_later}` the
    /// condition that a session `s` came after it.
    query: &'static str,
}

/// What only MAS has. Before the import MAS had no users, so that nothing with a user is older.
const OF_MAS: &[OfMas] = &[
    OfMas {
        what: "sessions",
        meaning: "They have logged in since, and will be logged out.",
        tables: &["compat_sessions", "oauth2_sessions"],
        query: "SELECT u.username || coalesce(' ' || s.device_id, '') FROM compat_sessions s
            JOIN users u USING (user_id)
            WHERE {came_later} AND s.finished_at IS NULL AND u.deactivated_at IS NULL
            UNION ALL SELECT u.username || coalesce(' ' || substring(
                array_to_string(s.scope_list, ' ') FROM 'device:([^ ]+)'), '')
            FROM oauth2_sessions s JOIN users u USING (user_id)
            WHERE s.finished_at IS NULL AND u.deactivated_at IS NULL",
    },
    OfMas {
        what: "browser sessions",
        meaning: "They are logged in to MAS's own pages, which will be gone.",
        tables: &["user_sessions"],
        query: "SELECT u.username FROM user_sessions s JOIN users u USING (user_id)
            WHERE s.finished_at IS NULL AND u.deactivated_at IS NULL",
    },
    OfMas {
        what: "client sessions",
        meaning: "Programs have logged in as themselves since, and will be logged out.",
        tables: &["oauth2_sessions", "oauth2_access_tokens", "oauth2_clients"],
        query: "SELECT coalesce(c.client_name, c.oauth2_client_id::text) FROM oauth2_sessions s
            JOIN oauth2_clients c USING (oauth2_client_id)
            WHERE s.user_id IS NULL AND s.finished_at IS NULL AND {came_later}
              AND s.oauth2_session_id IN (SELECT oauth2_session_id FROM oauth2_access_tokens t
                WHERE t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now()))",
    },
    OfMas {
        what: "personal sessions",
        meaning: "They were made for a program that acts as the user, which will be logged out.",
        tables: &["personal_sessions"],
        query: "SELECT u.username || ' ' || s.human_name FROM personal_sessions s
            JOIN users u ON u.user_id = s.actor_user_id
            WHERE s.revoked_at IS NULL AND u.deactivated_at IS NULL",
    },
    OfMas {
        what: "personal tokens",
        meaning: "They will not be good any more.",
        tables: &["personal_sessions", "personal_access_tokens"],
        query: "SELECT u.username || ' ' || s.human_name FROM personal_access_tokens t
            JOIN personal_sessions s USING (personal_session_id)
            JOIN users u ON u.user_id = s.actor_user_id
            WHERE s.revoked_at IS NULL AND t.revoked_at IS NULL AND u.deactivated_at IS NULL
              AND (t.expires_at IS NULL OR t.expires_at > now())",
    },
    OfMas {
        what: "registration tokens",
        meaning: "They were made or used since. Synapse does not have them.",
        tables: &["user_registration_tokens"],
        query: "SELECT left(token, 4) || '…' FROM user_registration_tokens
            WHERE created_at > {cut_over} AND revoked_at IS NULL
                AND (expires_at IS NULL OR expires_at > now())
                AND (usage_limit IS NULL OR times_used < usage_limit)
              OR created_at <= {cut_over} AND (last_used_at > {cut_over} OR revoked_at > {cut_over})",
    },
    OfMas {
        what: "accepted terms",
        meaning: "They have accepted terms since, and will have to do so again.",
        tables: &["user_terms"],
        query: "SELECT u.username || ' ' || t.terms_url FROM user_terms t JOIN users u USING (user_id)",
    },
    OfMas {
        what: "policy data",
        meaning: "An administrator has given MAS's policy other data since.",
        tables: &["policy_data"],
        query: "SELECT policy_data_id::text FROM policy_data WHERE created_at > {cut_over}",
    },
    OfMas {
        what: "queued jobs",
        meaning: "MAS was asked to do this and has not done it yet, such as to send an email or to tell \
                  Synapse of a change. It never will.",
        tables: &["queue_jobs"],
        // The rest is what MAS does on a schedule, or to clean up.
        query: "SELECT j.queue_name FROM queue_jobs j
            WHERE j.created_at > {cut_over} AND j.schedule_name IS NULL
              AND (j.status IN ('available', 'scheduled', 'running')
                OR j.status = 'lost' AND j.next_attempt_id IS NULL)
              AND j.queue_name !~ '^(cleanup|expire|prune)-'",
    },
    OfMas {
        what: "unfinished logins",
        meaning: "They are about to log in, and will have to begin again.",
        tables: &[
            "oauth2_authorization_grants",
            "oauth2_device_code_grant",
            "compat_sso_logins",
        ],
        query: "SELECT 'authorization grant ' || created_at::timestamptz(0)
            FROM oauth2_authorization_grants WHERE created_at > {cut_over}
              AND created_at > now() - interval '1 hour' AND exchanged_at IS NULL AND cancelled_at IS NULL
            UNION ALL SELECT 'device code ' || created_at::timestamptz(0)
            FROM oauth2_device_code_grant
            WHERE created_at > {cut_over} AND expires_at > now() AND exchanged_at IS NULL AND rejected_at IS NULL
            UNION ALL SELECT 'SSO login ' || created_at::timestamptz(0)
            FROM compat_sso_logins WHERE created_at > {cut_over}
              AND created_at > now() - interval '1 hour' AND exchanged_at IS NULL",
    },
    OfMas {
        what: "unfinished registrations",
        meaning: "They are about to register, and will not be able to.",
        tables: &["user_registrations"],
        // MAS lets nobody finish a registration that is older.
        query: "SELECT username FROM user_registrations WHERE created_at > {cut_over}
            AND created_at > now() - interval '1 hour' AND completed_at IS NULL",
    },
    OfMas {
        what: "unconfirmed emails",
        meaning: "They have got a code for a new address, which will not be good any more.",
        tables: &["user_email_authentications", "user_email_authentication_codes"],
        query: "SELECT email FROM user_email_authentications a
            WHERE a.created_at > {cut_over} AND a.completed_at IS NULL AND a.user_registration_id IS NULL
              AND a.user_email_authentication_id IN (
                SELECT user_email_authentication_id FROM user_email_authentication_codes
                WHERE expires_at > now())",
    },
    OfMas {
        what: "unfinished recoveries",
        meaning: "They have got a link to set a new password, which will not be good any more.",
        tables: &["user_recovery_sessions", "user_recovery_tickets"],
        query: "SELECT email FROM user_recovery_sessions s
            WHERE s.created_at > {cut_over} AND s.consumed_at IS NULL AND s.user_recovery_session_id IN (
                SELECT user_recovery_session_id FROM user_recovery_tickets WHERE expires_at > now())",
    },
];

/// Finds what a rollback would lose now, most important kind first. `cut_over` is the time of the cutover
/// (RFC 3339). Empty if nobody has changed anything in MAS that Synapse does not have.
///
/// # Errors
///
/// If a database cannot be reached or read, or `cut_over` is not a time.
pub async fn losses(
    synapse: &Database,
    mas: &Database,
    comparison: &Comparison,
    cut_over: &str,
) -> Result<Vec<Loss>, MigrateError> {
    let moment = moment(cut_over)?;
    let cut_over_at = moment.cut_over;
    let mut connection = mas.snapshot().await?;
    if mas_state(&mut connection, mas).await? == MasState::New {
        return Ok(Vec::new());
    }
    let mut tally = Tally::default();
    comparison
        .one_sided(synapse, mas, cut_over, |found| {
            tally.add(&found, cut_over_at);
        })
        .await?;
    let mut losses = tally.losses();
    for kind in OF_MAS {
        losses.extend(kind.find(&mut connection, mas, &moment).await?);
    }
    Ok(losses)
}

impl OfMas {
    async fn find(
        &self,
        connection: &mut PgConnection,
        mas: &Database,
        moment: &Moment,
    ) -> Result<Option<Loss>, MigrateError> {
        let failed = || mas.failed(&format!("cannot look for {}", self.what));
        let absent: bool =
            sqlx::query_scalar("SELECT bool_or(to_regclass(name) IS NULL) FROM unnest($1) name")
                .bind(self.tables)
                .fetch_one(&mut *connection)
                .await
                .map_err(failed())?;
        if absent {
            return Ok(None);
        }
        let query = self.query.replace("{came_later}", &moment.came_later());
        let query = query.replace("{cut_over}", &moment.sql_of_cutover());
        let sql = format!(
            "SELECT count(*), (array_agg(sample ORDER BY sample))[1:{SAMPLES}]
             FROM ({query}) AS rows (sample)"
        );
        let row = sqlx::query(&sql)
            .fetch_one(connection)
            .await
            .map_err(failed())?;
        let samples: Option<Vec<String>> = row.get(1);
        let loss = Loss {
            what: self.what,
            count: row.get(0),
            samples: samples.unwrap_or_default(),
            meaning: self.meaning,
        };
        Ok((loss.count > 0).then_some(loss))
    }
}

/// Counts what the comparison finds.
#[derive(Debug, Default)]
struct Tally {
    found: BTreeMap<&'static str, (i64, BTreeSet<String>)>,
    /// Users whom Synapse has made without MAS. MAS never had anything of theirs.
    of_synapse: HashSet<String>,
    /// The ids of the refreshed sessions, each of which may have several tokens.
    refreshed: HashSet<String>,
}

impl Tally {
    fn losses(mut self) -> Vec<Loss> {
        let kinds = COMPARED.iter().filter_map(|(what, meaning)| {
            let (count, samples) = self.found.remove(what)?;
            Some(Loss {
                what,
                count,
                samples: samples.into_iter().collect(),
                meaning,
            })
        });
        kinds.collect()
    }

    fn count(&mut self, what: &'static str, sample: String) {
        let (count, samples) = self.found.entry(what).or_default();
        *count += 1;
        samples.insert(sample);
        if samples.len() > SAMPLES {
            samples.pop_last();
        }
    }

    fn add(&mut self, found: &OneSided, cut_over: SystemTime) {
        match found.entity {
            "users" => self.add_users(found, cut_over),
            "passwords" => self.add_rows(found, ["passwords", "removed passwords"], &[0]),
            "emails" => self.add_rows(found, ["emails", "removed emails"], &[0, 1]),
            "third-party ids" => {
                let kinds = ["third-party ids", "removed third-party ids"];
                self.add_rows(found, kinds, &[0, 2, 1]);
            }
            "upstream links" => {
                let kinds = ["upstream links", "removed upstream links"];
                self.add_rows(found, kinds, &[2, 1, 0]);
            }
            // Tokens that only Synapse has are deleted there.
            _ => self.add_tokens(found),
        }
    }

    fn add_users(&mut self, found: &OneSided, cut_over: SystemTime) {
        let of_synapse: HashMap<&str, &Row> = found
            .synapse
            .iter()
            .map(|row| (text(row, 0), row))
            .collect();
        let mut of_both = HashSet::new();
        for row in &found.mas {
            let name = text(row, 0);
            let Some(other) = of_synapse.get(name) else {
                self.count("users", name.to_owned());
                continue;
            };
            of_both.insert(name);
            // The import copies this time, and it has no fraction of a second.
            if row[1] != other[1] {
                self.count("users", name.to_owned());
            }
            for (column, [now, no_longer]) in [
                (2, ["locked users", "unlocked users"]),
                (3, ["deactivated users", "reactivated users"]),
                (4, ["new administrators", "former administrators"]),
                (5, ["guests", "guests"]),
            ] {
                if row[column] != other[column] {
                    let is = text(row, column) == "true";
                    self.count(if is { now } else { no_longer }, name.to_owned());
                }
            }
        }
        for (name, row) in of_synapse {
            if of_both.contains(name) {
                continue;
            }
            if row[1]
                .as_deref()
                .and_then(time_of)
                .is_some_and(|made| made > cut_over)
            {
                self.of_synapse.insert(name.to_owned());
            } else {
                self.count("removed users", name.to_owned());
            }
        }
    }

    /// Counts rows that MAS has as the first kind, and rows that Synapse has as the second one. `columns`
    /// are those that make a row, the user first; the first two are shown.
    fn add_rows(
        &mut self,
        found: &OneSided,
        [added, removed]: [&'static str; 2],
        columns: &[usize],
    ) {
        // Synapse's idea of lower case is not only that of ASCII.
        let key = |row: &Row| -> Vec<String> {
            let lower = found.entity == "emails";
            let texts = columns.iter().map(|column| text(row, *column));
            texts
                .map(|text| {
                    if lower {
                        text.to_lowercase()
                    } else {
                        text.to_owned()
                    }
                })
                .collect()
        };
        let of_mas: HashSet<Vec<String>> = found.mas.iter().map(key).collect();
        let of_synapse: HashSet<Vec<String>> = found.synapse.iter().map(key).collect();
        let is_password = found.entity == "passwords";
        for row in of_mas
            .iter()
            .filter(|row| is_password || !of_synapse.contains(*row))
        {
            self.count(added, shown(row));
        }
        for row in of_synapse.difference(&of_mas) {
            if !self.of_synapse.contains(&row[0]) {
                self.count(removed, shown(row));
            }
        }
    }

    fn add_tokens(&mut self, found: &OneSided) {
        for row in &found.mas {
            let (user, device) = (text(row, 1), row[2].as_deref());
            let Some(Some(session)) = row.last() else {
                continue;
            };
            if self.refreshed.insert(session.clone()) {
                let sample = [Some(user), device].into_iter().flatten();
                let sample: Vec<&str> = sample.collect();
                self.count("refreshed sessions", sample.join(" "));
            }
        }
    }
}

/// The first two texts of a row.
fn shown(row: &[String]) -> String {
    row[..row.len().min(2)].join(" ")
}

/// The text in a column, empty for NULL.
fn text(row: &Row, column: usize) -> &str {
    row[column].as_deref().unwrap_or_default()
}
