//! The copy of Synapse's tables, and what was imported from it, follow Synapse: after any history of
//! changes, MAS's tables are what the real `mas-cli` imports from Synapse's last state.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use mas2nix::migrate::{
    MigrateError,
    copy::{LiveCopy, Round, Untouched, proof},
    postgres::{
        connection::{Address, Database},
        scratch::{self, Scratch},
    },
    verify::Report,
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use sqlx::{ConnectOptions as _, Executor as _, PgConnection, postgres::PgConnectOptions};
use tokio::runtime::Runtime;

use crate::support::{
    MasCli,
    harness::TestResult,
    homeserver::{Homeserver, request},
    postgres::{Migration, Postgres, comparison},
    rows::{self, Dice},
};

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// Two databases of MAS, the second one for what `mas-cli` imports from the last state.
const MAS: [&str; 2] = ["mas", "reference"];

/// The tables of Synapse that change.
const SYNAPSE_TABLES: &[&str] = &[
    "access_tokens",
    "refresh_tokens",
    "devices",
    "user_external_ids",
    "user_threepids",
    "users",
    "erased_users",
];

/// The tables of MAS that the import writes, those that refer to others first.
const MAS_TABLES: &[&str] = &[
    "compat_refresh_tokens",
    "compat_access_tokens",
    "compat_sessions",
    "upstream_oauth_links",
    "user_unsupported_third_party_ids",
    "user_emails",
    "user_passwords",
    "users",
];

/// The databases of all histories.
struct Stage<'a> {
    server: &'a Postgres,
    migration: Migration<'a>,
    runtime: Runtime,
    synapse: Database,
    mas: Database,
}

impl<'a> Stage<'a> {
    fn new(server: &'a Postgres, mas_cli: &'a MasCli) -> Self {
        // The import does not wait for one.
        server.restart_with("-c autovacuum=off");
        server.create_empty_synapse("synapse");
        let migration = Migration::new(server, mas_cli, "synapse", "empty_mas");
        migration.migrate_database();
        for name in MAS {
            server.copy("empty_mas", name);
        }
        Stage {
            server,
            migration,
            runtime: runtime(),
            synapse: server.database("Synapse's", "synapse"),
            mas: server.database("MAS's", "mas"),
        }
    }

    /// Empties all tables.
    fn reset(&self) {
        // Faster than to truncate them, and all that refers to them.
        let emptied = |tables: &[&str]| -> String {
            let tables = tables.iter().map(|table| format!("DELETE FROM {table}"));
            tables.collect::<Vec<_>>().join(";")
        };
        self.server.sql("synapse", &emptied(SYNAPSE_TABLES));
        for name in MAS {
            let is_whole = self
                .server
                .sql(name, "SELECT to_regclass('syn2mas__users') IS NULL");
            if is_whole == "t\n" {
                self.server.sql(name, &emptied(MAS_TABLES));
            } else {
                self.make_anew(name);
            }
        }
    }

    /// Makes a database of MAS anew.
    fn make_anew(&self, name: &str) {
        self.server
            .sql("postgres", &format!("DROP DATABASE {name}"));
        self.server.copy("empty_mas", name);
    }

    fn connect(&self, name: &str) -> PgConnection {
        let options: PgConnectOptions = self.server.uri(name).parse().unwrap();
        let connect = options.disable_statement_logging();
        self.runtime.block_on(connect.connect()).unwrap()
    }

    /// Copies Synapse's tables into the database of this name.
    fn copy_to(&self, name: &'static str) -> LiveCopy {
        let copied = async {
            let scratch = Scratch::make(&self.mas, self.mas.clone(), "the copy", name).await?;
            LiveCopy::make(scratch, &self.synapse, comparison(), None, &mut |_| {})
                .await
                .map_err(|(_, error)| error)
        };
        self.runtime.block_on(copied).unwrap()
    }

    /// The copy that is followed.
    fn copy(&self) -> LiveCopy {
        self.copy_to(scratch::COPY)
    }

    /// What the real import says of Synapse's tables, while somebody may write to them.
    fn is_importable(&self) -> bool {
        let copy = self.copy_to(scratch::BACKUP);
        let imported = self.import(scratch::BACKUP, "reference");
        self.remove(copy);
        self.make_anew("reference");
        imported.is_ok()
    }

    /// The real import from a database into one of MAS.
    fn import(&self, from: &str, to: &str) -> Result<(), String> {
        self.migration.try_import(&self.server.uri(from), to)
    }

    /// A copy that was imported.
    fn follow(&self) -> LiveCopy {
        let copy = self.copy();
        self.import(scratch::COPY, "mas").unwrap();
        copy
    }

    fn catch_up(&self, copy: &mut LiveCopy, is_last: bool) -> Result<Round, MigrateError> {
        self.runtime.block_on(copy.catch_up(&self.mas, is_last))
    }

    fn remove(&self, copy: LiveCopy) {
        self.runtime.block_on(copy.remove()).unwrap();
    }

    /// What differs between MAS's database and one of Synapse, as `syn2mas verify` finds it.
    fn verify(&self, synapse: &Database) -> Result<(), String> {
        let run = comparison();
        let reports = self.runtime.block_on(run.run(synapse, &self.mas, |_| {}));
        let reports = reports.map_err(|error| format!("{error:?}"))?;
        if reports.iter().all(Report::is_identical) {
            Ok(())
        } else {
            Err(format!("{reports:#?}"))
        }
    }

    /// Fails unless MAS's database is what the import makes of Synapse's, and the copy equals Synapse's.
    fn compare(&self, copy: &LiveCopy, begun: &str) -> Result<(), String> {
        let [ours, theirs] = MAS.map(|name| meaning(self.server, name, begun));
        if ours != theirs {
            return Err(difference(&theirs, &ours));
        }
        let [of_copy, of_synapse] =
            [scratch::COPY, "synapse"].map(|name| contents(self.server, name));
        if of_copy != of_synapse {
            return Err(difference(&of_synapse, &of_copy));
        }
        self.verify(copy.database())?;
        self.verify(&self.synapse)
    }
}

/// The lines that only one of the texts has.
fn difference(expected: &str, actual: &str) -> String {
    let only = |one: &str, other: &str| -> String {
        let mut others: Vec<&str> = other.lines().collect();
        let mut lines = Vec::new();
        for line in one.lines() {
            match others.iter().position(|other| *other == line) {
                Some(at) => drop(others.remove(at)),
                None => lines.push(line),
            }
        }
        lines.join("\n")
    };
    format!(
        "expected:\n{}\nactual:\n{}",
        only(expected, actual),
        only(actual, expected)
    )
}

/// The columns of Synapse's tables that are copied.
const CONTENTS: &str = "
  SELECT 'users', name, password_hash, creation_ts, admin, is_guest, appservice_id, deactivated, locked FROM users;
  SELECT 'user_threepids', user_id, medium, address, added_at FROM user_threepids;
  SELECT 'user_external_ids', user_id, auth_provider, external_id FROM user_external_ids;
  SELECT 'devices', user_id, device_id, display_name, last_seen, ip, user_agent, hidden FROM devices;
  SELECT 'access_tokens', id, user_id, device_id, token, valid_until_ms, puppets_user_id, last_validated,
    refresh_token_id, used FROM access_tokens;
  SELECT 'refresh_tokens', id, user_id, device_id, token, next_token_id FROM refresh_tokens";

/// Fills Synapse's tables with those of a homeserver with so many users.
fn fill_with(server: &Postgres, users: &str) {
    let rows = crate::support::root().join("benches/homeserver.sql");
    let rows = std::fs::read_to_string(rows).unwrap();
    server.script("synapse", &rows.replace(":n", users));
}

fn contents(server: &Postgres, name: &str) -> String {
    lines(server, name, CONTENTS)
}

/// The rows of queries as lines, sorted.
fn lines(server: &Postgres, database: &str, queries: &str) -> String {
    let queries = queries
        .split(';')
        .map(|query| format!("SELECT q::text FROM ({query}) q ORDER BY q::text COLLATE \"C\""));
    server.sql(database, &queries.collect::<Vec<_>>().join(";"))
}

/// The meaning of MAS's eight tables: each row with its natural key, and all its columns except ids. A
/// time since `BEGUN` comes from a clock. A session was created with one of its plain tokens, or if it has
/// none with one of the others. The last queries find ids that say another time than their row.
const MEANING: &str = "
  SELECT 'user', username, created_at, locked_at, deactivated_at, can_request_admin, is_guest FROM users;
  SELECT 'password', username, version, hashed_password, p.created_at, upgraded_from_id
    FROM user_passwords p LEFT JOIN users USING (user_id);
  SELECT 'email', username, email, e.created_at FROM user_emails e LEFT JOIN users USING (user_id);
  SELECT 'third-party id', username, medium, address, t.created_at
    FROM user_unsupported_third_party_ids t LEFT JOIN users USING (user_id);
  SELECT 'link', upstream_oauth_provider_id, subject, username, l.created_at, human_account_name
    FROM upstream_oauth_links l LEFT JOIN users USING (user_id);
  SELECT 'session', username, device_id, CASE WHEN device_id IS NULL THEN tokens END, human_name,
      is_synapse_admin, last_active_at, last_active_ip, user_agent, finished_at, user_session_id,
      CASE WHEN cardinality(times) > 1 AND KNOWN(s.created_at) = ANY(times) THEN times::text
        ELSE KNOWN(s.created_at) END
    FROM compat_sessions s LEFT JOIN users USING (user_id) LEFT JOIN LATERAL (
      SELECT array_agg(access_token ORDER BY access_token) AS tokens,
        array_agg(DISTINCT KNOWN(CASE WHEN s.device_id IS NULL THEN created_at
          ELSE greatest(created_at, 'epoch') END)) FILTER (WHERE plain OR NOT any_plain) AS times
      FROM (SELECT *, bool_or(plain) OVER () AS any_plain FROM (
        SELECT *, NOT EXISTS (SELECT FROM compat_refresh_tokens r
          WHERE r.compat_access_token_id = t.compat_access_token_id) AS plain
        FROM compat_access_tokens t WHERE t.compat_session_id = s.compat_session_id) t) t) t ON true;
  SELECT 'access token', access_token, username, device_id, KNOWN(t.created_at), expires_at
    FROM compat_access_tokens t LEFT JOIN compat_sessions USING (compat_session_id)
    LEFT JOIN users USING (user_id);
  SELECT 'refresh token', refresh_token, access_token, username, device_id, KNOWN(r.created_at), consumed_at,
      r.compat_session_id = t.compat_session_id
    FROM compat_refresh_tokens r LEFT JOIN compat_access_tokens t USING (compat_access_token_id)
    LEFT JOIN compat_sessions s ON s.compat_session_id = r.compat_session_id LEFT JOIN users USING (user_id);
  SELECT 'the id of another time', what, id, created_at FROM (
      SELECT 'user', user_id, created_at FROM users
      UNION ALL SELECT 'password', user_password_id, created_at FROM user_passwords
      UNION ALL SELECT 'email', user_email_id, created_at FROM user_emails
      UNION ALL SELECT 'link', upstream_oauth_link_id, created_at FROM upstream_oauth_links
      UNION ALL SELECT 'session', compat_session_id, created_at FROM compat_sessions
      UNION ALL SELECT 'access token', compat_access_token_id, created_at FROM compat_access_tokens
      UNION ALL SELECT 'refresh token', compat_refresh_token_id, created_at FROM compat_refresh_tokens
    ) ids (what, id, created_at)
    WHERE ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint
      <> greatest(floor(extract(epoch FROM created_at) * 1000), 0)";

