//! The command line: exit codes, standard output, and that no file is lost.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::support::root;
use mas2nix::config::tree;
use serde_json::{Value, json};
use tempfile::TempDir;

pub fn mas2nix(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mas2nix"))
        .current_dir(directory)
        .args(arguments)
        .output()
        .unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

pub const MINIMAL: &str =
    "matrix: {secret_file: /run/secrets/m}\nsecrets: {encryption_file: /run/secrets/e}\n";

fn what_is_committed_is_what_the_compiler_writes() {
    let output = mas2nix(root(), &["compile", "--check"]);
    assert_eq!(code(&output), 0, "{}", out(&output));
}

fn compile_writes_once_and_check_shows_what_is_stale() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    let output = mas2nix(directory, &["compile", "--out", "."]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(out(&output).contains("modules/generated/options/http.nix"));
    assert_eq!(out(&mas2nix(directory, &["compile"])), "");
    assert_eq!(code(&mas2nix(directory, &["compile", "--check"])), 0);

    let changed = directory.join("modules/generated/files.nix");
    let text = fs::read_to_string(&changed).unwrap().replace("raw", "war");
    fs::write(&changed, &text).unwrap();
    let left_over = directory.join("modules/generated/options/old.nix");
    fs::write(&left_over, "{ }\n").unwrap();
    fs::remove_file(directory.join("docs/options.md")).unwrap();
    let output = mas2nix(directory, &["compile", "--check"]);
    assert_eq!(code(&output), 1);
    let diff = out(&output);
    assert!(diff.contains("-# `*`") && diff.contains("war"), "{diff}");
    assert!(
        diff.contains("options/old.nix") && diff.contains("docs/options.md"),
        "{diff}"
    );
    assert_eq!(
        fs::read_to_string(&changed).unwrap(),
        text,
        "--check changes nothing"
    );
    assert_eq!(code(&mas2nix(directory, &["compile"])), 0);
    assert!(!left_over.exists());
    assert_eq!(code(&mas2nix(directory, &["compile", "--check"])), 0);
}

fn compile_says_where_it_cannot_write() {
    let manifest = ("Cargo.toml", "[package]\nname = \"mas2nix\"\n");
    let directory = directory(&[manifest, ("modules", "a file")]);
    let output = mas2nix(directory.path(), &["compile"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("modules"), "{}", err(&output));
}

fn compile_writes_only_to_the_project_or_a_new_directory() {
    let other = directory(&[("Cargo.toml", "[package]\nname = \"other\"\n")]);
    let empty = directory(&[]);
    for (directory, arguments) in [
        (&other, &["compile"][..]),
        (&other, &["compile", "--check"]),
        (&other, &["compile", "--out", "."]),
        (&empty, &["compile"]),
    ] {
        let output = mas2nix(directory.path(), arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        let error = err(&output);
        assert!(error.contains("is not mas2nix's repository"), "{error}");
        assert!(!directory.path().join("modules").exists());
    }
    // A copy of the generated files can be updated.
    for _ in 0..2 {
        let output = mas2nix(empty.path(), &["compile", "--out", "new"]);
        assert_eq!(code(&output), 0, "{}", err(&output));
    }
}

fn every_program_says_its_own_name() {
    let output = mas2nix(root(), &["--version"]);
    assert_eq!(
        out(&output),
        concat!("mas2nix ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

fn commands_for_developers_stand_apart() {
    let help = out(&mas2nix(root(), &["--help"]));
    let (first, second) = help.split_once("For developers and packagers:\n").unwrap();
    for (text, names) in [
        (first, &["check", "render", "explain", "options"][..]),
        (second, &["compile", "diff", "package-files"]),
    ] {
        for name in names {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("  {name} ")));
            assert!(line.is_some(), "{name}: {help}");
            assert_eq!(help.matches(&format!("\n  {name} ")).count(), 1, "{name}");
        }
    }
}

fn check_merges_files_as_mas_does_and_names_them() {
    let files = [
        ("base.yaml", MINIMAL),
        (
            "a.yaml",
            "passwords: {schemes: [{version: 1, algorithm: bcrypt}], minimum_complexity: 9}",
        ),
        (
            "b.json",
            "{\"passwords\": {\"schemes\": [{\"version\": 1, \"algorithm\": \"argon2id\"}], \"minimum_complexity\": 2}}",
        ),
        ("empty.yaml", ""),
    ];
    let directory = directory(&files);
    let arguments = [
        "check",
        "base.yaml",
        "a.yaml",
        "b.json",
        "empty.yaml",
        "--json",
    ];
    let output = mas2nix(directory.path(), &arguments);
    assert_eq!(code(&output), 1);
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(report["valid"], false);
    // Lists are joined; the later number wins.
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{report:#}");
    assert_eq!(problems[0]["id"], "scheme-version-twice");
    assert_eq!(problems[0]["path"], "passwords.schemes[1].version");
    assert_eq!(problems[0]["value"], 1);
    assert_eq!(problems[0]["file"], "b.json");
}

fn check_has_exit_codes_for_valid_invalid_and_wrong_usage() {
    let files = [
        ("good.yaml", MINIMAL),
        ("bad.yaml", "matrix: [\n"),
        ("list.yaml", "- a\n"),
        (
            "inf.yaml",
            "rate_limiting: {registration: {burst: 1, per_second: .inf}}",
        ),
        ("key.yaml", "1: 2"),
    ];
    let directory = directory(&files);
    let directory = directory.path();
    assert_eq!(code(&mas2nix(directory, &["check", "good.yaml"])), 0);
    assert_eq!(code(&mas2nix(directory, &["check"])), 2);
    assert_eq!(
        code(&mas2nix(
            directory,
            &["check", "good.yaml", "--mas-version", "new"]
        )),
        2
    );
    let output = mas2nix(directory, &["check", "absent.yaml"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("absent.yaml"), "{}", err(&output));
    for (file, message) in [
        ("bad.yaml", "not YAML"),
        ("list.yaml", "a map of sections"),
        ("inf.yaml", "rate_limiting.registration.per_second"),
        ("key.yaml", "put this key in quotes"),
    ] {
        let output = mas2nix(directory, &["check", file]);
        assert_eq!(code(&output), 1, "{file}");
        assert!(
            out(&output).contains(message) && out(&output).contains(file),
            "{}",
            out(&output)
        );
    }
}

fn check_knows_versions_and_secrets() {
    let files = [
        ("m.yaml", MINIMAL),
        (
            "u.yaml",
            "matrix: {secret_file: /m, endpoint: 'http://a:hunter2@b c/'}\nsecrets: {encryption_file: /e}",
        ),
        (
            "s.yaml",
            "matrix: {secret: hunter2}\nsecrets: {encryption_file: /e}\ndatabase: {uri: 'postgresql://a:hunter2@b/c'}",
        ),
    ];
    let directory = directory(&files);
    let directory = directory.path();
    let output = mas2nix(directory, &["check", "m.yaml", "--mas-version", "0.16.0"]);
    assert_eq!(code(&output), 1);
    assert!(
        out(&output).contains("requires MAS 0.17.0 or newer"),
        "{}",
        out(&output)
    );
    for version in ["1.0.0", "v1.0.0", "1.0", "1.22.0-rc.1"] {
        let output = mas2nix(directory, &["check", "m.yaml", "--mas-version", version]);
        assert_eq!(code(&output), 0, "{version}: {}", err(&output));
    }
    assert_eq!(code(&mas2nix(directory, &["check", "s.yaml"])), 0);
    let output = mas2nix(directory, &["check", "u.yaml", "--json"]);
    assert!(out(&output).contains("matrix.endpoint"));
    assert!(!out(&output).contains("hunter2"), "{}", out(&output));
    for form in [
        &["check", "s.yaml", "--no-inline-secrets"][..],
        &["check", "s.yaml", "--no-inline-secrets", "--json"],
    ] {
        let output = mas2nix(directory, form);
        assert_eq!(code(&output), 1);
        assert!(out(&output).contains("matrix.secret") && out(&output).contains("database.uri"));
        assert!(!out(&output).contains("hunter2"), "{}", out(&output));
    }
}

fn explain_finds_an_option_however_it_is_written() {
    let directory = root();
    for path in [
        "http.listeners[].binds[].address",
        "http.listeners[3].binds[0].address",
        "http.listeners.*.binds.*.address",
        "services.matrix-authentication-service.settings.http.listeners.*.binds.*.address",
    ] {
        let output = mas2nix(directory, &["explain", path]);
        assert_eq!(code(&output), 0, "{}", err(&output));
        assert!(
            out(&output).starts_with("http.listeners[].binds[].address\n"),
            "{}",
            out(&output)
        );
    }
    for (path, title, option) in [
        (
            "services.matrix-authentication-service.routes.matrixHost",
            "routes.matrixHost",
            "routes.matrixHost",
        ),
        (
            "routes.matrixHost",
            "routes.matrixHost",
            "routes.matrixHost",
        ),
        ("users.alice.admin", "users.*.admin", "users.<name>.admin"),
        ("users.<name>.admin", "users.*.admin", "users.<name>.admin"),
        // MAS's own section, and the module's group.
        ("secrets", "secrets", "settings.secrets"),
        ("settings.secrets", "secrets", "settings.secrets"),
        (
            "services.matrix-authentication-service.secrets",
            "secrets",
            "secrets",
        ),
    ] {
        let output = mas2nix(directory, &["explain", path]);
        assert_eq!(code(&output), 0, "{}", err(&output));
        let text = out(&output);
        assert!(text.starts_with(&format!("{title}\n")), "{text}");
        let option = format!("In NixOS: services.matrix-authentication-service.{option}\n");
        assert!(text.contains(&option), "{text}");
    }
    let list = out(&mas2nix(
        directory,
        &["explain", "services.matrix-authentication-service"],
    ));
    assert!(
        list.contains("services.matrix-authentication-service.createDatabase\n"),
        "{list}"
    );
    assert!(!list.contains("settings."), "{list}");
    // Every option of the module's reference can be explained.
    let reference = fs::read_to_string(directory.join("docs/module-options.md")).unwrap();
    let names = reference
        .lines()
        .filter_map(|line| line.strip_prefix("## `"));
    let names: Vec<&str> = names.map(|name| name.trim_end_matches('`')).collect();
    assert!(names.len() > 40, "only {} options", names.len());
    for name in names {
        let output = mas2nix(directory, &["explain", name]);
        assert_eq!(code(&output), 0, "{name}: {}", err(&output));
    }
    let output = mas2nix(directory, &["explain", "routes.matrixHots"]);
    assert!(
        err(&output).contains("Did you mean `routes.matrixHost`"),
        "{}",
        err(&output)
    );
    let output = mas2nix(directory, &["explain", "http.public_bse"]);
    assert_eq!(code(&output), 2);
    assert!(
        err(&output).contains("Did you mean `http.public_base`"),
        "{}",
        err(&output)
    );
}

fn options_lists_all() {
    let list: Vec<Value> =
        serde_json::from_str(&out(&mas2nix(root(), &["options", "--json"]))).unwrap();
    assert_eq!(list.len(), 271);
    let secret = list
        .iter()
        .find(|option| option["path"] == "matrix.secret")
        .unwrap();
    assert_eq!(secret["secret"], true);
    assert_eq!(secret["file_option"], "secret_file");
    let ttl = list
        .iter()
        .find(|o| o["path"] == "experimental.access_token_ttl")
        .unwrap();
    assert_eq!(ttl["default"], 300);
    assert!(out(&mas2nix(root(), &["options"])).contains("matrix.homeserver"));
}

fn diff_sees_what_upstream_changed() {
    let schema = |change: fn(&mut Value)| {
        let mut schema = json!({
            "type": "object",
            "required": ["secrets", "matrix"],
            "properties": {
                "captcha": {"allOf": [{"$ref": "#/definitions/Captcha"}]},
            },
            "definitions": {"Captcha": {"type": "object", "properties": {
                "service": {"anyOf": [{"$ref": "#/definitions/Service"}, {"type": "null"}]},
                "site_key": {"type": ["string", "null"]},
                "secret_key": {"type": ["string", "null"]},
            }}, "Service": {"oneOf": [
                {"type": "string", "const": "recaptcha_v2"},
                {"type": "string", "const": "cloudflare_turnstile"},
                {"type": "string", "const": "hcaptcha"},
            ]}},
        });
        change(&mut schema);
        schema
    };
    let captcha = |schema: &Value| {
        let directory = directory(&[("schema.json", &schema.to_string())]);
        let output = mas2nix(
            directory.path(),
            &["diff", "--upstream", "schema.json", "--json"],
        );
        assert_eq!(code(&output), 1);
        let differences: Vec<Value> = serde_json::from_str(&out(&output)).unwrap();
        let own = differences
            .into_iter()
            .filter(|d| d["path"].as_str().unwrap().starts_with("captcha"));
        own.map(|d| {
            format!(
                "{} {}",
                d["path"].as_str().unwrap(),
                d["what"].as_str().unwrap()
            )
        })
        .collect::<Vec<_>>()
    };
    let captcha = |change| captcha(&schema(change));
    assert_eq!(captcha(|_| {}), Vec::<String>::new());
    assert_eq!(
        captcha(|s| s["definitions"]["Captcha"]["properties"]["new"] = json!({"type": "boolean"})),
        ["captcha.new path"]
    );
    assert_eq!(
        captcha(
            |s| s["definitions"]["Captcha"]["properties"]["site_key"]["type"] = json!("string")
        ),
        ["captcha.site_key null"]
    );
    assert_eq!(
        captcha(
            |s| s["definitions"]["Captcha"]["properties"]["site_key"]["type"] =
                json!(["integer", "null"])
        ),
        [
            "captcha.site_key maximum",
            "captcha.site_key minimum",
            "captcha.site_key type"
        ]
    );
    assert_eq!(
        captcha(|s| s["definitions"]["Captcha"]["properties"]["site_key"]["default"] = json!("x")),
        ["captcha.site_key default"]
    );
    assert_eq!(
        captcha(|s| s["definitions"]["Captcha"]["required"] = json!(["site_key"])),
        ["captcha.site_key required"]
    );
    assert_eq!(
        captcha(|s| {
            s["definitions"]["Service"]["oneOf"]
                .as_array_mut()
                .unwrap()
                .pop();
        }),
        ["captcha.service choices"]
    );
    let directory = directory(&[("no.json", "{")]);
    let output = mas2nix(directory.path(), &["diff", "--upstream", "no.json"]);
    assert_eq!(code(&output), 2);
    assert!(
        err(&output).contains("no.json is not JSON"),
        "{}",
        err(&output)
    );
}

fn every_command_helps_with_an_example() {
    for command in [
        "check",
        "compile",
        "diff",
        "explain",
        "options",
        "package-files",
        "render",
    ] {
        let output = mas2nix(root(), &[command, "--help"]);
        assert!(out(&output).contains("Example"), "{command}");
    }
}

fn a_package_has_man_pages_and_completions() {
    let directory = directory(&[]);
    let write = || mas2nix(directory.path(), &["package-files", "--out", "share"]);
    let output = write();
    assert_eq!(code(&output), 0, "{}", err(&output));
    let read = |path: &str| {
        let path = directory.path().join("share").join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    for command in [
        "",
        "-check",
        "-compile",
        "-diff",
        "-explain",
        "-options",
        "-package-files",
        "-render",
    ] {
        let page = read(&format!("man/man1/mas2nix{command}.1"));
        assert!(page.contains(".SH NAME\nmas2nix"), "{page}");
        assert!(page.contains("Example"), "{page}");
    }
    assert!(read("man/man1/mas2nix-check.1").contains("Exit codes:"));
    assert_eq!(out(&output).lines().count(), 11, "{}", out(&output));
    assert!(read("zsh/site-functions/_mas2nix").starts_with("#compdef mas2nix\n"));
    assert!(read("fish/vendor_completions.d/mas2nix.fish").contains("separate"));
    let script = "source share/bash-completion/completions/mas2nix
        complete_() { COMP_WORDS=(mas2nix \"$@\") COMP_CWORD=$#; COMPREPLY=()
            _mas2nix mas2nix \"${@: -1}\" \"${@: -2:1}\"; echo \"${COMPREPLY[@]}\"; }
        complete_ comp; complete_ check --format ''";
    let completed = Command::new("bash")
        .current_dir(directory.path())
        .args(["-c", script])
        .output()
        .unwrap();
    assert_eq!(
        out(&completed),
        "compile\nhuman json github sarif\n",
        "{}",
        err(&completed)
    );
    assert_eq!(out(&write()), "", "nothing changes");
    for (name, program) in [
        ("syn2mas", env!("CARGO_BIN_EXE_syn2mas")),
        ("mas-service", env!("CARGO_BIN_EXE_mas-service")),
    ] {
        let run = |arguments: &[&str]| {
            let mut command = Command::new(program);
            command.args(arguments).current_dir(directory.path());
            command.output().unwrap()
        };
        assert!(out(&run(&["--version"])).starts_with(&format!("{name} ")));
        let output = run(&["package-files", "--out", "share"]);
        assert_eq!(code(&output), 0, "{}", err(&output));
        let page = read(&format!("man/man1/{name}.1"));
        assert!(
            page.contains(&format!(".SH NAME\n{}", name.replace('-', "\\-"))),
            "{page}"
        );
        let completions = read(&format!("zsh/site-functions/_{name}"));
        assert!(completions.starts_with(&format!("#compdef {name}\n")));
    }
}

/// The table of exit codes stands in the help and in the documentation.
fn exit_codes_are_described_alike_everywhere() {
    let output = Command::new(env!("CARGO_BIN_EXE_syn2mas"))
        .arg("--help")
        .output()
        .unwrap();
    let help = out(&output);
    let codes = crate::check::documented_exit_codes(&help, "docs/migration.md");
    assert_eq!(codes, ["0", "1", "2", "10", "11", "12"]);
    let output = Command::new(env!("CARGO_BIN_EXE_syn2mas"))
        .arg("unknown")
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
}

fn render_writes_everything_or_nothing() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    let render = |config: &str, extra: &[&str]| {
        fs::write(directory.join("mas.yaml"), config).unwrap();
        let arguments = ["render", "--config", "mas.yaml", "--out", "host"];
        mas2nix(directory, &[&arguments, extra].concat())
    };
    let host = |path: &str| directory.join("host").join(path);

    let output = render("settings: {matrix: {homeserver: a}}\nrolle: both\n", &[]);
    assert_eq!(code(&output), 1);
    let stdout = out(&output);
    assert!(
        stdout.contains("mas.yaml:2:1: rolle: ") && stdout.contains("`role`"),
        "{stdout}"
    );
    assert!(!host("").exists());

    let output = render(
        "settings: {matrix: {homeserver: a, secret: hunter2}}\nroutes: {nginx: true}\n",
        &["--json"],
    );
    assert_eq!(code(&output), 1);
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    let problems = report["problems"].as_array().unwrap().iter();
    let paths: Vec<&str> = problems.map(|p| p["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        ["settings.matrix.secret", "routes.host", "routes.matrixHost"]
    );
    assert!(!out(&output).contains("hunter2") && !host("").exists());

    let minimal = "settings: {matrix: {homeserver: a}}\n";
    let output = render(minimal, &["--json"]);
    assert_eq!(code(&output), 0);
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    for file in report["files"].as_array().unwrap() {
        assert_eq!(file["changed"], true, "{file}");
        assert!(host(file["path"].as_str().unwrap()).exists(), "{file}");
    }
    let mode = |path: &str| fs::metadata(host(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("usr/local/bin/mas-cli"), 0o755);
    assert_eq!(mode("etc/matrix-authentication-service/config.yaml"), 0o644);

    let other = host("etc/systemd/system/other.service");
    fs::write(&other, "not ours").unwrap();
    let output = render(minimal, &[]);
    assert_eq!(out(&output), "");
    assert!(err(&output).contains("0 of "), "{}", err(&output));
    assert!(other.exists());

    let output = mas2nix(
        directory,
        &["render", "--config", "absent", "--out", "host"],
    );
    assert_eq!(code(&output), 2);
}

/// What has the reader closed before anything is written.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// The exit code of a command whose output nobody reads.
fn unread(directory: &Path, arguments: &[&str]) -> i32 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mas2nix"));
    command.current_dir(directory).args(arguments);
    let status = command.stdout(closed()).stderr(closed()).status().unwrap();
    status.code().unwrap()
}

/// How a command exits does not depend on who reads its output.
fn nobody_needs_to_read() {
    let files = [
        ("good.yaml", MINIMAL),
        ("bad.yaml", "matrix: {secret: x}\nunknown: 1\n"),
        ("no.yaml", "matrix: [\n"),
        ("mas.yaml", "settings: {matrix: {homeserver: a}}\n"),
        (
            "wrong.yaml",
            "settings: {matrix: {homeserver: a}}\nrolle: both\n",
        ),
        (
            "schema.json",
            "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}}}",
        ),
    ];
    let directory = directory(&files);
    let directory = directory.path();
    let mut commands: Vec<Vec<&str>> = Vec::new();
    for file in ["good.yaml", "bad.yaml", "no.yaml", "absent.yaml"] {
        for format in ["human", "json", "github", "sarif"] {
            commands.push(vec!["check", file, "--format", format]);
        }
    }
    for json in [&[][..], &["--json"]] {
        for (name, rest) in [
            ("diff", &["--upstream", "schema.json"][..]),
            ("diff", &["--upstream", "absent.json"]),
            ("options", &[]),
            ("render", &["--config", "wrong.yaml", "--out", "host"]),
            ("render", &["--config", "mas.yaml", "--out", "host"]),
            ("render", &["--config", "mas.yaml", "--out", "good.yaml"]),
            ("render", &["--unknown"]),
        ] {
            commands.push([&[name], rest, json].concat());
        }
    }
    commands.push(vec!["compile", "--out", "new"]);
    commands.push(vec!["compile", "--out", "stale", "--check"]);
    commands.push(vec!["explain", "http"]);
    commands.push(vec!["explain", "hhhh"]);
    commands.push(vec!["--help"]);
    let mut codes = std::collections::BTreeSet::new();
    for arguments in commands {
        let mut results = [0, 0];
        for (result, is_read) in results.iter_mut().zip([true, false]) {
            for made in ["host", "new", "stale"] {
                _ = fs::remove_dir_all(directory.join(made));
            }
            *result = if is_read {
                code(&mas2nix(directory, &arguments))
            } else {
                unread(directory, &arguments)
            };
            let writes = arguments.contains(&"mas.yaml") && arguments.contains(&"host");
            let written = directory.join("host/etc/systemd/system").exists();
            assert_eq!(written, writes, "{arguments:?}");
        }
        assert_eq!(results[0], results[1], "{arguments:?}");
        codes.insert(results[0]);
    }
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
}

fn a_full_disk_is_said() {
    let directory = directory(&[("good.yaml", MINIMAL), ("bad.yaml", "a: 1\n")]);
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    for arguments in [
        &["check", "bad.yaml", "--json"][..],
        &["check", "good.yaml"],
        &["check", "bad.yaml", "--format", "sarif"],
        &["check", "absent.yaml", "--json"],
        &["options", "--json"],
        &["check", "--unknown", "--json"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mas2nix"));
        command.current_dir(directory.path()).args(arguments);
        let output = command.stdout(full()).output().unwrap();
        assert_eq!(code(&output), 2, "{arguments:?}");
        let error = err(&output);
        assert!(error.starts_with("mas2nix: "), "{arguments:?}: {error}");
        if !error.contains("absent.yaml") && !error.contains("--unknown") {
            assert!(error.contains("cannot write to standard output"), "{error}");
        }
    }
}

/// What is in the way is found before the first file is written; else what was written is said.
fn render_says_what_it_has_written() {
    let config = ("mas.yaml", "settings: {matrix: {homeserver: a}}\n");
    let render = |directory: &Path, extra: &[&str]| {
        let arguments = ["render", "--config", "mas.yaml", "--out", "host"];
        mas2nix(directory, &[&arguments, extra].concat())
    };
    let whole = directory(&[config]);
    let report: Value = serde_json::from_str(&out(&render(whole.path(), &["--json"]))).unwrap();
    let paths: Vec<&str> = report["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert!(paths.len() > 10, "{paths:?}");
    for path in &paths {
        // A directory in the place of a file, and in that of the file before it is renamed.
        for (in_the_way, found_first) in
            [((*path).to_owned(), true), (format!("{path}.new"), false)]
        {
            let directory = directory(&[config]);
            let at = directory.path();
            let host = at.join("host");
            fs::create_dir_all(host.join(&in_the_way).join("x")).unwrap();
            let output = render(at, &["--json"]);
            assert_eq!(code(&output), 2, "{in_the_way}");
            let report: Value = serde_json::from_str(&out(&output)).unwrap();
            assert_eq!(report["valid"], true, "{report:#}");
            let error = report["error"].as_str().unwrap();
            assert!(error.contains(path), "{error}");
            let mut written = 0;
            for file in report["files"].as_array().unwrap() {
                let exists = host.join(file["path"].as_str().unwrap()).is_file();
                assert_eq!(file["changed"], exists, "{in_the_way}: {file}");
                written += usize::from(exists);
            }
            assert!(!found_first || written == 0, "{in_the_way}: {written}");
            if found_first {
                assert!(error.starts_with("nothing was written: "), "{error}");
            } else {
                let all = paths.len();
                let start = format!("{written} of {all} changed files were written: ");
                assert!(error.starts_with(&start), "{error}");
            }
            let output = render(at, &[]);
            assert_eq!(code(&output), 2, "{in_the_way}");
            assert!(err(&output).contains(path), "{}", err(&output));
        }
    }
}

/// Puts a schema into another one.
type Wrap = fn(Value) -> Value;

/// A schema that contains itself is refused, and one that uses a part twice is not.
fn diff_ends_with_every_schema() {
    let reference = |to: &str| json!({"$ref": to});
    let object = |a: Value| json!({"type": "object", "properties": {"a": a}});
    let with = |mut schema: Value, x: Value, y: Value| {
        schema["definitions"] = json!({"x": x, "y": y});
        schema
    };
    let (x, y) = ("#/definitions/x", "#/definitions/y");
    let text = || json!({"type": "string"});
    let wrappers: [(&str, Wrap); 8] = [
        ("itself", |inner| inner),
        ("allOf", |inner| json!({"allOf": [inner]})),
        (
            "or null",
            |inner| json!({"anyOf": [inner, {"type": "null"}]}),
        ),
        (
            "option",
            |inner| json!({"type": "object", "properties": {"b": inner}}),
        ),
        ("list", |inner| json!({"type": "array", "items": inner})),
        (
            "map",
            |inner| json!({"type": "object", "additionalProperties": inner}),
        ),
        ("form", |inner| {
            json!({"type": "object", "oneOf": [
                {"properties": {"c": inner.clone()}}, {"properties": {"d": inner}},
            ]})
        }),
        ("tagged", |inner| {
            json!({"type": "object", "oneOf": [
                {"properties": {"kind": {"const": "e"}, "e": inner.clone()}},
                {"properties": {"kind": {"const": "f"}, "f": inner}},
            ]})
        }),
    ];
    for (outer, first) in wrappers {
        for (inner, second) in wrappers {
            let name = format!("{outer} and {inner}");
            for endless in [
                with(object(first(reference(x))), second(reference(x)), text()),
                with(
                    object(first(reference(x))),
                    second(reference(y)),
                    first(reference(x)),
                ),
                // The whole schema.
                object(first(second(reference("#")))),
            ] {
                let read = tree::read(&endless);
                let error = read.expect_err(&name).to_string();
                assert!(error.contains("contains itself"), "{name}: {error}");
            }
            let twice = json!({"type": "object", "properties": {
                "a": first(reference(x)), "b": second(reference(x)), "c": first(second(reference(y))),
            }});
            let read = tree::read(&with(twice, second(reference(y)), text()));
            assert!(read.is_ok(), "{name}: {read:?}");
        }
    }
    let directory = directory(&[("circle.json", &reference("#").to_string())]);
    let output = mas2nix(directory.path(), &["diff", "--upstream", "circle.json"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("contains itself"), "{}", err(&output));
}

fn diff_refuses_the_schema_of_mas2nix() {
    for name in ["config", "render"] {
        let file = format!("docs/{name}.schema.json");
        let output = mas2nix(root(), &["diff", "--upstream", &file]);
        assert_eq!(code(&output), 2);
        assert!(
            err(&output).contains("is not upstream's schema"),
            "{}",
            err(&output)
        );
    }
    // The examples in the help of a command do not say to do so.
    let help = out(&mas2nix(root(), &["diff", "--help"]));
    assert!(!help.contains(" docs/config.schema.json"), "{help}");
}

/// What MAS ignores is said of its own options alone.
fn render_speaks_of_its_own_options() {
    let config =
        "settings: {matrix: {homeserver: a, homserver: b}}\nroutes: {nginxx: true, host: null}\n";
    let directory = directory(&[("mas.yaml", config)]);
    let arguments = ["render", "--config", "mas.yaml", "--out", "host", "--json"];
    let output = mas2nix(directory.path(), &arguments);
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    let found: Vec<(&str, &str)> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["path"].as_str().unwrap(), it["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            (
                "settings.matrix.homserver",
                "unknown option, which MAS would ignore"
            ),
            ("routes.nginxx", "there is no such option"),
        ]
    );
}

/// MAS itself ignores what a merge key refers to, and so it is no option that is only misspelled.
fn merge_keys_are_named() {
    let config = "x: &a {endpoint: http://example.com/}\nmatrix:\n  <<: *a\n  homeserver: a\n  \
        secret_file: /run/secrets/m\nsecrets: {encryption_file: /run/secrets/e}\n";
    let options = "settings: {matrix: {homeserver: a}}\nroutes: {<<: {nginx: true}}\n";
    let directory = directory(&[("config.yaml", config), ("mas.yaml", options)]);
    let check = mas2nix(directory.path(), &["check", "config.yaml"]);
    let render = mas2nix(
        directory.path(),
        &["render", "--config", "mas.yaml", "--out", "host"],
    );
    for (output, place) in [
        (check, "config.yaml:3:3: matrix.<<: "),
        (render, "mas.yaml:2:10: routes.<<: "),
    ] {
        assert_eq!(code(&output), 1);
        let expected = format!("{place}MAS does not support merge keys");
        assert!(out(&output).contains(&expected), "{}", out(&output));
    }
}

crate::support::harness::tests![
    nobody_needs_to_read,
    a_full_disk_is_said,
    render_says_what_it_has_written,
    diff_ends_with_every_schema,
    diff_refuses_the_schema_of_mas2nix,
    render_speaks_of_its_own_options,
    merge_keys_are_named,
    what_is_committed_is_what_the_compiler_writes,
    compile_writes_once_and_check_shows_what_is_stale,
    compile_says_where_it_cannot_write,
    compile_writes_only_to_the_project_or_a_new_directory,
    every_program_says_its_own_name,
    commands_for_developers_stand_apart,
    check_merges_files_as_mas_does_and_names_them,
    check_has_exit_codes_for_valid_invalid_and_wrong_usage,
    check_knows_versions_and_secrets,
    explain_finds_an_option_however_it_is_written,
    options_lists_all,
    diff_sees_what_upstream_changed,
    every_command_helps_with_an_example,
    a_package_has_man_pages_and_completions,
    exit_codes_are_described_alike_everywhere,
    render_writes_everything_or_nothing,
];
