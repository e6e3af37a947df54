//! Compares single rows of both sides.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{
    Report,
    entities::{Column, Content, Entity},
};

/// A row: each column as text.
pub type Row = Vec<Option<String>>;

/// Rows that a report shows of each kind of difference. All are counted.
const SHOWN: usize = 100;

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// How it differs.
    pub kind: DifferenceKind,
    /// The key columns, by name. Secrets are short hashes.
    pub key: BTreeMap<&'static str, Option<String>>,
    /// The columns that differ, by name: the expected value, and the actual one. Empty for missing and
    /// extra rows.
    pub columns: BTreeMap<&'static str, [Option<String>; 2]>,
}

/// How a row differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DifferenceKind {
    /// MAS's database lacks it.
    Missing,
    /// MAS's database should not have it.
    Extra,
    /// Some column has a different value.
    Changed,
}

/// Compares the rows of one bucket, and adds the differences to the report. If `since`, the time of the
/// cutover, is given, what users have done since then is counted separately.
pub fn compare(
    entity: &Entity,
    expected: Vec<Row>,
    actual: Vec<Row>,
    since: Option<SystemTime>,
    report: &mut Report,
) {
    let mut keys: BTreeMap<Row, [Vec<Row>; 2]> = BTreeMap::new();
    for (side, rows) in [expected, actual].into_iter().enumerate() {
        for row in rows {
            keys.entry(row[..entity.key].to_vec()).or_default()[side].push(row);
        }
    }
    for (_, [expected, actual]) in keys {
        let (expected, actual) = without_common(expected, actual);
        let both = expected.len().min(actual.len());
        for (left, right) in expected.iter().zip(&actual) {
            compare_row(entity, left, right, since, report);
        }
        for row in &expected[both..] {
            report.missing += 1;
            add(report, entity, DifferenceKind::Missing, row, None);
        }
        for row in &actual[both..] {
            report.extra += 1;
            add(report, entity, DifferenceKind::Extra, row, None);
        }
    }
}

/// The rows that only one of the lists has, sorted. If a row is in both lists, but more often in one of
/// them, the surplus is returned.
#[must_use]
pub fn without_common(mut left: Vec<Row>, mut right: Vec<Row>) -> (Vec<Row>, Vec<Row>) {
    left.sort();
    right.sort();
    let (mut only_left, mut only_right) = (Vec::new(), Vec::new());
    let mut right = right.into_iter().peekable();
    for row in left {
        while let Some(other) = right.next_if(|other| *other < row) {
            only_right.push(other);
        }
        if right.next_if_eq(&row).is_none() {
            only_left.push(row);
        }
    }
    only_right.extend(right);
    (only_left, only_right)
}

fn compare_row(
    entity: &Entity,
    expected: &Row,
    actual: &Row,
    since: Option<SystemTime>,
    report: &mut Report,
) {
    let values = entity.columns.iter().zip(expected.iter().zip(actual));
    let differing = values.filter(|(_, (expected, actual))| expected != actual);
    let wrong: Vec<&Column> = differing
        .filter(|(column, (expected, actual))| {
            let accepted = accepts(column.content, expected.as_deref(), actual.as_deref());
            // These values make the digests differ. The creation times of sessions are not part of those.
            report.explained |= accepted && column.content != Content::OneOfTimes;
            !accepted
        })
        .map(|(column, _)| column)
        .collect();
    if wrong.is_empty() {
        return;
    }
    if since.is_some_and(|since| used(entity, &wrong, expected, actual, since)) {
        report.used += 1;
    } else {
        report.changed += 1;
        add(
            report,
            entity,
            DifferenceKind::Changed,
            expected,
            Some(actual),
        );
    }
}

/// Whether the import turns Synapse's value into MAS's value, although they may be spelled differently.
fn accepts(content: Content, expected: Option<&str>, actual: Option<&str>) -> bool {
    match content {
        Content::Exact | Content::Secret => expected == actual,
        Content::KnownTime => match expected {
            Some(_) => expected == actual,
            None => actual.is_none_or(is_finite),
        },
        Content::OneOfTimes => match expected {
            Some(times) => times.split('|').any(|time| Some(time) == actual),
            None => actual.is_some_and(is_finite),
        },
        // MAS uses Rust's parser. PostgreSQL writes some addresses in another way than Rust: ::1.2.3.4.
        Content::Address => {
            address(expected) == actual.and_then(|text| text.parse().ok())
                && (actual.is_none() || address(actual).is_some())
        }
        Content::Context => true,
    }
}

/// Whether a time, as PostgreSQL writes it, is not `infinity` or `-infinity`.
fn is_finite(time: &str) -> bool {
    !time.ends_with("infinity")
}

/// Parses an address as MAS does; `None` if it is not valid.
fn address(text: Option<&str>) -> Option<IpAddr> {
    text?.parse().ok()
}

/// Tolerated difference between the clocks of this host and of MAS's host.
const CLOCKS: Duration = Duration::from_secs(300);

