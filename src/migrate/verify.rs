//! The proof: whether MAS's database contains what follows from Synapse's, row by row.
//!
//! Both sides are digested by PostgreSQL itself, over two connections each. Only where the digests
//! differ are they made again, in buckets by key, and only buckets that differ are fetched, one after
//! the other, so memory does not grow with the databases.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{
    MigrateError, backup,
    database::Database,
    inputs::Inputs,
    interrupt::Interruptions,
    journal,
    mapping::{self, Column, Entity, Family},
    scratch::Scratch,
};

/// How many rows with differences are shown of each entity; all are counted.
const SHOWN: usize = 100;

/// How many rows a bucket has about.
const BUCKET_ROWS: i64 = 500;

/// What was found of one entity.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the entity.
    pub entity: &'static str,
    /// Rows that follow from Synapse's database.
    pub expected: i64,
    /// Rows in MAS's database.
    pub actual: i64,
    /// Rows that are not in MAS's database.
    pub missing: u64,
    /// Rows that should not be in MAS's database.
    pub extra: u64,
    /// Rows with another value in some column.
    pub changed: u64,
    /// Rows with another value in some column because they have been used since the cutover.
    pub used: u64,
    /// The first of them.
    pub rows: Vec<Difference>,
}

impl Report {
    /// Whether both sides are the same, but for what users have done since.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.missing + self.extra + self.changed == 0
    }
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// How.
    pub kind: Kind,
    /// The columns of its key. Secrets are short hashes.
    pub key: BTreeMap<&'static str, Option<String>>,
    /// The columns that differ: what is expected, and what is there. Empty for missing and extra
    /// rows.
    pub columns: BTreeMap<&'static str, [Option<String>; 2]>,
}

/// How a row differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It is not in MAS's database.
    Missing,
    /// It should not be in MAS's database.
    Extra,
    /// It has another value in some column.
    Changed,
}

/// Digests of a query's rows, by bucket: how many rows, and the sum of their hashes.
type Digests = BTreeMap<i32, (i64, Option<String>)>;

/// A row as it is compared.
type Values = Vec<Option<String>>;

/// Compares the databases, entity by entity. `tell` hears of each as it is done. With the time of the
/// cutover (RFC 3339), what has come into MAS's database since is left out, and sessions may have been
/// used, ended and refreshed since, and users locked and deactivated.
///
/// # Errors
///
/// If a database cannot be reached or read: then nothing is known.
pub async fn verify(
    synapse: &Database,
    mas: &Database,
    entities: &[Entity],
    cut_over: Option<&str>,
    mut tell: impl FnMut(&Report),
) -> Result<Vec<Report>, MigrateError> {
    let since = cut_over.map(micros).transpose()?;
    let query = |entity: &Entity| match cut_over {
        Some(time) => entity.actual_at(time),
        None => entity.actual.clone(),
    };
    let (mut expected, mut actual) = tokio::try_join!(
        Side::open(synapse, |entity| entity.expected.clone()),
        Side::open(mas, query),
    )?;
    let hash = Hash::known_to(expected.version.min(actual.version));
    let Family {
        entities: together,
        expected: left,
        actual: right,
    } = mapping::sessions_with_tokens(|columns| hash.of(columns));
    // Later almost every session differs, if only by when it was used last.
    let together = if since.is_none() { &together[..] } else { &[] };
    let (left, right) = tokio::try_join!(
        expected.all_digests(entities, hash, together, &left),
        actual.all_digests(entities, hash, together, &right),
    )?;
    let mut reports = Vec::new();
    for ((entity, left), right) in entities.iter().zip(left).zip(right) {
        let mut report = Report {
            entity: entity.name,
            expected: left.values().map(|(rows, _)| rows).sum(),
            actual: right.values().map(|(rows, _)| rows).sum(),
            missing: 0,
            extra: 0,
            changed: 0,
            used: 0,
            rows: Vec::new(),
        };
        if left != right {
            let rows = report.expected.max(report.actual);
            let buckets = (rows / BUCKET_ROWS).clamp(1, 65536);
            let (left, right) = tokio::try_join!(
                expected.digests(entity, hash, buckets),
                actual.digests(entity, hash, buckets),
            )?;
            for bucket in differing(&left, &right) {
                let (left, right) = tokio::try_join!(
                    expected.rows(entity, buckets, bucket),
                    actual.rows(entity, buckets, bucket),
                )?;
                compare(entity, imported(entity, left), right, since, &mut report);
            }
        }
        tell(&report);
        reports.push(report);
    }
    Ok(reports)
}