fn meaning(server: &Postgres, name: &str, begun: &str) -> String {
    // A function would be a table more in MAS's database.
    let mut queries = MEANING.to_owned();
    while let Some(at) = queries.find("KNOWN(") {
        let open = at + "KNOWN".len();
        let mut depth = 0;
        let close = queries[open..].find(|c| {
            depth += match c {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            depth == 0
        });
        let close = open + close.unwrap();
        let time = &queries[open..=close];
        let known = format!(
            "(CASE WHEN {time} BETWEEN '{begun}' AND now() THEN 'clock' ELSE {time}::text END)"
        );
        queries.replace_range(at..=close, &known);
    }
    lines(server, name, &queries)
}

/// All rows of MAS's tables, with their ids.
fn everything(server: &Postgres) -> String {
    let queries = MAS_TABLES.iter();
    let queries: Vec<String> = queries.map(|table| format!("TABLE {table}")).collect();
    lines(server, "mas", &queries.join(";"))
}

/// The ids of users, by name and time of creation.
fn user_ids(server: &Postgres) -> BTreeMap<String, String> {
    let ids = server.sql(
        "mas",
        "SELECT user_id || ' ' || username || ' ' || created_at FROM users",
    );
    let split = |line: &str| {
        let (id, user) = line.split_once(' ').unwrap();
        (user.to_owned(), id.to_owned())
    };
    ids.lines().map(split).collect()
}

/// Chooses rows of Synapse's tables for a change, and makes up values.
struct Choice<'a> {
    world: &'a World<'a>,
    numbers: [u16; 3],
}

/// Synapse's database while a history happens.
struct World<'a> {
    stage: &'a Stage<'a>,
    connection: RefCell<PgConnection>,
    /// Connections that are in no transaction.
    idle: RefCell<Vec<PgConnection>>,
    /// Counts what is made up.
    made_up: Cell<u32>,
    /// Whether there may be rows that the import refuses.
    may_be_refused: bool,
    story: RefCell<Vec<String>>,
}

impl World<'_> {
    fn tell(&self, line: impl Into<String>) {
        self.story.borrow_mut().push(line.into());
    }

    fn texts(&self, query: &str) -> Vec<String> {
        let mut connection = self.connection.borrow_mut();
        let texts = sqlx::query_scalar(query).fetch_all(&mut *connection);
        self.stage.runtime.block_on(texts).unwrap()
    }
}

impl Choice<'_> {
    /// One of the texts that a query gives.
    fn of(&self, query: &str, number: usize) -> Option<String> {
        let sorted = format!("SELECT q FROM ({query}) q (q) ORDER BY q COLLATE \"C\"");
        let texts = self.world.texts(&sorted);
        let at = usize::from(self.numbers[number]).checked_rem(texts.len())?;
        Some(texts[at].clone())
    }

    /// A user, as an SQL literal.
    fn user(&self, number: usize) -> Option<String> {
        let usual = if self.world.may_be_refused {
            "name IS NOT NULL"
        } else {
            "name LIKE '@%:example.com' AND name NOT LIKE '%:%:%'"
        };
        self.of(
            &format!("SELECT quote_literal(name) FROM users WHERE {usual}"),
            number,
        )
    }

    /// A device's user and id, as two literals.
    fn device(&self, number: usize) -> Option<String> {
        self.of(
            "SELECT quote_literal(user_id) || ', ' || quote_literal(device_id) FROM devices",
            number,
        )
    }

    /// The same of a device that a client has.
    fn client(&self, number: usize) -> Option<String> {
        self.of(
            "SELECT quote_literal(user_id) || ', ' || quote_literal(device_id) FROM devices WHERE NOT hidden",
            number,
        )
    }

    fn access_token(&self, number: usize) -> Option<String> {
        self.of("SELECT id::text FROM access_tokens", number)
    }

    fn refresh_token(&self, number: usize) -> Option<String> {
        self.of("SELECT id::text FROM refresh_tokens", number)
    }

    /// The key of an address, as two literals.
    fn address(&self, number: usize) -> Option<String> {
        self.of(
            "SELECT quote_literal(medium) || ', ' || quote_literal(address) FROM user_threepids",
            number,
        )
    }

    /// The key of a link, as two literals.
    fn link(&self, number: usize) -> Option<String> {
        self.of(
            "SELECT quote_literal(auth_provider) || ', ' || quote_literal(external_id) FROM user_external_ids",
            number,
        )
    }

    fn one_of<T: Copy>(&self, number: usize, values: &[T]) -> T {
        values[usize::from(self.numbers[number]) % values.len()]
    }

    /// Milliseconds, or NULL.
    fn time(&self, number: usize) -> &'static str {
        self.one_of(
            number,
            &[
                "1600000000000",
                "1600000000001",
                "1500000000123",
                "0",
                "-1500",
                "8800000000457",
                "NULL",
                "1",
                "1700000000999",
            ],
        )
    }

    /// Milliseconds.
    fn known_time(&self, number: usize) -> &'static str {
        match self.time(number) {
            "NULL" => "1650000000000",
            time => time,
        }
    }

    /// A number that nothing else has.
    fn unique(&self) -> u32 {
        self.world.made_up.set(self.world.made_up.get() + 1);
        self.world.made_up.get()
    }

    /// The number of a new token, as Synapse draws it after a restart, or an unusual one.
    fn id(&self, table: &str, number: usize) -> String {
        match self.numbers[number] % 12 {
            0 => format!("{}", 9_007_199_254_740_993_i64 + i64::from(self.unique())),
            1 => format!("-{}", self.unique()),
            _ => format!("(SELECT coalesce(max(id), 0) + 1 FROM {table})"),
        }
    }

    /// A new access token of a device, which is two literals, or of none.
    fn log_in(&self, user_and_device: &str) -> String {
        format!(
            "INSERT INTO access_tokens (id, user_id, device_id, token, valid_until_ms, last_validated, used)
             SELECT {}, {user_and_device}, 'syt_new{}', {}, {}, {}
             WHERE NOT EXISTS (SELECT FROM devices d WHERE (user_id, device_id) = ({user_and_device}) AND hidden)",
            self.id("access_tokens", 2),
            self.unique(),
            self.time(0),
            self.time(1),
            self.one_of(1, &["true", "false", "NULL"]),
        )
    }

    /// A new refresh token with its access token, in two transactions, and its text.
    fn log_in_refreshably(&self, device: &str) -> ([String; 2], String) {
        let new = self.unique();
        let transactions = [
            format!(
                "INSERT INTO refresh_tokens (id, user_id, device_id, token)
                 SELECT {}, {device}, 'syr_new{new}'",
                self.id("refresh_tokens", 2)
            ),
            format!(
                "INSERT INTO access_tokens
                   (id, user_id, device_id, token, valid_until_ms, last_validated, refresh_token_id, used)
                 SELECT {}, {device}, 'syt_new{new}', {}, {}, id, false
                 FROM refresh_tokens WHERE token = 'syr_new{new}'
                   AND NOT EXISTS (SELECT FROM devices d WHERE (d.user_id, d.device_id) = ({device}) AND hidden)",
                self.id("access_tokens", 2),
                self.time(0),
                self.time(1),
            ),
        ];
        (transactions, format!("syr_new{new}"))
    }
}

/// The transactions of a change, each one or more statements; none if there is nothing to change.
type Transactions = Option<Vec<String>>;

