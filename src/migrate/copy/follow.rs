//! Brings the copy of Synapse's tables up to what they are now.
//!
//! A round reads one snapshot of Synapse's database over several connections. One scan of each table gives a
//! digest of each bucket of rows and the units that may have changed since the last round. The rows of
//! these units are fetched, compared with those of the copy, and replaced. Then the digests of the buckets
//! are compared. Where they differ, rows were deleted: the units that the copy has in such a bucket are
//! fetched as well. A round ends only when all digests are equal. So the copy is what Synapse's tables are
//! in the snapshot, however the changes were found.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use sqlx::{PgConnection, Row as _, postgres::PgRow};

use super::{
    changes::Changes,
    rows::{self, values},
    tables::{GROUPS, LANES, Table},
};
use crate::migrate::{
    MigrateError,
    postgres::connection::Database,
    verify::{Digest, Digests, Hasher, Row, differing, replace_rows},
};

/// Units that are fetched with one query.
const UNITS: usize = 2000;

/// Buckets of the copy that are read with one query.
const BUCKETS: usize = 64;

/// Rows of a table that share a bucket, about. All of them are fetched when one of them was deleted.
const BUCKET_ROWS: i64 = 64;

/// The number of buckets for a table with so many rows, a power of two. With more, the server would need
/// more time for each row.
pub fn buckets(rows: i64) -> i32 {
    let wanted = (rows / BUCKET_ROWS).clamp(1, 16384);
    let wanted = i32::try_from(wanted).unwrap_or(16384);
    1 << wanted.ilog2()
}

/// What is remembered of a table from round to round.
#[derive(Debug)]
pub struct Followed {
    /// The table.
    pub table: &'static Table,
    /// SQL types of its columns.
    pub types: Vec<String>,
    /// The number of its buckets.
    pub buckets: i32,
    /// The digests of the copy's buckets, once they were computed. None during a round, and after one
    /// that has failed.
    pub digests: Option<Digests>,
}

/// The tables of [`GROUPS`].
pub type Groups = [Vec<Followed>; LANES];

/// The oldest transaction that was running when a snapshot was taken. Rows that it or a later one has
/// written may be missing from the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since(u32);

impl Since {
    /// That of the current snapshot of a transaction.
    pub async fn now(
        connection: &mut PgConnection,
        database: &Database,
    ) -> Result<Self, MigrateError> {
        // Every server has this function. Its numbers do not wrap around, those of rows do.
        let oldest: i64 = sqlx::query_scalar("SELECT txid_snapshot_xmin(txid_current_snapshot())")
            .fetch_one(connection)
            .await
            .map_err(database.failed("cannot read its snapshot"))?;
        Ok(Since::of(oldest.cast_unsigned()))
    }

    #[expect(clippy::cast_possible_truncation, reason = "rows have the lower half")]
    fn of(transaction: u64) -> Self {
        Since(transaction as u32)
    }

    /// SQL condition: the row may have been written later. `age` counts transactions modulo 2^32, and a
    /// frozen row keeps its number. So a row that was frozen 2^32 transactions ago may be taken for a new
    /// one, which only costs time. One that was frozen more than 2^31 transactions ago seems to be of the
    /// future, and there may be many of them; but no row that the snapshot shows is of the future.
    fn is_later(self) -> String {
        // Nearly all rows are older, and for them only the first condition is computed.
        format!(
            "age(xmin) <= (SELECT age('{}'::xid)) AND age(xmin) >= 0",
            self.0
        )
    }
}

/// SQL types of the columns of a table, in the order of [`Table::columns`].
pub async fn types(
    connection: &mut PgConnection,
    database: &Database,
    table: &Table,
) -> Result<Vec<String>, MigrateError> {
    let found: Vec<(String, String)> = sqlx::query_as(
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = to_regclass($1) AND NOT attisdropped AND attnum > 0",
    )
    .bind(table.name)
    .fetch_all(connection)
    .await
    .map_err(database.failed("cannot read the columns of its tables"))?;
    let found: BTreeMap<String, String> = found.into_iter().collect();
    let columns = table.columns().into_iter();
    let types = columns.map(|column| {
        found
            .get(column)
            .cloned()
            .ok_or_else(|| MigrateError::Copy {
                problem: format!("Synapse's table {} has no column {column}", table.name),
            })
    });
    types.collect()
}

