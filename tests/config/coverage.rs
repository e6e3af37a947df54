//! The test data uses every option, and the Rust types can represent all of it.

use crate::support::{
    data, edit,
    harness::{TestResult, skip},
};
use mas2nix::{
    config::{diff, tree},
    schema::{NEWEST, Settings},
};

fn the_test_data_uses_every_option() {
    let configs = ["files", "inline", "program"].map(data);
    let settings = tree::settings();
    let unused: Vec<String> = settings
        .descendants()
        .into_iter()
        .filter(|(path, node)| node.removed.is_none() && !path.ends_with(".*"))
        .map(|(path, _)| path)
        .filter(|path| {
            !configs
                .iter()
                .any(|config| edit::concrete(config, path).is_some())
        })
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

fn the_types_hold_what_the_schema_allows() {
    for name in ["files", "inline", "program"] {
        let config = data(name);
        let typed: Settings = serde_json::from_value(config.clone()).unwrap();
        let mut back = serde_json::to_value(typed).unwrap();
        sort(&mut back);
        let mut config = config;
        sort(&mut config);
        assert_eq!(back, config, "{name}");
    }
}

fn every_file_option_is_marked_as_such() {
    let settings = tree::settings();
    let nodes = settings.descendants();
    let below = nodes.iter().filter_map(|(_, node)| node.section());
    for section in below.chain(settings.section()) {
        for (name, node) in &section.options {
            assert_eq!(
                node.file_of.as_deref(),
                name.strip_suffix("_file"),
                "{name}"
            );
            if let Some(of) = &node.file_of {
                assert!(section.get(of).is_some(), "{name}: no {of} beside it");
                assert_eq!(section.file_option(of), Some(name.as_str()));
            }
        }
    }
}

/// Integers are equal whether they are written with a fraction or not.
fn sort(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.sort_keys();
            map.values_mut().for_each(sort);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(sort),
        serde_json::Value::Number(number) => {
            *value = number.as_f64().unwrap().into();
        }
        _ => {}
    }
}

fn nothing_differs_from_upstream() -> TestResult {
    let Some(file) = std::env::var_os("MAS2NIX_UPSTREAM_SCHEMA") else {
        return skip("MAS2NIX_UPSTREAM_SCHEMA does not name MAS 1.22.0's config.schema.json");
    };
    let text = std::fs::read_to_string(file).unwrap();
    let upstream = tree::read(&serde_json::from_str(&text).unwrap()).unwrap();
    let differences = diff::compare(&tree::settings(), &upstream, &NEWEST);
    assert_eq!(differences, []);
    Ok(())
}

crate::support::harness::tests![
    the_test_data_uses_every_option,
    the_types_hold_what_the_schema_allows,
    every_file_option_is_marked_as_such,
    nothing_differs_from_upstream,
];
