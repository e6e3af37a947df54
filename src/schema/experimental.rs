//! The `experimental` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// Features that upstream may still change or take away.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Experimental {
    /// Seconds an OAuth 2.0 access token lives before its client has to refresh it.
    #[schemars(range(min = 60, max = 86400), extend("x-default" = 300))]
    pub access_token_ttl: Option<u64>,

    /// Seconds an access token of the old Matrix login lives, for clients that can refresh it.
    #[schemars(range(min = 60, max = 86400), extend("x-default" = 300))]
    pub compat_token_ttl: Option<u64>,

    /// End sessions that nobody used for a while. Off unless this section is there.
    #[schemars(extend("x-since" = "0.14.0", "x-nullable" = true))]
    pub inactive_session_expiration: Option<InactiveSessionExpiration>,

    /// Page to show inside account management as the user's plan. MAS passes it on unchecked.
    #[schemars(example = &"https://example.com/plan", extend("x-since" = "0.17.0"))]
    pub plan_management_iframe_uri: Option<String>,

    /// Limit how many sessions a user may have. Off unless this section is there.
    #[schemars(extend("x-since" = "1.8.0", "x-nullable" = true))]
    pub session_limit: Option<SessionLimit>,
}

/// Ending sessions that nobody used for a while.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InactiveSessionExpiration {
    /// Seconds without activity after which a session ends: ten minutes to ninety days.
    #[schemars(range(min = 600, max = 7_776_000), example = 2_592_000)]
    pub ttl: u64,

    /// Whether sessions of the old Matrix login end this way.
    #[schemars(extend("default" = true))]
    pub expire_compat_sessions: Option<bool>,

    /// Whether OAuth 2.0 sessions end this way.
    #[schemars(extend("default" = true))]
    pub expire_oauth_sessions: Option<bool>,

    /// Whether browser sessions of MAS itself end this way.
    #[schemars(extend("default" = true))]
    pub expire_user_sessions: Option<bool>,
}

/// Limiting how many sessions a user may have.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SessionLimit {
    /// From this many sessions on, whoever logs in with a browser is asked to end one first.
    #[schemars(range(min = 1))]
    pub soft_limit: u64,

    /// From this many sessions on, every login is refused.
    #[schemars(range(min = 1))]
    pub hard_limit: u64,

    /// Accounts with more sessions than this are exempt, so that old bots that log in again and
    /// again go on working.
    #[schemars(range(min = 1), extend("x-since" = "1.18.0"))]
    pub max_session_threshold: Option<u64>,

    /// Whether a login beyond `hard_limit` ends the session that was not used for longest instead
    /// of being refused. The device that loses its session loses its encrypted history too, unless
    /// it is backed up.
    #[schemars(extend("default" = false, "x-since" = "1.17.0"))]
    pub dangerous_hard_limit_eviction: Option<bool>,
}
