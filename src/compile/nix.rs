//! The NixOS module's generated half: options, rules, and which options name files.

use std::collections::BTreeSet;

use serde_json::Value;

/// Width of a description's lines, so that they stay below 100 where they are indented.
const WIDTH: usize = 80;

use crate::{
    expr::{Expr, Path, Term},
    rules::{Kind, Rule},
    schema::format::Format,
    tree::{Node, Section, Shape, join, steps},
};

/// The generated Nix files, each with its path below [`super::GENERATED`], not yet formatted.
///
/// # Panics
///
/// If the settings are no section.
#[must_use]
pub fn files(settings: &Node, rules: &[Rule]) -> Vec<(String, String)> {
    let printer = Options { rules };
    let root = settings.section().expect("the settings are a section");
    let mut files = vec![("formats.nix".to_owned(), formats(settings))];
    files.push(("options/default.nix".to_owned(), Options::root(root)));
    for (name, node) in &root.options {
        files.push((format!("options/{name}.nix"), printer.file(name, node)));
    }
    let validity: Vec<&Rule> = rules
        .iter()
        .filter(|rule| rule.kind == Kind::Validity)
        .collect();
    let secrecy: Vec<&Rule> = rules
        .iter()
        .filter(|rule| rule.kind == Kind::Secrecy)
        .collect();
    files.push(("rules/default.nix".to_owned(), rules_root(root, &validity)));
    for (name, _) in &root.options {
        let own: Vec<&Rule> = validity
            .iter()
            .copied()
            .filter(|r| in_section(r, name))
            .collect();
        if !own.is_empty() {
            files.push((
                format!("rules/{name}.nix"),
                rules_file(&own, &rules_origin(name)),
            ));
        }
    }
    files.push((
        "secrets.nix".to_owned(),
        rules_file(&secrecy, "the options marked as secret"),
    ));
    files.push(("files.nix".to_owned(), file_options(settings)));
    files
}

fn header(origin: &str) -> String {
    format!("# Written by `mas2nix compile` from {origin}. Do not edit: change that instead.\n")
}

fn rules_origin(section: &str) -> String {
    format!("src/rules and src/schema/{section}.rs")
}

// Values

/// A JSON value as Nix.
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
                .map(|(name, value)| format!("{} = {};", key(name), self::value(value)))
                .collect();
            format!("{{ {} }}", entries.join(" "))
        }
    }
}

/// A Nix string on one line.
#[must_use]
pub fn string(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace("${", "\\${");
    format!("\"{escaped}\"")
}

/// A text as a Nix string: on one line if it fits, else wrapped.
fn text_block(text: &str) -> String {
    if text.len() <= WIDTH && !text.contains('\n') {
        return string(text);
    }
    let lines: Vec<String> = text.lines().map(wrapped).collect();
    let escaped = lines.join("\n").replace("''", "'''").replace("${", "''${");
    format!("''\n{escaped}\n''")
}

fn wrapped(line: &str) -> String {
    let indent = if line.starts_with("- ") { "  " } else { "" };
    textwrap::fill(
        line,
        textwrap::Options::new(WIDTH).subsequent_indent(indent),
    )
}

/// An attribute name, quoted if it must be.
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

fn attribute_path(path: &Path) -> String {
    path.0.split('.').map(key).collect::<Vec<_>>().join(".")
}

// Formats

/// The forms of string that options use, under the names that `types.nix` gives them.
fn formats(settings: &Node) -> String {
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
        if !seen.insert(format.name) {
            continue;
        }
        let (when, then) = format.also.unwrap_or(("", ""));
        let also = match format.also {
            Some(_) => format!(
                "also = {{ when = {}; require = {}; }};",
                string(when),
                string(then)
            ),
            None => String::new(),
        };
        entries += &format!(
            "{} = {{ description = {}; pattern = {}; {also} }};\n",
            format_name(format),
            string(format.description),
            string(format.pattern),
        );
    }
    format!("{}{{ {entries} }}", header("src/schema/format.rs"))
}

fn format_name(format: &Format) -> String {
    let mut name = format.name.to_owned();
    name[..1].make_ascii_lowercase();
    name
}

