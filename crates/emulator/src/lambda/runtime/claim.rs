//! Claims: the right to run one invocation of a function, counted against what may run at once. An
//! environment is taken under a claim only, so that nothing is received from a queue, and no event
//! is begun, that would then have to wait.

use std::sync::Arc;

use super::{NotBegun, Runtime};
use crate::lambda::state::Function;

/// Environments of one function at once, unless it reserves fewer: what keeps a burst of events from
/// filling the machine with processes.
pub(in crate::lambda) const MOST_ENVIRONMENTS: usize = 10;

/// Waiters of one function, first come first served.
pub(in crate::lambda) type Turn = Arc<tokio::sync::Mutex<()>>;

/// The right to run one invocation of a function; it is given back when this is dropped.
pub(in crate::lambda) struct Claim {
    runtime: Arc<Runtime>,
    function: String,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(pool) = self.runtime.pools().by_function.get_mut(&self.function) {
            pool.at_work = pool.at_work.saturating_sub(1);
        }
        self.runtime.freed.notify_waiters();
    }
}

impl Runtime {
    /// The turn of a function's waiters.
    pub(in crate::lambda) fn turn(&self, function: &str) -> Turn {
        let mut turns = self.turns.lock().expect("no holder panics");
        Arc::clone(turns.entry(function.to_owned()).or_default())
    }

    /// A claim, unless as many are out as may be. A limit that was lowered meanwhile holds for those
    /// that are out, too.
    pub(in crate::lambda) fn claim(
        self: &Arc<Self>,
        function: &Function,
    ) -> Result<Claim, NotBegun> {
        let mut pools = self.pools();
        if pools.stopped {
            return Err(NotBegun::Stopping);
        }
        let pool = pools.by_function.entry(function.name.clone()).or_default();
        let most = function.reserved.map_or(MOST_ENVIRONMENTS, |reserved| {
            MOST_ENVIRONMENTS.min(reserved as usize)
        });
        if pool.at_work >= most {
            return Err(NotBegun::Throttled);
        }
        pool.at_work += 1;
        Ok(Claim {
            runtime: Arc::clone(self),
            function: function.name.clone(),
        })
    }
}
