//! What `inspect` and `verify` say where their usual answer would mislead: nothing is imported yet, a
//! migration is at work, or the homeserver is migrated already.

use anyhow::{Result, bail};
use mas2nix::migrate::{
    context::Context,
    control::{self, Live},
    journal,
    postgres::{marker, mas_state::MasState},
    status,
    step::Step,
    verify::PostCutoverVerification,
};
use serde_json::json;

use crate::{exit::Ending, verdict, view::view};

/// What a migration is doing that runs now. None if none does.
fn at_work(context: &Context) -> Result<Option<Live>> {
    let state = context.state();
    Ok(if journal::is_in_use(&state)? {
        control::shown(&state)
    } else {
        None
    })
}

/// Why there is nothing to inspect.
pub struct NotToInspect {
    result: &'static str,
    text: String,
    next: String,
    ending: Ending,
}

/// Why there is nothing to inspect: what `inspect` would find is the migration itself.
pub fn not_to_inspect(context: &Context) -> Result<Option<NotToInspect>> {
    if let Some(live) = at_work(context)? {
        return Ok(Some(NotToInspect {
            result: "at-work",
            text: format!(
                "A migration has begun, and has inspected the homeserver before that. {}",
                status::in_words(&live)
            ),
            next: view().given.next("syn2mas status"),
            ending: Ending::Blocked,
        }));
    }
    let state = journal::recorded(&context.state())?;
    Ok(match state.cut_over {
        Some(cut_over) if state.finished => Some(NotToInspect {
            result: "already-migrated",
            text: format!(
                "This homeserver was migrated to MAS at {cut_over}. There is nothing to inspect."
            ),
            next: view().given.next("syn2mas status"),
            ending: Ending::Good,
        }),
        _ => None,
    })
}

impl NotToInspect {
    /// Prints it.
    pub fn print(&self, json: bool) -> Result<Ending> {
        let value = json!({
            "result": self.result, "findings": [], "ready": false, "verdict": self.text,
        });
        verdict::say(json, value, &self.text, &self.next)?;
        Ok(self.ending)
    }
}

/// What to tell before a comparison while a migration follows Synapse.
///
/// # Errors
///
/// If a migration is at work, and there is nothing to compare yet.
pub fn while_verifying(
    context: &Context,
    later: &PostCutoverVerification,
) -> Result<Option<&'static str>> {
    let Some(live) = at_work(context)?.filter(|_| !later.is_after_cutover()) else {
        return Ok(None);
    };
    if live.step < Step::Verify {
        bail!(
            "a migration is at work, and there is nothing to compare before it has imported everything: {}",
            status::in_words(&live)
        );
    }
    Ok(Some(
        "A migration is at work, and brings MAS's database up to Synapse's round after round. What has \
         changed since the last round differs until the next one. Before the cutover the migration compares \
         all of it itself.",
    ))
}

/// Whether MAS's database is empty, and no migration says that it has to be.
pub async fn is_nothing_imported(context: &Context) -> Result<bool> {
    Ok(match context.mas_state().await? {
        // After an import was undone, there may be no tables, but the note that it was.
        MasState::New => true,
        MasState::Empty => marker::read(context.mas_database()?).await?.is_none(),
        _ => false,
    })
}

/// Says that nothing has been imported.
pub fn nothing_imported(json: bool) -> Result<Ending> {
    let value = json!({
        "identical": false, "imported": false, "atWork": false, "entities": [],
    });
    let text = "Nothing has been imported yet: MAS's database is empty.";
    verdict::say(json, value, text, &view().given.next("syn2mas inspect"))?;
    // There is no result.
    Ok(Ending::Failed)
}
