//! The state of a running stack: every resource as the target tells it, queue depths, last results.

use model::JobResult;
use serde::Serialize;

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

/// How many of the last results are shown.
const LAST_RESULTS: usize = 5;

/// One resource.
#[derive(Debug, Clone, Serialize)]
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

/// A stack on a target.
#[derive(Debug, Clone, Serialize)]
pub struct StackStatus {
    /// Target name.
    pub target: String,
    /// Endpoint, or where it is in AWS.
    pub endpoint: String,
    /// Resources, kind by kind.
    pub resources: Vec<ResourceStatus>,
    /// Newest results of the last day.
    pub last_results: Vec<JobResult>,
}

/// Puts what was observed into words.
pub fn resources(wanted: &[Wanted], observed: &crate::observe::Snapshot) -> Vec<ResourceStatus> {
    wanted
        .iter()
        .map(|wanted| {
            let observed = observed.get(&wanted.id).unwrap_or(&Observed::Absent);
            let (state, facts, healthy) = match observed {
                Observed::Absent => ("Absent".to_owned(), Attrs::new(), false),
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

/// The newest results, if the stack has a table for them and an index on the day.
pub async fn last_results(cx: &Context, pipeline: &Pipeline) -> Result<Vec<JobResult>, CallError> {
    let Some(index) = &pipeline.day_index else {
        return Ok(Vec::new());
    };
    let now = cx.place.target.now();
    let mut found =
        results::since(&cx.clients, pipeline, index, now - time::Duration::DAY, now).await?;
    found.truncate(LAST_RESULTS);
    Ok(found)
}
