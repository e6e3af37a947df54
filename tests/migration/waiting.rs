//! A migration that waits for its cutover: what it is told, what happens to it meanwhile, and what it leaves.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    exchanged, harness::TestResult, homeserver::Homeserver, postgres::Postgres, script,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

/// A `syn2mas migrate` that runs.
struct Running<'a> {
    homeserver: &'a Homeserver<'a>,
    child: Child,
}

impl<'a> Running<'a> {
    fn begin(homeserver: &'a Homeserver, options: &[&str]) -> Self {
        let arguments = [&["migrate", "--yes"], options].concat();
        Running::of(homeserver, &mut homeserver.syn2mas(&arguments))
    }

    fn of(homeserver: &'a Homeserver, command: &mut Command) -> Self {
        let path = homeserver.directory.join("run.log");
        let log = fs::OpenOptions::new().create(true).append(true).open(path);
        let log = log.unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let child = child.spawn().unwrap();
        Running { homeserver, child }
    }

    /// One that waits and has caught up at least once.
    fn waiting(homeserver: &'a Homeserver, options: &[&str]) -> Self {
        let mut running = Running::begin(homeserver, &[&["--wait"], options].concat());
        running.until(|homeserver| {
            let live = fs::read_to_string(homeserver.directory.join("state/live.json"));
            let live: Value = serde_json::from_str(&live.unwrap_or_default()).unwrap_or_default();
            live["rounds"].as_u64() > Some(0)
        });
        running
    }

    fn until(&mut self, condition: impl Fn(&Homeserver) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !condition(self.homeserver) {
            if let Some(ended) = self.child.try_wait().unwrap() {
                panic!("{ended}: {}", self.log());
            }
            assert!(Instant::now() < deadline, "{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn until_step(&mut self, step: &str, status: &str) {
        self.until(|homeserver| {
            let mut lines = journal(homeserver).into_iter();
            lines.any(|line| line["step"] == step && line["status"] == status)
        });
    }

    fn kill(mut self) {
        let pid = self.child.id().try_into().unwrap();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        self.child.wait().unwrap();
    }

    /// Its exit code, and everything that it has said.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        (code, self.log())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.homeserver.directory.join("run.log")).unwrap()
    }
}

fn journal(homeserver: &Homeserver) -> Vec<Value> {
    let text = fs::read_to_string(homeserver.directory.join("state/journal")).unwrap_or_default();
    let lines = text.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn has_begun(homeserver: &Homeserver, step: &str) -> bool {
    journal(homeserver).iter().any(|line| line["step"] == step)
}

/// The exit code of a command, and what it prints.
fn say(homeserver: &Homeserver, arguments: &[&str]) -> (Option<i32>, String) {
    said(homeserver.syn2mas(arguments))
}

fn said(mut command: Command) -> (Option<i32>, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let Output { stdout, stderr, .. } = output;
    let text = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code(), text.concat())
}

/// A command with another directory for the journal.
fn elsewhere(homeserver: &Homeserver, arguments: &[&str]) -> (Option<i32>, String) {
    let state = homeserver.directory.join("state");
    let other = homeserver.directory.join("other");
    said(exchanged(&homeserver.syn2mas(arguments), &state, &other))
}

fn copies(server: &Postgres) -> String {
    let copies = "SELECT datname FROM pg_database WHERE datname LIKE 'syn2mas%'";
    server.sql("postgres", copies).trim().to_owned()
}

/// Names of the files in the directory of the journal, without the journal.
fn files(homeserver: &Homeserver) -> Vec<String> {
    let mut found = Vec::new();
    let mut directories = vec![homeserver.directory.join("state")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    // What is shown is written anew all the time, so a killed run may leave that half done.
    found.retain(|name| name != "journal" && name != "live.json.new");
    found
}

/// Where no copy can be made, Synapse would be stopped at once, and not when the administrator says so.
fn without_a_copy_there_is_nothing_to_wait_with() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "no_copy").without_copy();
    homeserver.run("start");
    for when in [&["--wait"][..], &["--at", "2100-01-01T00:00:00Z"]] {
        let arguments = [&["migrate", "--yes"][..], when].concat();
        let (code, text) = say(&homeserver, &arguments);
        assert_eq!(code, Some(10), "{text}");
        assert!(text.contains("CREATEDB"), "{text}");
    }
    assert!(journal(&homeserver).is_empty());
    assert!(homeserver.log_in("alice", "password of alice").is_ok());
    Ok(())
}

