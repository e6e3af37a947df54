//! The `templates` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// Paths of the page templates and translations.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Templates {
    /// Directory that contains the page templates.
    #[schemars(extend(
        "x-nullable" = false,
        "x-default-text" = "provided by the package",
        "x-upstream" = {"nullable": true}
    ))]
    #[schemars(example = &"/var/lib/mas/templates")]
    pub path: Option<String>,

    /// File that lists the style sheets and scripts that the pages load.
    #[schemars(extend(
        "x-nullable" = false,
        "x-default-text" = "provided by the package",
        "x-upstream" = {"nullable": true}
    ))]
    #[schemars(example = &"/var/lib/mas/manifest.json")]
    pub assets_manifest: Option<String>,

    /// Directory that contains the translations.
    #[schemars(extend(
        "x-nullable" = false,
        "x-default-text" = "provided by the package",
        "x-upstream" = {"nullable": true}
    ))]
    #[schemars(example = &"/var/lib/mas/translations")]
    pub translations_path: Option<String>,
}
