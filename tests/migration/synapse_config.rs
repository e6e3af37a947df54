//! Synapse's configuration is read as Synapse reads it, with `PyYAML`'s `SafeLoader`.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::support::{
    generate::draw,
    harness::{Skip, TestResult},
    root, synapse_python,
};
use mas2nix::migrate::synapse_config::yaml;
use proptest::{collection, prelude::*, sample::select, test_runner::TestRunner};
use serde_json::{Value, json};

/// Reads texts from standard input. For each, prints the value, or null if `SafeLoader` refuses it. A float is
/// printed as its bits, because JSON does not keep them. What JSON cannot have is as `yaml::parse` has it.
const LOADER: &str = "
import json, math, struct, sys, yaml
class Loader(yaml.SafeLoader): pass
Loader.add_constructor('tag:yaml.org,2002:timestamp', Loader.construct_yaml_str)
def floating(loader, node):
    value = loader.construct_yaml_float(node)
    return value if math.isfinite(value) else loader.construct_scalar(node)
Loader.add_constructor('tag:yaml.org,2002:float', floating)
def bits(value): return 'float ' + struct.pack('>d', value).hex()
def name(key): return key if isinstance(key, str) else json.dumps(key)
def plain(value):
    if isinstance(value, dict): return {name(key): plain(item) for key, item in value.items()}
    if isinstance(value, set): return {name(key): None for key in value}
    if isinstance(value, list): return [plain(item) for item in value]
    if isinstance(value, float): return bits(value)
    if isinstance(value, int) and not -2**63 <= value < 2**64: return bits(float(value))
    return value
def load(text):
    try: return {'value': plain(yaml.load(text, Loader))}
    except Exception: return None
json.dump([load(text) for text in json.load(sys.stdin)], sys.stdout)
";

/// What Synapse's loader makes of texts. None if it refuses one.
fn loaded(python: &PathBuf, texts: &[String]) -> Vec<Option<Value>> {
    let mut child = Command::new(python)
        .args(["-c", LOADER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(json!(texts).to_string().as_bytes())
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let values: Vec<Option<Value>> = serde_json::from_slice(&output.stdout).unwrap();
    let values = values.into_iter();
    values
        .map(|found| found.map(|mut found| found["value"].take()))
        .collect()
}

/// A value with floats as `LOADER` prints them.
fn with_bits(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let bits = number.as_f64().unwrap().to_bits();
            format!("float {bits:016x}").into()
        }
        Value::Array(items) => items.into_iter().map(with_bits).collect(),
        Value::Object(entries) => {
            let entries = entries.into_iter();
            Value::Object(
                entries
                    .map(|(name, value)| (name, with_bits(value)))
                    .collect(),
            )
        }
        other => other,
    }
}

