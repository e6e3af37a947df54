//! Whatever `render` accepts works on a host: texts of the module's options are generated, many of them
//! nearly valid. Where one is accepted, every line of the units is one that systemd accepts, no file has
//! another structure than with a plain text, and nginx accepts its configuration. What is refused as a calendar
//! event is none to systemd either.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    differential::{number, runner},
    formats::options,
    support::{
        edit,
        generate::draw,
        harness::{TestResult, skip},
        image::Image,
        program,
    },
};
use mas2nix::{
    codegen::host_files,
    config::load::MergedConfig,
    schema::{
        NEWEST,
        format::{CALENDAR_EVENT, Format},
    },
};
use proptest::{prelude::*, sample::Index, sample::select, test_runner::TestRunner};
use serde_json::{Value, json};
use tempfile::TempDir;

/// An option with texts to begin with. With a value, they are names in a map.
struct Subject {
    path: &'static str,
    seeds: &'static [&'static str],
    value: Option<fn() -> Value>,
    /// Whether the text may have spaces, so that files need not have the same words.
    spaced: bool,
}

impl Subject {
    const fn new(path: &'static str, seeds: &'static [&'static str]) -> Self {
        Subject {
            path,
            seeds,
            value: None,
            spaced: false,
        }
    }

    /// The options with this text. `None` if it is refused.
    fn files(&self, text: &str) -> Option<BTreeMap<PathBuf, String>> {
        let mut options = options();
        // Files of a migration are rendered too. Before the cutover, MAS's URL is not in the well-known document.
        options["migration"] = json!({"enable": !self.path.starts_with("settings.http")});
        options["listen"] = json!({"public": "/run/mas.sock", "internal": "127.0.0.1:8081"});
        options["routes"]["internal"] = "/run/internal.sock".into();
        let new = match self.value {
            None => text.into(),
            Some(value) => json!({text: value()}),
        };
        edit::set(&mut options, self.path, new);
        let rendered = host_files::context(&MergedConfig::from(options), &NEWEST);
        let files = rendered.ok()?.0.files().into_iter();
        Some(files.map(|file| (file.path, file.content)).collect())
    }
}

const PATHS: &[&str] = &["/run/secrets/x", "/nix/store/a-b+c?d=e", "/var/lib/a.b/..c"];
const ADDRESSES: &[&str] = &["127.0.0.1:8480", "[::1]:8480", "/run/x.sock"];
const SCHEDULES: &[&str] = &[
    "daily",
    "Mon..Fri,Sun *-1..6-1/7 04:30",
    "04:00:15.5 Europe/Berlin",
    "*-*~03 *:0/15",
    "2026-12-24",
    "Sat UTC",
];

const SUBJECTS: &[Subject] = &[
    Subject::new("secrets.directory", PATHS),
    Subject::new("migration.directory", PATHS),
    Subject::new("toolsPackage", PATHS),
    Subject::new("package", PATHS),
    Subject::new("extraConfigFiles[0]", PATHS),
    Subject::new("settings.matrix.secret_file", PATHS),
    Subject {
        value: Some(|| "/run/secrets/x".into()),
        ..Subject::new("credentials", &["a", "A.b-c_1"])
    },
    Subject {
        value: Some(|| json!({"passwordFile": "/run/secrets/x"})),
        ..Subject::new("users", &["alice", "a.b=c+d"])
    },
    Subject {
        value: Some(|| "nosniff".into()),
        ..Subject::new("routes.wellKnownHeaders", &["X-A", "x_y"])
    },
    Subject {
        spaced: true,
        ..Subject::new("routes.wellKnownHeaders.X", &["a; b='c'", "nosniff"])
    },
    Subject::new(
        "routes.synapse",
        &[
            "http://127.0.0.1:8008",
            "https://[::1]:80",
            "http://localhost",
        ],
    ),
    Subject::new("routes.internal", ADDRESSES),
    Subject::new("routes.path", &["/", "/auth/"]),
    Subject::new("listen.public", ADDRESSES),
    Subject::new("listen.internal", &["127.0.0.1:8480", "[::1]:8480"]),
    Subject::new(
        "addresses[0]",
        &["any", "10.0.0.0/8", "fd00::/8", "::1/128"],
    ),
    Subject {
        spaced: true,
        ..Subject::new(
            "settings.http.public_base",
            &["https://auth.example.com/a/"],
        )
    },
    Subject::new(
        "synapse.units[0]",
        &["matrix-synapse.service", "a@b.target"],
    ),
    Subject {
        spaced: true,
        ..Subject::new("doctor.schedule", SCHEDULES)
    },
];

/// What has a meaning in units, shell scripts, or the configurations of proxies, and what makes numbers too
/// large.
const FRAGMENTS: &[&str] = &[
    " ",
    "\t",
    "\n",
    "\\",
    "\"",
    "'",
    "`",
    "$",
    "${x}",
    "%",
    "%t",
    ";",
    "{",
    "}",
    "#",
    "/",
    "//",
    "/./",
    "/../",
    "..",
    ".",
    ":",
    ",",
    "-",
    "~",
    "*",
    "?",
    "[",
    "]",
    "(",
    "&",
    "|",
    "<",
    "=",
    "+",
    "@",
    "!",
    "0",
    "9",
    "99",
    "999",
    "a",
    "Z",
    "_",
    "é",
    "\u{7f}",
    "\u{a0}",
    "/24",
    ":0",
    "\nExecStart=/bin/x",
    "a;b",
];

/// A text near to one of the seeds: with fragments added, and characters left out.
fn text(seeds: &'static [&'static str], runner: &mut TestRunner) -> String {
    let mut text: Vec<char> = draw(select(seeds), runner).chars().collect();
    for _ in 0..draw(0..3, runner) {
        let at = draw(any::<Index>(), runner).index(text.len() + 1);
        if draw(any::<bool>(), runner) || at == text.len() {
            let fragment = draw(select(FRAGMENTS), runner);
            text.splice(at..at, fragment.chars());
        } else {
            text.remove(at);
        }
    }
    text.into_iter().collect()
}

