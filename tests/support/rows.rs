//! Generates rows of a homeserver that the import accepts: all cases that it treats differently,
//! and values shared by several rows.

use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::TestRunner,
};

use super::generate::draw;

/// Addresses as Synapse writes them down.
const ADDRESSES: &[&str] = &["192.0.2.1", "10.0.0.1", "2001:db8::1", "-"];

/// Other spellings, and strings that are no address for MAS.
const ODD_ADDRESSES: &[&str] = &[
    "2001:DB8::1",
    "::1.2.3.4",
    "::102:304",
    "::ffff:192.0.2.9",
    "::",
    "::1",
    "0.0.0.0",
    "",
    "unknown",
    "192.168.1.5/24",
    "010.0.0.1",
    "1.2.3",
    "fe80::1%eth0",
];

/// Names of devices, and other text that users write.
const TEXTS: &[&str] = &[
    "",
    "Element",
    "Element on Android 🙂",
    "it's \"quoted\" \\ (a,b)",
    "two\nlines",
    "NULL",
    "{}",
    " ",
];

/// Times in milliseconds: some that many share, and some after the year 2242.
const TIMES: &[i64] = &[
    0,
    1,
    999,
    1_500_000_000_123,
    1_600_000_000_000,
    1_600_000_000_001,
    8_589_934_592_123,
    8_800_000_000_457,
    9_223_372_036_854,
    -1,
    -1_500,
];

/// A source of random numbers.
pub struct Dice<'a> {
    pub runner: &'a mut TestRunner,
    /// Whether there are addresses that PostgreSQL writes in another way.
    pub odd_addresses: bool,
}

