//! Tries histories: commands in every order, each of them killed, failing or interrupted at every effect.
//! Whatever has happened, what `status` says to type leads to a homeserver that serves everybody.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{LazyLock, Mutex},
    thread,
    time::{Duration, Instant},
};

use mas2nix::migrate::{
    cutover::{Migration, Outcome, decide::Stage, refusal::Refusal},
    journal::State,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::{
    host::{Fault, People, Run, Visited},
    world::{OverlayFile, World},
};

/// What an administrator does, or what happens to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    Migrate,
    Rollback,
    RollbackAcceptLoss,
    RollbackLostJournal,
    Undo,
    Reboot,
    LoseStateDirectory,
    DeleteBackups,
    WriteForeignOverlay,
    RemoveForeignOverlay,
    EmptyOverlay,
    /// The last lines of the journal are lost, from the cutover on.
    CutJournalOff,
    NameOtherDatabase,
    NameOtherSynapse,
    NameFirstDatabase,
    ForgetAdmin,
    NameAdmin,
    LogIn,
    LogOut,
    /// Somebody drops the copy of Synapse's tables.
    LoseCopy,
}

impl Act {
    /// Those that may happen at any time.
    pub const ALL: [Act; 17] = [
        Act::Migrate,
        Act::Rollback,
        Act::RollbackAcceptLoss,
        Act::RollbackLostJournal,
        Act::Undo,
        Act::Reboot,
        Act::LoseStateDirectory,
        Act::DeleteBackups,
        Act::WriteForeignOverlay,
        Act::EmptyOverlay,
        Act::CutJournalOff,
        Act::NameOtherDatabase,
        Act::NameOtherSynapse,
        Act::ForgetAdmin,
        Act::LogIn,
        Act::LogOut,
        Act::LoseCopy,
    ];

    fn is_command(self) -> bool {
        matches!(
            self,
            Act::Migrate
                | Act::Rollback
                | Act::RollbackAcceptLoss
                | Act::RollbackLostJournal
                | Act::Undo
        )
    }
}

/// What goes wrong, by the number of the effect.
pub type Faults = BTreeMap<u32, Fault>;

/// A history on a world.
pub struct History<'a> {
    pub world: World,
    pub people: People,
    pub story: Vec<String>,
    pub visited: &'a mut Visited,
}

impl<'a> History<'a> {
    pub fn new(world: World, people: People, visited: &'a mut Visited) -> Self {
        History {
            world,
            people,
            story: Vec::new(),
            visited,
        }
    }

    /// Lets something happen. Returns the outcome of a command, and how many effects it had.
    pub fn act(&mut self, act: Act, faults: &Faults) -> Result<(Option<Outcome>, u32), String> {
        self.story.push(format!("{act:?}"));
        if act.is_command() {
            return self.run(act, faults);
        }
        let world = &mut self.world;
        match act {
            Act::Reboot => world.reboot(),
            Act::LoseStateDirectory => {
                world.journal.clear();
                world.has_lost_journal = true;
                world.has_lost_backup = true;
                // Nothing else shows that the command has stopped Synapse.
                if world.by_command && !world.is_marked() && !world.synapse.runs {
                    world.reboot();
                }
            }
            Act::DeleteBackups => {
                world.dumps.clear();
                world.has_lost_backup = true;
            }
            Act::WriteForeignOverlay if world.overlay == OverlayFile::Empty => {
                world.overlay = OverlayFile::Foreign;
            }
            Act::RemoveForeignOverlay if world.overlay == OverlayFile::Foreign => {
                world.overlay = OverlayFile::Empty;
                world.reboot();
            }
            // Whoever does this restarts Synapse too.
            Act::EmptyOverlay if world.overlay != OverlayFile::Empty => {
                world.overlay = OverlayFile::Empty;
                world.reboot();
            }
            Act::CutJournalOff => world.cut_journal_off(),
            Act::NameOtherDatabase => world.mas_oid = 2,
            // A mistake that is made from the beginning is not simulated.
            Act::NameOtherSynapse if world.is_marked() => world.synapse_oid = 11,
            Act::NameFirstDatabase => {
                world.mas_oid = 1;
                world.synapse_oid = 10;
            }
            Act::ForgetAdmin => world.has_admin = false,
            Act::NameAdmin => world.has_admin = true,
            Act::LogIn => world.log_in(),
            Act::LogOut => world.log_out(),
            Act::LoseCopy => world.copy = None,
            _ => {}
        }
        Ok((None, 0))
    }

