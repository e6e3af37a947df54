//! Reads Synapse's configuration, merged as Synapse does: of several files, a later one replaces whole
//! top-level keys of an earlier one (`synapse/config/_base.py`).

pub mod processes;
pub mod yaml;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};
use sqlx::postgres::PgSslMode;
use url::Url;

use crate::migrate::{
    MigrateError,
    postgres::{
        connection::{self, Address},
        tls::{self, Named, Tls},
    },
};

/// Synapse's configuration, merged from its files.
#[derive(Clone, Debug)]
pub struct Config {
    files: Vec<PathBuf>,
    /// A map of all top-level keys.
    pub value: Value,
}

impl Config {
    /// Reads and merges files in this order. A directory means the files in it that end in `.yaml`, sorted
    /// by name. An empty file changes nothing. The file `skip` is not read, whether it is named itself,
    /// in a directory, or behind a symbolic link.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, is not YAML, or is not a map.
    pub fn read(paths: &[PathBuf], skip: Option<&Path>) -> Result<Self, MigrateError> {
        let mut value = Map::new();
        let mut files = Vec::new();
        for path in paths {
            for file in expand(path)? {
                if skip.is_some_and(|skip| is_same_file(&file, skip)) {
                    continue;
                }
                match parse(&file)? {
                    Value::Null => {}
                    Value::Object(keys) => value.extend(keys),
                    _ => return Err(MigrateError::content(&file, "not a map of options")),
                }
                files.push(file);
            }
        }
        decide_registration(&mut value);
        let value = Value::Object(value);
        Ok(Config { files, value })
    }

