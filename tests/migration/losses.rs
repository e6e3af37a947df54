//! What a rollback is said to lose is what is lost, to the last row: after any combination of changes,
//! the list is held against what MAS accepted before and what Synapse accepts afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mas2nix::migrate::{
    cutover::{
        data_loss::{self, Loss},
        repair::{self, Repaired},
    },
    journal,
    postgres::{connection::Database, tables::last_tokens},
};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::{
    MasCli,
    harness::TestResult,
    homeserver::{Homeserver, password, request},
    postgres::{Migration, Postgres, comparison},
    rows::Dice,
};

/// What people and administrators do in MAS after the cutover, on MAS's database and, where MAS tells
/// Synapse, on Synapse's. `{of:NAME}` is the id of a user.
const CHANGES: &[(&str, &str, &str)] = &[
    (
        "only used",
        "UPDATE compat_sessions SET last_active_at = now(), last_active_ip = '10.9.9.9', user_agent = 'x'",
        "UPDATE devices SET last_seen = 1800000000000, ip = '10.9.9.9', user_agent = 'x'",
    ),
    (
        "renamed a device",
        "UPDATE compat_sessions SET human_name = 'renamed' WHERE device_id = 'PHONE'",
        "UPDATE devices SET display_name = 'renamed' WHERE device_id = 'PHONE'",
    ),
    (
        "told Synapse of an address anew",
        "",
        "UPDATE user_threepids SET added_at = 1800000000000 WHERE address = 'bob@example.com'",
    ),
    (
        "locked, and Synapse knows",
        "UPDATE users SET locked_at = now() WHERE username = 'bob'",
        "UPDATE users SET locked = true WHERE name = '@bob:example.com'",
    ),
    (
        "locked, and Synapse does not know",
        "UPDATE users SET locked_at = now() WHERE username = 'alice'",
        "",
    ),
    (
        "unlocked",
        "UPDATE users SET locked_at = NULL WHERE username = 'locked'",
        "",
    ),
    (
        "deactivated, and Synapse knows",
        "UPDATE users SET deactivated_at = now() WHERE username = 'carol';
         UPDATE compat_sessions SET finished_at = now() WHERE user_id = {of:carol};
         DELETE FROM user_emails WHERE user_id = {of:carol}",
        "UPDATE users SET deactivated = 1, password_hash = NULL WHERE name = '@carol:example.com';
         DELETE FROM user_threepids WHERE user_id = '@carol:example.com';
         DELETE FROM devices WHERE user_id = '@carol:example.com' AND NOT hidden;
         DELETE FROM access_tokens WHERE user_id = '@carol:example.com'",
    ),
    (
        "deactivated, and Synapse does not know",
        "UPDATE users SET deactivated_at = now() WHERE username = 'Mixed';
         DELETE FROM user_emails WHERE user_id = {of:Mixed}",
        "",
    ),
    (
        "deactivated at once, with sessions that are not ended yet",
        "UPDATE users SET deactivated_at = now() WHERE username = 'bob'",
        "",
    ),
    (
        "reactivated, and Synapse does not know",
        "UPDATE users SET deactivated_at = NULL WHERE username = 'gone'",
        "",
    ),
    (
        "reactivated, and Synapse knows",
        "UPDATE users SET deactivated_at = NULL WHERE username = 'gone'",
        "UPDATE users SET deactivated = 0 WHERE name = '@gone:example.com'",
    ),
    (
        "was made an administrator",
        "UPDATE users SET can_request_admin = true WHERE username = 'bob'",
        "",
    ),
    (
        "is no administrator any more",
        "UPDATE users SET can_request_admin = false WHERE username = 'alice'",
        "",
    ),
    (
        "is no guest any more",
        "UPDATE users SET is_guest = false WHERE username = '1'",
        "",
    ),
    (
        "changed a password",
        "INSERT INTO user_passwords (user_password_id, user_id, hashed_password, version, created_at)
         VALUES (gen_random_uuid(), {of:Mixed}, 'changed', 2, now())",
        "",
    ),
    (
        "logged in, for which MAS hashed the password anew",
        "INSERT INTO user_passwords (user_password_id, user_id, hashed_password, version, created_at, upgraded_from_id)
         SELECT gen_random_uuid(), user_id, 'upgraded' || random(), 2, now(), user_password_id
         FROM (SELECT DISTINCT ON (user_id) * FROM user_passwords ORDER BY user_id, created_at DESC) p",
        "",
    ),
    (
        "set a first password",
        "INSERT INTO user_passwords (user_password_id, user_id, hashed_password, version, created_at)
         VALUES (gen_random_uuid(), {of:carol}, 'first', 2, now())",
        "",
    ),
    (
        "lost a password",
        "UPDATE user_passwords SET upgraded_from_id = NULL WHERE user_id = {of:locked};
         DELETE FROM user_passwords WHERE user_id = {of:locked}",
        "",
    ),
    (
        "added an address, and Synapse knows",
        "INSERT INTO user_emails VALUES (gen_random_uuid(), {of:bob}, 'Ünew@Example.com', now())",
        "INSERT INTO user_threepids VALUES ('@bob:example.com', 'email', 'ünew@example.com', 1, 1)",
    ),
    (
        "added an address, and Synapse does not know",
        "INSERT INTO user_emails VALUES (gen_random_uuid(), {of:bob}, 'other@example.com', now())",
        "",
    ),
    (
        "removed an address, and Synapse does not know",
        "DELETE FROM user_emails WHERE email = 'alice@example.com'",
        "",
    ),
    (
        "removed an address, and Synapse knows",
        "DELETE FROM user_emails WHERE email = 'bob@example.com'",
        "DELETE FROM user_threepids WHERE address = 'bob@example.com'",
    ),
    (
        "gave an address to somebody else",
        "UPDATE user_emails SET user_id = {of:carol} WHERE email = 'gone@example.com'",
        "",
    ),
    (
        "removed a phone number",
        "DELETE FROM user_unsupported_third_party_ids",
        "",
    ),
    (
        "added a phone number",
        "INSERT INTO user_unsupported_third_party_ids VALUES ({of:bob}, 'msisdn', '44999', now())",
        "",
    ),
    (
        "connected an account",
        "INSERT INTO upstream_oauth_links (upstream_oauth_link_id, upstream_oauth_provider_id, user_id, subject, created_at)
         SELECT gen_random_uuid(), upstream_oauth_provider_id, {of:alice}, 'new subject', now()
         FROM upstream_oauth_links WHERE subject = 'subject of gone'",
        "",
    ),
    (
        "began to connect an account",
        "INSERT INTO upstream_oauth_links (upstream_oauth_link_id, upstream_oauth_provider_id, subject, created_at)
         SELECT gen_random_uuid(), upstream_oauth_provider_id, 'of nobody', now()
         FROM upstream_oauth_links WHERE subject = 'subject of gone'",
        "",
    ),
    (
        "disconnected an account",
        "DELETE FROM upstream_oauth_links WHERE subject = 'subject of carol'",
        "",
    ),
    (
        "connected an account to somebody else",
        "UPDATE upstream_oauth_links SET user_id = {of:alice} WHERE subject = 'subject of bob'",
        "",
    ),
    (
        "logged a client without a device out",
        "UPDATE compat_sessions SET finished_at = now() WHERE device_id IS NULL",
        "",
    ),
    (
        "logged out long ago, so that MAS has forgotten it",
        "DELETE FROM compat_access_tokens WHERE access_token = 'syt_alice_odd';
         DELETE FROM compat_sessions WHERE device_id LIKE 'odd%'",
        "DELETE FROM devices WHERE device_id LIKE 'odd%'",
    ),
    (
        "logged out, and Synapse knows",
        "UPDATE compat_sessions SET finished_at = now() WHERE device_id = 'DESKTOP'",
        "DELETE FROM devices WHERE device_id = 'DESKTOP'; DELETE FROM access_tokens WHERE device_id = 'DESKTOP'",
    ),
    (
        "logged out, and Synapse does not know",
        "UPDATE compat_sessions SET finished_at = now() WHERE device_id = 'WEB'",
        "",
    ),
    (
        "exchanged a token",
        "{refresh:syr_alice_two}",
        "",
    ),
    (
        "exchanged another token of the same session",
        "{refresh:syr_alice_one}",
        "",
    ),
    (
        "exchanged a token twice, and MAS has forgotten the first one",
        "{refresh:syr_bob_new}
         DELETE FROM compat_refresh_tokens WHERE refresh_token = 'syr_bob_new';
         DELETE FROM compat_access_tokens WHERE access_token = 'syt_bob_new'",
        "",
    ),
    (
        "logged in",
        "{log-in:bob NEW}",
        "INSERT INTO devices (user_id, device_id) VALUES ('@bob:example.com', 'NEW')",
    ),
    (
        "logged in, and Synapse does not know",
        "{log-in:bob UNTOLD}",
        "",
    ),
    (
        "logged in and out, and Synapse does not know",
        "{log-in:bob BRIEF} UPDATE compat_sessions SET finished_at = now() WHERE device_id = 'BRIEF'",
        "INSERT INTO devices (user_id, device_id) VALUES ('@bob:example.com', 'BRIEF')",
    ),
    (
        "logged in again with the same device",
        "UPDATE compat_sessions SET finished_at = now() WHERE device_id = 'PHONE'; {log-in:alice PHONE}",
        "",
    ),
    (
        "logged in with OAuth 2.0",
        "INSERT INTO oauth2_sessions (oauth2_session_id, oauth2_client_id, user_id, scope_list, created_at)
         SELECT gen_random_uuid(), oauth2_client_id, {of:alice}, ARRAY['openid', scope], now()
         FROM oauth2_clients, unnest(ARRAY['urn:matrix:client:device:STABLE',
           'urn:matrix:org.matrix.msc2967.client:device:UNSTABLE']) scope",
        "INSERT INTO devices (user_id, device_id) VALUES
           ('@alice:example.com', 'STABLE'), ('@alice:example.com', 'UNSTABLE')",
    ),
    (
        "logged a program in as itself",
        "INSERT INTO oauth2_sessions (oauth2_session_id, oauth2_client_id, scope_list, created_at)
         SELECT id, oauth2_client_id, '{}', now() FROM oauth2_clients, unnest(ARRAY[gen_random_uuid(),
           '00000000-0000-0000-0000-0000000000aa']) id;
         INSERT INTO oauth2_access_tokens (oauth2_access_token_id, oauth2_session_id, access_token, created_at, expires_at)
         VALUES (gen_random_uuid(), '00000000-0000-0000-0000-0000000000aa', 'mct_program', now(), now() + interval '1 h')",
        "",
    ),
    (
        "looked at MAS's pages",
        "INSERT INTO user_sessions (user_session_id, user_id, created_at, finished_at) VALUES
           (gen_random_uuid(), {of:carol}, now(), NULL), (gen_random_uuid(), {of:bob}, now(), now())",
        "",
    ),
    (
        "made personal tokens",
        "INSERT INTO personal_sessions (personal_session_id, owner_user_id, actor_user_id, human_name,
           scope_list, created_at, revoked_at) VALUES
           ('00000000-0000-0000-0000-000000000001', {of:alice}, {of:bob}, 'good',
             ARRAY['urn:matrix:client:device:PERSONAL'], now(), NULL),
           ('00000000-0000-0000-0000-000000000002', {of:alice}, {of:bob}, 'revoked', '{}', now(), now());
         INSERT INTO personal_access_tokens (personal_access_token_id, personal_session_id,
           access_token_sha256, created_at, expires_at, revoked_at)
         SELECT gen_random_uuid(), ('00000000-0000-0000-0000-00000000000' || session)::uuid, sha256(name), now(), expires, revoked
         FROM (VALUES (1, 'a'::bytea, NULL::timestamptz, NULL::timestamptz), (1, 'b', NULL, now()),
           (2, 'c', NULL, NULL)) t (session, name, expires, revoked)",
        "INSERT INTO devices (user_id, device_id) VALUES ('@bob:example.com', 'PERSONAL')",
    ),
    (
        "made registration tokens",
        "INSERT INTO user_registration_tokens (user_registration_token_id, token, usage_limit, times_used,
           created_at, last_used_at, expires_at, revoked_at)
         SELECT gen_random_uuid(), name, usage, used, created::timestamptz, seen, expires, revoked
         FROM (VALUES ('good', 1, 0, 'now', NULL::timestamptz, NULL::timestamptz, NULL::timestamptz),
           ('used up', 1, 1, 'now', now(), NULL, NULL), ('revoked', 1, 0, 'now', NULL, NULL, now()),
           ('expired', 1, 0, 'now', NULL, now(), NULL), ('older', 9, 1, '2020-01-01', NULL, NULL, NULL),
           ('older, used', 9, 1, '2020-01-01', now(), NULL, NULL))
           t (name, usage, used, created, seen, expires, revoked)",
        "",
    ),
    (
        "accepted terms",
        "INSERT INTO user_terms VALUES (gen_random_uuid(), {of:bob}, 'https://example.com/terms', now())",
        "",
    ),
    (
        "gave the policy other data",
        "INSERT INTO policy_data VALUES (gen_random_uuid(), now(), '{}')",
        "",
    ),
    (
        "queued jobs",
        "INSERT INTO queue_schedules (schedule_name) VALUES ('cleanup-test');
         INSERT INTO queue_jobs (queue_job_id, status, created_at, queue_name, schedule_name)
         SELECT gen_random_uuid(), status::queue_job_status, now(), name, schedule
         FROM (VALUES ('available', 'provision-user', NULL), ('completed', 'provision-user', NULL),
           ('scheduled', 'cleanup-queue-jobs', 'cleanup-test'), ('scheduled', 'expire-inactive-user-sessions', NULL),
           ('running', 'send-account-recovery-email', NULL), ('failed', 'sync-devices', NULL))
           t (status, name, schedule)",
        "",
    ),
    (
        "began to log in",
        "INSERT INTO oauth2_authorization_grants (oauth2_authorization_grant_id, oauth2_client_id,
           redirect_uri, scope, response_mode, response_type_code, response_type_id_token, created_at, exchanged_at)
         SELECT gen_random_uuid(), oauth2_client_id, 'https://example.com', 'openid', 'query', true, false, created, exchanged
         FROM oauth2_clients, (VALUES (now(), NULL::timestamptz), (now(), now()), (now() - interval '2 h', NULL)) t (created, exchanged);
         INSERT INTO compat_sso_logins (compat_sso_login_id, redirect_uri, login_token, created_at)
         VALUES (gen_random_uuid(), 'https://example.com', 'token', now());
         INSERT INTO oauth2_device_code_grant (oauth2_device_code_grant_id, oauth2_client_id, scope, user_code,
           device_code, created_at, expires_at)
         SELECT gen_random_uuid(), oauth2_client_id, 'openid', 'a', 'b', now(), now() + interval '1 h' FROM oauth2_clients",
        "",
    ),
    (
        "began to register",
        "INSERT INTO user_registrations (user_registration_id, username, created_at, completed_at) VALUES
           (gen_random_uuid(), 'almost', now(), NULL), (gen_random_uuid(), 'done', now(), now())",
        "",
    ),
    (
        "began to add an address",
        "INSERT INTO user_email_authentications (user_email_authentication_id, email, created_at)
         VALUES ('00000000-0000-0000-0000-0000000000bb', 'unconfirmed@example.com', now()),
           (gen_random_uuid(), 'without-code@example.com', now());
         INSERT INTO user_email_authentication_codes VALUES
           (gen_random_uuid(), '00000000-0000-0000-0000-0000000000bb', '123', now(), now() + interval '10 min')",
        "",
    ),
    (
        "began to recover an account",
        "INSERT INTO user_recovery_sessions (user_recovery_session_id, email, user_agent, locale, created_at)
         VALUES ('00000000-0000-0000-0000-0000000000cc', 'forgot@example.com', 'x', 'en', now());
         INSERT INTO user_recovery_tickets (user_recovery_ticket_id, user_recovery_session_id, user_email_id,
           ticket, created_at, expires_at)
         SELECT gen_random_uuid(), '00000000-0000-0000-0000-0000000000cc', user_email_id, 'ticket', now(),
           now() + interval '10 min' FROM user_emails LIMIT 1",
        "",
    ),
    (
        "registered, and Synapse does not know",
        "INSERT INTO users (user_id, username, created_at) VALUES (gen_random_uuid(), 'dave', now());
         INSERT INTO user_emails SELECT gen_random_uuid(), user_id, 'dave@example.com', now() FROM users WHERE username = 'dave'",
        "",
    ),
    (
        "registered, and Synapse knows",
        "INSERT INTO users (user_id, username, created_at) VALUES (gen_random_uuid(), 'erin', now());
         INSERT INTO user_passwords (user_password_id, user_id, hashed_password, version, created_at)
         SELECT gen_random_uuid(), user_id, 'of erin', 2, now() FROM users WHERE username = 'erin'",
        "INSERT INTO users (name, creation_ts) VALUES ('@erin:example.com', extract(epoch FROM now()))",
    ),
    (
        "made a user in Synapse alone",
        "",
        "INSERT INTO users (name, creation_ts, password_hash) VALUES ('@frank:example.com', 1 + extract(epoch FROM now()), 'x');
         INSERT INTO devices (user_id, device_id) VALUES ('@frank:example.com', 'FRANK');
         INSERT INTO access_tokens (id, user_id, device_id, token) VALUES (1000, '@frank:example.com', 'FRANK', 'syt_frank')",
    ),
    (
        "was delegated by an older Synapse",
        "",
        "INSERT INTO user_external_ids VALUES ('oauth-delegated', 'x', '@bob:example.com')",
    ),
];

