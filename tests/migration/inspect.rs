//! `syn2mas inspect`: no findings for a homeserver that is ready, and exact findings for everything
//! else.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    Disk, MasCli, garbage,
    harness::{Skip, TestResult, skip},
    homeserver::{self, Homeserver},
    need_root,
    postgres::{Migration, Postgres},
    program, root,
};
use mas2nix::migrate::{
    args::Args,
    context::Context,
    postgres::{
        backup::{self, BackupScope},
        clients,
        connection::{Address, Database},
    },
    preflight::catalogue::CHAPTERS,
};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// A homeserver without findings.
const READY: &str = "
    DELETE FROM refresh_tokens; DELETE FROM access_tokens; DELETE FROM devices;
    DELETE FROM user_threepids; DELETE FROM user_external_ids;
    DELETE FROM users WHERE name NOT IN ('@alice:example.com', '@bob:example.com', '@carol:example.com',
      '@bridgebot:example.com');
    INSERT INTO user_external_ids (auth_provider, external_id, user_id) VALUES ('oidc-one', 'c', '@carol:example.com');
    INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at) VALUES ('@bob:example.com', 'email', 'bob@example.com', 1, 1);
    INSERT INTO devices (user_id, device_id, hidden) VALUES ('@alice:example.com', 'A', false), ('@bob:example.com', 'B', false), ('@bob:example.com', 'S', true);
    INSERT INTO access_tokens (id, user_id, device_id, token) VALUES (1, '@alice:example.com', 'A', 'syt_a'), (2, '@bob:example.com', 'B', 'syt_b'), (3, '@bob:example.com', NULL, 'MDAxOGxvY2F0aW9uIGV4YW1wbGUuY29tCjAwMTNpZGVudGlmaWVyIGtleQo');
";

