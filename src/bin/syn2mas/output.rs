//! What `syn2mas` prints to a terminal or to systemd's journal.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use mas2nix::mas_cli::syn2mas::Progress;
use mas2nix::migrate::{
    MigrateError,
    clean::Leftover,
    control::{self, Pace},
    copy::Copied,
    cutover::{Event, Outcome, Step, Summary, data_loss::Loss, refusal::Refusal},
    postgres::connection::Database,
    preflight::finding::{Finding, Severity},
    rehearse::{self, Rehearsal, Stage},
    status::Status,
    translate::Translation,
    verify::{DifferenceKind, Report},
};
use serde_json::{Value, json};

/// Prints findings in the given order. Callers sort them, the most severe first.
pub fn findings(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    for finding in findings {
        let severity = match finding.kind.severity {
            Severity::Blocker => "BLOCKER",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        writeln!(out, "{severity}: {} ({})", finding.kind.id, finding.count)?;
        for sample in &finding.samples {
            writeln!(out, "      {sample}")?;
        }
        writeln!(out, "{}", wrapped(finding.kind.meaning, "    "))?;
        writeln!(out, "{}", wrapped(finding.kind.fix, "    -> "))?;
        writeln!(out, "    see {}\n", finding.kind.help)?;
    }
    Ok(())
}

/// Wraps a text to lines of less than 100 characters. The first line starts with `begin`, and the others
/// are indented by as much.
fn wrapped(text: &str, begin: &str) -> String {
    let below = " ".repeat(begin.len());
    let options = textwrap::Options::new(99)
        .initial_indent(begin)
        .subsequent_indent(&below)
        .break_words(false);
    textwrap::fill(text, options)
}

/// What a step does, as printed when it begins.
fn title(step: Step) -> &'static str {
    match step {
        Step::Inspect => "checking for blockers",
        Step::HoldMas | Step::StopMas => "stopping MAS",
        Step::Stop => "stopping MAS and Synapse",
        Step::BackUp => "backing up",
        Step::Grant => "granting Synapse's role to MAS's role",
        Step::Copy => "copying Synapse's tables, while it runs",
        Step::Import => "importing",
        Step::Verify => "comparing both databases",
        Step::CatchUp => "catching up with Synapse, while it runs",
        Step::LastRound => "catching up with Synapse for the last time",
        Step::Switch => "enabling delegation",
        Step::Start => "starting MAS and Synapse",
        Step::Probe => "checking that Synapse delegates to MAS",
        Step::Proxy => "directing logins to MAS",
        Step::VerifyAgain => "comparing everything once more, while Synapse runs",
        Step::Complete => "completing the migration",
        Step::CheckLosses => "checking what would be lost",
        Step::StopSynapse => "stopping Synapse",
        Step::Keep => "dumping MAS's database",
        Step::Undelegate => "disabling delegation",
        Step::Repair => "ending in Synapse what was ended in MAS",
        Step::StartSynapse => "starting Synapse",
        Step::ProbeSynapse => "checking that Synapse authenticates its users",
        Step::Restore => "restoring MAS's database",
        Step::Revoke => "revoking the role",
        Step::DropCopy => "dropping the copy of Synapse's tables",
        Step::LogOut => "logging out devices that came through MAS",
        Step::Finish => "finishing",
        Step::Recover => "recovering the journal",
        Step::DryRun => "trying the import",
    }
}

/// Reports the progress of a long run on standard error: with one line that changes on a terminal, and
/// with plain lines elsewhere.
pub struct Reporter {
    bar: Option<ProgressBar>,
    quiet: bool,
    pace: Pace,
    /// When the progress of the copying was reported last.
    copied: Option<Instant>,
}

impl Reporter {
    /// With `quiet`, for JSON output, it prints only notes.
    pub fn new(quiet: bool) -> Self {
        Reporter {
            bar: (io::stderr().is_terminal() && !quiet).then(|| {
                let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
                let bar = ProgressBar::new_spinner();
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                bar.enable_steady_tick(Duration::from_millis(100));
                bar
            }),
            quiet,
            pace: Pace::default(),
            copied: None,
        }
    }

