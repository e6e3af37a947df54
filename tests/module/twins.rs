//! Runs code that exists in Nix and in Rust with the same cases. `tests/config/merge.rs` does the same for
//! the merging of settings.

use std::{collections::BTreeSet, fs};

use crate::support::{Nix, cases, harness::TestResult, root};
use mas2nix::{
    deploy::well_known,
    migrate::{
        preflight::{catalogue, host},
        synapse_config::Config,
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A case of `tests/fixtures/synapse-listeners.yaml`.
#[derive(Deserialize, Serialize)]
struct Homeserver {
    name: String,
    listeners: Value,
    url: Option<String>,
}

/// A case of `tests/fixtures/bridges.yaml`.
#[derive(Deserialize, Serialize)]
struct Bridge {
    name: String,
    /// `config.services` on NixOS.
    services: Value,
    /// The registration file that Synapse reads.
    registration: Value,
    cannot_log_in: bool,
}

/// A case of `tests/fixtures/well-known.yaml`.
#[derive(Deserialize, Serialize)]
struct Document {
    name: String,
    content: Map<String, Value>,
    texts: Vec<String>,
}

/// Evaluates a Nix expression for each case, which it refers to as `case`.
fn evaluate<T: DeserializeOwned>(nix: &Nix, cases: &impl Serialize, expression: &str) -> Vec<T> {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("cases.json");
    fs::write(&file, json!(cases).to_string()).unwrap();
    let found = nix.json(&format!(
        "let
           lib = import <nixpkgs/lib>;
           modules = {};
         in map (case: {expression}) (builtins.fromJSON (builtins.readFile {}))",
        root().join("modules").display(),
        file.display()
    ));
    serde_json::from_value(found.unwrap()).unwrap()
}

/// Synapse's configuration with these options.
fn synapse(options: &Value) -> Config {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("homeserver.yaml");
    fs::write(&file, options.to_string()).unwrap();
    Config::read(&[file], None).unwrap()
}

fn urls_of_synapse_in_rust() {
    for case in cases::<Homeserver>("synapse-listeners") {
        let config = synapse(&json!({"listeners": case.listeners}));
        assert_eq!(config.url(), case.url, "{}", case.name);
    }
}

fn urls_of_synapse_in_the_module() -> TestResult {
    let nix = Nix::find()?;
    let cases = cases::<Homeserver>("synapse-listeners");
    let found: Vec<Option<String>> = evaluate(
        &nix,
        &cases,
        "import (modules + \"/synapse-url.nix\") { inherit lib; } case.listeners",
    );
    assert_eq!(found.len(), cases.len());
    for (case, found) in cases.iter().zip(found) {
        assert_eq!(found, case.url, "{}", case.name);
    }
    Ok(())
}

fn bridges_that_cannot_log_in_in_rust() {
    for case in cases::<Bridge>("bridges") {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("registration.yaml");
        fs::write(&file, case.registration.to_string()).unwrap();
        let config = synapse(&json!({"app_service_config_files": [file]}));
        let findings = host::bridges(&config);
        let found: Vec<_> = findings.iter().map(|finding| finding.kind.id).collect();
        let expected = case.cannot_log_in.then_some(catalogue::ENCRYPTED_BRIDGE.id);
        assert_eq!(found, Vec::from_iter(expected), "{}", case.name);
    }
}

fn bridges_that_cannot_log_in_in_the_module() -> TestResult {
    let nix = Nix::find()?;
    let cases = cases::<Bridge>("bridges");
    let found: Vec<Vec<String>> = evaluate(
        &nix,
        &cases,
        "import (modules + \"/bridges.nix\") { inherit lib; config = { inherit (case) services; }; }",
    );
    assert_eq!(found.len(), cases.len());
    for (case, warnings) in cases.iter().zip(found) {
        let expected = usize::from(case.cannot_log_in);
        assert_eq!(warnings.len(), expected, "{}: {warnings:?}", case.name);
    }
    Ok(())
}

fn well_known_content_in_rust() {
    for case in cases::<Document>("well-known") {
        check_texts(&case, &well_known::entries(&case.content));
    }
}

fn well_known_content_in_the_module() -> TestResult {
    let nix = Nix::find()?;
    let cases = cases::<Document>("well-known");
    let found: Vec<Vec<Value>> = evaluate(
        &nix,
        &cases,
        "import (modules + \"/well-known.nix\") { inherit lib; } case.content",
    );
    assert_eq!(found.len(), cases.len());
    for (case, found) in cases.iter().zip(found) {
        check_texts(case, &found);
    }
    Ok(())
}

/// The texts are as expected, and still mean the content.
fn check_texts(case: &Document, entries: &[Value]) {
    let texts: Vec<&str> = entries
        .iter()
        .map(|it| it["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, case.texts, "{}", case.name);
    let read: Value = serde_json::from_str(&format!("{{{}}}", texts.join(","))).unwrap();
    assert_eq!(read, json!(case.content), "{}", case.name);
    let names = entries.iter().map(|it| it["name"].as_str().unwrap());
    assert!(
        names.eq(case.content.keys().collect::<BTreeSet<_>>()),
        "{}",
        case.name
    );
}

crate::support::harness::tests![
    urls_of_synapse_in_rust,
    urls_of_synapse_in_the_module,
    bridges_that_cannot_log_in_in_rust,
    bridges_that_cannot_log_in_in_the_module,
    well_known_content_in_rust,
    well_known_content_in_the_module,
];
