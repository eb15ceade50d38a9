//! Interrupting: the first time what is on its way finishes and nothing more is begun, the second time
//! everything ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

/// Whether somebody interrupted, and whether there is something that must be let finish. Clones are the
/// same one.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    asked: CancellationToken,
    draining: Arc<AtomicUsize>,
    endless: Arc<AtomicBool>,
}

/// As long as one exists an interruption waits for the work that holds it.
#[derive(Debug)]
pub struct Draining(Arc<AtomicUsize>);

impl Drop for Draining {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Cancel {
    /// Asks for the end.
    pub fn ask(&self) {
        self.asked.cancel();
    }

    /// Did somebody ask?
    pub fn is_asked(&self) -> bool {
        self.asked.is_cancelled()
    }

    /// Returns when somebody asks.
    pub async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// For waits that end when somebody asks.
    pub fn token(&self) -> CancellationToken {
        self.asked.clone()
    }

    /// From now on an interruption is waited for, not ended with at once.
    pub fn drain(&self) -> Draining {
        self.draining.fetch_add(1, Ordering::SeqCst);
        Draining(Arc::clone(&self.draining))
    }

    /// From now on an interruption is how the command ends, and no failure: it would go on for ever.
    pub fn go_on_until_asked(&self) {
        self.endless.store(true, Ordering::SeqCst);
    }

    /// Would it go on for ever?
    pub fn goes_on_until_asked(&self) -> bool {
        self.endless.load(Ordering::SeqCst)
    }

    /// Is there work that an interruption waits for?
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst) > 0
    }
}
