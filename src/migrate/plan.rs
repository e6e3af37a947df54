//! A plan of a migration: what it would do, with what, and what it is expected to cost. It can be kept in a
//! file, and a migration that is given this file does exactly that, or nothing if something has changed.
//!
//! The file has no secrets, so that it can be shown to others. It has digests of the configurations, and these
//! have secrets in them that may be short. So the digests depend on a key that stays in the state directory.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    migrate::{
        MigrateError,
        context::Context,
        cutover::real_host::MigrateOptions,
        health::{self, Addresses},
        journal::{self, Target},
        postgres::{backup::BackupScope, connection::Database},
        preflight::{
            finding::{Finding, Severity},
            host::{self, Need},
        },
        rehearse::{self, Downtime},
        step::Step,
        verify::{self, Imported},
    },
    util::{atomic_write, secret::without_password},
};

/// The form of the file. Another one cannot be read.
const FORMAT: u32 = 1;

/// How the file begins.
pub const BEGINNING: &str = "{\n  \"format\": ";

/// A plan of a migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The form of this file.
    pub format: u32,
    /// When it was made, in UTC (RFC 3339).
    pub made: String,
    /// What each step does on this host, in words, as far as it is worth a line.
    pub actions: Vec<String>,
    /// What it is expected to cost. It is not compared later: people go on to use the homeserver.
    pub expected: Expected,
    /// What must be the same when it is carried out.
    pub basis: Basis,
}

/// What a migration is expected to cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expected {
    /// Users that are imported.
    pub users: i64,
    /// Sessions that are imported.
    pub sessions: i64,
    /// How long Synapse will be down, in seconds. Null if only a rehearsal can tell.
    pub downtime: Option<f64>,
    /// How much of that is for the last round. Null if Synapse's tables cannot be copied while it runs.
    pub last_round: Option<f64>,
    /// How much of that is for Synapse's own start. Null if that is unknown, and not part of the downtime.
    pub start: Option<f64>,
    /// What it may need on the disks, in bytes.
    pub disk: Vec<Need>,
}

/// What must be the same when a plan is carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Basis {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// How much of Synapse's database is backed up.
    pub backup: BackupScope,
    /// How many bytes are copied in a second, at most.
    pub max_rate: Option<u64>,
    /// The databases, files and services.
    pub target: Target,
    /// The options of the command line and the manifest, without passwords.
    pub options: BTreeMap<String, Value>,
    /// The versions of the programs and servers, by name.
    pub versions: BTreeMap<String, String>,
    /// The kinds of findings. How many rows each concerns may change.
    pub findings: BTreeMap<String, Severity>,
    /// Which key the digests depend on.
    pub key: String,
    /// Digests of the sections of both configurations and of the files of the cutover, by name.
    pub configurations: BTreeMap<String, String>,
}

impl Expected {
    /// How much is imported.
    #[must_use]
    pub fn imported(&self) -> Imported {
        Imported {
            users: self.users,
            sessions: self.sessions,
        }
    }
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is not a plan of this version of the program.
    pub fn read(file: &Path) -> Result<Self, MigrateError> {
        const FORM: &str = "a plan that `syn2mas migrate --plan --out FILE` has written";
        let text = fs::read_to_string(file).map_err(MigrateError::io("read", file))?;
        let value: Value = serde_json::from_str(&text).map_err(MigrateError::form(file, FORM))?;
        match value["format"].as_u64() {
            Some(format) if format != u64::from(FORMAT) => Err(MigrateError::content(
                file,
                "a plan of another version of syn2mas. Make a new one",
            )),
            _ => serde_json::from_value(value).map_err(MigrateError::form(file, FORM)),
        }
    }

