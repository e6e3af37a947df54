//! The text of a configuration file, and where in it each option is.

use std::{collections::HashMap, path::PathBuf};

use serde::Serialize;

use crate::config::tree::join;
use crate::util::yaml_events::{Event, EventData, Mark, SyntaxError, read};

/// A place in a file, on one line. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column of the first character.
    pub column: usize,
    /// The column after the last character.
    pub end_column: usize,
}

/// A part of a file. Both ends have a line, which counts from 1, and a column, from 0.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: Point,
    end: Point,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    line: usize,
    column: usize,
}

impl From<Mark> for Point {
    fn from(mark: Mark) -> Self {
        // A text in memory has no more lines than fit.
        let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Point {
            line: number(mark.line.saturating_add(1)),
            column: number(mark.column),
        }
    }
}

/// A configuration file that was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path of the file, as it was given.
    pub file: PathBuf,
    /// The names at the top level.
    pub sections: Vec<String>,
    lines: Vec<String>,
    places: HashMap<String, Place>,
    /// The scalars of the file, in its order.
    scalars: Vec<Scalar>,
    /// The first name that is the second of its kind in a map.
    repeated: Option<Span>,
}

/// Where an option is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Its name; `None` for an entry of a list.
    key: Option<Span>,
    /// The start of its value, or all of it if that is a scalar.
    value: Span,
}

#[derive(Clone, Debug)]
struct Scalar {
    span: Span,
    /// The path of the option and its value; `None` for a name.
    value: Option<(String, String)>,
}

/// What stands for a value that must not be shown.
const HIDDEN: &str = "***";

/// The most characters of a line that are shown, not counting the last name or value.
const WIDTH: usize = 160;

impl Source {
    /// Finds the options in the text of a file. A text that is not YAML has none, after the error.
    #[must_use]
    pub fn new(file: PathBuf, text: &str, sections: Vec<String>) -> Self {
        let mut reader = Reader::default();
        // A configuration is one document.
        let mut is_over = false;
        let _ = read(text, |event| {
            is_over |= matches!(event.data, EventData::DocumentEnd { .. });
            if !is_over {
                reader.take(event);
            }
            Ok::<_, SyntaxError>(())
        });
        Source {
            file,
            sections,
            lines: lines(text).map(str::to_owned).collect(),
            places: reader.places,
            scalars: reader.scalars,
            repeated: reader.repeated,
        }
    }

    /// Where an option is set again in the same section.
    #[must_use]
    pub fn repeated(&self) -> Option<Position> {
        self.repeated.map(|span| self.on_one_line(span))
    }

    /// Where the option at `path` is: its name, or its value. For an option that is absent, where the
    /// innermost section or list entry is that would contain it.
    #[must_use]
    pub fn position(&self, path: &str, of_value: bool) -> Option<Position> {
        let mut end = path.len();
        loop {
            let known = &path[..end];
            if let Some(place) = self.places.get(known) {
                let exact = end == path.len();
                let span = match place.key {
                    Some(key) if !(exact && of_value && beside(key, place.value)) => key,
                    _ => place.value,
                };
                return Some(self.on_one_line(span));
            }
            end = known.rfind(['.', '['])?;
        }
    }

    fn on_one_line(&self, span: Span) -> Position {
        let (line, column) = (span.start.line, span.start.column + 1);
        let text: Vec<char> = self.line(line).chars().collect();
        Position {
            line,
            column,
            end_column: (end_on_line(span, line, &text) + 1).max(column + 1),
        }
    }

    /// The text of a line; the first is 1.
    fn line(&self, number: usize) -> &str {
        let index = number.checked_sub(1);
        index
            .and_then(|index| self.lines.get(index))
            .map_or("", String::as_str)
    }

    /// A line as it may be shown, and where in it the position is: from which character to which. Of the
    /// values, only those are shown that `may_show` allows, by their path and text. Comments are left out. Of a
    /// long line, only the part around the position is shown.
    #[must_use]
    pub fn excerpt(
        &self,
        at: Position,
        may_show: impl Fn(&str, &str) -> bool,
    ) -> (String, usize, usize) {
        let line: Vec<char> = self.line(at.line).chars().collect();
        // A third of the room is for what precedes the position.
        let from = match line.len() {
            length if length <= WIDTH => 0,
            _ => (at.column - 1).saturating_sub(WIDTH / 3),
        };
        let begin = Point {
            line: at.line,
            column: from,
        };
        let first = (self.scalars).partition_point(|scalar| scalar.span.end <= begin);
        let mut out = Excerpt::new(at);
        let mut done = 0;
        for scalar in &self.scalars[first..] {
            let span = scalar.span;
            if span.start.line > at.line || out.chars > WIDTH {
                break;
            }
            let begin = if span.start.line < at.line {
                0
            } else {
                span.start.column.min(line.len())
            };
            let end = end_on_line(span, at.line, &line);
            if done == 0 && from > 0 {
                out.leave_out();
                done = begin;
            }
            if end <= begin || begin < done {
                continue;
            }
            if !out.syntax(done, &line[done..begin]) {
                return out.finish();
            }
            let value = scalar.value.as_ref();
            let whole = span.start.line == span.end.line;
            if whole && value.is_none_or(|(path, text)| may_show(path, text)) {
                for (i, char) in line[begin..end].iter().enumerate() {
                    out.push(begin + i, *char);
                }
            } else {
                out.hide(begin, end);
            }
            done = end;
        }
        if out.chars > WIDTH {
            out.leave_out();
        } else {
            out.syntax(done, &line[done..]);
        }
        out.finish()
    }
}

