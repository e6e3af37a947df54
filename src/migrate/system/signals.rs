//! Requests to stop: SIGINT, as from Ctrl-C, and SIGTERM, as from systemd.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::migrate::MigrateError;

/// Receives SIGINT and SIGTERM. While listening, these signals do not end the process.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
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
        })
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
        tokio::select! {
            done = work => done,
            _ = self.interrupt.recv() => Err(MigrateError::Interrupted),
            _ = self.terminate.recv() => Err(MigrateError::Interrupted),
        }
    }
}
