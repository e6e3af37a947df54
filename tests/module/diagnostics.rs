//! Common mistakes, and the messages about them when the module is evaluated. Each mistake is a
//! file in `tests/fixtures/mistakes`; the messages are in `snapshots`. `tests/config` tests the
//! messages of the checker.

use std::{fs, path::Path};

use crate::support::{Nix, assert_no_secret, harness::TestResult, root};

fn the_module_explains() -> TestResult {
    let nix = Nix::find()?;
    insta::glob!("../fixtures/mistakes", "*.yaml", |path| {
        let messages = module_messages(&nix, path);
        assert_no_secret(messages.as_bytes());
        insta::assert_snapshot!("module", messages);
    });
    Ok(())
}

fn module_messages(nix: &Nix, path: &Path) -> String {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("settings.json");
    let config = mas2nix::config::load::MergedConfig::files(&[path.to_owned()])
        .unwrap()
        .value;
    fs::write(&file, config.to_string()).unwrap();
    let found = nix.json(&format!(
        "let
           evaluated = import {} {{
             modules = [ {{
               _file = \"/etc/nixos/configuration.nix\";
               services.matrix-authentication-service = {{
                 settings = builtins.fromJSON (builtins.readFile {});
                 allowInlineSecrets = true;
               }};
             }} ];
           }};
           inherit (evaluated) config;
           problems =
             map (problem: problem.message) config.assertions
             ++ map (warning: \"warning: ${{warning}}\") config.warnings;
         in builtins.deepSeq evaluated.config.services.matrix-authentication-service.settings problems",
        root().join("tests/support/nix/module.nix").display(),
        file.display()
    ));
    match found {
        Ok(problems) => {
            let problems = problems.as_array().unwrap().iter();
            let problems: Vec<&str> = problems.map(|p| p.as_str().unwrap()).collect();
            if problems.is_empty() {
                "valid".to_owned()
            } else {
                problems.join("\n")
            }
        }
        Err(error) => {
            // The text before it depends on the version of Nix.
            let (_, message) = error.rsplit_once("error: ").unwrap();
            let lines = message.lines().map(str::trim);
            let lines =
                lines.take_while(|line| !line.starts_with("at ") && !line.starts_with("(use "));
            format!("error: {}", lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

crate::support::harness::tests![the_module_explains,];