/// A kind of change: how often it happens, and its transactions.
type Act = (&'static str, u32, fn(&Choice) -> Transactions);

#[expect(clippy::unnecessary_wraps, reason = "other changes may be impossible")]
fn one(statements: impl Into<String>) -> Transactions {
    Some(vec![statements.into()])
}

#[expect(clippy::unnecessary_wraps, reason = "other changes may be impossible")]
fn register(choice: &Choice, service: &str) -> Transactions {
    let new = choice.unique();
    let name = match choice.numbers[0] % 5 {
        0 => format!("'@It''s \"new\" \\ {new}:example.com'"),
        1 => format!("'@ñeü🙂{new}:example.com'"),
        2 => format!("'@{new}:example.com'"),
        _ => format!("'@new{new}:example.com'"),
    };
    let is_guest = u8::from(choice.numbers[0] % 5 == 2);
    let device = format!("{name}, 'NEW'");
    Some(vec![
        format!(
            "INSERT INTO users (name, password_hash, creation_ts, admin, is_guest, appservice_id) VALUES
             ({name}, {}, {}, {}, {is_guest}, {service})",
            choice.one_of(1, &["NULL", "'$2b$12$ofnew'", "''"]),
            choice.one_of(2, &["1600000000", "0", "-2", "9000000000", "1700000001"]),
            choice.one_of(1, &[0, 0, 0, 1]),
        ),
        format!(
            "INSERT INTO devices (user_id, device_id, hidden) VALUES ({device}, false)
             ON CONFLICT DO NOTHING"
        ),
        choice.log_in(&device),
    ])
}

fn deactivate(choice: &Choice) -> Transactions {
    let user = choice.user(0)?;
    Some(vec![
        format!("DELETE FROM user_threepids WHERE user_id = {user}"),
        format!("DELETE FROM devices WHERE user_id = {user} AND NOT hidden"),
        format!(
            "DELETE FROM access_tokens WHERE user_id = {user};
             DELETE FROM refresh_tokens WHERE user_id = {user}"
        ),
        format!("UPDATE users SET password_hash = NULL, deactivated = 1 WHERE name = {user}"),
    ])
}

fn change_password(choice: &Choice) -> Transactions {
    let user = choice.user(0)?;
    let spared = format!("SELECT id::text FROM access_tokens WHERE user_id = {user}");
    let spared = choice.of(&spared, 1).unwrap_or("0".to_owned());
    Some(vec![
        format!(
            "UPDATE users SET password_hash = '$2b$12$of{}' WHERE name = {user}",
            choice.unique()
        ),
        format!(
            "DELETE FROM devices WHERE user_id = {user} AND NOT hidden AND device_id <>
               coalesce((SELECT device_id FROM access_tokens WHERE id = {spared}), '')"
        ),
        format!(
            "UPDATE access_tokens SET refresh_token_id = NULL WHERE id = {spared};
             DELETE FROM refresh_tokens WHERE user_id = {user};
             DELETE FROM access_tokens WHERE user_id = {user} AND id <> {spared}"
        ),
    ])
}

fn refresh(choice: &Choice) -> Transactions {
    let old = choice.refresh_token(0)?;
    let device = format!(
        "SELECT quote_literal(user_id) || ', ' || quote_literal(device_id) FROM refresh_tokens
         WHERE id = {old}"
    );
    let ([refresh, access], new) = choice.log_in_refreshably(&choice.of(&device, 0)?);
    let replace = format!(
        "UPDATE refresh_tokens SET next_token_id =
           (SELECT id FROM refresh_tokens WHERE token = '{new}') WHERE id = {old}"
    );
    Some(vec![refresh, access, replace])
}

/// What happens to a homeserver, and what the import accepts.
const ACTS: &[Act] = &[
    ("register", 6, |it| register(it, "NULL")),
    ("register a bridge's user", 1, |it| register(it, "'bridge'")),
    ("register a bridge's user with a colon", 1, |it| {
        one(format!(
            "INSERT INTO users (name, creation_ts, appservice_id)
             VALUES ('@irc:{}:example.com', 1600000000, 'bridge')",
            it.unique()
        ))
    }),
    ("deactivate", 3, deactivate),
    ("erase", 1, |it| {
        let user = it.user(0)?;
        let mut all = deactivate(it)?;
        all.push(format!(
            "INSERT INTO erased_users VALUES ({user}) ON CONFLICT DO NOTHING"
        ));
        Some(all)
    }),
    ("reactivate", 2, |it| {
        one(format!(
            "UPDATE users SET deactivated = 0, password_hash = '$2b$12$again' WHERE name = {}",
            it.user(0)?
        ))
    }),
    ("lock or unlock", 2, |it| {
        one(format!(
            "UPDATE users SET locked = NOT locked WHERE name = {}",
            it.user(0)?
        ))
    }),
    ("change what is not imported", 2, |it| {
        one(format!(
            "UPDATE users SET shadow_banned = true, suspended = NOT suspended, consent_version = 'x'
             WHERE name = {}",
            it.user(0)?
        ))
    }),
    ("make an administrator, or none", 3, |it| {
        one(format!(
            "UPDATE users SET admin = 1 - admin WHERE name = {}",
            it.user(0)?
        ))
    }),
    ("upgrade a guest, or the reverse", 3, |it| {
        one(format!(
            "UPDATE users SET is_guest = 1 - is_guest, password_hash = 'of a guest' WHERE name = {}",
            it.user(0)?
        ))
    }),
    ("change a password", 5, change_password),
    ("add an address, or take it", 5, |it| {
        let (user, time) = (it.user(0)?, it.known_time(2));
        let key = it.one_of(
            1,
            &[
                "'email', 'shared@example.com'",
                "'email', 'Shared@Example.com'",
                "'msisdn', '441234'",
                "'email', 'it''s \\ odd@example.com'",
            ],
        );
        one(format!(
            "INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at)
             VALUES ({user}, {key}, 1, {time}) ON CONFLICT (medium, address) DO UPDATE SET
             user_id = excluded.user_id, validated_at = 2, added_at = excluded.added_at"
        ))
    }),
    ("remove an address", 3, |it| {
        one(format!(
            "DELETE FROM user_threepids WHERE (medium, address) = ({})",
            it.address(0)?
        ))
    }),
    ("move an address", 3, |it| {
        one(format!(
            "UPDATE user_threepids SET user_id = {} WHERE (medium, address) = ({})",
            it.user(1)?,
            it.address(0)?
        ))
    }),
    ("add a link", 3, |it| {
        one(format!(
            "INSERT INTO user_external_ids (auth_provider, external_id, user_id) VALUES ({}, {}, {})
             ON CONFLICT DO NOTHING",
            it.one_of(1, &["'oidc'", "'oidc-one'"]),
            it.one_of(2, &["'one'", "'two'", "'it''s \\'"]),
            it.user(0)?
        ))
    }),
    ("remove a link", 2, |it| {
        one(format!(
            "DELETE FROM user_external_ids WHERE (auth_provider, external_id) = ({})",
            it.link(0)?
        ))
    }),
    ("move a link", 2, |it| {
        one(format!(
            "UPDATE user_external_ids SET user_id = {} WHERE (auth_provider, external_id) = ({})",
            it.user(1)?,
            it.link(0)?
        ))
    }),
    ("replace a link", 2, |it| {
        let (user, link) = (it.user(1)?, it.link(0)?);
        one(format!(
            "DELETE FROM user_external_ids WHERE (auth_provider, external_id) = ({link});
             INSERT INTO user_external_ids (auth_provider, external_id, user_id) VALUES ({link}, {user})"
        ))
    }),
    ("log in", 6, |it| {
        let device = format!("{}, 'D{}'", it.user(0)?, it.numbers[1] % 5);
        Some(vec![
            format!(
                "INSERT INTO devices (user_id, device_id, display_name, hidden)
                     VALUES ({device}, 'Element', false) ON CONFLICT DO NOTHING"
            ),
            it.log_in(&device),
        ])
    }),
    ("log in with a refresh token", 4, |it| {
        let device = format!("{}, 'R{}'", it.user(0)?, it.numbers[1] % 3);
        let ([refresh, access], _) = it.log_in_refreshably(&device);
        Some(vec![
            format!(
                "INSERT INTO devices (user_id, device_id, hidden) VALUES ({device}, false)
                     ON CONFLICT DO NOTHING"
            ),
            refresh,
            access,
        ])
    }),
    ("give an administrator's token", 2, |it| {
        let user = it.user(0)?;
        one(format!(
            "INSERT INTO access_tokens (id, user_id, device_id, token, last_validated, puppets_user_id)
             SELECT {}, {user}, NULL, 'syt_new{}', {}, {}",
            it.id("access_tokens", 2),
            it.unique(),
            it.time(1),
            it.one_of(2, &["NULL", "NULL", "'@somebody:example.com'"]),
        ))
    }),
    ("delete a device", 4, |it| {
        let device = it.client(0)?;
        Some(vec![
            format!("DELETE FROM devices WHERE (user_id, device_id) = ({device})"),
            format!(
                "DELETE FROM access_tokens WHERE (user_id, device_id) = ({device});
                 DELETE FROM refresh_tokens WHERE (user_id, device_id) = ({device})"
            ),
        ])
    }),
    ("delete a device and make it again", 3, |it| {
        let device = it.client(0)?;
        Some(vec![
            format!("DELETE FROM devices WHERE (user_id, device_id) = ({device})"),
            format!(
                "INSERT INTO devices (user_id, device_id, display_name, hidden)
                     VALUES ({device}, 'again', false) ON CONFLICT DO NOTHING"
            ),
            it.log_in(&device),
        ])
    }),
    ("rename a device", 3, |it| {
        one(format!(
            "UPDATE devices SET display_name = {} WHERE (user_id, device_id) = ({})",
            it.one_of(1, &["NULL", "''", "'Tablet'", "E'two\\nlines \\\\ \"'"]),
            it.device(0)?
        ))
    }),
    ("forget what is known of a device", 1, |it| {
        one(format!(
            "UPDATE devices SET display_name = NULL, last_seen = NULL, ip = NULL, user_agent = NULL
             WHERE (user_id, device_id) = ({})",
            it.device(0)?
        ))
    }),
    ("make a hidden device", 2, |it| {
        one(format!(
            "INSERT INTO devices (user_id, device_id, hidden) VALUES ({}, 'key{}', true)",
            it.user(0)?,
            it.unique()
        ))
    }),
    ("leave something of nobody's", 1, |it| {
        let new = it.unique();
        one(format!(
            "INSERT INTO devices (user_id, device_id, hidden) VALUES ({}, 'key{new}', true);
             INSERT INTO access_tokens (id, user_id, device_id, token)
             SELECT {}, '@nobody:example.org', 'GONE', 'syt_new{new}'",
            it.one_of(
                0,
                &["'@nobody:example.com'", "'@nobody:example.org'", "'nobody'"]
            ),
            it.id("access_tokens", 2),
        ))
    }),
    ("refresh", 8, refresh),
    ("use a token", 6, |it| {
        one(format!(
            "UPDATE access_tokens SET used = {} WHERE id = {}",
            it.one_of(1, &["true", "true", "false", "NULL"]),
            it.access_token(0)?
        ))
    }),
    ("use a token, and forget its predecessor", 3, |it| {
        let token = it.access_token(0)?;
        Some(vec![
            format!("UPDATE access_tokens SET used = true WHERE id = {token}"),
            format!(
                "DELETE FROM refresh_tokens WHERE next_token_id =
                     (SELECT refresh_token_id FROM access_tokens WHERE id = {token})"
            ),
        ])
    }),
    ("log out", 4, |it| {
        let token = it.access_token(0)?;
        let device = format!(
            "SELECT quote_literal(user_id) || ', ' || coalesce(quote_literal(device_id), 'NULL')
             FROM access_tokens WHERE id = {token}"
        );
        let device = it.of(&device, 0)?;
        Some(vec![
            format!("DELETE FROM devices WHERE (user_id, device_id) = ({device}) AND NOT hidden"),
            format!("DELETE FROM access_tokens WHERE id = {token}"),
        ])
    }),
    ("delete all tokens of a user", 2, |it| {
        one(format!(
            "DELETE FROM access_tokens WHERE user_id = {}",
            it.user(0)?
        ))
    }),
    ("give a user to a bridge", 3, |it| {
        one(format!(
            "UPDATE users SET appservice_id = 'bridge' WHERE name = {}",
            it.user(0)?
        ))
    }),
    ("take a user from a bridge", 3, |it| {
        let user = it.of(
            "SELECT quote_literal(name) FROM users WHERE appservice_id IS NOT NULL
             AND name LIKE '@%:example.com' AND name NOT LIKE '%:%:%'",
            0,
        )?;
        one(format!(
            "UPDATE users SET appservice_id = NULL WHERE name = {user}"
        ))
    }),
    ("delete some row", 4, |it| {
        let table = it.one_of(
            1,
            &[
                "devices",
                "access_tokens",
                "refresh_tokens",
                "user_threepids",
                "user_external_ids",
            ],
        );
        let row = it.of(&format!("SELECT ctid::text FROM {table}"), 0)?;
        one(format!("DELETE FROM {table} WHERE ctid = '{row}'"))
    }),
    ("delete some row and put it back", 2, |it| {
        let table = it.one_of(1, &["devices", "user_threepids", "user_external_ids"]);
        let row = it.of(&format!("SELECT ctid::text FROM {table}"), 0)?;
        one(format!(
            "CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM {table} WHERE ctid = '{row}';
             DELETE FROM {table} WHERE ctid = '{row}'; INSERT INTO {table} SELECT * FROM kept"
        ))
    }),
    ("delete everything of a user", 2, |it| {
        let user = it.user(0)?;
        one(format!(
            "DELETE FROM users WHERE name = {user}; DELETE FROM user_threepids WHERE user_id = {user};
             DELETE FROM user_external_ids WHERE user_id = {user}; DELETE FROM devices WHERE user_id = {user};
             DELETE FROM access_tokens WHERE user_id = {user}; DELETE FROM refresh_tokens WHERE user_id = {user}"
        ))
    }),
    ("delete a user and make another one of the name", 2, |it| {
        let user = it.user(0)?;
        one(format!(
            "DELETE FROM users WHERE name = {user};
             INSERT INTO users (name, creation_ts) VALUES ({user}, {})",
            it.one_of(1, &["1600000000", "1700000000"])
        ))
    }),
    ("notice when devices were used", 12, |it| {
        one(format!(
            "UPDATE devices SET last_seen = {}, ip = {}, user_agent = {}
             WHERE abs(hashtext(user_id || device_id)) % 3 = {}",
            it.time(0),
            it.one_of(
                1,
                &[
                    "'192.0.2.7'",
                    "'::1'",
                    "'-'",
                    "NULL",
                    "'192.0.2.0/24'",
                    "'unknown'",
                    "'::1.2.3.4'"
                ]
            ),
            it.one_of(2, &["NULL", "''", "'Element/2'", "'it''s \\ odd'"]),
            it.numbers[2] % 3,
        ))
    }),
    ("update without a change", 2, |it| {
        let (table, column) = it.one_of(
            0,
            &[
                ("users", "name"),
                ("devices", "ip"),
                ("access_tokens", "used"),
                ("refresh_tokens", "token"),
                ("user_threepids", "medium"),
                ("user_external_ids", "user_id"),
            ],
        );
        one(format!("UPDATE {table} SET {column} = {column}"))
    }),
    ("validate a token", 3, |it| {
        one(format!(
            "UPDATE access_tokens SET last_validated = {}, valid_until_ms = {} WHERE id = {}",
            it.time(1),
            it.time(2),
            it.access_token(0)?
        ))
    }),
    ("separate a token from its device", 1, |it| {
        one(format!(
            "UPDATE access_tokens SET device_id = NULL WHERE id = {}",
            it.access_token(0)?
        ))
    }),
    ("let a token puppet, or not", 1, |it| {
        one(format!(
            "UPDATE access_tokens SET puppets_user_id = {} WHERE id = {}",
            it.one_of(1, &["NULL", "'@u1:example.com'"]),
            it.access_token(0)?
        ))
    }),
    ("give a token the number of another one", 2, |it| {
        let token = it.access_token(0)?;
        one(format!(
            "CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM access_tokens WHERE id = {token};
             DELETE FROM access_tokens WHERE id = {token};
             UPDATE kept SET token = 'syt_new{}', user_id = coalesce((SELECT user_id FROM access_tokens
               WHERE device_id IS NULL ORDER BY id LIMIT 1), user_id), device_id = NULL, refresh_token_id = NULL;
             INSERT INTO access_tokens SELECT * FROM kept",
            it.unique()
        ))
    }),
    ("end the chain of a refresh token", 1, |it| {
        one(format!(
            "UPDATE refresh_tokens SET next_token_id = NULL WHERE id = {}",
            it.refresh_token(0)?
        ))
    }),
    ("chain two refresh tokens", 4, |it| {
        // They may be of two users.
        let second = it.refresh_token(1)?;
        Some(vec![
            format!(
                "UPDATE refresh_tokens SET next_token_id = {second} WHERE id = {}",
                it.refresh_token(0)?
            ),
            format!(
                "UPDATE access_tokens SET used = NOT coalesce(used, false)
                 WHERE refresh_token_id = {second}"
            ),
        ])
    }),
];

/// What the import may refuse.
const REFUSED: &[Act] = &[
    ("link to an unknown provider", 2, |it| {
        one(format!(
            "INSERT INTO user_external_ids (auth_provider, external_id, user_id) VALUES ('saml', '{}', {})",
            it.unique(),
            it.user(0)?
        ))
    }),
    ("delete only a user", 2, |it| {
        one(format!("DELETE FROM users WHERE name = {}", it.user(0)?))
    }),
    ("hide a device", 2, |it| {
        one(format!(
            "UPDATE devices SET hidden = {} WHERE (user_id, device_id) = ({})",
            it.one_of(1, &["true", "NULL"]),
            it.device(0)?
        ))
    }),
    ("register a user without a time", 1, |it| {
        one(format!(
            "INSERT INTO users (name, appservice_id) VALUES ('@timeless{}:example.com', {})",
            it.unique(),
            it.one_of(0, &["NULL", "'bridge'"])
        ))
    }),
    ("register a user without a name", 1, |_| {
        one("INSERT INTO users (creation_ts) VALUES (1)")
    }),
    ("register an odd user", 1, |it| {
        one(format!(
            "INSERT INTO users (name, creation_ts, appservice_id) VALUES ({}, 1, {})",
            it.one_of(
                0,
                &[
                    "'@other:example.org'",
                    "'noat:example.com'",
                    "'@noserver'",
                    "'@a:b:example.com'",
                    "'@:example.com'",
                ]
            ),
            it.one_of(1, &["NULL", "'bridge'"])
        ))
    }),
    ("leave rows of nobody's", 2, |it| {
        let user = it.one_of(
            0,
            &[
                "'@nobody:example.com'",
                "'@nobody:example.org'",
                "'@irc:x:example.com'",
            ],
        );
        let new = it.unique();
        one(match it.numbers[1] % 4 {
            0 => format!(
                "INSERT INTO devices (user_id, device_id, hidden) VALUES ({user}, 'X{new}', false)"
            ),
            1 => format!(
                "INSERT INTO user_external_ids (auth_provider, external_id, user_id)
                          VALUES ('oidc', 'x{new}', {user})"
            ),
            2 => format!(
                "INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at)
                          VALUES ({user}, 'email', 'x{new}', 1, 1)"
            ),
            _ => format!(
                "INSERT INTO access_tokens (id, user_id, token)
                          VALUES ({}, {user}, 'syt_new{new}')",
                it.id("access_tokens", 2)
            ),
        })
    }),
    ("log in twice with a refresh token", 1, |it| {
        let token = it.refresh_token(0)?;
        one(format!(
            "INSERT INTO access_tokens (id, user_id, device_id, token, refresh_token_id)
             SELECT {}, user_id, device_id, 'syt_new{}', id FROM refresh_tokens WHERE id = {token}",
            it.id("access_tokens", 2),
            it.unique()
        ))
    }),
    ("use a guest's device", 1, |it| {
        let device = format!("{}, 'guest_device'", it.user(0)?);
        one(format!(
            "INSERT INTO devices (user_id, device_id, hidden) VALUES ({device}, false) ON CONFLICT DO NOTHING;
             {}",
            it.log_in(&device)
        ))
    }),
];

/// Deletes what the import refuses.
const REPAIR: &str = "
    DELETE FROM user_external_ids WHERE auth_provider NOT IN ('oidc', 'oidc-one');
    DELETE FROM users WHERE name IS NULL OR name NOT LIKE '@%:example.com' OR name LIKE '%:%:%';
    UPDATE users SET creation_ts = 1 WHERE creation_ts IS NULL;
    DELETE FROM user_external_ids WHERE user_id NOT IN (SELECT name FROM users);
    DELETE FROM user_threepids WHERE user_id NOT IN (SELECT name FROM users);
    DELETE FROM devices WHERE user_id NOT IN (SELECT name FROM users);
    DELETE FROM access_tokens WHERE user_id NOT IN (SELECT name FROM users);
    DELETE FROM refresh_tokens WHERE user_id NOT IN (SELECT name FROM users);
    DELETE FROM access_tokens t USING devices d WHERE (d.user_id, d.device_id) = (t.user_id, t.device_id)
      AND (hidden IS NOT FALSE OR d.device_id = 'guest_device');
    DELETE FROM access_tokens t USING access_tokens o
      WHERE t.refresh_token_id = o.refresh_token_id AND t.id > o.id";

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Commit,
    Rollback,
    /// After so many more steps.
    Later(u8),
    /// The same, with its statements in subtransactions.
    LaterWithSavepoints(u8),
}

