//! Compares the verdicts of `mas2nix check`, the evaluated module and MAS itself on the same
//! configurations.

use std::{num::ParseIntError, str::FromStr};

use crate::support::{Case, MasCli, Nix, SETTINGS, generate, harness::TestResult, problems};
use mas2nix::{
    config::tree::{Node, Shape, steps},
    rules::check::{self, Problem},
    schema,
};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// Problems that we reject and MAS accepts: MAS ignores them, or fails only when it starts or when
/// a user logs in.
fn deliberately_stricter(problem: &Problem) -> bool {
    let path = check::without_indices(&problem.path);
    match problem.id.as_str() {
        "unknown-option"
        | "no-form"
        | "mixed-forms"
        | "no-listener"
        | "scheme-version-twice"
        | "provider-id-twice"
        | "client-id-twice"
        | "captcha-without-key"
        | "wildcard-url"
        | "endpoint-without-scheme"
        | "undiscovered-endpoint"
        | "wrong-variant"
        | "wrong-choice" => true,
        "rate-out-of-range" => path.starts_with("rate_limiting.email_authentication."),
        "required" => path.starts_with("http.listeners[].binds[]."),
        "wrong-type" | "null" => {
            path.starts_with("http.listeners[].binds[]")
                || path.starts_with("clients[].jwks.keys[]")
                || path.starts_with("experimental.")
                || path.ends_with("_alg")
                || [
                    "database.port",
                    "email.port",
                    "matrix.homeserver",
                    "passwords.minimum_complexity",
                    "telemetry.sentry.dsn",
                ]
                .contains(&path.as_str())
                // MAS accepts a number as the index of a resource in its source.
                || path == "http.listeners[].resources[].name"
                // A list instead of a section, if no option of the section is required.
                || problem.reason.contains("must be a section")
                // White space around a URL.
                || problem.reason.contains("must be an absolute URL")
        }
        _ => false,
    }
}

/// Lists whose entries are drawn one by one, because few random entries are valid.
const LISTS: [&str; 5] = [
    "clients",
    "upstream_oauth2.providers",
    "http.listeners",
    "passwords.schemes",
    "secrets.keys",
];

/// A valid configuration: every section, and every entry of the lists that matter, is drawn until
/// it is valid.
pub fn valid_config(runner: &mut TestRunner) -> Value {
    let mut config = json!({
        "matrix": {"secret": "s"},
        "secrets": {"encryption": "0".repeat(64)},
        "http": {
            "public_base": "https://example.com/",
            // The module adds listeners where there are none.
            "listeners": [{"binds": [{"port": 1}], "resources": [{"name": "human"}]}]
        }
    });
    for (name, node) in &SETTINGS.section().unwrap().options {
        draw(&mut config, name, node, runner);
        for list in LISTS.iter().filter(|list| steps(list).next() == Some(name)) {
            extend(&mut config, list, runner);
        }
    }
    config
}

/// Replaces a section by one that leaves the configuration valid, if one is found.
fn draw(config: &mut Value, section: &str, node: &Node, runner: &mut TestRunner) {
    let strategy = generate::typed(node);
    for _ in 0..40 {
        let mut candidate = config.clone();
        candidate[section] = generate::draw(&strategy, runner);
        let listens = candidate["http"].get("listeners").is_some();
        if problems(&candidate).is_empty() && listens {
            *config = candidate;
            return;
        }
    }
}

/// Adds up to two valid entries to a list.
fn extend(config: &mut Value, list: &str, runner: &mut TestRunner) {
    let Shape::List(item) = &SETTINGS.find(list).unwrap().shape else {
        unreachable!("{list} is a list");
    };
    let pointer = format!("/{}", list.replace('.', "/"));
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let strategy = generate::typed(item);
    for _ in 0..40 {
        let mut candidate = config.clone();
        let Some(Value::Object(parent)) = candidate.pointer_mut(parent) else {
            return;
        };
        let entries = parent.entry(key).or_insert_with(|| json!([]));
        if !entries.is_array() {
            *entries = json!([]);
        }
        let entries = entries.as_array_mut().unwrap();
        entries.push(generate::draw(&strategy, runner));
        let enough = entries.len() > 2;
        if problems(&candidate).is_empty() {
            *config = candidate;
            if enough {
                return;
            }
        }
    }
}

