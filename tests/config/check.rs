//! `mas2nix check`: where it says a problem is, its formats, and odd input.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    cli::{MINIMAL, code, directory, err, mas2nix, out},
    support::{assert_no_secret, root},
};
use serde_json::{Value, json};

/// MINIMAL, and then the given lines, which begin at line 3.
fn with(text: &str) -> String {
    format!("{MINIMAL}{text}")
}

fn check_names_the_line_in_file_order() {
    let files = [
        (
            "a.yaml",
            with(
                "email:\n  transport: smtp\naccount:\n  password_registration_enable: true\n\
                 passwords: {minimum_complexity: 9}\n",
            ),
        ),
        (
            "b.yaml",
            "upstream_oauth2:\n  providers:\n    - issuer: 1\n".to_owned(),
        ),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
    let directory = directory(&files);
    let output = mas2nix(directory.path(), &["check", "a.yaml", "b.yaml"]);
    assert_eq!(code(&output), 1);
    assert_eq!(err(&output), "");
    assert_eq!(
        out(&output),
        "\
a.yaml:3:1: email.mode: the transport \"smtp\" requires a mode
    3 | email:
      | ^^^^^
    Set `email.mode` to \"starttls\", \"tls\" or \"plain\".
a.yaml:3:1: email.hostname: the transport \"smtp\" requires a server
    3 | email:
      | ^^^^^
    Set `email.hostname`.
a.yaml:6:3: account.password_registration_enable: unknown option, which MAS would ignore
    6 |   password_registration_enable: ***
      |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    Did you mean `password_registration_enabled`?
a.yaml:7:33: passwords.minimum_complexity: must be an integer from 0 to 4
    7 | passwords: {minimum_complexity: 9}
      |                                 ^
    Correct the value.
b.yaml:3:7: upstream_oauth2.providers[0].id: required option missing
    3 |     - issuer: 1
      |       ^
    Set it; see `mas2nix explain upstream_oauth2.providers[].id`.
b.yaml:3:7: upstream_oauth2.providers[0].client_id: required option missing
    3 |     - issuer: 1
      |       ^
    Set it; see `mas2nix explain upstream_oauth2.providers[].client_id`.
b.yaml:3:7: upstream_oauth2.providers[0].token_endpoint_auth_method: required option missing
    3 |     - issuer: 1
      |       ^
    Set it; see `mas2nix explain upstream_oauth2.providers[].token_endpoint_auth_method`.
b.yaml:3:15: upstream_oauth2.providers[0].issuer: must be a string
    3 |     - issuer: 1
      |               ^
    Put it in quotes.
8 problems: not valid for MAS 1.22.0
"
    );
}

/// The entry of a joined list is where it is in its own file.
fn a_joined_list_keeps_its_lines() {
    let first = with("passwords:\n  schemes:\n    - {version: 1, algorithm: bcrypt}\n");
    let second = "passwords:\n  schemes:\n\n    - {version: 1, algorithm: argon2id}\n";
    let directory = directory(&[("a.yaml", &first), ("b.yaml", second)]);
    let arguments = ["check", "a.yaml", "b.yaml", "--format", "json"];
    let report: Value = serde_json::from_str(&out(&mas2nix(directory.path(), &arguments))).unwrap();
    let problem = &report["problems"][0];
    assert_eq!(problem["path"], "passwords.schemes[1].version");
    assert_eq!(problem["file"], "b.yaml");
    assert_eq!(
        problem["position"],
        json!({"line": 4, "column": 8, "endColumn": 15})
    );
    assert_eq!(
        report["verdict"], "1 problem: not valid for MAS 1.22.0",
        "{report:#}"
    );
}

fn no_format_shows_a_secret() {
    let text = "matrix: {secret: hunter2, homeserver: 'https://a'} # hunter2\n\
        secrets: {encryption: hunter2, keyz: hunter2}\n\
        database: {uri: 'postgresql://a:hunter2@b/c', host: x, port: hunter2}\n\
        email:\n  transport: smtp\n  password: |\n    hunter2\n  username: \"hunter2\\\n    hunter2\"\n\
        clients: [{client_id: a, client_secret: hunter2, client_auth_method: none}]\n\
        upstream_oauth2:\n  providers: [{id: hunter2, client_secret: hunter2, issuer: 'https://a:hunter2@b'}]\n";
    // Only a known option that holds no secret is shown.
    let text = text.replace("id: hunter2", "id: x");
    let text = text.replace("port: hunter2", "port: x");
    let text = text.replace("username: \"hunter2\\\n    hunter2\"", "username: 1");
    let directory = directory(&[("s.yaml", &text)]);
    for format in ["human", "json", "github", "sarif"] {
        for extra in [&[][..], &["--no-inline-secrets"]] {
            let arguments = [&["check", "s.yaml", "--format", format], extra].concat();
            let output = mas2nix(directory.path(), &arguments);
            assert_eq!(code(&output), 1);
            assert!(out(&output).contains("matrix.homeserver"), "{format}");
            assert_no_secret(&output.stdout);
            assert_no_secret(&output.stderr);
        }
    }
    for (text, problem) in [
        ("matrix: {secret: 99999999999999999999999}", "too large"),
        ("secret: 1\nmatrix: {secret: 'hunter2", "not YAML"),
        ("hunter2", "a map of sections"),
        // In place of a section, or of a list of sections.
        ("secrets: hunter2", "secrets: must be a section"),
        ("clients: hunter2", "clients: must be a list"),
        ("clients: [hunter2]", "clients[0]: must be a section"),
    ] {
        let directory = crate::cli::directory(&[("s.yaml", text)]);
        for format in ["human", "json"] {
            let output = mas2nix(directory.path(), &["check", "s.yaml", "--format", format]);
            assert!(!out(&output).contains("999999"), "{}", out(&output));
            assert_no_secret(&output.stdout);
            let found = out(&output).contains(problem);
            assert!(found || format == "json", "{}", out(&output));
        }
    }
}

fn check_writes_annotations_for_github() {
    let text = with("branding: {logo_uri: 'https://a/'}\nacount: {}\n");
    let directory = directory(&[("a,b%.yaml", &text)]);
    let output = mas2nix(directory.path(), &["check", "a,b%.yaml", "--format=github"]);
    assert_eq!(code(&output), 1);
    assert_eq!(
        out(&output),
        "\
::warning file=a%2Cb%25.yaml,line=3,col=12,endColumn=20,title=removed::branding.logo_uri: MAS 1.21.0 and \
newer versions ignore this option. Remove it. This has no other effect.
::error file=a%2Cb%25.yaml,line=4,col=1,endColumn=7,title=unknown-option::acount: unknown option, which MAS \
would ignore. Did you mean `account`?
1 problem, 1 warning: not valid for MAS 1.22.0
"
    );
}

fn check_writes_sarif() {
    let text = with("acount: {}\n");
    let directory = directory(&[("a b.yaml", &text)]);
    let output = mas2nix(
        directory.path(),
        &["check", "a b.yaml", "--format", "sarif"],
    );
    assert_eq!(code(&output), 1);
    let log: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(
        run["tool"]["driver"]["rules"],
        json!([{"id": "unknown-option"}])
    );
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let result = &run["results"][0];
    assert_eq!(
        (&result["ruleId"], &result["level"]),
        (&json!("unknown-option"), &json!("error"))
    );
    assert_eq!(
        result["locations"][0]["physicalLocation"],
        json!({
            "artifactLocation": {"uri": "a%20b.yaml"},
            "region": {"startLine": 3, "startColumn": 1, "endColumn": 7},
        })
    );
    let output = mas2nix(directory.path(), &["check", "absent", "--format", "sarif"]);
    assert_eq!(code(&output), 2);
    let log: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(
        log["runs"][0]["invocations"][0]["executionSuccessful"],
        false
    );
}

fn check_reads_standard_input() {
    let check = |arguments: &[&str], input: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mas2nix"))
            .arg("check")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    };
    assert_eq!(code(&check(&["-"], MINIMAL)), 0);
    let output = check(&["-"], &with("acount: {}\n"));
    assert_eq!(code(&output), 1);
    assert!(
        out(&output).starts_with("<stdin>:3:1: acount: "),
        "{}",
        out(&output)
    );
    let output = check(&["-", "--format", "sarif"], &with("acount: {}\n"));
    assert!(!out(&output).contains("stdin"), "a log names files only");
    let output = Command::new(env!("CARGO_BIN_EXE_mas2nix"))
        .args(["check", "-", "-"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
}

fn errors_are_json_where_findings_are() {
    let directory = directory(&[]);
    for arguments in [
        &["check", "absent.yaml", "--json"][..],
        &["check", "absent.yaml", "--format", "json"],
        &["check", "--format=json"],
        &["check", "--json", "absent.yaml", "--mas-version", "new"],
        &["check", ".", "--json"],
        &["render", "--config", "absent.yaml", "--out", "x", "--json"],
    ] {
        let output = mas2nix(directory.path(), arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        let report: Value = serde_json::from_str(&out(&output)).unwrap();
        assert_eq!(report["valid"], false, "{arguments:?}");
        assert!(report["error"].as_str().unwrap().len() > 10, "{report}");
        assert_eq!(report["problems"], json!([]));
        assert_eq!(err(&output), "");
    }
    let output = mas2nix(
        directory.path(),
        &["diff", "--upstream", "absent", "--json"],
    );
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    assert!(report["error"].as_str().unwrap().contains("absent"));
    let output = mas2nix(directory.path(), &["check", "absent", "--format", "github"]);
    assert!(out(&output).starts_with("::error title=mas2nix::cannot read absent"));
}

fn files_are_checked_together_or_separately() {
    let second = "account: {x: 1}\n";
    let directory = directory(&[("a.yaml", MINIMAL), ("b.yaml", second)]);
    let check = |extra: &[&str]| {
        let arguments = [&["check", "a.yaml", "b.yaml"], extra].concat();
        out(&mas2nix(directory.path(), &arguments))
    };
    assert!(check(&[]).ends_with("\n1 problem: not valid for MAS 1.22.0\n"));
    let apart = check(&["--separate"]);
    assert!(
        apart.starts_with("b.yaml: matrix: required option missing\n"),
        "{apart}"
    );
    assert!(apart.ends_with("\n3 problems: 1 of 2 files are not valid for MAS 1.22.0\n"));
}

fn a_verdict_ends_every_list() {
    let removed = with("branding: {logo_uri: 'https://a/'}\n");
    let directory = directory(&[
        ("good.yaml", MINIMAL),
        ("warn.yaml", &removed),
        ("render.yaml", "rolle: x\n"),
    ]);
    for (arguments, verdict) in [
        (&["check", "good.yaml"][..], "valid for MAS 1.22.0"),
        (&["check", "warn.yaml"], "1 warning: valid for MAS 1.22.0"),
        (
            &["check", "warn.yaml", "--format", "github"],
            "1 warning: valid for MAS 1.22.0",
        ),
        (
            &["check", "good.yaml", "warn.yaml", "--separate"],
            "1 warning: all 2 files are valid for MAS 1.22.0",
        ),
        (
            &["check", "good.yaml", "--mas-version", "1.99"],
            "valid for MAS 1.99.0, as far as mas2nix can say: this version is newer than 1.22.0, the newest that it knows",
        ),
        (
            &["check", "good.yaml", "--mas-version", "0.8.0"],
            "5 problems: not valid for MAS 0.8.0, as far as mas2nix can say: this version is older than 0.9.0, the oldest that it knows",
        ),
        (
            &["render", "--config", "render.yaml", "--out", "host"],
            "1 problem: not valid for MAS 1.22.0, so nothing was written",
        ),
    ] {
        let output = mas2nix(directory.path(), arguments);
        let stdout = out(&output);
        let last = stdout.lines().last().unwrap();
        // How many there are for an old version is another test's matter.
        let last = last
            .split_once(": not valid for MAS 0.8.0")
            .map_or(last, |_| verdict);
        assert_eq!(last, verdict, "{arguments:?}: {stdout}");
    }
}

fn check_tells_files_for_render_from_its_own() {
    let example = root().join("docs/example.yaml");
    let output = mas2nix(root(), &["check", "docs/example.yaml"]);
    assert_eq!(code(&output), 1);
    assert_eq!(
        out(&output),
        "\
docs/example.yaml: this is a file for `mas2nix render`, not a configuration of MAS
    To check it and write the files of a host, run `mas2nix render --config docs/example.yaml --out DIR`.
1 problem: not valid for MAS 1.22.0
"
    );
    // `secrets` is in both.
    let directory = directory(&[
        ("mas.yaml", &with("http: {}\n")),
        ("it's.yaml", "role: both\n"),
    ]);
    let render = ["render", "--config", "mas.yaml", "--out", "host"];
    let output = mas2nix(directory.path(), &render);
    assert_eq!(code(&output), 1);
    assert!(
        out(&output).contains("run `mas2nix check mas.yaml`"),
        "{}",
        out(&output)
    );
    assert!(!directory.path().join("host").exists());
    let output = mas2nix(directory.path(), &["check", "it's.yaml"]);
    assert!(
        out(&output).contains(r"--config 'it'\''s.yaml' --out"),
        "{}",
        out(&output)
    );
    let both = fs::read_to_string(example).unwrap() + "email: {}\n";
    let directory = crate::cli::directory(&[("both.yaml", &both), ("s.yaml", "secrets: {}\n")]);
    for file in ["both.yaml", "s.yaml"] {
        let output = mas2nix(directory.path(), &["check", file]);
        assert!(!out(&output).contains("mas2nix render"), "{}", out(&output));
    }
}

fn colours_are_for_terminals() {
    let directory = directory(&[("a.yaml", "acount: {}\n")]);
    let check = |arguments: &[&str], variable: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_mas2nix"))
            .current_dir(directory.path())
            .args(["check", "a.yaml"])
            .args(arguments)
            .env("NO_COLOR", variable)
            .output()
            .unwrap();
        out(&output)
    };
    for variable in ["", "1"] {
        assert!(!check(&[], variable).contains('\x1b'));
        assert!(!check(&["--color", "never"], variable).contains('\x1b'));
        // What the command line says is newer than the environment.
        assert!(check(&["--color=always"], variable).contains("\x1b[1;31m^^^^^^\x1b[0m"));
        for format in ["json", "github", "sarif"] {
            assert!(!check(&["--color=always", "--format", format], variable).contains('\x1b'));
        }
    }
    // With a terminal: script(1) makes one.
    let on_terminal = |variable: &str| {
        let command = format!("{} check a.yaml", env!("CARGO_BIN_EXE_mas2nix"));
        let output = Command::new("script")
            .current_dir(directory.path())
            .args(["-qec", &command, "/dev/null"])
            .env("NO_COLOR", variable)
            .env("TERM", "xterm")
            .output();
        output.ok().map(|output| out(&output))
    };
    if let Some(text) = on_terminal("") {
        assert!(text.contains("\x1b[1;31m"), "{text}");
        assert!(!on_terminal("1").unwrap().contains('\x1b'));
    }
}

fn odd_input_is_named_and_survived() {
    let directory = directory(&[]);
    let check = |content: &[u8]| {
        fs::write(directory.path().join("a.yaml"), content).unwrap();
        let output = mas2nix(directory.path(), &["check", "a.yaml"]);
        assert_eq!(code(&output), 1, "{}", out(&output));
        out(&output)
    };
    let starts = |content: &[u8], start: &str| {
        let output = check(content);
        assert!(output.starts_with(start), "{output}");
    };
    starts(b"", "a.yaml: matrix: required option missing\n");
    starts(b"# nothing\n", "a.yaml: matrix: required option missing\n");
    starts(
        b"\xef\xbb\xbfacount: {}\nmatrix: 1",
        "a.yaml: secrets: required",
    );
    let bom = check(b"\xef\xbb\xbfacount: {}\n");
    assert!(bom.contains("a.yaml:1:1: acount: "), "{bom}");
    assert!(
        bom.contains("    1 | acount: {}\n      | ^^^^^^\n"),
        "{bom}"
    );
    let crlf = check(with("account:\n  x: 1\n").replace('\n', "\r\n").as_bytes());
    assert!(
        crlf.contains("a.yaml:4:3: ") && !crlf.contains('\r'),
        "{crlf:?}"
    );
    starts(b"matrix:\n\tsecret: x\n", "a.yaml:2:1: not YAML: ");
    starts(b"a: 1\nb: \xff\n", "a.yaml:2:4: not UTF-8\n");
    starts(&[0, 1, 2, 255, 254], "a.yaml:1:4: not UTF-8\n");
    starts(b"a: \0\n", "a.yaml:1:1: not YAML: control characters");
    starts(
        b"matrix: {}\nsecrets: {}\nmatrix: {}\n",
        "a.yaml:3:1: not YAML: duplicate entry",
    );
    starts(
        b"a: 1\n---\na: 2\n",
        "a.yaml: not YAML: deserializing from YAML containing more",
    );
    starts(
        b"x:\n  - !include y\n",
        "a.yaml:2:5: x[0]: MAS does not support YAML tags",
    );
    starts(
        &[b"a: ".to_vec(), vec![b'['; 10_000]].concat(),
        "a.yaml:1:131: not YAML: recursion",
    );
    let escape = check(with("\"\\e[31m\": 1\n").as_bytes());
    assert!(
        !escape.contains('\x1b') && escape.contains("\\u{1b}[31m"),
        "{escape}"
    );
    let long = format!("account: {{x: {}}}\n", "hunter2".repeat(300_000));
    let long = check(with(&long).as_bytes());
    assert!(long.len() < 1000, "{} bytes", long.len());
    let many: Vec<String> = (0..2000).map(|i| format!("x{i}: 1")).collect();
    let many = many.join(", ");
    let many = check(with(&format!("account: {{{many}}}\n")).as_bytes());
    assert!(many.lines().all(|line| line.chars().count() < 400));
    let output = mas2nix(directory.path(), &["check", "."]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("cannot read ."), "{}", err(&output));
}

/// The table of exit codes stands in the help and in the documentation.
fn exit_codes_are_documented() {
    let help = out(&mas2nix(Path::new("."), &["check", "--help"]));
    assert_eq!(
        documented_exit_codes(&help, "docs/check.md"),
        ["0", "1", "2"]
    );
}

/// The exit codes in a program's help, each of which a document has with the same meaning.
pub fn documented_exit_codes<'h>(help: &'h str, document: &str) -> Vec<&'h str> {
    let (_, table) = help.split_once("Exit codes:\n").unwrap();
    let docs = fs::read_to_string(root().join(document)).unwrap();
    let rows = table.lines().take_while(|line| !line.trim().is_empty());
    let mut codes = Vec::new();
    for row in rows {
        let (code, meaning) = row.trim().split_once(' ').unwrap();
        codes.push(code);
        let row = format!("| {code} | {} |", meaning.trim());
        assert!(docs.contains(&row), "{row}");
    }
    codes
}

