//! Rules of the `captcha` section.

use super::{Rule, rule};
use crate::expr::{all, missing, set};

pub fn rules() -> Vec<Rule> {
    // 38. MAS itself checks only `recaptcha_v2`; with the other services it fails at start.
    [("site_key", "public"), ("secret_key", "secret")]
        .into_iter()
        .map(|(key, which)| {
            let at = format!("captcha.{key}");
            rule(
                "captcha-without-key",
                &at,
                all([set("captcha.service"), missing(&at)]),
                &format!("the CAPTCHA service requires its {which} key"),
                "Set it, or remove `captcha.service`.",
            )
        })
        .collect()
}
