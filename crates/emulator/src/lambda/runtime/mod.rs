//! Environments: real `bootstrap` processes that ask the Runtime API for work, kept warm between
//! invocations, ended when they run out of time, replaced when their code or configuration changed.

mod api;
mod environment;
mod outcome;
mod output;
mod variables;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

use crate::clock::SharedClock;
use crate::error::AwsError;
use crate::lambda::state::Function;

pub(super) use environment::Environment;
pub(super) use outcome::Outcome;
pub(super) use output::{ROOM, Told, write};

/// How long a process may take until it asks for its first work. AWS's limit of the init phase.
const INIT_DEADLINE: Duration = Duration::from_secs(10);
/// An environment that had no work for so long is ended.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// Environments of one function at once, unless it reserves fewer: what keeps a burst of events from
/// filling the machine with processes.
pub(super) const MOST_ENVIRONMENTS: usize = 10;
/// How long the last log lines may take to be written.
const FLUSH: Duration = Duration::from_secs(3);
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
    /// The emulator stops.
    Stopping,
    /// The process could not be started.
    Failed(AwsError),
}

/// What is needed to start processes.
pub(super) struct Surroundings {
    pub clock: SharedClock,
    pub endpoint: String,
    pub code: PathBuf,
    pub output: mpsc::UnboundedSender<Told>,
    /// One permit for each line of output that may wait to be written.
    pub room: Arc<Semaphore>,
}

/// All environments of one emulator.
pub(super) struct Runtime {
    surroundings: Surroundings,
    pools: Mutex<Pools>,
    /// Rung when an environment became free or a limit changed.
    pub freed: Notify,
    /// Whoever waits for an environment of a function waits for the function's turn first: one waiter
    /// looks when an environment becomes free, not all of a burst.
    turns: Mutex<HashMap<String, Turn>>,
}

/// Waiters of one function, first come first served.
pub(super) type Turn = Arc<tokio::sync::Mutex<()>>;

#[derive(Default)]
struct Pools {
    by_function: HashMap<String, Pool>,
    /// Every process that may still be there, those that were retired at work included.
    living: Vec<Weak<Environment>>,
    /// Nothing is started any more.
    stopped: bool,
}

#[derive(Default)]
struct Pool {
    idle: Vec<(Arc<Environment>, Instant)>,
    /// All that serve the function now, idle ones included, by token.
    all: HashMap<String, Arc<Environment>>,
}

/// An environment that is taken for one invocation.
pub(super) struct Slot {
    environment: Arc<Environment>,
    /// It is new.
    cold: bool,
}

