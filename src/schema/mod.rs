//! What can be configured: MAS's configuration as Rust types, one file per section.
//!
//! schemars turns these types into a JSON schema, and [`crate::config::tree`] turns that into the tree
//! every other part of the program walks. What Rust's type system cannot say stands beside the
//! field as an extension keyword of the JSON schema:
//!
//! | keyword | meaning |
//! |---|---|
//! | `default` | what MAS uses when the option is absent, as upstream's own schema says |
//! | `x-default` | the same where upstream's schema is silent or wrong; `null` for "none" |
//! | `x-default-text` | a default that is no constant, in words |
//! | `x-since`, `x-removed` | first MAS version with the option, first one without it again |
//! | `x-required-before` | MAS versions before this one refuse to start without the option |
//! | `x-secret` | never print the value, and never let it into the Nix store |
//! | `x-file-of` | names a file with the value of this other option: `"secret"` for `secret_file` |
//! | `x-directory` | names a directory of which MAS reads every file |
//! | `x-read-raw` | MAS uses every byte of the named file, so a final newline must go |
//! | `x-unset-if-empty` | NixOS takes the empty text for leaving the option out, because nixpkgs' module has it for the default |
//! | `x-nullable` | whether `null` is accepted, where the rule below does not tell |
//! | `x-null` | `null` differs from leaving the option out: what it means |
//! | `x-upstream` | what upstream's schema says instead, for `mas2nix diff` |
//!
//! `null` means "not set" for a scalar without a default and is refused everywhere else, as in
//! MAS itself. An option without `x-since` is as old as what contains it.
//!
//! Names, types, defaults and versions were read off MAS v0.9.0 to v1.22.0
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

/// Configuration of Matrix Authentication Service, as it stands in its `config.yaml`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-since" = "0.9.0"))]
pub struct Settings {
    /// The web server: where it listens, what it serves there, and under which public address.
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

    /// Keys that encrypt what MAS stores and sign what it issues.
    pub secrets: secrets::Secrets,

    /// The connection to PostgreSQL. Without this section MAS connects to the local server as the
    /// user it runs as.
    #[schemars(extend("x-upstream" = {"default": {
        "uri": "postgresql://", "max_connections": 10, "min_connections": 0,
        "connect_timeout": 30, "idle_timeout": 600, "max_lifetime": 1800
    }}))]
    pub database: Option<database::Database>,

    /// Logging in with a password that MAS itself keeps.
    #[schemars(extend("default" = {
        "enabled": true, "schemes": [{"version": 1, "algorithm": "argon2id"}],
        "minimum_complexity": 3
    }))]
    pub passwords: Option<passwords::Passwords>,

    /// Sending mail: address verification and account recovery. Without this section MAS throws
    /// all mail away.
    #[schemars(extend("default" = {
        "from": "\"Authentication Service\" <root@localhost>",
        "reply_to": "\"Authentication Service\" <root@localhost>", "transport": "blackhole"
    }))]
    pub email: Option<email::Email>,

    /// Logging in through other identity providers.
    pub upstream_oauth2: Option<upstream_oauth2::UpstreamOauth2>,

    /// OAuth 2.0 clients known from the start. Others register themselves at run time. MAS copies
    /// this list into its database at every start; entries taken out of it stay there until
    /// `mas-cli config sync --prune`.
    pub clients: Option<Vec<clients::Client>>,

    /// What users may do with their accounts by themselves.
    pub account: Option<account::Account>,

    /// Switches of the OAuth 2.0 protocol.
    pub oauth: Option<oauth::Oauth>,

    /// How MAS presents itself to users.
    pub branding: Option<branding::Branding>,

    /// A CAPTCHA in front of registration.
    pub captcha: Option<captcha::Captcha>,

    /// The Open Policy Agent policy that allows or refuses registrations, clients and logins.
    pub policy: Option<policy::Policy>,

    /// How often someone may try something. Each limit is a token bucket.
    pub rate_limiting: Option<rate_limiting::RateLimiting>,

    /// Traces, metrics and crash reports.
    pub telemetry: Option<telemetry::Telemetry>,

    /// Where MAS finds its page templates and translations. The package sets these paths; change
    /// them for templates of your own.
    pub templates: Option<templates::Templates>,

    /// Features that upstream may still change or take away.
    pub experimental: Option<experimental::Experimental>,
}

/// The JSON schema of a type such as [`Settings`], every type written out in place.
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
