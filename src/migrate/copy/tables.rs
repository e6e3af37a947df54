//! The tables of Synapse that are copied: which columns, and which rows belong together.

use crate::migrate::verify::{DIGEST, Hashable, Hasher};

/// How the values of a column are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    /// An integer. Below 2^53, as all of them are, no two give the same `float8`.
    Number,
    Flag,
}

/// A table of Synapse's that the import reads.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The column whose values say which rows belong together. They are fetched and replaced together,
    /// and Synapse has an index that begins with it.
    pub unit: &'static str,
    /// The column with the id of the user.
    pub user: &'static str,
    columns: &'static [(&'static str, Kind)],
}

/// The tables, in groups that take about the same time. Each group has a connection of its own.
pub const GROUPS: [&[&Table]; LANES] = [
    &[&DEVICES],
    &[&ACCESS_TOKENS],
    &[&USERS, &USER_THREEPIDS],
    &[&REFRESH_TOKENS, &USER_EXTERNAL_IDS],
];

/// The number of groups.
pub const LANES: usize = 4;

/// The columns of `devices` that only say when a device was last used.
pub const LAST_SEEN: [&str; 3] = ["last_seen", "ip", "user_agent"];

/// The accounts.
pub const USERS: Table = Table {
    name: "users",
    unit: "name",
    user: "name",
    columns: &[
        ("name", Kind::Text),
        ("password_hash", Kind::Text),
        ("creation_ts", Kind::Number),
        ("admin", Kind::Number),
        ("is_guest", Kind::Number),
        ("appservice_id", Kind::Text),
        ("deactivated", Kind::Number),
        ("locked", Kind::Flag),
    ],
};

/// The addresses.
pub const USER_THREEPIDS: Table = Table {
    name: "user_threepids",
    unit: "user_id",
    user: "user_id",
    columns: &[
        ("user_id", Kind::Text),
        ("medium", Kind::Text),
        ("address", Kind::Text),
        ("added_at", Kind::Number),
    ],
};

/// The links to accounts at identity providers.
pub const USER_EXTERNAL_IDS: Table = Table {
    name: "user_external_ids",
    unit: "user_id",
    user: "user_id",
    columns: &[
        ("user_id", Kind::Text),
        ("auth_provider", Kind::Text),
        ("external_id", Kind::Text),
    ],
};

/// The devices.
pub const DEVICES: Table = Table {
    name: "devices",
    unit: "user_id",
    user: "user_id",
    columns: &[
        ("user_id", Kind::Text),
        ("device_id", Kind::Text),
        ("display_name", Kind::Text),
        ("last_seen", Kind::Number),
        ("ip", Kind::Text),
        ("user_agent", Kind::Text),
        ("hidden", Kind::Flag),
    ],
};

/// The access tokens.
pub const ACCESS_TOKENS: Table = Table {
    name: "access_tokens",
    unit: "id",
    user: "user_id",
    columns: &[
        ("id", Kind::Number),
        ("user_id", Kind::Text),
        ("device_id", Kind::Text),
        ("token", Kind::Text),
        ("valid_until_ms", Kind::Number),
        ("puppets_user_id", Kind::Text),
        ("last_validated", Kind::Number),
        ("refresh_token_id", Kind::Number),
        ("used", Kind::Flag),
    ],
};

/// The refresh tokens.
pub const REFRESH_TOKENS: Table = Table {
    name: "refresh_tokens",
    unit: "id",
    user: "user_id",
    columns: &[
        ("id", Kind::Number),
        ("user_id", Kind::Text),
        ("device_id", Kind::Text),
        ("token", Kind::Text),
        ("next_token_id", Kind::Number),
    ],
};

