//! The entities to compare. Each has one query for each side, and both return rows of the same form:
//! what MAS must contain after the import, computed from Synapse's tables, and what MAS contains.
//!
//! The rules are those of `mas-cli syn2mas migrate` (MAS's `crates/syn2mas/src/migration.rs` and
//! `synapse_reader/mod.rs`, 0.16.0 to 1.22.0). What the import takes from its clock or draws at random
//! is not compared: ids, and the creation times of sessions and tokens that Synapse does not know.

use std::time::{SystemTime, UNIX_EPOCH};

use humantime::format_rfc3339_millis;

use crate::migrate::{
    context::Provider,
    postgres::mas_state::{IMPORTED, uuid},
    verify::digest::{DIGEST, Hashable, Hasher},
};

/// The names of the entities that are digested together.
pub const OF_SESSIONS: [&str; 3] = ["sessions", "access tokens", "refresh tokens"];

/// A kind of row that is compared, such as users or access tokens.
#[derive(Clone, Debug)]
pub struct Entity {
    /// Name in reports, such as `access tokens`.
    pub name: &'static str,
    /// The columns to compare. The first ones are the key.
    pub columns: Vec<Column>,
    /// Number of key columns.
    pub key: usize,
    /// What follows FROM in the query on Synapse's database.
    expected: String,
    /// What follows FROM in the query on MAS's database.
    actual: String,
}

/// A column of an entity.
#[derive(Clone, Debug)]
pub struct Column {
    /// Name, as in MAS's table.
    pub name: &'static str,
    /// How its values are compared and shown.
    pub content: Content,
    expected: Value,
    actual: Value,
}

/// How the values of a column are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Both values must be equal.
    Exact,
    /// Both values must be equal. Reports show only a short hash.
    Secret,
    /// A time. If Synapse knows it, MAS must have the same; otherwise it comes from the import's clock.
    KnownTime,
    /// A time. If Synapse knows possible times, separated by `|`, MAS must have one of them; otherwise
    /// it comes from the import's clock.
    OneOfTimes,
    /// An IP address. Synapse may have it in any spelling. If Synapse's text is not an address, MAS must
    /// have NULL.
    Address,
    /// Not compared, only fetched. Synapse has NULL. Such a column is the last one.
    Context,
}

/// A side of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What MAS must contain, computed from Synapse's database.
    Expected,
    /// What MAS's database contains.
    Actual,
}

/// An SQL expression, by the type and unit of its value.
#[derive(Clone, Debug)]
enum Value {
    /// `text`.
    Text(String),
    /// `boolean`.
    Flag(String),
    /// `uuid`.
    Uuid(String),
    /// Seconds since 1970, Synapse's unit for the creation of users.
    Seconds(String),
    /// Milliseconds since 1970, Synapse's unit for all other times.
    Milliseconds(String),
    /// `timestamptz`.
    Time(String),
}

impl Value {
    /// The form to hash. It has all bits of the value, and it is the same on both sides.
    fn hashed(&self) -> Hashable {
        // `date_part` divides the same number of microseconds in the same way.
        let seconds = |sql: &str, microseconds: i64| {
            let nanoseconds = microseconds * 1000;
            let seconds = format!("(({sql}) * {microseconds})::float8 / 1000000::float8");
            // MAS cannot have this value.
            Hashable::Number(in_range(sql, nanoseconds, &seconds, "'NaN'::float8"))
        };
        match self {
            Value::Text(sql) => Hashable::Text(sql.clone()),
            Value::Flag(sql) => Hashable::Flag(sql.clone()),
            Value::Uuid(sql) => Hashable::Uuid(sql.clone()),
            Value::Seconds(sql) => seconds(sql, 1_000_000),
            Value::Milliseconds(sql) => seconds(sql, 1000),
            Value::Time(sql) => Hashable::Number(format!("date_part('epoch', {sql})")),
        }
    }

    /// As text, for reports and for the comparison of single rows.
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

/// SQL that gives `then` if a time is in the range of the import, which counts nanoseconds in 64 bits,
/// and `otherwise` if it is not. `sql` is the time, in a unit of this many `nanoseconds`.
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

    /// A column whose values must be equal, and have the same type on both sides.
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

