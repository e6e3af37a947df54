//! The `rate_limiting` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// How often someone may try something.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-since" = "0.10.0"))]
pub struct RateLimiting {
    /// Asking for a mail that resets a password.
    #[schemars(extend("default" = {
        "per_ip": {"burst": 3, "per_second": 3.0 / 3600.0},
        "per_address": {"burst": 3, "per_second": 1.0 / 3600.0}
    }))]
    pub account_recovery: Option<AccountRecovery>,

    /// Trying a password, at login or to change it.
    #[schemars(extend("default" = {
        "per_ip": {"burst": 3, "per_second": 0.05},
        "per_account": {"burst": 1800, "per_second": 0.5}
    }))]
    pub login: Option<Login>,

    /// Registering accounts, per IP address.
    #[schemars(extend("default" = {"burst": 3, "per_second": 3.0 / 3600.0}))]
    pub registration: Option<Limit>,

    /// Proving that an email address is one's own.
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

    /// Limit for each account. Keep it high, or anyone can lock a user out.
    #[schemars(extend("default" = {"burst": 1800, "per_second": 0.5}))]
    pub per_account: Option<Limit>,
}

/// Limits on proving an email address.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct EmailAuthentication {
    /// Limit for each IP address.
    #[schemars(extend("default" = {"burst": 5, "per_second": 1.0 / 60.0}))]
    pub per_ip: Option<Limit>,

    /// Limit for each email address, mails sent again included.
    #[schemars(extend("default" = {"burst": 3, "per_second": 1.0 / 3600.0}))]
    pub per_address: Option<Limit>,

    /// Mails within one attempt to prove an address.
    #[schemars(extend("default" = {"burst": 2, "per_second": 1.0 / 300.0}))]
    pub emails_per_session: Option<Limit>,

    /// Codes tried within one attempt to prove an address.
    #[schemars(extend("default" = {"burst": 10, "per_second": 1.0 / 60.0}))]
    pub attempt_per_session: Option<Limit>,
}

/// A token bucket.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// How many tries there are at once.
    #[schemars(range(min = 1))]
    pub burst: u32,

    /// How many tries come back each second: more than 0, at most 1000000000. One try a minute is
    /// 0.0167.
    #[schemars(example = 0.05)]
    pub per_second: f64,
}
