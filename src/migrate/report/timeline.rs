//! The timeline of a run: its parts on a scale, with the time without Synapse marked.

use serde::Serialize;

use super::{
    private::Privacy,
    record::{Down, Part, Record, Recorded},
};
use crate::migrate::{rehearse::Stage, step::Step};

/// The parts of a run. Times are in seconds, positions in percent of the scale.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Chart {
    /// The parts, in the order in which they began.
    pub bars: Vec<Bar>,
    /// The time without Synapse.
    pub down: Option<Span>,
    /// How long that is, in seconds.
    pub down_for: Option<f64>,
    /// Marks of the scale.
    pub ticks: Vec<Tick>,
}

/// A part of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// The name, such as `back-up`.
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    /// Its summary.
    pub message: String,
    /// How it ended.
    pub state: State,
    /// Whether it takes back what others have done.
    pub is_back: bool,
    /// Whether Synapse was down during some of it.
    pub is_down: bool,
    /// How long it took, in seconds.
    pub took: f64,
    /// Where it is.
    pub span: Span,
}

/// How a part of a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was done.
    Done,
    /// It failed, or was interrupted.
    Failed,
}

/// A part of the scale, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Span {
    /// Where it begins.
    pub left: f64,
    /// How long it is.
    pub width: f64,
}

/// A mark of the scale.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tick {
    /// Where it is, in percent.
    pub left: f64,
    /// Seconds since the run began, or since Synapse was stopped.
    pub seconds: f64,
}

impl Chart {
    /// The whole run.
    pub fn whole(record: &Record, privacy: &Privacy) -> Option<Self> {
        let end = end(record);
        let parts: Vec<&Recorded> = record.parts.iter().collect();
        (end > 0.0).then(|| Self::of(&parts, [0.0, end], record.down, privacy))
    }

    /// The time without Synapse, enlarged.
    pub fn down(record: &Record, privacy: &Privacy) -> Option<Self> {
        let down = record.down?;
        let until = down.ended.unwrap_or(end(record));
        let parts = record.parts.iter();
        let parts: Vec<&Recorded> = parts
            .filter(|part| part.begun < until && part.ended.unwrap_or(until) > down.begun)
            .collect();
        // If Synapse is down nearly all the time, there is nothing to enlarge.
        let is_short = until - down.begun < end(record) * 0.7;
        (is_short && !parts.is_empty()).then(|| {
            let chart = Self::of(&parts, [down.begun, until], None, privacy);
            Chart {
                bars: chart
                    .bars
                    .into_iter()
                    .map(|bar| Bar {
                        is_down: true,
                        ..bar
                    })
                    .collect(),
                ..chart
            }
        })
    }

    fn of(
        parts: &[&Recorded],
        [from, to]: [f64; 2],
        down: Option<Down>,
        privacy: &Privacy,
    ) -> Self {
        let scale = to - from;
        let span = |begun: f64, ended: f64| {
            let [begun, ended] = [begun, ended].map(|time| time.clamp(from, to));
            Span {
                left: (begun - from) / scale * 100.0,
                width: (ended - begun) / scale * 100.0,
            }
        };
        let bars = parts.iter().map(|part| {
            let ended = part.ended.unwrap_or(to);
            let (name, what) = words(part.part);
            Bar {
                name,
                what,
                message: privacy.text(&part.message),
                state: if part.is_done {
                    State::Done
                } else {
                    State::Failed
                },
                is_back: matches!(part.part, Part::Step(step) if step >= Step::StopMas),
                is_down: down.is_some_and(|down| {
                    part.begun < down.ended.unwrap_or(to) && ended > down.begun
                }),
                took: ended - part.begun,
                span: span(part.begun, ended),
            }
        });
        Chart {
            bars: bars.collect(),
            down_for: down.map(|down| down.ended.unwrap_or(to) - down.begun),
            down: down.map(|down| span(down.begun, down.ended.unwrap_or(to))),
            ticks: ticks(scale),
        }
    }
}

/// When the last part ended.
fn end(record: &Record) -> f64 {
    let ends = record
        .parts
        .iter()
        .map(|part| part.ended.unwrap_or(record.took));
    ends.fold(0.0, f64::max)
}

/// Round marks on a scale of so many seconds: three to six of them.
fn ticks(scale: f64) -> Vec<Tick> {
    const DISTANCES: &[f64] = &[
        0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0,
        1800.0, 3600.0, 7200.0, 14400.0, 21600.0, 43200.0, 86400.0,
    ];
    let distance = DISTANCES.iter().find(|distance| scale / **distance <= 5.0);
    let distance = *distance.unwrap_or(&86400.0);
    let mut ticks = Vec::new();
    let mut seconds = 0.0;
    while seconds <= scale && ticks.len() < 20 {
        ticks.push(Tick {
            left: seconds / scale * 100.0,
            seconds,
        });
        seconds += distance;
    }
    ticks
}

/// The name of a part, and what it does.
fn words(part: Part) -> (&'static str, &'static str) {
    match part {
        Part::Step(step) => (step.name(), of_step(step)),
        Part::Stage(stage) => (
            stage.name(),
            match stage {
                Stage::BackUp => "Backs both databases up.",
                Stage::Copy => "Restores the backup of Synapse's tables to a temporary database.",
                Stage::Import => "Imports from there to another temporary database.",
                Stage::Verify => "Compares both, row by row.",
                Stage::Restore => "Restores the backup of MAS's database, as a rollback does.",
            },
        ),
    }
}

