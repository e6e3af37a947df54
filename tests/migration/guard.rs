//! What must not happen by accident: users locked out by a switch, files of others overwritten by root,
//! and tokens left behind by a run that was killed.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use mas2nix::migrate::{
    args::Args,
    context::Context,
    cutover_file::CutoverFile,
    journal::Journal,
    postgres::{
        connection::{Address, Database},
        marker::{self, Marker, Progress},
        scratch::{self, Leftover},
    },
    system::{private_dir::PrivateDir, run_as::Account},
};
use tempfile::TempDir;

use crate::support::{
    MasCli,
    harness::TestResult,
    need_root,
    postgres::{Migration, Postgres},
    script,
};

/// What a command of `syn2mas` says, with its exit code.
fn said(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// The identity of a database, as the marker has it.
const IDENTITY: &str = "(SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || oid || \
                        '/' || datname FROM pg_database WHERE datname = current_database())";

fn mark(server: &Postgres, synapse: &str, progress: Progress) {
    let marker = Marker {
        migration: "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(),
        synapse: synapse.to_owned(),
        progress,
        since: "2026-01-01T00:00:00Z".to_owned(),
        cut_over: None,
        last_tokens: None,
        granted: false,
        state_dir: "/var/lib/syn2mas".to_owned(),
    };
    server.sql("mas", &marker::replace(&marker));
}

fn guard(migration: &Migration, extra: &[&str]) -> (Option<i32>, String) {
    let mut command = migration.syn2mas(&["guard"]);
    command.args(extra);
    said(command)
}

/// The guard refuses, with these words, and says how to proceed.
fn is_refused(migration: &Migration, extra: &[&str], words: &str) {
    let (code, said) = guard(migration, extra);
    assert_eq!(code, Some(10), "{extra:?} {said}");
    assert!(said.contains(words), "{said}");
    for way in [
        "migration.enable",
        "syn2mas migrate",
        "migration.assumeMoved",
    ] {
        assert!(said.contains(way), "{said}");
    }
}

fn a_switch_needs_proof_that_users_were_moved() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_synapse("synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let guard = |extra: &[&str]| guard(&migration, extra);
    let refused = |extra: &[&str], words: &str| is_refused(&migration, extra, words);
    let passed = (Some(0), String::new());
    let absent = server.uri("absent");
    refused(&[], "without tables");
    refused(
        &["--mas-database-uri", &absent],
        "unknown whether MAS has them",
    );
    migration.migrate_database();
    refused(&[], "MAS's database is empty");
    // An administrator's word does not stand against an empty MAS.
    let (code, error) = guard(&["--assume-moved"]);
    assert_eq!(code, Some(10));
    assert!(error.contains("not moved to this database"), "{error}");
    // Rows are no proof: they may be of anybody.
    migration.import();
    refused(&[], "nothing in it says");
    assert_eq!(guard(&["--assume-moved"]), passed);
    assert_eq!(
        guard(&["--assume-moved", "--mas-database-uri", &absent]),
        passed
    );

    let identity = server.sql("synapse", &format!("SELECT {IDENTITY}"));
    let mark = |synapse: &str, progress| mark(&server, synapse, progress);
    for (progress, words) in [
        (Progress::Importing, "not complete"),
        (Progress::Verified, "not complete"),
        (Progress::RollingBack, "was undone"),
        (Progress::RolledBack, "was undone"),
    ] {
        mark(identity.trim(), progress);
        refused(&[], words);
    }
    for progress in [Progress::CutOver, Progress::Served] {
        mark(identity.trim(), progress);
        assert_eq!(guard(&[]), passed);
        // The same marker, and another Synapse.
        server.copy("synapse", "other");
        refused(
            &["--synapse-database-uri", &server.uri("other")],
            "another homeserver was moved to it",
        );
        server.sql("postgres", "DROP DATABASE other");
    }
    server.sql(
        "mas",
        "UPDATE syn2mas.migration SET progress = 'unheard of'",
    );
    refused(&[], "does not know");
    Ok(())
}

/// What a role may not read is no proof.
fn a_role_without_privileges_proves_nothing() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_synapse("synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    migration.import();
    let guard = |extra: &[&str]| guard(&migration, extra);
    let refused = |extra: &[&str], words: &str| is_refused(&migration, extra, words);
    let passed = (Some(0), String::new());
    let identity = server.sql("synapse", &format!("SELECT {IDENTITY}"));
    let mark = |synapse: &str, progress| mark(&server, synapse, progress);
    mark(identity.trim(), Progress::Served);
    assert_eq!(guard(&[]), passed);
    server.sql(
        "mas",
        "CREATE ROLE of_mas LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO of_mas",
    );
    let as_mas = server.uri("mas").replace("postgres@", "of_mas@");
    refused(&["--mas-database-uri", &as_mas], "permission denied");
    server.sql("synapse", "CREATE ROLE of_synapse LOGIN");
    let as_synapse = server.uri("synapse").replace("postgres@", "of_synapse@");
    refused(
        &["--synapse-database-uri", &as_synapse],
        "permission denied",
    );
    // An ordinary role may tell clusters apart, unless that was taken from it.
    server.sql(
        "synapse",
        "GRANT SELECT ON access_tokens, users TO of_synapse",
    );
    assert_eq!(guard(&["--synapse-database-uri", &as_synapse]), passed);
    mark("1/1/synapse", Progress::Served);
    refused(
        &["--synapse-database-uri", &as_synapse],
        "another homeserver",
    );
    server.sql(
        "synapse",
        "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC",
    );
    let unknown = identity.trim().split_once('/').unwrap().1;
    mark(&format!("1/{unknown}"), Progress::Served);
    assert_eq!(guard(&["--synapse-database-uri", &as_synapse]), passed);
    refused(&[], "another homeserver");
    Ok(())
}

fn a_homeserver_that_is_not_there_yet_is_not_in_the_way() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_synapse("synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let guard = |synapse: &str, extra: &[&str]| {
        let mut command = migration.syn2mas(&["guard", "--synapse-database-uri", synapse]);
        command.args(extra);
        said(command)
    };
    let passed = (Some(0), String::new());
    // The server itself says that there is no such database, or there is nobody in it.
    assert_eq!(guard(&server.uri("absent"), &[]), passed);
    server.create("without_tables");
    assert_eq!(guard(&server.uri("without_tables"), &[]), passed);
    server.create_empty_synapse("new");
    let absent = server.uri("absent");
    assert_eq!(
        guard(&server.uri("new"), &["--mas-database-uri", &absent]),
        passed
    );
    // A server that does not answer says nothing.
    let nowhere = "postgresql://synapse@%2Fnonexistent/synapse";
    let refused = |synapse: &str, extra: &[&str]| {
        let (code, said) = guard(synapse, extra);
        assert_eq!(code, Some(10), "{extra:?} {said}");
        assert!(
            said.contains("Cannot tell") && said.contains("NIXOS_NO_CHECK=1"),
            "{said}"
        );
    };
    refused(nowhere, &[]);
    assert_eq!(guard(nowhere, &["--assume-moved"]), passed);
    // Unless there was never a Synapse on this host.
    let unit = ["--synapse-unit", "of-no-homeserver.service"];
    let never = ["--synapse-directory", "/nonexistent/matrix-synapse"];
    let there = server.path().display().to_string();
    assert_eq!(guard(nowhere, &[unit, never].concat()), passed);
    refused(nowhere, &unit);
    refused(nowhere, &never);
    refused(nowhere, &[unit, ["--synapse-directory", &there]].concat());
    // Whatever else there is: a database that answers is asked.
    let (code, said) = guard(&server.uri("synapse"), &[unit, never].concat());
    assert_eq!(code, Some(10), "{said}");
    // Tables that the role does not find are not none.
    server.sql(
        "synapse",
        "CREATE SCHEMA hidden; ALTER TABLE access_tokens SET SCHEMA hidden",
    );
    refused(&server.uri("synapse"), &[]);
    Ok(())
}

