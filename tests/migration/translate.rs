//! `syn2mas translate`: its output is valid for MAS and the module, deterministic, and without
//! secrets, and nothing is dropped silently.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::support::{Case, MasCli, Nix, harness::TestResult, root, synapse_python};
use mas2nix::rules::check;
use serde_json::{Value, json};
use tempfile::TempDir;

const LEGACY: &str = "tests/fixtures/legacy.yaml";

/// What `syn2mas translate` writes on both outputs.
fn translate(arguments: &[&str]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_syn2mas"))
        .args(["translate", "--synapse-config"])
        .arg(root().join(LEGACY))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    (String::from_utf8(output.stdout).unwrap(), said)
}

fn settings() -> Value {
    serde_json::from_str(&translate(&["--format", "json"]).0).unwrap()
}

fn provider(settings: &Value, id: &str) -> Value {
    let providers = settings["upstream_oauth2"]["providers"].as_array().unwrap();
    let mut found = providers
        .iter()
        .filter(|provider| provider["synapse_idp_id"] == id);
    found
        .next()
        .unwrap_or_else(|| panic!("{id}\n{providers:#?}"))
        .clone()
}

fn everything_that_mas_supports_is_translated() {
    let settings = settings();
    for (path, expected) in [
        ("/matrix/homeserver", json!("example.com")),
        ("/matrix/endpoint", json!("http://[::1]:8008/")),
        (
            "/passwords/schemes",
            json!([
                {"version": 1, "algorithm": "bcrypt", "unicode_normalization": true,
                 "secret_file": "/var/lib/secrets/mas/pepper", "cost": 10},
                {"version": 2, "algorithm": "argon2id"},
            ]),
        ),
        ("/account/password_registration_enabled", json!(true)),
        ("/account/password_registration_email_required", json!(true)),
        ("/account/password_registration_token_required", json!(true)),
        ("/account/displayname_change_allowed", json!(false)),
        ("/account/email_change_allowed", json!(false)),
        ("/account/password_recovery_enabled", json!(true)),
        ("/account/login_with_email_allowed", json!(true)),
        (
            "/captcha",
            json!({"service": "recaptcha_v2", "site_key": "public"}),
        ),
        ("/experimental/compat_token_ttl", json!(600)),
        (
            "/experimental/inactive_session_expiration/ttl",
            json!(2_592_000),
        ),
        (
            "/rate_limiting/login/per_ip",
            json!({"per_second": 0.5, "burst": 7}),
        ),
        (
            "/rate_limiting/registration",
            json!({"per_second": 0.25, "burst": 3}),
        ),
        ("/email/mode", json!("starttls")),
        ("/email/port", json!(587)),
        (
            "/email/password_file",
            json!("/var/lib/secrets/mas/smtp-password"),
        ),
        ("/email/from", json!("Example <noreply@example.com>")),
    ] {
        assert_eq!(settings.pointer(path), Some(&expected), "{path}");
    }
    let corporate = provider(&settings, "oidc-corporate");
    for (option, expected) in [
        ("human_name", json!("Corporate")),
        ("brand_name", json!("google")),
        (
            "client_secret_file",
            json!("/var/lib/secrets/mas/oidc-corporate-client-secret"),
        ),
        ("token_endpoint_auth_method", json!("client_secret_post")),
        ("scope", json!("openid profile email groups")),
        ("pkce_method", json!("always")),
        ("fetch_userinfo", Value::Null),
        ("discovery_mode", Value::Null),
        ("on_backchannel_logout", json!("logout_all")),
        ("id_token_signed_response_alg", json!("ES256")),
        ("forward_login_hint", json!(true)),
        (
            "additional_authorization_parameters",
            json!({"prompt": "select_account"}),
        ),
    ] {
        assert_eq!(corporate[option], expected, "{option}");
    }
    assert_eq!(
        corporate["claims_imports"]["localpart"]["on_conflict"],
        "add"
    );
    let old = provider(&settings, "oidc");
    assert_eq!(
        (
            &old["discovery_mode"],
            &old["fetch_userinfo"],
            &old["token_endpoint_auth_method"]
        ),
        (&json!("disabled"), &json!(true), &json!("none"))
    );
    assert_eq!(old["claims_imports"]["localpart"]["action"], "suggest");
    let apple = provider(&settings, "oidc-apple");
    assert_eq!(apple["token_endpoint_auth_method"], "sign_in_with_apple");
    assert_eq!(apple["sign_in_with_apple"]["team_id"], "TEAM");
    let path = provider(&settings, "oidc-path");
    assert_eq!(path["client_secret_file"], "/run/secrets/path");
    assert_eq!(
        (&path["discovery_mode"], &path["fetch_userinfo"]),
        (&json!("insecure"), &json!(true))
    );
}