    /// The option at a path such as `password_config.pepper`. None if it is absent or null.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.find(path).filter(|value| !value.is_null())
    }

    fn find(&self, path: &str) -> Option<&Value> {
        let mut steps = path.split('.');
        steps.try_fold(&self.value, |value, key| value.get(key))
    }

    /// Whether Synapse takes an option for true. False if it is absent or null.
    #[must_use]
    pub fn is_on(&self, path: &str) -> bool {
        self.get(path).is_some_and(is_true)
    }

    /// Whether an option is off that is on by default. Without a value, which is null, it is off.
    #[must_use]
    pub fn is_off(&self, path: &str) -> bool {
        self.find(path).is_some_and(|value| !is_true(value))
    }

    /// Whether Synapse has passwords, be it only for what asks for one again (`synapse/config/auth.py`).
    #[must_use]
    pub fn has_passwords(&self) -> bool {
        let options = ["password_config.enabled", "password_config.localdb_enabled"];
        !options.into_iter().any(|option| self.is_off(option))
    }

    /// Whether people log in with passwords of Synapse.
    #[must_use]
    pub fn takes_passwords(&self) -> bool {
        let only_for_reauth = json!("only_for_reauth");
        self.has_passwords() && self.get("password_config.enabled") != Some(&only_for_reauth)
    }

    /// `server_name`, for example `example.com`.
    ///
    /// # Errors
    ///
    /// If it is missing, or no text.
    pub fn server_name(&self) -> Result<&str, MigrateError> {
        let name = self.get("server_name");
        let name = name.ok_or_else(|| self.wrong("`server_name` is missing"))?;
        let text = name.as_str();
        text.ok_or_else(|| self.wrong("`server_name` must be a string: put it in quotes"))
    }

    /// The secret that Synapse appends to passwords before it hashes them. An empty one counts as none.
    #[must_use]
    pub fn pepper(&self) -> Option<&str> {
        let pepper = self.get("password_config.pepper").and_then(Value::as_str);
        pepper.filter(|pepper| !pepper.is_empty())
    }

    /// Whether `database.name` is `sqlite3`.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.get("database.name").and_then(Value::as_str) == Some("sqlite3")
    }

    /// The URL of the first listener for clients without TLS, for example `http://127.0.0.1:8008`.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        let listeners = self.client_listeners().into_iter();
        let mut urls = listeners.filter_map(|listener| listener.into_iter().next());
        let url = urls.find(|url| url.scheme() == "http")?;
        Some(url.as_str().trim_end_matches('/').to_owned())
    }

    /// Whether this is the configuration of a worker.
    #[must_use]
    pub fn is_worker(&self) -> bool {
        let app = self.get("worker_app");
        app.is_some_and(|app| app != "synapse.app.homeserver")
    }

    /// The listeners for clients, of the main process or of a worker. Each has one URL or several, one for
    /// each address that it is bound to; one at a Unix socket has `unix:///run/synapse.sock`.
    #[must_use]
    pub fn client_listeners(&self) -> Vec<Vec<Url>> {
        let option = if self.is_worker() {
            "worker_listeners"
        } else {
            "listeners"
        };
        let listeners = self.get(option).and_then(Value::as_array);
        let listeners = listeners.into_iter().flatten();
        let urls = listeners
            .filter(|listener| serves_clients(listener))
            .map(urls);
        urls.filter(|urls| !urls.is_empty()).collect()
    }

    /// The address of Synapse's database.
    ///
    /// # Errors
    ///
    /// If `database` is missing or not PostgreSQL, or names certificates that cannot be read.
    pub fn database(&self) -> Result<Address, MigrateError> {
        match self.get("database.name").and_then(Value::as_str) {
            Some("psycopg2") => {}
            Some(other) => {
                return Err(self.wrong(format!(
                    "`database.name` is {other}, and MAS can take over from PostgreSQL only. \
                     Move Synapse's data with `synapse_port_db` first"
                )));
            }
            None => return Err(self.wrong("`database.name` is missing")),
        }
        let place = format!("`database.args` in {}", self.last_file().display());
        // libpq's parameters that matter here.
        let names = ["host", "port", "user", "password", "options"];
        let given = names.map(|name| (name, self.argument(name)));
        let given = given.into_iter().chain([("dbname", self.database_name())]);
        let given = given.filter_map(|(name, value)| Some((name, value?)));
        let (options, _) = connection::parse(&place, &connection::uri(given))?;
        let tls = self.tls(
            &place,
            options.get_ssl_mode(),
            options.get_socket().is_some(),
        )?;
        Ok(Address { options, tls })
    }

    /// The name of the database in `database.args`. None if it follows from the role.
    #[must_use]
    pub fn database_name(&self) -> Option<String> {
        // `database` is an older name of `dbname`.
        self.argument("dbname")
            .or_else(|| self.argument("database"))
    }

    /// The role in `database.args`. None if it follows from the user that Synapse runs as.
    #[must_use]
    pub fn role(&self) -> Option<String> {
        self.argument("user")
    }

    /// The TLS settings of Synapse's connections, by the rules of libpq: no TLS on a Unix socket, and
    /// `require` with a root certificate means `verify-ca`.
    fn tls(&self, place: &str, mode: PgSslMode, socket: bool) -> Result<Tls, MigrateError> {
        if socket {
            return Tls::read(place, PgSslMode::Disable, &Named::default());
        }
        let named = Named {
            root: self.argument("sslrootcert"),
            certificate: self.argument("sslcert"),
            key: self.argument("sslkey"),
        };
        let named = named.or(Named::of_environment());
        let mode = match self.argument("sslmode") {
            Some(name) => tls::mode(place, &name)?,
            None => mode,
        };
        let mode = match mode {
            PgSslMode::Require if named.root.is_some() => PgSslMode::VerifyCa,
            mode => mode,
        };
        Tls::read(place, mode, &named)
    }

    /// A parameter of libpq in `database.args`. Numbers are converted to text.
    fn argument(&self, name: &str) -> Option<String> {
        let value = self.get(&format!("database.args.{name}"))?;
        let number = || value.as_i64().map(|number| number.to_string());
        value.as_str().map(str::to_owned).or_else(number)
    }

    /// The names of Synapse's OpenID Connect providers in its database, for example `oidc-github`. As in the
    /// import (`all_oidc_providers` in MAS's `syn2mas/src/synapse_reader/config`), a provider that is not
    /// enabled counts too.
    #[must_use]
    pub fn provider_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let old = |key: &str| self.get(&format!("oidc_config.{key}"));
        if old("issuer").is_some() && old("client_id").is_some() {
            names.push(name_of_provider(old("idp_id").and_then(Value::as_str)));
        }
        let providers = self.get("oidc_providers").and_then(Value::as_array);
        for provider in providers.into_iter().flatten() {
            names.push(name_of_provider(provider["idp_id"].as_str()));
        }
        names
    }

    fn wrong(&self, reason: impl Into<String>) -> MigrateError {
        MigrateError::content(&self.last_file(), reason)
    }

    fn last_file(&self) -> PathBuf {
        let last = self.files.last().cloned();
        last.unwrap_or_else(|| "homeserver.yaml".into())
    }
}

/// Whether Python takes a value for true.
#[must_use]
pub fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
    }
}

