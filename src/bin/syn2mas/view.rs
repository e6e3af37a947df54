//! How this run prints: the colours and the width of both outputs, and the options that a command for the next
//! step repeats.

use std::{
    io::{self, IsTerminal},
    os::fd::AsFd,
    path::Path,
    sync::OnceLock,
};

use clap::{ArgMatches, ColorChoice, parser::ValueSource};
use mas2nix::util::{
    secret::without_password,
    terminal::{self, Colors},
};

/// The longest line of prose, also on a wider terminal.
const LONGEST: usize = 99;

/// How one output is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Its colours.
    pub colors: Colors,
    /// The columns of the terminal. None elsewhere, where a program may read the lines.
    pub width: Option<usize>,
}

impl Style {
    fn of(file: impl AsFd + IsTerminal, color: ColorChoice) -> Self {
        Style {
            colors: Colors::new(color, file.is_terminal()),
            width: terminal::width(file),
        }
    }

    /// The columns that prose may fill.
    pub fn columns(self) -> usize {
        // The last column of a terminal stays free: some break the line there.
        self.width
            .map_or(LONGEST, |width| width.saturating_sub(1).clamp(20, LONGEST))
    }

    /// Whether a line fits. It always does where there is no terminal.
    pub fn has_room(self, line: &str) -> bool {
        self.width.is_none_or(|width| line.chars().count() < width)
    }

    /// Wraps a text, between words only. The first line starts with `begin`, and the others are indented by
    /// as much.
    pub fn wrapped(self, text: &str, begin: &str) -> String {
        let below = " ".repeat(begin.chars().count());
        let options = self
            .options()
            .initial_indent(begin)
            .subsequent_indent(&below);
        textwrap::fill(text, options)
    }

    /// A line with an indentation: wrapped on a terminal, below itself and a bit to the right.
    pub fn indented(self, text: &str, begin: &str) -> String {
        if self.width.is_none() {
            return format!("{begin}{text}");
        }
        let below = format!("{begin}  ");
        let options = self
            .options()
            .initial_indent(begin)
            .subsequent_indent(&below);
        textwrap::fill(text, options)
    }

    fn options<'a>(self) -> textwrap::Options<'a> {
        textwrap::Options::new(self.columns())
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .break_words(false)
    }

    /// Wraps a text on a terminal, and leaves it as one line elsewhere.
    pub fn folded(self, text: &str) -> String {
        match self.width {
            Some(_) => self.wrapped(text, ""),
            None => text.to_owned(),
        }
    }
}

/// The options that were given on this command line, quoted for a shell.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The shared options.
    shared: String,
    /// Those of the command itself, which only the same command understands.
    own: String,
    /// The same without what a plan says.
    own_without_plan: String,
    /// The plan that was given.
    plan: String,
}

/// Options that the next command does not repeat, because they are about this run only.
const NOT_REPEATED: [&str; 6] = ["color", "json", "yes", "plan", "out", "report"];

/// Options of `migrate` that a plan has decided.
const PLANNED: [&str; 2] = ["backup", "max_rate"];

impl Given {
    /// Reads them from what clap has parsed.
    pub fn of(command: &clap::Command, matches: &ArgMatches) -> Self {
        let Some((name, parsed)) = matches.subcommand() else {
            return Given::default();
        };
        let own = || {
            let own = command.find_subcommand(name);
            let own = own.into_iter().flat_map(clap::Command::get_arguments);
            own.filter(|option| !option.is_global_set())
        };
        let is_planned = |option: &clap::Arg| PLANNED.contains(&option.get_id().as_str());
        let plan = match parsed.try_get_raw("plan_file") {
            Ok(Some(mut values)) => values.next(),
            _ => None,
        };
        Given {
            shared: words(command.get_arguments(), parsed),
            own: words(own(), parsed),
            own_without_plan: words(own().filter(|option| !is_planned(option)), parsed),
            plan: plan.map_or(String::new(), |file| {
                format!(" {}", quoted(&file.to_string_lossy()))
            }),
        }
    }

