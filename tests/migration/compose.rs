//! Synapse in containers: `syn2mas` stops and starts it with the commands of docs/any-host.md. A script stands
//! in for Docker.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Output},
};

use crate::support::{
    MasCli,
    harness::{Skip, TestResult, skip},
    homeserver::{Homeserver, password},
    postgres::Postgres,
    root, script,
};
use serde_json::{Value, json};

/// The commands of the page, for this compose file.
const STOP: &str = "docker compose --file /srv/synapse/compose.yaml stop synapse";
const START: &str = "docker compose --file /srv/synapse/compose.yaml up --detach --wait synapse";

fn prepared() -> Result<(Postgres, MasCli), Skip> {
    if !nix::unistd::Uid::effective().is_root() {
        return skip("only root can make the mounts of a container");
    }
    let (mas, server) = (MasCli::find_with_pages()?, Postgres::start()?);
    Homeserver::template(&server);
    Ok((server, mas))
}

/// A homeserver whose Synapse is in a container.
struct Compose<'a> {
    homeserver: Homeserver<'a>,
    file: PathBuf,
    /// A manifest that names units, as `mas2nix render` writes one.
    manifest: PathBuf,
    path: String,
}

impl<'a> Compose<'a> {
    fn of(homeserver: Homeserver<'a>) -> Self {
        let directory = homeserver.directory.join("compose");
        fs::create_dir_all(directory.join("bin")).unwrap();
        let python = root().join("target/synapse/bin/python");
        let program = root().join("tests/fixtures/docker.py");
        script(
            &directory.join("bin/docker"),
            &format!("exec {} {} \"$@\"", python.display(), program.display()),
        );
        let file = directory.join("compose.yaml");
        let inside = |path: &str| directory.join("container").join(path).display().to_string();
        let config = &homeserver.migration.synapse_config;
        let volume = |source: &str, target: &str| format!("{source}:{}:ro", inside(target));
        let compose = json!({"services": {"synapse": {
            "command": [
                python, "-m", "synapse.app.homeserver",
                format!("--config-path={}/{}", inside("data"), config.file_name().unwrap().display()),
                format!("--config-path={}/overlay.yaml", inside("syn2mas")),
            ],
            "volumes": [
                volume(&config.parent().unwrap().display().to_string(), "data"),
                volume(&homeserver.directory.display().to_string(), "syn2mas"),
            ],
            "healthcheck": {"test": ["CMD", "curl", "-fSs", format!("{}/health", homeserver.synapse)]},
        }}});
        fs::write(&file, compose.to_string()).unwrap();
        let manifest = directory.join("manifest.yaml");
        fs::write(
            &manifest,
            "synapseUnit: [synapse-of-the-manifest.service]\n",
        )
        .unwrap();
        script(
            &homeserver.directory.join("start-mas"),
            &format!(
                "cd {at}
[ -s overlay.yaml ] || exit 0
kill -0 $(cat mas.pid 2>/dev/null) 2>/dev/null && exit 0
setsid {mas_cli} server --config {config} </dev/null >>mas.log 2>&1 &
echo $! >mas.pid",
                at = homeserver.directory.display(),
                mas_cli = homeserver.migration.mas.program().display(),
                config = homeserver.migration.mas_config.display(),
            ),
        );
        let bin = directory.join("bin").display().to_string();
        let path = format!("{bin}:{}", env::var("PATH").unwrap());
        Compose {
            homeserver,
            file,
            manifest,
            path,
        }
    }

    fn command(&self, command: &str) -> String {
        command.replace(
            "/srv/synapse/compose.yaml",
            &self.file.display().to_string(),
        )
    }

