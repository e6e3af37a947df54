//! `syn2mas`: migrating a homeserver of real Synapse, MAS and PostgreSQL, and rolling back.

mod cli;
mod compose;
mod connection;
mod contradictions;
mod copy;
mod cutover;
mod faults;
mod guard;
mod inspect;
mod losses;
mod migrate;
mod report;
#[path = "../support/mod.rs"]
mod support;
mod synapse_config;
mod translate;
mod verify;
mod waiting;
mod workers;

support::harness::main![
    // One of its tests waits for minutes. At the end, nothing else would run meanwhile.
    workers,
    cli,
    compose,
    connection,
    contradictions,
    copy,
    cutover,
    faults,
    guard,
    inspect,
    losses,
    migrate,
    report,
    synapse_config,
    translate,
    verify,
    waiting,
];
