//! The option references, and the data behind `mas2nix options --json`.

use std::sync::LazyLock;

use minijinja::{Environment, context};
use regex::{Captures, Regex};
use serde::Serialize;

use super::nix;
use crate::{
    config::tree::{Node, Section, Shape},
    rules::check::expected,
    schema::OLDEST,
};

/// An option as shown in the reference and printed by `mas2nix options --json`.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own")]
pub struct Entry {
    /// Its path in MAS's configuration.
    pub path: String,
    /// The name of the NixOS option.
    pub option: String,
    /// A description of the values it accepts.
    pub r#type: String,
    /// Its purpose, choices and versions, as Markdown paragraphs.
    pub description: String,
    /// The texts it accepts, if it accepts a fixed set.
    pub choices: Vec<String>,
    /// Whether it is required when its parent is present.
    pub required: bool,
    /// Whether MAS accepts `null` as its value.
    pub nullable: bool,
    /// The value that MAS uses if the option is absent.
    pub default: Option<serde_json::Value>,
    /// The default in words, if it is not a constant.
    pub default_text: Option<String>,
    /// An example value for the documentation, such as `"/run/secrets/mas-encryption"`.
    pub example: Option<serde_json::Value>,
    /// The first MAS version with this option.
    pub since: String,
    /// The first MAS version without it, if it was removed.
    pub removed: Option<String>,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// The option that names a file with the value instead, such as `client_secret_file`.
    pub file_option: Option<String>,
    /// Whether it is a group of options.
    pub group: bool,
}

/// All options of a schema, in schema order.
#[must_use]
pub fn entries(settings: &Node) -> Vec<Entry> {
    let nodes = settings.descendants();
    nodes
        .into_iter()
        .map(|(path, node)| {
            let (parent, name) = path.rsplit_once('.').unwrap_or(("", &path));
            let parent = if parent.is_empty() {
                Some(settings)
            } else {
                settings.find(parent)
            };
            let section = parent.and_then(Node::section);
            // A list entry is not an option of the section that contains the list.
            let section = section.filter(|section| section.get(name).is_some());
            entry(&path, node, section.map(|section| (section, name)))
        })
        .collect()
}

fn entry(path: &str, node: &Node, section: Option<(&Section, &str)>) -> Entry {
    let steps: Vec<String> = crate::config::tree::steps(path)
        .map(|step| {
            if step == "[]" {
                "*".to_owned()
            } else {
                nix::key(step)
            }
        })
        .collect();
    let secret_in = section.filter(|_| node.secret);
    Entry {
        path: path.to_owned(),
        option: format!(
            "services.matrix-authentication-service.settings.{}",
            steps.join(".")
        ),
        r#type: expected(&node.shape),
        description: description(node, section),
        choices: match &node.shape {
            Shape::Choice(choices) => choices.iter().map(|choice| choice.value.clone()).collect(),
            _ => Vec::new(),
        },
        required: section.map_or(node.required, |(section, name)| section.requires(name)),
        nullable: node.nullable,
        default: node.default.clone(),
        default_text: node.default_text.clone(),
        example: node.example.clone(),
        since: node.since.to_string(),
        removed: node.removed.as_ref().map(ToString::to_string),
        secret: node.secret,
        file_option: secret_in
            .and_then(|(section, name)| section.file_option(name).map(str::to_owned)),
        group: matches!(node.shape, Shape::Section(_) | Shape::List(_)),
    }
}