    /// The creation time of a token. Synapse counts whole milliseconds, and the import's clock is finer.
    /// So a time with a fraction of a millisecond comes from the clock, and counts as NULL here.
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

    /// The form to hash. It has all bits of the value, and it is the same on both sides.
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
    /// Whether this is one of [`OF_SESSIONS`], which are digested together.
    #[must_use]
    pub fn is_of_sessions(&self) -> bool {
        OF_SESSIONS.contains(&self.name)
    }

    /// Whether the entity of this name is this one, or is digested together with it.
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

    /// The number of columns that are compared.
    #[must_use]
    pub fn compared(&self) -> usize {
        let compared = |column: &&Column| column.content != Content::Context;
        self.columns.iter().filter(compared).count()
    }

    fn hashed(&self, side: Side) -> Vec<Hashable> {
        let columns = self.columns.iter().take(self.compared());
        columns.map(|column| column.hashed(side)).collect()
    }

    /// Query for the number of rows. On MAS's side, `until` (RFC 3339) excludes later rows.
    #[must_use]
    pub fn count(&self, side: Side, until: Option<&str>) -> String {
        format!(
            "{} SELECT count(*) FROM {}",
            as_of(side, until),
            self.source(side)
        )
    }

    /// Query for one digest of all rows.
    #[must_use]
    pub fn digest(&self, side: Side, hasher: &Hasher) -> String {
        format!(
            "SELECT {DIGEST} FROM (SELECT {} AS x FROM {}) rows",
            hasher.row(&self.hashed(side)),
            self.source(side)
        )
    }

    /// Query for one digest of each bucket, ordered by bucket.
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

    /// Query for the rows of the buckets in the array `$1`, ordered by bucket. It returns the bucket,
    /// then all columns as text.
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

    /// Query for all rows of the users in the array `$1`: their ids on Synapse's side, their names on MAS's.
    /// It returns all columns as text.
    #[must_use]
    pub fn of_users(&self, side: Side) -> String {
        format!("{} {}", of_users(side), self.rows(side))
    }

    /// Query for all rows, all columns as text.
    #[must_use]
    pub fn rows(&self, side: Side) -> String {
        let columns = self.columns.iter();
        let columns: Vec<String> = columns.map(|column| column.value(side).shown()).collect();
        format!("SELECT {} FROM {}", columns.join(", "), self.source(side))
    }

    /// SQL for the bucket of a row, computed from its key.
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

/// WITH clause in which each table has only the rows of some users: on Synapse's side those whose ids are
/// in the array `$1`, on MAS's side those whose names are.
fn of_users(side: Side) -> String {
    let tables: &[(&str, &str)] = match side {
        Side::Expected => &[
            ("users", "name = ANY($1)"),
            ("user_threepids", "user_id = ANY($1)"),
            ("user_external_ids", "user_id = ANY($1)"),
            ("devices", "user_id = ANY($1)"),
            ("refresh_tokens", "user_id = ANY($1)"),
            // Whether a refresh token counts depends on the access token of its successor.
            (
                "access_tokens",
                "user_id = ANY($1) UNION SELECT * FROM access_tokens
                   WHERE refresh_token_id = ANY(ARRAY(SELECT next_token_id FROM refresh_tokens))",
            ),
        ],
        Side::Actual => &[
            ("users", "username = ANY($1)"),
            ("user_passwords", OF_THESE_USERS),
            ("user_emails", OF_THESE_USERS),
            ("user_unsupported_third_party_ids", OF_THESE_USERS),
            ("upstream_oauth_links", OF_THESE_USERS),
            ("compat_sessions", OF_THESE_USERS),
            ("compat_access_tokens", OF_THESE_SESSIONS),
            ("compat_refresh_tokens", OF_THESE_SESSIONS),
        ],
    };
    let tables: Vec<String> = tables
        .iter()
        .map(|(table, rows)| format!("{table} AS (SELECT * FROM {table} WHERE {rows})"))
        .collect();
    format!("WITH {}", tables.join(", "))
}

/// SQL condition: a row belongs to one of the users that were selected before.
const OF_THESE_USERS: &str = "user_id = ANY(ARRAY(SELECT user_id FROM users))";

/// SQL condition: a row belongs to one of the sessions that were selected before.
const OF_THESE_SESSIONS: &str =
    "compat_session_id = ANY(ARRAY(SELECT compat_session_id FROM compat_sessions))";

/// WITH clause for a query on MAS's side, so that it sees only the rows that existed at `until` (RFC
/// 3339), if this is given. Later rows were created between then and now. A creation time in the future
/// comes from Synapse, so these rows are kept.
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

/// SQL for the localpart of the user id in a column.
fn localpart(column: &str) -> String {
    format!("split_part(substr({column}, 2), ':', 1)")
}

/// SQL condition: the user in a column is none of those that meet the condition `users` on `x`. They may
/// be few, and this form avoids a join with all users, which costs more than all the rest.
pub fn none_of(column: &str, users: &str) -> String {
    format!("NOT EXISTS (SELECT FROM users x WHERE x.name = {column} AND ({users}))")
}

/// SQL condition: the user in a column is a person, and so imported.
pub fn person(column: &str) -> String {
    none_of(column, "x.appservice_id IS NOT NULL")
}

/// Joins, as `x`, the administrators and the users whose sessions end to a column with a user id.
/// `x.admin` and `x.inactive` say which they are.
pub fn special(column: &str) -> String {
    format!(
        "LEFT JOIN (SELECT name, admin <> 0 AS admin, {INACTIVE} AS inactive FROM users
           WHERE admin <> 0 OR {INACTIVE}) x ON x.name = {column}"
    )
}

