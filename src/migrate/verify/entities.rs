//! What MAS has to contain after the import, computed from Synapse's tables, and what it does
//! contain: the same rows in the same form, one query for each side.
//!
//! The rules are those of `mas-cli syn2mas migrate` (MAS's `crates/syn2mas/src/migration.rs` and
//! `synapse_reader/mod.rs`, 0.16.0 to 1.22.0). Left out is what the import takes from its clock or from
//! chance: ids, and the creation times of sessions and tokens that Synapse does not know.

use crate::migrate::{
    inputs::Provider,
    postgres::mas_state::{IMPORTED, uuid},
    verify::digest::{DIGEST, Hashable, Hasher},
};

/// The names of sessions and of the entities that are digested with them.
pub const OF_SESSIONS: [&str; 3] = ["sessions", "access tokens", "refresh tokens"];

/// A kind of row that is compared.
#[derive(Clone, Debug)]
pub struct Entity {
    /// Its name in reports.
    pub name: &'static str,
    /// Its columns; the first ones are the key.
    pub columns: Vec<Column>,
    /// How many columns make the key.
    pub key: usize,
    /// What stands behind FROM on Synapse's side.
    expected: String,
    /// What stands behind FROM on MAS's side.
    actual: String,
}

/// A column of compared rows.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, as in MAS's table.
    pub name: &'static str,
    /// How its values are compared and shown.
    pub content: Content,
    expected: Value,
    actual: Value,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A value that is there exactly as expected.
    Exact,
    /// The same, and nobody may see it.
    Secret,
    /// A time that Synapse knows, or else one that the import's clock gave.
    KnownTime,
    /// One of the times that Synapse knows, or else one that the import's clock gave.
    OneOfTimes,
    /// An address, expected as Synapse has written it down, in whatever spelling, with nothing in its
    /// place if it is none.
    Address,
}

/// A side of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What follows from Synapse's database.
    Expected,
    /// What MAS's database contains.
    Actual,
}

/// An expression of SQL, by what it gives.
#[derive(Clone, Debug)]
enum Value {
    /// A text.
    Text(String),
    /// A truth value.
    Flag(String),
    /// A UUID.
    Uuid(String),
    /// Seconds since 1970, as Synapse counts when users are created.
    Seconds(String),
    /// Milliseconds since 1970, as Synapse counts everything else.
    Milliseconds(String),
    /// A time of PostgreSQL.
    Time(String),
}

impl Value {
    /// In a form that is hashed with all its bits, and the same on both sides.
    fn hashed(&self) -> Hashable {
        // From the same number of microseconds as `date_part`, by the same division.
        let seconds = |sql: &str, microseconds: i64| {
            let nanoseconds = microseconds * 1000;
            let seconds = format!("(({sql}) * {microseconds})::float8 / 1000000::float8");
            // MAS has no time like that.
            Hashable::Time(in_range(sql, nanoseconds, &seconds, "'NaN'::float8"))
        };
        match self {
            Value::Text(sql) => Hashable::Text(sql.clone()),
            Value::Flag(sql) => Hashable::Flag(sql.clone()),
            Value::Uuid(sql) => Hashable::Uuid(sql.clone()),
            Value::Seconds(sql) => seconds(sql, 1_000_000),
            Value::Milliseconds(sql) => seconds(sql, 1000),
            Value::Time(sql) => Hashable::Time(format!("date_part('epoch', {sql})")),
        }
    }

    /// As a text, for people and for a comparison of single rows.
    fn shown(&self) -> String {
        let since_1970 = |sql: &str, unit: &str, nanoseconds: i64| {
            let time = format!("('epoch'::timestamptz + ({sql}) * interval '1 {unit}')::text");
            let beyond = format!("({sql})::text || ' {unit}s after 1970'");
            in_range(sql, nanoseconds, &time, &beyond)
        };
        match self {
            Value::Text(sql) | Value::Flag(sql) | Value::Uuid(sql) | Value::Time(sql) => {
                format!("({sql})::text")
            }
            Value::Seconds(sql) => since_1970(sql, "second", 1_000_000_000),
            Value::Milliseconds(sql) => since_1970(sql, "millisecond", 1_000_000),
        }
    }
}