/// What MAS accepts: a key that it has in common with Synapse, the kind of loss if Synapse lacks it, the
/// kind if only Synapse has it, and a sample.
const FACTS_OF_MAS: &str = "
  WITH live AS (SELECT s.*, u.username, concat_ws(' ', u.username, s.device_id) AS sample
      FROM compat_sessions s JOIN users u USING (user_id)
      WHERE finished_at IS NULL AND u.deactivated_at IS NULL)
  SELECT 'user ' || username || extract(epoch FROM created_at)::text, 'users', 'removed users', username FROM users
  UNION ALL SELECT 'locked ' || username, 'locked users', 'unlocked users', username FROM users WHERE locked_at IS NOT NULL
  UNION ALL SELECT 'deactivated ' || username, 'deactivated users', 'reactivated users', username FROM users
    WHERE deactivated_at IS NOT NULL
  UNION ALL SELECT 'admin ' || username, 'new administrators', 'former administrators', username FROM users
    WHERE can_request_admin
  UNION ALL SELECT 'guest ' || username, 'guests', 'guests', username FROM users WHERE is_guest
  UNION ALL SELECT 'password ' || username || ' ' || coalesce(f.hashed_password, e.hashed_password, p.hashed_password),
      'passwords', 'removed passwords', username
    FROM users u JOIN LATERAL (SELECT * FROM user_passwords p WHERE p.user_id = u.user_id
      ORDER BY created_at DESC LIMIT 1) p ON u.deactivated_at IS NULL
    LEFT JOIN user_passwords e ON e.user_password_id = p.upgraded_from_id
    LEFT JOIN user_passwords f ON f.user_password_id = e.upgraded_from_id
  UNION ALL SELECT 'email ' || username || ' ' || email, 'emails', 'removed emails',
      username || ' ' || email FROM user_emails JOIN users USING (user_id)
  UNION ALL SELECT 'id ' || username || ' ' || address, 'third-party ids', 'removed third-party ids',
      username || ' ' || address FROM user_unsupported_third_party_ids JOIN users USING (user_id)
  UNION ALL SELECT concat_ws(' ', 'link', CASE WHEN l.upstream_oauth_provider_id::text LIKE '%ea' THEN 'oidc-one' ELSE 'oidc' END,
      subject, username), 'upstream links', 'removed upstream links', username || ' ' || subject
    FROM upstream_oauth_links l JOIN users USING (user_id)
  UNION ALL SELECT 'access ' || access_token, CASE WHEN s.created_at > {cut_over} THEN '' ELSE 'refreshed sessions' END,
      'NEVER', sample FROM compat_access_tokens t JOIN live s USING (compat_session_id)
    WHERE t.expires_at IS NULL OR t.expires_at > now()
  UNION ALL SELECT 'refresh ' || refresh_token, CASE WHEN s.created_at > {cut_over} THEN '' ELSE 'refreshed sessions' END,
      'NEVER', sample FROM compat_refresh_tokens JOIN live s USING (compat_session_id) WHERE consumed_at IS NULL
  UNION ALL SELECT 'session ' || compat_session_id, 'sessions', '', sample FROM live WHERE created_at > {cut_over}
  UNION ALL SELECT 'session ' || oauth2_session_id, 'sessions', '', username || ' ' || split_part(scope_list[2], 'device:', 2)
    FROM oauth2_sessions s JOIN users u USING (user_id) WHERE s.finished_at IS NULL AND u.deactivated_at IS NULL
  UNION ALL SELECT 'browser ' || user_session_id, 'browser sessions', '', username
    FROM user_sessions s JOIN users u USING (user_id) WHERE s.finished_at IS NULL AND u.deactivated_at IS NULL";