/// Whether a path is absolute, and has no step that a shorter path would not have.
fn is_normal(path: &str) -> bool {
    let steps = path.strip_prefix('/').unwrap_or_default();
    let steps = steps.strip_suffix('/').unwrap_or(steps).split('/');
    path.starts_with('/') && steps.clone().all(|step| !["", ".", ".."].contains(&step))
}

/// A single path that needs no quotes.
fn assert_word(path: &str, line: &str) {
    assert!(is_normal(path) && !path.ends_with('/'), "{line:?}");
    assert!(
        !path.contains(|char: char| char.is_ascii_whitespace()),
        "{line:?}"
    );
}

fn assert_credential(value: &str, line: &str) {
    let (name, source) = value.split_once(':').expect(line);
    let is_plain = |char: char| char.is_ascii_graphic() && char != '/';
    assert!(
        !["", ".", ".."].contains(&name) && name.len() < 256,
        "{line:?}"
    );
    assert!(name.chars().all(is_plain) && is_normal(source), "{line:?}");
}

fn assert_address(value: &str, line: &str) {
    if ["any", "localhost"].contains(&value) {
        return;
    }
    let (address, prefix) = value.split_once('/').unwrap_or((value, "0"));
    let most = match address.parse::<IpAddr>().expect(line) {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    assert!(prefix.parse::<u8>().expect(line) <= most, "{line:?}");
}

fn assert_socket(value: &str, line: &str) {
    if let Ok(address) = value.parse::<SocketAddr>() {
        assert!(address.port() > 0, "{line:?}");
    } else {
        assert_word(value, line);
        assert!(value.len() < 108, "{line:?}");
    }
}

/// Asserts what systemd demands of the lines of a unit.
fn assert_unit(text: &str) {
    for line in text.lines().filter(|line| !line.is_empty()) {
        if line.starts_with('[') {
            assert!(["[Unit]", "[Service]", "[Socket]", "[Timer]", "[Install]"].contains(&line));
            continue;
        }
        let (name, value) = line.split_once('=').expect(line);
        assert!(name.chars().all(char::is_alphanumeric), "{line:?}");
        assert!(
            !value.contains(|char: char| char.is_ascii_control()),
            "{line:?}"
        );
        assert!(!value.ends_with('\\') && !value.contains('%'), "{line:?}");
        match name {
            "LoadCredential" => assert_credential(value, line),
            "ReadWritePaths" | "ConditionFileNotEmpty" => assert_word(value, line),
            "IPAddressAllow" => assert_address(value, line),
            "ListenStream" => assert_socket(value, line),
            _ if name.starts_with("Exec") => {
                let program = value.split(' ').next().expect(line);
                assert_word(program.trim_start_matches('!'), line);
            }
            _ => {}
        }
    }
}

/// Asserts what tmpfiles.d(5) demands of lines.
fn assert_tmpfiles(text: &str) {
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(
            words.len() >= 6 && ["d", "f"].contains(&words[0]),
            "{line:?}"
        );
        assert_word(words[1], line);
        assert!(!words[1].contains('%'), "{line:?}");
    }
}

