//! Nix files that people write are formatted like those that the compiler writes.

mod common;

use std::{fs, path::Path};

#[test]
fn nix_files_are_formatted() {
    let mut checked = 0;
    for directory in [
        ".",
        "modules",
        "nix",
        "nix/template",
        "tests/nix",
        "tests/bench",
        "docs",
    ] {
        for entry in fs::read_dir(common::root().join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "nix") {
                assert_formatted(&path);
                checked += 1;
            }
        }
    }
    assert!(checked >= 12, "only {checked} files");
}

fn assert_formatted(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let formatted = nixfmt_rs::format(&text).unwrap();
    assert_eq!(text, formatted, "{}", path.display());
}