    fn run(&mut self, act: Act, faults: &Faults) -> Result<(Option<Outcome>, u32), String> {
        if matches!(act, Act::RollbackAcceptLoss | Act::RollbackLostJournal) {
            self.world.has_accepted = true;
        }
        let mut run = Run::new(
            &mut self.world,
            faults.clone(),
            self.people,
            &mut self.story,
            self.visited,
        );
        let migration = Migration::new(&mut run, None, |_| {});
        let done = futures_util::FutureExt::now_or_never(async {
            match act {
                Act::Migrate => migration.migrate().await,
                Act::Rollback => migration.roll_back(false, false).await,
                Act::RollbackAcceptLoss => migration.roll_back(true, false).await,
                Act::RollbackLostJournal => migration.roll_back(true, true).await,
                _ => migration.undo_interrupted().await,
            }
        });
        let (violation, count) = (run.violation.take(), run.count);
        let done = done.expect("nothing is waited for in a simulation");
        self.story.push(format!("  => {}", in_words(&done)));
        match violation {
            Some(violation) => Err(violation),
            None => Ok((done.ok(), count)),
        }
    }

    /// Does what `status` says until nothing is left to do, and looks whether everybody is served.
    pub fn settle(&mut self) -> Result<(), String> {
        self.people = People::Sleep;
        self.world.stranger = false;
        let mut refused = 0;
        for _ in 0..12 {
            let next = match self.world.stage() {
                Ok(Stage::NotBegun | Stage::Migrated)
                    if self.world.mas_oid != 1 || self.world.synapse_oid != 10 =>
                {
                    Act::NameFirstDatabase
                }
                Ok(Stage::NotBegun | Stage::Migrated) if !self.world.state().granted => {
                    return self.world.check_end();
                }
                Ok(Stage::CutOver | Stage::Leaving) => Act::Migrate,
                Ok(Stage::OverlayEmptied) => Act::RollbackAcceptLoss,
                Ok(_) => Act::Rollback,
                Err(Refusal::ForeignOverlay) => Act::RemoveForeignOverlay,
                Err(refusal @ (Refusal::JournalLost { .. } | Refusal::Inhibited(_)))
                    if !self.world.has_lost_journal && self.world.mas_oid == 1 =>
                {
                    return Err(format!("the journal does not know: {refusal}"));
                }
                Err(
                    Refusal::JournalLost {
                        marker: Some(_), ..
                    }
                    | Refusal::Inhibited(_),
                ) => Act::RollbackLostJournal,
                Err(
                    Refusal::JournalLost { .. }
                    | Refusal::OtherTarget { .. }
                    | Refusal::OtherSynapse { .. }
                    | Refusal::OtherMigration { .. },
                ) => Act::NameFirstDatabase,
                Err(refusal) => return Err(format!("nothing is advised: {refusal}")),
            };
            let (outcome, _) = self.act(next, &Faults::new())?;
            let follow = match outcome {
                Some(Outcome::Refused(Refusal::AdminNeeded)) => Act::NameAdmin,
                Some(Outcome::Refused(Refusal::Losses(_) | Refusal::NotVerified)) => {
                    Act::RollbackAcceptLoss
                }
                Some(Outcome::Refused(_)) => {
                    refused += 1;
                    if refused > 2 {
                        return Err("what is advised is refused".to_owned());
                    }
                    continue;
                }
                _ => continue,
            };
            self.act(follow, &Faults::new())?;
        }
        Err("it does not end".to_owned())
    }
}

fn in_words(done: &Result<Outcome, mas2nix::migrate::MigrateError>) -> String {
    match done {
        Ok(Outcome::Migrated(_)) => "migrated".to_owned(),
        Ok(Outcome::Already { .. }) => "already migrated".to_owned(),
        Ok(Outcome::Blocked(_)) => "blocked".to_owned(),
        Ok(Outcome::Refused(refusal)) => format!("refused: {refusal}"),
        Ok(Outcome::RolledBack) => "rolled back".to_owned(),
        Ok(Outcome::FailedAndReverted { step, error }) => {
            format!("failed at {} and reverted: {error}", step.name())
        }
        Ok(Outcome::RollbackIncomplete { step, error, left }) => {
            format!("incomplete at {}: {error}; {left:?}", step.name())
        }
        Err(error) => format!("error: {error}"),
    }
}