/// What only MAS has and the changes leave behind, if they happen: the change, the kind and the sample.
/// No other change has an effect on these.
const OF_MAS: &[(&str, &str, &str)] = &[
    (
        "logged a program in as itself",
        "client sessions",
        "Program",
    ),
    ("made personal tokens", "personal sessions", "bob good"),
    ("made personal tokens", "personal tokens", "bob good"),
    ("made registration tokens", "registration tokens", "good…"),
    ("made registration tokens", "registration tokens", "olde…"),
    ("gave the policy other data", "policy data", ""),
    (
        "accepted terms",
        "accepted terms",
        "bob https://example.com/terms",
    ),
    ("queued jobs", "queued jobs", "provision-user"),
    ("queued jobs", "queued jobs", "send-account-recovery-email"),
    (
        "began to log in",
        "unfinished logins",
        "authorization grant",
    ),
    ("began to log in", "unfinished logins", "device code"),
    ("began to log in", "unfinished logins", "SSO login"),
    ("began to register", "unfinished registrations", "almost"),
    (
        "began to add an address",
        "unconfirmed emails",
        "unconfirmed@example.com",
    ),
    (
        "began to recover an account",
        "unfinished recoveries",
        "forgot@example.com",
    ),
];

/// The same of Synapse, as it accepts things with its own authentication.
const FACTS_OF_SYNAPSE: &str = "
  WITH person AS (SELECT *, split_part(substr(name, 2), ':', 1) AS username FROM users WHERE appservice_id IS NULL),
  good AS (SELECT t.*, u.username FROM access_tokens t JOIN person u ON u.name = t.user_id
    WHERE u.deactivated = 0 AND u.is_guest = 0 AND t.puppets_user_id IS NULL AND t.token NOT LIKE 'syn2mas%'
      AND (t.device_id IS NULL OR EXISTS (SELECT FROM devices d
        WHERE d.user_id = t.user_id AND d.device_id = t.device_id AND NOT d.hidden)))
  SELECT 'user ' || username || extract(epoch FROM to_timestamp(creation_ts))::text, '', 'removed users', username FROM person
  UNION ALL SELECT 'locked ' || username, '', 'unlocked users', username FROM person WHERE locked
  UNION ALL SELECT 'deactivated ' || username, '', 'reactivated users', username FROM person WHERE deactivated = 1
  UNION ALL SELECT 'admin ' || username, '', 'former administrators', username FROM person WHERE admin = 1
  UNION ALL SELECT 'guest ' || username, '', 'guests', username FROM person WHERE is_guest = 1
  UNION ALL SELECT 'password ' || username || ' ' || password_hash, '', 'removed passwords', username FROM person
    WHERE deactivated = 0 AND password_hash IS NOT NULL
  UNION ALL SELECT 'email ' || username || ' ' || address, '', 'removed emails', username || ' ' || address
    FROM user_threepids t JOIN person ON name = user_id WHERE medium = 'email'
  UNION ALL SELECT 'id ' || username || ' ' || address, '', 'removed third-party ids', username || ' ' || address
    FROM user_threepids t JOIN person ON name = user_id WHERE medium <> 'email'
  UNION ALL SELECT concat_ws(' ', 'link', auth_provider, external_id, username), '', 'removed upstream links',
      username || ' ' || external_id FROM user_external_ids JOIN person ON name = user_id
  UNION ALL SELECT 'access ' || token, '', 'NEVER', username FROM good
    WHERE valid_until_ms IS NULL OR valid_until_ms > extract(epoch FROM now()) * 1000
  UNION ALL SELECT 'refresh ' || r.token, '', 'NEVER', username FROM refresh_tokens r JOIN good t ON t.refresh_token_id = r.id
    WHERE NOT EXISTS (SELECT FROM access_tokens n WHERE n.refresh_token_id = r.next_token_id AND n.used)";

