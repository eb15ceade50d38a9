//! Stage 4: the live state of everything that a stack wants, and of what it once wanted, read in
//! parallel. Reads are bounded per service, as writes are.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;

use crate::resource::{
    self, CallError, Context, KINDS, Listed, Live, Observed, Owner, Service, Survey, Wanted,
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
        let mut lists = lists(cx, &limits, None).await?;
        let parents = lists.parents();
        lists.extend(self::lists(cx, &limits, Some(&parents)).await?);
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
        lists(cx, &limits, None),
        lists(cx, &limits, Some(&parents)),
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

/// What lists told.
#[derive(Default)]
struct Lists(Vec<Listed>);

impl Lists {
    fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// What may have others within it.
    fn parents(&self) -> Vec<Wanted> {
        self.0.iter().map(|listed| listed.wanted.clone()).collect()
    }

    /// What was listed and is not wanted.
    fn unwanted<'a>(&'a self, wanted: &[Wanted]) -> impl Iterator<Item = &'a Wanted> + use<'a> {
        let ids: BTreeSet<LogicalId> = wanted.iter().map(|wanted| wanted.id.clone()).collect();
        self.0
            .iter()
            .map(|listed| &listed.wanted)
            .filter(move |listed| !ids.contains(&listed.id))
    }

    /// How to look at something; none for what is not listed.
    fn look<'a>(&'a self, wanted: &'a Wanted) -> Option<Look<'a>> {
        let listed = self.0.iter().find(|listed| listed.wanted.id == wanted.id)?;
        Some(Look {
            wanted,
            listed: listed.live.as_ref(),
            is_leftover: std::ptr::eq(&raw const listed.wanted, wanted),
        })
    }

    /// Names that are joined by `-` come to the same for different pairs: what was listed under a wanted id
    /// and is something else gets an id that nothing wanted has, and so does the second of two.
    fn tell_apart(&mut self, wanted: &[Wanted]) {
        let wanted: BTreeMap<&LogicalId, &Wanted> = wanted.iter().map(|w| (&w.id, w)).collect();
        let mut taken: BTreeSet<LogicalId> = BTreeSet::new();
        for listed in &mut self.0 {
            let id = &listed.wanted.id;
            let is_other = wanted.get(id).is_some_and(|wanted| {
                wanted.identity.name != listed.wanted.identity.name
                    || wanted.within != listed.wanted.within
            });
            if is_other || taken.contains(id) {
                let of = listed.wanted.within.as_ref();
                let of = of.map_or_else(
                    || listed.wanted.identity.name.clone(),
                    |parent| format!("{} of {parent}", id.name),
                );
                listed.wanted.id = LogicalId::new(id.kind, of);
            }
            taken.insert(listed.wanted.id.clone());
        }
    }
}

/// Lists every kind that stands by itself, or with `parents` every kind that is within others.
async fn lists(
    cx: &Context,
    limits: &Limits,
    parents: Option<&[Wanted]>,
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
            Ok(found) => lists.0.extend(found),
            Err(error) => errors.push(ObserveError {
                what: format!("the list of {}", kind.section()),
                error,
            }),
        }
    }
    all_or(errors, lists)
}

/// What carries no tags belongs to whom the things belong that it is of: it is not ours when one of them is
/// somebody else's.
fn disown<'a>(observed: &mut Snapshot, all: impl Iterator<Item = &'a Wanted>) {
    for wanted in all {
        let foreign = |id: &LogicalId| matches!(observed.get(id), Some(Observed::Unowned(_)));
        let of_others = wanted.belongs_to.iter().any(foreign);
        if of_others
            && let Some(Observed::Owned(live)) = observed.get(&wanted.id)
            && live.owner() == Owner::Nobody
        {
            let live = live.clone();
            observed.insert(wanted.id.clone(), Observed::Unowned(live));
        }
    }
}

/// Of the leftovers those that are ours remain, and with them what was observed of them.
fn sorted_out(mut observed: Snapshot, wanted: &[Wanted], mut leftovers: Vec<Wanted>) -> Survey {
    disown(&mut observed, wanted.iter().chain(&leftovers));
    leftovers.retain(|leftover| match observed.get(&leftover.id) {
        Some(Observed::Owned(live)) => is_ours(leftover, live, &observed),
        _ => false,
    });
    let known: BTreeSet<&LogicalId> = wanted
        .iter()
        .chain(&leftovers)
        .map(|wanted| &wanted.id)
        .collect();
    observed.retain(|id, _| known.contains(id));
    uses_of_leftovers(&mut leftovers, wanted);
    Survey {
        observed,
        leftovers,
    }
}

