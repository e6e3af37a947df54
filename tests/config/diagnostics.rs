//! Common mistakes, and the messages of `mas2nix check` about them. Each mistake is a file in
//! `tests/fixtures/mistakes`; the messages are in `snapshots`. `tests/module` tests the messages of
//! the module.

use std::process::Command;

use crate::support::assert_no_secret;

fn the_checker_explains() {
    insta::glob!("../fixtures/mistakes", "*.yaml", |path| {
        let name = path.file_name().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_mas2nix"))
            .current_dir(path.parent().unwrap())
            .arg("check")
            .arg(name)
            .output()
            .unwrap();
        assert_no_secret(&output.stdout);
        let stdout = String::from_utf8(output.stdout).unwrap();
        // An ignored option is only a warning.
        let harm = i32::from(!stdout.contains(": warning: "));
        assert_eq!(output.status.code(), Some(harm), "{}", name.display());
        insta::assert_snapshot!("check", stdout);
    });
}

crate::support::harness::tests![the_checker_explains,];
