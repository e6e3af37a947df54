//! What MAS has to contain after the import, computed from Synapse's tables, and what it does
//! contain: the same rows in the same form, one query for each side.
//!
//! The rules are those of `mas-cli syn2mas migrate` (MAS's `crates/syn2mas/src/migration.rs` and
//! `synapse_reader/mod.rs`, 0.16.0 to 1.22.0). Times are microseconds since 1970. Left out is what
//! the import takes from its clock or from chance: ids, and the creation times of sessions and
//! tokens.
//!
//! A column has the same type on both sides, so that PostgreSQL hashes both alike.

use ulid::Ulid;

/// A kind of row that is compared.
#[derive(Clone, Debug)]
pub struct Entity {
    /// Its name in reports.
    pub name: &'static str,
    /// Its columns; the first ones are the key.
    pub columns: Vec<Column>,
    /// How many columns make the key.
    pub key: usize,
    /// The query on Synapse's database.
    pub expected: String,
    /// The query on MAS's database.
    pub actual: String,
    /// When a row came into MAS's database, in terms of that query.
    pub created: &'static str,
}

impl Entity {
    /// The query on MAS's database for what was there at a time (RFC 3339).
    #[must_use]
    pub fn actual_at(&self, time: &str) -> String {
        let time = time.replace('\'', "");
        format!(
            "{} WHERE {} <= '{time}'::timestamptz",
            self.actual, self.created
        )
    }
}

/// A column of compared rows.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name, as in MAS's table.
    pub name: &'static str,
    /// Whether its values must never be shown.
    pub secret: bool,
    /// What the import makes of an expected value, where SQL cannot tell.
    pub import: Option<fn(&str) -> Option<String>>,
}

/// A provider of Synapse and the one of MAS that takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// `auth_provider` in Synapse's `user_external_ids`, `synapse_idp_id` in MAS's configuration.
    pub synapse_id: String,
    /// `id` in MAS's configuration.
    pub mas_id: Ulid,
}

const fn open(name: &'static str) -> Column {
    Column {
        name,
        secret: false,
        import: None,
    }
}

const fn secret(name: &'static str) -> Column {
    Column {
        secret: true,
        ..open(name)
    }
}

/// The localpart in a column with a user id.
fn localpart(column: &str) -> String {
    format!("split_part(substr({column}, 2), ':', 1)")
}

/// A time of MAS.
fn micros(column: &str) -> String {
    format!("(date_part('epoch', {column}) * 1000000)::bigint")
}

/// Whether the user in a column is none of some, of whom there are few: so a join with all users,
/// which costs more than all the rest, is not needed.
fn none_of(column: &str, users: &str) -> String {
    format!("NOT EXISTS (SELECT FROM users x WHERE x.name = {column} AND ({users}))")
}

/// Whether the sessions of the user in a column go on.
fn active(column: &str) -> String {
    none_of(
        column,
        "x.appservice_id IS NOT NULL OR x.deactivated <> 0 OR x.is_guest <> 0",
    )
}

/// Whether the user in a column is a person's.
fn person(column: &str) -> String {
    none_of(column, "x.appservice_id IS NOT NULL")
}

/// All entities, those that others depend on first.
#[must_use]
pub fn entities(providers: &[Provider]) -> Vec<Entity> {
    vec![
        users(),
        passwords(),
        emails(),
        third_party_ids(),
        upstream_links(providers),
        sessions(),
        access_tokens(),
        refresh_tokens(),
    ]
}

fn users() -> Entity {
    Entity {
        name: "users",
        created: "created_at",
        columns: vec![
            open("username"),
            open("created_at"),
            open("locked_at"),
            open("deactivated_at"),
            open("can_request_admin"),
            open("is_guest"),
        ],
        key: 1,
        expected: format!(
            "SELECT {}, creation_ts * 1000000,
               CASE WHEN locked THEN creation_ts * 1000000 END,
               CASE WHEN deactivated <> 0 THEN creation_ts * 1000000 END,
               admin <> 0, is_guest <> 0
             FROM users WHERE appservice_id IS NULL",
            localpart("name")
        ),
        actual: format!(
            "SELECT username, {}, {}, {}, can_request_admin, is_guest FROM users",
            micros("created_at"),
            micros("locked_at"),
            micros("deactivated_at")
        ),
    }
}

