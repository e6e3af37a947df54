//! The `branding` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::format::Url;

/// How MAS presents itself to users.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Branding {
    /// Name of this service on pages and in mails.
    #[schemars(example = &"Example Chat", extend("x-default-text" = "the server's address"))]
    pub service_name: Option<String>,

    /// URL of your privacy policy. Pages and mails link to it, and MAS advertises it to clients.
    #[schemars(example = &"https://example.com/privacy")]
    pub policy_uri: Option<Url>,

    /// URL of your terms of service. Users must accept them when they register. Existing users are
    /// not asked.
    #[schemars(example = &"https://example.com/terms")]
    pub tos_uri: Option<Url>,

    /// Legal notice shown in the footer of pages and mails.
    #[schemars(example = &"Example Ltd, 1 Example Street, Exampleton")]
    pub imprint: Option<String>,

    /// URL of a logo. MAS 1.21.0 removed this option; showing a logo now requires a custom
    /// template.
    #[schemars(extend("x-removed" = "1.21.0"))]
    pub logo_uri: Option<Url>,
}
