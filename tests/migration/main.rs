//! `syn2mas`: moving a homeserver of real Synapse, MAS and PostgreSQL, and the way back.

mod connection;
mod cutover;
mod faults;
mod inspect;
mod migrate;
#[path = "../support/mod.rs"]
mod support;
mod translate;
mod verify;
mod workers;

support::harness::main![
    connection, cutover, faults, inspect, migrate, translate, verify, workers,
];
