//! Configurations of MAS and of the module, as judged by the checker, the module and MAS itself,
//! and the commands that read and write them. Also checks of the repository as a whole.

mod accepted;
mod check;
mod cli;
mod coverage;
mod diagnostics;
mod differential;
mod docs;
mod expressions;
mod formats;
mod harness;
mod json_schema;
mod layers;
mod merge;
mod options;
mod rules;
mod service;
mod style;
#[path = "../support/mod.rs"]
mod support;

support::harness::main![
    accepted,
    check,
    cli,
    coverage,
    diagnostics,
    differential,
    docs,
    expressions,
    formats,
    harness,
    json_schema,
    layers,
    merge,
    options,
    rules,
    service,
    style,
];