    /// Reports an event of a migration.
    pub fn on_event(&mut self, event: &Event) {
        match event {
            Event::StepStarted(step) => self.begin(title(*step)),
            Event::Importing(progress) => self.on_progress(progress),
            Event::Copying(copied) => self.on_copied(*copied),
            Event::CaughtUp(round) => self.line(&format!(
                "caught up: {} rows of {} users and the last use of {} devices, in {:.1} s",
                HumanCount(round.rows as u64),
                HumanCount(round.users as u64),
                HumanCount(round.seen as u64),
                round.seconds
            )),
            Event::StepDone(step, message, took) => {
                let (name, seconds) = (step.name(), took.as_secs_f64());
                let message = if message.is_empty() {
                    String::new()
                } else {
                    format!(": {message}")
                };
                self.line(&format!("done: {name} ({seconds:.1} s){message}"));
            }
            Event::Note(text) => self.always(text),
        }
    }

    /// Reports an event of a rehearsal.
    pub fn on_rehearsal_event(&mut self, event: &rehearse::Event) {
        match event {
            rehearse::Event::Begun(part) => self.begin(match part {
                Stage::BackUp => "backing up",
                Stage::Copy => "restoring the backup of Synapse's tables",
                Stage::Import => "importing",
                Stage::Verify => "comparing both databases",
                Stage::Restore => "restoring the backup of MAS's database",
            }),
            rehearse::Event::Importing(progress) => self.on_progress(progress),
            rehearse::Event::Done(part, took) => {
                self.line(&format!(
                    "done: {} ({:.1} s)",
                    part.name(),
                    took.as_secs_f64()
                ));
            }
        }
    }

    /// Reports the progress of an import.
    pub fn on_progress(&mut self, progress: &Progress) {
        let text = self.progress(progress);
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None => self.line(&text),
        }
    }

    /// Reports the progress of the copying: on a terminal at once, elsewhere now and then.
    fn on_copied(&mut self, copied: Copied) {
        const EVERY: Duration = Duration::from_secs(10);
        let text = self.progress(&Progress {
            entity: "rows".to_owned(),
            done: copied.rows,
            total: copied.of,
        });
        let text = text.replacen("importing", "copying", 1);
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None if self.copied.is_none_or(|last| last.elapsed() >= EVERY) => {
                self.copied = Some(Instant::now());
                self.line(&text);
            }
            None => {}
        }
    }

    fn begin(&self, title: &'static str) {
        match &self.bar {
            Some(bar) => {
                bar.reset_elapsed();
                bar.set_message(title);
            }
            None => self.line(title),
        }
    }

    /// Progress of the import, rows per second, and the time left for this entity.
    fn progress(&mut self, progress: &Progress) -> String {
        let rate = self.pace.rate(&progress.entity, progress.done);
        let left = control::seconds_left([progress.done, progress.total], rate);
        let (done, total) = (HumanCount(progress.done), HumanCount(progress.total));
        let mut text = format!("importing {}: {done} of about {total}", progress.entity);
        if let (Some(rate), Some(left)) = (rate, left) {
            let remaining = HumanDuration(Duration::from_secs(left));
            text += &format!(", {} a second, {remaining} left", HumanCount(rate));
        }
        text
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            self.always(text);
        }
    }

    fn always(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            // Nobody may be there to read it: the terminal is gone, or the other end of a pipe.
            None => drop(writeln!(io::stderr(), "{text}")),
        }
    }
}

/// Prints the outcome of a migration.
pub fn outcome(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    match outcome {
        Outcome::Migrated(summary) => migrated(out, summary),
        Outcome::Already { cut_over } => writeln!(
            out,
            "This homeserver was migrated to MAS at {cut_over}. There is nothing to do."
        ),
        Outcome::Blocked(found) => {
            findings(out, found)?;
            writeln!(out, "There are blockers. Nothing was done.")
        }
        Outcome::Refused(refusal) => writeln!(out, "Nothing was done: {refusal}."),
        Outcome::RolledBack => writeln!(
            out,
            "An interrupted `syn2mas rollback` was finished. Synapse authenticates its own users. Run \
             this command again to migrate the homeserver."
        ),
        Outcome::FailedAndReverted { step, error } => {
            failed_at(out, *step, error)?;
            writeln!(
                out,
                "Everything is as it was before: Synapse authenticates its own users. Fix the problem \
                 above, then run `syn2mas migrate` again."
            )
        }
        Outcome::RollbackIncomplete { step, error, left } => {
            failed_at(out, *step, error)?;
            for line in left {
                writeln!(out, "{}", wrapped(line, "-> "))?;
            }
            writeln!(out, "\nRun `syn2mas status` for the current state.")
        }
    }
}