/// What people have done since the cutover does not keep a migration from being finished whose last line
/// in the journal is missing.
fn a_kill_at_the_very_end_loses_nothing() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "the_end");
    homeserver.run("start");
    let (code, outcome) = homeserver.json(&["migrate", "--yes"]);
    assert_eq!(code, Some(0), "{outcome:#}");
    // What MAS makes Synapse do when somebody logs in.
    homeserver.synapse_sql(
        "INSERT INTO devices (user_id, device_id, display_name, hidden)
         VALUES ('@alice:example.com', 'ELEMENTX', 'Element X', false)",
    );
    let path = homeserver.directory.join("state/journal");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let is_record = |line: &&str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["step"] == "complete" && line["status"] == "recorded"
    };
    let first = lines.iter().position(is_record).unwrap();
    let last = lines.iter().rposition(is_record).unwrap();
    assert!(first < last);
    for cut in [first, last] {
        fs::write(&path, lines[..cut].join("\n") + "\n").unwrap();
        let (code, text) = say(&homeserver, &["migrate", "--yes"]);
        assert_eq!(code, Some(0), "{text}");
        let (_, status) = homeserver.json(&["status"]);
        assert_eq!(status["stage"], "migrated");
        assert_ne!(status["state"]["copied"], true);
    }
    Ok(())
}

/// With another directory for the journal, nobody says that there is no migration, or takes its copy away.
fn another_state_directory_knows_better() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "elsewhere");
    homeserver.run("start");
    let running = Running::waiting(&homeserver, &[]);
    let copy = copies(&server);
    for command in ["cutover", "cancel"] {
        let (code, text) = elsewhere(&homeserver, &[command]);
        assert_eq!(code, Some(10), "{text}");
        assert!(text.contains("another `--state-dir`"), "{text}");
    }
    elsewhere(&homeserver, &["clean", "--yes"]);
    assert_eq!(copies(&server), copy);
    // Not even where the overlay is another file, whose lock nobody has.
    let other = homeserver.directory.join("of-another-host");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("overlay.yaml"), "").unwrap();
    let source = homeserver.directory.join("overlay.source");
    let overlay_in = |directory: &Path| {
        let overlay = directory.join("overlay.yaml");
        PathBuf::from(format!("{}={}", overlay.display(), source.display()))
    };
    for arguments in [&["migrate", "--yes"][..], &["rollback", "--lost-journal"]] {
        let command = homeserver.syn2mas(arguments);
        let command = exchanged(&command, &homeserver.directory.join("state"), &other);
        let [old, new] = [&homeserver.directory, &other].map(|it| overlay_in(it));
        let (code, text) = said(exchanged(&command, &old, &new));
        assert_eq!(code, Some(1), "{text}");
        assert!(
            text.contains("a migration with another `--state-dir`"),
            "{text}"
        );
    }
    assert_eq!(copies(&server), copy);
    running.kill();
    // The copy of a run that was killed may still be needed.
    elsewhere(&homeserver, &["clean", "--yes"]);
    assert_eq!(copies(&server), copy);
    let (code, text) = elsewhere(&homeserver, &["cancel"]);
    assert_eq!(code, Some(10), "{text}");
    let (code, text) = say(&homeserver, &["cancel"]);
    assert_eq!((code, copies(&server).as_str()), (Some(0), ""), "{text}");
    let (code, text) = say(&homeserver, &["migrate", "--yes"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = elsewhere(&homeserver, &["cancel"]);
    assert_eq!(code, Some(10), "{text}");
    Ok(())
}

/// What a killed run was told, or has said, is not taken for the next one.
fn a_killed_run_is_not_taken_for_the_next_one() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "killed");
    homeserver.run("start");
    Running::waiting(&homeserver, &[]).kill();
    fs::write(homeserver.directory.join("state/cutover-requested"), "").unwrap();
    let command = homeserver.syn2mas(&["migrate", "--wait"]);
    let mut terminal = rexpect::session::spawn_command(command, Some(60_000)).unwrap();
    terminal.exp_string("[y/N]").unwrap();
    for command in ["cutover", "cancel"] {
        let (code, text) = say(&homeserver, &[command]);
        assert_eq!(code, Some(10), "{text}");
        assert!(text.contains("asks whether to begin"), "{text}");
    }
    terminal.send_line("y").unwrap();
    terminal.exp_string("caught up").unwrap();
    let (code, text) = say(&homeserver, &["cancel"]);
    assert_eq!((code, copies(&server).as_str()), (Some(0), ""), "{text}");
    assert!(!homeserver.is_cut_over());
    assert_eq!(files(&homeserver), [""; 0]);
    Ok(())
}

