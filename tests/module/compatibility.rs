//! The module as a replacement for nixpkgs' module of the same name, and its handling of an
//! administrator's additions to MAS's unit. Whole configurations are in `configurations.rs`.

use std::fs;

use crate::support::{Nix, harness::TestResult, root};
use serde_json::{Value, json};
use tempfile::TempDir;

const SERVICE: &str = "services.matrix-authentication-service";
const UNIT: &str = "systemd.services.matrix-authentication-service";

/// Evaluates the module with an additional module, and returns a part of the result.
fn evaluate(nix: &Nix, module: &str, result: &str) -> Result<Value, String> {
    nix.json(&format!(
        "let
           lib = import <nixpkgs/lib>;
           evaluated = import {} {{
             modules = [
               {{ {SERVICE}.settings.matrix.homeserver = lib.mkDefault \"example.com\"; }}
               ({module})
             ];
           }};
           inherit (evaluated) config;
           cfg = config.{SERVICE};
           problems = map (problem: problem.message) config.assertions;
           unit = suffix: config.systemd.services.\"matrix-authentication-service${{suffix}}\";
           text = file: config.environment.etc.\"matrix-authentication-service/${{file}}\".source.text;
         in {result}",
        root().join("tests/support/nix/module.nix").display(),
    ))
}

fn get(nix: &Nix, module: &str, result: &str) -> Value {
    evaluate(nix, module, result).unwrap_or_else(|error| panic!("{error}"))
}

fn texts(value: &Value) -> Vec<&str> {
    let items = value.as_array().unwrap().iter();
    items.map(|item| item.as_str().unwrap()).collect()
}

fn a_missing_group_of_synapse_is_reported() -> TestResult {
    let nix = Nix::find()?;
    let on_host = |synapse: &str| {
        let module = format!("{{ {SERVICE} = {{ createDatabase = true; {synapse} }}; }}");
        let everything =
            "{ inherit problems; files = map text [ \"service.yaml\" \"config.yaml\" ]; }";
        get(&nix, &module, everything)["problems"].clone()
    };
    assert_eq!(on_host(""), json!([]));
    assert_eq!(
        on_host("synapse = { enable = true; units = [ ]; secretPath = \"/s\"; };"),
        json!([])
    );
    let problems = on_host("synapse.enable = true;");
    assert_eq!(problems.as_array().unwrap().len(), 1);
    let problem = problems[0].as_str().unwrap();
    assert!(
        problem.starts_with(&format!("{SERVICE}.synapse.group: there is no group")),
        "{problem}"
    );
    Ok(())
}

fn synapse_is_no_dependency_of_what_it_waits_for() -> TestResult {
    let nix = Nix::find()?;
    let module = |dependency: &str| {
        format!(
            "{{ {SERVICE} = {{
                 synapse.enable = true;
                 serviceDependencies = [ {dependency} \"openldap.service\" ];
               }};
               services.matrix-synapse = {{ enable = true; settings.server_name = \"example.com\"; }};
             }}"
        )
    };
    let found = get(
        &nix,
        &module("\"matrix-synapse.service\""),
        "{ inherit problems; inherit (unit \"\") after before wants; }",
    );
    assert_eq!(found["problems"], json!([]));
    assert!(texts(&found["before"]).contains(&"matrix-synapse.service"));
    for relation in ["after", "wants"] {
        let units = texts(&found[relation]);
        assert!(units.contains(&"openldap.service"), "{relation}: {units:?}");
        assert!(
            !units.contains(&"matrix-synapse.service"),
            "{relation}: {units:?}"
        );
    }
    // In the unit itself, it is rejected.
    let module = format!(
        "{{ imports = [ ({}) ]; {UNIT}.after = [ \"matrix-synapse.service\" ]; }}",
        module("")
    );
    let problems = get(&nix, &module, "problems");
    assert!(
        problems[0]
            .as_str()
            .unwrap()
            .starts_with(&format!("{UNIT}.after: matrix-synapse.service"))
    );
    Ok(())
}

fn a_migration_is_never_restarted_by_a_switch() -> TestResult {
    let nix = Nix::find()?;
    let module = format!(
        "{{ {SERVICE} = {{ synapse.enable = true; migration.enable = true; }};
           services.matrix-synapse = {{ enable = true; settings.server_name = \"example.com\"; }}; }}"
    );
    let found = get(
        &nix,
        &module,
        "{ units = lib.mapAttrs (_: unit: unit.restartIfChanged) (
             lib.filterAttrs (name: _: lib.hasPrefix \"syn2mas-\" name) config.systemd.services);
           check = config.system.preSwitchChecks.syn2mas-at-work; }",
    );
    let units = found["units"].as_object().unwrap();
    assert_eq!(units.len(), 6);
    assert!(
        units.values().all(|restarted| restarted == false),
        "{units:?}"
    );
    assert_eq!(
        found["check"],
        "/usr/local/bin/syn2mas guard --idle --state-dir /var/lib/syn2mas"
    );
    Ok(())
}

fn the_database_is_where_postgresql_listens() -> TestResult {
    let nix = Nix::find()?;
    let result = "{
        inherit (unit \"-database\") serviceConfig;
        inherit (cfg.finalSettings) database;
        inherit (config.services.postgresql) ensureDatabases ensureUsers;
        preStart = config.systemd.services.postgresql-setup.preStart or \"\";
        guard = config.system.preSwitchChecks.syn2mas-way-there or \"\";
        migration = text \"syn2mas.yaml\";
      }";
    let module = |more: &str| {
        format!(
            "{{ {SERVICE} = {{ createDatabase = true; synapse.enable = true; {more} }};
               services.matrix-synapse = {{ enable = true; settings.server_name = \"example.com\"; }};
               services.postgresql.settings.port = 5433; }}"
        )
    };
    let found = get(&nix, &module(""), result);
    let psql = found["serviceConfig"]["ExecStart"].as_str().unwrap();
    assert!(psql.contains(" --port=5433 "), "{psql}");
    assert_eq!(
        found["database"]["uri"],
        "postgresql:///matrix-authentication-service?host=/run/postgresql&port=5433"
    );
    let migration = found["migration"].as_str().unwrap();
    assert!(
        migration.contains("host=/run/postgresql&port=5433&user=postgres"),
        "{migration}"
    );
    // Backup modules use this list.
    assert_eq!(
        found["ensureDatabases"],
        json!(["matrix-authentication-service"])
    );
    assert_eq!(
        found["ensureUsers"],
        json!([{"name": "matrix-authentication-service", "ensureDBOwnership": true}])
    );
    assert_eq!(found["preStart"], "");
    let found = get(
        &nix,
        &module("settings.database.host = \"localhost\";"),
        result,
    );
    assert_eq!(found["database"]["port"], 5433);
    // NixOS would make it with the locale of the cluster.
    let found = get(&nix, &module("databaseLocale = \"C\";"), result);
    let first = found["preStart"].as_str().unwrap();
    assert!(
        first.contains("--port=5433 --file=/etc/matrix-authentication-service/database.sql"),
        "{first}"
    );
    Ok(())
}

fn plain_values_override_the_modules() -> TestResult {
    let nix = Nix::find()?;
    let module = format!(
        "{{ {UNIT} = {{
              description = \"Login\";
              startLimitIntervalSec = 30;
              stopIfChanged = true;
              serviceConfig = {{
                Type = \"notify\"; MemoryMax = \"1G\"; MemoryHigh = \"900M\"; TasksMax = 64;
                LimitNOFILE = 1024; WatchdogSec = 0; User = \"mas\"; Group = \"mas\"; Restart = \"always\";
                RestartSec = 10; UMask = \"0027\"; PrivateUsers = false; IPAddressDeny = [ ];
                SystemCallFilter = [ \"~@swap\" ]; RestrictAddressFamilies = [ \"AF_NETLINK\" ];
                LoadCredential = \"a:/a\"; NotifyAccess = \"main\";
              }};
            }};
            users.users.matrix-authentication-service = {{ uid = 990; description = \"MAS\"; home = \"/srv\"; }};
            users.groups.matrix-authentication-service.gid = 990; }}"
    );
    let found = get(
        &nix,
        &module,
        "{ inherit (unit \"\") description serviceConfig unitConfig stopIfChanged;
           user = config.users.users.matrix-authentication-service.home;
           helper = (unit \"-migrate-database\").serviceConfig; }",
    );
    let unit = &found["serviceConfig"];
    for (directive, value) in [
        ("Type", json!("notify")),
        ("MemoryMax", json!("1G")),
        ("TasksMax", json!(64)),
        ("LimitNOFILE", json!(1024)),
        ("User", json!("mas")),
        ("RestartSec", json!(10)),
        ("PrivateUsers", json!(false)),
    ] {
        assert_eq!(unit[directive], value, "{directive}");
    }
    assert_eq!(found["stopIfChanged"], true);
    assert_eq!(found["helper"]["User"], "mas");
    // Lists are joined, as with nixpkgs' own.
    let calls = texts(&unit["SystemCallFilter"]);
    assert!(
        calls.contains(&"~@swap") && calls.contains(&"@system-service"),
        "{calls:?}"
    );
    assert!(texts(&unit["LoadCredential"]).contains(&"a:/a"));
    Ok(())
}

fn helper_units_have_what_mas_own_unit_has() -> TestResult {
    let nix = Nix::find()?;
    let module = format!(
        "{{ {UNIT} = {{
              after = [ \"secrets.service\" ]; wants = [ \"secrets.service\" ]; requires = [ \"vault.service\" ];
              environment.PGOPTIONS = \"-c work_mem=4MB\";
              serviceConfig = {{
                LoadCredential = [ \"own:/run/own\" ]; ImportCredential = \"mas.*\";
                SetCredential = [ \"set:value\" ]; EnvironmentFile = \"/run/environment\";
                SupplementaryGroups = \"keys\"; BindReadOnlyPaths = [ \"/srv\" ];
              }};
            }};
            {SERVICE}.users.alice = {{ }}; }}"
    );
    let found = get(
        &nix,
        &module,
        "let
           seen = suffix: { inherit (unit suffix) after wants requires environment serviceConfig; };
         in {
           units = map seen [ \"-migrate-database\" \"-users\" \"-doctor\" ];
           secrets = seen \"-secrets\";
           manifest = text \"service.yaml\";
         }",
    );
    for unit in found["units"].as_array().unwrap() {
        let directives = &unit["serviceConfig"];
        assert!(
            texts(&directives["LoadCredential"]).contains(&"own:/run/own"),
            "{unit}"
        );
        assert_eq!(directives["ImportCredential"], "mas.*");
        assert_eq!(directives["EnvironmentFile"], "/run/environment");
        assert_eq!(directives["SupplementaryGroups"], "keys");
        assert_eq!(unit["environment"]["PGOPTIONS"], "-c work_mem=4MB");
    }
    for unit in [&found["units"][0], &found["secrets"]] {
        assert!(texts(&unit["after"]).contains(&"secrets.service"));
        assert!(texts(&unit["wants"]).contains(&"secrets.service"));
        assert!(texts(&unit["requires"]).contains(&"vault.service"));
        assert_eq!(unit["serviceConfig"]["Restart"], "on-failure");
        assert_eq!(unit["serviceConfig"]["RestartMode"], "direct");
    }
    let manifest: Value = serde_yaml_ng::from_str(found["manifest"].as_str().unwrap()).unwrap();
    assert_eq!(manifest["credentials"]["own"], "/run/own");
    for property in [
        "EnvironmentFile=/run/environment",
        "ImportCredential=mas.*",
        "SupplementaryGroups=keys",
        "Environment=\"PGOPTIONS=-c work_mem=4MB\"",
    ] {
        assert!(
            texts(&manifest["unitProperties"]).contains(&property),
            "{property}: {manifest}"
        );
    }
    Ok(())
}

fn environment_variables_may_be_settings() -> TestResult {
    let nix = Nix::find()?;
    let result = "{ inherit problems; settings = cfg.finalSettings; }";
    let with = |unit: &str| {
        let module = format!(
            "{{ {SERVICE}.settings.matrix.homeserver = lib.mkForce null; {UNIT} = {unit}; }}"
        );
        get(&nix, &module, result)
    };
    let alone = with("{ }");
    assert!(
        alone["problems"][0]
            .as_str()
            .unwrap()
            .contains("matrix.homeserver")
    );
    for unit in [
        "{ serviceConfig.EnvironmentFile = \"/run/mas\"; }",
        "{ environment.MAS_MATRIX_HOMESERVER = \"example.com\"; }",
        "{ serviceConfig = lib.mkMerge [ (lib.mkIf true { EnvironmentFile = lib.mkForce [ \"/run/mas\" ]; }) ]; }",
        "lib.mkIf true { serviceConfig.Environment = [ \"MAS_MATRIX_HOMESERVER=example.com\" ]; }",
    ] {
        let found = with(unit);
        assert_eq!(found["problems"], json!([]), "{unit}");
    }
    let found = with("{ environment.LANG = \"C\"; }");
    assert_ne!(found["problems"], json!([]));
    Ok(())
}

fn settings_are_read_back_as_from_nixpkgs_module() -> TestResult {
    let nix = Nix::find()?;
    let settings = |module: &str| {
        get(
            &nix,
            &format!("{{ {SERVICE} = {{ {module} }}; }}"),
            "cfg.settings",
        )
    };
    let found = settings("extraConfigFiles = [ \"/run/secrets/mas.yaml\" ];");
    assert_eq!(
        found["database"]["uri"],
        "postgresql:///matrix-authentication-service?host=/run/postgresql"
    );
    assert_eq!(found["database"]["max_connections"], 10);
    assert_eq!(found["passwords"]["minimum_complexity"], 3);
    assert_eq!(found["passwords"]["schemes"][0]["algorithm"], "argon2id");
    assert_eq!(
        found["http"]["listeners"][0]["resources"][0]["name"],
        "discovery"
    );
    assert_eq!(found["upstream_oauth2"]["providers"], json!([]));
    // The user's own values differ.
    let found = settings("settings.database = { host = \"db\"; max_connections = 3; };");
    assert!(found["database"].get("uri").is_none());
    assert_eq!(found["database"]["max_connections"], 3);
    // And it may refer to itself.
    let found = get(
        &nix,
        &format!(
            "{{ config, ... }}: {{ {SERVICE}.settings.branding.imprint =
                 \"at ${{config.{SERVICE}.settings.http.public_base}}\"; }}"
        ),
        "cfg.settings.branding.imprint",
    );
    assert_eq!(found, "at http://localhost:8080/");
    Ok(())
}

fn what_nixpkgs_leaves_out_is_left_out() -> TestResult {
    let nix = Nix::find()?;
    let module = format!(
        "{{ {SERVICE}.settings = {{
              upstream_oauth2.providers = null;
              matrix = {{ endpoint = \"\"; kind = null; secret_file = \"/m\"; }};
              passwords = null;
              http.trusted_proxies = [ \"127.0.0.1\" null \"::1\" ];
              email = lib.mkIf true {{ transport = \"blackhole\"; reply_to = lib.mkForce null; }};
              database = {{ idle_timeout = null; port = null; }};
            }}; }}"
    );
    let found = get(
        &nix,
        &module,
        "{ inherit problems; settings = cfg.finalSettings; }",
    );
    assert_eq!(found["problems"], json!([]));
    let written = &found["settings"];
    assert!(written.get("passwords").is_none());
    assert_eq!(
        written["matrix"],
        json!({"homeserver": "example.com", "secret_file": "${RUNTIME_DIRECTORY}/matrix.secret_file"})
    );
    assert_eq!(
        written["http"]["trusted_proxies"],
        json!(["127.0.0.1", "::1"])
    );
    assert_eq!(written["email"], json!({"transport": "blackhole"}));
    // Here, null means never to close an idle connection.
    assert_eq!(written["database"], json!({"idle_timeout": null}));
    Ok(())
}

fn settings_may_be_a_module() -> TestResult {
    let nix = Nix::find()?;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("mas.nix");
    fs::write(
        &file,
        "{ lib, ... }: { branding.imprint = lib.toUpper \"here\"; }",
    )
    .unwrap();
    let module = format!(
        "{{ imports = [
              {{ {SERVICE}.settings = {}; }}
              {{ {SERVICE}.settings = {{ lib, config, ... }}: {{
                   branding.service_name = lib.mkForce \"of ${{config.http.public_base}}\"; }}; }}
              {{ {SERVICE}.settings.branding.service_name = \"other\"; }}
              {{ {SERVICE}.settings = {{ ... }}: {{
                   imports = [ {{ account.email_change_allowed = false; }} ];
                   config.branding.tos_uri = \"https://a/\"; }}; }}
            ]; }}",
        file.display()
    );
    let found = get(&nix, &module, "cfg.settings.branding");
    assert_eq!(
        found,
        json!({
            "imprint": "HERE", "service_name": "of http://localhost:8080/", "tos_uri": "https://a/",
        })
    );
    Ok(())
}

/// Settings that all units depend on must not depend on the units, as NixOS's module for certificates
/// shows: it declares units if there are virtual hosts, whose names may come from the settings.
fn settings_and_the_rest_of_a_host_may_refer_to_each_other() -> TestResult {
    let nix = Nix::find()?;
    let shown = format!("config.{SERVICE}.settings");
    let host =
        format!("lib.removePrefix \"https://\" (lib.removeSuffix \"/\" {shown}.http.public_base)");
    let when = format!("lib.mkIf {shown}.passwords.enabled");
    for module in [
        format!("{{ systemd.services = lib.mkIf (config.services.nginx.virtualHosts != {{ }}) {{ a.script = \"\"; }};
                    services.nginx = {{ enable = true; virtualHosts.${{{host}}} = {{ }}; }};
                    {SERVICE}.routes = {{ nginx = true; host = \"a.example\"; matrixHost = \"b.example\"; }}; }}"),
        format!("{{ systemd.services = lib.listToAttrs (
                      map (l: lib.nameValuePair \"fw-${{l.name}}\" {{ script = \"\"; }}) {shown}.http.listeners); }}"),
        format!("{{ {UNIT} = {{ environment.A = {shown}.http.public_base;
                      serviceConfig = {when} {{ MemoryMax = \"1G\"; EnvironmentFile = {when} \"/e\"; }}; }}; }}"),
        format!("{{ {UNIT} = {{ config, ... }}: {{ serviceConfig.EnvironmentFile = \"/e\"; }}; }}"),
        format!("{{ {UNIT}.serviceConfig = {{ EnvironmentFile = lib.mkIf false \"/e\";
                      Environment = [ \"A=${{{shown}.http.public_base}}\" ]; }}; }}"),
        format!("{{ {SERVICE}.settings.http = {{ public_base = \"https://a.example/\"; issuer = {shown}.http.public_base; }}; }}"),
        format!("{{ {SERVICE}.settings = {{ config, ... }}: {{
                      matrix.endpoint = \"http://${{config.matrix.homeserver}}:8008/\"; }}; }}"),
    ] {
        let module = format!("{{ config, lib, ... }}: {module}");
        let result = "builtins.seq (builtins.toJSON (map (name: (unit name).serviceConfig) [ \"\" \"-doctor\" ]))
            { inherit problems; file = text \"config.yaml\"; }";
        let found = evaluate(&nix, &module, result).unwrap_or_else(|error| panic!("{module}\n{error}"));
        assert_eq!(found["problems"], json!([]), "{module}");
    }
    Ok(())
}

fn what_would_not_work_is_refused_before_it_is_tried() -> TestResult {
    let nix = Nix::find()?;
    let homeserver =
        "services.matrix-synapse = { enable = true; settings.server_name = \"example.com\"; };";
    let listener = "[ { binds = [ { address = \"127.0.0.1:8090\"; } ]; resources = [ { name = \"human\"; } ]; } ]";
    let proxy = |settings: &str| {
        format!(
            "{SERVICE} = {{ synapse.enable = true; {settings}
               routes = {{ nginx = true; host = \"a.example.com\"; matrixHost = \"m.example.com\"; }}; }}; {homeserver}"
        )
    };
    for (module, message) in [
        (
            format!(
                "{SERVICE} = {{ synapse.enable = true; credentials.b = \"/b\";
                       settings.matrix.secret_file = \"\\${{CREDENTIALS_DIRECTORY}}/a\"; }}; {homeserver}
                     {UNIT}.serviceConfig.SetCredential = \"a:b\";"
            ),
            "synapse.secretPath: Synapse cannot read the shared secret",
        ),
        (
            format!(
                "{} services.nginx.virtualHosts.\"a.example.com\".locations.\"/\" = {{ }};",
                proxy("")
            ),
            "services.nginx.virtualHosts.\"a.example.com\".locations.\"/\": ",
        ),
        (
            proxy(&format!("settings.http.listeners = {listener};")),
            "listen.public: the reverse proxy connects to 127.0.0.1:8080",
        ),
        (
            format!("{UNIT}.environment.MAS_HTTP_PUBLIC_BASE = \"https://a\";"),
            "environment.MAS_HTTP_PUBLIC_BASE: MAS interprets it as `http.public.base`",
        ),
        (
            format!(
                "{UNIT}.serviceConfig = {{ AmbientCapabilities = \"CAP_NET_BIND_SERVICE\"; }};"
            ),
            "serviceConfig.AmbientCapabilities: they have no effect while `PrivateUsers`",
        ),
        (
            format!(
                "{UNIT}.preStart = \"true\"; {SERVICE}.settings.database.ssl_ca_file =
                       \"/var/lib/matrix-authentication-service/ca.pem\";"
            ),
            "settings.database.ssl_ca_file: the database is migrated before",
        ),
        (
            format!(
                "{SERVICE} = {{ synapse.enable = true; }}; {homeserver}
                     {UNIT}.after = [ \"matrix-synapse.target\" ];"
            ),
            "after: matrix-synapse.target starts after MAS",
        ),
    ] {
        let problems = get(&nix, &format!("{{ {module} }}"), "problems");
        let problems = texts(&problems);
        assert!(
            problems.iter().any(|problem| problem.contains(message)),
            "{module}\n{problems:?}"
        );
    }
    Ok(())
}

/// Before the cutover as well: it would be too late afterwards.
fn locations_that_keep_logins_from_mas_are_refused() -> TestResult {
    let nix = Nix::find()?;
    let problems = |host: &str| -> Vec<String> {
        let module = format!(
            "{{ lib, ... }}: {{
               {SERVICE} = {{ synapse.enable = true; migration.enable = true;
                 routes = {{ nginx = true; host = \"a.example.com\"; matrixHost = \"m.example.com\"; }}; }};
               services.matrix-synapse = {{ enable = true; settings.server_name = \"example.com\"; }};
               services.nginx.virtualHosts = {{ {host} }}; }}"
        );
        serde_json::from_value(get(&nix, &module, "problems")).unwrap()
    };
    let first = "nginx takes the first regular expression that matches";
    let preferred = "nginx prefers this location to the regular expression of";
    for (location, refused) in [
        // As in Synapse's documentation.
        ("~ ^(/_matrix|/_synapse/client)", Some(first)),
        (
            "~ ^/_matrix/client/(api/v1|r0|v3|unstable)/(login|register|sync)$",
            Some(first),
        ),
        ("~* ^\\\\/_MATRIX\\\\/(?:client|media)", Some(first)),
        ("~ /login", Some(first)),
        // What they match is not known.
        ("~ ^/(?!_synapse)", Some(first)),
        ("~ ^/x[A-Za-z0-9-_]+$", Some(first)),
        ("~ ^/(x", Some(first)),
        ("~ ^/x)(y", Some(first)),
        ("~ ^/[z-a]", Some(first)),
        ("^~ /_matrix/client/", Some(preferred)),
        ("= /_matrix/client/v3/login", Some(preferred)),
        ("~ ^/_matrix/client/(r0|v3)/sync$", None),
        ("~ ^/_matrix/(media|federation)/[^/]+/", None),
        ("~* \\\\.php$", None),
        ("^~ /", None),
        ("^~ /_matrix/media/", None),
        ("= /_matrix/client/v3/sync", None),
        ("/_matrix/client/v3/login", None),
    ] {
        let found = problems(&format!(
            "\"m.example.com\".locations.\"{location}\" = {{ }};"
        ));
        let shown = location.replace("\\\\", "\\");
        let named =
            format!("services.nginx.virtualHosts.\"m.example.com\".locations.\"{shown}\": ");
        match refused {
            Some(message) => {
                assert_eq!(found.len(), 1, "{location}: {found:?}");
                assert!(
                    found[0].starts_with(&format!("{named}{message}")),
                    "{found:?}"
                );
            }
            None => assert!(found.is_empty(), "{location}: {found:?}"),
        }
    }
    // Only the order counts there.
    let written = "''\n  location ~ ^/_matrix {\n  }\n''";
    let extra = |order: &str| {
        problems(&format!(
            "\"m.example.com\".extraConfig = lib.{order} {written};"
        ))
    };
    let found = extra("mkBefore");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("\"m.example.com\".extraConfig (location ~ ^/_matrix): nginx takes"),
        "{found:?}"
    );
    assert_eq!(extra("mkAfter"), [""; 0]);
    // Other hosts have no logins.
    let elsewhere = "\"a.example.com\".locations.\"~ ^/_matrix\" = { };";
    assert_eq!(problems(elsewhere), [""; 0]);
    Ok(())
}

fn what_an_administrator_adds_reaches_the_right_units() -> TestResult {
    let nix = Nix::find()?;
    // Synapse reads the source file of MAS's credential.
    for form in [
        "\\${CREDENTIALS_DIRECTORY}/a",
        "/run/credentials/matrix-authentication-service.service/a",
    ] {
        let module = format!(
            "{{ {SERVICE} = {{ synapse.enable = true; credentials.a = \"/run/agenix/a\";
                  settings.matrix.secret_file = \"{form}\"; }};
                services.matrix-synapse = {{ enable = true; settings = {{ server_name = \"example.com\";
                  matrix_authentication_service.endpoint = \"http://127.0.0.1:9/\"; }}; }}; }}"
        );
        let found = get(
            &nix,
            &module,
            "{ inherit problems;
               inherit (config.services.matrix-synapse.settings) matrix_authentication_service; }",
        );
        assert_eq!(found["problems"], json!([]), "{form}");
        let section = &found["matrix_authentication_service"];
        assert_eq!(section["secret_path"], "/run/agenix/a", "{form}");
        // An existing setting of Synapse is kept.
        assert_eq!(section["endpoint"], "http://127.0.0.1:9/");
    }
    let module = format!(
        "{{ {UNIT} = {{
              environment.PGPASSFILE = \"/run/credentials/matrix-authentication-service.service/pgpass\";
              serviceConfig = {{ IPAddressAllow = [ \"10.0.0.0/8\" ]; LoadCredential = [ \"pgpass\" ]; }}; }}; }}"
    );
    let found = get(
        &nix,
        &module,
        "{ inherit (unit \"\") serviceConfig; inherit (unit \"-migrate-database\") environment;
           manifest = text \"service.yaml\"; }",
    );
    assert_eq!(
        found["serviceConfig"]["IPAddressAllow"],
        json!(["10.0.0.0/8"])
    );
    assert_eq!(found["serviceConfig"]["RuntimeDirectoryMode"], "0755");
    assert_eq!(found["environment"]["PGPASSFILE"], "%d/pgpass");
    assert!(
        found["manifest"]
            .as_str()
            .unwrap()
            .contains("LoadCredential=pgpass")
    );
    Ok(())
}

fn a_forced_list_of_credentials_is_checked_against_the_settings() -> TestResult {
    let nix = Nix::find()?;
    let problems = |list: &str| {
        let module = format!(
            "{{ {SERVICE} = {{ secrets.generate = false; settings = {{
                  matrix.secret_file = \"/run/agenix/mas\"; secrets.encryption_file = \"/run/agenix/key\"; }}; }};
               {UNIT}.serviceConfig.LoadCredential = {list}; }}"
        );
        get(&nix, &module, "problems")
    };
    assert_eq!(problems("[ \"x:/x\" ]"), json!([]));
    let forced = problems("lib.mkForce [ \"matrix.secret_file:/run/agenix/mas\" ]");
    let forced = texts(&forced);
    assert!(
        forced.len() == 1 && forced[0].contains("leaves `secrets.encryption_file` out"),
        "{forced:?}"
    );
    Ok(())
}

fn the_place_in_a_list_is_named() -> TestResult {
    let nix = Nix::find()?;
    let provider = |more: &str| {
        format!(
            "{{ id = \"01HFVBY12TMNTYTBV8W921M5FA\"; client_id = \"mas\"; issuer = \"https://a\";
                token_endpoint_auth_method = \"none\"; {more} }}"
        )
    };
    let error_of =
        |module: String| evaluate(&nix, &module, "builtins.toJSON cfg.finalSettings").unwrap_err();
    let module = format!(
        "{{ imports = [
              {{ {SERVICE}.settings.upstream_oauth2.providers = [ (lib.mkIf true (lib.mkIf false {{ }})) {} ]; }}
              {{ {SERVICE}.settings.upstream_oauth2.providers = lib.mkAfter [ {} ]; }}
            ]; }}",
        provider(""),
        provider("fetch_userinf = true;")
    );
    let error = error_of(format!("{{ lib, ... }}: {module}"));
    assert!(
        error.contains(&format!(
            "{SERVICE}.settings.upstream_oauth2.providers[1].fetch_userinf'"
        )),
        "{error}"
    );
    Ok(())
}

crate::support::harness::tests![
    a_missing_group_of_synapse_is_reported,
    synapse_is_no_dependency_of_what_it_waits_for,
    a_migration_is_never_restarted_by_a_switch,
    the_database_is_where_postgresql_listens,
    plain_values_override_the_modules,
    helper_units_have_what_mas_own_unit_has,
    environment_variables_may_be_settings,
    settings_are_read_back_as_from_nixpkgs_module,
    what_nixpkgs_leaves_out_is_left_out,
    settings_may_be_a_module,
    settings_and_the_rest_of_a_host_may_refer_to_each_other,
    what_would_not_work_is_refused_before_it_is_tried,
    locations_that_keep_logins_from_mas_are_refused,
    what_an_administrator_adds_reaches_the_right_units,
    a_forced_list_of_credentials_is_checked_against_the_settings,
    the_place_in_a_list_is_named,
];
