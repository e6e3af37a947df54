//! Decides what to do next. It follows from the command, from what the journal records and from what is
//! seen on the host, and from nothing else: nothing here reads or writes anything. `plan`, `status`, the
//! question before the start and the run itself all ask these functions, so they cannot disagree.
//!
//! ```text
//!          hold-mas … last-round       switch            start, probe, proxy
//!  NotBegun ─────────────────> Interrupted* ──> CutOver* ────────────────> Migrated
//!     ^                             │              │                           │
//!     │          undo               │              │   stop-mas … keep         │
//!     ├─────────────────────────────┘              └───────────┬───────────────┘
//!     │                                                        v
//!     │          repair … finish                 undelegate   Leaving*
//!     └────────────────────────────── RollingBack* <───────────┘
//! ```
//!
//! A homeserver is in a state with a star only while `syn2mas` is at work, or if it was killed there.

use serde::Serialize;

use crate::migrate::{
    cutover::{data_loss::Loss, refusal::Refusal},
    cutover_file::Overlay,
    journal::{GoingBack, State, Target},
    postgres::{
        identity::is_same,
        marker::{self, Marker},
    },
    step::Step,
};

/// The steps of a migration, in order. Synapse runs until everything is imported and compared.
const COPYING: &[Step] = &[
    Step::Inspect,
    Step::HoldMas,
    Step::BackUp,
    Step::Copy,
    Step::Import,
    Step::Verify,
    Step::CatchUp,
    Step::Stop,
    Step::LastRound,
    Step::Switch,
    Step::Start,
    Step::Probe,
    Step::Proxy,
    Step::VerifyAgain,
    Step::Complete,
];

/// The steps where Synapse's tables cannot be copied: Synapse is stopped before the import.
const WITHOUT_COPY: &[Step] = &[
    Step::Inspect,
    Step::Stop,
    Step::BackUp,
    Step::Grant,
    Step::Import,
    Step::Verify,
    Step::Switch,
    Step::Start,
    Step::Probe,
    Step::Proxy,
    Step::Complete,
];

/// The steps from when Synapse is to authenticate users by itself again.
const BACK: &[Step] = &[
    Step::StopMas,
    Step::CheckLosses,
    Step::StopSynapse,
    Step::Keep,
    Step::Undelegate,
    Step::Repair,
    Step::StartSynapse,
    Step::ProbeSynapse,
    Step::Revoke,
    Step::Restore,
    Step::DropCopy,
    Step::LogOut,
    Step::Finish,
];

/// The steps that undo what was done before the cutover.
const UNDO: &[Step] = &[
    Step::Undelegate,
    Step::StartSynapse,
    Step::ProbeSynapse,
    Step::Revoke,
    Step::Restore,
    Step::DropCopy,
    Step::Finish,
];

/// Something that may be impossible to see, for example in a database that does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// It was seen.
    Known(T),
    /// It cannot be seen, for this reason.
    Unknown(String),
}

impl<T> Seen<T> {
    /// What was seen, if anything.
    #[must_use]
    pub fn known(&self) -> Option<&T> {
        match self {
            Seen::Known(value) => Some(value),
            Seen::Unknown(_) => None,
        }
    }
}

/// What is seen on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is seen by itself, and all combinations occur"
)]
pub struct Observed {
    /// The databases, files and services that the command line and the configurations lead to.
    pub target: Seen<Target>,
    /// The overlay.
    pub overlay: Seen<Overlay>,
    /// The marker in MAS's database.
    pub marker: Seen<Option<Marker>>,
    /// Whether Synapse's configuration delegates even without the overlay.
    pub delegates_by_itself: bool,
    /// The units that somebody keeps from being started.
    pub inhibited: Vec<String>,
    /// Whether Synapse is stopped with a shell command.
    pub by_command: bool,
    /// Why Synapse's tables cannot be copied while it runs. None if they can.
    pub no_copy: Option<String>,
    /// Whether the administrator wants to say when to cut over.
    pub waits: bool,
    /// Whether a superuser is named who can revoke a grant.
    pub has_admin: bool,
    /// What a rollback would lose. Empty unless it was looked for, see [`asks_for_losses`].
    pub losses: Seen<Vec<Loss>>,
}