    /// Writes the plan to a file that only its owner can read.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), MigrateError> {
        let text = serde_json::to_string_pretty(self).map_err(MigrateError::json(file))?;
        atomic_write::replace(file, &(text + "\n"), 0o600).map_err(MigrateError::io("write", file))
    }

    /// Makes a plan of these steps.
    ///
    /// # Errors
    ///
    /// If something cannot be read.
    pub async fn make(
        context: &Context,
        options: &MigrateOptions,
        (target, steps): (&Target, &[Step]),
        findings: &[Finding],
        actions: Vec<String>,
    ) -> Result<Self, MigrateError> {
        let basis = Basis::now(context, options, (target, steps), findings).await?;
        let copies = steps.contains(&Step::Copy);
        let Imported { users, sessions } = verify::to_import(context.synapse_database()?).await?;
        let Downtime { scan, start } = if copies {
            rehearse::downtime(context).await?
        } else {
            Downtime::default()
        };
        Ok(Plan {
            format: FORMAT,
            made: journal::now(),
            actions,
            expected: Expected {
                users,
                sessions,
                downtime: scan.map(|scan| scan + start.unwrap_or_default()),
                last_round: scan,
                start,
                disk: host::needs(context, options.scope, copies).await?,
            },
            basis,
        })
    }
}

impl Basis {
    /// What is the case now.
    ///
    /// # Errors
    ///
    /// If something cannot be read.
    pub async fn now(
        context: &Context,
        options: &MigrateOptions,
        (target, steps): (&Target, &[Step]),
        findings: &[Finding],
    ) -> Result<Self, MigrateError> {
        let key = key(context)?;
        Ok(Basis {
            steps: steps.to_vec(),
            backup: options.scope,
            max_rate: options.max_rate,
            target: without_command(target, context, &key),
            options: named_options(context, &key)?,
            versions: versions(context).await?,
            findings: findings
                .iter()
                .map(|finding| (finding.kind.id.to_owned(), finding.kind.severity))
                .collect(),
            configurations: configurations(context, &key)?,
            key: digest(&key, "key", "")[..16].to_owned(),
        })
    }

    /// What has changed since this plan was made, each as a sentence without a full stop.
    #[must_use]
    pub fn changes(&self, now: &Basis) -> Vec<String> {
        let mut changes = self.target.differences(&now.target, false);
        if self.steps != now.steps {
            changes.push(format!(
                "the steps were `{}`, and are `{}` now",
                names(&self.steps),
                names(&now.steps)
            ));
        }
        if (self.backup, self.max_rate) != (now.backup, now.max_rate) {
            changes.push("`--backup` or `--max-rate` is another one".to_owned());
        }
        let shown = |value: Option<&Value>| match value {
            None => "not given".to_owned(),
            Some(value) => format!("`{value}`"),
        };
        for name in all_names(&self.options, &now.options) {
            let (then, now) = (self.options.get(name), now.options.get(name));
            if then != now && COMMANDS.contains(&name.as_str()) {
                changes.push(format!("the option {name} has changed"));
            } else if then != now {
                let (then, now) = (shown(then), shown(now));
                changes.push(format!("the option {name} was {then}, and is {now} now"));
            }
        }
        for name in all_names(&self.versions, &now.versions) {
            let (then, now) = (self.versions.get(name), now.versions.get(name));
            if then != now {
                let unknown = || "unknown".to_owned();
                let (then, now) = (
                    then.cloned().unwrap_or_else(unknown),
                    now.cloned().unwrap_or_else(unknown),
                );
                changes.push(format!(
                    "the version of {name} was {then}, and is {now} now"
                ));
            }
        }
        for name in all_names(&self.findings, &now.findings) {
            let text = match (self.findings.get(name), now.findings.get(name)) {
                (None, Some(_)) => format!("`inspect` has a new finding: {name}"),
                (Some(_), None) => format!("`inspect` no longer finds {name}"),
                (then, now) if then != now => format!("the finding {name} has another severity"),
                _ => continue,
            };
            changes.push(text);
        }
        if self.key != now.key {
            changes.push(
                "the plan was made with another state directory, so the configurations cannot be compared"
                    .to_owned(),
            );
            return changes;
        }
        for name in all_names(&self.configurations, &now.configurations) {
            let text = match (self.configurations.get(name), now.configurations.get(name)) {
                (None, Some(_)) => format!("{name} is new"),
                (Some(_), None) => format!("{name} is gone"),
                (then, now) if then != now => format!("{name} has changed"),
                _ => continue,
            };
            changes.push(text);
        }
        changes
    }
}

fn names(steps: &[Step]) -> String {
    let names: Vec<&str> = steps.iter().map(|step| step.name()).collect();
    names.join(", ")
}

