//! Databases that exist only for a while, beside MAS's own.

use futures_util::TryStreamExt;
use sqlx::{PgConnection, Row};

use super::{MigrateError, database::Database, grant, inputs::Inputs, server};

/// A database of MAS's role, for a while. It has to be removed by hand, whatever happens.
#[derive(Debug)]
pub struct Scratch {
    /// The database.
    pub database: Database,
    maker: Database,
    name: &'static str,
}

impl Scratch {
    /// Makes one. What an earlier run left under this name is removed.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub async fn make(
        inputs: &Inputs,
        which: &'static str,
        name: &'static str,
    ) -> Result<Self, MigrateError> {
        let mas = inputs.mas_database()?;
        let maker = inputs.admin_database()?.unwrap_or_else(|| mas.clone());
        let scratch = Scratch {
            database: mas.sibling(which, name),
            maker,
            name,
        };
        scratch.drop_if_there().await?;
        let role = grant::role(&mas).await?.replace('"', "\"\"");
        scratch
            .execute(&format!(
                "CREATE DATABASE {name} OWNER \"{role}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
            ))
            .await?;
        Ok(scratch)
    }

    /// Removes it, and sends whoever uses it away.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub async fn remove(self) -> Result<(), MigrateError> {
        self.drop_if_there().await
    }

    async fn drop_if_there(&self) -> Result<(), MigrateError> {
        let mut connection = self.maker.connect().await?;
        let there: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
                .bind(self.name)
                .fetch_one(&mut connection)
                .await
                .map_err(self.maker.failed("cannot list its databases"))?;
        if there {
            server::quiet(&self.database).await?;
            self.execute(&format!("DROP DATABASE IF EXISTS {}", self.name))
                .await?;
        }
        Ok(())
    }

    async fn execute(&self, statement: &str) -> Result<(), MigrateError> {
        let mut connection = self.maker.connect().await?;
        sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .map_err(self.maker.failed(
                "cannot make or remove a database. Give `--admin-database-uri`, or give MAS's role \
                 CREATEDB",
            ))?;
        Ok(())
    }
}

/// Copies the tables that the import reads, as they are at one moment.
///
/// # Errors
///
/// If a table cannot be read or written.
pub async fn copy(from: &Database, to: &Database) -> Result<(), MigrateError> {
    let mut source = from.snapshot().await?;
    let mut target = to.connect().await?;
    for table in server::TABLES {
        copy_table(from, &mut source, to, &mut target, table).await?;
    }
    sqlx::raw_sql("ANALYZE")
        .execute(&mut target)
        .await
        .map_err(to.failed("cannot analyze its tables"))?;
    Ok(())
}

async fn copy_table(
    from: &Database,
    source: &mut PgConnection,
    to: &Database,
    target: &mut PgConnection,
    table: &str,
) -> Result<(), MigrateError> {
    let unread = || from.failed(&format!("cannot read {table}"));
    let unwritten = || to.failed(&format!("cannot copy {table}"));
    let columns = sqlx::query(
        "SELECT quote_ident(attname), format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
           AND attgenerated = '' ORDER BY attnum",
    )
    .bind(table)
    .fetch_all(&mut *source)
    .await
    .map_err(unread())?;
    let names: Vec<String> = columns.iter().map(|column| column.get(0)).collect();
    let declared = columns.iter().map(|column| {
        format!(
            "{} {}",
            column.get::<String, _>(0),
            column.get::<String, _>(1)
        )
    });
    let declared: Vec<String> = declared.collect();
    // It is gone before anybody could miss it after a crash.
    let create = format!("CREATE UNLOGGED TABLE {table} ({})", declared.join(", "));
    sqlx::raw_sql(&create)
        .execute(&mut *target)
        .await
        .map_err(unwritten())?;
    let names = names.join(", ");
    let read = format!("COPY {table} ({names}) TO STDOUT (FORMAT binary)");
    let write = format!("COPY {table} ({names}) FROM STDIN (FORMAT binary)");
    let mut rows = source.copy_out_raw(&read).await.map_err(unread())?;
    let mut sink = target.copy_in_raw(&write).await.map_err(unwritten())?;
    while let Some(piece) = rows.try_next().await.map_err(unread())? {
        sink.send(piece).await.map_err(unwritten())?;
    }
    sink.finish().await.map_err(unwritten())?;
    Ok(())
}
