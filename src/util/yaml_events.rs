//! Reads YAML event by event, with the grammar of `libyaml` and `PyYAML`. It is that of YAML 1.1, and more lenient
//! than that of 1.2.

use std::panic::{self, AssertUnwindSafe};

use libyaml_safer::Parser;
pub use libyaml_safer::{Event, EventData, Mark, ScalarStyle};

/// Why a text is not YAML.
#[derive(Debug, thiserror::Error)]
pub enum SyntaxError {
    /// The parser says why.
    #[error(transparent)]
    Known(libyaml_safer::Error),
    /// The parser does not know what to expect.
    #[error("a tag must end with a space, after {0}")]
    Tag(Mark),
}

/// Takes each event of a text, until there is an error.
///
/// # Errors
///
/// If the text is not YAML, or an event is not taken.
pub fn read<E: From<SyntaxError>>(
    text: &str,
    mut take: impl FnMut(Event) -> Result<(), E>,
) -> Result<(), E> {
    // The parser panics at the end of a text within a line. Spaces there are no part of a value.
    let text = match text.rfind(['\n', '\r']) {
        Some(end) if text[end + 1..].trim_matches(' ').is_empty() => &text[..=end],
        _ => text,
    };
    let is_cut_off = !text.ends_with(['\n', '\r']);
    let whole = text.to_owned() + if is_cut_off { "\n" } else { "" };
    let mut bytes = whole.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut bytes);
    let mut at = Mark::default();
    loop {
        // It also panics at a tag with a comma behind it, which Synapse refuses.
        let next = panic::catch_unwind(AssertUnwindSafe(|| parser.parse()));
        let mut event = next
            .map_err(|_| SyntaxError::Tag(at))?
            .map_err(SyntaxError::Known)?;
        if event.data == EventData::StreamEnd {
            return Ok(());
        }
        at = event.end_mark;
        if is_cut_off {
            remove_line_feed(&mut event, text);
        }
        take(event)?;
    }
}

/// Removes the line feed behind a text without one from a value that ends with it: a block with all lines until
/// there.
fn remove_line_feed(event: &mut Event, text: &str) {
    let end = usize::try_from(event.end_mark.index);
    let EventData::Scalar {
        value,
        style: ScalarStyle::Literal | ScalarStyle::Folded,
        ..
    } = &mut event.data
    else {
        return;
    };
    if end.is_ok_and(|end| end > text.len()) && value.ends_with('\n') {
        value.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalars(text: &str) -> Vec<String> {
        let mut scalars = Vec::new();
        let all = read(text, |event| {
            if let EventData::Scalar { value, .. } = event.data {
                scalars.push(value);
            }
            Ok::<_, SyntaxError>(())
        });
        all.unwrap();
        scalars
    }

    /// Each as `PyYAML` reads it.
    #[test]
    fn a_text_may_end_within_a_block() {
        for (text, expected) in [
            ("|\n  b", "b"),
            ("|\n  b\n# c", "b\n"),
            ("|-\n  b\n  c", "b\nc"),
            ("|+\n  b\n  ", "b\n"),
            ("|\n  b\n  ", "b\n"),
            ("|+\n  ", ""),
            (">\n  b\n  c", "b c"),
            ("|\n  b\n    \n  c", "b\n  \nc"),
            ("|", ""),
            ("|\n  é", "é"),
            ("|\n  b\r", "b\n"),
            ("'b'", "b"),
        ] {
            assert_eq!(scalars(&format!("a: {text}")), ["a", expected], "{text:?}");
        }
        assert_eq!(scalars("- |\n a\n- 1"), ["a\n", "1"]);
    }

    #[test]
    fn a_tag_with_a_comma_is_refused() {
        let error = read("a: {b: !,c}", |_| Ok::<_, SyntaxError>(())).unwrap_err();
        let said = "a tag must end with a space, after line 1 column 6";
        assert_eq!(error.to_string(), said);
    }
}
