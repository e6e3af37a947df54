//! Brings the copy of Synapse's tables up to what they are now.
//!
//! A round reads one snapshot of Synapse's database over several connections. The first round compares everything
//! (`follow_all`): one scan of each table gives a digest of each bucket of rows and the units that may have
//! changed since the copy was made. The rows of these units are fetched, compared with those of the copy, and
//! replaced. Then the digests of the buckets are compared. Where they differ, rows were deleted: the units that
//! the copy has in such a bucket are fetched as well. The round ends only when all digests are equal. So the
//! copy is what Synapse's tables are in the snapshot, however the changes were found.
//!
//! Later rounds compare only what can have changed since the round before (`follow_ranges`). They count the rows of
//! each range of blocks. PostgreSQL never changes a version of a row: a row is inserted, updated or deleted only by
//! adding a version of a later transaction, or by taking one away. So a range without rows of later transactions and
//! with as many rows as before has the same rows as before. All others are compared by digest.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::TryStreamExt;
use sqlx::{PgConnection, Row as _, postgres::PgRow};

use super::{
    changes::Changes,
    rows::{self, values},
    tables::{BLOCKS, GROUPS, LANES, PLACE, PLACE_TYPE, Place, Table},
};
use crate::migrate::{
    MigrateError,
    postgres::connection::Database,
    verify::{Digest, Digests, Hasher, Row, differing, replace_rows, without_common},
};

/// Units that are fetched with one query.
const UNITS: usize = 2000;

/// Buckets of the copy that are read with one query.
const BUCKETS: usize = 64;

/// Ranges of blocks whose rows are compared with one query.
const RANGES: usize = 256;

/// If one of so many ranges can have changed, it is not worth while to look at them one by one.
const MANY: usize = 2;

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
    /// Their numbers in the table. A column that is dropped and added again has another one.
    numbers: Vec<i16>,
    /// The number of its buckets.
    pub buckets: i32,
    /// The file that it was in last. None if its rows have no lasting places, or that was before it was copied.
    file: Option<i64>,
    /// Whether the copy has the place of each row.
    has_places: bool,
    /// How many rows each range of its blocks had in the snapshot of the last round. None if that is unknown: before
    /// the first round, during a round, and after one that has failed.
    pub ranges: Option<Vec<i32>>,
}

impl Followed {
    /// Finds the file that the table is in, before it is copied from this connection.
    pub async fn find(
        &mut self,
        connection: &mut PgConnection,
        synapse: &Database,
    ) -> Result<(), MigrateError> {
        self.file = file(connection, synapse, self.table).await?;
        self.has_places = self.file.is_some();
        Ok(())
    }

