//! Generated expressions have the same value in Rust and in Nix.

use crate::support::{Nix, generate::draw, harness::TestResult};
use mas2nix::{
    codegen::nix,
    expr::{Expr, Scope, Term, option, option_or},
    schema::format::{HOSTNAME, MODE, SERVER_NAME},
};
use proptest::{
    collection, prelude::*, sample::select, strategy::BoxedStrategy, test_runner::TestRunner,
};
use semver::Version;
use serde_json::{Value, json};

const PATHS: [&str; 5] = ["a", "a.b", "a.c", "d", "e"];

fn value() -> impl Strategy<Value = Value> {
    select(vec![
        json!(1),
        json!(2),
        json!(-0.5),
        json!("x"),
        json!("X y"),
        json!(true),
        json!([]),
    ])
}

fn settings() -> impl Strategy<Value = Value> {
    let group = collection::btree_map(select(vec!["b", "c"]), value(), 0..3);
    let group = group.prop_map(|map| json!(map));
    collection::btree_map(
        select(vec!["a", "d", "e"]),
        prop_oneof![group, value()],
        0..4,
    )
    .prop_map(|map| json!(map))
}

fn term() -> impl Strategy<Value = Term> {
    prop_oneof![
        select(PATHS.to_vec()).prop_map(option),
        (select(PATHS.to_vec()), value()).prop_map(|(path, default)| option_or(path, default)),
        value().prop_map(Term::Constant),
    ]
}

fn expression(depth: u32) -> BoxedStrategy<Expr> {
    let path = || select(PATHS.to_vec()).prop_map(mas2nix::expr::Path::from);
    let leaf = prop_oneof![
        path().prop_map(Expr::IsSet),
        path().prop_map(Expr::Missing),
        path().prop_map(Expr::Empty),
        (term(), collection::vec(value(), 1..4))
            .prop_map(|(term, values)| Expr::OneOf(term, values)),
        (term(), select(vec![&HOSTNAME, &SERVER_NAME, &MODE]))
            .prop_map(|(term, format)| Expr::Matches(term, format)),
        (term(), term()).prop_map(|(left, right)| Expr::Less(left, right)),
        select(vec!["0.9.0", "1.2.0", "1.10.0"])
            .prop_map(|version| Expr::OlderThan(Version::parse(version).unwrap())),
    ];
    leaf.prop_recursive(depth, 20, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|e| Expr::Not(Box::new(e))),
            inner.clone().prop_map(|e| Expr::Global(Box::new(e))),
            collection::vec(inner.clone(), 1..4).prop_map(Expr::All),
            collection::vec(inner, 1..4).prop_map(Expr::Any),
        ]
    })
    .boxed()
}

fn rust_and_nix_evaluate_alike() -> TestResult {
    let nix = Nix::find()?;
    let version = Version::new(1, 2, 0);
    let mut runner = TestRunner::deterministic();
    let mut expected = Vec::new();
    let mut printed = Vec::new();
    let strategy = (expression(4), settings(), any::<bool>());
    for _ in 0..2000 {
        let (expression, settings, complete) = draw(&strategy, &mut runner);
        let scope = Scope {
            root: &settings,
            value: &settings,
            earlier: &[],
            complete,
            version: &version,
        };
        expected.push(json!(scope.holds(&expression)));
        printed.push(format!(
            "(let settings = {}; complete = {complete}; in {})",
            nix::value(&settings),
            nix::condition(&expression)
        ));
    }
    let found = nix.json(&format!(
        "let
           lib = import <nixpkgs/lib>;
           inherit (import {} {{ inherit lib; }}) less matches formats;
           older = lib.versionOlder \"{version}\";
         in [ {} ]",
        crate::support::root().join("modules/rules.nix").display(),
        printed.join("\n")
    ));
    let found = found.unwrap();
    for ((found, expected), printed) in found
        .as_array()
        .unwrap()
        .iter()
        .zip(&expected)
        .zip(&printed)
    {
        assert_eq!(found, expected, "{printed}");
    }
    Ok(())
}

crate::support::harness::tests![rust_and_nix_evaluate_alike,];
