//! `--report`: what the pages say, what they never say, and how they look in Chromium.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Output,
    time::{Duration, UNIX_EPOCH},
};

use crate::support::{
    chromium::{Chromium, View},
    harness::TestResult,
    homeserver::Homeserver,
    root,
};
use mas2nix::migrate::{
    MigrateError,
    copy::Round,
    cutover::{Outcome, Summary},
    preflight::{catalogue, finding::Finding},
    rehearse::{Rehearsal, Stage},
    report::{self, Command, Document, Down, Ending, Part, Record, Recorded, Size, configuration},
    step::Step,
    verify::{Difference, DifferenceKind, Report},
};
use serde_json::json;

const GIB: u64 = 1 << 30;

/// A name that a user may choose.
const HOSTILE: &str = "@<script>alert(1)</script>:example.com";

/// What a homeserver with 200,000 users would see: numbers as in docs/performance.md.
fn record(command: Command) -> Record {
    let mut record = Record::new(command, false, "example.com".to_owned());
    record.begun = UNIX_EPOCH + Duration::from_secs(1_769_828_400);
    record.changes = configuration::between(
        &json!({
            "password_config": {"enabled": true, "pepper": "a secret pepper"},
            "oidc_providers": [{"idp_id": "keycloak", "idp_name": "Company login",
                "issuer": "https://sso.example.com/realms/matrix", "client_id": "synapse",
                "client_secret": "a client secret", "user_mapping_provider": {"config": {}}}],
            "enable_registration": true,
            "session_lifetime": "24h",
        }),
        json!({
            "matrix_authentication_service": {"enabled": true, "endpoint": "http://127.0.0.1:8080/",
                "secret_path": "/run/credentials/matrix-synapse.service/mas"},
            "password_config": {"enabled": false},
            "oidc_providers": [],
            "enable_registration": false,
            "session_lifetime": null,
            "enable_3pid_changes": false,
        })
        .as_object()
        .unwrap(),
    );
    record
}

fn findings() -> Vec<Finding> {
    vec![
        Finding {
            count: 7,
            ..catalogue::LOCKED.because("@mallory:example.com")
        },
        Finding {
            count: 31,
            ..catalogue::EMAIL_FORM.because(HOSTILE)
        },
        catalogue::MODULES.because("synapse_auto_accept_invite.InviteAutoAccepter"),
    ]
}

fn entities() -> Vec<Report> {
    [
        ("users", 200_000),
        ("passwords", 181_204),
        ("emails", 163_377),
        ("third-party ids", 2_113),
        ("upstream links", 38_990),
        ("sessions", 600_000),
        ("access tokens", 412_876),
        ("refresh tokens", 187_124),
    ]
    .map(|(entity, rows)| Report {
        entity,
        expected: rows,
        actual: rows,
        ..Report::default()
    })
    .to_vec()
}

fn recorded(parts: &[(Step, f64, &str)]) -> Vec<Recorded> {
    let mut now = 0.0;
    let recorded = parts.iter().map(|(step, took, message)| {
        let begun = now;
        now += took;
        Recorded {
            part: Part::Step(*step),
            begun,
            ended: Some(now),
            is_done: true,
            message: (*message).to_owned(),
        }
    });
    recorded.collect()
}

fn sizes(after: u64) -> Vec<Size> {
    let size = |what: &str, before, after| Size {
        what: what.to_owned(),
        before,
        after: Some(after),
    };
    vec![
        size("Synapse's database", Some(41 * GIB), 41 * GIB),
        size("MAS's database", Some(12 << 20), after),
        size("Backups", None, GIB / 3),
    ]
}