/// Changes of its database, with the expected finding and count.
const ROWS: &[(&str, &str, i64)] = &[
    (
        "INSERT INTO users (name, creation_ts) VALUES ('@x:other.org', 1), ('x', 1), ('@x:example.com:8448', 1)",
        "wrong-server-name",
        3,
    ),
    (
        "INSERT INTO devices (user_id, device_id, hidden) VALUES ('@x:other.org', 'D', false)",
        "wrong-server-name",
        1,
    ),
    (
        "INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at) VALUES ('@x:other.org', 'email', 'x@x', 1, 1)",
        "wrong-server-name",
        1,
    ),
    (
        "INSERT INTO user_external_ids (auth_provider, external_id, user_id) VALUES ('oidc-one', 'x', '@x:example.com')",
        "absent-user",
        1,
    ),
    (
        "INSERT INTO devices (user_id, device_id, hidden) VALUES ('@x:example.com', 'D', false), ('@x:example.com', 'H', true); INSERT INTO access_tokens (id, user_id, device_id, token) VALUES (9, '@x:example.com', 'D', 'syt_x')",
        "absent-user",
        2,
    ),
    (
        "INSERT INTO users (name, creation_ts, appservice_id) VALUES ('@_irc_a:b:example.com', 1, 'irc'); INSERT INTO devices (user_id, device_id, hidden) VALUES ('@_irc_a:b:example.com', 'D', false)",
        "appservice-user-with-colon",
        1,
    ),
    (
        "INSERT INTO users (name, creation_ts, appservice_id) VALUES ('@_irc_a:b:example.com', 1, 'irc')",
        "appservice-user-with-colon-left-out",
        1,
    ),
    (
        "UPDATE users SET creation_ts = NULL WHERE name = '@bob:example.com'",
        "creation-time-missing",
        1,
    ),
    (
        "INSERT INTO access_tokens (id, user_id, device_id, token) VALUES (9, '@bob:example.com', 'S', 'syt_s')",
        "token-on-hidden-device",
        1,
    ),
    (
        "UPDATE devices SET hidden = NULL WHERE device_id = 'A'",
        "token-on-hidden-device",
        1,
    ),
    (
        "INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (1, '@alice:example.com', 'A', 'syr_a'); UPDATE access_tokens SET refresh_token_id = 1 WHERE id = 1; INSERT INTO access_tokens (id, user_id, device_id, token, refresh_token_id) VALUES (9, '@alice:example.com', 'A', 'syt_c', 1)",
        "shared-refresh-token",
        1,
    ),
    (
        "INSERT INTO user_external_ids (auth_provider, external_id, user_id) VALUES ('oauth-delegated', 'x', '@bob:example.com')",
        "delegated-before",
        1,
    ),
    (
        "UPDATE access_tokens SET valid_until_ms = 253402300799000 WHERE id = 1",
        "time-out-of-range",
        1,
    ),
    (
        "UPDATE users SET creation_ts = 1500000000000 WHERE name = '@bob:example.com'",
        "time-out-of-range",
        1,
    ),
    (
        "UPDATE users SET creation_ts = -9223372037 WHERE name = '@bob:example.com'",
        "time-out-of-range",
        1,
    ),
    (
        "UPDATE users SET creation_ts = -9223372036 WHERE name = '@bob:example.com'",
        "time-before-1970",
        1,
    ),
    (
        "UPDATE users SET creation_ts = -1 WHERE name = '@carol:example.com'",
        "time-before-1970",
        1,
    ),
    (
        "UPDATE users SET creation_ts = 9223372036 WHERE name = '@carol:example.com'; UPDATE users SET creation_ts = -9223372037 WHERE name = '@alice:example.com'",
        "time-out-of-range",
        1,
    ),
    (
        "UPDATE user_threepids SET added_at = 9223372036855",
        "time-out-of-range",
        1,
    ),
    (
        "UPDATE devices SET last_seen = -9223372036855; INSERT INTO users (name, creation_ts, deactivated) VALUES ('@d:example.com', 1, 1); INSERT INTO devices (user_id, device_id, hidden, last_seen) VALUES ('@d:example.com', 'D', false, 9223372036854775807)",
        "time-out-of-range",
        2,
    ),
    (
        "INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (1, '@alice:example.com', 'A', 'syr_a'); UPDATE access_tokens SET refresh_token_id = 1, valid_until_ms = -9223372036855 WHERE id = 1",
        "time-out-of-range",
        1,
    ),
    (
        "INSERT INTO devices (user_id, device_id, hidden) VALUES ('@bob:example.com', '', false), ('@bob:example.com', repeat('x', 256), false), ('@bob:example.com', repeat('x', 255), false)",
        "device-id-length",
        2,
    ),
    (
        "UPDATE access_tokens SET token = 'of another form' WHERE id = 1",
        "token-form",
        1,
    ),
    (
        "INSERT INTO access_tokens (id, user_id, token, puppets_user_id) VALUES (9, '@bob:example.com', 'syt_p', '@alice:example.com')",
        "token-of-puppet",
        1,
    ),
    (
        "INSERT INTO access_tokens (id, user_id, device_id, token) VALUES (9, '@bob:example.com', 'ABSENT', 'syt_p')",
        "token-without-device",
        1,
    ),
    (
        "INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (2, '@alice:example.com', 'A', 'syr_b'); INSERT INTO refresh_tokens (id, user_id, device_id, token, next_token_id) VALUES (1, '@alice:example.com', 'A', 'syr_a', 2); UPDATE access_tokens SET refresh_token_id = 2, used = true WHERE id = 1",
        "token-superseded",
        1,
    ),
    (
        "INSERT INTO refresh_tokens (id, user_id, device_id, token, expiry_ts) VALUES (1, '@alice:example.com', 'A', 'syr_a', 1); UPDATE access_tokens SET refresh_token_id = 1 WHERE id = 1",
        "refresh-token-expired",
        1,
    ),
    (
        "INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (1, '@alice:example.com', 'A', 'syr_a'), (2, '@alice:example.com', 'ABSENT', 'syr_b')",
        "refresh-token-alone",
        2,
    ),
    (
        "INSERT INTO users (name, creation_ts, deactivated) VALUES ('@d:example.com', 1, 1); INSERT INTO devices (user_id, device_id, hidden) VALUES ('@d:example.com', 'D', false), ('@d:example.com', 'E', false)",
        "sessions-of-deactivated",
        2,
    ),
    (
        "INSERT INTO devices (user_id, device_id, hidden) VALUES ('@bridgebot:example.com', 'D', false)",
        "sessions-of-appservices",
        1,
    ),
    (
        "UPDATE users SET password_hash = '' WHERE name = '@carol:example.com'",
        "empty-password",
        1,
    ),
    (
        "INSERT INTO users (name, creation_ts, is_guest) VALUES ('@1:example.com', 1, 1)",
        "guests",
        1,
    ),
    (
        "UPDATE users SET locked = true WHERE name = '@bob:example.com'",
        "locked",
        1,
    ),
    (
        "UPDATE users SET password_hash = NULL WHERE name = '@bob:example.com'",
        "no-way-to-log-in",
        1,
    ),
    (
        "UPDATE users SET approved = false WHERE name IN ('@bob:example.com', '@carol:example.com')",
        "not-approved",
        2,
    ),
    (
        "INSERT INTO registration_tokens (token, uses_allowed, pending, completed, expiry_time) VALUES ('a', NULL, 0, 3, NULL), ('b', 2, 0, 1, NULL), ('c', 2, 0, 2, NULL), ('d', NULL, 0, 0, 1)",
        "registration-tokens",
        2,
    ),
    (
        "INSERT INTO users (name, creation_ts, password_hash) VALUES ('@Bob:example.com', 1, 'x'), ('@BOB:example.com', 1, 'x'), ('@Alice:example.com', 1, 'x')",
        "localparts-by-case",
        2,
    ),
    (
        "INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at) VALUES ('@alice:example.com', 'email', 'Bob@example.com', 1, 1)",
        "email-of-several",
        1,
    ),
    (
        "INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at) VALUES ('@alice:example.com', 'msisdn', '44123', 1, 1)",
        "third-party-ids",
        1,
    ),
    (
        "UPDATE user_external_ids SET auth_provider = 'saml'",
        "provider-not-in-mas",
        1,
    ),
    (
        "UPDATE user_external_ids SET auth_provider = 'oidc-three'",
        "provider-not-in-mas",
        1,
    ),
    (
        "INSERT INTO users (name, creation_ts) VALUES (NULL, 1)",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE users ALTER admin DROP NOT NULL; UPDATE users SET admin = NULL WHERE name = '@bob:example.com'",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE users ALTER deactivated DROP NOT NULL; UPDATE users SET deactivated = NULL WHERE name = '@bridgebot:example.com'",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE users ALTER locked DROP NOT NULL; UPDATE users SET locked = NULL WHERE name = '@bob:example.com'",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE users ALTER is_guest DROP NOT NULL; UPDATE users SET is_guest = NULL WHERE name = '@bob:example.com'",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE user_threepids ALTER user_id DROP NOT NULL; UPDATE user_threepids SET user_id = NULL",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE user_threepids ALTER medium DROP NOT NULL; UPDATE user_threepids SET medium = NULL",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE user_threepids ALTER address DROP NOT NULL; UPDATE user_threepids SET address = NULL",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE user_threepids ALTER added_at DROP NOT NULL; UPDATE user_threepids SET added_at = NULL",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE user_external_ids ALTER user_id DROP NOT NULL; UPDATE user_external_ids SET user_id = NULL",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE user_external_ids ALTER auth_provider DROP NOT NULL; UPDATE user_external_ids SET auth_provider = NULL",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE user_external_ids ALTER external_id DROP NOT NULL; UPDATE user_external_ids SET external_id = NULL",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE devices ALTER user_id DROP NOT NULL; INSERT INTO devices (user_id, device_id, hidden) VALUES (NULL, 'D', false), (NULL, 'E', true)",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE access_tokens ALTER user_id DROP NOT NULL; INSERT INTO access_tokens (id, user_id, token) VALUES (9, NULL, 'syt_x')",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE access_tokens ALTER token DROP NOT NULL; UPDATE access_tokens SET token = NULL",
        "value-missing",
        3,
    ),
    (
        "ALTER TABLE refresh_tokens ALTER token DROP NOT NULL; INSERT INTO refresh_tokens (id, user_id, device_id) VALUES (1, '@alice:example.com', 'A'); UPDATE access_tokens SET refresh_token_id = 1 WHERE id = 1",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE access_tokens ALTER token DROP NOT NULL; INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (1, '@alice:example.com', 'A', 'syr_a'); UPDATE access_tokens SET refresh_token_id = 1, token = NULL WHERE id = 1",
        "value-missing",
        1,
    ),
    (
        "ALTER TABLE users DROP CONSTRAINT users_name_key CASCADE; INSERT INTO users (name, creation_ts, password_hash) SELECT '@' || string_agg(md5(i::text), '') || ':example.com', 1, 'x' FROM generate_series(1, 90) i",
        "value-too-long",
        1,
    ),
    (
        "ALTER TABLE user_threepids DROP CONSTRAINT medium_address CASCADE; DROP INDEX user_threepids_medium_address; UPDATE user_threepids SET address = (SELECT string_agg(md5(i::text), '') || '@example.com' FROM generate_series(1, 90) i)",
        "value-too-long",
        1,
    ),
    (
        "ALTER TABLE user_threepids DROP CONSTRAINT medium_address CASCADE; DROP INDEX user_threepids_medium_address; UPDATE user_threepids SET medium = 'x', address = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 90) i)",
        "value-too-long",
        1,
    ),
    (
        "ALTER TABLE user_external_ids DROP CONSTRAINT user_external_ids_auth_provider_external_id_key CASCADE; UPDATE user_external_ids SET external_id = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 90) i)",
        "value-too-long",
        1,
    ),
    (
        "ALTER TABLE access_tokens DROP CONSTRAINT access_tokens_token_key CASCADE; UPDATE access_tokens SET token = (SELECT 'syt_' || string_agg(md5(i::text), '') FROM generate_series(1, 90) i) WHERE id = 3",
        "value-too-long",
        1,
    ),
    (
        "ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_token_key CASCADE; INSERT INTO refresh_tokens (id, user_id, device_id, token) SELECT 1, '@alice:example.com', 'A', 'syr_' || string_agg(md5(i::text), '') FROM generate_series(1, 90) i; UPDATE access_tokens SET refresh_token_id = 1 WHERE id = 1",
        "value-too-long",
        1,
    ),
    (
        "ALTER TABLE users DROP CONSTRAINT users_name_key CASCADE; INSERT INTO users SELECT * FROM users WHERE name IN ('@bob:example.com', '@bridgebot:example.com')",
        "duplicate-user",
        1,
    ),
    (
        "ALTER TABLE devices DROP CONSTRAINT device_uniqueness CASCADE; INSERT INTO devices SELECT * FROM devices; DELETE FROM access_tokens WHERE device_id IS NOT NULL",
        "duplicate-device",
        2,
    ),
    (
        "ALTER TABLE devices DROP CONSTRAINT device_uniqueness CASCADE; INSERT INTO devices (user_id, device_id, hidden) VALUES ('@bob:example.com', 'B', true)",
        "duplicate-device",
        1,
    ),
    (
        "ALTER TABLE access_tokens DROP CONSTRAINT access_tokens_token_key CASCADE; UPDATE access_tokens SET token = 'syt_a'",
        "duplicate-token",
        1,
    ),
    (
        "ALTER TABLE access_tokens DROP CONSTRAINT access_tokens_token_key CASCADE; INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (1, '@alice:example.com', 'A', 'syr_a'); UPDATE access_tokens SET refresh_token_id = 1 WHERE id = 1; UPDATE access_tokens SET token = 'syt_a' WHERE id = 2",
        "duplicate-token",
        1,
    ),
    (
        "ALTER TABLE user_external_ids DROP CONSTRAINT user_external_ids_auth_provider_external_id_key CASCADE; INSERT INTO user_external_ids (auth_provider, external_id, user_id) VALUES ('oidc-one', 'c', '@alice:example.com')",
        "duplicate-external-id",
        1,
    ),
    (
        "ALTER TABLE user_threepids DROP CONSTRAINT medium_address CASCADE; UPDATE user_threepids SET medium = 'msisdn'; INSERT INTO user_threepids SELECT * FROM user_threepids",
        "duplicate-third-party-id",
        1,
    ),
    (
        "ALTER TABLE user_threepids DROP CONSTRAINT medium_address CASCADE; INSERT INTO user_threepids SELECT * FROM user_threepids",
        "email-of-several",
        1,
    ),
    (
        "INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (2, '@alice:example.com', 'A', 'syr_b'); INSERT INTO refresh_tokens (id, user_id, device_id, token, next_token_id) VALUES (1, '@alice:example.com', 'A', 'syr_a', 2); UPDATE access_tokens SET refresh_token_id = 1 WHERE id = 1; INSERT INTO access_tokens (id, user_id, device_id, token, refresh_token_id) VALUES (8, '@alice:example.com', 'ABSENT', 'syt_c', 2), (9, '@bob:example.com', 'B', 'syt_d', 2)",
        "shared-refresh-token",
        1,
    ),
    (
        "ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_token_key CASCADE; INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (1, '@alice:example.com', 'A', 'syr_a'), (2, '@bob:example.com', 'B', 'syr_a'); UPDATE access_tokens SET refresh_token_id = id WHERE id < 3",
        "shared-refresh-token",
        1,
    ),
    (
        "ALTER TABLE access_tokens DROP CONSTRAINT access_tokens_refresh_token_id_fkey CASCADE; ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_pkey CASCADE; INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (1, '@alice:example.com', 'A', 'syr_a'), (1, '@alice:example.com', 'A', 'syr_b'); UPDATE access_tokens SET refresh_token_id = 1 WHERE id = 1",
        "shared-refresh-token",
        1,
    ),
    (
        "INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (1, '@bob:example.com', 'S', 'syr_a'); INSERT INTO access_tokens (id, user_id, device_id, token, refresh_token_id) VALUES (9, '@bob:example.com', 'S', 'syt_s', 1)",
        "token-on-hidden-device",
        1,
    ),
    (
        "INSERT INTO devices (user_id, device_id, hidden) VALUES ('@bob:example.com', 'N', NULL), ('@bob:example.com', 'guest_device', false)",
        "device-left-out",
        2,
    ),
    (
        "ALTER TABLE devices ALTER device_id DROP NOT NULL; INSERT INTO devices (user_id, device_id, hidden) VALUES ('@bob:example.com', NULL, false), ('@bridgebot:example.com', NULL, false)",
        "device-left-out",
        1,
    ),
    (
        "INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (1, '@bob:example.com', 'B', 'syr_a'); UPDATE access_tokens SET refresh_token_id = 1 WHERE id = 1",
        "token-pair-apart",
        1,
    ),
    (
        "ALTER TABLE access_tokens DROP CONSTRAINT access_tokens_refresh_token_id_fkey CASCADE; UPDATE access_tokens SET refresh_token_id = 1",
        "token-pair-apart",
        3,
    ),
    (
        "INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (1, '@alice:example.com', 'A', 'of another form'); UPDATE access_tokens SET refresh_token_id = 1 WHERE id = 1",
        "token-form",
        1,
    ),
    (
        "UPDATE users SET password_hash = 'sha1$' || md5('x') WHERE name = '@bob:example.com'; UPDATE users SET password_hash = replace(password_hash, '$2b$12$', '$2y$04$') WHERE name = '@alice:example.com'",
        "password-form",
        1,
    ),
    (
        "INSERT INTO users (name, creation_ts, password_hash) SELECT '@:example.com', 1, password_hash FROM users WHERE name = '@bob:example.com'",
        "empty-localpart",
        1,
    ),
    (
        "INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at) VALUES ('@alice:example.com', 'email', '', 1, 1), ('@alice:example.com', 'email', 'no address', 1, 1), ('@alice:example.com', 'email', 'é.o''x+y@ex-ample.org', 1, 1)",
        "email-form",
        2,
    ),
];

