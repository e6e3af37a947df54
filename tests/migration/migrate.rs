//! `syn2mas migrate` and `rollback` on a homeserver with real Synapse, MAS and PostgreSQL, checked
//! from the users' side.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::support::{
    harness::TestResult,
    homeserver::{Homeserver, REFRESH_TOKEN, password},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Whether all users are served as before, no matter who authenticates them.
fn everybody_is_served(homeserver: &Homeserver) {
    for (token, user) in [
        ("syt_alice_phone", "alice"),
        ("syt_alice_deviceless", "alice"),
        ("syt_bob_desktop", "bob"),
        ("syt_carol_web", "carol"),
    ] {
        let (status, who) = homeserver.whoami(token);
        assert_eq!(status, 200, "{token}: {who}");
        assert_eq!(who["user_id"], format!("@{user}:example.com"));
    }
    for token in ["syt_bob_old", "syt_nobody"] {
        assert_eq!(homeserver.whoami(token).0, 401, "{token}");
    }
    for user in ["alice", "bob"] {
        let token = homeserver.log_in(user, password(user));
        let token = token.unwrap_or_else(|status| panic!("{user} cannot log in: {status}"));
        assert_eq!(homeserver.whoami(&token).0, 200);
        assert!(homeserver.log_in(user, "another password").is_err());
    }
    assert!(homeserver.log_in("gone", password("alice")).is_err());
    let (status, _) = homeserver.whoami("as-token");
    assert_eq!(status, 200, "the application service's token");
}

