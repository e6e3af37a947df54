//! The command line of `syn2mas`: what it says, in which words and on which terminals, and JSON on every path.

use std::{
    fs,
    io::Read as _,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    MasCli, exchanged,
    harness::TestResult,
    homeserver::Homeserver,
    postgres::{Migration, Postgres},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn last_line(output: &Output) -> String {
    let text = stdout(output);
    text.lines().last().unwrap_or_default().to_owned()
}

/// Runs a command that `syn2mas` has printed, as a shell reads it.
fn paste(command: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_syn2mas"));
    let mut path = program.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    Command::new("sh")
        .args(["-c", command])
        .env("PATH", path)
        .output()
        .unwrap()
}

/// What a terminal of this width shows, with all control sequences, and the exit code.
fn on_terminal(columns: u16, command: &Command, environment: &[(&str, &str)]) -> (String, i32) {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let mut shell = Command::new("bash");
    shell.env("TERM", "xterm").env_remove("NO_COLOR");
    shell.envs(environment.iter().copied());
    shell.args([
        "-c",
        &format!(
            "stty rows 24 cols {columns}; {}; echo \"code $?\"",
            words.join(" ")
        ),
    ]);
    let mut session = rexpect::session::spawn_command(shell, Some(120_000)).unwrap();
    let text = session.exp_eof().unwrap();
    let (text, code) = text.trim_end().rsplit_once("code ").unwrap();
    (text.replace('\r', ""), code.parse().unwrap())
}

/// A text without the sequences for colours.
fn without_colors(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain += part
            .split_once(|char: char| char.is_ascii_alphabetic())
            .map_or("", |it| it.1);
    }
    plain
}

fn a_next_command_repeats_the_options_and_can_be_pasted() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "next");
    homeserver.run("start");
    let synapse = |sql: &str| homeserver.synapse_sql(sql);
    let add = "INSERT INTO user_external_ids (auth_provider, external_id, user_id) VALUES
        ('oidc-x', '1', '@alice:example.com'), ('oidc-y', '1', '@alice:example.com')";
    synapse(add);
    let odd = ["inspect", "--proxy-unit", "it's nginx"];
    let inspected = homeserver.syn2mas(&odd).output().unwrap();
    let line = last_line(&inspected);
    assert!(
        line.starts_with("NOT READY: 2 blockers (provider-not-in-mas ×2), "),
        "{line}"
    );
    let (_, next) = line.split_once("Fix them, then: ").unwrap();
    let again = paste(next);
    assert_eq!(again.status.code(), Some(10), "{next}");
    assert_eq!(last_line(&again), line);

    // Nobody is asked, on a terminal or without one, and nothing was done.
    let (text, code) = on_terminal(100, &homeserver.syn2mas(&["migrate"]), &[]);
    assert_eq!(code, 10, "{text}");
    assert!(
        text.contains("NOT READY: 2 blockers") && !text.contains("Begin?"),
        "{text}"
    );
    let odd = ["migrate", "--proxy-unit", "it's nginx"];
    let refused = homeserver.syn2mas(&odd).output().unwrap();
    assert_eq!(refused.status.code(), Some(10));
    assert_eq!(last_line(&refused), line);
    let (code, blocked) = homeserver.json(&[&odd[..], &["--plan"]].concat());
    assert_eq!((code, &blocked["result"]), (Some(10), &"blocked".into()));
    assert_eq!(blocked["next"], next);

    synapse("DELETE FROM user_external_ids WHERE auth_provider IN ('oidc-x', 'oidc-y')");
    let inspected = homeserver.syn2mas(&["inspect"]).output().unwrap();
    let line = last_line(&inspected);
    // As many as `rehearse` expects in MAS.
    let (_, rehearsal) = homeserver.json(&["rehearse"]);
    let expected = |name: &str| {
        let entities = rehearsal["entities"].as_array().unwrap().iter();
        let mut found = entities.filter(|entity| entity["entity"] == name);
        found.next().unwrap()["expected"].clone()
    };
    let size = format!(
        "{} users, {} sessions.",
        expected("users"),
        expected("sessions")
    );
    assert!(
        line.starts_with("Ready, with ") && line.contains(&size),
        "{line}"
    );
    let (_, next) = line.split_once("Next: syn2mas migrate ").unwrap();
    let status = paste(&format!("syn2mas status --json {next}"));
    assert_eq!(status.status.code(), Some(0));
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["next"], format!("syn2mas inspect {next}"));
    Ok(())
}