/// Changes of its database without consequences: the import does not read these rows, or skips
/// them, and no user misses them.
const HARMLESS: &[&str] = &[
    // A hidden device is not read.
    "ALTER TABLE devices ALTER user_id DROP NOT NULL; INSERT INTO devices (user_id, device_id, hidden) VALUES (NULL, 'D', true)",
    "INSERT INTO devices (user_id, device_id, hidden) VALUES ('@nobody:other.org', 'D', true)",
    // Nor are tokens of another user's device. Nothing is imported for deactivated users.
    "INSERT INTO users (name, creation_ts, deactivated) VALUES ('@d:example.com', 1, 1); INSERT INTO devices (user_id, device_id, hidden, last_seen) VALUES ('@d:example.com', 'D', NULL, NULL), ('@d:example.com', repeat('x', 300), false, 9223372036854775807); INSERT INTO access_tokens (id, user_id, device_id, token, valid_until_ms) VALUES (9, '@d:example.com', 'D', 'odd', 9223372036854775807), (10, '@d:example.com', 'ABSENT', 'syt_x', 1)",
    "ALTER TABLE devices DROP CONSTRAINT device_uniqueness CASCADE; INSERT INTO users (name, creation_ts, deactivated) VALUES ('@d:example.com', 1, 1); INSERT INTO devices (user_id, device_id, hidden) VALUES ('@d:example.com', 'D', false), ('@d:example.com', 'D', false)",
    "ALTER TABLE devices DROP CONSTRAINT device_uniqueness CASCADE; INSERT INTO devices SELECT * FROM devices WHERE hidden",
    "INSERT INTO devices (user_id, device_id, hidden, last_seen) VALUES ('@bridgebot:example.com', 'D', false, 9223372036854775807); INSERT INTO access_tokens (id, user_id, device_id, token) VALUES (9, '@bridgebot:example.com', 'ABSENT', 'odd')",
    "UPDATE users SET creation_ts = 9223372036854775807 WHERE appservice_id IS NOT NULL",
    "UPDATE users SET creation_ts = 9223372036",
    "UPDATE users SET creation_ts = 0",
    "UPDATE user_threepids SET added_at = -9223372036854",
    "UPDATE access_tokens SET valid_until_ms = 9223372036854",
    // One access token each, and one for what comes after them.
    "INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (2, '@alice:example.com', 'A', 'syr_b'); INSERT INTO refresh_tokens (id, user_id, device_id, token, next_token_id) VALUES (1, '@alice:example.com', 'A', 'syr_a', 2); UPDATE access_tokens SET refresh_token_id = 1 WHERE id = 1; INSERT INTO access_tokens (id, user_id, device_id, token, refresh_token_id, used) VALUES (9, '@alice:example.com', 'A', 'syt_c', 2, false)",
    "ALTER TABLE users DROP CONSTRAINT users_name_key CASCADE; INSERT INTO users SELECT * FROM users WHERE appservice_id IS NOT NULL",
    "UPDATE users SET password_hash = 'odd', deactivated = 1, approved = false WHERE name = '@bob:example.com'; DELETE FROM devices WHERE user_id = '@bob:example.com'; DELETE FROM access_tokens WHERE user_id = '@bob:example.com'; UPDATE user_threepids SET address = 'odd'",
    "UPDATE users SET password_hash = repeat('x', 10000) WHERE appservice_id IS NOT NULL",
    "ALTER TABLE user_external_ids DROP CONSTRAINT user_external_ids_auth_provider_external_id_key CASCADE; UPDATE user_external_ids SET external_id = repeat('x', 100000)",
    "INSERT INTO registration_tokens (token, uses_allowed, pending, completed) VALUES ('a', -2147483648, 0, 2147483647)",
];

/// Replacements in a configuration, with the expected findings.
const SETTINGS: &[(&str, &str, &str, &str)] = &[
    (
        "mas",
        "homeserver: example.com",
        "homeserver: other.org",
        "server-name",
    ),
    (
        "mas",
        "algorithm: bcrypt",
        "algorithm: argon2id",
        "password-scheme",
    ),
    ("mas", "version: 1", "version: 3", "password-scheme"),
    (
        "mas",
        ", unicode_normalization: true",
        "",
        "unicode-normalization",
    ),
    (
        "mas",
        "algorithm: bcrypt",
        "algorithm: bcrypt, secret: pepper",
        "pepper",
    ),
    (
        "mas",
        "synapse_idp_id: oidc-one",
        "enabled: false, synapse_idp_id: oidc-one",
        "provider-disabled",
    ),
    (
        "synapse",
        "idp_id: one",
        "idp_id: other",
        "provider-not-in-synapse",
    ),
    (
        "synapse",
        "server_name",
        "password_config: {pepper: pepper}\nserver_name",
        "pepper",
    ),
    (
        "synapse",
        "server_name",
        "password_config: {pepper: ''}\nserver_name",
        "empty-pepper",
    ),
    (
        "synapse",
        "server_name",
        "allow_guest_access: true\nserver_name",
        "guest-access",
    ),
    (
        "synapse",
        "server_name",
        "enable_3pid_changes: true\nserver_name",
        "third-party-id-changes",
    ),
    (
        "synapse",
        "server_name",
        "login_via_existing_session: {enabled: true}\nserver_name",
        "login-via-existing-session",
    ),
    (
        "synapse",
        "server_name",
        "password_config:\nserver_name",
        "empty-section",
    ),
    (
        "synapse",
        "server_name",
        "enable_registration: true\nserver_name",
        "registration",
    ),
    (
        "synapse",
        "server_name",
        "user_consent: {version: 1}\nserver_name",
        "consent",
    ),
    (
        "synapse",
        "server_name",
        "enable_registration_captcha: true\nserver_name",
        "captcha",
    ),
    (
        "synapse",
        "server_name",
        "cas_config: {enabled: true}\nserver_name",
        "external-login",
    ),
    (
        "synapse",
        "server_name",
        "saml2_config: {sp_config: {}}\nserver_name",
        "external-login",
    ),
    (
        "synapse",
        "server_name",
        "password_providers: [{module: ldap}]\nserver_name",
        "password-provider",
    ),
    (
        "synapse",
        "server_name",
        "modules: [{module: a.Module, config: {}}]\nserver_name",
        "modules",
    ),
    (
        "synapse",
        "server_name",
        "app_service_config_files: [/nonexistent]\nserver_name",
        "bridge-unreadable",
    ),
    ("mas", "version: 2", "version: 1", "password-scheme-twice"),
    (
        "mas",
        "passwords: {",
        "passwords: {enabled: false, ",
        "passwords-off-in-mas",
    ),
    (
        "mas",
        "upstream_oauth2: {providers: [",
        "upstream_oauth2: {providers: [{id: 01HFVBY12TMNTYTBV8W921M5FC, synapse_idp_id: oidc-one, issuer: 'https://a.example.com/', client_id: a, token_endpoint_auth_method: none}, ",
        "provider-claimed-twice",
    ),
    (
        "mas",
        "token_endpoint_auth_method: none",
        "token_endpoint_auth_method: client_secret_basic",
        "mas-config",
    ),
    (
        "synapse",
        "server_name",
        "password_config: {enabled: false}\nserver_name",
        "passwords-off-in-synapse",
    ),
    (
        "synapse",
        "server_name",
        "password_config: {enabled: only_for_reauth}\nserver_name",
        "passwords-off-in-synapse",
    ),
    (
        "synapse",
        "server_name",
        "allow_guest_access: yes\nserver_name",
        "guest-access",
    ),
    (
        "synapse",
        "server_name",
        "passwords: &passwords {pepper: pepper}\npassword_config: {<<: *passwords}\nserver_name",
        "pepper",
    ),
    (
        "synapse",
        "server_name",
        "password_config: {enabled: no}\nserver_name",
        "passwords-off-in-synapse",
    ),
    (
        "synapse",
        "server_name",
        "cas_config: {enabled: on}\nserver_name",
        "external-login",
    ),
    ("synapse", "psycopg2", "sqlite3", "sqlite"),
];

/// Settings for which the real import, given the same files, has a different result, and why.
const EXEMPT: &[(&str, &str)] = &[
    (
        "",
        "the import does not look at it, and passwords with letters such as ä are wrong afterwards",
    ),
    (
        "password_config: {pepper: ''}\nserver_name",
        "`syn2mas` leaves it out",
    ),
    ("password_config:\nserver_name", "`syn2mas` leaves it out"),
    (
        "password_config: {enabled: only_for_reauth}\nserver_name",
        "`syn2mas` translates it",
    ),
    (
        "passwords: &passwords {pepper: pepper}\npassword_config: {<<: *passwords}\nserver_name",
        "the import does not merge",
    ),
    (
        "password_config: {enabled: no}\nserver_name",
        "`syn2mas` translates it",
    ),
    (
        "cas_config: {enabled: on}\nserver_name",
        "`syn2mas` translates it",
    ),
];

fn inspect(migration: &Migration, extra: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = migration
        .syn2mas(&["inspect", "--json"])
        .args(extra)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    (
        output.status.code(),
        report["findings"].as_array().unwrap().clone(),
    )
}

/// The ids of what is found.
fn ids(migration: &Migration, extra: &[&str]) -> Vec<String> {
    let (_, findings) = inspect(migration, extra);
    let ids = findings.iter().map(|finding| &finding["id"]);
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

fn prepared() -> Result<(Postgres, MasCli), Skip> {
    prepared_in(&std::env::temp_dir())
}

fn prepared_in(directory: &Path) -> Result<(Postgres, MasCli), Skip> {
    let (mas, server) = (MasCli::find()?, Postgres::start_in(directory)?);
    server.create_synapse("synapse");
    server.sql("synapse", READY);
    Ok((server, mas))
}

/// Changed copies of a homeserver's database, and their results.
struct Copies<'a> {
    server: &'a Postgres,
    migration: Migration<'a>,
}

/// What `inspect` finds in a copy, and how the real import of it ends.
struct Verdicts {
    code: Option<i32>,
    findings: Vec<Value>,
    imported: Result<(), String>,
    /// How `syn2mas verify` ends, after an import.
    verified: Option<i32>,
}

impl<'a> Copies<'a> {
    fn new(server: &'a Postgres, mas: &'a MasCli) -> Self {
        Migration::new(server, mas, "synapse", "empty_mas").migrate_database();
        Copies {
            server,
            migration: Migration::new(server, mas, "synapse", "mas"),
        }
    }

    fn change(&self, change: &str) -> Verdicts {
        let (copy, target) = ("changed", "mas_of_changed");
        self.server.copy("synapse", copy);
        self.server.script(copy, change);
        self.server.copy("empty_mas", target);
        let synapse = ["--synapse-database-uri", &self.server.uri(copy)];
        let (code, findings) = inspect(&self.migration, &synapse);
        let imported = self.migration.try_import(&self.server.uri(copy), target);
        let verified = imported.is_ok().then(|| {
            let mut command = self.migration.syn2mas(&["verify", "--json"]);
            command.args(synapse);
            command.args(["--mas-database-uri", &self.server.uri(target)]);
            command.output().unwrap()
        });
        for database in [copy, target] {
            self.server.sql(
                "postgres",
                &format!("DROP DATABASE {database} WITH (FORCE)"),
            );
        }
        Verdicts {
            code,
            findings,
            imported,
            verified: verified.and_then(|output| output.status.code()),
        }
    }
}

