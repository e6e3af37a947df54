//! The NixOS module, evaluated by Nix with nixpkgs' `lib`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use crate::support::{Case, MasCli, Nix, data, harness::TestResult, root};
use mas2nix::config::tree::{self, Node, Shape, steps};
use serde_json::{Value, json};
use tempfile::TempDir;

const SERVICE: &str = "services.matrix-authentication-service";

/// Evaluates the module with Nix expressions for its configuration, and returns a part of the
/// result.
fn evaluate(nix: &Nix, modules: &[&str], result: &str) -> Result<Value, String> {
    evaluate_with(nix, "", modules, result)
}

/// The same, with the available MAS as its package.
fn evaluate_with_mas(nix: &Nix, mas: &MasCli, module: &str, result: &str) -> Value {
    let package = format!("masCli = \"{}\";", mas.prefix().display());
    evaluate_with(nix, &package, &[module], result).unwrap()
}

fn evaluate_with(
    nix: &Nix,
    arguments: &str,
    modules: &[&str],
    result: &str,
) -> Result<Value, String> {
    let modules = modules.join("\n");
    let module = root().join("tests/support/nix/module.nix");
    nix.json(&format!(
        "let
           lib = import <nixpkgs/lib>;
           evaluated = import {} {{ {arguments} modules = [ {modules} ]; }};
           inherit (evaluated) config options;
           cfg = config.{SERVICE};
         in {result}",
        module.display()
    ))
}

fn every_path_is_an_option_of_the_right_type() -> TestResult {
    let nix = Nix::find()?;
    let list = evaluate(
        &nix,
        &[],
        "map (o: {
             inherit (o) name type description;
             declared = o.declarations != [ ];
             shown = [ (o.example or null) (o.default or null) ];
           })
           (lib.optionAttrSetToDocList options)",
    );
    let list: Vec<Value> = serde_json::from_value(list.unwrap()).unwrap();
    let options: BTreeMap<&str, &Value> = list
        .iter()
        .map(|option| (option["name"].as_str().unwrap(), option))
        .collect();
    let settings = tree::settings();
    let mut covered = 0;
    for (path, node) in settings.descendants() {
        covered += 1;
        if path.ends_with("[]") || path.ends_with('*') {
            // Not options themselves: part of the type of their list.
            continue;
        }
        let keys = steps(&path).map(|step| match step {
            "[]" => "*".to_owned(),
            key if key.contains('#') => format!("\"{key}\""),
            key => key.to_owned(),
        });
        let name = format!("{SERVICE}.settings.{}", keys.collect::<Vec<_>>().join("."));
        let option = options
            .get(name.as_str())
            .unwrap_or_else(|| panic!("no option {name}"));
        // nixpkgs' use of parentheses does not matter.
        let plain = |text: &str| text.replace(['(', ')'], "");
        let kind = option["type"].as_str().unwrap();
        assert_eq!(plain(kind), plain(&nix_type(node)), "{name}");
        assert!(
            !option["description"].as_str().unwrap().is_empty(),
            "{name}"
        );
        assert_eq!(option["declared"], true, "{name}");
    }
    assert_eq!(
        covered, 271,
        "269 options of MAS 1.22.0, and two that it dropped"
    );
    Ok(())
}

/// The description of an option's type in nixpkgs.
fn nix_type(node: &Node) -> String {
    let own = match &node.shape {
        Shape::Boolean => "boolean".to_owned(),
        Shape::Integer { min, max, .. } => match (*min, *max) {
            (0, 255) => "8 bit unsigned integer; between 0 and 255 (both inclusive)".to_owned(),
            (0, 65535) => {
                "16 bit unsigned integer; between 0 and 65535 (both inclusive)".to_owned()
            }
            (0, 4_294_967_295) => {
                "32 bit unsigned integer; between 0 and 4294967295 (both inclusive)".to_owned()
            }
            (0, max) if max == i64::MAX.into() => "unsigned integer, meaning >=0".to_owned(),
            (1, max) if max == i64::MAX.into() => "positive integer, meaning >0".to_owned(),
            (min, max) => format!("integer between {min} and {max} (both inclusive)"),
        },
        Shape::Number {
            min: Some(min),
            max: Some(max),
            ..
        } => {
            format!("integer or floating point number between {min} and {max} (both inclusive)")
        }
        Shape::Number { .. } => "signed integer or floating point number".to_owned(),
        Shape::Text {
            format: Some(format),
            ..
        } => format.description.to_owned(),
        Shape::Text { format: None, .. } => "string".to_owned(),
        Shape::Choice(choices) => {
            let values: Vec<String> = choices.iter().map(|c| format!("\"{}\"", c.value)).collect();
            format!("one of {}", values.join(", "))
        }
        Shape::Any => "JSON value".to_owned(),
        Shape::List(item) => format!("list of {}", nix_type(item)),
        Shape::Map(item) => format!("attribute set of {}", nix_type(item)),
        Shape::Section(_) => "section".to_owned(),
    };
    if node.nullable {
        format!("null or {own}")
    } else {
        own
    }
}

