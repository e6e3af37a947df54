//! Translates passwords, registration, what users may do with their accounts, and how long they stay
//! logged in.

use serde_json::{Value, json};

use super::{Translator, seconds};

pub fn translate(work: &mut Translator) {
    passwords(work);
    registration(work);
    switches(work);
    lifetimes(work);
    limits(work);
    others(work);
}

fn passwords(work: &mut Translator) {
    if !work.config.has_passwords() {
        work.set("passwords", "enabled", false);
    }
    // The import requires a password scheme, even if nobody logs in with a password.
    let mut scheme = json!({"version": 1, "algorithm": "bcrypt", "unicode_normalization": true});
    if let Some(pepper) = work.config.pepper() {
        let file = work.secret("pepper", "password_config.pepper", pepper);
        scheme["secret_file"] = file.into();
    }
    if let Some(rounds) = work.config.get("bcrypt_rounds") {
        scheme["cost"] = rounds.clone();
    }
    let schemes = json!([scheme, {"version": 2, "algorithm": "argon2id"}]);
    work.set("passwords", "schemes", schemes);
    if work.on("password_config.policy.enabled") {
        work.leave(
            "password_config.policy",
            "MAS does not count kinds of characters, but guesses: `passwords.minimum_complexity`, from 0 \
             to 4, is 3 unless you set it",
        );
    }
    if work.text("password_config.enabled").as_deref() == Some("only_for_reauth") {
        work.leave(
            "password_config.enabled",
            "`only_for_reauth` does not exist in MAS, which lets people log in with passwords; set \
             `passwords.enabled` to false if they should not",
        );
    }
}

fn registration(work: &mut Translator) {
    let is_open = work.on("enable_registration");
    work.set("account", "password_registration_enabled", is_open);
    if is_open {
        let required = work.config.get("registrations_require_3pid");
        // Synapse asks with Python's `in`, which looks for names in a map, and for a part of a text.
        let needs = |medium: &str| match required {
            Some(Value::Array(media)) => media.iter().any(|required| required == medium),
            Some(Value::Object(media)) => media.contains_key(medium),
            Some(Value::String(text)) => text.contains(medium),
            _ => false,
        };
        let (email, phone) = (needs("email"), needs("msisdn"));
        work.set("account", "password_registration_email_required", email);
        if phone {
            work.leave(
                "registrations_require_3pid",
                "MAS knows no phone numbers, so it cannot ask for one",
            );
        }
        if work.on("registration_requires_token") {
            work.set("account", "password_registration_token_required", true);
            work.leave(
                "registration_requires_token",
                "tokens that exist do not come over: make new ones with `mas-cli manage \
                 issue-user-registration-token`",
            );
        }
    }
    work.leave_if_set(
        "allowed_local_3pids",
        "MAS can refuse addresses in its policy only: `policy.data.emails`",
    );
    work.leave_if_set(
        "registration_shared_secret",
        "use `mas-cli manage register-user`, or `mas-register-user` of this module",
    );
    if work.on("enable_registration_captcha") {
        match (
            work.text("recaptcha_public_key"),
            work.text("recaptcha_private_key"),
        ) {
            (Some(public), Some(private)) => {
                work.set("captcha", "service", "recaptcha_v2");
                work.set("captcha", "site_key", public);
                work.secret_settings
                    .insert("captcha".to_owned(), json!({"secret_key": private}));
                work.secret_options.push("recaptcha_private_key".to_owned());
            }
            _ => work.leave(
                "enable_registration_captcha",
                "the keys are not in the configuration: set `captcha.site_key`, and \
                 `captcha.secret_key` in an extra configuration file",
            ),
        }
    }
    work.leave_if_set(
        "user_consent",
        "MAS only shows a link: put your terms on a page of yours, and set `branding.tos_uri`. Synapse's \
         own page is gone after the cutover",
    );
}

fn switches(work: &mut Translator) {
    let may = |path: &str| !work.config.is_off(path);
    let has_mail = work.config.get("email.smtp_host").is_some()
        || work.config.get("email.notif_from").is_some();
    let has_passwords = work.config.has_passwords();
    for (option, value) in [
        ("displayname_change_allowed", may("enable_set_displayname")),
        ("email_change_allowed", may("enable_3pid_changes")),
        ("password_recovery_enabled", has_mail && has_passwords),
        // Synapse lets users log in with an email address that it knows.
        ("login_with_email_allowed", true),
    ] {
        work.set("account", option, value);
    }
}

/// Seconds of inactivity after which MAS can end a session: the range that it accepts.
const INACTIVE: std::ops::RangeInclusive<u64> = 600..=7_776_000;
/// Lifetime of tokens in seconds: the range that MAS accepts.
const TOKEN: std::ops::RangeInclusive<u64> = 60..=86_400;

fn lifetimes(work: &mut Translator) {
    if let Some(value) = work.config.get("refreshable_access_token_lifetime") {
        match seconds(value).filter(|life| TOKEN.contains(life)) {
            Some(life) => work.set("experimental", "compat_token_ttl", life),
            None => work.leave(
                "refreshable_access_token_lifetime",
                "MAS's `experimental.compat_token_ttl` takes from a minute to a day",
            ),
        }
    }
    for option in ["session_lifetime", "refresh_token_lifetime"] {
        let Some(life) = work.config.get(option).and_then(seconds) else {
            continue;
        };
        if INACTIVE.contains(&life) {
            let ending = json!({"ttl": life});
            work.set("experimental", "inactive_session_expiration", ending);
            work.leave(
                option,
                "MAS ends sessions that nobody has used for so long, which is not quite the same: see \
                 `experimental.inactive_session_expiration`",
            );
        } else {
            work.leave(
                option,
                "MAS's `experimental.inactive_session_expiration` takes from ten minutes to ninety days",
            );
        }
    }
    work.leave_if_set(
        "nonrefreshable_access_token_lifetime",
        "MAS's tokens without refresh live as long as their session",
    );
    work.leave_if_set(
        "ui_auth",
        "MAS asks for nothing twice, so there is nothing to remember",
    );
    if work.on("login_via_existing_session.enabled") {
        work.leave(
            "login_via_existing_session",
            "MAS has the device code grant for that: `oauth.device_code_grant_enabled`, which is on",
        );
    }
}

