//! Rules of the `captcha` section.

use super::{Rule, rule};
use crate::expr::{all, missing, set};

pub fn rules() -> Vec<Rule> {
    // 38, which MAS itself applies to `recaptcha_v2` only; the others fail when it starts.
    [("site_key", "public"), ("secret_key", "secret")]
        .into_iter()
        .map(|(key, which)| {
            let at = format!("captcha.{key}");
            rule(
                "captcha-without-key",
                &at,
                all([set("captcha.service"), missing(&at)]),
                &format!("the CAPTCHA service needs its {which} key"),
                "Set it, or leave out `captcha.service`.",
            )
        })
        .collect()
}
