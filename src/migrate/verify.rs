//! The proof: whether MAS's database contains what follows from Synapse's, row by row.
//!
//! Both sides are digested by PostgreSQL itself. Only where the digests differ are they made again,
//! in buckets by key, and only buckets that differ are fetched, one after the other, so memory does
//! not grow with the databases.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, Row};

use super::{
    MigrateError,
    database::Database,
    mapping::{Column, Entity},
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
    /// The first of them.
    pub rows: Vec<Difference>,
}

impl Report {
    /// Whether both sides are the same.
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

/// Compares the databases, entity by entity. `tell` hears of each as it is done.
///
/// # Errors
///
/// If a database cannot be reached or read: then nothing is known.
pub async fn verify(
    synapse: &Database,
    mas: &Database,
    entities: &[Entity],
    mut tell: impl FnMut(&Report),
) -> Result<Vec<Report>, MigrateError> {
    let (mut expected, mut actual) = tokio::try_join!(synapse.snapshot(), mas.snapshot())?;
    let versions = tokio::try_join!(synapse.version(&mut expected), mas.version(&mut actual))?;
    let hash = Hash::known_to(versions.0.min(versions.1));
    let (left, right) = tokio::try_join!(
        all_digests(
            &mut expected,
            synapse,
            entities,
            |entity| &entity.expected,
            hash
        ),
        all_digests(&mut actual, mas, entities, |entity| &entity.actual, hash),
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
            rows: Vec::new(),
        };
        if left != right {
            let rows = report.expected.max(report.actual);
            let buckets = (rows / BUCKET_ROWS).clamp(1, 65536);
            let (left, right) = tokio::try_join!(
                digests(
                    &mut expected,
                    synapse,
                    entity,
                    &entity.expected,
                    hash,
                    buckets
                ),
                digests(&mut actual, mas, entity, &entity.actual, hash, buckets),
            )?;
            for bucket in differing(&left, &right) {
                let (left, right) = tokio::try_join!(
                    rows_of(
                        &mut expected,
                        synapse,
                        entity,
                        &entity.expected,
                        buckets,
                        bucket
                    ),
                    rows_of(&mut actual, mas, entity, &entity.actual, buckets, bucket),
                )?;
                compare(entity, imported(entity, left), right, &mut report);
            }
        }
        tell(&report);
        reports.push(report);
    }
    Ok(reports)
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

/// The query with a name for each column.
fn named(entity: &Entity, query: &str) -> String {
    let names: Vec<String> = (0..entity.columns.len()).map(|i| format!("c{i}")).collect();
    format!("({query}) AS rows ({})", names.join(", "))
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

/// One digest of each entity, one after the other.
async fn all_digests<'a>(
    connection: &mut PgConnection,
    database: &Database,
    entities: &'a [Entity],
    query: impl Fn(&'a Entity) -> &'a str,
    hash: Hash,
) -> Result<Vec<Digests>, MigrateError> {
    let mut all = Vec::new();
    for entity in entities {
        all.push(digests(connection, database, entity, query(entity), hash, 1).await?);
    }
    Ok(all)
}

async fn digests(
    connection: &mut PgConnection,
    database: &Database,
    entity: &Entity,
    query: &str,
    hash: Hash,
    buckets: i64,
) -> Result<Digests, MigrateError> {
    let columns: Vec<String> = (0..entity.columns.len()).map(|i| format!("c{i}")).collect();
    let bucket = match buckets {
        1 => "0".to_owned(),
        _ => bucket_of(entity, buckets),
    };
    let sql = format!(
        "SELECT {bucket} AS bucket, count(*) AS count, sum({})::text AS digest FROM {} {}",
        hash.of(&columns.join(", ")),
        named(entity, query),
        if buckets == 1 { "" } else { "GROUP BY 1" }
    );
    let begun = std::time::Instant::now();
    let rows = sqlx::query(&sql)
        .fetch_all(connection)
        .await
        .map_err(database.failed(&format!("cannot digest its {}", entity.name)))?;
    tracing::debug!("{}: {}: {:?}", database.which, entity.name, begun.elapsed());
    Ok(rows
        .iter()
        .map(|row| (row.get("bucket"), (row.get("count"), row.get("digest"))))
        .collect())
}

fn differing(left: &Digests, right: &Digests) -> Vec<i32> {
    let mut buckets: Vec<i32> = left.keys().chain(right.keys()).copied().collect();
    buckets.sort_unstable();
    buckets.dedup();
    buckets.retain(|bucket| left.get(bucket) != right.get(bucket));
    buckets
}

async fn rows_of(
    connection: &mut PgConnection,
    database: &Database,
    entity: &Entity,
    query: &str,
    buckets: i64,
    bucket: i32,
) -> Result<Vec<Values>, MigrateError> {
    let columns: Vec<String> = (0..entity.columns.len())
        .map(|i| format!("c{i}::text"))
        .collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {} = $1",
        columns.join(", "),
        named(entity, query),
        bucket_of(entity, buckets)
    );
    let rows = sqlx::query(&sql)
        .bind(bucket)
        .fetch_all(connection)
        .await
        .map_err(database.failed(&format!("cannot read its {}", entity.name)))?;
    let columns = columns.len();
    Ok(rows
        .iter()
        .map(|row| (0..columns).map(|i| row.get(i)).collect())
        .collect())
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
fn compare(entity: &Entity, expected: Vec<Values>, actual: Vec<Values>, report: &mut Report) {
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
            report.changed += 1;
            add(report, entity, Kind::Changed, left, Some(right));
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
    let hash = Sha256::digest(value.as_bytes());
    let short: String = hash
        .iter()
        .take(4)
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    Some(format!("sha256:{short}…"))
}
