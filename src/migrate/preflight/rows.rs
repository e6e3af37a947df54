//! Problems and notes about rows of Synapse's database, each found by one query.
//!
//! The import reads the rows that [`verify`](crate::migrate::verify) describes. It stops at the first
//! one that it cannot import, or it imports one and so harms a user. Each query returns a text that
//! identifies a row. Any column may be NULL, because broken databases have lost their constraints.

use std::sync::Mutex;

use sqlx::PgConnection;

use crate::migrate::{
    MigrateError,
    postgres::connection::Database,
    preflight::{
        catalogue,
        finding::{Check, Finding, SAMPLES},
    },
    verify::{INACTIVE, none_of, person},
};

/// Number of characters of a sample that are shown.
const SHOWN: usize = 200;

/// Checks Synapse's database, over two connections at once. Some roles that suit the import may not read
/// registration tokens, which it does not need.
///
/// # Errors
///
/// If the database cannot be read.
pub async fn findings(
    database: &Database,
    server_name: &str,
    with_registration_tokens: bool,
) -> Result<Vec<Finding>, MigrateError> {
    let mut checks = [
        identities(),
        missing_values(),
        tables(),
        twice(),
        times(),
        sessions(),
        pairs_apart(),
        people(),
        addresses(),
    ]
    .concat();
    checks.extend(with_registration_tokens.then(registration_tokens));
    let left = Mutex::new(checks.into_iter());
    let (one, other) = tokio::try_join!(
        work_off(&left, database, server_name),
        work_off(&left, database, server_name),
    )?;
    Ok([one, other].concat())
}

/// Runs one check after the other, until none is left.
async fn work_off(
    left: &Mutex<impl Iterator<Item = Check>>,
    database: &Database,
    server_name: &str,
) -> Result<Vec<Finding>, MigrateError> {
    let next = || left.lock().ok()?.next();
    let mut connection = database.snapshot().await?;
    let mut findings = Vec::new();
    while let Some(check) = next() {
        findings.extend(run_check(check, &mut connection, database, server_name).await?);
    }
    Ok(findings)
}

/// Runs one check. In its query, `$1` is the homeserver's name.
///
/// # Errors
///
/// If the rows cannot be read.
pub async fn run_check(
    check: Check,
    connection: &mut PgConnection,
    database: &Database,
    server_name: &str,
) -> Result<Option<Finding>, MigrateError> {
    let sql = format!(
        "SELECT count(*), (array_agg(left(sample, {SHOWN}) ORDER BY sample))[1:{SAMPLES}]
         FROM ({}) AS rows (sample) WHERE $1::text IS NOT NULL",
        check.query
    );
    let begun = std::time::Instant::now();
    let (count, samples): (i64, Option<Vec<Option<String>>>) = sqlx::query_as(&sql)
        .bind(server_name)
        .fetch_one(connection)
        .await
        .map_err(database.failed(&format!("cannot look for {}", check.kind.id)))?;
    tracing::debug!("{}: {:?}", check.kind.id, begun.elapsed());
    let samples = samples.unwrap_or_default().into_iter();
    Ok((count > 0).then(|| Finding {
        kind: check.kind,
        count,
        samples: samples.map(shown).collect(),
    }))
}

/// A sample as it can be printed on one line: control characters are replaced.
fn shown(sample: Option<String>) -> String {
    let sample = sample.unwrap_or_else(|| "NULL".to_owned());
    sample.replace(char::is_control, "\u{fffd}")
}

/// Queries for the rows of each table that the import reads and that meet a condition on `t`, with
/// columns `user_id` and `sample`. Few rows meet the condition, so whatever else decides is looked up
/// only for these.
fn read(condition: &str) -> [String; 5] {
    let table = |name: &str, sample: &str, more: &str| {
        format!(
            "SELECT t.user_id, concat('{name}: ', coalesce(t.user_id, 'NULL'), {sample}) AS sample
             FROM (SELECT * FROM {name} t WHERE {condition} OFFSET 0) t {more}"
        )
    };
    [
        table("user_threepids", "' ', t.medium, ' ', t.address", ""),
        table("user_external_ids", "' ', t.auth_provider", ""),
        table(
            "devices",
            "' ', t.device_id",
            "WHERE NOT t.hidden AND t.device_id <> 'guest_device'",
        ),
        table("access_tokens", "' token ', t.id", ALONE),
        format!(
            "SELECT t.user_id, concat('refresh_tokens: ', t.user_id, ' refresh token ', t.id) AS sample {}",
            pairs(condition, "true")
        ),
    ]
}

