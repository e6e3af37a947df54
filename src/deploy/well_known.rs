//! Additional content of the well-known document for clients, as text that both proxies serve unchanged.

use serde_json::{Map, Value, json};

use crate::expr::{Term, known};

/// The names in the document that follow from the module's options.
pub const OWN: [&str; 2] = ["m.homeserver", "org.matrix.msc2965.authentication"];

/// Texts in JSON, and what to write instead, tried in this order at each position.
///
/// In nginx, the document is between single quotes, where `$` begins a variable, and a backslash before a
/// quote, a backslash, `t`, `r` or `n` is dropped. In Caddy, it is between backquotes, where a name in
/// braces may be a placeholder, and a backslash before a brace is dropped. A brace of JSON itself is
/// followed by a quote or by another brace.
///
/// `modules/well-known.nix` has the same table.
const ESCAPES: [(&str, &str); 13] = [
    ("\\\\", "\\u005c"),
    ("\\\"", "\\u0022"),
    ("\\b", "\\u0008"),
    ("\\f", "\\u000c"),
    ("\\n", "\\u000a"),
    ("\\r", "\\u000d"),
    ("\\t", "\\u0009"),
    ("$", "\\u0024"),
    ("'", "\\u0027"),
    ("`", "\\u0060"),
    ("{\"", "{\""),
    ("{}", "{}"),
    ("{", "\\u007b"),
];

/// The additional entries, each after a comma.
#[must_use]
pub fn additional() -> Term {
    let entry = Term::Text(vec![",".into(), known("text")]);
    Term::Join(
        Box::new(Term::Each(
            Box::new(known("computed.wellKnownClient")),
            Box::new(entry),
        )),
        "",
    )
}

/// The additional entries as `{"name": …, "text": …}`: `text` is the name and the value, as in the document.
#[must_use]
pub fn entries(additional: &Map<String, Value>) -> Vec<Value> {
    let entry = |(name, value): (&String, &Value)| {
        let mut value = value.clone();
        // As Nix does.
        value.sort_all_objects();
        let text = escaped(&format!("{}:{value}", json!(name)));
        json!({"name": name, "text": text})
    };
    let mut additional: Vec<_> = additional.iter().collect();
    additional.sort_by_key(|(name, _)| *name);
    additional.into_iter().map(entry).collect()
}

fn escaped(json: &str) -> String {
    let mut escaped = String::new();
    let mut rest = json;
    while let Some(next) = rest.chars().next() {
        if let Some((from, to)) = ESCAPES.iter().find(|(from, _)| rest.starts_with(from)) {
            escaped.push_str(to);
            rest = &rest[from.len()..];
        } else {
            escaped.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    escaped
}