#[derive(Clone, Debug)]
enum Step {
    /// A change: its position in [`ACTS`] and [`REFUSED`], numbers for its choices, how its first transaction
    /// ends, and how many steps later each of the next transactions follows.
    Act(usize, [u16; 3], Ending, u8),
    Round,
    /// A vacuum, or a table whose rows are all replaced by themselves: the statements.
    Maintain(&'static str),
}

/// A homeserver, and what happens to it.
#[derive(Clone, Debug)]
struct History {
    /// Of the random numbers that make the homeserver.
    seed: u64,
    users: usize,
    may_be_refused: bool,
    /// Whether what is due later still happens before the last round.
    is_finished: bool,
    steps: Vec<Step>,
}

fn step(may_be_refused: bool) -> impl Strategy<Value = Step> {
    let ending = prop_oneof![
        12 => Just(Ending::Commit),
        1 => Just(Ending::Rollback),
        2 => (1..6_u8).prop_map(Ending::Later),
        2 => (1..6_u8).prop_map(Ending::LaterWithSavepoints),
    ];
    let refused = if may_be_refused { REFUSED } else { &[] };
    let mut positions = Vec::new();
    for (position, (_, weight, _)) in ACTS.iter().chain(refused).enumerate() {
        positions.extend((0..*weight).map(|_| position));
    }
    let act = (
        proptest::sample::select(positions),
        any::<[u16; 3]>(),
        ending,
        0..4_u8,
    );
    let act = act.prop_map(|(act, numbers, ending, gap)| Step::Act(act, numbers, ending, gap));
    let maintain = proptest::sample::select(vec![
        "VACUUM FREEZE users, user_threepids, user_external_ids, devices, access_tokens, refresh_tokens",
        "VACUUM FULL users, devices",
        "VACUUM (FULL, FREEZE) access_tokens",
        "BEGIN; CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE devices; TRUNCATE devices CASCADE;
         INSERT INTO devices SELECT * FROM kept; COMMIT",
        "BEGIN; CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE user_threepids; TRUNCATE user_threepids;
         INSERT INTO user_threepids SELECT * FROM kept; COMMIT",
        "BEGIN; CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE access_tokens; TRUNCATE access_tokens;
         INSERT INTO access_tokens SELECT * FROM kept ORDER BY token DESC; COMMIT",
    ]);
    prop_oneof![
        20 => act,
        3 => Just(Step::Round),
        1 => maintain.prop_map(Step::Maintain),
    ]
}

fn history() -> impl Strategy<Value = History> {
    (
        any::<u64>().no_shrink(),
        0..8_usize,
        prop::bool::weighted(0.25),
        any::<bool>(),
    )
        .prop_flat_map(|(seed, users, may_be_refused, is_finished)| {
            prop::collection::vec(step(may_be_refused), 0..60).prop_map(move |steps| History {
                seed,
                users,
                may_be_refused,
                is_finished,
                steps,
            })
        })
}

fn runner(seed: u64, config: Config) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Transactions that are still to come, or to be committed, each with the step at which it is due.
#[derive(Default)]
struct Due {
    transactions: Vec<(usize, String)>,
    open: Vec<(usize, PgConnection)>,
}

impl World<'_> {
    /// Runs a transaction: whether it succeeds. Like one of Synapse's, it fails if it conflicts with
    /// another one.
    fn run(&self, statements: &str, ending: Ending, step: usize, due: &mut Due) -> bool {
        let idle = self.idle.borrow_mut().pop();
        let mut connection = idle.unwrap_or_else(|| self.stage.connect("synapse"));
        let has_savepoints = matches!(ending, Ending::LaterWithSavepoints(_));
        let done = self.stage.runtime.block_on(async {
            connection
                .execute("SET lock_timeout = '50ms'; BEGIN")
                .await?;
            for statement in statements.split(";\n") {
                if has_savepoints {
                    connection.execute("SAVEPOINT one").await?;
                    connection.execute(statement).await?;
                    // Undone, and done again in another subtransaction.
                    connection.execute("ROLLBACK TO one; SAVEPOINT two").await?;
                }
                connection.execute(statement).await?;
            }
            let end = match ending {
                Ending::Commit => "COMMIT",
                Ending::Rollback => "ROLLBACK",
                Ending::Later(_) | Ending::LaterWithSavepoints(_) => "SELECT 1",
            };
            connection.execute(end).await
        });
        let statements = statements.replace('\n', " ");
        match done {
            Ok(_) => self.tell(format!("  {ending:?}: {statements}")),
            Err(error) => {
                self.tell(format!("  fails: {statements}: {error}"));
                return false;
            }
        }
        if let Ending::Later(steps) | Ending::LaterWithSavepoints(steps) = ending {
            due.open.push((step + usize::from(steps), connection));
        } else {
            self.idle.borrow_mut().push(connection);
        }
        ending != Ending::Rollback
    }

