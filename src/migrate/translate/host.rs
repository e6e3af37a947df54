//! The file for `mas2nix render`: the translated settings, and what Synapse's configuration and the command
//! line say about the host.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use url::Url;

use super::{PublicUrl, Translation, Untranslated, paths, port_of, translate};
use crate::config::merge::{Lists, merge};
use crate::migrate::{MigrateError, args::Args, synapse_config::Config, system::systemd};
use crate::schema::format::{ABSOLUTE_PATH, DOMAIN_NAME, LOOPBACK, UPSTREAM};

/// Options of a host.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The translated configuration.
    pub translation: Translation,
    /// The options, as `mas2nix render` reads them.
    pub options: Value,
    /// What the configuration and the command line do not say, by option of Synapse or of `syn2mas`.
    pub left: Vec<Untranslated>,
}

/// Translates Synapse's configuration to the options of this host. Without `mas_url`, the public address of
/// MAS is assumed. `directory` is for files with secrets, and `tools` is the program that is running.
///
/// # Errors
///
/// If the configuration lacks the server name, or a relative path cannot be found.
pub fn for_host(
    config: &Config,
    directory: &Path,
    mas_url: Option<&PublicUrl>,
    args: &Args,
    tools: &Path,
) -> Result<HostOptions, MigrateError> {
    let usual = PublicUrl::usual(config.server_name()?);
    let translation = translate(config, directory, mas_url.or(usual.as_ref()))?;
    let mut host = HostOptions {
        options: translation.module(),
        translation,
        left: Vec::new(),
    };
    match (mas_url, usual) {
        (Some(_), _) => {}
        (None, Some(usual)) => host.leave(
            "--mas-url",
            format!("MAS's public address is assumed to be {usual}"),
        ),
        (None, None) => host.leave(
            "--mas-url",
            "the public address of MAS does not follow from `server_name`: name it, or set `routes.host`",
        ),
    }
    if !host.translation.extra_config_files.is_empty() {
        // These files contain none of the secrets that can be generated.
        host.add(json!({"secrets": {"generate": true}}));
    }
    programs(&mut host, args, tools);
    synapse(&mut host, config, args);
    database(&mut host, config, args);
    migration(&mut host, args)?;
    routes(&mut host, config, args);
    Ok(host)
}

impl HostOptions {
    fn add(&mut self, options: Value) {
        merge(&mut self.options, options, Lists::Replaced);
    }

    /// Whether MAS has this host name, and no path.
    fn is_at_root_of(&self, name: &str) -> bool {
        let routes = &self.options["routes"];
        let host = routes["host"].as_str().unwrap_or_default();
        host.eq_ignore_ascii_case(name) && routes["path"].is_null()
    }

    fn leave(&mut self, option: &str, reason: impl Into<String>) {
        self.left.push(Untranslated {
            option: option.to_owned(),
            reason: reason.into(),
        });
    }
}

/// Below it is where `mas2nix render` puts the wrapper of `mas-cli`.
const WRAPPERS: &str = "/usr/local";

/// Where MAS, our programs and those of PostgreSQL are installed.
fn programs(host: &mut HostOptions, args: &Args, tools: &Path) {
    if let Some(prefix) = prefix(tools).filter(|prefix| prefix != Path::new("/usr")) {
        host.add(json!({"toolsPackage": prefix}));
    }
    if let Some(prefix) = args.postgresql_programs.as_deref().and_then(above_bin) {
        host.add(json!({"postgresqlPackage": prefix}));
    }
    let Some(mas_cli) = &args.mas_cli else {
        host.leave(
            "--mas-cli",
            "MAS is expected in /usr. If it is elsewhere, name its program, such as /opt/mas/bin/mas-cli",
        );
        return;
    };
    let Some(prefix) = prefix(mas_cli) else {
        host.leave(
            "--mas-cli",
            format!(
                "{} is not in a directory `bin` of an absolute path, so set `package` to the directory above \
                 `bin/mas-cli`",
                mas_cli.display()
            ),
        );
        return;
    };
    if prefix == Path::new(WRAPPERS) {
        host.leave(
            "--mas-cli",
            format!(
                "the wrapper of MAS's program would replace it in {WRAPPERS}/bin: move MAS, to /opt/mas for \
                 example, and set `package` to that"
            ),
        );
        return;
    }
    host.add(json!({"package": prefix}));
    // MAS's release looks for them below its working directory.
    let share = prefix.join("share");
    for (file, option) in [
        ("policy.wasm", "policyPackage"),
        ("manifest.json", "templatesPackage"),
    ] {
        if share.join(file).exists() {
            host.add(json!({option: share}));
        }
    }
}

/// The directory above the `bin` with this program.
fn prefix(program: &Path) -> Option<PathBuf> {
    above_bin(program.parent()?)
}

fn above_bin(directory: &Path) -> Option<PathBuf> {
    // The name of a program without a directory is looked up on PATH.
    let directory = directory.is_absolute().then(|| paths::for_units(directory));
    let directory = directory?.ok()?;
    let prefix = directory.parent().filter(|_| directory.ends_with("bin"));
    prefix.map(Path::to_owned)
}

fn synapse(host: &mut HostOptions, config: &Config, args: &Args) {
    if !args.synapse_unit.is_empty() {
        let units = args.synapse_unit.iter();
        let units: Vec<String> = units.map(|unit| systemd::with_suffix(unit)).collect();
        host.add(json!({"synapse": {"units": units}}));
    } else if config.is_on("redis.enabled") {
        host.leave(
            "--synapse-unit",
            "Synapse uses Redis, so it has workers: name the units of all its processes",
        );
    }
}