    fn docker(&self, command: &str) {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &self.command(command)])
            .env("PATH", &self.path);
        assert!(shell.status().unwrap().success(), "{command}");
    }

    /// What `docker compose` was told so far.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.file.with_file_name("calls")).unwrap();
        calls.lines().map(str::to_owned).collect()
    }

    fn syn2mas(&self, arguments: &[&str]) -> Output {
        let homeserver = &self.homeserver;
        let mas = homeserver.migration.mas.program().display().to_string();
        // MAS is no unit here. `stop` stops it, and would also stop a Synapse that `start` has started.
        let at = homeserver.directory.display();
        let [start, stop] = [
            format!("{at}/start-mas && {START}"),
            format!("{at}/stop && {STOP}"),
        ];
        let file = |name: &str| homeserver.directory.join(name).display().to_string();
        let mut command = homeserver.migration.syn2mas(arguments);
        command
            .env("PATH", &self.path)
            .args(["--manifest".into(), self.manifest.display().to_string()])
            .args(["--mas-cli", &mas, "--state-dir", &file("state")])
            .args(["--stop-with", &self.command(&stop)])
            .args(["--start-with", &self.command(&start)])
            .args([
                "--overlay",
                &format!("{}={}", file("overlay.yaml"), file("overlay.source")),
            ])
            .args(["--postgresql-programs".into(), {
                homeserver.migration.server.bin().display().to_string()
            }]);
        command.output().unwrap()
    }

    /// The same with `--json`: the exit code, and what it prints.
    fn json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let output = self.syn2mas(&[arguments, &["--json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        let value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{arguments:?}: {said}"));
        (output.status.code(), value)
    }

    fn everybody_is_served(&self) {
        for token in ["syt_alice_phone", "syt_bob_desktop", "syt_carol_web"] {
            assert_eq!(self.homeserver.whoami(token).0, 200, "{token}");
        }
        for user in ["alice", "bob"] {
            let token = self.homeserver.log_in(user, password(user)).unwrap();
            assert_eq!(self.homeserver.whoami(&token).0, 200);
        }
    }
}

impl Drop for Compose<'_> {
    fn drop(&mut self) {
        let mut shell = Command::new("sh");
        shell.args(["-c", &self.command(STOP)]);
        let _ = shell.env("PATH", &self.path).status();
    }
}

fn synapse_in_a_container_is_migrated_and_comes_back() -> TestResult {
    let (server, mas) = prepared()?;
    let compose = Compose::of(Homeserver::new(&server, &mas, "compose"));
    compose.docker(START);
    compose.everybody_is_served();
    let up = "up --detach --wait synapse";
    assert_eq!(compose.calls(), [up]);

    let (_, report) = compose.json(&["inspect"]);
    let findings = report["findings"].as_array().unwrap().iter();
    let found: Vec<&str> = findings
        .map(|finding| finding["id"].as_str().unwrap())
        .collect();
    let wrong = [
        "overlay-not-read",
        "process-unknown",
        "process-not-named",
        "unit-missing",
    ];
    assert!(
        !found.iter().any(|id| wrong.contains(id)),
        "the container is found, and it reads the overlay: {report:#}"
    );

    let (code, outcome) = compose.json(&["migrate", "--yes"]);
    assert_eq!(code, Some(0), "{outcome:#}");
    assert!(compose.homeserver.is_cut_over());
    assert_eq!(compose.calls(), [up, "stop synapse", up]);
    compose.everybody_is_served();
    let metadata = format!(
        "{}/_matrix/client/v1/auth_metadata",
        compose.homeserver.synapse
    );
    let (_, metadata) = crate::support::homeserver::request(&metadata, None, None);
    assert_eq!(metadata["issuer"], format!("{}/", compose.homeserver.mas));

    let (code, outcome) = compose.json(&["rollback", "--accept-loss"]);
    assert_eq!(code, Some(0), "{outcome:#}");
    assert!(!compose.homeserver.is_cut_over());
    let calls = compose.calls();
    assert_eq!(calls[3..], ["stop synapse", up]);
    compose.everybody_is_served();
    Ok(())
}

/// A container that does not come up with the overlay: everything is undone.
fn a_container_that_stays_unhealthy_is_taken_back() -> TestResult {
    let (server, mas) = prepared()?;
    let compose = Compose::of(Homeserver::new(&server, &mas, "unhealthy"));
    compose.docker(START);
    let overlay = compose.homeserver.directory.join("overlay.source");
    let good = fs::read_to_string(&overlay).unwrap();
    fs::write(&overlay, good + "listeners: wrong\n").unwrap();
    let (code, outcome) = compose.json(&["migrate", "--yes"]);
    assert_eq!(code, Some(1), "{outcome:#}");
    assert_eq!(outcome["result"], "failed-and-reverted", "{outcome:#}");
    assert!(outcome.to_string().contains("unhealthy"), "{outcome:#}");
    assert!(!compose.homeserver.is_cut_over());
    compose.everybody_is_served();
    Ok(())
}

/// The page has the commands of this test.
fn the_page_has_these_commands() {
    let page = fs::read_to_string(root().join("docs/any-host.md")).unwrap();
    for command in [STOP, START] {
        let words = command.trim_start_matches("docker compose --file /srv/synapse/compose.yaml ");
        assert!(page.contains(&format!("$compose {words}\"")), "{words}");
    }
    assert!(page.contains("compose='docker compose --file /srv/synapse/compose.yaml'"));
}

crate::support::harness::tests![
    synapse_in_a_container_is_migrated_and_comes_back,
    a_container_that_stays_unhealthy_is_taken_back,
    the_page_has_these_commands,
];