/// Where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// No migration has begun, or everything was reverted.
    NotBegun,
    /// A run was interrupted before the cutover.
    Interrupted,
    /// Synapse delegates, but later steps are not done.
    CutOver,
    /// The migration is complete.
    Migrated,
    /// The migration is complete, but somebody has emptied the overlay.
    OverlayEmptied,
    /// A rollback was interrupted while Synapse still delegates.
    Leaving,
    /// A rollback was interrupted after Synapse had stopped to delegate.
    RollingBack,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// Move the homeserver, or finish that (`syn2mas migrate`).
    Migrate,
    /// Go back, or finish that (`syn2mas rollback`).
    RollBack {
        /// Even if something is lost by that.
        accept_loss: bool,
    },
    /// Undo what was begun before the cutover (`syn2mas rollback --interrupted`).
    Undo,
    /// After a step has failed: undo what was begun, if nobody loses anything.
    Revert,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Perform these steps. If one fails, undo everything.
    Forward(Vec<Step>),
    /// Perform these steps as far as possible, then decide anew.
    Back(Vec<Step>),
    /// Nothing, because it is done.
    Done(Stage),
    /// Nothing, for this reason.
    Refuse(Refusal),
}

/// Where the migration stands.
///
/// # Errors
///
/// If what is seen contradicts the journal.
pub fn stage(recorded: &State, seen: &Observed) -> Result<Stage, Refusal> {
    let overlay = match &seen.overlay {
        Seen::Known(Overlay::Foreign) => return Err(Refusal::ForeignOverlay),
        Seen::Known(overlay) => overlay,
        Seen::Unknown(reason) => return Err(Refusal::Unknown(reason.clone())),
    };
    let marker = seen.marker.known().and_then(Option::as_ref);
    let marker = marker.filter(|marker| marker.progress != marker::Progress::RolledBack);
    if let (Some(marker), Seen::Known(target)) = (marker, &seen.target) {
        let now = target.synapse.to_string();
        if !is_same(&marker.synapse, &now) {
            let then = marker.synapse.clone();
            return Err(Refusal::OtherSynapse { then, now });
        }
    }
    let Some(ours) = &recorded.migration else {
        let found = match overlay {
            Overlay::Ours(found) => Some(found),
            _ => marker.map(|marker| &marker.migration),
        };
        return match found {
            // They are kept down by a migration of which there is no journal here.
            None if !seen.inhibited.is_empty() => Err(Refusal::Inhibited(seen.inhibited.clone())),
            None => Ok(Stage::NotBegun),
            Some(found) => Err(Refusal::JournalLost {
                migration: found.clone(),
                marker: marker
                    .filter(|marker| marker.migration == *found)
                    .map(|marker| Box::new(marker.clone())),
                is_cut_off: false,
            }),
        };
    };
    if let (Some(then), Seen::Known(now)) = (&recorded.target, &seen.target) {
        let differences = then.differences(now, recorded.finished);
        if !differences.is_empty() {
            return Err(Refusal::OtherTarget {
                differences,
                is_mas_gone: then.mas != now.mas && seen.marker == Seen::Known(None),
                has_moved: then.overlay == now.overlay
                    && (then.mas != now.mas || then.synapse != now.synapse)
                    && marker.is_some_and(|marker| marker.migration == *ours),
            });
        }
    }
    let of_overlay = match overlay {
        Overlay::Ours(found) => Some(found),
        _ => None,
    };
    let others = of_overlay
        .into_iter()
        .chain(marker.map(|marker| &marker.migration));
    if let Some(found) = others.into_iter().find(|found| *found != ours) {
        return Err(Refusal::OtherMigration {
            ours: ours.clone(),
            found: found.clone(),
        });
    }
    // The journal is the first to say that the cutover has begun.
    let is_cut_over = |marker: &Marker| {
        use marker::Progress::{CutOver, RollingBack, Served};
        [CutOver, Served, RollingBack].contains(&marker.progress)
    };
    if recorded.cut_over.is_none() && (of_overlay.is_some() || marker.is_some_and(is_cut_over)) {
        return Err(Refusal::JournalLost {
            migration: ours.clone(),
            marker: marker.map(|marker| Box::new(marker.clone())),
            is_cut_off: true,
        });
    }
    let undelegated = recorded
        .going_back
        .as_ref()
        .is_some_and(|back| back.undelegated);
    Ok(match (of_overlay.is_some(), recorded.finished) {
        (true, _) if recorded.going_back.is_some() => Stage::Leaving,
        (true, true) => Stage::Migrated,
        (true, false) => Stage::CutOver,
        (false, _) if undelegated => Stage::RollingBack,
        (false, true) => Stage::OverlayEmptied,
        (false, false) => Stage::Interrupted,
    })
}

/// Whether [`decide`] has to know what a rollback would lose.
#[must_use]
pub fn asks_for_losses(goal: Goal, recorded: &State, seen: &Observed) -> bool {
    let back = match goal {
        Goal::RollBack { accept_loss } => !accept_loss,
        Goal::Revert => true,
        Goal::Migrate | Goal::Undo => recorded.cut_over.is_some(),
    };
    let served = match stage(recorded, seen) {
        Ok(Stage::Interrupted) => recorded.cut_over.is_some(),
        Ok(Stage::CutOver | Stage::Migrated | Stage::OverlayEmptied | Stage::Leaving) => {
            goal != Goal::Migrate && goal != Goal::Undo
        }
        Ok(Stage::NotBegun | Stage::RollingBack) | Err(_) => false,
    };
    back && served
}