    /// Forgets where rows are, so that everything is compared from now on.
    pub fn forget(&mut self) {
        self.has_places = false;
        self.ranges = None;
    }
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

/// SQL types and numbers of the columns of a table, in the order of [`Table::columns`].
async fn columns(
    connection: &mut PgConnection,
    database: &Database,
    table: &Table,
) -> Result<(Vec<String>, Vec<i16>), MigrateError> {
    let found: Vec<(String, String, i16)> = sqlx::query_as(
        "SELECT attname::text, format_type(atttypid, atttypmod), attnum FROM pg_attribute
         WHERE attrelid = to_regclass($1) AND NOT attisdropped AND attnum > 0",
    )
    .bind(table.name)
    .fetch_all(connection)
    .await
    .map_err(database.failed("cannot read the columns of its tables"))?;
    let found = found.into_iter();
    let found: BTreeMap<String, (String, i16)> = found
        .map(|(name, of_type, number)| (name, (of_type, number)))
        .collect();
    let columns = table.columns().into_iter();
    let columns = columns.map(|column| {
        found
            .get(column)
            .cloned()
            .ok_or_else(|| MigrateError::Copy {
                problem: format!("Synapse's table {} has no column {column}", table.name),
            })
    });
    let columns: Vec<(String, i16)> = columns.collect::<Result<_, _>>()?;
    Ok(columns.into_iter().unzip())
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
    /// Brings the tables of a group up to the snapshot. Returns what has changed, and how many rows the ranges of each
    /// table have, which is right once the transaction of the copy is committed.
    ///
    /// # Errors
    ///
    /// If a database cannot be read or written, a table has other columns than before, or the copy
    /// does not come to equal Synapse's table.
    pub async fn follow(
        mut self,
        group: &mut [Followed],
        since: Since,
    ) -> Result<(Changes, Vec<Option<Vec<i32>>>), MigrateError> {
        let mut changes = Changes::default();
        let known: Vec<_> = group.iter_mut().map(|it| it.ranges.take()).collect();
        let mut new = Vec::new();
        for (followed, known) in group.iter_mut().zip(known) {
            let file = file(self.synapse.1, self.synapse.0, followed.table).await?;
            if file != followed.file {
                followed.forget();
                followed.file = file;
            }
            let (types, numbers) = columns(self.synapse.1, self.synapse.0, followed.table).await?;
            if (&types, &numbers) != (&followed.types, &followed.numbers) {
                return Err(MigrateError::Copy {
                    problem: format!(
                        "the columns of Synapse's table {} have changed. Has Synapse been updated?",
                        followed.table.name
                    ),
                });
            }
            let known = known.filter(|_| followed.has_places);
            let ranges = match known {
                Some(known) => {
                    self.follow_ranges(followed, known, since, &mut changes)
                        .await?
                }
                None => None,
            };
            new.push(if ranges.is_some() {
                ranges
            } else {
                self.follow_all(followed, since, &mut changes).await?;
                self.ranges(followed, since).await?
            });
        }
        Ok((changes, new))
    }

    /// Compares all rows of the tables of a group. Those of a table that has got another file are no longer in the
    /// snapshot.
    ///
    /// # Errors
    ///
    /// If a database cannot be read, or they differ.
    pub async fn prove(mut self, group: &[Followed]) -> Result<(), MigrateError> {
        for followed in group {
            let table = followed.table;
            if file(self.synapse.1, self.synapse.0, table).await? != followed.file {
                tracing::warn!(
                    "Synapse's table {} was written to another file, so it was not compared",
                    table.name
                );
                continue;
            }
            let sql = table.digests_alone(self.hasher, followed.buckets);
            let [of_synapse, of_copy] = [&sql, &sql].map(|sql| sqlx::query(sql));
            let (of_synapse, of_copy) = self.fetch_both(of_synapse, of_copy).await?;
            if Digest::of_buckets(&of_synapse) != Digest::of_buckets(&of_copy) {
                return Err(MigrateError::Copy {
                    problem: format!(
                        "the copy of Synapse's table {} differs from what the table was at the cutover",
                        table.name
                    ),
                });
            }
        }
        Ok(())
    }

    /// Brings a table up to the snapshot by comparing all of it.
    async fn follow_all(
        &mut self,
        followed: &Followed,
        since: Since,
        changes: &mut Changes,
    ) -> Result<(), MigrateError> {
        let (table, buckets) = (followed.table, followed.buckets);
        let sql = table.digests_alone(self.hasher, buckets);
        let mut of_copy = Digest::of_buckets(&fetch(&mut self.copy, sqlx::query(&sql)).await?);
        let (of_synapse, units) = self.of_synapse(followed, since).await?;
        self.replace(followed, Some(&mut of_copy), units, changes)
            .await?;
        let sql = table.units_of_buckets(buckets);
        // What the copy still has, of which there may be much.
        for differing in differing(&of_synapse, &of_copy).chunks(BUCKETS) {
            let units = fetch(&mut self.copy, sqlx::query(&sql).bind(differing)).await?;
            self.replace(followed, Some(&mut of_copy), texts(&units), changes)
                .await?;
        }
        // What else Synapse has. It has no index of buckets, so they are read at once.
        let differing = differing(&of_synapse, &of_copy);
        if !differing.is_empty() {
            let units = fetch(&mut self.synapse, sqlx::query(&sql).bind(&differing)).await?;
            self.replace(followed, Some(&mut of_copy), texts(&units), changes)
                .await?;
        }
        if of_copy == of_synapse {
            Ok(())
        } else {
            Err(differs(table))
        }
    }

    /// Brings a table up to the snapshot by comparing the ranges of blocks that can have changed since the snapshot
    /// of `known`. Returns how many rows each range has now, or none if so many can have changed that it is better to
    /// compare everything.
    async fn follow_ranges(
        &mut self,
        followed: &Followed,
        mut known: Vec<i32>,
        since: Since,
        changes: &mut Changes,
    ) -> Result<Option<Vec<i32>>, MigrateError> {
        let table = followed.table;
        let later = since.is_later();
        let found = changed_ranges(&mut self.synapse, table, &mut known, since).await?;
        // As after a transaction that has been open for long.
        if found.len() > RANGES && found.len() > known.len() / MANY {
            return Ok(None);
        }
        let all: Vec<i32> = found.iter().map(|it| it.range).collect();
        for ranges in all.chunks(RANGES) {
            let sql = table.later_units(&later);
            let rows = fetch(&mut self.synapse, sqlx::query(&sql).bind(ranges)).await?;
            let units = rows.iter().map(|row| unit(table, row.get("unit")));
            let units = units.collect::<Result<_, _>>()?;
            self.replace(followed, None, units, changes).await?;
        }
        // Where rows are missing, they were deleted, or the update of one has put it elsewhere.
        let less = found.iter().filter(|it| it.has_lost_rows);
        let less: Vec<i32> = less.map(|it| it.range).collect();
        for ranges in less.chunks(RANGES) {
            let sql = [Place::InSynapse, Place::InCopy].map(|place| table.places(place));
            let [still, copied] = sql.each_ref().map(|sql| sqlx::query(sql).bind(ranges));
            let (still, copied) = self.fetch_both(still, copied).await?;
            let place =
                |row: &PgRow| -> (String, Option<String>) { (row.get("place"), row.get("unit")) };
            let still: HashSet<_> = still.iter().map(place).collect();
            let gone = copied.iter().filter(|row| !still.contains(&place(row)));
            let units = gone.map(|row| unit(table, row.get("unit")));
            let units = units.collect::<Result<_, _>>()?;
            self.replace(followed, None, units, changes).await?;
        }
        for ranges in all.chunks(RANGES) {
            let sql = [Place::InSynapse, Place::InCopy]
                .map(|place| table.digests_of_ranges(self.hasher, place));
            let [of_synapse, of_copy] = sql.each_ref().map(|sql| sqlx::query(sql).bind(ranges));
            let (of_synapse, of_copy) = self.fetch_both(of_synapse, of_copy).await?;
            if Digest::of_buckets(&of_synapse) != Digest::of_buckets(&of_copy) {
                return Err(differs(table));
            }
        }
        Ok(Some(known))
    }

    /// How many rows each range of a table has. None if the places of its rows are unknown.
    async fn ranges(
        &mut self,
        followed: &Followed,
        since: Since,
    ) -> Result<Option<Vec<i32>>, MigrateError> {
        if !followed.has_places {
            return Ok(None);
        }
        let mut known = Vec::new();
        changed_ranges(&mut self.synapse, followed.table, &mut known, since).await?;
        Ok(Some(known))
    }

    /// The rows of a query to each side, at the same time.
    async fn fetch_both(
        &mut self,
        of_synapse: Query<'_>,
        of_copy: Query<'_>,
    ) -> Result<(Vec<PgRow>, Vec<PgRow>), MigrateError> {
        tokio::try_join!(
            fetch(&mut self.synapse, of_synapse),
            fetch(&mut self.copy, of_copy),
        )
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
            for changed in changed.into_iter().flatten() {
                units.insert(unit(followed.table, changed)?);
            }
            digests.insert(row.get("bucket"), Digest::read(&row));
        }
        Ok((digests, units))
    }

