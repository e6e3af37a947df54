//! What clients expect beside logins: login with a QR code, servers for calls, an admin interface. And the
//! template, which has all of it.

use std::fs;

use crate::support::{Nix, harness::TestResult, root};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Evaluates the module with a configuration, and returns a part of the result.
fn evaluate(nix: &Nix, module: &str, result: &str) -> Value {
    let file = root().join("tests/support/nix/module.nix");
    let found = nix.json(&format!(
        "let
           lib = import <nixpkgs/lib>;
           evaluated = import {} {{ modules = [ {module} ]; }};
           inherit (evaluated) config;
           cfg = config.services.matrix-authentication-service;
           synapse = config.services.matrix-synapse.settings;
         in {result}",
        file.display()
    ));
    found.unwrap_or_else(|error| panic!("{module}\n{error}"))
}

/// A homeserver that delegates, with these options of the module and of Synapse.
fn homeserver(options: &str, synapse: &str) -> String {
    format!(
        "{{
           services.matrix-synapse = {{
             enable = true;
             settings = {{ server_name = \"example.com\"; {synapse} }};
           }};
           services.matrix-authentication-service = {{ synapse.enable = true; {options} }};
         }}"
    )
}

/// What Synapse gets from this host's settings, and from the overlay of a migration.
const SETTINGS: &str = "{
    problems = map (problem: problem.message) config.assertions;
    features = synapse.experimental_features or null;
    rtc = synapse.matrix_rtc or null;
  }";

fn logins_with_a_qr_code_are_on_with_delegation() -> TestResult {
    let nix = Nix::find()?;
    let on = json!({"msc4108_enabled": true, "msc4388_mode": "open"});
    let own = "experimental_features = { msc4388_mode = \"off\"; msc4222_enabled = true; };";
    for (options, synapse, features) in [
        ("", "", on),
        ("synapse.qrLogin = false;", "", Value::Null),
        (
            "",
            own,
            json!({"msc4108_enabled": true, "msc4388_mode": "off", "msc4222_enabled": true}),
        ),
        // Before the cutover, Synapse would not start with it.
        ("migration.enable = true;", "", Value::Null),
    ] {
        let found = evaluate(&nix, &homeserver(options, synapse), SETTINGS);
        let expected = json!({"problems": [], "features": features, "rtc": null});
        assert_eq!(found, expected, "{options}");
    }
    // Nothing of it without Synapse on this host.
    let elsewhere = "{ services.matrix-authentication-service = {
        settings.matrix.homeserver = \"example.com\";
        synapse = { enable = true; units = [ ]; };
      }; }";
    assert_eq!(evaluate(&nix, elsewhere, "cfg.synapse.qrLogin"), false);
    Ok(())
}

fn the_version_of_synapse_may_depend_on_its_settings() -> TestResult {
    let nix = Nix::find()?;
    // As in nixpkgs, where the settings decide what the package of Synapse contains.
    let version = "({ config, ... }: {
        services.matrix-authentication-service.synapse.version =
          if config.services.matrix-synapse.settings ? oidc_providers then \"1.136.0\" else \"1.163.2\";
      })";
    let module = format!("{} {version}", homeserver("", ""));
    let found = evaluate(&nix, &module, SETTINGS);
    assert_eq!(found["problems"], json!([]));
    assert_eq!(found["features"]["msc4108_enabled"], true);
    Ok(())
}

fn the_overlay_keeps_other_features() -> TestResult {
    let nix = Nix::find()?;
    let overlay = |options: &str, synapse: &str| -> Value {
        let options = format!("migration.enable = true; {options}");
        let text = evaluate(&nix, &homeserver(&options, synapse), "cfg.synapseOverlay");
        serde_yaml_ng::from_str(text.as_str().unwrap()).unwrap()
    };
    let own = "experimental_features = { msc4222_enabled = true; };";
    assert_eq!(
        overlay("", own)["experimental_features"],
        json!({"msc4108_enabled": true, "msc4388_mode": "open", "msc4222_enabled": true})
    );
    // If it has none to add, it does not replace Synapse's section.
    let off = overlay("synapse.qrLogin = false;", own);
    assert_eq!(off["experimental_features"], Value::Null);
    assert_eq!(off["matrix_rtc"], Value::Null);
    Ok(())
}