/// Whether a way back that is not refused is sure to lose nothing. One that was interrupted goes on without
/// looking: what it loses was accepted when it began.
#[must_use]
pub fn loses_nothing(goal: Goal, recorded: &State, seen: &Observed) -> bool {
    let nobody_was_served = recorded.cut_over.is_none() && recorded.going_back.is_none();
    nobody_was_served || asks_for_losses(goal, recorded, seen)
}

/// Decides what to do.
#[must_use]
pub fn decide(goal: Goal, recorded: &State, seen: &Observed) -> Decision {
    let stage = match stage(recorded, seen) {
        Ok(stage) => stage,
        Err(refusal) => return Decision::Refuse(refusal),
    };
    if recorded.granted && !seen.has_admin {
        return Decision::Refuse(Refusal::AdminNeeded);
    }
    if asks_for_losses(goal, recorded, seen) {
        match &seen.losses {
            Seen::Known(losses) if losses.is_empty() => {}
            Seen::Known(losses) => return Decision::Refuse(Refusal::Losses(losses.clone())),
            Seen::Unknown(reason) => return Decision::Refuse(Refusal::Unknown(reason.clone())),
        }
    }
    match (goal, stage) {
        (Goal::Migrate, Stage::NotBegun) => begin(seen),
        (Goal::Migrate, Stage::CutOver | Stage::Leaving | Stage::Migrated)
            if !is_verified(seen) =>
        {
            Decision::Refuse(match &seen.marker {
                Seen::Unknown(reason) => Refusal::Unknown(reason.clone()),
                Seen::Known(_) => Refusal::NotVerified,
            })
        }
        // A rollback that was interrupted while nothing was lost ends with MAS, too.
        (Goal::Migrate, Stage::CutOver | Stage::Leaving)
        | (Goal::Undo | Goal::Revert, Stage::Leaving) => Decision::Forward(after_switch(recorded)),
        // Everything else was done, and nothing is lost by dropping it.
        (Goal::Migrate, Stage::Migrated) if recorded.copied => {
            Decision::Forward(vec![Step::DropCopy])
        }
        (Goal::Migrate, Stage::OverlayEmptied) => Decision::Refuse(Refusal::OverlayEmptied),
        // If the overlay was full and somebody has emptied it, users may have been served.
        (_, Stage::Interrupted) if recorded.cut_over.is_some() => back(goal, stage, recorded, BACK),
        (_, Stage::Interrupted) => back(goal, stage, recorded, UNDO),
        (_, Stage::RollingBack) => back(goal, stage, recorded, BACK),
        (
            Goal::RollBack { .. },
            Stage::CutOver | Stage::Migrated | Stage::OverlayEmptied | Stage::Leaving,
        )
        | (Goal::Revert, Stage::CutOver) => {
            if seen.delegates_by_itself {
                return Decision::Refuse(Refusal::DelegatesByItself);
            }
            back(goal, stage, recorded, BACK)
        }
        // `rehearse --dry-run` was interrupted.
        (Goal::RollBack { .. } | Goal::Undo, Stage::NotBegun) if recorded.granted => {
            Decision::Back(vec![Step::Revoke])
        }
        (Goal::Migrate, Stage::Migrated)
        | (Goal::RollBack { .. } | Goal::Undo | Goal::Revert, Stage::NotBegun)
        | (Goal::Undo, Stage::CutOver)
        | (Goal::Undo | Goal::Revert, Stage::Migrated | Stage::OverlayEmptied) => {
            Decision::Done(stage)
        }
    }
}

