//! Looking at a running stack again and again: what follows from two looks that one alone does not tell.
//! Nothing here makes a call, and no message is received: that would hide it and count against it.

use std::collections::BTreeMap;
use std::time::Duration;

use model::JobResult;
use serde::Serialize;
use time::OffsetDateTime;

use super::status::{self, LAST_RESULTS, ResourceStatus, StackStatus};
use crate::stack::model::{Kind, LogicalId};

/// So long before the newest result one may still come: workers' clocks differ, and indexes lag behind.
const OVERLAP: Duration = Duration::from_secs(10);

/// When a look was made.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By the target's clock, where that is known.
    pub at: OffsetDateTime,
    /// Since watching began, by a clock that nobody sets.
    pub elapsed: Duration,
}

/// What one look at a target found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Endpoint.
    pub endpoint: String,
    /// Resources, kind by kind.
    pub resources: Vec<ResourceStatus>,
    /// Results since [`Watch::results_from`], newest first; none without a table to read them from.
    pub results: Option<Vec<JobResult>>,
}

/// A queue, seen over several looks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueFlow {
    /// Logical id.
    pub id: LogicalId,
    /// Messages in it: visible, in flight and delayed. SQS calls these counts approximate.
    pub messages: u64,
    /// By how many a second these grew since the look before: what came in less what went out.
    pub change_per_s: Option<f64>,
    /// For how long, milliseconds, it has not been empty and no look found fewer messages than the look
    /// before. From the first look that found it so, so at least as long. If nothing was taken out of it, its
    /// oldest message is at least as old; one taken out for one that came in between two looks is not seen.
    pub no_decrease_ms: Option<u64>,
}

/// What one look at a target found, and what follows from those before it.
#[derive(Debug, Clone, Serialize)]
pub struct TargetLook {
    /// As `status` has it; without resources when the target could not be read.
    #[serde(flatten)]
    pub status: StackStatus,
    /// Why the target could not be read.
    pub error: Option<String>,
    /// Its queues.
    pub queues: Vec<QueueFlow>,
    /// How many results came since the look before.
    pub new_results: Option<usize>,
    /// The same per second.
    pub results_per_s: Option<f64>,
    /// The results that came since the look before, oldest first.
    #[serde(skip)]
    pub came: Vec<JobResult>,
}

/// One look at a stack on all its targets.
#[derive(Debug, Clone, Serialize)]
pub struct StackLook {
    /// Stack name.
    pub stack: String,
    /// When: RFC 3339, UTC.
    pub at: String,
    /// Could every target be read, and is everything there and well?
    pub healthy: bool,
    /// Target by target.
    pub targets: Vec<TargetLook>,
}

impl TargetLook {
    /// What is not well, with its state; the target itself where that could not be read.
    pub fn unwell(&self) -> Vec<String> {
        if self.error.is_some() {
            return vec![format!("{} (cannot be read)", self.status.target)];
        }
        self.status.unwell()
    }
}

impl StackLook {
    /// Puts the looks at all targets together.
    pub fn new(stack: &str, at: OffsetDateTime, targets: Vec<TargetLook>) -> Self {
        Self {
            stack: stack.to_owned(),
            at: model::timestamp(at),
            healthy: targets.iter().all(|target| target.unwell().is_empty()),
            targets,
        }
    }
}

/// What is remembered of a queue.
#[derive(Debug, Clone, Copy)]
struct Seen {
    messages: u64,
    /// Since when it has not been empty and has not had fewer messages.
    full_since: Duration,
}

/// What is remembered of the looks at one target.
#[derive(Debug)]
pub struct Watch {
    target: String,
    endpoint: String,
    /// When it was read last; none after it could not be.
    last: Option<Duration>,
    queues: BTreeMap<LogicalId, Seen>,
    /// Results by job id, as far back as they are shown or read again.
    results: Option<BTreeMap<String, JobResult>>,
}

