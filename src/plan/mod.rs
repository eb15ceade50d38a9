//! Stage 5: the exact list of steps that make what was observed what is wanted. Pure: no async, no
//! SDK, and nothing left to decide for the stage that carries it out.

mod check;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::graph::Graph;
use crate::resource::attrs::{Change, Identities, Live, Observed, Wanted, compare};
use crate::stack::model::{Kind, LogicalId};

pub use check::{Violation, check};

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make a resource that is not there.
    Create,
    /// Change fields in place.
    Update,
    /// Delete and make again: a field cannot be changed in place.
    Replace,
    /// Delete a resource of ours.
    Delete,
    /// Nothing to do.
    Keep,
}

impl Action {
    /// Sign for people, with the meaning it has in other tools: `+ ~ ± -`.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "±",
            Self::Delete => "-",
            Self::Keep => " ",
        }
    }

    /// Past tense: `created`.
    pub fn done(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Update => "updated",
            Self::Replace => "replaced",
            Self::Delete => "deleted",
            Self::Keep => "unchanged",
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Logical id.
    pub id: LogicalId,
    /// Physical name.
    pub name: String,
    /// What is done.
    pub action: Action,
    /// Why.
    pub why: String,
    /// Field changes of an update or a replacement.
    pub changes: Vec<Change>,
    /// Steps that must be done before this one.
    pub after: BTreeSet<LogicalId>,
    /// What was live when the plan was made.
    #[serde(skip)]
    pub live: Option<Live>,
}

/// A resource that stands in the way and is not ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Logical id.
    pub id: LogicalId,
    /// Physical name.
    pub name: String,
    /// Why it is refused.
    pub why: String,
}

/// All steps, dependencies before what depends on them.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// What makes the plan impossible.
    pub refusals: Vec<Refusal>,
}

impl Plan {
    /// Steps that do something.
    pub fn changes(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.action != Action::Keep)
    }

    /// Is there nothing to do?
    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none()
    }

    /// How many steps of each action.
    pub fn counts(&self) -> BTreeMap<Action, usize> {
        let mut counts = BTreeMap::new();
        for step in &self.steps {
            *counts.entry(step.action).or_insert(0) += 1;
        }
        counts
    }
}

/// What a kind says about its fields, as data: `plan` does not know the kinds' files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traits {
    /// Fields that cannot be changed in place.
    pub fixed_fields: &'static [&'static str],
    /// Replacing or deleting it loses data of the user.
    pub stores_data: bool,
}

/// Plans the way from `observed` to `wanted`.
pub fn up(
    wanted: &[Wanted],
    observed: &BTreeMap<LogicalId, Observed>,
    identities: &Identities,
    traits: impl Fn(Kind) -> Traits,
) -> Plan {
    let mut plan = Plan::default();
    for wanted in wanted {
        let resolved = wanted.resolve(identities);
        let step = |action, why: String, changes, live: Option<&Live>| Step {
            id: wanted.id.clone(),
            name: wanted.identity.name.clone(),
            action,
            why,
            changes,
            after: wanted.depends_on.clone(),
            live: live.cloned(),
        };
        match observed.get(&wanted.id).unwrap_or(&Observed::Absent) {
            Observed::Absent => {
                plan.steps.push(step(
                    Action::Create,
                    "it is not there".to_owned(),
                    Vec::new(),
                    None,
                ));
            }
            Observed::Unowned(live) => plan.refusals.push(Refusal {
                id: wanted.id.clone(),
                name: live.identity.name.clone(),
                why: "a resource of that name is there and does not belong to this stack"
                    .to_owned(),
            }),
            Observed::Owned(live) => {
                let changes = compare(&resolved, &live.attrs);
                let traits = traits(wanted.id.kind);
                let fixed = changes
                    .iter()
                    .find(|change| traits.fixed_fields.contains(&change.field.as_str()));
                let step = if let Some(fixed) = fixed {
                    if traits.stores_data {
                        plan.refusals.push(Refusal {
                            id: wanted.id.clone(),
                            name: live.identity.name.clone(),
                            why: format!(
                                "`{}` cannot be changed in place, and replacing it would lose its data",
                                fixed.field
                            ),
                        });
                        continue;
                    }
                    let why = format!("`{}` cannot be changed in place", fixed.field);
                    step(Action::Replace, why, changes, Some(live))
                } else if changes.is_empty() {
                    step(
                        Action::Keep,
                        "it is as wanted".to_owned(),
                        changes,
                        Some(live),
                    )
                } else {
                    step(
                        Action::Update,
                        "it is not as wanted".to_owned(),
                        changes,
                        Some(live),
                    )
                };
                plan.steps.push(step);
            }
        }
    }
    plan.steps = in_order(plan.steps);
    plan
}

/// Plans the removal of everything that is ours: what depends on others goes first, so writers go
/// before the stores they write to.
pub fn down(wanted: &[Wanted], observed: &BTreeMap<LogicalId, Observed>) -> Plan {
    let ours: BTreeMap<&LogicalId, (&Wanted, &Live)> = wanted
        .iter()
        .filter_map(|wanted| match observed.get(&wanted.id) {
            Some(Observed::Owned(live)) => Some((&wanted.id, (wanted, live))),
            _ => None,
        })
        .collect();
    let steps = ours
        .values()
        .map(|(wanted, live)| Step {
            id: wanted.id.clone(),
            name: live.identity.name.clone(),
            action: if wanted.retain {
                Action::Keep
            } else {
                Action::Delete
            },
            why: if wanted.retain {
                "`retain: true`"
            } else {
                "the stack is taken down"
            }
            .to_owned(),
            changes: Vec::new(),
            after: ours
                .values()
                .filter(|(other, _)| other.depends_on.contains(&wanted.id))
                .map(|(other, _)| other.id.clone())
                .collect(),
            live: Some((*live).clone()),
        })
        .collect();
    Plan {
        steps: in_order(steps),
        refusals: Vec::new(),
    }
}

/// Dependencies first; among equals in the order of their ids. A ring leaves the order of the ids:
/// the resolver refuses rings, and [`check`] names what comes too early.
fn in_order(mut steps: Vec<Step>) -> Vec<Step> {
    steps.sort_by(|a, b| a.id.cmp(&b.id));
    let ids: BTreeSet<LogicalId> = steps.iter().map(|step| step.id.clone()).collect();
    let edges = steps.iter().flat_map(|step| {
        let present = step.after.iter().filter(|id| ids.contains(id));
        present.map(|id| (step.id.clone(), id.clone()))
    });
    if let Ok(order) = Graph::new(ids.clone(), edges).order() {
        let position: BTreeMap<LogicalId, usize> = order.into_iter().zip(0..).collect();
        steps.sort_by_key(|step| position.get(&step.id).copied());
    }
    steps
}

#[cfg(test)]
mod tests;
