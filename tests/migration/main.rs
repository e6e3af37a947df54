//! `syn2mas`: migrating a homeserver of real Synapse, MAS and PostgreSQL, and rolling back.

mod connection;
mod cutover;
mod faults;
mod inspect;
mod migrate;
#[path = "../support/mod.rs"]
mod support;
mod translate;
mod verify;

support::harness::main![
    connection, cutover, faults, inspect, migrate, translate, verify,
];