/// Nothing of a run stays that was killed while it dumped.
fn partial_dumps_are_deleted() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "partial");
    homeserver.run("start");
    let programs = homeserver.directory.join("programs");
    fs::create_dir(&programs).unwrap();
    for name in ["pg_restore", "psql"] {
        std::os::unix::fs::symlink(server.bin().join(name), programs.join(name)).unwrap();
    }
    let slow = format!(
        "{}/pg_dump \"$@\"\ncase \"$*\" in *--version*) ;; *) sleep 60;; esac",
        server.bin().display()
    );
    script(&programs.join("pg_dump"), &slow);
    let command = homeserver.syn2mas(&["migrate", "--yes", "--wait"]);
    let mut running = Running::of(
        &homeserver,
        &mut exchanged(&command, server.bin(), &programs),
    );
    running.until(|homeserver| {
        let path = homeserver.directory.join("state");
        path.exists() && files(homeserver).iter().any(|name| name == "synapse.new")
    });
    running.kill();
    let (code, text) = say(&homeserver, &["cancel"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(files(&homeserver), [""; 0]);
    Ok(())
}

/// The copy of a database that does not exist any more is found, and dropped.
fn the_copy_of_a_dropped_database_is_dropped() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "dropped");
    homeserver.run("start");
    Running::waiting(&homeserver, &[]).kill();
    let database = &homeserver.mas_database;
    server.sql(
        "postgres",
        &format!("DROP DATABASE {database} WITH (FORCE)"),
    );
    server.create(database);
    let journal = homeserver.directory.join("state/journal");
    fs::rename(journal, homeserver.directory.join("old")).unwrap();
    let (_, text) = say(&homeserver, &["status"]);
    assert!(text.contains(&copies(&server)), "{text}");
    let (code, text) = say(&homeserver, &["clean", "--yes"]);
    assert_eq!((code, copies(&server).as_str()), (Some(0), ""), "{text}");
    Ok(())
}

/// A backup that runs at the time of the cutover delays it, and does not undo it.
fn the_cutover_waits_for_a_backup() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "nightly");
    homeserver.run("start");
    let mut running = Running::waiting(&homeserver, &[]);
    let mut backup = server
        .psql("synapse_nightly")
        .args([
            "-c",
            "BEGIN; SELECT count(*) FROM users; SELECT pg_sleep(600)",
        ])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let is_there =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'BEGIN; SELECT count(*)%'";
    running.until(|_| server.sql("postgres", is_there).trim() != "0");
    let (code, text) = say(&homeserver, &["cutover"]);
    assert_eq!(code, Some(0), "{text}");
    running.until(|homeserver| {
        let (_, text) = say(homeserver, &["status"]);
        text.contains("the cutover waits until") && text.contains("psql as postgres")
    });
    assert!(!has_begun(&homeserver, "stop"));
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; SELECT count(*)%'";
    server.sql("postgres", end);
    backup.wait().unwrap();
    let (code, text) = running.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(homeserver.is_cut_over());
    Ok(())
}