fn synapse_announces_the_servers_for_calls_of_this_host() -> TestResult {
    let nix = Nix::find()?;
    let foci = "routes.wellKnownClient.\"org.matrix.msc4143.rtc_foci\" = [
        { type = \"livekit\"; livekit_service_url = \"https://rtc.example.com/livekit/jwt\"; }
      ];";
    let transports = json!([
        {"type": "livekit", "livekit_service_url": "https://rtc.example.com/livekit/jwt"}
    ]);
    let rtc = |livekit: &str| {
        let module = format!("{} {{ {livekit} }}", homeserver(foci, ""));
        let found = evaluate(&nix, &module, SETTINGS);
        assert_eq!(found["problems"], json!([]));
        (
            found["rtc"].clone(),
            found["features"]["msc4143_enabled"].clone(),
        )
    };
    let none = (Value::Null, Value::Null);
    assert_eq!(rtc(""), none);
    for service in ["livekit", "lk-jwt-service"] {
        let (found, feature) = rtc(&format!("services.{service}.enable = true;"));
        assert_eq!(found, json!({"transports": transports}), "{service}");
        assert_eq!(feature, true);
    }
    // Before the cutover, they are in the overlay only.
    let migrating = homeserver(&format!("migration.enable = true; {foci}"), "");
    let module = format!("{migrating} {{ services.livekit.enable = true; }}");
    let found = evaluate(
        &nix,
        &module,
        "[ (synapse.matrix_rtc or null) cfg.synapseOverlay ]",
    );
    assert_eq!(found[0], Value::Null);
    let overlay: Value = serde_yaml_ng::from_str(found[1].as_str().unwrap()).unwrap();
    assert_eq!(overlay["matrix_rtc"], json!({"transports": transports}));
    Ok(())
}

fn a_qr_code_needs_the_address_of_synapse() -> TestResult {
    let nix = Nix::find()?;
    let warnings = |host: &str, more: &str, synapse: &str| {
        let options = format!("routes.matrixHost = \"{host}\"; {more}");
        let found = evaluate(&nix, &homeserver(&options, synapse), "config.warnings");
        let found: Vec<String> = serde_json::from_value(found).unwrap();
        found
            .iter()
            .filter(|it| it.contains("public_baseurl"))
            .count()
    };
    assert_eq!(warnings("matrix.example.com", "", ""), 1);
    let known = "public_baseurl = \"https://matrix.example.com/\";";
    assert_eq!(warnings("matrix.example.com", "", known), 0);
    assert_eq!(
        warnings("matrix.example.com", "synapse.qrLogin = false;", ""),
        0
    );
    // Then it is what Synapse assumes.
    assert_eq!(warnings("example.com", "", ""), 0);
    Ok(())
}