    /// A command with the shared options of this one, for example `syn2mas inspect`.
    pub fn next(&self, command: &str) -> String {
        format!("{command}{}", self.shared)
    }

    /// The same command once more, for example `syn2mas migrate`, with all its options.
    pub fn again(&self, command: &str) -> String {
        format!("{command}{}{}{}", self.plan, self.own, self.shared)
    }

    /// `syn2mas migrate` with a plan, a word of the shell, that was made with these options.
    pub fn with_plan(&self, plan: &str) -> String {
        format!(
            "syn2mas migrate {plan}{}{}",
            self.own_without_plan, self.shared
        )
    }
}

/// The options that were given, each with a space before it.
fn words<'a>(options: impl Iterator<Item = &'a clap::Arg>, parsed: &ArgMatches) -> String {
    let mut words = String::new();
    for option in options {
        let id = option.get_id().as_str();
        let Some(long) = option.get_long().filter(|_| !NOT_REPEATED.contains(&id)) else {
            continue;
        };
        if !matches!(parsed.try_contains_id(id), Ok(true))
            || parsed.value_source(id) != Some(ValueSource::CommandLine)
        {
            continue;
        }
        if !option.get_action().takes_values() {
            words += &format!(" --{long}");
            continue;
        }
        for value in parsed.get_raw(id).into_iter().flatten() {
            let value = if long.ends_with("-uri") {
                without_password(&value.to_string_lossy())
            } else {
                value.to_string_lossy().into_owned()
            };
            words += &format!(" --{long} {}", quoted(&value));
        }
    }
    words
}

/// A word as a POSIX shell reads it.
pub fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "_@%+=:,./-".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How this run prints.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Standard output.
    pub out: Style,
    /// Standard error.
    pub err: Style,
    /// The options of this command line.
    pub given: Given,
}

static VIEW: OnceLock<View> = OnceLock::new();

/// Sets how this run prints. Only the first call has an effect.
pub fn set(color: ColorChoice, given: Given) {
    let _ = VIEW.set(View {
        out: Style::of(io::stdout(), color),
        err: Style::of(io::stderr(), color),
        given,
    });
}

/// How this run prints: without colours and options until [`set`] is called.
pub fn view() -> &'static View {
    VIEW.get_or_init(View::default)
}

/// Where packages put the documents: Debian's, and on NixOS `packages.pages`.
const DOCUMENTS: [&str; 2] = [
    "/usr/share/doc/mas2nix",
    "/run/current-system/sw/share/doc/mas2nix",
];

/// A place in the documents, such as `docs/troubleshooting.md#guests`, as it is named on this host.
pub fn document(place: &str) -> String {
    let (page, anchor) = place.split_once('#').unwrap_or((place, ""));
    let name = Path::new(page.trim_start_matches("docs/"));
    let installed = DOCUMENTS
        .iter()
        .map(|directory| Path::new(directory).join(name));
    let mut installed = installed.filter(|page| page.exists());
    match installed.next() {
        Some(page) => format!("{}#{anchor}", page.display()),
        None => place.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, expected) in [
            ("/etc/mas.yaml", "/etc/mas.yaml"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("$HOME", "'$HOME'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn no_word_is_broken() {
        let style = Style {
            width: Some(30),
            ..Style::default()
        };
        let text = "see /a/path/that/is/longer/than/the/line, and pass `--admin-database-uri`";
        let wrapped = style.wrapped(text, "  -> ");
        assert!(wrapped.contains("/a/path/that/is/longer/than/the/line,"));
        assert!(wrapped.contains("`--admin-database-uri`"));
        for line in wrapped.lines() {
            let words = line.split_whitespace().count();
            assert!(line.chars().count() < 30 || words <= 2, "{line}");
        }
        assert_eq!(Style::default().folded(text), text);
    }
}
