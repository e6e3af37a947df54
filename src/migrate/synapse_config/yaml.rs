//! YAML as Synapse reads it, with `PyYAML`'s `SafeLoader`. That is YAML 1.1: `yes` is a boolean, `010` is eight,
//! and `<<` merges other mappings into one.
//!
//! A date stays the text that it is written as, and so do infinity and what is no number.

use std::{collections::HashMap, sync::LazyLock};

use regex::Regex;
use serde_json::{Map, Number, Value};

use crate::util::yaml_events::{EventData, Mark, ScalarStyle, SyntaxError, read};

/// Why a text is not YAML that Synapse can read.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// It is no YAML.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// It uses what `SafeLoader` refuses.
    #[error("{reason} at {at}")]
    Refused {
        /// What it uses.
        reason: String,
        /// Where.
        at: Mark,
    },
}

/// How many collections may be within each other.
const DEPTH: usize = 128;

/// How many values there may be, with those of aliases.
const SIZE: usize = 250_000;

/// Reads a text with one document. One without any is null.
///
/// # Errors
///
/// If it is not YAML, or uses what `SafeLoader` refuses.
pub fn parse(text: &str) -> Result<Value, YamlError> {
    // A byte order mark is allowed.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::default();
    read(text, |event| {
        let at = event.start_mark;
        (reader.take(event.data)).map_err(|reason| YamlError::Refused { reason, at })
    })?;
    Ok(reader.root.map_or(Value::Null, |root| root.value))
}

/// A value that has been read.
#[derive(Clone)]
struct Node {
    value: Value,
    /// How many collections are within each other in it.
    height: usize,
    /// How many values it consists of.
    size: usize,
}

/// A map or list that the parser is in.
struct Collection {
    anchor: Option<String>,
    content: Content,
    height: usize,
    size: usize,
}

enum Content {
    List(Vec<Value>),
    Map {
        own: Map<String, Value>,
        merged: Map<String, Value>,
        /// The name whose value comes next. None if a name comes next.
        name: Option<Name>,
    },
}

enum Name {
    Own(String),
    /// `<<`
    Merge,
}

#[derive(Default)]
struct Reader {
    open: Vec<Collection>,
    /// Values with an anchor. One that is not complete yet is not in it.
    anchors: HashMap<String, Node>,
    documents: usize,
    root: Option<Node>,
}

impl Reader {
    fn take(&mut self, event: EventData) -> Result<(), String> {
        match event {
            EventData::DocumentStart { .. } => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err("there is more than one document".to_owned());
                }
                Ok(())
            }
            EventData::MappingStart { anchor, tag, .. } => {
                let content = Content::Map {
                    own: Map::new(),
                    merged: Map::new(),
                    name: None,
                };
                self.enter(anchor, tag.as_deref(), content)
            }
            EventData::SequenceStart { anchor, tag, .. } => {
                self.enter(anchor, tag.as_deref(), Content::List(Vec::new()))
            }
            EventData::MappingEnd | EventData::SequenceEnd => self.leave(),
            EventData::Scalar {
                value,
                style,
                anchor,
                tag,
                ..
            } => {
                let is_plain = style == ScalarStyle::Plain && tag.is_none();
                if is_plain && value == "<<" && self.expects_name() {
                    self.name(Name::Merge);
                    return Ok(());
                }
                let value = scalar(value, style, tag.as_deref())?;
                self.complete(anchor, value, 0, 1)
            }
            EventData::Alias { anchor } => {
                let is_open = |it: &Collection| it.anchor.as_ref() == Some(&anchor);
                if self.open.iter().any(is_open) {
                    return Err("this alias is within what it stands for".to_owned());
                }
                let known = self.anchors.get(&anchor).cloned();
                self.add(known.ok_or_else(|| format!("unknown anchor {anchor}"))?)
            }
            _ => Ok(()),
        }
    }

    fn enter(
        &mut self,
        anchor: Option<String>,
        tag: Option<&str>,
        content: Content,
    ) -> Result<(), String> {
        if let Some(tag) = tag {
            known_tag(tag)?;
        }
        if self.expects_name() {
            return Err("a map or a list cannot be a name".to_owned());
        }
        if self.open.len() >= DEPTH {
            return Err(too_deep());
        }
        self.open.push(Collection {
            anchor,
            content,
            height: 0,
            size: 1,
        });
        Ok(())
    }

    fn leave(&mut self) -> Result<(), String> {
        let Some(collection) = self.open.pop() else {
            return Ok(());
        };
        let value = match collection.content {
            Content::List(items) => Value::Array(items),
            Content::Map {
                own, mut merged, ..
            } => {
                merged.extend(own);
                Value::Object(merged)
            }
        };
        let height = collection.height + 1;
        self.complete(collection.anchor, value, height, collection.size)
    }

    fn complete(
        &mut self,
        anchor: Option<String>,
        value: Value,
        height: usize,
        size: usize,
    ) -> Result<(), String> {
        let node = Node {
            value,
            height,
            size,
        };
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, node.clone());
        }
        self.add(node)
    }

    fn add(&mut self, node: Node) -> Result<(), String> {
        if self.expects_name() {
            self.name(Name::Own(text_of_name(&node.value)?));
            return Ok(());
        }
        let depth = self.open.len() + node.height;
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        if depth > DEPTH {
            return Err(too_deep());
        }
        parent.height = parent.height.max(node.height);
        parent.size += node.size;
        if parent.size > SIZE {
            return Err("with its aliases, this is too large".to_owned());
        }
        match &mut parent.content {
            Content::List(items) => items.push(node.value),
            Content::Map { own, merged, name } => match name.take() {
                Some(Name::Own(name)) => {
                    own.insert(name, node.value);
                }
                _ => merge(merged, node.value)?,
            },
        }
        Ok(())
    }

    fn name(&mut self, new: Name) {
        if let Some(Collection {
            content: Content::Map { name, .. },
            ..
        }) = self.open.last_mut()
        {
            *name = Some(new);
        }
    }

    fn expects_name(&self) -> bool {
        matches!(
            self.open.last().map(|collection| &collection.content),
            Some(Content::Map { name: None, .. })
        )
    }
}

