//! Requests to stop, from a terminal or from systemd.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::migrate::MigrateError;

/// Hears requests to stop. While it exists, they do nothing by themselves.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// If the system does not let us.
    pub fn listen() -> Result<Self, MigrateError> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                MigrateError::Missing(format!("signals cannot be listened to: {error}"))
            })
        };
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Does some work until it is done, or until the next request to stop. Then the work is dropped.
    ///
    /// # Errors
    ///
    /// [`MigrateError::Interrupted`], and what the work fails with.
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