/// Join and condition for the access tokens `t` that the import reads without a refresh token.
const ALONE: &str = "LEFT JOIN devices d USING (user_id, device_id)
    WHERE t.puppets_user_id IS NULL AND t.refresh_token_id IS NULL
      AND (t.device_id IS NULL OR d.device_id IS NOT NULL)";

/// FROM clause for refresh tokens `t` with their access tokens `a`, as the import reads them, where both
/// meet a condition.
fn pairs(refresh: &str, access: &str) -> String {
    format!(
        "FROM (SELECT * FROM access_tokens a
           WHERE a.refresh_token_id IS NOT NULL AND {access} OFFSET 0) a
         JOIN (SELECT * FROM refresh_tokens t WHERE {refresh} OFFSET 0) t
           ON t.id = a.refresh_token_id AND t.user_id = a.user_id AND t.device_id = a.device_id
         JOIN devices d ON d.user_id = t.user_id AND d.device_id = t.device_id
         LEFT JOIN access_tokens n ON n.refresh_token_id = t.next_token_id
         WHERE (NOT n.used OR n.used IS NULL)"
    )
}

/// SQL condition: a column has a user id of this homeserver, as the import parses it.
fn own(column: &str) -> String {
    format!(
        "(left({column}, 1) = '@' AND position(':' IN {column}) > 0
          AND substr({column}, position(':' IN {column}) + 1) = $1)"
    )
}

/// SQL condition: the sessions of the user in a column are imported.
fn active(column: &str) -> String {
    none_of(column, INACTIVE)
}

/// SQL condition: an application service's user whose localpart contains a colon. The import skips
/// these.
const WITH_COLON: &str = "(appservice_id IS NOT NULL AND right(name, length($1) + 1) = ':' || $1
    AND position(':' IN left(name, -length($1) - 1)) > 0)";