/// On a terminal, the plan is shown, and nothing is done without confirmation.
fn ask_first(homeserver: &Homeserver) {
    let command = homeserver.syn2mas(&["migrate"]);
    let mut terminal = rexpect::session::spawn_command(command, Some(30_000)).unwrap();
    let said = terminal.exp_string("Begin? [y/N]").unwrap();
    for text in [
        "warning: guests (1)",
        "back up synapse_path and mas_path",
        "fill ",
    ] {
        assert!(said.contains(text), "{said}");
    }
    terminal.send_line("n").unwrap();
    terminal.exp_string("nothing was done").unwrap();
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);

    let output = homeserver
        .syn2mas(&["migrate"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--yes"));
}

/// Until somebody does something through MAS, going back loses nothing. A plan only says so, and a terminal is asked.
fn look_back(homeserver: &Homeserver) {
    let (code, plan) = homeserver.json(&["rollback", "--plan"]);
    assert_eq!((code, &plan["result"]), (Some(0), &"planned".into()));
    let actions = plan["actions"].as_array().unwrap();
    assert!(
        actions
            .iter()
            .any(|it| it.as_str().unwrap().starts_with("empty ")),
        "{plan:#}"
    );
    let command = homeserver.syn2mas(&["rollback"]);
    let mut terminal = rexpect::session::spawn_command(command, Some(30_000)).unwrap();
    let said = terminal.exp_string("Go back? [y/N]").unwrap();
    assert!(said.contains("Nothing would be lost."), "{said}");
    terminal.send_line("n").unwrap();
    terminal.exp_string("nothing was done").unwrap();
    assert!(homeserver.is_cut_over());
}

/// A rehearsal reports the expected result, and leaves nothing behind.
fn rehearse(homeserver: &Homeserver) {
    let server = homeserver.migration.server;
    let databases = || server.sql("postgres", "SELECT datname FROM pg_database ORDER BY 1");
    let before = databases();
    let (code, rehearsal) = homeserver.json(&["rehearse"]);
    assert_eq!(code, Some(0), "{rehearsal:#}");
    assert_eq!(rehearsal["identical"], true);
    assert_eq!(rehearsal["entities"][0]["expected"], 7, "{rehearsal:#}");
    assert!(rehearsal["downtime"].as_f64().unwrap() > 0.0);
    assert_eq!(databases(), before);
    assert!(!homeserver.directory.join("state/rehearsal").exists());

    let mut command = homeserver.syn2mas(&["rehearse"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(child.stderr.take().unwrap());
    let mut lines = said.lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "importing"));
    kill(
        Pid::from_raw(child.id().try_into().unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    assert!(lines.any(|line| line.contains("interrupted")));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(databases(), before);

    let (code, said) = homeserver.json(&["rehearse", "--dry-run"]);
    assert_eq!(code, Some(0), "{said:#}");
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);
}

fn users_are_served_before_and_after_migration_and_rollback() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "path");
    homeserver.run("start");
    everybody_is_served(&homeserver);
    let devices = homeserver.devices("syt_bob_desktop");

    let (code, status) = homeserver.json(&["status"]);
    assert_eq!((code, &status["stage"]), (Some(0), &"not-begun".into()));
    ask_first(&homeserver);
    rehearse(&homeserver);
    let token = homeserver.directory.join("token");
    std::fs::write(&token, "syt_nobody\n").unwrap();
    let path = token.display().to_string();
    let (code, outcome) = homeserver.json(&["migrate", "--yes", "--token-file", &path]);
    assert_eq!(
        (code, &outcome["step"]),
        (Some(1), &"inspect".into()),
        "{outcome:#}"
    );
    assert!(!outcome.to_string().contains("syt_nobody"));
    std::fs::write(&token, "syt_alice_phone\n").unwrap();
    let token = token.display().to_string();
    let (code, outcome) = homeserver.json(&["migrate", "--yes", "--token-file", &token]);
    assert_eq!(code, Some(0), "{outcome:#}");
    assert_eq!(outcome["result"], "migrated");
    assert!(homeserver.is_cut_over());
    look_back(&homeserver);
    everybody_is_served(&homeserver);
    assert_eq!(homeserver.devices("syt_carol_web"), ["WEB"]);
    let refreshed = homeserver.refresh("syr_alice_two").unwrap();
    assert_eq!(homeserver.whoami(&refreshed).1["device_id"], "LAPTOP");
    assert!(homeserver.refresh("syr_bob_old").is_err());
    let admins = homeserver.migration.server.sql(
        "mas_path",
        "SELECT username FROM users WHERE can_request_admin ORDER BY 1",
    );
    assert_eq!(admins.trim(), "alice");

    // All this, and logging in, is not reported as a difference; a lost row is.
    let (code, report) = homeserver.json(&["verify"]);
    assert_eq!(code, Some(0), "{report:#}");
    let used = |entity: &str| {
        let entities = report["entities"].as_array().unwrap().iter();
        let mut found = entities.filter(|found| found["entity"] == entity);
        found.next().unwrap()["used"].as_u64().unwrap()
    };
    assert!(
        used("access tokens") > 0 && used("refresh tokens") > 0,
        "{report:#}"
    );
    let of_mas = |statement| {
        homeserver
            .migration
            .server
            .sql(&homeserver.mas_database, statement)
    };
    of_mas("UPDATE user_emails SET email = 'x' || email WHERE email = 'bob@example.com'");
    let (code, report) = homeserver.json(&["verify"]);
    assert_eq!(code, Some(12), "{report:#}");
    of_mas("UPDATE user_emails SET email = substr(email, 2) WHERE email = 'xbob@example.com'");

    let (code, again) = homeserver.json(&["migrate", "--yes"]);
    assert_eq!(
        (code, &again["result"]),
        (Some(0), &"already-migrated".into())
    );
    let (_, status) = homeserver.json(&["status"]);
    assert_eq!(status["stage"], "migrated");

    let (code, refused) = homeserver.json(&["rollback"]);
    assert_eq!(code, Some(10), "{refused:#}");
    let losses = refused["losses"].as_array().unwrap();
    let of = |what: &str| losses.iter().find(|loss| loss["what"] == what);
    assert_eq!(of("sessions").unwrap()["count"], 2, "{losses:?}");
    assert_eq!(
        of("refreshed sessions").unwrap()["samples"][0],
        "alice LAPTOP"
    );
    let (code, plan) = homeserver.json(&["rollback", "--plan"]);
    assert_eq!((code, &plan["losses"]), (Some(10), &refused["losses"]));
    let (code, plan) = homeserver.json(&["rollback", "--plan", "--accept-loss"]);
    assert_eq!((code, &plan["result"]), (Some(0), &"planned".into()));
    assert!(plan["losses"].is_null(), "{plan:#}");
    assert!(homeserver.is_cut_over());
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);

    let (code, done) = homeserver.json(&["rollback", "--accept-loss"]);
    assert_eq!((code, &done["done"]), (Some(0), &true.into()), "{done:#}");
    assert!(!homeserver.is_cut_over());
    // Devices that came through MAS are gone again.
    assert_eq!(homeserver.devices("syt_bob_desktop"), devices);
    everybody_is_served(&homeserver);
    assert!(homeserver.refresh(REFRESH_TOKEN).is_ok());
    let (_, status) = homeserver.json(&["status"]);
    assert_eq!(status["stage"], "not-begun", "{status:#}");
    // As it was when it was backed up, after the dry run.
    assert_eq!(status["masDatabase"], "empty");
    Ok(())
}

crate::support::harness::tests![users_are_served_before_and_after_migration_and_rollback,];