impl Dice<'_> {
    /// A number below this one.
    pub fn below(&mut self, many: usize) -> usize {
        draw(any::<Index>(), self.runner).index(many)
    }

    /// Whether something happens that happens once in so many times.
    pub fn once_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn time(&mut self) -> i64 {
        draw(
            prop_oneof![
                select(TIMES.to_vec()),
                0..9_223_372_036_854_i64,
                1_600_000_000_000..1_600_000_000_010_i64
            ],
            self.runner,
        )
    }

    fn sometimes(&mut self, value: &impl ToString) -> String {
        if self.once_in(3) {
            "NULL".to_owned()
        } else {
            value.to_string()
        }
    }

    fn text(&mut self, of: &[&'static str]) -> String {
        quoted(draw(select(of.to_vec()), self.runner))
    }

    fn address(&mut self) -> String {
        if self.odd_addresses && self.once_in(2) {
            self.text(ODD_ADDRESSES)
        } else {
            self.text(ADDRESSES)
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Statements that fill Synapse's tables with so many users and what is theirs.
pub fn homeserver(dice: &mut Dice, users: usize) -> String {
    let mut homeserver = Homeserver::default();
    for i in 0..users {
        homeserver.add_user(dice, i);
    }
    homeserver.statements.join(";\n")
}

#[derive(Default)]
struct Homeserver {
    statements: Vec<String>,
    tokens: usize,
    pairs: usize,
}

impl Homeserver {
    fn insert(&mut self, into: &str, values: &[String]) {
        let values = values.join(", ");
        self.statements
            .push(format!("INSERT INTO {into} VALUES ({values})"));
    }

    fn add_user(&mut self, dice: &mut Dice, i: usize) {
        let localpart = match dice.below(6) {
            0 => format!("U{i}"),
            1 => format!("ü/=_{i}"),
            2 => format!("it's \\ {i}"),
            _ => format!("u{i}"),
        };
        let user = quoted(&format!("@{localpart}:example.com"));
        let mut flag = |many| u8::from(dice.once_in(many)).to_string();
        let (admin, guest, deactivated) = (flag(4), flag(12), flag(10));
        // Some share a password.
        let hash = dice.below(i + 2);
        let values = [
            user.clone(),
            dice.sometimes(&quoted(&format!("$2b$12$of{hash}"))),
            (dice.time().max(-2_000) / 1_000).to_string(),
            admin,
            guest,
            deactivated,
            dice.once_in(6).to_string(),
            if dice.once_in(12) { "'bridge'" } else { "NULL" }.to_owned(),
        ];
        self.insert(
            "users (name, password_hash, creation_ts, admin, is_guest, deactivated, locked, appservice_id)",
            &values,
        );
        self.add_addresses(dice, &user, i);
        for device in 0..dice.below(4) {
            self.add_device(dice, &user, &quoted(&format!("D{device}")));
        }
        for _ in 0..dice.below(4) {
            self.add_token(dice, &user, "NULL", "NULL");
        }
    }

    fn add_addresses(&mut self, dice: &mut Dice, user: &str, i: usize) {
        for n in 0..dice.below(3) {
            let address = quoted(&format!("a{i}.{n}@example.com"));
            let added = dice.time().to_string();
            let values = [
                user.to_owned(),
                "'email'".into(),
                address,
                "1".into(),
                added,
            ];
            self.insert(
                "user_threepids (user_id, medium, address, validated_at, added_at)",
                &values,
            );
        }
        if dice.once_in(4) {
            let added = dice.time().to_string();
            let values = [
                user.to_owned(),
                "'msisdn'".into(),
                format!("'44{i}'"),
                "1".into(),
                added,
            ];
            self.insert(
                "user_threepids (user_id, medium, address, validated_at, added_at)",
                &values,
            );
        }
        for provider in ["oidc", "oidc-one"] {
            if dice.once_in(3) {
                let subject = quoted(&format!("subject {i}"));
                let values = [quoted(provider), subject, user.to_owned()];
                self.insert(
                    "user_external_ids (auth_provider, external_id, user_id)",
                    &values,
                );
            }
        }
    }

    fn add_device(&mut self, dice: &mut Dice, user: &str, device: &str) {
        let hidden = dice.once_in(8);
        let [name, agent] = [0, 1].map(|_| dice.text(TEXTS));
        let (seen, ip) = (dice.time(), dice.address());
        let values = [
            user.to_owned(),
            device.to_owned(),
            dice.sometimes(&name),
            dice.sometimes(&seen),
            dice.sometimes(&ip),
            dice.sometimes(&agent),
            hidden.to_string(),
        ];
        self.insert(
            "devices (user_id, device_id, display_name, last_seen, ip, user_agent, hidden)",
            &values,
        );
        if hidden {
            return;
        }
        for _ in 0..[1, 1, 0, 2][dice.below(4)] {
            self.add_token(dice, user, device, "NULL");
        }
        for _ in 0..[0, 0, 1, 2][dice.below(4)] {
            self.add_pair(dice, user, device);
        }
    }

    /// A refresh token with its access token, and sometimes with its successor.
    fn add_pair(&mut self, dice: &mut Dice, user: &str, device: &str) {
        let id = self.pairs;
        let has_successor = dice.once_in(3);
        self.pairs += if has_successor { 2 } else { 1 };
        // The successor has to be there first.
        for id in (id..self.pairs).rev() {
            let next = if id + 1 < self.pairs {
                (id + 1).to_string()
            } else {
                "NULL".to_owned()
            };
            let token = format!("'syr_{id}'");
            let values = [
                id.to_string(),
                user.to_owned(),
                device.to_owned(),
                token,
                next,
            ];
            self.insert(
                "refresh_tokens (id, user_id, device_id, token, next_token_id)",
                &values,
            );
            self.add_token(dice, user, device, &id.to_string());
        }
    }

    fn add_token(&mut self, dice: &mut Dice, user: &str, device: &str, refresh_token: &str) {
        self.tokens += 1;
        let (expires, validated) = (dice.time(), dice.time());
        let puppets = refresh_token == "NULL" && dice.once_in(10);
        let was_used = dice.once_in(2);
        let values = [
            self.tokens.to_string(),
            user.to_owned(),
            device.to_owned(),
            format!("'syt_{}'", self.tokens),
            dice.sometimes(&expires),
            dice.sometimes(&validated),
            if puppets { "'@u0:example.com'" } else { "NULL" }.to_owned(),
            refresh_token.to_owned(),
            dice.sometimes(&was_used),
        ];
        self.insert(
            "access_tokens (id, user_id, device_id, token, valid_until_ms, last_validated, \
             puppets_user_id, refresh_token_id, used)",
            &values,
        );
    }
}