    fn act(
        &self,
        position: usize,
        numbers: [u16; 3],
        ending: Ending,
        gap: u8,
        step: usize,
        due: &mut Due,
    ) {
        let (name, _, transactions) = ACTS.iter().chain(REFUSED).nth(position).unwrap();
        let choice = Choice {
            world: self,
            numbers,
        };
        let Some(transactions) = transactions(&choice) else {
            return;
        };
        self.tell(*name);
        let mut transactions = transactions.into_iter();
        let first = transactions.next().unwrap();
        if !self.run(&first, ending, step, due) {
            return;
        }
        let mut at = match ending {
            Ending::Later(steps) | Ending::LaterWithSavepoints(steps) => step + usize::from(steps),
            Ending::Commit | Ending::Rollback => step,
        };
        for statements in transactions {
            at += usize::from(gap);
            if at == step {
                self.run(&statements, Ending::Commit, step, due);
            } else {
                due.transactions.push((at, statements));
            }
        }
    }

    /// Runs and commits what is due by now.
    fn settle(&self, step: usize, due: &mut Due) {
        let (now, later) = std::mem::take(&mut due.open)
            .into_iter()
            .partition(|(at, _)| *at <= step);
        due.open = later;
        let now: Vec<(usize, PgConnection)> = now;
        for (_, mut connection) in now {
            let done = self.stage.runtime.block_on(connection.execute("COMMIT"));
            self.tell(format!("  commits what was open: {}", done.is_ok()));
        }
        let (now, later) = std::mem::take(&mut due.transactions)
            .into_iter()
            .partition(|(at, _)| *at <= step);
        due.transactions = later;
        let now: Vec<(usize, String)> = now;
        for (_, statements) in now {
            self.run(&statements, Ending::Commit, step, due);
        }
    }
}

/// What happened in histories.
#[derive(Default, Debug)]
struct Seen {
    histories: usize,
    rounds: usize,
    rows: usize,
    refused: usize,
}

/// Plays a history, and fails if something is not as it must be.
fn play(stage: &Stage, history: &History, seen: &RefCell<Seen>) -> Result<(), String> {
    stage.reset();
    let mut rows = runner(history.seed, Config::default());
    let mut dice = Dice {
        runner: &mut rows,
        odd_addresses: true,
    };
    stage
        .server
        .script("synapse", &rows::homeserver(&mut dice, history.users));
    let world = World {
        stage,
        connection: RefCell::new(stage.connect("synapse")),
        idle: RefCell::default(),
        made_up: Cell::new(0),
        may_be_refused: history.may_be_refused,
        story: RefCell::new(Vec::new()),
    };
    let played = play_in(&world, history, seen);
    played.map_err(|error| {
        let story = world.story.borrow().join("\n");
        format!(
            "{error}\n── the homeserver {} of {} users, and then:\n{story}",
            history.seed, history.users
        )
    })
}

fn play_in(world: &World, history: &History, seen: &RefCell<Seen>) -> Result<(), String> {
    let stage = world.stage;
    let begun = stage.server.sql("mas", "SELECT now()");
    let begun = begun.trim();
    let mut due = Due::default();
    let mut copy = None;
    let half = history.steps.len() / 4;
    for (number, step) in history.steps.iter().enumerate() {
        // What happened before may still be open.
        if number == half {
            copy = Some(first(world)?);
        }
        world.settle(number, &mut due);
        match step {
            Step::Act(act, numbers, ending, gap) => {
                world.act(*act, *numbers, *ending, *gap, number, &mut due);
            }
            Step::Round => {
                if let Some(Some(copy)) = &mut copy {
                    let _ = round(world, copy, false, seen)?;
                }
            }
            Step::Maintain(statements) => {
                if due.open.is_empty() {
                    world.tell(statements.replace('\n', " "));
                    stage.server.script("synapse", &format!("{statements};"));
                }
            }
        }
    }
    if !history.is_finished {
        due.transactions.clear();
    }
    world.settle(usize::MAX, &mut due);
    world.settle(usize::MAX, &mut due);
    let copy = match copy {
        Some(copy) => copy,
        None => first(world)?,
    };
    // The import refuses what there was in the beginning.
    let Some(mut copy) = copy else {
        return Ok(());
    };
    if !last(world, &mut copy, begun, seen)? {
        world.tell(REPAIR);
        stage.server.sql("synapse", REPAIR);
        if !last(world, &mut copy, begun, seen)? {
            return Err("the import refuses what was repaired".to_owned());
        }
    }
    stage.remove(copy);
    seen.borrow_mut().histories += 1;
    Ok(())
}

/// The copy, imported. None if the import refuses it.
fn first(world: &World) -> Result<Option<LiveCopy>, String> {
    world.tell("── copy and import");
    let copy = world.stage.copy();
    match world.stage.import(scratch::COPY, "mas") {
        Ok(()) => Ok(Some(copy)),
        Err(said) if world.may_be_refused => {
            world.tell(said);
            world.stage.remove(copy);
            Ok(None)
        }
        Err(said) => Err(format!("the import fails: {said}")),
    }
}

/// A round: whether it succeeds. If not, nothing has changed in MAS's database.
fn round(
    world: &World,
    copy: &mut LiveCopy,
    is_last: bool,
    seen: &RefCell<Seen>,
) -> Result<Result<Round, String>, String> {
    let stage = world.stage;
    let (ids, before) = (user_ids(stage.server), everything(stage.server));
    let round = stage.catch_up(copy, is_last);
    world.tell(format!("── round: {round:?}"));
    let mut seen = seen.borrow_mut();
    seen.rounds += 1;
    match round {
        Ok(round) => {
            seen.rows += round.rows;
            let now = user_ids(stage.server);
            let other = ids
                .iter()
                .find(|(user, id)| now.get(*user).is_some_and(|now| now != *id));
            match other {
                Some((user, _)) => Err(format!("{user} has another id")),
                None => Ok(Ok(round)),
            }
        }
        Err(error) => {
            let text = format!("{error}: {error:?}");
            if everything(stage.server) != before {
                return Err(format!("a failed round has changed MAS's database: {text}"));
            }
            if stage.is_importable() {
                return Err(format!("a round fails: {text}"));
            }
            seen.refused += 1;
            Ok(Err(text))
        }
    }
}

/// The last round, compared with the real import. False if both refuse what there is.
fn last(
    world: &World,
    copy: &mut LiveCopy,
    begun: &str,
    seen: &RefCell<Seen>,
) -> Result<bool, String> {
    let stage = world.stage;
    let round = round(world, copy, true, seen)?;
    copy.lock = None;
    let imported = stage.import("synapse", "reference");
    match (round, imported) {
        (Ok(_), Ok(())) => stage.compare(copy, begun).map(|()| true),
        (Err(_), Err(_)) => {
            stage.make_anew("reference");
            Ok(false)
        }
        (round, imported) => Err(format!("the round: {round:?}\nthe import: {imported:?}")),
    }
}

/// `MAS2NIX_SEED` repeats a history, and `MAS2NIX_FOLLOW_SECONDS` sets how long histories are tried.
fn whatever_happens_the_result_is_that_of_the_import() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    let variable = |name: &str| std::env::var(name).ok();
    let seconds = variable("MAS2NIX_FOLLOW_SECONDS").and_then(|text| text.parse().ok());
    let first: Option<u64> = variable("MAS2NIX_SEED").and_then(|text| text.parse().ok());
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(30));
    let counts = RefCell::new(Seen::default());
    let seeds = match first {
        Some(seed) => seed..=seed,
        None => rand::random::<u32>().into()..=u64::MAX,
    };
    for seed in seeds {
        let config = Config {
            cases: 1,
            failure_persistence: None,
            max_shrink_iters: 200,
            max_shrink_time: 120_000,
            ..Config::default()
        };
        let played = runner(seed, config).run(&history(), |history| {
            play(&stage, &history, &counts).map_err(TestCaseError::fail)
        });
        match played {
            Ok(()) => {}
            Err(TestError::Fail(reason, _)) => panic!("MAS2NIX_SEED={seed}\n{reason}"),
            Err(error) => panic!("MAS2NIX_SEED={seed}\n{error}"),
        }
        if Instant::now() > until {
            break;
        }
    }
    println!("{:?}", counts.borrow());
    Ok(())
}

/// Changes something of every kind: rows that are new, changed and gone, in all tables.
const CHANGES: &[&str] = &[
    "INSERT INTO users (name, creation_ts) VALUES ('@more:example.com', 1600000000);
     INSERT INTO devices (user_id, device_id, hidden) VALUES ('@more:example.com', 'MORE', false);
     INSERT INTO access_tokens (id, user_id, device_id, token)
       VALUES (1000, '@more:example.com', 'MORE', 'syt_more')",
    "UPDATE users SET admin = 1 - admin WHERE name < '@h';
     UPDATE devices SET last_seen = coalesce(last_seen, 0) + 1",
    "UPDATE user_threepids SET user_id = '@carol:example.com' WHERE medium = 'msisdn';
     DELETE FROM devices WHERE device_id = 'WEB'",
    "DELETE FROM access_tokens WHERE id IN (SELECT id FROM access_tokens ORDER BY id DESC LIMIT 2)",
    "UPDATE users SET locked = NOT locked; UPDATE access_tokens SET used = true",
];

