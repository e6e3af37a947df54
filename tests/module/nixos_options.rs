//! The NixOS options that `tests/e2e/nixos_options` declares, so that nothing else of NixOS is
//! needed. Compares them with the declarations of NixOS, and their behaviour with that of nixpkgs'
//! modules.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use crate::support::{Nix, harness::TestResult, root};
use serde_json::{Value, json};

/// Options that we declare and that `tests/e2e/nixos_options/options.tsv` leaves out, each with the file of
/// nixpkgs that declares it.
const NOT_IN_THE_TABLE: [(&str, &str); 14] = [
    (
        "services.caddy.globalConfig",
        "nixos/modules/services/web-servers/caddy/default.nix",
    ),
    (
        "services.livekit.enable",
        "nixos/modules/services/networking/livekit.nix",
    ),
    (
        "services.livekit.keyFile",
        "nixos/modules/services/networking/livekit.nix",
    ),
    (
        "services.livekit.openFirewall",
        "nixos/modules/services/networking/livekit.nix",
    ),
    (
        "services.livekit.settings",
        "nixos/modules/services/networking/livekit.nix",
    ),
    (
        "services.livekit.settings.rtc.use_external_ip",
        "nixos/modules/services/networking/livekit.nix",
    ),
    (
        "services.lk-jwt-service.enable",
        "nixos/modules/services/matrix/lk-jwt-service.nix",
    ),
    (
        "services.lk-jwt-service.keyFile",
        "nixos/modules/services/matrix/lk-jwt-service.nix",
    ),
    (
        "services.lk-jwt-service.livekitUrl",
        "nixos/modules/services/matrix/lk-jwt-service.nix",
    ),
    (
        "services.nginx.virtualHosts.<name>.locations.<name>.proxyWebsockets",
        "nixos/modules/services/web-servers/nginx/location-options.nix",
    ),
    (
        "services.nginx.virtualHosts.<name>.locations.<name>.tryFiles",
        "nixos/modules/services/web-servers/nginx/location-options.nix",
    ),
    (
        "services.prometheus.scrapeConfigs.*.job_name",
        "nixos/modules/services/monitoring/prometheus/default.nix",
    ),
    (
        "services.prometheus.scrapeConfigs.*.static_configs",
        "nixos/modules/services/monitoring/prometheus/default.nix",
    ),
    (
        "services.prometheus.scrapeConfigs.*.static_configs.*.targets",
        "nixos/modules/services/monitoring/prometheus/default.nix",
    ),
];

/// In NixOS it has the type of a whole system (nixos/modules/system/activation/specialisation.nix); here it
/// is a module, which `tests/e2e/debian` evaluates on top of the others.
const SYSTEM: &str = "specialisation.<name>.configuration";

/// The option whose default is the release of the `lib` at hand.
const RELEASE: &str = "system.stateVersion";

/// An option, from one row of a table.
#[derive(Clone, Debug, PartialEq)]
struct Declared {
    kind: String,
    default: String,
    is_read_only: bool,
}

type Table = BTreeMap<String, Declared>;

/// Reads a table, as `nix/nixos-options.nix` writes it.
fn table(text: &str) -> Table {
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.skip(1)
        .filter(|row| !row.contains("_module."))
        .map(|row| {
            let cells: Vec<&str> = row.split('\t').collect();
            let [name, kind, default, read_only] = cells[..] else {
                panic!("not a row of four cells: {row:?}");
            };
            let declared = Declared {
                // nixpkgs writes the same values as JSON and as YAML.
                kind: kind.replace("YAML 1.1 value", "JSON value"),
                default: default_of(kind, default),
                is_read_only: read_only == "yes",
            };
            (name.to_owned(), declared)
        })
        .collect()
}

/// A default on one line. A list or a set that is declared without one is empty.
fn default_of(kind: &str, text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if !text.is_empty() {
        text
    } else if kind.starts_with("list of") {
        "[ ]".to_owned()
    } else if kind.starts_with("attribute set of") {
        "{ }".to_owned()
    } else {
        text
    }
}

/// The table of what NixOS declares: the one that `MAS2NIX_NIXOS_OPTIONS` names, or the committed one.
fn nixos() -> Table {
    let committed = root().join("tests/e2e/nixos_options/options.tsv");
    let file = env::var_os("MAS2NIX_NIXOS_OPTIONS").map_or(committed, PathBuf::from);
    table(&fs::read_to_string(file).unwrap())
}

/// The table of what we declare.
fn ours(nix: &Nix) -> Table {
    let text = evaluate(nix, "{ }", "import table { inherit lib options; }").unwrap();
    table(text.as_str().unwrap())
}

