//! Whose things are that do not say it themselves, and which of them nobody wants any more.

use std::collections::BTreeSet;

use super::Snapshot;
use crate::resource::{Live, Observed, Owner, Survey, Wanted};
use crate::stack::model::{Kind, LogicalId};

/// What carries no tags belongs to whom the things belong that it is of: it is not ours when one of them is
/// somebody else's.
pub(super) fn disown<'a>(observed: &mut Snapshot, all: impl Iterator<Item = &'a Wanted>) {
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
pub(super) fn sorted_out(
    mut observed: Snapshot,
    wanted: &[Wanted],
    mut leftovers: Vec<Wanted>,
) -> Survey {
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
        unreserved_concurrency: None,
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
pub(super) fn uses_of_leftovers(leftovers: &mut [Wanted], wanted: &[Wanted]) {
    let all = || {
        wanted
            .iter()
            .chain(leftovers.iter())
            .map(|one| one.id.clone())
    };
    let of = |kinds: &[Kind]| -> Vec<LogicalId> {
        all().filter(|id| kinds.contains(&id.kind)).collect()
    };
    let stores = of(&[
        Kind::Bucket,
        Kind::Queue,
        Kind::Table,
        Kind::Role,
        Kind::LogGroup,
    ]);
    let started = of(&[Kind::Permission, Kind::Function]);
    for leftover in leftovers {
        match leftover.id.kind {
            Kind::Function => leftover.uses.extend(stores.iter().cloned()),
            Kind::Notification => leftover.uses.extend(started.iter().cloned()),
            _ => {}
        }
    }
}
