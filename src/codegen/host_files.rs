//! Writes the files for a host with systemd from the module's options: units, users, MAS's configuration,
//! Synapse's overlay, and includes for the reverse proxy.

use semver::Version;
use serde_json::{Map, Value, json};

use crate::{
    codegen::Artifact,
    config::{
        load::MergedConfig,
        merge::{Lists, merge},
        tree::{self, Node, Shape},
    },
    deploy::{
        credentials::{self, Placed},
        defaults,
        etc_files::{self, Content},
        manifests, routes, synapse_overlay,
        units::{self, NAME, Unit},
        well_known,
    },
    expr::{Entry, Item, Scope, Term},
    rules::{
        self,
        check::{self, Problem},
    },
    util::yaml,
};

/// The module's options with their defaults, and the values computed from them.
#[derive(Clone, Debug)]
pub struct Context {
    /// The option values by name; computed values are in `computed`.
    options: Value,
    version: Version,
}

/// Computes everything that the files need. Also returns warnings.
///
/// # Errors
///
/// If options have the wrong structure: all such problems. Otherwise, if the options or the settings in
/// them break rules: all problems and warnings.
pub fn context(
    given: &MergedConfig,
    version: &Version,
) -> Result<(Context, Vec<Problem>), Vec<Problem>> {
    let module = tree::module();
    let problems = check::structure_problems(given, &module);
    if !problems.is_empty() {
        return Err(check::in_file_order(problems, given));
    }
    let mut options = with_defaults(&module, &check::without_nulls(&module, &given.value));
    let complete = options["extraConfigFiles"] == json!([]);
    options["settingsElsewhere"] = (!complete).into();

    let derived = Scope::whole(&options, true, version).value_of(&defaults::section());
    let mut settings = derived["settings"].clone();
    merge(&mut settings, options["settings"].clone(), Lists::Replaced);
    merge(
        &mut settings,
        options["extraSettings"].clone(),
        Lists::Joined,
    );
    let tree = tree::settings();
    let rules = rules::all(&tree);
    let mut problems = check::rule_problems(
        &rules,
        &settings,
        &check::CheckOptions {
            version: version.clone(),
            no_inline_secrets: options["allowInlineSecrets"] != true,
            complete,
        },
    );
    for problem in &mut problems {
        problem.path = format!("settings.{}", problem.path);
    }

    let placed = credentials::place(&credentials::options(&tree), &settings);
    options["settings"] = settings;
    options["computed"] = computed(&options, &placed, &derived);
    options["computed"]["experimentalFeatures"] = experimental_features(&options, version);
    problems.extend(check::rule_problems(
        &rules::module(),
        &options,
        &check::CheckOptions {
            version: version.clone(),
            no_inline_secrets: true,
            complete,
        },
    ));
    let problems = check::in_file_order(problems, given);
    if !check::is_valid(&problems) {
        return Err(problems);
    }
    let context = Context {
        options,
        version: version.clone(),
    };
    Ok((context, problems))
}