/// SQL condition: a user's sessions end.
pub const INACTIVE: &str = "(appservice_id IS NOT NULL OR deactivated <> 0 OR is_guest <> 0)";

/// SQL condition: the sessions of the user `x` continue.
pub const ACTIVE: &str = "x.inactive IS NOT TRUE";

/// All entities. Those that others depend on come first.
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

/// The creation time of a user on Synapse's side.
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

/// The third-party ids of people, as `t`, whose medium meets a condition.
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
    // If several claim the same provider of Synapse, the import uses the last one.
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
    // A VALUES list needs at least one row.
    pairs.push("(NULL, NULL)".to_owned());
    // The import takes the time from the user's id, and times in ids begin in 1970.
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

/// SQL condition: Synapse's device `d` belongs to a client, and does not only hold keys.
pub const OF_CLIENT: &str = "NOT d.hidden AND d.device_id <> 'guest_device'";

/// SQL condition: Synapse's access token `t` belongs to its user alone, and has no refresh token.
const PLAIN: &str = "t.puppets_user_id IS NULL AND t.refresh_token_id IS NULL";

/// What follows FROM for Synapse's access tokens without a device. Each becomes a session of its own.
pub fn without_device() -> String {
    format!(
        "access_tokens t {} WHERE t.device_id IS NULL AND {PLAIN} AND {ACTIVE}",
        special("t.user_id")
    )
}

/// What follows FROM for refresh tokens with their access tokens, except those whose successor has been
/// used.
const PAIRS: &str = "refresh_tokens r JOIN access_tokens a ON a.refresh_token_id = r.id
       AND a.user_id = r.user_id AND a.device_id = r.device_id
     LEFT JOIN access_tokens n ON n.refresh_token_id = r.next_token_id
     WHERE n.used IS NOT TRUE";

/// Query for the access tokens of devices, with and without a refresh token. It does not check that the
/// device exists.
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

