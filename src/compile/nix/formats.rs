//! `formats.nix`: the forms of text.

use std::collections::BTreeSet;

use super::{header, string};
use crate::{
    schema::format::{Format, PARTS},
    tree::{Node, Shape},
};

/// The forms that options use, under the names that `modules/types.nix` gives them.
pub fn formats(settings: &Node) -> String {
    let mut parts = String::new();
    for (i, (name, pattern)) in PARTS.iter().enumerate() {
        parts += &format!("{name} = {};\n", composed(pattern, &PARTS[..i]));
    }
    let mut seen = BTreeSet::new();
    let mut entries = String::new();
    for (_, node) in settings.descendants() {
        let Shape::Text {
            format: Some(format),
            ..
        } = &node.shape
        else {
            continue;
        };
        if seen.insert(format.name) {
            entries += &entry(format);
        }
    }
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

/// What `modules/types.nix` calls a form.
pub fn format_name(format: &Format) -> String {
    let mut name = format.name.to_owned();
    name[..1].make_ascii_lowercase();
    name
}