/// A comparison that may come long after the cutover.
#[derive(Clone, Debug, Default)]
pub struct Later {
    backup: Option<PathBuf>,
    cut_over: Option<String>,
}

impl Later {
    /// As given, and otherwise as the journal knows.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read.
    pub fn of(
        inputs: &Inputs,
        backup: Option<PathBuf>,
        cut_over: Option<String>,
    ) -> Result<Self, MigrateError> {
        if backup.is_some() || cut_over.is_some() {
            return Ok(Later { backup, cut_over });
        }
        let memory = journal::remembered(&journal::read(&inputs.state())?);
        if memory.cut_over.is_none() {
            return Ok(Later::default());
        }
        let there = |backup: &PathBuf| backup::of_synapse(backup).exists();
        Ok(Later {
            backup: memory.backup.filter(there),
            cut_over: memory.cut_over,
        })
    }

    /// Compares MAS's database with Synapse's, or with the backup, which is put into a scratch
    /// database for that.
    ///
    /// # Errors
    ///
    /// If a database cannot be reached, read or made.
    pub async fn verify(
        &self,
        inputs: &Inputs,
        tell: impl FnMut(&Report),
    ) -> Result<Vec<Report>, MigrateError> {
        let entities = mapping::entities(&inputs.providers()?);
        let mas = inputs.mas_database()?;
        let cut_over = self.cut_over.as_deref();
        let Some(backup) = &self.backup else {
            let synapse = inputs.synapse_database()?;
            return verify(&synapse, &mas, &entities, cut_over, tell).await;
        };
        let mut interrupted = Interruptions::listen()?;
        let scratch =
            Scratch::make(inputs, "the backup of Synapse's database", "syn2mas_backup").await?;
        let compared = async {
            backup::restore_synapse(inputs, backup, &scratch.database).await?;
            verify(&scratch.database, &mas, &entities, cut_over, tell).await
        };
        let compared = tokio::select! {
            compared = compared => compared,
            () = interrupted.next() => Err(MigrateError::Missing("interrupted".to_owned())),
        };
        scratch.remove().await?;
        compared
    }
}

/// How PostgreSQL hashes a row.
#[derive(Clone, Copy, Debug)]
enum Hash {
    /// Column by column.
    Record,
    /// As a text, which takes longer.
    Text,
}

impl Hash {
    /// What a server of this version can do, and every newer one.
    fn known_to(version: i32) -> Self {
        if version >= 140_000 {
            Hash::Record
        } else {
            Hash::Text
        }
    }

    fn of(self, columns: &str) -> String {
        match self {
            Hash::Record => format!("hash_record_extended(ROW({columns}), 1)"),
            Hash::Text => format!("hashtextextended(ROW({columns})::text, 1)"),
        }
    }
}

/// The bucket of a row, in SQL.
fn bucket_of(entity: &Entity, buckets: i64) -> String {
    let key: Vec<String> = (0..entity.key)
        .map(|i| format!("coalesce(c{i}::text, '')"))
        .collect();
    format!(
        "((hashtextextended({}, 0) & 9223372036854775807) % {buckets})::integer",
        key.join(" || chr(1) || ")
    )
}

/// One side of the comparison: a database in one state, which two connections see, and its query of
/// each entity.
struct Side<'a, Q> {
    database: &'a Database,
    connection: PgConnection,
    second: PgConnection,
    version: i32,
    query: Q,
}

impl<'a, Q: Fn(&Entity) -> String> Side<'a, Q> {
    async fn open(database: &'a Database, query: Q) -> Result<Self, MigrateError> {
        let mut connection = database.snapshot().await?;
        let second = database.same_snapshot(&mut connection).await?;
        let version = database.version(&mut connection).await?;
        Ok(Side {
            database,
            connection,
            second,
            version,
            query,
        })
    }

