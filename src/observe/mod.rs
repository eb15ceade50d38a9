//! Stage 4: the live state of everything that a stack wants, and of what it once wanted, read in
//! parallel. Reads are bounded per service, as writes are.

mod leftovers;
mod lists;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;

use crate::resource::{self, CallError, Context, Live, Observed, Service, Survey, Wanted};
use crate::stack::model::LogicalId;
use crate::target::Parallel;

use leftovers::{disown, sorted_out};
use lists::Lists;

/// What was observed, by logical id.
pub type Snapshot = BTreeMap<LogicalId, Observed>;

/// Something that could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}: {error}")]
pub struct ObserveError {
    /// Which resource, or which kind's list.
    pub what: String,
    /// The call that failed.
    #[source]
    pub error: CallError,
}

/// How many calls may be on their way to each service at once.
#[derive(Debug)]
pub struct Limits {
    s3: Semaphore,
    sqs: Semaphore,
    dynamodb: Semaphore,
    lambda: Semaphore,
    logs: Semaphore,
    iam: Semaphore,
    cloudformation: Semaphore,
}

impl Limits {
    /// As a target bears.
    pub fn new(parallel: Parallel) -> Self {
        Self {
            s3: Semaphore::new(parallel.s3),
            sqs: Semaphore::new(parallel.sqs),
            dynamodb: Semaphore::new(parallel.dynamodb),
            lambda: Semaphore::new(parallel.lambda),
            logs: Semaphore::new(parallel.logs),
            iam: Semaphore::new(parallel.iam),
            cloudformation: Semaphore::new(parallel.cloudformation),
        }
    }

    /// A place at one service, given back when dropped.
    pub async fn place(&self, service: Service) -> Option<tokio::sync::SemaphorePermit<'_>> {
        let semaphore = match service {
            Service::S3 => &self.s3,
            Service::Sqs => &self.sqs,
            Service::DynamoDb => &self.dynamodb,
            Service::Lambda => &self.lambda,
            Service::Logs => &self.logs,
            Service::Iam => &self.iam,
            Service::CloudFormation => &self.cloudformation,
        };
        // Nobody closes them: there always is one.
        semaphore.acquire().await.ok()
    }
}

/// Reads all wanted resources at once. All failures are collected, not the first alone.
pub async fn observe(cx: &Context, wanted: &[Wanted]) -> Result<Snapshot, Vec<ObserveError>> {
    let limits = Limits::new(cx.place.target.row.parallel);
    let looks = wanted.iter().map(Look::at);
    let mut observed = look_at_all(cx, &limits, looks.collect()).await?;
    disown(&mut observed, wanted.iter());
    Ok(observed)
}

/// Reads all wanted resources, and finds what is ours and not wanted any more.
pub async fn survey(cx: &Context, wanted: &[Wanted]) -> Result<Survey, Vec<ObserveError>> {
    let limits = Limits::new(cx.place.target.row.parallel);
    if cx.place.target.capabilities().current_lists {
        // What the lists do not name is not there, and needs no look.
        let mut lists = Lists::read(cx, &limits, None).await?;
        let parents = lists.parents();
        lists.extend(Lists::read(cx, &limits, Some(&parents)).await?);
        lists.tell_apart(wanted);
        let looks: Vec<Look<'_>> = wanted
            .iter()
            .chain(lists.unwanted(wanted))
            .filter_map(|wanted| lists.look(wanted))
            .collect();
        let observed = look_at_all(cx, &limits, looks).await?;
        let leftovers = lists.unwanted(wanted).cloned().collect();
        return Ok(sorted_out(observed, wanted, leftovers));
    }
    // Lists lag behind: they only tell where else to look.
    let looks = wanted.iter().map(Look::at);
    let parents: Vec<Wanted> = wanted.to_vec();
    let (observed, found, within) = futures::join!(
        look_at_all(cx, &limits, looks.collect()),
        Lists::read(cx, &limits, None),
        Lists::read(cx, &limits, Some(&parents)),
    );
    let (mut observed, mut found) = (observed?, found?);
    found.extend(within?);
    found.tell_apart(wanted);
    let leftovers: Vec<Wanted> = found.unwanted(wanted).cloned().collect();
    let looks = leftovers.iter().filter_map(|wanted| found.look(wanted));
    observed.extend(look_at_all(cx, &limits, looks.collect()).await?);
    Ok(sorted_out(observed, wanted, leftovers))
}

/// Looks whether stores hold data, and notes it in the snapshot.
pub async fn look_for_data(
    cx: &Context,
    observed: &mut Snapshot,
    ids: &BTreeSet<LogicalId>,
) -> Result<(), Vec<ObserveError>> {
    let looks: FuturesUnordered<_> = ids
        .iter()
        .filter_map(|id| {
            let live = observed.get(id)?.live()?.clone();
            let kind = resource::of(id.kind)?;
            Some(async move { (id, kind.holds_data(cx, &live).await) })
        })
        .collect();
    let found: Vec<_> = looks.collect().await;
    let mut errors = Vec::new();
    for (id, holds) in found {
        match (holds, observed.get_mut(id)) {
            (Ok(holds), Some(Observed::Owned(live) | Observed::Unowned(live))) => {
                live.holds_data = Some(holds);
            }
            (Ok(_), _) => {}
            (Err(error), _) => errors.push(ObserveError {
                what: id.to_string(),
                error,
            }),
        }
    }
    all_or(errors, ())
}

/// One resource to look at.
struct Look<'a> {
    wanted: &'a Wanted,
    listed: Option<&'a Live>,
    /// Nobody wants it: it was only listed.
    is_leftover: bool,
}

impl<'a> Look<'a> {
    fn at(wanted: &'a Wanted) -> Self {
        Self {
            wanted,
            listed: None,
            is_leftover: false,
        }
    }
}

async fn look_at_all(
    cx: &Context,
    limits: &Limits,
    looks: Vec<Look<'_>>,
) -> Result<Snapshot, Vec<ObserveError>> {
    let mut reads: FuturesUnordered<_> = looks
        .into_iter()
        .map(|look| async move {
            let Look {
                wanted,
                listed,
                is_leftover,
            } = look;
            let observed = match resource::of(wanted.id.kind) {
                Some(kind) => {
                    let _place = limits.place(kind.service()).await;
                    kind.observe(cx, wanted, listed).await
                }
                None => Ok(Observed::Absent),
            };
            (wanted.id.clone(), is_leftover, observed)
        })
        .collect();
    let mut snapshot = Snapshot::new();
    let mut errors = Vec::new();
    while let Some((id, is_leftover, observed)) = reads.next().await {
        match observed {
            Ok(observed) => {
                snapshot.insert(id, observed);
            }
            // Under our names, and not for us to read: it is not ours.
            Err(error) if is_leftover && error.status == Some(403) => {}
            Err(error) => errors.push(ObserveError {
                what: id.to_string(),
                error,
            }),
        }
    }
    all_or(errors, snapshot)
}

fn all_or<T>(mut errors: Vec<ObserveError>, value: T) -> Result<T, Vec<ObserveError>> {
    if errors.is_empty() {
        return Ok(value);
    }
    errors.sort_by(|a, b| a.what.cmp(&b.what));
    Err(errors)
}
