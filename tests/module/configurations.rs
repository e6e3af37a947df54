//! Public configurations for nixpkgs' module (`tests/fixtures/configurations`): each is rejected
//! with a clear message, or MAS would really start. To test that, the real programs perform the
//! steps of the units before MAS serves requests. Every unit sees only its own credentials and
//! files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{MasCli, Nix, harness::TestResult, postgres::Postgres, root};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

const SERVICE: &str = "matrix-authentication-service";
const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// An entry of `tests/fixtures/configurations/hosts.yaml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Host {
    refused: Vec<String>,
    files: BTreeMap<String, Value>,
    before: Option<String>,
    made: BTreeMap<String, Value>,
}

/// The result of evaluating a configuration: see `tests/support/nix/configuration.nix`.
#[derive(Clone, Deserialize)]
struct Evaluated {
    problems: Vec<String>,
    units: BTreeMap<String, Unit>,
    config: String,
    manifest: String,
    groups: Vec<String>,
    users: Vec<String>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unit {
    after: Vec<String>,
    before: Vec<String>,
    service_config: Value,
}

impl Unit {
    /// The values of a directive, of which there may be none, one or several.
    fn directive(&self, name: &str) -> Vec<String> {
        match &self.service_config[name] {
            Value::Null => Vec::new(),
            Value::Array(values) => values.iter().map(text).collect(),
            value => vec![text(value)],
        }
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn hosts() -> BTreeMap<String, Host> {
    let file = fs::read_to_string(root().join("tests/fixtures/configurations/hosts.yaml")).unwrap();
    serde_yaml_ng::from_str(&file).unwrap()
}

/// Evaluates configurations, all in one run.
fn evaluate<'a>(
    nix: &Nix,
    names: impl Iterator<Item = &'a String>,
) -> Result<BTreeMap<String, Evaluated>, String> {
    let quoted: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
    let file = root().join("tests/support/nix/configuration.nix");
    let evaluated = nix.json(&format!(
        "(import <nixpkgs/lib>).genAttrs [ {} ] (name: import {} {{ inherit name; }})",
        quoted.join(" "),
        file.display()
    ))?;
    Ok(serde_json::from_value(evaluated).unwrap())
}

fn every_configuration_has_an_entry() {
    let folder = fs::read_dir(root().join("tests/fixtures/configurations")).unwrap();
    let mut files: Vec<String> = folder
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".nix").map(str::to_owned)
        })
        .collect();
    files.sort();
    let hosts = hosts();
    assert_eq!(files, hosts.keys().cloned().collect::<Vec<_>>());
    assert!(hosts.len() >= 30, "{}", hosts.len());
}

fn configurations_that_cannot_start_are_refused_with_a_reason() -> TestResult {
    let nix = Nix::find()?;
    for (name, host) in hosts().iter().filter(|(_, host)| !host.refused.is_empty()) {
        let error = match evaluate(&nix, [name].into_iter()) {
            Ok(evaluated) => evaluated[name].problems.join("\n"),
            Err(error) => error,
        };
        for part in &host.refused {
            assert!(error.contains(part), "{name}: {part}\n{error}");
        }
    }
    Ok(())
}

fn accepted_configurations_start() -> TestResult {
    let (nix, mas, postgres) = (Nix::find()?, MasCli::find()?, Postgres::start()?);
    let role = "CREATE ROLE \"matrix-authentication-service\" SUPERUSER LOGIN";
    postgres.sql("postgres", role);
    postgres.sql("postgres", "CREATE ROLE mas SUPERUSER LOGIN");
    postgres.create("\"matrix-authentication-service\"");
    postgres.create("mas");
    let mut hosts = hosts();
    hosts.retain(|_, host| host.refused.is_empty());
    let evaluated = evaluate(&nix, hosts.keys()).unwrap_or_else(|error| panic!("{error}"));
    for (name, host) in &hosts {
        let evaluated = evaluated[name].clone();
        assert_eq!(evaluated.problems, Vec::<String>::new(), "{name}");
        Start::new(name, host, evaluated, &mas, &postgres).run();
    }
    Ok(())
}

/// The start of MAS on a host, whose files are all below one directory.
struct Start<'a> {
    name: &'a str,
    host: &'a Host,
    evaluated: Evaluated,
    mas: &'a MasCli,
    postgres: &'a Postgres,
    directory: TempDir,
}