fn verify_shows_a_few_rows_of_each_kind() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_synapse("synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let nothing = migration.syn2mas(&["verify"]).output().unwrap();
    assert_eq!(nothing.status.code(), Some(1));
    let text = stdout(&nothing);
    assert!(text.starts_with("Nothing has been imported yet"), "{text}");
    let nothing = migration.syn2mas(&["verify", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&nothing.stdout).unwrap();
    assert_eq!(report["imported"], false, "{report:#}");

    migration.import();
    server.sql(
        "mas",
        "INSERT INTO users (user_id, username, created_at)
         SELECT gen_random_uuid(), 'new' || n, now() FROM generate_series(1, 7) n;
         UPDATE users SET locked_at = created_at WHERE username = 'bob'",
    );
    let shown = |arguments: &[&str]| {
        let output = migration.syn2mas(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(12));
        let text = stdout(&output);
        let count = |kind: &str| text.matches(&format!("users: {kind}: username")).count();
        (count("extra"), count("changed"), text)
    };
    let (extra, changed, text) = shown(&["verify"]);
    assert_eq!((extra, changed), (5, 1), "{text}");
    assert!(
        text.contains("users: extra: 2 more rows, not shown here"),
        "{text}"
    );
    let next = text.lines().last().unwrap();
    let next = next.strip_prefix("All rows: ").unwrap();
    assert!(
        stdout(&paste(next))
            .matches("users: extra: username")
            .count()
            == 7
    );
    let (extra, changed, text) = shown(&["verify", "--all"]);
    assert_eq!((extra, changed), (7, 1), "{text}");
    assert!(!text.contains("not shown"), "{text}");
    Ok(())
}

/// The object that a run has printed on standard output, which has nothing else.
fn object(output: &Output) -> Value {
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", stdout(output));
    });
    assert!(value.is_object(), "{value}");
    value
}

/// Command lines that cannot be read.
const WRONG_USAGE: &[&str] = &[
    "inspect --json --nonsense",
    "--json",
    "nonsense --json",
    "migrate --json --at yesterday",
    "migrate --json --wait --at 03:00",
    "migrate --plan --json --report report.html",
    "verify --json --since yesterday",
    "migrate --plan --yes --json",
    "verify --json --mas-config",
    "rollback --json --accept-loss --interrupted",
];