/// Users who belong to another homeserver, or do not exist.
fn identities() -> Vec<Check> {
    // Patterns cost less than parsing every id.
    let suspicious =
        "(t.user_id NOT LIKE '@%:' || replace($1, '_', '\\_') OR t.user_id LIKE '%:%:%')";
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

/// NULL in columns that the import requires, in rows that it reads.
fn missing_values() -> Vec<Check> {
    let sample = "SELECT sample FROM";
    let [third_parties, ..] =
        read("t.user_id IS NULL OR t.medium IS NULL OR t.address IS NULL OR t.added_at IS NULL");
    let [_, externals, ..] =
        read("t.user_id IS NULL OR t.auth_provider IS NULL OR t.external_id IS NULL");
    let [_, _, devices, ..] = read("t.user_id IS NULL");
    let [_, _, _, tokens, _] = read("t.user_id IS NULL OR t.token IS NULL");
    let [.., refreshing] = read("t.token IS NULL");
    let refreshed = pairs("true", "a.token IS NULL");
    vec![
        catalogue::VALUE_MISSING.check(format!(
            "SELECT concat('users: ', coalesce(name, 'NULL')) FROM users
             WHERE name IS NULL OR admin IS NULL OR deactivated IS NULL OR locked IS NULL
               OR is_guest IS NULL
             UNION ALL {sample} ({third_parties}) r
             UNION ALL {sample} ({externals}) r
             UNION ALL {sample} ({devices}) r
             UNION ALL {sample} ({tokens}) r
             UNION ALL {sample} ({refreshing}) r
             UNION ALL SELECT concat('access_tokens: ', a.user_id, ' token ', a.id) {refreshed}"
        )),
        catalogue::CREATION_TIME_MISSING.check("SELECT name FROM users WHERE creation_ts IS NULL"),
    ]
}

/// Rows that MAS's own tables reject.
fn tables() -> Vec<Check> {
    let not_imported = "(d.hidden IS NULL OR d.hidden OR d.device_id = 'guest_device')";
    let (plain, paired) = (active("t.user_id"), pairs("true", "true"));
    vec![
        catalogue::TOKEN_ON_HIDDEN_DEVICE.check(format!(
            "SELECT t.user_id || ' ' || t.device_id FROM access_tokens t
             JOIN devices d USING (user_id, device_id)
             WHERE t.puppets_user_id IS NULL AND t.refresh_token_id IS NULL
               AND {not_imported} AND {plain}
             UNION ALL SELECT t.user_id || ' ' || t.device_id {paired} AND {not_imported} AND {plain}"
        )),
        catalogue::VALUE_TOO_LONG.check(too_long()),
        catalogue::DELEGATED_BEFORE.check(
            "SELECT user_id || ' ' || auth_provider FROM user_external_ids
             WHERE auth_provider = 'oauth-delegated'",
        ),
    ]
}

/// Texts that do not fit into an index of MAS. PostgreSQL accepts index entries of up to 2704 bytes, of
/// which 8 are the header, and 16 a UUID if one precedes the text. What counts is the size after
/// compression, as in the index. Of a user id, MAS stores only the localpart.
fn too_long() -> String {
    let long = |column: &str, most: u32| {
        format!("octet_length({column}) > {most} AND pg_column_size({column}) > {most}")
    };
    let of_person = person("t.user_id");
    let [_, _, _, tokens, refreshing] = read(&long("t.token", 2696));
    let plain = active("r.user_id");
    format!(
        "SELECT 'users: ' || left(name, 40) FROM users t WHERE appservice_id IS NULL
           AND octet_length(name) - octet_length($1) > 2698
           AND pg_column_size(name) - octet_length($1) > 2698
         UNION ALL SELECT 'user_threepids: ' || t.user_id FROM user_threepids t
         WHERE t.medium = 'email' AND {} AND {of_person}
         UNION ALL SELECT 'user_threepids: ' || t.user_id FROM user_threepids t
         WHERE t.medium <> 'email' AND octet_length(t.medium) + octet_length(t.address) > 2672
           AND pg_column_size(t.medium) + pg_column_size(t.address) > 2672 AND {of_person}
         UNION ALL SELECT 'user_external_ids: ' || t.user_id FROM user_external_ids t
         WHERE {} AND {of_person}
         UNION ALL SELECT sample FROM ({tokens}) r WHERE {plain}
         UNION ALL SELECT sample FROM ({refreshing}) r WHERE {plain}
         UNION ALL SELECT concat('access_tokens: ', a.user_id, ' token ', a.id) {} AND {}",
        long("t.address", 2696),
        long("t.external_id", 2680),
        pairs("true", &long("a.token", 2696)),
        active("a.user_id"),
    )
}

/// SQL condition: no unique index keeps a table from having duplicate rows. Where one does, a search for
/// duplicates would cost as much as all the rest.
fn may_repeat(table: &str, columns: &[&str]) -> String {
    format!(
        "NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = to_regclass('{table}')
           AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
           AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a
                WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey))
             = ARRAY['{}'])",
        columns.join("', '")
    )
}

