//! Tests of the test harness.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{is_newest, root};

/// A function marked `#[test]` would never be called, because Rust's own harness is not used. A
/// file that `main.rs` does not name would not even be compiled.
fn no_test_is_left_to_the_harness_of_rust() {
    let mut checked = 0;
    for directory in entries(&root().join("tests")) {
        let Ok(main) = fs::read_to_string(directory.join("main.rs")) else {
            continue;
        };
        for path in entries(&directory) {
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let marked = text.lines().any(|line| line.trim() == "#[test]");
                assert!(!marked, "{}: list the test at the end", path.display());
                let name = path.file_stem().unwrap().to_str().unwrap();
                let named = main.lines().any(|line| line == format!("mod {name};"));
                assert!(named || name == "main", "main.rs lacks {}", path.display());
                checked += 1;
            }
        }
    }
    assert!(checked >= 20, "only {checked} files");
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn versions_of_mas_are_read_with_and_without_a_v() {
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
        (
            BTreeMap::from([require, ("MAS2NIX_MAY_SKIP", "another; test;a test")]),
            "skipped",
        ),
        (
            BTreeMap::from([require, ("MAS2NIX_MAY_SKIP", "a test too;not a test")]),
            "failed",
        ),
    ] {
        let expected = format!("{outcome}\ta test\tsomething is missing\n");
        let found = skip(&environment);
        assert_eq!(found, (outcome == "skipped", expected), "{environment:?}");
    }
}

crate::support::harness::tests![
    no_test_is_left_to_the_harness_of_rust,
    versions_of_mas_are_read_with_and_without_a_v,
    a_skip_is_recorded_and_fails_where_nothing_may_be_skipped,
];