fn attribute_requirements_become_a_condition_on_the_subject() {
    let template = provider(&settings(), "oidc-corporate");
    let template = template["claims_imports"]["subject"]["template"]
        .as_str()
        .unwrap()
        .to_owned();
    let subject = |claims: Value| {
        let environment = minijinja::Environment::new();
        environment
            .render_str(&template, json!({"user": claims}))
            .unwrap()
    };
    let good = json!({"employee": "7", "groups": ["x", "matrix"], "email_verified": true});
    assert_eq!(subject(good.clone()), "7");
    for (claim, value, expected) in [
        ("groups", json!("matrix"), "7"),
        ("groups", json!(["the \"admins\""]), "7"),
        ("groups", json!(["matrix-guests"]), ""),
        ("groups", json!("matrix-guests"), ""),
        ("groups", Value::Null, ""),
    ] {
        let mut claims = good.clone();
        claims[claim] = value;
        assert_eq!(subject(claims.clone()), expected, "{claims}");
    }
    assert_eq!(subject(json!({"employee": "7", "groups": ["matrix"]})), "");
}

fn untranslated_options_are_listed() {
    let (out, _) = translate(&["--json"]);
    let translation: Value = serde_json::from_str(&out).unwrap();
    let left = translation["left"].as_array().unwrap();
    for option in [
        "password_config.policy",
        "registration_requires_token",
        "allowed_local_3pids",
        "registration_shared_secret",
        "user_consent",
        "session_lifetime",
        "rc_login.failed_attempts",
        "saml2_config",
        "email.require_transport_security",
        "oidc_providers[0]",
        "oidc_providers[0].passthrough_authorization_parameters",
        "oidc_providers[0].user_mapping_provider.config.picture_template",
        "oidc_providers[1].enable_registration",
        "oidc_providers[1].idp_icon",
    ] {
        let found = left.iter().any(|left| left["option"] == option);
        assert!(found, "{option}\n{left:#?}");
    }
    let unexpected = ["cas_config", "oidc_config"];
    assert!(
        left.iter()
            .all(|left| !unexpected.contains(&left["option"].as_str().unwrap()))
    );
}

fn no_secret_is_shown_and_all_are_written() {
    let directory = TempDir::new().unwrap();
    let secrets = directory.path().join("secrets");
    let path = secrets.display().to_string();
    for arguments in [&["--format", "yaml"][..], &["--json"], &[]] {
        let (out, said) = translate(&[arguments, &["--write-secrets", &path]].concat());
        assert!(
            !out.contains("hush") && !said.contains("hush"),
            "{out}\n{said}"
        );
        // The same every time, with files that are there already.
        assert_eq!(
            translate(&[arguments, &["--secrets", &path]].concat()).0,
            out
        );
    }
    let mut files: Vec<_> = fs::read_dir(&secrets)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .collect();
    files.sort();
    let expected = [
        ("mas.yaml", "captcha:\n  secret_key: \"hush-captcha\"\n"),
        ("oidc-apple-apple-key", "hush-apple"),
        ("oidc-corporate-client-secret", "hush-corporate"),
        ("pepper", "hush-pepper"),
        ("smtp-password", "hush-smtp"),
    ];
    assert_eq!(files.len(), expected.len(), "{files:?}");
    for ((name, path), (expected_name, content)) in files.iter().zip(expected) {
        assert_eq!(name, expected_name);
        assert_eq!(fs::read_to_string(path).unwrap(), content);
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    fs::write(secrets.join("pepper"), "another").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_syn2mas"))
        .args(["translate", "--write-secrets", &path, "--synapse-config"])
        .arg(root().join(LEGACY))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("pepper: it exists with other content")
    );
    assert_eq!(
        fs::read_to_string(secrets.join("pepper")).unwrap(),
        "another"
    );
}