fn json_is_json_on_every_path() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_synapse("synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let empty = server.path().join("empty.yaml");
    fs::write(&empty, "").unwrap();
    let state = server.path().join("state");
    let run = |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syn2mas"));
        command.args(line.split(' ')).stdin(Stdio::null());
        command.arg("--manifest").arg(&empty);
        command.arg("--state-dir").arg(&state);
        let output = command.output().unwrap();
        (output.status.code(), object(&output), output)
    };
    // Usage.
    for line in WRONG_USAGE {
        let (code, error, _) = run(line);
        assert_eq!(code, Some(2), "{line}: {error}");
        assert_eq!(error["result"], "wrong-usage", "{line}");
        let text = error["error"].as_str().unwrap();
        assert!(
            !text.is_empty() && !text.contains("Usage:"),
            "{line}: {text}"
        );
    }
    // Without a configuration.
    for line in [
        "inspect",
        "translate",
        "migrate --yes",
        "migrate --plan",
        "migrate /does/not/exist.json",
        "verify",
        "rehearse",
        "rehearse --dry-run",
        "rollback",
        "inspect --synapse-config /does/not/exist.yaml --mas-config /does/not/exist.yaml",
    ] {
        let (code, error, output) = run(&format!("{line} --json"));
        assert_eq!(
            (code, &error["result"]),
            (Some(1), &"failed".into()),
            "{line}: {error}"
        );
        assert!(error["error"].is_string(), "{line}: {error}");
        // The same for people.
        let said = String::from_utf8_lossy(&output.stderr);
        let error = error["error"].as_str().unwrap();
        assert_eq!(said.trim(), format!("syn2mas: {error}"), "{line}");
    }
    for (line, expected, key) in [
        ("cutover", 10, "told"),
        ("clean", 0, "deleted"),
        ("guard", 10, "permitted"),
        ("guard --idle", 0, "permitted"),
    ] {
        let (code, value, _) = run(&format!("{line} --json"));
        assert_eq!(code, Some(expected), "{line}: {value}");
        assert!(!value[key].is_null(), "{line}: {value}");
    }

    migration.import();
    // Interrupted, while something else has locked a table that it needs.
    let mut lock = migration.server.psql("synapse");
    let mut lock = lock
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(
        lock.stdin.as_mut().unwrap(),
        b"BEGIN; LOCK TABLE users; \\echo locked\n",
    )
    .unwrap();
    let mut locked = [0; 6];
    let mut out = lock.stdout.take().unwrap();
    while !locked.ends_with(b"locked") {
        locked.rotate_left(1);
        out.read_exact(&mut locked[5..]).unwrap();
    }
    for command in ["inspect", "verify"] {
        let mut command = migration.syn2mas(&[command, "--json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = child.spawn().unwrap();
        wait_until_blocked(&server);
        let pid = Pid::from_raw(child.id().try_into().unwrap());
        kill(pid, Signal::SIGINT).unwrap();
        let output = child.wait_with_output().unwrap();
        let value = object(&output);
        assert_eq!(
            (output.status.code(), &value["result"]),
            (Some(1), &"interrupted".into()),
            "{command:?}: {value}"
        );
    }
    lock.kill().unwrap();
    lock.wait().unwrap();
    Ok(())
}

fn shared_options_have_a_heading_of_their_own() {
    let output = Command::new(env!("CARGO_BIN_EXE_syn2mas"))
        .args(["inspect", "--help"])
        .output()
        .unwrap();
    let text = stdout(&output);
    let (own, shared) = text.split_once("Options of all commands:").unwrap();
    assert!(
        own.contains("--json") && !own.contains("--mas-config"),
        "{own}"
    );
    assert!(
        shared.contains("--mas-config") && shared.contains("--color"),
        "{shared}"
    );
}

/// Waits until a query waits for a lock.
fn wait_until_blocked(server: &Postgres) {
    let begun = Instant::now();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while server.sql("postgres", waiting).trim() == "0" {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing waits");
        thread::sleep(Duration::from_millis(50));
    }
}

fn a_status_claims_nothing_that_is_not_known() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "status");
    let empty = server.path().join("empty.yaml");
    fs::write(&empty, "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_syn2mas"));
    command.args(["status", "--manifest"]).arg(&empty);
    command
        .arg("--state-dir")
        .arg(homeserver.directory.join("state"));
    let text = command.output().unwrap();
    assert_eq!(text.status.code(), Some(1));
    let text = stdout(&text);
    assert!(
        text.contains("It is not known whether a migration was begun"),
        "{text}"
    );
    assert!(!text.contains("no migration is under way"), "{text}");
    let output = command.arg("--json").output().unwrap();
    assert!(object(&output)["stage"].is_null());

    // A database that does not answer may say that there was a migration.
    let unreachable = "postgresql://nobody@127.0.0.1:1/mas";
    let (code, status) = homeserver.json(&["status", "--mas-database-uri", unreachable]);
    assert_eq!(code, Some(1), "{status:#}");
    assert!(
        status["stage"].is_null() && status["next"].is_null(),
        "{status:#}"
    );
    let (code, status) = homeserver.json(&["status"]);
    assert_eq!((code, &status["stage"]), (Some(0), &"not-begun".into()));
    Ok(())
}

