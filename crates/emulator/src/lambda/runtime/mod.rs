//! Environments: real `bootstrap` processes that ask the Runtime API for work, kept warm between
//! invocations, ended when they run out of time, replaced when their code or configuration changed.

mod api;
mod environment;
mod output;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use crate::clock::SharedClock;
use crate::error::AwsError;
use crate::lambda::state::Function;

pub(super) use environment::{Environment, Outcome};
pub(super) use output::{Lines, write};

/// How long a process may take until it asks for its first work. AWS's limit of the init phase.
const INIT_DEADLINE: Duration = Duration::from_secs(10);
/// An environment that had no work for so long is ended.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// Environments of one function at once, unless it reserves fewer: what keeps a burst of events from
/// filling the machine with processes.
const MOST_ENVIRONMENTS: usize = 10;
/// Largest answer of a synchronous invocation, bytes (AWS Lambda quotas).
pub(super) const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024 + 100;

/// One invocation on its way into a process.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    pub request_id: String,
    pub payload: Bytes,
    /// When it runs out of time, milliseconds since the Unix epoch.
    pub deadline_ms: i64,
}

/// An invocation that came to an end.
#[derive(Debug)]
pub(super) struct Finished {
    pub outcome: Outcome,
    /// The last lines it wrote, 4 KB at most.
    pub log_tail: String,
}

/// Why an invocation was not begun.
#[derive(Debug)]
pub(super) enum NotBegun {
    /// As many run as may.
    Throttled,
    /// The process could not be started.
    Failed(AwsError),
}

/// What is needed to start processes.
pub(super) struct Surroundings {
    pub clock: SharedClock,
    pub endpoint: String,
    pub code: PathBuf,
    pub lines: mpsc::UnboundedSender<Lines>,
}

/// All environments of one emulator.
pub(super) struct Runtime {
    surroundings: Surroundings,
    pools: Mutex<HashMap<String, Pool>>,
    /// Rung when an environment became free or a limit changed.
    pub freed: Notify,
}

#[derive(Default)]
struct Pool {
    idle: Vec<(Arc<Environment>, Instant)>,
    /// All that live, idle ones included, by token.
    all: HashMap<String, Arc<Environment>>,
}

impl Runtime {
    pub(super) fn new(surroundings: Surroundings) -> Self {
        Self {
            surroundings,
            pools: Mutex::default(),
            freed: Notify::new(),
        }
    }

    fn pools(&self) -> MutexGuard<'_, HashMap<String, Pool>> {
        self.pools.lock().expect("no holder panics")
    }

    /// Runs one invocation to its end.
    pub(super) async fn invoke(
        &self,
        function: &Arc<Function>,
        request_id: &str,
        payload: Bytes,
    ) -> Result<Finished, NotBegun> {
        let (environment, cold) = self.take(function)?;
        let begun = Instant::now();
        if cold && let Err(outcome) = environment.ready(INIT_DEADLINE).await {
            self.drop_environment(&environment).await;
            return Ok(environment.finish(request_id, outcome, begun.elapsed(), None));
        }
        let init = cold.then(|| begun.elapsed());
        let begun = Instant::now();
        let timeout = Duration::from_secs(u64::from(function.timeout_s));
        let invocation = Invocation {
            request_id: request_id.to_owned(),
            payload,
            deadline_ms: self.surroundings.clock.now_ms() + timeout.as_millis() as i64,
        };
        environment.begin(&invocation);
        let outcome = match tokio::time::timeout(timeout, environment.run(invocation)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::TimedOut(timeout),
        };
        if outcome.ends_environment() {
            self.drop_environment(&environment).await;
            return Ok(environment.finish(request_id, outcome, begun.elapsed(), init));
        }
        let finished = environment.finish(request_id, outcome, begun.elapsed(), init);
        self.give_back(environment);
        Ok(finished)
    }

    /// An idle environment, or a new one; true when it is new.
    fn take(&self, function: &Arc<Function>) -> Result<(Arc<Environment>, bool), NotBegun> {
        let mut pools = self.pools();
        let pool = pools.entry(function.name.clone()).or_default();
        // The one used last is the warmest.
        while let Some((environment, _)) = pool.idle.pop() {
            if environment.generation() == function.generation && environment.is_alive() {
                return Ok((environment, false));
            }
            pool.all.remove(environment.token());
            environment.end();
        }
        let most = function.reserved.map_or(MOST_ENVIRONMENTS, |reserved| {
            MOST_ENVIRONMENTS.min(reserved as usize)
        });
        if pool.all.len() >= most {
            return Err(NotBegun::Throttled);
        }
        let environment =
            Environment::start(function, &self.surroundings).map_err(NotBegun::Failed)?;
        pool.all
            .insert(environment.token().to_owned(), environment.clone());
        Ok((environment, true))
    }

    fn give_back(&self, environment: Arc<Environment>) {
        let mut pools = self.pools();
        if let Some(pool) = pools.get_mut(environment.function())
            && pool.all.contains_key(environment.token())
        {
            pool.idle.push((environment, Instant::now()));
        } else {
            // It was retired while it worked.
            environment.end();
        }
        drop(pools);
        self.freed.notify_waiters();
    }

    async fn drop_environment(&self, environment: &Arc<Environment>) {
        if let Some(pool) = self.pools().get_mut(environment.function()) {
            pool.all.remove(environment.token());
        }
        environment.end_and_wait().await;
        self.freed.notify_waiters();
    }

    /// Ends idle environments of a function; those at work end when they are done.
    pub(super) fn retire(&self, function: &str) {
        if let Some(pool) = self.pools().remove(function) {
            for (environment, _) in pool.idle {
                environment.end();
            }
        }
        self.freed.notify_waiters();
    }

    /// Ends environments that had no work for long. Runs until it is dropped.
    pub(super) async fn reclaim(&self) {
        loop {
            self.surroundings
                .clock
                .sleep_until(self.surroundings.clock.now_ms() + 60_000)
                .await;
            let mut idle_for_long = Vec::new();
            for pool in self.pools().values_mut() {
                let (long, short) = std::mem::take(&mut pool.idle)
                    .into_iter()
                    .partition(|(_, since)| since.elapsed() > IDLE);
                pool.idle = short;
                for (environment, _) in long {
                    pool.all.remove(environment.token());
                    idle_for_long.push(environment);
                }
            }
            for environment in idle_for_long {
                environment.end();
            }
        }
    }

    /// Ends every process and waits until all are gone.
    pub(super) async fn stop(&self) {
        let all: Vec<_> = self
            .pools()
            .drain()
            .flat_map(|(_, pool)| pool.all.into_values())
            .collect();
        for environment in &all {
            environment.end();
        }
        futures::future::join_all(all.iter().map(|environment| environment.end_and_wait())).await;
    }
}
