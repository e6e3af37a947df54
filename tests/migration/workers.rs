//! Workers: each process of Synapse has to read the overlay and to be known, and who logs people in is
//! asked at every listener.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    MasCli,
    harness::{Skip, TestResult, skip},
    homeserver::{self, Homeserver},
    need_root,
    postgres::Postgres,
    program, root, script, synapse_python,
};
use mas2nix::migrate::{
    args::Args,
    context::Context,
    health::{self, Authority, Listener},
};
use serde_json::Value;

fn prepared() -> Result<(Postgres, MasCli), Skip> {
    let (mas, server) = (MasCli::find_with_pages()?, Postgres::start()?);
    let mut python = Command::new(synapse_python()?);
    if !python
        .args(["-c", "import txredisapi"])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
    {
        return skip(
            "Synapse in target/synapse has no client of Redis: remove it, and run scripts/synapse",
        );
    }
    Homeserver::template(&server);
    Ok((server, mas))
}

/// A process that ends with the test.
struct Gone(Child);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A worker of a homeserver.
struct Worker {
    config: PathBuf,
    url: String,
}

impl Worker {
    /// Configures one. Without Redis it does not hear of anything new, but serves all the same.
    fn of(homeserver: &Homeserver) -> Self {
        let [port, replication] = homeserver::free_ports();
        let shared = &homeserver.migration.synapse_config;
        let text = fs::read_to_string(shared).unwrap();
        let replicated = format!(
            "listeners: [{{type: http, port: {replication}, bind_addresses: [127.0.0.1], \
             resources: [{{names: [replication]}}]}}, "
        );
        let text = text.replace("listeners: [", &replicated)
            + &format!("instance_map: {{main: {{host: 127.0.0.1, port: {replication}}}}}\n");
        fs::write(shared, text).unwrap();
        let config = homeserver.directory.join("worker.yaml");
        let text = format!(
            "worker_app: synapse.app.generic_worker\nworker_name: generic\nredis: {{enabled: true, port: 1}}\n\
             worker_listeners: [{{type: http, port: {port}, bind_addresses: [127.0.0.1], \
             resources: [{{names: [client]}}]}}]\n"
        );
        fs::write(&config, text).unwrap();
        Worker {
            config,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    fn command(&self, homeserver: &Homeserver, more: &[&str]) -> Command {
        let mut command = Command::new(root().join("target/synapse/bin/python"));
        command.args(["-m", "synapse.app.generic_worker", "-c"]);
        command.arg(&homeserver.migration.synapse_config);
        command.arg("--config-path").arg(&self.config);
        for file in more {
            command.arg(format!("--config-path={file}"));
        }
        let log = fs::File::create(homeserver.directory.join("worker.log")).unwrap();
        command
            .current_dir(&homeserver.directory)
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        command
    }

    /// Starts it with further configuration files, which may be relative to the homeserver's directory.
    fn start(&self, homeserver: &Homeserver, more: &[&str]) -> Gone {
        let running = Gone(self.command(homeserver, more).spawn().unwrap());
        self.wait(homeserver);
        running
    }

    fn wait(&self, homeserver: &Homeserver) {
        let url = format!("{}/_matrix/client/versions", self.url);
        let deadline = Instant::now() + Duration::from_secs(60);
        while homeserver::request(&url, None, None).0 == 0 {
            let log = fs::read_to_string(homeserver.directory.join("worker.log"));
            assert!(
                Instant::now() < deadline,
                "no answer: {}",
                log.unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// What is found, by id, with the samples.
fn findings(mut command: Command) -> Vec<(String, Vec<String>)> {
    let output = command.arg("--json").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let findings = report["findings"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = findings.map(|finding| {
        let samples = finding["samples"].as_array().unwrap().iter();
        (text(&finding["id"]), samples.map(text).collect())
    });
    findings.collect()
}

/// The samples of one kind; none if it is not found.
fn samples(findings: &[(String, Vec<String>)], id: &str) -> Vec<String> {
    let found = findings.iter().find(|(found, _)| found == id);
    found
        .map(|(_, samples)| samples.clone())
        .unwrap_or_default()
}

/// The context of a homeserver that is asked who logs people in.
fn context(homeserver: &Homeserver) -> Context {
    let at = homeserver.directory.display();
    let overlay = format!("{at}/overlay.yaml={at}/overlay.source");
    Context::new(Args {
        synapse_config: vec![homeserver.migration.synapse_config.clone()],
        overlay: Some(overlay.parse().unwrap()),
        ..Args::default()
    })
}

/// Who answers at all listeners of a homeserver, in the order of their addresses.
fn authorities(homeserver: &Homeserver) -> Vec<(String, Authority)> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let asked = async {
        let listeners: Vec<Listener> = health::listeners(&context(homeserver)).await.unwrap();
        health::who_answers(&listeners).await
    };
    let answers = runtime.block_on(asked).into_iter();
    let answers = answers.map(|(url, authority)| {
        let url = url.as_str().trim_end_matches('/').to_owned();
        (url, authority)
    });
    let mut answers: Vec<_> = answers.collect();
    answers.sort_by(|one, other| one.0.cmp(&other.0));
    answers
}

fn expected(of: [(&str, Authority); 2]) -> Vec<(String, Authority)> {
    let mut expected = of
        .map(|(url, authority)| (url.to_owned(), authority))
        .to_vec();
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    expected
}

const ABOUT_PROCESSES: &[&str] = &[
    "overlay-not-read",
    "process-not-named",
    "process-unknown",
    "login-not-answered",
    "connected-from-elsewhere",
];

/// Nothing is said about processes.
fn nothing_about_processes(findings: &[(String, Vec<String>)]) {
    for (id, samples) in findings {
        assert!(!ABOUT_PROCESSES.contains(&&**id), "{id}: {samples:?}");
    }
}

fn a_worker_without_the_overlay_is_found() -> TestResult {
    let (server, mas) = prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "workers");
    let worker = Worker::of(&homeserver);
    let inspect = || findings(homeserver.syn2mas(&["inspect"]));
    homeserver.run("start");
    nothing_about_processes(&inspect());

    let running = worker.start(&homeserver, &[]);
    let overlay = homeserver.directory.join("overlay.yaml");
    let overlay = overlay.display();
    let named = format!("process {}", running.0.id());
    assert_eq!(
        samples(&inspect(), "overlay-not-read"),
        [format!("{named}: add --config-path {overlay} at the end")]
    );
    let legacy = expected([
        (&homeserver.synapse, Authority::Synapse),
        (&worker.url, Authority::Synapse),
    ]);
    assert_eq!(authorities(&homeserver), legacy);
    let (code, outcome) = homeserver.json(&["migrate", "--yes"]);
    assert_eq!((code, &outcome["result"]), (Some(10), &"blocked".into()));
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);
    drop(running);

    let late = homeserver.directory.join("late.yaml");
    fs::write(&late, "password_config: {enabled: true}\n").unwrap();
    let running = worker.start(&homeserver, &["overlay.yaml", "late.yaml"]);
    let found = samples(&inspect(), "overlay-not-read");
    assert_eq!(found.len(), 1, "{found:?}");
    let moved = format!("move --config-path {overlay} to the end, behind ");
    assert!(
        found[0].contains(&moved) && found[0].ends_with("late.yaml, which sets `password_config`")
    );
    drop(running);

    // The name of the file is another one, and it comes with a directory.
    let directory = homeserver.directory.join("conf.d");
    fs::create_dir(&directory).unwrap();
    fs::hard_link(
        homeserver.directory.join("overlay.yaml"),
        directory.join("9.yaml"),
    )
    .unwrap();
    let running = worker.start(&homeserver, &["conf.d"]);
    nothing_about_processes(&inspect());
    drop(running);
    let running = worker.start(&homeserver, &["overlay.yaml"]);
    nothing_about_processes(&inspect());

    // A listener at which nobody answers any more.
    let text = fs::read_to_string(&worker.config).unwrap();
    let [port, _] = homeserver::free_ports();
    let moved = format!("port: {port}");
    let at = worker.url.rsplit(':').next().unwrap();
    fs::write(&worker.config, text.replace(&format!("port: {at}"), &moved)).unwrap();
    let found = samples(&inspect(), "login-not-answered");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with(&format!("http://127.0.0.1:{port}/ (process")),
        "{found:?}"
    );
    fs::write(&worker.config, text).unwrap();
    drop(running);
    Ok(())
}

fn a_process_of_no_named_unit_is_found() -> TestResult {
    let (server, mas) = prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "forgotten");
    let worker = Worker::of(&homeserver);
    homeserver.run("start");
    let main = fs::read_to_string(homeserver.directory.join("synapse.pid")).unwrap();
    let mut expected = vec![format!("process {}", main.trim())];
    let by_unit = || {
        let mut command = homeserver.migration.syn2mas(&["inspect"]);
        command.args(["--synapse-unit", "matrix-synapse"]);
        samples(&findings(command), "process-not-named")
    };
    assert_eq!(by_unit(), expected);
    let running = worker.start(&homeserver, &[]);
    expected.push(format!("process {}", running.0.id()));
    let mut found = by_unit();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    drop(running);

    // One whose configuration has gone may be of this Synapse or another one.
    let copy = homeserver.directory.join("copy.yaml");
    fs::copy(&homeserver.migration.synapse_config, &copy).unwrap();
    let other = Command::new(root().join("target/synapse/bin/python"))
        .args([
            "-m",
            "synapse.app.generic_worker",
            "-c",
            "copy.yaml",
            "-c",
            "worker.yaml",
        ])
        .current_dir(&homeserver.directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let other = Gone(other.unwrap());
    worker.wait(&homeserver);
    let named = format!("process {}", other.0.id());
    // It leads to the same database.
    assert!(by_unit().contains(&named));
    fs::remove_file(copy).unwrap();
    let found = findings(homeserver.syn2mas(&["inspect"]));
    let found = samples(&found, "process-unknown");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with(&named) && found[0].contains("copy.yaml"),
        "{found:?}"
    );
    Ok(())
}

/// Adds a line to a script of a homeserver, before another one.
fn insert(homeserver: &Homeserver, name: &str, before: &str, line: &str) {
    let path = homeserver.directory.join(name);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(before), "{text}");
    fs::write(
        &path,
        text.replacen(before, &format!("{line}\n{before}"), 1),
    )
    .unwrap();
}

fn a_worker_that_keeps_the_old_logins_is_noticed_after_the_cutover() -> TestResult {
    let (server, mas) = prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "kept");
    let worker = Worker::of(&homeserver);
    // It runs only once Synapse delegates, so that nothing is found before.
    let start = homeserver.directory.join("start-worker");
    let command = worker.command(&homeserver, &[]);
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy());
    let line = format!(
        "[ -s overlay.yaml ] || exit 0\nsetsid {} {} $(cat more) </dev/null >worker.log 2>&1 9>&- &\n\
         echo $! >worker.pid\n\
         for i in $(seq 300); do curl -sf -o /dev/null {}/_matrix/client/versions && exit 0; sleep 0.1; done\n\
         exit 1",
        command.get_program().display(),
        arguments.collect::<Vec<_>>().join(" "),
        worker.url
    );
    script(
        &start,
        &format!("cd {}\n{line}", homeserver.directory.display()),
    );
    let more = homeserver.directory.join("more");
    fs::write(&more, "").unwrap();
    insert(&homeserver, "start", "for i in", "./start-worker || exit 1");
    let stop = homeserver.directory.join("stop");
    let text = fs::read_to_string(&stop).unwrap();
    fs::write(
        &stop,
        text.replace("for name in mas", "for name in worker mas"),
    )
    .unwrap();

    homeserver.run("start");
    let (code, outcome) = homeserver.json(&["migrate", "--yes"]);
    assert_eq!(
        (code, &outcome["step"]),
        (Some(1), &"probe".into()),
        "{outcome:#}"
    );
    let said = outcome.to_string();
    assert!(
        said.contains(&worker.url) && said.contains("Synapse logs people in by itself"),
        "{said}"
    );
    assert!(!homeserver.is_cut_over());
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);

    fs::write(&more, "-c overlay.yaml").unwrap();
    let (code, outcome) = homeserver.json(&["migrate", "--yes"]);
    assert_eq!(code, Some(0), "{outcome:#}");
    let issuer = Authority::Mas(format!("{}/", homeserver.mas));
    let of_mas = expected([(&homeserver.synapse, issuer.clone()), (&worker.url, issuer)]);
    assert_eq!(authorities(&homeserver), of_mas);

    // Going back is not done as long as nobody answers.
    let mut command = homeserver.syn2mas(&["rollback", "--accept-loss"]);
    let arguments: Vec<String> = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let program = command.get_program().to_owned();
    command = Command::new(program);
    let start = homeserver.directory.join("start").display().to_string();
    command.args(arguments.iter().map(|argument| match argument {
        argument if *argument == start => "true",
        argument => argument,
    }));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("does not authenticate its users") && said.contains(&homeserver.synapse),
        "{said}"
    );
    let (code, done) = homeserver.json(&["rollback", "--accept-loss"]);
    assert_eq!((code, &done["done"]), (Some(0), &true.into()), "{done:#}");
    let main = vec![(homeserver.synapse.clone(), Authority::Synapse)];
    assert_eq!(authorities(&homeserver), main);
    Ok(())
}

