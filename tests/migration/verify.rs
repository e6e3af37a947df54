//! `syn2mas verify` after the real import: no differences in an unchanged database, and a
//! difference for every row that is changed afterwards.

use crate::support::{
    MasCli,
    harness::{Skip, TestResult},
    postgres::{Migration, Postgres, comparison},
    rows::{self, Dice},
};
use mas2nix::migrate::verify::{Comparison, Report};
use proptest::test_runner::TestRunner;
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
        "UPDATE upstream_oauth_links SET human_account_name = 'bob' WHERE subject = 'subject of bob'",
        "upstream links",
        "changed",
    ),
    (
        "UPDATE upstream_oauth_links SET created_at = created_at + interval '1 s' WHERE subject = 'subject of bob'",
        "upstream links",
        "changed",
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
        "UPDATE compat_sessions SET last_active_ip = '192.0.2.1/24' WHERE device_id = 'PHONE'",
        "sessions",
        "changed",
    ),
    (
        "ALTER TABLE compat_sessions DROP CONSTRAINT compat_sessions_user_session_id_fkey; UPDATE compat_sessions SET user_session_id = gen_random_uuid() WHERE device_id = 'PHONE'",
        "sessions",
        "changed",
    ),
    (
        "UPDATE compat_sessions SET created_at = created_at + interval '1 ms' WHERE device_id = 'PHONE'",
        "sessions",
        "changed",
    ),
    (
        "UPDATE compat_sessions SET created_at = created_at + interval '1 ms' WHERE device_id = 'REFRESH'",
        "sessions",
        "changed",
    ),
    (
        // Synapse has this in its table, and the import nothing.
        "UPDATE compat_sessions SET last_active_ip = '192.168.1.5/24' WHERE device_id = 'WEB'",
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
        "UPDATE compat_access_tokens SET created_at = created_at + interval '1 ms' WHERE access_token = 'syt_alice_phone'",
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
        "UPDATE compat_refresh_tokens SET created_at = created_at + interval '1 ms' WHERE refresh_token = 'syr_bob_new'",
        "refresh tokens",
        "changed",
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

fn an_unknown_result_is_not_reported_as_identical() -> TestResult {
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
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("MAS's database") || said.contains("--mas-database-uri"),
            "{said}"
        );
    }
    Ok(())
}

/// Of two providers that claim one of Synapse's, the import takes the last one, and so do we.
fn the_last_provider_counts() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_synapse("synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let config = std::fs::read_to_string(&migration.mas_config).unwrap();
    let third = "providers: [{id: 01HFVBY12TMNTYTBV8W921M5FC, synapse_idp_id: oidc-one,
        issuer: 'https://three.example.com/', client_id: a, token_endpoint_auth_method: none}, ";
    let config = config.replacen("providers: [", third, 1);
    std::fs::write(&migration.mas_config, config).unwrap();
    migration.import();
    let (code, report) = verify(&migration, &[]);
    assert_eq!(code, Some(0), "{report:#}");
    Ok(())
}

/// Before the cutover, it is enough to know that something is wrong, and to see some of it.
fn a_search_may_end_early() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_empty_synapse("synapse");
    let rows =
        std::fs::read_to_string(crate::support::root().join("benches/homeserver.sql")).unwrap();
    server.sql("synapse", &rows.replace(":n", "4000"));
    Migration::new(&server, &mas, "synapse", "mas").import();
    server.sql("mas", "UPDATE compat_sessions SET human_name = 'other'");
    for every_row in [true, false] {
        let comparison = Comparison {
            every_row,
            ..comparison()
        };
        let reports = run(&comparison, &server, "synapse", "mas");
        let of = |name: &str| reports.iter().find(|report| report.entity == name).unwrap();
        let (sessions, tokens) = (of("sessions"), of("access tokens"));
        assert!(
            !sessions.is_identical() && sessions.rows.len() == 100,
            "{sessions:?}"
        );
        assert_eq!(
            sessions.changed == 12_000,
            every_row,
            "{}",
            sessions.changed
        );
        assert_eq!((sessions.more, tokens.more), (!every_row, !every_row));
        assert_eq!(tokens.is_identical(), every_row);
    }
    Ok(())
}

