//! Errors as people read them.

/// An error with its causes, each once: `MAS's database: cannot connect: connection refused`. Many errors
/// name their cause in their own text already.
#[must_use]
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
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
            with_causes(&error),
            "MAS's database: cannot connect: connection refused"
        );
    }
}