/// Prints which step failed, why, and where that is documented.
fn failed_at(out: &mut impl Write, step: Step, error: &MigrateError) -> io::Result<()> {
    writeln!(out, "FAILED at {}: {}", step.name(), error.with_causes())?;
    writeln!(out, "See {}\n", step.help())
}

fn migrated(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    if !summary.entities.is_empty() {
        writeln!(out)?;
        report_head(out)?;
        for report in &summary.entities {
            report_line(out, report)?;
        }
    }
    writeln!(out)?;
    for note in &summary.notes {
        writeln!(out, "{}", wrapped(note, "note: "))?;
    }
    writeln!(
        out,
        "The homeserver is migrated. Synapse was down for {:.1} s.",
        summary.downtime
    )?;
    if !summary.backup.as_os_str().is_empty() {
        writeln!(
            out,
            "The backups are in {}. They contain password hashes and tokens: delete them when you \
             no longer need them.",
            summary.backup.display()
        )?;
    }
    writeln!(
        out,
        "Until somebody logs in through MAS, `syn2mas rollback` loses nothing."
    )
}

/// Prints the result of a rehearsal.
pub fn rehearsal(out: &mut impl Write, rehearsal: &Rehearsal) -> io::Result<()> {
    writeln!(out)?;
    report_head(out)?;
    for report in &rehearsal.entities {
        report_line(out, report)?;
    }
    for report in &rehearsal.entities {
        rows(out, report)?;
    }
    let verdict = if rehearsal.identical {
        "All data would arrive correctly."
    } else {
        "Some data would not arrive correctly: see above."
    };
    writeln!(out, "\n{verdict}")?;
    writeln!(
        out,
        "Synapse will be down for about {:.1} s{}, including {} for its own start.",
        rehearsal.downtime,
        match rehearsal.scan {
            Some(_) => "",
            None => ", because its tables cannot be copied while it runs (see `syn2mas inspect`)",
        },
        rehearsal
            .start
            .map_or("an unknown time".to_owned(), |start| format!(
                "{start:.1} s"
            ))
    )?;
    writeln!(
        out,
        "The backups will need {}, and MAS's database {}.",
        HumanBytes(rehearsal.backup_size),
        HumanBytes(rehearsal.mas_size)
    )
}

/// The outcome of a migration as JSON, with the key `result`, such as `migrated`.
pub fn outcome_as_json(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Migrated(summary) => json!({"result": "migrated", "summary": summary}),
        Outcome::Already { cut_over } => json!({"result": "already-migrated", "cutOver": cut_over}),
        Outcome::Blocked(findings) => json!({"result": "blocked", "findings": findings}),
        Outcome::Refused(refusal) => json!({
            "result": "refused", "reason": refusal.to_string(), "next": refusal.next(),
        }),
        Outcome::RolledBack => json!({"result": "rolled-back"}),
        Outcome::FailedAndReverted { step, error } => {
            json!({"result": "failed-and-reverted", "step": step, "error": error.to_string()})
        }
        Outcome::RollbackIncomplete { step, error, left } => {
            json!({"result": "rollback-incomplete", "step": step, "error": error.to_string(), "left": left})
        }
    }
}

/// Prints the secrets that a translated configuration needs, and the options that were not translated.
pub fn translation(
    out: &mut impl Write,
    translation: &Translation,
    written: bool,
) -> io::Result<()> {
    if !translation.secrets.is_empty() {
        let verb = if written {
            "written to"
        } else {
            "to be written to"
        };
        writeln!(out, "Secrets {verb} files:")?;
        for secret in &translation.secrets {
            writeln!(out, "  {} <- {}", secret.file.display(), secret.from)?;
        }
    }
    if !translation.left.is_empty() {
        writeln!(out, "Not translated:")?;
        for untranslated in &translation.left {
            let text = format!("{}: {}", untranslated.option, untranslated.reason);
            writeln!(out, "{}", wrapped(&text, "  - "))?;
        }
    }
    Ok(())
}

/// Prints the outcome of a rollback.
pub fn rollback(out: &mut impl Write, found: &Outcome) -> io::Result<()> {
    match found {
        Outcome::RolledBack => writeln!(out, "Synapse authenticates its own users."),
        Outcome::Refused(Refusal::Losses(losses)) => would_lose(out, losses),
        Outcome::Migrated(_) | Outcome::Already { .. } => writeln!(
            out,
            "The homeserver was migrated to MAS. No migration was interrupted before the cutover."
        ),
        _ => outcome(out, found),
    }
}