/// Both ends of a group of tables.
pub struct Lane<'a> {
    /// Synapse's database, and a connection to it in the snapshot of the round.
    pub synapse: (&'a Database, &'a mut PgConnection),
    /// The copy, and a connection to it in a transaction.
    pub copy: (&'a Database, &'a mut PgConnection),
    /// With the same seeds for both.
    pub hasher: &'a Hasher,
}

impl Lane<'_> {
    /// Brings the tables of a group up to the snapshot. Returns what has changed, and the new digests of
    /// each table, which are right once the transaction of the copy is committed.
    ///
    /// # Errors
    ///
    /// If a database cannot be read or written, a table has other columns than before, or the copy
    /// does not come to equal Synapse's table.
    pub async fn follow(
        mut self,
        group: &mut [Followed],
        since: Since,
    ) -> Result<(Changes, Vec<Digests>), MigrateError> {
        let mut changes = Changes::default();
        let known: Vec<Option<Digests>> = group.iter_mut().map(|it| it.digests.take()).collect();
        let mut new = Vec::new();
        for (followed, known) in group.iter().zip(known) {
            let now = types(self.synapse.1, self.synapse.0, followed.table).await?;
            if now != followed.types {
                return Err(MigrateError::Copy {
                    problem: format!(
                        "the columns of Synapse's table {} have changed. Has Synapse been updated?",
                        followed.table.name
                    ),
                });
            }
            new.push(
                self.follow_table(followed, known, since, &mut changes)
                    .await?,
            );
        }
        Ok((changes, new))
    }

    async fn follow_table(
        &mut self,
        followed: &Followed,
        known: Option<Digests>,
        since: Since,
        changes: &mut Changes,
    ) -> Result<Digests, MigrateError> {
        let (table, buckets) = (followed.table, followed.buckets);
        let mut of_copy = if let Some(digests) = known {
            digests
        } else {
            let sql = table.digests_alone(self.hasher, buckets);
            Digest::of_buckets(&fetch(&mut self.copy, sqlx::query(&sql)).await?)
        };
        let (of_synapse, units) = self.of_synapse(followed, since).await?;
        self.replace(followed, &mut of_copy, units, changes).await?;
        let sql = table.units_of_buckets(buckets);
        // What the copy still has, of which there may be much.
        for differing in differing(&of_synapse, &of_copy).chunks(BUCKETS) {
            let units = fetch(&mut self.copy, sqlx::query(&sql).bind(differing)).await?;
            self.replace(followed, &mut of_copy, texts(&units), changes)
                .await?;
        }
        // What else Synapse has. It has no index of buckets, so they are read at once.
        let differing = differing(&of_synapse, &of_copy);
        if !differing.is_empty() {
            let units = fetch(&mut self.synapse, sqlx::query(&sql).bind(&differing)).await?;
            self.replace(followed, &mut of_copy, texts(&units), changes)
                .await?;
        }
        if of_copy != of_synapse {
            return Err(MigrateError::Copy {
                problem: format!("the copy of Synapse's table {} differs from it", table.name),
            });
        }
        Ok(of_copy)
    }

    /// The digests of Synapse's table, and the units of its rows that may have changed.
    async fn of_synapse(
        &mut self,
        followed: &Followed,
        since: Since,
    ) -> Result<(Digests, BTreeSet<String>), MigrateError> {
        let (database, connection) = (self.synapse.0, &mut *self.synapse.1);
        let sql = (followed.table).digests(self.hasher, followed.buckets, &since.is_later());
        let mut rows = sqlx::query(&sql).fetch(connection);
        let (mut digests, mut units) = (Digests::new(), BTreeSet::new());
        let doing = "cannot digest its tables";
        while let Some(row) = rows.try_next().await.map_err(database.failed(doing))? {
            let changed: Option<Vec<Option<String>>> = row.get("units");
            for unit in changed.into_iter().flatten() {
                let Table { name, unit: of, .. } = followed.table;
                units.insert(unit.ok_or_else(|| MigrateError::Copy {
                    problem: format!("Synapse's table {name} has a row without {of}"),
                })?);
            }
            digests.insert(row.get("bucket"), Digest::read(&row));
        }
        Ok((digests, units))
    }

    /// Replaces the rows of these units in the copy by those of Synapse.
    async fn replace(
        &mut self,
        followed: &Followed,
        of_copy: &mut Digests,
        units: BTreeSet<String>,
        changes: &mut Changes,
    ) -> Result<(), MigrateError> {
        let table = followed.table;
        let units: Vec<String> = units.into_iter().collect();
        for units in units.chunks(UNITS) {
            let sql = table.rows();
            let (now, copied) = tokio::try_join!(
                fetch(&mut self.synapse, sqlx::query(&sql).bind(units)),
                fetch(&mut self.copy, sqlx::query(&sql).bind(units)),
            )?;
            let (now, copied) = (values(&now), values(&copied));
            let differing = changes.add(table, copied, now.clone());
            if differing.is_empty() {
                continue;
            }
            let unit = table.position(table.unit);
            let of_these = |row: &Row| row[unit].as_ref().is_some_and(|it| differing.contains(it));
            let now: Vec<Row> = now.into_iter().filter(of_these).collect();
            let differing: Vec<String> = differing.into_iter().collect();
            let removed = self.digests_of_units(followed, &differing).await?;
            self.write(followed, &differing, &now).await?;
            let added = self.digests_of_units(followed, &differing).await?;
            replace_rows(of_copy, &removed, &added);
        }
        Ok(())
    }

    /// The digests of the copy's buckets, with only the rows of these units.
    async fn digests_of_units(
        &mut self,
        followed: &Followed,
        units: &[String],
    ) -> Result<Digests, MigrateError> {
        let sql = (followed.table).digests_of_units(self.hasher, followed.buckets);
        let rows = fetch(&mut self.copy, sqlx::query(&sql).bind(units)).await?;
        Ok(Digest::of_buckets(&rows))
    }

    async fn write(
        &mut self,
        followed: &Followed,
        units: &[String],
        now: &[Row],
    ) -> Result<(), MigrateError> {
        let (database, connection) = (self.copy.0, &mut *self.copy.1);
        let failed = || database.failed("cannot write the copy");
        sqlx::query(&followed.table.delete())
            .bind(units)
            .execute(&mut *connection)
            .await
            .map_err(failed())?;
        let columns = followed.table.columns().into_iter();
        let columns: Vec<(&str, &str)> = columns
            .zip(followed.types.iter().map(String::as_str))
            .collect();
        rows::insert(connection, followed.table.name, &columns, now)
            .await
            .map_err(failed())
    }
}

