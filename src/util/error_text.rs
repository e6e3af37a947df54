//! Errors as people read them.

use std::error::Error;

/// An error with its causes, each once: `MAS's database: cannot connect: connection refused`. Our own errors
/// do not name their causes; many errors of other libraries do, at the end of their text.
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn each_cause_is_named_once() {
        let refused = anyhow!("connection refused");
        let connect = refused.context("cannot connect: connection refused");
        let error = connect.context("MAS's database");
        assert_eq!(
            with_causes(&*error),
            "MAS's database: cannot connect: connection refused"
        );
    }

    #[test]
    fn a_cause_in_the_middle_of_a_text_is_no_repetition() {
        let error = anyhow!("read").context("cannot read /a/file");
        assert_eq!(with_causes(&*error), "cannot read /a/file: read");
    }
}
