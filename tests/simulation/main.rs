//! The cutover against a simulated host, on which everything goes wrong at every point.

mod explore;
mod histories;

mod host;
#[path = "../support/mod.rs"]
mod support;
mod world;

support::harness::main![explore, histories];
