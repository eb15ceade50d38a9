//! In which order steps go.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Action, Step};
use crate::graph::Graph;
use crate::resource::attrs::{AtLeast, Wanted};
use crate::stack::model::{Kind, LogicalId};

/// Dependencies first; among equals in the order of their ids. A ring leaves the order of the ids:
/// the resolver refuses rings, and [`super::check`] names what comes too early.
pub(super) fn in_order(mut steps: Vec<Step>) -> Vec<Step> {
    steps.sort_by(|a, b| a.id.cmp(&b.id));
    if let Ok(order) = graph(&steps).order() {
        let position: BTreeMap<LogicalId, usize> = order.into_iter().zip(0..).collect();
        steps.sort_by_key(|step| position.get(&step.id).copied());
    }
    steps
}

/// The steps as a graph, each with those it waits for.
pub(super) fn graph(steps: &[Step]) -> Graph<LogicalId> {
    let ids: BTreeSet<LogicalId> = steps.iter().map(|step| step.id.clone()).collect();
    let edges: Vec<_> = steps
        .iter()
        .flat_map(|step| {
            let present = step.after.iter().filter(|id| ids.contains(id));
            present.map(|id| (step.id.clone(), id.clone()))
        })
        .collect();
    Graph::new(ids, edges)
}

/// Orders changes of two resources so that what must be higher is never below: going up, the higher one
/// goes first; going down, the lower one. // aws-behaviours Q10
pub(super) fn keep_at_least(steps: &mut [Step], wanted: &[Wanted]) {
    for AtLeast { high, low } in wanted.iter().filter_map(|wanted| wanted.at_least.as_ref()) {
        let rises = |(from, to): (i64, i64)| to > from;
        let first_second = if change_of(steps, &low.0, low.1).is_some_and(rises) {
            Some((&high.0, &low.0))
        } else if change_of(steps, &high.0, high.1).is_some_and(|change| !rises(change)) {
            Some((&low.0, &high.0))
        } else {
            None
        };
        let Some((first, second)) = first_second else {
            continue;
        };
        if !steps.iter().any(|step| &step.id == first) {
            continue;
        }
        let before: Vec<BTreeSet<LogicalId>> =
            steps.iter().map(|step| step.after.clone()).collect();
        for step in steps.iter_mut() {
            if &step.id == second {
                step.after.insert(first.clone());
            } else if &step.id == first {
                // Both are there already: this order is the only one that matters between them.
                step.after.remove(second);
            }
        }
        // By way of a third one it may close a ring. Then the target may refuse one of the two for once,
        // and the next run finds the other one done.
        if graph(steps).order().is_err() {
            for (step, after) in steps.iter_mut().zip(before) {
                step.after = after;
            }
        }
    }
}

/// A leftover mapping binds the settings of its function to those of its queue: a function is changed after
/// it has gone. // aws-behaviours Q10
pub(super) fn mappings_before_functions(steps: &mut [Step], leftovers: &[Wanted]) {
    for leftover in leftovers.iter().filter(|one| one.id.kind == Kind::Mapping) {
        if !steps.iter().any(|step| step.id == leftover.id) {
            continue;
        }
        for step in steps.iter_mut() {
            let changes = !matches!(step.action, Action::Keep | Action::Delete);
            if changes && leftover.needs(&step.id) {
                step.after.insert(leftover.id.clone());
            }
        }
    }
}

/// Live and wanted number of a field that an update changes.
fn change_of(steps: &[Step], id: &LogicalId, field: &str) -> Option<(i64, i64)> {
    let step = steps.iter().find(|step| &step.id == id)?;
    if !matches!(step.action, Action::Update | Action::Adopt) {
        return None;
    }
    let change = step.changes.iter().find(|change| change.field == field)?;
    let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_i64);
    Some((number(&change.from)?, number(&change.to)?))
}
