//! Secrets in files.

/// The text of a secret: without the newlines at its end, which editors and `echo` put there.
#[must_use]
pub fn secret_text(content: &str) -> &str {
    content.trim_end_matches(['\n', '\r'])
}
