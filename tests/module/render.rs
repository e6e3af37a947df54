//! Compares the output of `mas2nix render` with the evaluated NixOS module.

use std::{collections::BTreeMap, fs, path::Path};

use crate::support::{Nix, data, harness::TestResult, root};
use mas2nix::{
    codegen::host_files, config::load::MergedConfig, rules::check::Problem, schema::NEWEST,
};
use semver::Version;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Configurations that together use every unit, file and route.
#[expect(clippy::too_many_lines, reason = "it is a list")]
fn configurations() -> Vec<(&'static str, Value)> {
    let base = json!({
        "package": "/opt/mas",
        "toolsPackage": "/usr/local",
        "settings": {"matrix": {"homeserver": "example.com"}},
    });
    let with = |more: Value| {
        let mut config = base.clone();
        config
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        config
    };
    let routes = json!({
        "nginx": true, "host": "auth.example.com", "matrixHost": "matrix.example.com",
    });
    let calls = json!([
        {"type": "livekit", "livekit_service_url": "https://rtc.example.com/livekit/jwt"},
    ]);
    vec![
        ("nothing but a name", base.clone()),
        (
            "a homeserver",
            with(json!({
                "createDatabase": true, "databaseLocale": "C.UTF-8", "metrics": true,
                "localMailRelay": true, "synapse": {"enable": true}, "routes": routes,
                "users": {
                    "alice": {"passwordFile": "/run/secrets/alice", "admin": true},
                    "bob": {"email": "bob@example.com"},
                },
                "admins": ["carol"],
            })),
        ),
        (
            "sockets",
            with(json!({
                "socketActivation": true, "publicAdminApi": true,
                "policyPackage": "/opt/policy", "templatesPackage": "/opt/templates",
                "synapse": {"enable": true, "units": [], "forceHttp2": true, "secretPath": "/run/s"},
                "doctor": {"schedule": "Mon 04:00"},
            })),
        ),
        (
            "logins with a QR code, calls and an admin interface",
            with(json!({
                "synapse": {
                    "enable": true, "qrLogin": true, "rtcTransports": calls,
                    "experimentalFeatures": {"msc4222_enabled": true, "msc4388_mode": "off"},
                },
                "publicAdminApi": true,
                "routes": {
                    "nginx": true, "caddy": true, "host": "auth.example.com",
                    "matrixHost": "matrix.example.com", "synapseAdmin": true,
                    "internal": "127.0.0.1:8480",
                    "wellKnownClient": {
                        "org.matrix.msc4143.rtc_foci": calls,
                        "of the future": {"z": [1, true, null], "a": {"text": "it's $5, {env.HOME}"}},
                    },
                },
            })),
        ),
        (
            "a Unix socket and an internal entry point",
            with(json!({
                "listen": {"public": "/run/mas.sock"},
                "routes": {
                    "nginx": true, "caddy": true, "host": "example.org", "path": "/auth/",
                    "matrixHost": "matrix.example.org", "internal": "127.0.0.1:8480",
                },
            })),
        ),
        (
            "Caddy",
            with(json!({
                "routes": {
                    "caddy": true, "host": "auth.example.com", "matrixHost": "matrix.example.com",
                    "wellKnown": false,
                },
            })),
        ),
        (
            "a worker",
            with(json!({
                "role": "worker", "socketActivation": true, "doctor": {"enable": false},
                "serviceDependencies": ["openldap.service"],
                "settings": {
                    "matrix": {"homeserver": "example.com", "secret_file": "/run/secrets/matrix"},
                    "secrets": {"encryption_file": "/run/secrets/e", "keys_dir": "/run/secrets/keys"},
                    "database": {"host": "db.example.com", "username": "mas", "database": "mas",
                        "password_file": "/run/secrets/db"},
                },
            })),
        ),
        (
            "a server with a database over TCP",
            with(json!({
                "role": "server", "createDatabase": true,
                "settings": {
                    "matrix": {"homeserver": "example.com"}, "database": {"host": "127.0.0.1"},
                },
            })),
        ),
        (
            "a homeserver to be moved",
            with(json!({
                "createDatabase": true, "socketActivation": true, "synapse": {"enable": true},
                "users": {"alice": {}},
                "migration": {"enable": true, "pepperFile": "/run/secrets/pepper"},
                "routes": {
                    "nginx": true, "caddy": true, "host": "auth.example.com",
                    "matrixHost": "matrix.example.com", "internal": "127.0.0.1:8480",
                },
            })),
        ),
        (
            "a homeserver that was moved",
            with(json!({
                "synapse": {"enable": true}, "migration": {"passwords": true, "grant": false},
            })),
        ),
        (
            "every setting",
            with(json!({
                "settings": data("files"), "secrets": {"generate": false},
                "allowInlineSecrets": true, "checkConfig": false,
                "credentials": {"extra": "/run/secrets/extra"},
                "extraConfigFiles": ["/run/secrets/mas.yaml"],
                "extraSettings": {"experimental": {"of_the_future": [1, {"a": null}]}},
            })),
        ),
    ]
}