impl Verdicts {
    /// The worst severity that `inspect` reports.
    fn worst(&self) -> &str {
        let worst = self.findings.first();
        worst.map_or("nothing", |finding| finding["severity"].as_str().unwrap())
    }

    fn ids(&self) -> Vec<&str> {
        let ids = self.findings.iter().map(|finding| &finding["id"]);
        ids.map(|id| id.as_str().unwrap()).collect()
    }

    /// Whether the real import confirms the verdict. The import alone does not notice that it
    /// truncates times; the comparison after it does.
    fn agree(&self) -> bool {
        let blockers = self.findings.iter();
        let blockers = blockers.filter(|finding| finding["severity"] == "blocker");
        let blockers: Vec<&Value> = blockers.map(|finding| &finding["id"]).collect();
        let code = match self.worst() {
            "blocker" => 10,
            "warning" => 11,
            _ => 0,
        };
        self.code == Some(code)
            && match &blockers[..] {
                [] => self.imported.is_ok(),
                [id] if *id == "time-out-of-range" => self.verified == Some(12),
                _ => self.imported.is_err(),
            }
    }
}

/// How a program ended, and the last that it said.
fn end(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    let last = &lines[lines.len().saturating_sub(5)..];
    format!("{}: {}", output.status, last.join("\n"))
}

/// Fails with all that is wrong.
fn nothing_of(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn every_kind_of_row_is_counted() -> TestResult {
    let (server, mas) = prepared()?;
    let copies = Copies::new(&server, &mas);
    assert_eq!(inspect(&copies.migration, &[]), (Some(0), vec![]));
    let mut wrong = Vec::new();
    for (change, id, count) in ROWS {
        let verdicts = copies.change(change);
        let found = verdicts
            .findings
            .iter()
            .find(|finding| finding["id"] == *id);
        let is_counted = found.is_some_and(|found| {
            let samples = found["samples"].as_array().map(Vec::len);
            found["count"] == *count && samples == usize::try_from(*count).ok()
        });
        if !is_counted || !verdicts.agree() {
            wrong.push(format!(
                "{change}\n{:?} {found:#?} {:?}, verify {:?}",
                verdicts.ids(),
                verdicts.imported,
                verdicts.verified
            ));
        }
    }
    nothing_of(&wrong);
    Ok(())
}

fn rows_that_the_import_skips_are_no_findings() -> TestResult {
    let (server, mas) = prepared()?;
    let copies = Copies::new(&server, &mas);
    let mut wrong = Vec::new();
    for change in HARMLESS {
        let verdicts = copies.change(change);
        if verdicts.code != Some(0) || verdicts.imported.is_err() {
            wrong.push(format!(
                "{change}\n{:?} {:?}",
                verdicts.ids(),
                verdicts.imported
            ));
        }
    }
    nothing_of(&wrong);
    Ok(())
}

/// How many rows of garbage each table has, how likely a value is garbage, and how often that is tried.
const DOSES: &[(u32, f64, u32)] = &[(100, 0.5, 2), (100, 0.0007, 20), (12, 0.003, 30)];

fn garbage_is_reported_and_does_not_stop_inspect() -> TestResult {
    let (server, mas) = prepared()?;
    server.sql("synapse", &garbage::without_constraints());
    let copies = Copies::new(&server, &mas);
    let mut runner = TestRunner::deterministic();
    let mut wrong = Vec::new();
    for (rows, probability, times) in DOSES {
        for _ in 0..*times {
            let rows = garbage::rows(*rows, *probability, &mut runner);
            let verdicts = copies.change(&rows);
            let ids = verdicts.ids();
            let told = matches!(verdicts.code, Some(0 | 10 | 11));
            let fails = verdicts.imported.is_err();
            if !told || fails && verdicts.worst() != "blocker" {
                wrong.push(format!("{rows}\n{ids:?} {:?}", verdicts.imported));
            }
        }
    }
    nothing_of(&wrong);

    // The others may fail, with a reason.
    let state = server.path().join("state").display().to_string();
    for (rows, probability, _) in DOSES {
        let rows = garbage::rows(*rows, *probability, &mut runner);
        server.copy("synapse", "changed");
        server.script("changed", &rows);
        for command in ["verify", "rehearse", "status"] {
            let mut command = copies.migration.syn2mas(&[command, "--json"]);
            command.args(["--synapse-database-uri", &server.uri("changed")]);
            command.args(["--mas-database-uri", &server.uri("empty_mas")]);
            command.args(["--state-dir", &state]);
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                matches!(output.status.code(), Some(0 | 1 | 10 | 11 | 12))
                    && !said.contains("panicked"),
                "{rows}\n{command:?} {}: {said}",
                output.status
            );
        }
        server.sql("postgres", "DROP DATABASE changed WITH (FORCE)");
    }
    Ok(())
}

/// Hashes of passwords, of which `S` is a salt and `H` a hash, and whether MAS can read them.
const HASHES: &[(&str, bool)] = &[
    ("$2b$04$SH", true),
    ("$2a$04$SH", true),
    ("$2x$04$SH", true),
    ("$2y$04$SH", true),
    ("$2b$4$SH", true),
    ("2b$04$SH", true),
    ("$2$04$SH", false),
    ("$2c$04$SH", false),
    ("$2b$03$SH", false),
    ("$2b$32$SH", false),
    ("$2b$04$Sx", false),
    ("$2b$04$SHa", false),
    ("$2b$04$SH ", false),
    (" $2b$04$SH", false),
    ("$2b$04$aaaaaaaaaaaaaaaaaaaaafH", false),
    ("$2b$04$SSNPqRA4cJGuNNuvxjHPZjYlSH0C7jlT", false),
    ("$2b$04$SSNPqRA4cJGuNNuvxjHPZjYlSH0C7j!S", false),
    (
        "$argon2id$v=19$m=19456,t=2,p=1$YWJjZGVmZ2g$YWJjZGVmZ2hhYmNkZWZnaGFiY2RlZmdo",
        false,
    ),
    ("sha1$abc", false),
    ("no hash", false),
];

fn a_password_that_mas_cannot_read_is_named() -> TestResult {
    let (mas, server) = (MasCli::find_with_pages()?, Postgres::start()?);
    let homeserver = Homeserver::with_rows(&server, &mas, "hashes", |database| {
        for (user, (hash, _)) in HASHES.iter().enumerate() {
            let hash = hash.replace('S', "aaaaaaaaaaaaaaaaaaaaae");
            let hash = hash.replace('H', "SNPqRA4cJGuNNuvxjHPZjYlSH0C7jlS");
            let name = format!("@u{user}:example.com");
            let values = format!("('{name}', 1, '{hash}')");
            let rows =
                format!("INSERT INTO users (name, creation_ts, password_hash) VALUES {values}");
            server.sql(database, &rows);
        }
    });
    let (_, findings) = inspect(&homeserver.migration, &[]);
    let found = findings
        .iter()
        .find(|finding| finding["id"] == "password-form");
    let unreadable = HASHES
        .iter()
        .filter(|(_, is_readable)| !is_readable)
        .count();
    assert_eq!(found.unwrap()["count"], unreadable);

    homeserver.migration.import();
    let config = &homeserver.migration.mas_config;
    let fast = "{burst: 1000, per_second: 1000}";
    let limits = format!("rate_limiting: {{login: {{per_ip: {fast}, per_account: {fast}}}}}\n");
    fs::write(config, fs::read_to_string(config).unwrap() + &limits).unwrap();
    let mut command = mas.command("server");
    command
        .arg("--config")
        .arg(&homeserver.migration.mas_config);
    let running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _running = Gone(running.unwrap());
    let deadline = Instant::now() + Duration::from_secs(60);
    while homeserver::request(&format!("{}/health", homeserver.mas), None, None).0 != 200 {
        assert!(Instant::now() < deadline, "MAS does not answer");
        thread::sleep(Duration::from_millis(100));
    }
    let url = format!("{}/_matrix/client/v3/login", homeserver.mas);
    for (user, (hash, is_readable)) in HASHES.iter().enumerate() {
        let identifier = json!({"type": "m.id.user", "user": format!("u{user}")});
        let login =
            json!({"type": "m.login.password", "identifier": identifier, "password": "wrong"});
        let (code, _) = homeserver::request(&url, None, Some(login));
        assert_eq!(code, if *is_readable { 403 } else { 500 }, "{hash}");
    }
    Ok(())
}