impl Table {
    /// The names of the columns, in the order in which rows have them.
    pub fn columns(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(name, _)| *name).collect()
    }

    /// The position of a column in a row.
    ///
    /// # Panics
    ///
    /// If the table has no such column.
    pub fn position(&self, column: &str) -> usize {
        let position = self.columns.iter().position(|(name, _)| *name == column);
        position.unwrap_or_else(|| unreachable!("{} has no column {column}", self.name))
    }

    /// SQL type of the unit.
    fn unit_type(&self) -> &'static str {
        match self.columns[self.position(self.unit)].1 {
            Kind::Number => "bigint",
            Kind::Text | Kind::Flag => "text",
        }
    }

    /// SQL for the bucket of a unit. `buckets` is a power of two.
    fn bucket(&self, unit: &str, buckets: i32) -> String {
        let last = buckets - 1;
        match self.unit_type() {
            "bigint" => format!("(({unit} & {last})::integer)"),
            _ => format!("((coalesce(hashtextextended({unit}, 0), 0) & {last})::integer)"),
        }
    }

    /// Query for one digest of each bucket: columns `bucket`, `count` and `sum`. The column `units` has the
    /// units of the rows that meet the SQL condition `changed`.
    pub fn digests(&self, hasher: &Hasher, buckets: i32, changed: &str) -> String {
        let units = format!("array_agg(unit) FILTER (WHERE {changed}) AS units");
        self.grouped(hasher, buckets, &units, "true")
    }

    /// Query for one digest of each bucket, without units.
    pub fn digests_alone(&self, hasher: &Hasher, buckets: i32) -> String {
        self.grouped(hasher, buckets, "NULL AS units", "true")
    }

    /// Query for the digests of the buckets of the units in the array `$1`, with only the rows of these units.
    pub fn digests_of_units(&self, hasher: &Hasher, buckets: i32) -> String {
        self.grouped(hasher, buckets, "NULL AS units", &self.of_units())
    }

    fn grouped(&self, hasher: &Hasher, buckets: i32, units: &str, of_these: &str) -> String {
        let columns = self.columns.iter().map(|(name, kind)| match kind {
            Kind::Text => Hashable::Text((*name).to_owned()),
            Kind::Number => Hashable::Number(format!("{name}::float8")),
            Kind::Flag => Hashable::Flag((*name).to_owned()),
        });
        let columns: Vec<Hashable> = columns.collect();
        format!(
            "SELECT bucket, {DIGEST}, {units} FROM (
               SELECT {} AS bucket, {} AS x, {}::text AS unit, xmin FROM {} WHERE {of_these}) rows
             GROUP BY bucket",
            self.bucket(self.unit, buckets),
            hasher.row(&columns),
            self.unit,
            self.name,
        )
    }

    /// Query for the units in the buckets in the array `$1`, each once, as text.
    pub fn units_of_buckets(&self, buckets: i32) -> String {
        let Table { name, unit, .. } = self;
        let bucket = self.bucket(unit, buckets);
        format!("SELECT DISTINCT {unit}::text FROM {name} WHERE {bucket} = ANY($1)")
    }

    /// SQL condition: the row is one of the units in the array `$1`.
    fn of_units(&self) -> String {
        format!("{} = ANY($1::text[]::{}[])", self.unit, self.unit_type())
    }

    /// Query for the rows of the units in the array `$1`, all columns as text.
    pub fn rows(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|(name, _)| format!("{name}::text"))
            .collect();
        let (columns, name) = (columns.join(", "), self.name);
        format!("SELECT {columns} FROM {name} WHERE {}", self.of_units())
    }

    /// Statement that deletes the rows of the units in the array `$1`.
    pub fn delete(&self) -> String {
        format!("DELETE FROM {} WHERE {}", self.name, self.of_units())
    }

    /// Statement that makes the table in the copy. An autovacuum would make the import fail, which does not
    /// wait for locks.
    pub fn create(&self, types: &[String]) -> String {
        let columns: Vec<String> = self
            .columns()
            .iter()
            .zip(types)
            .map(|(name, of_type)| format!("{name} {of_type}"))
            .collect();
        format!(
            "CREATE TABLE {} ({}) WITH (autovacuum_enabled = off)",
            self.name,
            columns.join(", ")
        )
    }

    /// Statements that make the indexes of the copy: for units, users and buckets, and for what
    /// the rules of the import join.
    pub fn indexes(&self, buckets: i32) -> String {
        let Table {
            name, unit, user, ..
        } = self;
        let mut columns = vec![(*unit).to_owned(), self.bucket(unit, buckets)];
        if user != unit {
            columns.push((*user).to_owned());
        }
        match *name {
            "access_tokens" => columns.push("refresh_token_id".to_owned()),
            "refresh_tokens" => columns.push("next_token_id".to_owned()),
            _ => {}
        }
        let indexes = columns
            .iter()
            .map(|column| format!("CREATE INDEX ON {name} ({column}); "));
        indexes.collect::<String>() + &format!("ANALYZE {name}")
    }
}