/// The hooks and the examples are YAML, and their commands exist.
fn hooks_and_examples_are_usable() {
    let hooks = fs::read_to_string(root().join(".pre-commit-hooks.yaml")).unwrap();
    let hooks: Vec<Value> = serde_yaml_ng::from_str(&hooks).unwrap();
    let docs = fs::read_to_string(root().join("docs/check.md")).unwrap();
    let directory = directory(&[("mas.yaml", MINIMAL), ("b.yaml", "acount: {}\n")]);
    let check = |command: &str| {
        let arguments: Vec<&str> = command.split(' ').collect();
        assert_eq!(arguments[..2], ["mas2nix", "check"], "{command}");
        mas2nix(directory.path(), &arguments[1..])
    };
    for hook in &hooks {
        assert!(docs.contains(hook["id"].as_str().unwrap()), "{hook}");
        let entry = hook["entry"].as_str().unwrap();
        assert_eq!(code(&check(&format!("{entry} mas.yaml"))), 0);
        assert_eq!(code(&check(&format!("{entry} mas.yaml b.yaml"))), 1);
        let files = regex::Regex::new(hook["files"].as_str().unwrap()).unwrap();
        for (file, wanted) in [
            ("mas.yaml", true),
            ("hosts/mas-config.yml", true),
            ("matrix-authentication-service.json", true),
            ("christmas.yaml", false),
            ("mas.nix", false),
        ] {
            assert_eq!(files.is_match(file), wanted, "{file}");
        }
    }
    let shown = "# \n".repeat(7) + "account:\n  password_registration_enable: true\n";
    fs::write(directory.path().join("config.yaml"), with(&shown)).unwrap();
    let output = check("mas2nix check config.yaml");
    let shown = format!("$ mas2nix check config.yaml\n{}", out(&output));
    assert!(docs.contains(&shown), "{shown}");
    let examples: Vec<&str> = docs.split("```yaml\n").skip(1).collect();
    assert_eq!(examples.len(), 6);
    let mut commands = 0;
    for example in examples {
        let example = example.split("```").next().unwrap();
        serde_yaml_ng::from_str::<serde_yaml_ng::Value>(example).unwrap();
        for line in example.lines() {
            let Some((_, command)) = line.split_once("mas2nix check") else {
                continue;
            };
            commands += 1;
            let command = command
                .replace("mas/base.yaml", "")
                .replace("mas/config.yaml", "mas.yaml");
            let command = command.split('>').next().unwrap().split_whitespace();
            let command: Vec<&str> = command.collect();
            let output = check(&format!("mas2nix check {}", command.join(" ")));
            assert_eq!(code(&output), 0, "{line}: {}", out(&output));
        }
    }
    assert_eq!(commands, 4);
}

crate::support::harness::tests![
    check_names_the_line_in_file_order,
    a_joined_list_keeps_its_lines,
    no_format_shows_a_secret,
    check_writes_annotations_for_github,
    check_writes_sarif,
    check_reads_standard_input,
    errors_are_json_where_findings_are,
    files_are_checked_together_or_separately,
    a_verdict_ends_every_list,
    check_tells_files_for_render_from_its_own,
    colours_are_for_terminals,
    odd_input_is_named_and_survived,
    exit_codes_are_documented,
    hooks_and_examples_are_usable,
];
