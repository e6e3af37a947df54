//! Synapse's part: the settings with which it delegates authentication to MAS.

use serde_json::{Value, json};

use crate::expr::{
    Entry, Expr, Term, all, any, either, enabled, entry, given, known, not, template,
};

/// Whether Synapse runs on this host and delegates to MAS.
#[must_use]
pub fn on_this_host() -> Expr {
    let elsewhere = known("synapse.units").is(json!([]));
    all([enabled("synapse.enable"), not(elsewhere)])
}

/// The `matrix_authentication_service` section of Synapse's configuration.
#[must_use]
pub fn section() -> Vec<Entry> {
    vec![
        entry("enabled", true),
        entry("endpoint", known("synapse.endpoint")),
        entry("secret_path", secret_path()),
        entry("force_http2", true).when(enabled("synapse.forceHttp2")),
    ]
}

/// The `experimental_features` that the module's options ask for.
#[must_use]
pub fn features() -> Vec<Entry> {
    let qr_login = || enabled("synapse.qrLogin");
    vec![
        entry("msc4108_enabled", true).when(qr_login()),
        // Open also to devices that are not logged in yet, because either device may show the code. Synapse
        // before 1.149.0 ignores it. In nixpkgs, Synapse's version depends on which settings there are, so
        // these must not depend on it.
        entry("msc4388_mode", "open").when(qr_login()),
        entry("msc4143_enabled", true).when(announces_transports()),
    ]
}

/// Synapse's `matrix_rtc` section, if the module's options ask for one.
#[must_use]
pub fn matrix_rtc() -> Vec<Entry> {
    vec![entry("transports", known("synapse.rtcTransports"))]
}

/// Whether Synapse announces transports for calls.
#[must_use]
pub fn announces_transports() -> Expr {
    not(known("synapse.rtcTransports").is(json!([])))
}

/// The file from which Synapse reads the shared secret: `synapse.secretPath` if set, else the generated
/// file or the one that MAS reads.
#[must_use]
pub fn secret_path() -> Term {
    either(
        given("synapse.secretPath"),
        known("synapse.secretPath"),
        either(
            enabled("computed.generate.synapse"),
            template("{secrets.directory}/synapse"),
            known("computed.sharedSecretFile"),
        ),
    )
}

/// A configuration file for Synapse to read after its own. It enables delegation and disables everything
/// that conflicts with it, whatever the earlier files set.
#[must_use]
pub fn overlay() -> Vec<Entry> {
    let off = [
        ("password_config", json!({"enabled": false})),
        ("password_providers", json!([])),
        ("oidc_providers", json!([])),
        ("oidc_config", Value::Null),
        ("saml2_config", Value::Null),
        ("cas_config", Value::Null),
        // Synapse requires a secret in this section even if it is disabled, so it is null instead.
        ("jwt_config", Value::Null),
        ("user_consent", Value::Null),
        ("enable_registration", json!(false)),
        ("enable_registration_captcha", json!(false)),
        ("login_via_existing_session", json!({"enabled": false})),
        ("refresh_token_lifetime", Value::Null),
        ("nonrefreshable_access_token_lifetime", Value::Null),
        ("session_lifetime", Value::Null),
        ("enable_3pid_changes", json!(false)),
    ];
    let mut entries = vec![entry("matrix_authentication_service", section())];
    entries.extend(off.map(|(name, value)| entry(name, value)));
    entries.extend([
        // The whole section: it replaces that of the earlier files.
        entry(
            "experimental_features",
            known("computed.experimentalFeatures"),
        )
        .when(any([enabled("synapse.qrLogin"), announces_transports()])),
        entry("matrix_rtc", matrix_rtc()).when(announces_transports()),
    ]);
    entries
}
