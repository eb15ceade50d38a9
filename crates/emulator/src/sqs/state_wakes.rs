//! Who waits for messages, and the one timer that wakes them at the end of delays and
//! visibility timeouts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::params;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::error::AwsError;

use super::state::State;

/// When the store cannot be read, the timer looks again after this time, milliseconds.
const RETRY_MS: i64 = 1_000;

/// The channels of all watched queues, and the moment the timer sleeps until.
pub(super) struct Wakes {
    channels: Mutex<HashMap<i64, watch::Sender<u64>>>,
    scheduled_ms: AtomicI64,
    sooner: Notify,
}

impl Default for Wakes {
    fn default() -> Self {
        Self {
            channels: Mutex::default(),
            scheduled_ms: AtomicI64::new(i64::MAX),
            sooner: Notify::new(),
        }
    }
}

impl Wakes {
    fn channels(&self) -> MutexGuard<'_, HashMap<i64, watch::Sender<u64>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a queue that exists.
    pub(super) fn watch(&self, queue_id: i64) -> watch::Receiver<u64> {
        self.channels()
            .entry(queue_id)
            .or_insert_with(|| watch::Sender::new(0))
            .subscribe()
    }

    /// Wakes everybody who waits for messages of the queue.
    pub(super) fn bump(&self, queue_id: i64) {
        if let Some(channel) = self.channels().get(&queue_id) {
            channel.send_modify(|count| *count += 1);
        }
    }

    /// Ends the channel of a deleted queue.
    pub(super) fn close(&self, queue_id: i64) {
        self.channels().remove(&queue_id);
    }

    /// A message becomes visible at this moment: the timer must not sleep past it.
    pub(super) fn at(&self, visible_ms: i64) {
        if visible_ms < self.scheduled_ms.load(Ordering::SeqCst) {
            self.sooner.notify_one();
        }
    }
}

/// Wakes watchers when messages become visible by the passing of time, until the emulator stops.
pub(super) async fn run_timer(state: Arc<State>, clock: SharedClock, stop: CancellationToken) {
    let wakes = &state.wakes;
    let mut seen_ms = clock.now_ms();
    loop {
        // Until the next moment is known every new one is sooner, so that none is missed.
        wakes.scheduled_ms.store(i64::MAX, Ordering::SeqCst);
        let now = clock.now_ms();
        let next_ms = match state.due(seen_ms, now) {
            Ok((due, next_ms)) => {
                for queue_id in due {
                    wakes.bump(queue_id);
                }
                seen_ms = now;
                next_ms
            }
            Err(error) => {
                tracing::error!("the timer of delays and visibility timeouts: {error}");
                now + RETRY_MS
            }
        };
        wakes.scheduled_ms.store(next_ms, Ordering::SeqCst);
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(next_ms), if next_ms < i64::MAX => {}
            () = wakes.sooner.notified() => {}
        }
    }
}

impl State {
    /// The queues with messages that became visible after `seen_ms` and not after `now`, and the
    /// moment when the next message of any queue will be visible.
    fn due(&self, seen_ms: i64, now: i64) -> Result<(Vec<i64>, i64), AwsError> {
        let store = self.lock();
        let mut statement = store.connection.prepare_cached(
            "SELECT id,
                    EXISTS (SELECT 1 FROM messages
                            WHERE queue_id = queues.id AND visible_ms > ?1 AND visible_ms <= ?2),
                    (SELECT min(visible_ms) FROM messages
                     WHERE queue_id = queues.id AND visible_ms > ?2)
             FROM queues",
        )?;
        let mut due = Vec::new();
        let mut next_ms = i64::MAX;
        let mut rows = statement.query(params![seen_ms, now])?;
        while let Some(row) = rows.next()? {
            if row.get(1)? {
                due.push(row.get(0)?);
            }
            next_ms = next_ms.min(row.get::<_, Option<i64>>(2)?.unwrap_or(i64::MAX));
        }
        Ok((due, next_ms))
    }
}