fn the_template_is_complete_and_each_part_can_be_left_out() -> TestResult {
    let nix = Nix::find()?;
    let directory = TempDir::new().unwrap();
    let template = fs::read_to_string(root().join("nix/template/configuration.nix")).unwrap();
    // PostgreSQL's version and directory follow from it, so it must not change with nixpkgs.
    let release = regex::Regex::new(r#"(?m)^  system\.stateVersion = "\d\d\.(05|11)";$"#).unwrap();
    assert!(release.is_match(&template));
    let switches = ["elementWeb", "qrLogin", "adminInterface", "calls"];
    let evaluate = |on: [bool; 4]| {
        let mut text = template.replace("domain = \"example.com\"", "domain = \"example.org\"");
        for (switch, on) in switches.iter().zip(on) {
            let lines = text.lines().map(|line| {
                match line.trim_start().strip_prefix(&format!("{switch} = ")) {
                    Some(_) => format!("{switch} = {on};\n"),
                    None => format!("{line}\n"),
                }
            });
            text = lines.collect();
            assert!(text.contains(&format!("{switch} = {on};\n")), "{switch}");
        }
        let file = directory.path().join("configuration.nix");
        fs::write(&file, text).unwrap();
        evaluate(
            &nix,
            &file.display().to_string(),
            "{
               problems = map (problem: problem.message) config.assertions;
               inherit (config) warnings;
               hosts = lib.attrNames (lib.filterAttrs (_: host: host.forceSSL && host.enableACME)
                 config.services.nginx.virtualHosts);
               all = lib.attrNames config.services.nginx.virtualHosts;
               inherit (config.services.nginx) enable;
               postgresql = config.services.postgresql.enable;
               inherit (synapse) server_name;
               public = synapse.public_baseurl;
               features = synapse.experimental_features or { };
               rtc = synapse.matrix_rtc or null;
               element = config.services.nginx.virtualHosts.\"element.example.org\".root.conf or null;
               wellKnown = config.services.nginx.virtualHosts.\"example.org\".extraConfig;
               matrix = config.services.nginx.virtualHosts.\"matrix.example.org\".extraConfig;
               resources = map (it: it.name) (lib.head cfg.finalSettings.http.listeners).resources;
               units = lib.attrNames config.systemd.services;
               public_base = cfg.finalSettings.http.public_base;
             }",
        )
    };
    let names = |found: &Value| -> Vec<String> { serde_json::from_value(found.clone()).unwrap() };
    let qr = json!({"msc4108_enabled": true, "msc4388_mode": "open"});
    for on in [[true, true, false, false], [false; 4], [true; 4]] {
        let [element, qr_login, admin, calls] = on;
        let found = evaluate(on);
        assert_eq!(found["problems"], json!([]), "{on:?}");
        assert_eq!(found["warnings"], json!([]), "{on:?}");
        assert_eq!(found["enable"], true);
        assert_eq!(found["postgresql"], true);
        assert_eq!(found["server_name"], "example.org");
        assert_eq!(found["public"], "https://matrix.example.org/");
        assert_eq!(found["public_base"], "https://auth.example.org/");

        let mut hosts = vec!["auth.example.org", "example.org", "matrix.example.org"];
        hosts.extend(element.then_some("element.example.org"));
        hosts.extend(admin.then_some("admin.example.org"));
        hosts.extend(calls.then_some("rtc.example.org"));
        hosts.sort_unstable();
        assert_eq!(names(&found["hosts"]), hosts, "{on:?}");
        assert_eq!(names(&found["all"]), hosts, "all have certificates: {on:?}");

        let base = &found["element"]["default_server_config"]["m.homeserver"]["base_url"];
        assert_eq!(base == "https://matrix.example.org/", element, "{on:?}");
        let mut features = if qr_login { qr.clone() } else { json!({}) };
        if calls {
            features["msc4143_enabled"] = true.into();
            features["msc4222_enabled"] = true.into();
        }
        assert_eq!(found["features"], features, "{on:?}");
        assert_eq!(found["rtc"] != Value::Null, calls, "{on:?}");
        let well_known = found["wellKnown"].as_str().unwrap();
        assert_eq!(
            well_known.contains("https://rtc.example.org/livekit/jwt"),
            calls
        );
        assert_eq!(
            names(&found["units"]).contains(&"livekit-key".to_owned()),
            calls
        );
        let matrix = found["matrix"].as_str().unwrap();
        assert_eq!(matrix.contains("location /_synapse/admin/"), admin);
        assert_eq!(
            names(&found["resources"]).contains(&"adminapi".to_owned()),
            admin
        );
    }
    Ok(())
}

crate::support::harness::tests![
    logins_with_a_qr_code_are_on_with_delegation,
    the_version_of_synapse_may_depend_on_its_settings,
    the_overlay_keeps_other_features,
    synapse_announces_the_servers_for_calls_of_this_host,
    a_qr_code_needs_the_address_of_synapse,
    the_template_is_complete_and_each_part_can_be_left_out,
];