fn passwords() -> Entity {
    Entity {
        name: "passwords",
        created: "p.created_at",
        columns: vec![
            open("username"),
            open("version"),
            secret("hashed_password"),
            open("created_at"),
            open("upgraded_from_id"),
        ],
        key: 1,
        expected: format!(
            "SELECT {}, 1, password_hash, creation_ts * 1000000, NULL::uuid
             FROM users WHERE appservice_id IS NULL AND password_hash IS NOT NULL",
            localpart("name")
        ),
        actual: format!(
            "SELECT u.username, p.version, p.hashed_password, {}, p.upgraded_from_id
             FROM user_passwords p JOIN users u USING (user_id)",
            micros("p.created_at")
        ),
    }
}

fn emails() -> Entity {
    Entity {
        name: "emails",
        created: "e.created_at",
        columns: vec![open("username"), open("email"), open("created_at")],
        key: 2,
        expected: format!(
            "SELECT {}, t.address, t.added_at * 1000
             FROM user_threepids t WHERE t.medium = 'email' AND {}",
            localpart("t.user_id"),
            person("t.user_id")
        ),
        actual: format!(
            "SELECT u.username, e.email, {} FROM user_emails e JOIN users u USING (user_id)",
            micros("e.created_at")
        ),
    }
}

fn third_party_ids() -> Entity {
    Entity {
        name: "third-party ids",
        created: "t.created_at",
        columns: vec![
            open("username"),
            open("medium"),
            open("address"),
            open("created_at"),
        ],
        key: 3,
        expected: format!(
            "SELECT {}, t.medium, t.address, t.added_at * 1000
             FROM user_threepids t WHERE t.medium <> 'email' AND {}",
            localpart("t.user_id"),
            person("t.user_id")
        ),
        actual: format!(
            "SELECT u.username, t.medium, t.address, {}
             FROM user_unsupported_third_party_ids t JOIN users u USING (user_id)",
            micros("t.created_at")
        ),
    }
}

fn upstream_links(providers: &[Provider]) -> Entity {
    let mut mapping: Vec<String> = providers
        .iter()
        .map(|provider| {
            let synapse_id = provider.synapse_id.replace('\'', "''");
            let uuid = uuid(provider.mas_id);
            format!("('{synapse_id}', '{uuid}')")
        })
        .collect();
    // A table without rows has to have columns all the same.
    mapping.push("(NULL, NULL)".to_owned());
    Entity {
        name: "upstream links",
        created: "l.created_at",
        columns: vec![
            open("upstream_oauth_provider_id"),
            open("subject"),
            open("username"),
            open("created_at"),
        ],
        key: 2,
        expected: format!(
            "SELECT m.mas_id::uuid, e.external_id, {}, u.creation_ts * 1000000
             FROM user_external_ids e JOIN users u ON u.name = e.user_id
             JOIN (VALUES {}) m (synapse_id, mas_id) ON m.synapse_id = e.auth_provider
             WHERE u.appservice_id IS NULL",
            localpart("e.user_id"),
            mapping.join(", ")
        ),
        actual: format!(
            "SELECT l.upstream_oauth_provider_id, l.subject, u.username, {}
             FROM upstream_oauth_links l LEFT JOIN users u USING (user_id)",
            micros("l.created_at")
        ),
    }
}

