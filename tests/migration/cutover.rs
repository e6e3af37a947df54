//! The module's configuration before a cutover, after it, and in its final static form, and the
//! switches that it refuses.

use std::{fs, path::Path, process::Command};

use crate::support::{Nix, data, harness::TestResult, root, synapse_python};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What an expression over the configuration of a host gives.
fn evaluate(nix: &Nix, mas: &Value, synapse: &Value, expression: &str) -> Value {
    let directory = TempDir::new().unwrap();
    let file = |name: &str, value: &Value| {
        let path = directory.path().join(name);
        fs::write(&path, value.to_string()).unwrap();
        path.display().to_string()
    };
    let evaluated = nix.json(&format!(
        "let
           read = file: builtins.fromJSON (builtins.readFile file);
           evaluated = import {} {{
             modules = [
               {{ services.matrix-authentication-service = read {}; }}
               {{ services.matrix-synapse = read {}; }}
             ];
           }};
           inherit (evaluated) config;
           problems = map (problem: problem.message) config.assertions or [ ];
         in if problems != [ ] then throw (builtins.concatStringsSep \"\\n\" problems) else {expression}",
        root().join("tests/support/nix/module.nix").display(),
        file("mas.json", mas),
        file("synapse.json", synapse),
    ));
    evaluated.unwrap_or_else(|error| panic!("{error}"))
}

/// Synapse's settings without what MAS has taken over: everything that the overlay sets.
fn without(settings: &Value, overlay: &str) -> Value {
    let overlay: Value = serde_yaml_ng::from_str(overlay).unwrap();
    let mut settings = settings.clone();
    let all = settings.as_object_mut().unwrap();
    all.retain(|name, _| overlay.get(name).is_none());
    settings
}

/// Synapse's effective configuration, by section.
fn effective(python: &Path, files: &[&Path]) -> Value {
    let code = "
import json, sys
from synapse.config.homeserver import HomeServerConfig
arguments = [word for file in sys.argv[1:] for word in ('-c', file)]
config = HomeServerConfig.load_config('', arguments)
def plain(value):
    if isinstance(value, dict):
        return {str(key): plain(value) for key, value in sorted(value.items(), key=str)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(value) for value in value]
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if hasattr(value, '__attrs_attrs__'):
        names = [field.name for field in value.__attrs_attrs__]
        return plain({name: getattr(value, name) for name in names})
    return type(value).__name__
sections = {name: getattr(config, name) for name in dir(config) if not name.startswith('_')}
sections = {name: value for name, value in sections.items() if hasattr(value, 'section')}
json.dump({name: plain(vars(value)) for name, value in sections.items()}, sys.stdout)
";
    let output = Command::new(python)
        .args(["-c", code])
        .args(files)
        .current_dir(files[0].parent().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn the_static_configuration_is_equivalent() -> TestResult {
    let nix = Nix::find()?;
    let python = synapse_python()?;
    let directory = TempDir::new().unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, "of the test").unwrap();
    let mut legacy = data("legacy");
    // SAML needs a library that is not installed.
    legacy.as_object_mut().unwrap().remove("saml2_config");
    legacy["signing_key_path"] = root()
        .join("target/synapse/signing.key")
        .display()
        .to_string()
        .into();
    legacy["oidc_providers"][3]
        .as_object_mut()
        .unwrap()
        .remove("client_secret_path");

    let mas = |migrating: bool| {
        json!({
            "enable": true, "createDatabase": true,
            "synapse": {"enable": true, "secretPath": secret},
            "migration": {"enable": migrating, "passwords": true},
        })
    };
    let at_run_time = evaluate(
        &nix,
        &mas(true),
        &json!({"enable": true, "settings": legacy}),
        "{
          inherit (config.services.matrix-synapse) extraConfigFiles;
          file = config.services.matrix-synapse.configFile.text;
          overlay = config.services.matrix-authentication-service.synapseOverlay;
          units = builtins.attrNames config.systemd.services;
          manifest = config.environment.etc.\"matrix-authentication-service/syn2mas.yaml\".source.text;
        }",
    );
    // Synapse's own settings are as they were without MAS.
    let legacy_file = evaluate(
        &nix,
        &json!({"enable": false}),
        &json!({"enable": true, "settings": legacy}),
        "config.services.matrix-synapse.configFile.text",
    );
    assert_eq!(at_run_time["file"], legacy_file);
    assert_eq!(
        at_run_time["extraConfigFiles"],
        json!(["/var/lib/syn2mas/synapse.yaml"])
    );
    let units = at_run_time["units"].as_array().unwrap();
    for unit in ["inspect", "rehearse", "migrate", "verify", "rollback"] {
        assert!(units.contains(&format!("syn2mas-{unit}").into()), "{unit}");
    }
    assert!(!units.contains(&"matrix-authentication-service-users".into()));
    let manifest = at_run_time["manifest"].as_str().unwrap();
    serde_yaml_ng::from_str::<mas2nix::migrate::args::Args>(manifest).unwrap();

    let overlay = at_run_time["overlay"].as_str().unwrap();
    let cleaned = without(&legacy, overlay);
    let settled = evaluate(
        &nix,
        &mas(false),
        &json!({"enable": true, "settings": cleaned}),
        "{
          inherit (config.services.matrix-synapse) extraConfigFiles;
          file = config.services.matrix-synapse.configFile.text;
        }",
    );
    assert_eq!(settled["extraConfigFiles"], json!([]));
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let before = file("legacy.yaml", legacy_file.as_str().unwrap());
    let overlay = file("overlay.yaml", overlay);
    let after = file("static.yaml", settled["file"].as_str().unwrap());
    let (left, right) = (
        effective(&python, &[&before, &overlay]),
        effective(&python, &[&after]),
    );
    let differing: Vec<_> = left
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(section, values)| {
            let right = &right[section];
            values
                .as_object()
                .unwrap()
                .iter()
                .filter(|(name, value)| right[*name] != **value)
                .map(|(name, value)| format!("{section}.{name}: {value} {}", right[name]))
                .collect::<Vec<_>>()
        })
        .filter(|difference| !difference.contains("config_files"))
        .collect();
    assert!(differing.is_empty(), "{differing:#?}");
    assert_ne!(effective(&python, &[&before])["auth"], left["auth"]);
    Ok(())
}