/// The names in either map, in order.
fn all_names<'a, T>(
    then: &'a BTreeMap<String, T>,
    now: &'a BTreeMap<String, T>,
) -> BTreeSet<&'a String> {
    then.keys().chain(now.keys()).collect()
}

/// The options that are shell commands. They may have secrets, so a plan has only their digests.
const COMMANDS: [&str; 2] = ["--stop-with", "--start-with"];

/// The target, with a digest in place of the command that stops Synapse.
fn without_command(target: &Target, context: &Context, key: &str) -> Target {
    let mut target = target.clone();
    if let Some(command) = &context.args.stop_with {
        target.synapse_services = vec![digest(key, "--stop-with", command)];
    }
    target
}

/// The options by their names on the command line, without passwords.
fn named_options(context: &Context, key: &str) -> Result<BTreeMap<String, Value>, MigrateError> {
    let state = context.state();
    let options = serde_json::to_value(&context.args).map_err(MigrateError::json(&state))?;
    let options = options.as_object().into_iter().flatten();
    let named = options.map(|(name, value)| {
        let name = option(name);
        let value = match value.as_str() {
            Some(uri) if name.ends_with("-uri") => without_password(uri).into(),
            Some(command) if COMMANDS.contains(&name.as_str()) => {
                digest(key, &name, command).into()
            }
            _ => value.clone(),
        };
        (name, value)
    });
    Ok(named.collect())
}

/// `--mas-config` for `masConfig`.
fn option(name: &str) -> String {
    let mut option = "--".to_owned();
    for char in name.chars() {
        if char.is_ascii_uppercase() {
            option.push('-');
        }
        option.push(char.to_ascii_lowercase());
    }
    option
}