/// Evaluates the declarations alone with a configuration.
fn evaluate(nix: &Nix, configuration: &str, result: &str) -> Result<Value, String> {
    let root = root().display();
    nix.json(&format!(
        "let
           lib = import <nixpkgs/lib>;
           table = {root}/nix/nixos-options.nix;
           pkgs = import {root}/tests/e2e/nixos_options/pkgs.nix {{ }};
           evaluated = lib.evalModules {{
             modules = [ {root}/tests/e2e/nixos_options {{ _module.args = {{ inherit pkgs; }}; }} ({configuration}) ];
           }};
           inherit (evaluated) config options;
         in {result}"
    ))
}

/// Everything in which our declarations differ from those of NixOS.
fn differences(ours: &Table, nixos: &Table) -> Vec<String> {
    ours.iter()
        .filter_map(|(name, ours)| {
            match nixos.get(name) {
                Some(nixos) => difference(name, ours, nixos),
                None if NOT_IN_THE_TABLE.iter().any(|(known, _)| known == name) => None,
                None => Some("NixOS has no such option".to_owned()),
            }
            .map(|difference| format!("{name}: {difference}"))
        })
        .collect()
}

fn difference(name: &str, ours: &Declared, nixos: &Declared) -> Option<String> {
    if name != SYSTEM && !is_same_type(&ours.kind, &nixos.kind) {
        return Some(format!("is {}, and in NixOS {}", ours.kind, nixos.kind));
    }
    if ours.is_read_only != nixos.is_read_only {
        let read_only = |declared: &Declared| declared.is_read_only;
        return Some(format!(
            "read-only is {}, and in NixOS {}",
            read_only(ours),
            read_only(nixos)
        ));
    }
    if ours.default.is_empty() != nixos.default.is_empty() {
        return Some(format!(
            "has the default `{}`, and in NixOS `{}`",
            ours.default, nixos.default
        ));
    }
    let is_same = name == RELEASE || is_same_default(&ours.default, &nixos.default);
    (!is_same).then(|| {
        format!(
            "its default is `{}`, and in NixOS `{}`",
            ours.default, nixos.default
        )
    })
}

/// Where the table does not specify the elements of a list or set, any do.
fn is_same_type(ours: &str, nixos: &str) -> bool {
    ours == nixos
        || nixos
            .strip_suffix("unspecified value")
            .is_some_and(|start| ours.starts_with(start))
}

/// Whether defaults are the same, as far as they can be compared: packages, and what is computed, cannot.
/// Long ones are cut in the table.
fn is_same_default(ours: &str, nixos: &str) -> bool {
    let closing = match nixos.chars().next() {
        Some('[') => ']',
        Some('{') => '}',
        _ => {
            let is_plain = nixos.starts_with(['"', '-'])
                || nixos.starts_with(|first: char| first.is_ascii_digit())
                || ["null", "true", "false"].contains(&nixos);
            return !is_plain || nixos.contains("${") || ours == nixos;
        }
    };
    if nixos.ends_with(closing) {
        ours == nixos
    } else {
        ours.starts_with(nixos)
    }
}

fn options_are_declared_as_in_nixos() -> TestResult {
    let nix = Nix::find()?;
    let ours = ours(&nix);
    assert!(ours.len() > 200, "only {} options", ours.len());
    let found = differences(&ours, &nixos());
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (name, file) in NOT_IN_THE_TABLE {
        assert!(ours.contains_key(name), "{name} of {file} is not declared");
    }
    Ok(())
}

fn every_kind_of_difference_is_found() {
    let row = |kind: &str, default: &str, read_only: &str| {
        table(&format!(
            "name\ttype\tdefault\treadOnly\na\t{kind}\t{default}\t{read_only}"
        ))
    };
    let none = "name\ttype\tdefault\treadOnly\n";
    let ours = row("string", "\"x\"", "");
    assert_eq!(
        differences(&ours, &table(none)),
        ["a: NixOS has no such option"]
    );
    for (nixos, is_same) in [
        (row("string", "\"x\"", ""), true),
        (row("string", "config.networking.hostName", ""), true),
        (row("string", "\"${cfg.dataDir}\"", ""), true),
        (row("unspecified value", "\"x\"", ""), true),
        (row("null or string", "\"x\"", ""), false),
        (row("string", "\"y\"", ""), false),
        (row("string", "", ""), false),
        (row("string", "\"x\"", "yes"), false),
    ] {
        assert_eq!(differences(&ours, &nixos).is_empty(), is_same, "{nixos:?}");
    }
    let list = row("list of string", "[ \"x\" \"y\" ]", "");
    for (nixos, is_same) in [
        (row("list of string", "[   \"x\"   \"y\" ]", ""), true),
        (row("list of string", "[ \"x\" \"y", ""), true),
        (row("list of string", "[ \"z", ""), false),
        (row("list of string", "", ""), false),
        (
            row("list of unspecified value", "[ \"x\" \"y\" ]", ""),
            true,
        ),
        (row("list of integer", "[ \"x\" \"y\" ]", ""), false),
    ] {
        assert_eq!(differences(&list, &nixos).is_empty(), is_same, "{nixos:?}");
    }
}

