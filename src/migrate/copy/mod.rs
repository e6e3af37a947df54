//! A copy of Synapse's tables that is made while Synapse runs, and follows it until the cutover.
//!
//! The copy is in a temporary database on MAS's server. `mas-cli` imports from it, the import is compared
//! with it, and then rounds bring both up to what Synapse has now (`follow.rs`, `mas.rs`). For the last
//! round Synapse is stopped and its tables are locked, until everything is switched. Synapse's database is
//! only read.

mod changes;
mod follow;
mod mas;
pub mod proof;
mod rate;
mod rows;
mod tables;
mod witness;

use std::time::{Duration, Instant};

use futures_util::{TryStreamExt, future::try_join_all};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

pub use self::mas::Untouched;
use self::{
    changes::Changes,
    follow::{Followed, Groups, Lane, Since},
    mas::Importer,
    rate::Rate,
    tables::{LANES, PLACE, Table},
    witness::Witness,
};
use crate::migrate::{
    MigrateError,
    postgres::{
        connection::Database,
        scratch::Scratch,
        tables::{Lock, TABLES, lock},
    },
    verify::{Comparison, Hasher},
};

/// Progress of the copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Rows so far.
    pub rows: u64,
    /// Rows that there are, about.
    pub of: u64,
}

/// A round of catching up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// Rows of Synapse's that had changed.
    pub rows: usize,
    /// Users for whom everything was imported anew.
    pub users: usize,
    /// Devices that had only been used.
    pub seen: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// The copy, and how far it has followed.
#[derive(Debug)]
pub struct LiveCopy {
    scratch: Scratch,
    synapse: Database,
    comparison: Comparison,
    hasher: Hasher,
    groups: Groups,
    since: Since,
    /// A session that Synapse's server has had since before the copy was made. None once it was lost.
    witness: Option<Witness>,
    /// A connection with the snapshot of the last round, for [`LiveCopy::prove`], and its process id. It has read no
    /// table, so it keeps nobody from changing one.
    last: Option<(PgConnection, i32)>,
    /// What the copy may already have, and MAS's database not yet.
    pending: Changes,
    is_prepared: bool,
    /// Holds the locks on Synapse's tables after the last round.
    pub lock: Option<Lock>,
}

/// Connections to Synapse's database with one snapshot, one for each group of tables.
struct Snapshot {
    connections: Vec<PgConnection>,
    since: Since,
    lock: Option<Lock>,
}

impl Snapshot {
    /// Takes a snapshot. With `locked`, nobody can write to the tables from before it until the lock is
    /// dropped.
    async fn take(synapse: &Database, locked: bool) -> Result<Self, MigrateError> {
        let mut lock = if locked {
            Some(lock(synapse).await?)
        } else {
            None
        };
        let mut first = match &mut lock {
            Some(lock) => synapse.same_snapshot(&mut lock.connection).await?,
            None => synapse.snapshot().await?,
        };
        let since = Since::now(&mut first, synapse).await?;
        let mut connections = Vec::new();
        for _ in 1..LANES {
            connections.push(synapse.same_snapshot(&mut first).await?);
        }
        connections.push(first);
        for connection in &mut connections {
            // The number of groups is known, and the planner thinks that there are far more. It also thinks that
            // each needs 8 kB, and with less memory than that for all of them PostgreSQL would write rows to disk.
            // In fact, 10 MB are enough. Ranges of blocks are read by TID.
            // Who waits for a stronger lock than ours is not waited for in turn: with Synapse down, not for long.
            let patience = if locked { "10s" } else { "60s" };
            let settings = format!(
                "SET enable_sort = off; SET enable_tidscan = on; SET work_mem = '256MB'; \
                 SET lock_timeout = '{patience}'"
            );
            sqlx::raw_sql(&settings)
                .execute(connection)
                .await
                .map_err(synapse.failed("cannot set up the session"))?;
        }
        Ok(Snapshot {
            connections,
            since,
            lock,
        })
    }
}

impl LiveCopy {
    /// Copies Synapse's tables, as they are at one instant, into a temporary database. `rate` limits how many
    /// bytes are read in a second.
    ///
    /// # Errors
    ///
    /// If a database cannot be read or written. Then `scratch` still exists.
    pub async fn make(
        scratch: Scratch,
        synapse: &Database,
        comparison: Comparison,
        rate: Option<u64>,
        on_progress: &mut dyn FnMut(Copied),
    ) -> Result<Self, (Scratch, MigrateError)> {
        let witness = match Witness::new(synapse).await {
            Ok(witness) => Some(witness),
            Err(error) => return Err((scratch, error)),
        };
        match fill(&scratch.database, synapse, rate, on_progress).await {
            Ok((groups, since)) => Ok(LiveCopy {
                scratch,
                synapse: synapse.clone(),
                comparison,
                hasher: Hasher::default(),
                groups,
                since,
                witness,
                last: None,
                pending: Changes::default(),
                is_prepared: false,
                lock: None,
            }),
            Err(error) => Err((scratch, error)),
        }
    }

