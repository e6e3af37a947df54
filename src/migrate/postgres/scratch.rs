//! Temporary databases on the server of MAS's database.

use sqlx::{Connection as _, PgConnection, postgres::PgAdvisoryLock};

use crate::migrate::{
    MigrateError,
    postgres::{
        clients::terminate_other_connections, connection::Database, identity::identity, role_grant,
    },
};

/// The copy of Synapse's tables from which a rehearsal imports.
pub const COPY: &str = "syn2mas_synapse";

/// The database into which a rehearsal imports.
pub const REHEARSAL: &str = "syn2mas_mas";

/// The backup of Synapse's tables, restored for a comparison.
pub const BACKUP: &str = "syn2mas_backup";

const LIVE_COPY: &str = "syn2mas_live_copy_";

/// The name of the copy of Synapse's tables from which a migration imports, and which follows them. Each of
/// MAS's databases on a server has its own, because a copy may be there for days.
///
/// # Errors
///
/// If the server does not answer.
pub async fn live_copy(mas: &Database) -> Result<String, MigrateError> {
    Ok(format!("{LIVE_COPY}{}", identity(mas).await?.oid))
}

/// The names of copies that [`live_copy`] has named after databases that do not exist any more.
///
/// # Errors
///
/// If the server does not answer.
pub async fn orphaned_copies(server: &Database) -> Result<Vec<String>, MigrateError> {
    let mut connection = server.connect().await?;
    sqlx::query_scalar(
        "SELECT datname::text FROM pg_database WHERE datname ~ ('^' || $1 || '[0-9]+$')
           AND substring(datname, '[0-9]+$') NOT IN (SELECT oid::text FROM pg_database) ORDER BY 1",
    )
    .bind(LIVE_COPY)
    .fetch_all(&mut connection)
    .await
    .map_err(server.failed("cannot list its databases"))
}

/// The names of the temporary databases that a killed run of another command than `migrate` has left.
pub const NAMES: [&str; 3] = [COPY, REHEARSAL, BACKUP];

/// A temporary database that MAS's role owns. Dropping the value does not remove the database: call
/// [`Scratch::remove`], also after an error.
#[derive(Debug)]
pub struct Scratch {
    /// How to connect to it, as MAS's role.
    pub database: Database,
    maker: Database,
    /// Holds an advisory lock as long as this process lives: others can tell that it does.
    owner: Owner,
}

/// A connection that holds the advisory lock for a temporary database.
#[derive(Debug)]
struct Owner {
    connection: PgConnection,
    pid: i32,
}

/// A temporary database that exists on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// One of [`NAMES`].
    pub name: &'static str,
    /// Whether the process that made it still runs. If not, it was killed.
    pub is_in_use: bool,
}

/// Whether another session holds the advisory lock with the key `$1`, in whatever database.
const IS_OWNED: &str = "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
    AND objsubid = 1 AND (classid::bigint << 32) | objid::bigint = $1 AND pid <> pg_backend_pid())";

/// Whether the process that made a temporary database still runs.
///
/// # Errors
///
/// If the server does not answer.
pub async fn is_in_use(server: &Database, name: &str) -> Result<bool, MigrateError> {
    let mut connection = server.connect().await?;
    sqlx::query_scalar(&format!("SELECT {IS_OWNED}"))
        .bind(key(name))
        .fetch_one(&mut connection)
        .await
        .map_err(server.failed("cannot tell whether a database is in use"))
}

/// Lists the temporary databases on the server of `server`, those in use too.
///
/// # Errors
///
/// If the server does not answer.
pub async fn leftovers(server: &Database) -> Result<Vec<Leftover>, MigrateError> {
    let mut connection = server.connect().await?;
    let mut found = Vec::new();
    for name in NAMES {
        let is_in_use: Option<bool> = sqlx::query_scalar(&format!(
            "SELECT {IS_OWNED} FROM pg_database WHERE datname = $2"
        ))
        .bind(key(name))
        .bind(name)
        .fetch_optional(&mut connection)
        .await
        .map_err(server.failed("cannot list its databases"))?;
        found.extend(is_in_use.map(|is_in_use| Leftover { name, is_in_use }));
    }
    Ok(found)
}