/// Converts `enable_registration` and its older opposite to one boolean. Synapse reads their texts
/// (`synapse/config/registration.py`), so they may be quoted too.
fn decide_registration(config: &mut Map<String, Value>) {
    let decided = |value: &Value| {
        let text = match value {
            Value::String(text) => text.to_lowercase(),
            other => other.to_string(),
        };
        match &*text {
            "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
            "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
            _ => None,
        }
    };
    let enabled = config.get("enable_registration").and_then(decided);
    let disabled = config.get("disable_registration").and_then(decided);
    if let Some(on) = disabled.map(|off| !off).or(enabled) {
        config.insert("enable_registration".to_owned(), Value::Bool(on));
    }
}

/// Whether two paths lead to the same file. A file that does not exist has only its path.
fn is_same_file(left: &Path, right: &Path) -> bool {
    match (left.canonicalize(), right.canonicalize()) {
        (Ok(left), Ok(right)) => left == right,
        (Err(_), Err(_)) => match (std::path::absolute(left), std::path::absolute(right)) {
            (Ok(left), Ok(right)) => left == right,
            _ => left == right,
        },
        _ => false,
    }
}

/// Whether `client` is among the resources of a listener.
fn serves_clients(listener: &Value) -> bool {
    let resources = listener["resources"].as_array().into_iter().flatten();
    let mut names = resources.flat_map(|resource| match &resource["names"] {
        Value::Array(names) => names.iter().collect(),
        name => vec![name],
    });
    names.any(|name| name == "client")
}

/// The URLs of a listener. Addresses that are not bound to one interface are replaced by the host's own.
fn urls(listener: &Value) -> Vec<Url> {
    if let Some(path) = listener["path"].as_str() {
        return Url::parse(&format!("unix://{path}")).into_iter().collect();
    }
    let Some(port) = listener["port"].as_u64() else {
        return Vec::new();
    };
    let scheme = if listener["tls"] == true {
        "https"
    } else {
        "http"
    };
    let bound = listener["bind_addresses"].as_array();
    let bound = bound.into_iter().flatten();
    let bound = bound.chain(listener.get("bind_address"));
    let mut bound: Vec<&str> = bound.filter_map(Value::as_str).collect();
    if bound.is_empty() {
        bound = vec!["0.0.0.0", "::"];
    }
    let urls = bound.into_iter().filter_map(|address| {
        let host = match address {
            "" | "0.0.0.0" => "127.0.0.1".to_owned(),
            "::" => "[::1]".to_owned(),
            address if address.contains(':') => format!("[{address}]"),
            address => address.to_owned(),
        };
        Url::parse(&format!("{scheme}://{host}:{port}")).ok()
    });
    urls.collect()
}

fn expand(path: &Path) -> Result<Vec<PathBuf>, MigrateError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = MigrateError::io("read", path);
    let entries = fs::read_dir(path).map_err(&unreadable)?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(&unreadable)?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn parse(file: &Path) -> Result<Value, MigrateError> {
    let text = fs::read_to_string(file).map_err(MigrateError::io("read", file))?;
    yaml::parse(&text).map_err(MigrateError::form(file, "YAML"))
}