    /// The database with the copy.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.scratch.database
    }

    /// The process ids of its connections to Synapse's server.
    ///
    /// # Errors
    ///
    /// If a server does not answer.
    pub async fn sessions_in_synapse(&self) -> Result<Vec<i32>, MigrateError> {
        let owner = self.scratch.owner_in(&self.synapse).await?;
        let witness = self.witness.iter().map(Witness::pid);
        let last = self.last.iter().map(|(_, pid)| *pid);
        Ok(owner.into_iter().chain(witness).chain(last).collect())
    }

    /// Brings the copy and MAS's database up to what Synapse has now, and compares with the copy what MAS has
    /// of every user who is concerned. With `is_last`, Synapse's tables are locked before, and stay locked
    /// as long as [`LiveCopy::lock`] is there.
    ///
    /// # Errors
    ///
    /// If a database cannot be read or written, or what Synapse has now cannot be imported. Then MAS's
    /// database is as before.
    pub async fn catch_up(&mut self, mas: &Database, is_last: bool) -> Result<Round, MigrateError> {
        let begun = Instant::now();
        self.lock = None;
        self.scratch.keep().await?;
        self.prepare(mas).await?;
        self.last = None;
        let mut snapshot = Snapshot::take(&self.synapse, is_last).await?;
        // Asked after the snapshot was taken.
        let is_there = match &mut self.witness {
            Some(witness) => witness.is_there().await,
            None => false,
        };
        if !is_there {
            self.groups.iter_mut().flatten().for_each(Followed::forget);
            if let Some(witness) = self.witness.take() {
                tracing::debug!("a session of Synapse's server is lost");
                witness.end(&self.synapse).await?;
            }
        }
        tracing::debug!("a snapshot: {:?}", begun.elapsed());
        let mut end = self.follow(&mut snapshot).await?;
        tracing::debug!("the copy is up to it: {:?}", begun.elapsed());
        let copy = &self.scratch.database;
        let predecessors =
            follow::users_of_predecessors((copy, &mut end), &self.pending.refresh_tokens).await?;
        self.pending.users.extend(predecessors);
        let importer = Importer::new(&self.comparison, copy, &mut end, mas).await?;
        importer.import(&self.pending, is_last).await?;
        tracing::debug!("MAS's database is up to it: {:?}", begun.elapsed());
        let changes = std::mem::take(&mut self.pending);
        if is_last {
            self.last = self.keep(snapshot.connections).await;
        }
        self.lock = snapshot.lock;
        self.is_prepared = !is_last;
        Ok(Round {
            rows: changes.rows,
            users: changes.users.len(),
            seen: changes.seen.len(),
            seconds: begun.elapsed().as_secs_f64(),
        })
    }

    /// Prepares both databases for many rounds, which would make the copy grow unless it is vacuumed. Until the
    /// import is done, it must not be.
    async fn prepare(&mut self, mas: &Database) -> Result<(), MigrateError> {
        if self.is_prepared {
            return Ok(());
        }
        mas::prepare(mas).await?;
        let copy = &self.scratch.database;
        let mut connection = copy.connect().await?;
        let allow = TABLES.map(|table| format!("ALTER TABLE {table} RESET (autovacuum_enabled);"));
        sqlx::raw_sql(&allow.concat())
            .execute(&mut connection)
            .await
            .map_err(copy.failed("cannot change the copy"))?;
        self.is_prepared = true;
        Ok(())
    }

    /// Brings the copy up to the snapshot, and adds what has changed to `pending`. Returns a connection to
    /// the copy.
    async fn follow(&mut self, snapshot: &mut Snapshot) -> Result<PgConnection, MigrateError> {
        let copy = &self.scratch.database;
        let ends = std::iter::repeat_with(|| writer(copy)).take(LANES);
        let mut ends = try_join_all(ends).await?;
        let both = snapshot.connections.iter_mut().zip(&mut ends);
        let lanes = both.zip(&mut self.groups).map(|((synapse, end), group)| {
            let lane = Lane {
                synapse: (&self.synapse, synapse),
                copy: (copy, end),
                hasher: &self.hasher,
            };
            lane.follow(group, self.since)
        });
        let (changes, ranges): (Vec<_>, Vec<_>) = try_join_all(lanes).await?.into_iter().unzip();
        // Also if the commit fails: it may have succeeded all the same.
        for changes in changes {
            self.pending.merge(changes);
        }
        for end in &mut ends {
            sqlx::raw_sql("COMMIT")
                .execute(end)
                .await
                .map_err(copy.failed("cannot write the copy"))?;
        }
        for (group, ranges) in self.groups.iter_mut().zip(ranges) {
            for (followed, ranges) in group.iter_mut().zip(ranges) {
                followed.ranges = ranges;
            }
        }
        self.since = snapshot.since;
        Ok(ends.swap_remove(0))
    }

    /// Keeps a snapshot. None if that is impossible.
    async fn keep(&self, mut connections: Vec<PgConnection>) -> Option<(PgConnection, i32)> {
        // The others make room for it.
        connections.truncate(1);
        let mut last = self.synapse.same_snapshot(&mut connections[0]).await.ok()?;
        let pid = self.synapse.pid(&mut last).await.ok()?;
        Some((last, pid))
    }

    /// Compares all rows of the copy with those that Synapse had in the last round, whatever was written since.
    /// Returns whether this snapshot is still there. If they differ, the copy says so from then on
    /// ([`proof::make_sure`]).
    ///
    /// # Errors
    ///
    /// If they differ, or the copy cannot be read.
    pub async fn prove(&mut self) -> Result<bool, MigrateError> {
        let Some((mut last, _)) = self.last.take() else {
            return Ok(false);
        };
        let mut connections = Vec::new();
        for _ in 1..LANES {
            match self.synapse.same_snapshot(&mut last).await {
                Ok(connection) => connections.push(connection),
                Err(error) => {
                    say_lost(&error);
                    return Ok(false);
                }
            }
        }
        connections.push(last);
        let copy = &self.scratch.database;
        let mut ends = try_join_all(connections.iter().map(|_| copy.snapshot())).await?;
        let both = connections.iter_mut().zip(&mut ends);
        let lanes = both.zip(&self.groups).map(|((synapse, end), group)| {
            let lane = Lane {
                synapse: (&self.synapse, synapse),
                copy: (copy, end),
                hasher: &self.hasher,
            };
            lane.prove(group)
        });
        match try_join_all(lanes).await {
            Ok(_) => Ok(true),
            Err(MigrateError::Copy { problem }) => {
                proof::disprove(copy, &problem).await?;
                Err(MigrateError::Copy { problem })
            }
            Err(error) => {
                say_lost(&error);
                Ok(false)
            }
        }
    }

    /// Drops the copy.
    ///
    /// # Errors
    ///
    /// If it cannot be dropped.
    pub async fn remove(self) -> Result<(), MigrateError> {
        self.scratch.remove().await
    }
}

