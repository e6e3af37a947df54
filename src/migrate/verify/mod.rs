//! Verifies, row by row, that MAS's database contains what follows from Synapse's.
//!
//! PostgreSQL computes digests (`digest.rs`) of both sides, over two connections each. If the digests of
//! an entity differ, new ones are computed for buckets of rows, by key, and only the buckets that differ
//! are fetched. A caller that only needs to see what is wrong gets a few buckets first. One query
//! returns all the others, bucket by bucket. So memory does not grow with the databases, and time grows
//! no faster than they do.

mod digest;
mod entities;
mod one_sided;
mod rows;
mod sessions;

use std::{collections::BTreeMap, path::PathBuf, pin::Pin, time::SystemTime};

use futures_util::{
    StreamExt, TryStreamExt,
    stream::{BoxStream, Peekable},
};
use serde::Serialize;
use sqlx::{PgConnection, Row as _, postgres::PgRow};

use self::entities::OF_SESSIONS;
pub(super) use self::{
    digest::{DIGEST, Digest, Digests, Hashable, Hasher, differing, replace_rows},
    entities::{Entity, INACTIVE, Side, entities, last_uses, none_of, owners, person},
    one_sided::moment,
    rows::{compare, time as time_of, without_common},
};
pub use self::{
    entities::Moment,
    one_sided::OneSided,
    rows::{Difference, DifferenceKind, Row},
};
use crate::migrate::{
    MigrateError,
    context::{Context, Provider},
    journal,
    postgres::{backup, connection::Database, scratch},
    system::signals::Signals,
};

/// Approximate number of rows in a bucket.
const BUCKET_ROWS: i64 = 500;

/// Number of buckets to fetch first, unless every row is wanted.
const FIRST_BUCKETS: usize = 16;

/// The result for one entity.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Name of the entity.
    pub entity: &'static str,
    /// Rows that MAS must have, computed from Synapse's database.
    pub expected: i64,
    /// Rows in MAS's database.
    pub actual: i64,
    /// Rows that MAS's database lacks.
    pub missing: u64,
    /// Rows that MAS's database should not have.
    pub extra: u64,
    /// Rows with a different value in some column.
    pub changed: u64,
    /// Rows with a different value in some column because they have been used since the cutover.
    pub used: u64,
    /// Whether the search ended early, so that more rows may differ.
    pub more: bool,
    /// The first rows that differ, at most 100 of each kind, or all of them.
    pub rows: Vec<Difference>,
    /// Whether values that are spelled differently, but mean the same, explain why the digests differ.
    #[serde(skip)]
    pub explained: bool,
    /// Whether `rows` has all rows that differ.
    #[serde(skip)]
    pub shows_all: bool,
}

impl Report {
    /// Whether both sides are equal, except for what users have done since the cutover.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.missing + self.extra + self.changed == 0 && !self.more
    }
}

/// What is compared, and how.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The homeserver's name, the part after the colon in the ids of its users.
    pub server_name: String,
    /// The upstream providers in MAS's configuration that replace one of Synapse's.
    pub providers: Vec<Provider>,
    /// Time of the cutover (RFC 3339). Rows that came into MAS's database later are ignored. Since then,
    /// sessions may have been used, ended and refreshed, and users locked and deactivated.
    pub cut_over: Option<String>,
    /// Whether to find every row that differs, or only enough of them to show.
    pub every_row: bool,
    /// Whether to keep all of them for the report, however many there are.
    pub show_all: bool,
}

impl Comparison {
    /// A comparison of these databases before the cutover. It ends as soon as something is certainly
    /// wrong.
    ///
    /// # Errors
    ///
    /// If a configuration cannot be read.
    pub fn of(context: &Context) -> Result<Self, MigrateError> {
        Ok(Comparison {
            server_name: context.synapse()?.server_name()?.to_owned(),
            providers: context.providers()?,
            ..Comparison::default()
        })
    }

