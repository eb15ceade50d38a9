//! What must hold of every plan, whoever made it. Run on every plan, in release builds too.

use std::collections::BTreeSet;

use super::{Action, Plan, Traits};
use crate::resource::attrs::Wanted;
use crate::stack::model::{Kind, LogicalId};

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
    /// A store would lose its data.
    #[error("{id} would be replaced and lose its data")]
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
    /// A wanted resource is in no step and not refused.
    #[error("{id} is wanted and the plan is silent about it")]
    Forgotten {
        /// Which resource.
        id: LogicalId,
    },
}

/// Checks a plan. `wanted` is what an `up` must cover; empty for a `down`.
pub fn check(plan: &Plan, wanted: &[Wanted], traits: impl Fn(Kind) -> Traits) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut seen: BTreeSet<&LogicalId> = BTreeSet::new();
    let refused: BTreeSet<&LogicalId> = plan.refusals.iter().map(|refusal| &refusal.id).collect();
    let all: BTreeSet<&LogicalId> = plan.steps.iter().map(|step| &step.id).collect();
    for step in &plan.steps {
        let id = || step.id.clone();
        for dependency in &step.after {
            if !all.contains(dependency) {
                if !refused.contains(dependency) {
                    let dependency = dependency.clone();
                    violations.push(Violation::Missing {
                        id: id(),
                        dependency,
                    });
                }
            } else if !seen.contains(dependency) {
                let dependency = dependency.clone();
                violations.push(Violation::Order {
                    id: id(),
                    dependency,
                });
            }
        }
        if !seen.insert(&step.id) {
            violations.push(Violation::Twice { id: id() });
        }
        if step.action == Action::Replace && traits(step.id.kind).stores_data {
            violations.push(Violation::DataLoss { id: id() });
        }
        let acts_on_live = matches!(
            step.action,
            Action::Update | Action::Replace | Action::Delete
        );
        if acts_on_live && step.live.is_none() {
            violations.push(Violation::Unseen { id: id() });
        }
    }
    violations.extend(
        wanted
            .iter()
            .filter(|wanted| !all.contains(&wanted.id) && !refused.contains(&wanted.id))
            .map(|wanted| Violation::Forgotten {
                id: wanted.id.clone(),
            }),
    );
    violations
}
