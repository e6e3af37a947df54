//! What the tests themselves rely on.

mod support;

use std::{collections::BTreeMap, fs, process::Command};

use support::{is_newest, root};

/// Without Rust's own harness, a function marked like that would never be called.
fn no_test_is_left_to_the_harness_of_rust() {
    let mut checked = 0;
    for entry in fs::read_dir(root().join("tests")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let marked = text.lines().any(|line| line.trim() == "#[test]");
            assert!(!marked, "{}: list the test at the end", path.display());
            checked += 1;
        }
    }
    assert!(checked >= 20, "only {checked} files");
}

fn mas_is_known_with_and_without_a_v() {
    for known in ["mas-cli v1.22.0\n", "mas-cli 1.22.0\n"] {
        assert!(is_newest(known), "{known}");
    }
    for unknown in ["mas-cli v1.21.0", "mas-cli 11.22.0", "mas-cli", ""] {
        assert!(!is_newest(unknown), "{unknown}");
    }
}

/// Whether `scripts/skip` succeeds in this environment, and what it records.
fn skip(environment: &BTreeMap<&str, &str>) -> (bool, String) {
    let directory = tempfile::TempDir::new().unwrap();
    let record = directory.path().join("skips");
    let output = Command::new("bash")
        .arg(root().join("scripts/skip"))
        .args(["a test", "something is missing"])
        .env_remove("MAS2NIX_REQUIRE_ALL")
        .env_remove("MAS2NIX_MAY_SKIP")
        .envs(environment)
        .env("MAS2NIX_SKIPS", &record)
        .output()
        .unwrap();
    let recorded = fs::read_to_string(record).unwrap();
    (output.status.success(), recorded)
}

fn a_skip_is_recorded_and_fails_where_nothing_may_be_skipped() {
    let require = ("MAS2NIX_REQUIRE_ALL", "1");
    for (environment, outcome) in [
        (BTreeMap::new(), "skipped"),
        (BTreeMap::from([("MAS2NIX_REQUIRE_ALL", "0")]), "skipped"),
        (BTreeMap::from([require]), "failed"),
        (
            BTreeMap::from([require, ("MAS2NIX_MAY_SKIP", "another test")]),
            "failed",
        ),
        (
            BTreeMap::from([require, ("MAS2NIX_MAY_SKIP", "a test")]),
            "skipped",
        ),
    ] {
        let expected = format!("{outcome}\ta test\tsomething is missing\n");
        let found = skip(&environment);
        assert_eq!(found, (outcome == "skipped", expected), "{environment:?}");
    }
}

support::harness::tests![
    no_test_is_left_to_the_harness_of_rust,
    mas_is_known_with_and_without_a_v,
    a_skip_is_recorded_and_fails_where_nothing_may_be_skipped,
];
