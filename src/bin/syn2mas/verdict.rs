//! The last line of a list of findings: whether the homeserver is ready, and the next command.

use std::io::{self, Write};

use mas2nix::{
    migrate::{
        preflight::finding::{Finding, Severity},
        verify::{Imported, Report},
    },
    util::numbers::counted,
};

use serde_json::Value;

use crate::view::{Style, view};

/// Whether a homeserver is ready, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is ready.
    pub ready: bool,
    /// One sentence or two, such as `NOT READY: 2 blockers (absent-user ×2).`
    pub text: String,
    /// What stands before the next command, such as `Next:`.
    lead: &'static str,
    /// The next command to type. None if the question that follows is the next step.
    pub next: Option<String>,
}

impl Verdict {
    /// The verdict about findings.
    pub fn of(
        findings: &[Finding],
        imported: Option<Imported>,
        next: impl Fn(&str) -> String,
    ) -> Self {
        let of = |severity: Severity| {
            let same = findings
                .iter()
                .filter(move |it| it.kind.severity == severity);
            same.map(|finding| finding.kind.id).collect::<Vec<_>>()
        };
        let blockers = of(Severity::Blocker);
        let warnings = match of(Severity::Warning).len() {
            0 => None,
            number => Some(counted(number, "warning")),
        };
        if blockers.is_empty() {
            let size = match imported {
                Some(imported) => format!(": {}", size(imported)),
                None => String::new(),
            };
            let warnings = warnings.map_or(String::new(), |text| format!(", with {text}"));
            return Verdict {
                ready: true,
                text: format!("Ready{warnings}{size}."),
                lead: "Next:",
                next: Some(next("syn2mas migrate")),
            };
        }
        let warnings = warnings.map_or(String::new(), |text| format!(", {text}"));
        Verdict {
            ready: false,
            text: format!(
                "NOT READY: {} ({}){warnings}.",
                counted(blockers.len(), "blocker"),
                grouped(&blockers)
            ),
            lead: if blockers.len() == 1 {
                "Fix it, then:"
            } else {
                "Fix them, then:"
            },
            next: Some(next("syn2mas inspect")),
        }
    }

    /// The verdict about a rehearsal.
    pub fn of_rehearsal(reports: &[Report], next: impl Fn(&str) -> String) -> Self {
        let differing: u64 = reports
            .iter()
            .map(|report| report.missing + report.extra + report.changed)
            .sum();
        let identical = reports.iter().all(Report::is_identical);
        if identical {
            let expected = |name: &str| {
                let report = reports.iter().find(|report| report.entity == name);
                report.map_or(0, |report| report.expected)
            };
            let imported = Imported {
                users: expected("users"),
                sessions: expected("sessions"),
            };
            return Verdict {
                ready: true,
                text: format!("All data would arrive: {}.", size(imported)),
                lead: "Next:",
                next: Some(next("syn2mas migrate")),
            };
        }
        Verdict {
            ready: false,
            text: format!(
                "NOT READY: {} would not arrive as they should, see above.",
                counted(differing, "row")
            ),
            lead: "What `inspect` says may explain it:",
            next: Some(next("syn2mas inspect")),
        }
    }

    /// The same before a question, which is the next step.
    pub fn before_a_question(self) -> Self {
        Verdict { next: None, ..self }
    }

    /// Prints it in one line, or on a narrow terminal with the command in a line of its own.
    pub fn print(&self, out: &mut impl Write, style: Style) -> io::Result<()> {
        let color = match (self.ready, self.text.contains("warning")) {
            (false, _) => style.colors.red,
            (true, true) => style.colors.yellow,
            (true, false) => style.colors.green,
        };
        print_next(
            out,
            style,
            color,
            &self.text,
            self.lead,
            self.next.as_deref(),
        )
    }
}

/// Prints a sentence in a colour, and the next command, if there is one: in one line, unless a terminal is too
/// narrow for it.
pub fn print_next(
    out: &mut impl Write,
    style: Style,
    color: &str,
    text: &str,
    lead: &str,
    next: Option<&str>,
) -> io::Result<()> {
    let reset = if color.is_empty() {
        ""
    } else {
        style.colors.reset
    };
    let Some(next) = next else {
        return writeln!(out, "{color}{}{reset}", style.folded(text));
    };
    if style.has_room(&format!("{text} {lead} {next}")) {
        return writeln!(out, "{color}{text}{reset} {lead} {next}");
    }
    writeln!(out, "{color}{}{reset}", style.folded(text))?;
    print_command(out, style, lead, next)
}

