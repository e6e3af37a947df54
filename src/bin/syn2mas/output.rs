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
    translate::{Translation, Untranslated},
    verify::{Difference, DifferenceKind, Report},
};
use mas2nix::util::{
    numbers::counted,
    terminal::{Colors, plain},
};
use serde_json::{Value, json};

use crate::{
    verdict::{Verdict, print_command},
    view::{Given, Style, View, document, view},
};

/// Prints findings in the given order. Callers sort them, the most severe first.
pub fn findings(out: &mut impl Write, style: Style, findings: &[Finding]) -> io::Result<()> {
    let Colors { reset, .. } = style.colors;
    for finding in findings {
        let (color, severity) = match finding.kind.severity {
            Severity::Blocker => (style.colors.red, "BLOCKER"),
            Severity::Warning => (style.colors.yellow, "warning"),
            Severity::Note => (style.colors.bold, "note"),
        };
        writeln!(
            out,
            "{color}{severity}: {} ({}){reset}",
            finding.kind.id, finding.count
        )?;
        for sample in &finding.samples {
            for line in sample.lines() {
                writeln!(out, "{}", style.indented(&plain(line), "      "))?;
            }
        }
        writeln!(out, "{}", style.wrapped(finding.kind.meaning, "    "))?;
        writeln!(out, "{}", style.wrapped(finding.kind.fix, "    -> "))?;
        writeln!(out, "    see {}\n", document(finding.kind.help))?;
    }
    Ok(())
}

/// A text without control characters, except for the ends of its lines.
fn plain_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(plain).collect();
    lines.join("\n")
}

/// Fewer seconds than this are not worth a number.
const MOMENT: f64 = 0.05;

/// A number of seconds, such as `4.8 s`.
pub fn seconds(seconds: f64) -> String {
    if seconds < MOMENT {
        "less than 0.1 s".to_owned()
    } else {
        format!("{seconds:.1} s")
    }
}

/// An estimated number of seconds.
pub fn about(estimated: f64) -> String {
    let about = if estimated < MOMENT { "" } else { "about " };
    format!("{about}{}", seconds(estimated))
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
                // A line that is longer than the terminal would leave its other half behind.
                let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}");
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
                "caught up: {} of {} and the last use of {}, in {:.1} s",
                counted(round.rows, "row"),
                counted(round.users, "user"),
                counted(round.seen, "device"),
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
            Event::Inspected(_) => {}
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
            let is_narrow = self.bar.is_some() && view().err.columns() < 90;
            text += &if is_narrow {
                format!(", {remaining} left")
            } else {
                format!(", {} a second, {remaining} left", HumanCount(rate))
            };
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
            Some(bar) => bar.println(view().err.wrapped(&plain_lines(text), "")),
            // Nobody may be there to read it: the terminal is gone, or the other end of a pipe.
            None => drop(writeln!(io::stderr(), "{text}")),
        }
    }
}

