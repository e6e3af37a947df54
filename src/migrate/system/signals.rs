//! Requests to stop, from a terminal or from systemd.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::migrate::MigrateError;

/// Hears requests to stop. While it exists, they do nothing by themselves.
#[derive(Debug)]
pub struct Interruptions {
    interrupt: Signal,
    terminate: Signal,
}

impl Interruptions {
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
        Ok(Interruptions {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