fn every_setting_is_named() -> TestResult {
    let (server, mas) = prepared()?;
    let mut migration = Migration::new(&server, &mas, "synapse", "mas");
    let texts = [&migration.mas_config, &migration.synapse_config]
        .map(|file| fs::read_to_string(file).unwrap());
    Migration::new(&server, &mas, "synapse", "empty_mas").migrate_database();
    let mut wrong = Vec::new();
    for (side, old, new, id) in SETTINGS {
        for (file, text, name) in [
            (&migration.mas_config, &texts[0], "mas"),
            (&migration.synapse_config, &texts[1], "synapse"),
        ] {
            let text = if name == *side {
                assert!(text.contains(old), "{old}");
                text.replacen(old, new, 1)
            } else {
                text.clone()
            };
            fs::write(file, text).unwrap();
        }
        let (_, findings) = inspect(&migration, &[]);
        let found: Vec<&Value> = findings.iter().map(|finding| &finding["id"]).collect();
        // The real import confirms what is a blocker.
        server.copy("empty_mas", "mas_of_setting");
        let imported = migration.import_into("mas_of_setting").output().unwrap();
        let blocked = findings.iter().any(|found| found["severity"] == "blocker");
        let agree = imported.status.success() != blocked;
        let exempt = EXEMPT.iter().any(|(setting, _)| setting == new);
        server.sql("postgres", "DROP DATABASE mas_of_setting WITH (FORCE)");
        if found != [*id] || agree == exempt {
            wrong.push(format!("{new}\n{found:?} {}", end(&imported)));
        }
    }
    nothing_of(&wrong);

    let pepper = server.path().join("pepper");
    fs::write(&pepper, "pepper\n").unwrap();
    let with_file = format!("algorithm: bcrypt, secret_file: {}", pepper.display());
    fs::write(
        &migration.mas_config,
        texts[0].replacen("algorithm: bcrypt", &with_file, 1),
    )
    .unwrap();
    fs::write(
        &migration.synapse_config,
        format!("password_config: {{pepper: pepper}}\n{}", texts[1]),
    )
    .unwrap();
    assert_eq!(inspect(&migration, &[]).1[0]["id"], "pepper-newline");
    fs::write(&pepper, "pepper").unwrap();
    assert_eq!(inspect(&migration, &[]), (Some(0), vec![]));

    let bridge = server.path().join("bridge.yaml");
    let with_bridge = format!(
        "app_service_config_files: [{}]\n{}",
        bridge.display(),
        texts[1]
    );
    fs::write(&migration.mas_config, &texts[0]).unwrap();
    fs::write(&migration.synapse_config, with_bridge).unwrap();
    fs::write(&bridge, "{id: a, org.matrix.msc3202: true}").unwrap();
    let found = inspect(&migration, &[]);
    assert_eq!(
        (found.0, &found.1[0]["id"]),
        (Some(11), &"encrypted-bridge".into())
    );
    fs::write(
        &bridge,
        "{id: a, org.matrix.msc3202: true, io.element.msc4190: true}",
    )
    .unwrap();
    assert_eq!(inspect(&migration, &[]), (Some(0), vec![]));
    for wrong in ["{id: a", "id", "- id: a", "id: !unknown a"] {
        fs::write(&bridge, wrong).unwrap();
        let (code, findings) = inspect(&migration, &[]);
        let found = (code, &findings[0]["id"]);
        assert_eq!(found, (Some(11), &"bridge-invalid".into()), "{wrong}");
        let sample = findings[0]["samples"][0].as_str().unwrap();
        assert!(
            sample.starts_with(&bridge.display().to_string()),
            "{sample}"
        );
    }
    let elsewhere = format!("password_config: {{localdb_enabled: false}}\n{}", texts[1]);
    fs::write(&migration.synapse_config, elsewhere).unwrap();
    let both = ["passwords-off-in-synapse", "password-provider"];
    let mut found = ids(&migration, &[]);
    found.sort_by(|a, b| b.cmp(a));
    assert_eq!(found, both);
    migration.synapse_config = "/nonexistent".into();
    let output = migration.syn2mas(&["inspect"]).output().unwrap();
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("cannot read /nonexistent: No such file")
    );
    Ok(())
}

fn features_that_the_overlay_leaves_out_are_named() -> TestResult {
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let text = fs::read_to_string(&migration.synapse_config).unwrap();
    let overlay = server.path().join("overlay.source");
    let used = format!(
        "{}={}",
        server.path().join("overlay.yaml").display(),
        overlay.display()
    );
    let own = "experimental_features: {msc4222_enabled: true, msc3266_enabled: false}";
    fs::write(&migration.synapse_config, format!("{own}\n{text}")).unwrap();
    for (features, lost) in [
        ("", &[] as &[&str]),
        (
            "experimental_features: {msc4108_enabled: true, msc4222_enabled: true}",
            &["msc3266_enabled"],
        ),
        (
            "experimental_features: {msc3266_enabled: true, msc4222_enabled: true}",
            &[],
        ),
        (
            "experimental_features: {}",
            &["msc4222_enabled", "msc3266_enabled"],
        ),
    ] {
        fs::write(
            &overlay,
            format!("password_config: {{enabled: false}}\n{features}"),
        )
        .unwrap();
        let (_, findings) = inspect(&migration, &["--overlay", &used]);
        let found = findings
            .iter()
            .find(|finding| finding["id"] == "features-lost");
        let samples = found.map_or_else(|| json!([]), |finding| finding["samples"].clone());
        assert_eq!(samples, json!(lost), "{features}");
    }
    Ok(())
}

fn an_overlay_that_does_not_delegate_is_named() -> TestResult {
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let source = server.path().join("overlay.source");
    let file = server.path().join("overlay.yaml");
    let used = format!("{}={}", file.display(), source.display());
    for (text, is_found) in [
        ("foo: bar", true),
        ("# nothing", true),
        (
            "matrix_authentication_service: {endpoint: 'http://mas/'}",
            true,
        ),
        (
            "matrix_authentication_service: {enabled: off, endpoint: 'http://mas/'}",
            true,
        ),
        ("matrix_authentication_service: {enabled: true}", true),
        (
            "matrix_authentication_service: {enabled: true, endpoint: 'http://mas/'}",
            false,
        ),
        (
            "matrix_authentication_service: {enabled: yes, endpoint: 'http://mas/'}",
            false,
        ),
        (
            "a: &a {enabled: on, endpoint: 'http://mas/'}\nmatrix_authentication_service: {<<: *a}",
            false,
        ),
    ] {
        fs::write(&source, text).unwrap();
        let found = ids(&migration, &["--overlay", &used]);
        let expected = if is_found {
            vec!["no-delegation"]
        } else {
            vec![]
        };
        assert_eq!(found, expected, "{text}");
    }
    Ok(())
}

/// Options of MAS that name files and keys, and the reason why MAS does not start with them. Without one, it
/// does.
const FILES: &[(&str, &str)] = &[
    ("policy: {wasm_module: DIR/key.pem}", ""),
    (
        "policy: {wasm_module: DIR/absent.wasm}",
        "policy.wasm_module: DIR/absent.wasm: No such file",
    ),
    ("policy: {wasm_module: policy.wasm}", ""),
    // It exists only while the unit runs.
    (
        "policy: {wasm_module: /run/credentials/mas.service/policy}",
        "",
    ),
    ("secrets: {keys: [{key_file: DIR/key.pem}]}", ""),
    ("secrets: {keys: [{key_file: DIR/key.der}]}", ""),
    ("secrets: {keys: [{key_file: DIR/ec.pem}]}", ""),
    (
        "secrets: {keys: [{key_file: DIR/encrypted.pem, password: secret}]}",
        "",
    ),
    (
        "secrets: {keys: [{key_file: DIR/encrypted.pem}]}",
        "secrets.keys[0].key_file: it is encrypted",
    ),
    (
        "secrets: {keys: [{key_file: DIR/key.pem}, {key_file: DIR/absent.pem}]}",
        "secrets.keys[1].key_file: DIR/absent.pem: No such file",
    ),
    (
        "secrets: {keys: [{key: \"-----BEGIN PRIVATE KEY-----\\nbroken\\n-----END PRIVATE KEY-----\\n\"}]}",
        "secrets.keys[0].key: it is not valid PEM",
    ),
    (
        "secrets: {keys: [{key: none}]}",
        "secrets.keys[0].key: it is neither",
    ),
    ("secrets: {keys: [{key_file: DIR/commented.pem}]}", ""),
    (
        "secrets: {keys: [{key_file: DIR/twice.pem}]}",
        "secrets.keys[0].key_file: it is not valid PEM",
    ),
    (
        "secrets: {keys: [{key_file: DIR/public.pem}]}",
        "secrets.keys[0].key_file: it is no private key, but PUBLIC KEY",
    ),
    (
        "secrets: {keys: [{key_file: DIR/ec.pem, password_file: DIR/key.pem}]}",
        "secrets.keys[0].key_file: it is not encrypted",
    ),
    ("secrets: {keys_dir: DIR/keys}", ""),
    (
        "secrets: {keys_dir: DIR}",
        "secrets.keys_dir: DIR/broken.pem: it is not valid PEM",
    ),
    (
        "secrets: {keys_dir: DIR/absent}",
        "secrets.keys_dir: DIR/absent: No such file",
    ),
];

/// Makes keys in all forms, and one that is broken.
fn keys(directory: &Path) {
    let openssl = |arguments: &str| {
        let arguments = arguments.split(' ');
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(directory);
        assert!(command.output().unwrap().status.success());
    };
    openssl("genpkey -quiet -algorithm RSA -out key.pem");
    openssl("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der");
    openssl("pkcs8 -topk8 -in key.pem -passout pass:secret -out encrypted.pem");
    openssl("ecparam -genkey -noout -name secp384r1 -out ec.pem");
    openssl("pkey -in key.pem -pubout -out public.pem");
    let text = fs::read_to_string(directory.join("key.pem")).unwrap();
    fs::write(directory.join("broken.pem"), &text[..text.len() / 2]).unwrap();
    fs::write(directory.join("commented.pem"), format!("a key\n\n{text}")).unwrap();
    fs::write(directory.join("twice.pem"), format!("{text}{text}")).unwrap();
    fs::create_dir(directory.join("keys")).unwrap();
    fs::copy(directory.join("ec.pem"), directory.join("keys/ec.pem")).unwrap();
}

fn files_that_mas_cannot_use_are_named() -> TestResult {
    if program("openssl").is_none() {
        return skip("openssl is not on PATH");
    }
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let directory = server.path().join("files");
    fs::create_dir(&directory).unwrap();
    keys(&directory);
    let text = fs::read_to_string(&migration.mas_config).unwrap();
    for (option, expected) in FILES {
        let filled = |text: &str| text.replace("DIR", &directory.display().to_string());
        let options = match option.strip_prefix("secrets: {") {
            Some(rest) => text.replacen(
                "secrets: {",
                &format!("secrets: {{{}, ", rest.strip_suffix('}').unwrap()),
                1,
            ),
            None => format!("{text}{option}\n"),
        };
        fs::write(&migration.mas_config, filled(&options)).unwrap();
        let (_, findings) = inspect(&migration, &[]);
        let found: Vec<&str> = findings
            .iter()
            .filter(|finding| finding["id"] == "mas-file")
            .flat_map(|finding| finding["samples"].as_array().unwrap())
            .map(|sample| sample.as_str().unwrap())
            .collect();
        if expected.is_empty() {
            assert!(findings.is_empty(), "{option}\n{findings:#?}");
        } else {
            let expected = filled(expected);
            let is_named = found.iter().any(|sample| sample.starts_with(&expected));
            assert!(is_named, "{option}\n{findings:#?}");
        }
        if option.starts_with("secrets:") {
            // MAS opens the policy after the keys, and ends there.
            let until_policy = "policy: {wasm_module: /nonexistent}\n";
            fs::write(&migration.mas_config, filled(&options) + until_policy).unwrap();
            let mut command = mas.command("server");
            let output = command.arg("--config").arg(&migration.mas_config).output();
            let output = output.unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                said.contains("import keys") != said.contains("OPA WASM policy"),
                "{said}"
            );
            assert_eq!(
                said.contains("import keys"),
                !expected.is_empty(),
                "{option}\n{said}"
            );
        }
    }
    Ok(())
}

