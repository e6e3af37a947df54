//! The `policy` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// The Open Policy Agent policy that allows or denies registrations, clients and logins.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Policy {
    /// Compiled policy. Change this only to use a custom policy.
    #[schemars(extend("x-nullable" = false, "x-default-text" = "provided by the package"))]
    #[schemars(example = &"/opt/mas/share/policy.wasm")]
    pub wasm_module: Option<String>,

    /// Rule that decides on client registrations.
    #[schemars(extend("x-default" = "client_registration/violation"))]
    pub client_registration_entrypoint: Option<String>,

    /// Rule that decides on user registrations.
    #[schemars(extend("x-default" = "register/violation"))]
    pub register_entrypoint: Option<String>,

    /// Rule that decides on a client's access to an account.
    #[schemars(extend("x-default" = "authorization_grant/violation"))]
    pub authorization_grant_entrypoint: Option<String>,

    /// Rule that decides on legacy Matrix logins.
    #[schemars(extend("x-since" = "1.8.0", "x-default" = "compat_login/violation"))]
    pub compat_login_entrypoint: Option<String>,

    /// Rule that decides on new passwords.
    #[schemars(extend("x-default" = "password/violation"))]
    pub password_entrypoint: Option<String>,

    /// Rule that decides on new email addresses.
    #[schemars(extend("x-default" = "email/violation"))]
    pub email_entrypoint: Option<String>,

    /// Arbitrary data for the policy. The policy that comes with MAS uses `admin_users`,
    /// `admin_clients`, `client_registration`, `registration`, `emails` and `requester`.
    #[schemars(
        example = serde_json::json!({
            "admin_clients": ["01H8PKNWKKRPCBW4YGH1RWV279"],
            "registration": {"banned_usernames": {"literals": ["root"], "prefixes": ["admin-"]}},
        }),
        extend("x-default" = {})
    )]
    pub data: Option<serde_json::Value>,
}