/// A fact's key, with both kinds and the sample.
type Facts = BTreeMap<String, [String; 3]>;

fn facts(server: &Postgres, database: &str, query: &str, cut_over: &str) -> Facts {
    let query = query.replace("{cut_over}", &format!("'{cut_over}'::timestamptz"));
    let text = server.sql(
        database,
        &format!("SELECT concat_ws(E'\\x01', k, l, r, s) FROM ({query}) f (k, l, r, s)"),
    );
    let lines = text.lines().map(|line| {
        let mut parts = line.split('\u{1}').map(str::to_owned);
        let mut next = || parts.next().unwrap();
        let (key, [lost, returned, sample]) = (next(), [next(), next(), next()]);
        // Synapse writes addresses in lower case.
        if key.starts_with("email ") {
            return (key.to_lowercase(), [lost, returned, sample.to_lowercase()]);
        }
        (key, [lost, returned, sample])
    });
    lines.collect()
}

/// What somebody who compares MAS then with Synapse now must have been told.
fn told(mas: &Facts, synapse: &Facts) -> BTreeSet<(String, String)> {
    let of =
        |facts: &Facts, key: &str, column: usize| facts.get(key).map(|fact| fact[column].clone());
    let users = |facts: &Facts| -> BTreeSet<String> {
        let users = facts.iter().filter(|(key, _)| key.starts_with("user "));
        users.map(|(_, fact)| fact[2].clone()).collect()
    };
    let users_of_mas = users(mas);
    let user = |fact: &[String; 3]| fact[2].split(' ').next().unwrap().to_owned();
    let mut told = BTreeSet::new();
    for key in mas.keys().filter(|key| !synapse.contains_key(*key)) {
        let (kind, sample) = (of(mas, key, 0).unwrap(), of(mas, key, 2).unwrap());
        told.insert((kind, sample));
    }
    let given: BTreeSet<(String, String)> = told.clone();
    for (key, fact) in synapse.iter().filter(|(key, _)| !mas.contains_key(*key)) {
        // Who is only in Synapse was made there, and a user of MAS's is not removed.
        if !users_of_mas.contains(&user(fact)) || fact[1] == "removed users" {
            continue;
        }
        // A changed password is told once.
        if fact[1] == "removed passwords"
            && given.contains(&("passwords".to_owned(), fact[2].clone()))
        {
            continue;
        }
        assert_ne!(fact[1], "NEVER", "{key} is good again");
        told.insert((fact[1].clone(), fact[2].clone()));
    }
    told.retain(|(kind, _)| !kind.is_empty());
    told
}

