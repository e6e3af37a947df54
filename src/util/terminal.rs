//! Text for people: colours, the width of a terminal, and control characters.

use std::os::fd::AsFd;

use clap::ColorChoice;

/// Escape sequences for a terminal; empty elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Colors {
    /// Bold.
    pub bold: &'static str,
    /// Bold red, for what is wrong.
    pub red: &'static str,
    /// Bold yellow, for warnings.
    pub yellow: &'static str,
    /// Bold green, for what is good.
    pub green: &'static str,
    /// Ends all others.
    pub reset: &'static str,
}

impl Colors {
    /// The colours for an output. `auto` honours `NO_COLOR` (<https://no-color.org>).
    #[must_use]
    pub fn new(choice: ColorChoice, terminal: bool) -> Self {
        let wanted = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
                terminal && !unwanted && !dumb
            }
        };
        if wanted {
            Colors {
                bold: "\x1b[1m",
                red: "\x1b[1;31m",
                yellow: "\x1b[1;33m",
                green: "\x1b[1;32m",
                reset: "\x1b[0m",
            }
        } else {
            Colors::default()
        }
    }
}

/// The number of columns of the terminal that this file leads to. None if it leads to none.
pub fn width(file: impl AsFd) -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(file)?;
    (width.0 > 0).then_some(width.0.into())
}

/// A text without control characters, which a terminal might obey.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    for char in text.chars() {
        if char.is_control() {
            plain.extend(char.escape_default());
        } else {
            plain.push(char);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_no_terminal() {
        assert_eq!(width(tempfile::tempfile().unwrap()), None);
    }

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
    }
}
