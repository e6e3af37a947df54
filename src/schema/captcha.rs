//! The `captcha` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// A CAPTCHA in front of registration.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-since" = "0.10.0"))]
pub struct Captcha {
    /// Which service checks that a human is there. Leave it out for no CAPTCHA.
    pub service: Option<Service>,

    /// The public half of the key pair that the service issued.
    pub site_key: Option<String>,

    /// The secret half of the key pair. MAS cannot read it from a file.
    #[schemars(extend("x-secret" = true))]
    pub secret_key: Option<String>,
}

/// A CAPTCHA service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Google reCAPTCHA, version 2.
    RecaptchaV2,
    /// Cloudflare Turnstile.
    CloudflareTurnstile,
    /// hCaptcha.
    Hcaptcha,
}
