//! Secrets read from files.

/// The content of a secret file without the newlines at its end, which editors and `echo` add.
#[must_use]
pub fn secret_text(content: &str) -> &str {
    content.trim_end_matches(['\n', '\r'])
}