/// What a text has of what separates words and blocks, line by line. White space at the start is left out.
fn structure(text: &str, with_spaces: bool) -> Vec<String> {
    let separates = |char: &char| match char {
        ' ' | '\t' => with_spaces,
        _ => ";{}\"'`$\\".contains(*char),
    };
    let lines = text.lines();
    lines
        .map(|line| line.trim_start().chars().filter(separates).collect())
        .collect()
}

/// Asserts that files are as those with a plain text.
fn assert_same_structure(
    subject: &Subject,
    text: &str,
    files: &BTreeMap<PathBuf, String>,
    plain: &BTreeMap<PathBuf, String>,
) {
    // As the source of a credential, systemd takes the rest of the line.
    if subject.path.starts_with("settings.matrix") {
        return;
    }
    for (path, content) in files {
        // YAML has quotes of its own, and other files depend on the kind of an address.
        if path.extension().is_some_and(|it| it == "yaml") {
            continue;
        }
        let Some(plain) = plain.get(path) else {
            continue;
        };
        let mut kinds = [content, plain].map(|it| structure(it, !subject.spaced));
        if subject.spaced {
            // A value in double quotes may have other quotes.
            for line in kinds.iter_mut().flatten() {
                line.retain(|char| !"';`".contains(char));
            }
        }
        let [found, expected] = kinds;
        assert_eq!(
            found,
            expected,
            "{} = {text:?}: {}",
            subject.path,
            path.display()
        );
    }
}

fn what_render_accepts_is_sound() {
    let mut runner = runner();
    let (mut accepted, mut refused) = (0, 0);
    for subject in SUBJECTS {
        let plain: Vec<_> = subject
            .seeds
            .iter()
            .map(|seed| {
                subject
                    .files(seed)
                    .unwrap_or_else(|| panic!("{seed} is refused"))
            })
            .collect();
        for _ in 0..number("MAS2NIX_ACCEPTED_CASES", 15) {
            let text = text(subject.seeds, &mut runner);
            let Some(files) = subject.files(&text) else {
                refused += 1;
                continue;
            };
            accepted += 1;
            for (path, content) in &files {
                match path.parent().and_then(Path::to_str) {
                    Some("etc/systemd/system") => assert_unit(content),
                    Some("etc/tmpfiles.d") => assert_tmpfiles(content),
                    _ => {}
                }
            }
            // An address and a path have different units.
            let same = plain.iter().find(|plain| {
                let names = |files: &BTreeMap<PathBuf, String>| files.keys().cloned().collect();
                let (own, other): (BTreeSet<PathBuf>, BTreeSet<PathBuf>) =
                    (names(&files), names(plain));
                let unix = text.starts_with('/');
                own == other && (!ADDRESSES.contains(&subject.seeds[0]) || unix)
            });
            if let Some(plain) = same {
                assert_same_structure(subject, &text, &files, plain);
            }
        }
    }
    assert!(accepted > 60 && refused > 60, "{accepted} {refused}");
}

