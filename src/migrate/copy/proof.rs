//! That a copy was found to differ from Synapse's tables after the cutover. The copy itself says so, because nothing else
//! of it outlasts the run that has found it.

use crate::migrate::{MigrateError, postgres::connection::Database};

/// The table of the copy with the problem.
const TABLE: &str = "syn2mas_disproved";

/// Records that a copy differs.
///
/// # Errors
///
/// If it cannot be written.
pub async fn disprove(copy: &Database, problem: &str) -> Result<(), MigrateError> {
    let failed = || copy.failed("cannot record that it differs");
    let mut connection = copy.connect().await?;
    let make = format!("CREATE TABLE IF NOT EXISTS {TABLE} (problem text NOT NULL)");
    sqlx::raw_sql(&make)
        .execute(&mut connection)
        .await
        .map_err(failed())?;
    sqlx::query(&format!("INSERT INTO {TABLE} VALUES ($1)"))
        .bind(problem)
        .execute(&mut connection)
        .await
        .map_err(failed())?;
    Ok(())
}

/// Fails if a copy was found to differ, also by an earlier run.
///
/// # Errors
///
/// If it was, or it cannot be read.
pub async fn make_sure(copy: &Database) -> Result<(), MigrateError> {
    let failed = || copy.failed("cannot read what was found about it");
    let mut connection = copy.connect().await?;
    let is_there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(TABLE)
        .fetch_one(&mut connection)
        .await
        .map_err(failed())?;
    if !is_there {
        return Ok(());
    }
    let problem = sqlx::query_scalar(&format!("SELECT problem FROM {TABLE} LIMIT 1"))
        .fetch_optional(&mut connection)
        .await
        .map_err(failed())?;
    problem.map_or(Ok(()), |problem| Err(MigrateError::Copy { problem }))
}