/// Drops the temporary databases of killed processes, which hold password hashes and tokens. Returns the
/// databases that are still in use.
///
/// # Errors
///
/// If a database cannot be dropped.
pub async fn drop_leftovers(
    mas: &Database,
    maker: &Database,
) -> Result<Vec<&'static str>, MigrateError> {
    let mut in_use = Vec::new();
    for leftover in leftovers(maker).await? {
        if leftover.is_in_use {
            in_use.push(leftover.name);
        } else {
            drop_if_there(
                maker,
                &mas.sibling("a database of a killed run", leftover.name),
            )
            .await?;
        }
    }
    Ok(in_use)
}

/// The key of the advisory lock that the owner of a temporary database holds.
fn key(name: &str) -> i64 {
    let lock = PgAdvisoryLock::new(format!("syn2mas-scratch-{name}"));
    lock.key().as_bigint().unwrap_or_default()
}

/// Why no temporary database can be made on a server. None if it can.
///
/// # Errors
///
/// If the server does not answer.
pub async fn obstacle(maker: &Database) -> Result<Option<String>, MigrateError> {
    let mut connection = maker.connect().await?;
    let role: Option<String> = sqlx::query_scalar(
        "SELECT quote_ident(rolname) FROM pg_roles
         WHERE rolname = current_user AND NOT rolcreatedb AND NOT rolsuper",
    )
    .fetch_optional(&mut connection)
    .await
    .map_err(maker.failed("cannot read the attributes of its role"))?;
    Ok(role.map(|role| {
        format!(
            "the role {role} may not create a database: `ALTER ROLE {role} CREATEDB`, or pass \
             `--admin-database-uri`"
        )
    }))
}

/// Whether a server has a database of this name.
///
/// # Errors
///
/// If the server does not answer.
pub async fn exists(server: &Database, name: &str) -> Result<bool, MigrateError> {
    let mut connection = server.connect().await?;
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .map_err(server.failed("cannot list its databases"))
}

/// Drops a temporary database, if there is one of this name.
///
/// # Errors
///
/// If it cannot be dropped.
pub async fn drop_if_there(maker: &Database, scratch: &Database) -> Result<(), MigrateError> {
    end_creation(maker, scratch.name()).await?;
    if exists(maker, scratch.name()).await? {
        terminate_other_connections(scratch).await?;
        execute(
            maker,
            &format!("DROP DATABASE IF EXISTS {}", scratch.name()),
        )
        .await?;
    }
    Ok(())
}

/// Ends the statement that creates a database, of a run that was interrupted meanwhile. The server completes
/// it otherwise, after the database was found not to exist.
async fn end_creation(maker: &Database, name: &str) -> Result<(), MigrateError> {
    const TRIES: usize = 100;
    let mut connection = maker.connect().await?;
    for _ in 0..TRIES {
        let at_work: Vec<bool> = sqlx::query_scalar(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE pid <> pg_backend_pid() AND state = 'active' AND starts_with(query, $1)",
        )
        .bind(creation(name))
        .fetch_all(&mut connection)
        .await
        .map_err(maker.failed("cannot end the creation of a database"))?;
        if at_work.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(MigrateError::InUse {
        which: maker.which,
        connections: vec![format!("a session that creates the database {name}")],
        fix: "End it by hand",
    })
}

/// How the statement begins that creates a temporary database.
fn creation(name: &str) -> String {
    format!("CREATE DATABASE {name} ")
}

async fn execute(maker: &Database, statement: &str) -> Result<(), MigrateError> {
    let mut connection = maker.connect().await?;
    sqlx::raw_sql(statement)
        .execute(&mut connection)
        .await
        .map_err(maker.failed(
            "cannot create or drop a database (pass `--admin-database-uri`, or give MAS's role CREATEDB)",
        ))?;
    Ok(())
}

/// Between two looks whether a session has ended.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Ends a session of ours, whose connection may be lost.
///
/// # Errors
///
/// If the server does not answer, or refuses.
pub async fn end_session(database: &Database, pid: i32) -> Result<(), MigrateError> {
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE pid = $1 AND application_name = 'syn2mas'",
    )
    .bind(pid)
    .execute(&mut database.connect().await?)
    .await
    .map_err(database.failed("cannot end a session whose connection is lost"))?;
    Ok(())
}

