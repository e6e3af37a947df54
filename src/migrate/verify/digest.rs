//! Compares any number of rows without fetching them: PostgreSQL computes a digest of the rows on each
//! side, and equal digests mean equal rows.
//!
//! A row is hashed to a 64-bit number, `x`. A digest is the number of rows and the sum of `x` over all
//! rows. The order of the rows does not matter, and a duplicate row counts twice.
//!
//! # How a row is hashed
//!
//! PostgreSQL's hash functions take a 64-bit seed. The hash of each column is the seed of the next one:
//! `hash(c3, hash(c2, hash(c1, seed)))`. Booleans are bits of the first seed. A random 128-bit value,
//! drawn like the seeds, replaces a text or UUID that is NULL. A time that MAS cannot have replaces a
//! time that is NULL.
//!
//! So what a column adds to `x` depends on all columns before it. `hash_record_extended` would be
//! shorter, but it computes `h = 31 * h + hash(column)`, modulo 2^64 (PostgreSQL's `rowtypes.c`). Its
//! sum over all rows is a sum for each column by itself: two users can exchange their password hashes,
//! and no sum changes.
//!
//! Each seed is combined with the column's number. Without that, the first second of 1970 would be
//! transparent: `hashfloat8extended` returns the seed unchanged for 0, so 0 and another time could
//! change places.
//!
//! All bits of a value are hashed. Texts and UUIDs are hashed whole. Times are hashed as seconds in
//! floating point, because PostgreSQL folds 64-bit times to 32 bits first. Both sides compute the
//! seconds from the same number of microseconds, so equal times give equal numbers. The import accepts
//! times from 1677 to 2262. Within this range, different times give different numbers, with one
//! exception: before 1697-10-17 and after 2242-03-16, some times that are 1 microsecond apart give the
//! same number.
//!
//! # Collisions
//!
//! Suppose that a fault changed some rows, without regard to the hash. Both sides still count as equal
//! only if
//!
//! - every changed row has the same `x` as a row that it replaces, which has a probability of 2^-64 for
//!   each column of each of these rows;
//! - or the numbers `x`, which behave like random numbers, have the same sum: 2^-64.
//!
//! Where rows belong together, their hashes are combined by exclusive or, and the result is hashed once
//! more. That hash takes it as a floating-point number, which has 53 bits. So two different pairs have
//! the same hash with a probability below 2^-53, and nothing remains that an exchange would preserve.
//!
//! The seeds are drawn anew for each comparison. So what collides in one comparison does not collide in
//! the next one.
//!
//! The functions are not cryptographic. An attacker who chooses a text in Synapse's database and another
//! one in MAS's, of 24 bytes or more, can make both have the same hash in one of about 1500 comparisons,
//! whatever the seeds. The digest finds accidental faults. An attacker who can write to MAS's database
//! does not need it to err.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Row as _, postgres::PgRow};

/// An SQL expression, by how its value is hashed.
#[derive(Clone, Debug)]
pub enum Hashable {
    /// A `text`, hashed with `hashtextextended`.
    Text(String),
    /// A `boolean`: two bits of the first seed.
    Flag(String),
    /// A `uuid`, hashed with `uuid_hash_extended`.
    Uuid(String),
    /// A `float8`, such as seconds since 1970, hashed with `hashfloat8extended`.
    Number(String),
}

/// Writes SQL expressions for hashes. Each hasher has its own random seeds.
#[derive(Clone, Copy, Debug)]
pub struct Hasher {
    seed: i64,
    seed_of_pairs: i64,
    /// Replaces a text or UUID that is NULL. It is random, so nobody knows it beforehand.
    null: u128,
}

impl Default for Hasher {
    /// Draws new seeds.
    fn default() -> Self {
        Hasher {
            seed: rand::random(),
            seed_of_pairs: rand::random(),
            null: rand::random(),
        }
    }
}