fn migrated() -> Document {
    let mut record = record(Command::Migrate);
    record.findings = Some(findings());
    record.parts = recorded(&[
        (Step::Inspect, 2.1, "3 findings, no blocker"),
        (Step::HoldMas, 0.1, ""),
        (Step::BackUp, 1.2, "/var/lib/syn2mas/backup/01K, 341.33 MiB"),
        (Step::Copy, 3.9, "1,804,921 rows"),
        (Step::Import, 10.1, "/var/lib/syn2mas/backup/01K/import.log"),
        (Step::Verify, 2.1, "1785684 rows, all as they should be"),
        (Step::CatchUp, 5.5, "3 rounds"),
        (
            Step::Stop,
            1.9,
            "matrix-synapse.service, matrix-synapse-worker-1.service",
        ),
        (Step::LastRound, 1.19, "579 rows of 41 users had changed"),
        (Step::Switch, 0.05, ""),
        (
            Step::Start,
            1.2,
            "mas.service, matrix-synapse.service, matrix-synapse-worker-1.service",
        ),
        (
            Step::Probe,
            0.3,
            "Synapse delegates to https://auth.example.com/",
        ),
        (Step::Proxy, 0.1, "logins go to MAS"),
        (
            Step::VerifyAgain,
            7.7,
            "1785684 rows, all as they should be",
        ),
        (Step::Complete, 0.1, ""),
    ]);
    let at = |step| {
        let mut parts = record.parts.iter();
        parts.find(|part| part.part == Part::Step(step)).unwrap()
    };
    record.down = Some(Down {
        begun: at(Step::Stop).begun,
        ended: at(Step::Start).ended,
    });
    record.took = at(Step::Complete).ended.unwrap();
    record.rounds = [
        (1_240, 310, 2_500, 2.9),
        (233, 58, 500, 1.5),
        (112, 30, 500, 1.1),
        (579, 41, 500, 1.19),
    ]
    .map(|(rows, users, seen, seconds)| Round {
        rows,
        users,
        seen,
        seconds,
    })
    .to_vec();
    record.sizes = sizes(GIB / 2);
    let summary = Summary {
        entities: entities(),
        downtime: 4.34,
        ..Summary::default()
    };
    Document::of(&record, &Ending::Migrated(&Outcome::Migrated(summary)))
}

/// The import fails, and the Synapse of this homeserver had to be stopped for it.
fn reverted() -> Document {
    let mut record = record(Command::Migrate);
    record.findings = Some(findings());
    record.parts = recorded(&[
        (Step::Inspect, 2.1, "3 findings, no blocker"),
        (Step::Stop, 2.2, "matrix-synapse.service"),
        (Step::BackUp, 9.0, "/var/lib/syn2mas/backup/01K, 341.33 MiB"),
        (Step::Import, 6.3, ""),
        (Step::Undelegate, 0.1, ""),
        (Step::StartSynapse, 2.0, ""),
        (
            Step::ProbeSynapse,
            0.2,
            "Synapse authenticates its users by itself",
        ),
        (Step::Restore, 1.0, ""),
        (Step::Finish, 0.3, ""),
    ]);
    record.parts[3].is_done = false;
    record.down = Some(Down {
        begun: 2.1,
        ended: Some(21.7),
    });
    record.took = 23.2;
    record.notes =
        vec!["`an unpaired backtick, and <b>markup</b> of @alice:example.com".to_owned()];
    record.sizes = sizes(12 << 20).into_iter().take(2).collect();
    let error = MigrateError::Content {
        path: "/var/lib/syn2mas".into(),
        reason: format!("no room for {HOSTILE} with syt_YWxpY2U_abcdefghij_0a1b2c"),
    };
    let step = Step::Import;
    let outcome = Outcome::FailedAndReverted { step, error };
    Document::of(&record, &Ending::Migrated(&outcome))
}

fn rehearsed() -> Document {
    let mut record = record(Command::Rehearse);
    let stages = [
        (Stage::BackUp, 1.2),
        (Stage::Copy, 4.2),
        (Stage::Import, 10.3),
        (Stage::Verify, 2.1),
        (Stage::Restore, 0.4),
    ];
    let mut now = 0.0;
    for (stage, took) in stages {
        record.parts.push(Recorded {
            part: Part::Stage(stage),
            begun: now,
            ended: Some(now + took),
            is_done: true,
            message: String::new(),
        });
        now += took;
    }
    record.took = now;
    record.sizes = sizes(GIB / 2);
    let rehearsal = Rehearsal {
        identical: true,
        entities: entities(),
        parts: stages.to_vec(),
        start: Some(3.1),
        scan: Some(0.4),
        downtime: 3.5,
        backup_size: GIB / 3,
        mas_size: GIB / 2,
    };
    Document::of(&record, &Ending::Rehearsed(&rehearsal))
}

