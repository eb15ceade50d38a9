//! The state of a running stack: every resource as the target tells it, queue depths, last results.

use model::JobResult;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::pipeline::Pipeline;
use super::results;
use crate::resource::{Attrs, CallError, Context, Observed, Wanted};
use crate::stack::model::LogicalId;

/// States in which a resource does not do its work.
const UNWELL: &[&str] = &[
    "Disabled",
    "Disabling",
    "Failed",
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS",
];

/// State of a resource that is not there.
const ABSENT: &str = "Absent";

/// How many of the last results are shown.
pub const LAST_RESULTS: usize = 5;

/// One resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceStatus {
    /// Logical id.
    pub id: LogicalId,
    /// Physical name.
    pub name: String,
    /// The target's word, `Absent`, or `Foreign` for a resource of that name that is not ours.
    pub state: String,
    /// Message and item counts.
    pub facts: Attrs,
    /// Is it there and ours, and does it work?
    pub healthy: bool,
}

/// One of the last results.
#[derive(Debug, Clone, Serialize)]
pub struct LastResult {
    /// The result.
    #[serde(flatten)]
    pub result: JobResult,
    /// How long before the look it was processed, milliseconds, by the worker's clock and the target's; none where
    /// the result does not tell when.
    pub age_ms: Option<u64>,
}

/// A stack on a target.
#[derive(Debug, Clone, Serialize)]
pub struct StackStatus {
    /// Target name.
    pub target: String,
    /// Endpoint, or where it is in AWS.
    pub endpoint: String,
    /// When it was looked at: RFC 3339, UTC.
    pub at: String,
    /// Resources, kind by kind.
    pub resources: Vec<ResourceStatus>,
    /// Newest results of the last day.
    pub last_results: Vec<LastResult>,
}

impl StackStatus {
    /// Is nothing of the stack there?
    pub fn is_empty(&self) -> bool {
        self.resources
            .iter()
            .all(|resource| resource.state == ABSENT)
    }

    /// What is not there, not ours, or does not work, each with its state.
    pub fn unwell(&self) -> Vec<String> {
        let unwell = self.resources.iter().filter(|resource| !resource.healthy);
        unwell
            .map(|resource| format!("{} ({})", resource.id, resource.state))
            .collect()
    }
}

/// Those of the results, newest first, that are shown, with their ages at a moment.
pub fn last(results: &[JobResult], at: OffsetDateTime) -> Vec<LastResult> {
    let aged = |result: &JobResult| LastResult {
        result: result.clone(),
        age_ms: processed(result)
            .map(|processed| u64::try_from((at - processed).whole_milliseconds()).unwrap_or(0)),
    };
    results.iter().take(LAST_RESULTS).map(aged).collect()
}

/// When a result was made, by the worker's clock.
pub fn processed(result: &JobResult) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(&result.processed_at, &Rfc3339).ok()
}

/// Puts what was observed into words.
pub fn resources(wanted: &[Wanted], observed: &crate::observe::Snapshot) -> Vec<ResourceStatus> {
    wanted
        .iter()
        .map(|wanted| {
            let observed = observed.get(&wanted.id).unwrap_or(&Observed::Absent);
            let (state, facts, healthy) = match observed {
                Observed::Absent => (ABSENT.to_owned(), Attrs::new(), false),
                Observed::Unowned(_) => ("Foreign".to_owned(), Attrs::new(), false),
                Observed::Owned(live) => {
                    let works = !UNWELL.contains(&live.state.as_str());
                    (live.state.clone(), live.facts.clone(), works)
                }
            };
            ResourceStatus {
                id: wanted.id.clone(),
                name: wanted.identity.name.clone(),
                state,
                facts,
                healthy,
            }
        })
        .collect()
}

/// The results since a moment, newest first; none if the stack has no index on the day to read them by.
pub async fn results_since(
    cx: &Context,
    pipeline: &Pipeline,
    since: OffsetDateTime,
) -> Result<Option<Vec<JobResult>>, CallError> {
    let Some(index) = &pipeline.day_index else {
        return Ok(None);
    };
    let now = cx.place.target.now();
    let found = results::since(&cx.clients, pipeline, index, since, now).await?;
    Ok(Some(found))
}
