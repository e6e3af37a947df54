//! The `experimental` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// Experimental features, which upstream may change or remove.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Experimental {
    /// Lifetime of OAuth 2.0 access tokens, in seconds. Clients must refresh expired tokens.
    #[schemars(range(min = 60, max = 86400), extend("x-default" = 300))]
    pub access_token_ttl: Option<u64>,

    /// Lifetime of access tokens of the legacy Matrix login, in seconds, for clients that can
    /// refresh them.
    #[schemars(range(min = 60, max = 86400), extend("x-default" = 300))]
    pub compat_token_ttl: Option<u64>,

    /// Ends inactive sessions. Disabled unless this section is set.
    #[schemars(extend("x-since" = "0.14.0", "x-nullable" = true))]
    pub inactive_session_expiration: Option<InactiveSessionExpiration>,

    /// URL of a page to embed in account management as the user's plan. MAS does not check it.
    #[schemars(example = &"https://example.com/plan", extend("x-since" = "0.17.0"))]
    pub plan_management_iframe_uri: Option<String>,

    /// Limits the number of sessions per user. Disabled unless this section is set.
    #[schemars(extend("x-since" = "1.8.0", "x-nullable" = true))]
    pub session_limit: Option<SessionLimit>,
}

/// The end of inactive sessions.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InactiveSessionExpiration {
    /// Seconds of inactivity after which a session ends, from ten minutes to ninety days.
    #[schemars(range(min = 600, max = 7_776_000), example = 2_592_000)]
    pub ttl: u64,

    /// Whether to end inactive sessions of the legacy Matrix login.
    #[schemars(extend("default" = true))]
    pub expire_compat_sessions: Option<bool>,

    /// Whether to end inactive OAuth 2.0 sessions.
    #[schemars(extend("default" = true))]
    pub expire_oauth_sessions: Option<bool>,

    /// Whether to end inactive browser sessions of MAS itself.
    #[schemars(extend("default" = true))]
    pub expire_user_sessions: Option<bool>,
}

/// Limits on the number of sessions per user.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SessionLimit {
    /// Number of sessions from which a user who logs in with a browser is asked to end one first.
    #[schemars(range(min = 1))]
    #[schemars(example = 30)]
    pub soft_limit: u64,

    /// Number of sessions from which every login is refused.
    #[schemars(range(min = 1))]
    #[schemars(example = 100)]
    pub hard_limit: u64,

    /// Accounts with more sessions than this are exempt from the limits, so that old bots that log
    /// in repeatedly keep working.
    #[schemars(range(min = 1), extend("x-since" = "1.18.0"))]
    #[schemars(example = 1000)]
    pub max_session_threshold: Option<u64>,

    /// Whether a login beyond `hard_limit` ends the least recently used session instead of being
    /// refused. The device that loses its session also loses its encrypted history, unless that is
    /// backed up.
    #[schemars(extend("default" = false, "x-since" = "1.17.0"))]
    pub dangerous_hard_limit_eviction: Option<bool>,
}