/// Another host, as far as PostgreSQL sees: a network of its own, with a cable to ours.
struct OtherHost {
    running: Gone,
    /// The addresses of both ends of the cable.
    here: Ipv4Addr,
    there: Ipv4Addr,
}

impl OtherHost {
    fn connect() -> Result<Self, Skip> {
        need_root("make another network")?;
        for name in ["ip", "unshare", "nsenter"] {
            if program(name).is_none() {
                return skip(format!("{name} is not on PATH"));
            }
        }
        let mut command = Command::new("unshare");
        let running = Gone(command.args(["--net", "sleep", "300"]).spawn().unwrap());
        thread::sleep(Duration::from_millis(500));
        // A network for tests of equipment (RFC 2544), different for each test.
        let [.., high, low] = running.0.id().to_be_bytes();
        let low = low & 0xfc;
        let host = OtherHost {
            running,
            here: Ipv4Addr::new(198, 18, high, low | 1),
            there: Ipv4Addr::new(198, 18, high, low | 2),
        };
        let pid = host.running.0.id().to_string();
        let cable = format!("t{pid}");
        let (ours, theirs) = (format!("{}/30", host.here), format!("{}/30", host.there));
        let made = [
            vec![
                "link", "add", &cable, "type", "veth", "peer", "name", "there", "netns", &pid,
            ],
            vec!["addr", "add", &ours, "dev", &cable],
            vec!["link", "set", &cable, "up"],
        ];
        if !made.iter().all(|arguments| {
            let output = Command::new("ip").args(arguments).output().unwrap();
            output.status.success()
        }) {
            return skip("this kernel has no virtual cables (veth)");
        }
        for arguments in [
            vec!["addr", "add", &theirs, "dev", "there"],
            vec!["link", "set", "there", "up"],
        ] {
            assert!(host.run("ip").args(arguments).status().unwrap().success());
        }
        Ok(host)
    }

