//! MAS's configuration as Rust types, one file per section.
//!
//! schemars turns these types into a JSON schema, and [`crate::config::tree`] turns that into the
//! tree that every other part of the program walks. What Rust's type system cannot express stands
//! beside the field as an extension keyword of the JSON schema:
//!
//! | keyword | meaning |
//! |---|---|
//! | `default` | the value MAS uses if the option is absent, as stated in upstream's schema |
//! | `x-default` | the same where upstream's schema is silent or wrong; `null` means that there is none |
//! | `x-default-text` | a default that is not a constant, in words |
//! | `x-since`, `x-removed` | first MAS version with the option, first version without it |
//! | `x-required-before` | MAS versions before this one refuse to start without the option |
//! | `x-secret` | the value must never be printed or reach the Nix store |
//! | `x-file-of` | the option names a file that contains the value of another option: `"secret"` for `secret_file` |
//! | `x-directory` | the option names a directory, and MAS reads every file in it |
//! | `x-read-raw` | MAS uses every byte of the named file, so a final newline must be removed |
//! | `x-names` | the format of the names in a map, such as `"Localpart"` |
//! | `x-unset-if-empty` | the NixOS module treats an empty string as absent, because it is the default in nixpkgs' module |
//! | `x-nullable` | whether `null` is accepted, where that differs from the rule below |
//! | `x-null` | the meaning of `null`, where it differs from leaving the option out |
//! | `x-upstream` | keywords that differ in upstream's schema, for `mas2nix diff` |
//!
//! `null` means "not set" for a scalar without a default and is rejected everywhere else, as in MAS
//! itself. An option without `x-since` is as old as the section that contains it.
//!
//! Names, types, defaults and versions were taken from MAS v0.9.0 to v1.22.0
//! (<https://github.com/element-hq/matrix-authentication-service>).

pub mod account;
pub mod branding;
pub mod captcha;
pub mod clients;
pub mod database;
pub mod email;
pub mod experimental;
pub mod format;
pub mod http;
pub mod jwk;
pub mod matrix;
pub mod module;
pub mod oauth;
pub mod passwords;
pub mod policy;
pub mod rate_limiting;
pub mod secrets;
pub mod telemetry;
pub mod templates;
pub mod upstream_oauth2;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// The newest MAS version this schema describes.
pub const NEWEST: semver::Version = semver::Version::new(1, 22, 0);

/// The oldest MAS version this schema describes.
pub const OLDEST: semver::Version = semver::Version::new(0, 9, 0);

/// Configuration of Matrix Authentication Service, as in its `config.yaml`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-since" = "0.9.0"))]
pub struct Settings {
    /// The web server: its public URL, where it listens, and what it serves there.
    #[schemars(extend("x-upstream" = {"default": {
        "listeners": [
            {
                "name": "web",
                "resources": [
                    {"name": "discovery"}, {"name": "human"}, {"name": "oauth"},
                    {"name": "compat"}, {"name": "graphql"}, {"name": "assets"}
                ],
                "binds": [{"address": "[::]:8080"}],
                "proxy_protocol": false
            },
            {
                "name": "internal",
                "resources": [{"name": "health"}],
                "binds": [{"host": "localhost", "port": 8081}],
                "proxy_protocol": false
            }
        ],
        "trusted_proxies": [
            "192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/10", "127.0.0.1/8", "fd00::/8", "::1/128"
        ],
        "public_base": "http://[::]:8080/",
        "issuer": "http://[::]:8080/"
    }}))]
    pub http: Option<http::Http>,

    /// The homeserver that MAS authenticates users for.
    pub matrix: matrix::Matrix,

    /// Keys that encrypt the data MAS stores and sign the tokens it issues.
    pub secrets: secrets::Secrets,

    /// The connection to PostgreSQL. Without this section, MAS connects to the local server as the
    /// user that it runs as.
    #[schemars(extend("x-upstream" = {"default": {
        "uri": "postgresql://", "max_connections": 10, "min_connections": 0,
        "connect_timeout": 30, "idle_timeout": 600, "max_lifetime": 1800
    }}))]
    pub database: Option<database::Database>,

    /// Login with passwords that MAS itself stores.
    #[schemars(extend("default" = {
        "enabled": true, "schemes": [{"version": 1, "algorithm": "argon2id"}],
        "minimum_complexity": 3
    }))]
    pub passwords: Option<passwords::Passwords>,

    /// How MAS sends mail, for address verification and account recovery. Without this section, MAS
    /// discards all mail.
    #[schemars(extend("default" = {
        "from": "\"Authentication Service\" <root@localhost>",
        "reply_to": "\"Authentication Service\" <root@localhost>", "transport": "blackhole"
    }))]
    pub email: Option<email::Email>,

    /// Login through other identity providers.
    pub upstream_oauth2: Option<upstream_oauth2::UpstreamOauth2>,

    /// Predefined OAuth 2.0 clients. Other clients register themselves at run time. MAS copies this
    /// list to its database at every start. Entries removed from the list stay in the database
    /// until `mas-cli config sync --prune` runs.
    pub clients: Option<Vec<clients::Client>>,

    /// What users may do with their own accounts.
    pub account: Option<account::Account>,

    /// Features of the OAuth 2.0 protocol.
    pub oauth: Option<oauth::Oauth>,

    /// How MAS presents itself to users.
    pub branding: Option<branding::Branding>,

    /// A CAPTCHA that users must solve to register.
    pub captcha: Option<captcha::Captcha>,

    /// The Open Policy Agent policy that allows or denies registrations, clients and logins.
    pub policy: Option<policy::Policy>,

    /// Rate limits. Each one is a token bucket.
    pub rate_limiting: Option<rate_limiting::RateLimiting>,

    /// Traces, metrics and crash reports.
    pub telemetry: Option<telemetry::Telemetry>,

    /// Paths of the page templates and translations. The package sets these paths; change them only
    /// to use custom templates.
    pub templates: Option<templates::Templates>,

    /// Experimental features, which upstream may change or remove.
    pub experimental: Option<experimental::Experimental>,
}

/// The JSON schema of a type such as [`Settings`], with all types inlined.
#[must_use]
pub fn json_schema<T: JsonSchema>() -> serde_json::Value {
    let mut settings = schemars::generate::SchemaSettings::draft07();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}
