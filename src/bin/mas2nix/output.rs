//! Standard output and standard error, whose reader may be gone.

use std::{
    fmt,
    io::{self, StdoutLock, Write},
};

/// Standard output. Once its reader has gone, the rest is dropped: what a command does, and how it exits, does
/// not depend on who reads along.
pub struct Output {
    inner: StdoutLock<'static>,
    is_closed: bool,
}

/// Standard output, for this thread alone.
pub fn stdout() -> Output {
    Output {
        inner: io::stdout().lock(),
        is_closed: false,
    }
}

impl Output {
    /// What an operation gives, or `dropped` if nobody reads.
    fn unless_closed<T>(&mut self, result: io::Result<T>, dropped: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(dropped)
            }
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(io::Error::new(
                error.kind(),
                format!("cannot write to standard output: {error}"),
            )),
            other => other,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_closed {
            return Ok(bytes.len());
        }
        let result = self.inner.write(bytes);
        self.unless_closed(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let result = self.inner.flush();
        self.unless_closed(result, ())
    }
}

/// Prints a line to standard error. Unlike `eprintln`, this does not panic if nobody reads it.
pub fn note(text: fmt::Arguments) {
    _ = writeln!(io::stderr(), "{text}");
}
