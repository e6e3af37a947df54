//! Temporary databases on the server of MAS's database.

use crate::migrate::{
    MigrateError,
    postgres::{clients::terminate_other_connections, connection::Database, role_grant},
};

/// A temporary database that MAS's role owns. Dropping the value does not remove the database: call
/// [`Scratch::remove`], also after an error.
#[derive(Debug)]
pub struct Scratch {
    /// How to connect to it, as MAS's role.
    pub database: Database,
    maker: Database,
    name: &'static str,
}

impl Scratch {
    /// Creates a database on the server of MAS's, as the superuser if one is given. A database of this name
    /// that an earlier run left behind is removed first.
    ///
    /// # Errors
    ///
    /// If the database cannot be created.
    pub async fn make(
        mas: &Database,
        superuser: Option<Database>,
        which: &'static str,
        name: &'static str,
    ) -> Result<Self, MigrateError> {
        let maker = superuser.unwrap_or_else(|| mas.clone());
        let scratch = Scratch {
            database: mas.sibling(which, name),
            maker,
            name,
        };
        scratch.drop_if_there().await?;
        let role = role_grant::role(mas).await?.replace('"', "\"\"");
        scratch
            .execute(&format!(
                "CREATE DATABASE {name} OWNER \"{role}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
            ))
            .await?;
        Ok(scratch)
    }

    /// Terminates all connections to the database and drops it.
    ///
    /// # Errors
    ///
    /// If it cannot be dropped.
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
            terminate_other_connections(&self.database).await?;
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
                "cannot create or drop a database (pass `--admin-database-uri`, or give MAS's role \
                 CREATEDB)",
            ))?;
        Ok(())
    }
}