impl Stage<'_> {
    /// Fills Synapse's tables with the rows of `tests/fixtures/homeserver.sql`.
    fn fill(&self) {
        self.reset();
        let rows = crate::support::root().join("tests/fixtures/homeserver.sql");
        let rows = std::fs::read_to_string(rows).unwrap();
        self.server.script("synapse", &rows);
    }

    fn now(&self) -> String {
        self.server.sql("mas", "SELECT now()").trim().to_owned()
    }

    /// Fails unless a round leads to what the import makes of Synapse's tables.
    fn must_follow(&self, copy: &mut LiveCopy, begun: &str, what: &str) -> Round {
        let round = self.catch_up(copy, true).unwrap();
        copy.lock = None;
        self.make_anew("reference");
        self.import("synapse", "reference").unwrap();
        let compared = self.compare(copy, begun);
        compared.unwrap_or_else(|error| panic!("{what}: {error}"));
        round
    }
}

/// The numbers of transactions have 32 bits, and are compared modulo 2^32.
fn numbers_of_transactions_wrap_around() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    for next in [(1_u32 << 31) - 400, u32::MAX - 400] {
        stage.fill();
        for database in [
            "postgres",
            "template1",
            "synapse",
            "empty_mas",
            MAS[0],
            MAS[1],
        ] {
            // To truncate a table takes a transaction, and the server may have stopped to give any.
            server.sql(database, "VACUUM (FREEZE, TRUNCATE off)");
        }
        server.restart_at_transaction(next, "-c autovacuum=off");
        let begun = stage.now();
        let mut copy = stage.follow();
        // Rows that were frozen long ago are not taken for new ones.
        let round = stage.must_follow(&mut copy, &begun, "nothing has changed");
        assert_eq!(round.rows, 0);
        let mut numbers = Vec::new();
        for change in CHANGES {
            server.sql("synapse", change);
            let round = stage.catch_up(&mut copy, false).unwrap();
            assert!(round.rows > 0, "{change}");
            let number = server.sql(
                "synapse",
                "CREATE TEMP TABLE a (a integer);
                 DO $$ BEGIN FOR i IN 1..200 LOOP
                   BEGIN INSERT INTO a VALUES (i); EXCEPTION WHEN others THEN END;
                 END LOOP; END $$; SELECT txid_current() % (2::bigint ^ 32)::bigint",
            );
            numbers.push(number.trim().parse::<u32>().unwrap());
        }
        stage.must_follow(&mut copy, &begun, "the numbers have wrapped around");
        let [first, last] = [numbers[0], numbers[numbers.len() - 1]];
        assert!(
            first.cast_signed() > 0 && last.cast_signed() < 0
                || first.cast_signed() < 0 && last.cast_signed() > 0,
            "{numbers:?}"
        );
        stage.remove(copy);
    }
    Ok(())
}

/// A server that is set up in unusual ways, and what happens to it during a round.
fn whatever_the_server_is_like() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    stage.fill();
    let begun = stage.now();
    let mut copy = stage.follow();
    let another =
        async { Scratch::make(&stage.mas, stage.mas.clone(), "another", scratch::COPY).await };
    assert!(
        stage.runtime.block_on(another).is_err(),
        "two copies at once"
    );

    // The tables are in another schema, in front of which there is one with nothing.
    server.sql("synapse", "CREATE SCHEMA of_synapse; CREATE SCHEMA empty");
    for table in SYNAPSE_TABLES {
        server.sql(
            "synapse",
            &format!("ALTER TABLE {table} SET SCHEMA of_synapse"),
        );
    }
    server.sql(
        "postgres",
        "ALTER DATABASE synapse SET search_path = empty, of_synapse, public",
    );
    server.sql("synapse", CHANGES[0]);
    stage.must_follow(&mut copy, &begun, "another schema");

    // The import connects as the same role, so the limits are only there during a round.
    for limit in [
        "statement_timeout = '1ms'",
        "lock_timeout = '1ms'",
        "idle_in_transaction_session_timeout = '1ms'",
        "idle_session_timeout = '1ms'",
        "default_transaction_isolation = 'serializable'",
        "default_transaction_read_only = on",
        "enable_hashagg = off",
        "datestyle = 'German'",
        "timezone = 'Asia/Kathmandu'",
        "extra_float_digits = -10",
    ] {
        server.sql("synapse", CHANGES[1]);
        server.sql("postgres", &format!("ALTER DATABASE synapse SET {limit}"));
        let round = stage.catch_up(&mut copy, false);
        let (name, _) = limit.split_once(" =").unwrap();
        server.sql(
            "postgres",
            &format!(
                "SET default_transaction_read_only = off; ALTER DATABASE synapse RESET {name}"
            ),
        );
        assert!(round.is_ok_and(|round| round.rows > 0), "{limit}");
    }
    stage.must_follow(&mut copy, &begun, "limits");

    // Another version of Synapse.
    let before = everything(&server);
    for (change, undo) in [
        (
            "ALTER TABLE users ALTER admin TYPE integer",
            "ALTER TABLE users ALTER admin TYPE smallint",
        ),
        (
            "ALTER TABLE devices RENAME ip TO address",
            "ALTER TABLE devices RENAME address TO ip",
        ),
    ] {
        server.sql("synapse", change);
        server.sql("synapse", "UPDATE users SET admin = 1 - admin");
        let error = stage.catch_up(&mut copy, false).unwrap_err().to_string();
        assert!(error.contains("column"), "{error}");
        server.sql("synapse", undo);
    }
    assert_eq!(everything(&server), before);
    server.sql("synapse", CHANGES[2]);
    stage.must_follow(&mut copy, &begun, "the columns are back");

    // Nobody writes after the last round, until the tables are unlocked.
    stage.catch_up(&mut copy, true).unwrap();
    assert!(copy.lock.is_some());
    let locked = server
        .psql("synapse")
        .args(["-c", "SET lock_timeout = '100ms'", "-c", CHANGES[3]])
        .output();
    assert!(!locked.unwrap().status.success());
    stage.catch_up(&mut copy, true).unwrap();
    copy.lock = None;
    server.sql("synapse", CHANGES[3]);
    stage.must_follow(&mut copy, &begun, "unlocked");
    stage.remove(copy);
    Ok(())
}

/// Connections are lost at any time during a round, and tables are vacuumed.
fn a_lost_connection_loses_nothing() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    stage.fill();
    let begun = stage.now();
    let mut copy = stage.follow();
    let (mut lost, mut done) = (0, 0);
    // On a slow machine a round takes longer, and then the connections are lost still later.
    let delays = (0..40).map(|n| Duration::from_millis(n * 5));
    let later = (0..7).map(|n| Duration::from_millis(400 << n));
    for (number, delay) in delays.chain(later).enumerate() {
        if number >= 40 && done > 0 {
            break;
        }
        server.sql(
            "synapse",
            CHANGES[1 + usize::try_from(delay.as_millis()).unwrap() % 4],
        );
        server.sql(
            "synapse",
            "DELETE FROM access_tokens WHERE id = (SELECT min(id) FROM access_tokens)",
        );
        let before = everything(&server);
        let round = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(delay);
                server.sql(
                    "postgres",
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE application_name = 'syn2mas' AND datname IN ('synapse', 'mas', 'syn2mas_synapse')",
                );
            });
            scope.spawn(|| server.script("synapse", "VACUUM users; VACUUM access_tokens;"));
            let round = stage.catch_up(&mut copy, delay.as_millis() % 2 == 0);
            // The end of the scope waits for VACUUM, which waits for the locks of a last round.
            copy.lock = None;
            round
        });
        if round.is_ok() {
            done += 1;
        } else {
            lost += 1;
            assert_eq!(everything(&server), before);
        }
    }
    assert!(lost > 0 && done > 0, "{lost} rounds were lost, {done} done");
    stage.must_follow(&mut copy, &begun, "after lost connections");
    stage.remove(copy);
    Ok(())
}

/// What the import refuses.
const REFUSALS: &[&str] = &[
    "INSERT INTO user_external_ids VALUES ('saml', 'x', '@alice:example.com')",
    "INSERT INTO users (name, creation_ts, appservice_id) VALUES ('@b:example.com', 1, 'bridge');
     INSERT INTO user_external_ids VALUES ('saml', 'x', '@b:example.com')",
    "INSERT INTO user_external_ids VALUES ('oidc', 'x', '@nobody:example.com')",
    "INSERT INTO user_threepids VALUES ('@nobody:example.com', 'email', 'x', 1, 1)",
    "INSERT INTO devices (user_id, device_id, hidden) VALUES ('@nobody:example.com', 'X', false)",
    "INSERT INTO devices (user_id, device_id, hidden) VALUES ('@nobody:example.org', 'X', false)",
    "INSERT INTO access_tokens (id, user_id, token) VALUES (2000, '@nobody:example.com', 'syt_x')",
    "INSERT INTO users (name, appservice_id) VALUES ('@timeless:example.com', 'bridge')",
    "INSERT INTO users (creation_ts) VALUES (1)",
    "INSERT INTO users (name, creation_ts) VALUES ('@other:example.org', 1)",
    "INSERT INTO users (name, creation_ts) VALUES ('@a:b:example.com', 1)",
    "INSERT INTO users (name, creation_ts, appservice_id) VALUES ('@a:b:example.com', 1, 'bridge');
     INSERT INTO user_threepids VALUES ('@a:b:example.com', 'email', 'x', 1, 1)",
    "INSERT INTO devices (user_id, device_id, hidden) VALUES ('@bob:example.com', 'X', true);
     INSERT INTO access_tokens (id, user_id, device_id, token) VALUES (2000, '@bob:example.com', 'X', 'syt_x')",
    "INSERT INTO access_tokens (id, user_id, device_id, token, refresh_token_id)
       SELECT 2000, user_id, device_id, 'syt_x', refresh_token_id FROM access_tokens
       WHERE token = 'syt_x' OR refresh_token_id = (SELECT max(id) FROM refresh_tokens)",
];

fn what_the_import_refuses_is_refused() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    stage.fill();
    let begun = stage.now();
    let mut copy = stage.follow();
    for refusal in REFUSALS {
        let before = everything(&server);
        server.sql("synapse", refusal);
        let round = stage.catch_up(&mut copy, false);
        assert!(round.is_err(), "{refusal}");
        assert!(!stage.is_importable(), "{refusal}");
        assert_eq!(everything(&server), before);
        server.sql("synapse", REPAIR);
        stage.catch_up(&mut copy, false).unwrap();
    }
    // Whether a refresh token counts depends on the tokens of its successor, even if that is another user's.
    server.sql(
        "synapse",
        "UPDATE refresh_tokens r SET next_token_id = (SELECT max(id) FROM refresh_tokens o
           WHERE o.user_id <> r.user_id); UPDATE access_tokens SET used = false",
    );
    stage.must_follow(&mut copy, &begun, "a successor of another user");
    for used in ["true", "false"] {
        server.sql(
            "synapse",
            &format!(
                "UPDATE access_tokens SET used = {used} WHERE refresh_token_id =
                   (SELECT max(next_token_id) FROM refresh_tokens)"
            ),
        );
        stage.must_follow(&mut copy, &begun, used);
    }
    stage.remove(copy);
    Ok(())
}