/// Compares two databases as `syn2mas` does.
fn compare(server: &Postgres, synapse: &str, mas: &str) -> Vec<Report> {
    run(&comparison(), server, synapse, mas)
}

fn run(comparison: &Comparison, server: &Postgres, synapse: &str, mas: &str) -> Vec<Report> {
    let synapse = server.database("Synapse's", synapse);
    let mas = server.database("MAS's", mas);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(comparison.run(&synapse, &mas, |_| {}))
        .unwrap()
}

/// Everything that the import accepts is reported as identical.
fn the_result_of_the_import_is_identical() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let mut runner = TestRunner::default();
    let migration = Migration::new(&server, &mas, "unused", "empty_mas");
    migration.migrate_database();
    for case in 0..12 {
        let (synapse, target) = (format!("synapse{case}"), format!("mas{case}"));
        server.create_empty_synapse(&synapse);
        let mut dice = Dice {
            runner: &mut runner,
            odd_addresses: true,
        };
        let statements = rows::homeserver(&mut dice, 40);
        server.sql(&synapse, &statements);
        server.copy("empty_mas", &target);
        migration
            .try_import(&server.uri(&synapse), &target)
            .unwrap_or_else(|said| panic!("{said}\n{statements}"));
        for report in compare(&server, &synapse, &target) {
            assert!(report.is_identical(), "{report:#?}\n{statements}");
        }
    }
    Ok(())
}

/// The tables that the import writes, their keys, and their other columns.
const TABLES: &[(&str, &str, &[&str])] = &[
    (
        "users",
        "user_id",
        &[
            "username",
            "created_at",
            "locked_at",
            "deactivated_at",
            "can_request_admin",
            "is_guest",
        ],
    ),
    (
        "user_passwords",
        "user_password_id",
        &[
            "user_id",
            "version",
            "hashed_password",
            "created_at",
            "upgraded_from_id",
        ],
    ),
    (
        "user_emails",
        "user_email_id",
        &["user_id", "email", "created_at"],
    ),
    (
        "user_unsupported_third_party_ids",
        "ctid",
        &["user_id", "medium", "address", "created_at"],
    ),
    (
        "upstream_oauth_links",
        "upstream_oauth_link_id",
        &[
            "upstream_oauth_provider_id",
            "subject",
            "user_id",
            "created_at",
            "human_account_name",
        ],
    ),
    (
        "compat_sessions",
        "compat_session_id",
        &[
            "user_id",
            "device_id",
            "human_name",
            "is_synapse_admin",
            "created_at",
            "last_active_at",
            "last_active_ip",
            "user_agent",
            "finished_at",
            "user_session_id",
        ],
    ),
    (
        "compat_access_tokens",
        "compat_access_token_id",
        &[
            "compat_session_id",
            "access_token",
            "created_at",
            "expires_at",
        ],
    ),
    (
        "compat_refresh_tokens",
        "compat_refresh_token_id",
        &[
            "compat_session_id",
            "compat_access_token_id",
            "refresh_token",
            "created_at",
            "consumed_at",
        ],
    ),
];

/// The meaning of MAS's database, independent of IDs: a line for each user, and for each session
/// with its tokens. Times that are not whole milliseconds come from the import's clock and are
/// ignored.
const MEANING: &str = "
  SELECT 'user', u.username, u.created_at, u.locked_at, u.deactivated_at, u.can_request_admin,
    u.is_guest,
    (SELECT array_agg(ROW(version, hashed_password, created_at, upgraded_from_id)::text ORDER BY 1)
     FROM (SELECT * FROM user_passwords p WHERE p.user_id = u.user_id ORDER BY p::text) p)::text,
    (SELECT array_agg(l ORDER BY l) FROM (SELECT ROW(email, created_at)::text AS l FROM user_emails e
      WHERE e.user_id = u.user_id) l)::text,
    (SELECT array_agg(l ORDER BY l) FROM (SELECT ROW(medium, address, created_at)::text AS l
      FROM user_unsupported_third_party_ids e WHERE e.user_id = u.user_id) l)::text,
    (SELECT array_agg(l ORDER BY l) FROM (SELECT ROW(upstream_oauth_provider_id, subject, created_at,
        human_account_name)::text AS l
      FROM upstream_oauth_links e WHERE e.user_id = u.user_id) l)::text
  FROM users u";