impl Watch {
    /// Nothing seen so far.
    pub fn new(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            endpoint: String::new(),
            last: None,
            queues: BTreeMap::new(),
            results: None,
        }
    }

    /// From when on results are to be read for the next look: a day back for the first one.
    pub fn results_from(&self, now: OffsetDateTime) -> OffsetDateTime {
        let known = self.results.iter().flat_map(BTreeMap::values);
        known
            .filter_map(status::processed)
            .max()
            // A worker's clock may be ahead: what came after such a result is not to be missed.
            .map(|newest| newest.min(now))
            .map_or(now - time::Duration::DAY, |newest| newest - OVERLAP)
    }

    /// Takes what a look found.
    pub fn found(&mut self, found: Found, now: Moment) -> TargetLook {
        self.endpoint.clone_from(&found.endpoint);
        let since_last = self.last.map(|last| now.elapsed.saturating_sub(last));
        let per_second = |count: f64| {
            let seconds = since_last.filter(|time| !time.is_zero())?.as_secs_f64();
            Some((count / seconds * 1_000.0).round() / 1_000.0)
        };
        let mut seen = BTreeMap::new();
        let mut queues = Vec::new();
        for resource in &found.resources {
            let Some(messages) = messages(resource) else {
                continue;
            };
            let before = self.queues.get(&resource.id);
            let full_since = before
                .filter(|before| before.messages > 0 && before.messages <= messages)
                .map_or(now.elapsed, |before| before.full_since);
            let full = now.elapsed.saturating_sub(full_since);
            queues.push(QueueFlow {
                id: resource.id.clone(),
                messages,
                change_per_s: before
                    .and_then(|before| per_second(messages as f64 - before.messages as f64)),
                no_decrease_ms: (messages > 0).then_some(full.as_millis() as u64),
            });
            let of_queue = Seen {
                messages,
                full_since,
            };
            seen.insert(resource.id.clone(), of_queue);
        }
        self.queues = seen;
        self.last = Some(now.elapsed);
        let (came, newest) = self.take_results(found.results);
        let new_results = came.as_ref().map(Vec::len);
        TargetLook {
            status: StackStatus {
                target: self.target.clone(),
                endpoint: found.endpoint,
                at: model::timestamp(now.at),
                resources: found.resources,
                last_results: status::last(&newest, now.at),
            },
            error: None,
            queues,
            new_results,
            results_per_s: new_results.and_then(|count| per_second(count as f64)),
            came: came.unwrap_or_default(),
        }
    }

    /// Takes that the target could not be read. What was known of it is forgotten: it may come back as
    /// another one.
    pub fn missed(&mut self, error: String, now: Moment) -> TargetLook {
        let endpoint = std::mem::take(&mut self.endpoint);
        *self = Self {
            endpoint: endpoint.clone(),
            ..Self::new(&self.target)
        };
        TargetLook {
            status: StackStatus {
                target: self.target.clone(),
                endpoint,
                at: model::timestamp(now.at),
                resources: Vec::new(),
                last_results: Vec::new(),
            },
            error: Some(error),
            queues: Vec::new(),
            new_results: None,
            results_per_s: None,
            came: Vec::new(),
        }
    }

    /// Returns the results that were not known, oldest first, unless there is no look to compare with; and
    /// the newest of all.
    fn take_results(
        &mut self,
        found: Option<Vec<JobResult>>,
    ) -> (Option<Vec<JobResult>>, Vec<JobResult>) {
        let Some(found) = found else {
            self.results = None;
            return (None, Vec::new());
        };
        let known = self.results.take();
        let is_known = |result: &JobResult| {
            let known = known.as_ref().and_then(|known| known.get(&result.job_id));
            known.is_some_and(|known| known.processed_at == result.processed_at)
        };
        let came = known.is_some().then(|| {
            let new = found.iter().rev().filter(|result| !is_known(result));
            new.cloned().collect()
        });
        let mut all = known.unwrap_or_default();
        all.extend(found.into_iter().map(|new| (new.job_id.clone(), new)));
        let mut newest: Vec<JobResult> = all.into_values().collect();
        newest.sort_by(|a, b| (&b.processed_at, &b.job_id).cmp(&(&a.processed_at, &a.job_id)));
        let from = newest.first().and_then(status::processed);
        let from = from.map(|newest| newest - OVERLAP);
        let mut position = 0;
        newest.retain(|result| {
            position += 1;
            position <= LAST_RESULTS || status::processed(result) >= from
        });
        let by_job = newest.iter().map(|one| (one.job_id.clone(), one.clone()));
        self.results = Some(by_job.collect());
        (came, newest)
    }
}

/// Messages in a queue that is there; none for anything else.
fn messages(resource: &ResourceStatus) -> Option<u64> {
    if resource.id.kind != Kind::Queue || resource.facts.is_empty() {
        return None;
    }
    let counts = resource.facts.values();
    Some(counts.filter_map(serde_json::Value::as_u64).sum())
}

#[cfg(test)]
mod tests;
