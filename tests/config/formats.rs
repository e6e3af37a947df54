//! String formats: the checker, the module and MAS agree on `tests/fixtures/formats.yaml`.

use crate::support::{Case, MasCli, Nix, cases, data, edit, harness::TestResult, problems};
use serde::Deserialize;
use serde_json::Value;

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
    for (sample, module) in samples.iter().zip(nix.evaluate(&cases)) {
        assert_eq!(
            module.valid, sample.valid,
            "{}: {:?}",
            sample.name, module.messages
        );
    }
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
];