impl Drop for Reporter {
    /// Removes the line that changes, so that it does not stay above what is printed next.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Prints the outcome of a migration, and the next command.
pub fn outcome(out: &mut impl Write, view: &View, outcome: &Outcome) -> io::Result<()> {
    let style = view.out;
    let failed = |out: &mut dyn Write, step: Step, error: &MigrateError| {
        let Colors { red, reset, .. } = style.colors;
        let text = format!("FAILED at {}: {}", step.name(), error.with_causes());
        for (i, line) in text.lines().enumerate() {
            let line = style.folded(&plain(line));
            let (begin, end) = if i == 0 { (red, reset) } else { ("", "") };
            writeln!(out, "{begin}{line}{end}")?;
        }
        writeln!(out, "See {}\n", document(&step.help()))
    };
    match outcome {
        Outcome::Migrated(summary) => migrated(out, style, summary)?,
        Outcome::Already { cut_over } => writeln!(
            out,
            "{}",
            style.folded(&format!(
                "This homeserver was migrated to MAS at {cut_over}. There is nothing to do."
            ))
        )?,
        Outcome::Blocked(found) => {
            findings(out, style, found)?;
            writeln!(out, "Nothing was done.")?;
            return Verdict::of(found, None, |command| view.given.next(command)).print(out, style);
        }
        Outcome::Refused(refusal) => {
            let text = format!("Nothing was done: {refusal}.");
            writeln!(out, "{}", style.folded(&plain(&text)))?;
        }
        Outcome::RolledBack => writeln!(
            out,
            "{}",
            style.folded(
                "An interrupted `syn2mas rollback` was finished. Synapse authenticates its own users. \
                 Run this command again to migrate the homeserver."
            )
        )?,
        Outcome::FailedAndReverted { step, error } => {
            failed(out, *step, error)?;
            let wanted = matches!(error, MigrateError::Interrupted | MigrateError::Cancelled);
            let again = if wanted {
                "`syn2mas migrate` begins anew."
            } else {
                "Fix the problem above, then run `syn2mas migrate` again."
            };
            let text = "Everything is as it was before: Synapse authenticates its own users.";
            writeln!(out, "{}", style.folded(&format!("{text} {again}")))?;
        }
        Outcome::RollbackIncomplete { step, error, left } => {
            failed(out, *step, error)?;
            for line in left {
                writeln!(out, "{}", style.wrapped(&plain_lines(line), "-> "))?;
            }
            writeln!(out, "\nRun `syn2mas status` for the current state.")?;
        }
    }
    match next(&view.given, outcome) {
        Some(next) => print_command(out, style, "Next:", &next),
        None => Ok(()),
    }
}

/// The next command after a migration, with the options of this command line.
fn next(given: &Given, outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Migrated(_) | Outcome::Already { .. } => None,
        Outcome::Blocked(_) => Some(given.next("syn2mas inspect")),
        Outcome::Refused(refusal) => refusal.next().map(|command| given.next(command)),
        Outcome::RolledBack | Outcome::FailedAndReverted { .. } => {
            Some(given.again("syn2mas migrate"))
        }
        Outcome::RollbackIncomplete { .. } => Some(given.next("syn2mas status")),
    }
}

fn migrated(out: &mut impl Write, style: Style, summary: &Summary) -> io::Result<()> {
    if !summary.entities.is_empty() {
        writeln!(out)?;
        report_head(out, style)?;
        for report in &summary.entities {
            report_line(out, style, report)?;
        }
    }
    writeln!(out)?;
    for note in &summary.notes {
        writeln!(out, "{}", style.wrapped(&plain_lines(note), "note: "))?;
    }
    let Colors { green, reset, .. } = style.colors;
    writeln!(
        out,
        "{green}The homeserver is migrated.{reset} Synapse was down for {:.1} s.",
        summary.downtime
    )?;
    if !summary.backup.as_os_str().is_empty() {
        let text = format!(
            "The backups are in {}. They contain password hashes and tokens: delete them when you \
             no longer need them.",
            summary.backup.display()
        );
        writeln!(out, "{}", style.folded(&text))?;
    }
    let text = "Going back loses nothing until somebody logs in, refreshes a token or changes an account \
                through MAS. `syn2mas rollback --plan` shows what it would lose.";
    writeln!(out, "{}", style.folded(text))
}

/// Prints the result of a rehearsal, and the next command.
pub fn rehearsal(out: &mut impl Write, view: &View, rehearsal: &Rehearsal) -> io::Result<()> {
    let style = view.out;
    writeln!(out)?;
    report_head(out, style)?;
    for report in &rehearsal.entities {
        report_line(out, style, report)?;
    }
    for report in &rehearsal.entities {
        rows(out, style, report, false)?;
    }
    let why = match rehearsal.scan {
        Some(_) => "",
        None => " because its tables cannot be copied while it runs (see `syn2mas inspect`)",
    };
    let start = match rehearsal.start {
        Some(start) => format!(", including {} for its own start", seconds(start)),
        None => ", and for its own start, which takes an unknown time".to_owned(),
    };
    let downtime = format!(
        "Synapse will be down for {}{why}{start}.",
        about(rehearsal.downtime)
    );
    writeln!(out, "\n{}", style.folded(&downtime))?;
    let room = format!(
        "The backups will need {}, and MAS's database {}.",
        HumanBytes(rehearsal.backup_size),
        HumanBytes(rehearsal.mas_size)
    );
    writeln!(out, "{}", style.folded(&room))?;
    let next = |command: &str| view.given.next(command);
    Verdict::of_rehearsal(&rehearsal.entities, next).print(out, style)
}