/// Where Synapse has a rate limit, MAS's section and option for it, and Synapse's defaults of `per_second` and
/// `burst_count` (`synapse/config/ratelimiting.py`).
const LIMITS: [(&str, Option<&str>, &str, f64, u32); 3] = [
    ("rc_login.address", Some("login"), "per_ip", 0.003, 5),
    ("rc_login.account", Some("login"), "per_account", 0.003, 5),
    ("rc_registration", None, "registration", 0.17, 3),
];

fn limits(work: &mut Translator) {
    for (theirs, section, ours, per_second, burst) in LIMITS {
        let Some(value) = work.config.get(theirs).filter(|value| **value != json!({})) else {
            continue;
        };
        match limit(value, per_second, burst) {
            Ok(limit) => {
                let rates = work.settings.entry("rate_limiting");
                let rates = rates.or_insert_with(|| json!({}));
                match section {
                    Some(section) => rates[section][ours] = limit,
                    None => rates[ours] = limit,
                }
            }
            Err(reason) => {
                let section = section.map_or_else(String::new, |section| format!("{section}."));
                let reason = format!("{reason}: set `rate_limiting.{section}{ours}` yourself");
                work.leave(theirs, reason);
            }
        }
    }
    work.leave_if_set(
        "rc_login.failed_attempts",
        "MAS limits all attempts alike: `rate_limiting.login`",
    );
    work.leave_if_set(
        "rc_3pid_validation",
        "MAS limits mails by `rate_limiting.email_authentication`",
    );
}

/// A rate limit for MAS. What is missing is Synapse's default. The error says why there is none.
fn limit(value: &Value, per_second: f64, burst: u32) -> Result<Value, &'static str> {
    let limit = value.as_object().ok_or("it is no map")?;
    let per_second = match limit.get("per_second") {
        None => per_second,
        Some(rate) => rate.as_f64().ok_or("`per_second` is no number")?,
    };
    // As `burst_count` goes through Python's `int`, it can be a text, or have a fraction.
    let burst = match limit.get("burst_count") {
        None => f64::from(burst),
        Some(Value::String(text)) => {
            let whole: Option<u32> = text.trim().replace('_', "").parse().ok();
            f64::from(whole.ok_or("`burst_count` is no number for MAS")?)
        }
        Some(Value::Bool(one)) => f64::from(u8::from(*one)),
        Some(burst) => burst.as_f64().ok_or("`burst_count` is no number for MAS")?,
    };
    let burst = burst.trunc();
    // MAS's limits (`crates/config/src/sections/rate_limiting.rs`).
    if per_second <= 0.0 || per_second >= 1e9 {
        return Err("MAS's `per_second` must be more than 0 and less than 1,000,000,000");
    }
    if burst < 1.0 || burst > f64::from(u32::MAX) {
        return Err("MAS's `burst` must be a number from 1 on");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is in the range"
    )]
    let burst = burst as u32;
    Ok(json!({"per_second": per_second, "burst": burst}))
}

fn others(work: &mut Translator) {
    for (option, name) in [
        ("saml2_config", "SAML"),
        ("cas_config", "CAS"),
        ("jwt_config", "logins by JWT"),
    ] {
        let disabled = work.config.get(&format!("{option}.enabled")) == Some(&Value::Bool(false));
        if !disabled {
            work.leave_if_set(
                option,
                &format!(
                    "MAS does not know {name}: put a provider such as Dex between, in \
                     `upstream_oauth2.providers`, with `synapse_idp_id` set to Synapse's name for it"
                ),
            );
        }
    }
    work.leave_if_set(
        "password_providers",
        "MAS cannot ask Synapse's modules: put a provider such as Dex in front of what they ask",
    );
    work.leave_if_set(
        "modules",
        "those that check passwords, logins or registrations are not asked any more",
    );
    work.leave_if_set(
        "sso",
        "MAS asks people itself whether they trust a client, and has pages of its own",
    );
    if work.on("allow_guest_access") {
        work.leave("allow_guest_access", "MAS knows no guests");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_translated_or_the_reason_is_known() {
        let of = |value: Value| limit(&value, 0.17, 3);
        for (value, per_second, burst) in [
            (json!({"per_second": 0.1}), 0.1, 3),
            (json!({"burst_count": 7.9}), 0.17, 7),
            (json!({"per_second": 2, "burst_count": "1_0"}), 2.0, 10),
            (json!({"burst_count": true}), 0.17, 1),
        ] {
            let expected = json!({"per_second": per_second, "burst": burst});
            assert_eq!(of(value.clone()), Ok(expected), "{value}");
        }
        for (value, reason) in [
            (json!({"per_second": "0.5"}), "`per_second` is no number"),
            (json!({"per_second": 0, "burst_count": 0}), "more than 0"),
            (json!({"per_second": 1, "burst_count": 0.5}), "from 1 on"),
            (json!({"burst_count": "many"}), "`burst_count` is no number"),
            (json!({"burst_count": 1e10}), "from 1 on"),
            (json!([1]), "no map"),
        ] {
            let found = of(value.clone()).unwrap_err();
            assert!(found.contains(reason), "{value}: {found}");
        }
    }
}
