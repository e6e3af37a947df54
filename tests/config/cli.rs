//! The command line: exit codes, standard output, and that no file is lost.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use crate::support::root;
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

crate::support::harness::tests![
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