/// A ULID as PostgreSQL prints the UUID with the same bytes.
fn uuid(id: Ulid) -> String {
    let hex = format!("{:032x}", id.0);
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

/// An address as MAS keeps it: nothing if it is none.
fn address(text: &str) -> Option<String> {
    let address: std::net::IpAddr = text.parse().ok()?;
    Some(address.to_string())
}

/// Whether Synapse's device is one of a client, and not only a place for keys.
const OF_CLIENT: &str = "NOT d.hidden AND d.device_id <> 'guest_device'";

/// Whether Synapse's access token is one of its user's own, without a refresh token.
const PLAIN: &str = "t.puppets_user_id IS NULL AND t.refresh_token_id IS NULL";

/// The columns of a session, from Synapse's table of devices.
fn of_device() -> String {
    format!(
        "{}, d.device_id, d.display_name, d.user_id IN (SELECT name FROM users WHERE admin <> 0),
           d.last_seen * 1000, nullif(d.ip, '-'), d.user_agent, NULL::bigint, NULL::uuid",
        localpart("d.user_id")
    )
}

/// The columns of a session without a device, from Synapse's table of access tokens.
fn without_device() -> String {
    format!(
        "{}, NULL::text, NULL::text, false, NULL::bigint, NULL::text, NULL::text, NULL::bigint, NULL::uuid",
        localpart("t.user_id")
    )
}

/// The columns of a session, from MAS's tables.
fn of_session() -> String {
    format!(
        "u.username, s.device_id, s.human_name, s.is_synapse_admin, {}, host(s.last_active_ip),
           s.user_agent, {}, s.user_session_id",
        micros("s.last_active_at"),
        micros("s.finished_at")
    )
}

fn sessions() -> Entity {
    Entity {
        name: "sessions",
        created: "s.created_at",
        columns: vec![
            open("username"),
            open("device_id"),
            open("human_name"),
            open("is_synapse_admin"),
            open("last_active_at"),
            Column {
                import: Some(address),
                ..open("last_active_ip")
            },
            open("user_agent"),
            open("finished_at"),
            open("user_session_id"),
        ],
        key: 2,
        expected: format!(
            "SELECT {} FROM devices d WHERE {OF_CLIENT} AND {}
             UNION ALL
             SELECT {} FROM access_tokens t WHERE t.device_id IS NULL AND {PLAIN} AND {}",
            of_device(),
            active("d.user_id"),
            without_device(),
            active("t.user_id"),
        ),
        actual: format!(
            "SELECT {} FROM compat_sessions s JOIN users u USING (user_id)",
            of_session()
        ),
    }
}

fn access_tokens() -> Entity {
    Entity {
        name: "access tokens",
        created: "t.created_at",
        columns: vec![
            secret("access_token"),
            open("username"),
            open("device_id"),
            open("expires_at"),
        ],
        key: 1,
        expected: format!(
            "SELECT t.token, {}, t.device_id, t.valid_until_ms * 1000
             FROM access_tokens t LEFT JOIN devices d USING (user_id, device_id)
             WHERE {PLAIN} AND {} AND (t.device_id IS NULL OR d.device_id IS NOT NULL)
             UNION ALL
             SELECT a.token, {}, r.device_id, a.valid_until_ms * 1000 {} AND {}",
            localpart("t.user_id"),
            active("t.user_id"),
            localpart("r.user_id"),
            pairs("devices"),
            active("r.user_id"),
        ),
        actual: format!(
            "SELECT t.access_token, u.username, s.device_id, {}
             FROM compat_access_tokens t JOIN compat_sessions s USING (compat_session_id)
             JOIN users u USING (user_id)",
            micros("t.expires_at")
        ),
    }
}

/// Refresh tokens with their access tokens, without those whose successor has been used, on some
/// devices.
fn pairs(devices: &str) -> String {
    format!(
        "FROM refresh_tokens r JOIN {devices} d USING (user_id, device_id)
         JOIN access_tokens a ON a.refresh_token_id = r.id
           AND a.user_id = r.user_id AND a.device_id = r.device_id
         LEFT JOIN access_tokens n ON n.refresh_token_id = r.next_token_id
         WHERE (NOT n.used OR n.used IS NULL)"
    )
}

fn refresh_tokens() -> Entity {
    Entity {
        name: "refresh tokens",
        created: "r.created_at",
        columns: vec![
            secret("refresh_token"),
            secret("access_token"),
            open("username"),
            open("device_id"),
            open("consumed_at"),
        ],
        key: 1,
        expected: format!(
            "SELECT r.token, a.token, {}, r.device_id, NULL::bigint {} AND {}",
            localpart("r.user_id"),
            pairs("devices"),
            active("r.user_id"),
        ),
        actual: format!(
            "SELECT r.refresh_token, t.access_token, u.username, s.device_id, {}
             FROM compat_refresh_tokens r
             LEFT JOIN compat_access_tokens t USING (compat_access_token_id)
             JOIN compat_sessions s ON s.compat_session_id = r.compat_session_id
             JOIN users u USING (user_id)",
            micros("r.consumed_at")
        ),
    }
}

/// Entities whose rows belong to those of the one before, digested in one go.
///
/// Each token is hashed with the hash of its session, so sessions are joined with their users once,
/// and tokens with little more than numbers. If these digests are the same on both sides, so are the
/// rows of all entities.
#[derive(Clone, Debug)]
pub struct Family {
    /// The names of the entities.
    pub entities: [&'static str; 3],
    /// A query on Synapse's database: of each entity its name, how many rows it has, and the sum of
    /// their hashes.
    pub expected: String,
    /// The same on MAS's database.
    pub actual: String,
}

/// Sessions with their tokens. `hash` is how a list of columns is hashed, in SQL.
#[must_use]
pub fn sessions_with_tokens(hash: impl Fn(&str) -> String) -> Family {
    let entities = ["sessions", "access tokens", "refresh tokens"];
    let family = |queries: [String; 3]| {
        let selected = entities.iter().zip(queries).map(|(name, rows)| {
            format!("SELECT '{name}' AS entity, count(h) AS count, sum(h)::text AS digest FROM ({rows}) r")
        });
        selected.collect::<Vec<_>>().join(" UNION ALL ")
    };
    let device = hash(&of_device());
    let deviceless = hash(&without_device());
    let (active_device, active_token) = (active("d.user_id"), active("t.user_id"));
    let expected = family([
        format!(
            "SELECT h FROM s UNION ALL SELECT {deviceless} FROM access_tokens t
             WHERE t.device_id IS NULL AND {PLAIN} AND {active_token}"
        ),
        format!(
            "SELECT {} AS h FROM access_tokens t JOIN s USING (user_id, device_id)
             WHERE {PLAIN}
             UNION ALL SELECT {} FROM access_tokens t
             WHERE t.device_id IS NULL AND {PLAIN} AND {active_token}
             UNION ALL SELECT {} {}",
            hash("t.token, t.valid_until_ms * 1000, s.h"),
            hash(&format!("t.token, t.valid_until_ms * 1000, {deviceless}")),
            hash("a.token, a.valid_until_ms * 1000, d.h"),
            pairs("s"),
        ),
        format!(
            "SELECT {} AS h {}",
            hash("r.token, a.token, NULL::bigint, d.h"),
            pairs("s")
        ),
    ]);
    let sessions = hash(&of_session());
    let actual = family([
        "SELECT h FROM s".to_owned(),
        format!(
            "SELECT {} AS h FROM compat_access_tokens t JOIN s USING (compat_session_id)",
            hash(&format!("t.access_token, {}, s.h", micros("t.expires_at"))),
        ),
        format!(
            "SELECT {} AS h FROM compat_refresh_tokens r
             LEFT JOIN compat_access_tokens t USING (compat_access_token_id)
             JOIN s ON s.compat_session_id = r.compat_session_id",
            hash(&format!(
                "r.refresh_token, t.access_token, {}, s.h",
                micros("r.consumed_at")
            )),
        ),
    ]);
    Family {
        entities,
        // Tokens on hidden devices belong to no session, and still have to be found.
        expected: format!(
            "WITH s AS MATERIALIZED (SELECT d.user_id, d.device_id,
               CASE WHEN {OF_CLIENT} THEN {device} END AS h FROM devices d WHERE {active_device})
             {expected}"
        ),
        actual: format!(
            "WITH s AS MATERIALIZED (SELECT s.compat_session_id, {sessions} AS h
               FROM compat_sessions s JOIN users u USING (user_id))
             {actual}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulid_is_the_uuid_that_mas_stores() {
        let id: Ulid = "01HFVBY12TMNTYTBV8W921M5FA".parse().unwrap();
        assert_eq!(uuid(id), "018bf6bf-045a-a575-ed2f-68e2441a15ea");
    }
}
