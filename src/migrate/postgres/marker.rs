//! The marker in MAS's database, which says what a migration has made of it. It is in a schema of its
//! own, so MAS does not see it. Unlike a file, it cannot be about another database, and it cannot be lost
//! while the database exists.

use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Row, postgres::PgRow};

use crate::migrate::{
    MigrateError,
    postgres::{connection::Database, identity::DatabaseId, tables::LastTokens},
};

/// The name of the schema.
pub const SCHEMA: &str = "syn2mas";

/// How far MAS's database has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// An import was started. Nothing in the database is to be relied on.
    Importing,
    /// What was imported was compared with Synapse's database, and is equal.
    Verified,
    /// Synapse was told to delegate to MAS. Users may have written to the database since.
    CutOver,
    /// The migration is complete.
    Served,
    /// The database is as it was before, but the rollback is not complete.
    RollingBack,
    /// The homeserver went back to Synapse's own authentication, and the database is as it was before.
    RolledBack,
}

impl Progress {
    /// The name in the table, for example `cut-over`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Progress::Importing => "importing",
            Progress::Verified => "verified",
            Progress::CutOver => "cut-over",
            Progress::Served => "served",
            Progress::RollingBack => "rolling-back",
            Progress::RolledBack => "rolled-back",
        }
    }

    fn named(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }
}

/// The marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    /// The migration, a ULID.
    pub migration: String,
    /// The identity of Synapse's database, as text.
    pub synapse: String,
    /// How far the database has come.
    pub progress: Progress,
    /// Since when, in UTC (RFC 3339).
    pub since: String,
    /// When Synapse was told to delegate, in UTC (RFC 3339).
    pub cut_over: Option<String>,
    /// The last tokens that Synapse made before that.
    pub last_tokens: Option<LastTokens>,
    /// Whether MAS's role was granted Synapse's, and that was not revoked yet.
    pub granted: bool,
    /// The directory with the journal of the migration.
    pub state_dir: String,
}

/// Reads the marker. None if there is none.
///
/// # Errors
///
/// If the database cannot be read, or the marker was written by another version of this program.
pub async fn read(database: &Database) -> Result<Option<Marker>, MigrateError> {
    let mut connection = database.connect().await?;
    read_on(&mut connection, database).await
}

