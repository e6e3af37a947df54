//! Reads a number of bytes, as `pg_basebackup --max-rate` does.

/// Reads a number with the suffix k, M or G, or none.
///
/// # Errors
///
/// If it is not a positive number, or is too large.
pub fn parse(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.chars().last() {
        Some('k' | 'K') => (&text[..text.len() - 1], 10),
        Some('M') => (&text[..text.len() - 1], 20),
        Some('G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "expected a number of bytes such as 20M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_count_in_1024() {
        assert_eq!(parse("300"), Ok(300));
        assert_eq!(parse("20k"), Ok(20 << 10));
        assert_eq!(parse("20M"), Ok(20 << 20));
        for wrong in ["", "M", "0", "-1", "1.5M", "20MB", "99999999999G", "é"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