/// The outcome of a migration as JSON, with the key `result`, such as `migrated`.
pub fn outcome_as_json(given: &Given, outcome: &Outcome) -> Value {
    let mut value = match outcome {
        Outcome::Migrated(summary) => json!({"result": "migrated", "summary": summary}),
        Outcome::Already { cut_over } => json!({"result": "already-migrated", "cutOver": cut_over}),
        Outcome::Blocked(findings) => {
            let verdict = Verdict::of(findings, None, |command| given.next(command));
            json!({"result": "blocked", "findings": findings, "verdict": verdict.text})
        }
        Outcome::Refused(refusal) => json!({"result": "refused", "reason": refusal.to_string()}),
        Outcome::RolledBack => json!({"result": "rolled-back"}),
        Outcome::FailedAndReverted { step, error } => json!({
            "result": "failed-and-reverted", "step": step, "error": error.with_causes(),
        }),
        Outcome::RollbackIncomplete { step, error, left } => json!({
            "result": "rollback-incomplete", "step": step, "error": error.with_causes(), "left": left,
        }),
    };
    value["next"] = json!(next(given, outcome));
    value
}

/// Prints the secrets that a translated configuration needs, and the options that were not translated.
pub fn translation(
    out: &mut impl Write,
    style: Style,
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
    left(out, style, "Not translated:", &translation.left)
}

/// Prints a list of options that need manual work, below its title.
pub fn left(
    out: &mut impl Write,
    style: Style,
    title: &str,
    list: &[Untranslated],
) -> io::Result<()> {
    if list.is_empty() {
        return Ok(());
    }
    writeln!(out, "{title}")?;
    for untranslated in list {
        let text = format!("{}: {}", untranslated.option, untranslated.reason);
        writeln!(out, "{}", style.wrapped(&plain(&text), "  - "))?;
    }
    Ok(())
}

/// Prints the outcome of a rollback, and the next command.
pub fn rollback(out: &mut impl Write, view: &View, found: &Outcome) -> io::Result<()> {
    match found {
        Outcome::RolledBack => writeln!(out, "Synapse authenticates its own users."),
        Outcome::Refused(Refusal::Losses(losses)) => {
            would_lose(out, view.out, losses)?;
            let next = next_of_rollback(&view.given, found).unwrap_or_default();
            print_command(out, view.out, "To lose this data:", &next)
        }
        Outcome::Migrated(_) | Outcome::Already { .. } => writeln!(
            out,
            "{}",
            view.out.folded(
                "The homeserver was migrated to MAS. No migration was interrupted before the cutover."
            )
        ),
        _ => outcome(out, view, found),
    }
}

fn next_of_rollback(given: &Given, outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::RolledBack => None,
        _ => next(given, outcome),
    }
}

/// The outcome of a rollback as JSON.
pub fn rollback_as_json(given: &Given, outcome: &Outcome) -> Value {
    let losses: &[Loss] = match outcome {
        Outcome::Refused(Refusal::Losses(losses)) => losses,
        _ => &[],
    };
    let mut value = outcome_as_json(given, outcome);
    value["done"] = matches!(outcome, Outcome::RolledBack).into();
    value["losses"] = json!(losses);
    value["next"] = json!(next_of_rollback(given, outcome));
    value
}

fn would_lose(out: &mut impl Write, style: Style, losses: &[Loss]) -> io::Result<()> {
    let Colors { yellow, reset, .. } = style.colors;
    for loss in losses {
        let samples = plain(&loss.samples.join(", "));
        let text = style.folded(&format!("{}: {} ({samples})", loss.what, loss.count));
        writeln!(out, "{yellow}{text}{reset}")?;
        writeln!(out, "{}", style.wrapped(loss.meaning, "    "))?;
    }
    let text = "Nothing was done. To roll back and lose this data, run `syn2mas rollback \
                --accept-loss`. MAS's database is backed up first.";
    writeln!(out, "\n{}", style.folded(text))
}

/// Prints what can be deleted: files, and the copy of Synapse's tables.
pub fn leftovers(style: Style, found: &[Leftover], copies: &[Database]) {
    for copy in copies {
        eprintln!("database {}", copy.name());
        let meaning = "the copy of Synapse's tables that a migration has left";
        eprintln!("{}", style.wrapped(meaning, "    "));
    }
    for leftover in found {
        let size = HumanBytes(leftover.bytes);
        eprintln!("{} ({size})", leftover.path.display());
        eprintln!("{}", style.wrapped(leftover.meaning, "    "));
    }
}

/// The column in which the values of a status begin.
const VALUES: usize = 17;

