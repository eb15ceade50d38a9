//! In which order steps go.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Action, Step};
use crate::graph::Graph;
use crate::resource::attrs::{AtLeast, Wanted};
use crate::stack::model::LogicalId;

/// Dependencies first; among equals in the order of their ids. A ring leaves the order of the ids:
/// the resolver refuses rings, and [`super::check`] names what comes too early.
pub(super) fn in_order(mut steps: Vec<Step>) -> Vec<Step> {
    steps.sort_by(|a, b| a.id.cmp(&b.id));
    let ids: BTreeSet<LogicalId> = steps.iter().map(|step| step.id.clone()).collect();
    let edges: Vec<_> = steps
        .iter()
        .flat_map(|step| {
            let present = step.after.iter().filter(|id| ids.contains(id));
            present.map(|id| (step.id.clone(), id.clone()))
        })
        .collect();
    if let Ok(order) = Graph::new(ids, edges).order() {
        let position: BTreeMap<LogicalId, usize> = order.into_iter().zip(0..).collect();
        steps.sort_by_key(|step| position.get(&step.id).copied());
    }
    steps
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
        for step in steps.iter_mut() {
            if &step.id == second {
                step.after.insert(first.clone());
            } else if &step.id == first {
                // Both are there already: this order is the only one that matters between them.
                step.after.remove(second);
            }
        }
    }
}

/// Live and wanted number of a field that an update changes.
fn change_of(steps: &[Step], id: &LogicalId, field: &str) -> Option<(i64, i64)> {
    let step = steps
        .iter()
        .find(|step| &step.id == id && step.action == Action::Update)?;
    let change = step.changes.iter().find(|change| change.field == field)?;
    let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_i64);
    Some((number(&change.from)?, number(&change.to)?))
}