const MEANING_OF_SESSIONS: &str = "
  SELECT 'session', (SELECT username FROM users u WHERE u.user_id = s.user_id), s.device_id, s.human_name,
    s.is_synapse_admin, s.last_active_at, s.last_active_ip, s.user_agent, s.finished_at,
    s.user_session_id, t.tokens,
    CASE WHEN t.unknown THEN 'unknown' WHEN cardinality(t.times) > 1 AND s.created_at = ANY(t.times)
      THEN 'one of them' ELSE s.created_at::text END
  FROM compat_sessions s CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT CASE WHEN s.device_id IS NULL THEN created_at
          ELSE greatest(created_at, 'epoch') END) FILTER (WHERE plain OR NOT any_plain) AS times,
      coalesce(bool_or(created_at <> date_trunc('milliseconds', created_at))
        FILTER (WHERE plain OR NOT any_plain), true) AS unknown,
      array_agg(ROW(access_token, known, expires_at, refreshes)::text ORDER BY access_token)::text AS tokens
    FROM (SELECT t.*, r.refreshes, r.refreshes IS NULL AS plain,
        bool_or(r.refreshes IS NULL) OVER () AS any_plain,
        CASE WHEN t.created_at = date_trunc('milliseconds', t.created_at) THEN t.created_at END AS known
      FROM compat_access_tokens t LEFT JOIN LATERAL (
        SELECT array_agg(ROW(refresh_token, consumed_at,
            CASE WHEN created_at = date_trunc('milliseconds', created_at) THEN created_at END,
            (SELECT ROW(u.username, o.device_id) FROM compat_sessions o JOIN users u USING (user_id)
             WHERE o.compat_session_id = r.compat_session_id))::text ORDER BY refresh_token)::text AS refreshes
        FROM compat_refresh_tokens r WHERE r.compat_access_token_id = t.compat_access_token_id) r ON true
      WHERE t.compat_session_id = s.compat_session_id) t) t";

fn meaning(server: &Postgres) -> String {
    let lines = |query: &str| {
        format!(
            "SELECT string_agg(l, E'\\n' ORDER BY l) FROM (SELECT q::text AS l FROM ({query}) q) q"
        )
    };
    server.sql(
        "mas",
        &format!("{};{}", lines(MEANING), lines(MEANING_OF_SESSIONS)),
    )
}

/// A database of MAS that can be changed in any way and restored.
struct Changeable<'a> {
    server: &'a Postgres,
    meaning: String,
}

impl<'a> Changeable<'a> {
    fn new(server: &'a Postgres) -> Self {
        // Only the digest should find a change.
        server.sql(
            "mas",
            "DO $$ DECLARE c record; BEGIN
               FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
                 WHERE contype IN ('u', 'f', 'p') AND connamespace = 'public'::regnamespace
                 ORDER BY contype = 'f' DESC
               LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname); END LOOP;
             END $$; CREATE SCHEMA kept",
        );
        for (table, _, _) in TABLES {
            server.sql(
                "mas",
                &format!("CREATE TABLE kept.{table} AS TABLE {table}"),
            );
        }
        Changeable {
            server,
            meaning: meaning(server),
        }
    }

    /// Changes some tables, checks that the comparison notices exactly the changes in meaning, and
    /// restores the tables.
    fn try_change(&self, change: &str, tables: &[&str]) -> bool {
        self.server.sql("mas", change);
        let same = meaning(self.server) == self.meaning;
        let reports = compare(self.server, "synapse", "mas");
        assert_eq!(
            reports.iter().all(Report::is_identical),
            same,
            "{change}\n{reports:#?}"
        );
        let anew = tables.iter().map(|table| {
            format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept.{table};")
        });
        self.server.sql("mas", &anew.collect::<String>());
        !same
    }
}