/// A leftover without tags is ours only if something that it is of is: another stack's name may begin with
/// the name of this one, and other people's names, too.
fn is_ours(leftover: &Wanted, live: &Live, observed: &Snapshot) -> bool {
    let owned = |id: &LogicalId| matches!(observed.get(id), Some(Observed::Owned(_)));
    live.owner() != Owner::Nobody || leftover.belongs_to.iter().any(owned)
}

/// What a leftover works with is not known any more: a function may have used every store, and a
/// notification every function.
fn uses_of_leftovers(leftovers: &mut [Wanted], wanted: &[Wanted]) {
    let all = || {
        wanted
            .iter()
            .chain(leftovers.iter())
            .map(|one| one.id.clone())
    };
    let of = |kinds: &[Kind]| -> Vec<LogicalId> {
        all().filter(|id| kinds.contains(&id.kind)).collect()
    };
    let stores = of(&[Kind::Bucket, Kind::Queue, Kind::Table, Kind::LogGroup]);
    let started = of(&[Kind::Permission, Kind::Function]);
    for leftover in leftovers {
        match leftover.id.kind {
            Kind::Function => leftover.uses.extend(stores.iter().cloned()),
            Kind::Notification => leftover.uses.extend(started.iter().cloned()),
            _ => {}
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
            .belonging_to(queue.id.clone())
            .belonging_to(function.id.clone());
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
    fn what_has_no_tags_is_not_ours_when_what_it_is_of_is_not() {
        let function = leftover(Kind::Function, "f");
        let group = leftover(Kind::LogGroup, "f").belonging_to(function.id.clone());
        let of = |function_is: Observed, tags: Option<&str>| {
            let mut observed = Snapshot::from([
                (function.id.clone(), function_is),
                (group.id.clone(), Observed::Owned(live(tags))),
            ]);
            disown(&mut observed, [&function, &group].into_iter());
            matches!(observed[&group.id], Observed::Owned(_))
        };
        assert!(!of(Observed::Unowned(live(None)), None));
        assert!(of(Observed::Owned(live(Some("s"))), None));
        assert!(of(Observed::Absent, None), "late deliveries of our own");
        assert!(
            of(Observed::Unowned(live(None)), Some("s")),
            "it says so itself"
        );
    }

    #[test]
    fn what_is_listed_under_a_wanted_id_and_is_something_else_is_told_apart() {
        let named = |id: &str, name: &str, within: Option<&str>| {
            let mut wanted = leftover(Kind::Permission, id);
            wanted.identity.name = name.to_owned();
            wanted.within = within.map(|name| LogicalId::new(Kind::Function, name));
            wanted
        };
        let listed = |wanted: Wanted| Listed { wanted, live: None };
        let wanted = [named("a-b-c", "sid", Some("c"))];
        let mut lists = Lists(vec![
            listed(named("a-b-c", "sid", Some("b-c"))),
            listed(named("a-b-c", "sid", Some("c"))),
        ]);
        lists.tell_apart(&wanted);
        let unwanted: Vec<_> = lists
            .unwanted(&wanted)
            .map(|w| w.id.name.as_str())
            .collect();
        assert_eq!(unwanted, ["a-b-c of functions.b-c"]);
        assert!(lists.look(&wanted[0]).is_some());
    }

    #[test]
    fn a_leftover_function_goes_before_every_store() {
        let mut leftovers = [
            leftover(Kind::Function, "f"),
            leftover(Kind::Table, "t"),
            leftover(Kind::LogGroup, "f"),
            leftover(Kind::Notification, "b"),
        ];
        let wanted = [leftover(Kind::Queue, "q"), leftover(Kind::Function, "g")];
        uses_of_leftovers(&mut leftovers, &wanted);
        for store in [&leftovers[1], &leftovers[2], &wanted[0]] {
            assert!(leftovers[0].needs(&store.id));
        }
        assert!(leftovers[3].needs(&leftovers[0].id) && leftovers[3].needs(&wanted[1].id));
        assert!(leftovers[1].uses.is_empty());
    }
}
