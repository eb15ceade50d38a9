//! The emulator's clock on Tokio's time.

use std::time::Duration;

use pipectl_emulator::clock::Clock;
use tokio::time::Instant;

/// 2026-01-01, milliseconds since the Unix epoch: the same in every run.
const ORIGIN_MS: i64 = 1_767_225_600_000;

/// Tells Tokio's time, which stands still where a test paused it.
#[derive(Debug)]
pub struct PausedClock {
    origin: Instant,
}

impl PausedClock {
    /// Begins now.
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Default for PausedClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait::async_trait]
impl Clock for PausedClock {
    fn now_ms(&self) -> i64 {
        ORIGIN_MS + self.origin.elapsed().as_millis() as i64
    }

    async fn sleep_until(&self, deadline_ms: i64) {
        let from_origin = u64::try_from(deadline_ms - ORIGIN_MS).unwrap_or(0);
        // Tokio looks at its timers to the millisecond.
        let from_origin = from_origin.min(u64::from(u32::MAX));
        tokio::time::sleep_until(self.origin + Duration::from_millis(from_origin)).await;
    }
}