fn keys_are_named_as_mas_can_read_them() {
    let config = json!({"settings": {"matrix": {"homeserver": "example.com"}}});
    let text = |version: &str| {
        let files = files(&config, &version.parse().unwrap()).unwrap();
        files["etc/matrix-authentication-service/config.yaml"].clone()
    };
    assert!(text("1.7.0").contains("keys_dir:") && !text("1.7.0").contains("key_file:"));
    assert!(
        text("1.6.0").contains("secrets.keys.1.key_file") && !text("1.6.0").contains("keys_dir:")
    );
    assert!(text("1.1.0").contains("kid: \"p256\"") && !text("1.6.0").contains("kid:"));
}

fn the_examples_are_the_same() -> TestResult {
    let nix = Nix::find()?;
    let evaluated = nix.json(&format!(
        "(import {} {{ modules = [ {} ]; masCli = \"/opt/mas\"; }})
           .config.environment.etc.\"matrix-authentication-service/config.yaml\".source.text",
        root().join("tests/support/nix/module.nix").display(),
        root().join("docs/example.nix").display()
    ));
    let loaded = MergedConfig::files(&[root().join("docs/example.yaml")]).unwrap();
    let rendered = files(&loaded.value, &NEWEST).unwrap();
    let config = &rendered["etc/matrix-authentication-service/config.yaml"];
    assert_eq!(evaluated.unwrap(), config.as_str());
    Ok(())
}

fn files(config: &Value, version: &Version) -> Result<BTreeMap<String, String>, Vec<Problem>> {
    let (context, _) = host_files::context(&MergedConfig::from(config.clone()), version)?;
    let files = context.files().into_iter();
    Ok(files
        .map(|file| (file.path.display().to_string(), file.content))
        .collect())
}

fn both_targets_are_equal() -> TestResult {
    let nix = Nix::find()?;
    let directory = TempDir::new().unwrap();
    let old = json!({
        "package": "/opt/mas", "toolsPackage": "/usr/local", "synapse": {"enable": true},
        "settings": {"matrix": {"homeserver": "example.com"}},
    });
    let versions =
        ["1.1.0", "1.6.0"].map(|version| ("an older MAS", version.parse().unwrap(), old.clone()));
    let newest = configurations()
        .into_iter()
        .map(|(name, config)| (name, NEWEST, config));
    for (name, version, config) in newest.chain(versions) {
        let file = directory.path().join("config.json");
        fs::write(&file, config.to_string()).unwrap();
        let evaluated = nix.json(&format!(
            "import {} {{ config = {}; version = \"{version}\"; }}",
            root().join("tests/support/nix/rendered.nix").display(),
            file.display()
        ));
        let evaluated = evaluated.unwrap_or_else(|error| panic!("{name}: {error}"));
        let evaluated: BTreeMap<String, String> = serde_json::from_value(evaluated).unwrap();
        let rendered = by_host(&config, files(&config, &version).unwrap());
        let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&rendered), names(&evaluated), "{name}");
        for (path, text) in &rendered {
            similar_asserts(text, &evaluated[path], &format!("{name}: {path}"));
        }
    }
    Ok(())
}

fn similar_asserts(rendered: &str, evaluated: &str, what: &str) {
    if rendered != evaluated {
        let diff = similar::TextDiff::from_lines(rendered, evaluated);
        let diff = diff.unified_diff().header("rendered", "NixOS").to_string();
        panic!("{what}\n{diff}");
    }
}

/// The files, with those for one proxy and host put together as NixOS does.
fn by_host(config: &Value, files: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let routes = &config["routes"];
    let host = |site: &str| match site {
        "mas" => routes["host"].as_str().unwrap(),
        "matrix" => routes["matrixHost"].as_str().unwrap(),
        "well-known" => config["settings"]["matrix"]["homeserver"].as_str().unwrap(),
        other => panic!("{other}"),
    };
    let mut merged: BTreeMap<String, String> = BTreeMap::new();
    for (path, text) in files {
        let stem = Path::new(&path)
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let key = match path.split_once('/').unwrap().1.split('/').next().unwrap() {
            "nginx" if path.contains("snippets") => format!("nginx {}", host(&stem)),
            "caddy" => format!("caddy {}", host(&stem)),
            _ => path,
        };
        let known = merged.entry(key).or_default();
        if !known.is_empty() {
            known.push('\n');
        }
        known.push_str(&text);
    }
    merged
}

crate::support::harness::tests![
    keys_are_named_as_mas_can_read_them,
    the_examples_are_the_same,
    both_targets_are_equal,
];
