//! Faults during the migration of a real homeserver: whatever happens, the next run ends with all
//! users migrated and verified, or with everything as before.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    process::{Child, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    Disk, MasCli, harness::TestResult, homeserver::Homeserver, need_root, postgres::Postgres,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

/// A fault.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// A signal, so many milliseconds after a line of the journal: its step, and its status.
    Signal(Signal, &'static str, &'static str, u64),
    /// The same during a rollback, after a complete migration.
    KilledGoingBack(&'static str, &'static str, u64),
    /// PostgreSQL is restarted while the import runs.
    PostgresRestarts,
    /// A table is being vacuumed when the import begins.
    Vacuum,
    /// The disk with the backup is full.
    DiskFull,
    /// `mas-cli` is this script, of which `mas-cli` is the real one.
    MasCli(&'static str),
    /// Synapse does not start with the overlay.
    OverlayRefused,
}

/// The next command of the administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Migrate,
    Rollback,
}

const STEPS: &[&str] = &[
    "inspect",
    "hold-mas",
    "back-up",
    "copy",
    "import",
    "verify",
    "catch-up",
    "stop",
    "last-round",
    "switch",
    "start",
    "probe",
    "proxy",
    "verify-again",
    "complete",
];

/// Steps where Synapse's tables cannot be copied. Synapse is stopped before them.
const WITHOUT_COPY: &[&str] = &["stop", "back-up", "grant", "import", "verify", "switch"];

fn faults() -> Vec<(Fault, Next)> {
    let killed = |step, phase, delay| Fault::Signal(Signal::SIGKILL, step, phase, delay);
    let back = Fault::KilledGoingBack;
    let mut faults = Vec::new();
    for (i, step) in STEPS.iter().enumerate() {
        let next = if i % 2 == 0 {
            Next::Migrate
        } else {
            Next::Rollback
        };
        let other = if i % 2 == 0 {
            Next::Rollback
        } else {
            Next::Migrate
        };
        faults.push((killed(step, "begun", 0), next));
        // The last steps take only a moment.
        let delay = if ["hold-mas", "proxy", "complete"].contains(step) {
            2
        } else {
            25
        };
        faults.push((killed(step, "begun", delay), other));
        if ["import", "catch-up", "last-round", "switch", "complete"].contains(step) {
            faults.push((killed(step, "done", 0), next));
        }
    }
    faults.extend([
        (killed("import", "begun", 200), Next::Migrate),
        (killed("import", "begun", 400), Next::Rollback),
        (
            Fault::Signal(Signal::SIGTERM, "stop", "begun", 20),
            Next::Migrate,
        ),
        // The connection of the terminal is lost.
        (
            Fault::Signal(Signal::SIGHUP, "back-up", "begun", 0),
            Next::Migrate,
        ),
        (
            Fault::Signal(Signal::SIGTERM, "import", "begun", 150),
            Next::Migrate,
        ),
        (
            Fault::Signal(Signal::SIGINT, "verify", "begun", 0),
            Next::Migrate,
        ),
        (back("stop-mas", "begun", 0), Next::Rollback),
        (back("stop-mas", "recorded", 0), Next::Migrate),
        (back("stop-synapse", "begun", 25), Next::Rollback),
        (back("keep", "begun", 25), Next::Rollback),
        (back("keep", "recorded", 0), Next::Migrate),
        (back("undelegate", "begun", 0), Next::Migrate),
        (back("undelegate", "recorded", 0), Next::Rollback),
        (back("repair", "begun", 25), Next::Rollback),
        (back("start-synapse", "begun", 500), Next::Rollback),
        (back("restore", "begun", 0), Next::Migrate),
        (back("restore", "begun", 50), Next::Rollback),
        (back("restore", "recorded", 0), Next::Rollback),
        (back("finish", "begun", 0), Next::Migrate),
        (Fault::PostgresRestarts, Next::Migrate),
        (Fault::Vacuum, Next::Migrate),
        (
            // A program that always fails is found before anything is done.
            Fault::MasCli("case \"$*\" in *migrate*) exit 1;; *) mas-cli \"$@\";; esac"),
            Next::Migrate,
        ),
        (
            Fault::MasCli("timeout --signal=KILL 0.2 mas-cli \"$@\""),
            Next::Migrate,
        ),
        (
            // It reports success, although it failed.
            Fault::MasCli(
                "mas-cli \"$@\" || exit; case \"$*\" in *migrate*) \
                 psql -qc \"DELETE FROM user_emails WHERE email LIKE 'bob%'\";; esac",
            ),
            Next::Migrate,
        ),
        (Fault::OverlayRefused, Next::Migrate),
    ]);
    faults
}