fn fail(history: &History, violation: &str) -> ! {
    panic!("{violation}\n{}", history.story.join("\n"));
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The hashes of worlds that have ended well, or have failed a test.
static SETTLED: LazyLock<Mutex<HashSet<u64>>> = LazyLock::new(Mutex::default);

/// Whether a command has left the homeserver down that one fault must not leave down: it was not killed, and
/// it was not the start of a service that failed.
fn is_left_down(history: &History, fault: Option<(u32, Fault)>) -> bool {
    let is_end = fault.is_some_and(|(_, fault)| {
        matches!(
            fault,
            Fault::KillBefore | Fault::KillAfter | Fault::PowerLoss
        )
    });
    let command = history.story.iter().rev();
    let mut command = command.take_while(|line| line.starts_with(' '));
    let is_start_broken = command.any(|line| line.contains(" start ") && line.contains(" — "));
    !is_end && !is_start_broken && !history.world.is_up()
}

/// Worlds that are still to be tried, each with the history that led to it.
type Frontier = Vec<(World, Vec<String>)>;

/// Lets everything happen to a world, and returns the worlds that come of it.
fn all_that_may_happen(
    (world, story): &(World, Vec<String>),
    people: People,
    acts: &[Act],
    faults: &[Fault],
    visited: &mut Visited,
) -> Frontier {
    let mut found = Frontier::new();
    for act in acts {
        let mut count = 0;
        let mut number = None;
        loop {
            let kinds: &[Fault] = if number.is_some() {
                faults
            } else {
                &faults[..1]
            };
            for kind in kinds {
                let at = number.map(|number: u32| (number, *kind));
                let mut history = History::new(world.clone(), people, visited);
                history.story.clone_from(story);
                let was_up = world.is_up();
                match history.act(*act, &at.into_iter().collect()) {
                    Err(violation) => fail(&history, &violation),
                    Ok((_, effects)) if at.is_none() => count = effects,
                    Ok(_) => {}
                }
                if act.is_command() && was_up && is_left_down(&history, at) {
                    fail(
                        &history,
                        "it ends by itself, and leaves the homeserver down",
                    );
                }
                let (then, told) = (history.world.clone(), history.story.clone());
                // How it ends follows from the world alone, so each world has to end well once.
                let is_new = SETTLED.lock().unwrap().insert(hash(&then));
                if is_new && let Err(violation) = history.settle() {
                    fail(&history, &violation);
                }
                visited.histories += 1;
                found.push((then, told));
            }
            number = Some(number.map_or(0, |number| number + 1));
            if number >= Some(count) {
                break;
            }
        }
    }
    found
}

/// Lets everything happen `depth` times, on two threads. Worlds that were met before are not tried again.
fn exhaust(start: World, people: People, acts: &[Act], faults: &[Fault], depth: u32) -> Visited {
    let mut all = Visited::default();
    let mut seen = HashSet::from([hash(&start)]);
    let mut frontier = vec![(start, Vec::new())];
    for _ in 0..depth {
        let queue = Mutex::new(frontier.into_iter());
        let results = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let (mut visited, mut found) = (Visited::default(), Frontier::new());
                    let mut known = HashSet::new();
                    while let Some(world) = { queue.lock().unwrap().next() } {
                        let then = all_that_may_happen(&world, people, acts, faults, &mut visited);
                        found.extend(
                            then.into_iter()
                                .filter(|(world, _)| known.insert(hash(world))),
                        );
                    }
                    results.lock().unwrap().push((visited, found));
                });
            }
        });
        frontier = Frontier::new();
        for (visited, found) in results.into_inner().unwrap() {
            all.histories += visited.histories;
            all.effects += visited.effects;
            all.states.extend(visited.states);
            frontier.extend(
                found
                    .into_iter()
                    .filter(|(world, _)| seen.insert(hash(world))),
            );
        }
    }
    all
}

fn report(what: &str, visited: &Visited, begun: Instant) {
    eprintln!(
        "{what}: {} histories, {} effects, {} distinct states, {:.1} s",
        visited.histories,
        visited.effects,
        visited.states.len(),
        begun.elapsed().as_secs_f64()
    );
}

