//! Digests sessions and their tokens together. A session and a token that belong together are a pair,
//! and a session without a token is a pair with nothing. So sessions are joined with their users only
//! once, and with their tokens only once.
//!
//! Suppose that both sides have the same pairs, the same number of sessions with a device and without
//! one, and the same number of tokens. Then the rows of all three entities are equal, and each token
//! belongs to its session:
//!
//! - Sessions with a device differ by user and device, and each is in a pair. So MAS has all of
//!   Synapse's, with the same columns. As it has no more of them, it has each once, with all its tokens.
//! - A session without a device has one token. So none of MAS's lacks a token. As there are as many of
//!   these sessions as there are tokens of theirs, each has exactly one.
//! - A token without a session is in no pair, so there would be more tokens.

use super::{
    digest::{DIGEST, Hashable, Hasher},
    entities::{
        ACTIVE, Content, Entity, INACTIVE, OF_CLIENT, OF_SESSIONS, Side, of_devices, special,
        without_device,
    },
};

/// Name of a count in the result: the sessions that were created when none of their tokens was. It
/// should be 0.
pub const MADE_AT_OTHER_TIMES: &str = "sessions made at other times";

/// The columns that belong to this entity alone, in the form to hash.
fn own_columns(entity: &Entity, side: Side) -> Vec<Hashable> {
    let is_session = entity.name == OF_SESSIONS[0];
    let columns = entity.columns.iter().filter(|column| match column.name {
        "username" => false,
        "device_id" => is_session,
        // For a session, the pair contains it.
        "access_token" => !is_session,
        _ => true,
    });
    let hashed = columns.map(|column| match (column.content, side) {
        // Only whether the time is finite is hashed. `MADE` checks the time itself.
        (Content::OneOfTimes, Side::Expected) => Hashable::Flag("false".to_owned()),
        (Content::OneOfTimes, Side::Actual) => {
            Hashable::Flag("coalesce(NOT isfinite(s.created_at), true)".to_owned())
        }
        _ => column.hashed(side),
    });
    hashed.collect()
}

/// Query for the digests on Synapse's database. A device that does not belong to a client is not a
/// session, but its tokens must be found all the same.
///
/// Users and devices are joined by their 64-bit hashes, which takes less time than joining by texts.
#[must_use]
pub fn expected(hasher: &Hasher, [sessions, access, refresh]: [&Entity; 3]) -> String {
    let own = |entity| own_columns(entity, Side::Expected);
    let keys = |table: &str| {
        let [user, device] = ["user_id", "device_id"].map(|name| format!("{table}.{name}"));
        format!("{} AS u, {} AS d", hasher.text(&user), hasher.text(&device))
    };
    format!(
        "WITH p AS MATERIALIZED (
           SELECT count(t) AS tokens, {sum} AS sum FROM (
             SELECT t.x AS t, coalesce(s.x, 0) # coalesce(t.x, 0) # s.u AS pair FROM (
               SELECT {keys_of_s}, CASE WHEN client THEN {session} END AS x
               FROM (SELECT d.*, {OF_CLIENT} AS client, coalesce(x.admin, false) AS admin
                 FROM devices d {special} WHERE {ACTIVE}) s OFFSET 0) s
             LEFT JOIN (SELECT {keys_of_t}, {token} AS x FROM ({of_devices}) t OFFSET 0) t USING (u, d)
             WHERE s.x IS NOT NULL OR t.x IS NOT NULL
             UNION ALL
             SELECT {token}, {session} # {token} # {user} FROM (SELECT t.* FROM {without_device}) t
             CROSS JOIN (
               SELECT NULL::text AS device_id, NULL::text AS display_name, false AS admin,
                 NULL::bigint AS last_seen, NULL::text AS ip, NULL::text AS user_agent) s) pairs),
         s AS MATERIALIZED (
           SELECT (SELECT count(*) FROM devices d WHERE {OF_CLIENT})
               - (SELECT count(*) FROM devices d JOIN users u ON u.name = d.user_id
                  WHERE {OF_CLIENT} AND {INACTIVE}) AS devices,
             (SELECT count(*) FROM {without_device}) AS others)
         SELECT '{}' AS entity, devices + others AS count, devices::text AS sum FROM s
         UNION ALL SELECT '{}', tokens, coalesce(sum, 0)::text FROM p
         UNION ALL SELECT '{}', {DIGEST} FROM (
           SELECT {refreshes} AS x FROM ({of_devices}) t JOIN devices d USING (user_id, device_id) {special_t}
           WHERE {ACTIVE} AND t.refresh_token IS NOT NULL) rows",
        sessions.name,
        access.name,
        refresh.name,
        sum = hasher.sum_of_pairs("pair"),
        session = hasher.row(&own(sessions)),
        token = hasher.row(&own(access)),
        keys_of_s = keys("s"),
        keys_of_t = keys("t"),
        user = hasher.text("t.user_id"),
        of_devices = of_devices(),
        without_device = without_device(),
        special = special("d.user_id"),
        special_t = special("t.user_id"),
        refreshes = hasher.row(&[own(refresh), vec![Hashable::Flag("true".to_owned())]].concat()),
    )
}