fn what_is_written_is_what_was_set() -> TestResult {
    let nix = Nix::find()?;
    let configs = ["files", "inline"].map(data);
    let cases: Vec<Case> = configs
        .iter()
        .map(|config| Case::settings("", config))
        .collect();
    for (config, module) in configs.iter().zip(nix.evaluate(&cases)) {
        assert_eq!(module.messages, Vec::<String>::new());
        assert!(contains(&module.settings, config), "{}", module.settings);
        let (written, set) = (paths("", &module.r#final), paths("", config));
        let added: Vec<&String> = written.difference(&set).collect();
        assert!(
            added
                .iter()
                .all(|path| path.starts_with(".http.trusted_proxies")),
            "{added:?}"
        );
    }
    Ok(())
}

/// Whether everything in a value is in another one too.
fn contains(whole: &Value, part: &Value) -> bool {
    match part {
        Value::Object(entries) => entries
            .iter()
            .all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part))),
        part => whole == part,
    }
}

/// The paths of all values.
fn paths(at: &str, value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(entries) => entries
            .iter()
            .flat_map(|(name, value)| paths(&format!("{at}.{name}"), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(i, item)| paths(&format!("{at}[{i}]"), item))
            .collect(),
        _ => BTreeSet::from([at.to_owned()]),
    }
}

fn unset_options_are_absent_and_listeners_are_local() -> TestResult {
    let nix = Nix::find()?;
    let minimal = json!({"settings": {
        "matrix": {"secret_file": "/run/secrets/m", "kind": "synapse"},
        "secrets": {"encryption_file": "/run/secrets/e"},
        "branding": {"imprint": null},
    }});
    let module = nix.evaluate(&[Case::module("minimal", minimal)]).remove(0);
    assert_eq!(module.messages, Vec::<String>::new());
    let sections: Vec<&String> = module.r#final.as_object().unwrap().keys().collect();
    assert_eq!(sections, ["branding", "http", "matrix", "secrets"]);
    assert_eq!(module.r#final["branding"], json!({}));
    for listener in module.r#final["http"]["listeners"].as_array().unwrap() {
        for bind in listener["binds"].as_array().unwrap() {
            assert!(bind["address"].as_str().unwrap().starts_with("127.0.0.1:"));
        }
    }
    Ok(())
}

fn files_become_credentials() -> TestResult {
    let nix = Nix::find()?;
    let module = Case::module(
        "files",
        json!({"settings": data("files"), "allowInlineSecrets": true}),
    );
    let module = nix.evaluate(&[module]).remove(0);
    let credentials: BTreeMap<&str, &str> = module
        .credentials
        .iter()
        .map(|c| c.split_once(':').unwrap())
        .collect();
    assert_eq!(credentials["matrix.secret_file"], "/run/secrets/matrix");
    assert_eq!(
        credentials["http.listeners.0.tls.key_file"],
        "/run/secrets/tls-key"
    );
    assert_eq!(
        credentials["upstream_oauth2.providers.1.sign_in_with_apple.private_key_file"],
        "/run/secrets/apple"
    );
    assert_eq!(credentials["secrets.keys_dir"], "/run/secrets/keys");
    assert_eq!(
        module.r#final["clients"][0]["client_secret_file"],
        "${CREDENTIALS_DIRECTORY}/clients.0.client_secret_file"
    );
    let raw = &module.r#final["passwords"]["schemes"][0]["secret_file"];
    assert_eq!(raw, "${RUNTIME_DIRECTORY}/passwords.schemes.0.secret_file");
    Ok(())
}

