//! `options/`: a NixOS option declaration for every option.

use std::collections::BTreeSet;

use super::{formats::format_name, header, key, parenthesized, string, value};
use crate::{
    codegen::docs,
    config::tree::{Node, Section, Shape, join},
};

/// The line width of descriptions. With indentation, lines stay below 100.
const WIDTH: usize = 80;

/// Prints options as calls of `lib.mkOption`.
pub struct OptionPrinter {
    /// The paths of the options with secrets.
    pub secret: BTreeSet<String>,
}

impl OptionPrinter {
    /// The file that imports the files of all sections.
    pub fn root(root: &Section) -> String {
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

    /// The file for one section.
    pub fn file(&self, name: &str, node: &Node) -> String {
        let origin = format!("src/schema/{name}.rs");
        format!(
            "{}{{ lib, types }}: {}",
            header(&origin),
            self.kind(node, name)
        )
    }

    /// The file for the module's own options, except those written by hand.
    pub fn module(&self, module: &Node) -> String {
        let section = module.section().expect("the module is a section");
        format!(
            "{}{{ lib, types, ... }}: {}",
            header("src/schema/module.rs"),
            self.group(section, "")
        )
    }

    /// Plain NixOS options with their defaults. MAS's options have none: MAS applies its own.
    fn group(&self, section: &Section, path: &str) -> String {
        let mut options = String::new();
        for (name, node) in &section.options {
            let path = join(path, name);
            if BY_HAND.contains(&&*path) {
                continue;
            }
            let option = match &node.shape {
                Shape::Section(group) => self.group(group, &path),
                shape if node.nullable => {
                    let kind = format!(
                        "lib.types.nullOr {}",
                        parenthesized(&self.shape(shape, &path))
                    );
                    with_default(&kind, node, "default = null;")
                }
                _ => {
                    let default = node.default.as_ref().map(value);
                    let default = default.map(|default| format!("default = {default};"));
                    with_default(&self.kind(node, &path), node, &default.unwrap_or_default())
                }
            };
            options += &format!("{} = {option};\n", key(name));
        }
        format!("{{ {options} }}")
    }

    fn kind(&self, node: &Node, path: &str) -> String {
        let mut plain = self.shape(&node.shape, path);
        if let Some(names) = node.names {
            plain = format!(
                "types.named types.{} {}",
                format_name(names),
                parenthesized(&plain)
            );
        }
        if node.unset_if_empty {
            plain = format!("types.unsetIfEmpty {plain}");
        }
        let kind = match (node.nullable, &node.null_means) {
            (false, _) => plain,
            (true, None) => format!("types.unsetOr {}", parenthesized(&plain)),
            (true, Some(_)) => format!("lib.types.nullOr {}", parenthesized(&plain)),
        };
        if self.secret.contains(path) {
            format!("types.secret {}", parenthesized(&kind))
        } else {
            kind
        }
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

/// The options that the module declares by hand, because they are packages or come from other generated
/// files.
const BY_HAND: &[&str] = &[
    "enable",
    "extraSettings",
    "package",
    "postgresqlPackage",
    "settings",
    "toolsPackage",
];

fn with_default(kind: &str, node: &Node, default: &str) -> String {
    let text = node.default_text.as_ref();
    let text = text.map(|text| format!("defaultText = lib.literalMD {};", string(text)));
    let example = node.example.as_ref().map(value);
    let example = example.map(|example| format!("example = {example};"));
    format!(
        "lib.mkOption {{ type = {kind}; {default} {} {} description = {}; }}",
        text.unwrap_or_default(),
        example.unwrap_or_default(),
        text_block(&docs::description(node, None))
    )
}

fn declaration(kind: &str, node: &Node, section: Option<(&Section, &str)>) -> String {
    let mut text = format!(
        "type = {kind}; description = {};",
        text_block(&docs::description(node, section))
    );
    if let Some(default) = default_text(node) {
        text += &format!("defaultText = {default};");
    }
    if let Some(example) = &node.example {
        text += &format!("example = {};", value(example));
    }
    format!("lib.mkOption {{ {text} }}")
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

/// A text as a Nix string, on one line if it fits, else wrapped.
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
