//! What everybody needs: files that are written whole, YAML, logs.

pub mod atomic_write;
pub mod error_text;
pub mod logging;
pub mod secret;
pub mod yaml;
