//! The `email` section.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::format::Hostname;

/// How MAS sends mail.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Email {
    /// How to send mail.
    pub transport: Transport,

    /// Sender of all mails.
    #[schemars(
        email,
        example = &"\"Example Chat\" <noreply@example.com>",
        extend("default" = "\"Authentication Service\" <root@localhost>")
    )]
    pub from: Option<String>,

    /// Address for replies to these mails.
    #[schemars(
        email,
        example = &"\"Help desk\" <help@example.com>",
        extend("default" = "\"Authentication Service\" <root@localhost>")
    )]
    pub reply_to: Option<String>,

    /// Encryption of the SMTP connection.
    pub mode: Option<SmtpMode>,

    /// Host name or IP address of the SMTP server.
    #[schemars(example = &"mail.example.com")]
    pub hostname: Option<Hostname>,

    /// Port of the SMTP server.
    #[schemars(
        range(min = 1, max = 65535),
        extend("x-default-text" = "25, 465 or 587 for the modes plain, tls and starttls")
    )]
    #[schemars(example = 587)]
    pub port: Option<u16>,

    /// User name for the SMTP server.
    #[schemars(example = &"mas@example.com")]
    pub username: Option<String>,

    /// Password for the SMTP server.
    #[schemars(extend("x-secret" = true))]
    pub password: Option<String>,

    /// File that contains the password for the SMTP server.
    #[schemars(example = &"/run/secrets/smtp-password", extend("x-since" = "1.22.0"))]
    #[schemars(extend("x-file-of" = "password"))]
    pub password_file: Option<String>,

    /// Program that sends mail, compatible with `sendmail`.
    #[schemars(
        example = &"/run/wrappers/bin/sendmail",
        extend("x-default" = null, "x-upstream" = {"default": "sendmail"})
    )]
    pub command: Option<String>,
}

/// How to send mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Discard all mail.
    Blackhole,
    /// Send mail through an SMTP server.
    Smtp,
    /// Send mail through a local program.
    Sendmail,
}

/// Encryption of an SMTP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SmtpMode {
    /// No encryption, for a relay on the same host.
    Plain,
    /// Start unencrypted, then switch to TLS.
    StartTls,
    /// Use TLS from the start.
    Tls,
}