/// Waits until the journal has a line of this step and status; false if the process ends before.
fn wait_for_line(homeserver: &Homeserver, child: &mut Child, step: &str, status: &str) -> bool {
    let journal = homeserver.directory.join("state/journal");
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let text = fs::read_to_string(&journal).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for line in lines {
            if line["step"] == step && line["status"] == status {
                return true;
            }
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(
            Instant::now() < deadline,
            "no line {step} {status} in the journal"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// Runs a migration into a fault; what it said, and whether it was cut over then.
fn run_into(homeserver: &Homeserver, server: &Postgres, fault: Fault) -> String {
    const MIGRATE: &[&str] = &["migrate", "--yes"];
    let mut command = homeserver.syn2mas(MIGRATE);
    let state = homeserver.directory.join("state");
    let mut disk = None;
    match fault {
        Fault::MasCli(script) => {
            let path = homeserver.directory.join("mas-cli");
            let real = homeserver.migration.mas.program().display().to_string();
            let psql = format!(
                "PGHOST={} PGUSER=postgres PGDATABASE={} {}/psql -X",
                server.path().display(),
                homeserver.mas_database,
                server.bin().display()
            );
            let script = script.replace("mas-cli", &real).replace("psql", &psql);
            crate::support::script(&path, &script);
            command = homeserver.syn2mas_with(&path, MIGRATE);
        }
        Fault::DiskFull => disk = Some(Disk::mount(&state, "2m")),
        Fault::OverlayRefused => {
            let source = homeserver.directory.join("overlay.source");
            let good = fs::read_to_string(&source).unwrap();
            fs::write(source, format!("{good}enable_registration: true\n")).unwrap();
        }
        Fault::KilledGoingBack(..) => {
            let (code, outcome) = homeserver.json(MIGRATE);
            assert_eq!(code, Some(0), "{outcome}");
            command = homeserver.syn2mas(&["rollback"]);
        }
        Fault::Signal(..) | Fault::PostgresRestarts | Fault::Vacuum => {}
    }
    let begun = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    match fault {
        Fault::Signal(_, step, status, delay) | Fault::KilledGoingBack(step, status, delay) => {
            let signal = match fault {
                Fault::Signal(signal, ..) => signal,
                _ => Signal::SIGKILL,
            };
            assert!(
                wait_for_line(homeserver, &mut child, step, status),
                "it ended before {step} {status}"
            );
            thread::sleep(Duration::from_millis(delay));
            let pid = Pid::from_raw(child.id().try_into().unwrap());
            kill(pid, signal).unwrap();
        }
        Fault::Vacuum => {
            assert!(wait_for_line(homeserver, &mut child, "stop", "done"));
            homeserver.synapse_sql(
                "BEGIN; LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE; SELECT pg_sleep(4); COMMIT",
            );
        }
        Fault::DiskFull => {
            // It may have ended after the check.
            assert!(wait_for_line(homeserver, &mut child, "inspect", "done"));
            let found = nix::sys::statvfs::statvfs(&state).unwrap();
            let free = found.blocks_available() * found.fragment_size();
            let filler = vec![0; usize::try_from(free).unwrap() - 12_288];
            fs::write(state.join("filler"), filler).unwrap();
        }
        Fault::PostgresRestarts => {
            assert!(wait_for_line(homeserver, &mut child, "import", "begun"));
            thread::sleep(Duration::from_millis(150));
            server.restart();
            // Synapse runs meanwhile. It gets new connections only after a request has failed on each old one.
            let fails = || homeserver.whoami("syt_alice_phone").0 != 200;
            while (0..50).any(|_| fails()) && begun.elapsed() < Duration::from_secs(30) {}
        }
        _ => {}
    }
    let status = child.wait().unwrap();
    drop(disk);
    match status.code() {
        None => "killed".to_owned(),
        Some(code) => format!("exit {code}"),
    }
}

/// Whether all users are served, as they should be in this state.
fn look(homeserver: &Homeserver, cut_over: bool) -> Result<(), String> {
    let is = homeserver.is_cut_over();
    if is != cut_over {
        return Err(format!("cut over: {is}"));
    }
    for token in ["syt_alice_phone", "syt_bob_desktop", "syt_carol_web"] {
        let status = homeserver.whoami(token).0;
        if status != 200 {
            return Err(format!("{token}: {status}"));
        }
    }
    // An empty line counts as empty: Caddy needs it.
    let read = |name: &str| fs::read(homeserver.directory.join(name)).unwrap();
    let nothing: [&[u8]; 2] = [b"", b"\n"];
    let (include, source) = (read("include.conf"), read("include.source"));
    let expected = if cut_over {
        include == source
    } else {
        nothing.contains(&&*include)
    };
    if !expected {
        return Err("the include does not go with the overlay".to_owned());
    }
    let database = homeserver.json(&["status"]).1["masDatabase"].clone();
    if cut_over {
        match homeserver.json(&["verify"]) {
            (Some(0), _) => Ok(()),
            (_, report) => Err(format!("verify: {report}")),
        }
    } else if database == "without tables" {
        Ok(())
    } else {
        Err(format!("MAS's database is {database}"))
    }
}

/// Backups of an undone migration must not remain, because they contain password hashes and tokens.
fn left_behind(homeserver: &Homeserver) -> Option<String> {
    let directories = fs::read_dir(homeserver.directory.join("state/backup")).ok()?;
    let mut dumps = directories.map(|entry| entry.unwrap().path().join("synapse.dump"));
    let found = dumps.find(|dump| dump.exists())?;
    Some(format!("{} is left", found.display()))
}

/// Whether a run ended as it must if the fault happened to it.
fn was_injected(fault: Fault, ended: &str) -> bool {
    match fault {
        // It may have ended by itself in the moment before; and it may have waited for PostgreSQL.
        Fault::Signal(Signal::SIGKILL, "complete", "done", _)
        | Fault::PostgresRestarts
        | Fault::Vacuum => true,
        Fault::Signal(Signal::SIGKILL, ..) | Fault::KilledGoingBack(..) => ended == "killed",
        Fault::Signal(..) | Fault::MasCli(_) | Fault::DiskFull | Fault::OverlayRefused => {
            ended == "exit 1"
        }
    }
}

/// A fault, the next run, and the result: a row of the table.
fn try_fault(
    homeserver: &Homeserver,
    server: &Postgres,
    fault: Fault,
    next: Next,
) -> (bool, String) {
    homeserver.run("start");
    let first = run_into(homeserver, server, fault);
    let status = homeserver.json(&["status"]).1;
    // A program that gives up by itself leaves everything as before.
    let mut wrong =
        (!was_injected(fault, &first)).then(|| format!("the fault did not happen: {first}"));
    let after_first = match &*first {
        "exit 1" => look(homeserver, false)
            .err()
            .or_else(|| left_behind(homeserver)),
        "exit 0" | "killed" => None,
        other => Some(other.to_owned()),
    };
    wrong = wrong.or(after_first);
    if let Fault::OverlayRefused = fault {
        let source = homeserver.directory.join("overlay.source");
        let bad = fs::read_to_string(&source).unwrap();
        fs::write(source, bad.replace("enable_registration: true\n", "")).unwrap();
    }
    if status["stage"] == "rolling-back" {
        // Nobody looks again what it loses.
        let (_, plan) = homeserver.json(&["rollback", "--plan"]);
        let is_right = plan["result"] == "planned" && plan["losses"].is_null();
        wrong = wrong.or_else(|| (!is_right).then(|| plan.to_string()));
    }
    let arguments: &[&str] = match next {
        Next::Migrate => &["migrate", "--yes"],
        Next::Rollback => &["rollback"],
    };
    let (code, outcome) = homeserver.json(arguments);
    let second = match next {
        Next::Migrate => outcome["result"].as_str().unwrap_or("?").to_owned(),
        Next::Rollback => format!("back: {}", outcome["done"]),
    };
    if code != Some(0) {
        wrong = wrong.or_else(|| Some(outcome.to_string()));
    }
    homeserver.allow_databases();
    let cut_over = next == Next::Migrate && outcome["result"] != "rolled-back";
    wrong = wrong.or_else(|| look(homeserver, cut_over).err());
    let copies = "SELECT datname FROM pg_database WHERE datname LIKE 'syn2mas%'";
    let copies = server.sql("postgres", copies);
    if !copies.trim().is_empty() {
        wrong = wrong.or_else(|| Some(format!("{} is left", copies.trim())));
    }
    let mut row = String::new();
    let _ = write!(
        row,
        "{:<62}{first:<10}{:<16}{second:<18}{}",
        format!("{fault:?}").chars().take(60).collect::<String>(),
        status["stage"].as_str().unwrap_or("?"),
        wrong.as_deref().unwrap_or("good")
    );
    (wrong.is_none(), row)
}

fn try_faults(faults: Vec<(Fault, Next)>) -> TestResult {
    try_faults_on(faults, |homeserver| homeserver)
}

/// Tries faults on two homeservers at a time, and prints what came of each.
fn try_faults_on(
    faults: Vec<(Fault, Next)>,
    prepare: impl Fn(Homeserver) -> Homeserver + Sync,
) -> TestResult {
    let mas = MasCli::find_with_pages()?;
    let servers = [Postgres::start()?, Postgres::start()?];
    let rows = Mutex::new(Vec::new());
    let queue = Mutex::new(faults.into_iter().enumerate());
    thread::scope(|scope| {
        for server in &servers {
            scope.spawn(|| {
                Homeserver::template(server);
                loop {
                    let Some((i, (fault, next))) = queue.lock().unwrap().next() else {
                        return;
                    };
                    let homeserver = Homeserver::new(server, &mas, &format!("fault{i}"));
                    let (good, row) = try_fault(&prepare(homeserver), server, fault, next);
                    rows.lock().unwrap().push((i, good, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap();
    rows.sort();
    let mut table = format!(
        "\n{:<62}{:<10}{:<16}{:<18}\n",
        "fault", "ended", "then", "next run"
    );
    for (_, _, row) in &rows {
        let _ = writeln!(table, "{row}");
    }
    let _ = std::io::stderr().write_all(table.as_bytes());
    assert!(rows.iter().all(|(_, good, _)| *good), "{table}");
    Ok(())
}

fn no_fault_loses_data() -> TestResult {
    try_faults(faults())
}

/// MAS's role may not make databases.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method itself is not general enough"
)]
fn no_fault_loses_data_without_a_copy() -> TestResult {
    let killed = |step: &&'static str| Fault::Signal(Signal::SIGKILL, step, "begun", 25);
    let next = [Next::Migrate, Next::Rollback].into_iter().cycle();
    let faults = WITHOUT_COPY.iter().map(killed).zip(next).collect();
    try_faults_on(faults, |homeserver| homeserver.without_copy())
}

fn a_full_disk_loses_no_data() -> TestResult {
    need_root("mount a disk")?;
    try_faults(vec![(Fault::DiskFull, Next::Migrate)])
}

crate::support::harness::tests![
    no_fault_loses_data,
    no_fault_loses_data_without_a_copy,
    a_full_disk_loses_no_data,
];
