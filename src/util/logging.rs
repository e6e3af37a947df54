//! Logging to standard error: with time and colour on a terminal, plain lines elsewhere, because systemd
//! adds the time itself.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Starts logging at this level, unless `RUST_LOG` sets another.
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
