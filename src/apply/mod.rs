//! Stage 6: carries a plan out, in parallel along its order, and tells what happens as events.
//!
//! A failed step stops what depends on it; the rest goes on. There is no rollback: running the
//! same command again continues. An interruption lets what is on its way finish and begins nothing more,
//! and so do credentials that are not valid any more.

mod cancel;
mod critical;
mod retry;
mod step;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

pub use cancel::Cancel;
pub use critical::{Ran, critical_path};

use self::step::Work;
use crate::event::{Event, Sink, Stretch};
use crate::observe::Limits;
use crate::plan::{Action, Plan, Step};
use crate::resource::{self, CallError, Context, Identities, Identity, Wanted};
use crate::stack::model::LogicalId;

/// A step that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{id}: {error}")]
pub struct StepError {
    /// Which resource.
    pub id: LogicalId,
    /// Physical name.
    pub name: String,
    /// What was tried.
    pub action: Action,
    /// What the target said.
    #[source]
    pub error: CallError,
}

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Identities of everything that is there now.
    pub identities: Identities,
    /// Steps that were done and did something.
    pub done: Vec<LogicalId>,
    /// Steps that failed: causes only.
    pub failed: Vec<StepError>,
    /// Steps that were not tried because one that they need failed, with that one.
    pub skipped: Vec<(LogicalId, LogicalId)>,
    /// Steps that were not tried because somebody interrupted, or the credentials were not valid any more.
    pub not_started: Vec<LogicalId>,
    /// When each step ran.
    pub ran: BTreeMap<LogicalId, Ran>,
    /// The chain of steps that decided how long it took.
    pub critical_path: Vec<Stretch>,
}

impl Outcome {
    /// Was everything done?
    pub fn is_whole(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && self.not_started.is_empty()
    }
}

/// What carrying out needs besides the plan.
pub struct Means<'a> {
    /// Clients and place.
    pub cx: &'a Context,
    /// What creating and updating steps refer to.
    pub wanted: &'a [Wanted],
    /// Who hears of it.
    pub sink: &'a dyn Sink,
    /// Who may interrupt.
    pub cancel: &'a Cancel,
}

/// Carries out `plan`. `identities` are those known before.
pub async fn apply(means: &Means<'_>, plan: &Plan, identities: Identities) -> Outcome {
    let _drain = means.cancel.drain();
    let mut cx = means.cx.clone();
    cx.stop = means.cancel.token();
    let begun = Instant::now();
    let wanted: BTreeMap<&LogicalId, &Wanted> = means.wanted.iter().map(|w| (&w.id, w)).collect();
    let identities = Mutex::new(identities);
    let limits = Limits::new(cx.place.target.row.parallel);
    let mut schedule = Schedule::new(plan);
    let mut running = FuturesUnordered::new();
    let mut outcome = Outcome::default();
    let mut locked_out = false;
    loop {
        while !locked_out
            && !means.cancel.is_asked()
            && let Some(step) = schedule.next()
        {
            let wanted = wanted.get(&step.id).copied();
            let work = Work {
                cx: &cx,
                step,
                wanted,
                identities: &identities,
                sink: means.sink,
            };
            running.push(run(work, &limits, begun));
        }
        let Some(Ended { step, ran, result }) = running.next().await else {
            break;
        };
        outcome.ran.extend(ran.map(|ran| (step.id.clone(), ran)));
        match result {
            Ok(identity) => {
                let mut identities = identities.lock().expect("no holder panics");
                match identity {
                    Some(identity) => identities.insert(step.id.clone(), identity),
                    None => identities.remove(&step.id),
                };
                if step.action != Action::Keep {
                    outcome.done.push(step.id.clone());
                }
                schedule.done(&step.id);
            }
            Err(error) if error.is_interrupted() => outcome.not_started.push(step.id.clone()),
            Err(error) => {
                locked_out |= error.is_bad_credentials();
                outcome.failed.push(StepError {
                    id: step.id.clone(),
                    name: step.name.clone(),
                    action: step.action,
                    error,
                });
                for id in schedule.failed(&step.id) {
                    means.sink.emit(Event::StepSkipped {
                        id: id.clone(),
                        because: step.id.clone(),
                    });
                    outcome.skipped.push((id, step.id.clone()));
                }
            }
        }
    }
    drop(running);
    outcome.not_started.extend(schedule.left());
    outcome.identities = identities.into_inner().expect("no holder panics");
    outcome.critical_path = critical_path(plan, &outcome.ran);
    means.sink.emit(Event::Applied {
        done: outcome.done.len(),
        failed: outcome.failed.len(),
        skipped: outcome.skipped.len(),
        not_started: outcome.not_started.len(),
        elapsed: begun.elapsed(),
        critical_path: outcome.critical_path.clone(),
    });
    outcome
}