fn mas_checks_the_configuration_when_the_system_is_built() -> TestResult {
    let (nix, mas) = (Nix::find()?, MasCli::find()?);
    let build = |module: &str| {
        let module = format!(
            "{{ {SERVICE} = {{
               settings.matrix.homeserver = \"example.com\";
               {module}
             }}; }}"
        );
        let result = "let file = config.environment.etc.\"matrix-authentication-service/config.yaml\".source;
           in { inherit (file) text; command = file.command or null; }";
        evaluate_with_mas(&nix, &mas, &module, result)
    };
    let run = |built: &Value| {
        let directory = TempDir::new().unwrap();
        let config = directory.path().join("config");
        fs::write(&config, built["text"].as_str().unwrap()).unwrap();
        let output = Command::new("bash")
            .args(["-euc", built["command"].as_str().unwrap()])
            .env("config", &config)
            .env("out", directory.path().join("config.yaml"))
            .output()
            .unwrap();
        output.status.success()
    };
    assert!(run(&build("")));
    // Only MAS can check settings that this module does not know.
    assert!(!run(&build(
        "extraSettings.database.max_connections = \"many\";"
    )));
    // Without `checkConfig`, or if a file exists only on the host, the file is just written.
    assert_eq!(build("checkConfig = false;")["command"], Value::Null);
    assert_eq!(
        build("extraConfigFiles = [ \"/run/mas.yaml\" ];")["command"],
        Value::Null
    );
    Ok(())
}