/// Prints a sentence and the next command, or an object with that command in `next`.
pub fn say(json: bool, mut value: Value, text: &str, next: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        value["next"] = next.into();
        writeln!(out, "{value:#}")
    } else {
        print_next(&mut out, view().out, "", text, "Next:", Some(next))
    }
}

/// Prints a command to type. A terminal that is too narrow gets an option in each line, as a shell reads it.
pub fn print_command(
    out: &mut impl Write,
    style: Style,
    lead: &str,
    command: &str,
) -> io::Result<()> {
    if style.has_room(&format!("{lead} {command}")) {
        return writeln!(out, "{lead} {command}");
    }
    let mut words = command.to_owned();
    if !style.has_room(&format!("  {command}")) {
        words = one_option_a_line(command);
    }
    writeln!(out, "{}\n  {words}", style.folded(lead))
}

/// A command with each option in a line of its own. What stands in quotes stays as it is.
fn one_option_a_line(command: &str) -> String {
    let mut lines = String::new();
    let mut is_quoted = false;
    for (at, char) in command.char_indices() {
        is_quoted ^= char == '\'';
        if !is_quoted && command[at..].starts_with(" --") {
            lines += " \\\n   ";
        }
        lines.push(char);
    }
    lines
}

/// For example `5,000 users, 15,000 sessions`.
pub fn size(imported: Imported) -> String {
    format!(
        "{}, {}",
        counted(imported.users, "user"),
        counted(imported.sessions, "session")
    )
}

/// Names in their order, each once: `absent-user ×2, guests`.
fn grouped(names: &[&str]) -> String {
    let mut groups: Vec<(&str, usize)> = Vec::new();
    for name in names {
        match groups.iter_mut().find(|(known, _)| known == name) {
            Some((_, number)) => *number += 1,
            None => groups.push((name, 1)),
        }
    }
    let groups: Vec<String> = groups
        .into_iter()
        .map(|(name, number)| match number {
            1 => name.to_owned(),
            number => format!("{name} ×{number}"),
        })
        .collect();
    groups.join(", ")
}

#[cfg(test)]
mod tests {
    use mas2nix::migrate::preflight::catalogue;

    use super::*;

    fn printed(verdict: &Verdict, width: Option<usize>) -> String {
        let mut out = Vec::new();
        let style = Style {
            width,
            ..Style::default()
        };
        verdict.print(&mut out, style).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn next(command: &str) -> String {
        format!("{command} --mas-config 'a b'")
    }

    #[test]
    fn blockers_are_counted_and_named() {
        let findings = [
            catalogue::PROVIDER_NOT_IN_SYNAPSE.found(),
            catalogue::PROVIDER_NOT_IN_SYNAPSE.found(),
            catalogue::MAS_NOT_EMPTY.found(),
            catalogue::GUESTS.found(),
        ];
        let verdict = Verdict::of(&findings, None, next);
        assert_eq!(
            printed(&verdict, None),
            "NOT READY: 3 blockers (provider-not-in-synapse ×2, mas-not-empty), 1 warning. Fix them, \
             then: syn2mas inspect --mas-config 'a b'\n"
        );
        let verdict = Verdict::of(&findings[2..3], None, next);
        assert_eq!(
            printed(&verdict, None),
            "NOT READY: 1 blocker (mas-not-empty). Fix it, then: syn2mas inspect --mas-config 'a b'\n"
        );
    }

    #[test]
    fn who_is_ready_is_told_how_much_there_is() {
        let imported = Some(Imported {
            users: 5000,
            sessions: 1,
        });
        let verdict = Verdict::of(&[], imported, str::to_owned);
        assert_eq!(
            printed(&verdict, None),
            "Ready: 5,000 users, 1 session. Next: syn2mas migrate\n"
        );
        let verdict = Verdict::of(&[catalogue::GUESTS.found()], imported, str::to_owned);
        assert_eq!(
            printed(&verdict.before_a_question(), None),
            "Ready, with 1 warning: 5,000 users, 1 session.\n"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_the_command_in_a_line_of_its_own() {
        let verdict = Verdict::of(&[catalogue::MAS_NOT_EMPTY.found()], None, next);
        let text = printed(&verdict, Some(45));
        assert_eq!(
            text,
            "NOT READY: 1 blocker (mas-not-empty).\nFix it, then:\n  syn2mas inspect --mas-config 'a b'\n"
        );
        let text = printed(&verdict, Some(30));
        assert!(
            text.ends_with("Fix it, then:\n  syn2mas inspect \\\n    --mas-config 'a b'\n"),
            "{text}"
        );
        let quoted = "a --b 'c --d'";
        assert_eq!(one_option_a_line(quoted), "a \\\n    --b 'c --d'");
    }
}