/// The list as kinds and samples, without times and ids. Of a kind with more rows than samples, only
/// those shown.
fn listed(losses: &[Loss]) -> BTreeSet<(String, String)> {
    let mut rows = BTreeSet::new();
    for loss in losses {
        let samples = i64::try_from(loss.samples.len()).unwrap();
        assert!(samples == loss.count.min(5) && samples > 0, "{loss:?}");
        for sample in &loss.samples {
            let sample = match loss.what {
                "unfinished logins" => sample.split_once(" 20").unwrap().0,
                "policy data" => "",
                _ => sample,
            };
            rows.insert((loss.what.to_owned(), sample.to_owned()));
        }
    }
    rows
}

/// The two databases of a homeserver, with the comparison.
struct Pair<'a> {
    server: &'a Postgres,
    synapse: String,
    mas: String,
    cut_over: String,
}

impl Pair<'_> {
    fn databases(&self) -> [Database; 2] {
        [
            self.server.database("Synapse's", &self.synapse),
            self.server.database("MAS's", &self.mas),
        ]
    }

    fn losses(&self) -> Vec<Loss> {
        let [synapse, mas] = self.databases();
        block_on(data_loss::losses(
            &synapse,
            &mas,
            &comparison(),
            &self.cut_over,
        ))
        .unwrap()
    }

    fn prepare(&self) -> Repaired {
        let [synapse, mas] = self.databases();
        block_on(repair::prepare(
            &synapse,
            &mas,
            &comparison(),
            &self.cut_over,
            // Synapse makes none while it delegates.
            block_on(last_tokens(&synapse)).unwrap(),
        ))
        .unwrap()
    }

    fn facts_of_mas(&self) -> Facts {
        facts(self.server, &self.mas, FACTS_OF_MAS, &self.cut_over)
    }

    fn facts_of_synapse(&self) -> Facts {
        facts(self.server, &self.synapse, FACTS_OF_SYNAPSE, "")
    }

    fn apply(&self, (_, mas, synapse): &(&str, &str, &str)) {
        let mas = expanded(mas);
        if !mas.is_empty() {
            self.server.sql(&self.mas, &mas);
        }
        if !synapse.is_empty() {
            self.server.sql(&self.synapse, synapse);
        }
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work)
}

