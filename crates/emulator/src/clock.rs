//! The injected clock: visibility, delays, expiry and cool-downs are tested without sleeping.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

/// Tells the time and waits for a moment of it.
#[async_trait::async_trait]
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;

    /// Returns once [`Clock::now_ms`] is at least `deadline_ms`.
    async fn sleep_until(&self, deadline_ms: i64);
}

/// The clock that all services of one emulator share.
pub type SharedClock = Arc<dyn Clock>;

/// Wall-clock time.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

#[async_trait::async_trait]
impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_millis() as i64)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    async fn sleep_until(&self, deadline_ms: i64) {
        loop {
            let wait = deadline_ms - self.now_ms();
            if wait <= 0 {
                return;
            }
            // In slices, so that a wall clock set forward is noticed within a minute.
            tokio::time::sleep(Duration::from_millis(wait.min(60_000) as u64)).await;
        }
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicI64,
    moved: Notify,
}

impl ManualClock {
    /// Starts at `now_ms` milliseconds since the Unix epoch.
    pub fn new(now_ms: i64) -> Self {
        Self {
            now_ms: AtomicI64::new(now_ms),
            moved: Notify::new(),
        }
    }

    /// Moves the time forward by `ms` milliseconds and wakes every sleeper.
    pub fn advance(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
        self.moved.notify_waiters();
    }
}

#[async_trait::async_trait]
impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    async fn sleep_until(&self, deadline_ms: i64) {
        loop {
            let moved = self.moved.notified();
            if self.now_ms() >= deadline_ms {
                return;
            }
            moved.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn manual_clock_wakes_sleepers_only_when_their_moment_has_come() {
        let clock = Arc::new(ManualClock::new(1_000));
        let sleeper = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { clock.sleep_until(1_500).await }
        });
        tokio::task::yield_now().await;
        clock.advance(400);
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(100);
        sleeper.await.expect("the sleeper ends");
        assert_eq!(clock.now_ms(), 1_500);
    }
}