/// Duplicate rows, which MAS's tables reject. Synapse's tables reject them too, as long as they have
/// their constraints.
fn twice() -> Vec<Check> {
    let of_person = person("user_id");
    let (plain, alone) = (active("t.user_id"), ALONE);
    let paired = pairs("true", "true");
    let users = may_repeat("users", &["name"]);
    let third_parties = may_repeat("user_threepids", &["address", "medium"]);
    let externals = may_repeat("user_external_ids", &["auth_provider", "external_id"]);
    let devices = may_repeat("devices", &["device_id", "user_id"]);
    let tokens = may_repeat("access_tokens", &["token"]);
    vec![
        catalogue::DUPLICATE_USER.check(format!(
            "SELECT name FROM users WHERE name IS NOT NULL AND {users} GROUP BY name
             HAVING count(*) > 1 AND bool_or(appservice_id IS NULL)"
        )),
        catalogue::DUPLICATE_THIRD_PARTY_ID.check(format!(
            "SELECT user_id || ' ' || medium || ' ' || address FROM user_threepids
             WHERE medium <> 'email' AND {third_parties} AND {of_person}
             GROUP BY user_id, medium, address HAVING count(*) > 1"
        )),
        catalogue::DUPLICATE_EXTERNAL_ID.check(format!(
            "SELECT auth_provider || ' ' || external_id FROM user_external_ids
             WHERE {externals} AND {of_person} GROUP BY auth_provider, external_id HAVING count(*) > 1"
        )),
        // Two sessions, or one session whose tokens are read twice.
        catalogue::DUPLICATE_DEVICE.check(format!(
            "SELECT t.user_id || ' ' || t.device_id FROM (
               SELECT user_id, device_id,
                 count(*) FILTER (WHERE NOT hidden AND device_id <> 'guest_device') AS sessions
               FROM devices WHERE {devices} GROUP BY user_id, device_id HAVING count(*) > 1) t
             WHERE {plain} AND (t.sessions > 1
               OR (t.user_id, t.device_id) IN (SELECT user_id, device_id FROM access_tokens
                 WHERE puppets_user_id IS NULL AND refresh_token_id IS NULL)
               OR (t.user_id, t.device_id) IN (SELECT t.user_id, t.device_id {paired}))"
        )),
        catalogue::DUPLICATE_TOKEN.check(format!(
            "WITH twice AS MATERIALIZED (SELECT * FROM access_tokens WHERE token IN (
               SELECT token FROM access_tokens WHERE {tokens} GROUP BY token HAVING count(*) > 1))
             SELECT min(sample) FROM (
               SELECT t.token, t.user_id, concat(t.user_id, ' token ', t.id) FROM twice t {alone}
               UNION ALL SELECT a.token, a.user_id, concat(a.user_id, ' token ', a.id)
               FROM twice a WHERE (a.refresh_token_id, a.user_id, a.device_id) IN (
                 SELECT t.id, t.user_id, t.device_id {paired})) t (token, user_id, sample)
             WHERE {plain} GROUP BY t.token HAVING count(*) > 1"
        )),
        catalogue::SHARED_REFRESH_TOKEN.check(format!(
            "WITH pair AS MATERIALIZED (
               SELECT t.token AS refresh, a.token AS access,
                 concat(t.user_id, ' refresh token ', t.id) AS sample {paired} AND {plain})
             SELECT min(sample) FROM pair GROUP BY refresh HAVING count(*) > 1
             UNION SELECT min(sample) FROM pair GROUP BY access HAVING count(*) > 1"
        )),
    ]
}

/// Times that MAS cannot store: it counts nanoseconds in a signed 64-bit number.
fn times() -> Vec<Check> {
    let beyond = |column: &str| format!("{column} NOT BETWEEN -9223372036854 AND 9223372036854");
    let [third_parties, ..] = read(&beyond("t.added_at"));
    let [_, _, devices, ..] = read(&beyond("t.last_seen"));
    let late = |alias: &str| {
        let column = |name: &str| beyond(&format!("{alias}.{name}"));
        format!(
            "({} OR {})",
            column("valid_until_ms"),
            column("last_validated")
        )
    };
    let [_, _, _, tokens, _] = read(&late("t"));
    let refreshed = pairs("true", &late("a"));
    let (of_person, plain) = (person("r.user_id"), active("r.user_id"));
    vec![
        catalogue::TIME_OUT_OF_RANGE.check(format!(
            "SELECT 'users: ' || name FROM users WHERE appservice_id IS NULL
               AND creation_ts NOT BETWEEN -9223372036 AND 9223372036
             UNION ALL SELECT sample FROM ({third_parties}) r WHERE {of_person}
             UNION ALL SELECT sample FROM ({devices}) r WHERE {plain}
             UNION ALL SELECT sample FROM ({tokens}) r WHERE {plain}
             UNION ALL SELECT concat('access_tokens: ', a.user_id, ' token ', a.id) {refreshed} AND {}",
            active("a.user_id")
        )),
        catalogue::TIME_BEFORE_1970.check(
            "SELECT name FROM users WHERE appservice_id IS NULL
               AND creation_ts BETWEEN -9223372036 AND -1",
        ),
    ]
}

