//! How many rows of any kind are compared without fetching them: each side's PostgreSQL digests its own,
//! and equal digests mean equal rows.
//!
//! A row is hashed to a number of 64 bits, `x`. A digest is the number of rows, and the sum of `x` over all
//! of them. The order of rows does not matter, and a row that is there twice counts twice.
//!
//! # How a row is hashed
//!
//! PostgreSQL's hash functions take a seed of 64 bits. The hash of the first column is the seed for the
//! second one, and so on: `hash(c3, hash(c2, hash(c1, seed)))`. Truth values are bits of the first seed.
//! Where a text or a UUID is NULL, a value of 128 bits stands for it that is drawn like the seeds; where a
//! time is NULL, a time that MAS cannot have.
//!
//! So what one column adds to `x` depends on all the columns before it. `hash_record_extended` would be
//! shorter, but it is `h = 31 * h + hash(column)`, modulo 2^64 (PostgreSQL's `rowtypes.c`). The sum of it
//! over all rows is a sum for each column by itself: two users can exchange their password hashes, and no
//! sum changes.
//!
//! Each seed is combined with the column's number. Without that, the first second of 1970 would be
//! transparent: `hashfloat8extended` gives the seed back for 0, so 0 and another time could change places.
//!
//! All the bits of a value are hashed. Texts and UUIDs are hashed whole. Times are hashed as seconds in
//! floating point, because PostgreSQL folds times of 64 bits to 32 first. Both sides compute the seconds from
//! the same number of microseconds, so equal times give equal numbers. The import takes times from 1677 to
//! 2262. Of these, different times give different numbers, except that before 1697-10-17 and after 2242-03-16
//! some that are 1 microsecond apart do not.
//!
//! # What collides
//!
//! Say some rows were changed, by whatever goes wrong without regard to the hash. Both sides are still called
//! equal only if
//!
//! - every changed row has the same `x` as one that it replaces, which happens with a probability of 2^-64
//!   for each column of each of them;
//! - or the numbers `x`, which are as good as drawn by chance, have the same sum: 2^-64.
//!
//! Where rows belong together, their hashes are combined by exclusive or, and the result is hashed once
//! more. That hash takes it as a floating-point number, which has 53 bits. So two different pairs have the
//! same hash with a probability below 2^-53, and nothing is left that an exchange would preserve.
//!
//! The seeds are drawn anew for each comparison. So what collides in one comparison does not in the next
//! one.
//!
//! The functions are not cryptographic. Somebody who chooses a text in Synapse's database and another one in
//! MAS's, of 24 bytes or more, can make both hash the same in one of about 1500 comparisons, whatever the
//! seeds. The digest finds what went wrong by accident; who may write to MAS's database does not need it to
//! err.

/// A value in SQL, by how it is hashed.
#[derive(Clone, Debug)]
pub enum Hashable {
    /// A text.
    Text(String),
    /// A truth value.
    Flag(String),
    /// A UUID.
    Uuid(String),
    /// A time, as seconds since 1970 in floating point.
    Time(String),
}

/// Writes hashes and digests in SQL, with seeds of its own.
#[derive(Clone, Copy, Debug)]
pub struct Hasher {
    seed: i64,
    seed_of_pairs: i64,
    /// Stands for a text or UUID that is NULL. Nobody knows it before.
    null: u128,
}

impl Default for Hasher {
    /// With new seeds.
    fn default() -> Self {
        Hasher {
            seed: rand::random(),
            seed_of_pairs: rand::random(),
            null: rand::random(),
        }
    }
}

impl Hasher {
    /// The hash of a row with these columns.
    #[must_use]
    pub fn row(&self, columns: &[Hashable]) -> String {
        let first = self.first_seed(columns);
        let numbered = columns.iter().zip(1_u64..);
        numbered.fold(first, |seed, (column, number)| {
            // 2^64 divided by the golden ratio: such numbers differ in about half of their bits.
            let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).cast_signed();
            self.column(column, &format!("{seed} # '{number}'"))
        })
    }

    /// The seed of the first column. Each truth value has two bits of it.
    fn first_seed(&self, columns: &[Hashable]) -> String {
        let flags = columns.iter().filter_map(|column| match column {
            Hashable::Flag(sql) => Some(sql),
            Hashable::Text(_) | Hashable::Uuid(_) | Hashable::Time(_) => None,
        });
        let bits = flags.enumerate().map(|(i, sql)| {
            let (set, null) = (1 << (2 * i), 2 << (2 * i));
            format!(" # CASE WHEN {sql} THEN {set} WHEN {sql} IS NULL THEN {null} ELSE 0 END")
        });
        format!("('{}'::bigint{})", self.seed, bits.collect::<String>())
    }

    /// The hash of a column with this seed.
    fn column(&self, column: &Hashable, seed: &str) -> String {
        let null = format!("{:032x}", self.null);
        match column {
            Hashable::Text(sql) => format!("hashtextextended(coalesce({sql}, '{null}'), {seed})"),
            Hashable::Uuid(sql) => format!("uuid_hash_extended(coalesce({sql}, '{null}'), {seed})"),
            // No time of MAS's is so long ago.
            Hashable::Time(sql) => format!("hashfloat8extended(coalesce({sql}, -1e300), {seed})"),
            Hashable::Flag(_) => seed.to_owned(),
        }
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
