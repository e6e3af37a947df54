//! The JSON schemas for editors judge as the checker does, except for what a JSON schema cannot say.

use std::{collections::BTreeSet, fs, sync::LazyLock};

use crate::{
    differential::{number, runner, valid_config},
    formats::{samples, samples_of_options},
    options::Module,
    rules::broken,
    support::{RULES, SETTINGS, cases, data, generate, root},
};
use jsonschema::{Draft, Validator};
use mas2nix::{
    codegen::{host_files, json_schema},
    config::{load::MergedConfig, tree},
    rules::check::{self, Problem, Severity},
    schema::NEWEST,
};
use serde_json::{Value, json};

const ENTRIES: &str = "only whole entries of a list can be unique, not one option of them";
const ANOTHER: &str = "an option cannot be compared with another";
const VERSIONS: &str = "versions cannot be compared";
const DEFAULTS: &str = "a default or another file may set what is missing";
const COMPUTED: &str = "it depends on what the module computes";

/// The rules of MAS's configuration that its schema does not express, and why.
const OF_CONFIG: &[(&str, &str, &str)] = &[
    ("client-id-twice", "clients[].client_id", ENTRIES),
    (
        "provider-id-twice",
        "upstream_oauth2.providers[].id",
        ENTRIES,
    ),
    (
        "scheme-version-twice",
        "passwords.schemes[].version",
        ENTRIES,
    ),
    (
        "hard-limit-below-soft-limit",
        "experimental.session_limit.hard_limit",
        ANOTHER,
    ),
];

/// The rules that the schema of the module's options does not express, beside those in [`OF_CONFIG`], and
/// why.
const OF_OPTIONS: &[(&str, &str, &str)] = &[
    ("client-id-twice", "settings.clients[].client_id", ENTRIES),
    (
        "provider-id-twice",
        "settings.upstream_oauth2.providers[].id",
        ENTRIES,
    ),
    (
        "scheme-version-twice",
        "settings.passwords.schemes[].version",
        ENTRIES,
    ),
    (
        "hard-limit-below-soft-limit",
        "settings.experimental.session_limit.hard_limit",
        ANOTHER,
    ),
    ("routes-overlap", "routes.path", ANOTHER),
    ("same-database", "settings.database", ANOTHER),
    ("synapse-too-old", "synapse.version", VERSIONS),
    ("synapse-too-old-for-http2", "synapse.forceHttp2", VERSIONS),
    ("synapse-too-old-for-qr-login", "synapse.qrLogin", VERSIONS),
    (
        "synapse-too-old-for-rtc-transports",
        "synapse.rtcTransports",
        VERSIONS,
    ),
    (
        "no-encryption-key",
        "settings.secrets.encryption_file",
        DEFAULTS,
    ),
    ("no-listener", "settings.http.listeners", DEFAULTS),
    ("no-matrix-secret", "settings.matrix.secret_file", DEFAULTS),
    ("no-password-scheme", "settings.passwords.schemes", DEFAULTS),
    ("required", "settings.email.transport", DEFAULTS),
    ("required", "settings.http.public_base", DEFAULTS),
    ("required", "settings.matrix", DEFAULTS),
    ("required", "settings.secrets", DEFAULTS),
    ("smtp-without-host", "settings.email.hostname", DEFAULTS),
    ("smtp-without-mode", "settings.email.mode", DEFAULTS),
    ("sockets-not-used", "settings.http.listeners", DEFAULTS),
    (
        "path-for-systemd",
        "settings.database.password_file",
        DEFAULTS,
    ),
    ("path-for-systemd", "settings.matrix.secret_file", DEFAULTS),
    (
        "path-for-systemd",
        "settings.secrets.encryption_file",
        DEFAULTS,
    ),
    ("path-for-systemd", "settings.secrets.keys_dir", DEFAULTS),
    ("no-secret-for-synapse", "synapse.secretPath", COMPUTED),
    (
        "password-without-passwords",
        "settings.passwords.enabled",
        COMPUTED,
    ),
    ("well-known-conflict", "routes.wellKnownClient", COMPUTED),
    (
        "well-known-without-name",
        "settings.matrix.homeserver",
        COMPUTED,
    ),
];

static CONFIG: LazyLock<json_schema::JsonSchema> =
    LazyLock::new(|| json_schema::config(&SETTINGS, &RULES));