/// nginx's configuration with what was rendered, as docs/any-host.md says. It listens only at sockets in the
/// directory, which it does even to test its configuration.
fn nginx_conf(files: &BTreeMap<PathBuf, String>, directory: &Path) -> String {
    let at = directory.display();
    let mut conf = format!(
        "user root;\npid {at}/pid;\nerror_log stderr;\nevents {{ }}\nhttp {{\naccess_log off;\n"
    );
    for temporary in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(conf, "{temporary}_temp_path {at}/{temporary};").unwrap();
    }
    for (path, content) in files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        if path.starts_with("etc/nginx/conf.d") {
            conf += content;
        } else if path.starts_with("etc/nginx/snippets") {
            writeln!(
                conf,
                "server {{\nlisten unix:{at}/{name}.sock;\n{content}}}"
            )
            .unwrap();
        }
    }
    conf + "}\n"
}

fn nginx_accepts_what_render_accepts() -> TestResult {
    let image = match program("nginx") {
        Some(_) => None,
        None => Some(Image::find()?),
    };
    let nginx = || match &image {
        Some(image) => image.run("usr/sbin/nginx"),
        None => Command::new("nginx"),
    };
    let mut runner = runner();
    let subjects = [
        "routes.synapse",
        "routes.path",
        "routes.wellKnownHeaders",
        "settings.http.public_base",
    ];
    let subjects = SUBJECTS
        .iter()
        .filter(|subject| subjects.iter().any(|it| subject.path.starts_with(it)));
    let mut tested = BTreeSet::new();
    for subject in subjects {
        for _ in 0..number("MAS2NIX_ACCEPTED_CASES", 15) {
            let text = text(subject.seeds, &mut runner);
            let Some(files) = subject.files(&text) else {
                continue;
            };
            if !tested.insert((subject.path, text.clone())) {
                continue;
            }
            let directory = TempDir::new().unwrap();
            let at = directory.path();
            // What the cutover fills, and sockets of the machine.
            let conf = nginx_conf(&files, at)
                .replace("include /var/lib/syn2mas/nginx.conf;", "")
                .replace(
                    "unix:/run/internal.sock",
                    &format!("unix:{}/internal.sock", at.display()),
                );
            fs::write(at.join("nginx.conf"), &conf).unwrap();
            let output = nginx()
                .args(["-t", "-e", "stderr", "-p"])
                .arg(at)
                .arg("-c")
                .arg(at.join("nginx.conf"))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            // Names of servers that there are not.
            let unknown = said.contains("host not found in upstream");
            assert!(
                output.status.success() || unknown,
                "{} = {text:?}: {said}\n{conf}",
                subject.path
            );
        }
    }
    assert!(tested.len() > 20, "{}", tested.len());
    Ok(())
}

/// The pattern is not stricter than systemd, but for forms that nobody writes.
fn what_is_refused_as_a_calendar_event_is_none() -> TestResult {
    let Some(analyze) = program("systemd-analyze") else {
        return skip("systemd-analyze is not on PATH");
    };
    let accepts = |text: &str| {
        let mut command = Command::new(&analyze);
        command.args(["calendar", "--", text]);
        command.output().unwrap().status.success()
    };
    let format: &Format = &CALENDAR_EVENT;
    let mut runner = runner();
    let mut refused = 0;
    for seed in SCHEDULES {
        // There may be no time zones, as in a sandbox.
        assert!(accepts(seed) || seed.contains("Europe/"), "{seed}");
        assert!(format.matches(seed), "{seed}");
    }
    for _ in 0..number("MAS2NIX_ACCEPTED_CASES", 100) {
        let text = text(SCHEDULES, &mut runner);
        if !format.matches(&text) {
            refused += 1;
            assert!(!accepts(&text), "systemd accepts {text:?}");
        }
    }
    assert!(refused > 20, "{refused}");
    Ok(())
}

crate::support::harness::tests![
    what_render_accepts_is_sound,
    nginx_accepts_what_render_accepts,
    what_is_refused_as_a_calendar_event_is_none,
];
