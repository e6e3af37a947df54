//! This host: systemd units, users, programs, private files and signals.

pub mod command;
pub mod private_dir;
pub mod run_as;
pub mod signals;
pub mod systemd;