/// Gives `then` if a time fits into 64 bits of nanoseconds, in which the import counts, and `otherwise` if
/// it does not. The time is a number of units, each of so many nanoseconds.
fn in_range(sql: &str, nanoseconds: i64, then: &str, otherwise: &str) -> String {
    let most = i64::MAX / nanoseconds;
    format!(
        "CASE WHEN ({sql}) BETWEEN -{most} AND {most} THEN {then}
           WHEN ({sql}) IS NOT NULL THEN {otherwise} END"
    )
}

impl Column {
    fn new(name: &'static str, content: Content, expected: Value, actual: Value) -> Self {
        Column {
            name,
            content,
            expected,
            actual,
        }
    }

    /// The same expression of SQL gives the same value on both sides.
    fn exact(name: &'static str, value: fn(String) -> Value, expected: &str, actual: &str) -> Self {
        let [expected, actual] = [expected, actual].map(|sql| value(sql.to_owned()));
        Column::new(name, Content::Exact, expected, actual)
    }

    fn text(name: &'static str, expected: &str, actual: &str) -> Self {
        Column::exact(name, Value::Text, expected, actual)
    }

    fn flag(name: &'static str, expected: &str, actual: &str) -> Self {
        Column::exact(name, Value::Flag, expected, actual)
    }

    fn secret(name: &'static str, expected: &str, actual: &str) -> Self {
        Column {
            content: Content::Secret,
            ..Column::text(name, expected, actual)
        }
    }

    fn time(name: &'static str, expected: Value, actual: &str) -> Self {
        let actual = Value::Time(actual.to_owned());
        Column::new(name, Content::Exact, expected, actual)
    }

    /// When a token was made: Synapse counts milliseconds, and the import's clock more than that.
    fn made(expected: &str, actual: &str) -> Self {
        let known = format!(
            "CASE WHEN {actual} = {actual}::timestamptz(3) THEN {actual}
               WHEN {actual} IS NULL THEN '-infinity' END"
        );
        Column::new(
            "created_at",
            Content::KnownTime,
            milliseconds(expected),
            Value::Time(known),
        )
    }

    /// In a form that is hashed with all its bits, and the same on both sides.
    #[must_use]
    pub fn hashed(&self, side: Side) -> Hashable {
        self.value(side).hashed()
    }

    fn value(&self, side: Side) -> &Value {
        match side {
            Side::Expected => &self.expected,
            Side::Actual => &self.actual,
        }
    }
}

impl Entity {
    /// Whether it is one of sessions and their tokens, which are digested together.
    #[must_use]
    pub fn is_of_sessions(&self) -> bool {
        OF_SESSIONS.contains(&self.name)
    }

    /// Whether it is digested with the entity of this name, or is it.
    #[must_use]
    pub fn belongs_with(&self, name: &str) -> bool {
        self.name == name || self.is_of_sessions() && OF_SESSIONS.contains(&name)
    }

    fn source(&self, side: Side) -> &str {
        match side {
            Side::Expected => &self.expected,
            Side::Actual => &self.actual,
        }
    }

    fn hashed(&self, side: Side) -> Vec<Hashable> {
        let columns = self.columns.iter();
        columns.map(|column| column.hashed(side)).collect()
    }

    /// The query of how many rows there are.
    #[must_use]
    pub fn count(&self, side: Side, until: Option<&str>) -> String {
        format!(
            "{} SELECT count(*) FROM {}",
            as_of(side, until),
            self.source(side)
        )
    }

    /// The query of the digest of all rows.
    #[must_use]
    pub fn digest(&self, side: Side, hasher: &Hasher) -> String {
        format!(
            "SELECT {DIGEST} FROM (SELECT {} AS x FROM {}) rows",
            hasher.row(&self.hashed(side)),
            self.source(side)
        )
    }

