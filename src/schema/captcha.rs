//! The `captcha` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// A CAPTCHA that users must solve to register.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-since" = "0.10.0"))]
pub struct Captcha {
    /// The CAPTCHA service to use. If unset, there is no CAPTCHA.
    pub service: Option<Service>,

    /// The public key issued by the CAPTCHA service.
    #[schemars(example = &"6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI")]
    pub site_key: Option<String>,

    /// The secret key issued by the CAPTCHA service. MAS cannot read it from a file.
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