    /// Compares the databases, entity by entity. `on_report` gets the report of each when it is complete.
    ///
    /// # Errors
    ///
    /// If a database cannot be reached or read: then there is no result. Also if the digests of an
    /// entity differ but none of its rows does, which is a bug.
    pub async fn run(
        &self,
        synapse: &Database,
        mas: &Database,
        mut on_report: impl FnMut(&Report),
    ) -> Result<Vec<Report>, MigrateError> {
        let entities = entities::entities(&self.providers);
        let since = self.cut_over.as_deref().map(time).transpose()?;
        let (mut expected, mut actual) = tokio::try_join!(
            Reader::open(synapse, Side::Expected),
            Reader::open(mas, Side::Actual),
        )?;
        let hasher = Hasher::default();
        // After the cutover almost every session differs, at least in the time of its last use.
        let digests = match since {
            None => Some(
                self.digests(&mut expected, &mut actual, &entities, &hasher)
                    .await?,
            ),
            Some(_) => None,
        };
        let mut reports: Vec<Report> = Vec::new();
        for entity in &entities {
            let enough = !self.every_row && reports.iter().any(rows::is_full);
            let known = digests.as_ref().and_then(|digests| digests.of(entity));
            let report = match known {
                Some((left, right, same)) if same || enough => Report {
                    entity: entity.name,
                    expected: left,
                    actual: right,
                    more: !same,
                    ..Report::default()
                },
                _ => {
                    self.search(entity, &hasher, &mut expected, &mut actual, since)
                        .await?
                }
            };
            on_report(&report);
            reports.push(report);
        }
        // If the digests differ, the search must find a row that differs. Otherwise the search is wrong.
        let missed = |entity: &&Entity| {
            let of_it = reports
                .iter()
                .filter(|report| entity.belongs_with(report.entity));
            let found = |report: &Report| !report.is_identical() || report.explained;
            !of_it.into_iter().any(found)
        };
        let differing = entities.iter().filter(|entity| {
            let known = digests.as_ref().and_then(|digests| digests.of(entity));
            known.is_some_and(|(_, _, same)| !same)
        });
        if let Some(entity) = differing.into_iter().find(missed) {
            return Err(MigrateError::Digests(entity.name));
        }
        Ok(reports)
    }

    /// The number of rows of each entity that MAS must have.
    ///
    /// # Errors
    ///
    /// If Synapse's database cannot be read.
    pub async fn count_expected(
        &self,
        synapse: &Database,
    ) -> Result<Vec<(&'static str, i64)>, MigrateError> {
        let mut expected = Reader::open(synapse, Side::Expected).await?;
        let mut counts = Vec::new();
        for entity in entities::entities(&self.providers) {
            counts.push((entity.name, expected.count(&entity, None).await?));
        }
        Ok(counts)
    }

    async fn digests(
        &self,
        expected: &mut Reader<'_>,
        actual: &mut Reader<'_>,
        entities: &[Entity],
        hasher: &Hasher,
    ) -> Result<AllDigests, MigrateError> {
        let (left, right) = tokio::try_join!(
            expected.all_digests(entities, hasher, &self.server_name),
            actual.all_digests(entities, hasher, &self.server_name),
        )?;
        Ok(AllDigests { left, right })
    }

    /// Finds the rows of an entity that differ.
    async fn search(
        &self,
        entity: &Entity,
        hasher: &Hasher,
        expected: &mut Reader<'_>,
        actual: &mut Reader<'_>,
        since: Option<SystemTime>,
    ) -> Result<Report, MigrateError> {
        let until = self.cut_over.as_deref();
        let (left, right) =
            tokio::try_join!(expected.count(entity, until), actual.count(entity, until))?;
        let buckets = (left.max(right) / BUCKET_ROWS).clamp(1, 65536);
        let (left, right) = tokio::try_join!(
            expected.digests(entity, hasher, buckets, until),
            actual.digests(entity, hasher, buckets, until),
        )?;
        let mut report = Report {
            entity: entity.name,
            expected: left.values().map(|digest| digest.count).sum(),
            actual: right.values().map(|digest| digest.count).sum(),
            shows_all: self.show_all,
            ..Report::default()
        };
        let queries = [Side::Expected, Side::Actual].map(|side| entity.fetch(side, buckets, until));
        let differing = differing(&left, &right);
        let first = if self.every_row {
            differing.len()
        } else {
            FIRST_BUCKETS.min(differing.len())
        };
        let (first, rest) = differing.split_at(first);
        for some in [first, rest] {
            if some.is_empty() {
                continue;
            }
            let mut of_synapse = expected.fetch(entity, &queries[0], some);
            let mut of_mas = actual.fetch(entity, &queries[1], some);
            for bucket in some {
                if !self.every_row && rows::is_full(&report) {
                    report.more = true;
                    return Ok(report);
                }
                let (expected, actual) =
                    tokio::try_join!(of_synapse.bucket(*bucket), of_mas.bucket(*bucket))?;
                rows::compare(entity, expected, actual, since, &mut report);
            }
        }
        Ok(report)
    }
}

/// The digests of all entities on both sides, by entity name.
struct AllDigests {
    left: BTreeMap<String, Digest>,
    right: BTreeMap<String, Digest>,
}