    /// The query of the digests of all rows by bucket, in the order of the buckets.
    #[must_use]
    pub fn digests(
        &self,
        side: Side,
        hasher: &Hasher,
        buckets: i64,
        until: Option<&str>,
    ) -> String {
        format!(
            "{} SELECT bucket, {DIGEST} FROM (SELECT {} AS bucket, {} AS x FROM {}) rows
             GROUP BY bucket ORDER BY bucket",
            as_of(side, until),
            self.bucket(side, buckets),
            hasher.row(&self.hashed(side)),
            self.source(side)
        )
    }

    /// The query of the rows in the buckets of an array, `$1`, in the order of the buckets: first the
    /// bucket, then all columns as texts.
    #[must_use]
    pub fn fetch(&self, side: Side, buckets: i64, until: Option<&str>) -> String {
        let columns = self.columns.iter();
        let columns: Vec<String> = columns.map(|column| column.value(side).shown()).collect();
        format!(
            "{} SELECT * FROM (SELECT {} AS bucket, {} FROM {}) rows
             WHERE bucket = ANY($1) ORDER BY bucket",
            as_of(side, until),
            self.bucket(side, buckets),
            columns.join(", "),
            self.source(side)
        )
    }

    /// The bucket of a row, by its key.
    fn bucket(&self, side: Side, buckets: i64) -> String {
        let key = self.columns.iter().take(self.key);
        let key: Vec<String> = key
            .map(|column| format!("coalesce({}, '')", column.value(side).shown()))
            .collect();
        format!(
            "((hashtextextended({}, 0) & 9223372036854775807) % {buckets})::integer",
            key.join(" || chr(1) || ")
        )
    }
}

/// What stands before a query on MAS's side, so that it sees only what was there at a time (RFC 3339), if
/// one is given. What has come since was made between then and now; times in the future come from
/// Synapse.
fn as_of(side: Side, until: Option<&str>) -> String {
    let Some(time) = until.filter(|_| side == Side::Actual) else {
        return String::new();
    };
    let time = time.replace('\'', "");
    let tables = IMPORTED.map(|table| {
        format!(
            "{table} AS (SELECT * FROM {table}
               WHERE created_at <= '{time}'::timestamptz OR created_at > now())"
        )
    });
    format!("WITH {}", tables.join(", "))
}

/// The localpart in a column with a user id.
fn localpart(column: &str) -> String {
    format!("split_part(substr({column}, 2), ':', 1)")
}

/// Whether the user in a column is none of some. Of those there may be few: so a join with all users,
/// which costs more than all the rest, is not needed.
pub fn none_of(column: &str, users: &str) -> String {
    format!("NOT EXISTS (SELECT FROM users x WHERE x.name = {column} AND ({users}))")
}

/// Whether the user in a column is a person, and so imported.
pub fn person(column: &str) -> String {
    none_of(column, "x.appservice_id IS NOT NULL")
}

/// The users of whose sessions there is something to say, joined as `x` to a column with a user id:
/// whether they are administrators, and whether their sessions end.
pub fn special(column: &str) -> String {
    format!(
        "LEFT JOIN (SELECT name, admin <> 0 AS admin, {INACTIVE} AS inactive FROM users
           WHERE admin <> 0 OR {INACTIVE}) x ON x.name = {column}"
    )
}

/// Whether a user's sessions end.
pub const INACTIVE: &str = "(appservice_id IS NOT NULL OR deactivated <> 0 OR is_guest <> 0)";

/// Whether the sessions of the user `x` go on.
pub const ACTIVE: &str = "x.inactive IS NOT TRUE";

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

/// When a user was created, on Synapse's side.
fn creation(column: &str) -> Value {
    Value::Seconds(column.to_owned())
}

/// Any other time, on Synapse's side.
fn milliseconds(column: &str) -> Value {
    Value::Milliseconds(column.to_owned())
}