/// Sessions that will not continue as they were.
fn sessions() -> Vec<Check> {
    let plain = active("t.user_id");
    let imported = active("r.user_id");
    // MAS accepts only tokens that begin like one of Synapse's macaroons: four characters, then
    // "location ".
    let [_, _, _, tokens, _] = read(&no_token("t"));
    let [.., refreshing] = read("left(t.token, 4) <> 'syr_'");
    let refreshed = pairs("true", &no_token("a"));
    let now = "extract(epoch FROM now()) * 1000";
    let expired = pairs(
        &format!("(t.expiry_ts < {now} OR t.ultimate_session_expiry_ts < {now})"),
        "true",
    );
    let devices_of = |users: &str| {
        format!(
            "SELECT d.user_id || ' ' || d.device_id FROM devices d JOIN users u ON u.name = d.user_id
             WHERE {users} AND NOT d.hidden"
        )
    };
    vec![
        catalogue::DEVICE_ID_LENGTH.check(format!(
            "SELECT t.user_id || ' ' || left(t.device_id, 40) FROM devices t
             WHERE NOT t.hidden AND length(t.device_id) NOT BETWEEN 1 AND 255 AND {plain}"
        )),
        catalogue::DEVICE_LEFT_OUT.check(format!(
            "SELECT concat(t.user_id, ' ', t.device_id) FROM devices t
             WHERE (t.hidden IS NULL OR NOT t.hidden AND (t.device_id IS NULL OR t.device_id = 'guest_device'))
               AND t.user_id IS NOT NULL AND {plain}"
        )),
        catalogue::TOKEN_FORM.check(format!(
            "SELECT sample FROM ({tokens}) r WHERE {imported}
             UNION ALL SELECT concat('access_tokens: ', a.user_id, ' token ', a.id) {refreshed} AND {plain}
             UNION ALL SELECT sample FROM ({refreshing}) r WHERE {imported}"
        )),
        catalogue::TOKEN_OF_PUPPET.check(format!(
            "SELECT t.user_id || ' token ' || t.id FROM access_tokens t
             WHERE t.puppets_user_id IS NOT NULL AND t.refresh_token_id IS NULL
               AND t.user_id IS NOT NULL AND {plain}"
        )),
        catalogue::TOKEN_WITHOUT_DEVICE.check(format!(
            "SELECT t.user_id || ' token ' || t.id FROM access_tokens t
             WHERE t.puppets_user_id IS NULL AND t.device_id IS NOT NULL AND NOT EXISTS (
               SELECT FROM devices d WHERE d.user_id = t.user_id AND d.device_id = t.device_id)
               AND t.user_id IS NOT NULL AND {plain}"
        )),
        catalogue::SESSIONS_OF_DEACTIVATED
            .check(devices_of("u.deactivated <> 0 AND u.appservice_id IS NULL")),
        catalogue::SESSIONS_OF_APPSERVICES.check(devices_of("u.appservice_id IS NOT NULL")),
        catalogue::REFRESH_TOKEN_EXPIRED.check(format!(
            "SELECT t.user_id || ' refresh token ' || t.id {expired} AND {plain}"
        )),
    ]
}

/// SQL condition: MAS does not accept an access token as one of Synapse's.
fn no_token(alias: &str) -> String {
    const MACAROON: &str = "^[A-Za-z0-9_-]{5}[GWm2]xvY2F0aW9uI[A-P][A-Za-z0-9_-]*$";
    format!(
        "(left({alias}.token, 4) <> 'syt_'
          AND ({alias}.token !~ '{MACAROON}' OR length({alias}.token) % 4 = 1))"
    )
}

/// Access tokens and refresh tokens that belong together, but that the import does not read as a pair.
fn pairs_apart() -> Vec<Check> {
    let plain = active("t.user_id");
    let device = "SELECT FROM devices d WHERE d.user_id = t.user_id AND d.device_id = t.device_id";
    let superseded =
        "SELECT FROM access_tokens n WHERE n.refresh_token_id = t.next_token_id AND n.used";
    vec![
        catalogue::TOKEN_SUPERSEDED.check(format!(
            "SELECT t.user_id || ' refresh token ' || t.id FROM refresh_tokens t
             WHERE EXISTS ({superseded}) AND {plain}"
        )),
        catalogue::REFRESH_TOKEN_ALONE.check(format!(
            "SELECT concat(t.user_id, ' refresh token ', t.id) FROM refresh_tokens t
             WHERE (NOT EXISTS (SELECT FROM access_tokens a WHERE a.refresh_token_id = t.id)
               OR NOT EXISTS ({device})) AND NOT EXISTS ({superseded})
               AND t.user_id IS NOT NULL AND {plain}"
        )),
        catalogue::TOKEN_PAIR_APART.check(format!(
            "SELECT concat(t.user_id, ' token ', t.id) FROM access_tokens t
             WHERE t.refresh_token_id IS NOT NULL AND NOT EXISTS (SELECT FROM refresh_tokens r
                 WHERE r.id = t.refresh_token_id AND r.user_id = t.user_id AND r.device_id = t.device_id)
               AND (t.device_id IS NULL OR EXISTS ({device}))
               AND t.user_id IS NOT NULL AND {plain}"
        )),
    ]
}