fn switches_that_would_lock_users_out_are_refused() -> TestResult {
    let nix = Nix::find()?;
    let directory = TempDir::new().unwrap();
    let migration = |more: Value| {
        let mut migration = json!({"directory": directory.path()});
        migration
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        migration
    };
    let checks = |mas: Value| {
        evaluate(
            &nix,
            &mas,
            &json!({"enable": true, "settings": {"server_name": "example.com"}}),
            "config.system.preSwitchChecks or { }",
        )
    };
    let delegated = json!({"enable": true});
    let run = |script: &Value| {
        let output = Command::new("bash")
            .args(["-c", script.as_str().unwrap()])
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let without = checks(json!({
        "enable": true, "migration": migration(json!({})),
        "settings": {"matrix": {"homeserver": "example.com"}},
    }));
    let way_back = &without["syn2mas-way-back"];
    let unknown = checks(json!({
        "enable": true, "synapse": delegated, "migration": migration(json!({})),
    }));
    let passwords = &unknown["syn2mas-passwords"];
    let asks = |guards: &Value, what: &str| {
        let guard = guards["syn2mas-way-there"].as_str();
        guard.is_some_and(|guard| guard.contains(what))
    };
    assert!(asks(&unknown, "syn2mas guard --manifest "));
    assert!(asks(
        &unknown,
        "--synapse-directory /var/lib/matrix-synapse"
    ));
    assert!(!asks(&unknown, "--assume-moved"));
    let assumed = checks(json!({
        "enable": true, "synapse": delegated, "migration": migration(json!({"assumeMoved": true})),
    }));
    assert!(asks(&assumed, "--assume-moved"));
    // Nothing is refused on a homeserver that was never migrated.
    assert!(run(way_back).0 && run(passwords).0);
    fs::write(directory.path().join("synapse.yaml"), "").unwrap();
    assert!(run(way_back).0 && run(passwords).0);
    fs::write(directory.path().join("synapse.yaml"), "full").unwrap();
    let (is_good, said) = run(way_back);
    assert!(!is_good && said.contains("syn2mas rollback"), "{said}");
    let (is_good, said) = run(passwords);
    assert!(!is_good && said.contains("migration.passwords"), "{said}");
    for (good, guards) in [
        (json!({"enable": true}), &["syn2mas-at-work"][..]),
        (
            json!({"passwords": true}),
            &["syn2mas-at-work", "syn2mas-way-there"],
        ),
    ] {
        let checks = checks(json!({
            "enable": true, "synapse": delegated, "migration": migration(good),
        }));
        let names: Vec<&String> = checks.as_object().unwrap().keys().collect();
        assert_eq!(names, guards);
    }
    Ok(())
}

crate::support::harness::tests![
    the_static_configuration_is_equivalent,
    switches_that_would_lock_users_out_are_refused,
];
