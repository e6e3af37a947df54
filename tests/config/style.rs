//! Nix files that people write are formatted like those that the compiler writes.

use std::{fs, path::Path};

fn nix_files_are_formatted() {
    let mut checked = usize::from(is_formatted(&crate::support::root().join("flake.nix")));
    for directory in ["benches", "docs", "modules", "nix", "tests"] {
        checked += formatted_below(&crate::support::root().join(directory));
    }
    assert!(checked >= 80, "only {checked} files");
}

fn formatted_below(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| {
            if path.is_dir() {
                formatted_below(&path)
            } else {
                usize::from(is_formatted(&path))
            }
        })
        .sum()
}

/// Whether this is a Nix file, which has to be formatted.
fn is_formatted(path: &Path) -> bool {
    let is_nix = path.extension().is_some_and(|extension| extension == "nix");
    if is_nix {
        let text = fs::read_to_string(path).unwrap();
        let formatted = nixfmt_rs::format(&text).unwrap();
        assert_eq!(text, formatted, "{}", path.display());
    }
    is_nix
}

crate::support::harness::tests![nix_files_are_formatted,];
