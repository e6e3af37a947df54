//! Runs the tests of one binary. Unlike Rust's own harness, it reports a test whose requirements
//! are missing as skipped.

use std::{
    process::{self, Command, ExitCode, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

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

/// The slowest test takes a third of it.
const LONGEST: Duration = Duration::from_secs(20 * 60);

/// The tests that run, and since when.
static RUNNING: Mutex<Vec<(&str, Instant)>> = Mutex::new(Vec::new());

/// Runs the tests of a binary that the command line selects. They are named `file::test`.
pub fn run(files: &[&[Test]]) -> ExitCode {
    thread::spawn(end_what_hangs);
    let trials = files.concat().into_iter().map(|(path, test)| {
        let (_, name) = path.split_once("::").expect("a file is in a binary");
        Trial::ignorable_test(name, move || {
            let _running = Running::begin(name);
            match test() {
                Ok(()) => Ok(Completion::Completed),
                Err(Skip(reason)) => record(name, &reason),
            }
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// A test in the list of those that run.
struct Running(&'static str);

impl Running {
    fn begin(name: &'static str) -> Self {
        RUNNING.lock().unwrap().push((name, Instant::now()));
        Running(name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap();
        running.retain(|(name, _)| *name != self.0);
    }
}

/// Ends this program if a test takes too long: who waits for its result would never get it, and never learn
/// which test it is. Shows what runs, because the test may wait for a process.
fn end_what_hangs() {
    loop {
        thread::sleep(Duration::from_secs(5));
        let running = RUNNING.lock().unwrap();
        let Some((name, _)) = running.iter().find(|(_, since)| since.elapsed() > LONGEST) else {
            continue;
        };
        let minutes = LONGEST.as_secs() / 60;
        println!(
            "test {name} ... FAILED: it has not ended within {minutes} minutes. These processes run:"
        );
        let mut list = Command::new("ps");
        let _ = list
            .args(["-eo", "pid,ppid,etimes,wchan:20,args", "--forest"])
            .status();
        // They would keep the output open.
        let _ = Command::new("pkill")
            .args(["-KILL", "-P", &process::id().to_string()])
            .status();
        process::exit(101);
    }
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