/// What is no proof, and no reason to doubt either.
fn say_lost(error: &MigrateError) {
    tracing::warn!(
        "the copy was not compared once more with what Synapse had at the cutover: {}",
        error.with_causes()
    );
}

/// A connection to the copy in a transaction. Its queries are about few rows of large tables.
async fn writer(copy: &Database) -> Result<PgConnection, MigrateError> {
    let mut connection = copy.connect().await?;
    sqlx::raw_sql("SET enable_nestloop = on; SET random_page_cost = 1; BEGIN")
        .execute(&mut connection)
        .await
        .map_err(copy.failed("cannot begin a transaction"))?;
    Ok(connection)
}

/// Makes the tables of the copy, and fills them.
async fn fill(
    copy: &Database,
    synapse: &Database,
    rate: Option<u64>,
    on_progress: &mut dyn FnMut(Copied),
) -> Result<(Groups, Since), MigrateError> {
    let mut snapshot = Snapshot::take(synapse, false).await?;
    let mut groups = follow::all(&mut snapshot.connections[0], synapse).await?;
    let of = rows_about(&mut snapshot.connections[0], synapse).await?;
    let rows = std::cell::Cell::new(0);
    let on_progress = std::cell::RefCell::new(on_progress);
    let on_rows = |new: u64| {
        rows.set(rows.get() + new);
        let progress = Copied {
            rows: rows.get(),
            of: of.max(rows.get()),
        };
        on_progress.borrow_mut()(progress);
    };
    let rate = Rate::new(rate);
    let lanes = groups.iter_mut().zip(&mut snapshot.connections);
    let lanes =
        lanes.map(|(group, from)| fill_group(copy, (synapse, from), group, &rate, &on_rows));
    try_join_all(lanes).await?;
    Ok((groups, snapshot.since))
}

