//! `--report FILE.html`: a page about a run.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::Result;
use clap::Args;
use mas2nix::{
    migrate::{
        MigrateError,
        context::Context,
        cutover::Event,
        output_file, rehearse,
        report::{self, Command, Ending, Recorder},
    },
    util::atomic_write,
};

/// The heading of these options.
const HEADING: &str = "Report";

/// Options of the commands that write a report.
#[derive(Args, Debug, Default)]
pub struct ReportOptions {
    /// Write a report to this file: one HTML page with the verdict, the findings, the timeline, the
    /// comparison and sizes, to look at and to print. It needs no network, and has no secrets.
    #[arg(long, value_name = "FILE.html", help_heading = HEADING)]
    report: Option<PathBuf>,
    /// Name users in the report. Otherwise it only has their number.
    #[arg(long, requires = "report", help_heading = HEADING)]
    names: bool,
}

/// The report of a run, if one is wanted.
pub struct Reporting<'a> {
    context: &'a Context,
    wanted: Option<(PathBuf, Recorder)>,
}

impl<'a> Reporting<'a> {
    /// Fails if the report could not be written, before anything begins.
    pub async fn begin(
        options: &ReportOptions,
        command: Command,
        context: &'a Context,
    ) -> Result<Self> {
        let wanted = match &options.report {
            None => None,
            Some(file) => {
                output_file::check("--report", file, report::BEGINNING)?;
                // If this run is killed, nobody takes an earlier report for its own.
                match fs::remove_file(file) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(MigrateError::io("replace", file)(error).into());
                    }
                    _ => {}
                }
                let recorder = Recorder::begin(command, options.names, context).await;
                Some((file.clone(), recorder))
            }
        };
        Ok(Reporting { context, wanted })
    }

    /// Takes note of an event of a migration.
    pub fn on_event(&mut self, event: &Event) {
        if let Some((_, recorder)) = &mut self.wanted {
            recorder.on_event(event);
        }
    }

    /// Takes note of an event of a rehearsal.
    pub fn on_rehearsal_event(&mut self, event: &rehearse::Event) {
        if let Some((_, recorder)) = &mut self.wanted {
            recorder.on_rehearsal_event(event);
        }
    }

    /// Passes a result on. After an error, the report says so.
    pub async fn unless_failed<T>(&mut self, result: Result<T, MigrateError>) -> Result<T> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => {
                self.finish_anyway(Ending::Failed(&error)).await;
                Err(error.into())
            }
        }
    }

    /// Writes the report.
    pub async fn finish(&mut self, ending: Ending<'_>) -> Result<()> {
        let Some((file, recorder)) = self.wanted.take() else {
            return Ok(());
        };
        let document = recorder.finish(&ending, self.context).await;
        atomic_write::replace(&file, &report::page(&document)?, 0o600)
            .map_err(MigrateError::io("write", &file))?;
        let _ = writeln!(io::stderr(), "The report is in {}.", file.display());
        Ok(())
    }

    /// Writes the report. If that fails, it is only said: how the run has ended matters more.
    pub async fn finish_anyway(&mut self, ending: Ending<'_>) {
        if let Err(error) = self.finish(ending).await {
            let text = mas2nix::util::error_text::with_causes(&*error);
            let _ = writeln!(io::stderr(), "There is no report: {text}");
        }
    }
}

impl Drop for Reporting<'_> {
    fn drop(&mut self) {
        if self.wanted.is_some() {
            let _ = writeln!(
                io::stderr(),
                "There is no report, because there is nothing to report."
            );
        }
    }
}