fn inspected() -> Document {
    let mut record = record(Command::Inspect);
    let mut found = vec![
        Finding {
            count: 2,
            ..catalogue::PROVIDER_NOT_IN_MAS.because("oidc-keycloak")
        },
        catalogue::MAS_CLI.because("mas-cli --version: exit status: 1\nwith hunter2 in its output"),
    ];
    found.extend(findings());
    record.findings = Some(found.clone());
    record.counts = entities()
        .iter()
        .map(|report| (report.entity, report.expected))
        .collect();
    record.sizes = sizes(0).into_iter().take(2).collect();
    Document::of(&record, &Ending::Inspected(&found))
}

fn verified(names: bool) -> Document {
    let mut record = record(Command::Verify);
    record.names = names;
    let mut reports = entities();
    reports[2].changed = 1;
    reports[2].rows = vec![Difference {
        kind: DifferenceKind::Changed,
        key: [("username", Some("mallory <b>".to_owned()))].into(),
        columns: [(
            "email",
            [
                Some("a@example.com".to_owned()),
                Some("b@example.com".to_owned()),
            ],
        )]
        .into(),
    }];
    reports[5].used = 81_222;
    Document::of(&record, &Ending::Verified(&reports))
}

fn examples() -> Vec<(&'static str, String)> {
    [
        ("migrated", migrated()),
        ("reverted", reverted()),
        ("rehearsed", rehearsed()),
        ("inspected", inspected()),
        ("verified", verified(false)),
        ("verified-names", verified(true)),
    ]
    .map(|(name, document)| (name, report::page(&document).unwrap()))
    .to_vec()
}

/// Whether a page is self-contained, and says nothing that it must not say.
fn is_safe(name: &str, page: &str) {
    for forbidden in [
        "<script",
        "<link",
        "<img",
        "<iframe",
        "src=",
        "href=",
        "url(",
        "@import",
        "http-equiv=\"refresh",
    ] {
        assert!(!page.contains(forbidden), "{name}: {forbidden}");
    }
    for inline in [" onload", " onclick", " onerror", "javascript:"] {
        assert!(!page.contains(inline), "{name}: {inline}");
    }
    assert!(
        page.starts_with("<!doctype html>") && page.contains("<html lang=\"en\">"),
        "{name}"
    );
    assert!(page.contains("default-src 'none'"), "{name}");
    for secret in [
        "a secret pepper",
        "a client secret",
        "hunter2",
        "abcdefghij",
    ] {
        assert!(!page.contains(secret), "{name}: {secret}");
    }
}

fn pages_are_self_contained_and_escaped() {
    let examples = examples();
    let page = |name: &str| &examples.iter().find(|(known, _)| *known == name).unwrap().1;
    for (name, page) in &examples {
        is_safe(name, page);
        if *name != "verified-names" {
            assert!(
                !page.contains("mallory") && !page.contains("@alice"),
                "{name}"
            );
        }
    }
    let says = |name: &str, texts: &[&str]| {
        for text in texts {
            assert!(page(name).contains(text), "{name} does not say {text}");
        }
    };
    says(
        "migrated",
        &[
            "Synapse was down for 4.3 s",
            "1,785,684 rows were compared",
            "Synapse stopped",
            "The downtime, enlarged",
            "41.00 GiB",
        ],
    );
    says(
        "reverted",
        &[
            "The migration failed, and everything is as it was before.",
            "The step <code>import</code> failed",
            "no room for (a user) with syt_(secret)",
            "Synapse was down for 20 s.",
            "What was undone",
            "start-synapse",
            "`an unpaired backtick, and &lt;b&gt;markup&lt;&#x2f;b&gt; of (a user)",
        ],
    );
    says(
        "rehearsed",
        &["Synapse will be down for about 3.5 s.", "512.00 MiB"],
    );
    says(
        "inspected",
        &[
            "there are 2 blockers",
            "oidc-keycloak",
            "What would be migrated",
            "names no users",
        ],
    );
    says(
        "verified",
        &["1 row differs", "<code>email</code> in 1 of", "81,222"],
    );
    says(
        "verified-names",
        &["mallory &lt;b&gt;", "b@example.com found"],
    );

    // With names, so that the hostile one is shown.
    let mut record = record(Command::Inspect);
    record.names = true;
    let found = findings();
    record.findings = Some(found.clone());
    let page = report::page(&Document::of(&record, &Ending::Inspected(&found))).unwrap();
    is_safe("hostile", &page);
    assert!(page.contains("@&lt;script&gt;alert(1)&lt;&#x2f;script&gt;:example.com"));
    assert!(page.contains("@mallory:example.com"));
}