    /// One digest of each entity: those of a family over one connection, the others, one after the
    /// other, over the other one.
    async fn all_digests(
        &mut self,
        entities: &[Entity],
        hash: Hash,
        together: &[&str],
        family: &str,
    ) -> Result<Vec<Digests>, MigrateError> {
        let alone: Vec<(&Entity, String)> = entities
            .iter()
            .filter(|entity| !together.contains(&entity.name))
            .map(|entity| (entity, self.digest(entity, hash, 1)))
            .collect();
        let database = self.database;
        let (connection, second) = (&mut self.connection, &mut self.second);
        let alone = async {
            let mut found = BTreeMap::new();
            for (entity, sql) in alone {
                found.insert(
                    entity.name,
                    fetch(database, connection, entity.name, &sql).await?,
                );
            }
            Ok(found)
        };
        let family = async {
            let mut found = BTreeMap::new();
            if !together.is_empty() {
                let what = together.join(", ");
                for row in fetched(database, second, &what, family).await? {
                    let digest = (row.get("count"), row.get("digest"));
                    found.insert(row.get("entity"), Digests::from([(0, digest)]));
                }
            }
            Ok::<BTreeMap<String, Digests>, MigrateError>(found)
        };
        let (mut alone, mut family) = tokio::try_join!(alone, family)?;
        let of = |entity: &Entity| {
            let alone = alone.remove(entity.name);
            alone.or_else(|| family.remove(entity.name))
        };
        Ok(entities.iter().filter_map(of).collect())
    }

    /// The query of an entity's digests.
    fn digest(&self, entity: &Entity, hash: Hash, buckets: i64) -> String {
        let (bucket, group) = match buckets {
            1 => ("0".to_owned(), ""),
            _ => (bucket_of(entity, buckets), "GROUP BY 1"),
        };
        format!(
            "SELECT {bucket} AS bucket, count(*) AS count, sum({})::text AS digest FROM {} {group}",
            hash.of(&columns(entity, "")),
            self.named(entity),
        )
    }

    async fn digests(
        &mut self,
        entity: &Entity,
        hash: Hash,
        buckets: i64,
    ) -> Result<Digests, MigrateError> {
        let sql = self.digest(entity, hash, buckets);
        fetch(self.database, &mut self.connection, entity.name, &sql).await
    }

    async fn rows(
        &mut self,
        entity: &Entity,
        buckets: i64,
        bucket: i32,
    ) -> Result<Vec<Values>, MigrateError> {
        let sql = format!(
            "SELECT {} FROM {} WHERE {} = $1",
            columns(entity, "::text"),
            self.named(entity),
            bucket_of(entity, buckets)
        );
        let rows = sqlx::query(&sql)
            .bind(bucket)
            .fetch_all(&mut self.connection)
            .await
            .map_err(
                self.database
                    .failed(&format!("cannot read its {}", entity.name)),
            )?;
        let values = |row: &PgRow| (0..entity.columns.len()).map(|i| row.get(i)).collect();
        Ok(rows.iter().map(values).collect())
    }

    /// The query of an entity, with a name for each column.
    fn named(&self, entity: &Entity) -> String {
        let query = (self.query)(entity);
        format!("({query}) AS rows ({})", columns(entity, ""))
    }
}

/// The digests that a query gives by bucket.
async fn fetch(
    database: &Database,
    connection: &mut PgConnection,
    what: &str,
    sql: &str,
) -> Result<Digests, MigrateError> {
    let rows = fetched(database, connection, what, sql).await?;
    let digest = |row: &PgRow| (row.get("bucket"), (row.get("count"), row.get("digest")));
    Ok(rows.iter().map(digest).collect())
}

async fn fetched(
    database: &Database,
    connection: &mut PgConnection,
    what: &str,
    sql: &str,
) -> Result<Vec<PgRow>, MigrateError> {
    let begun = std::time::Instant::now();
    let rows = sqlx::query(sql)
        .fetch_all(connection)
        .await
        .map_err(database.failed(&format!("cannot digest its {what}")))?;
    tracing::debug!("{}: {what}: {:?}", database.which, begun.elapsed());
    Ok(rows)
}

/// The names of all columns, each with something behind it.
fn columns(entity: &Entity, behind: &str) -> String {
    let names = (0..entity.columns.len()).map(|i| format!("c{i}{behind}"));
    names.collect::<Vec<_>>().join(", ")
}

fn differing(left: &Digests, right: &Digests) -> Vec<i32> {
    let mut buckets: Vec<i32> = left.keys().chain(right.keys()).copied().collect();
    buckets.sort_unstable();
    buckets.dedup();
    buckets.retain(|bucket| left.get(bucket) != right.get(bucket));
    buckets
}