/// The values that terms of units and other files read from `computed`.
fn computed(options: &Value, placed: &Placed, derived: &Value) -> Value {
    let mut credentials = placed.credentials.clone();
    for (name, file) in options["credentials"].as_object().into_iter().flatten() {
        credentials.insert(name.clone(), text(file));
    }
    let mut extra = Vec::new();
    let files = options["extraConfigFiles"].as_array();
    for (i, file) in files.into_iter().flatten().enumerate() {
        let file = credentials::with_braces(&text(file));
        if credentials::is_own(&file) {
            extra.push(file);
        } else {
            credentials.insert(format!("config-{i}"), file);
            extra.push(format!("${{CREDENTIALS_DIRECTORY}}/config-{i}"));
        }
    }
    let users = options["users"].as_object().into_iter().flatten();
    let passwords: Vec<(String, String)> = users
        .filter_map(|(name, user)| {
            let file = user.get("passwordFile")?;
            Some((format!("user-{name}"), text(file)))
        })
        .collect();
    let headers = options["routes"]["wellKnownHeaders"].as_object();
    let headers: Vec<Value> = headers
        .into_iter()
        .flatten()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let line = |(name, file): (&String, &String)| format!("{name}:{file}");
    let lines: Vec<String> = credentials.iter().map(line).collect();
    let user_lines: Vec<String> = passwords.iter().map(|(n, f)| line((n, f))).collect();
    let for_database =
        |name: &str| name.starts_with("database.") || !placed.credentials.contains_key(name);
    let database_lines: Vec<String> = credentials
        .iter()
        .filter(|(name, _)| for_database(name))
        .map(line)
        .collect();
    credentials.extend(passwords);
    let own = json!({
        "user": NAME,
        "group": NAME,
        "unitProperties": [],
        "dependencies": dependencies(options),
        "sharedSecretFile": shared_secret_file(options),
        "databaseCredentials": database_lines,
        "wellKnownHeaders": headers,
        "wellKnownClient": options["routes"]["wellKnownClient"]
            .as_object()
            .map(well_known::entries)
            .unwrap_or_default(),
        "credentials": lines,
        "userCredentials": user_lines,
        "credentialFiles": credentials,
        "config": placed.settings,
        "copies": placed.copies,
        "extraConfigFiles": extra,
    });
    let mut computed = derived.clone();
    merge(&mut computed, own, Lists::Replaced);
    computed
}

/// Synapse's `experimental_features`: those of the administrator override the module's.
fn experimental_features(options: &Value, version: &Version) -> Value {
    let scope = Scope::whole(options, true, version);
    let mut features = scope.value_of(&synapse_overlay::features().into());
    let own = options["synapse"]["experimentalFeatures"].as_object();
    for (name, value) in own.into_iter().flatten() {
        features[name] = value.clone();
    }
    features
}

/// The file from which MAS reads the shared secret, as Synapse sees it. For a credential, that is its
/// source file, if `credentials` names one.
fn shared_secret_file(options: &Value) -> Value {
    let file = &options["settings"]["matrix"]["secret_file"];
    let path = credentials::with_braces(file.as_str().unwrap_or_default());
    match credentials::credential(&path) {
        Some(name) => options["credentials"][name].clone(),
        None => file.clone(),
    }
}

/// The units that MAS waits for. Synapse's are excluded, because they wait for MAS.
fn dependencies(options: &Value) -> Vec<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut dependencies = list(&options["serviceDependencies"]);
    if options["synapse"]["enable"] == true {
        let mut later = list(&options["synapse"]["units"]);
        later.push("matrix-synapse.target".into());
        dependencies.retain(|unit| !later.contains(unit));
    }
    dependencies
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Adds defaults for absent options. Settings are left alone.
fn with_defaults(node: &Node, value: &Value) -> Value {
    let Shape::Section(section) = &node.shape else {
        return value.clone();
    };
    let mut options = Map::new();
    for (name, option) in &section.options {
        let value = value.get(name);
        let value = match (&option.shape, value) {
            (Shape::Section(_), value) if name != "settings" => {
                with_defaults(option, value.unwrap_or(&json!({})))
            }
            (_, Some(value)) => value.clone(),
            (Shape::Section(_), None) => json!({}),
            (_, None) => option.default.clone().unwrap_or_default(),
        };
        options.insert(name.clone(), value);
    }
    Value::Object(options)
}