/// Very many rows change in one round. `MAS2NIX_FOLLOW_USERS` sets how many users there are (2000); then the
/// memory that rounds take is printed.
fn many_rows_change_at_once() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    let users = std::env::var("MAS2NIX_FOLLOW_USERS").unwrap_or("2000".to_owned());
    fill_with(&server, &users);
    let begun = stage.now();
    let mut copy = stage.follow();
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find(|line| line.starts_with("VmHWM"));
        peak.unwrap_or_default().to_owned()
    };
    for change in [
        "SELECT 1",
        "UPDATE devices SET last_seen = last_seen + 1, user_agent = user_agent || 'x'",
        "UPDATE access_tokens SET last_validated = last_validated + 1",
        "DELETE FROM access_tokens WHERE id % 3 = 0",
        "UPDATE users SET admin = 1; UPDATE devices SET display_name = 'other'",
        "DELETE FROM devices; DELETE FROM access_tokens",
    ] {
        server.sql("synapse", change);
        // Counts the peak anew.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let before = peak();
        let round = stage.catch_up(&mut copy, false).unwrap();
        println!("{change}: {round:?}, {before} before, {} after", peak());
    }
    stage.must_follow(&mut copy, &begun, "many rows");
    stage.remove(copy);
    Ok(())
}

/// What can happen to large tables between two rounds. `{k}` is a number below seven.
const HISTORY: &[&str] = &[
    "UPDATE devices SET last_seen = last_seen + 1 WHERE abs(hashtext(user_id || device_id)) % 701 = {k}",
    "UPDATE access_tokens SET used = NOT used WHERE id % 397 = {k}",
    // Nothing changes but its place.
    "UPDATE access_tokens SET token = token WHERE id % 499 = {k}",
    "DELETE FROM access_tokens WHERE id % 601 = {k}",
    "DELETE FROM devices WHERE abs(hashtext(user_id || device_id)) % 997 = {k}",
    "WITH gone AS (DELETE FROM access_tokens WHERE id % 887 = {k} RETURNING *)
       INSERT INTO access_tokens SELECT * FROM gone",
    "WITH gone AS (DELETE FROM access_tokens WHERE id % 883 = {k} RETURNING *)
       INSERT INTO access_tokens (id, user_id, device_id, token)
         SELECT id + 100000, user_id, device_id, token || 'x' FROM gone",
    "INSERT INTO user_threepids SELECT name, 'email', name || clock_timestamp(), 1, 1 FROM users
       WHERE abs(hashtext(name)) % 499 = {k}",
    // Two rows exchange their values.
    "UPDATE users SET password_hash = 'x' || {k} || name WHERE abs(hashtext(name)) % 97 = {k}",
    "BEGIN; SAVEPOINT a; UPDATE users SET admin = 1 - admin WHERE abs(hashtext(name)) % 499 = {k};
     ROLLBACK TO a; SAVEPOINT b; UPDATE users SET admin = 1 - admin WHERE abs(hashtext(name)) % 491 = {k};
     RELEASE b; COMMIT",
    "BEGIN; DELETE FROM access_tokens WHERE id % 3 = 0; ROLLBACK",
    // The places of deleted rows become free.
    "VACUUM access_tokens",
    "VACUUM FREEZE devices",
    "VACUUM users",
    "BEGIN; SELECT * FROM users WHERE abs(hashtext(name)) % 91 = {k} FOR UPDATE; COMMIT",
    "ANALYZE",
];

/// The rows of the copied tables with their places, in Synapse's database or in the copy.
fn places(server: &Postgres, name: &str, place: &str) -> String {
    let queries = CONTENTS.replace(" FROM ", &format!(", {place}::text FROM "));
    lines(server, name, &queries)
}

/// How often PostgreSQL has read all of a table.
fn whole_reads(server: &Postgres, table: &str) -> i64 {
    // Sessions that have just ended report what they have done.
    std::thread::sleep(Duration::from_secs(1));
    let sql = format!("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = '{table}'");
    server.sql("synapse", &sql).trim().parse().unwrap()
}

fn only_what_can_have_changed_is_compared_and_nothing_is_missed() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    fill_with(&server, "1000");
    server.sql(
        "synapse",
        "INSERT INTO refresh_tokens (id, user_id, device_id, token)
         SELECT id, user_id, device_id, 'syr_' || id FROM access_tokens",
    );
    let begun = stage.now();
    let mut copy = stage.follow();
    stage.catch_up(&mut copy, false).unwrap();
    let mut runner = TestRunner::deterministic();
    let mut dice = Dice {
        runner: &mut runner,
        odd_addresses: false,
    };
    for round in 0..25 {
        // A transaction that has begun before a round, and ends after it.
        let mut open = stage.connect("synapse");
        let k = dice.below(7);
        let late =
            format!("BEGIN; UPDATE refresh_tokens SET token = token || 'o' WHERE id % 97 = {k}");
        stage.runtime.block_on(open.execute(&*late)).unwrap();
        let mut story = Vec::new();
        for _ in 0..=dice.below(4) {
            let change =
                HISTORY[dice.below(HISTORY.len())].replace("{k}", &dice.below(7).to_string());
            server.script("synapse", &change);
            story.push(change);
        }
        let caught_up = stage.catch_up(&mut copy, false);
        caught_up.unwrap_or_else(|error| panic!("round {round}: {error:?}\n{story:#?}"));
        let [expected, found] = [("synapse", "ctid"), (scratch::COPY, "place")]
            .map(|(name, place)| places(&server, name, place));
        assert!(
            expected == found,
            "round {round}: {story:#?}\n{}",
            difference(&expected, &found)
        );
        let end = if dice.once_in(3) {
            "ROLLBACK"
        } else {
            "COMMIT"
        };
        stage.runtime.block_on(open.execute(end)).unwrap();
    }
    let mut reads = |sql: &str| {
        server.sql("synapse", sql);
        let before = whole_reads(&server, "refresh_tokens");
        stage.catch_up(&mut copy, false).unwrap();
        whole_reads(&server, "refresh_tokens") - before
    };
    assert_eq!(reads("SELECT 1"), 0);
    // Rows that are written to another file have no places any more.
    assert!(reads("VACUUM FULL refresh_tokens") > 0);
    assert!(reads("DELETE FROM refresh_tokens WHERE id % 97 = 1") > 0);
    stage.must_follow(&mut copy, &begun, "a long history");
    stage.remove(copy);
    Ok(())
}

/// A homeserver with so many users, whose Synapse has a server of its own. This server confirms commits before they
/// are on its disk, and forgets them when it crashes.
fn with_a_forgetful_server<'a>(
    server: &'a Postgres,
    of_synapse: &Postgres,
    mas: &'a MasCli,
    users: &str,
) -> Stage<'a> {
    let mut stage = Stage::new(server, mas);
    of_synapse.create_empty_synapse("synapse");
    fill_with(of_synapse, users);
    of_synapse.restart_with(
        "-c autovacuum=off -c synchronous_commit=off -c wal_writer_delay=10s \
         -c wal_writer_flush_after=1GB",
    );
    stage.synapse = of_synapse.database("Synapse's", "synapse");
    stage
}

/// Fails unless the copy has what Synapse's server has now.
fn must_equal(server: &Postgres, of_synapse: &Postgres, what: &str) {
    let [expected, found] = [(of_synapse, "synapse"), (server, scratch::COPY)]
        .map(|(server, name)| contents(server, name));
    assert!(
        expected == found,
        "{what}: {}",
        difference(&expected, &found)
    );
}

/// The first token.
const FIRST: &str = "id = (SELECT min(id) FROM access_tokens)";

/// Synapse's server forgets commits that it has confirmed, and which a round has seen.
fn what_a_crash_of_synapses_server_forgets_is_noticed() -> TestResult {
    let (mas, server, of_synapse) = (MasCli::find()?, Postgres::start()?, Postgres::start()?);
    let stage = with_a_forgetful_server(&server, &of_synapse, &mas, "1000");
    for (change, later) in [
        (
            "UPDATE users SET admin = 1 - admin".to_owned(),
            "SELECT 1".to_owned(),
        ),
        (
            "DELETE FROM access_tokens WHERE id % 700 = 1".to_owned(),
            "SELECT 1".to_owned(),
        ),
        // Only the place is forgotten.
        (
            format!("UPDATE access_tokens SET token = token WHERE {FIRST}"),
            format!("DELETE FROM access_tokens WHERE {FIRST}"),
        ),
    ] {
        let mut copy = stage.follow();
        stage.catch_up(&mut copy, false).unwrap();
        of_synapse.sql("synapse", "CHECKPOINT");
        let before = places(&of_synapse, "synapse", "ctid");
        of_synapse.sql("synapse", &change);
        stage.catch_up(&mut copy, false).unwrap();
        must_equal(&server, &of_synapse, &change);
        of_synapse.restart();
        assert!(places(&of_synapse, "synapse", "ctid") == before, "{change}");
        // A round that fails changes nothing.
        server.sql(
            "postgres",
            "ALTER DATABASE syn2mas_synapse ALLOW_CONNECTIONS false",
        );
        stage.catch_up(&mut copy, false).unwrap_err();
        server.sql(
            "postgres",
            "ALTER DATABASE syn2mas_synapse ALLOW_CONNECTIONS true",
        );
        stage.catch_up(&mut copy, false).unwrap();
        must_equal(&server, &of_synapse, &change);
        of_synapse.sql("synapse", &later);
        stage.catch_up(&mut copy, true).unwrap();
        copy.lock = None;
        must_equal(&server, &of_synapse, &later);
        assert!(stage.runtime.block_on(copy.prove()).unwrap());
        stage.remove(copy);
        stage.make_anew("mas");
    }
    Ok(())
}

/// A column that is another one has the same name and type, and no row was written.
fn other_columns_are_noticed() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    stage.fill();
    let mut copy = stage.follow();
    stage.catch_up(&mut copy, false).unwrap();
    server.sql(
        "synapse",
        "ALTER TABLE users DROP COLUMN locked; ALTER TABLE users ADD COLUMN locked boolean NOT NULL DEFAULT true",
    );
    let error = stage.catch_up(&mut copy, true).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("columns of Synapse's table users"),
        "{error}"
    );
    stage.remove(copy);
    Ok(())
}

