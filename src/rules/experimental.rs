//! Rules of the `experimental` section.

use serde_json::json;

use super::{Rule, rule};
use crate::expr::{Expr, Term, all, option};

pub fn rules() -> Vec<Rule> {
    let hard = || option("experimental.session_limit.hard_limit");
    vec![
        // 39
        rule(
            "hard-limit-below-soft-limit",
            "experimental.session_limit.hard_limit",
            Expr::Less(hard(), option("experimental.session_limit.soft_limit")),
            "the hard limit is below the soft limit",
            "Set it to at least the value of `soft_limit`.",
        ),
        // 40
        rule(
            "eviction-with-one-session",
            "experimental.session_limit.hard_limit",
            all([
                option("experimental.session_limit.dangerous_hard_limit_eviction").is(true),
                Expr::Less(hard(), Term::Constant(json!(2))),
            ]),
            "with `dangerous_hard_limit_eviction`, the hard limit must be at least 2",
            "Set it to 2 or more, or disable `dangerous_hard_limit_eviction`.",
        ),
    ]
}