/// What a migration that waits for hours, and one without Synapse's own downtime, look like.
fn odd_runs_have_a_page_too() {
    let mut record = record(Command::Migrate);
    record.rounds = vec![Round::default(); 500];
    record.parts = recorded(&[
        (Step::Inspect, 1.0, ""),
        (Step::CatchUp, 30_000.0, "500 rounds"),
    ]);
    record.parts[1].is_done = false;
    let outcome = Outcome::FailedAndReverted {
        step: Step::CatchUp,
        error: MigrateError::Cancelled,
    };
    let document = Document::of(&record, &Ending::Migrated(&outcome));
    let page = report::page(&document).unwrap();
    assert!(page.contains("was cancelled") && page.contains("Synapse was not stopped."));
    assert!(page.contains("488 more rounds") && page.contains("8 h 20 min"));

    let empty = Record::new(Command::Migrate, false, String::new());
    let outcomes = [
        Outcome::RolledBack,
        Outcome::Already {
            cut_over: "2026-01-31T03:00:00Z".to_owned(),
        },
        Outcome::RollbackIncomplete {
            step: Step::Start,
            error: MigrateError::Interrupted,
            left: vec![
                "Synapse may be down: start: exit status: 1\nhunter2. Correct that, then go on"
                    .to_owned(),
            ],
        },
        Outcome::Migrated(Summary::default()),
    ];
    for outcome in &outcomes {
        let page = report::page(&Document::of(&empty, &Ending::Migrated(outcome))).unwrap();
        is_safe("odd", &page);
    }
    let error = MigrateError::Usage {
        problem: "no Synapse configuration",
        fix: "pass it",
    };
    let page = report::page(&Document::of(&empty, &Ending::Failed(&error))).unwrap();
    assert!(page.contains("no Synapse configuration"));
}