/// The number of rows in all tables, as the server estimates it.
async fn rows_about(
    connection: &mut PgConnection,
    synapse: &Database,
) -> Result<u64, MigrateError> {
    let tables = TABLES.join("', '");
    let about: f64 = sqlx::query_scalar(&format!(
        "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::float8 FROM pg_class
         WHERE oid = ANY(ARRAY(SELECT to_regclass(name) FROM unnest(ARRAY['{tables}']) name))"
    ))
    .fetch_one(connection)
    .await
    .map_err(synapse.failed("cannot count its rows"))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not negative, and an estimate"
    )]
    Ok(about as u64)
}

async fn fill_group(
    copy: &Database,
    (synapse, from): (&Database, &mut PgConnection),
    group: &mut [Followed],
    rate: &Rate,
    on_rows: &dyn Fn(u64),
) -> Result<(), MigrateError> {
    let mut to = copy.connect().await?;
    for followed in group {
        followed.find(from, synapse).await?;
        let table = followed.table;
        sqlx::raw_sql(&table.create(&followed.types))
            .execute(&mut to)
            .await
            .map_err(copy.failed("cannot make the copy"))?;
        let rows = copy_table((synapse, from), (copy, &mut to), table, rate, on_rows).await?;
        followed.buckets = follow::buckets(rows.try_into().unwrap_or(i64::MAX));
        sqlx::raw_sql(&table.indexes(followed.buckets))
            .execute(&mut to)
            .await
            .map_err(copy.failed("cannot make the indexes of the copy"))?;
    }
    Ok(())
}

/// Bytes that are sent at once.
const CHUNK: usize = 1 << 16;

/// Copies the rows of a table. Returns how many there are.
async fn copy_table(
    (synapse, from): (&Database, &mut PgConnection),
    (copy, to): (&Database, &mut PgConnection),
    table: &Table,
    rate: &Rate,
    on_rows: &dyn Fn(u64),
) -> Result<u64, MigrateError> {
    let reading = format!("cannot copy its table {}", table.name);
    let writing = format!("cannot fill the table {}", table.name);
    let columns = table.columns().join(", ");
    let mut rows = from
        .copy_out_raw(&format!(
            "COPY (SELECT {columns}, ctid FROM {}) TO STDOUT",
            table.name
        ))
        .await
        .map_err(synapse.failed(&reading))?;
    let mut into = to
        .copy_in_raw(&format!(
            "COPY {} ({columns}, {PLACE}) FROM STDIN",
            table.name
        ))
        .await
        .map_err(copy.failed(&writing))?;
    let (mut chunk, mut new, mut all) = (Vec::with_capacity(2 * CHUNK), 0, 0);
    // The server sends each row in a message of its own.
    while let Some(row) = rows.try_next().await.map_err(synapse.failed(&reading))? {
        chunk.extend_from_slice(&row);
        new += 1;
        if chunk.len() >= CHUNK {
            into.send(chunk.as_slice())
                .await
                .map_err(copy.failed(&writing))?;
            rate.passed(chunk.len()).await;
            on_rows(new);
            all += new;
            chunk.clear();
            new = 0;
        }
    }
    into.send(chunk.as_slice())
        .await
        .map_err(copy.failed(&writing))?;
    into.finish().await.map_err(copy.failed(&writing))?;
    on_rows(new);
    Ok(all + new)
}

/// How long it takes to scan Synapse's tables once, which is most of what the last round takes.
///
/// # Errors
///
/// If they cannot be read.
pub async fn time_to_scan(synapse: &Database) -> Result<Duration, MigrateError> {
    let mut snapshot = Snapshot::take(synapse, false).await?;
    let groups = follow::all(&mut snapshot.connections[0], synapse).await?;
    let hasher = Hasher::default();
    let begun = Instant::now();
    let lanes = groups.iter().zip(&mut snapshot.connections);
    let lanes = lanes.map(|(group, connection)| {
        follow::scan((synapse, connection), group, &hasher, snapshot.since)
    });
    try_join_all(lanes).await?;
    Ok(begun.elapsed())
}

/// Whether another round would bring the copy closer: the last one took long, and less than the one before.
#[must_use]
pub fn is_worth_another(last: Round, before: Option<Round>) -> bool {
    const SHORT: Duration = Duration::from_secs(1);
    let is_shorter = before.is_none_or(|before| last.seconds < 0.8 * before.seconds);
    last.seconds >= SHORT.as_secs_f64() && is_shorter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_go_on_while_they_become_shorter() {
        let round = |seconds| Round {
            seconds,
            ..Round::default()
        };
        assert!(is_worth_another(round(9.0), None));
        assert!(is_worth_another(round(3.0), Some(round(9.0))));
        assert!(!is_worth_another(round(2.9), Some(round(3.0))));
        assert!(!is_worth_another(round(0.9), None));
    }
}