/// The users of these refresh tokens' predecessors: whether those count depends on their successors.
pub async fn users_of_predecessors(
    copy: (&Database, &mut PgConnection),
    refresh_tokens: &BTreeSet<String>,
) -> Result<Vec<String>, MigrateError> {
    let tokens: Vec<&String> = refresh_tokens.iter().collect();
    sqlx::query_scalar(
        "SELECT DISTINCT user_id FROM refresh_tokens
         WHERE next_token_id = ANY($1::text[]::bigint[]) AND user_id IS NOT NULL",
    )
    .bind(tokens)
    .fetch_all(copy.1)
    .await
    .map_err(copy.0.failed("cannot read the copy"))
}

/// A query of PostgreSQL.
type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

async fn fetch(
    side: &mut (&Database, &mut PgConnection),
    query: Query<'_>,
) -> Result<Vec<PgRow>, MigrateError> {
    query
        .fetch_all(&mut *side.1)
        .await
        .map_err(side.0.failed("cannot compare its tables with the copy"))
}

fn texts(rows: &[PgRow]) -> BTreeSet<String> {
    rows.iter().filter_map(|row| row.get(0)).collect()
}

/// Scans the tables of a group as a round does.
pub async fn scan(
    mut synapse: (&Database, &mut PgConnection),
    group: &[Followed],
    hasher: &Hasher,
    since: Since,
) -> Result<(), MigrateError> {
    for followed in group {
        let sql = followed
            .table
            .digests(hasher, buckets(i64::MAX), &since.is_later());
        fetch(&mut synapse, sqlx::query(&sql)).await?;
    }
    Ok(())
}

/// All tables, before anything is known of them.
pub async fn all(
    connection: &mut PgConnection,
    synapse: &Database,
) -> Result<Groups, MigrateError> {
    let mut groups = Groups::default();
    for (group, tables) in groups.iter_mut().zip(GROUPS) {
        for table in tables.iter().copied() {
            group.push(Followed {
                table,
                types: types(connection, synapse, table).await?,
                buckets: 1,
                digests: None,
            });
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_buckets_is_a_power_of_two() {
        assert_eq!(buckets(0), 1);
        assert_eq!(buckets(300_000), 4096);
        assert_eq!(buckets(i64::MAX), 16384);
    }

    #[test]
    fn a_transaction_is_compared_by_its_lower_half() {
        let since = Since::of((7 << 32) + 1234);
        assert!(since.is_later().contains("age('1234'::xid)"));
    }
}