fn the_state_of_mas_is_reported() -> TestResult {
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let first = |extra: &[&str]| {
        let (_, findings) = inspect(&migration, extra);
        findings
            .first()
            .map(|finding| finding["id"].as_str().unwrap().to_owned())
    };
    assert_eq!(
        first(&["--mas-database-uri", &server.uri("synapse")]).unwrap(),
        "same-database"
    );
    migration.import();
    let (code, findings) = inspect(&migration, &[]);
    assert_eq!(
        (code, &findings[0]["id"]),
        (Some(10), &"mas-not-empty".into())
    );
    assert!(
        findings[0]["samples"]
            .as_array()
            .unwrap()
            .contains(&"users".into())
    );
    Ok(())
}

/// What to do to MAS's database after an import was interrupted, and whether the next import ends
/// with MAS as it should be.
const INTERRUPTED: &[(&str, &str)] = &[
    ("SELECT", "import-interrupted"),
    ("DROP TABLE syn2mas__users CASCADE", "mas-inconsistent"),
    (
        "DROP TABLE syn2mas__compat_refresh_tokens",
        "mas-inconsistent",
    ),
    ("CREATE TABLE users ()", "mas-inconsistent"),
    ("DROP TABLE user_sessions CASCADE", "mas-inconsistent"),
    ("DROP TABLE syn2mas_restore_indices", "mas-inconsistent"),
    (
        "ALTER TABLE syn2mas_restore_constraints DROP definition",
        "mas-inconsistent",
    ),
    // The next import goes through, into tables without keys.
    (
        "DELETE FROM syn2mas_restore_constraints",
        "mas-inconsistent",
    ),
    ("DELETE FROM syn2mas_restore_indices", "mas-inconsistent"),
];

fn interrupted_imports_are_undone_or_reported() -> TestResult {
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    server.create("interrupted");
    server.copy("synapse", "broken");
    server.sql(
        "broken",
        "INSERT INTO devices (user_id, device_id, hidden) VALUES ('@x:example.com', 'D', false)",
    );
    let broken = migration.try_import(&server.uri("broken"), "interrupted");
    assert!(broken.is_err());
    for (change, id) in INTERRUPTED {
        server.copy("interrupted", "changed");
        server.sql("changed", change);
        let uri = server.uri("changed");
        let found = ids(&migration, &["--mas-database-uri", &uri]);
        assert_eq!(found, [*id], "{change}");
        let imported = migration.try_import(&server.uri("synapse"), "changed");
        let keys = "SELECT count(*) FROM pg_index WHERE indrelid = to_regclass('users')";
        let is_whole = imported.is_ok() && server.sql("changed", keys).trim() == "4";
        assert_eq!(
            is_whole,
            *id == "import-interrupted",
            "{change}\n{imported:?}"
        );
        server.sql("postgres", "DROP DATABASE changed WITH (FORCE)");
    }
    Ok(())
}

/// What to do to a database, with and without MAS's tables, that belongs to nobody's role in
/// particular; what is found for the role `mas`, which the import uses.
const TARGETS: &[(bool, &str, Option<&str>)] = &[
    (
        false,
        "GRANT CREATE ON SCHEMA public TO mas; GRANT CREATE ON DATABASE changed TO mas",
        None,
    ),
    (false, "ALTER DATABASE changed OWNER TO mas", None),
    (false, "SELECT", Some("mas-privileges")),
    (
        false,
        "GRANT CREATE ON SCHEMA public TO mas",
        Some("mas-privileges"),
    ),
    (
        false,
        "GRANT CREATE ON DATABASE changed TO mas; REVOKE ALL ON SCHEMA public FROM PUBLIC",
        Some("mas-privileges"),
    ),
    (
        false,
        "ALTER DATABASE changed OWNER TO mas; DROP SCHEMA public",
        Some("mas-privileges"),
    ),
    (
        false,
        "ALTER DATABASE changed OWNER TO mas; CREATE TABLE users (); ALTER TABLE users OWNER TO mas",
        Some("mas-inconsistent"),
    ),
    (
        false,
        "ALTER DATABASE changed OWNER TO mas; CREATE TABLE users ()",
        Some("mas-privileges"),
    ),
    (
        false,
        "REVOKE ALL ON DATABASE changed FROM PUBLIC",
        Some("mas-unreachable"),
    ),
    (
        false,
        "ALTER DATABASE changed OWNER TO mas; ALTER DATABASE changed SET default_transaction_read_only = on",
        Some("mas-read-only"),
    ),
    (
        false,
        "ALTER DATABASE changed OWNER TO mas; ALTER ROLE mas IN DATABASE changed SET default_transaction_read_only = on",
        Some("mas-read-only"),
    ),
    (
        false,
        "ALTER DATABASE changed OWNER TO mas; ALTER DATABASE changed CONNECTION LIMIT 9",
        None,
    ),
    (
        false,
        "ALTER DATABASE changed OWNER TO mas; ALTER DATABASE changed CONNECTION LIMIT 8",
        Some("connection-limit"),
    ),
    (
        false,
        "ALTER DATABASE changed OWNER TO mas; ALTER ROLE mas CONNECTION LIMIT 9",
        None,
    ),
    (
        false,
        "ALTER DATABASE changed OWNER TO mas; ALTER ROLE mas CONNECTION LIMIT 8",
        Some("connection-limit"),
    ),
    (true, "SELECT", None),
    (
        true,
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC, mas, pg_database_owner",
        Some("mas-privileges"),
    ),
    (
        true,
        "ALTER TABLE compat_sessions OWNER TO postgres",
        Some("mas-privileges"),
    ),
    (
        true,
        "ALTER TABLE compat_sessions OWNER TO postgres; GRANT ALL ON compat_sessions TO mas",
        Some("mas-privileges"),
    ),
    (
        true,
        "ALTER TABLE user_sessions OWNER TO postgres; GRANT ALL ON user_sessions TO mas",
        Some("mas-privileges"),
    ),
    (
        true,
        "DROP TABLE user_emails CASCADE",
        Some("mas-inconsistent"),
    ),
    (
        true,
        "DROP TABLE _sqlx_migrations",
        Some("mas-inconsistent"),
    ),
    (
        true,
        "UPDATE _sqlx_migrations SET checksum = '' WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
        Some("mas-check-failed"),
    ),
];

fn databases_that_refuse_the_import_are_reported() -> TestResult {
    let (server, mas) = prepared()?;
    server.sql("postgres", "CREATE ROLE mas LOGIN CREATEDB");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let as_mas = |name: &str| server.uri(name).replace("postgres@", "mas@");
    let config = fs::read_to_string(&migration.mas_config).unwrap();
    fs::write(
        &migration.mas_config,
        config.replace(&server.uri("mas"), &as_mas("changed")),
    )
    .unwrap();
    server.sql(
        "postgres",
        "CREATE DATABASE empty_mas OWNER mas TEMPLATE template0 LOCALE 'C'",
    );
    let mut command = migration.import_into("empty_mas");
    let text = fs::read_to_string(server.path().join("empty_mas.yaml")).unwrap();
    fs::write(
        server.path().join("empty_mas.yaml"),
        text.replace("postgres@", "mas@"),
    )
    .unwrap();
    assert!(command.arg("--dry-run").output().unwrap().status.success());
    let mut wrong = Vec::new();
    for (has_tables, change, id) in TARGETS {
        if *has_tables {
            server.sql(
                "postgres",
                "CREATE DATABASE changed OWNER mas TEMPLATE empty_mas",
            );
        } else {
            server.create("changed");
        }
        server.sql("changed", change);
        let found = ids(&migration, &[]);
        let mut command = mas.command("syn2mas migrate");
        command.arg("--config").arg(&migration.mas_config);
        command
            .arg("--synapse-config")
            .arg(&migration.synapse_config);
        let imported = command.output().unwrap();
        if found != Vec::from_iter(*id) || imported.status.success() != id.is_none() {
            wrong.push(format!("{change}\n{found:?} {}", end(&imported)));
        }
        server.sql("postgres", "DROP DATABASE changed WITH (FORCE)");
        server.sql("postgres", "ALTER ROLE mas CONNECTION LIMIT -1");
    }
    nothing_of(&wrong);
    Ok(())
}

/// What is in the way of restoring MAS's database, what is said of it, and what helps. MAS's role has
/// made its tables, and does not own the database.
const UNDROPPABLE: &[(&str, &str, &str)] = &[
    (
        "CREATE SCHEMA watching; CREATE TABLE watching.t ()",
        "drop the schema watching",
        "ALTER SCHEMA watching OWNER TO mas",
    ),
    (
        "CREATE TABLE others (id serial)",
        "drop the table or view others",
        "ALTER TABLE others OWNER TO mas",
    ),
    (
        "CREATE VIEW a_view AS SELECT 1",
        "drop the table or view a_view",
        "ALTER VIEW a_view OWNER TO mas",
    ),
    (
        "CREATE SEQUENCE a_sequence",
        "drop the table or view a_sequence",
        "ALTER SEQUENCE a_sequence OWNER TO mas",
    ),
    (
        "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "drop the routine f",
        "ALTER ROUTINE f OWNER TO mas",
    ),
    (
        "CREATE TYPE mood AS ENUM ('good')",
        "drop the type mood",
        "ALTER TYPE mood OWNER TO mas",
    ),
    (
        "CREATE DOMAIN name_of AS text",
        "drop the type name_of",
        "ALTER DOMAIN name_of OWNER TO mas",
    ),
    (
        "REVOKE CREATE ON DATABASE changed FROM mas; CREATE SCHEMA own AUTHORIZATION mas",
        "create schemas in the database",
        "GRANT CREATE ON DATABASE changed TO mas",
    ),
];