/// Which rows exchange their values.
const ROWS: &[&str] = &[
    "ORDER BY random() LIMIT 2",
    "ORDER BY random() LIMIT 3",
    "WHERE {first} = (SELECT {first} FROM {table} GROUP BY 1 HAVING count(*) > 1 ORDER BY random() LIMIT 1)",
];

/// The columns whose values are exchanged: one, or two.
fn choices<'a>(columns: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut choices = Vec::new();
    for (i, one) in columns.iter().enumerate() {
        choices.push(vec![*one]);
        choices.extend(columns[i + 1..].iter().map(|other| vec![*one, *other]));
    }
    choices
}

/// A server with a generated homeserver, imported.
fn imported() -> Result<Postgres, Skip> {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_empty_synapse("synapse");
    let mut runner = TestRunner::default();
    let mut dice = Dice {
        runner: &mut runner,
        odd_addresses: false,
    };
    server.sql("synapse", &rows::homeserver(&mut dice, 60));
    Migration::new(&server, &mas, "synapse", "mas").import();
    for report in compare(&server, "synapse", "mas") {
        // Else no digest is the same to begin with, and it would not matter what it sees.
        assert!(report.is_identical() && !report.explained, "{report:#?}");
    }
    Ok(server)
}

fn every_exchange_is_found() -> TestResult {
    let server = imported()?;
    let database = Changeable::new(&server);
    for (table, id, columns) in TABLES {
        let mut seen = 0;
        for choice in choices(columns) {
            for rows in ROWS {
                let rows = rows
                    .replace("{table}", table)
                    .replace("{first}", columns[0]);
                let set: Vec<String> = choice
                    .iter()
                    .map(|column| format!("{column} = old.{column}"))
                    .collect();
                let change = format!(
                    "WITH chosen AS (SELECT * FROM (SELECT {id} AS id FROM {table} {rows}) c),
                     cycle AS (SELECT id, coalesce(lead(id) OVER w, first_value(id) OVER w) AS next
                       FROM chosen WINDOW w AS (ORDER BY id))
                     UPDATE {table} t SET {} FROM cycle, {table} old
                     WHERE t.{id} = cycle.id AND old.{id} = cycle.next",
                    set.join(", ")
                );
                seen += usize::from(database.try_change(&change, &[table]));
            }
        }
        assert!(
            seen >= columns.len(),
            "{table}: only {seen} exchanges changed anything"
        );
    }
    Ok(())
}

/// Possible changes of sessions of one user, `a` and `b`, both with a device or both without one.
const SESSIONS: &[(&str, &str)] = &[
    (
        "all tokens of one move to the other",
        "UPDATE compat_access_tokens SET compat_session_id = a FROM pair WHERE compat_session_id = b;
         UPDATE compat_refresh_tokens SET compat_session_id = a FROM pair WHERE compat_session_id = b",
    ),
    (
        "one token moves to the other",
        "UPDATE compat_access_tokens SET compat_session_id = a FROM pair WHERE compat_access_token_id =
           (SELECT t.compat_access_token_id FROM compat_access_tokens t
            WHERE t.compat_session_id = b ORDER BY random() LIMIT 1)",
    ),
    (
        "both exchange their tokens",
        "UPDATE compat_access_tokens SET compat_session_id =
           CASE compat_session_id WHEN a THEN b ELSE a END FROM pair WHERE compat_session_id IN (a, b)",
    ),
    (
        "one takes the tokens of the other, which ends",
        "UPDATE compat_access_tokens SET compat_session_id = a FROM pair WHERE compat_session_id = b;
         UPDATE compat_refresh_tokens SET compat_session_id = a FROM pair WHERE compat_session_id = b;
         DELETE FROM compat_sessions USING pair WHERE compat_session_id = b",
    ),
    (
        "one takes the tokens of the other, which ends, and a third one is there twice",
        "UPDATE compat_access_tokens SET compat_session_id = a FROM pair WHERE compat_session_id = b;
         DELETE FROM compat_sessions USING pair WHERE compat_session_id = b;
         CREATE TEMP TABLE third AS SELECT s.* FROM compat_sessions s, pair WHERE compat_session_id <> a
           AND (SELECT count(*) FROM compat_access_tokens t
                WHERE t.compat_session_id = s.compat_session_id) > 1 LIMIT 1;
         UPDATE compat_access_tokens SET compat_session_id = '00000000-0000-0000-0000-000000000001'
           WHERE compat_access_token_id = (SELECT compat_access_token_id FROM compat_access_tokens
             JOIN third USING (compat_session_id) LIMIT 1);
         UPDATE third SET compat_session_id = '00000000-0000-0000-0000-000000000001';
         INSERT INTO compat_sessions SELECT * FROM third",
    ),
    (
        "one is there twice",
        "INSERT INTO compat_sessions SELECT gen_random_uuid(), user_id, device_id, s.created_at,
           finished_at, is_synapse_admin, last_active_at, last_active_ip, user_session_id, user_agent,
           human_name FROM compat_sessions s, pair WHERE compat_session_id = a",
    ),
];

