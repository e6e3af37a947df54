//! Checks that several configuration files are merged like MAS merges them, in Rust and in the module.

use std::fs;

use crate::support::{MasCli, Nix, cases, data, harness::TestResult, root};
use mas2nix::config::{
    load::MergedConfig,
    merge::{Lists, merge},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A case of `tests/fixtures/merge.yaml`.
#[derive(Deserialize, Serialize)]
struct Case {
    name: String,
    below: Value,
    above: Value,
    joined: Value,
    #[serde(default)]
    replaced: Option<Value>,
}

impl Case {
    /// The merged settings if lists are joined, and if they are replaced.
    fn expected(&self) -> [&Value; 2] {
        let replaced = self.replaced.as_ref();
        [&self.joined, replaced.unwrap_or(&self.joined)]
    }
}

fn the_cases_hold_in_rust() {
    for case in cases::<Case>("merge") {
        let merged = [Lists::Joined, Lists::Replaced].map(|lists| {
            let mut merged = case.below.clone();
            merge(&mut merged, case.above.clone(), lists);
            merged
        });
        let [joined, replaced] = &merged;
        assert_eq!([joined, replaced], case.expected(), "{}", case.name);
    }
}

fn the_cases_hold_in_the_module() -> TestResult {
    let nix = Nix::find()?;
    let cases = cases::<Case>("merge");
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("cases.json");
    fs::write(&file, json!(cases).to_string()).unwrap();
    let merged = nix.json(&format!(
        "let
           merge = import {} {{ lib = import <nixpkgs/lib>; }};
           cases = builtins.fromJSON (builtins.readFile {});
         in map (case: [
           (merge.joiningLists case.below case.above)
           (merge.replacingLists case.below case.above)
         ]) cases",
        root().join("modules/merge.nix").display(),
        file.display()
    ));
    let merged: Vec<[Value; 2]> = serde_json::from_value(merged.unwrap()).unwrap();
    assert_eq!(merged.len(), cases.len());
    for (case, [joined, replaced]) in cases.iter().zip(&merged) {
        assert_eq!([joined, replaced], case.expected(), "{}", case.name);
    }
    Ok(())
}

fn mas_merges_files_the_same_way() -> TestResult {
    let mas = MasCli::find()?;
    let later = json!({
        "http": {
            "public_base": "https://other.example.com/",
            "listeners": [{"name": "more", "resources": [{"name": "health"}], "binds": [{"fd": 3}]}],
        },
        "clients": [{"client_id": "01GFWR3WHR93Y5HK389H28VHZ9", "client_auth_method": "none"}],
        "passwords": {"schemes": [{"version": 3, "algorithm": "pbkdf2"}]},
        "database": {"max_connections": 7},
        "branding": {"imprint": null},
        "account": {"email_change_allowed": false},
    });
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("a.yaml"), data("files").to_string()).unwrap();
    std::fs::write(path("b.yaml"), later.to_string()).unwrap();
    let status = mas
        .command("config dump -c")
        .arg(path("a.yaml"))
        .arg("-c")
        .arg(path("b.yaml"))
        .arg("-o")
        .arg(path("dump.yaml"))
        .output()
        .unwrap()
        .status;
    assert!(status.success());
    let load = |files: &[&str]| {
        let files: Vec<_> = files.iter().map(|name| path(name)).collect();
        MergedConfig::files(&files).unwrap().value
    };
    let (ours, theirs) = (load(&["a.yaml", "b.yaml"]), load(&["dump.yaml"]));
    for pointer in [
        "/http/public_base",
        "/database/max_connections",
        "/account/email_change_allowed",
        "/branding/service_name",
        "/database/port",
    ] {
        assert_eq!(ours.pointer(pointer), theirs.pointer(pointer), "{pointer}");
    }
    for (list, key) in [
        ("/clients", "client_id"),
        ("/passwords/schemes", "version"),
        ("/http/listeners", "name"),
        ("/upstream_oauth2/providers", "id"),
    ] {
        let keys = |config: &Value| {
            let entries = config.pointer(list).unwrap().as_array().unwrap().clone();
            entries
                .into_iter()
                .map(|entry| entry[key].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&ours), keys(&theirs), "{list}");
        assert!(keys(&ours).len() > 1, "{list}");
    }
    assert_eq!(ours["branding"]["imprint"], Value::Null);
    assert!(theirs["branding"].get("imprint").is_none_or(Value::is_null));
    Ok(())
}

crate::support::harness::tests![
    the_cases_hold_in_rust,
    the_cases_hold_in_the_module,
    mas_merges_files_the_same_way,
];
