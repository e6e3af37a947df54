//! Journals, databases and backups that contradict each other, on a real homeserver. What `syn2mas` says
//! then leads on.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use crate::support::{
    harness::TestResult,
    homeserver::{Homeserver, password},
};

/// `syn2mas` with one of its arguments replaced.
fn with(homeserver: &Homeserver, arguments: &[&str], old: &Path, new: &Path) -> Command {
    let given = homeserver.syn2mas(arguments);
    let mut command = Command::new(given.get_program());
    command.args(given.get_args().map(|argument| {
        if argument == old {
            new.as_os_str()
        } else {
            argument
        }
    }));
    command
}

/// What a run says, in one line.
fn said(output: &Output) -> String {
    let all = [&*output.stdout, &*output.stderr].concat();
    let all = String::from_utf8_lossy(&all).into_owned();
    all.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn a_second_migration_of_the_same_homeserver_waits() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "twice");
    homeserver.run("start");
    let state = homeserver.directory.join("state");
    let mut first = homeserver.syn2mas(&["migrate", "--yes", "--json"]);
    let mut first = first.stdout(Stdio::null()).spawn().unwrap();
    while !state.join("journal").exists() {
        assert_eq!(first.try_wait().unwrap(), None, "it begins");
        thread::sleep(Duration::from_millis(5));
    }
    let other = homeserver.directory.join("other");
    for arguments in [&["migrate", "--yes"][..], &["rollback", "--lost-journal"]] {
        let second = with(&homeserver, arguments, &state, &other)
            .output()
            .unwrap();
        assert_eq!(second.status.code(), Some(1), "{}", said(&second));
        assert!(
            said(&second).contains("another syn2mas is running"),
            "{}",
            said(&second)
        );
    }
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert!(homeserver.is_cut_over());
    Ok(())
}

fn a_lost_journal_does_not_lead_to_another_synapse() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let [homeserver, other] = ["right", "wrong"].map(|name| Homeserver::new(&server, &mas, name));
    homeserver.run("start");
    assert_eq!(homeserver.json(&["migrate", "--yes"]).0, Some(0));
    fs::remove_file(homeserver.directory.join("state/journal")).unwrap();
    other.synapse_sql("UPDATE access_tokens SET token = token || '_other'");
    let tokens = "SELECT string_agg(token, ' ' ORDER BY id) FROM access_tokens";
    let before = other.synapse_sql(tokens);
    let [ours, theirs] = [&homeserver, &other].map(|one| one.migration.synapse_config.as_path());
    let arguments = &["rollback", "--lost-journal", "--accept-loss"];
    let refused = with(&homeserver, arguments, ours, theirs).output().unwrap();
    assert_eq!(refused.status.code(), Some(10), "{}", said(&refused));
    assert!(
        said(&refused).contains("MAS's database was imported from"),
        "{}",
        said(&refused)
    );
    assert_eq!(other.synapse_sql(tokens), before);
    assert!(homeserver.is_cut_over());

    // A copy of the database is another one, until MAS's database says that it is the same.
    homeserver.run("stop");
    server.copy("synapse_right", "synapse_copy");
    server.sql("postgres", "DROP DATABASE synapse_right");
    server.sql(
        "postgres",
        "ALTER DATABASE synapse_copy RENAME TO synapse_right",
    );
    homeserver.run("start");
    let refused = homeserver.syn2mas(arguments).output().unwrap();
    let text = said(&refused);
    let (_, statement) = text.split_once('`').expect("a statement is advised");
    let (statement, _) = statement.split_once('`').unwrap();
    server.sql(&homeserver.mas_database, statement);
    let (code, done) = homeserver.json(arguments);
    assert_eq!(code, Some(0), "{done:#}");
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);
    Ok(())
}