/// Everything that becomes a session, as `s`. Its column `made` has the possible creation times: those
/// of the plain tokens, or of the others if there are no plain ones. The import uses the token that it
/// reads first, and its clock if that token has no time.
fn sessions() -> Entity {
    let time = |column: &str| milliseconds(column).shown();
    let made = |filter: &str| {
        format!(
            "CASE WHEN bool_and(last_validated IS NOT NULL) FILTER (WHERE {filter})
             THEN string_agg(DISTINCT {}, '|') FILTER (WHERE {filter}) END",
            // The import takes the time from the session's id, and times in ids begin in 1970.
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
            // Only the token distinguishes a user's sessions without a device.
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
                    // MAS does not accept an address with a netmask.
                    "CASE WHEN s.ip <> '-' AND s.ip NOT LIKE '%/%' THEN s.ip END",
                    // Includes the netmask, if there is one.
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

/// When devices were last used, with the key and the rules of the sessions. The arrays `$1` and `$2` have the
/// users, as in [`Entity::of_users`], and the devices. On Synapse's side there are also devices that do not
/// become sessions.
#[must_use]
pub fn last_uses() -> Entity {
    const COLUMNS: [&str; 5] = [
        "username",
        "device_id",
        "last_active_at",
        "last_active_ip",
        "user_agent",
    ];
    let mut columns = sessions().columns;
    columns.retain(|column| COLUMNS.contains(&column.name));
    Entity {
        name: "sessions",
        columns,
        key: 2,
        expected: "unnest($1::text[], $2::text[]) these (user_id, device_id)
            JOIN devices s USING (user_id, device_id)"
            .to_owned(),
        actual: "unnest($1::text[], $2::text[]) these (username, device_id)
            JOIN users u USING (username)
            JOIN compat_sessions s ON s.user_id = u.user_id AND s.device_id = these.device_id"
            .to_owned(),
    }
}

/// NULL, for a time that Synapse does not record.
fn never() -> Value {
    milliseconds("NULL::bigint")
}

/// Joins the access tokens of MAS's sessions without a device, as `o`, to the sessions `s`.
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

/// Query for those of the users in the array `$1` who own rows that the import reads, each once. It reads
/// them before it knows whether the user's sessions end.
#[must_use]
pub fn owners() -> String {
    format!(
        "{} SELECT user_id FROM user_threepids UNION SELECT user_id FROM user_external_ids
         UNION SELECT user_id FROM devices d WHERE {OF_CLIENT}
         UNION SELECT t.user_id FROM ({}) t JOIN devices d USING (user_id, device_id)
         UNION SELECT t.user_id FROM access_tokens t WHERE t.device_id IS NULL AND {PLAIN}",
        of_users(Side::Expected),
        of_devices(),
    )
}

/// The moment for which [`at_stake`] asks, on this host's clock, and the cutover.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The current time. One value for both sides, because their clocks may differ.
    pub now: SystemTime,
    /// Time of the cutover.
    pub cut_over: SystemTime,
}

impl Moment {
    /// The current time in milliseconds since 1970.
    fn milliseconds(&self) -> u128 {
        let now = self.now.duration_since(UNIX_EPOCH);
        now.unwrap_or_default().as_millis()
    }

    /// SQL for the current time, a `timestamptz`.
    fn sql_of_now(&self) -> String {
        format!("'{}'::timestamptz", format_rfc3339_millis(self.now))
    }

    /// SQL for the time of the cutover, a `timestamptz`.
    #[must_use]
    pub fn sql_of_cutover(&self) -> String {
        format!("'{}'::timestamptz", format_rfc3339_millis(self.cut_over))
    }

    /// SQL condition: a session `s` came after the cutover. A time that is still to come is one of
    /// Synapse's, so the session was imported.
    #[must_use]
    pub fn came_later(&self) -> String {
        format!(
            "(s.created_at > {} AND s.created_at <= {} + interval '5 min')",
            self.sql_of_cutover(),
            self.sql_of_now()
        )
    }
}

/// What people would notice if Synapse authenticated them again: on one side what Synapse's tables have
/// now, on the other what MAS accepts now. Both sides change after the cutover, as MAS tells Synapse of
/// new devices, addresses and users. So no times and names are compared that the two write differently.
#[must_use]
pub fn at_stake(providers: &[Provider], moment: &Moment) -> Vec<Entity> {
    vec![
        accounts(),
        good_passwords(),
        addresses_at_stake(emails(), "lower"),
        addresses_at_stake(third_party_ids(), ""),
        links_at_stake(providers),
        good_access_tokens(moment),
        good_refresh_tokens(moment),
    ]
}

/// All users. The creation time is Synapse's own if the user was imported, and MAS's own if not.
fn accounts() -> Entity {
    Entity {
        columns: vec![
            Column::text("username", &localpart("name"), "username"),
            Column::time("created_at", creation("creation_ts"), "created_at"),
            Column::flag("locked", "locked", "locked_at IS NOT NULL"),
            Column::flag(
                "deactivated",
                "deactivated <> 0",
                "deactivated_at IS NOT NULL",
            ),
            Column::flag("can_request_admin", "admin <> 0", "can_request_admin"),
            Column::flag("is_guest", "is_guest <> 0", "is_guest"),
        ],
        ..users()
    }
}

/// The newest password of each user who is not deactivated. When MAS changes the scheme of a hash, it
/// writes a new row with the id of the old one: the password is that of the first row.
fn good_passwords() -> Entity {
    Entity {
        columns: vec![
            Column::text("username", &localpart("name"), "u.username"),
            Column::secret("hashed_password", "password_hash", "p.hashed_password"),
        ],
        expected: "(SELECT * FROM users WHERE appservice_id IS NULL AND deactivated = 0
            AND password_hash IS NOT NULL) u"
            .to_owned(),
        actual: "(WITH RECURSIVE chain AS (
              SELECT * FROM (SELECT DISTINCT ON (user_id) user_id, hashed_password, upgraded_from_id
                FROM user_passwords ORDER BY user_id, created_at DESC) newest
              UNION SELECT c.user_id, o.hashed_password, o.upgraded_from_id
              FROM chain c JOIN user_passwords o ON o.user_password_id = c.upgraded_from_id)
            SELECT * FROM chain WHERE upgraded_from_id IS NULL) p
            JOIN users u USING (user_id) WHERE u.deactivated_at IS NULL"
            .to_owned(),
        ..passwords()
    }
}