/// The state that a journal must have had that is lost, or whose last lines are, as far as the marker in
/// MAS's database and the overlay say. None if nothing was begun, or the journal is complete.
#[must_use]
pub fn recover(recorded: &State, seen: &Observed) -> Option<State> {
    let refusal = stage(recorded, seen).err()?;
    let Seen::Known(target) = &seen.target else {
        return None;
    };
    let (migration, marker) = match refusal {
        Refusal::JournalLost {
            migration, marker, ..
        } => (migration, Some(marker?)),
        // Killed before the import, so MAS's database says nothing.
        Refusal::Inhibited(_) => ("lost".to_owned(), None),
        _ => return None,
    };
    let is_restored = marker
        .as_ref()
        .is_some_and(|marker| marker.progress == marker::Progress::RollingBack);
    let has_begun_import = migration != "lost" && !is_restored;
    let going_back = is_restored.then_some(GoingBack {
        kept: None,
        undelegated: true,
        repaired: true,
    });
    let is_on = matches!(seen.overlay.known(), Some(Overlay::Ours(_)));
    let progress = marker.as_ref().map(|marker| marker.progress);
    let granted = marker.as_ref().is_some_and(|marker| marker.granted);
    let last_tokens = marker.as_ref().and_then(|marker| marker.last_tokens);
    // MAS's database may have been restored from a dump of before the cutover.
    let cut_over = marker.and_then(|marker| marker.cut_over.or(is_on.then_some(marker.since)));
    Some(State {
        migration: Some(migration),
        stopped: if seen.by_command {
            Vec::new()
        } else {
            target.synapse_services.clone()
        },
        stopped_with_command: seen.by_command,
        target: Some(target.clone()),
        imported: has_begun_import,
        // If there is none, nothing is dropped.
        copied: true,
        finished: is_on && progress == Some(marker::Progress::Served),
        cut_over,
        last_tokens,
        granted,
        going_back,
        ..recorded.clone()
    })
}

fn begin(seen: &Observed) -> Decision {
    let unknown = match (&seen.target, &seen.marker) {
        (Seen::Unknown(reason), _) | (_, Seen::Unknown(reason)) => Some(reason),
        _ => None,
    };
    if let Some(reason) = unknown {
        return Decision::Refuse(Refusal::Unknown(reason.clone()));
    }
    if seen.delegates_by_itself {
        return Decision::Refuse(Refusal::DelegatesByItself);
    }
    match &seen.no_copy {
        None => Decision::Forward(COPYING.to_vec()),
        Some(reason) if seen.waits => Decision::Refuse(Refusal::CannotWait(reason.clone())),
        Some(_) => Decision::Forward(WITHOUT_COPY.to_vec()),
    }
}

/// The last steps of a migration, from when Synapse reads that it is to delegate.
fn after_switch(recorded: &State) -> Vec<Step> {
    let steps = if recorded.copied {
        COPYING
    } else {
        WITHOUT_COPY
    };
    let after = steps.iter().skip_while(|step| **step != Step::Start);
    after.copied().collect()
}

/// Whether MAS's database says that it holds what was imported for this homeserver.
fn is_verified(seen: &Observed) -> bool {
    let (Seen::Known(Some(marker)), Seen::Known(target)) = (&seen.marker, &seen.target) else {
        return false;
    };
    let verified = [marker::Progress::CutOver, marker::Progress::Served];
    verified.contains(&marker.progress) && is_same(&marker.synapse, &target.synapse.to_string())
}

/// Whether Synapse, or a part of it, was stopped by the migration.
fn has_stopped_synapse(recorded: &State) -> bool {
    let is_of_synapse = |unit: &String| {
        let target = recorded.target.as_ref();
        target.is_some_and(|target| target.synapse_services.contains(unit))
    };
    recorded.stopped_with_command || recorded.stopped.iter().any(is_of_synapse)
}

/// The steps back without those that have nothing to undo.
fn back(goal: Goal, stage: Stage, recorded: &State, steps: &[Step]) -> Decision {
    let back = recorded.going_back.clone().unwrap_or_default();
    // Since it was interrupted, the host may have been rebooted, and Synapse may be running.
    let is_rolling_back = stage == Stage::RollingBack;
    let accepted = goal == Goal::RollBack { accept_loss: true };
    let needed = |step: &&Step| match step {
        Step::CheckLosses => !accepted && !is_rolling_back,
        Step::StopMas | Step::StopSynapse | Step::Repair => {
            !is_rolling_back || recorded.imported && !back.repaired
        }
        // Where nobody has lost anything, the database has nothing to keep but what was imported.
        Step::Keep => recorded.imported && goal != Goal::Revert,
        Step::Restore => recorded.imported,
        Step::Revoke => recorded.granted,
        Step::DropCopy => recorded.copied,
        // Where it was not stopped, it is not started, and may be down for another reason.
        Step::ProbeSynapse => recorded.cut_over.is_some() || has_stopped_synapse(recorded),
        _ => true,
    };
    let mut steps: Vec<Step> = steps.iter().filter(needed).copied().collect();
    // Without a unit, MAS is stopped only by the command that stops Synapse. Until then people may log in.
    let has_mas_unit = recorded
        .target
        .as_ref()
        .is_some_and(|target| !target.mas_units.is_empty());
    let check = steps.iter().position(|step| *step == Step::CheckLosses);
    if let (false, Some(check)) = (has_mas_unit, check) {
        steps.swap(check, check + 1);
    }
    Decision::Back(steps)
}