impl AllDigests {
    /// The numbers of rows on both sides of an entity, and whether the rows are equal.
    fn of(&self, entity: &Entity) -> Option<(i64, i64, bool)> {
        let (left, right) = (self.left.get(entity.name)?, self.right.get(entity.name)?);
        // The digests of sessions and of their tokens prove equality only together.
        let same = if entity.is_of_sessions() {
            let unmade = self.right.get(sessions::MADE_AT_OTHER_TIMES)?;
            let same = |name: &&str| self.left.get(*name) == self.right.get(*name);
            unmade.count == 0 && OF_SESSIONS.iter().all(same)
        } else {
            left == right
        };
        Some((left.count, right.count, same))
    }
}

/// Parses a time (RFC 3339).
fn time(text: &str) -> Result<SystemTime, MigrateError> {
    humantime::parse_rfc3339(text).map_err(|source| MigrateError::Time {
        text: text.to_owned(),
        source,
    })
}

/// A text that is a time (RFC 3339), as it is.
///
/// # Errors
///
/// If it is none.
pub fn checked_time(text: &str) -> Result<String, MigrateError> {
    time(text).map(|_| text.to_owned())
}

/// A comparison that may take place long after the cutover.
#[derive(Clone, Debug, Default)]
pub struct PostCutoverVerification {
    backup: Option<PathBuf>,
    cut_over: Option<String>,
    /// Whether the copy of Synapse's tables is what was imported, and not the backup.
    is_copied: bool,
    /// Whether the reports have all rows that differ, and not only the first ones.
    pub show_all: bool,
}

impl PostCutoverVerification {
    /// Uses the backup and the time of the cutover as given, or else those in the journal.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read.
    pub fn of(
        context: &Context,
        backup: Option<PathBuf>,
        cut_over: Option<String>,
    ) -> Result<Self, MigrateError> {
        if backup.is_some() || cut_over.is_some() {
            return Ok(PostCutoverVerification {
                backup,
                cut_over,
                is_copied: false,
                show_all: false,
            });
        }
        let state = journal::recorded(&context.state())?;
        if state.cut_over.is_none() {
            return Ok(PostCutoverVerification::default());
        }
        let there = |backup: &PathBuf| backup::of_synapse(backup).exists();
        Ok(PostCutoverVerification {
            backup: state.backup.filter(there),
            cut_over: state.cut_over,
            is_copied: state.copied,
            show_all: false,
        })
    }

    /// Whether a backup is compared, and not Synapse's database.
    #[must_use]
    pub fn has_backup(&self) -> bool {
        self.backup.is_some()
    }

    /// Whether this is a comparison of after the cutover.
    #[must_use]
    pub fn is_after_cutover(&self) -> bool {
        self.cut_over.is_some() || self.backup.is_some()
    }

    /// Compares MAS's database with Synapse's, or with the backup, which is restored to a scratch
    /// database first.
    ///
    /// # Errors
    ///
    /// If a database cannot be reached, read or created.
    pub async fn verify(
        &self,
        context: &Context,
        on_report: impl FnMut(&Report),
    ) -> Result<Vec<Report>, MigrateError> {
        let comparison = Comparison {
            cut_over: self.cut_over.clone(),
            every_row: true,
            show_all: self.show_all,
            ..Comparison::of(context)?
        };
        let mas = context.mas_database()?;
        if self.is_copied
            && let Some(copy) = context.live_copy().await?
        {
            return comparison.run(&copy, mas, on_report).await;
        }
        let Some(backup) = &self.backup else {
            return comparison
                .run(context.synapse_database()?, mas, on_report)
                .await;
        };
        let mut signals = Signals::listen()?;
        context.drop_leftovers().await?;
        let scratch = context
            .scratch("the backup of Synapse's database", scratch::BACKUP)
            .await?;
        let compared = async {
            backup::restore_synapse(&context.postgresql(), backup, &scratch.database).await?;
            comparison.run(&scratch.database, mas, on_report).await
        };
        let compared = signals.run(compared).await;
        scratch.remove().await?;
        compared
    }
}

/// How much an import brings to MAS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Users, without those of application services.
    pub users: i64,
    /// Sessions: devices with a token, and tokens without a device.
    pub sessions: i64,
}

