//! The page of a document. It needs no network and no scripts, and its policy forbids both.

use indicatif::HumanBytes;
use minijinja::{Environment, HtmlEscape, UndefinedBehavior, Value};

use super::Document;
use crate::util::numbers::count;

/// How every page begins, so that it can be recognized.
pub const BEGINNING: &str = "<!doctype html>\n<!-- A report of syn2mas -->\n";

/// The page. Everything in the document is escaped.
///
/// # Errors
///
/// If the template does not fit the document, which is a bug.
pub fn page(document: &Document) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.add_filter("seconds", seconds);
    environment.add_filter("count", |number: i64| count(number));
    environment.add_filter("bytes", bytes);
    environment.add_filter("code", code);
    // The end of the name is what makes it escape.
    environment.add_template("page.html", include_str!("page.html.j2"))?;
    environment.get_template("page.html")?.render(document)
}

/// A duration in seconds, as people write it.
pub fn seconds(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "durations are neither negative nor longer than ages"
    )]
    let whole = seconds.round() as u64;
    match whole {
        0 => format!("{seconds:.2} s"),
        1..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A size in bytes, as people write it.
pub fn bytes(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// A text, escaped, with code where it has backticks.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the template engine wants it so"
)]
fn code(text: String) -> Value {
    let parts: Vec<String> = text
        .split('`')
        .map(|part| HtmlEscape(part).to_string())
        .collect();
    // An odd number of backticks would leave the rest of the page as code.
    if parts.len().is_multiple_of(2) {
        return Value::from_safe_string(HtmlEscape(&text).to_string());
    }
    let marked = parts.iter().enumerate().map(|(at, part)| match at % 2 {
        0 => part.clone(),
        _ => format!("<code>{part}</code>"),
    });
    Value::from_safe_string(marked.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_escaped() {
        let code = |text: &str| code(text.to_owned()).to_string();
        assert_eq!(code("run `a <b>`"), "run <code>a &lt;b&gt;</code>");
        assert_eq!(code("<i>`"), "&lt;i&gt;`");
    }

    #[test]
    fn durations_have_two_or_three_digits() {
        for (given, shown) in [
            (0.0, "0.00 s"),
            (0.234, "0.23 s"),
            (0.97, "1.0 s"),
            (3.64, "3.6 s"),
            (9.97, "10 s"),
            (59.7, "1 min 0 s"),
            (3599.0, "59 min 59 s"),
            (30_000.0, "8 h 20 min"),
        ] {
            assert_eq!(seconds(given), shown);
        }
    }
}