/// The configuration of a homeserver, its translation, and what is listed as not translated.
fn translated(synapse: &str) -> (Value, Vec<String>) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("homeserver.yaml");
    fs::write(&file, synapse).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_syn2mas"))
        .args(["translate", "--json", "--synapse-config"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{synapse}\n{said}");
    let mut translation: Value = serde_json::from_slice(&output.stdout).unwrap();
    let left = translation["left"].as_array().unwrap().iter();
    let left = left.map(|left| left["option"].as_str().unwrap().to_owned());
    let left = left.collect();
    (translation["settings"].take(), left)
}

/// Options in other spellings than those of JSON have the same translation.
fn spellings_do_not_matter() {
    let text = fs::read_to_string(root().join(LEGACY)).unwrap();
    let expected = translated(&text);
    for (on, off) in [("yes", "no"), ("On", "OFF"), ("TRUE", "False")] {
        let spelled = text
            .replace(": true", &format!(": {on}"))
            .replace(": false", &format!(": {off}"));
        assert_ne!(spelled, text);
        assert_eq!(translated(&spelled), expected, "{on} {off}");
    }
    assert_eq!(translated(&format!("\u{feff}{text}")), expected);
    let merged = text
        .replace(
            "password_config: { pepper: hush-pepper,",
            "secrets: &secrets { pepper: hush-pepper }\npassword_config: { <<: *secrets,",
        )
        .replace(
            "per_second: 0.25, burst_count: 3",
            "<<: {burst_count: 3, per_second: 0.25}",
        );
    assert_ne!(merged, text);
    assert_eq!(translated(&merged), expected);
}

fn each_switch_counts_in_every_spelling() {
    let provider = |option: &str| {
        format!(
            "oidc_providers: [{{idp_id: a, idp_name: a, issuer: 'https://a/', client_id: a, {option}}}]"
        )
    };
    let of_provider = |option: &str| format!("/upstream_oauth2/providers/0/{option}");
    for (on, off) in [("yes", "no"), ("on", "off"), ("True", "False")] {
        for (synapse, path, expected) in [
            (
                format!("enable_registration: {on}\nregistration_requires_token: {on}"),
                "/account/password_registration_token_required".to_owned(),
                json!(true),
            ),
            (
                provider(&format!("enable_registration: {off}")),
                of_provider("registration_token_required"),
                json!(true),
            ),
            (
                provider(&format!("discover: {off}")),
                of_provider("discovery_mode"),
                json!("disabled"),
            ),
            (
                provider(&format!("backchannel_logout_enabled: {on}")),
                of_provider("on_backchannel_logout"),
                json!("logout_all"),
            ),
            (
                provider(&format!(
                    "user_mapping_provider: {{config: {{localpart_template: a, confirm_localpart: {on}}}}}"
                )),
                of_provider("claims_imports/localpart/action"),
                json!("suggest"),
            ),
            (
                format!("email: {{smtp_host: a, force_tls: {on}}}"),
                "/email/mode".to_owned(),
                json!("tls"),
            ),
            (
                format!("enable_set_displayname: {off}"),
                "/account/displayname_change_allowed".to_owned(),
                json!(false),
            ),
            (
                format!("password_config: {{enabled: {off}}}"),
                "/passwords/enabled".to_owned(),
                json!(false),
            ),
        ] {
            let (settings, _) = translated(&format!("server_name: example.com\n{synapse}"));
            assert_eq!(settings.pointer(&path), Some(&expected), "{synapse}");
        }
        let policy =
            format!("server_name: example.com\npassword_config: {{policy: {{enabled: {on}}}}}");
        let (_, left) = translated(&policy);
        assert_eq!(left, ["password_config.policy"], "{on}");
    }
}

/// Python takes any text but the empty one for true.
fn other_values_count_as_synapse_takes_them() {
    for (synapse, path, expected) in [
        ("email: {force_tls: 'yes'}", "/email/mode", json!("tls")),
        ("email: {force_tls: 1}", "/email/mode", json!("tls")),
        ("email: {force_tls: ''}", "/email/mode", json!("starttls")),
        (
            "enable_set_displayname: 0",
            "/account/displayname_change_allowed",
            json!(false),
        ),
        (
            "password_config: {enabled: 0}",
            "/passwords/enabled",
            json!(false),
        ),
        (
            "enable_registration: 'on'",
            "/account/password_registration_enabled",
            json!(true),
        ),
        (
            "password_config: {enabled: }",
            "/passwords/enabled",
            json!(false),
        ),
        (
            "enable_set_displayname:",
            "/account/displayname_change_allowed",
            json!(false),
        ),
        ("email: {smtp_port: '587'}", "/email/port", json!(587)),
        (
            "refreshable_access_token_lifetime: '1 h'",
            "/experimental/compat_token_ttl",
            json!(3600),
        ),
    ] {
        let (settings, _) = translated(&format!("server_name: example.com\n{synapse}"));
        assert_eq!(settings.pointer(path), Some(&expected), "{synapse}");
    }
}

/// Synapse looks for `email` in whatever is there.
fn whoever_needs_an_address_still_does() {
    for (required, expected) in [
        ("[email]", true),
        ("[msisdn]", false),
        ("email", true),
        ("'email,msisdn'", true),
        ("{email: true}", true),
        ("{email: false}", true),
        ("{}", false),
        ("", false),
    ] {
        let synapse = format!(
            "server_name: a\nenable_registration: true\nregistrations_require_3pid: {required}\n"
        );
        let (settings, _) = translated(&synapse);
        let needed = settings.pointer("/account/password_registration_email_required");
        assert_eq!(needed, Some(&expected.into()), "{required}");
    }
}

/// A rate limit of Synapse is translated, or is listed.
fn no_rate_limit_is_lost() {
    let halves = |name: &str| {
        ["", "0", "0.5", "'0.5'", "3", "many"].map(|value| match value {
            "" => String::new(),
            value => format!("{name}: {value}"),
        })
    };
    for (option, path, defaults) in [
        ("rc_registration", "/registration", (0.17, 3)),
        ("rc_login.address", "/login/per_ip", (0.003, 5)),
        ("rc_login.account", "/login/per_account", (0.003, 5)),
    ] {
        for rate in halves("per_second") {
            for burst in halves("burst_count") {
                let parts: Vec<&str> = [&*rate, &*burst]
                    .into_iter()
                    .filter(|half| !half.is_empty())
                    .collect();
                let limit = format!("{{{}}}", parts.join(", "));
                let synapse = match option.split_once('.') {
                    Some((section, option)) => format!("{section}: {{{option}: {limit}}}"),
                    None => format!("{option}: {limit}"),
                };
                let (settings, left) = translated(&format!("server_name: example.com\n{synapse}"));
                let found = settings.pointer(&format!("/rate_limiting{path}"));
                let is_left = left.iter().any(|left| left == option);
                assert_eq!(found.is_some() || is_left, !parts.is_empty(), "{synapse}");
                assert!(found.is_none() || !is_left, "{synapse}");
                if let Some(found) = found {
                    if rate.is_empty() {
                        assert_eq!(found["per_second"], defaults.0, "{synapse}");
                    }
                    if burst.is_empty() {
                        assert_eq!(found["burst"], defaults.1, "{synapse}");
                    }
                }
            }
        }
    }
}

fn mas_and_our_checker_accept_it() -> TestResult {
    let mut settings = settings();
    settings["matrix"]["secret_file"] = "/run/secrets/matrix".into();
    settings["secrets"] =
        json!({"encryption_file": "/run/secrets/e", "keys_dir": "/run/secrets/k"});
    let options = check::CheckOptions {
        version: mas2nix::schema::NEWEST,
        no_inline_secrets: true,
        complete: false,
    };
    let problems = crate::support::problems_with(&settings, &options);
    assert!(problems.is_empty(), "{problems:#?}");
    let mas = MasCli::find()?;
    settings["captcha"]["secret_key"] = "a".into();
    let (accepted, said) = mas.check(&settings);
    assert!(accepted, "{said}");
    Ok(())
}

fn the_module_accepts_it() -> TestResult {
    let nix = Nix::find()?;
    let (text, _) = translate(&[]);
    let module = nix.json(&text).unwrap_or_else(|error| panic!("{error}"));
    let mut module = module["services"]["matrix-authentication-service"].clone();
    // If an extra file may contain secrets, none are generated unless requested.
    module["secrets"] = json!({"generate": true});
    let evaluated = nix
        .evaluate(&[Case::module("translated", module)])
        .remove(0);
    assert!(evaluated.valid, "{:#?}", evaluated.messages);
    let schemes = &evaluated.r#final["passwords"]["schemes"];
    assert_eq!(schemes[0]["cost"], 10, "{schemes}");
    assert_eq!(schemes[1]["algorithm"], "argon2id");
    Ok(())
}

fn synapse_itself_accepts_what_is_translated() -> TestResult {
    let python = synapse_python()?;
    // SAML needs a library that is not installed.
    let directory = TempDir::new().unwrap();
    let text = fs::read_to_string(root().join(LEGACY)).unwrap();
    let config = directory.path().join("homeserver.yaml");
    let key = root().join("target/synapse/signing.key");
    let text = format!("{text}signing_key_path: {}\n", key.display());
    fs::write(
        &config,
        text.replace("saml2_config: { sp_config: {} }", "")
            .replace("/run/secrets/path", "/dev/null"),
    )
    .unwrap();
    let code = "import sys; from synapse.config.homeserver import HomeServerConfig; \
                HomeServerConfig.load_config('', ['-c', sys.argv[1]])";
    let output = Command::new(python)
        .args(["-c", code])
        .arg(&config)
        .current_dir(directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Ok(())
}

/// `translate --format render` with more files of Synapse after the usual one, and more arguments: the file,
/// and what is on standard error.
fn render_file(synapse: &str, arguments: &[&str]) -> (Value, String) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("last.yaml");
    fs::write(&file, synapse).unwrap();
    let file = file.display().to_string();
    let own = ["--format", "render", "--synapse-config", &file];
    let (out, said) = translate(&[&own, arguments].concat());
    let mut options: Value = serde_yaml_ng::from_str(&out).unwrap();
    let files = options["migration"]["synapseConfig"].as_array_mut();
    assert_eq!(files.and_then(Vec::pop), Some(file.into()));
    (options, said)
}

fn render_accepts_what_is_translated_for_it() {
    let directory = TempDir::new().unwrap();
    let mas = directory.path().join("mas");
    for file in ["bin/mas-cli", "share/policy.wasm", "share/manifest.json"] {
        let file = mas.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }
    let mas_cli = mas.join("bin/mas-cli").display().to_string();
    let workers = "matrix-synapse-worker@sync";
    let (options, said) = render_file(
        "redis: {enabled: true}",
        &[
            &[
                "--synapse-unit",
                "matrix-synapse",
                "--synapse-unit",
                workers,
            ][..],
            &["--proxy-unit", "nginx", "--mas-cli", &mas_cli],
            &["--mas-url", "https://login.example.org/mas"],
        ]
        .concat(),
    );
    assert!(!said.contains("To check"), "{said}");
    for (path, expected) in [
        ("/package", json!(mas)),
        ("/policyPackage", json!(mas.join("share"))),
        ("/templatesPackage", json!(mas.join("share"))),
        ("/createDatabase", json!(true)),
        ("/synapse/database", json!("synapse")),
        (
            "/synapse/units",
            json!(["matrix-synapse.service", format!("{workers}.service")]),
        ),
        ("/migration/enable", json!(true)),
        ("/migration/synapseConfig", json!([root().join(LEGACY)])),
        (
            "/migration/pepperFile",
            json!("/var/lib/secrets/mas/pepper"),
        ),
        ("/secrets/generate", json!(true)),
        (
            "/routes",
            json!({"host": "login.example.org", "path": "/mas/", "matrixHost": "matrix.example.com",
                   "synapse": "http://[::1]:8008", "nginx": true}),
        ),
        ("/settings/matrix/homeserver", json!("example.com")),
    ] {
        assert_eq!(options.pointer(path), Some(&expected), "{path}");
    }
    // The redirect URIs are on a line of their own, in full.
    for id in ["oidc-corporate", "oidc", "oidc-apple", "oidc-path"] {
        let ulid = provider(&options["settings"], id)["id"].clone();
        let ulid = ulid.as_str().unwrap();
        let uri = format!("https://login.example.org/mas/upstream/callback/{ulid}");
        assert!(said.lines().any(|line| line.trim() == uri), "{uri}\n{said}");
    }
    let logout = "https://login.example.org/mas/upstream/backchannel-logout/";
    assert_eq!(said.matches(logout).count(), 1, "{said}");

    let file = directory.path().join("mas.yaml");
    fs::write(&file, options.to_string()).unwrap();
    let out = directory.path().join("out");
    let rendered = Command::new(env!("CARGO_BIN_EXE_mas2nix"))
        .args(["render", "--json", "--config"])
        .args([&file, &"--out".into(), &out])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&rendered.stdout).unwrap();
    assert_eq!(report["valid"], true, "{report:#}");
    let config = fs::read_to_string(out.join("etc/matrix-authentication-service/config.yaml"));
    assert!(
        config
            .unwrap()
            .contains("public_base: \"https://login.example.org/mas/\""),
        "{}",
        out.display()
    );
    let schema = fs::read_to_string(root().join("docs/render.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&options)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// The problems that `mas2nix render` has with options.
fn refused_by_render(options: &Value) -> Value {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("mas.yaml");
    fs::write(&file, options.to_string()).unwrap();
    let rendered = Command::new(env!("CARGO_BIN_EXE_mas2nix"))
        .args(["render", "--json", "--config"])
        .args([&file, &"--out".into(), &directory.path().join("out")])
        .output()
        .unwrap();
    let mut report: Value = serde_json::from_slice(&rendered.stdout).unwrap();
    if report["valid"] == true {
        Value::Null
    } else {
        report["problems"].take()
    }
}

/// Whatever a homeserver is called and wherever it is, the file can be rendered.
fn render_accepts_every_address() {
    let names = [
        "example.com",
        "example.com:8448",
        "EXAMPLE.com",
        "192.0.2.1",
        "\"[2001:db8::1]:8448\"",
        "localhost",
        "xn--e1afmkfd.example",
    ];
    let urls = [
        "null",
        "https://matrix.example.com",
        "https://MATRIX.example.com/",
        "https://example.com:8448/",
        "https://example.com/synapse/",
        "https://auth.example.com/",
        "http://192.0.2.1:8008/",
        "nonsense",
        "https://[2001:db8::1]/",
    ];
    let arguments: [&[&str]; 5] = [
        &[],
        &["--proxy-unit", "nginx"],
        &["--proxy-unit", "nginx", "--proxy-unit", "caddy"],
        &[
            "--proxy-unit",
            "caddy",
            "--mas-url",
            "https://matrix.example.com/mas/",
        ],
        &[
            "--proxy-unit",
            "nginx",
            "--mas-url",
            "https://matrix.example.com/",
            "--mas-cli",
            "/usr/local/bin/mas-cli",
        ],
    ];
    let more = [
        "",
        "database: {name: psycopg2, args: {dbname: 5, port: '5433'}}",
        "listeners: []",
        "database: {name: psycopg2, args: {host: db.example.com}}",
    ];
    let mut cases = 0;
    let mut wrong = Vec::new();
    for (i, name) in names.iter().enumerate() {
        for (j, url) in urls.iter().enumerate() {
            // Each name with each address, and of the rest as many as there is time for.
            let arguments = arguments[(i + j) % arguments.len()];
            let more = more[(i + 2 * j) % more.len()];
            let synapse = format!("server_name: {name}\npublic_baseurl: {url}\n{more}");
            let (options, said) = render_file(&synapse, arguments);
            let refused = refused_by_render(&options);
            if !refused.is_null() {
                wrong.push(format!("{synapse} {arguments:?}\n{refused:#}\n{said}"));
            }
            cases += 1;
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {cases}\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A case of `tests/fixtures/hosts.yaml`.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HostCase {
    synapse: String,
    arguments: Vec<String>,
    option: String,
    expected: Value,
    asks: String,
}

fn what_is_unknown_about_a_host_is_said() {
    let cases = fs::read_to_string(root().join("tests/fixtures/hosts.yaml")).unwrap();
    let cases: Vec<HostCase> = serde_yaml_ng::from_str(&cases).unwrap();
    for case in cases {
        let arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
        let (options, said) = render_file(&case.synapse, &arguments);
        let found = options.pointer(&case.option).cloned();
        let of = format!("{} of {:?} {arguments:?}", case.option, case.synapse);
        assert_eq!(found.unwrap_or_default(), case.expected, "{of}");
        let list = said.split("To check:").nth(1).unwrap_or_default();
        assert!(list.contains(&case.asks), "{of}\n{said}");
        let refused = refused_by_render(&options);
        assert!(refused.is_null(), "{of}\n{refused:#}");
    }
}

fn the_address_of_mas_is_used_in_every_format() {
    let url = ["--mas-url", "https://login.example.org/mas/"];
    let of = |format: &[&str]| translate(&[format, &url].concat());
    let json: Value = serde_json::from_str(&of(&["--format", "json"]).0).unwrap();
    assert_eq!(json["http"]["public_base"], url[1]);
    let (nix, said) = of(&[]);
    assert!(nix.contains("host = \"login.example.org\""), "{nix}");
    assert!(
        nix.contains("path = \"/mas/\"") && !nix.contains("public_base"),
        "{nix}"
    );
    assert!(
        said.contains("https://login.example.org/mas/upstream/callback/"),
        "{said}"
    );
    let (_, said) = translate(&[]);
    assert!(
        said.contains("upstream/callback/") && !said.contains("auth.example"),
        "{said}"
    );
}

crate::support::harness::tests![
    render_accepts_what_is_translated_for_it,
    what_is_unknown_about_a_host_is_said,
    render_accepts_every_address,
    spellings_do_not_matter,
    each_switch_counts_in_every_spelling,
    other_values_count_as_synapse_takes_them,
    whoever_needs_an_address_still_does,
    no_rate_limit_is_lost,
    the_address_of_mas_is_used_in_every_format,
    everything_that_mas_supports_is_translated,
    attribute_requirements_become_a_condition_on_the_subject,
    untranslated_options_are_listed,
    no_secret_is_shown_and_all_are_written,
    mas_and_our_checker_accept_it,
    the_module_accepts_it,
    synapse_itself_accepts_what_is_translated,
];
