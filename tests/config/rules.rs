//! Each rule, broken by a configuration that breaks no other rule: the checker and the module
//! report the same, and MAS rejects it too, unless we are deliberately stricter.

use std::collections::BTreeSet;

use crate::support::{
    Case, MasCli, Nix, RULES, SETTINGS, cases, data, edit, harness::TestResult, problems,
    problems_with,
};
use mas2nix::{
    rules::{
        RuleKind,
        check::{self, Problem},
    },
    schema::{NEWEST, OLDEST},
};
use semver::Version;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub struct Broken {
    pub rule: String,
    pub at: String,
    r#in: String,
    set: Option<String>,
    #[serde(default)]
    to: Value,
    remove: Option<String>,
    #[serde(default = "yes")]
    mas: bool,
}

fn yes() -> bool {
    true
}

impl Broken {
    pub fn config(&self) -> Value {
        let mut config = data(&self.r#in);
        match (&self.set, &self.remove) {
            (Some(path), None) => edit::set(&mut config, path, self.to.clone()),
            (None, Some(path)) => edit::remove(&mut config, path),
            _ => panic!("{}: one of set and remove", self.rule),
        }
        config
    }
}

pub fn broken() -> Vec<Broken> {
    cases("broken")
}

/// The problems that the checker reports, for a version of MAS.
fn problems_for(config: &Value, version: &Version) -> Vec<Problem> {
    let options = check::CheckOptions {
        version: version.clone(),
        no_inline_secrets: false,
        complete: true,
    };
    problems_with(config, &options)
}

/// The messages of the module, in the form of the checker's.
fn messages(problems: &[Problem]) -> BTreeSet<String> {
    let prefix = "services.matrix-authentication-service.settings";
    let messages = problems.iter().map(|problem| {
        let Problem {
            path, reason, fix, ..
        } = problem;
        format!("{prefix}.{path}: {reason}. {fix}")
    });
    messages.collect()
}

fn every_rule_is_broken_once() {
    let tried: BTreeSet<(String, String)> = broken()
        .into_iter()
        .map(|broken| (broken.rule, check::without_indices(&broken.at)))
        .collect();
    let untried: Vec<_> = RULES
        .iter()
        .filter(|rule| rule.kind != RuleKind::Secrecy && rule.id != "too-new")
        .map(|rule| (rule.id.clone(), rule.path()))
        .filter(|rule| !tried.contains(rule))
        // `required` for a plain option: see `a_missing_required_option_is_reported`.
        .filter(|(id, path)| id != "required" || !SETTINGS.find(path).unwrap().variants.is_empty())
        .collect();
    assert!(untried.is_empty(), "no configuration breaks {untried:?}");
}

fn the_checker_and_the_module_name_what_is_broken() -> TestResult {
    let all = broken();
    for broken in &all {
        let problems = problems(&broken.config());
        let found = problems
            .iter()
            .any(|p| p.id == broken.rule && p.path == broken.at);
        assert!(found, "{} at {}: {problems:?}", broken.rule, broken.at);
    }
    let nix = Nix::find()?;
    let cases: Vec<Case> = all
        .iter()
        .map(|broken| Case::settings(&broken.rule, &broken.config()))
        .collect();
    for (broken, module) in all.iter().zip(nix.evaluate(&cases)) {
        let expected = messages(&problems(&broken.config()));
        let messages: BTreeSet<String> = module.messages.into_iter().collect();
        assert_eq!(messages, expected, "{} at {}", broken.rule, broken.at);
    }
    Ok(())
}

fn mas_agrees_or_breaks_later() -> TestResult {
    let mas = MasCli::find()?;
    for broken in broken() {
        let (accepted, message) = mas.check(&broken.config());
        assert_eq!(
            !accepted, broken.mas,
            "{} at {}: {message}",
            broken.rule, broken.at
        );
    }
    Ok(())
}

fn a_missing_required_option_is_reported() -> TestResult {
    let mut cases = Vec::new();
    for (path, node) in SETTINGS.descendants() {
        if !node.required || !node.variants.is_empty() || path.ends_with("[]") {
            continue;
        }
        let found = ["files", "inline", "program"].into_iter().find_map(|name| {
            let config = data(name);
            edit::concrete(&config, &path).map(|concrete| (config, concrete))
        });
        let (mut config, concrete) = found.unwrap_or_else(|| panic!("{path} is in no test data"));
        edit::remove(&mut config, &concrete);
        let problems = problems(&config);
        // The address determines the form, so without it there is none.
        let id = if path.ends_with(".address")
            || path.ends_with("binds[].port")
            || path.ends_with(".socket")
        {
            continue;
        } else {
            "required"
        };
        let missed = problems.iter().any(|p| p.path == concrete && p.id == id);
        assert!(missed, "{concrete}: {problems:?}");
        cases.push((concrete, config));
    }
    assert!(cases.len() >= 40, "only {} required options", cases.len());
    let (mas, nix) = (MasCli::find(), Nix::find());
    if let Ok(mas) = &mas {
        for (path, config) in &cases {
            assert!(!mas.check(config).0, "MAS does not miss {path}");
        }
    }
    if let Ok(nix) = &nix {
        let cases: Vec<Case> = cases
            .iter()
            .map(|(path, config)| Case::settings(path, config))
            .collect();
        for module in nix.evaluate(&cases) {
            // The module sets the first one itself, and drops the section without the second, as
            // nixpkgs' module does.
            let completed = ["http.public_base", "upstream_oauth2.providers"];
            assert!(
                !module.valid || completed.contains(&module.name.as_str()),
                "{}",
                module.name
            );
        }
    }
    mas.map(drop).and(nix.map(drop))
}

fn every_version_knows_its_options() -> TestResult {
    let mut versions: BTreeSet<Version> = BTreeSet::from([OLDEST, NEWEST, Version::new(1, 20, 0)]);
    for (_, node) in SETTINGS.descendants() {
        versions.insert(node.since.clone());
        versions.extend(node.required_before.clone());
        versions.insert(Version::new(
            node.since.major,
            node.since.minor.saturating_sub(1),
            0,
        ));
    }
    let mut cases = Vec::new();
    for version in versions.iter().filter(|version| **version >= OLDEST) {
        for name in ["files", "inline", "program"] {
            let mut config = data(name);
            if name == "inline" {
                edit::set(
                    &mut config,
                    "branding",
                    serde_json::json!({"logo_uri": "https://x.y/"}),
                );
            }
            cases.push((version.clone(), config));
        }
    }
    for (version, config) in &cases {
        let found = problems_for(config, version);
        for (path, node) in SETTINGS.descendants() {
            let Some(concrete) = edit::concrete(config, &path) else {
                continue;
            };
            let named = |id: &str| found.iter().any(|p| p.id == id && p.path == concrete);
            let parent_is_new = path.rsplit_once('.').is_some_and(|(parent, _)| {
                SETTINGS
                    .find(parent.trim_end_matches("[]"))
                    .is_some_and(|p| p.since >= node.since)
            });
            if node.since > *version && !parent_is_new && !path.ends_with("[]") {
                assert!(named("too-new"), "{version}: {path}: {found:?}");
            }
            if node
                .removed
                .as_ref()
                .is_some_and(|removed| version >= removed)
            {
                assert!(named("removed"), "{version}: {path}: {found:?}");
            }
        }
    }
    let nix = Nix::find()?;
    let modules: Vec<Case> = cases
        .iter()
        .map(|(version, config)| Case {
            version: Some(version.to_string()),
            ..Case::settings(version.to_string(), config)
        })
        .collect();
    for ((version, config), module) in cases.iter().zip(nix.evaluate(&modules)) {
        let expected = messages(&problems_for(config, version));
        let messages: BTreeSet<String> = module.messages.into_iter().collect();
        let differing: Vec<_> = messages.symmetric_difference(&expected).collect();
        assert!(differing.is_empty(), "{version}: {differing:#?}");
    }
    Ok(())
}

fn inline_secrets_are_named_alike() -> TestResult {
    let nix = Nix::find()?;
    let strict = check::CheckOptions {
        version: NEWEST,
        no_inline_secrets: true,
        complete: true,
    };
    let mut uri = data("program");
    edit::set(
        &mut uri,
        "database.uri",
        "postgresql://mas:hunter2@db/mas".into(),
    );
    let configs = [data("inline"), data("files"), uri];
    let cases: Vec<Case> = configs
        .iter()
        .map(|config| Case::module("", serde_json::json!({"settings": config})))
        .collect();
    for (config, module) in configs.iter().zip(nix.evaluate(&cases)) {
        let expected = messages(&problems_with(config, &strict));
        assert!(!expected.is_empty());
        assert_eq!(BTreeSet::from_iter(module.messages), expected);
    }
    Ok(())
}

/// `check` shows the fixes to people who write YAML, and the module shows the same to those who write Nix.
fn fixes_have_no_syntax_of_one_language() {
    let assignment = regex::Regex::new(r"[A-Za-z_`] = |\{ *[a-z_]+ *=|= .*;|\[ +\]").unwrap();
    for rule in RULES.iter().chain(&mas2nix::rules::module()) {
        for text in [&rule.reason, &rule.fix] {
            assert!(!assignment.is_match(text), "{}: {text}", rule.id);
        }
    }
}

crate::support::harness::tests![
    fixes_have_no_syntax_of_one_language,
    every_rule_is_broken_once,
    the_checker_and_the_module_name_what_is_broken,
    mas_agrees_or_breaks_later,
    a_missing_required_option_is_reported,
    every_version_knows_its_options,
    inline_secrets_are_named_alike,
];
