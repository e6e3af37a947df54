//! Compares the cost of a migration with that of the import by `mas-cli syn2mas migrate`, in one
//! run on a synthetic homeserver of real Synapse, MAS and PostgreSQL. Usage: `cargo bench --bench
//! migrate -- [USERS…]` (default: 20000 and 200000). It needs `mas-cli` with its `share`; run
//! `scripts/synapse` first.

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use support::{MasCli, harness::TestResult, homeserver::Homeserver, postgres::Postgres};

/// Seconds, peak memory in MB, and output of a command that has to succeed.
struct Run {
    seconds: f64,
    memory: f64,
    output: String,
}

fn run(command: &mut Command) -> Run {
    let begun = Instant::now();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut child = command
        .stdout(file.reopen().unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut memory: f64 = 0.0;
    let code = loop {
        if let Some(code) = child.try_wait().unwrap() {
            break code;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<f64>().ok());
        memory = memory.max(peak.unwrap_or_default() / 1024.0);
        thread::sleep(Duration::from_millis(10));
    };
    let seconds = begun.elapsed().as_secs_f64();
    let output = fs::read_to_string(file.path()).unwrap();
    assert!(
        code.code().is_some_and(|code| code == 0 || code == 11),
        "{command:?}: {output}"
    );
    Run {
        seconds,
        memory,
        output,
    }
}

fn measure(server: &Postgres, mas: &MasCli, users: u32) {
    let homeserver = Homeserver::with_rows(server, mas, &format!("of{users}"), |database| {
        let rows = fs::read_to_string(support::root().join("benches/homeserver.sql")).unwrap();
        server.sql(database, &rows.replace(":n", &users.to_string()));
        // Otherwise it would be vacuumed during the measurement, and the import alone does not wait
        // for that.
        server.sql(database, "VACUUM ANALYZE");
    });
    homeserver.run("start");
    // The import alone, into a database of its own.
    server.create("alone");
    let import = run(&mut homeserver.migration.import_into("alone"));
    server.sql("postgres", "DROP DATABASE alone");

    let inspect = run(homeserver
        .syn2mas(&["inspect", "--json"])
        .stdin(Stdio::null()));
    let rehearse = run(&mut homeserver.syn2mas(&["rehearse", "--json"]));
    let migrate = run(&mut homeserver.syn2mas(&["migrate", "--yes", "--json"]));
    let outcome: Value = serde_json::from_str(&migrate.output).unwrap();
    let steps = outcome["summary"]["steps"].as_array().unwrap();
    let took = |name: &str| {
        let step = steps.iter().find(|step| step[0] == name);
        step.and_then(|step| step[1].as_f64()).unwrap_or_default()
    };
    let downtime = outcome["summary"]["downtime"].as_f64().unwrap() - took("start");
    // As during the downtime, not against the backup as after the cutover.
    let verify = took("verify");
    let memory = [&inspect, &rehearse, &migrate].map(|run| run.memory);
    println!(
        "{users:>9}{:>11.1}{:>10.0}%{:>9.0}%{:>10.2}{:>10.2}{:>9.1}{:>9.0}",
        import.seconds,
        100.0 * inspect.seconds / import.seconds,
        100.0 * verify / import.seconds,
        rehearse.seconds / import.seconds,
        downtime / import.seconds,
        took("back-up"),
        memory.into_iter().fold(0.0, f64::max),
    );
}

fn main() -> TestResult {
    let given: Vec<u32> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let sizes = if given.is_empty() {
        vec![20_000, 200_000]
    } else {
        given
    };
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    println!(
        "{:>9}{:>11}{:>11}{:>10}{:>10}{:>10}{:>9}{:>9}",
        "users", "import, s", "inspect", "verify", "rehearse", "downtime", "backup,s", "MB"
    );
    for users in sizes {
        measure(&server, &mas, users);
    }
    Ok(())
}
