//! `formats.nix`: the forms of text.

use super::{header, string};
use crate::schema::format::{self, Format, PARTS};

/// All forms of text, under the names that options and rules call them by.
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

/// A pattern as a Nix string that refers to the parts it is made of.
fn composed(pattern: &str, parts: &[(&str, &str)]) -> String {
    parts
        .iter()
        .rev()
        .fold(string(pattern), |text, (name, part)| {
            text.replace(string(part).trim_matches('"'), &format!("${{{name}}}"))
        })
}

/// What Nix calls a form.
pub fn format_name(format: &Format) -> String {
    let mut name = format.name.to_owned();
    name[..1].make_ascii_lowercase();
    name
}