impl Hasher {
    /// SQL for the hash of a row with these columns, a `bigint`.
    #[must_use]
    pub fn row(&self, columns: &[Hashable]) -> String {
        let first = self.first_seed(columns);
        let numbered = columns.iter().zip(1_u64..);
        numbered.fold(first, |seed, (column, number)| {
            // 2^64 divided by the golden ratio: its multiples differ in about half of their bits.
            let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).cast_signed();
            self.column(column, &format!("{seed} # '{number}'"))
        })
    }

    /// SQL for the seed of the first column. Each boolean has two of its bits, one for true and one for
    /// NULL.
    fn first_seed(&self, columns: &[Hashable]) -> String {
        let flags = columns.iter().filter_map(|column| match column {
            Hashable::Flag(sql) => Some(sql),
            Hashable::Text(_) | Hashable::Uuid(_) | Hashable::Number(_) => None,
        });
        let bits = flags.enumerate().map(|(i, sql)| {
            let (set, null) = (1 << (2 * i), 2 << (2 * i));
            format!(" # CASE WHEN {sql} THEN {set} WHEN {sql} IS NULL THEN {null} ELSE 0 END")
        });
        format!("('{}'::bigint{})", self.seed, bits.collect::<String>())
    }

    /// SQL for the hash of a column. `seed` is an SQL expression too.
    fn column(&self, column: &Hashable, seed: &str) -> String {
        let null = format!("{:032x}", self.null);
        match column {
            Hashable::Text(sql) => format!("hashtextextended(coalesce({sql}, '{null}'), {seed})"),
            Hashable::Uuid(sql) => format!("uuid_hash_extended(coalesce({sql}, '{null}'), {seed})"),
            // MAS has no time this early, and no other number is this low.
            Hashable::Number(sql) => format!("hashfloat8extended(coalesce({sql}, -1e300), {seed})"),
            Hashable::Flag(_) => seed.to_owned(),
        }
    }

    /// SQL for the hash of a text; 0 for NULL.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        // The seed differs from that of rows. Otherwise a row and a text could cancel each other out.
        format!("coalesce(hashtextextended({text}, '{}'), 0)", !self.seed)
    }

    /// SQL for the sum over all pairs. Each `x`, the combined hash of a pair, is hashed once more.
    #[must_use]
    pub fn sum_of_pairs(&self, x: &str) -> String {
        format!(
            "sum(hashfloat8extended(({x})::float8, '{}'))",
            self.seed_of_pairs
        )
    }
}

/// SQL for the digest of rows with a hash `x`: columns `count` and `sum`.
pub const DIGEST: &str = "count(*) AS count, coalesce(sum(x), 0)::text AS sum";

/// A digest, as PostgreSQL returned it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Number of rows.
    pub count: i64,
    /// Sum of their hashes. It cannot overflow: there are fewer than 2^63 rows, and hashes have 64 bits.
    pub sum: i128,
}

/// Digests of buckets of rows, by bucket.
pub type Digests = BTreeMap<i32, Digest>;

impl Digest {
    /// Reads the columns of [`DIGEST`].
    ///
    /// # Panics
    ///
    /// If the sum is no integer, which PostgreSQL does not return for hashes.
    #[must_use]
    pub fn read(row: &PgRow) -> Self {
        let sum: &str = row.get("sum");
        Digest {
            count: row.get("count"),
            sum: sum.parse().expect("a sum of integers is an integer"),
        }
    }

    /// Reads digests with their column `bucket`.
    #[must_use]
    pub fn of_buckets(rows: &[PgRow]) -> Digests {
        rows.iter()
            .map(|row| (row.get("bucket"), Digest::read(row)))
            .collect()
    }
}

/// Turns the digests into those after some rows were replaced: `removed` has the digests of the old rows alone,
/// and `added` those of the new rows.
pub fn replace_rows(digests: &mut Digests, removed: &Digests, added: &Digests) {
    for (changes, sign) in [(removed, -1), (added, 1)] {
        for (bucket, change) in changes {
            let digest = digests.entry(*bucket).or_default();
            digest.count += sign * change.count;
            digest.sum += i128::from(sign) * change.sum;
        }
    }
    // A bucket without rows has no digest.
    digests.retain(|_, digest| *digest != Digest::default());
}

/// The buckets whose digests differ, sorted.
#[must_use]
pub fn differing(left: &Digests, right: &Digests) -> Vec<i32> {
    let buckets: BTreeSet<i32> = left.keys().chain(right.keys()).copied().collect();
    let differs = |bucket: &i32| left.get(bucket) != right.get(bucket);
    buckets.into_iter().filter(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests<const N: usize>(of: [(i32, i64, i128); N]) -> Digests {
        let digests = of.map(|(bucket, count, sum)| (bucket, Digest { count, sum }));
        digests.into()
    }

    #[test]
    fn replaced_rows_change_the_digests_of_their_buckets() {
        let mut of_table = digests([(1, 3, 60), (2, 1, -5), (4, 1, 9)]);
        let removed = digests([(1, 1, 10), (2, 1, -5)]);
        let added = digests([(1, 2, 7), (3, 1, 8)]);
        replace_rows(&mut of_table, &removed, &added);
        assert_eq!(of_table, digests([(1, 4, 57), (3, 1, 8), (4, 1, 9)]));
    }
}