fn no_switch_while_somebody_is_at_work() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_empty_synapse("synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let state = server.path().join("syn2mas");
    let guard = || {
        let mut command = migration.syn2mas(&["guard", "--idle"]);
        command.arg("--state-dir").arg(&state);
        said(command)
    };
    assert_eq!(guard(), (Some(0), String::new()));
    let journal = Journal::open(&state).unwrap();
    let (code, said) = guard();
    assert_eq!(code, Some(10));
    assert!(said.contains("syn2mas is running"), "{said}");
    drop(journal);
    assert_eq!(guard().0, Some(0));
    Ok(())
}

/// Synapse reads every file of a directory, the overlay among them.
fn an_overlay_in_a_directory_of_the_configuration_is_left_out() {
    let directory = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("homeserver.yaml", "server_name: example.com\n");
    write(
        "z-mas.yaml",
        "matrix_authentication_service: {enabled: true}\n",
    );
    let file = |name: &str| directory.path().join(name);
    symlink(file("z-mas.yaml"), file("linked.yaml")).unwrap();
    for overlay in ["z-mas.yaml", "linked.yaml"] {
        let args = Args {
            synapse_config: vec![directory.path().to_owned()],
            overlay: Some(CutoverFile {
                file: file(overlay),
                source: "/etc/overlay".into(),
            }),
            ..Args::default()
        };
        let context = Context::new(args);
        let synapse = context.synapse().unwrap();
        assert_eq!(synapse.get("matrix_authentication_service.enabled"), None);
        assert_eq!(synapse.server_name().unwrap(), "example.com");
    }
}

