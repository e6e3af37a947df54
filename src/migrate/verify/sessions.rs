//! Sessions with their tokens, digested in one go: so sessions are joined with their users once, and
//! tokens with little more than numbers.
//!
//! The hash of each token is combined with that of its session. If the digests of all three entities are
//! the same on both sides, so are their rows, and each token belongs to its session:
//!
//! - a session with a device is the only one of its user and device, and a token's hash holds both;
//! - a session without a device has one token of its own, which its own hash holds.

use super::{
    digest::Hasher,
    entities::{
        ACTIVE, Content, Entity, OF_CLIENT, OWN_TOKENS, Side, localpart, of_devices, special,
        without_device,
    },
};

/// The names of the entities.
pub const ENTITIES: [&str; 3] = ["sessions", "access tokens", "refresh tokens"];

/// The columns of an entity that do not belong to its session, or of sessions all but the user and what
/// [`made`](actual) looks at, as they are hashed.
fn own_columns(entity: &Entity, side: Side) -> Vec<String> {
    let of_session =
        |name: &str| name == "username" || (name == "device_id" && entity.name != ENTITIES[0]);
    let columns = entity.columns.iter();
    let own = columns.filter(|column| !of_session(column.name));
    own.map(|column| match (column.content, side) {
        // What else there is to know of it, MADE knows.
        (Content::OneOfTimes, Side::Expected) => "false".to_owned(),
        (Content::OneOfTimes, Side::Actual) => {
            "coalesce(NOT isfinite(s.created_at), true)".to_owned()
        }
        _ => column.hashed(side),
    })
    .collect()
}

/// Selects the digest of a query's column `x`, with the name of an entity.
fn digest(hasher: &Hasher, entity: &str, rows: &str) -> String {
    format!(
        "SELECT '{entity}' AS entity, {} FROM ({rows}) rows",
        hasher.digest()
    )
}

/// The query of the digests on Synapse's database. A device that is none of a client is no session, but
/// a token of it has to be found all the same.
#[must_use]
pub fn expected(hasher: &Hasher, [sessions, access, refresh]: [&Entity; 3]) -> String {
    let own = |entity| hasher.row(&own_columns(entity, Side::Expected));
    let (session, token) = (own(sessions), own(access));
    let user = hasher.text(&localpart("s.user_id"));
    let digests = [
        digest(
            hasher,
            sessions.name,
            "SELECT x FROM s WHERE x IS NOT NULL UNION ALL SELECT session FROM w",
        ),
        digest(
            hasher,
            access.name,
            &format!(
                "SELECT t.h # coalesce(s.x, 0) AS x
                 FROM (SELECT user_id, device_id, {token} AS h FROM ({}) t OFFSET 0) t
                 JOIN s USING (user_id, device_id)
                 UNION ALL SELECT session # token FROM w",
                of_devices()
            ),
        ),
        digest(
            hasher,
            refresh.name,
            &format!(
                "SELECT {} # coalesce(s.x, 0) AS x FROM ({}) t JOIN s USING (user_id, device_id)
                 WHERE t.refresh_token IS NOT NULL",
                own(refresh),
                of_devices()
            ),
        ),
    ];
    format!(
        "WITH s AS MATERIALIZED (
           SELECT user_id, device_id, CASE WHEN client THEN {session} # {user} END AS x
           FROM (SELECT d.*, {OF_CLIENT} AS client, NULL::text AS token,
               coalesce(x.admin, false) AS admin
             FROM devices d {} WHERE {ACTIVE}) s),
         w AS MATERIALIZED (
           SELECT {session} # {user} AS session, {token} AS token
           FROM (SELECT t.* FROM {}) t CROSS JOIN LATERAL (
             SELECT t.user_id, t.token, NULL::text AS device_id, NULL::text AS display_name,
               false AS admin, NULL::bigint AS last_seen, NULL::text AS ip, NULL::text AS user_agent) s)
         {}",
        special("d.user_id"),
        without_device(),
        digests.join(" UNION ALL "),
    )
}

/// The query of the digests on MAS's database. What has no session or no user there is nothing that
/// Synapse has, so 1 stands for it, not 0.
#[must_use]
pub fn actual(hasher: &Hasher, [sessions, access, refresh]: [&Entity; 3]) -> String {
    let own = |entity| hasher.row(&own_columns(entity, Side::Actual));
    let digests = [
        digest(hasher, sessions.name, "SELECT x FROM s"),
        digest(hasher, access.name, "SELECT x FROM t"),
        digest(
            hasher,
            refresh.name,
            &format!(
                "SELECT {} # coalesce(s.x, 1) AS x FROM compat_refresh_tokens r
                 LEFT JOIN compat_access_tokens t USING (compat_access_token_id)
                 LEFT JOIN s ON s.compat_session_id = r.compat_session_id",
                own(refresh)
            ),
        ),
    ];
    format!(
        "WITH s AS MATERIALIZED (
           SELECT s.compat_session_id, s.device_id, s.created_at, {} # coalesce(u.x, 1) AS x
           FROM compat_sessions s
           LEFT JOIN (SELECT user_id, {} AS x FROM users OFFSET 0) u USING (user_id) {OWN_TOKENS}),
         t AS MATERIALIZED (
           SELECT t.compat_session_id, {MADE} AS made, {} # coalesce(s.x, 1) AS x,
             t.compat_access_token_id NOT IN (SELECT compat_access_token_id FROM compat_refresh_tokens)
               AS plain
           FROM compat_access_tokens t LEFT JOIN s USING (compat_session_id))
         {} UNION ALL SELECT '{MADE_AT_OTHER_TIMES}', count(*), NULL FROM ({UNMADE}) sessions",
        own(sessions),
        hasher.text("username"),
        own(access),
        digests.join(" UNION ALL "),
    )
}

/// How many sessions were made at a time at which none of their tokens was. There should be none.
pub const MADE_AT_OTHER_TIMES: &str = "sessions made at other times";

/// Whether a session `s` was made when its token `t` was, or may have been: a session with a device in the
/// same millisecond, from 1970 on; and a time that is no whole millisecond is the clock's.
const MADE: &str = "(t.created_at <> t.created_at::timestamptz(3) OR s.created_at
    = CASE WHEN s.device_id IS NULL THEN t.created_at ELSE greatest(t.created_at, 'epoch') END)";

/// The sessions that were not made with a plain token of theirs, or if they have none with another one.
const UNMADE: &str = "SELECT FROM t
    WHERE compat_session_id IN (SELECT compat_session_id FROM t WHERE made IS NOT TRUE)
    GROUP BY compat_session_id
    HAVING CASE WHEN bool_or(plain) THEN bool_or(made AND plain) ELSE bool_or(made) END IS NOT TRUE";
