//! Runs the tests of one binary. Unlike Rust's own harness, it reports a test whose requirements
//! are missing as skipped.

use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use super::root;

/// Why something cannot be tested on this host: one sentence without a full stop.
#[derive(Debug)]
pub struct Skip(String);

/// Skips the test, if the caller passes the error on.
pub fn skip<T>(reason: impl Into<String>) -> Result<T, Skip> {
    Err(Skip(reason.into()))
}

/// How a test ends that may be skipped. It fails by panicking.
pub type TestResult = Result<(), Skip>;

/// What a test returns: nothing, or a `TestResult`.
pub trait Outcome {
    fn result(self) -> TestResult;
}

impl Outcome for () {
    fn result(self) -> TestResult {
        Ok(())
    }
}

impl Outcome for TestResult {
    fn result(self) -> TestResult {
        self
    }
}

/// A test's name after that of its binary and file, as paths have it, and the test.
pub type Test = (&'static str, fn() -> TestResult);

/// Runs the tests of a binary that the command line selects. They are named `file::test`.
pub fn run(files: &[&[Test]]) -> ExitCode {
    let trials = files.concat().into_iter().map(|(path, test)| {
        let (_, name) = path.split_once("::").expect("a file is in a binary");
        Trial::ignorable_test(name, move || match test() {
            Ok(()) => Ok(Completion::Completed),
            Err(Skip(reason)) => record(name, &reason),
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// Records that a test is skipped, unless nothing may be.
fn record(test: &str, reason: &str) -> Result<Completion, Failed> {
    let mut command = Command::new("bash");
    command
        .arg(root().join("scripts/skip"))
        .args([test, reason]);
    let status = command.stderr(Stdio::null()).status();
    if status.expect("bash is on PATH").success() {
        Ok(Completion::ignored_with(reason))
    } else {
        Err(format!("{reason}, and MAS2NIX_REQUIRE_ALL forbids to skip the test").into())
    }
}

#[allow(unused_macros, reason = "the benchmark has no tests")]
/// Lists the tests of a file.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        /// The tests of this file.
        pub const TESTS: &[crate::support::harness::Test] = &[$((
            concat!(module_path!(), "::", stringify!($test)),
            || crate::support::harness::Outcome::result($test()),
        )),+];
    };
}

#[allow(unused_macros, reason = "the benchmark has no tests")]
/// The main function of a binary, which runs the tests of the files that it lists.
macro_rules! main {
    ($($file:ident),+ $(,)?) => {
        fn main() -> std::process::ExitCode {
            crate::support::harness::run(&[$($file::TESTS),+])
        }
    };
}

#[allow(unused_imports, reason = "the benchmark has no tests")]
pub(crate) use {main, tests};