fn without_its_last_lines_a_journal_is_not_believed() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "cut");
    homeserver.run("start");
    let devices = homeserver.devices("syt_bob_desktop");
    assert_eq!(homeserver.json(&["migrate", "--yes"]).0, Some(0));
    homeserver.log_in("bob", password("bob")).unwrap();
    let journal = homeserver.directory.join("state/journal");
    let text = fs::read_to_string(&journal).unwrap();
    let lines = text.lines();
    let kept: Vec<&str> = lines
        .take_while(|line| !line.contains(r#""step":"switch""#))
        .collect();
    fs::write(&journal, kept.join("\n") + "\n").unwrap();
    for arguments in [&["migrate", "--yes"][..], &["rollback", "--accept-loss"]] {
        let refused = homeserver.syn2mas(arguments).output().unwrap();
        assert_eq!(refused.status.code(), Some(10), "{}", said(&refused));
        assert!(
            said(&refused).contains("has gone on after what this journal says"),
            "{}",
            said(&refused)
        );
    }
    let (_, status) = homeserver.json(&["status"]);
    let next = status["next"].as_str().unwrap();
    assert!(
        next.starts_with("syn2mas rollback --lost-journal --"),
        "{next}"
    );
    let (code, refused) = homeserver.json(&["rollback", "--lost-journal"]);
    assert_eq!(code, Some(10), "{refused:#}");
    assert_eq!(refused["losses"][0]["what"], "sessions");
    let (code, done) = homeserver.json(&["rollback", "--accept-loss"]);
    assert_eq!(code, Some(0), "{done:#}");
    assert_eq!(homeserver.devices("syt_bob_desktop"), devices);
    Ok(())
}

fn a_damaged_backup_is_found_before_anything_is_destroyed() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "damaged");
    homeserver.run("start");
    assert_eq!(homeserver.json(&["migrate", "--yes"]).0, Some(0));
    let (_, status) = homeserver.json(&["status"]);
    let backup = status["state"]["backup"].as_str().unwrap();
    let backup = Path::new(backup).join("mas.dump");
    let whole = fs::read(&backup).unwrap();
    fs::write(&backup, &whole[..whole.len() / 2]).unwrap();
    let failed = homeserver.syn2mas(&["rollback"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    assert!(
        said(&failed).contains("Delete the file"),
        "{}",
        said(&failed)
    );
    assert!(homeserver.is_cut_over());
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);
    fs::remove_file(&backup).unwrap();
    let (code, done) = homeserver.json(&["rollback"]);
    assert_eq!(code, Some(0), "{done:#}");
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);
    Ok(())
}

fn nobody_has_to_read_what_it_says() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "unread");
    homeserver.run("start");
    for (arguments, cut_over) in [(&["migrate", "--yes"][..], true), (&["rollback"], false)] {
        let mut command = homeserver.syn2mas(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
        assert_eq!(homeserver.is_cut_over(), cut_over);
        assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);
    }
    Ok(())
}

/// MAS is stopped by the command that stops Synapse, so people log in until then.
fn a_login_during_a_rollback_is_not_lost_unseen() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "late");
    homeserver.run("start");
    assert_eq!(homeserver.json(&["migrate", "--yes"]).0, Some(0));
    let mut command = homeserver.syn2mas(&["rollback"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("done: stop-mas")));
    let login = homeserver.log_in("alice", password("alice"));
    for _ in lines {}
    let code = child.wait().unwrap().code();
    // It may have come too late.
    match login {
        Ok(token) => {
            assert_eq!(code, Some(10));
            assert_eq!(homeserver.whoami(&token).0, 200);
        }
        Err(_) => assert_eq!(code, Some(0)),
    }
    Ok(())
}

crate::support::harness::tests![
    nobody_has_to_read_what_it_says,
    a_login_during_a_rollback_is_not_lost_unseen,
    a_second_migration_of_the_same_homeserver_waits,
    a_lost_journal_does_not_lead_to_another_synapse,
    without_its_last_lines_a_journal_is_not_believed,
    a_damaged_backup_is_found_before_anything_is_destroyed,
];
