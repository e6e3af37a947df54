//! MAS's own program, `mas-cli`.

pub mod doctor;