impl Runtime {
    pub(super) fn new(surroundings: Surroundings) -> Arc<Self> {
        Arc::new(Self {
            surroundings,
            pools: Mutex::default(),
            freed: Notify::new(),
            turns: Mutex::default(),
        })
    }

    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().expect("no holder panics")
    }

    /// The turn of a function's waiters.
    pub(super) fn turn(&self, function: &str) -> Turn {
        let mut turns = self.turns.lock().expect("no holder panics");
        Arc::clone(turns.entry(function.to_owned()).or_default())
    }

    /// Runs one invocation to its end, or says at once why not.
    pub(super) async fn invoke(
        self: &Arc<Self>,
        function: &Arc<Function>,
        request_id: &str,
        payload: Bytes,
    ) -> Result<Finished, NotBegun> {
        let slot = self.reserve(function)?;
        self.work(slot, function, request_id, payload).await
    }

    /// Runs one invocation to its end in an environment that was reserved for it.
    ///
    /// It goes on in a task of its own: a caller that goes away (a client that closes its connection)
    /// does not end the invocation, and the environment comes back.
    pub(super) async fn work(
        self: &Arc<Self>,
        slot: Slot,
        function: &Arc<Function>,
        request_id: &str,
        payload: Bytes,
    ) -> Result<Finished, NotBegun> {
        let (runtime, function) = (Arc::clone(self), Arc::clone(function));
        let request_id = request_id.to_owned();
        let work = tokio::spawn(async move {
            let mut slot = slot;
            loop {
                let attempt = runtime.attempt(slot, &function, &request_id, payload.clone());
                if let Some(finished) = attempt.await {
                    return Ok(finished);
                }
                slot = runtime.reserve(&function)?;
            }
        });
        work.await
            .unwrap_or_else(|error| Err(NotBegun::Failed(AwsError::internal(error))))
    }

    /// None when a warm process turned out to have ended before it saw the invocation: that is no fault
    /// of the invocation, and another environment takes it.
    async fn attempt(
        &self,
        slot: Slot,
        function: &Function,
        request_id: &str,
        payload: Bytes,
    ) -> Option<Finished> {
        let Slot { environment, cold } = slot;
        let begun = Instant::now();
        if cold && let Err(outcome) = environment.ready(INIT_DEADLINE).await {
            self.drop_environment(&environment).await;
            return Some(environment.finish(request_id, outcome, begun.elapsed(), None));
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
        let took = begun.elapsed();
        if outcome.ends_environment() {
            let seen = environment.has_taken();
            self.drop_environment(&environment).await;
            if !cold && !seen && matches!(outcome, Outcome::Exited(_)) {
                return None;
            }
            return Some(environment.finish(request_id, outcome, took, init));
        }
        environment.read_output().await;
        let finished = environment.finish(request_id, outcome, took, init);
        self.give_back(environment);
        Some(finished)
    }

    /// Takes an idle environment, or starts one.
    pub(super) fn reserve(&self, function: &Function) -> Result<Slot, NotBegun> {
        let mut pools = self.pools();
        if pools.stopped {
            return Err(NotBegun::Stopping);
        }
        let pool = pools.by_function.entry(function.name.clone()).or_default();
        let most = function.reserved.map_or(MOST_ENVIRONMENTS, |reserved| {
            MOST_ENVIRONMENTS.min(reserved as usize)
        });
        // A limit that was lowered meanwhile holds for warm environments, too.
        let at_work = pool.all.len() - pool.idle.len();
        if at_work >= most {
            return Err(NotBegun::Throttled);
        }
        // The one used last is the warmest.
        while let Some((environment, _)) = pool.idle.pop() {
            if environment.generation() == function.generation && environment.is_alive() {
                return Ok(Slot {
                    environment,
                    cold: false,
                });
            }
            pool.all.remove(environment.token());
            environment.end();
        }
        let environment =
            Environment::start(function, &self.surroundings).map_err(NotBegun::Failed)?;
        pool.all
            .insert(environment.token().to_owned(), environment.clone());
        pools
            .living
            .retain(|living| living.upgrade().is_some_and(|living| !living.is_gone()));
        pools.living.push(Arc::downgrade(&environment));
        Ok(Slot {
            environment,
            cold: true,
        })
    }

    fn give_back(&self, environment: Arc<Environment>) {
        let mut pools = self.pools();
        if let Some(pool) = pools.by_function.get_mut(environment.function())
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
        environment.look_at_memory();
        environment.end_and_wait().await;
        if let Some(pool) = self.pools().by_function.get_mut(environment.function()) {
            pool.all.remove(environment.token());
        }
        self.freed.notify_waiters();
    }

    /// Ends idle environments of a function; those at work end when they are done.
    pub(super) fn retire(&self, function: &str) {
        if let Some(pool) = self.pools().by_function.remove(function) {
            for (environment, _) in pool.idle {
                environment.end();
            }
        }
        self.freed.notify_waiters();
    }

    /// Environments whose process still runs from a code directory.
    pub(super) fn users_of(&self, code_dir: &str) -> Vec<Arc<Environment>> {
        let pools = self.pools();
        let living = pools.living.iter().filter_map(Weak::upgrade);
        living
            .filter(|environment| environment.code_dir() == code_dir && !environment.is_gone())
            .collect()
    }

    /// Ends environments that had no work for long. Runs until it is dropped.
    pub(super) async fn reclaim(&self) {
        loop {
            self.surroundings
                .clock
                .sleep_until(self.surroundings.clock.now_ms() + 60_000)
                .await;
            let mut idle_for_long = Vec::new();
            for pool in self.pools().by_function.values_mut() {
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

    /// Ends every process, waits until all are gone and what they wrote is in the log.
    pub(super) async fn stop(&self) {
        let living = {
            let mut pools = self.pools();
            pools.stopped = true;
            pools.by_function.clear();
            std::mem::take(&mut pools.living)
        };
        let living: Vec<_> = living.iter().filter_map(Weak::upgrade).collect();
        for environment in &living {
            environment.end();
        }
        let gone = living.iter().map(|environment| environment.end_and_wait());
        futures::future::join_all(gone).await;
        let (written, all_written) = oneshot::channel();
        if self.surroundings.output.send(Told::Flush(written)).is_ok()
            && tokio::time::timeout(FLUSH, all_written).await.is_err()
        {
            tracing::error!("the last log lines were not written in time");
        }
    }
}