fn database(host: &mut HostOptions, config: &Config, args: &Args) {
    if config.is_sqlite() {
        host.leave(
            "database",
            "MAS can take over from PostgreSQL only: move Synapse's data with `synapse_port_db` first",
        );
        return;
    }
    let argument = |name: &str| config.get(&format!("database.args.{name}"));
    let server = argument("host").and_then(Value::as_str).unwrap_or_default();
    if !is_this_host(server) || args.mas_database_uri.is_some() {
        host.add(json!({"migration": {"grant": false}}));
        let reason = if is_this_host(server) {
            "MAS's database is not created, because `--mas-database-uri` names one: name it in \
             `settings.database` too"
                .to_owned()
        } else {
            format!(
                "Synapse's is on {server}: create one for MAS there, and name it in `settings.database`"
            )
        };
        host.leave("database", reason);
        return;
    }
    host.add(json!({"createDatabase": true}));
    let port = argument("port").and_then(port_of);
    if let Some(port) = port.filter(|port| *port != 5432) {
        host.add(json!({"postgresqlPort": port}));
    }
    if let Some(name) = config.database_name() {
        host.add(json!({"synapse": {"database": name}}));
    }
}

/// Whether an address of PostgreSQL is on this host. Without one, it is a Unix socket.
fn is_this_host(server: &str) -> bool {
    let url = if server.contains(':') {
        format!("http://[{server}]/")
    } else {
        format!("http://{server}/")
    };
    server.is_empty() || ABSOLUTE_PATH.matches(server) || LOOPBACK.matches(&url)
}

fn migration(host: &mut HostOptions, args: &Args) -> Result<(), MigrateError> {
    let files = args
        .synapse_config
        .iter()
        .map(|file| paths::for_units(file));
    let files: Vec<PathBuf> = files.collect::<Result<_, _>>()?;
    let mut migration = json!({"synapseConfig": files});
    for (option, given) in [
        ("synapseUser", &args.synapse_user),
        ("superuser", &args.admin_user),
    ] {
        if let Some(given) = given {
            migration[option] = given.clone().into();
        }
    }
    if let Some(directory) = &args.state_dir {
        migration["directory"] = json!(paths::for_units(directory)?);
    }
    host.add(json!({"migration": migration}));
    Ok(())
}

fn routes(host: &mut HostOptions, config: &Config, args: &Args) {
    let mut routes = json!({});
    match matrix_host(config) {
        Ok(name) if host.is_at_root_of(&name) => host.leave(
            "--mas-url",
            format!(
                "{name} is Synapse's own host name: name another one for MAS, or one with a path, such as \
                 https://{name}/auth/"
            ),
        ),
        Ok(name) => routes["matrixHost"] = name.into(),
        Err(reason) => host.leave("public_baseurl", reason),
    }
    match config.url().filter(|url| UPSTREAM.matches(url)) {
        Some(url) => routes["synapse"] = url.into(),
        None => host.leave(
            "listeners",
            "no listener for clients without TLS: set `routes.synapse` to the address at which the proxy \
             reaches Synapse, and `settings.matrix.endpoint` to that at which MAS does",
        ),
    }
    if !DOMAIN_NAME.matches(config.server_name().unwrap_or_default()) {
        routes["wellKnown"] = false.into();
        host.leave(
            "server_name",
            "it has a port or is an IP address, so other servers do not request the well-known documents, and \
             `routes.wellKnown` is off: serve the document for clients yourself",
        );
    }
    let is_given = |proxy: &str| {
        let mut units = args.proxy_unit.iter();
        units.any(|unit| systemd::with_suffix(unit) == format!("{proxy}.service"))
    };
    let proxies: Vec<&str> = ["nginx", "caddy"]
        .into_iter()
        .filter(|proxy| is_given(proxy))
        .collect();
    let has_hosts = !routes["matrixHost"].is_null() && !host.options["routes"]["host"].is_null();
    if proxies.is_empty() {
        host.leave(
            "--proxy-unit",
            "name nginx or caddy to get files for it, or set `routes.nginx` or `routes.caddy`. For any \
             other proxy, send the login requests to MAS yourself",
        );
    } else if !has_hosts {
        let options: Vec<String> = proxies
            .iter()
            .map(|proxy| format!("`routes.{proxy}`"))
            .collect();
        host.leave(
            "--proxy-unit",
            format!(
                "there are no files for the proxy, because they need the host names of MAS and of Synapse. Once \
                 `routes.host` and `routes.matrixHost` are set, set {} to true",
                options.join(" and ")
            ),
        );
    } else {
        for proxy in proxies {
            routes[proxy] = true.into();
        }
    }
    host.add(json!({"routes": routes}));
}

/// The host name in `public_baseurl`. Without one, Synapse takes the name of the homeserver.
fn matrix_host(config: &Config) -> Result<String, &'static str> {
    let given = config.get("public_baseurl").and_then(Value::as_str);
    let name = || config.server_name().unwrap_or_default();
    let text = given.map_or_else(|| format!("https://{}/", name()), str::to_owned);
    let url = Url::parse(&text).map_err(|_| "it is not a URL: set `routes.matrixHost`")?;
    if url.scheme() != "https" || url.port().is_some() {
        return Err(
            "clients do not use https on port 443, so `mas2nix render` has no routes for Synapse: \
                    send the login requests to MAS yourself",
        );
    }
    if url.path() != "/" {
        return Err(
            "it has a path, so `mas2nix render` has no routes for Synapse: send the login requests \
                    to MAS yourself",
        );
    }
    match url.host_str() {
        Some(host) if DOMAIN_NAME.matches(host) => Ok(host.to_owned()),
        _ => Err("it has no host name: set `routes.matrixHost`"),
    }
}