fn definitions_from_several_modules_merge() -> TestResult {
    let nix = Nix::find()?;
    let provider = |id: char| {
        format!(
            "{{ id = \"01HFVBY12TMNTYTBV8W921M5F{id}\"; client_id = \"mas\"; issuer = \"https://{id}\";
               token_endpoint_auth_method = \"none\"; }}"
        )
    };
    let modules = [
        format!("{{ {SERVICE}.settings.upstream_oauth2.providers = [ {} ]; }}", provider('A')),
        format!("{{ {SERVICE}.settings.upstream_oauth2.providers = lib.mkBefore [ {} ]; }}", provider('B')),
        format!("{{ {SERVICE}.settings = lib.mkMerge [ {{ account.email_change_allowed = lib.mkDefault true; }}
            (lib.mkIf false {{ branding.imprint = \"no\"; }}) ]; }}"),
        format!("{{ {SERVICE}.settings.account.email_change_allowed = false; }}"),
        format!("{{ {SERVICE}.settings.policy.data.admin_users = [ \"a\" ]; }}"),
        format!("{{ {SERVICE}.settings.policy.data = {{ admin_users = [ \"b\" ]; other = null; }}; }}"),
        format!("{{ {SERVICE}.settings.http.listeners = lib.mkForce [ ]; }}"),
        format!("{{ {SERVICE}.settings.matrix = lib.mkIf true {{ secret_file = \"/m\"; homeserver = lib.mkIf false \"x\"; }}; }}"),
    ];
    let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
    let settings = evaluate(&nix, &modules, "cfg.settings").unwrap();
    let ids: Vec<&Value> = settings["upstream_oauth2"]["providers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|provider| &provider["issuer"])
        .collect();
    assert_eq!(ids, ["https://B", "https://A"]);
    assert_eq!(settings["account"], json!({"email_change_allowed": false}));
    assert_eq!(
        settings["policy"]["data"],
        json!({"admin_users": ["b", "a"], "other": null})
    );
    assert_eq!(settings["http"]["listeners"], json!([]));
    assert_eq!(settings["matrix"]["secret_file"], "/m");
    // What nixpkgs' module has a default for can be read.
    assert_eq!(settings["matrix"]["homeserver"], "localhost:8008");
    assert!(settings.get("branding").is_none(), "{settings}");
    Ok(())
}

fn extra_settings_come_last_and_merge_as_mas_merges_files() -> TestResult {
    let (nix, mas) = (Nix::find()?, MasCli::find()?);
    let extra = json!({
        "experimental": {"of_the_future": true},
        "account": {"email_change_allowed": false},
        "passwords": {"schemes": [{"version": 3, "algorithm": "pbkdf2"}]},
        "of_the_future": [1],
    });
    let module =
        json!({"settings": data("files"), "extraSettings": extra, "allowInlineSecrets": true});
    let module = nix.evaluate(&[Case::module("", module)]).remove(0);
    assert_eq!(module.messages, Vec::<String>::new());
    let wrong = json!({
        "clients": [{"client_id": "01GFWR28C4KNE04WG3HKXB7C9R", "client_auth_method": "none"}, {"client_id": 1}],
        "http": {"listeners": "none"},
    });
    let wrong =
        json!({"settings": data("files"), "extraSettings": wrong, "allowInlineSecrets": true});
    let wrong = nix.evaluate(&[Case::module("", wrong)]).remove(0).messages;
    for (i, message) in [
        "http.listeners: must be a list",
        "clients[2].client_id: another client",
        "clients[3].client_auth_method: required option",
    ]
    .iter()
    .enumerate()
    {
        assert!(wrong[i].contains(message), "{wrong:?}");
    }
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    let written = &module.r#final;
    assert_eq!(written["experimental"]["of_the_future"], true);
    assert_eq!(written["experimental"]["access_token_ttl"], 600);
    assert_eq!(written["account"]["email_change_allowed"], false);
    assert_eq!(written["passwords"]["schemes"].as_array().unwrap().len(), 3);
    assert_eq!(written["of_the_future"], json!([1]));
    assert!(mas.check(written).0);
    Ok(())
}

fn options_that_later_files_may_set_are_not_required() -> TestResult {
    let nix = Nix::find()?;
    let settings = json!({
        "http": {"public_base": "https://a/", "listeners": [{"resources": [{"name": "human"}]}]},
        "email": {"transport": "smtp", "username": "mas"},
    });
    let case =
        |extra: Value| Case::module("", json!({"settings": settings, "extraConfigFiles": extra}));
    let modules = nix.evaluate(&[case(json!(["/run/secrets/mas.yaml"])), case(json!([]))]);
    // Only problems that no other file can fix, such as in the entry of a list.
    assert_eq!(modules[0].messages.len(), 1, "{:?}", modules[0].messages);
    assert!(modules[0].messages[0].contains("settings.http.listeners[0].binds"));
    assert!(modules[1].messages.len() > 5, "{:?}", modules[1].messages);
    Ok(())
}

fn secrets_do_not_enter_the_store() -> TestResult {
    let nix = Nix::find()?;
    let settings = tree::settings();
    let mut config = data("inline");
    config["captcha"] = json!({"service": "hcaptcha", "site_key": "a", "secret_key": "hunter2"});
    config["telemetry"] = json!({"sentry": {"dsn": "https://hunter2@sentry.example.com/1"}});
    let uri = json!({"settings": {
        "matrix": {"secret_file": "/m"}, "secrets": {"encryption_file": "/e"},
        "database": {"uri": "postgresql://mas:hunter2@db/mas"},
    }});
    let extra =
        json!({"settings": data("program"), "extraSettings": {"email": {"password": "hunter2"}}});
    let modules = nix.evaluate(&[
        Case::module("inline", json!({"settings": config})),
        Case::module("uri", uri),
        Case::module("extra", extra),
    ]);
    let refused = modules[0].messages.join("\n");
    let secrets: Vec<String> = settings
        .descendants()
        .into_iter()
        .filter(|(_, node)| node.secret)
        .map(|(path, _)| {
            crate::support::edit::concrete(&config, &path).unwrap_or_else(|| panic!("{path}"))
        })
        .collect();
    assert_eq!(secrets.len(), 15);
    for path in secrets {
        assert!(
            refused.contains(&format!("settings.{path}: this secret")),
            "{path}\n{refused}"
        );
    }
    assert!(
        modules[1].messages[0].contains("password_file"),
        "{:?}",
        modules[1].messages
    );
    assert!(
        modules[2].messages[0].contains("settings.email.password"),
        "{:?}",
        modules[2].messages
    );
    for module in &modules {
        assert!(!module.messages.join("\n").contains("hunter2"));
    }
    let wrong = format!("{{ {SERVICE}.settings.matrix.secret = [ \"hunter2\" ]; }}");
    let error = evaluate(&nix, &[&wrong], "cfg.settings").unwrap_err();
    assert!(
        error.contains("matrix.secret") && !error.contains("hunter2"),
        "{error}"
    );
    for wrong in [
        "clients = { client_secret = \"hunter2\"; }",
        "matrix = [ { secret = \"hunter2\"; } ]",
        "secrets.keys = [ [ \"hunter2\" ] ]",
    ] {
        let error = evaluate(
            &nix,
            &[&format!("{{ {SERVICE}.settings.{wrong}; }}")],
            "cfg.settings",
        );
        let error = error.unwrap_err();
        assert!(
            error.contains("is not of type") && !error.contains("hunter2"),
            "{error}"
        );
    }
    let twice = [1, 2].map(|i| format!("{{ {SERVICE}.settings.matrix.secret = \"hunter2{i}\"; }}"));
    let error = evaluate(&nix, &[&twice[0], &twice[1]], "cfg.settings").unwrap_err();
    assert!(
        error.contains("conflicting") && !error.contains("hunter2"),
        "{error}"
    );
    Ok(())
}

fn a_configuration_of_nixpkgs_module_works() -> TestResult {
    let nix = Nix::find()?;
    let settings = |tls: &str| {
        format!(
            r#"{{
              {SERVICE} = {{
                createDatabase = true;
                extraConfigFiles = [ "/var/lib/secrets/mas.yaml" ];
                credentials.oidc_client_secret = "/run/agenix/oidc";
                serviceDependencies = [ "matrix-synapse.service" ];
                settings = {{
                  http = {{
                    public_base = "https://mas1.test:8080/";
                    {tls}
                    listeners = [ {{
                      name = "web";
                      binds = [ {{ address = "0.0.0.0:8080"; }} ];
                      resources = [ {{ name = "discovery"; }} {{ name = "human"; }} {{ name = "oauth"; }} ];
                      tls = {{
                        certificate_file = "${{builtins.storeDir}}/bundle/cert.pem";
                        key_file = "${{builtins.storeDir}}/bundle/key.pem";
                      }};
                    }} ];
                  }};
                  matrix = {{
                    homeserver = "hs1";
                    endpoint = "https://hs1.test:8448/";
                    secret_file = "/var/lib/matrix-authentication-service/matrix_secret";
                  }};
                  database.uri = "postgresql:///mas?host=/run/postgresql&user=mas";
                  policy.data.client_registration.allow_insecure_uris = true;
                  upstream_oauth2.providers = [ {{
                    id = "01KVT6DSNT2MWD7WYMT2FY4SH5";
                    client_id = "matrix-authentication-service";
                    client_secret_file = "\${{CREDENTIALS_DIRECTORY}}/oidc_client_secret";
                    issuer = "https://dex1.test:5556";
                    scope = "openid email profile";
                    token_endpoint_auth_method = "client_secret_post";
                  }} ];
                }};
              }};
            }}"#
        )
    };
    let result = "{
      problems = map (problem: problem.message) config.assertions;
      inherit (cfg) finalSettings;
      inherit (builtins) storeDir;
      inherit (config.systemd.services.matrix-authentication-service) after serviceConfig;
      postgresql.enable = config.services.postgresql.enable;
    }";
    let found = evaluate(&nix, &[&settings("")], result).unwrap();
    assert_eq!(found["problems"], json!([]));
    let written = &found["finalSettings"];
    let listener = &written["http"]["listeners"][0];
    let store = found["storeDir"].as_str().unwrap();
    assert_eq!(
        listener["tls"]["key_file"],
        format!("{store}/bundle/key.pem")
    );
    assert_eq!(
        written["upstream_oauth2"]["providers"][0]["client_secret_file"],
        "${CREDENTIALS_DIRECTORY}/oidc_client_secret"
    );
    // The service can read its own directory; the file appears only when it starts.
    assert_eq!(
        written["matrix"]["secret_file"],
        "${RUNTIME_DIRECTORY}/matrix.secret_file"
    );
    assert_eq!(
        found["serviceConfig"]["LoadCredential"],
        json!([
            "config-0:/var/lib/secrets/mas.yaml",
            "oidc_client_secret:/run/agenix/oidc"
        ])
    );
    assert!(
        found["after"]
            .as_array()
            .unwrap()
            .contains(&json!("matrix-synapse.service"))
    );
    assert_eq!(found["postgresql"]["enable"], true);

    let error = evaluate(&nix, &[&settings("tls.key_file = \"/x\";")], result).unwrap_err();
    assert!(error.contains("http.tls' does not exist"), "{error}");
    Ok(())
}

fn examples_for_users_evaluate() -> TestResult {
    let nix = Nix::find()?;
    let directory = TempDir::new().unwrap();
    let snippet = directory.path().join("readme.nix");
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    // The first module. Before it comes a line for a flake.
    let (_, rest) = readme.split_once("```nix\n{").unwrap();
    fs::write(&snippet, format!("{{{}", rest.split_once("```").unwrap().0)).unwrap();
    for path in [
        snippet,
        root().join("docs/example.nix"),
        root().join("nix/template/configuration.nix"),
    ] {
        let file = path.display().to_string();
        let result =
            "{ problems = map (p: p.message) config.assertions; inherit (cfg) finalSettings; }";
        let found = evaluate(&nix, &[&file], result).unwrap();
        assert_eq!(found["problems"], json!([]), "{file}");
        assert_eq!(
            found["finalSettings"]["matrix"]["homeserver"], "example.com",
            "{file}"
        );
        assert_eq!(
            found["finalSettings"]["http"]["public_base"], "https://auth.example.com/",
            "{file}"
        );
    }
    Ok(())
}

/// The parts of a configuration in the documents, each on a homeserver unless it is elsewhere.
fn examples_in_the_documents_are_accepted() -> TestResult {
    let nix = Nix::find()?;
    let homeserver = "{
      services.matrix-synapse = {
        enable = true;
        settings = { server_name = \"example.com\"; public_baseurl = \"https://matrix.example.com/\"; };
      };
      services.matrix-authentication-service.settings.matrix.homeserver = \"example.com\";
    }";
    let mut found = 0;
    for page in ["admin", "homeserver", "migration", "routes", "secrets"] {
        let text = fs::read_to_string(root().join(format!("docs/{page}.md"))).unwrap();
        for block in text.split("```nix\n").skip(1) {
            let block = block.split("```").next().unwrap();
            // Flakes, and settings that come from a module for secrets.
            if !block.contains("services.") || block.contains("config.") {
                continue;
            }
            found += 1;
            let module = format!("({{ lib, pkgs, ... }}: {{ {block} }})");
            let elsewhere = block.contains("units = [ ]");
            let around = if elsewhere { "{ }" } else { homeserver };
            let result =
                "{ problems = map (p: p.message) config.assertions; inherit (config) warnings; }";
            let evaluated = evaluate(&nix, &[&module, around], result);
            let none = json!({"problems": [], "warnings": []});
            assert_eq!(evaluated, Ok(none), "{page}: {block}");
        }
    }
    assert!(found > 8, "only {found}");
    Ok(())
}

fn an_option_of_nixos_that_is_misspelled_or_mistyped_is_found() -> TestResult {
    let nix = Nix::find()?;
    let template = root().join("nix/template/configuration.nix");
    let all = "builtins.toJSON {
        inherit (config) assertions networking security users;
        systemd = lib.mapAttrs (_: lib.mapAttrs (_: unit:
          # These have no default.
          removeAttrs unit [ \"startLimitBurst\" \"startLimitIntervalSec\" ]
        )) { inherit (config.systemd) services sockets targets timers; };
        synapse = config.services.matrix-synapse.settings;
        nginx = lib.mapAttrs (_: host: host.forceSSL) config.services.nginx.virtualHosts;
      } != \"\"";
    let with = |more: &str| evaluate(&nix, &[&template.display().to_string(), more], all);
    assert_eq!(with("{ }"), Ok(true.into()));
    for (wrong, message) in [
        ("services.nginx.virtualHost.a = { };", "does not exist"),
        (
            "services.nginx.virtualHosts.a.forceSSl = true;",
            "does not exist",
        ),
        (
            "services.matrix-synapse.settings.listeners = [ { prot = 1; } ];",
            "does not exist",
        ),
        ("systemd.services.a.serviceConfig = [ ];", "is not of type"),
        (
            "networking.firewall.allowedTCPPorts = [ \"443\" ];",
            "is not of type",
        ),
    ] {
        let error = with(&format!("{{ {wrong} }}")).unwrap_err();
        assert!(error.contains(message), "{wrong}\n{error}");
    }
    Ok(())
}

crate::support::harness::tests![
    every_path_is_an_option_of_the_right_type,
    what_is_written_is_what_was_set,
    unset_options_are_absent_and_listeners_are_local,
    files_become_credentials,
    mas_checks_the_configuration_when_the_system_is_built,
    definitions_from_several_modules_merge,
    extra_settings_come_last_and_merge_as_mas_merges_files,
    options_that_later_files_may_set_are_not_required,
    secrets_do_not_enter_the_store,
    a_configuration_of_nixpkgs_module_works,
    examples_for_users_evaluate,
    examples_in_the_documents_are_accepted,
    an_option_of_nixos_that_is_misspelled_or_mistyped_is_found,
];
