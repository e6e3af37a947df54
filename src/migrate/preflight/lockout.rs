//! Whether Synapse's users would be locked out if MAS authenticated them.

use crate::migrate::{MigrateError, inputs::Inputs, postgres::mas_state::MasState};

/// Why users would be locked out; `None` if they would not, or if there are no sessions to lose.
///
/// # Errors
///
/// If Synapse's database cannot be read.
pub async fn locked_out(inputs: &Inputs) -> Result<Option<String>, MigrateError> {
    let synapse = inputs.synapse_database()?;
    let mut connection = synapse.connect().await?;
    let failed = || synapse.failed("cannot count its sessions");
    let is_there: bool = sqlx::query_scalar("SELECT to_regclass('access_tokens') IS NOT NULL")
        .fetch_one(&mut connection)
        .await
        .map_err(failed())?;
    if !is_there {
        return Ok(None);
    }
    let sessions: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM access_tokens t JOIN users u ON u.name = t.user_id
         WHERE u.appservice_id IS NULL AND t.puppets_user_id IS NULL",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(failed())?;
    if sessions == 0 {
        return Ok(None);
    }
    let known = match inputs.mas_state().await {
        Ok(MasState::Populated(_)) => return Ok(None),
        Ok(state) => format!("MAS's database is {state}"),
        Err(error) => format!("unknown whether MAS has them: {}", error.with_causes()),
    };
    Ok(Some(format!(
        "Synapse has {sessions} sessions, and {known}. If MAS authenticated its users now, everybody \
         would be logged out and lose their encryption keys. Set `migration.enable` of MAS's module to \
         true, and move the homeserver with `syn2mas migrate`"
    )))
}