/// An option's description as Markdown, with choices, versions and other facts from the schema.
#[must_use]
pub fn description(node: &Node, section: Option<(&Section, &str)>) -> String {
    let mut parts = vec![node.description.clone()];
    if let Shape::Choice(choices) = &node.shape {
        let lines = choices.iter().map(|choice| {
            let mut line = format!("- `\"{}\"`: {}", choice.value, choice.description);
            if choice.since > node.since {
                line += &format!(" Needs MAS {} or newer.", choice.since);
            }
            line
        });
        parts.push(lines.collect::<Vec<_>>().join("\n"));
    }
    if let Some(meaning) = &node.null_means {
        parts.push(format!("`null`: {meaning}."));
    }
    if node.secret {
        let file_option = section.and_then(|(section, name)| section.file_option(name));
        let instead = match file_option {
            Some(option) => format!("Use `{option}` instead."),
            None => "Write it to a separate configuration file, and add that file to `extraConfigFiles`.".to_owned(),
        };
        parts.push(format!(
            "This is a secret. The module rejects it here, because everyone could read it in the Nix store. {instead}"
        ));
    }
    if node.since > OLDEST {
        parts.push(needs(&node.since));
    }
    if let Some(removed) = &node.removed {
        parts.push(format!("Removed in MAS {removed}."));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn needs(since: impl std::fmt::Display) -> String {
    format!("Needs MAS {since} or newer.")
}

/// The reference of MAS's options, as Markdown.
///
/// # Errors
///
/// If the template cannot be rendered, which is a bug.
pub fn options(settings: &Node) -> Result<String, minijinja::Error> {
    let all = entries(settings);
    let sections: Vec<_> = settings
        .section()
        .into_iter()
        .flat_map(|section| &section.options)
        .map(|(name, node)| {
            let own = all
                .iter()
                .filter(|e| crate::config::tree::steps(&e.path).next() == Some(name));
            let own: Vec<_> = own
                .skip(1)
                .filter(|e| !e.path.ends_with("[]"))
                .map(|e| shown(e, true))
                .collect();
            context! { name, description => node.description, entries => own }
        })
        .collect();
    let newest = crate::schema::NEWEST.to_string();
    render(
        include_str!("templates/options.md.j2"),
        context! { sections, newest, oldest => OLDEST.to_string() },
    )
}

/// The reference of the module's own options, as Markdown.
///
/// # Errors
///
/// If the template cannot be rendered, which is a bug.
pub fn module(module: &Node) -> Result<String, minijinja::Error> {
    let entries: Vec<_> = entries(module)
        .iter()
        .filter(|entry| !entry.path.starts_with("settings.") && !entry.path.contains("[]"))
        .filter(|entry| !entry.group || entry.default.is_some() || entry.nullable)
        .filter(|entry| !entry.description.is_empty())
        .map(|entry| Entry {
            required: false,
            path: entry.path.replace('*', "<name>"),
            ..entry.clone()
        })
        .map(|entry| shown(&entry, false))
        .collect();
    render(include_str!("templates/module.md.j2"), context! { entries })
}

/// The page about everything that can go wrong in a migration: the findings of `syn2mas inspect` and the
/// steps, both by chapter, as Markdown.
///
/// # Errors
///
/// If the template cannot be rendered, which is a bug.
pub fn troubleshooting(
    findings: impl Serialize,
    steps: impl Serialize,
) -> Result<String, minijinja::Error> {
    let [findings, steps] = [
        minijinja::Value::from_serialize(findings),
        minijinja::Value::from_serialize(steps),
    ];
    render(
        include_str!("templates/troubleshooting.md.j2"),
        context! { findings, steps },
    )
}

/// Marks SQL statements in a text as code, so that Markdown leaves their characters alone.
fn sql_as_code(text: &str) -> String {
    // What is code already comes first, so that it is passed over. A full stop ends a sentence, and no
    // statement.
    static CODE: LazyLock<Regex> = LazyLock::new(|| {
        let verbs =
            "SELECT|DELETE FROM|UPDATE|CREATE|ALTER|DROP|GRANT|COMMIT PREPARED|ROLLBACK PREPARED";
        let statement = format!(r"\b(?:{verbs}) (?:[^;`.]|\.\S)*;");
        Regex::new(&format!("`[^`]*`|{statement}")).expect("it is constant")
    });
    let mark = |found: &Captures| match &found[0] {
        code if code.starts_with('`') => code.to_owned(),
        statement => format!("`{statement}`"),
    };
    CODE.replace_all(text, mark).into_owned()
}

fn render(template: &str, context: minijinja::Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_keep_trailing_newline(true);
    environment.add_filter("sql", sql_as_code);
    environment.render_str(template, context)
}

/// An entry for the templates: with the versions of MAS that have it among its facts, if asked for.
fn shown(entry: &Entry, with_version: bool) -> minijinja::Value {
    let mut facts = Vec::new();
    // The book's search finds words by their beginning, and a whole path is one word.
    if let Some((_, name)) = entry.path.rsplit_once('.')
        && !["*", "<name>"].contains(&name)
    {
        facts.push(format!("Name: `{name}`"));
    }
    facts.push(if entry.choices.is_empty() {
        format!("Type: {}", entry.r#type)
    } else {
        "Type: one of the above".to_owned()
    });
    if entry.required {
        facts.push("Required".to_owned());
    }
    match (&entry.default_text, &entry.default) {
        (Some(text), _) => facts.push(format!("Default: {text}")),
        (None, Some(value)) => facts.push(format!("Default: `{}`", nix::value(value))),
        (None, None) => {}
    }
    if let Some(example) = example(entry) {
        facts.push(format!("Example: `{}`", nix::value(&example)));
    }
    let mut description = entry.description.clone();
    if with_version {
        description = description.replace(&needs(&entry.since), "");
        facts.push(match &entry.removed {
            Some(removed) => format!("MAS {} or newer, before {removed}", entry.since),
            None => format!("MAS {} or newer", entry.since),
        });
    }
    context! { path => entry.path, description => description.trim_end(), facts }
}

/// The example of an option. Where the schema has none, that is a value other than the default, if there are
/// only a few to choose from.
fn example(entry: &Entry) -> Option<serde_json::Value> {
    let of_choices = || {
        let other = |choice: &&String| entry.default.as_ref() != Some(&choice.as_str().into());
        entry
            .choices
            .iter()
            .find(other)
            .map(|choice| choice.as_str().into())
    };
    let of_boolean = || match entry.default {
        Some(serde_json::Value::Bool(default)) => Some((!default).into()),
        _ => None,
    };
    entry
        .example
        .clone()
        .or_else(of_choices)
        .or_else(of_boolean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_statements_become_code() {
        let text =
            "It needs UPDATE besides SELECT. DELETE FROM a WHERE b = '*'; and `SELECT 1;` as well.";
        let expected = "It needs UPDATE besides SELECT. `DELETE FROM a WHERE b = '*';` and `SELECT 1;` as well.";
        assert_eq!(sql_as_code(text), expected);
    }
}
