//! The rules of the module's own options and of Synapse's settings, each broken once: the checker
//! and the module report the same.

use std::{collections::BTreeSet, fs};

use crate::support::{Nix, cases, harness::TestResult, root};
use mas2nix::{
    codegen::host_files,
    config::load::MergedConfig,
    rules::{
        self, Rule,
        check::{self, CheckOptions},
    },
    schema::NEWEST,
};
use semver::Version;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

#[derive(Deserialize)]
pub struct Module {
    pub rule: Option<String>,
    pub at: Option<String>,
    pub version: Option<String>,
    pub with: Value,
}

#[derive(Deserialize)]
struct Synapse {
    rule: Option<String>,
    at: Option<String>,
    settings: Value,
}

/// Each rule is broken by a case, except those that only one target has.
fn assert_all_broken(rules: &[Rule], broken: &BTreeSet<String>) {
    let known: BTreeSet<String> = rules.iter().map(|rule| rule.id.clone()).collect();
    assert_eq!(&known, broken);
}

/// The messages of the module for options of the module and of Synapse.
fn module_messages(
    nix: &Nix,
    version: &Version,
    module: &Value,
    synapse: Option<&Value>,
) -> Vec<String> {
    let directory = TempDir::new().unwrap();
    let (options, settings) = (
        directory.path().join("m.json"),
        directory.path().join("s.json"),
    );
    fs::write(&options, module.to_string()).unwrap();
    fs::write(&settings, synapse.unwrap_or(&json!({})).to_string()).unwrap();
    let messages = nix.json(&format!(
        "let
           read = file: builtins.fromJSON (builtins.readFile file);
           evaluated = import {} {{
             version = \"{version}\";
             modules = [
               {{ services.matrix-authentication-service = read {}; }}
               {{ users.groups.matrix-synapse = {{ }}; }}
               {{ services.matrix-synapse = {{
                 enable = {};
                 settings = read {} // {{ server_name = \"example.com\"; }};
               }}; }}
             ];
           }};
         in map (problem: problem.message) evaluated.config.assertions",
        root().join("tests/support/nix/module.nix").display(),
        options.display(),
        synapse.is_some(),
        settings.display()
    ));
    serde_json::from_value(messages.unwrap_or_else(|error| panic!("{error}"))).unwrap()
}

fn options_that_do_not_fit_together() -> TestResult {
    let nix = Nix::find();
    let mut broken = BTreeSet::new();
    for case in cases::<Module>("module") {
        let mut config = json!({"settings": {"matrix": {"homeserver": "example.com"}}});
        config
            .as_object_mut()
            .unwrap()
            .extend(case.with.as_object().unwrap().clone());
        let version = case
            .version
            .map_or(NEWEST, |version| version.parse().unwrap());
        let problems = host_files::context(&MergedConfig::from(config.clone()), &version)
            .err()
            .unwrap_or_default();
        let own = rules::module();
        let found = problems
            .iter()
            .filter(|problem| own.iter().any(|rule| rule.id == problem.id));
        let found: Vec<(&str, &str)> = found.map(|p| (p.id.as_str(), p.path.as_str())).collect();
        let expected = case.rule.as_deref().zip(case.at.as_deref());
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{config}");
        broken.extend(case.rule);
        let Ok(nix) = &nix else { continue };
        let messages: BTreeSet<String> = module_messages(nix, &version, &config, None)
            .into_iter()
            .collect();
        let expected = problems.iter().map(|problem| {
            let option = format!("services.matrix-authentication-service.{}", problem.path);
            format!("{option}: {}. {}", problem.reason, problem.fix)
        });
        assert_eq!(messages, expected.collect(), "{config}");
    }
    // NixOS has no /usr/local.
    broken.insert("wrapper-over-mas".to_owned());
    assert_all_broken(&rules::module(), &broken);
    let over = json!({"package": "/usr/local", "settings": {"matrix": {"homeserver": "a"}}});
    let problems = host_files::context(&MergedConfig::from(over), &NEWEST).unwrap_err();
    assert_eq!(problems[0].id, "wrapper-over-mas");
    nix.map(drop)
}

