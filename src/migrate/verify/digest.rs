//! How many rows of any kind are compared without fetching them: each side's PostgreSQL digests its own,
//! and equal digests mean equal rows.
//!
//! A row is hashed to a number of 64 bits, `x`. A digest is the number of rows, and the sum of `mix(x)`
//! over all of them, where `mix` hashes once more. The order of rows does not matter, and a row that is
//! there twice counts twice.
//!
//! # Why the sum is not over `x` itself
//!
//! `hash_record_extended` is `h = 31 * h + hash(column)`, modulo 2^64 (PostgreSQL's `rowtypes.c`). It is
//! linear: the sum over all rows is a sum for each column by itself. Whoever exchanges two users' password
//! hashes changes no such sum. Nothing of that is left after `mix`. It hashes `x` as a text, because
//! PostgreSQL's hash of a number of 64 bits folds it to 32 bits first.
//!
//! # What collides
//!
//! Say some rows were changed, in whatever way. Both sides are still called equal only if
//!
//! - every changed row has the same `x` as one that it replaces. For two rows with different values that
//!   happens with a probability of 2^-64; if values were only exchanged between columns of one row, with
//!   2^-56 at most (31^k - 1 is a multiple of up to 2^8 for the few columns there are);
//! - or the numbers `mix(x)`, which are as good as drawn by chance, have the same sum: 2^-64.
//!
//! Columns are hashed with all their bits: PostgreSQL folds times of 64 bits to 32, whatever the seed, so
//! a time and a certain other one 72 minutes later would be the same; times are therefore hashed as their
//! eight bytes. Texts, bytes and UUIDs are hashed whole by PostgreSQL, and truth values and numbers of 32
//! bits cannot be folded.
//!
//! Where rows belong together, `x` is the hash of one, combined with that of the other by exclusive or:
//! two different pairs have the same `x` with a probability of 2^-64, and `mix` leaves nothing that an
//! exchange would preserve.
//!
//! The hash functions take seeds, which are drawn anew for each comparison. So what collides in one
//! comparison does not in the next one. The functions are not cryptographic, but nobody who writes rows
//! knows the seeds.
//!
//! Before PostgreSQL 14 there is no `hash_record_extended`. There a row is written as a text, which tells
//! all its values apart, and `hashtextextended` takes that whole: all that is said above holds.

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

    /// The sum of hashes, each hashed once more.
    #[must_use]
    pub fn sum(&self, x: &str) -> String {
        let seed = self.seed_of_mix;
        format!("sum(hashtextextended(({x})::text, '{seed}'))")
    }

    /// The digest of hashes `x`, as columns `count` and `sum`.
    #[must_use]
    pub fn digest(&self) -> String {
        format!("count(*) AS count, {}::text AS sum", self.sum("x"))
    }
}

/// A digest of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// How many rows there are.
    pub count: i64,
    /// The sum of their hashes, hashed once more; nothing if there are none.
    pub sum: Option<String>,
}