/// The outcome of a rollback as JSON.
pub fn rollback_as_json(outcome: &Outcome) -> Value {
    let losses: &[Loss] = match outcome {
        Outcome::Refused(Refusal::Losses(losses)) => losses,
        _ => &[],
    };
    let mut value = outcome_as_json(outcome);
    value["done"] = matches!(outcome, Outcome::RolledBack).into();
    value["losses"] = json!(losses);
    value
}

fn would_lose(out: &mut impl Write, losses: &[Loss]) -> io::Result<()> {
    for loss in losses {
        writeln!(
            out,
            "{} {}: {}",
            loss.count,
            loss.what,
            loss.samples.join(", ")
        )?;
        writeln!(out, "{}", wrapped(loss.meaning, "    "))?;
    }
    writeln!(
        out,
        "\nNothing was done. To roll back and lose this data, run `syn2mas rollback --accept-loss`. \
         MAS's database is backed up first."
    )
}

/// Prints what can be deleted: files, and the copy of Synapse's tables.
pub fn leftovers(found: &[Leftover], copy: Option<&Database>) {
    if let Some(copy) = copy {
        eprintln!("database {}", copy.name());
        let meaning = "the copy of Synapse's tables that a migration has left";
        eprintln!("{}", wrapped(meaning, "    "));
    }
    for leftover in found {
        let size = HumanBytes(leftover.bytes);
        eprintln!("{} ({size})", leftover.path.display());
        eprintln!("{}", wrapped(leftover.meaning, "    "));
    }
}

/// Prints the status of a migration.
pub fn status(out: &mut impl Write, status: &Status) -> io::Result<()> {
    writeln!(out, "{}\n", status.summary)?;
    let none = |list: &[String]| match list {
        [] => "none".to_owned(),
        list => list.join(", "),
    };
    writeln!(out, "running units:   {}", none(&status.running))?;
    writeln!(out, "kept stopped:    {}", none(&status.held))?;
    for (file, on) in &status.cutover_files {
        let state = match on {
            Some(true) => "full",
            Some(false) => "empty",
            None => "unknown",
        };
        writeln!(out, "{:<17}{state}", format!("{file}:"))?;
    }
    writeln!(out, "MAS's database:  {}", status.mas_database)?;
    let synapse = status.synapse.as_deref().unwrap_or("does not respond");
    writeln!(out, "Synapse:         {synapse}")?;
    if let Some(backup) = &status.state.backup {
        writeln!(out, "backup:          {}", backup.display())?;
    }
    if let Some(last) = status.journal.last() {
        writeln!(
            out,
            "last in journal: {} {} {:?} {}",
            last.at,
            last.step.name(),
            last.status,
            last.message
        )?;
    }
    match &status.next {
        Some(next) => writeln!(out, "\nnext: {next}"),
        None => Ok(()),
    }
}

/// Prints the header of the table of a comparison.
pub fn report_head(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<18}{:>12}{:>12}{:>10}{:>10}{:>10}{:>10}",
        "", "expected", "in MAS", "missing", "extra", "changed", "used"
    )
}

/// Prints a line of the table of a comparison.
pub fn report_line(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(
        out,
        "{:<18}{:>12}{:>12}{:>10}{:>10}{:>10}{:>10}",
        report.entity,
        report.expected,
        report.actual,
        report.missing,
        report.extra,
        report.changed,
        report.used
    )
}

/// Prints the rows that differ: key, expected and actual values.
pub fn rows(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for row in &report.rows {
        let kind = match row.kind {
            DifferenceKind::Missing => "missing",
            DifferenceKind::Extra => "extra",
            DifferenceKind::Changed => "changed",
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let key: Vec<String> = row
            .key
            .iter()
            .map(|(name, value)| format!("{name} {}", text(value)))
            .collect();
        writeln!(out, "\n{}: {kind}: {}", report.entity, key.join(", "))?;
        for (name, [expected, actual]) in &row.columns {
            writeln!(
                out,
                "    {name}: {} expected, {} found",
                text(expected),
                text(actual)
            )?;
        }
    }
    let total = report.missing + report.extra + report.changed;
    let unlisted = total - report.rows.len() as u64;
    if unlisted > 0 {
        writeln!(out, "\n{}: {unlisted} more rows differ", report.entity)?;
    }
    if report.more {
        writeln!(
            out,
            "\n{}: there may be more differences, which were not searched for",
            report.entity
        )?;
    }
    Ok(())
}
