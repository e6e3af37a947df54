//! Which requests nginx and Caddy send to MAS and which to Synapse.
//!
//! Only the paths listed here are public. Below `/_synapse/` that is `/_synapse/client/` alone, unless the
//! administrator adds Synapse's admin API, and of MAS only the public listener. The proxies overwrite `X-Forwarded-For` with the client's address, because
//! of several addresses MAS trusts the first.

use crate::{
    deploy::{cutover_files, well_known},
    expr::{
        Expr, Item, Term, all, either, enabled, given, item, items, known, not, option, set,
        template,
    },
    schema::format::{ABSOLUTE_PATH, DOMAIN_NAME},
};

/// A regular expression for the Matrix client API paths that MAS serves instead of Synapse.
pub const COMPAT: &str = "^/_matrix/client/(api/)?[^/]+/(login|logout|refresh)(/.*)?$";

/// A virtual host of the reverse proxy.
#[derive(Clone, Debug)]
pub struct Site {
    /// The name used in file names, such as `mas`.
    pub name: &'static str,
    /// The host name, such as `auth.example.com`.
    pub host: Term,
    /// The condition for having this site.
    pub when: Expr,
    /// The locations; specific paths come before general ones.
    pub locations: Vec<Location>,
}

/// Some paths, and where their requests go.
#[derive(Clone, Debug)]
pub struct Location {
    /// The paths of the requests.
    pub paths: Paths,
    /// The server that answers the requests.
    pub target: Target,
    /// The condition for having it; always present without one.
    pub when: Option<Expr>,
}

impl Location {
    fn new(paths: Paths, target: Target) -> Self {
        Location {
            paths,
            target,
            when: None,
        }
    }
}

/// The paths of a location.
#[derive(Clone, Debug)]
pub enum Paths {
    /// The login paths of the Matrix client API: those that match [`COMPAT`].
    Compat,
    /// Paths that begin with this one.
    Below(Term),
    /// Exactly this path, such as `/.well-known/matrix/client`.
    Only(&'static str),
}

/// The server that answers a request.
#[derive(Clone, Debug)]
pub enum Target {
    /// MAS, with the path unchanged.
    Mas,
    /// MAS, without the prefix `routes.path`, which MAS does not know.
    MasBelowPath,
    /// Synapse, with the path unchanged.
    Synapse,
    /// The proxy itself, with this JSON text. [`well_known`] says which characters it must not have.
    Json(Term),
    /// Nobody: the proxy answers 404.
    Nobody,
}

/// The virtual hosts: of MAS, of Synapse, and of the Matrix server name for the well-known documents.
#[must_use]
pub fn sites() -> Vec<Site> {
    vec![
        Site {
            name: "mas",
            host: known("routes.host"),
            when: given("routes.host"),
            locations: vec![Location::new(
                Paths::Below(known("routes.path")),
                Target::MasBelowPath,
            )],
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

/// The locations under Synapse's host name.
#[must_use]
pub fn matrix() -> Vec<Location> {
    let below = |path: &str, target| Location::new(Paths::Below(path.into()), target);
    vec![
        COMPAT_LOCATION,
        below("/_matrix/", Target::Synapse),
        below("/_synapse/client/", Target::Synapse),
        Location {
            when: Some(enabled("routes.synapseAdmin")),
            ..below("/_synapse/admin/", Target::Synapse)
        },
        below("/_synapse/", Target::Nobody),
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
        // Before the cutover, clients would take it as a sign that MAS already authenticates.
        either(switched(), "", authentication),
        well_known::additional(),
        "}".into(),
    ]);
    let server = Term::Text(vec![
        "{\"m.server\":\"".into(),
        known("routes.matrixHost"),
        ":443\"}".into(),
    ]);
    vec![
        Location::new(
            Paths::Only("/.well-known/matrix/client"),
            Target::Json(client),
        ),
        Location::new(
            Paths::Only("/.well-known/matrix/server"),
            Target::Json(server),
        ),
    ]
}

/// The locations of a site as nginx directives, for its `server` block.
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
    if_present(location, nginx_block(location))
}

/// The lines of a location, with its condition.
fn if_present(location: &Location, lines: Vec<Item>) -> Vec<Item> {
    match &location.when {
        Some(condition) => vec![items(lines).when(condition.clone())],
        None => lines,
    }
}

/// Whether MAS takes over Synapse's login paths only at the cutover.
fn switched() -> Expr {
    enabled("migration.enable")
}

/// The login paths that MAS takes over from Synapse, for nginx.
#[must_use]
pub fn nginx_compat() -> Vec<Item> {
    nginx_block(&COMPAT_LOCATION)
}

/// The login paths that MAS takes over from Synapse, for Caddy.
#[must_use]
pub fn caddy_compat() -> Vec<Item> {
    caddy_block(&COMPAT_LOCATION)
}

const COMPAT_LOCATION: Location = Location {
    paths: Paths::Compat,
    target: Target::Mas,
    when: None,
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
        // If `proxy_pass` has a path, nginx replaces the location's prefix with it.
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
            // nginx inherits `add_header` from outer levels only if this level has none.
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

/// One line for each header that the administrator adds to the well-known documents.
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

/// The URL of MAS's `upstream` block in nginx: see [`nginx_http`].
fn mas() -> Term {
    "http://matrix-authentication-service".into()
}

/// Directives for nginx's `http` block: the upstream MAS, and the server for the internal address.
///
/// MAS closes a connection without an answer if it stops just after accepting it. nginx then tries the
/// next server. That is the same address again, where systemd or the new MAS process listens by then.
#[must_use]
pub fn nginx_http() -> Vec<Item> {
    let server = || {
        item(template(
            "    server {computed.upstream.nginx} max_fails=0;",
        ))
    };
    let address = either(
        known("routes.internal").matches(&ABSOLUTE_PATH),
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

/// The locations of a site as Caddy directives, for its site block.
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
    if_present(location, caddy_block(location))
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