/// Counts what an import would bring to MAS from this database of Synapse.
///
/// # Errors
///
/// If the database cannot be read.
pub async fn to_import(synapse: &Database) -> Result<Imported, MigrateError> {
    let entities = entities::entities(&[]);
    let mut connection = synapse.snapshot().await?;
    let mut numbers = [0, 0];
    for (name, number) in ["users", "sessions"].iter().zip(&mut numbers) {
        let entity = entities.iter().find(|entity| entity.name == *name);
        let Some(entity) = entity else { continue };
        let sql = entity.count(Side::Expected, None);
        let rows = fetched(synapse, &mut connection, name, &sql).await?;
        *number = rows.first().map_or(0, |row| row.get(0));
    }
    let [users, sessions] = numbers;
    Ok(Imported { users, sessions })
}

/// One side of the comparison: two connections that share a snapshot of its database.
struct Reader<'a> {
    database: &'a Database,
    side: Side,
    connection: PgConnection,
    second: PgConnection,
}

impl<'a> Reader<'a> {
    async fn open(database: &'a Database, side: Side) -> Result<Self, MigrateError> {
        let mut connection = database.snapshot().await?;
        let second = database.same_snapshot(&mut connection).await?;
        Ok(Reader {
            database,
            side,
            connection,
            second,
        })
    }

    /// One digest of each entity, by entity name. One connection computes those of sessions and their
    /// tokens, and the other one computes the rest, one after the other.
    async fn all_digests(
        &mut self,
        entities: &[Entity],
        hasher: &Hasher,
        server_name: &str,
    ) -> Result<BTreeMap<String, Digest>, MigrateError> {
        let together = |entity: &&Entity| entity.is_of_sessions();
        let family: Vec<&Entity> = entities.iter().filter(together).collect();
        let family = family
            .try_into()
            .unwrap_or_else(|_| unreachable!("all three are there"));
        let family = match self.side {
            Side::Expected => sessions::expected(hasher, family),
            Side::Actual => sessions::actual(hasher, family, server_name),
        };
        let (database, side) = (self.database, self.side);
        let (connection, second) = (&mut self.connection, &mut self.second);
        let alone = async {
            let mut found = BTreeMap::new();
            for entity in entities.iter().filter(|entity| !together(entity)) {
                let sql = entity.digest(side, hasher);
                for row in fetched(database, connection, entity.name, &sql).await? {
                    found.insert(entity.name.to_owned(), Digest::read(&row));
                }
            }
            Ok::<_, MigrateError>(found)
        };
        let (mut found, rows) = tokio::try_join!(
            alone,
            fetched(database, second, "sessions and tokens", &family)
        )?;
        found.extend(
            rows.iter()
                .map(|row| (row.get("entity"), Digest::read(row))),
        );
        Ok(found)
    }

    async fn count(&mut self, entity: &Entity, until: Option<&str>) -> Result<i64, MigrateError> {
        let sql = entity.count(self.side, until);
        let rows = fetched(self.database, &mut self.connection, entity.name, &sql).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    async fn digests(
        &mut self,
        entity: &Entity,
        hasher: &Hasher,
        buckets: i64,
        until: Option<&str>,
    ) -> Result<Digests, MigrateError> {
        let sql = entity.digests(self.side, hasher, buckets, until);
        let rows = fetched(self.database, &mut self.connection, entity.name, &sql).await?;
        Ok(Digest::of_buckets(&rows))
    }

    /// The rows of these buckets, which must be sorted, as the query returns them in this order.
    fn fetch<'s>(&'s mut self, entity: &Entity, sql: &'s str, buckets: &'s [i32]) -> Rows<'s> {
        let columns = entity.columns.len();
        let (database, doing) = (self.database, format!("cannot read its {}", entity.name));
        let rows = sqlx::query(sql).bind(buckets).fetch(&mut self.connection);
        let rows = rows.map_ok(move |row| {
            let values = (1..=columns).map(|column| row.get(column)).collect();
            (row.get(0), values)
        });
        let rows: BoxStream<'s, _> =
            Box::pin(rows.map_err(move |error| database.failed(&doing)(error)));
        Rows(rows.peekable())
    }
}

/// Rows with their buckets, sorted by bucket.
struct Rows<'a>(Peekable<BoxStream<'a, Result<(i32, Row), MigrateError>>>);

impl Rows<'_> {
    /// The rows of a bucket, if it comes next; otherwise none.
    async fn bucket(&mut self, bucket: i32) -> Result<Vec<Row>, MigrateError> {
        let mut rows = Vec::new();
        let of_it =
            |row: &Result<(i32, Row), _>| !matches!(row, Ok((other, _)) if *other != bucket);
        while let Some(row) = Pin::new(&mut self.0).next_if(of_it).await {
            rows.push(row?.1);
        }
        Ok(rows)
    }
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