impl<'a> Start<'a> {
    fn new(
        name: &'a str,
        host: &'a Host,
        evaluated: Evaluated,
        mas: &'a MasCli,
        postgres: &'a Postgres,
    ) -> Self {
        let directory = TempDir::new().unwrap();
        for part in ["secrets", "state", "main"] {
            fs::create_dir(directory.path().join(part)).unwrap();
        }
        Start {
            name,
            host,
            evaluated,
            mas,
            postgres,
            directory,
        }
    }

    /// Replaces paths of the host with paths in the test's directory.
    fn relocated(&self, text: &str) -> String {
        let in_directory = |part: &str| self.directory.path().join(part).display().to_string();
        [
            (
                "/var/lib/matrix-authentication-service-secrets",
                in_directory("secrets"),
            ),
            (
                "/var/lib/matrix-authentication-service",
                in_directory("state"),
            ),
            ("/run/matrix-authentication-service/", in_directory("main/")),
            ("/etc/matrix-authentication-service/", in_directory("")),
            (
                "/run/postgresql",
                self.postgres.path().display().to_string(),
            ),
            ("/run/secrets/", in_directory("managed/")),
            ("/run/agenix/", in_directory("managed/")),
        ]
        .into_iter()
        .fold(text.to_owned(), |text, (path, relocated)| {
            text.replace(path, &relocated)
        })
    }

    fn write(&self, path: &str, content: &Value) {
        let path = PathBuf::from(self.relocated(path));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let content = match content.as_str() {
            Some("key") => signing_key(),
            Some(text) => text.to_owned(),
            None => self.relocated(&content.to_string()),
        };
        fs::write(path, content).unwrap();
    }

    fn unit(&self, suffix: &str) -> &Unit {
        &self.evaluated.units[&format!("{SERVICE}{suffix}")]
    }

    fn run(&self) {
        for (path, content) in &self.host.files {
            self.write(path, content);
        }
        let mut manifest: Value = serde_yaml_ng::from_str(&self.evaluated.manifest).unwrap();
        manifest["masCli"] = self.mas.program().display().to_string().into();
        self.write(&format!("/etc/{SERVICE}/service.yaml"), &manifest);
        let config = Value::String(self.relocated(&self.evaluated.config));
        self.write(&format!("/etc/{SERVICE}/config.yaml"), &config);

        self.check_users_and_order();
        if let Some(unit) = &self.host.before {
            for helper in ["-secrets", "-migrate-database", ""] {
                assert!(self.unit(helper).after.contains(unit), "{}", self.name);
            }
            self.make();
        }
        self.service("-secrets", &["secrets"]);
        self.service(
            "-migrate-database",
            &["run", "--only", "database", "--", "database", "migrate"],
        );
        if self.host.before.is_none() {
            self.make();
        }
        self.service("", &["prepare"]);
        self.start_server();
        self.service("-doctor", &["run", "--", "config", "check"]);
    }

    fn make(&self) {
        for (path, content) in &self.host.made {
            self.write(path, content);
        }
    }

    fn check_users_and_order(&self) {
        let main = self.unit("");
        for (name, unit) in &self.evaluated.units {
            let of = |directive: &str| unit.directive(directive).concat();
            if ["", "-migrate-database", "-doctor"].contains(&name.trim_start_matches(SERVICE)) {
                for directive in ["User", "Group", "EnvironmentFile", "SupplementaryGroups"] {
                    assert_eq!(
                        of(directive),
                        main.directive(directive).concat(),
                        "{}: {name}: {directive}",
                        self.name
                    );
                }
            }
            let user = of("User");
            assert!(
                user.is_empty() || user == "postgres" || self.evaluated.users.contains(&user),
                "{}: {name}: there is no user {user}",
                self.name
            );
            let group = of("Group");
            assert!(
                group.is_empty() || self.evaluated.groups.contains(&group),
                "{}: {name}: there is no group {group}",
                self.name
            );
            assert!(
                !unit.after.iter().any(|other| unit.before.contains(other)),
                "{}: {name}: a cycle",
                self.name
            );
        }
    }

