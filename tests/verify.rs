//! `syn2mas verify` after the real import: silent about an untouched one, and loud about every row
//! that is changed afterwards.

mod common;

use common::{
    MasCli,
    harness::TestResult,
    postgres::{Migration, Postgres},
};
use serde_json::Value;

fn verify(migration: &Migration, extra: &[&str]) -> (Option<i32>, Value) {
    let output = migration
        .syn2mas(&["verify", "--json"])
        .args(extra)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    (output.status.code(), report)
}

/// Every way to change one row: the statement, the entity, and how it is reported.
const CHANGES: &[(&str, &str, &str)] = &[
    (
        "UPDATE users SET username = 'alicia' WHERE username = 'alice'",
        "users",
        "missing",
    ),
    (
        "UPDATE users SET username = 'mixed' WHERE username = 'Mixed'",
        "users",
        "missing",
    ),
    (
        "UPDATE users SET can_request_admin = false WHERE username = 'alice'",
        "users",
        "changed",
    ),
    (
        "UPDATE users SET can_request_admin = true WHERE username = 'bob'",
        "users",
        "changed",
    ),
    (
        "UPDATE users SET is_guest = false WHERE username = '1'",
        "users",
        "changed",
    ),
    (
        "UPDATE users SET locked_at = NULL WHERE username = 'locked'",
        "users",
        "changed",
    ),
    (
        "UPDATE users SET locked_at = created_at WHERE username = 'bob'",
        "users",
        "changed",
    ),
    (
        "UPDATE users SET deactivated_at = NULL WHERE username = 'gone'",
        "users",
        "changed",
    ),
    (
        "UPDATE users SET created_at = created_at + interval '1 second' WHERE username = 'bob'",
        "users",
        "changed",
    ),
    (
        "UPDATE users SET created_at = created_at + interval '1 microsecond' WHERE username = 'bob'",
        "users",
        "changed",
    ),
    (
        "INSERT INTO users (user_id, username, created_at) VALUES (gen_random_uuid(), 'new', now())",
        "users",
        "extra",
    ),
    (
        "UPDATE user_passwords SET hashed_password = overlay(hashed_password placing 'x' from 20) WHERE hashed_password LIKE '%aaaa%'",
        "passwords",
        "changed",
    ),
    (
        "UPDATE user_passwords SET hashed_password = hashed_password || ' ' WHERE hashed_password LIKE '%bbbb%'",
        "passwords",
        "changed",
    ),
    (
        "UPDATE user_passwords SET version = 2 WHERE hashed_password LIKE '%aaaa%'",
        "passwords",
        "changed",
    ),
    (
        "DELETE FROM user_passwords WHERE hashed_password LIKE '%mmmm%'",
        "passwords",
        "missing",
    ),
    (
        "UPDATE user_passwords SET user_id = (SELECT user_id FROM users WHERE username = 'carol') WHERE hashed_password LIKE '%mmmm%'",
        "passwords",
        "missing",
    ),
    (
        "UPDATE user_emails SET email = 'Alice@example.com' WHERE email = 'alice@example.com'",
        "emails",
        "missing",
    ),
    (
        "DELETE FROM user_emails WHERE email = 'gone@example.com'",
        "emails",
        "missing",
    ),
    (
        "UPDATE user_emails SET user_id = (SELECT user_id FROM users WHERE username = 'carol') WHERE email = 'bob@example.com'",
        "emails",
        "missing",
    ),
    (
        "UPDATE user_emails SET created_at = created_at + interval '1 ms' WHERE email = 'bob@example.com'",
        "emails",
        "changed",
    ),
    (
        "INSERT INTO user_emails (user_email_id, user_id, email, created_at) SELECT gen_random_uuid(), user_id, 'new@example.com', now() FROM users WHERE username = 'bob'",
        "emails",
        "extra",
    ),
    (
        "UPDATE user_unsupported_third_party_ids SET address = '441234567891'",
        "third-party ids",
        "missing",
    ),
    (
        "UPDATE user_unsupported_third_party_ids SET medium = 'phone'",
        "third-party ids",
        "missing",
    ),
    (
        "DELETE FROM user_unsupported_third_party_ids",
        "third-party ids",
        "missing",
    ),
    (
        "UPDATE upstream_oauth_links SET subject = 'subject of Carol' WHERE subject = 'subject of carol'",
        "upstream links",
        "missing",
    ),
    (
        "UPDATE upstream_oauth_links SET user_id = (SELECT user_id FROM users WHERE username = 'alice') WHERE subject = 'subject of bob'",
        "upstream links",
        "changed",
    ),
    (
        "UPDATE upstream_oauth_links SET user_id = NULL WHERE subject = 'subject of bob'",
        "upstream links",
        "changed",
    ),
    (
        "UPDATE upstream_oauth_links SET upstream_oauth_provider_id = '018bf6bf-045a-a575-ed2f-68e2441a15eb' WHERE subject = 'subject of carol'",
        "upstream links",
        "missing",
    ),
    (
        "DELETE FROM upstream_oauth_links WHERE subject = 'subject of gone'",
        "upstream links",
        "missing",
    ),
    (
        "UPDATE compat_sessions SET device_id = 'phone' WHERE device_id = 'PHONE'",
        "sessions",
        "missing",
    ),
    (
        "UPDATE compat_sessions SET human_name = NULL WHERE device_id = 'PHONE'",
        "sessions",
        "changed",
    ),
    (
        "UPDATE compat_sessions SET human_name = '' WHERE device_id = 'LAPTOP'",
        "sessions",
        "changed",
    ),
    (
        "UPDATE compat_sessions SET is_synapse_admin = false WHERE device_id = 'PHONE'",
        "sessions",
        "changed",
    ),
    (
        "UPDATE compat_sessions SET last_active_at = last_active_at + interval '1 ms' WHERE device_id = 'PHONE'",
        "sessions",
        "changed",
    ),
    (
        "UPDATE compat_sessions SET last_active_ip = '192.0.2.2' WHERE device_id = 'PHONE'",
        "sessions",
        "changed",
    ),
    (
        "UPDATE compat_sessions SET last_active_ip = NULL WHERE device_id = 'REFRESH'",
        "sessions",
        "changed",
    ),
    (
        "UPDATE compat_sessions SET user_agent = 'Element/2' WHERE device_id = 'PHONE'",
        "sessions",
        "changed",
    ),
    (
        "UPDATE compat_sessions SET finished_at = now() WHERE device_id = 'WEB'",
        "sessions",
        "changed",
    ),
    (
        "UPDATE compat_sessions SET is_synapse_admin = true WHERE device_id IS NULL",
        "sessions",
        "changed",
    ),
    (
        "UPDATE compat_sessions SET user_id = (SELECT user_id FROM users WHERE username = 'carol') WHERE device_id = 'DESKTOP'",
        "sessions",
        "missing",
    ),
    (
        "UPDATE compat_access_tokens SET access_token = 'syt_bob_desktoq' WHERE access_token = 'syt_bob_desktop'",
        "access tokens",
        "missing",
    ),
    (
        "UPDATE compat_access_tokens SET expires_at = NULL WHERE access_token = 'syt_alice_odd'",
        "access tokens",
        "changed",
    ),
    (
        "UPDATE compat_access_tokens SET expires_at = now() WHERE access_token = 'syt_alice_phone'",
        "access tokens",
        "changed",
    ),
    (
        "UPDATE compat_access_tokens SET compat_session_id = (SELECT compat_session_id FROM compat_sessions WHERE device_id = 'WEB') WHERE access_token = 'syt_bob_desktop'",
        "access tokens",
        "changed",
    ),
    (
        "DELETE FROM compat_access_tokens WHERE access_token = 'syt_carol_web'",
        "access tokens",
        "missing",
    ),
    (
        "INSERT INTO compat_access_tokens (compat_access_token_id, compat_session_id, access_token, created_at) SELECT gen_random_uuid(), compat_session_id, 'syt_new', now() FROM compat_sessions WHERE device_id = 'WEB'",
        "access tokens",
        "extra",
    ),
    (
        "UPDATE compat_refresh_tokens SET refresh_token = 'syr_bob_newer' WHERE refresh_token = 'syr_bob_new'",
        "refresh tokens",
        "missing",
    ),
    (
        "UPDATE compat_refresh_tokens SET consumed_at = now() WHERE refresh_token = 'syr_bob_new'",
        "refresh tokens",
        "changed",
    ),
    (
        "UPDATE compat_refresh_tokens SET compat_access_token_id = (SELECT compat_access_token_id FROM compat_access_tokens WHERE access_token = 'syt_bob_desktop') WHERE refresh_token = 'syr_bob_new'",
        "refresh tokens",
        "changed",
    ),
    (
        "UPDATE compat_refresh_tokens SET compat_session_id = (SELECT compat_session_id FROM compat_sessions WHERE device_id = 'WEB') WHERE refresh_token = 'syr_bob_new'",
        "refresh tokens",
        "changed",
    ),
    (
        "DELETE FROM compat_refresh_tokens WHERE refresh_token = 'syr_alice_two'",
        "refresh tokens",
        "missing",
    ),
];

