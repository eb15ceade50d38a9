//! How many batches of one mapping are worked on at once.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

/// Counts the batches of one mapping. It outlives the mapping's pollers: batches of before an update
/// count on.
#[derive(Debug, Default)]
pub(in crate::lambda) struct Limit {
    running: Mutex<usize>,
    ended: Notify,
}

/// One batch of a mapping; dropped when it is done.
#[derive(Debug)]
pub(super) struct Permit(Arc<Limit>);

impl Limit {
    fn running(&self) -> MutexGuard<'_, usize> {
        self.running.lock().expect("no holder panics")
    }

    /// Returns once fewer than `most` run.
    pub(super) async fn acquire(self: &Arc<Self>, most: usize) -> Permit {
        loop {
            // Made before the look: an end after the look rings it.
            let ended = self.ended.notified();
            {
                let mut running = self.running();
                if *running < most {
                    *running += 1;
                    return Permit(Arc::clone(self));
                }
            }
            ended.await;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.running() -= 1;
        self.0.ended.notify_waiters();
    }
}