fn users() -> Entity {
    let if_so = |condition: &str| creation(&format!("CASE WHEN {condition} THEN creation_ts END"));
    Entity {
        name: "users",
        key: 1,
        columns: vec![
            Column::text("username", &localpart("name"), "username"),
            Column::time("created_at", creation("creation_ts"), "created_at"),
            Column::time("locked_at", if_so("locked"), "locked_at"),
            Column::time(
                "deactivated_at",
                if_so("deactivated <> 0"),
                "deactivated_at",
            ),
            Column::flag("can_request_admin", "admin <> 0", "can_request_admin"),
            Column::flag("is_guest", "is_guest <> 0", "is_guest"),
        ],
        expected: "(SELECT * FROM users WHERE appservice_id IS NULL) u".to_owned(),
        actual: "users".to_owned(),
    }
}

fn passwords() -> Entity {
    Entity {
        name: "passwords",
        key: 1,
        columns: vec![
            Column::text("username", &localpart("name"), "u.username"),
            Column::text("version", "'1'", "p.version::text"),
            Column::secret("hashed_password", "password_hash", "p.hashed_password"),
            Column::time("created_at", creation("creation_ts"), "p.created_at"),
            Column::exact(
                "upgraded_from_id",
                Value::Uuid,
                "NULL::uuid",
                "p.upgraded_from_id",
            ),
        ],
        expected: "(SELECT * FROM users
            WHERE appservice_id IS NULL AND password_hash IS NOT NULL) u"
            .to_owned(),
        actual: "user_passwords p LEFT JOIN users u USING (user_id)".to_owned(),
    }
}

/// The addresses of people, as `t`, whose medium meets a condition.
fn addresses(medium: &str) -> String {
    let person = person("t.user_id");
    format!("(SELECT * FROM user_threepids t WHERE t.medium {medium} AND {person}) t")
}

fn emails() -> Entity {
    Entity {
        name: "emails",
        key: 2,
        columns: vec![
            Column::text("username", &localpart("t.user_id"), "u.username"),
            Column::text("email", "t.address", "e.email"),
            Column::time("created_at", milliseconds("t.added_at"), "e.created_at"),
        ],
        expected: addresses("= 'email'"),
        actual: "user_emails e LEFT JOIN users u USING (user_id)".to_owned(),
    }
}

fn third_party_ids() -> Entity {
    Entity {
        name: "third-party ids",
        key: 3,
        columns: vec![
            Column::text("username", &localpart("t.user_id"), "u.username"),
            Column::text("medium", "t.medium", "t.medium"),
            Column::text("address", "t.address", "t.address"),
            Column::time("created_at", milliseconds("t.added_at"), "t.created_at"),
        ],
        expected: addresses("<> 'email'"),
        actual: "user_unsupported_third_party_ids t LEFT JOIN users u USING (user_id)".to_owned(),
    }
}

fn upstream_links(providers: &[Provider]) -> Entity {
    // Of several that claim the same provider of Synapse, the import takes the last one.
    let mut last: Vec<&Provider> = Vec::new();
    for provider in providers {
        last.retain(|other| other.synapse_id != provider.synapse_id);
        last.push(provider);
    }
    let mut pairs: Vec<String> = last
        .iter()
        .map(|provider| {
            let synapse_id = provider.synapse_id.replace('\'', "''");
            format!("('{synapse_id}', '{}')", uuid(provider.mas_id))
        })
        .collect();
    // A table without rows has to have columns all the same.
    pairs.push("(NULL, NULL)".to_owned());
    // The import reads the time from the user's id, which begins in 1970.
    let created = creation("greatest(u.creation_ts, 0)");
    Entity {
        name: "upstream links",
        key: 2,
        columns: vec![
            Column::exact(
                "upstream_oauth_provider_id",
                Value::Uuid,
                "m.mas_id::uuid",
                "l.upstream_oauth_provider_id",
            ),
            Column::text("subject", "e.external_id", "l.subject"),
            Column::text("username", &localpart("e.user_id"), "u.username"),
            Column::time("created_at", created, "l.created_at"),
            Column::text("human_account_name", "NULL::text", "l.human_account_name"),
        ],
        expected: format!(
            "user_external_ids e JOIN users u ON u.name = e.user_id AND u.appservice_id IS NULL
             JOIN (VALUES {}) m (synapse_id, mas_id) ON m.synapse_id = e.auth_provider",
            pairs.join(", ")
        ),
        actual: "upstream_oauth_links l LEFT JOIN users u USING (user_id)".to_owned(),
    }
}