/// The same addresses without the time at which they were added. Synapse writes emails in lower case.
fn addresses_at_stake(entity: Entity, spelling: &str) -> Entity {
    let spelled = |value: Value| match value {
        Value::Text(sql) if !spelling.is_empty() => Value::Text(format!("{spelling}({sql})")),
        other => other,
    };
    let columns = entity.columns.into_iter();
    let columns = columns.filter(|column| column.name != "created_at");
    let columns = columns.map(|column| match column.name {
        "email" => Column {
            expected: spelled(column.expected),
            actual: spelled(column.actual),
            ..column
        },
        _ => column,
    });
    Entity {
        // Spellings of an address are compared as those of one user.
        key: 1,
        columns: columns.collect(),
        ..entity
    }
}

/// The links of users. A link without a user is one that somebody has begun to make.
fn links_at_stake(providers: &[Provider]) -> Entity {
    let entity = upstream_links(providers);
    let kept = ["upstream_oauth_provider_id", "subject", "username"];
    let columns = entity.columns.into_iter();
    Entity {
        columns: columns
            .filter(|column| kept.contains(&column.name))
            .collect(),
        actual: "upstream_oauth_links l JOIN users u USING (user_id)".to_owned(),
        ..entity
    }
}

/// A session of MAS's, for a report: its id, unless it came after the cutover.
fn imported_session(moment: &Moment) -> Column {
    Column::new(
        "session",
        Content::Context,
        Value::Text("NULL".to_owned()),
        Value::Text(format!(
            "CASE WHEN NOT {} THEN s.compat_session_id::text END",
            moment.came_later()
        )),
    )
}

/// What follows FROM for the sessions of MAS's that have not ended.
const LIVE: &str = "JOIN compat_sessions s USING (compat_session_id) JOIN users u USING (user_id)
    WHERE s.finished_at IS NULL AND u.deactivated_at IS NULL";

/// The access tokens that have not expired.
fn good_access_tokens(moment: &Moment) -> Entity {
    let entity = access_tokens();
    let columns = entity.columns.into_iter();
    let columns = columns.filter(|column| column.name != "created_at");
    Entity {
        columns: columns.chain([imported_session(moment)]).collect(),
        expected: format!(
            "(SELECT * FROM {} WHERE t.valid_until_ms IS NULL OR t.valid_until_ms > {}) t",
            entity.expected,
            moment.milliseconds()
        ),
        actual: format!(
            "compat_access_tokens t {LIVE} AND (t.expires_at IS NULL OR t.expires_at > {})",
            moment.sql_of_now()
        ),
        ..access_tokens()
    }
}

/// The refresh tokens that have not been exchanged.
fn good_refresh_tokens(moment: &Moment) -> Entity {
    let entity = refresh_tokens();
    let kept = ["refresh_token", "username", "device_id"];
    let columns = entity.columns.into_iter();
    let columns = columns.filter(|column| kept.contains(&column.name));
    Entity {
        columns: columns.chain([imported_session(moment)]).collect(),
        expected: entity.expected,
        actual: format!("compat_refresh_tokens r {LIVE} AND r.consumed_at IS NULL"),
        ..refresh_tokens()
    }
}