/// Expected rows as the import writes them.
fn imported(entity: &Entity, rows: Vec<Values>) -> Vec<Values> {
    let import = |(column, value): (&Column, Option<String>)| match (column.import, value) {
        (Some(import), Some(value)) => import(&value),
        (_, value) => value,
    };
    rows.into_iter()
        .map(|row| entity.columns.iter().zip(row).map(import).collect())
        .collect()
}

/// Compares the rows of one bucket, and adds what differs to the report.
fn compare(
    entity: &Entity,
    expected: Vec<Values>,
    actual: Vec<Values>,
    since: Option<i64>,
    report: &mut Report,
) {
    let mut keys: BTreeMap<Values, [Vec<Values>; 2]> = BTreeMap::new();
    for (side, rows) in [expected, actual].into_iter().enumerate() {
        for row in rows {
            keys.entry(row[..entity.key].to_vec()).or_default()[side].push(row);
        }
    }
    for (_, [mut expected, mut actual]) in keys {
        expected.sort();
        actual.sort();
        take_out_common(&mut expected, &mut actual);
        let common = expected.len().min(actual.len());
        for (left, right) in expected.iter().zip(&actual) {
            if since.is_some_and(|since| used(entity, left, right, since)) {
                report.used += 1;
            } else {
                report.changed += 1;
                add(report, entity, Kind::Changed, left, Some(right));
            }
        }
        for row in &expected[common..] {
            report.missing += 1;
            add(report, entity, Kind::Missing, row, None);
        }
        for row in &actual[common..] {
            report.extra += 1;
            add(report, entity, Kind::Extra, row, None);
        }
    }
}

/// Whether a row differs only by what its user has done since a time.
fn used(entity: &Entity, expected: &Values, actual: &Values, since: i64) -> bool {
    let value = |name: &str| {
        let at = entity
            .columns
            .iter()
            .position(|column| column.name == name)?;
        actual[at].as_deref()?.parse::<i64>().ok()
    };
    let later = |name: &str| value(name).is_some_and(|time| time >= since);
    let columns = entity.columns.iter().zip(expected.iter().zip(actual));
    let mut differing = columns.filter(|(_, (left, right))| left != right);
    differing.all(|(column, _)| match column.name {
        "last_active_at" | "last_active_ip" | "user_agent" | "human_name" => {
            later("last_active_at")
        }
        "finished_at" | "locked_at" | "deactivated_at" | "consumed_at" | "expires_at" => {
            later(column.name)
        }
        _ => false,
    })
}

/// A time in microseconds since 1970.
fn micros(time: &str) -> Result<i64, MigrateError> {
    let wrong = || MigrateError::Missing(format!("{time} is no time such as 2026-01-31T12:00:00Z"));
    let time = humantime::parse_rfc3339(time).map_err(|_| wrong())?;
    let since = time
        .duration_since(std::time::UNIX_EPOCH)
        .map_err(|_| wrong())?;
    i64::try_from(since.as_micros()).map_err(|_| wrong())
}

/// Takes equal rows out of both lists.
fn take_out_common(left: &mut Vec<Values>, right: &mut Vec<Values>) {
    left.retain(|row| match right.iter().position(|other| other == row) {
        Some(found) => {
            right.remove(found);
            false
        }
        None => true,
    });
}

fn add(report: &mut Report, entity: &Entity, kind: Kind, row: &Values, other: Option<&Values>) {
    if report.rows.len() >= SHOWN {
        return;
    }
    let named =
        |(column, value): (&Column, &Option<String>)| (column.name, shown(column, value.as_ref()));
    let key = entity.columns.iter().zip(row).take(entity.key).map(named);
    let columns = entity
        .columns
        .iter()
        .zip(row)
        .zip(other.into_iter().flatten());
    let columns =
        columns
            .filter(|((_, value), other)| value != other)
            .map(|((column, value), other)| {
                (
                    column.name,
                    [shown(column, value.as_ref()), shown(column, other.as_ref())],
                )
            });
    report.rows.push(Difference {
        kind,
        key: key.collect(),
        columns: columns.collect(),
    });
}

/// A value as a report shows it.
fn shown(column: &Column, value: Option<&String>) -> Option<String> {
    let value = value?;
    if !column.secret {
        return Some(value.clone());
    }
    let hash = format!("{:x}", Sha256::digest(value.as_bytes()));
    Some(format!("sha256:{}…", &hash[..8]))
}
