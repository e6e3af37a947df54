//! Temporarily makes MAS's role a member of Synapse's. With peer authentication, a process can only
//! connect as the role of its user, and the import reads one database and writes the other.

use crate::migrate::{MigrateError, postgres::connection::Database};

/// A membership of one role in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Synapse's role, which is granted.
    pub role: String,
    /// MAS's role, the member.
    pub member: String,
}

impl Grant {
    /// The grant between the roles that the two databases are connected to with.
    ///
    /// # Errors
    ///
    /// If one of the databases cannot be reached.
    pub async fn between(synapse: &Database, mas: &Database) -> Result<Self, MigrateError> {
        let (role, member) = tokio::try_join!(role(synapse), role(mas))?;
        Ok(Grant { role, member })
    }

    /// Whether the import needs the grant: the roles differ, and MAS's is not a member yet.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn is_needed(&self, admin: &Database) -> Result<bool, MigrateError> {
        Ok(self.role != self.member && !self.holds(admin).await?)
    }

    /// Whether MAS's role already has the privileges of Synapse's.
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
            .map_err(admin.failed("cannot read the members of a role"))
    }

    /// Grants Synapse's role to MAS's.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn give(&self, admin: &Database) -> Result<(), MigrateError> {
        self.execute(admin, "GRANT %I TO %I").await
    }

    /// Revokes the grant. PostgreSQL only warns if there is none.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn revoke(&self, admin: &Database) -> Result<(), MigrateError> {
        self.execute(admin, "REVOKE %I FROM %I").await
    }

    async fn execute(&self, admin: &Database, statement: &str) -> Result<(), MigrateError> {
        let mut connection = admin.connect().await?;
        let failed = || admin.failed("cannot grant or revoke a role");
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

/// The role that a connection to a database has, `current_user`.
///
/// # Errors
///
/// If the database cannot be reached.
pub async fn role(database: &Database) -> Result<String, MigrateError> {
    let mut connection = database.connect().await?;
    sqlx::query_scalar("SELECT current_user::text")
        .fetch_one(&mut connection)
        .await
        .map_err(database.failed("cannot read its role"))
}