/// Between the cutover and the last comparison, the copy is what was imported. The backup is older.
fn what_is_compared_is_the_copy() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "second");
    homeserver.run("start");
    let mut running = Running::waiting(&homeserver, &[]);
    homeserver.synapse_sql(
        "DELETE FROM user_threepids WHERE user_id = '@bob:example.com';
         DELETE FROM access_tokens WHERE token = 'syt_carol_web'",
    );
    let (code, text) = say(&homeserver, &["cutover"]);
    assert_eq!(code, Some(0), "{text}");
    running.until_step("verify-again", "begun");
    running.kill();
    let (code, text) = say(&homeserver, &["verify"]);
    assert_eq!(code, Some(0), "{text}");
    say(&homeserver, &["clean", "--yes"]);
    assert_ne!(copies(&server), "");
    let (code, text) = say(&homeserver, &["migrate", "--yes"]);
    assert_eq!((code, copies(&server).as_str()), (Some(0), ""), "{text}");
    let (code, text) = say(&homeserver, &["verify"]);
    assert_eq!(code, Some(0), "{text}");
    Ok(())
}

/// PostgreSQL is restarted, and is down for a while, and the migration goes on.
fn an_outage_of_postgresql_is_sat_out() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "outage");
    homeserver.run("start");
    let mut running = Running::waiting(&homeserver, &[]);
    server.restart_after(Duration::from_secs(8));
    let owned = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    running.until(|_| server.sql("postgres", owned).trim() != "0");
    let (code, text) = say(&homeserver, &["cutover"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = running.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(!has_begun(&homeserver, "undelegate"));
    Ok(())
}

/// The server completes the creation of a database whose client is gone.
fn a_copy_that_is_being_made_is_cancelled() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "creates");
    homeserver.run("start");
    let mut running = Running::begin(&homeserver, &["--wait"]);
    running.until_step("back-up", "begun");
    let mut slow = server
        .psql("postgres")
        .args([
            "-c",
            "BEGIN; LOCK TABLE pg_database IN SHARE MODE; SELECT pg_sleep(12)",
        ])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let creates =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE syn2mas%'";
    running.until(|_| server.sql("postgres", creates).trim() != "0");
    let (code, text) = say(&homeserver, &["cancel"]);
    assert_eq!(code, Some(0), "{text}");
    slow.wait().unwrap();
    assert_eq!(copies(&server), "");
    Ok(())
}

/// A token that has ended meanwhile stops the migration while Synapse still runs.
fn a_token_that_has_ended_is_noticed_before_the_cutover() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "token");
    homeserver.run("start");
    let token = homeserver.log_in("alice", "password of alice").unwrap();
    let file = homeserver.directory.join("token");
    fs::write(&file, &token).unwrap();
    let running = Running::waiting(&homeserver, &["--token-file", file.to_str().unwrap()]);
    homeserver.synapse_sql(&format!(
        "DELETE FROM access_tokens WHERE token = '{token}'"
    ));
    // Synapse remembers for a while whose token it was.
    homeserver.run("stop");
    homeserver.run("start");
    let (code, text) = say(&homeserver, &["cutover"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = running.end();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("does not accept the token"), "{text}");
    assert!(!has_begun(&homeserver, "stop"));
    Ok(())
}

/// If the administrator has stopped Synapse himself, a cancelled migration does not wait for it.
fn synapse_that_somebody_else_has_stopped_is_not_waited_for() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "himself");
    homeserver.run("start");
    let running = Running::waiting(&homeserver, &[]);
    homeserver.run("stop");
    let (code, text) = say(&homeserver, &["cancel"]);
    assert_eq!((code, copies(&server).as_str()), (Some(0), ""), "{text}");
    assert!(!has_begun(&homeserver, "probe-synapse"));
    drop(running.end());
    Ok(())
}

