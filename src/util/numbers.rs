//! Numbers in sentences.

use indicatif::HumanCount;

/// A number as people write it, for example `5,000`. A negative one is shown as 0.
#[must_use]
pub fn count(number: impl TryInto<u64>) -> String {
    HumanCount(number.try_into().unwrap_or_default()).to_string()
}

/// How many there are of something, for example `1 user` or `5,000 users`.
#[must_use]
pub fn counted(number: impl TryInto<u64>, one: &str) -> String {
    let number = number.try_into().unwrap_or_default();
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", HumanCount(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_has_no_plural() {
        assert_eq!(counted(0_u64, "row"), "0 rows");
        assert_eq!(counted(1_i64, "row"), "1 row");
        assert_eq!(counted(5000_usize, "row"), "5,000 rows");
        assert_eq!(counted(-1_i64, "row"), "0 rows");
    }
}
