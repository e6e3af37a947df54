//! `formats.nix`: the text formats, as POSIX patterns.

use super::{header, string};
use crate::schema::format::{self, Format, PARTS};

/// The content of `formats.nix`, with the names that options and rules use for the formats.
pub fn formats() -> String {
    let mut parts = String::new();
    for (i, (name, pattern)) in PARTS.iter().enumerate() {
        parts += &format!("{name} = {};\n", composed(pattern, &PARTS[..i]));
    }
    let entries: String = format::all().map(entry).collect();
    let header = header("src/schema/format.rs");
    format!("{header}let {parts} in {{ {entries} }}")
}

fn entry(format: &Format) -> String {
    let pattern = |pattern| composed(pattern, PARTS);
    let also = match format.also {
        Some((when, then)) => format!(
            "also = {{ when = {}; require = {}; }};",
            pattern(when),
            pattern(then)
        ),
        None => String::new(),
    };
    format!(
        "{} = {{ description = {}; pattern = {}; {also} }};\n",
        format_name(format),
        string(format.description),
        pattern(format.pattern),
    )
}

/// A pattern as a Nix string that refers to its parts by name.
fn composed(pattern: &str, parts: &[(&str, &str)]) -> String {
    parts
        .iter()
        .rev()
        .fold(string(pattern), |text, (name, part)| {
            text.replace(string(part).trim_matches('"'), &format!("${{{name}}}"))
        })
}

/// The name of a format in Nix: the Rust name with a lower-case first letter.
pub fn format_name(format: &Format) -> String {
    let mut name = format.name.to_owned();
    name[..1].make_ascii_lowercase();
    name
}