fn every_changed_row_is_found() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_synapse("synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    migration.import();
    let (code, report) = verify(&migration, &[]);
    assert_eq!(
        (code, &report["identical"]),
        (Some(0), &Value::Bool(true)),
        "{report:#}"
    );
    let counts: Vec<(&str, i64)> = report["entities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entity| {
            (
                entity["entity"].as_str().unwrap(),
                entity["actual"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        counts,
        [
            ("users", 7),
            ("passwords", 4),
            ("emails", 3),
            ("third-party ids", 1),
            ("upstream links", 3),
            ("sessions", 8),
            ("access tokens", 9),
            ("refresh tokens", 3),
        ]
    );

    for (i, (change, entity, kind)) in CHANGES.iter().enumerate() {
        let copy = format!("changed{i}");
        server.copy("mas", &copy);
        server.sql(&copy, change);
        let (code, report) = verify(&migration, &["--mas-database-uri", &server.uri(&copy)]);
        assert_eq!(code, Some(12), "{change}");
        let mut found = report["entities"].as_array().unwrap().iter();
        let found = found.find(|found| found["entity"] == *entity).unwrap();
        assert_eq!(found[*kind], 1, "{change}\n{found:#}");
        let text = report.to_string();
        assert!(
            !text.contains("$2b$") && !text.contains("syt_") && !text.contains("syr_"),
            "{text}"
        );
        server.sql("postgres", &format!("DROP DATABASE {copy}"));
    }
    Ok(())
}

fn what_cannot_be_told_is_not_called_identical() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_synapse("synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    for uri in [
        server.uri("nowhere"),
        server.uri("mas"),
        "no address".to_owned(),
    ] {
        let mut command = migration.syn2mas(&["verify", "--mas-database-uri", &uri]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("MAS's database") || said.contains("--mas-database-uri"),
            "{said}"
        );
    }
    Ok(())
}

common::harness::tests![
    every_changed_row_is_found,
    what_cannot_be_told_is_not_called_identical,
];
