//! What the tests share: the real programs they run against, and generated configurations.

#![allow(dead_code, reason = "each test uses a part of it")]

pub mod edit;
pub mod generate;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where a program of that name is, as the shell would find it.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|directory| directory.join(name));
    candidates.find(|candidate| candidate.is_file())
}

/// Says on one line that a test is left out, past the test runner's capture.
pub fn leave_out(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "left out: {what}: {why}");
}

/// MAS itself.
pub struct MasCli(PathBuf);

impl MasCli {
    /// MAS in the version that the schema describes, or nothing and a line that says what is left
    /// out.
    pub fn find(what: &str) -> Option<Self> {
        let Some(program) = program("mas-cli") else {
            leave_out(what, "mas-cli is not on PATH");
            return None;
        };
        let output = Command::new(&program).arg("--version").output().unwrap();
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !version.ends_with(&format!("v{}", mas2nix::schema::NEWEST)) {
            leave_out(
                what,
                &format!("it is for MAS {}, not {version}", mas2nix::schema::NEWEST),
            );
            return None;
        }
        Some(MasCli(program))
    }

    /// Whether MAS accepts the configuration, and what it says.
    pub fn check(&self, config: &Value) -> (bool, String) {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("config.yaml");
        std::fs::write(&file, config.to_string()).unwrap();
        self.check_files(&[file])
    }

    pub fn check_files(&self, files: &[PathBuf]) -> (bool, String) {
        let mut command = Command::new(&self.0);
        command.args(["config", "check"]).env_clear();
        // Where a build sandbox has its certificates, without which MAS checks nothing.
        command.envs(std::env::vars_os().filter(|(name, _)| name == "SSL_CERT_FILE"));
        for file in files {
            command.arg("--config").arg(file);
        }
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }
}

/// A configuration of the module to evaluate.
pub struct Case {
    pub name: String,
    pub module: Value,
    pub version: Option<String>,
}

impl Case {
    /// A module with these settings, and secrets allowed in them.
    pub fn settings(name: impl Into<String>, settings: &Value) -> Self {
        Case {
            name: name.into(),
            module: json!({"settings": settings, "allowInlineSecrets": true}),
            version: None,
        }
    }

    pub fn module(name: impl Into<String>, module: Value) -> Self {
        Case {
            name: name.into(),
            module,
            version: None,
        }
    }
}

/// What evaluating the module gave.
#[derive(Debug, Deserialize)]
pub struct Evaluated {
    pub name: String,
    pub valid: bool,
    #[serde(default)]
    pub messages: Vec<String>,
    #[serde(default)]
    pub settings: Value,
    #[serde(default)]
    pub r#final: Value,
    #[serde(default)]
    pub credentials: Vec<String>,
}

/// Nix with nixpkgs' `lib`.
pub struct Nix {
    program: PathBuf,
}

impl Nix {
    /// Nix, or nothing and a line that says what is left out.
    pub fn find(what: &str) -> Option<Self> {
        let Some(program) = program("nix-instantiate") else {
            leave_out(what, "nix-instantiate is not on PATH");
            return None;
        };
        let nix = Nix { program };
        if nix.json("(import <nixpkgs/lib>).version").is_err() {
            leave_out(what, "Nix does not find <nixpkgs/lib>");
            return None;
        }
        Some(nix)
    }

    /// Evaluates an expression to JSON; the error is what Nix says.
    pub fn json(&self, expression: &str) -> Result<Value, String> {
        let mut file = tempfile::NamedTempFile::with_suffix(".nix").unwrap();
        file.write_all(expression.as_bytes()).unwrap();
        let output = Command::new(&self.program)
            .args(["--eval", "--strict", "--json"])
            .arg(file.path())
            .output()
            .unwrap();
        if output.status.success() {
            Ok(serde_json::from_slice(&output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Evaluates the module for each case, all in one run.
    pub fn evaluate(&self, cases: &[Case]) -> Vec<Evaluated> {
        let value = self.try_evaluate(cases).unwrap_or_else(|e| panic!("{e}"));
        serde_json::from_value(value).unwrap()
    }

    pub fn try_evaluate(&self, cases: &[Case]) -> Result<Value, String> {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("cases.json");
        let cases: Vec<Value> = cases
            .iter()
            .map(|case| {
                let mut value = json!({"name": case.name, "module": case.module});
                if let Some(version) = &case.version {
                    value["version"] = version.as_str().into();
                }
                value
            })
            .collect();
        std::fs::write(&file, Value::from(cases).to_string()).unwrap();
        let cases_nix = root().join("tests/nix/cases.nix");
        self.json(&format!(
            "import {} {{ cases = {}; }}",
            cases_nix.display(),
            file.display()
        ))
    }
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A configuration of `tests/data`.
pub fn data(name: &str) -> Value {
    let file = root().join(format!("tests/data/{name}.yaml"));
    mas2nix::load::Loaded::files(&[file]).unwrap().value
}
