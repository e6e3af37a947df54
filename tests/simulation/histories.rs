//! Named histories. Each ended badly when flags and files decided what to do next.

use mas2nix::migrate::{
    cutover::{Outcome, Step, decide::Stage, refusal::Refusal},
    journal::State,
};

use crate::{
    explore::{Act, Faults, History},
    host::{Fault, People, Visited},
    world::{OverlayFile, World},
};

fn with_history(test: impl FnOnce(&mut History)) {
    on_world(World::new(false, false), test);
}

/// On a host where Synapse's tables cannot be copied.
fn without_copy(test: impl FnOnce(&mut History)) {
    on_world(World::new(false, true), test);
}

fn on_world(world: World, test: impl FnOnce(&mut History)) {
    let mut visited = Visited::default();
    let mut history = History::new(world, People::Sleep, &mut visited);
    test(&mut history);
    if let Err(violation) = history.settle() {
        panic!("{violation}\n{}", history.story.join("\n"));
    }
}

fn act(history: &mut History, act: Act) -> Option<Outcome> {
    act_with(history, act, &Faults::new())
}

fn act_with(history: &mut History, act: Act, faults: &Faults) -> Option<Outcome> {
    match history.act(act, faults) {
        Ok((outcome, _)) => outcome,
        Err(violation) => panic!("{violation}\n{}", history.story.join("\n")),
    }
}

/// The number of an effect of a command, if nothing goes wrong.
fn number(history: &History, command: Act, effect: &str) -> u32 {
    let mut visited = Visited::default();
    let mut trial = History::new(history.world.clone(), People::Sleep, &mut visited);
    act(&mut trial, command);
    let lines = trial.story.iter();
    let found = lines.filter_map(|line| line.trim().split_once(' '));
    let mut found = found.filter(|(_, name)| *name == effect);
    let (number, _) = found.next().unwrap_or_else(|| panic!("no effect {effect}"));
    number.parse().unwrap()
}

fn fault(history: &History, command: Act, effect: &str, fault: Fault) -> Faults {
    [(number(history, command, effect), fault)].into()
}

/// Runs a command, in which something goes wrong at an effect.
fn fail_at(history: &mut History, command: Act, effect: &str, kind: Fault) -> Option<Outcome> {
    let faults = fault(history, command, effect, kind);
    act_with(history, command, &faults)
}