/// The column (from 0) after the part of a span that is on a line. The parser counts white space behind a
/// quoted text as a part of it.
fn end_on_line(span: Span, line: usize, text: &[char]) -> usize {
    let mut end = if span.end.line == line {
        span.end.column.min(text.len())
    } else {
        text.len()
    };
    while end > 0 && text[end - 1].is_whitespace() {
        end -= 1;
    }
    end
}

/// Whether a value is on the line of its name. It can be below, or empty.
fn beside(key: Span, value: Span) -> bool {
    value.start.line == key.start.line && value.end > value.start
}

/// A line that is being written for showing.
struct Excerpt {
    text: String,
    chars: usize,
    start: Option<usize>,
    end: Option<usize>,
    at: Position,
}

impl Excerpt {
    fn new(at: Position) -> Self {
        Excerpt {
            text: String::new(),
            chars: 0,
            start: None,
            end: None,
            at,
        }
    }

    /// Adds a character that is at `column` (from 0) in the file, unless the text is much too long already.
    fn push(&mut self, column: usize, char: char) {
        if self.chars >= 2 * WIDTH {
            return;
        }
        let column = column + 1;
        if self.at.column == column {
            self.start = Some(self.chars);
        }
        if (self.at.column..self.at.end_column).contains(&column) {
            self.end = Some(self.chars + 1);
        }
        self.text.push(if char.is_control() && char != '\t' {
            char::REPLACEMENT_CHARACTER
        } else {
            char
        });
        self.chars += 1;
    }

    /// Marks that a part of the line is left out.
    fn leave_out(&mut self) {
        self.text.push('…');
        self.chars += 1;
    }

    /// Adds what stands between scalars. Where that is more than punctuation, as in a comment, the line ends:
    /// the flag says whether it goes on.
    fn syntax(&mut self, column: usize, chars: &[char]) -> bool {
        for (i, char) in chars.iter().enumerate() {
            if !" \t-:,{}[]?'\"".contains(*char) {
                return false;
            }
            self.push(column + i, *char);
        }
        true
    }

    /// Adds a placeholder for the characters from one column to another (both from 0).
    fn hide(&mut self, begin: usize, end: usize) {
        let before = self.chars;
        self.text.push_str(HIDDEN);
        self.chars += HIDDEN.len();
        let columns = begin + 1..=end;
        if columns.contains(&self.at.column) {
            self.start = Some(before);
            self.end = Some(self.chars);
        }
    }

    fn finish(self) -> (String, usize, usize) {
        let text = self.text.trim_end().to_owned();
        let width = text.chars().count();
        let start = self.start.unwrap_or(width);
        let end = self.end.unwrap_or(start).min(width).max(start + 1);
        (text, start, end)
    }
}

/// Collects the places of options from the events of the parser.
#[derive(Default)]
struct Reader {
    places: HashMap<String, Place>,
    scalars: Vec<Scalar>,
    repeated: Option<Span>,
    open: Vec<Collection>,
}

/// A map or list that the parser is in.
struct Collection {
    path: String,
    within: Within,
}

enum Within {
    /// A map, with the name whose value comes next, or without one if a name comes next.
    Map(Option<(String, Span)>),
    /// A list, with the index of the next entry.
    List(usize),
}

impl Reader {
    fn take(&mut self, event: Event) {
        let span = Span {
            start: event.start_mark.into(),
            end: event.end_mark.into(),
        };
        match event.data {
            EventData::MappingStart { .. } => self.enter(span, Within::Map(None)),
            EventData::SequenceStart { .. } => self.enter(span, Within::List(0)),
            EventData::MappingEnd | EventData::SequenceEnd => {
                self.open.pop();
            }
            EventData::Scalar { value, .. } => self.scalar(value, span),
            EventData::Alias { .. } => self.scalar(String::new(), span),
            _ => {}
        }
    }

