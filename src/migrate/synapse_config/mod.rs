//! Reads Synapse's configuration, merged as Synapse does: of several files, a later one replaces whole
//! top-level keys of an earlier one (`synapse/config/_base.py`).

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};
use sqlx::postgres::PgSslMode;

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

/// Boolean options, as JSON pointers.
const SWITCHES: &[&str] = &[
    "/allow_guest_access",
    "/cas_config/enabled",
    "/enable_3pid_changes",
    "/enable_registration",
    "/enable_registration_captcha",
    "/jwt_config/enabled",
    "/login_via_existing_session/enabled",
    "/password_config/enabled",
    "/password_config/localdb_enabled",
    "/saml2_config/enabled",
];

/// Synapse reads YAML 1.1, in which these words are booleans. Our parser reads YAML 1.2, in which they
/// are strings.
fn as_switch(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

impl Config {
    /// Reads and merges files in this order. A directory means the files in it that end in `.yaml`, sorted
    /// by name. An empty file changes nothing.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, is not YAML, or is not a map.
    pub fn read(paths: &[PathBuf]) -> Result<Self, MigrateError> {
        let mut value = Map::new();
        let mut files = Vec::new();
        for path in paths {
            for file in expand(path)? {
                match parse(&file)? {
                    Value::Null => {}
                    Value::Object(keys) => value.extend(keys),
                    _ => return Err(wrong(&file, "it has to be a map of options")),
                }
                files.push(file);
            }
        }
        let mut value = Value::Object(value);
        for switch in SWITCHES {
            if let Some(found) = value.pointer_mut(switch)
                && let Some(on) = found.as_str().and_then(as_switch)
            {
                *found = Value::Bool(on);
            }
        }
        Ok(Config { files, value })
    }

    /// The option at a path such as `password_config.pepper`. None if it is absent or null.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        let mut steps = path.split('.');
        let found = steps.try_fold(&self.value, |value, key| value.get(key))?;
        (!found.is_null()).then_some(found)
    }

    /// `server_name`, for example `example.com`.
    ///
    /// # Errors
    ///
    /// If it is missing.
    pub fn server_name(&self) -> Result<&str, MigrateError> {
        let name = self.get("server_name").and_then(Value::as_str);
        name.ok_or_else(|| self.wrong("`server_name` is missing"))
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
        let listeners = self.get("listeners").and_then(Value::as_array);
        let mut listeners = listeners.into_iter().flatten();
        let listener = listeners.find(|listener| {
            let resources = listener["resources"].as_array();
            let mut names = resources
                .into_iter()
                .flatten()
                .filter_map(|resource| resource["names"].as_array())
                .flatten();
            listener["port"].is_u64()
                && listener["tls"] != true
                && names.any(|name| name == "client")
        })?;
        let bound = listener["bind_addresses"]
            .get(0)
            .or(listener.get("bind_address"));
        let host = match bound.and_then(Value::as_str) {
            None | Some("" | "0.0.0.0") => "127.0.0.1".to_owned(),
            Some("::") => "[::1]".to_owned(),
            Some(address) if address.contains(':') => format!("[{address}]"),
            Some(address) => address.to_owned(),
        };
        Some(format!("http://{host}:{}", listener["port"]))
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
                return Err(self.wrong(&format!(
                    "`database.name` is {other}, and MAS can take over from PostgreSQL only. \
                     Move Synapse's data with `synapse_port_db` first"
                )));
            }
            None => return Err(self.wrong("`database.name` is missing")),
        }
        let place = format!("`database.args` in {}", self.last_file().display());
        // libpq's parameters that matter here. `database` is an older name of `dbname`.
        let names = ["host", "port", "user", "password", "dbname", "options"];
        let given = names.into_iter().filter_map(|name| {
            let older = || self.argument("database").filter(|_| name == "dbname");
            Some((name, self.argument(name).or_else(older)?))
        });
        let (options, _) = connection::parse(&place, &connection::uri(given))?;
        let tls = self.tls(
            &place,
            options.get_ssl_mode(),
            options.get_socket().is_some(),
        )?;
        Ok(Address { options, tls })
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

    fn wrong(&self, reason: &str) -> MigrateError {
        wrong(&self.last_file(), reason)
    }

    fn last_file(&self) -> PathBuf {
        let last = self.files.last().cloned();
        last.unwrap_or_else(|| "homeserver.yaml".into())
    }
}

fn wrong(file: &Path, reason: &str) -> MigrateError {
    MigrateError::file(file, reason.to_owned())
}

fn expand(path: &Path) -> Result<Vec<PathBuf>, MigrateError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(|error| wrong(path, &error.to_string()))?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry
            .map_err(|error| wrong(path, &error.to_string()))?
            .path();
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
    let text = fs::read_to_string(file)
        .map_err(|error| wrong(file, &format!("cannot be read: {error}")))?;
    serde_yaml_ng::from_str(&text).map_err(|error| wrong(file, &format!("not YAML: {error}")))
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
        let config = Config::read(&files).unwrap();
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
        let all = Config::read(&[directory.path().to_owned()]).unwrap();
        assert_eq!(all.value, config.value);
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