/// Whether these columns differ only by what the user, or an administrator, may have done since the
/// cutover.
fn used(
    entity: &Entity,
    differing: &[&Column],
    expected: &Row,
    actual: &Row,
    since: SystemTime,
) -> bool {
    let at = |name: &str| entity.columns.iter().position(|column| column.name == name);
    let value = |row: &'_ Row, name: &str| at(name).and_then(|at| row[at].clone());
    let since_then = |name: &str| {
        let time = value(actual, name).and_then(|value| time(&value));
        time.is_some_and(|time| time >= since && time <= SystemTime::now() + CLOCKS)
    };
    let earlier = |name: &str| match value(expected, name).map(|value| time(&value)) {
        None => true,
        Some(time_then) => time_then > value(actual, name).and_then(|value| time(&value)),
    };
    differing.iter().all(|column| match column.name {
        "last_active_at" | "last_active_ip" | "user_agent" => since_then("last_active_at"),
        // MAS does not record when a device was renamed, or when a user became an administrator.
        "human_name" | "can_request_admin" => true,
        // Users may also have been unlocked or reactivated.
        "locked_at" | "deactivated_at" => {
            since_then(column.name) || value(actual, column.name).is_none()
        }
        "finished_at" | "consumed_at" => since_then(column.name),
        // A token can end before its time, but never after it.
        "expires_at" => since_then(column.name) && earlier(column.name),
        _ => false,
    })
}

/// Parses a time as PostgreSQL writes it in UTC: `2026-01-31 12:00:00.5+00`. `None` for times before
/// 1970.
pub fn time(text: &str) -> Option<SystemTime> {
    let time = humantime::parse_rfc3339_weak(text.strip_suffix("+00")?).ok()?;
    (time >= UNIX_EPOCH).then_some(time)
}

fn add(report: &mut Report, entity: &Entity, kind: DifferenceKind, row: &Row, other: Option<&Row>) {
    let of_kind = report.rows.iter().filter(|row| row.kind == kind);
    if !report.shows_all && of_kind.count() >= SHOWN {
        return;
    }
    let key = entity.columns.iter().zip(row).take(entity.key);
    let key = key.map(|(column, value)| (column.name, shown(column, value.as_deref())));
    let values = entity
        .columns
        .iter()
        .zip(row.iter().zip(other.into_iter().flatten()));
    let wrong = values.filter(|(column, (value, other))| {
        !accepts(column.content, value.as_deref(), other.as_deref())
    });
    let columns = wrong.map(|(column, (value, other))| {
        let both = [value, other].map(|value| shown(column, value.as_deref()));
        (column.name, both)
    });
    report.rows.push(Difference {
        kind,
        key: key.collect(),
        columns: columns.collect(),
    });
}

/// Whether a report already shows as many rows as it can.
#[must_use]
pub fn is_full(report: &Report) -> bool {
    report.rows.len() >= SHOWN
}

/// A value as reports show it. Of a secret, this is the start of its SHA-256 hash.
fn shown(column: &Column, value: Option<&str>) -> Option<String> {
    let value = value?;
    if column.content != Content::Secret {
        return Some(value.to_owned());
    }
    let hash = format!("{:x}", Sha256::digest(value.as_bytes()));
    Some(format!("sha256:{}…", &hash[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_as_addresses() {
        let accepts = |expected, actual| accepts(Content::Address, expected, actual);
        assert!(accepts(Some("::1.2.3.4"), Some("::1.2.3.4")));
        assert!(accepts(Some("::102:304"), Some("::1.2.3.4")));
        assert!(accepts(Some("2001:DB8::1"), Some("2001:db8::1")));
        assert!(accepts(Some("192.168.1.5/24"), None));
        assert!(accepts(Some("unknown"), None));
        assert!(accepts(None, None));
        assert!(!accepts(Some("192.0.2.1"), Some("192.0.2.1/24")));
        assert!(!accepts(Some("unknown"), Some("192.0.2.1/24")));
        assert!(!accepts(Some("192.0.2.1"), None));
        assert!(!accepts(None, Some("192.0.2.1")));
        assert!(!accepts(None, Some("192.168.1.5/24")));
    }

    #[test]
    fn a_time_is_read_as_postgresql_writes_it() {
        let since = humantime::parse_rfc3339("2026-01-31T12:00:00.5Z").unwrap();
        assert_eq!(time("2026-01-31 12:00:00.5+00"), Some(since));
        assert_eq!(time("infinity"), None);
        assert_eq!(time("0044-03-15 12:00:00+00 BC"), None);
    }

    #[test]
    fn common_rows_are_left_out_as_often_as_they_are_there() {
        let rows = |texts: &[&str]| -> Vec<Row> {
            texts
                .iter()
                .map(|text| vec![Some((*text).to_owned())])
                .collect()
        };
        let (left, right) = without_common(rows(&["b", "a", "a", "d"]), rows(&["c", "a", "b"]));
        assert_eq!((left, right), (rows(&["a", "d"]), rows(&["c"])));
    }
}
