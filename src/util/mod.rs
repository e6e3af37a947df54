//! Helpers for all parts of the program: atomic file writes, secrets, terminals, numbers, YAML, logging.

pub mod atomic_write;
pub mod error_text;
pub mod logging;
pub mod numbers;
pub mod secret;
pub mod terminal;
pub mod yaml;
pub mod yaml_events;