/// A superuser can be named through any database of the server, also Synapse's own. What `syn2mas` itself has
/// open there is not in its way.
fn a_superuser_may_come_through_synapses_database() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "through");
    homeserver.run("start");
    let superuser = server.uri("synapse_through");
    let arguments = ["migrate", "--yes", "--admin-database-uri", &superuser];
    let (code, text) = say(&homeserver, &arguments);
    assert_eq!(code, Some(0), "{text}");
    assert!(homeserver.is_cut_over());
    Ok(())
}

/// Where Synapse is a superuser, and `syn2mas` comes as somebody else, nobody waits until Synapse ends its
/// connections.
fn synapse_may_be_a_superuser() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "super");
    server.sql("postgres", "CREATE ROLE other SUPERUSER LOGIN");
    homeserver.run("start");
    let other = server.uri("synapse_super").replace("postgres@", "other@");
    let arguments = ["migrate", "--yes", "--synapse-database-uri", &other];
    let (code, text) = say(&homeserver, &arguments);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("the cutover waits"), "{text}");
    Ok(())
}

/// A server on another host may not notice for hours that a client has lost its power. Nobody says meanwhile that
/// nothing is left.
fn a_copy_that_is_left_is_not_said_to_be_gone() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "lingers");
    homeserver.run("start");
    let superuser = server.uri("postgres");
    let superuser = ["--admin-database-uri", superuser.as_str()];
    let running = Running::waiting(&homeserver, &superuser);
    let owner = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted";
    let owner = Pid::from_raw(server.sql("postgres", owner).trim().parse().unwrap());
    kill(owner, Signal::SIGSTOP).unwrap();
    running.kill();
    let (code, text) = say(&homeserver, &[&["cancel"][..], &superuser].concat());
    let left = copies(&server);
    kill(owner, Signal::SIGCONT).unwrap();
    let is_claimed = code == Some(0) && text.contains("Nothing is left");
    assert!(!is_claimed || left.is_empty(), "{left} is left\n{text}");
    Ok(())
}

/// If Synapse is just being restarted when it is time to cut over, the migration waits for it.
fn a_restart_of_synapse_does_not_undo_the_migration() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "restarts");
    homeserver.run("start");
    let token = homeserver.log_in("alice", "password of alice").unwrap();
    let file = homeserver.directory.join("token");
    fs::write(&file, &token).unwrap();
    let mut running = Running::waiting(&homeserver, &["--token-file", file.to_str().unwrap()]);
    homeserver.run("stop");
    let (code, text) = say(&homeserver, &["cutover"]);
    assert_eq!(code, Some(0), "{text}");
    let until = Instant::now() + Duration::from_secs(10);
    running.until(|_| Instant::now() > until);
    homeserver.run("start");
    let (code, text) = running.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(homeserver.is_cut_over());
    Ok(())
}

/// While something is in the way of the cutover, perhaps for hours, the scans are as rare as before.
fn the_scans_stay_rare_while_the_cutover_is_delayed() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "rare");
    homeserver.run("start");
    let mut running = Running::waiting(&homeserver, &[]);
    let mut in_the_way = server.psql("synapse_rare");
    let mut in_the_way = in_the_way.args(["-c", "SELECT pg_sleep(600)"]);
    in_the_way = in_the_way.stdout(Stdio::null());
    let mut in_the_way = in_the_way.spawn().unwrap();
    let is_there = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'";
    running.until(|_| server.sql("postgres", is_there).trim() != "0");
    let (code, text) = say(&homeserver, &["cutover"]);
    assert_eq!(code, Some(0), "{text}");
    running.until(|homeserver| {
        let (_, text) = say(homeserver, &["status"]);
        text.contains("the cutover waits until")
    });
    let rounds = || {
        let live = fs::read_to_string(homeserver.directory.join("state/live.json"));
        let live: Value = serde_json::from_str(&live.unwrap()).unwrap();
        live["rounds"].as_u64().unwrap()
    };
    let before = rounds();
    let until = Instant::now() + Duration::from_secs(15);
    running.until(|_| Instant::now() > until);
    // Otherwise there are 5 s or more between two of them.
    let more = rounds() - before;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'";
    server.sql("postgres", end);
    in_the_way.wait().unwrap();
    let (code, text) = running.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(more <= 4, "{more} rounds in 15 s");
    Ok(())
}