fn too_deep() -> String {
    format!("there are more than {DEPTH} maps and lists within each other")
}

/// Merges the value of `<<`: a mapping, or several of which an earlier one takes precedence. Of several `<<`,
/// the last one takes precedence.
fn merge(merged: &mut Map<String, Value>, value: Value) -> Result<(), String> {
    const WRONG: &str = "the value of `<<` must be a map or a list of maps";
    let maps = match value {
        Value::Object(map) => vec![map],
        Value::Array(items) => {
            let maps = items.into_iter().map(|item| match item {
                Value::Object(map) => Ok(map),
                _ => Err(WRONG.to_owned()),
            });
            maps.collect::<Result<_, String>>()?
        }
        _ => return Err(WRONG.to_owned()),
    };
    for map in maps.into_iter().rev() {
        merged.extend(map);
    }
    Ok(())
}

/// A name as JSON can have it. In Python, it can also be a number, for example.
fn text_of_name(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(_) | Value::Object(_) => Err("a map or a list cannot be a name".to_owned()),
        other => Ok(other.to_string()),
    }
}

/// A tag that `SafeLoader` knows, without what all of them begin with: `str`. `!` alone stands for that which
/// follows from the text.
fn known_tag(tag: &str) -> Result<&str, String> {
    if tag == "!" {
        return Ok(tag);
    }
    let known = tag.strip_prefix("tag:yaml.org,2002:");
    known.ok_or_else(|| format!("the tag {tag} is unknown"))
}

fn scalar(text: String, style: ScalarStyle, tag: Option<&str>) -> Result<Value, String> {
    let tag = tag.map(known_tag).transpose()?;
    Ok(match tag {
        None if style != ScalarStyle::Plain => Value::String(text),
        None | Some("!" | "bool" | "float" | "int") => resolve(text),
        Some("null") => Value::Null,
        Some(_) => Value::String(text),
    })
}

// The expressions of PyYAML's `yaml/resolver.py`.

static INTEGER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let forms = [
        "0b(?<binary>[01_]+)",
        "0(?<octal>[0-7_]+)",
        "(?<decimal>0|[1-9][0-9_]*)",
        "0x(?<hexadecimal>[0-9a-fA-F_]+)",
        "(?<sexagesimal>[1-9][0-9_]*(?::[0-5]?[0-9])+)",
    ];
    Regex::new(&format!("^(?<sign>[-+]?)(?:{})$", forms.join("|"))).ok()
});

static FLOAT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let forms = [
        r"(?<decimal>[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)",
        r"(?<sign>[-+]?)(?<sexagesimal>[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)",
    ];
    Regex::new(&format!("^(?:{})$", forms.join("|"))).ok()
});

/// The value of a text that is not quoted.
fn resolve(text: String) -> Value {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    let number = integer(&text).or_else(|| float(&text));
    number.map_or(Value::String(text), Value::Number)
}

fn integer(text: &str) -> Option<Number> {
    let found = INTEGER.as_ref()?.captures(text)?;
    let radixes = [
        ("binary", 2),
        ("octal", 8),
        ("decimal", 10),
        ("hexadecimal", 16),
    ];
    let number = radixes.into_iter().find_map(|(form, radix)| {
        let digits = found.name(form)?.as_str().replace('_', "");
        // The zero in front of an octal number is a digit too.
        let digits = if radix == 8 {
            format!("0{digits}")
        } else {
            digits
        };
        Some(i128::from_str_radix(&digits, radix).ok())
    });
    let number = match number {
        Some(number) => number,
        None => found
            .name("sexagesimal")?
            .as_str()
            .split(':')
            .try_fold(0_i128, |sum, part| {
                let digits: i128 = part.replace('_', "").parse().ok()?;
                sum.checked_mul(60)?.checked_add(digits)
            }),
    };
    let is_negative = &found["sign"] == "-";
    match number {
        Some(number) => {
            let number = if is_negative { -number } else { number };
            let small = i64::try_from(number).map(Number::from);
            let small = small.or_else(|_| u64::try_from(number).map(Number::from));
            // JSON has no larger integers.
            #[expect(clippy::cast_precision_loss, reason = "it is the nearest")]
            let float = number as f64;
            small.ok().or_else(|| Number::from_f64(float))
        }
        None => Number::from_f64(text.replace('_', "").parse().ok()?),
    }
}