fn a_fault_at_every_effect_of_every_two_commands() {
    const COMMANDS: &[Act] = &[
        Act::Migrate,
        Act::Rollback,
        Act::RollbackAcceptLoss,
        Act::Undo,
        Act::Reboot,
    ];
    for by_command in [false, true] {
        for people in [People::Sleep, People::LogIn, People::LogInAndOut] {
            let begun = Instant::now();
            let visited = exhaust(
                World::new(by_command, by_command),
                people,
                COMMANDS,
                &Fault::ALL,
                2,
            );
            report(
                &format!("{people:?}, by command: {by_command}"),
                &visited,
                begun,
            );
        }
    }
}

fn a_kill_at_every_effect_of_all_that_may_happen() {
    let begun = Instant::now();
    let people = People::LogInAndOut;
    let visited = exhaust(
        World::new(false, false),
        people,
        &Act::ALL,
        &[Fault::KillAfter],
        2,
    );
    report("all acts", &visited, begun);
}

/// From a homeserver that is moved, two acts lead further than from one that is not.
fn a_lasting_fault_before_and_after_the_migration() {
    const COMMANDS: &[Act] = &[Act::Migrate, Act::Rollback, Act::RollbackAcceptLoss];
    let begun = Instant::now();
    for (people, by_command) in [(People::LogIn, false), (People::LogInAndOut, true)] {
        let fresh = World::new(by_command, by_command);
        let visited = exhaust(fresh.clone(), people, COMMANDS, &Fault::LASTING, 2);
        report("not moved", &visited, begun);
        let mut visited = Visited::default();
        let mut history = History::new(fresh, people, &mut visited);
        history.act(Act::Migrate, &Faults::new()).unwrap();
        let visited = exhaust(history.world, people, COMMANDS, &Fault::LASTING, 2);
        report("moved", &visited, begun);
    }
}

/// Seconds of random histories, and the seed of the first one.
fn random_histories() {
    let variable = |name: &str| std::env::var(name).ok();
    let seconds = variable("MAS2NIX_SIMULATE_SECONDS").and_then(|text| text.parse().ok());
    let first: Option<u64> = variable("MAS2NIX_SEED").and_then(|text| text.parse().ok());
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds.unwrap_or(10));
    let mut visited = Visited::default();
    let seeds = match first {
        Some(seed) => seed..=seed,
        None => rand::random::<u32>().into()..=u64::MAX,
    };
    for seed in seeds {
        random_history(seed, &mut visited);
        if Instant::now() > until {
            break;
        }
    }
    report("random", &visited, begun);
}

fn random_history(seed: u64, visited: &mut Visited) {
    let mut random = StdRng::seed_from_u64(seed);
    let people = [People::Sleep, People::LogIn, People::LogInAndOut];
    let people = *people.choose(&mut random).unwrap();
    let mut history = History::new(
        World::new(random.gen_bool(0.3), random.gen_bool(0.3)),
        people,
        visited,
    );
    history.story.push(format!("MAS2NIX_SEED={seed}"));
    for _ in 0..random.gen_range(1..=8) {
        let act = match random.gen_range(0..10) {
            0..3 => Act::Migrate,
            3..5 => *[Act::Rollback, Act::RollbackAcceptLoss]
                .choose(&mut random)
                .unwrap(),
            _ => *Act::ALL.choose(&mut random).unwrap(),
        };
        let faults = (0..random.gen_range(0..=3)).map(|_| {
            let fault = *Fault::ALL.choose(&mut random).unwrap();
            (random.gen_range(0..40), fault)
        });
        let faults: Faults = faults.collect();
        if let Err(violation) = history.act(act, &faults) {
            fail(&history, &violation);
        }
        // What somebody else has written stays for a while.
        if history.world.state() == State::default() && random.gen_bool(0.5) {
            let _ = history.act(Act::RemoveForeignOverlay, &Faults::new());
        }
    }
    history.visited.histories += 1;
    if let Err(violation) = history.settle() {
        fail(&history, &violation);
    }
}

crate::support::harness::tests![
    a_fault_at_every_effect_of_every_two_commands,
    a_kill_at_every_effect_of_all_that_may_happen,
    a_lasting_fault_before_and_after_the_migration,
    random_histories,
];