fn a_token_belongs_to_its_session() -> TestResult {
    let server = imported()?;
    let database = Changeable::new(&server);
    for (what, change) in SESSIONS {
        for device in ["IS NULL", "IS NOT NULL"] {
            let mut seen = 0;
            for _ in 0..3 {
                let pair = format!(
                    "CREATE TEMP TABLE pair AS SELECT x.compat_session_id AS a, y.compat_session_id AS b
                     FROM compat_sessions x JOIN compat_sessions y USING (user_id)
                     WHERE x.compat_session_id <> y.compat_session_id
                       AND x.device_id {device} AND y.device_id {device} ORDER BY random() LIMIT 1"
                );
                let tables = [
                    "compat_sessions",
                    "compat_access_tokens",
                    "compat_refresh_tokens",
                ];
                seen += usize::from(database.try_change(&format!("{pair};\n{change}"), &tables));
            }
            assert!(seen > 0, "{what}: nothing changed");
        }
    }
    Ok(())
}

/// Attempted attacks where only the digest proves anything: rows of Synapse's database, and a
/// change of MAS's that must be found.
const HIDDEN: &[(&str, &str)] = &[
    ("", "UPDATE compat_sessions SET created_at = NULL"),
    (
        "",
        "UPDATE compat_sessions SET created_at = 'infinity' WHERE device_id = 'TOKENLESS'",
    ),
    (
        "",
        "UPDATE compat_sessions SET created_at = NULL WHERE device_id = 'TOKENLESS'",
    ),
    ("", "UPDATE compat_access_tokens SET created_at = NULL"),
    (
        "",
        "UPDATE compat_access_tokens SET created_at = 'infinity' WHERE access_token = 'syt_clock'",
    ),
    (
        "",
        "UPDATE compat_access_tokens SET created_at = NULL WHERE access_token = 'syt_clock'",
    ),
    (
        "UPDATE access_tokens SET last_validated = -1500 WHERE token = 'syt_plain'",
        "UPDATE compat_sessions SET created_at = '1969-12-31 23:59:58.5+00' WHERE device_id = 'PLAIN'",
    ),
    (
        "UPDATE devices SET ip = '::1/64' WHERE device_id = 'PLAIN'",
        "UPDATE compat_sessions SET last_active_ip = '::1/64' WHERE device_id = 'PLAIN'",
    ),
    ("", "UPDATE compat_sessions SET user_id = gen_random_uuid()"),
    (
        "",
        "UPDATE compat_access_tokens SET compat_session_id = gen_random_uuid()",
    ),
    ("", "UPDATE user_passwords SET user_id = gen_random_uuid()"),
    ("", "DELETE FROM users"),
    // The first second of 1970, of which hash functions of PostgreSQL make nothing.
    (
        "UPDATE users SET creation_ts = 0, locked = true",
        "UPDATE users SET deactivated_at = locked_at, locked_at = NULL",
    ),
    (
        "UPDATE users SET creation_ts = 0, deactivated = 1",
        "UPDATE users SET locked_at = deactivated_at, deactivated_at = NULL",
    ),
    (
        "UPDATE access_tokens SET last_validated = NULL, valid_until_ms = 0 WHERE token = 'syt_plain'",
        "UPDATE compat_access_tokens SET expires_at = NULL, created_at = 'epoch' WHERE access_token = 'syt_plain';
         UPDATE compat_sessions SET created_at = 'epoch' WHERE device_id = 'PLAIN'",
    ),
    (
        "UPDATE access_tokens SET last_validated = 0, valid_until_ms = 1700000000000 WHERE token = 'syt_plain'",
        "UPDATE compat_access_tokens SET created_at = expires_at, expires_at = created_at
           WHERE access_token = 'syt_plain';
         UPDATE compat_sessions SET created_at = '2023-11-14 22:13:20+00' WHERE device_id = 'PLAIN'",
    ),
    (
        "UPDATE access_tokens SET last_validated = 0 WHERE token = 'syt_plain'",
        "UPDATE compat_access_tokens SET expires_at = 'epoch', created_at = '2026-01-01 00:00:00.000001'
           WHERE access_token = 'syt_plain'",
    ),
    (
        "UPDATE access_tokens SET last_validated = 0 WHERE token = 'syt_plain';
         UPDATE devices SET ip = 'unknown' WHERE device_id = 'PLAIN'",
        "UPDATE compat_access_tokens SET expires_at = 'epoch', created_at = '2026-01-01 00:00:00.000001'
           WHERE access_token = 'syt_plain'",
    ),
];