/// Whether Synapse's device is one of a client, and not only a place for keys.
pub const OF_CLIENT: &str = "NOT d.hidden AND d.device_id <> 'guest_device'";

/// Whether Synapse's access token is one of its user's own, without a refresh token.
const PLAIN: &str = "t.puppets_user_id IS NULL AND t.refresh_token_id IS NULL";

/// Synapse's access tokens without a device. Each becomes a session of its own.
pub fn without_device() -> String {
    format!(
        "access_tokens t {} WHERE t.device_id IS NULL AND {PLAIN} AND {ACTIVE}",
        special("t.user_id")
    )
}

/// Refresh tokens with their access tokens, without those whose successor has been used.
const PAIRS: &str = "refresh_tokens r JOIN access_tokens a ON a.refresh_token_id = r.id
       AND a.user_id = r.user_id AND a.device_id = r.device_id
     LEFT JOIN access_tokens n ON n.refresh_token_id = r.next_token_id
     WHERE n.used IS NOT TRUE";

/// The access tokens of devices, plain ones and those with a refresh token, wherever the device is.
pub fn of_devices() -> String {
    format!(
        "SELECT t.user_id, t.device_id, t.token, t.last_validated, t.valid_until_ms,
           NULL::text AS refresh_token
         FROM access_tokens t WHERE t.device_id IS NOT NULL AND {PLAIN}
         UNION ALL
         SELECT r.user_id, r.device_id, a.token, a.last_validated, a.valid_until_ms, r.token
         FROM {PAIRS}"
    )
}

/// What becomes a session, as `s`, with the times at which it may have been made as `made`: those of
/// its plain tokens, or of the others if it has none. The import takes the first that it comes upon, and
/// its clock's if that token has none.
fn sessions() -> Entity {
    let time = |column: &str| milliseconds(column).shown();
    let made = |filter: &str| {
        format!(
            "CASE WHEN bool_and(last_validated IS NOT NULL) FILTER (WHERE {filter})
             THEN string_agg(DISTINCT {}, '|') FILTER (WHERE {filter}) END",
            // Ids of sessions begin in 1970, and the import reads the time from there.
            time("greatest(last_validated, 0)")
        )
    };
    let expected = format!(
        "(SELECT d.user_id, d.device_id, NULL::text AS token, d.display_name,
            coalesce(x.admin, false) AS admin, m.made, d.last_seen, d.ip, d.user_agent
          FROM devices d {} LEFT JOIN (
            SELECT user_id, device_id, CASE WHEN bool_or(refresh_token IS NULL) THEN {} ELSE {} END AS made
            FROM ({}) t GROUP BY user_id, device_id) m USING (user_id, device_id)
          WHERE {OF_CLIENT} AND {ACTIVE}
          UNION ALL
          SELECT t.user_id, NULL, t.token, NULL, false, {}, NULL, NULL, NULL FROM {}) s",
        special("d.user_id"),
        made("refresh_token IS NULL"),
        made("true"),
        of_devices(),
        time("t.last_validated"),
        without_device(),
    );
    Entity {
        name: "sessions",
        key: 3,
        columns: vec![
            Column::text("username", &localpart("s.user_id"), "u.username"),
            Column::text("device_id", "s.device_id", "s.device_id"),
            // Nothing else tells a user's sessions without a device apart.
            Column::secret("access_token", "s.token", "o.tokens"),
            Column::text("human_name", "s.display_name", "s.human_name"),
            Column::flag("is_synapse_admin", "s.admin", "s.is_synapse_admin"),
            Column::new(
                "created_at",
                Content::OneOfTimes,
                Value::Text("s.made".to_owned()),
                Value::Text("coalesce(s.created_at, '-infinity')::text".to_owned()),
            ),
            Column::time(
                "last_active_at",
                milliseconds("s.last_seen"),
                "s.last_active_at",
            ),
            Column {
                content: Content::Address,
                ..Column::text(
                    "last_active_ip",
                    // For MAS, an address with a netmask is none.
                    "CASE WHEN s.ip <> '-' AND s.ip NOT LIKE '%/%' THEN s.ip END",
                    // With the netmask, if it has one.
                    "abbrev(s.last_active_ip)",
                )
            },
            Column::text("user_agent", "s.user_agent", "s.user_agent"),
            Column::time("finished_at", never(), "s.finished_at"),
            Column::exact(
                "user_session_id",
                Value::Uuid,
                "NULL::uuid",
                "s.user_session_id",
            ),
        ],
        expected,
        actual: format!("compat_sessions s LEFT JOIN users u USING (user_id) {OWN_TOKENS}"),
    }
}

