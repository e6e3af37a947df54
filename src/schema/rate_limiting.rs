//! The `rate_limiting` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// Rate limits.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-since" = "0.10.0"))]
pub struct RateLimiting {
    /// Limits on requests for password reset mails.
    #[schemars(extend("default" = {
        "per_ip": {"burst": 3, "per_second": 3.0 / 3600.0},
        "per_address": {"burst": 3, "per_second": 1.0 / 3600.0}
    }))]
    pub account_recovery: Option<AccountRecovery>,

    /// Limits on password attempts, at login or when changing a password.
    #[schemars(extend("default" = {
        "per_ip": {"burst": 3, "per_second": 0.05},
        "per_account": {"burst": 1800, "per_second": 0.5}
    }))]
    pub login: Option<Login>,

    /// Limit on account registrations for each IP address.
    #[schemars(extend("default" = {"burst": 3, "per_second": 3.0 / 3600.0}))]
    pub registration: Option<Limit>,

    /// Limits on verifying an email address.
    #[schemars(extend("x-since" = "0.13.0", "default" = {
        "per_ip": {"burst": 5, "per_second": 1.0 / 60.0},
        "per_address": {"burst": 3, "per_second": 1.0 / 3600.0},
        "emails_per_session": {"burst": 2, "per_second": 1.0 / 300.0},
        "attempt_per_session": {"burst": 10, "per_second": 1.0 / 60.0}
    }))]
    pub email_authentication: Option<EmailAuthentication>,
}

/// Limits on account recovery.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct AccountRecovery {
    /// Limit for each IP address.
    #[schemars(extend("default" = {"burst": 3, "per_second": 3.0 / 3600.0}))]
    pub per_ip: Option<Limit>,

    /// Limit for each email address.
    #[schemars(extend("default" = {"burst": 3, "per_second": 1.0 / 3600.0}))]
    pub per_address: Option<Limit>,
}

/// Limits on logins.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Login {
    /// Limit for each IP address.
    #[schemars(extend("default" = {"burst": 3, "per_second": 0.05}))]
    pub per_ip: Option<Limit>,

    /// Limit for each account. Keep it high: otherwise, anyone can lock a user out.
    #[schemars(extend("default" = {"burst": 1800, "per_second": 0.5}))]
    pub per_account: Option<Limit>,
}

/// Limits on verifying an email address.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct EmailAuthentication {
    /// Limit for each IP address.
    #[schemars(extend("default" = {"burst": 5, "per_second": 1.0 / 60.0}))]
    pub per_ip: Option<Limit>,

    /// Limit for each email address, including mails that are sent again.
    #[schemars(extend("default" = {"burst": 3, "per_second": 1.0 / 3600.0}))]
    pub per_address: Option<Limit>,

    /// Limit on mails for each verification.
    #[schemars(extend("default" = {"burst": 2, "per_second": 1.0 / 300.0}))]
    pub emails_per_session: Option<Limit>,

    /// Limit on code attempts for each verification.
    #[schemars(extend("default" = {"burst": 10, "per_second": 1.0 / 60.0}))]
    pub attempt_per_session: Option<Limit>,
}

/// A token bucket.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// Number of attempts allowed at once.
    #[schemars(range(min = 1))]
    #[schemars(example = 3)]
    pub burst: u32,

    /// Number of attempts regained per second: more than 0 and at most 1000000000. One attempt per
    /// minute is 0.0167.
    #[schemars(example = 0.05)]
    pub per_second: f64,
}
