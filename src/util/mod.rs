//! Helpers for all parts of the program: atomic file writes, secrets, YAML, logging.

pub mod atomic_write;
pub mod error_text;
pub mod logging;
pub mod secret;
pub mod yaml;
