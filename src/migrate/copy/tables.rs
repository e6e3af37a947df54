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

/// The column of the copy that says where Synapse's table has the row: its `ctid`. A version of a row never moves
/// within a file.
pub const PLACE: &str = "place";

/// SQL type of [`PLACE`].
pub const PLACE_TYPE: &str = "tid";

/// Blocks of a table that make a range. All rows of a range are compared when one of them has changed; with fewer
/// blocks, there would be more ranges to count.
pub const BLOCKS: i64 = 4;

/// On which side a place is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In Synapse's table.
    InSynapse,
    /// In the copy.
    InCopy,
}

impl Place {
    fn column(self) -> &'static str {
        match self {
            Place::InSynapse => "ctid",
            Place::InCopy => PLACE,
        }
    }
}

/// SQL condition: the row is in the range with this number.
fn in_range(place: Place, range: &str) -> String {
    let column = place.column();
    let block = |range: &str| format!("format('(%s,0)', ({range})::bigint * {BLOCKS})::tid");
    format!(
        "{column} >= {} AND {column} < {}",
        block(range),
        block(&format!("{range} + 1"))
    )
}

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
        format!(
            "SELECT bucket, {DIGEST}, {units} FROM (
               SELECT {} AS bucket, {} AS x, {}::text AS unit, xmin FROM {} WHERE {of_these}) rows
             GROUP BY bucket",
            self.bucket(self.unit, buckets),
            self.hash(hasher),
            self.unit,
            self.name,
        )
    }

    /// Query for the ranges of blocks (column `range`) whose number of rows is not that in the array `$1`, or that
    /// have rows that meet the SQL condition `later`: how many rows they have (`rows`), and how many of those
    /// are such rows (`later`).
    pub fn changed_ranges(&self, later: &str) -> String {
        format!(
            "SELECT (known.n - 1)::integer AS range, found.rows::integer, found.later::integer
             FROM unnest($1::integer[]) WITH ORDINALITY known (rows, n),
               LATERAL (SELECT count(*) AS rows, count(*) FILTER (WHERE {later}) AS later
                 FROM {} WHERE {}) found
             WHERE found.rows <> known.rows OR found.later > 0",
            self.name,
            in_range(Place::InSynapse, "known.n - 1"),
        )
    }

    /// Query for the units of the rows in the ranges in the array `$1` that meet the SQL condition `later`.
    pub fn later_units(&self, later: &str) -> String {
        let columns = format!("{}::text AS unit", self.unit);
        self.in_ranges(Place::InSynapse, &columns, later)
    }

    /// Query for the places and the units of the rows in the ranges in the array `$1`.
    pub fn places(&self, place: Place) -> String {
        let column = place.column();
        let columns = format!("{column}::text AS place, {}::text AS unit", self.unit);
        self.in_ranges(place, &columns, "true")
    }

    /// Query for the digests of the ranges in the array `$1`.
    pub fn digests_of_ranges(&self, hasher: &Hasher, place: Place) -> String {
        let hash = format!("{} AS x", self.hash(hasher));
        format!(
            "SELECT range AS bucket, {DIGEST} FROM ({}) rows GROUP BY range",
            self.in_ranges(place, &hash, "true")
        )
    }

    fn in_ranges(&self, place: Place, columns: &str, condition: &str) -> String {
        // With OFFSET, the ranges are read one by one. A join of them with the table would read all of it.
        format!(
            "SELECT range, found.* FROM unnest($1::integer[]) range,
               LATERAL (SELECT {columns} FROM {} WHERE {} AND {condition} OFFSET 0) found",
            self.name,
            in_range(place, "range"),
        )
    }

    /// SQL for the hash of a row.
    fn hash(&self, hasher: &Hasher) -> String {
        let columns = self.columns.iter().map(|(name, kind)| match kind {
            Kind::Text => Hashable::Text((*name).to_owned()),
            Kind::Number => Hashable::Number(format!("{name}::float8")),
            Kind::Flag => Hashable::Flag((*name).to_owned()),
        });
        hasher.row(&columns.collect::<Vec<_>>())
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

    /// Query for the rows of the units in the array `$1`, all columns as text, and then the place.
    pub fn rows(&self, place: Place) -> String {
        let columns = self.columns().into_iter().chain([place.column()]);
        let columns: Vec<String> = columns.map(|name| format!("{name}::text")).collect();
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
        let columns = self.columns().into_iter();
        let columns = columns.zip(types.iter().map(String::as_str));
        let columns = columns.chain([(PLACE, PLACE_TYPE)]);
        let columns: Vec<String> = columns
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
        let mut columns = vec![
            (*unit).to_owned(),
            self.bucket(unit, buckets),
            PLACE.to_owned(),
        ];
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