/// The same as [`read`], on an existing connection.
///
/// # Errors
///
/// As for [`read`].
pub async fn read_on(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Option<Marker>, MigrateError> {
    let failed = || database.failed("cannot read the marker of the migration");
    let there: bool = sqlx::query_scalar("SELECT to_regclass('syn2mas.migration') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed())?;
    if !there {
        return Ok(None);
    }
    let row = sqlx::query(
        "SELECT migration, synapse, progress, granted, state_dir, last_access_token, last_refresh_token,
           to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS since,
           to_char(cut_over AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS cut_over
         FROM syn2mas.migration",
    )
    .fetch_optional(connection)
    .await
    .map_err(failed())?;
    let Some(row) = row else { return Ok(None) };
    let name: String = row.get("progress");
    let progress = Progress::named(&name).ok_or_else(|| {
        wrong(
            database,
            format!(
                "the table syn2mas.migration says `{name}`, which this version of syn2mas does not know. \
                 Use the version that began the migration"
            ),
        )
    })?;
    Ok(Some(Marker {
        migration: row.get("migration"),
        synapse: row.get("synapse"),
        progress,
        since: row.get("since"),
        cut_over: row.get("cut_over"),
        last_tokens: last(&row),
        granted: row.get("granted"),
        state_dir: row.get("state_dir"),
    }))
}

fn wrong(database: &Database, problem: String) -> MigrateError {
    MigrateError::Marker {
        which: database.which,
        problem,
    }
}

/// SQL that makes the table and writes the marker in place of the one there is.
#[must_use]
pub fn replace(marker: &Marker) -> String {
    let text = |value: &str| format!("'{}'", value.replace('\'', "''"));
    let cut_over = marker
        .cut_over
        .as_deref()
        .map_or("NULL".to_owned(), |time| {
            format!("{}::timestamptz", text(time))
        });
    let last = match marker.last_tokens {
        Some(LastTokens { access, refresh }) => format!("{access}, {refresh}"),
        None => "NULL, NULL".to_owned(),
    };
    format!(
        "CREATE SCHEMA IF NOT EXISTS {SCHEMA};
         CREATE TABLE IF NOT EXISTS {SCHEMA}.migration (
           singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
           migration text NOT NULL, synapse text NOT NULL, progress text NOT NULL,
           since timestamptz NOT NULL, cut_over timestamptz, granted boolean NOT NULL,
           state_dir text NOT NULL, last_access_token bigint, last_refresh_token bigint);
         INSERT INTO {SCHEMA}.migration VALUES
           (true, {}, {}, {}, {}::timestamptz, {cut_over}, {}, {}, {last})
         ON CONFLICT (singleton) DO UPDATE SET migration = EXCLUDED.migration, synapse = EXCLUDED.synapse,
           progress = EXCLUDED.progress, since = EXCLUDED.since, cut_over = EXCLUDED.cut_over,
           granted = EXCLUDED.granted, state_dir = EXCLUDED.state_dir,
           last_access_token = EXCLUDED.last_access_token,
           last_refresh_token = EXCLUDED.last_refresh_token;\n",
        text(&marker.migration),
        text(&marker.synapse),
        text(marker.progress.name()),
        text(&marker.since),
        marker.granted,
        text(&marker.state_dir),
    )
}

/// Writes the marker before an import, over that of a migration that was rolled back.
///
/// # Errors
///
/// If the database cannot be written, or has the marker of another migration that is still valid.
pub async fn begin(database: &Database, marker: &Marker) -> Result<(), MigrateError> {
    match read(database).await? {
        Some(found)
            if found.migration != marker.migration && found.progress != Progress::RolledBack =>
        {
            let problem = format!(
                "it belongs to the migration {}, whose journal is in {}",
                found.migration, found.state_dir
            );
            return Err(wrong(database, problem));
        }
        _ => {}
    }
    let mut connection = database.connect().await?;
    sqlx::raw_sql(&format!("BEGIN; {} COMMIT", replace(marker)))
        .execute(&mut connection)
        .await
        .map_err(database.failed("cannot write the marker of the migration"))?;
    Ok(())
}

fn last(row: &PgRow) -> Option<LastTokens> {
    let access: Option<i64> = row.get("last_access_token");
    let refresh: Option<i64> = row.get("last_refresh_token");
    let (access, refresh) = access.zip(refresh)?;
    Some(LastTokens { access, refresh })
}

/// Moves the marker of a migration on, from one of the states in `from`. It keeps `last` if that is given.
///
/// # Errors
///
/// If the database cannot be written, or its marker is another one: then this database does not hold what
/// the migration has imported.
pub async fn advance(
    database: &Database,
    migration: &str,
    synapse: &DatabaseId,
    from: &[Progress],
    to: Progress,
    last: Option<LastTokens>,
) -> Result<(), MigrateError> {
    let mut connection = database.connect().await?;
    let from: Vec<String> = from.iter().map(|one| one.name().to_owned()).collect();
    let there: bool = sqlx::query_scalar("SELECT to_regclass('syn2mas.migration') IS NOT NULL")
        .fetch_one(&mut connection)
        .await
        .map_err(database.failed("cannot read the marker of the migration"))?;
    let moved = if there {
        sqlx::query(
            "UPDATE syn2mas.migration SET progress = $1, since = now(), cut_over =
               CASE WHEN $1 = 'cut-over' THEN coalesce(cut_over, now()) ELSE cut_over END,
               granted = granted AND $1 <> 'served',
               last_access_token = coalesce($5, last_access_token),
               last_refresh_token = coalesce($6, last_refresh_token)
             WHERE migration = $2 AND synapse = $3 AND progress = ANY($4)",
        )
        .bind(to.name())
        .bind(migration)
        .bind(synapse.to_string())
        .bind(&from)
        .bind(last.map(|last| last.access))
        .bind(last.map(|last| last.refresh))
        .execute(&mut connection)
        .await
        .map_err(database.failed("cannot write the marker of the migration"))?
        .rows_affected()
    } else {
        0
    };
    if moved == 0 {
        let problem = format!(
            "it does not say that this migration has made it {}, so Synapse must not delegate to it",
            from.join(" or ")
        );
        return Err(wrong(database, problem));
    }
    Ok(())
}