// Options

struct Options<'a> {
    rules: &'a [Rule],
}

impl Options<'_> {
    fn root(root: &Section) -> String {
        let mut options = String::new();
        for (name, node) in &root.options {
            let kind = format!("import ./{name}.nix {{ inherit lib types; }}");
            options += &format!("{} = {};\n", key(name), declaration(&kind, node, None));
        }
        format!(
            "{}{{ lib, types }}: types.section {{ {options} }}",
            header("src/schema/mod.rs")
        )
    }

    fn file(&self, name: &str, node: &Node) -> String {
        let origin = format!("src/schema/{name}.rs");
        format!(
            "{}{{ lib, types }}: {}",
            header(&origin),
            self.kind(node, name)
        )
    }

    fn kind(&self, node: &Node, path: &str) -> String {
        let plain = self.shape(&node.shape, path);
        let kind = match (node.nullable, &node.null_means) {
            (false, _) => plain,
            (true, None) => format!("types.unsetOr {}", parenthesized(&plain)),
            (true, Some(_)) => format!("lib.types.nullOr {}", parenthesized(&plain)),
        };
        if node.secret || self.holds_secret(path) {
            format!("types.secret {}", parenthesized(&kind))
        } else {
            kind
        }
    }

    fn holds_secret(&self, path: &str) -> bool {
        let mut secrecy = self.rules.iter().filter(|rule| rule.kind == Kind::Secrecy);
        secrecy.any(|rule| rule.path() == path)
    }

    fn shape(&self, shape: &Shape, path: &str) -> String {
        match shape {
            Shape::Boolean => "lib.types.bool".to_owned(),
            Shape::Integer { min, max, .. } => integer(*min, *max),
            Shape::Number {
                min: Some(min),
                max: Some(max),
                ..
            } => {
                format!("lib.types.numbers.between {min} {max}")
            }
            Shape::Number { .. } => "lib.types.number".to_owned(),
            Shape::Text {
                format: Some(format),
                ..
            } => format!("types.{}", format_name(format)),
            Shape::Text { format: None, .. } => "lib.types.str".to_owned(),
            Shape::Choice(choices) => {
                let values: Vec<String> = choices.iter().map(|c| string(&c.value)).collect();
                format!("lib.types.enum [ {} ]", values.join(" "))
            }
            Shape::Any => "types.json".to_owned(),
            Shape::List(item) => {
                let item = self.kind(item, &join(path, "[]"));
                format!("types.list {}", parenthesized(&item))
            }
            Shape::Map(item) => {
                let item = self.kind(item, &join(path, "*"));
                format!("lib.types.attrsOf {}", parenthesized(&item))
            }
            Shape::Section(section) => {
                let mut options = String::new();
                for (name, node) in &section.options {
                    let kind = self.kind(node, &join(path, name));
                    let declaration = declaration(&kind, node, Some((section, name)));
                    options += &format!("{} = {declaration};\n", key(name));
                }
                format!("types.section {{ {options} }}")
            }
        }
    }
}

fn declaration(kind: &str, node: &Node, section: Option<(&Section, &str)>) -> String {
    let mut text = format!(
        "type = {kind}; description = {};",
        text_block(&super::docs::description(node, section))
    );
    if let Some(default) = default_text(node) {
        text += &format!("defaultText = {default};");
    }
    if let Some(example) = &node.example {
        text += &format!("example = {};", value(example));
    }
    format!("lib.mkOption {{ {text} }}")
}

fn parenthesized(expression: &str) -> String {
    if expression.contains(' ') {
        format!("({expression})")
    } else {
        expression.to_owned()
    }
}

fn integer(min: i128, max: i128) -> String {
    let whole = i128::from(i64::MAX);
    match (min, max) {
        (0, 255) => "lib.types.ints.u8".to_owned(),
        (0, 65535) => "lib.types.ints.u16".to_owned(),
        (0, 4_294_967_295) => "lib.types.ints.u32".to_owned(),
        (0, max) if max == whole => "lib.types.ints.unsigned".to_owned(),
        (1, max) if max == whole => "lib.types.ints.positive".to_owned(),
        _ => format!("lib.types.ints.between {min} {max}"),
    }
}