/// Prints the status of a migration.
pub fn status(out: &mut impl Write, style: Style, status: &Status) -> io::Result<()> {
    let color = if status.stage.is_none() && !status.at_work {
        style.colors.red
    } else {
        style.colors.bold
    };
    let reset = style.colors.reset;
    let summary = style.folded(&sentence(&plain(&status.summary)));
    writeln!(out, "{color}{summary}{reset}\n")?;
    let none = |list: &[String]| match list {
        [] => "none".to_owned(),
        list => list.join(", "),
    };
    entry(out, style, "running units", &none(&status.running))?;
    entry(out, style, "kept stopped", &none(&status.held))?;
    for (file, on) in &status.cutover_files {
        let state = match on {
            Some(true) => "full",
            Some(false) => "empty",
            None => "unknown",
        };
        entry(out, style, file, state)?;
    }
    entry(out, style, "MAS's database", &status.mas_database)?;
    let silent = "does not report its version";
    let synapse = status.synapse.as_deref().unwrap_or(silent);
    entry(out, style, "Synapse", synapse)?;
    if let Some(backup) = &status.state.backup {
        entry(out, style, "backup", &backup.display().to_string())?;
    }
    if let Some(last) = status.journal.last() {
        let (step, status) = (last.step.name(), format!("{:?}", last.status));
        let text = format!(
            "{} {step} {} {}",
            last.at,
            status.to_lowercase(),
            last.message
        );
        entry(out, style, "last in journal", text.trim_end())?;
    }
    match &status.next {
        Some(next) => {
            writeln!(out)?;
            print_command(out, style, "Next:", next)
        }
        None => Ok(()),
    }
}

/// A text that begins and ends as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    let first = chars.next().map(char::to_uppercase);
    first
        .into_iter()
        .flatten()
        .chain(chars)
        .chain(['.'])
        .collect()
}

/// A name and a value, in columns if the name is short.
fn entry(out: &mut impl Write, style: Style, name: &str, value: &str) -> io::Result<()> {
    let begin = format!("{:<width$}", format!("{name}:"), width = VALUES);
    let begin = if begin.ends_with(' ') {
        begin
    } else {
        begin + " "
    };
    let value = plain(value);
    if style.width.is_none() {
        return writeln!(out, "{begin}{value}");
    }
    let mut text = style.wrapped(&value, &" ".repeat(VALUES));
    if begin.chars().count() == VALUES {
        text.replace_range(..VALUES, &begin);
    } else {
        text = style.wrapped(&format!("{begin}{value}"), "");
    }
    writeln!(out, "{text}")
}

/// The columns of the table of a comparison.
const TABLE: usize = 82;

/// Prints the header of the table of a comparison. A terminal that is too narrow for a table gets sentences.
pub fn report_head(out: &mut impl Write, style: Style) -> io::Result<()> {
    if style.columns() < TABLE {
        return Ok(());
    }
    let Colors { bold, reset, .. } = style.colors;
    writeln!(
        out,
        "{bold}{:<18}{:>12}{:>12}{:>10}{:>10}{:>10}{:>10}{reset}",
        "", "expected", "in MAS", "missing", "extra", "changed", "used"
    )
}

/// Prints a line of the table of a comparison.
pub fn report_line(out: &mut impl Write, style: Style, report: &Report) -> io::Result<()> {
    let color = if report.is_identical() {
        ""
    } else {
        style.colors.red
    };
    let reset = if color.is_empty() {
        ""
    } else {
        style.colors.reset
    };
    if style.columns() < TABLE {
        let counts = [
            ("missing", report.missing),
            ("extra", report.extra),
            ("changed", report.changed),
            ("used", report.used),
        ];
        let counts = counts.iter().filter(|(_, count)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(name, count)| format!(", {count} {name}"))
            .collect();
        let counts = counts.concat();
        let text = format!(
            "{}: {} expected, {} in MAS{counts}",
            report.entity, report.expected, report.actual
        );
        return writeln!(out, "{color}{}{reset}", style.indented(&text, ""));
    }
    writeln!(
        out,
        "{color}{:<18}{:>12}{:>12}{:>10}{:>10}{:>10}{:>10}{reset}",
        report.entity,
        report.expected,
        report.actual,
        report.missing,
        report.extra,
        report.changed,
        report.used
    )
}

/// Rows of each kind of difference that are printed unless all are wanted.
const ROWS: usize = 5;

