//! How many rows of any kind are compared without fetching them: each side's PostgreSQL digests its own,
//! and equal digests mean equal rows.
//!
//! A row is hashed to a number of 64 bits, `x`. A digest is the number of rows, and the sum of `x` over all
//! of them. The order of rows does not matter, and a row that is there twice counts twice.
//!
//! # How a row is hashed
//!
//! PostgreSQL's hash functions take a seed of 64 bits. The hash of the first column is the seed for the
//! second one, and so on: `hash(c3, hash(c2, hash(c1, seed)))`. Truth values, and which columns are NULL,
//! are bits of the first seed.
//!
//! So what one column adds to `x` depends on all the columns before it. `hash_record_extended` would be
//! shorter, but it is `h = 31 * h + hash(column)`, modulo 2^64 (PostgreSQL's `rowtypes.c`). The sum of it
//! over all rows is a sum for each column by itself: two users can exchange their password hashes, and no
//! sum changes.
//!
//! All the bits of a value are hashed. Texts and UUIDs are hashed whole. Numbers have 32 bits. Times are
//! hashed as seconds in floating point, because PostgreSQL folds times of 64 bits to 32 first. Both sides
//! compute the seconds from the same number of microseconds, so equal times give equal numbers. Different
//! times give different numbers, except for two times after 2242 that are less than 4 microseconds apart.
//!
//! # What collides
//!
//! Say some rows were changed, in whatever way. Both sides are still called equal only if
//!
//! - every changed row has the same `x` as one that it replaces, which happens with a probability of 2^-64
//!   for each of them;
//! - or the numbers `x`, which are as good as drawn by chance, have the same sum: 2^-64.
//!
//! Where rows belong together, their hashes are combined by exclusive or, and the result is hashed once
//! more. That hash takes it as a floating-point number, which keeps its first 53 bits. So two different
//! pairs have the same hash with a probability of 2^-53, and nothing is left that an exchange would
//! preserve.
//!
//! The seeds are drawn anew for each comparison. So what collides in one comparison does not in the next
//! one. The functions are not cryptographic, but nobody who writes rows knows the seeds.

/// Stands for a UUID that is NULL.
const NO_UUID: &str = "00000000-0000-0000-0000-000000000000";

/// A value in SQL, by how it is hashed.
#[derive(Clone, Debug)]
pub enum Hashable {
    /// A text.
    Text(String),
    /// A truth value.
    Flag(String),
    /// A number of 32 bits.
    Number(String),
    /// A UUID.
    Uuid(String),
    /// A time, as seconds since 1970 in floating point.
    Time(String),
}

impl Hashable {
    /// The hash of the value with this seed. NULL is hashed like some other value: the seed tells them
    /// apart.
    fn hash(&self, seed: &str) -> String {
        match self {
            Hashable::Text(sql) => format!("hashtextextended(coalesce({sql}, ''), {seed})"),
            Hashable::Number(sql) => format!("hashint4extended(coalesce({sql}, 0), {seed})"),
            Hashable::Uuid(sql) => {
                format!("uuid_hash_extended(coalesce({sql}, '{NO_UUID}'), {seed})")
            }
            Hashable::Time(sql) => format!("hashfloat8extended(coalesce({sql}, 0), {seed})"),
            Hashable::Flag(_) => seed.to_owned(),
        }
    }

    /// What the value adds to the bits of the first seed, of which the `bit`th and the next one are its own.
    fn bits(&self, bit: usize) -> String {
        let (null, set) = (1_u64 << bit, 2_u64 << bit);
        match self {
            Hashable::Flag(sql) => {
                format!("CASE WHEN {sql} THEN {set} WHEN {sql} IS NULL THEN {null} ELSE 0 END")
            }
            Hashable::Text(sql)
            | Hashable::Number(sql)
            | Hashable::Uuid(sql)
            | Hashable::Time(sql) => format!("CASE WHEN {sql} IS NULL THEN {null} ELSE 0 END"),
        }
    }
}

/// Writes hashes and digests in SQL, with seeds of its own.
#[derive(Clone, Copy, Debug)]
pub struct Hasher {
    seed: i64,
    seed_of_pairs: i64,
}

impl Hasher {
    /// With new seeds.
    #[must_use]
    pub fn new() -> Self {
        Hasher {
            seed: rand::random(),
            seed_of_pairs: rand::random(),
        }
    }

    /// The hash of a row with these columns, of which there are fewer than 32.
    #[must_use]
    pub fn row(&self, columns: &[Hashable]) -> String {
        let numbered = columns.iter().enumerate();
        let bits: Vec<String> = numbered.map(|(i, column)| column.bits(2 * i)).collect();
        let first = format!("('{}'::bigint # ({})::bigint)", self.seed, bits.join(" + "));
        columns
            .iter()
            .fold(first, |seed, column| column.hash(&seed))
    }

    /// The hash of a text; 0 for NULL.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        // Another seed than that of rows, or a row and a text could cancel each other out.
        format!("coalesce(hashtextextended({text}, '{}'), 0)", !self.seed)
    }

    /// The sum of hashes that were combined, each hashed once more.
    #[must_use]
    pub fn sum_of_pairs(&self, x: &str) -> String {
        format!(
            "sum(hashfloat8extended(({x})::float8, '{}'))",
            self.seed_of_pairs
        )
    }
}

/// The digest of hashes `x`, as columns `count` and `sum`.
pub const DIGEST: &str = "count(*) AS count, sum(x)::text AS sum";

/// A digest of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// How many rows there are.
    pub count: i64,
    /// The sum of their hashes; nothing if there are none.
    pub sum: Option<String>,
}