/// Makes a plan in a file, with a backup of everything.
fn planned(homeserver: &Homeserver, path: &str) -> Value {
    let arguments = [
        "migrate", "--plan", "--backup", "all", "--wait", "--out", path,
    ];
    let planned = homeserver.syn2mas(&arguments).output().unwrap();
    let text = stdout(&planned);
    assert_eq!(planned.status.code(), Some(0), "{text}");
    for expected in [
        "  1. look for blockers",
        "Downtime: ",
        "Disk:     up to ",
        "Ready",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    let next = text.lines().last().unwrap().split_once("Next: ").unwrap().1;
    let words = format!("syn2mas migrate {path} --wait --");
    assert!(
        next.starts_with(&words) && !next.contains("--backup"),
        "{next}"
    );
    assert!(!homeserver.is_cut_over());
    assert_eq!(homeserver.json(&["status"]).1["stage"], "not-begun");
    let plan = fs::read_to_string(path).unwrap();
    for secret in ["shared-secret", "pepper\"", "postgres:"] {
        assert!(!plan.contains(secret), "{secret}");
    }
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["basis"]["backup"], "all");
    let (code, printed) = homeserver.json(&["migrate", "--plan", "--backup", "all"]);
    assert_eq!((code, &printed["result"]), (Some(0), &"planned".into()));
    assert_eq!(printed["plan"]["basis"], plan["basis"]);
    plan
}

fn nothing_else_is_overwritten(homeserver: &Homeserver, path: &str) {
    let link = homeserver.directory.join("link");
    std::os::unix::fs::symlink(path, &link).unwrap();
    for (other, said) in [
        (&link, "symbolic link"),
        (&homeserver.migration.mas_config, "something else in it"),
    ] {
        let before = fs::read_to_string(other).unwrap();
        let (code, error) =
            homeserver.json(&["migrate", "--plan", "--out", other.to_str().unwrap()]);
        assert_eq!(code, Some(1));
        assert!(error["error"].as_str().unwrap().contains(said), "{error:#}");
        assert_eq!(fs::read_to_string(other).unwrap(), before);
    }
    assert!(link.is_symlink());
}

