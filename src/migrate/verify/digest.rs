//! How many rows of any kind are compared without fetching them: each side's PostgreSQL digests its own,
//! and equal digests mean equal rows.
//!
//! A row is hashed to a number of 64 bits, `x`. A digest is the number of rows, the sum of all `x`, and
//! the sum of `mix(x)`, where `mix` hashes once more. The order of rows does not matter, and a row that is
//! there twice counts twice.
//!
//! # Why one sum is not enough
//!
//! `hash_record_extended` is `h = 31 * h + hash(column)`, modulo 2^64 (PostgreSQL's `rowtypes.c`). It is
//! linear: the sum over all rows is a sum for each column by itself. Whoever exchanges two users' password
//! hashes changes no such sum. The sum of `mix(x)` is not linear in the columns, and changes.
//!
//! # What collides
//!
//! Say some rows were changed in whatever way. Both sides are still called equal only if
//!
//! - the sum of `x` is the same. Unless the change just moves values around within columns, that happens
//!   by chance, with a probability of about 2^-64;
//! - and the sum of `mix(x)` is the same. `mix` is `hashint8extended`, which folds `x` to 32 bits first, so
//!   this alone would be too weak for a single changed row: 2^-32. But if the first sum is the same by more
//!   than chance, at least two rows have changed, and each would have to keep its fold, or take that of the
//!   other one: 2^-64 again.
//!
//! Two rows with different values have the same `x` with a probability of 2^-64, and of at most 2^-56 if
//! they have the same values in other columns (31^k - 1 is a multiple of 2^8 for k = 8). Columns are hashed
//! with all their bits: PostgreSQL folds numbers and times of 64 bits to 32, whatever the seed, so
//! 2026-01-01 00:00:00 and a certain time 72 minutes later would be the same; times are therefore hashed as
//! their eight bytes. Texts, bytes and UUIDs are hashed whole by PostgreSQL, and truth values and numbers
//! of 32 bits cannot be folded.
//!
//! The hash functions take seeds, which are drawn anew for each comparison. So none of this holds for ever:
//! what collides in one comparison does not in the next one. The functions are not cryptographic, but
//! nobody who writes rows knows the seeds.
//!
//! Before PostgreSQL 14 there is no `hash_record_extended`. There a row is written as a text, which tells
//! all its values apart, and `hashtextextended` takes that whole; all that is said above holds, and `x` is
//! not even linear.

/// How PostgreSQL hashes a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Column by column: from version 14 on.
    Record,
    /// As a text, which takes longer.
    Text,
}

impl Form {
    /// What a server of this version can do, and every newer one. The version is a number: 150018 for
    /// 15.18.
    #[must_use]
    pub fn known_to(version: i32) -> Self {
        if version >= 140_000 {
            Form::Record
        } else {
            Form::Text
        }
    }
}

/// Writes hashes and digests in SQL, with seeds of its own.
#[derive(Clone, Copy, Debug)]
pub struct Hasher {
    form: Form,
    seed: i64,
    seed_of_mix: i64,
}

impl Hasher {
    /// With new seeds.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Hasher {
            form,
            seed: rand::random(),
            seed_of_mix: rand::random(),
        }
    }

    /// The hash of a row with these columns, of which there are at least two.
    #[must_use]
    pub fn row(&self, columns: &[String]) -> String {
        let row = format!("ROW({})", columns.join(", "));
        let seed = self.seed;
        match self.form {
            Form::Record => format!("hash_record_extended({row}, '{seed}')"),
            Form::Text => format!("hashtextextended({row}::text, '{seed}')"),
        }
    }

    /// The hash of a text; 0 for NULL.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        // Another seed than that of rows, or a row and a text could cancel each other out.
        format!("coalesce(hashtextextended({text}, '{}'), 0)", !self.seed)
    }

    /// The digest of hashes `x`, as columns `count`, `total` and `mixed`.
    #[must_use]
    pub fn digest(&self) -> String {
        let seed = self.seed_of_mix;
        format!(
            "count(*) AS count, sum(x)::text AS total,
             sum(hashint8extended(x, '{seed}'))::text AS mixed"
        )
    }
}

/// A digest of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// How many rows there are.
    pub count: i64,
    /// The sum of their hashes; nothing if there are none.
    pub total: Option<String>,
    /// The sum of their hashes, hashed once more.
    pub mixed: Option<String>,
}