async fn versions(context: &Context) -> Result<BTreeMap<String, String>, MigrateError> {
    let mut versions = BTreeMap::from([
        ("syn2mas".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("mas-cli".to_owned(), host::mas_version(context).await?),
    ]);
    if let Ok(addresses) = Addresses::of(context) {
        let running = health::synapse_version(&addresses.synapse).await;
        versions.extend(running.map(|version| ("Synapse".to_owned(), version)));
    }
    for (name, database) in [
        ("PostgreSQL, for Synapse", context.synapse_database()?),
        ("PostgreSQL, for MAS", context.mas_database()?),
    ] {
        versions.insert(name.to_owned(), version(database).await?);
    }
    Ok(versions)
}

async fn version(database: &Database) -> Result<String, MigrateError> {
    let mut connection = database.snapshot().await?;
    let number = database.version(&mut connection).await?;
    Ok(format!("{}.{}", number / 10_000, number % 10_000))
}

/// The digests of everything that a migration reads from files.
fn configurations(context: &Context, key: &str) -> Result<BTreeMap<String, String>, MigrateError> {
    let mut digests = BTreeMap::new();
    let mut add = |name: String, text: &str| {
        let digest = digest(key, &name, text);
        digests.insert(name, digest);
    };
    let mas = context.mas_as_text()?;
    let mas = serde_json::from_str(&mas).unwrap_or(Value::String(mas));
    for (whose, value) in [("Synapse", &context.synapse()?.value), ("MAS", &mas)] {
        match value.as_object() {
            Some(sections) => {
                for (name, section) in sections {
                    let name = format!("`{name}` in {whose}'s configuration");
                    add(name, &section.to_string());
                }
            }
            None => add(format!("{whose}'s configuration"), &value.to_string()),
        }
    }
    let files = context.args.overlay.iter().chain(&context.args.include);
    for file in files {
        add(file.source.display().to_string(), &file.content()?);
    }
    Ok(digests)
}

/// A digest that says nothing to those who do not have the key.
fn digest(key: &str, name: &str, text: &str) -> String {
    let digest = Sha256::digest(format!("{key}\0{name}\0{text}").as_bytes());
    format!("{digest:x}")
}

/// The key of this host, which is made when it is first needed.
fn key(context: &Context) -> Result<String, MigrateError> {
    let path = context.state().join("plan-key");
    match fs::read_to_string(&path) {
        Ok(key) => Ok(key.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = format!(
                "{:032x}{:032x}",
                rand::random::<u128>(),
                rand::random::<u128>()
            );
            atomic_write::replace(&path, &key, 0o600).map_err(MigrateError::io("write", &path))?;
            Ok(key)
        }
        Err(error) => Err(MigrateError::io("read", &path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::migrate::postgres::identity::DatabaseId;

    fn basis() -> Basis {
        let database = |name: &str| DatabaseId {
            system: "1".to_owned(),
            oid: 2,
            name: name.to_owned(),
        };
        let map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Basis {
            steps: vec![Step::Inspect, Step::Copy],
            backup: BackupScope::Tables,
            max_rate: None,
            target: Target {
                synapse: database("synapse"),
                mas: database("mas"),
                server_name: "example.com".to_owned(),
                overlay: PathBuf::from("/overlay"),
                includes: Vec::new(),
                synapse_services: vec!["matrix-synapse".to_owned()],
                mas_units: vec!["mas".to_owned()],
            },
            options: BTreeMap::from([("--mas-cli".to_owned(), "a".into())]),
            versions: map("Synapse", "1.163.0"),
            findings: BTreeMap::from([("guests".to_owned(), Severity::Warning)]),
            key: "key".to_owned(),
            configurations: map("`modules` in Synapse's configuration", "1"),
        }
    }

    /// A change of a basis, and what is said about it.
    type Case = (fn(&mut Basis), &'static str);

    #[test]
    fn every_change_is_named() {
        let cases: [Case; 12] = [
            (
                |it| it.steps = vec![Step::Inspect, Step::Stop],
                "the steps were `inspect, copy`, and are `inspect, stop` now",
            ),
            (
                |it| it.target.mas.oid = 3,
                "MAS's database was 1/2/mas, and is 1/3/mas now",
            ),
            (
                |it| it.target.synapse_services.push("worker".to_owned()),
                "the list of Synapse's units was `matrix-synapse`, and is `matrix-synapse, worker` now",
            ),
            (
                |it| it.max_rate = Some(1),
                "`--backup` or `--max-rate` is another one",
            ),
            (
                |it| it.options.clear(),
                "the option --mas-cli was `\"a\"`, and is not given now",
            ),
            (
                |it| {
                    it.versions.insert("Synapse".to_owned(), "2".to_owned());
                },
                "the version of Synapse was 1.163.0, and is 2 now",
            ),
            (
                |it| {
                    it.findings.insert("consent".to_owned(), Severity::Note);
                },
                "`inspect` has a new finding: consent",
            ),
            (|it| it.findings.clear(), "`inspect` no longer finds guests"),
            (
                |it| it.configurations.clear(),
                "`modules` in Synapse's configuration is gone",
            ),
            (
                |it| {
                    it.configurations
                        .insert("/overlay.source".to_owned(), "2".to_owned());
                },
                "/overlay.source is new",
            ),
            (
                |it| {
                    it.configurations
                        .values_mut()
                        .for_each(|digest| digest.push('2'));
                },
                "`modules` in Synapse's configuration has changed",
            ),
            (
                |it| {
                    it.key.clear();
                    it.configurations.clear();
                },
                "the plan was made with another state directory, so the configurations cannot be compared",
            ),
        ];
        assert_eq!(basis().changes(&basis()), Vec::<String>::new());
        for (change, expected) in cases {
            let mut now = basis();
            change(&mut now);
            assert_eq!(basis().changes(&now), [expected]);
        }
    }

    #[test]
    fn a_plan_of_another_version_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("plan.json");
        let plan = Plan {
            format: FORMAT,
            made: journal::now(),
            actions: vec!["look".to_owned()],
            expected: Expected::default(),
            basis: basis(),
        };
        plan.write(&file).unwrap();
        assert_eq!(Plan::read(&file).unwrap(), plan);
        for (text, expected) in [
            (r#"{"format": 2}"#, "another version of syn2mas"),
            (r#"{"format": 1}"#, "is not a plan"),
            ("nonsense", "is not a plan"),
        ] {
            fs::write(&file, text).unwrap();
            let error = Plan::read(&file).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn options_are_named_as_on_the_command_line() {
        assert_eq!(option("masDatabaseUri"), "--mas-database-uri");
    }
}
