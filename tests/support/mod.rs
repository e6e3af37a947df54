//! Shared code of the tests: the real programs that they run, and generated configurations.

#![allow(dead_code, reason = "each test uses a part of it")]

pub mod chromium;
pub mod edit;
pub mod garbage;
pub mod generate;
pub mod harness;
pub mod homeserver;
pub mod image;
pub mod postgres;
pub mod rows;

use std::{
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use mas2nix::{
    config::{
        load::MergedConfig,
        tree::{self, Node},
    },
    rules::{
        self, Rule,
        check::{self, Problem},
    },
    schema::NEWEST,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use harness::{Skip, TestResult, skip};

/// The path of a program on `PATH`.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|directory| directory.join(name));
    candidates.find(|candidate| candidate.is_file())
}

pub static SETTINGS: LazyLock<Node> = LazyLock::new(tree::settings);
pub static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| rules::all(&SETTINGS));

/// The problems that the checker reports for a configuration that may contain secrets, for the
/// newest MAS.
pub fn problems(config: &Value) -> Vec<Problem> {
    let options = check::CheckOptions {
        version: NEWEST,
        no_inline_secrets: false,
        complete: true,
    };
    problems_with(config, &options)
}

pub fn problems_with(config: &Value, options: &check::CheckOptions) -> Vec<Problem> {
    check::check(
        &MergedConfig::from(config.clone()),
        &SETTINGS,
        &RULES,
        options,
    )
}

/// MAS itself.
pub struct MasCli(PathBuf);

impl MasCli {
    /// MAS in the version that the schema describes.
    pub fn find() -> Result<Self, Skip> {
        let Some(program) = program("mas-cli") else {
            return skip("mas-cli is not on PATH");
        };
        let mas = MasCli(program);
        let output = mas.command("--version").output().unwrap();
        let version = String::from_utf8_lossy(&output.stdout);
        if !is_newest(&version) {
            return skip(format!("mas-cli is not MAS {NEWEST}: {}", version.trim()));
        }
        Ok(mas)
    }

    /// MAS with its pages, which it needs to answer requests.
    pub fn find_with_pages() -> Result<Self, Skip> {
        let mas = Self::find()?;
        let manifest = "share/matrix-authentication-service/manifest.json";
        if !mas.prefix().join(manifest).exists() {
            return skip(format!("mas-cli has no {manifest} beside its bin"));
        }
        Ok(mas)
    }

    /// MAS with arguments, and without environment variables that it would read settings from.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.0);
        command.args(arguments.split(' ')).env_clear();
        // The certificates of a build sandbox, which MAS needs for every check.
        command.envs(std::env::vars_os().filter(|(name, _)| name == "SSL_CERT_FILE"));
        command
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.0
    }

    /// The directory whose `bin` MAS is in.
    pub fn prefix(&self) -> &Path {
        self.0.parent().and_then(Path::parent).unwrap()
    }

    /// Whether MAS accepts the configuration, and its output.
    pub fn check(&self, config: &Value) -> (bool, String) {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("config.yaml");
        std::fs::write(&file, config.to_string()).unwrap();
        self.check_files(&[file])
    }

    pub fn check_files(&self, files: &[PathBuf]) -> (bool, String) {
        let mut command = self.command("config check");
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

/// Whether `mas-cli --version` names the version that the schema describes. Upstream's build writes
/// a `v` before it, that of nixpkgs does not.
pub fn is_newest(version: &str) -> bool {
    let number = version.split_whitespace().last();
    number.is_some_and(|number| number.trim_start_matches('v') == NEWEST.to_string())
}

/// Skips a test that only root can run.
pub fn need_root(why: &str) -> TestResult {
    if nix::unistd::Uid::effective().is_root() {
        Ok(())
    } else {
        skip(format!("only root can {why}"))
    }
}

const NO_SYNAPSE: &str = "Synapse is not in target/synapse, where scripts/synapse installs it";

/// The Python of the Synapse that `scripts/synapse` installs.
pub fn synapse_python() -> Result<PathBuf, Skip> {
    let python = root().join("target/synapse/bin/python");
    if python.exists() {
        Ok(python)
    } else {
        skip(NO_SYNAPSE)
    }
}

/// A configuration of the module to evaluate.
#[derive(Serialize)]
pub struct Case {
    pub name: String,
    pub module: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
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
    pub fn find() -> Result<Self, Skip> {
        let Some(program) = program("nix-instantiate") else {
            return skip("nix-instantiate is not on PATH");
        };
        let nix = Nix { program };
        if nix.json("(import <nixpkgs/lib>).version").is_err() {
            return skip("Nix does not find <nixpkgs/lib>");
        }
        Ok(nix)
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
        let mut file = tempfile::NamedTempFile::new().unwrap();
        serde_json::to_writer(&mut file, cases).unwrap();
        let evaluated = self.json(&format!(
            "import {} {{ cases = {}; }}",
            root().join("tests/support/nix/cases.nix").display(),
            file.path().display()
        ));
        serde_json::from_value(evaluated.unwrap_or_else(|error| panic!("{error}"))).unwrap()
    }
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cases of a file in `tests/fixtures`, which is a list.
pub fn cases<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let file = root().join(format!("tests/fixtures/{name}.yaml"));
    serde_yaml_ng::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// A configuration of `tests/fixtures`.
pub fn data(name: &str) -> Value {
    let file = root().join(format!("tests/fixtures/{name}.yaml"));
    MergedConfig::files(&[file]).unwrap().value
}

/// Asserts that an output contains none of the secrets in `tests/fixtures/mistakes`.
pub fn assert_no_secret(output: &[u8]) {
    let output = String::from_utf8_lossy(output);
    assert!(
        !output.contains("hunter2") && !output.contains("12345"),
        "{output}"
    );
}

/// Writes a shell script that can be run.
pub fn script(path: &Path, content: &str) {
    let bash = program("bash").expect("bash is on PATH");
    std::fs::write(path, format!("#!{}\n{content}\n", bash.display())).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A small disk, which is empty at first. It is unmounted when this is dropped.
pub struct Disk(PathBuf);

impl Disk {
    /// Only root can mount one.
    pub fn mount(at: &Path, size: &str) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={size}");
        let mut command = Command::new("mount");
        command
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at);
        assert!(command.status().unwrap().success());
        Disk(at.to_owned())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// The same command with one argument exchanged for another.
pub fn exchanged(command: &Command, old: &Path, new: &Path) -> Command {
    let mut other = Command::new(command.get_program());
    for argument in command.get_args() {
        if Path::new(argument) == old {
            other.arg(new);
        } else {
            other.arg(argument);
        }
    }
    other
}