    /// Replaces the rows of these units in the copy by those of Synapse, and their digests in those of the copy's
    /// buckets.
    async fn replace(
        &mut self,
        followed: &Followed,
        mut of_copy: Option<&mut Digests>,
        units: BTreeSet<String>,
        changes: &mut Changes,
    ) -> Result<(), MigrateError> {
        let table = followed.table;
        let units: Vec<String> = units.into_iter().collect();
        for units in units.chunks(UNITS) {
            let sql = [Place::InSynapse, Place::InCopy].map(|place| table.rows(place));
            let [now, copied] = sql.each_ref().map(|sql| sqlx::query(sql).bind(units));
            let (now, copied) = self.fetch_both(now, copied).await?;
            let (now, copied) = (values(&now), values(&copied));
            changes.add(table, without_place(&copied), without_place(&now));
            // A row that was written anew as it was has another place.
            let (removed, added) = without_common(copied, now.clone());
            let unit = table.position(table.unit);
            let moved = removed.iter().chain(&added);
            let moved: BTreeSet<String> = moved.filter_map(|row| row[unit].clone()).collect();
            if moved.is_empty() {
                continue;
            }
            let of_these = |row: &Row| row[unit].as_ref().is_some_and(|it| moved.contains(it));
            let now: Vec<Row> = now.into_iter().filter(of_these).collect();
            let moved: Vec<String> = moved.into_iter().collect();
            match &mut of_copy {
                Some(of_copy) => {
                    let removed = self.digests_of_units(followed, &moved).await?;
                    self.write(followed, &moved, &now).await?;
                    let added = self.digests_of_units(followed, &moved).await?;
                    replace_rows(of_copy, &removed, &added);
                }
                None => self.write(followed, &moved, &now).await?,
            }
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
        let columns = columns.zip(followed.types.iter().map(String::as_str));
        let columns: Vec<(&str, &str)> = columns.chain([(PLACE, PLACE_TYPE)]).collect();
        rows::insert(connection, followed.table.name, &columns, now)
            .await
            .map_err(failed())
    }
}

/// A range of blocks that can have other rows than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ChangedRange {
    range: i32,
    /// Whether some of the rows from before are no longer there.
    has_lost_rows: bool,
}

