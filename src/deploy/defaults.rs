//! Defaults computed from the module's options, for settings that the user leaves out.

use serde_json::{Value, json};

use crate::{
    deploy::units,
    expr::{
        Entry, Expr, Item, Term, all, any, any_set, either, enabled, entry, given, item, known,
        not, set, template,
    },
    schema::format::{ABSOLUTE_PATH, LOOPBACK, SOCKET_DATABASE_URI},
};

/// The default settings, whether MAS connects only to this host, which secrets are generated, and how the
/// reverse proxies address MAS's public listener. Computed from the module's options and the user's
/// settings.
#[must_use]
pub fn section() -> Term {
    let yes = |condition: Expr| either(condition, true, false);
    vec![
        entry("settings", settings()),
        entry(
            "generate",
            vec![
                entry("encryption", yes(generated_encryption())),
                entry("keys", yes(generated_keys())),
                entry("synapse", yes(generated_shared_secret())),
                entry("database", yes(generated_database_password())),
            ],
        ),
        entry("isolated", yes(isolated())),
        entry("databaseBehindSocket", yes(database_behind_socket())),
        entry(
            "upstream",
            vec![
                entry(
                    "nginx",
                    either(
                        units::is_unix(),
                        template("unix:{listen.public}"),
                        known("listen.public"),
                    ),
                ),
                entry(
                    "caddy",
                    either(
                        units::is_unix(),
                        template("unix/{listen.public}"),
                        known("listen.public"),
                    ),
                ),
            ],
        ),
    ]
    .into()
}

/// bcrypt for the password hashes from Synapse, and argon2id, MAS's own default, for new ones.
fn migrated_schemes() -> Vec<Item> {
    vec![
        item(Term::Section(vec![
            entry("version", json!(1)),
            entry("algorithm", "bcrypt"),
            entry("unicode_normalization", true),
            entry("secret_file", known("migration.pepperFile")).when(given("migration.pepperFile")),
        ])),
        item(Term::Section(vec![
            entry("version", json!(2)),
            entry("algorithm", "argon2id"),
        ])),
    ]
}

/// The default settings. The user's settings override each of them.
fn settings() -> Term {
    let mut sections = vec![
        entry("http", http()),
        entry("matrix", matrix()).when(generated_shared_secret()),
        entry("secrets", secrets()).when(any([generated_encryption(), generated_keys()])),
    ];
    sections.extend([
        entry("passwords", vec![entry("schemes", migrated_schemes())]).when(any([
            enabled("migration.enable"),
            enabled("migration.passwords"),
        ])),
        entry("database", database()).when(enabled("createDatabase")),
        entry(
            "email",
            vec![
                entry(
                    "from",
                    template("Authentication Service <no-reply@{settings.matrix.homeserver}>"),
                )
                .when(set("settings.matrix.homeserver")),
                entry("transport", "smtp"),
                entry("mode", "plain"),
                entry("hostname", "localhost"),
                entry("port", json!(25)),
            ],
        )
        .when(enabled("localMailRelay")),
        entry(
            "telemetry",
            vec![entry("metrics", vec![entry("exporter", "prometheus")])],
        )
        .when(enabled("metrics")),
        entry(
            "policy",
            vec![entry(
                "wasm_module",
                template("{policyPackage}/policy.wasm"),
            )],
        )
        .when(given("policyPackage")),
        entry(
            "templates",
            vec![
                entry("path", template("{templatesPackage}/templates")),
                entry(
                    "translations_path",
                    template("{templatesPackage}/translations"),
                ),
                entry(
                    "assets_manifest",
                    template("{templatesPackage}/manifest.json"),
                ),
            ],
        )
        .when(given("templatesPackage")),
    ]);
    sections.into()
}

fn http() -> Vec<Entry> {
    vec![
        entry(
            "public_base",
            either(
                given("routes.host"),
                template("https://{routes.host}{routes.path}"),
                "http://localhost:8080/",
            ),
        ),
        entry("listeners", listeners()),
        // Trusts only proxies on this host; they overwrite `X-Forwarded-For`. MAS's own default trusts
        // every private network.
        entry("trusted_proxies", json!(["127.0.0.1/8", "::1/128"])),
    ]
}

fn listeners() -> Vec<Item> {
    let public = ["discovery", "human", "oauth", "compat", "graphql"].map(resource);
    let mut public: Vec<Item> = public.into();
    public.push(item(vec![
        entry("name", "assets"),
        entry("path", template("{templatesPackage}/assets")).when(given("templatesPackage")),
    ]));
    public.push(resource("adminapi").when(enabled("publicAdminApi")));
    let internal = vec![
        resource("health"),
        resource("discovery"),
        resource("oauth"),
        resource("adminapi").when(not(older("0.10.0"))),
        resource("prometheus").when(enabled("metrics")),
    ];
    vec![
        item(listener("public", public, "listen.public", 0)),
        item(listener("internal", internal, "listen.internal", 1)),
    ]
}

fn resource(name: &str) -> Item {
    item(vec![entry("name", name)])
}