fn refusal(outcome: Option<Outcome>) -> Refusal {
    match outcome {
        Some(Outcome::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// An overlay that is not blank does not mean that the homeserver is moved.
fn what_somebody_else_wrote_is_no_cutover() {
    with_history(|history| {
        act(history, Act::WriteForeignOverlay);
        let refused = refusal(act(history, Act::Migrate));
        assert_eq!(refused, Refusal::ForeignOverlay);
        assert_eq!(history.world.overlay, OverlayFile::Foreign);
        assert!(history.world.synapse.runs);
    });
}

/// With a mistyped `--state-dir`, nothing is imported again, and nothing is dropped without a question.
fn a_lost_journal_is_not_a_new_homeserver() {
    with_history(|history| {
        act(history, Act::Migrate);
        act(history, Act::LogIn);
        let before = history.world.clone();
        history.world.journal.clear();
        for command in [Act::Migrate, Act::Rollback, Act::RollbackAcceptLoss] {
            let refused = refusal(act(history, command));
            assert!(matches!(refused, Refusal::JournalLost { .. }), "{refused}");
        }
        history.world.journal.clone_from(&before.journal);
        assert_eq!(history.world.mas_databases, before.mas_databases);
        assert_eq!(history.world.answers(), Some(true));
    });
}

/// Without the end of its journal, a migration is not taken for one that was interrupted before the cutover:
/// what people did in MAS is not dropped without a question, and what they ended does not come back.
fn a_journal_that_was_cut_off_is_not_believed() {
    for overlay_emptied in [false, true] {
        with_history(|history| {
            act(history, Act::Migrate);
            act(history, Act::LogIn);
            act(history, Act::LogOut);
            act(history, Act::CutJournalOff);
            if overlay_emptied {
                act(history, Act::EmptyOverlay);
            }
            let before = history.world.mas_databases.clone();
            for command in [
                Act::Migrate,
                Act::Rollback,
                Act::RollbackAcceptLoss,
                Act::Undo,
            ] {
                let refused = refusal(act(history, command));
                let is_cut_off = matches!(
                    refused,
                    Refusal::JournalLost {
                        is_cut_off: true,
                        ..
                    }
                );
                assert!(is_cut_off, "{refused}");
            }
            assert_eq!(history.world.mas_databases, before);
            act(history, Act::RollbackLostJournal);
            assert_eq!(history.world.stage(), Ok(Stage::NotBegun));
            assert_eq!(history.world.answers(), Some(false));
        });
    }
}

/// With a lost journal and another homeserver's configuration, that homeserver is not touched.
fn another_synapse_is_not_repaired() {
    with_history(|history| {
        act(history, Act::Migrate);
        act(history, Act::LoseStateDirectory);
        act(history, Act::NameOtherSynapse);
        let refused = refusal(act(history, Act::RollbackLostJournal));
        assert!(matches!(refused, Refusal::OtherSynapse { .. }), "{refused}");
        assert_eq!(history.world.answers(), Some(true));
    });
}

/// A dump that fails ends a rollback before anything is destroyed, and the next one asks again.
fn a_rollback_secures_before_it_destroys() {
    with_history(|history| {
        act(history, Act::Migrate);
        act(history, Act::LogIn);
        act(history, Act::DeleteBackups);
        let devices = history.world.synapse_database.devices.clone();
        let command = Act::RollbackAcceptLoss;
        let outcome = fail_at(history, command, "keep MAS's database", Fault::Fails);
        assert!(
            matches!(
                outcome,
                Some(Outcome::RollbackIncomplete {
                    step: Step::Keep,
                    ..
                })
            ),
            "{outcome:?}"
        );
        assert_eq!(history.world.synapse_database.devices, devices);
        assert_eq!(history.world.answers(), Some(true));
        assert_eq!(history.world.stage(), Ok(Stage::Migrated));
        let refused = refusal(act(history, Act::Rollback));
        assert!(matches!(refused, Refusal::Losses(_)), "{refused}");
    });
}

/// Killed after MAS's database is restored and before that is recorded, again and again: what it had is kept.
fn the_only_copy_is_never_overwritten() {
    with_history(|history| {
        act(history, Act::Migrate);
        act(history, Act::LogIn);
        let used = history.world.mas_databases[&1].begun.clone();
        let command = Act::RollbackAcceptLoss;
        fail_at(history, command, "restore MAS's database", Fault::KillAfter);
        for _ in 0..3 {
            fail_at(
                history,
                Act::Rollback,
                "restore MAS's database",
                Fault::KillAfter,
            );
        }
        act(history, Act::Rollback);
        let mut dumps = history.world.dumps.values();
        assert!(
            dumps.any(|dump| dump.begun == used),
            "{:?}",
            history.world.dumps
        );
    });
}

/// If MAS's database is another one now, neither is touched.
fn another_database_is_not_touched() {
    with_history(|history| {
        fail_at(history, Act::Migrate, "import a part", Fault::KillAfter);
        act(history, Act::NameOtherDatabase);
        let before = history.world.mas_databases.clone();
        for command in [
            Act::Migrate,
            Act::Rollback,
            Act::RollbackAcceptLoss,
            Act::Undo,
        ] {
            let refused = refusal(act(history, command));
            assert!(matches!(refused, Refusal::OtherTarget { .. }), "{refused}");
        }
        assert_eq!(history.world.mas_databases, before);
    });
}

/// An interrupted rollback leaves the homeserver as it was: moved, and everything runs.
fn an_interrupted_rollback_changes_nothing() {
    for effect in ["stop Mas", "stop Synapse", "keep MAS's database"] {
        with_history(|history| {
            act(history, Act::Migrate);
            fail_at(history, Act::Rollback, effect, Fault::Interrupt);
            assert_eq!(history.world.answers(), Some(true), "{effect}");
            assert_eq!(history.world.stage(), Ok(Stage::Migrated), "{effect}");
        });
    }
}

/// The proxy sends nobody to MAS before Synapse is known to delegate.
fn the_proxy_comes_last() {
    with_history(|history| {
        fail_at(history, Act::Migrate, "ask who authenticates", Fault::Fails);
        let filled = history
            .story
            .iter()
            .any(|line| line.contains("fill the include"));
        assert!(!filled, "{}", history.story.join("\n"));
        assert_eq!(history.world.answers(), Some(false));
    });
}

/// After going back, Synapse is asked. If it does not authenticate users, MAS's database stays.
fn going_back_is_probed() {
    with_history(|history| {
        act(history, Act::Migrate);
        let at = number(history, Act::Rollback, "ask who authenticates");
        let wrong = (at..at + 3).map(|number| (number, Fault::Fails)).collect();
        let outcome = act_with(history, Act::Rollback, &wrong);
        assert!(
            matches!(
                outcome,
                Some(Outcome::RollbackIncomplete {
                    step: Step::ProbeSynapse,
                    ..
                })
            ),
            "{outcome:?}"
        );
        assert!(!history.world.mas_databases[&1].imported.is_empty());
        assert_eq!(history.world.stage(), Ok(Stage::RollingBack));
    });
}

/// An overlay that was emptied by hand is not reported as moved.
fn an_overlay_emptied_by_hand_is_seen() {
    with_history(|history| {
        act(history, Act::Migrate);
        act(history, Act::EmptyOverlay);
        assert_eq!(history.world.stage(), Ok(Stage::OverlayEmptied));
        let refused = refusal(act(history, Act::Migrate));
        assert_eq!(refused, Refusal::OverlayEmptied);
    });
}

/// A grant is not forgotten if the second run lacks the superuser, or the journal is lost.
fn a_grant_is_not_forgotten() {
    without_copy(|history| {
        fail_at(history, Act::Migrate, "grant", Fault::KillAfter);
        act(history, Act::ForgetAdmin);
        assert_eq!(refusal(act(history, Act::Rollback)), Refusal::AdminNeeded);
        act(history, Act::LoseStateDirectory);
    });
}

/// Where MAS is stopped only by the command that stops Synapse, nobody logs in unseen before it is down.
fn nobody_logs_in_unseen_before_the_command() {
    let mut visited = Visited::default();
    let mut history = History::new(World::new(true, false), People::Sleep, &mut visited);
    act(&mut history, Act::Migrate);
    history.people = People::LogIn;
    act(&mut history, Act::Rollback);
    if let Err(violation) = history.settle() {
        panic!("{violation}\n{}", history.story.join("\n"));
    }
}

/// Synapse that is stopped with a command is started again on every path.
fn the_command_is_not_forgotten() {
    for effect in [
        "stop Synapse",
        "back up",
        "import a part",
        "fill the overlay",
    ] {
        let mut visited = Visited::default();
        let mut history = History::new(World::new(true, false), People::Sleep, &mut visited);
        let killed = fault(&history, Act::Migrate, effect, Fault::KillAfter);
        act_with(&mut history, Act::Migrate, &killed);
        history
            .settle()
            .unwrap_or_else(|violation| panic!("{effect}: {violation}"));
    }
}

/// A dump that somebody has deleted is made again before MAS's database is restored.
fn a_deleted_dump_is_made_again() {
    with_history(|history| {
        act(history, Act::Migrate);
        act(history, Act::LogIn);
        let command = Act::RollbackAcceptLoss;
        fail_at(history, command, "journal: undelegate", Fault::KillAfter);
        act(history, Act::DeleteBackups);
        act(history, command);
        assert_eq!(history.world.answers(), Some(false));
    });
}

/// A dump of an interrupted rollback is out of date once MAS has served again.
fn a_dump_from_before_is_not_enough() {
    with_history(|history| {
        act(history, Act::Migrate);
        act(history, Act::LogIn);
        let command = Act::RollbackAcceptLoss;
        fail_at(history, command, "journal: keep", Fault::PowerLoss);
        act(history, Act::LogIn);
        act(history, command);
        assert_eq!(history.world.answers(), Some(false));
    });
}

/// A dump that a lost journal knew is not deleted with the backup.
fn a_lost_journal_does_not_lose_what_was_kept() {
    with_history(|history| {
        act(history, Act::Migrate);
        act(history, Act::LogIn);
        let used = history.world.mas_databases[&1].begun.clone();
        let command = Act::RollbackAcceptLoss;
        fail_at(history, command, "restore MAS's database", Fault::KillAfter);
        act(history, Act::LoseStateDirectory);
        act(history, Act::RollbackLostJournal);
        assert_eq!(history.world.stage(), Ok(Stage::NotBegun));
        let mut dumps = history.world.dumps.values();
        assert!(
            dumps.any(|dump| dump.begun == used),
            "{:?}",
            history.world.dumps
        );
    });
}

/// A full disk does not keep Synapse down once the overlay is empty. If the overlay cannot be emptied, the
/// homeserver stays with MAS.
fn what_cannot_be_written_keeps_nobody_down() {
    for (effect, by_mas) in [
        ("empty the include", true),
        ("empty the overlay", true),
        ("journal: undelegate", false),
    ] {
        with_history(|history| {
            act(history, Act::Migrate);
            fail_at(history, Act::Rollback, effect, Fault::KeepsFailing);
            assert!(history.world.is_up(), "{effect}");
            assert_eq!(history.world.answers(), Some(by_mas), "{effect}");
        });
    }
}

/// What would be lost is found before anything is stopped.
fn a_refused_rollback_stops_nothing() {
    with_history(|history| {
        act(history, Act::Migrate);
        act(history, Act::LogIn);
        let before = history.story.len();
        let refused = refusal(act(history, Act::Rollback));
        assert!(matches!(refused, Refusal::Losses(_)), "{refused}");
        let story = &history.story[before..];
        assert!(!story.iter().any(|line| line.contains("stop")), "{story:?}");
    });
}

/// If a start fails after people have used MAS, nothing is taken back, and the services start nevertheless.
fn a_refused_undo_starts_the_services() {
    with_history(|history| {
        act(history, Act::Migrate);
        act(history, Act::LogIn);
        let command = Act::RollbackAcceptLoss;
        fail_at(history, command, "stop Synapse", Fault::KillAfter);
        assert_eq!(history.world.stage(), Ok(Stage::Leaving));
        let once = fault(
            history,
            Act::Migrate,
            "start Synapse [\"synapse\"]",
            Fault::Fails,
        );
        act_with(history, Act::Migrate, &once);
        assert!(history.world.is_up());
    });
}

/// A step back that fails once, as when a database restarts, is tried again.
fn a_step_back_is_tried_again() {
    for effect in ["empty the overlay", "restore MAS's database", "revoke"] {
        without_copy(|history| {
            fail_at(history, Act::Migrate, "fill the overlay", Fault::KillAfter);
            let outcome = fail_at(history, Act::Rollback, effect, Fault::Fails);
            assert!(matches!(outcome, Some(Outcome::RolledBack)), "{outcome:?}");
        });
    }
}

/// Until Synapse is stopped for the last round, whatever happens keeps nobody from using it.
fn nothing_is_down_before_the_last_round() {
    let mut effects = 0;
    with_history(|history| effects = number(history, Act::Migrate, "journal: stop"));
    for effect in 0..effects {
        for kind in Fault::ALL {
            with_history(|history| {
                let is_reboot = kind == Fault::PowerLoss;
                act_with(history, Act::Migrate, &[(effect, kind)].into());
                assert!(history.world.synapse.runs, "{effect} {kind:?}");
                // A failure undoes everything in the same run, or goes on.
                let is_killed = [Fault::KillBefore, Fault::KillAfter].contains(&kind) || is_reboot;
                let is_settled = history.world.state() == State::default()
                    || history.world.stage() == Ok(Stage::Migrated);
                assert!(is_killed || is_settled, "{effect} {kind:?}");
            });
        }
    }
}

/// Without the copy nobody knows what MAS's database lacks.
fn a_copy_that_vanished_is_not_cut_over() {
    with_history(|history| {
        let outcome = fail_at(
            history,
            Act::Migrate,
            "wait for the cutover",
            Fault::LoseCopy,
        );
        assert!(
            matches!(
                outcome,
                Some(Outcome::FailedAndReverted {
                    step: Step::LastRound,
                    ..
                })
            ),
            "{outcome:?}"
        );
        assert!(history.world.synapse.runs && !history.world.synapse.delegates);
    });
}

/// After the cutover the proof of the last round stands, even if the copy is gone.
fn a_copy_that_vanishes_after_the_cutover_is_not_missed() {
    with_history(|history| {
        fail_at(history, Act::Migrate, "reload the proxy", Fault::LoseCopy);
        assert_eq!(history.world.stage(), Ok(Stage::Migrated));
    });
}

/// A database that somebody has restored by hand is not delegated to.
fn a_database_restored_by_hand_is_not_delegated_to() {
    with_history(|history| {
        fail_at(history, Act::Migrate, "fill the overlay", Fault::KillAfter);
        let database = history.world.mas_database();
        database.imported.clear();
        database.marker = None;
        let refused = refusal(act(history, Act::Migrate));
        assert_eq!(refused, Refusal::NotVerified);
        assert!(!history.world.synapse.runs);
    });
}

/// The journal of an earlier migration, named by mistake, does not decide about the one that runs.
fn the_journal_of_an_earlier_migration_is_refused() {
    with_history(|history| {
        fail_at(history, Act::Migrate, "import a part", Fault::KillAfter);
        let earlier = history.world.journal.clone();
        act(history, Act::LoseStateDirectory);
        act(history, Act::RollbackLostJournal);
        act(history, Act::Migrate);
        let ours = std::mem::replace(&mut history.world.journal, earlier);
        for command in [Act::Migrate, Act::Rollback, Act::Undo] {
            let refused = refusal(act(history, command));
            assert!(
                matches!(refused, Refusal::OtherMigration { .. }),
                "{refused}"
            );
        }
        history.world.journal = ours;
    });
}

/// What a rehearsal that was killed has granted is revoked.
fn the_grant_of_a_rehearsal_is_revoked() {
    with_history(|history| {
        history.world.granted = true;
        let state = State {
            granted: true,
            ..State::default()
        };
        history.world.journal = serde_json::to_string(&state).unwrap();
        act(history, Act::Rollback);
        assert!(!history.world.granted);
    });
}

/// Synapse that was down before the migration runs after a rollback, because it ran in between.
fn a_rollback_starts_what_the_migration_started() {
    with_history(|history| {
        history.world.synapse.runs = false;
        act(history, Act::Migrate);
        assert_eq!(history.world.answers(), Some(true));
        act(history, Act::Rollback);
        assert_eq!(history.world.answers(), Some(false));
    });
}

crate::support::harness::tests![
    what_somebody_else_wrote_is_no_cutover,
    a_lost_journal_is_not_a_new_homeserver,
    a_journal_that_was_cut_off_is_not_believed,
    another_synapse_is_not_repaired,
    a_rollback_secures_before_it_destroys,
    the_only_copy_is_never_overwritten,
    another_database_is_not_touched,
    an_interrupted_rollback_changes_nothing,
    the_proxy_comes_last,
    going_back_is_probed,
    an_overlay_emptied_by_hand_is_seen,
    a_grant_is_not_forgotten,
    nobody_logs_in_unseen_before_the_command,
    the_command_is_not_forgotten,
    a_deleted_dump_is_made_again,
    a_dump_from_before_is_not_enough,
    a_lost_journal_does_not_lose_what_was_kept,
    what_cannot_be_written_keeps_nobody_down,
    a_refused_rollback_stops_nothing,
    a_refused_undo_starts_the_services,
    a_step_back_is_tried_again,
    nothing_is_down_before_the_last_round,
    a_copy_that_vanished_is_not_cut_over,
    a_copy_that_vanishes_after_the_cutover_is_not_missed,
    a_database_restored_by_hand_is_not_delegated_to,
    the_journal_of_an_earlier_migration_is_refused,
    the_grant_of_a_rehearsal_is_revoked,
    a_rollback_starts_what_the_migration_started,
];