/// The table that `nix flake check` makes has what both have, with everything below.
fn the_table_of_another_system_has_what_we_declare() -> TestResult {
    let nix = Nix::find()?;
    let system = "(lib.evalModules {
        modules = [ {
          options.services.nginx = {
            enable = lib.mkEnableOption \"nginx\";
            ours = lib.mkOption { readOnly = true; };
            virtualHosts = lib.mkOption {
              default.localhost = { };
              type = lib.types.attrsOf (lib.types.submodule {
                options.root = lib.mkOption { type = lib.types.nullOr lib.types.path; default = null; };
              });
            };
          };
        } ];
      }).options";
    let result = format!("import table {{ inherit lib; options = {system}; declared = options; }}");
    let text = evaluate(&nix, "{ }", &result).unwrap();
    let found = table(text.as_str().unwrap());
    let names: Vec<&String> = found.keys().collect();
    assert_eq!(
        names,
        [
            "services.nginx.enable",
            "services.nginx.virtualHosts",
            "services.nginx.virtualHosts.<name>.root"
        ]
    );
    assert_eq!(
        found["services.nginx.virtualHosts"],
        Declared {
            kind: "attribute set of (submodule)".to_owned(),
            default: "{ localhost = { }; }".to_owned(),
            is_read_only: false,
        }
    );
    Ok(())
}

/// Evaluates a service, and gives something of it.
fn service(nix: &Nix, definitions: &[&str], result: &str) -> Result<Value, String> {
    let imports: Vec<String> = definitions
        .iter()
        .map(|definition| format!("{{ systemd.services.a = {definition}; }}"))
        .collect();
    let configuration = format!("{{ imports = [ {} ]; }}", imports.join(" "));
    evaluate(
        nix,
        &configuration,
        &format!("(service: {result}) config.systemd.services.a"),
    )
}

fn directives_of_units_are_merged_as_in_nixos() -> TestResult {
    let nix = Nix::find()?;
    let exec = |first: &str, second: &str| {
        let definitions =
            [first, second].map(|value| format!("{{ serviceConfig.ExecStop = {value}; }}"));
        service(
            &nix,
            &[&definitions[0], &definitions[1]],
            "lib.naturalSort (lib.toList service.serviceConfig.ExecStop)
             ++ lib.optional (lib.isList service.serviceConfig.ExecStop) \"as a list\"",
        )
    };
    for (first, second, expected) in [
        ("[ \"x\" ]", "[ \"y\" ]", json!(["x", "y", "as a list"])),
        // One list is enough.
        ("[ \"x\" ]", "\"y\"", json!(["x", "y", "as a list"])),
        ("\"x\"", "\"x\"", json!(["x"])),
        ("lib.mkForce \"x\"", "[ \"y\" ]", json!(["x"])),
        ("\"x\"", "lib.mkDefault [ \"y\" ]", json!(["x"])),
    ] {
        let expected = Ok(expected);
        let with_lib = |value: &str| value.replace("lib.", "(import <nixpkgs/lib>).");
        let found = exec(&with_lib(first), &with_lib(second));
        assert_eq!(found, expected, "{first} and {second}");
    }
    let error = exec("\"x\"", "\"y\"").unwrap_err();
    assert!(error.contains("conflicting definition values"), "{error}");
    for wrong in ["Type = \"onshot\"", "Restart = \"sometimes\""] {
        let wrong = format!("{{ serviceConfig.{wrong}; }}");
        let error = service(&nix, &[&wrong], "service.serviceConfig").unwrap_err();
        assert!(error.contains("is not of type"), "{error}");
    }
    Ok(())
}