fn a_plan_is_carried_out_as_it_is_or_not_at_all() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "plan");
    homeserver.run("start");
    let file = homeserver.directory.join("plan.json");
    let path = file.to_str().unwrap();
    let plan = planned(&homeserver, path);
    assert!(plan["expected"]["downtime"].as_f64().unwrap() > 0.0);

    nothing_else_is_overwritten(&homeserver, path);
    // The commands may have secrets.
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(homeserver.directory.join("stop").to_str().unwrap()));

    // Everything that may change, and how it is said. The second entry undoes it.
    let overlay = homeserver.directory.join("overlay.source");
    let source = fs::read_to_string(&overlay).unwrap();
    let config = &homeserver.migration.mas_config;
    let mas_config = fs::read_to_string(config).unwrap();
    let refused = |extra: &[&str], expected: &str| {
        let (code, refused) = homeserver.json(&[&["migrate", path, "--yes"], extra].concat());
        assert_eq!(
            (code, &refused["result"]),
            (Some(10), &"refused".into()),
            "{refused:#}"
        );
        assert!(
            refused["changes"].to_string().contains(expected),
            "{refused:#}"
        );
        assert!(!homeserver.is_cut_over());
    };
    fs::write(&overlay, format!("{source}\nmore: true\n")).unwrap();
    refused(&[], "overlay.source has changed");
    let text = homeserver.syn2mas(&["migrate", path]).output().unwrap();
    assert_eq!(text.status.code(), Some(10));
    assert!(stdout(&text).contains("  - "), "{}", stdout(&text));
    fs::write(&overlay, source).unwrap();
    fs::write(
        config,
        format!("{mas_config}branding: {{service_name: x}}\n"),
    )
    .unwrap();
    refused(&[], "`branding` in MAS's configuration is new");
    fs::write(config, mas_config).unwrap();
    refused(
        &["--synapse-url", &homeserver.synapse],
        "the option --synapse-url was not given",
    );
    let given = homeserver.syn2mas(&["migrate", path, "--yes", "--json"]);
    let stop = homeserver.directory.join("stop");
    let mut other = exchanged(&given, &stop, Path::new("true"));
    let text = stdout(&other.output().unwrap());
    assert!(
        text.contains("the option --stop-with has changed"),
        "{text}"
    );
    let add = "INSERT INTO users (name, creation_ts) VALUES ('@nobody:example.com', 1)";
    homeserver.synapse_sql(add);
    refused(&[], "`inspect` has a new finding: no-way-to-log-in");
    homeserver.synapse_sql("DELETE FROM users WHERE name = '@nobody:example.com'");

    // What a plan decides is not said again.
    let (code, _) = homeserver.json(&["migrate", path, "--yes", "--backup", "tables"]);
    assert_eq!(code, Some(2));
    // New rows are no change.
    let add = "INSERT INTO devices (user_id, device_id, hidden)
        VALUES ('@alice:example.com', 'LATE', false);
        INSERT INTO access_tokens (id, user_id, device_id, token)
        VALUES (999, '@alice:example.com', 'LATE', 'syt_alice_late')";
    homeserver.synapse_sql(add);
    let (code, outcome) = homeserver.json(&["migrate", path, "--yes"]);
    assert_eq!(
        (code, &outcome["result"]),
        (Some(0), &"migrated".into()),
        "{outcome:#}"
    );
    assert!(homeserver.is_cut_over());
    assert_eq!(homeserver.whoami("syt_alice_late").0, 200);
    let backup = outcome["summary"]["backup"].as_str().unwrap();
    let listed = Command::new(server.bin().join("pg_restore"))
        .args(["--list"])
        .arg(Path::new(backup).join("synapse.dump"))
        .output()
        .unwrap();
    // All tables, as planned.
    assert!(stdout(&listed).contains(" events "), "{}", stdout(&listed));

    let (code, again) = homeserver.json(&["migrate", path, "--yes"]);
    assert_eq!(
        (code, &again["result"]),
        (Some(0), &"already-migrated".into())
    );
    let (code, inspected) = homeserver.json(&["inspect"]);
    assert_eq!(
        (code, &inspected["result"]),
        (Some(0), &"already-migrated".into())
    );
    Ok(())
}

