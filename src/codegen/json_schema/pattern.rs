//! String formats as patterns of a JSON schema.

use serde_json::{Map, Value, json};

use crate::schema::format::Format;

/// The keywords that a text of this format fits.
pub fn keywords(format: &Format) -> Map<String, Value> {
    let mut keywords = Map::new();
    let mut add = |key: &str, value: Value| keywords.insert(key.to_owned(), value);
    add("pattern", ecma(format.pattern).into());
    if let Some((when, then)) = format.also {
        add("if", json!({"pattern": ecma(when)}));
        add("then", json!({"pattern": ecma(then)}));
    }
    keywords
}

/// A POSIX extended regular expression for the whole string, as one of ECMA-262, with and without its flag `u`.
#[must_use]
pub fn ecma(posix: &str) -> String {
    let mut out = String::new();
    let mut chars = posix.chars().peekable();
    let mut quantifier = false;
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                out.push(char);
                out.extend(chars.next());
            }
            '[' => bracket(&mut chars, &mut out),
            // In POSIX, a dot is a line break too.
            '.' => out.push_str("[\\s\\S]"),
            '{' => {
                quantifier = true;
                out.push(char);
            }
            '}' if quantifier => {
                quantifier = false;
                out.push(char);
            }
            ']' | '}' => out.extend(['\\', char]),
            '(' => out.push_str("(?:"),
            _ => out.push(char),
        }
    }
    format!("^(?:{out})$")
}

/// A bracket expression whose first character was read.
fn bracket(chars: &mut std::iter::Peekable<std::str::Chars>, out: &mut String) {
    out.push('[');
    out.extend(chars.next_if_eq(&'^'));
    let mut first = true;
    while let Some(char) = chars.next() {
        match char {
            ']' if !first => break,
            '[' if chars.peek() == Some(&':') => {
                chars.next();
                let mut class = String::new();
                for char in chars.by_ref() {
                    if char == ']' {
                        break;
                    }
                    class.push(char);
                }
                out.push_str(match class.as_str() {
                    "space:" => " \\t\\n\\v\\f\\r",
                    "cntrl:" => "\\x00-\\x1f\\x7f",
                    other => unreachable!("no pattern has [:{other}]"),
                });
            }
            // A hyphen at an end is itself.
            '-' if first || chars.peek() == Some(&']') => out.push_str("\\-"),
            ']' | '[' | '\\' | '^' => out.extend(['\\', char]),
            _ => out.push(char),
        }
        first = false;
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_ecma() {
        assert_eq!(ecma("(a|b.)*"), "^(?:(?:a|b[\\s\\S])*)$");
        assert_eq!(
            ecma("[^][\\[:space:]-]{2}]"),
            "^(?:[^\\]\\[\\\\ \\t\\n\\v\\f\\r\\-]{2}\\])$"
        );
        assert_eq!(ecma("\\.[{]x}[a-z_.-]"), "^(?:\\.[{]x\\}[a-z_.\\-])$");
    }
}
