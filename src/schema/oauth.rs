//! The `oauth` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// Features of the OAuth 2.0 protocol.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-since" = "1.18.0"))]
pub struct Oauth {
    /// Whether a device may log in by showing a code that the user confirms on another device (RFC
    /// 8628). Required for login by QR code.
    #[schemars(extend("x-default" = true))]
    pub device_code_grant_enabled: Option<bool>,

    /// Whether the link that a device shows already contains the code. This is convenient, but
    /// easier to abuse for phishing.
    #[schemars(extend("x-default" = false))]
    pub device_code_user_code_auto_fill_enabled: Option<bool>,
}