fn root_is_led_nowhere_by_the_user_of_mas() -> TestResult {
    need_root("write files for another user")?;
    let Ok(account) = Account::named("nobody") else {
        return crate::support::harness::skip("there is no user nobody");
    };
    let private_dir = PrivateDir::new(Some(&account)).unwrap();
    let file = private_dir
        .write("config.yaml", "secret", Some(&account))
        .unwrap();
    let directory = file.parent().unwrap();
    let shell = |command: &str| {
        let mut shell = Command::new("setpriv");
        let user = [
            format!("--reuid={}", account.uid),
            format!("--regid={}", account.gid),
        ];
        shell
            .args(user)
            .args(["--clear-groups", "sh", "-c", command]);
        let shell = shell.current_dir(directory).stdout(Stdio::null());
        let status = shell.stderr(Stdio::null()).status();
        status.unwrap().success()
    };
    assert!(shell("cat config.yaml"));
    let owner = fs::metadata(&file).unwrap();
    assert_eq!((owner.uid(), owner.mode() & 0o777), (account.uid, 0o400));
    let elsewhere = TempDir::new().unwrap();
    let victim = elsewhere.path().join("victim");
    for command in [
        "ln -s /etc/passwd link.yaml",
        "rm -f config.yaml",
        "mv config.yaml other.yaml",
    ] {
        assert!(!shell(command), "{command}");
    }
    // Even if it could.
    symlink(&victim, directory.join("link.yaml")).unwrap();
    assert!(
        private_dir
            .write("link.yaml", "secret", Some(&account))
            .is_err()
    );
    assert!(!victim.exists());
    fs::write(&victim, "of root").unwrap();
    assert!(
        private_dir
            .write("link.yaml", "secret", Some(&account))
            .is_err()
    );
    assert_eq!(fs::read_to_string(&victim).unwrap(), "of root");
    assert_eq!(fs::metadata(&victim).unwrap().uid(), 0);
    Ok(())
}

/// A rehearsal that hangs in its import, once it is there.
fn hanging(migration: &Migration, state: &Path) -> Child {
    let mas_cli = migration.server.path().join("mas-cli-that-hangs");
    script(&mas_cli, "exec sleep 20 >/dev/null 2>&1");
    let mut command = rehearsal(migration, state);
    command.arg("--mas-cli").arg(&mas_cli);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(child.stderr.take().unwrap());
    let mut lines = said.lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "importing"));
    child
}