/// Where pages and pictures of them are kept.
fn kept() -> PathBuf {
    let directory = root().join("target/report");
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn in_chromium_pages_fit_and_can_be_read() -> TestResult {
    let chromium = Chromium::find()?;
    let kept = kept();
    let mut backgrounds = Vec::new();
    for (name, page) in examples() {
        fs::write(kept.join(format!("{name}.html")), &page).unwrap();
        for (width, is_dark) in [(400, false), (400, true), (1200, false), (1200, true)] {
            let view = View { width, is_dark };
            let measured = chromium.measure(&page, view);
            assert!(measured.texts > 20, "{name}: {measured:?}");
            assert!(measured.width <= width, "{name}, {view:?}: {measured:#?}");
            assert!(
                measured.overflowing.is_empty(),
                "{name}, {view:?}: {measured:#?}"
            );
            assert!(measured.faint.is_empty(), "{name}, {view:?}: {measured:#?}");
            assert!(
                measured.requests.is_empty(),
                "{name}, {view:?}: {measured:#?}"
            );
            backgrounds.push(measured.background);
            // One of each kind of picture is enough to look at.
            if is_dark == (width == 400) || name == "migrated" {
                let scheme = if is_dark { "dark" } else { "light" };
                let picture = kept.join(format!("{name}-{width}-{scheme}.png"));
                chromium.screenshot(&page, view, measured.height, &picture);
                assert!(
                    fs::metadata(&picture).unwrap().len() > 20_000,
                    "{}",
                    picture.display()
                );
            }
        }
    }
    backgrounds.sort();
    backgrounds.dedup();
    assert_eq!(backgrounds.len(), 2, "light and dark: {backgrounds:?}");
    let pdf = kept.join("migrated.pdf");
    chromium.print(&examples()[0].1, &pdf);
    assert!(fs::read(&pdf).unwrap().starts_with(b"%PDF"));
    Ok(())
}

/// The browser test would notice what it looks for.
fn in_chromium_a_bad_page_is_noticed() -> TestResult {
    let chromium = Chromium::find()?;
    let view = View {
        width: 400,
        is_dark: false,
    };
    let measured = chromium.measure(
        "<!doctype html><body style='background: white; margin: 0'><p style='width: 900px'>wide</p>\
         <p class=narrow style='width: 40px; white-space: nowrap'>much too long</p>\
         <p style='color: #999'>faint</p><img src='http://127.0.0.1:9/picture.png'>",
        view,
    );
    assert!(
        measured.width >= 900 && !measured.overflowing.is_empty(),
        "{measured:?}"
    );
    let has_narrow = |one: &String| one.starts_with("P.narrow");
    assert!(measured.overflowing.iter().any(has_narrow), "{measured:?}");
    assert_eq!(measured.faint.len(), 1, "{measured:?}");
    assert_eq!(measured.requests, ["http://127.0.0.1:9/picture.png"]);
    Ok(())
}

/// Every token, password hash and secret of a homeserver.
fn secrets(homeserver: &Homeserver) -> Vec<String> {
    let rows = homeserver.synapse_sql(
        "SELECT token FROM access_tokens UNION SELECT token FROM refresh_tokens
         UNION SELECT password_hash FROM users WHERE password_hash <> ''",
    );
    let mut secrets: Vec<String> = rows.lines().map(str::to_owned).collect();
    assert!(secrets.len() > 15);
    let config = fs::read_to_string(&homeserver.migration.mas_config).unwrap();
    let (_, keys) = config.split_once("secrets: ").unwrap();
    let keys: serde_json::Value = serde_json::from_str(keys.lines().next().unwrap()).unwrap();
    for key in keys["keys"].as_array().unwrap() {
        let lines = key["key"].as_str().unwrap().lines();
        secrets.extend(
            lines
                .filter(|line| !line.starts_with("-----"))
                .map(str::to_owned),
        );
    }
    secrets.extend(["of-the-test", "shared-secret", "as-token"].map(str::to_owned));
    secrets.push("0".repeat(64));
    secrets
}

/// A homeserver whose commands write reports.
struct Reported<'a> {
    homeserver: Homeserver<'a>,
    secrets: Vec<String>,
    file: PathBuf,
}