    /// Runs `mas-service` as a unit does: with its credentials and its runtime directory. The unit
    /// says the same command.
    fn service(&self, suffix: &str, arguments: &[&str]) {
        let unit = self.unit(suffix);
        let commands = [unit.directive("ExecStartPre"), unit.directive("ExecStart")].concat();
        let command = format!("bin/mas-service {}", arguments.join(" "));
        if suffix != "-doctor" {
            assert!(
                commands.iter().any(|line| line.ends_with(&command)),
                "{}: {suffix}: {commands:?}",
                self.name
            );
        }
        let manifest = self.directory.path().join("service.yaml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_mas-service"));
        command.arg("--manifest").arg(manifest).args(arguments);
        self.succeed(suffix, &mut command);
    }

    /// Runs the first actions of MAS's server on its configuration: reading every secret, and
    /// writing its clients and providers to the database.
    fn start_server(&self) {
        let credentials = self.credentials("");
        let command = self.relocated(&self.unit("").directive("ExecStart").concat());
        let command = command
            .replace("%d", "${CREDENTIALS_DIRECTORY}")
            .replace(
                "/run/credentials/matrix-authentication-service.service",
                "${CREDENTIALS_DIRECTORY}",
            )
            .replace(
                "${CREDENTIALS_DIRECTORY}",
                &credentials.display().to_string(),
            );
        let words: Vec<&str> = command.split_whitespace().collect();
        assert!(words.contains(&"server"), "{}: {command}", self.name);
        let mut sync = Command::new(self.mas.program());
        sync.args(["config", "sync"]);
        for pair in words.windows(2).filter(|pair| pair[0] == "--config") {
            assert!(
                Path::new(pair[1]).is_file(),
                "{}: MAS is given {}, which is not there",
                self.name,
                pair[1]
            );
            sync.args(pair);
        }
        self.succeed("", &mut sync);
        let config = fs::read_to_string(self.directory.path().join("main/config.yaml")).unwrap();
        let config: Value = serde_yaml_ng::from_str(&config).unwrap();
        self.check_files("", &config);
    }

    /// Checks that every file named in the configuration exists.
    fn check_files(&self, at: &str, value: &Value) {
        match value {
            Value::Object(entries) => {
                for (name, value) in entries {
                    if let (true, Some(file)) = (name.ends_with("_file"), value.as_str()) {
                        assert!(
                            Path::new(file).is_file(),
                            "{}: {at}.{name}: {file} is not there",
                            self.name
                        );
                    }
                    self.check_files(&format!("{at}.{name}"), value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.check_files(at, item)),
            _ => {}
        }
    }

    fn succeed(&self, suffix: &str, command: &mut Command) {
        let runtime = match suffix {
            "" => self.directory.path().join("main"),
            _ => self.directory.path().join(format!("runtime{suffix}")),
        };
        fs::create_dir_all(&runtime).unwrap();
        let user = self.unit("").directive("User").concat();
        // systemd sets the variable only where there are credentials.
        if !self.unit(suffix).directive("LoadCredential").is_empty() {
            command.env("CREDENTIALS_DIRECTORY", self.credentials(suffix));
        }
        let output = command
            .env("RUNTIME_DIRECTORY", runtime)
            .env("PGUSER", user)
            .env("PGHOST", self.postgres.path())
            .current_dir(self.directory.path().join("state"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}: {command:?}\n{}{}",
            self.name,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// The credentials of a unit, loaded as systemd does before the unit's first command.
    fn credentials(&self, suffix: &str) -> PathBuf {
        let directory = self.directory.path().join(format!("credentials{suffix}"));
        if directory.exists() {
            return directory;
        }
        fs::create_dir(&directory).unwrap();
        for line in self.unit(suffix).directive("LoadCredential") {
            let (name, source) = line.split_once(':').unwrap();
            let file = PathBuf::from(self.relocated(source));
            if !file.exists() && !file.starts_with(self.directory.path().join("secrets")) {
                self.write(source, &secret_for(name, source).into());
            }
            if file.is_dir() {
                for entry in fs::read_dir(&file).unwrap() {
                    let entry = entry.unwrap();
                    let part = entry.file_name().into_string().unwrap();
                    fs::copy(entry.path(), directory.join(format!("{name}_{part}"))).unwrap();
                }
                continue;
            }
            let copied = fs::copy(&file, directory.join(name));
            assert!(copied.is_ok(), "{}: {suffix}: {line}", self.name);
        }
        directory
    }
}

/// A secret of the type that the name indicates.
fn secret_for(credential: &str, source: &str) -> String {
    let is = |part: &str| credential.contains(part) || source.contains(part);
    if is("encryption") {
        HEX.to_owned()
    } else if ["rsa", "key_ec", "key-ec", "kid"]
        .iter()
        .any(|part| is(part))
    {
        "key".to_owned()
    } else {
        "secret".to_owned()
    }
}

fn signing_key() -> String {
    let key = root().join("nix/tests/certificates/signing.key");
    fs::read_to_string(key).unwrap()
}

crate::support::harness::tests![
    every_configuration_has_an_entry,
    configurations_that_cannot_start_are_refused_with_a_reason,
    accepted_configurations_start,
];
