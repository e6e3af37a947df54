//! What delegation changes in Synapse's configuration: the keys of the overlay, before and after.

use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use crate::{migrate::context::Context, util::yaml};

/// A key of Synapse's configuration that delegation changes. Neither side has a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The key, at the top level.
    pub key: String,
    /// Why it changes. Empty for a key that we do not know.
    pub meaning: &'static str,
    /// Its value as YAML. None if it is not set.
    pub before: Option<String>,
    /// Its value afterwards.
    pub after: Option<String>,
}

/// Why a key changes, and whether it is on if it is not set.
const KEYS: &[(&str, &str, bool)] = &[
    (
        "matrix_authentication_service",
        "Synapse asks MAS who may use it.",
        false,
    ),
    (
        "password_config",
        "MAS checks passwords. It has their hashes.",
        true,
    ),
    (
        "password_providers",
        "MAS checks passwords, and knows none of these.",
        false,
    ),
    (
        "oidc_providers",
        "MAS sends users to their identity providers.",
        false,
    ),
    (
        "oidc_config",
        "MAS sends users to their identity providers.",
        false,
    ),
    ("saml2_config", "Nobody logs in with SAML any more.", false),
    ("cas_config", "Nobody logs in with CAS any more.", false),
    ("jwt_config", "Nobody logs in with a JWT any more.", false),
    ("user_consent", "MAS asks for consent.", false),
    ("enable_registration", "MAS registers users.", false),
    ("enable_registration_captcha", "MAS registers users.", false),
    (
        "login_via_existing_session",
        "MAS has the device code grant for that.",
        false,
    ),
    (
        "refresh_token_lifetime",
        "MAS decides how long a token is valid.",
        false,
    ),
    (
        "nonrefreshable_access_token_lifetime",
        "MAS decides how long a token is valid.",
        false,
    ),
    (
        "session_lifetime",
        "MAS decides how long a session lasts.",
        false,
    ),
    (
        "enable_3pid_changes",
        "Users change their addresses in MAS.",
        true,
    ),
];

/// Keys whose texts and numbers are shown. All others may be secret.
const SHOWN: &[&str] = &[
    "enable_registration",
    "enabled",
    "endpoint",
    "force_http2",
    "idp_brand",
    "idp_id",
    "idp_name",
    "issuer",
    "minimum_length",
    "module",
    "nonrefreshable_access_token_lifetime",
    "refresh_token_lifetime",
    "secret_path",
    "session_lifetime",
];

/// What is put in the place of a value that may be secret.
const HIDDEN: &str = "(not shown)";

/// What delegation changes. Empty if there is no overlay, or a configuration cannot be read.
#[must_use]
pub fn changes(context: &Context) -> Vec<Change> {
    let overlay = || {
        let overlay = context.overlay().ok()?.settings().ok()?;
        overlay.as_object().cloned()
    };
    match (context.synapse(), overlay()) {
        (Ok(synapse), Some(overlay)) => between(&synapse.value, &overlay),
        _ => Vec::new(),
    }
}

/// What an overlay changes in a configuration. What has the same effect is left out.
#[must_use]
pub fn between(before: &Value, overlay: &Map<String, Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (key, after) in overlay {
        let known = KEYS.iter().find(|(name, ..)| name == key);
        let is_on_by_default = known.is_none_or(|(.., on)| *on);
        let before = before.get(key).filter(|value| !value.is_null());
        let same = match before {
            Some(before) => before == after || is_off(before) && is_off(after),
            None => after.is_null() || !is_on_by_default && is_off(after),
        };
        if same {
            continue;
        }
        changes.push(Change {
            key: key.clone(),
            meaning: known.map_or("", |(_, meaning, _)| meaning),
            before: before.map(|value| shown(key, value)),
            after: Some(after)
                .filter(|value| !value.is_null())
                .map(|value| shown(key, value)),
        });
    }
    changes
}

/// Whether a value turns off what its key is for.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => {
            entries.is_empty() || entries.get("enabled") == Some(&false.into())
        }
        _ => false,
    }
}

/// A key with its value as YAML, without secrets.
fn shown(key: &str, value: &Value) -> String {
    let value = redacted(key, value);
    yaml::document(&Value::Object(Map::from_iter([(key.to_owned(), value)])))
}

fn redacted(key: &str, value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Array(items) => items.iter().map(|item| redacted(key, item)).collect(),
        Value::Object(entries) if KEYS.iter().any(|(name, ..)| *name == key) => {
            let entries = entries.iter();
            Value::Object(
                entries
                    .map(|(name, value)| (name.clone(), redacted(name, value)))
                    .collect(),
            )
        }
        Value::String(text) if SHOWN.contains(&key) => without_password(text).into(),
        Value::Number(_) if SHOWN.contains(&key) => value.clone(),
        Value::Object(_) | Value::String(_) | Value::Number(_) => HIDDEN.into(),
    }
}

/// A text, without the user and the password if it is a URL.
fn without_password(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if !url.username().is_empty() || url.password().is_some() => {
            // A URL that cannot have them has none.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_the_same_effect_is_left_out() {
        let before = json!({"enable_registration": false, "oidc_providers": [{"idp_id": "a"}],
            "session_lifetime": "24h", "jwt_config": {"enabled": false, "secret": "geheim"}});
        let overlay = json!({"enable_registration": false, "oidc_providers": [], "session_lifetime": null,
            "jwt_config": null, "cas_config": null, "password_config": {"enabled": false},
            "enable_3pid_changes": false, "password_providers": []});
        let changes = between(&before, overlay.as_object().unwrap());
        let changes: Vec<_> = changes
            .iter()
            .map(|change| {
                (
                    change.key.as_str(),
                    change.before.is_some(),
                    change.after.is_some(),
                )
            })
            .collect();
        assert_eq!(
            changes,
            [
                ("oidc_providers", true, true),
                ("session_lifetime", true, false),
                ("password_config", false, true),
                ("enable_3pid_changes", false, true),
            ]
        );
    }

    #[test]
    fn no_secret_is_shown() {
        let before = json!({
            "password_config": {"enabled": "only_for_reauth", "pepper": "geheim"},
            "oidc_providers": [{"idp_id": "keycloak", "issuer": "https://a:geheim@sso.example.com/",
                "client_secret": "geheim", "client_id": 4711, "attribute_requirements": [{"geheim-0": 1}],
                "client_auth": {"jwt": {"geheim": "x"}}}],
            "unknown": {"geheim": "geheim"},
        });
        let overlay = json!({"password_config": {"enabled": false}, "oidc_providers": [], "unknown": 4711,
            "matrix_authentication_service": {"enabled": true, "endpoint": "http://127.0.0.1:8080/",
                "secret": "geheim", "secret_path": "/run/secret"}});
        let changes = between(&before, overlay.as_object().unwrap());
        let text: String = changes
            .iter()
            .flat_map(|change| [&change.before, &change.after])
            .flatten()
            .map(String::as_str)
            .collect();
        assert!(!text.contains("geheim") && !text.contains("4711"), "{text}");
        for shown in [
            "keycloak",
            "https://sso.example.com/",
            "only_for_reauth",
            "/run/secret",
            "http://127.0.0.1:8080/",
        ] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
    }
}
