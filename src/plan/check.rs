//! What must hold of every plan, whoever made it. Run on every plan, in release builds too.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Plan, Request, Step};
use crate::resource::attrs::{Observed, Owner, Wanted};
use crate::stack::model::LogicalId;

/// A plan that must not be carried out: a fault of the planner, not of the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Two steps for one resource.
    #[error("{id} has two steps")]
    Twice {
        /// Which resource.
        id: LogicalId,
    },
    /// A step comes before one that it must follow.
    #[error("{id} comes before {dependency}, which it needs")]
    Order {
        /// Which resource.
        id: LogicalId,
        /// What it must follow.
        dependency: LogicalId,
    },
    /// A step follows one that is neither planned nor refused.
    #[error("{id} waits for {dependency}, which is not in the plan")]
    Missing {
        /// Which resource.
        id: LogicalId,
        /// What it waits for.
        dependency: LogicalId,
    },
    /// A step does not wait for one that it needs.
    #[error("{id} does not wait for {dependency}, which it needs")]
    Unordered {
        /// Which resource.
        id: LogicalId,
        /// What it should wait for.
        dependency: LogicalId,
    },
    /// Something would be deleted before what works with it.
    #[error("{id} would be deleted without waiting for {dependant}, which works with it")]
    Early {
        /// Which resource.
        id: LogicalId,
        /// What works with it.
        dependant: LogicalId,
    },
    /// A store would lose its data, and nobody agreed.
    #[error("{id} would be deleted or replaced and may lose its data")]
    DataLoss {
        /// Which resource.
        id: LogicalId,
    },
    /// A step changes or deletes something that was not seen.
    #[error("{id} would be changed or deleted without having been seen")]
    Unseen {
        /// Which resource.
        id: LogicalId,
    },
    /// A step changes or deletes something that is not ours.
    #[error("{id} is not ours and would be touched")]
    Foreign {
        /// Which resource.
        id: LogicalId,
    },
    /// Something that is kept would be deleted.
    #[error("{id} is to be kept and would be deleted")]
    Kept {
        /// Which resource.
        id: LogicalId,
    },
    /// A wanted resource is in no step and not refused.
    #[error("{id} is wanted and the plan is silent about it")]
    Forgotten {
        /// Which resource.
        id: LogicalId,
    },
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It must cover everything that is wanted.
    Up,
    /// It only takes away.
    Down,
}

/// Checks a plan against what it was made from.
pub fn check(plan: &Plan, request: &Request<'_>, purpose: Purpose) -> Vec<Violation> {
    let mut violations = Vec::new();
    let positions: BTreeMap<&LogicalId, usize> = plan
        .steps
        .iter()
        .zip(0..)
        .map(|(step, at)| (&step.id, at))
        .collect();
    let refused: BTreeSet<&LogicalId> = plan.refusals.iter().map(|refusal| &refusal.id).collect();
    let mut seen: BTreeSet<&LogicalId> = BTreeSet::new();
    for step in &plan.steps {
        for dependency in &step.after {
            let (id, dependency) = (step.id.clone(), dependency.clone());
            if !positions.contains_key(&dependency) {
                if !refused.contains(&dependency) {
                    violations.push(Violation::Missing { id, dependency });
                }
            } else if !seen.contains(&dependency) {
                violations.push(Violation::Order { id, dependency });
            }
        }
        if !seen.insert(&step.id) {
            violations.push(Violation::Twice {
                id: step.id.clone(),
            });
        }
        violations.extend(on_live(step, request));
    }
    let known = || request.wanted.iter().chain(&request.survey.leftovers);
    violations.extend(kept(plan, request, purpose));
    violations.extend(ordered(plan, known(), &positions));
    if purpose == Purpose::Up {
        let silent = request.wanted.iter().map(|wanted| &wanted.id);
        let silent = silent.filter(|id| !positions.contains_key(id) && !refused.contains(id));
        violations.extend(silent.map(|id| Violation::Forgotten { id: id.clone() }));
    }
    violations
}

/// What a step does to something that is there: it must have been seen, be ours, and hold no data that
/// nobody agreed to lose.
fn on_live(step: &Step, request: &Request<'_>) -> Vec<Violation> {
    let id = || step.id.clone();
    let mut violations = Vec::new();
    if step.action.acts_on_live() {
        if step.live.is_none() {
            violations.push(Violation::Unseen { id: id() });
        }
        let allowed = match request.survey.of(&step.id) {
            Observed::Absent => step.live.is_none(),
            Observed::Owned(_) => step.action != Action::Adopt,
            Observed::Unowned(live) => {
                step.action == Action::Adopt
                    && request.consent.adopt
                    && live.owner() == Owner::Nobody
            }
        };
        if !allowed {
            violations.push(Violation::Foreign { id: id() });
        }
    } else if step.action == Action::Create
        && matches!(request.survey.of(&step.id), Observed::Unowned(_))
    {
        violations.push(Violation::Foreign { id: id() });
    }
    let agreed = step.lose_data && request.consent.losses.cover(&step.id);
    let empty = step
        .live
        .as_ref()
        .is_some_and(|live| live.holds_data == Some(false));
    if step.action.removes() && (request.traits)(step.id.kind).stores_data && !agreed && !empty {
        violations.push(Violation::DataLoss { id: id() });
    }
    violations
}

/// Nothing that is to be kept is deleted or replaced; an `up` deletes nothing that is wanted.
fn kept(plan: &Plan, request: &Request<'_>, purpose: Purpose) -> Vec<Violation> {
    let wanted: BTreeMap<&LogicalId, &Wanted> = request
        .wanted
        .iter()
        .map(|wanted| (&wanted.id, wanted))
        .collect();
    plan.steps
        .iter()
        .filter(|step| {
            wanted.get(&step.id).is_some_and(|wanted| {
                let deletes = step.action == Action::Delete;
                (step.action.removes() && wanted.retain) || (deletes && purpose == Purpose::Up)
            })
        })
        .map(|step| Violation::Kept {
            id: step.id.clone(),
        })
        .collect()
}

/// Everything that is made waits for what it needs, and everything that is deleted for what needs it.
fn ordered<'a>(
    plan: &'a Plan,
    known: impl Iterator<Item = &'a Wanted>,
    positions: &BTreeMap<&LogicalId, usize>,
) -> Vec<Violation> {
    let step_of = |id: &LogicalId| positions.get(id).map(|at| &plan.steps[*at]);
    let mut violations = Vec::new();
    for known in known {
        let Some(step) = step_of(&known.id) else {
            continue;
        };
        for id in known.depends_on.iter().chain(&known.uses) {
            let Some(other) = step_of(id) else { continue };
            if step.action == Action::Delete && other.action == Action::Delete {
                if !other.after.contains(&known.id) {
                    violations.push(Violation::Early {
                        id: id.clone(),
                        dependant: known.id.clone(),
                    });
                }
            } else if known.depends_on.contains(id)
                && matches!(other.action, Action::Create | Action::Replace)
                && !matches!(step.action, Action::Keep | Action::Delete)
                && !step.after.contains(id)
            {
                violations.push(Violation::Unordered {
                    id: known.id.clone(),
                    dependency: id.clone(),
                });
            }
        }
    }
    violations
}