impl Context {
    /// The files, each with its path relative to the root of the host's file system. Empty if MAS is
    /// disabled.
    #[must_use]
    pub fn files(&self) -> Vec<Artifact> {
        let mut files = Vec::new();
        if self.options["enable"] == false {
            return files;
        }
        let mut add = |path: String, content: String| {
            files.push(Artifact {
                path: path.into(),
                content,
            });
        };
        for unit in units::all() {
            if self.scope().applies(unit.when.as_ref()) {
                let name = unit.file_name();
                add(format!("etc/systemd/system/{name}"), self.unit(&unit));
            }
        }
        add(format!("etc/sysusers.d/{NAME}.conf"), sysusers());
        add(
            format!("etc/tmpfiles.d/{NAME}.conf"),
            self.lines(units::tmpfiles()),
        );
        for file in etc_files::etc_files() {
            if self.scope().applies(file.when.as_ref()) {
                let content = match file.content {
                    Content::Yaml(value) => yaml::document(&self.scope().value_of(&value)),
                    Content::Lines(items) => self.lines(items),
                };
                add(format!("etc/{NAME}/{}", file.name), content);
            }
        }
        for site in routes::sites() {
            if !self.scope().holds(&site.when) {
                continue;
            }
            if self.options["routes"]["nginx"] == true {
                add(
                    format!("etc/nginx/snippets/{NAME}/{}.conf", site.name),
                    self.lines(routes::nginx(&site.locations)),
                );
            }
            if self.options["routes"]["caddy"] == true {
                add(
                    format!("etc/caddy/{NAME}/{}.caddy", site.name),
                    self.lines(routes::caddy(&site)),
                );
            }
        }
        if self.options["routes"]["nginx"] == true {
            add(
                format!("etc/nginx/conf.d/{NAME}.conf"),
                self.lines(routes::nginx_http()),
            );
        }
        for tool in manifests::tools() {
            add(format!("usr/local/bin/{}", tool.name), {
                let script = self.scope().value_of(&tool.script());
                text(&script)
            });
        }
        files
    }

    fn scope(&self) -> Scope<'_> {
        Scope::whole(&self.options, true, &self.version)
    }

    fn lines(&self, items: Vec<Item>) -> String {
        let lines = Term::Lines(Box::new(items.into()));
        text(&self.scope().value_of(&lines))
    }

    /// The text of a unit file. The directives of each section are in alphabetical order.
    fn unit(&self, unit: &Unit) -> String {
        let wanted_by = crate::expr::entry("WantedBy", crate::expr::texts(&unit.wanted_by));
        let shared = unit.sandbox.iter().flat_map(|part| part.directives());
        let own: Vec<Entry> = shared.chain(unit.body.clone()).collect();
        let sections = [
            self.section("Unit", &unit.unit, true),
            self.section(unit.kind.section(), &own, false),
            self.section("Install", &[wanted_by], true),
        ];
        let sections: Vec<String> = sections.into_iter().flatten().collect();
        sections.join("\n")
    }

    fn section(&self, name: &str, directives: &[Entry], joined: bool) -> Option<String> {
        let mut directives: Vec<&Entry> = directives.iter().collect();
        directives.sort_by_key(|directive| directive.name);
        let mut lines = String::new();
        for directive in directives {
            if !self.scope().applies(directive.when.as_ref()) {
                continue;
            }
            let values: Vec<String> = match self.scope().value_of(&directive.value) {
                Value::Array(list) => list.iter().map(text).collect(),
                Value::String(text) => vec![text],
                other => vec![other.to_string()],
            };
            if joined && !values.is_empty() {
                lines += &format!("{}={}\n", directive.name, values.join(" "));
            } else {
                for value in values {
                    lines += &format!("{}={value}\n", directive.name);
                }
            }
        }
        (!lines.is_empty()).then(|| format!("[{name}]\n{lines}"))
    }
}

/// The sysusers.d(5) line for the service's user and group.
fn sysusers() -> String {
    format!("u {NAME} - \"Matrix Authentication Service\" /var/lib/{NAME}\n")
}

/// The units to enable: those with a `WantedBy=`.
#[must_use]
pub fn enabled_units(files: &[Artifact]) -> Vec<String> {
    let wanted = units::all()
        .into_iter()
        .filter(|unit| !unit.wanted_by.is_empty());
    let names = wanted.map(|unit| unit.file_name());
    let present = |name: &String| files.iter().any(|file| file.path.ends_with(name));
    names.filter(present).collect()
}
