//! Rules that follow from the schema: required options, dependencies on a tag or a form, options that
//! only some MAS versions know, and secrets.

use semver::Version;
use serde_json::Value;

use super::{Rule, RuleKind, each};
use crate::{
    config::tree::{Form, Node, Section, Shape, Union, join},
    expr::{Expr, all, all_missing, any_set, missing, not, option, set},
    schema::OLDEST,
};

pub fn rules(settings: &Node) -> Vec<Rule> {
    let mut rules = Vec::new();
    walk(settings, "", &OLDEST, &mut rules);
    rules
}

fn walk(node: &Node, path: &str, since: &Version, rules: &mut Vec<Rule>) {
    match &node.shape {
        Shape::Section(section) => {
            let place = Place::new(path);
            for (name, option) in &section.options {
                rules.extend(presence(&place, section, name, option));
                rules.extend(versions(&place, name, option, since));
                rules.extend(secrecy(&place, section, name, option));
                walk(option, &join(path, name), &option.since, rules);
            }
            if let Some(Union::Forms(forms)) = &section.union {
                rules.extend(forms_rules(&place, forms));
            }
        }
        Shape::List(item) => walk(item, &join(path, "[]"), since, rules),
        _ => {}
    }
}

/// The location of a section: the list entry that contains it, and the path from that entry.
struct Place {
    scope: String,
    below: String,
}

impl Place {
    fn new(path: &str) -> Self {
        let end = path.rfind("[]").map_or(0, |at| at + 2);
        let (scope, below) = path.split_at(end);
        Place {
            scope: scope.to_owned(),
            below: below.trim_start_matches('.').to_owned(),
        }
    }

    /// The path of an option of this section, relative to the scope.
    fn of(&self, name: &str) -> String {
        join(&self.below, name)
    }

    /// The condition, limited to configurations in which the section is present.
    fn within(&self, condition: Expr) -> Expr {
        if self.below.is_empty() {
            condition
        } else {
            all([set(&self.below), condition])
        }
    }

    fn rule(&self, id: &str, name: &str, when: Expr, reason: &str, fix: &str) -> Rule {
        each(&self.scope, id, &self.of(name), when, reason, fix)
    }
}

fn presence(place: &Place, section: &Section, name: &str, node: &Node) -> Vec<Rule> {
    let at = place.of(name);
    let mut rules = Vec::new();
    if section.requires(name) {
        rules.push(place.rule(
            "required",
            name,
            place.within(missing(&at)),
            "required option missing",
            &how_to_set(place, name, node),
        ));
    }
    if let Some(version) = &node.required_before {
        rules.push(place.rule(
            "required",
            name,
            place.within(all([Expr::OlderThan(version.clone()), missing(&at)])),
            &format!("MAS before {version} requires this option"),
            "Set it, or use a newer version of MAS.",
        ));
    }
    if let (Some(Union::Tagged(tag)), false) = (&section.union, node.variants.is_empty()) {
        rules.extend(variants(place, tag, name, node));
    }
    rules
}

fn how_to_set(place: &Place, name: &str, node: &Node) -> String {
    let path = join(&place.scope, &place.of(name));
    match node.shape {
        Shape::Section(_) => format!("Add a section `{name}`; see `mas2nix explain {path}`."),
        _ => format!("Set it; see `mas2nix explain {path}`."),
    }
}

fn variants(place: &Place, tag: &str, name: &str, node: &Node) -> Vec<Rule> {
    let at = place.of(name);
    let tagged = || option(&place.of(tag));
    let tags: Vec<&str> = node.variants.iter().map(|v| v.tag.as_str()).collect();
    let quoted = tags
        .iter()
        .map(|tag| format!("\"{tag}\""))
        .collect::<Vec<_>>();
    let mut rules = vec![place.rule(
        "wrong-variant",
        name,
        all([set(&place.of(tag)), not(tagged().one_of(&tags)), set(&at)]),
        &format!("this option is only for `{tag}` {}", quoted.join(" or ")),
        &format!("Remove it, or change `{tag}`."),
    )];
    for variant in &node.variants {
        if variant.required {
            rules.push(place.rule(
                "required",
                name,
                all([tagged().is(variant.tag.as_str()), missing(&at)]),
                &format!("`{tag}` \"{}\" requires this option", variant.tag),
                "Set it.",
            ));
        }
        if !variant.choices.is_empty() && node.variants.len() > 1 {
            let choices: Vec<&str> = variant.choices.iter().map(String::as_str).collect();
            rules.push(place.rule(
                "wrong-choice",
                name,
                all([
                    tagged().is(variant.tag.as_str()),
                    set(&at),
                    not(option(&at).one_of(&choices)),
                ]),
                &format!("this value is not valid for `{tag}` \"{}\"", variant.tag),
                &format!("Use one of {}.", choices.join(", ")),
            ));
        }
    }
    rules
}