fn settings_of_synapse_that_conflict_with_delegation() -> TestResult {
    let nix = Nix::find();
    let options = CheckOptions {
        version: NEWEST,
        no_inline_secrets: true,
        complete: true,
    };
    let mut broken = BTreeSet::new();
    for case in cases::<Synapse>("synapse") {
        let problems = check::rule_problems(&rules::synapse(), &case.settings, &options);
        let found: Vec<(&str, &str)> = problems
            .iter()
            .map(|problem| (problem.id.as_str(), problem.path.as_str()))
            .collect();
        let expected = case.rule.as_deref().zip(case.at.as_deref());
        assert_eq!(
            found,
            expected.into_iter().collect::<Vec<_>>(),
            "{}",
            case.settings
        );
        broken.extend(case.rule);
        let Ok(nix) = &nix else { continue };
        let module = json!({"synapse": {"enable": true}});
        let messages = module_messages(nix, &NEWEST, &module, Some(&case.settings));
        let expected = problems.iter().map(|problem| {
            let option = format!("services.matrix-synapse.settings.{}", problem.path);
            format!("{option}: {}. {}", problem.reason, problem.fix)
        });
        assert_eq!(messages, expected.collect::<Vec<_>>(), "{}", case.settings);
        assert!(!messages.concat().contains("hunter2"));
    }
    assert_all_broken(&rules::synapse(), &broken);
    nix.map(drop)
}

fn synapse_on_this_host_is_set_up() -> TestResult {
    let nix = Nix::find()?;
    let found = nix
        .json(&format!(
            "let
               evaluated = import {} {{ modules = [ {{
                 services.matrix-authentication-service = {{
                   createDatabase = true;
                   metrics = true;
                   synapse.enable = true;
                 }};
                 services.prometheus.enable = true;
                 services.matrix-synapse = {{
                   enable = true;
                     workers.one = {{ }};
                   workers.two = {{ }};
                   settings = {{
                     server_name = \"example.org\";
                     listeners = [
                       {{ port = 9000; resources = [ {{ names = [ \"metrics\" ]; }} ]; }}
                       {{ port = 8018; bind_addresses = [ \"::1\" ]; tls = false;
                         resources = [ {{ names = [ \"client\" ]; }} ]; }}
                     ];
                     database = {{ name = \"psycopg2\"; args.database = \"matrix-synapse\"; }};
                   }};
                 }};
                 services.mautrix-whatsapp = {{ enable = true; settings.encryption.allow = true; }};
                 services.mautrix-signal = {{
                   enable = true;
                   settings.encryption = {{ allow = true; msc4190 = true; }};
                 }};
               }} {{ options.services.mautrix-whatsapp = lib.mkOption {{ }};
                    options.services.mautrix-signal = lib.mkOption {{ }}; }} ]; }};
               lib = import <nixpkgs/lib>;
               inherit (evaluated) config;
               cfg = config.services.matrix-authentication-service;
             in {{
               problems = map (problem: problem.message) config.assertions;
               inherit (config) warnings;
               inherit (config.services.prometheus) scrapeConfigs;
               inherit (cfg) finalSettings synapse routes;
               inherit (config.services.matrix-synapse.settings) matrix_authentication_service;
               inherit (config.systemd.services.matrix-authentication-service) before;
             }}",
            root().join("tests/support/nix/module.nix").display()
        ))
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found["problems"], json!([]));
    assert_eq!(
        found["finalSettings"]["matrix"]["homeserver"],
        "example.org"
    );
    assert_eq!(
        found["finalSettings"]["matrix"]["endpoint"],
        "http://[::1]:8018/"
    );
    assert_eq!(found["routes"]["synapse"], "http://[::1]:8018");
    assert_eq!(found["synapse"]["database"], "matrix-synapse");
    assert_eq!(found["synapse"]["version"], "1.163.2");
    assert_eq!(
        found["before"],
        json!([
            "matrix-synapse.service",
            "matrix-synapse-worker-one.service",
            "matrix-synapse-worker-two.service"
        ])
    );
    assert_eq!(
        found["matrix_authentication_service"],
        json!({
            "enabled": true,
            "endpoint": "http://127.0.0.1:8081/",
            "secret_path": "/var/lib/matrix-authentication-service-secrets/synapse",
        })
    );
    assert_eq!(
        found["scrapeConfigs"][0]["static_configs"][0]["targets"],
        json!(["127.0.0.1:8081"])
    );
    let warnings = found["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let warning = warnings[0].as_str().unwrap();
    for part in [
        "services.mautrix-whatsapp.settings.encryption.msc4190",
        "io.element.msc4190: true",
        "/var/lib/mautrix-whatsapp/whatsapp-registration.yaml",
    ] {
        assert!(warning.contains(part), "{warning}");
    }
    Ok(())
}

crate::support::harness::tests![
    options_that_do_not_fit_together,
    settings_of_synapse_that_conflict_with_delegation,
    synapse_on_this_host_is_set_up,
];