fn what_going_back_may_not_drop_is_named() -> TestResult {
    let (server, mas) = prepared()?;
    server.sql("postgres", "CREATE ROLE mas LOGIN CREATEDB");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let as_mas = server.uri("changed").replace("postgres@", "mas@");
    let config = fs::read_to_string(&migration.mas_config).unwrap();
    let config = config.replace(&server.uri("mas"), &as_mas);
    fs::write(&migration.mas_config, config).unwrap();
    let args = Args {
        synapse_config: vec![migration.synapse_config.clone()],
        mas_config: vec![migration.mas_config.clone()],
        postgresql_programs: Some(server.bin().to_owned()),
        ..Args::default()
    };
    let context = Context::new(args);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let go_back = || {
        let directory = server.path().join("of-the-test");
        let (synapse, mas) = (
            context.synapse_database().unwrap(),
            context.mas_database().unwrap(),
        );
        let programs = context.postgresql();
        runtime.block_on(async {
            let databases = [synapse, mas];
            backup::make(&programs, databases, &directory, BackupScope::Tables).await?;
            backup::restore_mas(&programs, Some(&directory), "", mas).await
        })
    };
    server.create("made");
    server.sql(
        "made",
        "GRANT CREATE ON SCHEMA public TO mas; CREATE EXTENSION pg_trgm",
    );
    server.sql("postgres", "GRANT CREATE ON DATABASE made TO mas");
    let mut migrate = migration.import_into("made");
    let made = server.path().join("made.yaml");
    let text = fs::read_to_string(&made).unwrap();
    fs::write(&made, text.replace("postgres@", "mas@")).unwrap();
    assert!(migrate.arg("--dry-run").output().unwrap().status.success());
    let mut wrong = Vec::new();
    for (change, said, fix) in UNDROPPABLE {
        server.copy("made", "changed");
        server.sql("changed", "GRANT CREATE ON DATABASE changed TO mas");
        assert_eq!(ids(&migration, &[]), Vec::<String>::new(), "{change}");
        server.sql("changed", change);
        // So that a backup can be made.
        server.sql("changed", "GRANT pg_read_all_data TO mas");
        let (_, findings) = inspect(&migration, &[]);
        let found = &findings[0];
        if found["id"] != "mas-rollback-privileges" || found["samples"] != json!([said]) {
            wrong.push(format!("{change}: {findings:#?}"));
        }
        if go_back().is_ok() {
            wrong.push(format!("{change} is not in the way"));
        }
        server.sql("changed", fix);
        let left = ids(&migration, &[]);
        let gone_back = go_back();
        if !left.is_empty() || gone_back.is_err() {
            wrong.push(format!("{fix}: {left:?} {gone_back:?}"));
        }
        server.sql("postgres", "DROP DATABASE changed WITH (FORCE)");
    }
    nothing_of(&wrong);
    Ok(())
}

fn clients_of_the_database_of_mas_are_reported() -> TestResult {
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    migration.migrate_database();
    server.sql("postgres", "CREATE ROLE watcher LOGIN");
    assert_eq!(ids(&migration, &[]), Vec::<String>::new());
    let psql = |statement: &str| {
        let mut command = server.psql("mas");
        Gone(command.args(["-c", statement]).spawn().unwrap())
    };
    let watcher = psql("SELECT pg_sleep(100)");
    thread::sleep(Duration::from_secs(1));
    let (code, findings) = inspect(&migration, &[]);
    assert_eq!(code, Some(11));
    assert_eq!(findings[0]["id"], "mas-in-use");
    assert_eq!(findings[0]["samples"][0], "psql as postgres from this host");
    // A role without privileges sees them too.
    server.sql("postgres", "ALTER DATABASE mas OWNER TO watcher");
    let as_watcher = server.uri("mas").replace("postgres@", "watcher@");
    let found = ids(&migration, &["--mas-database-uri", &as_watcher]);
    assert!(found.contains(&"mas-in-use".to_owned()), "{found:?}");
    drop(watcher);

    // An import that waits for a reader.
    let reader = psql("BEGIN; SELECT count(*) FROM users; SELECT pg_sleep(100)");
    thread::sleep(Duration::from_secs(1));
    let mut command = migration.import_into("mas");
    let importing = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let importing = Gone(importing.unwrap());
    thread::sleep(Duration::from_secs(3));
    assert_eq!(ids(&migration, &[]), ["import-running", "mas-in-use"]);
    let second = migration.import_into("mas").output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("Failed to acquire syn2mas lock"), "{said}");
    drop((importing, reader));
    Ok(())
}

fn clients_that_cannot_be_terminated_are_reported() -> TestResult {
    let (server, mas) = prepared()?;
    server.sql("postgres", "CREATE ROLE mas LOGIN CREATEDB");
    server.sql("postgres", "CREATE DATABASE owned OWNER mas");
    let uri = server.uri("owned").replace("postgres@", "mas@");
    let address = Address::of_uri("the test's address", &uri).unwrap();
    let database = Database::new("MAS's database", address, None);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let psql = |role: &str, statement: &str| {
        let mut command = server.psql("owned");
        command.args(["-U", role, "-c", statement]);
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_secs(1));
        Gone(child)
    };
    let others = || {
        runtime
            .block_on(clients::other_connections(&database))
            .unwrap()
            .len()
    };
    let quiet = || runtime.block_on(clients::terminate_other_connections(&database));
    let _own = psql("mas", "SELECT pg_sleep(100)");
    let idle = psql("postgres", "SELECT pg_sleep(100)");
    assert_eq!(others(), 2);
    // A client without a lock on a table does no harm.
    quiet().unwrap();
    assert_eq!(others(), 1);
    drop(idle);
    let _busy = psql("postgres", "BEGIN; CREATE TABLE t (); SELECT pg_sleep(100)");
    let error = quiet().unwrap_err().to_string();
    assert!(error.contains("psql as postgres"), "{error}");
    drop(mas);
    Ok(())
}

fn a_replica_is_named() -> TestResult {
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let signal = server.path().join("data/standby.signal");
    fs::write(&signal, "").unwrap();
    server.restart();
    assert_eq!(ids(&migration, &[]), ["mas-read-only", "replica"]);
    assert!(
        !migration
            .import_into("mas")
            .output()
            .unwrap()
            .status
            .success()
    );
    fs::remove_file(signal).unwrap();
    Ok(())
}

fn a_provider_that_was_there_before_it_was_disabled_is_no_blocker() -> TestResult {
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let mut sync = mas.command("config sync");
    migration.migrate_database();
    assert!(
        sync.arg("--config")
            .arg(&migration.mas_config)
            .status()
            .unwrap()
            .success()
    );
    let text = fs::read_to_string(&migration.mas_config).unwrap();
    let disabled = "enabled: false, synapse_idp_id: oidc-one";
    let text = text.replacen("synapse_idp_id: oidc-one", disabled, 1);
    fs::write(&migration.mas_config, text).unwrap();
    assert_eq!(ids(&migration, &[]), ["provider-disabled-later"]);
    migration.import();
    Ok(())
}

/// `oidc_config` and `oidc_providers` of Synapse, and whether the import knows the provider `oidc`.
const OLD_PROVIDERS: &[(&str, bool)] = &[
    (
        "oidc_config: {enabled: true, issuer: 'https://a/', client_id: a}",
        true,
    ),
    (
        "oidc_config: {enabled: false, issuer: 'https://a/', client_id: a}",
        true,
    ),
    (
        "oidc_config: {issuer: 'https://a/', client_id: a}\noidc_providers:",
        true,
    ),
    ("oidc_config: {enabled: true, issuer: 'https://a/'}", false),
    ("oidc_config: {enabled: true}\noidc_providers: []", false),
    ("oidc_config:\noidc_providers: [{idp_id: oidc}]", true),
    ("oidc_providers: [{idp_name: without an id}]", true),
    ("oidc_providers:", false),
];

fn providers_are_those_that_the_import_knows() -> TestResult {
    let (server, mas) = prepared()?;
    server.sql(
        "synapse",
        "UPDATE user_external_ids SET auth_provider = 'oidc'",
    );
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let text = fs::read_to_string(&migration.synapse_config).unwrap();
    let before = text.find("oidc_providers").unwrap();
    for (providers, is_known) in OLD_PROVIDERS {
        fs::write(
            &migration.synapse_config,
            format!("{}{providers}\n", &text[..before]),
        )
        .unwrap();
        let expected = if *is_known {
            vec![]
        } else {
            vec!["provider-not-in-synapse"]
        };
        assert_eq!(ids(&migration, &[]), expected, "{providers}");
        let imported = migration
            .import_into("mas")
            .arg("--dry-run")
            .output()
            .unwrap();
        // The import does not read an empty list; `syn2mas` gives it one.
        let is_empty = providers.ends_with("oidc_providers:");
        assert_eq!(
            imported.status.success(),
            *is_known && !is_empty,
            "{providers}"
        );
    }
    Ok(())
}

/// What the fix of `rollback-privileges` says.
const ROLLBACK_GRANTS: &str = "GRANT INSERT, DELETE ON access_tokens TO reader;
    GRANT DELETE ON refresh_tokens, user_external_ids TO reader";

/// What is enough for the import is not for the way back.
fn the_way_back_needs_more(migration: &Migration, as_reader: &str) {
    let inspect = || inspect(migration, &["--synapse-database-uri", as_reader]);
    let (code, findings) = inspect();
    assert_eq!(
        (code, &findings[0]["id"]),
        (Some(10), &"rollback-privileges".into())
    );
    assert_eq!(findings[0]["count"], 4, "{findings:#?}");
    let (insert, _) = ROLLBACK_GRANTS.split_once(';').unwrap();
    migration.server.sql("synapse", insert);
    let (_, findings) = inspect();
    assert_eq!(
        findings[0]["samples"],
        json!(["DELETE on refresh_tokens", "DELETE on user_external_ids"])
    );
    migration.server.sql("synapse", ROLLBACK_GRANTS);
}

