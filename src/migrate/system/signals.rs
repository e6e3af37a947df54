//! Requests to stop: SIGINT, as from Ctrl-C, SIGTERM, as from systemd, and SIGHUP, as from a terminal whose
//! connection is lost.

use std::{
    fs,
    future::{Future, pending},
    path::Path,
    time::Duration,
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::migrate::MigrateError;

/// Receives SIGINT, SIGTERM and SIGHUP. While listening, these signals do not end the process.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None below `nohup`.
    hang_up: Option<Signal>,
}

/// Whether this process was started with SIGHUP ignored.
fn ignores_hang_up() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is that of signal 1.
    ignored.is_some_and(|mask| mask & 1 == 1)
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// If the signal handlers cannot be installed.
    pub fn listen() -> Result<Self, MigrateError> {
        let listen = |kind| signal(kind).map_err(MigrateError::Signals);
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: if ignores_hang_up() {
                None
            } else {
                Some(listen(SignalKind::hangup())?)
            },
        })
    }

    /// The same as [`Signals::run`]. A file that appears cancels `work` too.
    ///
    /// # Errors
    ///
    /// As for [`Signals::run`], and [`MigrateError::Cancelled`] after the file has appeared.
    pub async fn run_unless<T>(
        &mut self,
        cancel: &Path,
        work: impl Future<Output = Result<T, MigrateError>>,
    ) -> Result<T, MigrateError> {
        let cancelled = async {
            while !cancel.exists() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(MigrateError::Cancelled)
        };
        self.run(async {
            tokio::select! {
                done = work => done,
                cancelled = cancelled => cancelled,
            }
        })
        .await
    }

    /// Runs `work` until it ends. The next request to stop cancels it by dropping the future.
    ///
    /// # Errors
    ///
    /// [`MigrateError::Interrupted`] after a request to stop; otherwise the error of `work`.
    pub async fn run<T>(
        &mut self,
        work: impl Future<Output = Result<T, MigrateError>>,
    ) -> Result<T, MigrateError> {
        let hung_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            done = work => done,
            _ = self.interrupt.recv() => Err(MigrateError::Interrupted),
            _ = self.terminate.recv() => Err(MigrateError::Interrupted),
            _ = hung_up => Err(MigrateError::Interrupted),
        }
    }
}