/// A change's statements with what stands in braces written out.
fn expanded(change: &str) -> String {
    let mut text = change.to_owned();
    for user in ["alice", "bob", "carol", "locked", "Mixed"] {
        let id = format!("(SELECT user_id FROM users WHERE username = '{user}')");
        text = text.replace(&format!("{{of:{user}}}"), &id);
    }
    for token in ["syr_alice_one", "syr_alice_two", "syr_bob_new"] {
        // As MAS does it: all other tokens of the session are consumed.
        let refresh = format!(
            "WITH old AS (SELECT r.* FROM compat_refresh_tokens r JOIN compat_sessions s USING (compat_session_id)
               WHERE refresh_token = '{token}' AND consumed_at IS NULL AND s.finished_at IS NULL),
             access AS (INSERT INTO compat_access_tokens (compat_access_token_id, compat_session_id,
               access_token, created_at, expires_at)
               SELECT gen_random_uuid(), compat_session_id, 'mct_of_{token}', now(), now() + interval '5 min' FROM old RETURNING *),
             gone AS (UPDATE compat_refresh_tokens r SET consumed_at = now() FROM old
               WHERE r.compat_session_id = old.compat_session_id AND r.consumed_at IS NULL),
             expired AS (UPDATE compat_access_tokens t SET expires_at = now() FROM old
               WHERE t.compat_access_token_id = old.compat_access_token_id)
             INSERT INTO compat_refresh_tokens (compat_refresh_token_id, compat_session_id,
               compat_access_token_id, refresh_token, created_at)
             SELECT gen_random_uuid(), compat_session_id, compat_access_token_id, 'mcr_of_{token}', now() FROM access;"
        );
        text = text.replace(&format!("{{refresh:{token}}}"), &refresh);
    }
    for (user, device) in [
        ("bob", "NEW"),
        ("bob", "UNTOLD"),
        ("bob", "BRIEF"),
        ("alice", "PHONE"),
    ] {
        let log_in = format!(
            "WITH new AS (INSERT INTO compat_sessions (compat_session_id, user_id, device_id, created_at)
               SELECT gen_random_uuid(), user_id, '{device}', now() FROM users WHERE username = '{user}' RETURNING *)
             INSERT INTO compat_access_tokens (compat_access_token_id, compat_session_id, access_token, created_at)
             SELECT gen_random_uuid(), compat_session_id, 'mct_{device}', now() FROM new;"
        );
        text = text.replace(&format!("{{log-in:{user} {device}}}"), &log_in);
    }
    text
}

/// A migrated homeserver as databases, with a client at MAS and what a clean cutover leaves behind.
fn migrated<'a>(server: &'a Postgres, mas: &MasCli) -> Pair<'a> {
    server.create_synapse("synapse");
    Migration::new(server, mas, "synapse", "mas").import();
    server.sql(
        "mas",
        "INSERT INTO oauth2_clients (oauth2_client_id, client_name, grant_type_authorization_code,
           grant_type_refresh_token) VALUES (gen_random_uuid(), 'Program', true, true)",
    );
    std::thread::sleep(Duration::from_millis(10));
    Pair {
        server,
        synapse: "synapse".to_owned(),
        mas: "mas".to_owned(),
        cut_over: journal::now(),
    }
}