/// Another command that holds the journal is not taken for the migration that was killed before it.
fn another_command_is_not_taken_for_a_killed_run() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "asks");
    homeserver.run("start");
    Running::waiting(&homeserver, &[]).kill();
    let old = (homeserver.directory).join("state/backup/01HFVBY12TMNTYTBV8W921M5FA");
    fs::create_dir(&old).unwrap();
    let command = homeserver.syn2mas(&["clean"]);
    let mut terminal = rexpect::session::spawn_command(command, Some(60_000)).unwrap();
    terminal.exp_string("[y/N]").unwrap();
    let (code, text) = say(&homeserver, &["cutover"]);
    assert_eq!(code, Some(10), "{text}");
    terminal.send_line("n").unwrap();
    Ok(())
}

/// The locks on Synapse's tables can be lost, for example because somebody ends sessions that do nothing in a
/// transaction. What is written then is not lost.
fn lost_locks_are_noticed_before_the_switch() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "unlocked");
    homeserver.run("start");
    let running = Running::waiting(&homeserver, &[]);
    let locks =
        "pg_locks l JOIN pg_database d ON d.oid = l.database WHERE datname = 'synapse_unlocked'
        AND locktype = 'relation' AND mode = 'ExclusiveLock' AND granted";
    let script = server.path().join("unlock.sql");
    let statements = format!(
        "DO $$ BEGIN LOOP EXIT WHEN EXISTS (SELECT FROM {locks}); PERFORM pg_sleep(0.001); END LOOP; END $$;
         SELECT pg_sleep(0.05);
         \\c synapse_unlocked
         SELECT DISTINCT pg_terminate_backend(pid) FROM {locks};
         INSERT INTO user_threepids VALUES ('@alice:example.com', 'email', 'late@example.com', 1, 1);
         SELECT pg_sleep(1);"
    );
    fs::write(&script, statements).unwrap();
    let mut somebody = server.psql("postgres");
    let somebody = somebody.arg("-f").arg(&script).stdout(Stdio::null());
    let mut somebody = somebody.spawn().unwrap();
    let (code, text) = say(&homeserver, &["cutover"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = running.end();
    assert!(somebody.wait().unwrap().success());
    if code == Some(0) {
        let imported = "SELECT count(*) FROM user_emails WHERE email = 'late@example.com'";
        let imported = server.sql(&homeserver.mas_database, imported);
        assert_eq!(imported, "1\n", "it is lost\n{text}");
    } else {
        assert!(text.contains("the locks on its tables are lost"), "{text}");
        assert!(!homeserver.is_cut_over());
    }
    Ok(())
}

crate::support::harness::tests![
    without_a_copy_there_is_nothing_to_wait_with,
    a_kill_at_the_very_end_loses_nothing,
    another_state_directory_knows_better,
    a_killed_run_is_not_taken_for_the_next_one,
    partial_dumps_are_deleted,
    the_copy_of_a_dropped_database_is_dropped,
    the_cutover_waits_for_a_backup,
    what_is_compared_is_the_copy,
    an_outage_of_postgresql_is_sat_out,
    a_copy_that_is_being_made_is_cancelled,
    a_token_that_has_ended_is_noticed_before_the_cutover,
    synapse_that_somebody_else_has_stopped_is_not_waited_for,
    a_superuser_may_come_through_synapses_database,
    synapse_may_be_a_superuser,
    a_copy_that_is_left_is_not_said_to_be_gone,
    a_restart_of_synapse_does_not_undo_the_migration,
    the_scans_stay_rare_while_the_cutover_is_delayed,
    another_command_is_not_taken_for_a_killed_run,
    lost_locks_are_noticed_before_the_switch,
];