/// Query for the digests on MAS's database. `server_name` is the homeserver's name.
#[must_use]
pub fn actual(
    hasher: &Hasher,
    [sessions, access, refresh]: [&Entity; 3],
    server_name: &str,
) -> String {
    let own = |entity| own_columns(entity, Side::Actual);
    let server_name = server_name.replace('\'', "''");
    let of_its_session = "coalesce(r.compat_session_id = t.compat_session_id, false)".to_owned();
    format!(
        "WITH p AS MATERIALIZED (
           SELECT {sum} AS sum, array_agg(s.compat_session_id)
             FILTER (WHERE t.x IS NOT NULL AND {MADE} IS NOT TRUE) AS unmade
           FROM (
             SELECT s.compat_session_id, s.user_id, s.device_id, s.created_at, {session} AS x
             FROM compat_sessions s OFFSET 0) s
           LEFT JOIN (
             SELECT compat_session_id, created_at, {token} AS x
             FROM compat_access_tokens t OFFSET 0) t USING (compat_session_id)
           LEFT JOIN (SELECT user_id, {user} AS x FROM users OFFSET 0) u USING (user_id))
         SELECT '{}' AS entity, count(*) AS count, count(device_id)::text AS sum FROM compat_sessions
         UNION ALL SELECT '{}', (SELECT count(*) FROM compat_access_tokens), coalesce(sum, 0)::text FROM p
         UNION ALL SELECT '{}', {DIGEST} FROM (
           SELECT {refreshes} AS x FROM compat_refresh_tokens r
           LEFT JOIN compat_access_tokens t USING (compat_access_token_id)) rows
         UNION ALL SELECT '{MADE_AT_OTHER_TIMES}', CASE WHEN unmade IS NULL THEN 0
           ELSE (SELECT count(*) FROM ({unmade}) sessions) END, '0' FROM p",
        sessions.name,
        access.name,
        refresh.name,
        sum = hasher.sum_of_pairs("s.x # coalesce(t.x, 0) # coalesce(u.x, 1)"),
        session = hasher.row(&own(sessions)),
        user = hasher.text(&format!("'@' || username || ':{server_name}'")),
        token = hasher.row(&own(access)),
        refreshes = hasher.row(&[own(refresh), vec![Hashable::Flag(of_its_session)]].concat()),
        unmade = unmade(),
    )
}

/// SQL condition: a session `s` was, or may have been, created when its token `t` was. A session with a
/// device was created in the same millisecond, but never before 1970. A token's time that is not a whole
/// millisecond comes from the import's clock, so the session may have any time.
const MADE: &str = "(t.created_at <> t.created_at::timestamptz(3) OR s.created_at
    = CASE WHEN s.device_id IS NULL THEN t.created_at ELSE greatest(t.created_at, 'epoch') END)";

/// Query for the sessions with a wrong creation time, among those in `unmade`, which were not created
/// with some token of theirs. A session must have been created with one of its plain tokens, or with any
/// other one if it has no plain ones.
fn unmade() -> String {
    format!(
        "SELECT FROM (
           SELECT s.compat_session_id, r.compat_access_token_id IS NULL AS plain, {MADE} AS made
           FROM compat_sessions s JOIN compat_access_tokens t USING (compat_session_id)
           LEFT JOIN (SELECT DISTINCT compat_access_token_id FROM compat_refresh_tokens) r
             USING (compat_access_token_id)
           WHERE s.compat_session_id IN (SELECT unnest(unmade))) t
         GROUP BY compat_session_id
         HAVING CASE WHEN bool_or(plain) THEN bool_or(made AND plain) ELSE bool_or(made) END IS NOT TRUE"
    )
}