fn default_text(node: &Node) -> Option<String> {
    if let Some(text) = &node.default_text {
        return Some(format!("lib.literalMD {}", string(text)));
    }
    let default = node.default.as_ref()?;
    Some(format!("lib.literalExpression {}", string(&value(default))))
}

// Rules

fn in_section(rule: &Rule, section: &str) -> bool {
    let path = rule.path();
    steps(&path).next() == Some(section) && !is_root(rule)
}

/// Whether the rule can be broken although its section is absent.
fn is_root(rule: &Rule) -> bool {
    rule.scope.is_empty() && !rule.at.contains('.') && matches!(rule.when, Expr::Missing(_))
}

fn rules_root(root: &Section, rules: &[&Rule]) -> String {
    let own = rules.iter().filter(|rule| is_root(rule));
    let mut lines: Vec<String> = own.map(|rule| refusal(rule, &Here::root())).collect();
    for (name, _) in &root.options {
        if rules.iter().any(|rule| in_section(rule, name)) {
            let name = key(name);
            lines.push(format!(
                "(lib.optionals (settings ? {name}) (import ./{name}.nix arguments))"
            ));
        }
    }
    format!(
        "{}{{ lib, rules, settings, complete, older, }}@arguments: let inherit (rules) refuse; in lib.concatLists [ {} ]",
        header("src/rules and src/schema"),
        lines.join("\n")
    )
}

fn rules_file(rules: &[&Rule], origin: &str) -> String {
    let body = scope_body("", rules, &Here::root());
    let used = |name: &str| body.contains(&format!("{name} "));
    let helpers: Vec<&str> = ["each", "refuse", "less", "matches"]
        .into_iter()
        .filter(|name| used(name))
        .collect();
    format!(
        "{}{{ lib, rules, settings, complete, older, }}: let inherit (rules) {}; in lib.concatLists [ {body} ]",
        header(origin),
        helpers.join(" ")
    )
}

/// The rules of one scope, and below them those of the lists in it.
fn scope_body(scope: &str, rules: &[&Rule], here: &Here) -> String {
    let own = rules.iter().filter(|rule| rule.scope == scope);
    let mut lines: Vec<String> = own.map(|rule| refusal(rule, here)).collect();
    let mut lists: Vec<&str> = Vec::new();
    for rule in rules {
        let below = rule
            .scope
            .strip_prefix(scope)
            .filter(|below| !below.is_empty());
        let Some(below) = below else { continue };
        let end = below.find("[]").map_or(below.len(), |at| at + 2);
        let list = &rule.scope[..scope.len() + end];
        if !lists.contains(&list) {
            lists.push(list);
        }
    }
    for list in lists {
        let name = list[scope.len()..]
            .trim_start_matches('.')
            .trim_end_matches("[]");
        let entry = Here::entry(name);
        lines.push(format!(
            "(each {} ({}.{} or [ ]) (at: {}: earlier: [ {} ]))",
            here.place(name),
            here.variable,
            attribute_path(&Path::from(name)),
            entry.variable,
            scope_body(list, rules, &entry),
        ));
    }
    lines.join("\n")
}

fn refusal(rule: &Rule, here: &Here) -> String {
    format!(
        "(refuse {} {} {})",
        here.place(&rule.at),
        string(&format!("{}. {}", rule.reason, rule.fix)),
        parenthesized(&here.condition(&rule.when)),
    )
}

/// A condition over the whole configuration as a Nix expression, over the variables `settings`,
/// `complete` and `older` and the functions of `modules/rules.nix`.
#[must_use]
pub fn condition(condition: &Expr) -> String {
    Here::root().condition(condition)
}

/// What the variables of a Nix expression are called, at the root or within a list entry.
struct Here {
    variable: String,
    root: bool,
}

impl Here {
    fn root() -> Self {
        Here {
            variable: "settings".to_owned(),
            root: true,
        }
    }

