//! `mas-service` as systemd would run it, with real MAS: secrets, credentials, the configuration.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::support::{MasCli, data, harness::TestResult};
use mas2nix::{codegen::host_files, config::load::MergedConfig, schema::NEWEST};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A host: the output of `mas2nix render`, and the directories that systemd would create.
struct Host {
    directory: TempDir,
    manifest: Value,
}

impl Host {
    fn new(mas: &MasCli, mut config: Value) -> Self {
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["secrets", "credentials", "run"] {
            fs::create_dir(path(name)).unwrap();
        }
        config["secrets"]["directory"] = path("secrets").display().to_string().into();
        let (context, _) = host_files::context(&MergedConfig::from(config), &NEWEST).unwrap();
        let text = |name: &str| {
            let files = context.files();
            let file = files.iter().find(|file| file.path.ends_with(name)).unwrap();
            file.content.clone()
        };
        fs::write(path("config.yaml"), text("config.yaml")).unwrap();
        let mut manifest: Value = serde_yaml_ng::from_str(&text("service.yaml")).unwrap();
        manifest["masCli"] = mas.program().display().to_string().into();
        manifest["config"] = path("config.yaml").display().to_string().into();
        fs::write(path("service.yaml"), manifest.to_string()).unwrap();
        Host {
            directory,
            manifest,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mas-service"));
        command
            .arg("--manifest")
            .arg(self.path("service.yaml"))
            .args(arguments.split(' '))
            .env("CREDENTIALS_DIRECTORY", self.path("credentials"))
            .env("RUNTIME_DIRECTORY", self.path("run"))
            .env("MAS_BRANDING_IMPRINT", "of the environment");
        command
    }

    /// Loads credentials like systemd's `LoadCredential=`.
    fn load_credentials(&self) {
        for (name, source) in self.manifest["credentials"].as_object().unwrap() {
            let (target, source) = (
                self.path("credentials"),
                Path::new(source.as_str().unwrap()),
            );
            if source.is_dir() {
                for file in fs::read_dir(source).unwrap() {
                    let file = file.unwrap();
                    let name = format!("{name}_{}", file.file_name().display());
                    fs::copy(file.path(), target.join(name)).unwrap();
                }
            } else {
                fs::copy(source, target.join(name)).unwrap();
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn mas_takes_the_secrets_that_are_made() -> TestResult {
    let mas = MasCli::find()?;
    let host = Host::new(
        &mas,
        json!({"localMailRelay": true, "metrics": true, "settings": {"matrix": {"homeserver": "a"}}}),
    );
    succeed(&host.run("secrets"));
    succeed(&host.run("check-secrets"));
    host.load_credentials();
    let stdout = succeed(&host.run("run -- config dump"));
    assert!(stdout.contains("keys_dir"), "{stdout}");
    // Variables of the unit are settings too.
    assert!(stdout.contains("imprint: of the environment"), "{stdout}");
    let key = fs::read_to_string(host.path("run/secrets.encryption_file")).unwrap();
    assert_eq!(key.len(), 64);
    let keys: Vec<_> = fs::read_dir(host.path("run/secrets.keys_dir"))
        .unwrap()
        .collect();
    assert_eq!(keys.len(), 2);
    Ok(())
}

fn final_newlines_go_where_mas_would_keep_them() -> TestResult {
    let mas = MasCli::find()?;
    let host = Host::new(
        &mas,
        json!({"settings": data("files"), "allowInlineSecrets": true, "checkConfig": false}),
    );
    for name in host.manifest["credentials"].as_object().unwrap().keys() {
        fs::write(host.path("credentials").join(name), "a secret\n").unwrap();
    }
    fs::remove_file(host.path("credentials/secrets.keys_dir")).unwrap();
    fs::write(host.path("credentials/secrets.keys_dir_rsa.pem"), "a key\n").unwrap();
    succeed(&host.run("run -- config check"));
    let config = fs::read_to_string(host.path("run/config.yaml")).unwrap();
    let written: Value = serde_yaml_ng::from_str(&config).unwrap();
    let read = |path: &Value| fs::read_to_string(path.as_str().unwrap()).unwrap();
    assert_eq!(
        read(&written["passwords"]["schemes"][0]["secret_file"]),
        "a secret"
    );
    assert_eq!(read(&written["secrets"]["encryption_file"]), "a secret");
    assert_eq!(
        read(&written["clients"][0]["client_secret_file"]),
        "a secret\n"
    );
    let keys = Path::new(written["secrets"]["keys_dir"].as_str().unwrap());
    assert_eq!(fs::read_to_string(keys.join("rsa.pem")).unwrap(), "a key\n");

    fs::remove_file(host.path("credentials/secrets.encryption_file")).unwrap();
    let output = host.run("run -- config check");
    let stderr = text(&output.stderr);
    assert!(
        !output.status.success() && stderr.contains("secrets.encryption_file"),
        "{stderr}"
    );
    Ok(())
}

fn mas_checks_its_configuration_before_it_starts() -> TestResult {
    let mas = MasCli::find()?;
    let host = Host::new(
        &mas,
        json!({
            "settings": {"matrix": {"homeserver": "a"}},
            "extraSettings": {"database": {"max_connections": "many"}},
        }),
    );
    succeed(&host.run("secrets"));
    host.load_credentials();
    let output = host.run("run -- server");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr.contains("max_connections") && stderr.contains("MAS rejects"),
        "{stderr}"
    );
    Ok(())
}

fn files_that_are_not_there_are_named() -> TestResult {
    let mas = MasCli::find()?;
    let host = Host::new(
        &mas,
        json!({
            "settings": {
                "matrix": {"homeserver": "a", "secret_file": "/nonexistent/secret"},
                "secrets": {"keys": [{"key_file": "/nonexistent/key"}]},
            },
            "users": {"alice": {"passwordFile": "/nonexistent/alice"}},
        }),
    );
    succeed(&host.run("secrets"));
    let output = host.run("check-secrets");
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    for part in [
        "settings.matrix.secret_file: /nonexistent/secret: No such file",
        "settings.secrets.keys[0].key_file: /nonexistent/key",
        "users.alice.passwordFile: /nonexistent/alice",
    ] {
        assert!(stderr.contains(part), "{part}\n{stderr}");
    }
    Ok(())
}

fn a_secret_in_the_environment_counts() -> TestResult {
    let mas = MasCli::find()?;
    let host = Host::new(&mas, json!({"settings": {"matrix": {"homeserver": "a"}}}));
    succeed(&host.run("secrets"));
    host.load_credentials();
    let mut command = host.command("run -- config dump");
    let secret = "0123456789abcdef".repeat(4);
    command
        .env("MAS_SECRETS_ENCRYPTION", &secret)
        .env("MAS_MATRIX_SECRET", "shared");
    let stdout = succeed(&command.output().unwrap());
    assert!(
        stdout.contains(&secret) && stdout.contains("secret: shared"),
        "{stdout}"
    );
    assert!(!stdout.contains("secret_file"), "{stdout}");
    Ok(())
}

fn one_section_needs_no_other_ones_secrets() -> TestResult {
    let mas = MasCli::find()?;
    let host = Host::new(
        &mas,
        json!({
            "settings": {
                "matrix": {"homeserver": "a", "secret_file": "/nonexistent/secret"},
                "database": {"uri": "postgresql:///mas?host=/nonexistent"},
            },
            // One exists only after MAS's own unit has created it.
            "extraConfigFiles": ["/var/lib/matrix-authentication-service/nonexistent.yaml"],
        }),
    );
    let output = host.run("run --only database -- database migrate");
    let stderr = text(&output.stderr);
    assert!(!stderr.contains("/nonexistent/secret"), "{stderr}");
    let config = fs::read_to_string(host.path("run/config.yaml")).unwrap();
    assert_eq!(
        config,
        "database:\n  uri: \"postgresql:///mas?host=/nonexistent\"\n"
    );
    let output = host.run("run -- database migrate");
    assert!(text(&output.stderr).contains("matrix.secret_file"));
    Ok(())
}

fn outside_a_unit_it_fails_with_a_reason() -> TestResult {
    let mas = MasCli::find()?;
    let host = Host::new(&mas, json!({"settings": {"matrix": {"homeserver": "a"}}}));
    let output = Command::new(env!("CARGO_BIN_EXE_mas-service"))
        .arg("--manifest")
        .arg(host.path("service.yaml"))
        .args(["run", "--", "server"])
        .env_remove("CREDENTIALS_DIRECTORY")
        .output()
        .unwrap();
    assert!(text(&output.stderr).contains("$RUNTIME_DIRECTORY is not set"));
    let output = Command::new(env!("CARGO_BIN_EXE_mas-service"))
        .args(["--manifest", "/nonexistent", "secrets"])
        .output()
        .unwrap();
    assert!(text(&output.stderr).contains("cannot read /nonexistent: No such file"));
    Ok(())
}

crate::support::harness::tests![
    mas_takes_the_secrets_that_are_made,
    final_newlines_go_where_mas_would_keep_them,
    mas_checks_its_configuration_before_it_starts,
    files_that_are_not_there_are_named,
    a_secret_in_the_environment_counts,
    one_section_needs_no_other_ones_secrets,
    outside_a_unit_it_fails_with_a_reason,
];
