//! `syn2mas`: moving a homeserver of real Synapse, MAS and PostgreSQL, and the way back.

mod connection;
mod cutover;
mod faults;
mod inspect;
mod losses;
mod migrate;
#[path = "../support/mod.rs"]
mod support;
mod translate;
mod verify;

support::harness::main![
    connection, cutover, faults, inspect, losses, migrate, translate, verify,
];