    /// A run of a program there.
    fn run(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let pid = self.running.0.id().to_string();
        command.args(["--net", "--target", &pid, "--"]).arg(program);
        command
    }
}

fn a_worker_on_another_host_is_found() -> TestResult {
    let (server, mas) = prepared()?;
    let other = OtherHost::connect()?;
    let homeserver = Homeserver::new(&server, &mas, "remote");
    let access = server.path().join("data/pg_hba.conf");
    let text = fs::read_to_string(&access).unwrap();
    fs::write(access, text + "host all all samenet trust\n").unwrap();
    let here = other.here.to_string();
    server.restart_with(&format!("-c listen_addresses={here}"));
    for (file, host, address) in [
        (
            &homeserver.migration.synapse_config,
            format!("host: {}", server.path().display()),
            format!("host: {here}"),
        ),
        (
            &homeserver.migration.mas_config,
            server.path().display().to_string().replace('/', "%2F"),
            here.clone(),
        ),
    ] {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(&host), "{text}");
        fs::write(file, text.replace(&host, &address)).unwrap();
    }
    let inspect = || findings(homeserver.syn2mas(&["inspect"]));
    // It waits for what it is to do, like a worker.
    let psql = |mut command: Command, host: &Path, role: &str| {
        command.args(["-XAtq", "-U", role, "-d", "synapse_remote"]);
        command
            .env("PGHOST", host)
            .env("PGAPPNAME", "worker")
            .stdin(Stdio::piped());
        let running = Gone(command.spawn().unwrap());
        thread::sleep(Duration::from_secs(1));
        running
    };
    let bin = server.bin().join("psql");
    let bin = bin.to_str().unwrap();
    // Whoever is on this host may be stopped with it.
    let near = [
        psql(Command::new(bin), Path::new(&here), "postgres"),
        psql(Command::new(bin), server.path(), "postgres"),
    ];
    nothing_about_processes(&inspect());
    drop(near);
    let far = psql(other.run(bin), Path::new(&here), "postgres");
    let found = samples(&inspect(), "connected-from-elsewhere");
    let there = other.there;
    assert_eq!(found, [format!("worker as postgres from {there}")]);
    let (code, outcome) = homeserver.json(&["migrate", "--yes"]);
    assert_eq!((code, &outcome["result"]), (Some(10), &"blocked".into()));
    // Its backend does not notice that it has gone.
    drop(far);
    server.sql(
        "postgres",
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'synapse_remote'",
    );
    nothing_about_processes(&inspect());

    // Who comes as another role is no worker, as far as anybody can tell; the stop finds it.
    server.sql("postgres", "CREATE ROLE somebody LOGIN");
    let _far = psql(other.run(bin), Path::new(&here), "somebody");
    nothing_about_processes(&inspect());
    homeserver.run("start");
    let (code, outcome) = homeserver.json(&["migrate", "--yes"]);
    assert_eq!(
        (code, &outcome["step"]),
        (Some(1), &"stop".into()),
        "{outcome:#}"
    );
    assert!(
        outcome.to_string().contains("worker as somebody from"),
        "{outcome:#}"
    );
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);
    Ok(())
}

crate::support::harness::tests![
    a_worker_without_the_overlay_is_found,
    a_process_of_no_named_unit_is_found,
    a_worker_that_keeps_the_old_logins_is_noticed_after_the_cutover,
    a_worker_on_another_host_is_found,
];
