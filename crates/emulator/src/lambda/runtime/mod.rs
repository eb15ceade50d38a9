//! Environments: real `bootstrap` processes that ask the Runtime API for work, kept warm between
//! invocations, ended when they run out of time or memory, replaced when their code or configuration
//! changed. How many work at once is counted by claims. A `bootstrap` for another instruction set than the
//! host's is run by what `crate::programs` finds.

mod api;
mod claim;
mod environment;
mod leftovers;
mod outcome;
mod output;
mod process;
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

pub(super) use claim::{Claim, MOST_ENVIRONMENTS, Turn};
pub(super) use environment::Environment;
pub(super) use leftovers::end_leftovers;
pub(super) use outcome::Outcome;
pub(super) use output::{ROOM, Told, write};
use process::StartFailure;

/// How long a process may take until it asks for its first work. AWS's limit of the init phase.
const INIT_DEADLINE: Duration = Duration::from_secs(10);
/// An environment that had no work for so long is ended, ms.
const IDLE_MS: i64 = 10 * 60 * 1_000;
/// Between two looks for idle environments, ms.
const RECLAIM_EVERY_MS: i64 = 60 * 1_000;
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
    /// This machine cannot start a process now; that is no fault of the function.
    Failed(AwsError),
}

/// What is needed to start processes.
pub(super) struct Surroundings {
    pub clock: SharedClock,
    pub endpoint: String,
    pub code: PathBuf,
    /// Where every environment has a directory of its own for temporary files.
    pub scratch: PathBuf,
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
    /// Warm environments, each with the time since when it has no work, ms.
    idle: Vec<(Arc<Environment>, i64)>,
    /// Claims that are out, for environments of any age.
    at_work: usize,
    /// Environments older than this are not kept.
    oldest: u64,
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

    /// Runs one invocation to its end, or says at once why not.
    pub(super) async fn invoke(
        self: &Arc<Self>,
        function: &Arc<Function>,
        request_id: &str,
        payload: Bytes,
    ) -> Result<Finished, NotBegun> {
        let claim = self.claim(function)?;
        self.work(claim, function, request_id, payload).await
    }

    /// Runs one invocation to its end under a claim.
    ///
    /// It goes on in a task of its own: a caller that goes away (a client that closes its connection)
    /// does not end the invocation, and the environment comes back.
    pub(super) async fn work(
        self: &Arc<Self>,
        claim: Claim,
        function: &Arc<Function>,
        request_id: &str,
        payload: Bytes,
    ) -> Result<Finished, NotBegun> {
        let (runtime, function) = (Arc::clone(self), Arc::clone(function));
        let request_id = request_id.to_owned();
        let work = tokio::spawn(async move {
            // Given back when the environment is idle again, not before.
            let _claim = claim;
            loop {
                let (environment, cold) = match runtime.environment(&function) {
                    Ok(taken) => taken,
                    Err(StartFailure::Function(error)) => {
                        return Ok(outcome::not_started(&request_id, error));
                    }
                    Err(StartFailure::Machine(error)) => return Err(NotBegun::Failed(error)),
                    Err(StartFailure::Stopping) => return Err(NotBegun::Stopping),
                };
                let attempt =
                    runtime.attempt(environment, cold, &function, &request_id, payload.clone());
                if let Some(finished) = attempt.await {
                    return Ok(finished);
                }
            }
        });
        work.await
            .unwrap_or_else(|error| Err(NotBegun::Failed(AwsError::internal(error))))
    }

    /// None when a warm process turned out to have ended before it saw the invocation: that is no fault
    /// of the invocation, and another environment takes it.
    async fn attempt(
        &self,
        environment: Arc<Environment>,
        cold: bool,
        function: &Function,
        request_id: &str,
        payload: Bytes,
    ) -> Option<Finished> {
        let begun = Instant::now();
        if cold && let Err(outcome) = environment.ready(INIT_DEADLINE).await {
            environment.end_and_wait().await;
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
            environment.look_at_memory();
            environment.end_and_wait().await;
            if !cold && !seen && matches!(outcome, Outcome::Exited(_)) {
                return None;
            }
            return Some(environment.finish(request_id, outcome, took, init));
        }
        environment.read_output().await;
        let finished = environment.finish(request_id, outcome, took, init);
        self.keep(environment);
        Some(finished)
    }

    /// An idle environment, or a new one; the second value says whether it is new.
    fn environment(&self, function: &Function) -> Result<(Arc<Environment>, bool), StartFailure> {
        {
            let mut pools = self.pools();
            if pools.stopped {
                return Err(StartFailure::Stopping);
            }
            let pool = pools.by_function.entry(function.name.clone()).or_default();
            // The one used last is the warmest.
            while let Some((environment, _)) = pool.idle.pop() {
                if environment.generation() == function.generation && environment.is_alive() {
                    return Ok((environment, false));
                }
                environment.end();
            }
        }
        let environment = process::start(function, &self.surroundings)?;
        let mut pools = self.pools();
        if pools.stopped {
            environment.end();
            return Err(StartFailure::Stopping);
        }
        pools
            .living
            .retain(|living| living.upgrade().is_some_and(|living| !living.is_gone()));
        pools.living.push(Arc::downgrade(&environment));
        Ok((environment, true))
    }

    /// Keeps an environment warm for the next invocation.
    fn keep(&self, environment: Arc<Environment>) {
        let mut pools = self.pools();
        let stopped = pools.stopped;
        let pool = pools.by_function.get_mut(environment.function());
        match pool.filter(|pool| !stopped && environment.generation() >= pool.oldest) {
            Some(pool) => pool
                .idle
                .push((environment, self.surroundings.clock.now_ms())),
            // It was retired while it worked.
            None => environment.end(),
        }
    }

    /// Ends idle environments of a function that are older than `generation`; those at work end when
    /// they are done.
    pub(super) fn retire(&self, function: &str, generation: u64) {
        {
            let mut pools = self.pools();
            let pool = pools.by_function.entry(function.to_owned()).or_default();
            pool.oldest = generation;
            let (kept, retired) = std::mem::take(&mut pool.idle)
                .into_iter()
                .partition(|(environment, _)| environment.generation() >= generation);
            pool.idle = kept;
            for (environment, _) in retired {
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
        let clock = &self.surroundings.clock;
        loop {
            clock.sleep_until(clock.now_ms() + RECLAIM_EVERY_MS).await;
            let now = clock.now_ms();
            let mut pools = self.pools();
            for pool in pools.by_function.values_mut() {
                let (long, short) = std::mem::take(&mut pool.idle)
                    .into_iter()
                    .partition(|(_, since)| now - since >= IDLE_MS);
                pool.idle = short;
                for (environment, _) in long {
                    environment.end();
                }
            }
            // What is empty and of no function at work needs no memory; the age stays known by the
            // generations, which only rise.
            pools
                .by_function
                .retain(|_, pool| pool.at_work > 0 || !pool.idle.is_empty());
        }
    }

    /// Ends every process, waits until all are gone and what they wrote is in the log.
    pub(super) async fn stop(&self) {
        let living = {
            let mut pools = self.pools();
            pools.stopped = true;
            for pool in pools.by_function.values_mut() {
                pool.idle.clear();
            }
            std::mem::take(&mut pools.living)
        };
        self.freed.notify_waiters();
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