/// The time of something that Synapse has not.
fn never() -> Value {
    milliseconds("NULL::bigint")
}

/// The access tokens of MAS's sessions without a device, joined as `o` to the sessions `s`.
const OWN_TOKENS: &str = "LEFT JOIN (
       SELECT compat_session_id, string_agg(access_token, '|' ORDER BY access_token) AS tokens
       FROM compat_access_tokens JOIN compat_sessions USING (compat_session_id)
       WHERE device_id IS NULL GROUP BY compat_session_id) o USING (compat_session_id)";

fn access_tokens() -> Entity {
    Entity {
        name: "access tokens",
        key: 1,
        columns: vec![
            Column::secret("access_token", "t.token", "t.access_token"),
            Column::text("username", &localpart("t.user_id"), "u.username"),
            Column::text("device_id", "t.device_id", "s.device_id"),
            Column::made("t.last_validated", "t.created_at"),
            Column::time(
                "expires_at",
                milliseconds("t.valid_until_ms"),
                "t.expires_at",
            ),
        ],
        expected: format!(
            "(SELECT t.* FROM ({}) t JOIN devices d USING (user_id, device_id) {} WHERE {ACTIVE}
              UNION ALL
              SELECT t.user_id, NULL, t.token, t.last_validated, t.valid_until_ms, NULL FROM {}) t",
            of_devices(),
            special("t.user_id"),
            without_device(),
        ),
        actual: "compat_access_tokens t LEFT JOIN compat_sessions s USING (compat_session_id)
            LEFT JOIN users u USING (user_id)"
            .to_owned(),
    }
}

fn refresh_tokens() -> Entity {
    Entity {
        name: "refresh tokens",
        key: 1,
        columns: vec![
            Column::secret("refresh_token", "t.refresh_token", "r.refresh_token"),
            Column::secret("access_token", "t.token", "t.access_token"),
            Column::text("username", &localpart("t.user_id"), "u.username"),
            Column::text("device_id", "t.device_id", "s.device_id"),
            Column::made("t.last_validated", "r.created_at"),
            Column::time("consumed_at", never(), "r.consumed_at"),
        ],
        expected: format!(
            "(SELECT t.* FROM ({}) t JOIN devices d USING (user_id, device_id) {}
              WHERE {ACTIVE} AND t.refresh_token IS NOT NULL) t",
            of_devices(),
            special("t.user_id"),
        ),
        actual: "compat_refresh_tokens r
            LEFT JOIN compat_access_tokens t USING (compat_access_token_id)
            LEFT JOIN compat_sessions s ON s.compat_session_id = r.compat_session_id
            LEFT JOIN users u USING (user_id)"
            .to_owned(),
    }
}