/// A step that is over.
struct Ended<'a> {
    step: &'a Step,
    /// None where there was nothing to do.
    ran: Option<Ran>,
    result: Result<Option<Identity>, CallError>,
}

/// Boxed: one step's calls in all their layers are large, and hundreds may wait for a place.
fn run<'a>(work: Work<'a>, limits: &'a Limits, origin: Instant) -> BoxFuture<'a, Ended<'a>> {
    async move {
        let step = work.step;
        if step.action == Action::Keep {
            let identity = step.live.as_ref().map(|live| live.identity.clone());
            return Ended {
                step,
                ran: None,
                result: Ok(identity),
            };
        }
        let _place = match resource::of(step.id.kind) {
            Some(kind) => limits.place(kind.service()).await,
            None => None,
        };
        if work.cx.stop.is_cancelled() {
            return Ended {
                step,
                ran: None,
                result: Err(CallError::interrupted("a place at the service")),
            };
        }
        let begun = origin.elapsed();
        work.sink.emit(Event::StepStarted {
            id: step.id.clone(),
            name: step.name.clone(),
            action: step.action,
        });
        let result = step::carry_out(&work).await;
        let ended = origin.elapsed();
        work.sink.emit(match &result {
            Ok(_) => Event::StepFinished {
                id: step.id.clone(),
                name: step.name.clone(),
                action: step.action,
                elapsed: ended.saturating_sub(begun),
            },
            Err(error) if error.is_interrupted() => Event::StepInterrupted {
                id: step.id.clone(),
                what: error.operation.to_string(),
            },
            Err(error) => Event::StepFailed {
                id: step.id.clone(),
                name: step.name.clone(),
                action: step.action,
                error: error.clone(),
            },
        });
        Ended {
            step,
            ran: Some(Ran { begun, ended }),
            result,
        }
    }
    .boxed()
}

/// Which steps can be begun: those whose predecessors are all done. Each end costs as much as it has
/// successors, so the whole costs as much as the graph has edges.
struct Schedule<'a> {
    steps: BTreeMap<&'a LogicalId, &'a Step>,
    missing: BTreeMap<&'a LogicalId, usize>,
    successors: BTreeMap<&'a LogicalId, Vec<&'a LogicalId>>,
    ready: VecDeque<&'a LogicalId>,
}

impl<'a> Schedule<'a> {
    fn new(plan: &'a Plan) -> Self {
        let steps: BTreeMap<_, _> = plan.steps.iter().map(|step| (&step.id, step)).collect();
        let mut successors: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut missing = BTreeMap::new();
        let mut ready = VecDeque::new();
        for step in &plan.steps {
            let after: Vec<_> = step
                .after
                .iter()
                .filter_map(|id| steps.get_key_value(id))
                .map(|(id, _)| *id)
                .collect();
            if after.is_empty() {
                ready.push_back(&step.id);
            }
            missing.insert(&step.id, after.len());
            for id in after {
                successors.entry(id).or_default().push(&step.id);
            }
        }
        Self {
            steps,
            missing,
            successors,
            ready,
        }
    }

    /// The next step to begin.
    fn next(&mut self) -> Option<&'a Step> {
        let id = self.ready.pop_front()?;
        self.missing.remove(id);
        self.steps.get(id).copied()
    }

    /// A step is done: what waited only for it is ready.
    fn done(&mut self, id: &LogicalId) {
        for successor in self.successors.remove(id).unwrap_or_default() {
            if let Some(missing) = self.missing.get_mut(successor) {
                *missing -= 1;
                if *missing == 0 {
                    self.ready.push_back(successor);
                }
            }
        }
    }

    /// A step failed: takes out everything that waits for it, directly or not.
    fn failed(&mut self, id: &LogicalId) -> Vec<LogicalId> {
        let mut open = self.successors.remove(id).unwrap_or_default();
        let mut skipped = BTreeSet::new();
        while let Some(next) = open.pop() {
            if self.missing.remove(next).is_some() {
                if self.does_something(next) {
                    skipped.insert(next.clone());
                }
                open.extend(self.successors.remove(next).unwrap_or_default());
            }
        }
        skipped.into_iter().collect()
    }

    /// What was neither begun nor taken out. Steps that do nothing are not missed.
    fn left(&self) -> impl Iterator<Item = LogicalId> {
        self.missing
            .keys()
            .filter(|id| self.does_something(id))
            .map(|id| (*id).clone())
    }

    fn does_something(&self, id: &LogicalId) -> bool {
        self.steps
            .get(id)
            .is_some_and(|step| step.action != Action::Keep)
    }
}
