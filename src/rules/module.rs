//! Rules for the module's own options, with all defaults and with MAS's settings.

use semver::Version;
use serde_json::{Value, json};

use super::{Rule, each, rule};
use crate::{
    config::tree,
    deploy::{credentials, units, well_known},
    expr::{
        Expr, Term, all, any, any_set, either, enabled, given, known, missing, not, option, set,
    },
    schema::format::{
        ABSOLUTE_PATH, CREDENTIAL_SOURCE, DOMAIN_NAME, LOCAL_DATABASE_URI, SERVED_TEXT,
    },
};

/// All rules of this file.
pub fn rules() -> Vec<Rule> {
    [homeserver(), clients(), routes(), service(), files()]
        .into_iter()
        .flatten()
        .collect()
}

fn version(version: &str) -> Version {
    version.parse().expect("versions are constants")
}

/// Whether Synapse's version is known, and older than this one.
fn synapse_before(number: &str) -> Expr {
    all([
        given("synapse.version"),
        Expr::Earlier(known("synapse.version"), version(number)),
    ])
}

/// Options of MAS and Synapse that must agree.
fn homeserver() -> Vec<Rule> {
    vec![
        rule(
            "no-homeserver",
            "settings.matrix.homeserver",
            missing("settings.matrix.homeserver"),
            "MAS would use the name localhost:8008",
            "Set it to the name of the homeserver, `server_name` in Synapse's configuration.",
        ),
        rule(
            "same-database",
            "settings.database",
            all([
                given("synapse.database"),
                Expr::Same(database_name(), known("synapse.database")),
                local_database(),
            ]),
            "this is Synapse's database, but both need a table named `users`",
            "Use a separate database for MAS, for example with `createDatabase`.",
        ),
        rule(
            "mas-too-old-to-delegate",
            "synapse.enable",
            all([enabled("synapse.enable"), Expr::OlderThan(version("1.0.0"))]),
            "Synapse cannot delegate to MAS before 1.0.0",
            "Set `package` to a newer version of MAS.",
        ),
        rule(
            "no-secret-for-synapse",
            "synapse.secretPath",
            all([
                enabled("synapse.enable"),
                known("synapse.secretPath").is(Value::Null),
                not(enabled("computed.generate.synapse")),
                known("computed.sharedSecretFile").is(Value::Null),
            ]),
            "Synapse cannot read the shared secret: it has no access to MAS's credentials, and no other file is set",
            "Set it to a file that contains the secret and that Synapse's group can read.",
        ),
        rule(
            "migration-without-synapse",
            "migration.enable",
            all([enabled("migration.enable"), not(enabled("synapse.enable"))]),
            "a migration needs the settings with which Synapse delegates to MAS",
            "Set `synapse.enable` to true.",
        ),
        rule(
            "migration-of-another-host",
            "synapse.units",
            all([
                enabled("migration.enable"),
                known("synapse.units").is(json!([])),
            ]),
            "a migration stops and starts Synapse on this host",
            "List Synapse's units, including workers.",
        ),
        rule(
            "synapse-too-old",
            "synapse.version",
            all([enabled("synapse.enable"), synapse_before("1.136.0")]),
            "Synapse before 1.136.0 does not support `matrix_authentication_service`",
            "Use a newer version of Synapse.",
        ),
        rule(
            "synapse-too-old-for-http2",
            "synapse.forceHttp2",
            all([enabled("synapse.forceHttp2"), synapse_before("1.151.0")]),
            "Synapse before 1.151.0 does not support `force_http2`",
            "Use a newer version of Synapse, or remove this option.",
        ),
    ]
}

/// What clients can use only with a Synapse that delegates.
fn clients() -> Vec<Rule> {
    let transports = || not(known("synapse.rtcTransports").is(json!([])));
    let delegates = || enabled("synapse.enable");
    vec![
        rule(
            "qr-login-without-synapse",
            "synapse.qrLogin",
            all([enabled("synapse.qrLogin"), not(delegates())]),
            "Synapse offers login with a QR code only if it delegates to MAS",
            "Set `synapse.enable` to true, or remove this option.",
        ),
        rule(
            "synapse-too-old-for-qr-login",
            "synapse.qrLogin",
            all([enabled("synapse.qrLogin"), synapse_before("1.137.0")]),
            "Synapse before 1.137.0 does not start with `msc4108_enabled` if it delegates to MAS in this way",
            "Use a newer version of Synapse, or set this option to false.",
        ),
        rule(
            "qr-login-without-device-code",
            "synapse.qrLogin",
            all([
                enabled("synapse.qrLogin"),
                option("settings.oauth.device_code_grant_enabled").is(false),
            ]),
            "a login with a QR code uses the device code grant, which `settings.oauth.device_code_grant_enabled` disables",
            "Set this option to false, or remove that one.",
        ),
        rule(
            "rtc-transports-without-synapse",
            "synapse.rtcTransports",
            all([transports(), not(delegates())]),
            "they are written to the file with which Synapse delegates to MAS",
            "Set `synapse.enable` to true, or set `matrix_rtc` in Synapse's own configuration.",
        ),
        rule(
            "synapse-too-old-for-rtc-transports",
            "synapse.rtcTransports",
            all([transports(), synapse_before("1.140.0")]),
            "Synapse before 1.140.0 does not announce transports",
            "Use a newer version of Synapse, or remove this option.",
        ),
    ]
}