static OPTIONS: LazyLock<json_schema::JsonSchema> =
    LazyLock::new(|| json_schema::render(&tree::module(), &RULES, &mas2nix::rules::module()));

fn validator(schema: &Value) -> Validator {
    jsonschema::options()
        .with_draft(Draft::Draft7)
        .build(schema)
        .unwrap()
}

/// The errors that a schema can express.
fn expressible<'a>(problems: &'a [Problem], table: &[(&str, &str, &str)]) -> Vec<&'a Problem> {
    let known = |problem: &Problem| {
        let path = check::without_indices(&problem.path);
        table
            .iter()
            .any(|(id, at, _)| *id == problem.id && *at == path)
    };
    let errors = problems.iter().filter(|it| it.severity == Severity::Error);
    errors.filter(|problem| !known(problem)).collect()
}

/// Asserts that the schema of MAS's configuration judges as the checker does.
fn assert_judged_alike(validator: &Validator, name: &str, config: &Value) {
    let problems = crate::support::problems(config);
    let expected = expressible(&problems, OF_CONFIG);
    let errors: Vec<String> = validator
        .iter_errors(config)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(
        errors.is_empty(),
        expected.is_empty(),
        "{name}: the checker says {problems:?}, and the schema {errors:?} of {config}"
    );
}

fn the_schemas_are_valid() {
    for schema in [&CONFIG.schema, &OPTIONS.schema] {
        jsonschema::draft7::meta::validate(schema).unwrap();
        assert!(schema["$id"].is_string() && schema["title"].is_string());
    }
}

fn the_table_is_up_to_date() {
    let table = |table: &[(&str, &str, &str)]| -> BTreeSet<(String, String)> {
        let rows = table.iter().map(|(id, path, reason)| {
            assert!(!reason.is_empty());
            ((*id).to_owned(), (*path).to_owned())
        });
        rows.collect()
    };
    let found = |schema: &json_schema::JsonSchema| -> BTreeSet<(String, String)> {
        schema.inexpressible.iter().cloned().collect()
    };
    assert_eq!(found(&CONFIG), table(OF_CONFIG));
    assert_eq!(found(&OPTIONS), table(OF_OPTIONS));
}

fn the_schema_judges_mistakes_as_the_checker_does() {
    let validator = validator(&CONFIG.schema);
    let files = fs::read_dir(root().join("tests/fixtures/mistakes")).unwrap();
    let mut judged = 0;
    for file in files {
        let path = file.unwrap().path();
        let config = MergedConfig::files(std::slice::from_ref(&path))
            .unwrap()
            .value;
        assert_judged_alike(&validator, &path.display().to_string(), &config);
        judged += 1;
    }
    assert!(judged >= 35, "only {judged} files");
    for name in ["files", "inline", "program"] {
        assert_judged_alike(&validator, name, &data(name));
    }
    for sample in samples() {
        assert_judged_alike(&validator, &sample.name, &sample.config);
    }
}

/// Each rule is broken alone, so the schema has a condition for it, or the table says why not.
fn the_schema_has_every_rule() {
    let validator = validator(&CONFIG.schema);
    for broken in broken() {
        let config = broken.config();
        assert_judged_alike(
            &validator,
            &format!("{} at {}", broken.rule, broken.at),
            &config,
        );
    }
}

fn the_schema_and_the_checker_agree_on_random_configurations() {
    let validator = validator(&CONFIG.schema);
    let mut runner = runner();
    for i in 0..number("MAS2NIX_JUDGES_CASES", 50) {
        let config = valid_config(&mut runner);
        for _ in 0..5 {
            let faulty = generate::with_fault(&config, &SETTINGS, &mut runner);
            assert_judged_alike(&validator, &i.to_string(), &faulty);
        }
        assert_judged_alike(&validator, &i.to_string(), &config);
    }
}