fn nothing_hides_from_the_digest() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_empty_synapse("base");
    server.sql(
        "base",
        "INSERT INTO users (name, creation_ts, password_hash) VALUES ('@a:example.com', 1, 'x');
         INSERT INTO devices (user_id, device_id, hidden) VALUES ('@a:example.com', 'PLAIN', false),
           ('@a:example.com', 'CLOCK', false), ('@a:example.com', 'TOKENLESS', false);
         INSERT INTO access_tokens (id, user_id, device_id, token, last_validated) VALUES
           (1, '@a:example.com', 'PLAIN', 'syt_plain', 1600000000000),
           (2, '@a:example.com', 'CLOCK', 'syt_clock', NULL);",
    );
    let migration = Migration::new(&server, &mas, "base", "empty_mas");
    migration.migrate_database();
    for (i, (rows, change)) in HIDDEN.iter().enumerate() {
        let (synapse, target) = (format!("synapse{i}"), format!("mas{i}"));
        server.copy("base", &synapse);
        server.copy("empty_mas", &target);
        server.sql(&synapse, rows);
        migration
            .try_import(&server.uri(&synapse), &target)
            .unwrap();
        server.sql(
            &target,
            "ALTER TABLE compat_sessions ALTER created_at DROP NOT NULL;
             ALTER TABLE compat_access_tokens ALTER created_at DROP NOT NULL",
        );
        let reports = compare(&server, &synapse, &target);
        assert!(
            reports.iter().all(Report::is_identical),
            "{rows} {reports:#?}"
        );
        server.sql(
            &target,
            &format!("SET session_replication_role = replica; {change}"),
        );

        let reports = compare(&server, &synapse, &target);
        assert!(!reports.iter().all(Report::is_identical), "{change}");
    }
    Ok(())
}

