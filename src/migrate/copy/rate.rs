//! Limits how many bytes are copied in a second.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// A limit, or none, for everything that is copied at the same time.
#[derive(Debug)]
pub struct Rate {
    bytes_per_second: Option<u64>,
    begun: Instant,
    passed: Cell<u64>,
}

impl Rate {
    /// Begins to count.
    pub fn new(bytes_per_second: Option<u64>) -> Self {
        Rate {
            bytes_per_second,
            begun: Instant::now(),
            passed: Cell::new(0),
        }
    }

    /// Counts bytes that were copied, and waits until they may have been.
    pub async fn passed(&self, bytes: usize) {
        self.passed.set(self.passed.get() + bytes as u64);
        let until = self.due();
        if let Some(left) = until.checked_sub(self.begun.elapsed()) {
            tokio::time::sleep(left).await;
        }
    }

    /// When all that has passed may have passed, counted from the beginning.
    fn due(&self) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "a millisecond does not matter")]
        match self.bytes_per_second {
            Some(rate) => Duration::from_secs_f64(self.passed.get() as f64 / rate.max(1) as f64),
            None => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_are_due_at_the_given_rate() {
        let rate = Rate::new(Some(1_000_000));
        rate.passed(50_000).await;
        assert_eq!(rate.due(), Duration::from_millis(50));
        assert!(rate.begun.elapsed() >= Duration::from_millis(50));
        let none = Rate::new(None);
        none.passed(1 << 40).await;
        assert_eq!(none.due(), Duration::ZERO);
    }
}