/// The ranges of Synapse's table that can have other rows than when they had as many as in `known`, which then has the
/// numbers of rows of now.
async fn changed_ranges(
    synapse: &mut (&Database, &mut PgConnection),
    table: &Table,
    known: &mut Vec<i32>,
    since: Since,
) -> Result<Vec<ChangedRange>, MigrateError> {
    // A table can become shorter, but only by blocks in which no snapshot has a row.
    let blocks: i64 = sqlx::query_scalar(
        "SELECT pg_relation_size(to_regclass($1)) / current_setting('block_size')::bigint",
    )
    .bind(table.name)
    .fetch_one(&mut *synapse.1)
    .await
    .map_err(synapse.0.failed("cannot read the size of its tables"))?;
    let ranges = usize::try_from((blocks + BLOCKS - 1) / BLOCKS).unwrap_or_default();
    known.resize(ranges.max(known.len()), 0);
    let sql = table.changed_ranges(&since.is_later());
    let rows = fetch(synapse, sqlx::query(&sql).bind(&*known)).await?;
    let mut changed = Vec::new();
    for row in &rows {
        let (range, rows, later): (i32, i32, i32) =
            (row.get("range"), row.get("rows"), row.get("later"));
        let before = usize::try_from(range).ok().and_then(|at| known.get_mut(at));
        let before = before.map(|before| std::mem::replace(before, rows));
        changed.push(ChangedRange {
            range,
            has_lost_rows: before.is_none_or(|before| rows - later != before),
        });
    }
    Ok(changed)
}

/// The file that a table is in, from now until the end of the transaction. None if its rows have no lasting places
/// in it, or the server cannot read a range of blocks (before PostgreSQL 14).
async fn file(
    connection: &mut PgConnection,
    database: &Database,
    table: &Table,
) -> Result<Option<i64>, MigrateError> {
    let doing = "cannot see where its tables are";
    // Nobody can write it to another file now.
    sqlx::raw_sql(&format!("LOCK TABLE {} IN ACCESS SHARE MODE", table.name))
        .execute(&mut *connection)
        .await
        .map_err(database.failed(doing))?;
    let file: Option<Option<i64>> = sqlx::query_scalar(
        "SELECT pg_relation_filenode(pg_class.oid)::bigint
         FROM pg_class JOIN pg_am ON pg_am.oid = relam
         WHERE pg_class.oid = to_regclass($1) AND relkind = 'r' AND NOT relhassubclass AND amname = 'heap'
           AND current_setting('server_version_num')::integer >= 140000",
    )
    .bind(table.name)
    .fetch_optional(connection)
    .await
    .map_err(database.failed(doing))?;
    Ok(file.flatten())
}

fn differs(table: &Table) -> MigrateError {
    MigrateError::Copy {
        problem: format!("the copy of Synapse's table {} differs from it", table.name),
    }
}

/// A unit of a table, which must not be null.
fn unit(table: &Table, value: Option<String>) -> Result<String, MigrateError> {
    let Table { name, unit: of, .. } = table;
    value.ok_or_else(|| MigrateError::Copy {
        problem: format!("Synapse's table {name} has a row without {of}"),
    })
}

/// Rows without their last value, which is the place.
fn without_place(rows: &[Row]) -> Vec<Row> {
    let rows = rows.iter();
    rows.map(|row| row[..row.len() - 1].to_vec()).collect()
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

/// Scans the tables of a group as the last round does.
pub async fn scan(
    mut synapse: (&Database, &mut PgConnection),
    group: &[Followed],
    hasher: &Hasher,
    since: Since,
) -> Result<(), MigrateError> {
    for followed in group {
        let table = followed.table;
        if file(synapse.1, synapse.0, table).await?.is_some() {
            changed_ranges(&mut synapse, table, &mut Vec::new(), since).await?;
        } else {
            let sql = table.digests(hasher, buckets(i64::MAX), &since.is_later());
            fetch(&mut synapse, sqlx::query(&sql)).await?;
        }
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
            let (types, numbers) = columns(connection, synapse, table).await?;
            group.push(Followed {
                table,
                types,
                numbers,
                buckets: 1,
                file: None,
                has_places: false,
                ranges: None,
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