/// Options that the reverse proxy needs.
fn routes() -> Vec<Rule> {
    let any_proxy = || any([enabled("routes.nginx"), enabled("routes.caddy")]);
    vec![
        rule(
            "routes-without-host",
            "routes.host",
            all([any_proxy(), known("routes.host").is(Value::Null)]),
            "the proxy needs the public host name of MAS",
            "Set it, for example to \"auth.example.com\".",
        ),
        rule(
            "routes-without-matrix-host",
            "routes.matrixHost",
            all([any_proxy(), known("routes.matrixHost").is(Value::Null)]),
            "the proxy needs the public host name of Synapse",
            "Set it, for example to \"matrix.example.com\".",
        ),
        rule(
            "routes-overlap",
            "routes.path",
            all([
                given("routes.host"),
                Expr::Same(known("routes.host"), known("routes.matrixHost")),
                known("routes.path").is("/"),
            ]),
            "MAS and Synapse have the same public host name, so MAS needs its own path",
            "Set it, for example to \"/auth/\".",
        ),
        rule(
            "well-known-without-name",
            "settings.matrix.homeserver",
            all([
                any_proxy(),
                enabled("routes.wellKnown"),
                enabled("settingsElsewhere"),
                not(set("settings.matrix.homeserver")),
            ]),
            "the proxy serves the well-known documents on the name of the homeserver, but cannot read it from `extraConfigFiles`",
            "Set it here too, or set `routes.wellKnown` to false.",
        ),
        rule(
            "well-known-with-port",
            "routes.wellKnown",
            all([
                any_proxy(),
                enabled("routes.wellKnown"),
                set("settings.matrix.homeserver"),
                not(option("settings.matrix.homeserver").matches(&DOMAIN_NAME)),
            ]),
            "the name of the homeserver has a port or is an IP address, so other servers do not request these documents",
            "Set it to false, and serve the document for clients yourself.",
        ),
        served("settings.http.issuer"),
        served("settings.http.public_base"),
        rule(
            "well-known-conflict",
            "routes.wellKnownClient",
            Expr::Exists(
                "computed.wellKnownClient".into(),
                Box::new(known("name").one_of(&well_known::OWN)),
            ),
            "`m.homeserver` and `org.matrix.msc2965.authentication` follow from other options",
            "Remove them here, and set `routes.matrixHost`, `routes.host` and `settings.http.issuer`.",
        ),
    ]
}

/// A URL that is a part of the well-known documents, which proxies have as texts in their configurations.
fn served(at: &str) -> Rule {
    rule(
        "well-known-with-special-characters",
        at,
        all([
            any([enabled("routes.nginx"), enabled("routes.caddy")]),
            enabled("routes.wellKnown"),
            set(at),
            not(option(at).matches(&SERVED_TEXT)),
        ]),
        "it is a part of the well-known documents, and the proxy does not serve quotes, $, \\, braces and \
         white space as they are",
        "Write these characters with % and their number, such as %24 for $.",
    )
}

/// Files that systemd loads for the service, unless they are in its own directories.
fn files() -> Vec<Rule> {
    let options = credentials::options(&tree::settings()).into_iter();
    let rules = options.map(|file| {
        let path = format!("settings.{}", file.path);
        let end = path.rfind("[]").map_or(0, |at| at + 2);
        let (scope, at) = path.split_at(end);
        let at = at.trim_start_matches('.');
        each(
            scope,
            "path-for-systemd",
            at,
            all([
                option(at).matches(&ABSOLUTE_PATH),
                not(option(at).matches(&CREDENTIAL_SOURCE)),
            ]),
            "systemd does not load a file by a path with `//`, `.` or `..`, or with %, \\ or control characters",
            "Use another path to it.",
        )
    });
    rules.collect()
}

/// Options that the units and their programs need.
fn service() -> Vec<Rule> {
    vec![
        rule(
            "socket-would-be-removed",
            "listen.public",
            Expr::Matches(known("listen.public"), &crate::schema::format::RUNTIME_FILE),
            "systemd removes this directory, and the socket in it, whenever MAS stops",
            "Use another path below /run, such as /run/mas.sock.",
        ),
        rule(
            "sockets-not-used",
            "settings.http.listeners",
            all([
                units::activated(),
                not(known("role").is("worker")),
                not(Expr::Exists(
                    "settings.http.listeners".into(),
                    Box::new(Expr::Exists(
                        "binds".into(),
                        Box::new(any([set("fd"), set("kind")])),
                    )),
                )),
            ]),
            "systemd holds the sockets of `listen`, but none of these listeners uses them",
            "Set `fd` to 0 for `listen.public` and to 1 for `listen.internal`, or set \
             `socketActivation` to false.",
        ),
        rule(
            "password-without-passwords",
            "settings.passwords.enabled",
            all([
                option("settings.passwords.enabled").is(false),
                Expr::Exists("computed.userCredentials".into(), Box::new(all([]))),
            ]),
            "`users` sets passwords, but login with a password is disabled",
            "Set it to true, or remove `passwordFile` from the users.",
        ),
        rule(
            "wrapper-over-mas",
            "package",
            known("package").is("/usr/local"),
            "the wrapper `mas-cli` is installed in /usr/local/bin, and would replace MAS's own program there",
            "Install MAS elsewhere, for example below /opt/mas.",
        ),
    ]
}

fn database_name() -> Term {
    either(
        set("settings.database.database"),
        option("settings.database.database"),
        Term::Captured(
            Box::new(option("settings.database.uri")),
            "[^:]*://[^/?]*/([^?]*).*",
        ),
    )
}

/// Whether MAS's database is on this host.
fn local_database() -> Expr {
    let host = || Term::Option("settings.database.host".into(), json!(null));
    any([
        not(any_set(&[
            "settings.database.host",
            "settings.database.uri",
        ])),
        host().one_of(&["localhost", "127.0.0.1", "::1"]),
        host().matches(&ABSOLUTE_PATH),
        option("settings.database.uri").matches(&LOCAL_DATABASE_URI),
    ])
}