/// Checks of users: their passwords, localparts and states.
fn people() -> Vec<Check> {
    // What MAS's bcrypt library parses. The last characters of the salt and of the hash encode fewer
    // than six bits.
    const BCRYPT: &str = "^\\$*2[abxy]\\$+\\+?0*([4-9]|[12][0-9]|3[01])\\$+\
        [./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]\\$*$";
    // What Synapse writes. Testing for this takes a quarter of the time.
    const USUAL: &str = "octet_length(password_hash) = 60
        AND password_hash ~ '^\\$2[abxy]\\$[12][0-9]\\$[./A-Za-z0-9]+$'
        AND position(substr(password_hash, 29, 1) IN '.Oeu') > 0
        AND position(right(password_hash, 1) IN '.CGKOSWaeimquy26') > 0";
    let of = |condition: &str| {
        format!("SELECT name FROM users u WHERE appservice_id IS NULL AND {condition}")
    };
    vec![
        catalogue::EMPTY_PASSWORD.check(of("password_hash = '' AND deactivated = 0")),
        catalogue::PASSWORD_FORM.check(of(&format!(
            "password_hash <> '' AND deactivated = 0
             AND CASE WHEN {USUAL} THEN false ELSE password_hash !~ '{BCRYPT}' END"
        ))),
        catalogue::EMPTY_LOCALPART.check(of("name = '@:' || $1")),
        catalogue::GUESTS.check(of("is_guest <> 0")),
        catalogue::LOCKED.check(of("locked")),
        catalogue::NO_WAY_TO_LOG_IN.check(of("coalesce(password_hash, '') = ''
               AND deactivated = 0 AND is_guest = 0
               AND NOT EXISTS (SELECT FROM user_external_ids e WHERE e.user_id = u.name)")),
        catalogue::NOT_APPROVED.check(of("NOT approved AND deactivated = 0")),
        catalogue::LOCALPARTS_BY_CASE.check(
            "SELECT string_agg(name, ' ' ORDER BY name) FROM users
             WHERE appservice_id IS NULL AND name IS NOT NULL
             GROUP BY lower(name) HAVING count(*) > 1",
        ),
    ]
}

/// Email addresses and other third-party ids.
fn addresses() -> Vec<Check> {
    // A part of an address between dots. The library `lettre`, with which MAS sends mail, accepts no
    // spaces, no control characters and no brackets in it.
    const ATOM: &str = "[^][[:space:][:cntrl:]@\"(),:;<>\\\\.]+";
    let of_person = person("t.user_id");
    let active = none_of(
        "t.user_id",
        "x.appservice_id IS NOT NULL OR x.deactivated <> 0",
    );
    vec![
        catalogue::EMAIL_FORM.check(format!(
            "SELECT concat(t.user_id, ' ', t.address) FROM user_threepids t WHERE t.medium = 'email'
               AND t.address !~ '^(\"[^\"]+\"|{ATOM}(\\.{ATOM})*)@({ATOM}(\\.{ATOM})*|\\[[0-9a-fA-F.:]+\\])$'
               AND {active}"
        )),
        catalogue::EMAIL_OF_SEVERAL.check(format!(
            "SELECT min(lower(t.address)) || ': ' || string_agg(DISTINCT t.user_id, ' ')
             FROM user_threepids t WHERE t.medium = 'email' AND {of_person}
             GROUP BY lower(t.address) HAVING count(*) > 1"
        )),
        catalogue::THIRD_PARTY_IDS.check(format!(
            "SELECT concat(t.user_id, ' ', t.medium, ' ', t.address) FROM user_threepids t
             WHERE t.medium <> 'email' AND {of_person}"
        )),
    ]
}

/// Registration tokens that are still valid.
fn registration_tokens() -> Check {
    catalogue::REGISTRATION_TOKENS.check(
        "SELECT 'a token for '
           || coalesce((uses_allowed::bigint - completed)::text, 'any number of') || ' more users'
         FROM registration_tokens WHERE coalesce(uses_allowed > completed, true)
           AND coalesce(expiry_time > extract(epoch FROM now()) * 1000, true)",
    )
}
