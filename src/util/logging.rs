//! Logs on the standard error: for people at a terminal, plain lines elsewhere, where systemd adds
//! the time by itself.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Begins to log from this level on, unless `RUST_LOG` says otherwise.
pub fn begin(level: LevelFilter) {
    let terminal = io::stderr().is_terminal();
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .from_env_lossy();
    let log = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(terminal);
    if terminal {
        log.init();
    } else {
        log.without_time().init();
    }
}
