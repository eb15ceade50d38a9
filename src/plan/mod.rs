//! Stage 5: the exact list of steps that make what was observed what is wanted. Pure: no async, no
//! SDK, and nothing left to decide for the stage that carries it out. Every action and its exact
//! condition are in docs/planning.md, each with the test that shows it.

mod check;
mod order;
mod planner;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::graph::Graph;
use crate::resource::attrs::{Change, Identities, Live, Survey, Wanted};
use crate::stack::model::{Kind, LogicalId};

pub use check::{Purpose, Violation, check};
pub use planner::{down, up};

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make a resource that is not there.
    Create,
    /// Take over a resource that is there and belongs to nobody.
    Adopt,
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
    /// All there are, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Create,
        Self::Adopt,
        Self::Update,
        Self::Replace,
        Self::Delete,
        Self::Keep,
    ];

    /// Sign for people, with the meaning it has in other tools: `+ = ~ ± -`.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Adopt => "=",
            Self::Update => "~",
            Self::Replace => "±",
            Self::Delete => "-",
            Self::Keep => " ",
        }
    }

    /// What it is called in a sentence: `create`.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Adopt => "adopt",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Keep => "keep",
        }
    }

    /// Does it act on something that is there already?
    pub fn acts_on_live(self) -> bool {
        matches!(
            self,
            Self::Adopt | Self::Update | Self::Replace | Self::Delete
        )
    }

    /// Does the live resource go away?
    pub fn removes(self) -> bool {
        matches!(self, Self::Replace | Self::Delete)
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
    /// Field changes of an update, a replacement or an adoption; of what is made the fields that are worth showing.
    pub changes: Vec<Change>,
    /// Steps that must be done before this one.
    pub after: BTreeSet<LogicalId>,
    /// Data in it may be lost: somebody said so.
    pub lose_data: bool,
    /// What was live when the plan was made.
    #[serde(skip)]
    pub live: Option<Live>,
}

/// What would make possible what is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Take it over: `--adopt`.
    Adopt,
    /// Agree to lose its data, `--force`, or keep it, `retain: true`.
    LoseData,
    /// Agree to lose its data, `--force`, or save it elsewhere first.
    SaveData,
    /// Take `retain: true` out of the stack.
    Release,
    /// Give it another name in the stack, or remove what is in the way.
    Rename,
    /// Reserve less concurrency, or have AWS raise the account's.
    ReserveLess,
}

impl Remedy {
    /// Would it help to agree to lose data?
    pub fn is_about_data(self) -> bool {
        matches!(self, Self::LoseData | Self::SaveData)
    }
}

/// A resource that stands in the way, or that must not be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Logical id.
    pub id: LogicalId,
    /// Physical name.
    pub name: String,
    /// Why it is refused.
    pub why: String,
    /// What would make it possible.
    pub remedy: Remedy,
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

    /// What is refused only because nobody has agreed to lose its data.
    pub fn at_risk(&self) -> BTreeSet<LogicalId> {
        self.refusals
            .iter()
            .filter(|refusal| refusal.remedy.is_about_data())
            .map(|refusal| refusal.id.clone())
            .collect()
    }

    /// The steps as a graph, each with those it waits for.
    pub fn graph(&self) -> Graph<LogicalId> {
        order::graph(&self.steps)
    }
}

/// What a kind says about its fields, as data: `plan` does not know the kinds' files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traits {
    /// Fields that cannot be changed in place.
    pub fixed_fields: &'static [&'static str],
    /// Fields that are worth showing also when it is made.
    pub shown_when_made: &'static [&'static str],
    /// One of nobody's cannot be taken over.
    pub never_adopted: bool,
    /// Replacing or deleting it can lose data of the user.
    pub stores_data: bool,
}

/// Whose data may be lost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Losses {
    /// Nobody's.
    #[default]
    None,
    /// That of the stores that somebody was asked about.
    Of(BTreeSet<LogicalId>),
    /// That of every store.
    Any,
}

impl Losses {
    /// May the data of this store be lost?
    pub fn cover(&self, id: &LogicalId) -> bool {
        match self {
            Self::None => false,
            Self::Of(ids) => ids.contains(id),
            Self::Any => true,
        }
    }
}

/// What somebody agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consent {
    /// Resources that belong to nobody are taken over.
    pub adopt: bool,
    /// Data of stores that are deleted or replaced may be lost.
    pub losses: Losses,
}

/// All that a plan is made from.
#[derive(Clone)]
pub struct Request<'a> {
    /// Name of the stack.
    pub stack: &'a str,
    /// What the stack wants.
    pub wanted: &'a [Wanted],
    /// What is there.
    pub survey: &'a Survey,
    /// Identities as far as they are known.
    pub identities: &'a Identities,
    /// What the kinds say about their fields.
    pub traits: fn(Kind) -> Traits,
    /// What somebody agreed to.
    pub consent: &'a Consent,
}