/// Events after the cutover, and whether each is a difference.
const LATER: &[(&str, bool)] = &[
    ("SELECT 1", false),
    (
        "UPDATE compat_sessions SET last_active_at = now(), last_active_ip = '192.0.2.99' WHERE device_id = 'WEB'",
        false,
    ),
    ("UPDATE compat_sessions SET last_active_at = '3000-01-01' WHERE device_id = 'WEB'", true),
    ("UPDATE compat_sessions SET human_name = 'renamed' WHERE device_id = 'WEB'", false),
    ("UPDATE compat_sessions SET finished_at = now() WHERE device_id = 'WEB'", false),
    ("UPDATE compat_sessions SET finished_at = '2001-01-01' WHERE device_id = 'WEB'", true),
    ("UPDATE users SET locked_at = NULL, can_request_admin = true WHERE username = 'locked'", false),
    ("UPDATE users SET deactivated_at = now() WHERE username = 'bob'", false),
    ("UPDATE users SET deactivated_at = '3000-01-01' WHERE username = 'bob'", true),
    ("UPDATE users SET deactivated_at = NULL WHERE username = 'gone'", false),
    ("UPDATE compat_access_tokens SET expires_at = now() WHERE access_token = 'syt_alice_phone'", false),
    ("UPDATE compat_access_tokens SET expires_at = '2099-01-01' WHERE access_token = 'syt_alice_phone'", true),
    ("UPDATE compat_access_tokens SET expires_at = now() WHERE access_token = 'syt_alice_odd'", false),
    ("UPDATE compat_access_tokens SET expires_at = '2099-01-01' WHERE access_token = 'syt_alice_odd'", true),
    ("UPDATE compat_refresh_tokens SET consumed_at = now() WHERE refresh_token = 'syr_bob_new'", false),
    ("UPDATE compat_refresh_tokens SET consumed_at = '3000-01-01' WHERE refresh_token = 'syr_bob_new'", true),
    (
        "INSERT INTO compat_sessions (compat_session_id, user_id, device_id, created_at)
           SELECT gen_random_uuid(), user_id, 'NEW', now() FROM users WHERE username = 'bob'",
        false,
    ),
    (
        "INSERT INTO compat_sessions (compat_session_id, user_id, device_id, created_at)
           SELECT '00000000-0000-0000-0000-000000000001', user_id, device_id, now() FROM compat_sessions
           WHERE device_id = 'DESKTOP';
         UPDATE compat_access_tokens SET compat_session_id = '00000000-0000-0000-0000-000000000001'
           WHERE access_token = 'syt_bob_desktop'",
        true,
    ),
    (
        "INSERT INTO compat_sessions (compat_session_id, user_id, device_id, created_at)
           SELECT '00000000-0000-0000-0000-000000000001', user_id, device_id, now() FROM compat_sessions
           WHERE device_id = 'REFRESH';
         UPDATE compat_refresh_tokens SET compat_session_id = '00000000-0000-0000-0000-000000000001'
           WHERE refresh_token = 'syr_bob_new'",
        true,
    ),
    ("UPDATE user_passwords SET hashed_password = 'x' WHERE hashed_password LIKE '%aaaa%'", true),
    ("DELETE FROM user_emails", true),
];

fn changes_by_users_after_the_cutover_are_no_differences() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_synapse("synapse");
    // Clocks may have been wrong.
    server.sql(
        "synapse",
        "UPDATE users SET creation_ts = 4000000000 WHERE name = '@carol:example.com';
         UPDATE user_threepids SET added_at = 4000000000000 WHERE address = 'bob@example.com';
         UPDATE access_tokens SET last_validated = 4000000000000 WHERE id IN (2, 4)",
    );
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    migration.import();
    let cut_over = server.sql(
        "mas",
        "SELECT to_char(now(), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
    );
    for (i, (change, differs)) in LATER.iter().enumerate() {
        let copy = format!("later{i}");
        server.copy("mas", &copy);
        server.sql(&copy, change);
        let comparison = Comparison {
            cut_over: Some(cut_over.trim().to_owned()),
            ..comparison()
        };
        let reports = run(&comparison, &server, "synapse", &copy);
        let identical = reports.iter().all(Report::is_identical);
        assert_eq!(!identical, *differs, "{change}\n{reports:#?}");
    }
    Ok(())
}

crate::support::harness::tests![
    nothing_hides_from_the_digest,
    changes_by_users_after_the_cutover_are_no_differences,
    a_search_may_end_early,
    a_token_belongs_to_its_session,
    every_changed_row_is_found,
    an_unknown_result_is_not_reported_as_identical,
    the_result_of_the_import_is_identical,
    the_last_provider_counts,
    every_exchange_is_found,
];