/// The schema of the module's options accepts what `render` accepts, and rejects what it rejects but for the
/// table.
fn the_schema_of_options_judges_as_render_does() {
    let validator = validator(&OPTIONS.schema);
    let judge = |name: &str, config: &Value| {
        let problems = host_files::context(&MergedConfig::from(config.clone()), &NEWEST);
        let problems = problems.map_or_else(|problems| problems, |(_, warnings)| warnings);
        let expected = expressible(&problems, OF_OPTIONS);
        let errors: Vec<String> = validator
            .iter_errors(config)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(
            errors.is_empty(),
            expected.is_empty(),
            "{name}: render says {problems:?}, and the schema {errors:?} of {config}"
        );
    };
    let example = MergedConfig::files(&[root().join("docs/example.yaml")])
        .unwrap()
        .value;
    judge("the example", &example);
    assert!(validator.is_valid(&example));
    for case in cases::<Module>("module") {
        // The schema is for the newest MAS.
        if case.version.is_none() {
            let mut config = json!({"settings": {"matrix": {"homeserver": "example.com"}}});
            let own = case.with.as_object().unwrap().clone();
            config.as_object_mut().unwrap().extend(own);
            judge(case.rule.as_deref().unwrap_or("no rule"), &config);
        }
    }
    for name in ["files", "inline", "program"] {
        for allow in [true, false] {
            let config = json!({"settings": data(name), "allowInlineSecrets": allow});
            judge(name, &config);
        }
    }
    for sample in samples() {
        judge(
            &sample.name,
            &json!({"settings": sample.config, "allowInlineSecrets": true}),
        );
    }
    for sample in samples_of_options() {
        judge(&sample.name, &sample.options);
    }
    for broken in broken() {
        let config = json!({"settings": broken.config(), "allowInlineSecrets": true});
        judge(&format!("{} at {}", broken.rule, broken.at), &config);
    }
    let mut runner = runner();
    for i in 0..number("MAS2NIX_JUDGES_CASES", 15) {
        let config = valid_config(&mut runner);
        for extra in [json!({}), json!({"extraConfigFiles": ["/run/a.yaml"]})] {
            let faulty = generate::with_fault(&config, &SETTINGS, &mut runner);
            let mut options = json!({"settings": faulty, "allowInlineSecrets": i % 2 == 0});
            options
                .as_object_mut()
                .unwrap()
                .extend(extra.as_object().unwrap().clone());
            judge(&i.to_string(), &options);
        }
    }
}

/// Every default and every example is itself valid, and every removed option deprecated.
fn defaults_and_examples_are_valid() {
    let (mut defaults, mut examples, mut deprecated) = (0, 0, 0);
    let module = tree::module();
    for (tree, schema) in [(&*SETTINGS, &CONFIG.schema), (&module, &OPTIONS.schema)] {
        for (path, node) in tree.descendants() {
            let own = tree::steps(&path).fold(schema, |schema, step| match step {
                "[]" => &schema["items"],
                "*" => &schema["additionalProperties"],
                name => &schema["properties"][name],
            });
            assert!(own.is_object(), "{path}");
            assert_eq!(own.get("default"), node.default.as_ref(), "{path}");
            let judge = validator(own);
            if let Some(default) = &node.default {
                defaults += 1;
                assert!(judge.is_valid(default), "{path}: {default}");
            }
            if let Some(example) = &node.example {
                examples += 1;
                assert_eq!(own["examples"], json!([example]), "{path}");
                assert!(judge.is_valid(example), "{path}: {example}");
            }
            assert_eq!(own["deprecated"] == true, node.removed.is_some(), "{path}");
            deprecated += usize::from(node.removed.is_some());
        }
    }
    assert!(
        defaults > 100 && examples > 100 && deprecated > 2,
        "{defaults} {examples} {deprecated}"
    );
}

fn the_example_names_its_schema() {
    let text = fs::read_to_string(root().join("docs/example.yaml")).unwrap();
    let first = text.lines().next().unwrap();
    let name = first
        .strip_prefix("# yaml-language-server: $schema=")
        .unwrap();
    let committed = fs::read_to_string(root().join("docs").join(name)).unwrap();
    assert_eq!(committed, json_schema::text(&OPTIONS));
    let committed = fs::read_to_string(root().join("docs/config.schema.json")).unwrap();
    assert_eq!(committed, json_schema::text(&CONFIG));
}

crate::support::harness::tests![
    the_schemas_are_valid,
    the_table_is_up_to_date,
    the_schema_judges_mistakes_as_the_checker_does,
    the_schema_has_every_rule,
    the_schema_and_the_checker_agree_on_random_configurations,
    the_schema_of_options_judges_as_render_does,
    defaults_and_examples_are_valid,
    the_example_names_its_schema,
];
