//! Rules of the `email` section.

use super::{Rule, rule};
use crate::{
    expr::{all, all_missing, any, any_set, missing, not, option, set},
    schema::format::MAILBOX,
};

pub fn rules() -> Vec<Rule> {
    let smtp = || option("email.transport").is("smtp");
    let sendmail = || option("email.transport").is("sendmail");
    let mut rules = vec![
        // 20
        rule(
            "smtp-user-without-password",
            "email.username",
            all([
                smtp(),
                set("email.username"),
                all_missing(&["email.password", "email.password_file"]),
            ]),
            "a user name requires a password",
            "Set `email.password_file`, or remove `email.username`.",
        ),
        rule(
            "smtp-password-without-user",
            "email.username",
            all([
                smtp(),
                missing("email.username"),
                any_set(&["email.password", "email.password_file"]),
            ]),
            "a password requires a user name",
            "Set `email.username`.",
        ),
        // 21
        rule(
            "password-and-password-file",
            "email.password_file",
            all([smtp(), set("email.password"), set("email.password_file")]),
            "`password` and `password_file` cannot both be set",
            "Remove one of them.",
        ),
        // 22
        rule(
            "smtp-without-mode",
            "email.mode",
            all([smtp(), missing("email.mode")]),
            "the transport \"smtp\" requires a mode",
            "Set `email.mode` to \"starttls\", \"tls\" or \"plain\".",
        ),
        rule(
            "smtp-without-host",
            "email.hostname",
            all([smtp(), missing("email.hostname")]),
            "the transport \"smtp\" requires a server",
            "Set `email.hostname`.",
        ),
        rule(
            "smtp-with-command",
            "email.command",
            all([smtp(), set("email.command")]),
            "`command` is only for the transport \"sendmail\"",
            "Remove it.",
        ),
        // 23
        rule(
            "sendmail-without-command",
            "email.command",
            all([sendmail(), missing("email.command")]),
            "the transport \"sendmail\" requires a program",
            "Set `email.command`, for example to \"/run/wrappers/bin/sendmail\".",
        ),
    ];
    // 23
    for name in ["mode", "hostname", "port", "username", "password"] {
        let at = format!("email.{name}");
        rules.push(rule(
            &format!("sendmail-with-{name}"),
            &at,
            all([sendmail(), set(&at)]),
            &format!("`{name}` is only for the transport \"smtp\""),
            "Remove it.",
        ));
    }
    // 19, 23
    for name in ["from", "reply_to"] {
        let at = format!("email.{name}");
        rules.push(rule(
            "not-a-mailbox",
            &at,
            all([
                any([smtp(), sendmail()]),
                set(&at),
                not(option(&at).matches(&MAILBOX)),
            ]),
            "this is not an email address",
            "Write user@example.com, or \"Name\" <user@example.com>.",
        ));
    }
    rules
}