fn float(text: &str) -> Option<Number> {
    let found = FLOAT.as_ref()?.captures(text)?;
    if let Some(decimal) = found.name("decimal") {
        return Number::from_f64(decimal.as_str().replace('_', "").parse().ok()?);
    }
    let text = found.name("sexagesimal")?.as_str().replace('_', "");
    let (mut sum, mut base) = (0.0, 1.0);
    for part in text.rsplit(':') {
        let part: f64 = part.parse().ok()?;
        sum += part * base;
        base *= 60.0;
    }
    Number::from_f64(if &found["sign"] == "-" { -sum } else { sum })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_words_have_the_meaning_of_yaml_1_1() {
        for (text, expected) in [
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("y", json!("y")),
            ("'yes'", json!("yes")),
            ("\"no\"", json!("no")),
            ("!!str no", json!("no")),
            ("! 'no'", json!(false)),
            ("|\n  on\n", json!("on\n")),
            ("", json!(null)),
            ("~", json!(null)),
            ("''", json!("")),
            ("010", json!(8)),
            ("0o10", json!("0o10")),
            ("08", json!("08")),
            ("1_000", json!(1000)),
            ("-0x1F", json!(-31)),
            ("0b101", json!(5)),
            ("1:30", json!(90)),
            ("-1:30:00", json!(-5400)),
            ("1:30.5", json!(90.5)),
            ("1e3", json!("1e3")),
            ("1.0e+3", json!(1000.0)),
            ("-.5", json!("-.5")),
            (".5", json!(0.5)),
            ("18446744073709551615", json!(u64::MAX)),
            (".inf", json!(".inf")),
            ("2020-01-01", json!("2020-01-01")),
            ("10.0.0.1", json!("10.0.0.1")),
        ] {
            let found = parse(&format!("a: {text}")).unwrap();
            assert_eq!(found["a"], expected, "{text}");
        }
    }

    #[test]
    fn other_mappings_are_merged() {
        let text = "
one: &one {a: 1, b: 1}
two: &two {b: 2, c: 2}
own: {<<: *one, a: 0}
own first: {a: 0, <<: *one}
several: {<<: [*one, *two]}
twice: {<<: *one, <<: *two}
nested: &nested {<<: *one, d: 3}
of nested: {<<: *nested}
quoted: {'<<': *one}
";
        let value = parse(text).unwrap();
        for (name, expected) in [
            ("own", json!({"a": 0, "b": 1})),
            ("own first", json!({"a": 0, "b": 1})),
            ("several", json!({"a": 1, "b": 1, "c": 2})),
            ("twice", json!({"a": 1, "b": 2, "c": 2})),
            ("of nested", json!({"a": 1, "b": 1, "d": 3})),
            ("quoted", json!({"<<": {"a": 1, "b": 1}})),
        ] {
            assert_eq!(value[name], expected, "{name}");
        }
    }

    #[test]
    fn what_synapse_refuses_is_refused() {
        for (text, reason) in [
            ("a: 1\n---\nb: 2\n", "more than one document at line 2"),
            ("a: &a [*a]", "within what it stands for"),
            ("a: *b", "unknown anchor"),
            ("{<<: 1}", "the value of `<<`"),
            ("{<<: [1]}", "the value of `<<`"),
            ("? [1]\n: 2", "cannot be a name"),
            (
                "a: !secret b",
                "the tag !secret is unknown at line 1 column 4",
            ),
            ("a: [", "line 2 column 1"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert!(parse(&deep).unwrap_err().to_string().contains("within"));
        let mut chain = "- &a0 [x]\n".to_owned();
        let mut laughs = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..200 {
            chain += &format!("- &a{i} [*a{}]\n", i - 1);
            laughs += &format!("- &a{i} [{}]\n", format!("*a{}, ", i - 1).repeat(10));
        }
        assert!(
            parse(&chain)
                .unwrap_err()
                .to_string()
                .contains("within each other")
        );
        assert!(
            parse(&laughs)
                .unwrap_err()
                .to_string()
                .contains("too large")
        );
    }

    #[test]
    fn synapses_grammar_is_lenient() {
        for (text, expected) in [
            ("a: [\n'b',\n'c'\n]\n", json!({"a": ["b", "c"]})),
            ("- a: [\n    b\n  ]\n", json!([{"a": ["b"]}])),
            ("a: \"b\nc\"\n", json!({"a": "b c"})),
            ("a: 'b'#c\n", json!({"a": "b"})),
            ("a: [b]#c\n", json!({"a": ["b"]})),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_byte_order_mark_and_no_document_are_accepted() {
        assert_eq!(parse("\u{feff}a: 1").unwrap(), json!({"a": 1}));
        for text in ["", "# nothing\n", "---\n", "---\n...\n"] {
            assert_eq!(parse(text).unwrap(), Value::Null, "{text:?}");
        }
    }
}