fn listener(name: &str, resources: Vec<Item>, address: &str, fd: u8) -> Vec<Entry> {
    let unix = known(address).matches(&ABSOLUTE_PATH);
    let handed_over = vec![
        entry("fd", json!(fd)),
        entry("kind", either(unix, "unix", "tcp")),
    ];
    vec![
        entry("name", name),
        entry("resources", resources),
        entry(
            "binds",
            vec![item(either(
                units::activated(),
                handed_over,
                vec![entry("address", known(address))],
            ))],
        ),
    ]
}

fn matrix() -> Vec<Entry> {
    vec![entry(
        "secret_file",
        template("{secrets.directory}/synapse"),
    )]
}

fn secrets() -> Vec<Entry> {
    let key = |name: &'static str| {
        item(vec![
            entry("kid", name).when(older("1.2.0")),
            entry(
                "key_file",
                template(&format!("{{secrets.directory}}/keys/{name}.pem")),
            ),
        ])
    };
    vec![
        entry(
            "encryption_file",
            template("{secrets.directory}/encryption"),
        )
        .when(generated_encryption()),
        entry("keys_dir", template("{secrets.directory}/keys"))
            .when(all([generated_keys(), not(older("1.7.0"))])),
        entry("keys", vec![key("rsa"), key("p256")]).when(all([generated_keys(), older("1.7.0")])),
    ]
}

fn database() -> Vec<Entry> {
    let placed = any_set(&[
        "settings.database.uri",
        "settings.database.host",
        "settings.database.socket",
        "settings.database.port",
        "settings.database.username",
        "settings.database.password",
        "settings.database.password_file",
        "settings.database.database",
    ]);
    vec![
        entry(
            "uri",
            either(
                default_port(),
                "postgresql:///matrix-authentication-service?host=/run/postgresql",
                template(
                    "postgresql:///matrix-authentication-service?host=/run/postgresql&port={#postgresqlPort}",
                ),
            ),
        )
        .when(not(placed)),
        entry("port", known("postgresqlPort")).when(all([tcp_database(), not(default_port())])),
        entry("username", units::NAME).when(tcp_database()),
        entry("database", units::NAME).when(tcp_database()),
        entry("password_file", template("{secrets.directory}/database"))
            .when(generated_database_password()),
    ]
}

/// Whether PostgreSQL on this host uses the standard port, 5432.
fn default_port() -> Expr {
    known("postgresqlPort").is(5432)
}

/// Whether MAS uses the database created on this host, through PostgreSQL's Unix socket.
fn own_database() -> Expr {
    let elsewhere = any_set(&["settings.database.uri", "settings.database.host"]);
    all([enabled("createDatabase"), not(elsewhere)])
}

/// Whether the user's settings contain nothing that makes MAS connect to another host.
fn isolated() -> Expr {
    let elsewhere = [
        "settings.captcha",
        "settings.clients",
        "settings.email",
        "settings.http.listeners",
        "settings.telemetry",
        "settings.upstream_oauth2",
    ];
    let endpoint = Term::Option("settings.matrix.endpoint".into(), json!("http://localhost"));
    let public = || known("listen.public");
    all([
        not(any_set(&elsewhere)),
        not(enabled("settingsElsewhere")),
        known("extraSettings").is(json!({})),
        endpoint.matches(&LOOPBACK),
        any([
            public().matches(&LOOPBACK),
            public().matches(&ABSOLUTE_PATH),
        ]),
        known("listen.internal").matches(&LOOPBACK),
        own_database(),
    ])
}

/// Whether MAS connects to its database through a Unix socket.
fn database_behind_socket() -> Expr {
    let option = |path: &str| Term::Option(path.into(), Value::Null);
    all([
        not(enabled("settingsElsewhere")),
        any([
            own_database(),
            option("settings.database.host").matches(&ABSOLUTE_PATH),
            option("settings.database.uri").matches(&SOCKET_DATABASE_URI),
        ]),
    ])
}

/// Whether the encryption key is generated on this host.
fn generated_encryption() -> Expr {
    generated(&[
        "settings.secrets.encryption",
        "settings.secrets.encryption_file",
    ])
}

/// Whether the signing keys are generated on this host.
fn generated_keys() -> Expr {
    generated(&["settings.secrets.keys", "settings.secrets.keys_dir"])
}

/// Whether the secret shared with Synapse is generated on this host.
fn generated_shared_secret() -> Expr {
    generated(&["settings.matrix.secret", "settings.matrix.secret_file"])
}

/// Whether the password of the database role is generated on this host.
fn generated_database_password() -> Expr {
    all([
        enabled("createDatabase"),
        tcp_database(),
        generated(&[
            "settings.database.password",
            "settings.database.password_file",
        ]),
    ])
}

/// Whether MAS connects to its database over TCP.
fn tcp_database() -> Expr {
    all([
        set("settings.database.host"),
        not(Term::Option("settings.database.host".into(), json!("/")).matches(&ABSOLUTE_PATH)),
    ])
}

fn generated(settings: &[&str]) -> Expr {
    let undecided = || known("secrets.generate").is(Value::Null);
    let wanted = any([
        all([undecided(), not(enabled("settingsElsewhere"))]),
        all([not(undecided()), enabled("secrets.generate")]),
    ]);
    all([wanted, not(any_set(settings))])
}

fn older(version: &str) -> Expr {
    Expr::OlderThan(version.parse().expect("versions are constants"))
}