/// A number from the environment.
pub fn number<T: FromStr<Err = ParseIntError>>(name: &str, default: T) -> T {
    let given = std::env::var(name).ok();
    given.map_or(default, |number| number.parse().expect(name))
}

pub fn runner() -> TestRunner {
    let seed = [number("MAS2NIX_JUDGES_SEED", 0_u8); 32];
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    TestRunner::new_with_rng(Config::default(), rng)
}

/// Drops every null that has no meaning of its own, and empty strings that are defaults in nixpkgs'
/// module, as NixOS does.
fn drop_nulls(node: &Node, value: &mut Value) {
    match (&node.shape, value) {
        (Shape::Section(section), Value::Object(entries)) => {
            entries.retain(|name, value| {
                let option = section.get(name);
                let keeps = |option: &Node| {
                    option.null_means.is_some() || matches!(option.shape, Shape::Any)
                };
                let unset = |option: &Node| option.unset_if_empty && value == "";
                (!value.is_null() || option.is_none_or(keeps)) && !option.is_some_and(unset)
            });
            for (name, value) in entries {
                if let Some(option) = section.get(name) {
                    drop_nulls(option, value);
                }
            }
        }
        (Shape::List(item), Value::Array(items)) => {
            items.retain(|item| !item.is_null());
            for value in items {
                drop_nulls(item, value);
            }
        }
        _ => {}
    }
}

fn checker_module_and_mas_agree() -> TestResult {
    // Each verdict is compared with ours, even if the other program is missing.
    let (mas, nix) = (MasCli::find(), Nix::find());
    let mut runner = runner();
    let mut configs: Vec<Value> = Vec::new();
    for _ in 0..number("MAS2NIX_JUDGES_CASES", 150) {
        let config = valid_config(&mut runner);
        for _ in 0..4 {
            configs.push(generate::with_fault(&config, &SETTINGS, &mut runner));
        }
        configs.push(config);
    }
    let cases: Vec<Case> = configs
        .iter()
        .enumerate()
        .map(|(i, config)| Case::settings(i.to_string(), config))
        .collect();
    let modules = nix.map(|nix| nix.evaluate(&cases));
    let mut disagreements = Vec::new();
    let (mut valid, mut refused_by_all, mut stricter) = (0, 0, 0);
    for (i, config) in configs.iter().enumerate() {
        let problems = problems(config);
        let verdict = check::is_valid(&problems);
        if verdict {
            let typed = serde_json::from_value::<schema::Settings>(config.clone());
            typed.unwrap_or_else(|error| panic!("the Rust types say {error} of {config}"));
        }
        if let Ok(modules) = &modules {
            let mut set = config.clone();
            drop_nulls(&SETTINGS, &mut set);
            let problems = crate::support::problems(&set);
            // The module adds listeners if a configuration has none.
            let completed = problems.iter().all(|p| {
                p.id == "no-listener" || p.path == "http.public_base" && p.id == "required"
            });
            let verdict = check::is_valid(&problems);
            if modules[i].valid != verdict && !(completed && modules[i].valid) {
                disagreements.push(format!(
                    "the module says {} ({:?}), we say {problems:?} of {config}",
                    modules[i].valid, modules[i].messages
                ));
            }
        }
        if let Ok(mas) = &mas {
            let (accepted, message) = mas.check(config);
            let excused = problems.iter().any(deliberately_stricter);
            match (verdict, accepted) {
                (true, true) => valid += 1,
                (false, false) => refused_by_all += 1,
                (false, true) if excused => stricter += 1,
                _ => disagreements.push(format!(
                    "MAS says {accepted}, we say {problems:?} of {config}\n{message}"
                )),
            }
        }
    }
    eprintln!("{valid} valid, {refused_by_all} refused by all, {stricter} refused by us alone");
    assert!(
        disagreements.is_empty(),
        "{} disagreements:\n{}",
        disagreements.len(),
        disagreements[..disagreements.len().min(10)].join("\n\n")
    );
    mas.map(drop).and(modules.map(drop))
}

crate::support::harness::tests![checker_module_and_mas_agree,];