/// Prints the rows that differ: key, expected and actual values. The first five of each kind, or `all`.
pub fn rows(out: &mut impl Write, style: Style, report: &Report, all: bool) -> io::Result<()> {
    let kinds = [
        (DifferenceKind::Missing, "missing", report.missing),
        (DifferenceKind::Extra, "extra", report.extra),
        (DifferenceKind::Changed, "changed", report.changed),
    ];
    for (kind, name, total) in kinds {
        let rows = report.rows.iter().filter(|row| row.kind == kind);
        let rows: Vec<&Difference> = rows.take(if all { usize::MAX } else { ROWS }).collect();
        for row in &rows {
            one_row(out, style, report.entity, name, row)?;
        }
        let unlisted = total.saturating_sub(rows.len() as u64);
        if unlisted > 0 {
            let text = format!(
                "{}: {name}: {}, not shown here",
                report.entity,
                counted(unlisted, "more row")
            );
            writeln!(out, "\n{}", style.folded(&text))?;
        }
    }
    if report.more {
        let text = format!(
            "{}: there may be more differences, which were not searched for",
            report.entity
        );
        writeln!(out, "\n{}", style.folded(&text))?;
    }
    Ok(())
}

fn one_row(
    out: &mut impl Write,
    style: Style,
    entity: &str,
    kind: &str,
    row: &Difference,
) -> io::Result<()> {
    let text = |value: &Option<String>| match value {
        Some(value) => plain(value),
        None => "nothing".to_owned(),
    };
    let key: Vec<String> = row
        .key
        .iter()
        .map(|(name, value)| format!("{name} {}", text(value)))
        .collect();
    let line = format!("{entity}: {kind}: {}", key.join(", "));
    writeln!(out, "\n{}", style.indented(&line, ""))?;
    for (name, [expected, actual]) in &row.columns {
        let line = format!(
            "{name}: {} expected, {} found",
            text(expected),
            text(actual)
        );
        writeln!(out, "{}", style.indented(&line, "    "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mas2nix::migrate::verify::Difference;

    use super::*;

    fn style(width: usize) -> Style {
        Style {
            width: Some(width),
            ..Style::default()
        }
    }

    fn report() -> Report {
        let row = |kind, name: String| Difference {
            kind,
            key: BTreeMap::from([("username", Some(name))]),
            columns: BTreeMap::new(),
        };
        let extra = (0..7).map(|n| row(DifferenceKind::Extra, n.to_string()));
        let missing = [row(DifferenceKind::Missing, "a\u{1b}[2J".to_owned())];
        Report {
            entity: "users",
            expected: 3,
            actual: 9,
            missing: 1,
            extra: 7,
            rows: extra.chain(missing).collect(),
            ..Report::default()
        }
    }

    fn printed(print: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_narrow_terminal_gets_sentences_in_place_of_a_table() {
        let narrow = printed(|out| {
            report_head(out, style(60))?;
            report_line(out, style(60), &report())
        });
        assert_eq!(narrow, "users: 3 expected, 9 in MAS, 1 missing, 7 extra\n");
        let wide = printed(|out| report_head(out, style(90)));
        assert!(wide.contains("expected"), "{wide}");
    }

    #[test]
    fn five_rows_of_each_kind_are_shown() {
        let few = printed(|out| rows(out, Style::default(), &report(), false));
        assert_eq!(few.matches("users: extra: username").count(), 5, "{few}");
        assert!(
            few.contains("users: missing: username a\\u{1b}[2J"),
            "{few}"
        );
        assert!(
            few.contains("users: extra: 2 more rows, not shown here"),
            "{few}"
        );
        let all = printed(|out| rows(out, Style::default(), &report(), true));
        assert_eq!(all.matches("users: extra: username").count(), 7, "{all}");
        assert!(!all.contains("not shown"), "{all}");
    }

    #[test]
    fn a_value_stays_in_its_column() {
        let text =
            printed(|out| entry(out, style(40), "running units", "a b c d e f g h i j k l m"));
        assert_eq!(
            text,
            "running units:   a b c d e f g h i j k\n                 l m\n"
        );
        let text = printed(|out| entry(out, style(40), "/a/long/path/of/a/file", "full"));
        assert_eq!(text, "/a/long/path/of/a/file: full\n");
    }

    #[test]
    fn a_reason_becomes_a_sentence() {
        assert_eq!(sentence("the overlay is full"), "The overlay is full.");
        assert_eq!(sentence("It is."), "It is.");
    }

    #[test]
    fn findings_show_no_control_characters() {
        let finding = mas2nix::migrate::preflight::catalogue::GUESTS.because("a\u{1b}[2J\nb");
        let text = printed(|out| findings(out, Style::default(), std::slice::from_ref(&finding)));
        assert!(text.contains("      a\\u{1b}[2J\n      b\n"), "{text}");
    }
}
