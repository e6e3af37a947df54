//! The `templates` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// Where MAS finds its page templates and translations.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Templates {
    /// Directory of the page templates.
    #[schemars(extend(
        "x-nullable" = false,
        "x-default-text" = "what the package brings",
        "x-upstream" = {"nullable": true}
    ))]
    pub path: Option<String>,

    /// File that lists the style sheets and scripts the pages load.
    #[schemars(extend(
        "x-nullable" = false,
        "x-default-text" = "what the package brings",
        "x-upstream" = {"nullable": true}
    ))]
    pub assets_manifest: Option<String>,

    /// Directory of the translations.
    #[schemars(extend(
        "x-nullable" = false,
        "x-default-text" = "what the package brings",
        "x-upstream" = {"nullable": true}
    ))]
    pub translations_path: Option<String>,
}
