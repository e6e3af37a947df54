//! Which requests belong to MAS and which to Synapse, for nginx and for Caddy.
//!
//! Only what is listed here is public: nothing below `/_synapse/` but `/_synapse/client/`, and of
//! MAS only its public listener. `X-Forwarded-For` is overwritten with the address of the client,
//! because MAS believes only the first of several addresses.

use crate::{
    deploy::cutover_files,
    expr::{
        Expr, Item, Term, all, either, enabled, given, item, items, known, not, option, set,
        template,
    },
    schema::format::{DOMAIN_NAME, FILE_PATH},
};

/// Paths of the Matrix client API that MAS serves in Synapse's place, as a regular expression.
pub const COMPAT: &str = "^/_matrix/client/(api/)?[^/]+/(login|logout|refresh)(/.*)?$";

/// What is served under one name.
#[derive(Clone, Debug)]
pub struct Site {
    /// What it is called in names of files.
    pub name: &'static str,
    /// Its host name.
    pub host: Term,
    /// When it is there.
    pub when: Expr,
    /// What is served, the more specific before the less specific.
    pub locations: Vec<Location>,
}

/// Paths, and who serves them.
#[derive(Clone, Debug)]
pub struct Location {
    /// The paths.
    pub paths: Paths,
    /// Who serves them.
    pub target: Target,
}

