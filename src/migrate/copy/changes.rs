//! What a round of catching up has found: whose rows changed, and whose devices were only used.

use std::collections::BTreeSet;

use super::tables::{DEVICES, LAST_SEEN, Table};
use crate::migrate::verify::{Row, without_common};

/// What has changed in Synapse's tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The ids of the users for whom everything is to be imported anew.
    pub users: BTreeSet<String>,
    /// The devices that were only used, each with the id of its user.
    pub seen: BTreeSet<(String, String)>,
    /// Refresh tokens that belong to an access token that changed, by number.
    pub refresh_tokens: BTreeSet<String>,
    /// Number of rows that differ.
    pub rows: usize,
}

impl Changes {
    /// Adds the differences between the rows of the copy and those of Synapse. Returns the units that
    /// differ.
    pub fn add(&mut self, table: &Table, copied: Vec<Row>, now: Vec<Row>) -> BTreeSet<String> {
        let (removed, added) = without_common(copied, now);
        let unit = table.position(table.unit);
        let units = removed.iter().chain(&added);
        let units = units.filter_map(|row| row[unit].clone()).collect();
        self.rows += removed.len().max(added.len());
        let (removed, added) = self.without_last_seen(table, removed, added);
        let user = table.position(table.user);
        for row in removed.iter().chain(&added) {
            self.users.extend(row[user].clone());
            if table.name == "access_tokens" {
                let refresh_token = row[table.position("refresh_token_id")].clone();
                self.refresh_tokens.extend(refresh_token);
            }
        }
        units
    }

    /// Takes out the devices that were only used.
    fn without_last_seen(
        &mut self,
        table: &Table,
        mut removed: Vec<Row>,
        mut added: Vec<Row>,
    ) -> (Vec<Row>, Vec<Row>) {
        if table.name != DEVICES.name {
            return (removed, added);
        }
        let positions = LAST_SEEN.map(|column| table.position(column));
        let identity = |row: &Row| -> Row {
            let columns = row.iter().enumerate();
            let columns = columns.filter(|(position, _)| !positions.contains(position));
            columns.map(|(_, value)| value.clone()).collect()
        };
        let before: BTreeSet<Row> = removed.iter().map(identity).collect();
        let mut only_used = BTreeSet::new();
        added.retain(|row| {
            let identity = identity(row);
            !before.contains(&identity) || !only_used.insert(identity)
        });
        removed.retain(|row| !only_used.contains(&identity(row)));
        let [user, device] = [table.user, "device_id"].map(|column| table.position(column));
        let only_used = only_used.into_iter();
        self.seen
            .extend(only_used.filter_map(|mut row| Some((row[user].take()?, row[device].take()?))));
        (removed, added)
    }

    /// Adds what was found elsewhere, or earlier.
    pub fn merge(&mut self, other: Changes) {
        self.users.extend(other.users);
        self.seen.extend(other.seen);
        self.refresh_tokens.extend(other.refresh_tokens);
        self.rows += other.rows;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::copy::tables::{ACCESS_TOKENS, USER_THREEPIDS};

    fn row(values: &[&str]) -> Row {
        let values = values.iter();
        values
            .map(|value| (*value != "-").then(|| (*value).to_owned()))
            .collect()
    }

    fn device(name: &str, seen: &str, ip: &str) -> Row {
        row(&["@a:b", "D", name, seen, ip, "-", "false"])
    }

    #[test]
    fn using_a_device_changes_nothing_else() {
        let mut changes = Changes::default();
        let same = device("Phone", "1", "192.0.2.1");
        assert!(
            changes
                .add(&DEVICES, vec![same.clone()], vec![same.clone()])
                .is_empty()
        );
        let user = BTreeSet::from(["@a:b".to_owned()]);
        let units = changes.add(
            &DEVICES,
            vec![same.clone()],
            vec![device("Phone", "2", "x")],
        );
        let phone = ("@a:b".to_owned(), "D".to_owned());
        assert_eq!((&units, &changes.seen), (&user, &[phone].into()));
        assert!(changes.users.is_empty());
        // Another name changes the session.
        changes.add(&DEVICES, vec![same], vec![device("Tablet", "2", "x")]);
        assert_eq!((&changes.users, changes.seen.len()), (&user, 1));
    }

    #[test]
    fn an_address_that_moves_concerns_both_users() {
        let mut changes = Changes::default();
        let owned_by = |user| row(&[user, "email", "a@b", "1"]);
        changes.add(
            &USER_THREEPIDS,
            vec![owned_by("@a:b")],
            vec![owned_by("@c:b")],
        );
        assert_eq!(changes.users.len(), 2);
    }

    #[test]
    fn a_token_names_its_refresh_token() {
        let mut changes = Changes::default();
        let token = |used| row(&["1", "@a:b", "D", "t", "-", "-", "-", "7", used]);
        changes.add(&ACCESS_TOKENS, vec![token("false")], vec![token("true")]);
        assert_eq!(changes.refresh_tokens, ["7".to_owned()].into());
        assert_eq!(changes.rows, 1);
    }
}
