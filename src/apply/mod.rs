//! Stage 6: carries a plan out, in parallel along its order, and tells what happens as events.
//!
//! A failed step stops what depends on it; the rest goes on. There is no rollback: running the
//! same command again continues.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Instant;

use futures::stream::{FuturesUnordered, StreamExt};

use crate::event::{Event, Sink};
use crate::plan::{Action, Plan, Step};
use crate::resource::{self, CallError, Context, Identities, Identity, Observed, Wanted};
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
    pub done: usize,
    /// Steps that failed: causes only.
    pub failed: Vec<StepError>,
    /// Steps that were not tried.
    pub skipped: Vec<LogicalId>,
}

/// Carries out `plan`. `wanted` is what creating and updating steps refer to; `identities` are those
/// known before.
pub async fn apply(
    cx: &Context,
    plan: &Plan,
    wanted: &[Wanted],
    identities: Identities,
    sink: &dyn Sink,
) -> Outcome {
    let begun = Instant::now();
    let wanted: BTreeMap<&LogicalId, &Wanted> = wanted.iter().map(|w| (&w.id, w)).collect();
    let identities = Mutex::new(identities);
    let planned: BTreeSet<&LogicalId> = plan.steps.iter().map(|step| &step.id).collect();

    let mut waiting: Vec<&Step> = plan.steps.iter().collect();
    let mut finished: BTreeSet<&LogicalId> = BTreeSet::new();
    // Step that could not be done → the step whose failure is the cause.
    let mut blocked: BTreeMap<&LogicalId, LogicalId> = BTreeMap::new();
    let mut running = FuturesUnordered::new();
    let mut outcome = Outcome::default();
    loop {
        let mut still_waiting = Vec::new();
        for step in waiting {
            let cause = step.after.iter().find_map(|id| blocked.get(id).cloned());
            if let Some(because) = cause {
                sink.emit(Event::StepSkipped {
                    id: step.id.clone(),
                    because: because.clone(),
                });
                outcome.skipped.push(step.id.clone());
                blocked.insert(&step.id, because);
            } else if step
                .after
                .iter()
                .all(|id| finished.contains(id) || !planned.contains(id))
            {
                let wanted = wanted.get(&step.id).copied();
                running.push(run(cx, step, wanted, &identities, sink));
            } else {
                still_waiting.push(step);
            }
        }
        waiting = still_waiting;
        let Some((step, result)) = running.next().await else {
            break;
        };
        match result {
            Ok(identity) => {
                finished.insert(&step.id);
                let mut identities = identities.lock().expect("no holder panics");
                match identity {
                    Some(identity) => identities.insert(step.id.clone(), identity),
                    None => identities.remove(&step.id),
                };
                outcome.done += usize::from(step.action != Action::Keep);
            }
            Err(error) => {
                blocked.insert(&step.id, step.id.clone());
                outcome.failed.push(StepError {
                    id: step.id.clone(),
                    name: step.name.clone(),
                    action: step.action,
                    error,
                });
            }
        }
    }
    drop(running);
    outcome.identities = identities.into_inner().expect("no holder panics");
    sink.emit(Event::Applied {
        done: outcome.done,
        failed: outcome.failed.len(),
        skipped: outcome.skipped.len(),
        elapsed: begun.elapsed(),
    });
    outcome
}

/// One step; returns the identity of what is there after it.
async fn run<'a>(
    cx: &Context,
    step: &'a Step,
    wanted: Option<&Wanted>,
    identities: &Mutex<Identities>,
    sink: &dyn Sink,
) -> (&'a Step, Result<Option<Identity>, CallError>) {
    if step.action == Action::Keep {
        let identity = step.live.as_ref().map(|live| live.identity.clone());
        return (step, Ok(identity));
    }
    let begun = Instant::now();
    sink.emit(Event::StepStarted {
        id: step.id.clone(),
        action: step.action,
    });
    let result = act(cx, step, wanted, identities).await;
    sink.emit(match &result {
        Ok(_) => Event::StepFinished {
            id: step.id.clone(),
            name: step.name.clone(),
            action: step.action,
            elapsed: begun.elapsed(),
        },
        Err(error) => Event::StepFailed {
            id: step.id.clone(),
            action: step.action,
            error: error.clone(),
        },
    });
    (step, result)
}

async fn act(
    cx: &Context,
    step: &Step,
    wanted: Option<&Wanted>,
    identities: &Mutex<Identities>,
) -> Result<Option<Identity>, CallError> {
    let kind = resource::of(step.id.kind)
        .ok_or_else(|| CallError::local("apply", format!("{} has no implementation", step.id)))?;
    if let (Action::Delete | Action::Replace, Some(live)) = (step.action, &step.live) {
        kind.delete(cx, live).await?;
    }
    if step.action == Action::Delete {
        return Ok(None);
    }
    let wanted =
        wanted.ok_or_else(|| CallError::local("apply", format!("{} is not wanted", step.id)))?;
    let resolved = wanted.resolve(&identities.lock().expect("no holder panics"));
    if let Some(field) = resolved.unknown.first() {
        return Err(CallError::local(
            "apply",
            format!("`{field}` refers to something that is not known yet"),
        ));
    }
    let live = match (step.action, &step.live) {
        (Action::Update, Some(live)) => live.clone(),
        _ => match kind.ensure(cx, &resolved).await {
            Ok(live) => live,
            // Another `up` made it since it was observed: what is ours by now only needs the sync.
            Err(error) if error.says_taken() => match kind.observe(cx, wanted).await? {
                Observed::Owned(live) => live,
                Observed::Absent | Observed::Unowned(_) => return Err(error),
            },
            Err(error) => return Err(error),
        },
    };
    kind.sync(cx, &resolved, &live).await?;
    Ok(Some(live.identity))
}