/// Takes the advisory lock for a temporary database.
async fn own(maker: &Database, which: &'static str, name: &str) -> Result<Owner, MigrateError> {
    let mut owner = maker.connect().await?;
    let mut ask = async |sql: &str| {
        sqlx::query_scalar::<_, bool>(sql)
            .bind(key(name))
            .fetch_one(&mut owner)
            .await
            .map_err(maker.failed("cannot tell whether a database is in use"))
    };
    // The lock keeps only those out who take it in the same database.
    let is_locked = ask("SELECT pg_try_advisory_lock($1)").await?;
    if !is_locked || ask(&format!("SELECT {IS_OWNED}")).await? {
        return Err(MigrateError::InUse {
            which,
            connections: vec!["another syn2mas".to_owned()],
            fix: "Wait until it is done",
        });
    }
    let pid = maker.pid(&mut owner).await?;
    Ok(Owner {
        connection: owner,
        pid,
    })
}

impl Scratch {
    /// Creates a database on the server of MAS's, with the role of `maker`. A database of this name
    /// that a killed run left behind is removed first.
    ///
    /// # Errors
    ///
    /// If the database cannot be created, or another process uses one of this name.
    pub async fn make(
        mas: &Database,
        maker: Database,
        which: &'static str,
        name: &str,
    ) -> Result<Self, MigrateError> {
        let owner = own(&maker, which, name).await?;
        let scratch = Scratch {
            database: mas.sibling(which, name),
            maker,
            owner,
        };
        let maker = &scratch.maker;
        drop_if_there(maker, &scratch.database).await?;
        let role = role_grant::role(mas).await?.replace('"', "\"\"");
        let create = format!(
            "{}OWNER \"{role}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
            creation(name)
        );
        execute(maker, &create).await?;
        Ok(scratch)
    }

    /// Takes the advisory lock again if it was lost, because the server was restarted.
    ///
    /// # Errors
    ///
    /// If the server does not answer, or another process uses the database.
    pub async fn keep(&mut self) -> Result<(), MigrateError> {
        const TRIES: usize = 50;
        if self.owner.connection.ping().await.is_ok() {
            return Ok(());
        }
        // The server may still have the session of a connection that is lost.
        end_session(&self.maker, self.owner.pid).await?;
        let (which, name) = (self.database.which, self.database.name());
        let mut tries = 1;
        loop {
            match own(&self.maker, which, name).await {
                Err(MigrateError::InUse { .. }) if tries < TRIES => tries += 1,
                owner => {
                    self.owner = owner?;
                    return Ok(());
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The process id of the connection that holds the advisory lock, if it is one to this database.
    ///
    /// # Errors
    ///
    /// If a server does not answer.
    pub async fn owner_in(&self, database: &Database) -> Result<Option<i32>, MigrateError> {
        let (owners, other) = (identity(&self.maker).await?, identity(database).await?);
        Ok(owners.is_same(&other).then_some(self.owner.pid))
    }

    /// Terminates all connections to the database and drops it.
    ///
    /// # Errors
    ///
    /// If it cannot be dropped.
    pub async fn remove(self) -> Result<(), MigrateError> {
        drop_if_there(&self.maker, &self.database).await
    }
}