    fn entry(list: &str) -> Self {
        let name = list.rsplit('.').next().unwrap_or(list);
        Here {
            variable: name.trim_end_matches('s').to_owned(),
            root: false,
        }
    }

    fn place(&self, at: &str) -> String {
        match (self.root, at) {
            (true, at) => string(at),
            (false, "") => "at".to_owned(),
            (false, at) => format!("\"${{at}}.{at}\""),
        }
    }

    fn condition(&self, condition: &Expr) -> String {
        let absent = |test: String| {
            if self.root {
                format!("complete && {test}")
            } else {
                test
            }
        };
        match condition {
            Expr::IsSet(path) => format!("{} ? {}", self.variable, attribute_path(path)),
            Expr::Missing(path) => {
                absent(format!("!({} ? {})", self.variable, attribute_path(path)))
            }
            Expr::Empty(path) => absent(format!(
                "({}.{} or null) == [ ]",
                self.variable,
                attribute_path(path)
            )),
            Expr::OneOf(term, values) => match &values[..] {
                [only] => format!("{} == {}", self.term(term), value(only)),
                _ => format!(
                    "builtins.elem {} {}",
                    self.term(term),
                    value(&Value::Array(values.clone()))
                ),
            },
            Expr::Matches(term, pattern) => {
                format!("matches {} {}", string(pattern), self.term(term))
            }
            Expr::Less(left, right) => format!("less {} {}", self.term(left), self.term(right)),
            Expr::Repeated(term) => {
                let other = Here {
                    variable: "other".to_owned(),
                    root: false,
                };
                format!(
                    "builtins.any (other: {} == {}) earlier",
                    other.term(term),
                    self.term(term)
                )
            }
            Expr::Global(condition) => Here::root().condition(condition),
            Expr::OlderThan(version) => format!("older {}", string(&version.to_string())),
            Expr::Not(condition) => format!("!({})", self.condition(condition)),
            Expr::All(conditions) => self.joined(conditions, " && "),
            Expr::Any(conditions) => self.joined(conditions, " || "),
        }
    }

    fn joined(&self, conditions: &[Expr], operator: &str) -> String {
        let parts = conditions.iter().map(|condition| {
            let text = self.condition(condition);
            let nested = self.is_chain(condition);
            if nested { format!("({text})") } else { text }
        });
        parts.collect::<Vec<_>>().join(operator)
    }

    /// Whether the condition is printed as several ones with an operator between them.
    fn is_chain(&self, condition: &Expr) -> bool {
        match condition {
            Expr::All(parts) | Expr::Any(parts) => match &parts[..] {
                [only] => self.is_chain(only),
                _ => true,
            },
            Expr::Missing(_) | Expr::Empty(_) => self.root,
            Expr::Global(condition) => Here::root().is_chain(condition),
            _ => false,
        }
    }

    fn term(&self, term: &Term) -> String {
        match term {
            Term::Option(path, default) => format!(
                "({}.{} or {})",
                self.variable,
                attribute_path(path),
                value(default)
            ),
            Term::Constant(constant) => value(constant),
            Term::Upper(term) => format!("(lib.toUpper {})", self.term(term)),
        }
    }
}

// Files

/// The options that name files, and whether MAS reads them to the last byte.
fn file_options(settings: &Node) -> String {
    let mut entries = String::new();
    for (path, node) in settings.descendants() {
        let directory = path == "secrets.keys_dir";
        if !path.ends_with("_file") && !directory {
            continue;
        }
        let steps = steps(&path).map(|step| if step == "[]" { "*" } else { step });
        let steps: Vec<String> = steps.map(string).collect();
        let kind = match (directory, node.read_raw) {
            (true, _) => "directory",
            (false, true) => "raw",
            (false, false) => "trimmed",
        };
        entries += &format!(
            "{{ path = [ {} ]; kind = {}; }}\n",
            steps.join(" "),
            string(kind)
        );
    }
    format!(
        "{}# `*` is any entry of a list. MAS uses every byte of a `raw` file, and ignores white space around\n# what is in a `trimmed` one.\n[ {entries} ]",
        header("src/schema")
    )
}