    fn enter(&mut self, span: Span, within: Within) {
        // A map or list as a name has no path.
        let path = match self.open.last_mut() {
            Some(Collection {
                within: Within::Map(name @ None),
                ..
            }) => {
                *name = Some((String::new(), span));
                "?".to_owned()
            }
            _ => self.place(span),
        };
        self.open.push(Collection { path, within });
    }

    fn scalar(&mut self, text: String, span: Span) {
        if let Some(Collection {
            within: Within::Map(name @ None),
            ..
        }) = self.open.last_mut()
        {
            *name = Some((text, span));
            self.scalars.push(Scalar { span, value: None });
            return;
        }
        let path = self.place(span);
        let value = Some((path, text));
        self.scalars.push(Scalar { span, value });
    }

    /// The path of the value that begins here, which is recorded.
    fn place(&mut self, value: Span) -> String {
        let Some(parent) = self.open.last_mut() else {
            return String::new();
        };
        let (path, key) = match &mut parent.within {
            Within::Map(name) => {
                let (name, key) = name.take().unwrap_or_default();
                (join(&parent.path, &name), Some(key))
            }
            Within::List(next) => {
                *next += 1;
                (format!("{}[{}]", parent.path, *next - 1), None)
            }
        };
        let before = self.places.insert(path.clone(), Place { key, value });
        if before.is_some() {
            self.repeated = self.repeated.or(key);
        }
        path
    }
}

/// The lines of a YAML text: a line feed, a carriage return or both end a line.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .flat_map(|line| line.split('\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("a.yaml".into(), text, Vec::new())
    }

    fn at(text: &str, path: &str, of_value: bool) -> (usize, usize, usize) {
        let position = source(text).position(path, of_value).unwrap();
        (position.line, position.column, position.end_column)
    }

    /// The line with an option and the carets below it.
    fn shown(text: &str, path: &str, of_value: bool) -> String {
        let source = source(text);
        let position = source.position(path, of_value).unwrap();
        let may_show = |path: &str, _: &str| !path.ends_with("secret");
        let (line, start, end) = source.excerpt(position, may_show);
        let carets = "^".repeat(end - start);
        format!("{line}\n{}{carets}", " ".repeat(start))
    }

    #[test]
    fn names_values_and_entries_have_positions() {
        let text = "a:\n  b: one\n  list:\n    - c: 1\n    - {c: 2, d: 'x y'}\n";
        assert_eq!(at(text, "a.b", false), (2, 3, 4));
        assert_eq!(at(text, "a.b", true), (2, 6, 9));
        assert_eq!(at(text, "a.list[1].d", true), (5, 17, 22));
        assert_eq!(at(text, "a.list[0].missing", false), (4, 7, 8));
        assert_eq!(at(text, "a.missing.deep", true), (1, 1, 2));
        assert!(source(text).position("z", false).is_none());
    }

    #[test]
    fn a_repeated_name_is_found() {
        let found = source("a: {x: 1}\nb:\n  x: 1\n  y: 2\n  x: 3\n").repeated();
        assert_eq!(found.map(|at| (at.line, at.column)), Some((5, 3)));
        assert!(
            source("a: {x: 1}\nb: {x: 1}\nc: [1, 1]")
                .repeated()
                .is_none()
        );
    }

    #[test]
    fn any_end_of_line_counts() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a: 1", "b:", "  c: x"].join(end);
            assert_eq!(at(&text, "b.c", true), (3, 6, 7), "{end:?}");
            assert_eq!(shown(&text, "b.c", true), "  c: x\n     ^", "{end:?}");
        }
    }

    #[test]
    fn what_may_not_be_shown_is_not() {
        let text = "{secret: hunter2, b: 'x', c: y} # hunter2\n";
        assert_eq!(
            shown(text, "b", false),
            "{secret: ***, b: 'x', c: y}\n              ^"
        );
        assert_eq!(
            shown(text, "secret", true),
            "{secret: ***, b: 'x', c: y}\n         ^^^"
        );
        for text in [
            "b: 1 # hunter2",
            "b: 1 #\thunter2",
            "{b: 1, secret: 'hunter2\n  hunter2', c: 2}",
            "b: 1\nsecret: |\n  hunter2",
            "{secret: \"hunter2\\\n hunter2\", b: 2}",
            "? [hunter2]\n: 1\nb: 2",
        ] {
            let shown = shown(text, "b", true);
            assert!(!shown.contains("hunter2"), "{text}: {shown}");
        }
    }

    #[test]
    fn carets_are_below_wide_lines_and_tabs() {
        assert_eq!(shown("é:\t'ü'", "é", true), "é:\t'ü'\n   ^^^");
    }
}
