//! Parsers for the output of `mas-cli`, MAS's command-line program.

pub mod doctor;
