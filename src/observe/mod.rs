//! Stage 4: the live state of everything that a stack wants, and of what it once wanted, read in
//! parallel. Reads are bounded per service, as writes are.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;

use crate::resource::{
    self, CallError, Context, KINDS, Listed, Live, Observed, Service, Survey, Wanted,
};
use crate::stack::model::{Kind, LogicalId};
use crate::target::Parallel;

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
        };
        // Nobody closes them: there always is one.
        semaphore.acquire().await.ok()
    }
}

/// Reads all wanted resources at once. All failures are collected, not the first alone.
pub async fn observe(cx: &Context, wanted: &[Wanted]) -> Result<Snapshot, Vec<ObserveError>> {
    let limits = Limits::new(cx.place.target.row.parallel);
    let looks = wanted.iter().map(|wanted| Look {
        wanted,
        listed: None,
    });
    look_at_all(cx, &limits, looks.collect()).await
}

/// Reads all wanted resources, and finds what is ours and not wanted any more.
pub async fn survey(cx: &Context, wanted: &[Wanted]) -> Result<Survey, Vec<ObserveError>> {
    let limits = Limits::new(cx.place.target.row.parallel);
    if cx.place.target.capabilities().current_lists {
        // What the lists do not name is not there, and needs no look.
        let mut lists = lists(cx, &limits, None, wanted).await?;
        let parents = lists.parents();
        lists.extend(self::lists(cx, &limits, Some(&parents), wanted).await?);
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
    let looks = wanted.iter().map(|wanted| Look {
        wanted,
        listed: None,
    });
    let parents: Vec<Wanted> = wanted.to_vec();
    let (observed, found, within) = futures::join!(
        look_at_all(cx, &limits, looks.collect()),
        lists(cx, &limits, None, wanted),
        lists(cx, &limits, Some(&parents), wanted),
    );
    let (mut observed, mut found) = (observed?, found?);
    found.extend(within?);
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
}

async fn look_at_all(
    cx: &Context,
    limits: &Limits,
    looks: Vec<Look<'_>>,
) -> Result<Snapshot, Vec<ObserveError>> {
    let mut reads: FuturesUnordered<_> = looks
        .into_iter()
        .map(|Look { wanted, listed }| async move {
            let observed = match resource::of(wanted.id.kind) {
                Some(kind) => {
                    let _place = limits.place(kind.service()).await;
                    kind.observe(cx, wanted, listed).await
                }
                None => Ok(Observed::Absent),
            };
            (wanted.id.clone(), observed)
        })
        .collect();
    let mut snapshot = Snapshot::new();
    let mut errors = Vec::new();
    while let Some((id, observed)) = reads.next().await {
        match observed {
            Ok(observed) => {
                snapshot.insert(id, observed);
            }
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

/// What lists told, by logical id.
#[derive(Default)]
struct Lists(BTreeMap<LogicalId, Listed>);

impl Lists {
    fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// What may have others within it.
    fn parents(&self) -> Vec<Wanted> {
        self.0
            .values()
            .map(|listed| listed.wanted.clone())
            .collect()
    }

    /// What was listed and is not wanted.
    fn unwanted<'a>(&'a self, wanted: &[Wanted]) -> impl Iterator<Item = &'a Wanted> + use<'a> {
        let ids: BTreeSet<LogicalId> = wanted.iter().map(|wanted| wanted.id.clone()).collect();
        self.0
            .values()
            .map(|listed| &listed.wanted)
            .filter(move |listed| !ids.contains(&listed.id))
    }

    /// How to look at something; none for what is not listed.
    fn look<'a>(&'a self, wanted: &'a Wanted) -> Option<Look<'a>> {
        let listed = self.0.get(&wanted.id)?.live.as_ref();
        Some(Look { wanted, listed })
    }
}

/// Lists every kind that stands by itself, or with `parents` every kind that is within others.
async fn lists(
    cx: &Context,
    limits: &Limits,
    parents: Option<&[Wanted]>,
    wanted: &[Wanted],
) -> Result<Lists, Vec<ObserveError>> {
    let mut asked: Vec<(&'static dyn resource::ResourceKind, Option<&Wanted>)> = Vec::new();
    for kind in KINDS.iter().copied() {
        match (parents, kind.within()) {
            (None, None) => asked.push((kind, None)),
            (Some(parents), Some(of)) => {
                let parents = parents.iter().filter(|parent| parent.id.kind == of);
                asked.extend(parents.map(|parent| (kind, Some(parent))));
            }
            _ => {}
        }
    }
    let mut reads: FuturesUnordered<_> = asked
        .into_iter()
        .map(|(kind, parent)| async move {
            let _place = limits.place(kind.service()).await;
            (kind.kind(), kind.list(cx, parent).await)
        })
        .collect();
    let mut lists = Lists::default();
    let mut errors = Vec::new();
    while let Some((kind, found)) = reads.next().await {
        match found {
            Ok(found) => {
                for listed in found {
                    lists.0.insert(listed.wanted.id.clone(), listed);
                }
            }
            Err(error) => errors.push(ObserveError {
                what: format!("the list of {}", kind.section()),
                error,
            }),
        }
    }
    lists.rename(wanted);
    all_or(errors, lists)
}

impl Lists {
    /// Two names that are joined by `-` can be read in more than one way: a listed mapping goes by the id
    /// of the wanted one of the same queue and function.
    fn rename(&mut self, wanted: &[Wanted]) {
        for wanted in wanted.iter().filter(|w| w.id.kind == Kind::Mapping) {
            let same = self.0.iter().find(|(id, listed)| {
                id.kind == Kind::Mapping && listed.wanted.identity == wanted.identity
            });
            if let Some(found) = same.map(|(id, _)| id.clone())
                && found != wanted.id
                && let Some(listed) = self.0.remove(&found)
            {
                self.0.insert(wanted.id.clone(), listed);
            }
        }
    }
}

/// Of the leftovers those that are ours remain, and with them what was observed of them.
fn sorted_out(observed: Snapshot, wanted: &[Wanted], mut leftovers: Vec<Wanted>) -> Survey {
    leftovers.retain(|leftover| match observed.get(&leftover.id) {
        Some(Observed::Owned(live)) => is_ours(leftover, live, &observed),
        _ => false,
    });
    let known: BTreeSet<&LogicalId> = wanted
        .iter()
        .chain(&leftovers)
        .map(|wanted| &wanted.id)
        .collect();
    let mut observed = observed;
    observed.retain(|id, _| known.contains(id));
    uses_of_leftovers(&mut leftovers);
    Survey {
        observed,
        leftovers,
    }
}

/// A leftover without tags is ours only if what it belongs to is: another stack's name may begin with
/// the name of this one.
fn is_ours(leftover: &Wanted, live: &Live, observed: &Snapshot) -> bool {
    if live.owner() != resource::Owner::Nobody {
        return true;
    }
    let mut of = leftover.depends_on.iter().filter_map(|id| observed.get(id));
    let (mut owned, mut foreign) = (false, false);
    for observed in &mut of {
        owned |= matches!(observed, Observed::Owned(_));
        foreign |= matches!(observed, Observed::Unowned(_));
    }
    owned && !foreign
}

/// What a leftover works with is not known any more: a function may have used every store, and a
/// notification every permission.
fn uses_of_leftovers(leftovers: &mut [Wanted]) {
    let permissions: Vec<LogicalId> = leftovers
        .iter()
        .map(|leftover| leftover.id.clone())
        .filter(|id| matches!(id.kind, Kind::Permission | Kind::Function))
        .collect();
    let stores: Vec<LogicalId> = leftovers
        .iter()
        .map(|leftover| leftover.id.clone())
        .filter(|id| {
            matches!(
                id.kind,
                Kind::Bucket | Kind::Queue | Kind::Table | Kind::LogGroup
            )
        })
        .collect();
    for leftover in leftovers {
        if leftover.id.kind == Kind::Function {
            leftover.uses.extend(stores.iter().cloned());
        }
        if leftover.id.kind == Kind::Notification {
            leftover.uses.extend(permissions.iter().cloned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Identity;
    use crate::resource::attrs::TAG_STACK;

    fn leftover(kind: Kind, name: &str) -> Wanted {
        Wanted::new(LogicalId::new(kind, name), Identity::default())
    }

    fn live(stack: Option<&str>) -> Live {
        let tags = stack.map(|stack| [(TAG_STACK.to_owned(), stack.to_owned())].into());
        Live {
            tags,
            ..Live::default()
        }
    }

    #[test]
    fn what_another_stack_has_under_a_longer_name_is_no_leftover() {
        let queue = leftover(Kind::Queue, "pipeline-jobs");
        let function = leftover(Kind::Function, "pipeline-worker");
        let mapping = leftover(Kind::Mapping, "pipeline-jobs-pipeline-worker")
            .after(queue.id.clone())
            .after(function.id.clone());
        let old = leftover(Kind::Queue, "old");
        let observed = Snapshot::from([
            (
                queue.id.clone(),
                Observed::Unowned(live(Some("log-pipeline"))),
            ),
            (
                function.id.clone(),
                Observed::Unowned(live(Some("log-pipeline"))),
            ),
            (mapping.id.clone(), Observed::Owned(live(None))),
            (old.id.clone(), Observed::Owned(live(Some("log")))),
        ]);
        let survey = sorted_out(observed, &[], vec![queue, function, mapping, old.clone()]);
        assert_eq!(survey.leftovers, [old.clone()]);
        assert_eq!(survey.observed.keys().collect::<Vec<_>>(), [&old.id]);
    }

    #[test]
    fn a_leftover_function_goes_before_every_leftover_store() {
        let mut leftovers = [
            leftover(Kind::Function, "f"),
            leftover(Kind::Table, "t"),
            leftover(Kind::LogGroup, "f"),
            leftover(Kind::Notification, "b"),
        ];
        uses_of_leftovers(&mut leftovers);
        assert!(leftovers[3].needs(&leftovers[0].id), "and is started no more");
        assert!(leftovers[0].needs(&leftovers[1].id) && leftovers[0].needs(&leftovers[2].id));
        assert!(leftovers[1].uses.is_empty());
    }
}
