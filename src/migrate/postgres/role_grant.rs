//! Lending MAS's role Synapse's, so that one process can read the one database and write the other
//! where PostgreSQL tells roles by the user of this host.

use crate::migrate::{MigrateError, postgres::connection::Database};

/// The two roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Synapse's role.
    pub role: String,
    /// MAS's role, which becomes a member of it.
    pub member: String,
}

impl Grant {
    /// The roles as whom the two databases are reached.
    ///
    /// # Errors
    ///
    /// If one cannot be reached.
    pub async fn between(synapse: &Database, mas: &Database) -> Result<Self, MigrateError> {
        let (role, member) = tokio::try_join!(role(synapse), role(mas))?;
        Ok(Grant { role, member })
    }

    /// Whether MAS's role has to be lent Synapse's for the import.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn is_needed(&self, admin: &Database) -> Result<bool, MigrateError> {
        Ok(self.role != self.member && !self.holds(admin).await?)
    }

    /// Whether MAS's role can act as Synapse's.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    async fn holds(&self, admin: &Database) -> Result<bool, MigrateError> {
        let mut connection = admin.connect().await?;
        sqlx::query_scalar("SELECT pg_has_role($1::name, $2::name, 'USAGE')")
            .bind(&self.member)
            .bind(&self.role)
            .fetch_one(&mut connection)
            .await
            .map_err(admin.failed("cannot tell who is a member of a role"))
    }

    /// Lends the role.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn give(&self, admin: &Database) -> Result<(), MigrateError> {
        self.execute(admin, "GRANT %I TO %I").await
    }

    /// Takes the role back. One that was not lent does no harm.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn revoke(&self, admin: &Database) -> Result<(), MigrateError> {
        self.execute(admin, "REVOKE %I FROM %I").await
    }

    async fn execute(&self, admin: &Database, statement: &str) -> Result<(), MigrateError> {
        let mut connection = admin.connect().await?;
        let failed = || admin.failed("cannot change who is a member of a role");
        let statement: String = sqlx::query_scalar("SELECT format($1, $2, $3)")
            .bind(statement)
            .bind(&self.role)
            .bind(&self.member)
            .fetch_one(&mut connection)
            .await
            .map_err(failed())?;
        sqlx::raw_sql(&statement)
            .execute(&mut connection)
            .await
            .map_err(failed())?;
        Ok(())
    }
}

/// The role as whom a database is reached.
///
/// # Errors
///
/// If it cannot be reached.
pub async fn role(database: &Database) -> Result<String, MigrateError> {
    let mut connection = database.connect().await?;
    sqlx::query_scalar("SELECT current_user::text")
        .fetch_one(&mut connection)
        .await
        .map_err(database.failed("cannot tell its role"))
}
