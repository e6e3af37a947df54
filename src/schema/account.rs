//! The `account` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// What users may do with their own accounts.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-since" = "0.10.0"))]
pub struct Account {
    /// Whether users may add and remove email addresses. Disable this if another system, such as an
    /// identity provider, manages the addresses.
    #[schemars(extend("x-default" = true))]
    pub email_change_allowed: Option<bool>,

    /// Whether users may change their display name in MAS. Set this to the same value as Synapse's
    /// `enable_set_displayname`. Otherwise, users see a form that then fails.
    #[schemars(extend("x-default" = true))]
    pub displayname_change_allowed: Option<bool>,

    /// Whether anyone may register an account with a password. Has no effect while
    /// `passwords.enabled` is false. On a public server, combine it with a CAPTCHA, a registration
    /// token or email verification.
    #[schemars(extend("x-default" = false))]
    pub password_registration_enabled: Option<bool>,

    /// Whether registering with a password requires a verified email address. Disable this on
    /// servers that send no mail.
    #[schemars(extend("x-since" = "1.4.0", "x-default" = true))]
    pub password_registration_email_required: Option<bool>,

    /// Whether users may change their password. Has no effect while `passwords.enabled` is false.
    #[schemars(extend("x-default" = true))]
    pub password_change_allowed: Option<bool>,

    /// Whether users may reset a forgotten password by email. Requires a working `email` section.
    #[schemars(extend("x-default" = false))]
    pub password_recovery_enabled: Option<bool>,

    /// Whether users may deactivate their own account.
    #[schemars(extend("x-since" = "0.15.0", "x-default" = true))]
    pub account_deactivation_allowed: Option<bool>,

    /// Whether the login form accepts an email address instead of a user name. An address that
    /// belongs to several accounts cannot be used to log in.
    #[schemars(extend("x-since" = "0.15.0", "x-default" = false))]
    pub login_with_email_allowed: Option<bool>,

    /// Whether registering with a password requires a registration token. `mas-cli manage
    /// issue-user-registration-token` issues such tokens.
    #[schemars(extend("x-since" = "1.19.0", "x-default" = false))]
    pub password_registration_token_required: Option<bool>,

    /// The former name of `password_registration_token_required`, for MAS before 1.19.0.
    #[schemars(extend("x-since" = "0.17.0", "x-default" = false))]
    pub registration_token_required: Option<bool>,
}
