//! The `branding` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::format::Url;

/// How MAS presents itself to users.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Branding {
    /// The name that pages and mails call this service by.
    #[schemars(example = &"Example Chat", extend("x-default-text" = "the server's address"))]
    pub service_name: Option<String>,

    /// Your privacy policy. Pages and mails link to it, and clients are told about it.
    #[schemars(example = &"https://example.com/privacy")]
    pub policy_uri: Option<Url>,

    /// Your terms of service. Whoever registers has to accept them; accounts that exist already
    /// are not asked.
    #[schemars(example = &"https://example.com/terms")]
    pub tos_uri: Option<Url>,

    /// Legal notice in the footer of pages and mails.
    #[schemars(example = &"Example Ltd, 1 Example Street, Exampleton")]
    pub imprint: Option<String>,

    /// A logo to show. MAS 1.21.0 dropped this option; a logo now needs a template of your own.
    #[schemars(extend("x-removed" = "1.21.0"))]
    pub logo_uri: Option<Url>,
}