/// Compares both readers. What Synapse refuses may be accepted, and a few odd spellings are refused. Returns how many
/// Synapse accepts.
fn compare(texts: &[String]) -> Result<usize, Skip> {
    let python = synapse_python()?;
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (text, expected) in texts.iter().zip(loaded(&python, texts)) {
        let Some(expected) = expected else { continue };
        compared += 1;
        match yaml::parse(text) {
            Ok(found) if with_bits(found.clone()) == expected => {}
            // As in `[a:]`, and a block whose first line begins with a tab behind its indentation.
            Err(error)
                if [
                    "found unexpected ':'",
                    "where an indentation space is expected",
                ]
                .iter()
                .any(|reason| error.to_string().contains(reason)) => {}
            found => wrong.push(format!("{text:?}\n  {expected}\n  {found:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(compared)
}

/// Plain words that mean something, or nearly.
const WORDS: &[&str] = &[
    "yes",
    "Yes",
    "YES",
    "yEs",
    "no",
    "No",
    "NO",
    "on",
    "On",
    "ON",
    "off",
    "Off",
    "OFF",
    "true",
    "True",
    "TRUE",
    "tRUE",
    "false",
    "False",
    "FALSE",
    "y",
    "n",
    "Y",
    "N",
    "t",
    "f",
    "~",
    "null",
    "Null",
    "NULL",
    "nULL",
    "none",
    "",
    "0",
    "-0",
    "+0",
    "00",
    "010",
    "0o10",
    "08",
    "09.5",
    "0x1F",
    "-0xff",
    "0b101",
    "0b2",
    "1_000",
    "1__0",
    "_1",
    "1_",
    "1:30",
    "1:60",
    "190:20:30",
    "0:30",
    "-1:30",
    "1:30.5",
    "190:20:30.15",
    "1e3",
    "1.0e3",
    "1.0e+3",
    "1.e+3",
    ".5",
    "-.5",
    "5.",
    "1.5_0",
    "1.2.3",
    ".inf",
    "-.INF",
    ".NaN",
    "2020-01-01",
    "2020-1-1",
    "2001-12-14t21:59:43.10-05:00",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "123456789012345678901234567890",
    "0.1",
    "1.7976931348623157",
    "4.9406564584124654",
    "http://a.b:8008/",
    "@a:b",
    "a b  c",
    "a#b",
    "'yes'",
    "\"no\"",
    "'1:30'",
    "\"a\\nb\\u00e9\"",
    "'it''s'",
    "!!str yes",
    "!!str 5",
    "!!int '5'",
    "!!bool 'no'",
    "! 'yes'",
    "! yes",
    "é",
    "10.0.0.1",
    "::1",
    "8008",
    "5m",
    "30d",
    "=",
    "<",
    "-",
    "- 1",
    "[]",
    "{}",
    "[yes, 1:30, 'no']",
    "{yes: no, 010: 1}",
];

/// Texts of the characters that numbers are made of.
fn numberish() -> impl Strategy<Value = String> {
    let chars = select("0123456789_.:+-eExXoObaAfF".chars().collect::<Vec<_>>());
    collection::vec(chars, 1..7).prop_map(|chars| chars.into_iter().collect())
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![3 => select(WORDS).prop_map(str::to_owned), 1 => numberish()]
}

/// A text of several lines: mappings with anchors, and a mapping that merges some of them. `PyYAML`'s versions do not
/// agree which of several merged mappings wins, so these have no names in common.
fn document() -> impl Strategy<Value = String> {
    let entries = || collection::vec((0..4_usize, word()), 1..4);
    let anchored = collection::vec(entries(), 3);
    let merged = collection::vec(0..3_usize, 0..3);
    (anchored, merged, entries(), any::<[bool; 4]>(), word()).prop_map(
        |(anchored, merged, own, [in_flow, first, commented, carriage], last)| {
            let mut text = String::new();
            for (i, entries) in anchored.iter().enumerate() {
                text += &format!("base{i}: &base{i}\n");
                for (name, value) in entries {
                    text += &format!("  name{i}{name}: {value}\n");
                }
            }
            let merge = match &merged[..] {
                [] => String::new(),
                [one] => format!("<<: *base{one}"),
                several => {
                    let several: Vec<String> = several.iter().map(|i| format!("*base{i}")).collect();
                    format!("<<: [{}]", several.join(", "))
                }
            };
            let mut lines: Vec<String> = own
                .iter()
                .enumerate()
                .map(|(i, (name, value))| format!("name{}{name}: {value}", i % 3))
                .collect();
            let at = if first { 0 } else { lines.len() };
            lines.insert(at, merge);
            lines.retain(|line| !line.is_empty());
            if in_flow {
                text += &format!("merged: {{{}}}\n", lines.join(", "));
            } else {
                text += &format!("merged:\n  {}\n", lines.join("\n  "));
            }
            if commented {
                text += "# a comment\nlist: # another\n- *base0\n-   a: 1\n    b: yes\n- |\n  on\n   off\n- >-\n  a\n  b\n";
            }
            text += &format!("last: {last}");
            if carriage { text.replace('\n', "\r\n") } else { text }
        },
    )
}

/// What texts are put together from at random. Most of them are no YAML.
const PARTS: &[&str] = &[
    "a", "b: ", "c:", "- ", "-", "[", "]", "{", "}", ",", ", ", "? ", ": ", ":", "\n", "\n",
    "\n  ", "\n    ", "|", "|+", "|-", ">", "|2", "'", "\"", "'d'", "\"e\"", "\\n", "#", "# c",
    "&f ", "*f", "!!str ", "! ", "---\n", "...\n", "\t", "é", "<<: ", "~", "1", "yes", "\r\n",
    "''", "[g, h]", "{i: j}", "k: l\n", "m:\n", "  ",
];

fn words_are_read_as_synapse_does() -> TestResult {
    let mut runner = TestRunner::deterministic();
    let mut words: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
    words.extend((0..3000).map(|_| draw(numberish(), &mut runner)));
    let texts: Vec<String> = words
        .iter()
        .flat_map(|word| {
            [
                format!("a: {word}"),
                format!("- {word}\n"),
                format!("[{word}]"),
                format!("{{a: {word}, b: 1}}"),
            ]
        })
        .collect();
    assert!(compare(&texts)? > 6000);
    Ok(())
}

fn documents_are_read_as_synapse_does() -> TestResult {
    let mut runner = TestRunner::deterministic();
    let mut texts: Vec<String> = (0..1000).map(|_| draw(document(), &mut runner)).collect();
    for file in ["legacy.yaml", "synapse.yaml"] {
        let text = fs::read_to_string(root().join("tests/fixtures").join(file)).unwrap();
        texts.push(format!("\u{feff}{text}"));
        texts.push(text);
    }
    for text in [
        "",
        "---\na: 1\n...\n",
        "%YAML 1.1\n---\na: yes\n",
        "a: yes\n---\nb: no\n",
        "a:\n- 1\n- 2\n",
        "a: one\n  two\n\n  three\nb: 'one\n\n  two'\n",
        "a: \"one\\\n  two\"\n",
        "a: |2-\n   x\n  y\n\n",
        "? a\n: b\n? c\n",
        "a: {b, c: d}\n",
        "{a: 1, a: 2}",
        "yes: 1\n1.5: 2\n~: 3\n",
        "a: &x yes\n*x : *x\n",
        "a: b\t# comment\n",
        "a: {<<: {b: 1}, b: 2}\n",
        "a: !!set {b, c}\n",
    ] {
        texts.push(text.to_owned());
    }
    assert!(compare(&texts)? > 500);
    Ok(())
}

fn punctuation_is_read_as_synapse_does() -> TestResult {
    let mut runner = TestRunner::deterministic();
    let text = collection::vec(select(PARTS), 1..12).prop_map(|parts| {
        // Spaces behind the last line are no part of a value, but `PyYAML` has them in a block.
        parts.concat().trim_end_matches(' ').to_owned()
    });
    let texts: Vec<String> = (0..20_000).map(|_| draw(&text, &mut runner)).collect();
    assert!(compare(&texts)? > 4000);
    Ok(())
}

crate::support::harness::tests![
    words_are_read_as_synapse_does,
    documents_are_read_as_synapse_does,
    punctuation_is_read_as_synapse_does,
];
