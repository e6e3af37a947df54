//! Rows that Synapse never writes, for tables without constraints.

use proptest::{prelude::*, sample::select, strategy::BoxedStrategy};

use super::generate::draw;

/// A table, and its columns with the values that Synapse writes there, except for row numbers.
pub type Table = (&'static str, &'static [(&'static str, Column)]);

/// The content of a column.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// A text, in which `#` stands for the number of the row.
    Text(&'static str),
    /// A text as before, in every other row; else nothing.
    Maybe(&'static str),
    /// A number of 64 bits.
    Number(i64),
    /// The number of the row, in every other one; else nothing.
    Id,
    /// The number of the row.
    Key,
    /// 0 or 1, in 16 bits.
    Switch(i16),
    /// A number of 32 bits.
    Small(i32),
    /// True or false.
    Bool(bool),
}

use Column::{Bool, Id, Key, Maybe, Number, Small, Switch, Text};

/// The tables that are read of Synapse's database.
pub const TABLES: &[Table] = &[
    (
        "users",
        &[
            ("name", Text("@u#:example.com")),
            (
                "password_hash",
                Maybe("$2b$12$aaaaaaaaaaaaaaaaaaaaaeSNPqRA4cJGuNNuvxjHPZjYlSH0C7jlS"),
            ),
            ("creation_ts", Number(1_500_000_000)),
            ("admin", Switch(0)),
            ("is_guest", Switch(0)),
            ("appservice_id", Column::Maybe("")),
            ("deactivated", Switch(0)),
            ("approved", Bool(true)),
            ("locked", Bool(false)),
        ],
    ),
    (
        "user_threepids",
        &[
            ("user_id", Text("@u#:example.com")),
            ("medium", Text("email")),
            ("address", Text("u#@example.com")),
            ("validated_at", Number(1)),
            ("added_at", Number(1_500_000_000_000)),
        ],
    ),
    (
        "user_external_ids",
        &[
            ("auth_provider", Text("oidc-one")),
            ("external_id", Text("subject #")),
            ("user_id", Text("@u#:example.com")),
        ],
    ),
    (
        "devices",
        &[
            ("user_id", Text("@u#:example.com")),
            ("device_id", Text("D#")),
            ("display_name", Maybe("device #")),
            ("last_seen", Number(1_600_000_000_000)),
            ("ip", Maybe("192.0.2.1")),
            ("user_agent", Maybe("client")),
            ("hidden", Bool(false)),
        ],
    ),
    (
        "refresh_tokens",
        &[
            ("id", Key),
            ("user_id", Text("@u#:example.com")),
            ("device_id", Text("D#")),
            ("token", Text("syr_#")),
            ("next_token_id", Id),
            ("expiry_ts", Number(1_900_000_000_000)),
            ("ultimate_session_expiry_ts", Number(1_900_000_000_000)),
        ],
    ),
    (
        "access_tokens",
        &[
            ("id", Key),
            ("user_id", Text("@u#:example.com")),
            ("device_id", Text("D#")),
            ("token", Text("syt_#")),
            ("valid_until_ms", Number(1_900_000_000_000)),
            ("puppets_user_id", Maybe("")),
            ("last_validated", Number(1_600_000_000_000)),
            ("refresh_token_id", Id),
            ("used", Bool(false)),
        ],
    ),
    (
        "registration_tokens",
        &[
            ("token", Text("token #")),
            ("uses_allowed", Small(3)),
            ("pending", Small(0)),
            ("completed", Small(1)),
            ("expiry_time", Number(1_900_000_000_000)),
        ],
    ),
];

impl Column {
    /// What Synapse writes, in SQL.
    fn sane(self, row: u32) -> String {
        let text = |pattern: &str| format!("'{}'", pattern.replace('#', &row.to_string()));
        match self {
            Text(pattern) => text(pattern),
            Maybe("") => "NULL".to_owned(),
            Maybe(pattern) if row.is_multiple_of(2) => text(pattern),
            Id if row.is_multiple_of(2) => row.to_string(),
            Maybe(_) | Id => "NULL".to_owned(),
            Number(number) => number.to_string(),
            Key => row.to_string(),
            Switch(number) => number.to_string(),
            Small(number) => number.to_string(),
            Bool(value) => value.to_string(),
        }
    }

    /// A value that Synapse never or rarely writes, in SQL.
    fn garbage(self) -> BoxedStrategy<String> {
        let number = |smallest: i64, largest: i64| {
            let edges = select(vec![
                smallest,
                smallest + 1,
                -1,
                0,
                1,
                2,
                largest - 1,
                largest,
            ]);
            prop_oneof![edges, smallest..=largest].prop_map(|number| format!("({number})"))
        };
        let value = match self {
            Text(_) | Maybe(_) => {
                prop_oneof![odd_text(), any::<String>().prop_map(|text| quoted(&text))].boxed()
            }
            Number(_) | Id | Key => prop_oneof![
                number(i64::MIN, i64::MAX),
                number(-9_223_372_036_855, 9_223_372_036_855),
                number(-9_223_372_037, 9_223_372_037),
                number(-2, 9),
            ]
            .boxed(),
            Switch(_) => number(i16::MIN.into(), i16::MAX.into()).boxed(),
            Small(_) => number(i32::MIN.into(), i32::MAX.into()).boxed(),
            Bool(_) => select(vec!["true".to_owned(), "false".to_owned()]).boxed(),
        };
        prop_oneof![1 => Just("NULL".to_owned()), 3 => value].boxed()
    }
}

/// Strings that are easily mistaken for something else.
fn odd_text() -> BoxedStrategy<String> {
    let texts = [
        "",
        " ",
        ":",
        "@",
        "@:",
        "@:example.com",
        "@u1:example.com",
        "@u2:example.com:8448",
        "@u1:other.org",
        "u1:example.com",
        "@U1:example.com",
        "@a:b:example.com",
        "@u1:EXAMPLE.COM",
        "@u1:example.com ",
        "D1",
        "D2",
        "guest_device",
        "syt_1",
        "syr_2",
        "MDAx",
        "oidc",
        "oidc-one",
        "oauth-delegated",
        "saml",
        "email",
        "msisdn",
        "u1@example.com",
        "U1@EXAMPLE.COM",
        "@@",
        "$2b$",
        "$2b$99$",
        "NULL",
        "null",
        "%",
        "_",
        "'",
        "''; DROP TABLE users; --",
        "\\",
        "\\\\",
        "\"",
        "{}",
        "{\"a\":1}",
        "\n",
        "\r\n",
        "\t",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{202e}",
        "\u{feff}",
        "é",
        "e\u{301}",
        "İ",
        "ß",
        "🙂",
        "\u{10ffff}",
        "-",
        "::1",
        "999.999.999.999",
        "192.168.1.5/24",
        "0",
        "-1",
        "irc",
    ];
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    let long = select(vec![
        "repeat('x', 300)",
        "repeat('ä', 100000)",
        "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 100) i)",
    ]);
    prop_oneof![12 => select(texts), 1 => long.prop_map(str::to_owned)].boxed()
}

/// A text as SQL writes it. PostgreSQL has no zero bytes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "''"))
}

/// Statements that fill the tables with rows, of which each value is garbage with a probability.
pub fn rows(
    count: u32,
    probability: f64,
    runner: &mut proptest::test_runner::TestRunner,
) -> String {
    let mut statements = String::new();
    for (table, columns) in TABLES {
        for row in 1..=count {
            let values = columns.iter().map(|(_, column)| {
                let is_garbage = draw(prop::bool::weighted(probability), runner);
                if is_garbage {
                    draw(column.garbage(), runner)
                } else {
                    column.sane(row)
                }
            });
            let values: Vec<String> = values.collect();
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            statements.push_str(&format!(
                "INSERT INTO {table} ({}) VALUES ({});\n",
                names.join(", "),
                values.join(", ")
            ));
        }
    }
    statements
}

/// Statements that remove every constraint and index from the tables, so that they accept any
/// value.
pub fn without_constraints() -> String {
    let names: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
    let names = names.join("', '");
    format!(
        "DO $$ DECLARE found record; BEGIN
           FOR found IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
             WHERE contype IN ('f', 'c') AND conrelid::regclass::text IN ('{names}')
               OR contype = 'f' AND confrelid::regclass::text IN ('{names}')
           LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.t, found.conname); END LOOP;
           FOR found IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
             WHERE contype IN ('p', 'u') AND conrelid::regclass::text IN ('{names}')
           LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', found.t, found.conname); END LOOP;
           FOR found IN SELECT indexrelid::regclass AS i FROM pg_index
             WHERE indrelid::regclass::text IN ('{names}')
           LOOP EXECUTE format('DROP INDEX %s', found.i); END LOOP;
           FOR found IN SELECT attrelid::regclass AS t, attname FROM pg_attribute
             WHERE attrelid::regclass::text IN ('{names}') AND attnum > 0 AND attnotnull AND NOT attisdropped
           LOOP EXECUTE format('ALTER TABLE %s ALTER %I DROP NOT NULL', found.t, found.attname); END LOOP;
         END $$;
         TRUNCATE {};\n",
        names.replace('\'', "")
    )
}
