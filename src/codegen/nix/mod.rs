//! The generated half of the NixOS module: options, rules, and which options name files.

use serde_json::Value;

use crate::{
    config::tree::{self, Node, steps},
    deploy::credentials,
    rules::{Rule, RuleKind, secret_paths},
};

mod artifacts;
mod expr;
mod formats;
mod options;
mod rules;

pub use self::expr::condition;

/// The generated Nix files, not yet formatted, as pairs of path and content. Paths are relative to
/// [`super::GENERATED`].
///
/// # Panics
///
/// If `settings` is not a section.
#[must_use]
pub fn generated(settings: &Node, rules: &[Rule]) -> Vec<(String, String)> {
    let printer = options::OptionPrinter {
        secret: secret_paths(rules),
    };
    let root = settings.section().expect("the settings are a section");
    let mut files = vec![("formats.nix".to_owned(), formats::formats())];
    files.push((
        "options/default.nix".to_owned(),
        options::OptionPrinter::root(root),
    ));
    for (name, node) in &root.options {
        files.push((format!("options/{name}.nix"), printer.file(name, node)));
    }
    let of_kind = |kind: RuleKind| -> Vec<&Rule> {
        let rules = rules.iter();
        rules.filter(|rule| rule.kind == kind).collect()
    };
    let validity = of_kind(RuleKind::Validity);
    files.push(("rules/default.nix".to_owned(), rules::root(root, &validity)));
    for (name, _) in &root.options {
        let own: Vec<&Rule> = validity
            .iter()
            .copied()
            .filter(|r| rules::in_section(r, name))
            .collect();
        if !own.is_empty() {
            files.push((
                format!("rules/{name}.nix"),
                rules::file(&own, &rules_origin(name)),
            ));
        }
    }
    files.push((
        "secrets.nix".to_owned(),
        rules::file(&of_kind(RuleKind::Secrecy), "the options marked as secret"),
    ));
    files.push((
        "warnings.nix".to_owned(),
        rules::file(&of_kind(RuleKind::Ignored), "the options that MAS removed"),
    ));
    files.push(("files.nix".to_owned(), file_options(settings)));
    files.push(("module.nix".to_owned(), printer.module(&tree::module())));
    for (name, origin, rules) in [
        (
            "module-rules",
            "src/rules/module.rs",
            crate::rules::module(),
        ),
        (
            "synapse-rules",
            "src/rules/synapse.rs",
            crate::rules::synapse(),
        ),
    ] {
        let rules: Vec<&Rule> = rules.iter().collect();
        files.push((format!("{name}.nix"), rules::file(&rules, origin)));
    }
    files.extend(artifacts::files());
    files
}

fn header(origin: &str) -> String {
    format!("# Written by `mas2nix compile` from {origin}. Do not edit: change that instead.\n")
}

fn rules_origin(section: &str) -> String {
    format!("src/rules and src/schema/{section}.rs")
}

/// A JSON value as a Nix expression.
#[must_use]
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) if number.as_f64().is_some_and(|number| number < 0.0) => {
            format!("({number})")
        }
        Value::Number(number) => number.to_string(),
        Value::String(text) => string(text),
        Value::Array(items) if items.is_empty() => "[ ]".to_owned(),
        Value::Object(entries) if entries.is_empty() => "{ }".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(self::value).collect();
            format!("[ {} ]", items.join(" "))
        }
        Value::Object(entries) => {
            let entries = entries.iter();
            let entries: Vec<String> = entries
                .map(|(name, value)| binding(&key(name), value))
                .collect();
            format!("{{ {} }}", entries.join(" "))
        }
    }
}

/// A Nix binding `name = value;`. A value with one attribute is written as `name.attribute = value;`.
fn binding(path: &str, value: &Value) -> String {
    match value
        .as_object()
        .map(|entries| entries.iter().collect::<Vec<_>>())
    {
        Some(entries) if entries.len() == 1 => {
            let (name, value) = entries[0];
            binding(&format!("{path}.{}", key(name)), value)
        }
        _ => format!("{path} = {};", self::value(value)),
    }
}

/// A text as a Nix string on one line.
#[must_use]
pub fn string(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('\t', "\\t")
        .replace("${", "\\${");
    format!("\"{escaped}\"")
}

/// A Nix expression, in parentheses if it needs them as a function argument.
fn parenthesized(expression: &str) -> String {
    if expression.contains(' ') || expression.starts_with('!') {
        format!("({expression})")
    } else {
        expression.to_owned()
    }
}

/// A Nix attribute name, quoted if necessary.
#[must_use]
pub fn key(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars
        .next()
        .is_some_and(|char| char.is_ascii_alphabetic() || char == '_');
    let plain = first && chars.all(|char| char.is_ascii_alphanumeric() || "_-'".contains(char));
    let reserved = [
        "if", "then", "else", "assert", "with", "let", "in", "rec", "inherit", "or",
    ];
    if plain && !reserved.contains(&name) {
        name.to_owned()
    } else {
        string(name)
    }
}

/// The options that name files, and whether MAS reads every byte of them.
fn file_options(settings: &Node) -> String {
    let entries = credentials::options(settings).into_iter().map(|option| {
        let steps = steps(&option.path).map(|step| if step == "[]" { "*" } else { step });
        let steps: Vec<String> = steps.map(string).collect();
        let kind = string(option.kind.name());
        format!("{{ path = [ {} ]; kind = {kind}; }}\n", steps.join(" "))
    });
    format!(
        "{}# `*` is any entry of a list. MAS uses every byte of a `raw` file, and ignores white space around\n# what is in a `trimmed` one.\n[ {} ]",
        header("src/schema"),
        entries.collect::<String>()
    )
}
