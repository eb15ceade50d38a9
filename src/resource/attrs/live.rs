//! What a target told: of one resource, of whose it is, of everything that a stack has there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{Applied, Attrs, Identity, TAG_APPLIED, TAG_ID, TAG_STACK, Tags, Wanted};
use crate::stack::model::LogicalId;

/// Tag that CloudFormation puts on what it made. // aws-behaviours F8
const TAG_CLOUDFORMATION: &str = "aws:cloudformation:stack-name";

/// What a target told of a resource that exists.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Live {
    /// Identity, complete.
    pub identity: Identity,
    /// Attributes, in the fields that the kind manages.
    pub attrs: Attrs,
    /// State in the target's own word: `Active`, `Enabled` …
    pub state: String,
    /// What calls need besides the identity (a mapping's UUID).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Figures worth showing that are no settings: message counts, item counts.
    pub facts: Attrs,
    /// Fields that may not be read here: they are taken to be as wanted. // aws-behaviours I8
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unread: BTreeSet<String>,
    /// Fields whose values the target keeps to itself: they cannot be compared.
    #[serde(skip)]
    pub hidden: BTreeSet<String>,
    /// All tags; none where the kind has no tags or the endpoint does not tell them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
    /// What was applied last, where an identity tells it and not a tag.
    #[serde(skip)]
    pub recorded: Option<Attrs>,
    /// Is there data of the user in it? None when nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds_data: Option<bool>,
}

impl Live {
    /// What was applied last, as far as it is recorded.
    pub fn applied(&self) -> Option<Applied> {
        if let Some(recorded) = &self.recorded {
            return Applied::read(&Applied::text(recorded));
        }
        Applied::read(self.tags.as_ref()?.get(TAG_APPLIED)?)
    }

    /// These fields may not be read: what nobody can see differ is taken to be as wanted, and no drift.
    /// aws-behaviours I8
    pub fn leave_unread(&mut self, wanted: &Wanted, fields: &[&str]) {
        let wanted = wanted.resolve(&BTreeMap::new()).attrs;
        for field in fields {
            self.unread.insert((*field).to_owned());
            if let Some(value) = wanted.get(*field) {
                self.attrs.insert((*field).to_owned(), value.clone());
            }
        }
    }

    /// Whose it is, by its tags.
    pub fn owner(&self) -> Owner {
        let tag = |key: &str| self.tags.as_ref().and_then(|tags| tags.get(key)).cloned();
        // What CloudFormation made is CloudFormation's, also where it passed our tags on.
        match (tag(TAG_CLOUDFORMATION), tag(TAG_STACK)) {
            (Some(stack), _) => Owner::CloudFormation(stack),
            (None, Some(stack)) => Owner::Stack(stack),
            (None, None) => Owner::Nobody,
        }
    }

    /// The logical id that its tag says.
    pub fn tagged_id(&self) -> Option<LogicalId> {
        self.tags.as_ref()?.get(TAG_ID)?.parse().ok()
    }
}

/// Whose a resource is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// No tag says.
    Nobody,
    /// A stack of pipectl's.
    Stack(String),
    /// A stack of CloudFormation's.
    CloudFormation(String),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("does not belong to this stack"),
            Self::Stack(stack) => write!(f, "belongs to the stack `{stack}`"),
            Self::CloudFormation(stack) => {
                write!(f, "belongs to the CloudFormation stack `{stack}`")
            }
        }
    }
}

/// What a target told of a wanted resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// It is not there.
    Absent,
    /// It is there and ours.
    Owned(Live),
    /// Its name is there and not ours.
    Unowned(Live),
}

impl Observed {
    /// What exists under the name, ours or not.
    pub fn live(&self) -> Option<&Live> {
        match self {
            Self::Absent => None,
            Self::Owned(live) | Self::Unowned(live) => Some(live),
        }
    }
}

/// Everything that is known of a stack at a target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Survey {
    /// What was observed, by logical id: of what is wanted, and of the leftovers.
    pub observed: BTreeMap<LogicalId, Observed>,
    /// How many invocations at once nobody has reserved in the account; none where that does not matter or is not
    /// told. // aws-behaviours L16
    pub unreserved_concurrency: Option<i64>,
    /// What is ours and not wanted any more. Their attributes are not filled in.
    pub leftovers: Vec<Wanted>,
}

impl Survey {
    /// What was observed of one resource.
    pub fn of(&self, id: &LogicalId) -> &Observed {
        self.observed.get(id).unwrap_or(&Observed::Absent)
    }
}