/// Who waits to change a table does not wait for a table that is copied later, and is not waited for.
fn a_table_may_be_changed_while_others_are_copied() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    fill_with(&server, "3000");
    let mut changed = server.psql("synapse");
    changed.args(["-c", "ALTER TABLE user_threepids ADD COLUMN more text"]);
    let copied = async {
        let maker = stage.mas.clone();
        let scratch = Scratch::make(&stage.mas, maker, "the copy", scratch::COPY);
        let scratch = scratch.await.unwrap();
        let mut changing = None;
        // It takes a few seconds.
        let mut on_progress = |_| {
            changing.get_or_insert_with(|| changed.spawn().unwrap());
        };
        let rate = Some(300_000);
        let made = LiveCopy::make(
            scratch,
            &stage.synapse,
            comparison(),
            rate,
            &mut on_progress,
        );
        let made = tokio::time::timeout(Duration::from_secs(60), made).await;
        let copy = made.expect("it ends").map_err(|(_, error)| error).unwrap();
        assert!(changing.unwrap().wait().unwrap().success());
        copy
    };
    let copy = stage.runtime.block_on(copied);
    stage.remove(copy);
    Ok(())
}

/// The server still has the session of a lost connection. It would be taken for a client that keeps Synapse's
/// database in use.
fn no_session_of_a_lost_connection_is_left() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let mut stage = Stage::new(&server, &mas);
    stage.fill();
    let between = Between::new(&server);
    stage.synapse = between.database("Synapse's", "synapse");
    let mut copy = stage.follow();
    stage.catch_up(&mut copy, false).unwrap();
    let ours = |copy: &LiveCopy| stage.runtime.block_on(copy.sessions_in_synapse()).unwrap();
    let before = ours(&copy);
    between.cut_off();
    stage.catch_up(&mut copy, true).unwrap();
    copy.lock = None;
    let now = ours(&copy);
    let lost: Vec<&i32> = before.iter().filter(|pid| !now.contains(pid)).collect();
    assert!(!lost.is_empty());
    let begun = Instant::now();
    for pid in lost {
        let is_there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
        while server.sql("postgres", &is_there).trim() != "0" {
            assert!(begun.elapsed() < Duration::from_secs(10), "{pid} is left");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    stage.remove(copy);
    Ok(())
}

/// Some tables of the copy are committed, and others are not.
fn after_half_a_round_everything_is_compared() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    stage.fill();
    let begun = stage.now();
    let mut copy = stage.follow();
    stage.catch_up(&mut copy, false).unwrap();
    server.script(
        scratch::COPY,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
         CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW EXECUTE FUNCTION refuse();",
    );
    server.sql("synapse", CHANGES[0]);
    stage.catch_up(&mut copy, false).unwrap_err();
    let written = server.sql(
        scratch::COPY,
        "SELECT count(*) FROM access_tokens WHERE id = 1000",
    );
    assert_eq!(written.trim(), "1");
    server.sql(scratch::COPY, "DROP TRIGGER refuse ON users");
    server.sql(
        "synapse",
        "DELETE FROM access_tokens WHERE id = 1000; DELETE FROM devices WHERE device_id = 'MORE'",
    );
    stage.must_follow(&mut copy, &begun, "half a round");
    stage.remove(copy);
    Ok(())
}

/// What is compared after the cutover is Synapse as it was at the cutover.
fn the_copy_is_proved_although_synapse_goes_on() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    stage.fill();
    let mut copy = stage.follow();
    for is_wrong in [false, true] {
        stage.catch_up(&mut copy, true).unwrap();
        copy.lock = None;
        for change in CHANGES {
            server.sql("synapse", change);
        }
        // Nobody has to wait for the snapshot.
        server.sql("synapse", "ALTER TABLE devices ADD COLUMN more text");
        server.sql("synapse", "ALTER TABLE devices DROP COLUMN more");
        if is_wrong {
            server.sql(
                scratch::COPY,
                "UPDATE access_tokens SET token = 'other' WHERE id = 1",
            );
        }
        let proved = stage.runtime.block_on(copy.prove());
        assert_eq!(proved.is_err(), is_wrong, "{proved:?}");
        // The next run knows it too.
        let known = stage.runtime.block_on(proof::make_sure(copy.database()));
        assert_eq!(known.is_err(), is_wrong, "{known:?}");
        server.sql("synapse", "DELETE FROM users WHERE name = '@more:example.com';
            DELETE FROM devices WHERE device_id = 'MORE'; DELETE FROM access_tokens WHERE id = 1000");
    }
    stage.remove(copy);
    Ok(())
}

/// MAS writes to tables that the import and the rounds leave alone.
fn mas_itself_is_noticed() -> TestResult {
    let (mas, server) = (MasCli::find_with_pages()?, Postgres::start()?);
    Homeserver::template(&server);
    let homeserver = Homeserver::new(&server, &mas, "noticed");
    let migration = &homeserver.migration;
    let of_mas = server.database("MAS's", &homeserver.mas_database);
    let of_synapse = server.database("Synapse's", "synapse_noticed");
    let runtime = runtime();
    let read = || runtime.block_on(Untouched::read(&of_mas)).unwrap();
    migration.migrate_database();
    let followed = async {
        let scratch = Scratch::make(&of_mas, of_mas.clone(), "the copy", scratch::COPY).await?;
        LiveCopy::make(scratch, &of_synapse, comparison(), None, &mut |_| {})
            .await
            .map_err(|(_, error)| error)
    };
    let mut copy = runtime.block_on(followed).unwrap();
    let mut import = migration.mas.command("syn2mas migrate");
    import.arg("--config").arg(&migration.mas_config);
    import
        .arg("--synapse-config")
        .arg(&migration.synapse_config);
    import.args(["--synapse-database-uri", &server.uri(scratch::COPY)]);
    let imported = import.output().unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let first = read();
    for change in CHANGES {
        server.sql("synapse_noticed", change);
        runtime.block_on(copy.catch_up(&of_mas, false)).unwrap();
        assert_eq!(first.differs(&read()), None, "{change}");
    }
    runtime.block_on(copy.remove()).unwrap();

    let mut provision = migration.mas.command("manage provision-all-users");
    let provision = provision.arg("--config").arg(&migration.mas_config);
    assert!(provision.output().unwrap().status.success());
    let second = read();
    assert_eq!(first.differs(&second), Some("queue_jobs"));

    let mut serving = migration.mas.command("server --config");
    serving.arg(&migration.mas_config);
    let mut serving = serving
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while request(&format!("{}/health", homeserver.mas), None, None).0 != 200 {
        assert!(Instant::now() < until, "MAS does not start");
        std::thread::sleep(Duration::from_millis(200));
    }
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert_ne!(second.differs(&read()), None, "MAS has run");
    Ok(())
}

/// A server that confirms commits before they are on its disk, as many are set up, forgets the last of them when
/// it crashes. What a round has written may be among them.
fn a_crash_of_the_server_loses_nothing() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    // The longest delay there is, so that a crash comes within it.
    server.restart_with(
        "-c autovacuum=off -c synchronous_commit=off -c wal_writer_delay=10s \
         -c wal_writer_flush_after=1GB",
    );
    stage.fill();
    let begun = stage.now();
    let mut copy = stage.follow();
    stage.catch_up(&mut copy, false).unwrap();
    for change in CHANGES {
        // Synapse's own transactions are older, so they are on the disk.
        let on_disk = format!("SET synchronous_commit = on; {change}");
        server.sql("synapse", &on_disk);
        let round = stage.catch_up(&mut copy, false).unwrap();
        assert!(round.rows > 0, "{change}");
        // Without waiting for anything, as after a crash.
        server.restart();
        let last = stage.catch_up(&mut copy, true);
        copy.lock = None;
        let [with_copy, with_synapse] =
            [copy.database(), &stage.synapse].map(|database| stage.verify(database));
        assert!(
            last.is_err() || with_synapse.is_ok(),
            "{change}\nthe last round: {last:?}\ncompared with the copy: {with_copy:?}\n\
             compared with Synapse: {with_synapse:?}"
        );
        // Where the round fails, the migration starts over.
        if last.is_err() {
            break;
        }
        stage.must_follow(&mut copy, &begun, change);
    }
    stage.remove(copy);
    Ok(())
}

/// A socket in front of the server's. What passes through it can be cut off such that only the client
/// notices, as by a firewall that forgets a connection.
struct Between {
    directory: tempfile::TempDir,
    connections: Arc<Mutex<Vec<[UnixStream; 2]>>>,
}

impl Between {
    fn new(server: &Postgres) -> Self {
        const NAME: &str = ".s.PGSQL.5432";
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join(NAME)).unwrap();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (of_server, kept) = (server.path().join(NAME), connections.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = UnixStream::connect(&of_server) else {
                    continue;
                };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                }
                kept.lock().unwrap().push([client, server]);
            }
        });
        Between {
            directory,
            connections,
        }
    }

    fn database(&self, which: &'static str, name: &str) -> Database {
        let host = self.directory.path().display().to_string();
        let uri = format!("postgresql://postgres@{}/{name}", host.replace('/', "%2F"));
        Database::new(which, Address::of_uri(which, &uri).unwrap(), None)
    }

    /// Ends what the clients have, and nothing of what the server has.
    fn cut_off(&self) {
        for [client, _] in self.connections.lock().unwrap().iter() {
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}

/// The server still has the session of a connection that is lost, and this session still owns the copy.
fn the_session_of_a_lost_connection_is_not_somebody_else() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    let stage = Stage::new(&server, &mas);
    stage.fill();
    let begun = stage.now();
    let between = Between::new(&server);
    let through = between.database("MAS's", "mas");
    let copied = async {
        let maker = through.clone();
        let scratch = Scratch::make(&stage.mas, maker, "the copy", scratch::COPY).await?;
        LiveCopy::make(scratch, &stage.synapse, comparison(), None, &mut |_| {})
            .await
            .map_err(|(_, error)| error)
    };
    let mut copy = stage.runtime.block_on(copied).unwrap();
    stage.import(scratch::COPY, "mas").unwrap();
    stage.catch_up(&mut copy, false).unwrap();
    between.cut_off();
    server.sql("synapse", CHANGES[1]);
    stage.must_follow(&mut copy, &begun, "a lost connection");
    stage.remove(copy);
    Ok(())
}

crate::support::harness::tests![
    whatever_happens_the_result_is_that_of_the_import,
    numbers_of_transactions_wrap_around,
    whatever_the_server_is_like,
    a_lost_connection_loses_nothing,
    what_the_import_refuses_is_refused,
    many_rows_change_at_once,
    only_what_can_have_changed_is_compared_and_nothing_is_missed,
    what_a_crash_of_synapses_server_forgets_is_noticed,
    other_columns_are_noticed,
    a_table_may_be_changed_while_others_are_copied,
    no_session_of_a_lost_connection_is_left,
    after_half_a_round_everything_is_compared,
    the_copy_is_proved_although_synapse_goes_on,
    mas_itself_is_noticed,
    a_crash_of_the_server_loses_nothing,
    the_session_of_a_lost_connection_is_not_somebody_else,
];
