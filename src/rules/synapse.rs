//! Rules for settings of Synapse that conflict with delegating authentication to MAS. Synapse refuses to
//! start with them and reports one at a time (its `synapse/config/experimental.py` and `auth.py`,
//! unchanged since 1.136.0).

use serde_json::Value;

use super::{Rule, rule};
use crate::expr::{Expr, all, any, not, option, option_or, set};

/// All rules of this file. They apply to Synapse's settings.
pub fn rules() -> Vec<Rule> {
    [logins(), sessions_and_accounts()]
        .into_iter()
        .flatten()
        .collect()
}

fn conflict(id: &str, at: &str, when: Expr, reason: &str, fix: &str) -> Rule {
    rule(&format!("delegation-{id}"), at, when, reason, fix)
}

fn on(path: &str) -> Expr {
    option(path).is(true)
}

fn present(path: &str) -> Expr {
    all([set(path), not(option(path).is(Value::Null))])
}

const HANDED_OVER: &str = "MAS is responsible for this now";
const PROVIDERS: &str = "MAS is responsible for identity providers now";
const LIST_PROVIDERS: &str = "Remove it, and list the providers in `upstream_oauth2.providers` of MAS, \
    each with its `synapse_idp_id` so that users keep their accounts.";

/// Ways to log in and to register.
fn logins() -> Vec<Rule> {
    vec![
        conflict(
            "password",
            "password_config.enabled",
            option("password_config.enabled")
                .one_of_values(&[true.into(), "only_for_reauth".into()]),
            "MAS is responsible for passwords now",
            "Remove it, and configure `passwords` of MAS.",
        ),
        conflict(
            "registration",
            "enable_registration",
            on("enable_registration"),
            HANDED_OVER,
            "Remove it, and set `account.password_registration_enabled` of MAS.",
        ),
        conflict(
            "registration-captcha",
            "enable_registration_captcha",
            on("enable_registration_captcha"),
            HANDED_OVER,
            "Remove it, and configure `captcha` of MAS.",
        ),
        conflict(
            "oidc",
            "oidc_providers",
            all([
                present("oidc_providers"),
                not(option("oidc_providers").is(Value::Array(Vec::new()))),
            ]),
            PROVIDERS,
            LIST_PROVIDERS,
        ),
        conflict(
            "oidc-config",
            "oidc_config.enabled",
            on("oidc_config.enabled"),
            PROVIDERS,
            LIST_PROVIDERS,
        ),
        conflict(
            "saml2",
            "saml2_config",
            all([
                any([
                    present("saml2_config.sp_config"),
                    present("saml2_config.config_path"),
                ]),
                option_or("saml2_config.enabled", true).is(true),
            ]),
            "MAS does not support SAML",
            "Remove it, and put a provider such as Dex between SAML and `upstream_oauth2.providers` of MAS.",
        ),
        conflict(
            "cas",
            "cas_config.enabled",
            on("cas_config.enabled"),
            "MAS does not support CAS",
            "Remove it, and put a provider such as Dex between CAS and `upstream_oauth2.providers` of MAS.",
        ),
        conflict(
            "jwt",
            "jwt_config.enabled",
            on("jwt_config.enabled"),
            "MAS does not accept JWTs issued by others",
            "Remove it.",
        ),
        conflict(
            "password-providers",
            "password_providers",
            all([
                present("password_providers"),
                not(option("password_providers").is(Value::Array(Vec::new()))),
            ]),
            "MAS cannot use Synapse's password providers",
            "Remove it, and use an identity provider with `upstream_oauth2.providers` of MAS.",
        ),
        conflict(
            "existing-session",
            "login_via_existing_session.enabled",
            on("login_via_existing_session.enabled"),
            HANDED_OVER,
            "Remove it. MAS's device code grant replaces it.",
        ),
    ]
}

/// Sessions, and what users may do with their accounts.
fn sessions_and_accounts() -> Vec<Rule> {
    vec![
        conflict(
            "user-consent",
            "user_consent",
            present("user_consent.version"),
            "Synapse can no longer ask for consent",
            "Remove it, and set `branding.tos_uri` of MAS.",
        ),
        conflict(
            "refresh-token-lifetime",
            "refresh_token_lifetime",
            present("refresh_token_lifetime"),
            "MAS issues the tokens now",
            "Remove it.",
        ),
        conflict(
            "nonrefreshable-token-lifetime",
            "nonrefreshable_access_token_lifetime",
            present("nonrefreshable_access_token_lifetime"),
            "MAS issues the tokens now",
            "Remove it, and set `experimental.access_token_ttl` of MAS.",
        ),
        conflict(
            "session-lifetime",
            "session_lifetime",
            present("session_lifetime"),
            "MAS issues the tokens now",
            "Remove it, and set `experimental.inactive_session_expiration` of MAS.",
        ),
        conflict(
            "3pid-changes",
            "enable_3pid_changes",
            on("enable_3pid_changes"),
            HANDED_OVER,
            "Remove it, and set `account.email_change_allowed` of MAS.",
        ),
        conflict(
            "msc3861",
            "experimental_features.msc3861",
            all([
                present("experimental_features.msc3861"),
                not(option("experimental_features.msc3861").is(serde_json::json!({}))),
            ]),
            "`matrix_authentication_service` replaces this experimental feature, and Synapse 1.157.0 rejects it",
            "Remove it. Its `admin_token` is the shared secret now: write it to the file that `matrix.secret_file` of MAS names. Remove Synapse's client from `clients` of MAS.",
        ),
        conflict(
            "inline-secret",
            "matrix_authentication_service.secret",
            present("matrix_authentication_service.secret"),
            "Synapse accepts either a secret or a file that contains it, and everyone could read this one",
            "Remove it.",
        ),
    ]
}