fn forms_rules(place: &Place, forms: &[Form]) -> Vec<Rule> {
    let paths = |names: &[String]| names.iter().map(|name| place.of(name)).collect::<Vec<_>>();
    let used = |form: &Form| {
        let options = paths(&form.options);
        any_set(&options.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let described = forms.iter().map(describe).collect::<Vec<_>>().join("; ");
    let every: Vec<String> = forms.iter().flat_map(|form| paths(&form.options)).collect();
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    let mut mixed = Vec::new();
    for (i, form) in forms.iter().enumerate() {
        mixed.extend(
            forms[i + 1..]
                .iter()
                .map(|other| all([used(form), used(other)])),
        );
    }
    let mut rules = vec![
        place.rule(
            "no-form",
            "",
            all_missing(&every),
            "the entry is empty",
            &format!("Use one of these forms: {described}."),
        ),
        place.rule(
            "mixed-forms",
            "",
            Expr::Any(mixed),
            "the entry mixes several forms; MAS would use one of them and ignore the other options",
            &format!("Use only one of these forms: {described}."),
        ),
    ];
    for form in forms {
        for name in &form.required {
            let others: Vec<String> = form
                .options
                .iter()
                .filter(|o| *o != name)
                .cloned()
                .collect();
            let others = paths(&others);
            let others: Vec<&str> = others.iter().map(String::as_str).collect();
            if !others.is_empty() {
                rules.push(place.rule(
                    "required",
                    name,
                    all([any_set(&others), missing(&place.of(name))]),
                    &format!("`{}` requires this option", others.join("`, `")),
                    "Set it.",
                ));
            }
        }
    }
    rules
}

fn describe(form: &Form) -> String {
    // A form without a required option is named after its first option.
    let (main, rest): (Vec<&String>, Vec<&String>) = if form.required.is_empty() {
        let (first, rest) = form.options.split_at(1);
        (first.iter().collect(), rest.iter().collect())
    } else {
        form.options
            .iter()
            .partition(|name| form.required.contains(name))
    };
    let quoted = |names: Vec<&String>| {
        let names = names.into_iter().map(|name| format!("`{name}`"));
        names.collect::<Vec<_>>().join(", ")
    };
    if rest.is_empty() {
        quoted(main)
    } else {
        format!("{} with or without {}", quoted(main), quoted(rest))
    }
}

fn versions(place: &Place, name: &str, node: &Node, parent: &Version) -> Vec<Rule> {
    let at = place.of(name);
    let mut rules = Vec::new();
    if node.since > *parent {
        let since = &node.since;
        rules.push(place.rule(
            "too-new",
            name,
            all([Expr::OlderThan(since.clone()), set(&at)]),
            &format!("this option requires MAS {since} or newer"),
            "Remove it, or use a newer version of MAS.",
        ));
    }
    if let Some(removed) = &node.removed {
        rules.push(Rule {
            kind: RuleKind::Ignored,
            ..place.rule(
                "removed",
                name,
                all([not(Expr::OlderThan(removed.clone())), set(&at)]),
                &format!("MAS {removed} and newer versions ignore this option"),
                "Remove it. This has no other effect.",
            )
        });
    }
    if let Shape::Choice(choices) = &node.shape {
        let newer: Vec<_> = choices
            .iter()
            .filter(|choice| choice.since > node.since)
            .collect();
        let mut versions: Vec<&Version> = newer.iter().map(|choice| &choice.since).collect();
        versions.sort();
        versions.dedup();
        for version in versions {
            let values = newer.iter().filter(|choice| choice.since == *version);
            let values: Vec<Value> = values.map(|choice| choice.value.clone().into()).collect();
            rules.push(place.rule(
                "too-new",
                name,
                all([
                    Expr::OlderThan(version.clone()),
                    Expr::OneOf(option(&at), values),
                ]),
                &format!("this value requires MAS {version} or newer"),
                "Use another value, or a newer version of MAS.",
            ));
        }
    }
    rules
}

fn secrecy(place: &Place, section: &Section, name: &str, node: &Node) -> Option<Rule> {
    let fix = match section.file_option(name) {
        Some(option) => format!("Write it to a file, and set `{option}` to the path of that file."),
        None => {
            "Write it to a separate configuration file, and add that file to `extraConfigFiles`."
                .to_owned()
        }
    };
    node.secret.then(|| Rule {
        kind: RuleKind::Secrecy,
        ..place.rule(
            "inline-secret",
            name,
            set(&place.of(name)),
            "this secret would be readable by everyone",
            &fix,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_ends_at_the_innermost_list() {
        let place = Place::new("http.listeners[].tls");
        assert_eq!(place.scope, "http.listeners[]");
        assert_eq!(place.of("key"), "tls.key");
        let place = Place::new("database");
        assert_eq!(
            (place.scope.as_str(), place.of("uri").as_str()),
            ("", "database.uri")
        );
    }
}
