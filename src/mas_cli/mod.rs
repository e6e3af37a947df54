//! The interface to `mas-cli`, MAS's command-line program.

pub mod doctor;
