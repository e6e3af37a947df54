//! String formats: the checker, the module and MAS agree on `tests/fixtures/formats.yaml`. `render` and the
//! module agree on `tests/fixtures/module-formats.yaml`.

use std::collections::BTreeSet;

use crate::support::{Case, MasCli, Nix, cases, data, edit, harness::TestResult, problems};
use mas2nix::{codegen::host_files, config::load::MergedConfig, schema::NEWEST};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Format {
    path: String,
    #[serde(default = "files")]
    r#in: String,
    #[serde(default)]
    good: Vec<String>,
    #[serde(default)]
    bad: Vec<String>,
    #[serde(default)]
    ours: Vec<String>,
}

fn files() -> String {
    "files".to_owned()
}

pub struct Sample {
    pub name: String,
    pub config: Value,
    pub valid: bool,
    mas: bool,
}

pub fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for format in cases::<Format>("formats") {
        for (texts, valid, mas) in [
            (format.good, true, true),
            (format.bad, false, false),
            (format.ours, false, true),
        ] {
            samples.extend(texts.into_iter().map(|text| {
                let mut config = data(&format.r#in);
                edit::set(&mut config, &format.path, text.clone().into());
                let name = format!("{} = {text:?}", format.path);
                Sample {
                    name,
                    config,
                    valid,
                    mas,
                }
            }));
        }
    }
    samples
}

#[derive(Deserialize)]
struct OfModule {
    path: String,
    #[serde(default)]
    names: Value,
    #[serde(default)]
    good: Vec<String>,
    #[serde(default)]
    bad: Vec<String>,
}

/// Options of the module, and whether they are valid.
pub struct OptionSample {
    pub name: String,
    pub options: Value,
    pub valid: bool,
}

/// Options that use every kind of text of the module's own.
pub fn options() -> Value {
    json!({
        "settings": {
            "matrix": {"homeserver": "example.com", "secret_file": "/run/secrets/matrix"},
            "http": {"public_base": "https://auth.example.com/"},
            "upstream_oauth2": {"providers": [{
                "id": "01GFWR28C4KNE04WG3HKXB7C9R", "issuer": "https://example.com",
                "client_id": "mas", "client_secret_file": "/run/secrets/oidc",
                "token_endpoint_auth_method": "client_secret_basic",
            }]},
        },
        "routes": {
            "nginx": true, "caddy": true, "host": "auth.example.com",
            "matrixHost": "matrix.example.com", "wellKnownHeaders": {"X": "y"},
        },
        "extraConfigFiles": ["/run/secrets/mas.yaml"],
        "credentials": {"x": "/run/secrets/x"},
        "addresses": ["any"],
        "synapse": {"enable": true, "secretPath": "/run/secrets/synapse", "units": ["a.service"]},
    })
}

pub fn samples_of_options() -> Vec<OptionSample> {
    let mut samples = Vec::new();
    for format in cases::<OfModule>("module-formats") {
        for (texts, valid) in [(format.good, true), (format.bad, false)] {
            for text in texts {
                let mut options = options();
                let new = if format.names.is_null() {
                    text.clone().into()
                } else {
                    json!({text.clone(): format.names})
                };
                edit::set(&mut options, &format.path, new);
                samples.push(OptionSample {
                    name: format!("{} = {text:?}", format.path),
                    options,
                    valid,
                });
            }
        }
    }
    samples
}

fn render_knows_the_forms() {
    for sample in samples_of_options() {
        let loaded = MergedConfig::from(sample.options);
        match host_files::context(&loaded, &NEWEST) {
            Ok(_) => assert!(sample.valid, "{} is accepted", sample.name),
            Err(problems) => {
                assert!(!sample.valid, "{}: {problems:?}", sample.name);
                // Nothing else is wrong.
                let paths: BTreeSet<&str> = problems.iter().map(|it| it.path.as_str()).collect();
                let path = sample.name.split([' ', '[']).next().unwrap();
                assert_eq!(paths.len(), 1, "{}: {problems:?}", sample.name);
                assert!(
                    paths.iter().all(|it| it.starts_with(path)),
                    "{}: {problems:?}",
                    sample.name
                );
            }
        }
    }
}

/// The module judges each case as expected. `expected` has their names, and whether they are valid.
fn judged_by_the_module<'a>(
    nix: &Nix,
    cases: &[Case],
    expected: impl Iterator<Item = (&'a str, bool)>,
) {
    for ((name, valid), module) in expected.zip(nix.evaluate(cases)) {
        assert_eq!(module.valid, valid, "{name}: {:?}", module.messages);
    }
}

fn the_module_and_render_agree() -> TestResult {
    let nix = Nix::find()?;
    let samples = samples_of_options();
    let cases: Vec<Case> = samples
        .iter()
        .map(|sample| Case::module(&sample.name, sample.options.clone()))
        .collect();
    judged_by_the_module(&nix, &cases, samples.iter().map(|it| (&*it.name, it.valid)));
    Ok(())
}

fn the_checker_knows_the_forms() {
    for sample in samples() {
        let problems = problems(&sample.config);
        assert_eq!(
            problems.is_empty(),
            sample.valid,
            "{}: {problems:?}",
            sample.name
        );
    }
}

fn the_module_knows_the_forms() -> TestResult {
    let nix = Nix::find()?;
    let mut samples = samples();
    // nixpkgs' module has an empty string as the default of these.
    let unset = ["matrix.endpoint = \"\"", "matrix.homeserver = \"\""];
    for sample in &mut samples {
        sample.valid |= unset.contains(&sample.name.as_str());
    }
    let cases: Vec<Case> = samples
        .iter()
        .map(|sample| Case::settings(&sample.name, &sample.config))
        .collect();
    judged_by_the_module(&nix, &cases, samples.iter().map(|it| (&*it.name, it.valid)));
    Ok(())
}

fn mas_knows_the_forms() -> TestResult {
    let mas = MasCli::find()?;
    for sample in samples() {
        let (accepted, message) = mas.check(&sample.config);
        assert_eq!(accepted, sample.mas, "{}: {message}", sample.name);
    }
    Ok(())
}

crate::support::harness::tests![
    the_checker_knows_the_forms,
    the_module_knows_the_forms,
    mas_knows_the_forms,
    render_knows_the_forms,
    the_module_and_render_agree,
];