/// Before the cutover, the homeserver is neither ready nor migrated, and differences are to be expected.
fn a_waiting_migration_does_not_confuse() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "waits");
    homeserver.run("start");
    // Ctrl-C in place of an answer.
    let asked = homeserver.syn2mas(&["migrate", "--json"]);
    let mut terminal = rexpect::session::spawn_command(asked, Some(60_000)).unwrap();
    terminal.exp_string("[y/N]").unwrap();
    terminal.send_control('c').unwrap();
    terminal.exp_string("\"result\": \"interrupted\"").unwrap();

    let plan = homeserver.directory.join("plan.json");
    let plan = plan.to_str().unwrap();
    let (code, _) = homeserver.json(&["migrate", "--plan", "--out", plan]);
    assert_eq!(code, Some(0));
    let mut waiting = homeserver.syn2mas(&["migrate", plan, "--yes", "--wait", "--json"]);
    let waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped());
    let waiting = waiting.spawn().unwrap();
    let begun = Instant::now();
    let status = loop {
        let status = homeserver.json(&["status"]).1;
        if status["live"]["step"] == "catch-up" {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{status:#}");
        thread::sleep(Duration::from_millis(200));
    };
    let next = status["next"].as_str().unwrap();
    assert!(next.starts_with("syn2mas cutover --"), "{next}");
    let (code, inspected) = homeserver.json(&["inspect"]);
    assert_eq!(
        (code, &inspected["result"]),
        (Some(10), &"at-work".into()),
        "{inspected:#}"
    );
    assert_eq!(inspected["findings"], serde_json::json!([]));
    let (code, verified) = homeserver.json(&["verify"]);
    assert_eq!(
        (code, &verified["atWork"]),
        (Some(0), &true.into()),
        "{verified:#}"
    );
    let text = homeserver.syn2mas(&["verify"]).output().unwrap();
    assert!(stdout(&text).starts_with("note: A migration is at work"));
    // Another one is refused.
    let (code, second) = homeserver.json(&["migrate", "--yes"]);
    assert_eq!(
        (code, &second["result"]),
        (Some(1), &"failed".into()),
        "{second:#}"
    );

    let (code, cancelled) = homeserver.json(&["cancel"]);
    assert_eq!(code, Some(0), "{cancelled:#}");
    let outcome = waiting.wait_with_output().unwrap();
    let outcome = object(&outcome);
    assert_eq!(outcome["result"], "failed-and-reverted", "{outcome:#}");
    let next = outcome["next"].as_str().unwrap();
    let again = format!("syn2mas migrate {plan} --wait --");
    assert!(next.starts_with(&again), "{next}");
    Ok(())
}

fn a_terminal_gets_what_fits_it() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "terminal");
    homeserver.run("start");
    let inspect = homeserver.syn2mas(&["inspect"]);
    let piped = inspect_output(&homeserver, &[]);
    assert!(!piped.contains('\u{1b}'), "{piped}");
    let always = inspect_output(&homeserver, &["--color", "always"]);
    assert!(always.contains("\u{1b}[1;33mwarning: "), "{always}");
    for (environment, colored) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let (text, code) = on_terminal(60, &inspect, environment);
        assert_eq!(code, 11, "{text}");
        assert_eq!(text.contains("\u{1b}[1;33m"), colored, "{text}");
        fits(&without_colors(&text), 60);
    }
    let (text, _) = on_terminal(60, &homeserver.syn2mas(&["status"]), &[]);
    fits(&without_colors(&text), 60);

    let (text, code) = on_terminal(60, &homeserver.syn2mas(&["rehearse"]), &[]);
    assert_eq!(code, 0, "{text}");
    // The line with the progress is erased before the result is printed.
    let (_, result) = text.rsplit_once("\u{1b}[2K").unwrap();
    let result = without_colors(result);
    assert!(
        result.contains("users: ") && result.contains("All data would arrive"),
        "{result}"
    );
    assert!(
        !result
            .chars()
            .any(|char| ('\u{2800}'..='\u{28ff}').contains(&char)),
        "{result}"
    );
    fits(&result, 60);
    Ok(())
}

fn inspect_output(homeserver: &Homeserver, extra: &[&str]) -> String {
    let arguments = [&["inspect"], extra].concat();
    stdout(&homeserver.syn2mas(&arguments).output().unwrap())
}

/// No line is longer than a terminal, except for a command to copy, or a word that is itself too long.
fn fits(text: &str, columns: usize) {
    for line in text.lines() {
        let words = line.split_whitespace().count();
        let is_command = line.starts_with("  syn2mas ") || line.starts_with("    --");
        assert!(
            line.chars().count() <= columns || words <= 2 || is_command,
            "{line}"
        );
    }
}

crate::support::harness::tests![
    a_next_command_repeats_the_options_and_can_be_pasted,
    verify_shows_a_few_rows_of_each_kind,
    json_is_json_on_every_path,
    shared_options_have_a_heading_of_their_own,
    a_status_claims_nothing_that_is_not_known,
    a_plan_is_carried_out_as_it_is_or_not_at_all,
    a_waiting_migration_does_not_confuse,
    a_terminal_gets_what_fits_it,
];