fn the_server_accepts_the_import() -> TestResult {
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let ids = |extra: &[&str]| ids(&migration, extra);
    server.sql(
        "synapse",
        "CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
    );
    let as_reader = server.uri("synapse").replace("postgres@", "reader@");
    let (code, findings) = inspect(&migration, &["--synapse-database-uri", &as_reader]);
    assert_eq!((code, &findings[0]["id"]), (Some(10), &"privileges".into()));
    assert_eq!(findings[0]["count"], 6, "{findings:#?}");
    let tables = "users, user_threepids, user_external_ids, devices, access_tokens, refresh_tokens";
    server.sql("synapse", &format!("GRANT UPDATE ON {tables} TO reader"));
    the_way_back_needs_more(&migration, &as_reader);
    assert_eq!(
        ids(&["--synapse-database-uri", &as_reader]),
        Vec::<String>::new()
    );

    // Nothing else of the database is needed; and what may not be read is named, and not tried.
    server.sql(
        "synapse",
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM reader",
    );
    let (code, findings) = inspect(&migration, &["--synapse-database-uri", &as_reader]);
    assert_eq!((code, &findings[0]["count"]), (Some(10), &6.into()));
    server.sql(
        "synapse",
        &format!("GRANT SELECT, UPDATE ON {tables} TO reader; {ROLLBACK_GRANTS}"),
    );
    assert_eq!(
        ids(&["--synapse-database-uri", &as_reader]),
        Vec::<String>::new()
    );
    // Access through the role that will be granted to the import cannot be checked yet.
    server.sql("synapse", "CREATE ROLE lent LOGIN");
    server.sql(
        "postgres",
        "CREATE DATABASE lent_mas OWNER lent TEMPLATE template0 LOCALE 'C'",
    );
    let as_lent = server.uri("lent_mas").replace("postgres@", "lent@");
    let lent = fs::read_to_string(&migration.mas_config).unwrap();
    let lent = lent.replace(&server.uri("mas"), &as_lent);
    let lent_config = server.path().join("lent.yaml");
    fs::write(&lent_config, lent).unwrap();
    let mut migrate = mas.command("database migrate");
    assert!(
        migrate
            .arg("--config")
            .arg(&lent_config)
            .output()
            .unwrap()
            .status
            .success()
    );
    let (_, findings) = inspect(&migration, &["--mas-database-uri", &as_lent]);
    let of_copy = |finding: &&Value| finding["id"] == "no-copy";
    let samples = findings.iter().find(of_copy).unwrap()["samples"].to_string();
    assert!(samples.contains("ALTER ROLE lent CREATEDB"), "{samples}");
    let admin = server.uri("postgres");
    let as_lent = [
        "--mas-database-uri",
        &as_lent,
        "--admin-database-uri",
        &admin,
    ];
    let (_, findings) = inspect(&migration, &as_lent);
    assert_eq!(findings[0]["id"], "mas-check-left-out", "{findings:#?}");

    server.sql(
        "synapse",
        "BEGIN; LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE; PREPARE TRANSACTION 'left'",
    );
    assert_eq!(ids(&[]), ["prepared-transactions", "vacuum"]);
    server.sql("synapse", "ROLLBACK PREPARED 'left'");
    assert_eq!(ids(&[]), Vec::<String>::new());

    let admin = as_reader.replace("/synapse", "/postgres");
    assert_eq!(
        ids(&["--admin-database-uri", &admin]),
        ["no-superuser", "no-copy"]
    );
    assert_eq!(ids(&["--mas-cli", "/nonexistent"]), ["mas-cli"]);
    // MAS's own check runs too, once its tables exist, and its messages are reported once.
    migration.migrate_database();
    assert_eq!(ids(&[]), Vec::<String>::new());
    server.sql(
        "synapse",
        "UPDATE users SET is_guest = 1 WHERE name = '@alice:example.com'",
    );
    assert_eq!(ids(&[]), ["guests"]);
    server.sql(
        "synapse",
        "UPDATE users SET is_guest = 0 WHERE name = '@alice:example.com'",
    );

    server.create("no_synapse");
    assert_eq!(
        ids(&["--synapse-database-uri", &server.uri("no_synapse")]),
        ["synapse-too-old"]
    );
    Ok(())
}

fn a_transaction_that_stays_open_is_named() -> TestResult {
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let open = |statement: &str| {
        let statements = format!("BEGIN; {statement}; SELECT pg_sleep(100)");
        let child = server.psql("synapse").args(["-c", &statements]).spawn();
        Gone(child.unwrap())
    };
    let _reader = open("SELECT count(*) FROM users");
    let _writer = open("UPDATE users SET admin = admin");
    thread::sleep(Duration::from_secs(50));
    assert_eq!(ids(&migration, &[]), Vec::<String>::new());
    thread::sleep(Duration::from_secs(11));
    let (code, findings) = inspect(&migration, &[]);
    assert_eq!(code, Some(11));
    assert_eq!(findings[0]["id"], "open-transaction");
    assert_eq!(findings[0]["count"], 1, "{findings:#?}");
    Ok(())
}

fn a_server_without_room_is_named() -> TestResult {
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    server.sql(
        "postgres",
        "ALTER SYSTEM SET superuser_reserved_connections = 188",
    );
    server.restart();
    assert_eq!(ids(&migration, &[]), ["connections"]);
    server.sql(
        "postgres",
        "ALTER SYSTEM RESET superuser_reserved_connections",
    );
    server.restart();
    Ok(())
}

fn a_full_disk_of_the_server_is_named() -> TestResult {
    need_root("mount a disk")?;
    let directory = tempfile::tempdir().unwrap();
    let _disk = Disk::mount(directory.path(), "256m");
    let (server, mas) = prepared_in(directory.path())?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let admin = ["--admin-database-uri", &server.uri("postgres")];
    assert_eq!(ids(&migration, &admin), Vec::<String>::new());
    let free = nix::sys::statvfs::statvfs(directory.path()).unwrap();
    let free = free.blocks_available() * free.fragment_size();
    let filling = vec![0; usize::try_from(free - 100_000).unwrap()];
    fs::write(directory.path().join("filling"), filling).unwrap();
    // There is none for a copy either.
    assert_eq!(
        ids(&migration, &admin),
        ["disk-space-of-postgresql", "no-copy"]
    );
    Ok(())
}

fn a_full_disk_for_the_backup_is_named() -> TestResult {
    need_root("mount a disk")?;
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let directory = server.path().join("disk");
    let _disk = Disk::mount(&directory, "64k");
    let state = directory.join("state").display().to_string();
    assert_eq!(ids(&migration, &["--state-dir", &state]), ["disk-space"]);
    Ok(())
}

fn a_mas_that_is_too_old_is_named() -> TestResult {
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let old = server.path().join("old-mas-cli");
    crate::support::script(&old, "echo mas-cli v0.20.0");
    let old = old.display().to_string();
    assert_eq!(ids(&migration, &["--mas-cli", &old]), ["mas-version"]);
    Ok(())
}

fn a_synapse_that_is_too_old_is_named() -> TestResult {
    let (server, mas) = prepared()?;
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let synapse = root().join("target/synapse");
    let directory = server.path().join("old");
    fs::create_dir(&directory).unwrap();
    let [port, _] = homeserver::free_ports();
    let config = directory.join("homeserver.yaml");
    fs::write(&config, old_synapse(&directory, port)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(synapse.join("bin/python"));
        command.args(["-m", "synapse.app.homeserver", "-c"]);
        command.arg(&config).args(arguments);
        command.env("PYTHONPATH", synapse.join("old"));
        command.current_dir(&directory);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    assert!(run(&["--generate-keys"]).wait().unwrap().success());
    let _running = Gone(run(&[]));
    let url = format!("http://127.0.0.1:{port}");
    let deadline = Instant::now() + Duration::from_secs(60);
    while homeserver::request(&format!("{url}/_matrix/federation/v1/version"), None, None).0 != 200
    {
        assert!(Instant::now() < deadline, "Synapse 1.135 does not answer");
        thread::sleep(Duration::from_millis(100));
    }
    let (code, findings) = inspect(&migration, &["--synapse-url", &url]);
    assert_eq!(
        (code, &findings[0]["id"]),
        (Some(10), &"synapse-version".into())
    );
    assert!(
        findings[0]["samples"][0]
            .as_str()
            .unwrap()
            .contains("1.135.2")
    );
    Ok(())
}

/// A configuration of Synapse 1.135, which `scripts/synapse` installs beside the newest.
fn old_synapse(directory: &Path, port: u16) -> String {
    let at = directory.display();
    format!(
        "server_name: example.com
report_stats: false
signing_key_path: {at}/signing.key
media_store_path: {at}/media
macaroon_secret_key: of-the-test
suppress_key_server_warning: true
trusted_key_servers: []
database: {{name: sqlite3, args: {{database: {at}/database}}}}
listeners: [{{type: http, port: {port}, bind_addresses: [127.0.0.1], resources: [{{names: [federation]}}]}}]
"
    )
}

/// A process that ends with the test.
struct Gone(Child);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Findings that no test here triggers, and why.
const UNTRIGGERED: &[(&str, &str)] = &[
    (
        "mas-check",
        "what `mas-cli` says is known by other names, unless it learns to say more",
    ),
    ("mas-check-warning", "the same"),
    (
        "unit-missing",
        "there is no systemd here; tests/e2e/rendered has one",
    ),
];

/// The list above can only shrink.
fn every_kind_is_triggered_by_a_test() {
    let tests = concat!(
        include_str!("inspect.rs"),
        include_str!("connection.rs"),
        include_str!("workers.rs")
    );
    for kind in CHAPTERS.iter().flat_map(|chapter| chapter.kinds) {
        let is_listed = UNTRIGGERED.iter().any(|(id, _)| *id == kind.id);
        let times = tests.matches(&format!("\"{}\"", kind.id)).count();
        assert_eq!(times == usize::from(is_listed), is_listed, "{}", kind.id);
    }
}

crate::support::harness::tests![
    every_kind_is_triggered_by_a_test,
    every_kind_of_row_is_counted,
    rows_that_the_import_skips_are_no_findings,
    garbage_is_reported_and_does_not_stop_inspect,
    a_password_that_mas_cannot_read_is_named,
    every_setting_is_named,
    features_that_the_overlay_leaves_out_are_named,
    an_overlay_that_does_not_delegate_is_named,
    files_that_mas_cannot_use_are_named,
    the_state_of_mas_is_reported,
    interrupted_imports_are_undone_or_reported,
    databases_that_refuse_the_import_are_reported,
    what_going_back_may_not_drop_is_named,
    clients_of_the_database_of_mas_are_reported,
    clients_that_cannot_be_terminated_are_reported,
    a_replica_is_named,
    a_provider_that_was_there_before_it_was_disabled_is_no_blocker,
    providers_are_those_that_the_import_knows,
    the_server_accepts_the_import,
    a_transaction_that_stays_open_is_named,
    a_server_without_room_is_named,
    a_full_disk_of_the_server_is_named,
    a_full_disk_for_the_backup_is_named,
    a_mas_that_is_too_old_is_named,
    a_synapse_that_is_too_old_is_named,
];