fn rehearsal(migration: &Migration, state: &Path) -> Command {
    let mut command = migration.syn2mas(&["rehearse"]);
    command.arg("--state-dir").arg(state);
    command
        .arg("--postgresql-programs")
        .arg(migration.server.bin());
    command
}

fn what_a_killed_run_leaves_is_removed() -> TestResult {
    let (mas, server) = (MasCli::find()?, Postgres::start()?);
    server.create_synapse("synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    migration.migrate_database();
    let state = server.path().join("state");
    let databases = || server.sql("postgres", "SELECT datname FROM pg_database ORDER BY 1");
    let before = databases();
    let address = Address::of_uri("the test's address", &server.uri("postgres")).unwrap();
    let database = Database::new("the server", address, None);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let leftovers = || runtime.block_on(scratch::leftovers(&database)).unwrap();
    let of_a_rehearsal = |is_in_use: bool| {
        [scratch::COPY, scratch::REHEARSAL].map(|name| Leftover { name, is_in_use })
    };
    assert_eq!(leftovers(), []);

    let kill = |mut child: Child| {
        child.kill().unwrap();
        child.wait().unwrap();
        let since = Instant::now();
        while leftovers() != of_a_rehearsal(false) {
            assert!(
                since.elapsed() < Duration::from_secs(10),
                "{:?}",
                leftovers()
            );
            thread::sleep(Duration::from_millis(50));
        }
        assert!(state.join("rehearsal/synapse.dump").exists());
    };
    let child = hanging(&migration, &state);
    assert_eq!(leftovers(), of_a_rehearsal(true));
    // Whoever is at work is left alone.
    let (code, error) = said(rehearsal(&migration, &state));
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("is in use by another syn2mas"), "{error}");
    assert_eq!(leftovers(), of_a_rehearsal(true));
    assert!(state.join("rehearsal/synapse.dump").exists());
    // What somebody has put beside the backups is not deleted either.
    let others = ["mydata", "note.txt"].map(|name| state.join("backup").join(name));
    fs::create_dir_all(&others[0]).unwrap();
    fs::write(&others[1], "").unwrap();
    let mut clean = migration.syn2mas(&["clean", "--yes"]);
    clean.arg("--state-dir").arg(&state);
    assert_eq!(said(clean), (Some(0), String::new()));
    assert!(state.join("rehearsal/synapse.dump").exists());
    assert!(others.iter().all(|other| other.exists()));
    kill(child);
    let backup = server.path().join("backup");
    fs::create_dir(&backup).unwrap();
    fs::copy(
        state.join("rehearsal/synapse.dump"),
        backup.join("synapse.dump"),
    )
    .unwrap();

    let (code, error) = said(rehearsal(&migration, &state));
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(databases(), before);
    assert!(!state.join("rehearsal").exists());

    kill(hanging(&migration, &state));
    let mut verify = migration.syn2mas(&["verify"]);
    verify.arg("--backup").arg(&backup);
    verify.arg("--state-dir").arg(&state);
    verify.arg("--postgresql-programs").arg(server.bin());
    // Nothing was imported.
    let (code, error) = said(verify);
    assert_eq!(code, Some(12), "{error}");
    assert_eq!(databases(), before);
    assert!(!state.join("rehearsal").exists());
    Ok(())
}

crate::support::harness::tests![
    a_switch_needs_proof_that_users_were_moved,
    a_role_without_privileges_proves_nothing,
    a_homeserver_that_is_not_there_yet_is_not_in_the_way,
    no_switch_while_somebody_is_at_work,
    an_overlay_in_a_directory_of_the_configuration_is_left_out,
    root_is_led_nowhere_by_the_user_of_mas,
    what_a_killed_run_leaves_is_removed,
];