fn options_of_units_become_directives_as_in_nixos() -> TestResult {
    let nix = Nix::find()?;
    let found = service(
        &nix,
        &["{
            description = \"A\";
            after = [ \"b.service\" \"c.target\" ];
            startLimitIntervalSec = 0;
            reloadTriggers = [ \"/x\" ];
            unitConfig.ConditionPathExists = \"/y\";
          }"],
        "service.unitConfig // { inherit (service) name; }",
    )
    .unwrap();
    let reload = found["X-Reload-Triggers"].as_str().unwrap();
    assert!(reload.ends_with("-X-Reload-Triggers-a"), "{reload}");
    let expected = json!({
        "After": "b.service c.target",
        "ConditionPathExists": "/y",
        "Description": "A",
        "StartLimitIntervalSec": "0",
        "X-Reload-Triggers": reload,
        "name": "a.service",
    });
    assert_eq!(found, expected);
    // The option and the directive are two definitions of the same.
    let twice = "{ description = \"A\"; unitConfig.Description = \"B\"; }";
    let error = service(&nix, &[twice], "service.unitConfig").unwrap_err();
    assert!(error.contains("conflicting definition values"), "{error}");
    Ok(())
}

fn scripts_of_services_are_run_as_in_nixos() -> TestResult {
    let nix = Nix::find()?;
    let found = service(
        &nix,
        &["{
            preStart = \"one\";
            script = \"two\";
            scriptArgs = \"%i\";
            postStop = \"three\";
            serviceConfig.ExecStartPre = [ \"+zero\" ];
            path = [ \"/opt/tool\" ];
          }"],
        "service.serviceConfig // {
           jobs = map (path: lib.last (lib.splitString \"-unit-\" path)) service.jobScripts;
           path = lib.splitString \":\" service.environment.PATH;
         }",
    )
    .unwrap();
    let before = found["ExecStartPre"].as_array().unwrap();
    assert_eq!(before.len(), 2, "{before:?}");
    assert!(before.contains(&json!("+zero")), "{before:?}");
    for (directive, end) in [
        ("ExecStart", "-unit-script-a-start %i"),
        ("ExecStopPost", "-unit-script-a-post-stop"),
    ] {
        let command = found[directive].as_str().unwrap();
        assert!(command.ends_with(end), "{command}");
    }
    let jobs: Vec<String> = serde_json::from_value(found["jobs"].clone()).unwrap();
    for job in ["script-a-pre-start", "script-a-start", "script-a-post-stop"] {
        assert!(jobs.contains(&job.to_owned()), "{jobs:?}");
    }
    // What the service names comes first; coreutils and four others follow.
    let path = found["path"].as_array().unwrap();
    assert_eq!((path.len(), &path[0]), (12, &json!("/opt/tool/bin")));
    let error = service(
        &nix,
        &["{ environment.PATH = \"/opt/tool/bin\"; }"],
        "service.environment",
    )
    .unwrap_err();
    assert!(error.contains("conflicting definition values"), "{error}");
    Ok(())
}

fn synapse_is_described_only_where_it_is_enabled() -> TestResult {
    let nix = Nix::find()?;
    let synapse = |configuration: &str, result: &str| {
        let configuration = format!("{{ services.matrix-synapse = {configuration}; }}");
        evaluate(
            &nix,
            &configuration,
            &format!("(synapse: {result}) config.services.matrix-synapse"),
        )
    };
    for option in ["configFile", "package", "serviceUnit"] {
        let read = format!("\"${{synapse.{option}}}\"");
        let error = synapse("{ }", &read).unwrap_err();
        assert!(error.contains("was accessed but has no value"), "{error}");
        assert!(synapse("{ enable = true; }", &read).is_ok(), "{option}");
        let set = format!("{{ enable = true; {option} = \"/x\"; }}");
        let error = synapse(&set, &read).unwrap_err();
        assert!(error.contains("is read-only"), "{error}");
    }
    // Nothing in the file is null, in lists either.
    let workers = "{ enable = true; workers.b = { }; }";
    let found = synapse(
        workers,
        "{
          inherit (synapse) serviceUnit;
          inherit (builtins.fromJSON (builtins.unsafeDiscardStringContext synapse.configFile.text))
            listeners
            instance_map;
        }",
    )
    .unwrap();
    assert_eq!(found["serviceUnit"], "matrix-synapse.target");
    let path = json!("/run/matrix-synapse/main_replication.sock");
    assert_eq!(found["instance_map"]["main"], json!({"path": path}));
    let replication = json!({
        "mode": 0o660,
        "path": path,
        "resources": [{"compress": false, "names": ["replication"]}],
        "type": "http",
        "x_forwarded": true,
    });
    assert_eq!(found["listeners"][1], replication);
    Ok(())
}

fn a_file_below_etc_has_one_content() -> TestResult {
    let nix = Nix::find()?;
    let etc = |file: &str| {
        evaluate(
            &nix,
            &format!("{{ environment.etc.\"a/b\" = {file}; }}"),
            "\"${config.environment.etc.\"a/b\".source}\"",
        )
    };
    let written = etc("{ text = \"x\"; }").unwrap();
    assert!(written.as_str().unwrap().ends_with("-etc-a-b"), "{written}");
    let error = etc("{ text = \"x\"; source = \"/y\"; }").unwrap_err();
    assert!(error.contains("conflicting definition values"), "{error}");
    Ok(())
}

crate::support::harness::tests![
    options_are_declared_as_in_nixos,
    every_kind_of_difference_is_found,
    the_table_of_another_system_has_what_we_declare,
    directives_of_units_are_merged_as_in_nixos,
    options_of_units_become_directives_as_in_nixos,
    scripts_of_services_are_run_as_in_nixos,
    synapse_is_described_only_where_it_is_enabled,
    a_file_below_etc_has_one_content,
];