fn of_step(step: Step) -> &'static str {
    match step {
        Step::Inspect => "Looks for blockers.",
        Step::HoldMas => "Keeps MAS from being started. Nobody uses it yet.",
        Step::Stop | Step::StopSynapse => "Stops Synapse and its workers.",
        Step::BackUp => "Backs both databases up.",
        Step::Grant => "Lets MAS's role read Synapse's database, until the end.",
        Step::Copy => "Copies Synapse's tables, while it runs.",
        Step::Import => "Imports users and sessions into MAS's database.",
        Step::Verify => "Compares both databases, row by row.",
        Step::CatchUp => "Brings MAS up to what has changed in Synapse, while it runs.",
        Step::LastRound => "Brings MAS up for the last time, and compares.",
        Step::Switch => "Makes Synapse delegate to MAS.",
        Step::Start => "Starts MAS and Synapse.",
        Step::Probe => "Checks that Synapse delegates at every listener.",
        Step::Proxy => "Sends logins to MAS.",
        Step::VerifyAgain => "Compares everything once more, while users are back.",
        Step::Complete => "Removes what was needed only until here.",
        Step::StopMas => "Stops MAS.",
        Step::CheckLosses => "Checks what would be lost.",
        Step::Keep => "Dumps MAS's database.",
        Step::Undelegate => "Makes Synapse authenticate its users by itself.",
        Step::Repair => "Ends in Synapse what was ended in MAS.",
        Step::StartSynapse => "Starts Synapse and its workers as they ran before.",
        Step::ProbeSynapse => "Checks that Synapse logs users in.",
        Step::Restore => "Restores MAS's database from its backup.",
        Step::Revoke => "Revokes what MAS's role was granted.",
        Step::DropCopy => "Drops the copy of Synapse's tables.",
        Step::LogOut => "Logs out devices that came through MAS.",
        Step::Finish => "Starts MAS as it ran before, and ends the migration.",
        Step::Recover => "Takes a lost journal from MAS's database.",
        Step::DryRun => "Tries the import.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::{cutover::Event, report::Command};
    use std::time::Duration;

    fn record(events: &[(f64, Event)]) -> Record {
        let mut record = Record::new(Command::Migrate, false, "example.com".to_owned());
        for (at, event) in events {
            record.on_event(event, *at);
        }
        record.took = events.last().map_or(0.0, |(at, _)| *at);
        record
    }

    fn done(step: Step) -> Event<'static> {
        Event::StepDone(step, "", Duration::ZERO)
    }

    #[test]
    fn the_downtime_is_from_the_stop_to_the_start() {
        let record = record(&[
            (0.0, Event::StepStarted(Step::Import)),
            (90.0, done(Step::Import)),
            (90.0, Event::StepStarted(Step::Stop)),
            (92.0, done(Step::Stop)),
            (92.0, Event::StepStarted(Step::Start)),
            (95.0, done(Step::Start)),
            (95.0, Event::StepStarted(Step::Probe)),
            (100.0, done(Step::Probe)),
        ]);
        let privacy = Privacy::new(false, "example.com");
        let whole = Chart::whole(&record, &privacy).unwrap();
        assert_eq!(
            whole.down,
            Some(Span {
                left: 90.0,
                width: 5.0
            })
        );
        let down: Vec<bool> = whole.bars.iter().map(|bar| bar.is_down).collect();
        assert_eq!(down, [false, true, true, false]);
        assert_eq!(
            whole.bars[3].span,
            Span {
                left: 95.0,
                width: 5.0
            }
        );
        let enlarged = Chart::down(&record, &privacy).unwrap();
        let names: Vec<_> = enlarged.bars.iter().map(|bar| bar.name).collect();
        assert_eq!(names, ["stop", "start"]);
        assert_eq!(
            enlarged.bars[0].span,
            Span {
                left: 0.0,
                width: 40.0
            }
        );
    }

    #[test]
    fn a_step_that_is_not_done_has_failed() {
        let record = record(&[
            (0.0, Event::StepStarted(Step::Stop)),
            (1.0, done(Step::Stop)),
            (1.0, Event::StepStarted(Step::BackUp)),
            (3.0, Event::StepStarted(Step::StartSynapse)),
            (4.0, done(Step::StartSynapse)),
        ]);
        let chart = Chart::whole(&record, &Privacy::new(false, "example.com")).unwrap();
        let states: Vec<_> = chart
            .bars
            .iter()
            .map(|bar| (bar.state, bar.is_back))
            .collect();
        let (done, failed) = (State::Done, State::Failed);
        assert_eq!(states, [(done, false), (failed, false), (done, true)]);
        assert_eq!(record.down.unwrap().ended, Some(4.0));
    }

    #[test]
    fn a_scale_has_a_few_round_marks() {
        for scale in [0.3, 1.0, 3.7, 59.0, 61.0, 3000.0, 29_000.0, 200_000.0] {
            let ticks = ticks(scale);
            assert!((2..=6).contains(&ticks.len()), "{scale}: {ticks:?}");
            assert!(ticks.iter().all(|tick| tick.left <= 100.0));
        }
    }
}