/// A copy with some of the changes; whether the list says what a rollback loses.
fn try_changes(clean: &Pair, number: usize, changes: &[usize]) {
    let server = clean.server;
    let pair = Pair {
        server,
        synapse: format!("synapse_{number}"),
        mas: format!("mas_{number}"),
        cut_over: clean.cut_over.clone(),
    };
    server.copy(&clean.synapse, &pair.synapse);
    server.copy(&clean.mas, &pair.mas);
    let names: Vec<&str> = changes.iter().map(|change| CHANGES[*change].0).collect();
    for change in changes {
        pair.apply(&CHANGES[*change]);
    }
    let losses = pair.losses();
    let of_mas = pair.facts_of_mas();
    let repaired = pair.prepare();
    let of_synapse = pair.facts_of_synapse();
    let mut expected = told(&of_mas, &of_synapse);
    let only_of_mas = OF_MAS.iter().filter(|(change, ..)| names.contains(change));
    expected
        .extend(only_of_mas.map(|(_, kind, sample)| ((*kind).to_owned(), (*sample).to_owned())));
    let found = listed(&losses);
    // A deactivated user has no personal session.
    if names.contains(&"deactivated at once, with sessions that are not ended yet") {
        expected.retain(|(kind, _)| !kind.starts_with("personal "));
    }
    let shown: BTreeMap<&str, i64> = losses.iter().map(|loss| (loss.what, loss.count)).collect();
    let full = |kind: &str| shown.get(kind).is_some_and(|count| *count > 5);
    let missing: Vec<_> = expected
        .difference(&found)
        .filter(|(kind, _)| !full(kind))
        .collect();
    let wrong: Vec<_> = found.difference(&expected).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "{names:#?}\nmissing {missing:?}\nwrong {wrong:?}"
    );
    marked_devices_are_those_of_ended_sessions(&pair, &names, repaired);
    // Once more, as after a kill.
    let again = pair.prepare();
    assert_eq!(
        (again.tokens, again.devices),
        (0, repaired.devices),
        "{names:#?}"
    );
    assert_eq!(
        told(&of_mas, &pair.facts_of_synapse()),
        told(&of_mas, &of_synapse)
    );
    for database in [&pair.synapse, &pair.mas] {
        server.sql("postgres", &format!("DROP DATABASE {database}"));
    }
}

fn marked_devices_are_those_of_ended_sessions(pair: &Pair, names: &[&str], repaired: Repaired) {
    let lines = |text: String| -> BTreeSet<String> { text.lines().map(str::to_owned).collect() };
    let marked = lines(pair.server.sql(
        &pair.synapse,
        "SELECT device_id FROM access_tokens WHERE token LIKE 'syn2mas\\_%' AND valid_until_ms = 1",
    ));
    assert_eq!(marked.len(), usize::try_from(repaired.devices).unwrap());
    let there = lines(pair.server.sql(
        &pair.synapse,
        "SELECT device_id FROM devices WHERE NOT hidden AND user_id <> '@frank:example.com'",
    ));
    let mut expected = BTreeSet::new();
    for (change, devices) in [
        ("logged in", &["NEW"][..]),
        ("logged in and out, and Synapse does not know", &["BRIEF"]),
        ("logged in again with the same device", &["PHONE"]),
        ("logged in with OAuth 2.0", &["STABLE", "UNSTABLE"]),
        ("made personal tokens", &["PERSONAL"]),
        ("logged out, and Synapse does not know", &["WEB"]),
    ] {
        if names.contains(&change) {
            expected.extend(devices.iter().map(|device| (*device).to_owned()));
        }
    }
    // Deactivation has ended her session.
    if names.contains(&"deactivated, and Synapse knows") {
        expected.remove("WEB");
    }
    expected.retain(|device| there.contains(device));
    assert_eq!(marked, expected, "{names:#?}");
}

fn the_list_is_what_is_lost_after_any_changes() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let clean = migrated(&server, &mas);
    assert_eq!(clean.losses(), []);
    let mut tries: Vec<Vec<usize>> = vec![(0..CHANGES.len()).collect()];
    let mut runner = TestRunner::default();
    let mut dice = Dice {
        runner: &mut runner,
        odd_addresses: false,
    };
    let cases = std::env::var("MAS2NIX_LOSSES_CASES").map_or(16, |cases| cases.parse().unwrap());
    for _ in 0..cases {
        let often = [2, 4, 8][dice.below(3)];
        tries.push((0..CHANGES.len()).filter(|_| dice.once_in(often)).collect());
    }
    for (number, changes) in tries.iter().enumerate() {
        try_changes(&clean, number, changes);
    }
    // What leaves nothing behind is no loss.
    for quiet in [
        "only used",
        "renamed a device",
        "told Synapse of an address anew",
    ] {
        let change = CHANGES.iter().find(|(name, ..)| *name == quiet).unwrap();
        clean.apply(change);
    }
    assert_eq!(clean.losses(), []);
    assert_eq!(clean.prepare(), Repaired::default());
    Ok(())
}

/// A rollback that was killed after MAS's database was restored must not take its emptiness for the end of
/// all sessions.
fn an_empty_mas_ends_no_session() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let mut pair = migrated(&server, &mas);
    let before = pair.facts_of_synapse();
    server.create("without_tables");
    let empty = Migration::new(&server, &mas, "synapse", "empty");
    empty.migrate_database();
    for name in ["without_tables", "empty"] {
        name.clone_into(&mut pair.mas);
        assert_eq!(pair.prepare(), Repaired::default());
        assert_eq!(pair.facts_of_synapse(), before);
    }
    Ok(())
}

/// The keys that a client uploads for its device.
fn upload_keys(homeserver: &Homeserver, token: &str, user: &str, device: &str) {
    let keys = json!({"device_keys": {
        "user_id": format!("@{user}:example.com"), "device_id": device,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": {format!("curve25519:{device}"): "a", format!("ed25519:{device}"): "b"},
        "signatures": {},
    }});
    let url = format!("{}/_matrix/client/v3/keys/upload", homeserver.synapse);
    let (status, body) = request(&url, Some(token), Some(keys));
    assert_eq!(status, 200, "{body}");
}