/// Paths of requests.
#[derive(Clone, Debug)]
pub enum Paths {
    /// Those that match [`COMPAT`].
    Compat,
    /// Those below this one.
    Below(Term),
    /// Just this one.
    Only(&'static str),
}

/// Who serves a request.
#[derive(Clone, Debug)]
pub enum Target {
    /// MAS, under the same path.
    Mas,
    /// MAS, which does not know of `routes.path`.
    MasBelowPath,
    /// Synapse.
    Synapse,
    /// The proxy itself, with this JSON text.
    Json(Term),
    /// Nobody.
    Nobody,
}

/// All sites.
#[must_use]
pub fn sites() -> Vec<Site> {
    vec![
        Site {
            name: "mas",
            host: known("routes.host"),
            when: given("routes.host"),
            locations: vec![Location {
                paths: Paths::Below(known("routes.path")),
                target: Target::MasBelowPath,
            }],
        },
        Site {
            name: "matrix",
            host: known("routes.matrixHost"),
            when: given("routes.matrixHost"),
            locations: matrix(),
        },
        Site {
            name: "well-known",
            host: known("settings.matrix.homeserver"),
            when: all([
                enabled("routes.wellKnown"),
                given("routes.matrixHost"),
                option("settings.matrix.homeserver").matches(&DOMAIN_NAME),
            ]),
            locations: well_known(),
        },
    ]
}

/// What is served under Synapse's name.
#[must_use]
pub fn matrix() -> Vec<Location> {
    let location = |paths, target| Location { paths, target };
    vec![
        COMPAT_LOCATION,
        location(Paths::Below("/_matrix/".into()), Target::Synapse),
        location(Paths::Below("/_synapse/client/".into()), Target::Synapse),
        location(Paths::Below("/_synapse/".into()), Target::Nobody),
    ]
}

fn well_known() -> Vec<Location> {
    let issuer = either(
        set("settings.http.issuer"),
        known("settings.http.issuer"),
        known("settings.http.public_base"),
    );
    let authentication = Term::Text(vec![
        ",\"org.matrix.msc2965.authentication\":{\"issuer\":\"".into(),
        issuer,
        "\",\"account\":\"".into(),
        known("settings.http.public_base"),
        "account/\"}".into(),
    ]);
    let client = Term::Text(vec![
        "{\"m.homeserver\":{\"base_url\":\"https://".into(),
        known("routes.matrixHost"),
        "/\"}".into(),
        // Clients would take it for true before it is.
        either(switched(), "", authentication),
        "}".into(),
    ]);
    let server = Term::Text(vec![
        "{\"m.server\":\"".into(),
        known("routes.matrixHost"),
        ":443\"}".into(),
    ]);
    vec![
        Location {
            paths: Paths::Only("/.well-known/matrix/client"),
            target: Target::Json(client),
        },
        Location {
            paths: Paths::Only("/.well-known/matrix/server"),
            target: Target::Json(server),
        },
    ]
}

/// The locations of a site, for nginx: what goes into its `server` block.
#[must_use]
pub fn nginx(locations: &[Location]) -> Vec<Item> {
    locations.iter().flat_map(nginx_location).collect()
}

fn nginx_location(location: &Location) -> Vec<Item> {
    if let Paths::Compat = location.paths {
        return vec![
            items(nginx_compat()).when(not(switched())),
            item(Term::Text(vec![
                "include ".into(),
                cutover_files::nginx().file,
                ";".into(),
            ]))
            .when(switched()),
        ];
    }
    nginx_block(location)
}

/// Whether the paths that MAS serves in Synapse's place are its own only from the cutover on.
fn switched() -> Expr {
    enabled("migration.enable")
}

/// The paths that MAS serves in Synapse's place, for nginx.
#[must_use]
pub fn nginx_compat() -> Vec<Item> {
    nginx_block(&COMPAT_LOCATION)
}

/// The same for Caddy.
#[must_use]
pub fn caddy_compat() -> Vec<Item> {
    caddy_block(&COMPAT_LOCATION)
}

const COMPAT_LOCATION: Location = Location {
    paths: Paths::Compat,
    target: Target::Mas,
};

fn nginx_block(location: &Location) -> Vec<Item> {
    let name: Term = match &location.paths {
        Paths::Compat => format!("~ {COMPAT}").as_str().into(),
        Paths::Below(path) => path.clone(),
        Paths::Only(path) => format!("= {path}").as_str().into(),
    };
    let name = Term::Text(vec!["location ".into(), name, " {".into()]);
    let mut lines = vec![item(name)];
    let pass = |upstream: Term| {
        let pass = Term::Text(vec!["    proxy_pass ".into(), upstream, ";".into()]);
        let headers = [
            "    proxy_http_version 1.1;",
            "    proxy_set_header Host $host;",
            "    proxy_set_header X-Forwarded-For $remote_addr;",
            "    proxy_set_header X-Forwarded-Proto $scheme;",
        ];
        let mut lines = vec![item(pass)];
        lines.extend(headers.map(item));
        lines
    };
    match &location.target {
        Target::Mas => lines.extend(pass(mas())),
        // With a path of its own, nginx puts it in place of the location's.
        Target::MasBelowPath => lines.extend(pass(Term::Text(vec![
            mas(),
            either(known("routes.path").is("/"), "", "/"),
        ]))),
        Target::Synapse => {
            lines.extend(pass(known("routes.synapse")));
            lines.push(item("    client_max_body_size 100M;"));
        }
        Target::Json(text) => lines.extend([
            item("    default_type application/json;"),
            item("    add_header Access-Control-Allow-Origin * always;"),
            // nginx forgets the headers of the levels above, as soon as there is one here.
            items(well_known_headers("    add_header ", " always;")),
            item(Term::Text(vec![
                "    return 200 '".into(),
                text.clone(),
                "';".into(),
            ])),
        ]),
        Target::Nobody => lines.push(item("    return 404;")),
    }
    lines.push(item("}"));
    lines
}

/// A line for every header that the administrator adds to the well-known documents.
fn well_known_headers(before: &str, after: &str) -> Term {
    let line = Term::Text(vec![
        before.into(),
        known("name"),
        " \"".into(),
        known("value"),
        "\"".into(),
        after.into(),
    ]);
    Term::Each(Box::new(known("computed.wellKnownHeaders")), Box::new(line))
}

/// MAS as nginx names it: see [`nginx_http`].
fn mas() -> Term {
    "http://matrix-authentication-service".into()
}

/// What goes into nginx's `http` block: MAS, and the server for the internal entry point.
///
/// MAS closes a connection without an answer if it stops just when it took it. nginx then tries
/// the next server, which is the same one: whoever has its sockets now.
#[must_use]
pub fn nginx_http() -> Vec<Item> {
    let server = || {
        item(template(
            "    server {computed.upstream.nginx} max_fails=0;",
        ))
    };
    let address = either(
        known("routes.internal").matches(&FILE_PATH),
        template("    listen unix:{routes.internal};"),
        template("    listen {routes.internal};"),
    );
    let mut internal = vec![item("server {"), item(address)];
    internal.extend(nginx(&matrix()));
    internal.push(item("}"));
    vec![
        item("upstream matrix-authentication-service {"),
        server(),
        server(),
        item("}"),
        items(internal).when(given("routes.internal")),
    ]
}

/// The locations of a site, for Caddy: what goes into its block.
#[must_use]
pub fn caddy(site: &Site) -> Vec<Item> {
    let mut lines = vec![item("route {")];
    lines.extend(site.locations.iter().flat_map(caddy_location));
    lines.push(item("}"));
    lines
}

fn caddy_location(location: &Location) -> Vec<Item> {
    if let Paths::Compat = location.paths {
        return vec![
            items(caddy_compat()).when(not(switched())),
            item(Term::Text(vec![
                "\timport ".into(),
                cutover_files::caddy().file,
            ]))
            .when(switched()),
        ];
    }
    caddy_block(location)
}

fn caddy_block(location: &Location) -> Vec<Item> {
    let open: Vec<Term> = match &location.paths {
        Paths::Compat => vec![
            format!("\t@compat path_regexp {COMPAT}").as_str().into(),
            "\thandle @compat {".into(),
        ],
        Paths::Below(path) => {
            let directive = match location.target {
                Target::MasBelowPath => "\thandle_path ",
                _ => "\thandle ",
            };
            vec![Term::Text(vec![
                directive.into(),
                path.clone(),
                "* {".into(),
            ])]
        }
        Paths::Only(path) => vec![format!("\thandle {path} {{").as_str().into()],
    };
    let pass = |upstream: Term| {
        vec![
            item(Term::Text(vec![
                "\t\treverse_proxy ".into(),
                upstream,
                " {".into(),
            ])),
            item("\t\t\tlb_try_duration 5s"),
            item("\t\t}"),
        ]
    };
    let body: Vec<Item> = match &location.target {
        Target::Mas | Target::MasBelowPath => pass(known("computed.upstream.caddy")),
        Target::Synapse => pass(known("routes.synapse")),
        Target::Json(text) => vec![
            item("\t\theader Content-Type application/json"),
            item("\t\theader Access-Control-Allow-Origin *"),
            items(well_known_headers("\t\theader ", "")),
            item(Term::Text(vec![
                "\t\trespond `".into(),
                text.clone(),
                "`".into(),
            ])),
        ],
        Target::Nobody => vec![item("\t\trespond 404")],
    };
    let open = open.into_iter().map(item);
    open.chain(body).chain([item("\t}")]).collect()
}
