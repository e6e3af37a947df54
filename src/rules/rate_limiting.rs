//! Rules of the `rate_limiting` section.

use super::{Rule, rule};
use crate::expr::{Expr, Term, all, any, not, option, set};

/// Rule 29. MAS does not check the limits of `email_authentication` when it loads its configuration, and
/// then fails to start.
const LIMITS: [&str; 9] = [
    "account_recovery.per_ip",
    "account_recovery.per_address",
    "login.per_ip",
    "login.per_account",
    "registration",
    "email_authentication.per_ip",
    "email_authentication.per_address",
    "email_authentication.emails_per_session",
    "email_authentication.attempt_per_session",
];

pub fn rules() -> Vec<Rule> {
    LIMITS
        .iter()
        .map(|limit| {
            let at = format!("rate_limiting.{limit}.per_second");
            let bound = |value: u64| Term::Constant(value.into());
            let value = || option(&at);
            rule(
                "rate-out-of-range",
                &at,
                all([
                    set(&at),
                    any([
                        not(Expr::Less(bound(0), value())),
                        Expr::Less(bound(1_000_000_000), value()),
                    ]),
                ]),
                "the rate must be more than 0 and at most 1000000000",
                "For example, 0.0167 is one attempt per minute.",
            )
        })
        .collect()
}
