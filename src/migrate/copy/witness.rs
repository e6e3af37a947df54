//! A session of Synapse's server that does nothing. As long as it is there, the server has not crashed. One that
//! confirms commits before they are on its disk forgets the last of them when it does, and then gives their numbers to
//! other transactions.

use std::time::Duration;

use sqlx::PgConnection;

use crate::migrate::{
    MigrateError,
    postgres::{connection::Database, scratch::end_session},
};

/// How long a session may take to answer. A firewall that has forgotten it does not say so.
const ANSWER: Duration = Duration::from_secs(5);

/// A session, by which it is known whether the server has run without a break.
#[derive(Debug)]
pub struct Witness {
    connection: PgConnection,
    session: (i32, String),
}

impl Witness {
    /// Opens a session.
    pub async fn new(synapse: &Database) -> Result<Self, MigrateError> {
        let mut connection = synapse.connect().await?;
        let session = session(&mut connection).await;
        Ok(Witness {
            session: session.map_err(synapse.failed("cannot read the number of a session"))?,
            connection,
        })
    }

    /// The process id of the session.
    pub fn pid(&self) -> i32 {
        self.session.0
    }

    /// Whether the session is still the same one. A pooler might have opened another one.
    pub async fn is_there(&mut self) -> bool {
        let now = tokio::time::timeout(ANSWER, session(&mut self.connection)).await;
        matches!(now, Ok(Ok(now)) if now == self.session)
    }

    /// Ends the session, which the server may still have if only the connection is lost.
    pub async fn end(self, synapse: &Database) -> Result<(), MigrateError> {
        end_session(synapse, self.pid()).await
    }
}

/// The process id of a session, and when it has begun.
async fn session(connection: &mut PgConnection) -> Result<(i32, String), sqlx::Error> {
    sqlx::query_as(
        "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()",
    )
    .fetch_one(connection)
    .await
}