/// The name of a provider with this `idp_id`, as Synapse's `synapse/config/oidc.py` forms it.
fn name_of_provider(id: Option<&str>) -> String {
    match id {
        None | Some("oidc") => "oidc".to_owned(),
        Some(id) => format!("oidc-{id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_later_file_replaces_whole_top_level_keys() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let files = [
            file(
                "a.yaml",
                "server_name: a\ndatabase: {name: psycopg2, args: {user: u}}\n",
            ),
            file("b.yaml", ""),
            file(
                "c.yaml",
                "database: {args: {password: p}}\npassword_config: null\n",
            ),
        ];
        let config = Config::read(&files, None).unwrap();
        assert_eq!(config.server_name().unwrap(), "a");
        assert!(config.get("database.name").is_none());
        assert!(config.get("password_config").is_none());
        assert!(
            config
                .database()
                .unwrap_err()
                .to_string()
                .contains("c.yaml")
        );
        let all = Config::read(&[directory.path().to_owned()], None).unwrap();
        assert_eq!(all.value, config.value);
    }

    #[test]
    fn a_file_is_skipped_wherever_it_comes_from() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let overlay = directory.join("conf.d/z-overlay.yaml");
        fs::create_dir(directory.join("conf.d")).unwrap();
        fs::write(directory.join("conf.d/a.yaml"), "server_name: a\n").unwrap();
        fs::write(&overlay, "server_name: of the overlay\n").unwrap();
        std::os::unix::fs::symlink(&overlay, directory.join("link.yaml")).unwrap();
        std::os::unix::fs::symlink(directory.join("conf.d"), directory.join("linked.d")).unwrap();
        let own = directory.join("conf.d/a.yaml");
        let spelled = directory.join("conf.d/../conf.d/z-overlay.yaml");
        for (more, skip) in [
            (directory.join("conf.d"), &overlay),
            (directory.join("linked.d"), &overlay),
            (directory.join("link.yaml"), &overlay),
            (overlay.clone(), &directory.join("link.yaml")),
            (overlay.clone(), &spelled),
            (
                directory.join("absent.yaml"),
                &directory.join("absent.yaml"),
            ),
        ] {
            let config = Config::read(&[own.clone(), more.clone()], Some(skip)).unwrap();
            assert_eq!(config.server_name().unwrap(), "a", "{}", more.display());
        }
        let all = Config::read(&[directory.join("conf.d")], None).unwrap();
        assert_eq!(all.server_name().unwrap(), "of the overlay");
    }

    #[test]
    fn listeners_are_those_of_the_process() {
        let of = |text: &str| {
            let config = Config {
                files: Vec::new(),
                value: yaml::parse(text).unwrap(),
            };
            let listeners = config.client_listeners().into_iter();
            let urls = listeners.map(|urls| urls.iter().map(Url::to_string).collect::<Vec<_>>());
            (
                config.url(),
                urls.map(|urls| urls.join(" ")).collect::<Vec<_>>(),
            )
        };
        let listeners = "
listeners:
  - {port: 9000, type: metrics}
  - {port: 8448, tls: true, type: http, resources: [{names: [federation, client]}]}
  - {port: 8008, type: http, bind_addresses: ['::', 10.0.0.1], resources: [{names: client}]}
  - {path: /run/a.sock, type: http, resources: [{names: [client]}]}
  - {port: 8009, type: http, resources: [{names: [replication]}]}
worker_listeners:
  - {port: 8083, type: http, bind_address: localhost, resources: [{names: [client]}]}
";
        let (url, urls) = of(listeners);
        assert_eq!(url.as_deref(), Some("http://[::1]:8008"));
        assert_eq!(
            urls,
            [
                "https://127.0.0.1:8448/ https://[::1]:8448/",
                "http://[::1]:8008/ http://10.0.0.1:8008/",
                "unix:///run/a.sock"
            ]
        );
        let worker = format!("{listeners}worker_app: synapse.app.generic_worker\n");
        assert_eq!(of(&worker).1, ["http://localhost:8083/"]);
        let main = format!("{listeners}worker_app: synapse.app.homeserver\n");
        assert_eq!(of(&main).1, urls);
        assert_eq!(of("server_name: a"), (None, vec![]));
    }

    #[test]
    fn a_server_name_is_a_text() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("homeserver.yaml");
        for (text, reason) in [("a: b", "missing"), ("server_name: 5", "must be a string")] {
            fs::write(&file, text).unwrap();
            let config = Config::read(std::slice::from_ref(&file), None).unwrap();
            let error = config.server_name().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn registration_is_as_open_as_synapse_takes_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("homeserver.yaml");
        for (text, expected) in [
            ("a: b", false),
            ("enable_registration: yes", true),
            ("enable_registration: 'yes'", true),
            ("enable_registration: 'off'", false),
            ("enable_registration: 1", true),
            ("disable_registration: no", true),
            (
                "{enable_registration: yes, disable_registration: 'true'}",
                false,
            ),
        ] {
            fs::write(&file, text).unwrap();
            let config = Config::read(std::slice::from_ref(&file), None).unwrap();
            assert_eq!(config.is_on("enable_registration"), expected, "{text}");
        }
    }

    #[test]
    fn provider_names_have_a_prefix() {
        let provider_names = |value| {
            let files = Vec::new();
            Config { files, value }.provider_names()
        };
        let old = json!({"issuer": "https://a", "client_id": "a"});
        assert_eq!(provider_names(json!({"oidc_config": old})), ["oidc"]);
        let mut section = old;
        section["idp_id"] = "github".into();
        assert_eq!(
            provider_names(json!({
                "oidc_config": section,
                "oidc_providers": [{"idp_id": "github"}, {"idp_id": "oidc"}, {}],
            })),
            ["oidc-github", "oidc-github", "oidc", "oidc"]
        );
        // Without a client, the import ignores the section.
        section["client_id"].take();
        assert!(provider_names(json!({"oidc_config": section})).is_empty());
    }
}
