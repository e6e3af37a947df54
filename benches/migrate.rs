//! Compares the cost of a migration with that of the import by `mas-cli syn2mas migrate`, in one
//! run on a synthetic homeserver of real Synapse, MAS and PostgreSQL, to which a load is written
//! (`support/load.rs`). Usage: `cargo bench --bench migrate -- [USERS…]` (default: 20000 and 200000). It
//! needs `mas-cli` with its `share`; run `scripts/synapse` first.

#[path = "support/load.rs"]
mod load;
#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use self::load::Load;
use serde_json::Value;
use support::{MasCli, harness::TestResult, homeserver::Homeserver, postgres::Postgres};

/// Seconds, peak memory in MB, and output of a command that has to succeed.
struct Run {
    seconds: f64,
    memory: f64,
    output: String,
}

fn run(command: &mut Command) -> Run {
    run_with(command, || {})
}

/// Runs a command, and something else again and again meanwhile.
fn run_with(command: &mut Command, mut meanwhile: impl FnMut()) -> Run {
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
        meanwhile();
        thread::sleep(Duration::from_millis(5));
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
    let uri = server.uri(&format!("synapse_of{users}"));
    let mut load = Load::begin(uri, users);
    let alone = Instant::now();
    thread::sleep(Duration::from_secs(10));
    let state = homeserver.directory.join("state");
    let begun = Instant::now();
    let mut stopped = None;
    let mut command = homeserver.syn2mas(&["migrate", "--yes", "--json"]);
    let migrate = run_with(&mut command, || {
        let live = fs::read_to_string(state.join("live.json")).unwrap_or_default();
        // What wrote to the database through Synapse ends with it.
        if stopped.is_none() && live.contains(r#""step":"stop""#) {
            stopped = Some(Instant::now());
            load.stop();
        }
    });
    let outcome: Value = serde_json::from_str(&migrate.output).unwrap();
    assert_eq!(outcome["result"], "migrated", "{outcome:#}");
    let steps = outcome["summary"]["steps"].as_array().unwrap();
    let took = |name: &str| {
        let step = steps.iter().find(|step| step[0] == name);
        step.and_then(|step| step[1].as_f64()).unwrap_or_default()
    };
    let rounds = outcome["summary"]["rounds"].as_array().unwrap();
    let last = rounds.last().unwrap();
    let ours = outcome["summary"]["downtime"].as_f64().unwrap() - took("stop") - took("start");
    let [median, slow] = load.latency(alone, begun);
    let [median_then, slow_then] = load.latency(begun, stopped.unwrap());
    let memory = [&inspect, &rehearse, &migrate].map(|run| run.memory);
    println!(
        "{users:>9}{:>10.1}{:>9.0}%{:>9.0}%{:>8.1}{:>8.1}{:>8}{:>9}{:>8.2}{:>9.2}{:>9.1}%{:>8.1} ->{:>5.1}{:>8.0} ->{:>5.0}{:>6.0}",
        import.seconds,
        100.0 * inspect.seconds / import.seconds,
        100.0 * took("verify") / import.seconds,
        took("copy"),
        took("catch-up"),
        rounds.len(),
        last["rows"].as_u64().unwrap(),
        last["seconds"].as_f64().unwrap(),
        ours,
        100.0 * ours / import.seconds,
        median,
        median_then,
        slow,
        slow_then,
        memory.into_iter().fold(0.0, f64::max),
    );
    println!(
        "          {}",
        steps
            .iter()
            .map(|step| format!(
                "{} {:.2}",
                step[0].as_str().unwrap(),
                step[1].as_f64().unwrap()
            ))
            .collect::<Vec<_>>()
            .join(", ")
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
    // The default is made for small machines.
    server.sql("postgres", "ALTER SYSTEM SET shared_buffers = '4GB'");
    server.sql("postgres", "ALTER SYSTEM SET max_wal_size = '4GB'");
    server.restart();
    println!(
        "a load of {} transactions a second, and {} last uses every 5 s",
        load::RATE,
        load::SEEN
    );
    println!(
        "{:>9}{:>10}{:>10}{:>10}{:>8}{:>8}{:>8}{:>9}{:>8}{:>9}{:>10}{:>16}{:>16}{:>6}",
        "users",
        "import, s",
        "inspect",
        "verify",
        "copy",
        "catch",
        "rounds",
        "last, rows",
        "s",
        "down, s",
        "of import",
        "median, ms",
        "99 %, ms",
        "MB"
    );
    for users in sizes {
        measure(&server, &mas, users);
    }
    Ok(())
}