impl Reported<'_> {
    /// Runs `syn2mas`. The report has these texts, no secret, and no user without `--names`.
    fn run(&self, arguments: &[&str], code: i32, texts: &[&str]) {
        self.run_command(&mut self.homeserver.syn2mas(arguments), code, texts);
    }

    fn run_command(&self, command: &mut std::process::Command, code: i32, texts: &[&str]) {
        let output: Output = command.arg("--report").arg(&self.file).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{command:?}: {error}");
        let page = fs::read_to_string(&self.file)
            .unwrap_or_else(|_| panic!("there is no report: {error}"));
        let mode = fs::metadata(&self.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        is_safe("a real run", &page);
        for text in texts {
            assert!(page.contains(text), "the page does not say {text}:\n{page}");
        }
        for secret in &self.secrets {
            assert!(!page.contains(secret.as_str()), "{command:?}: {secret}");
        }
        if command.get_args().any(|argument| argument == "--names") {
            return;
        }
        for name in [
            "alice", "bob", "carol", "Mixed", "alert(1)", "PHONE", "LAPTOP",
        ] {
            assert!(!page.contains(name), "{command:?}: {name}");
        }
    }

    /// Where there is nothing to report, this is said, and no earlier report is taken for a new one.
    fn none_of(&self, arguments: &[&str], code: i32) {
        let mut command = self.homeserver.syn2mas(arguments);
        let output = command.arg("--report").arg(&self.file).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains("There is no report"), "{error}");
        assert!(!self.file.exists());
    }

    /// Nothing begins if the report cannot be written.
    fn refuses_bad_paths(&self) {
        let directory = &self.homeserver.directory;
        let overlay = directory.join("overlay.source");
        for (path, reason) in [
            (directory.join("absent/report.html"), "no such directory"),
            (overlay, "something else in it"),
        ] {
            let mut command = self.homeserver.syn2mas(&["migrate", "--yes"]);
            let output = command.arg("--report").arg(path).output().unwrap();
            assert_eq!(output.status.code(), Some(1));
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(error.contains(reason), "{error}");
            assert!(!directory.join("state").exists());
        }
    }

    fn before_the_migration(&self) {
        let inspected = [
            "ready for the migration",
            "<code>guests</code>",
            "names no users",
            "What would be migrated",
            "not shown",
        ];
        self.run(&["inspect"], 11, &inspected);
        let hostile = "@&lt;script&gt;alert(1)&lt;&#x2f;script&gt;:example.com";
        self.run(&["inspect", "--names"], 11, &[hostile]);
        let rehearsed = [
            "All data would arrive in MAS.",
            "Expected downtime",
            "restore",
        ];
        self.run(&["rehearse"], 0, &rehearsed);

        let rename = |from: &str, to: &str| {
            let rename = format!("UPDATE users SET name = '{to}' WHERE name = '{from}'");
            self.homeserver.synapse_sql(&rename);
        };
        rename("@1:example.com", "@1:other.org");
        let blocked = [
            "Nothing was done: there are 3 blockers.",
            "wrong-server-name",
        ];
        self.run(&["migrate", "--yes"], 10, &blocked);
        rename("@1:other.org", "@1:example.com");
    }

    /// A program fails, and prints what it should not.
    fn failed_migration(&self) {
        let failing = self.homeserver.directory.join("mas-cli");
        crate::support::script(
            &failing,
            &format!(
                "case \"$*\" in *'syn2mas migrate'*)
  echo 'alice has syt_alice_phone' >&2; exit 1;; esac
exec {} \"$@\"",
                self.homeserver.migration.mas.program().display()
            ),
        );
        let mut command = self
            .homeserver
            .syn2mas_with(&failing, &["migrate", "--yes"]);
        let reverted = [
            "The migration failed, and everything is as it was before.",
            "The step <code>import</code> failed",
            "Synapse was not stopped.",
            "What was undone",
            "restore: Restores MAS&#x27;s database",
        ];
        self.run_command(&mut command, 1, &reverted);
        assert!(!self.homeserver.is_cut_over());
        self.none_of(&["verify"], 1);
    }

    fn migration(&self) {
        let migrated = [
            "The homeserver is migrated to MAS.",
            "Synapse was down for",
            "Synapse stopped",
            "last-round",
            "✓ equal",
            "Growth of the databases",
            "Backups",
            "matrix_authentication_service",
            "<code>guests</code>",
        ];
        self.run(&["migrate", "--yes"], 0, &migrated);
        let page = fs::read_to_string(&self.file).unwrap();
        assert!(!page.contains(">unknown<"), "all sizes are known");
        fs::copy(&self.file, kept().join("real.html")).unwrap();
        self.run(&["verify"], 0, &["MAS has everything that it should have."]);
        let before = "This homeserver was migrated to MAS before.";
        self.run(&["migrate", "--yes"], 0, &[before]);
        self.none_of(&["inspect"], 0);

        let rename = "UPDATE user_emails SET email = 'x' || email WHERE email = 'bob@example.com'";
        let server = self.homeserver.migration.server;
        server.sql(&self.homeserver.mas_database, rename);
        let differing = [
            "rows differ",
            "✕ differs",
            "<code>syn2mas verify</code> shows",
        ];
        self.run(&["verify"], 12, &differing);
        self.run(&["verify", "--names"], 12, &["xbob@example.com"]);
    }
}

fn reports_of_real_runs_have_no_secrets() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "report");
    homeserver.synapse_sql(&format!(
        "INSERT INTO users (name, creation_ts, admin, is_guest, deactivated, locked)
         VALUES ('{HOSTILE}', 1500000000, 0, 1, 0, false)"
    ));
    homeserver.run("start");
    let reported = Reported {
        secrets: secrets(&homeserver),
        file: homeserver.directory.join("report.html"),
        homeserver,
    };
    reported.refuses_bad_paths();
    reported.before_the_migration();
    reported.failed_migration();
    reported.migration();
    Ok(())
}

crate::support::harness::tests![
    reports_of_real_runs_have_no_secrets,
    pages_are_self_contained_and_escaped,
    odd_runs_have_a_page_too,
    in_chromium_pages_fit_and_can_be_read,
    in_chromium_a_bad_page_is_noticed,
];
