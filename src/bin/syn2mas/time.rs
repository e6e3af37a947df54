//! Reads a point in time.

use std::time::SystemTime;

use jiff::{Timestamp, ZonedDateTime, civil::Time};

/// Reads a time of the day in this host's time zone, such as 03:00, which is the next one, or a date and
/// time (RFC 3339).
///
/// # Errors
///
/// If it is neither, or is in the past.
pub fn parse(text: &str) -> Result<SystemTime, String> {
    parse_at(text, &ZonedDateTime::now())
}

fn parse_at(text: &str, now: &ZonedDateTime) -> Result<SystemTime, String> {
    let wrong = |_: jiff::Error| "expected a time such as 03:00 or 2026-01-31T03:00:00Z".to_owned();
    if let Ok(time) = text.parse::<Timestamp>() {
        if time < now.timestamp() {
            return Err("this time is in the past".to_owned());
        }
        return time.try_into().map_err(wrong);
    }
    let time = Time::strptime("%H:%M", text).map_err(wrong)?;
    let today = now.with().time(time).build().map_err(wrong)?;
    let next = if today > *now {
        today
    } else {
        let tomorrow = now.date().tomorrow().map_err(wrong)?;
        tomorrow
            .to_datetime(time)
            .to_zoned_datetime(now.time_zone().clone())
            .map_err(wrong)?
    };
    next.timestamp().try_into().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        let now: ZonedDateTime = "2026-03-01T12:00:00[UTC]".parse().unwrap();
        let time = parse_at(text, &now)?;
        Ok(Timestamp::try_from(time).unwrap().to_string())
    }

    #[test]
    fn a_time_of_the_day_is_the_next_one() {
        assert_eq!(parsed("13:30").unwrap(), "2026-03-01T13:30:00Z");
        assert_eq!(parsed("03:00").unwrap(), "2026-03-02T03:00:00Z");
        assert_eq!(parsed("12:00").unwrap(), "2026-03-02T12:00:00Z");
    }

    #[test]
    fn a_date_is_one_to_come() {
        assert_eq!(
            parsed("2026-03-01T14:00:00+01:00").unwrap(),
            "2026-03-01T13:00:00Z"
        );
        for wrong in ["2026-02-28T00:00:00Z", "25:00", "3", "soon", ""] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