fn device_of(homeserver: &Homeserver, token: &str) -> String {
    homeserver.whoami(token).1["device_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn a_real_rollback_leaves_what_it_said() -> TestResult {
    let (mas, server) = (MasCli::find_with_pages()?, Postgres::start()?);
    Homeserver::template(&server);
    let homeserver = Homeserver::new(&server, &mas, "lost");
    homeserver.run("start");
    let (code, outcome) = homeserver.json(&["migrate", "--yes"]);
    assert_eq!(code, Some(0), "{outcome:#}");
    let journal = journal::read(&homeserver.directory.join("state")).unwrap();
    let pair = Pair {
        server: &server,
        synapse: "synapse_lost".to_owned(),
        mas: homeserver.mas_database.clone(),
        cut_over: journal::last_state(&journal).cut_over.unwrap(),
    };
    // MAS runs, does what it does on a schedule, and nobody has lost anything.
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);
    assert_eq!(pair.losses(), []);

    let token = homeserver.log_in("bob", password("bob")).unwrap();
    let device = device_of(&homeserver, &token);
    upload_keys(&homeserver, &token, "bob", &device);
    let refreshed = homeserver.refresh("syr_alice_two").unwrap();
    let log_out = |token: &str| {
        let url = format!("{}/_matrix/client/v3/logout", homeserver.mas);
        let (status, body) = request(&url, Some(token), Some(json!({})));
        assert_eq!(status, 200, "{token}: {body}");
    };
    log_out("syt_alice_deviceless");
    log_out("syt_carol_web");
    for change in [
        "locked, and Synapse does not know",
        "removed an address, and Synapse does not know",
        "disconnected an account",
        "connected an account",
        "changed a password",
        "accepted terms",
        "was made an administrator",
        "reactivated, and Synapse does not know",
    ] {
        let change = CHANGES.iter().find(|(name, ..)| *name == change).unwrap();
        pair.apply(change);
    }
    // Synapse is told of the devices that are gone by a job.
    for _ in 0..100 {
        let pending = "SELECT count(*) FROM queue_jobs WHERE schedule_name IS NULL AND status IN ('available', 'running')";
        let devices = "SELECT count(*) FROM devices WHERE device_id = 'WEB'";
        if homeserver.synapse_sql(devices).trim() == "0"
            && server.sql(&pair.mas, pending).trim() == "0"
        {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let (code, refused) = homeserver.json(&["rollback"]);
    assert_eq!(code, Some(10), "{refused:#}");
    let list = |said: &Value| -> BTreeSet<(String, String)> {
        let losses = said["losses"].as_array().unwrap().iter();
        let rows = losses.flat_map(|loss| {
            let samples = loss["samples"].as_array().unwrap().iter();
            samples.map(|sample| {
                (
                    loss["what"].as_str().unwrap().to_owned(),
                    sample.as_str().unwrap().to_owned(),
                )
            })
        });
        rows.collect()
    };
    let listed = list(&refused);
    assert_eq!(homeserver.whoami(&token).0, 200);
    let of_mas = pair.facts_of_mas();

    let output = homeserver
        .syn2mas(&["rollback", "--accept-loss"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("): 1 device\n"),
        "{said}"
    );
    let mut expected = told(&of_mas, &pair.facts_of_synapse());
    expected.insert((
        "accepted terms".to_owned(),
        "bob https://example.com/terms".to_owned(),
    ));
    assert_eq!(listed, expected);
    for (token, status) in [
        ("syt_alice_phone", 200),
        ("syt_bob_desktop", 200),
        ("syt_alice_deviceless", 401),
        ("syt_carol_web", 401),
        ("syt_alice_laptop_two", 401),
        (token.as_str(), 401),
        (refreshed.as_str(), 401),
    ] {
        assert_eq!(homeserver.whoami(token).0, status, "{token}");
    }
    assert!(homeserver.refresh("syr_alice_two").is_err());
    assert!(homeserver.log_in("bob", password("bob")).is_ok());
    nothing_is_left_of(&homeserver, &device);
    temporary_tokens_are_found_again(&homeserver, &pair);
    Ok(())
}

/// Neither the device nor its keys nor a temporary token.
fn nothing_is_left_of(homeserver: &Homeserver, device: &str) {
    for (table, condition) in [
        ("devices", format!("device_id = '{device}'")),
        ("e2e_device_keys_json", format!("device_id = '{device}'")),
        ("access_tokens", "token LIKE 'syn2mas%'".to_owned()),
    ] {
        let count =
            homeserver.synapse_sql(&format!("SELECT count(*) FROM {table} WHERE {condition}"));
        assert_eq!(count.trim(), "0", "{table}");
    }
}

/// What a run that was killed has left is found by the next one. A temporary token is good for nothing
/// else.
fn temporary_tokens_are_found_again(homeserver: &Homeserver, pair: &Pair) {
    let token = homeserver.log_in("bob", password("bob")).unwrap();
    let device = device_of(homeserver, &token);
    upload_keys(homeserver, &token, "bob", &device);
    let temporary = |user: &str, device: &str| {
        homeserver.synapse_sql(&format!(
            "INSERT INTO access_tokens (id, user_id, device_id, token, valid_until_ms)
             SELECT max(id) + 1000, '@{user}:example.com', '{device}', 'syn2mas_of_{user}', 1 FROM access_tokens"
        ));
    };
    temporary("bob", &device);
    assert_eq!(homeserver.whoami("syn2mas_of_bob").0, 401);
    let [synapse, _] = pair.databases();
    let log_out = || block_on(repair::log_out(&synapse, &homeserver.synapse));
    assert_eq!(log_out().unwrap(), 1);
    nothing_is_left_of(homeserver, &device);
    assert_eq!(log_out().unwrap(), 0);

    // Synapse lets no guest log out.
    temporary("1", "guest_device");
    let error = log_out().unwrap_err().to_string();
    assert!(
        error.contains("1 of 1 devices") && error.contains("guest_device"),
        "{error}"
    );
    nothing_is_left_of(homeserver, &device);
}

crate::support::harness::tests![
    the_list_is_what_is_lost_after_any_changes,
    an_empty_mas_ends_no_session,
    a_real_rollback_leaves_what_it_said,
];
