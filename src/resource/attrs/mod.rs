//! Attributes: what a stack wants of a resource and what a target tells of it, in one shape, so
//! that comparing them is the same for every kind. Pure data; no SDK here.

mod applied;
mod change;
mod live;
mod secret;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

pub use applied::{Applied, Origin, TAG_APPLIED, fingerprint};
pub use change::{Change, compare, differing, made};
pub use live::{Live, Observed, Owner, Survey};

use crate::stack::model::{Attribute, Kind, LogicalId, Part, Text};

/// Attributes by field name. Nested settings have dotted names: `environment.RESULTS_TABLE`.
pub type Attrs = BTreeMap<String, Value>;

/// How a resource is called at the target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Identity {
    /// Physical name.
    pub name: String,
    /// ARN, where the kind has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// URL, where the kind has one and it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Outputs by name, where the kind has any and they are known.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
}

impl Identity {
    /// The value of a reference; none while it is not known.
    pub fn get(&self, attribute: &Attribute) -> Option<&str> {
        match attribute {
            Attribute::Name => Some(&self.name),
            Attribute::Arn => self.arn.as_deref(),
            Attribute::Url => self.url.as_deref(),
            Attribute::Output(name) => self.outputs.get(name).map(String::as_str),
        }
    }
}

/// Identities by logical id: what references resolve to.
pub type Identities = BTreeMap<LogicalId, Identity>;

/// A wanted value: known from the stack, or text with references.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// Known.
    Value(Value),
    /// Known once the resources it refers to have their identities.
    Text(Text),
}

impl<T: Into<Value>> From<T> for Want {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// Tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// Field of a function: invocations at once that are set aside for it.
pub const RESERVED_CONCURRENCY: &str = "reserved_concurrency";

/// Field that is there when a resource has to be sent or made anew, and that nobody wants.
pub const STATE: &str = "state";

/// Tag that names the stack a resource belongs to.
pub const TAG_STACK: &str = "pipectl:stack";
/// Tag that names the logical id of a resource.
pub const TAG_ID: &str = "pipectl:id";

/// A field of one resource that must never be below a field of another one, also not while both are
/// being changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtLeast {
    /// The one that must be at least as high.
    pub high: (LogicalId, &'static str),
    /// The other one.
    pub low: (LogicalId, &'static str),
}

/// What the stack wants of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Logical id.
    pub id: LogicalId,
    /// Identity as far as it is known before the resource exists.
    pub identity: Identity,
    /// Wanted attributes. A field the kind manages and that is absent here is wanted absent.
    pub attrs: BTreeMap<String, Want>,
    /// What calls carry and nobody compares.
    pub carried: Attrs,
    /// What must exist before this can be made.
    pub depends_on: BTreeSet<LogicalId>,
    /// What this works with: must be there before this is started, and must outlive it.
    pub uses: BTreeSet<LogicalId>,
    /// What this is a part of: it goes when that goes.
    pub within: Option<LogicalId>,
    /// Whose it is goes by theirs, as long as no tag of its own says.
    pub belongs_to: BTreeSet<LogicalId>,
    /// An order that changes of others must keep because of this.
    pub at_least: Option<AtLeast>,
    /// Does the kind have tags? Then ours belong to what is wanted.
    pub tagged: bool,
    /// `down` leaves it.
    pub retain: bool,
}

impl Wanted {
    /// A resource without attributes yet.
    pub fn new(id: LogicalId, identity: Identity) -> Self {
        Self {
            id,
            identity,
            attrs: BTreeMap::new(),
            carried: Attrs::new(),
            depends_on: BTreeSet::new(),
            uses: BTreeSet::new(),
            within: None,
            belongs_to: BTreeSet::new(),
            at_least: None,
            tagged: false,
            retain: false,
        }
    }

    /// Sets a field.
    #[must_use]
    pub fn with(mut self, field: impl Into<String>, want: impl Into<Want>) -> Self {
        self.attrs.insert(field.into(), want.into());
        self
    }

    /// Sets a field if there is a value for it.
    #[must_use]
    pub fn with_some(self, field: &str, want: Option<impl Into<Want>>) -> Self {
        match want {
            Some(want) => self.with(field, want),
            None => self,
        }
    }

    /// Sets a field to text; what it refers to is used.
    #[must_use]
    pub fn with_text(mut self, field: impl Into<String>, text: &Text) -> Self {
        self.uses
            .extend(text.references().map(|reference| reference.id.clone()));
        self.attrs.insert(field.into(), Want::Text(text.clone()));
        self
    }

    /// Sets what calls carry and nobody compares.
    #[must_use]
    pub fn carrying(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.carried.insert(field.to_owned(), value.into());
        self
    }

    /// Names what must exist before.
    #[must_use]
    pub fn after(mut self, id: LogicalId) -> Self {
        self.depends_on.insert(id);
        self
    }

    /// Names what it works with.
    #[must_use]
    pub fn using(mut self, id: LogicalId) -> Self {
        self.uses.insert(id);
        self
    }

    /// Names what it is a part of, which must exist before.
    #[must_use]
    pub fn within(mut self, id: LogicalId) -> Self {
        self.within = Some(id.clone());
        self.belonging_to(id.clone()).after(id)
    }

    /// Names whose it is, as long as no tag of its own says.
    #[must_use]
    pub fn belonging_to(mut self, id: LogicalId) -> Self {
        self.belongs_to.insert(id);
        self
    }

    /// Does it need the other one in any way?
    pub fn needs(&self, id: &LogicalId) -> bool {
        self.depends_on.contains(id) || self.uses.contains(id)
    }

    /// What its texts refer to.
    pub fn references(&self) -> impl Iterator<Item = &LogicalId> {
        let texts = self.attrs.values().filter_map(|want| match want {
            Want::Text(text) => Some(text.references()),
            Want::Value(_) => None,
        });
        texts.flatten().map(|reference| &reference.id)
    }

    /// References whose value is not among the identities yet.
    pub fn unknown_references<'a>(
        &'a self,
        identities: &'a Identities,
    ) -> impl Iterator<Item = &'a LogicalId> {
        self.attrs
            .values()
            .filter_map(|want| match want {
                Want::Text(text) => Some(text.references()),
                Want::Value(_) => None,
            })
            .flatten()
            .filter(|reference| {
                identities
                    .get(&reference.id)
                    .and_then(|identity| identity.get(&reference.attribute))
                    .is_none()
            })
            .map(|reference| &reference.id)
    }

    /// Fills the references in.
    pub fn resolve(&self, identities: &Identities) -> Resolved {
        let mut attrs = Attrs::new();
        let mut unknown = BTreeSet::new();
        for (field, want) in &self.attrs {
            let value = match want {
                Want::Value(value) => value.clone(),
                Want::Text(text) => {
                    let (text, complete) = resolve_text(text, identities);
                    if !complete {
                        unknown.insert(field.clone());
                    }
                    Value::String(text)
                }
            };
            attrs.insert(field.clone(), value);
        }
        Resolved {
            id: self.id.clone(),
            identity: self.identity.clone(),
            attrs,
            carried: self.carried.clone(),
            unknown,
            tagged: self.tagged,
        }
    }
}

/// Fills in what is known; false when something is not. Unknown references stay as written.
pub fn resolve_text(text: &Text, identities: &Identities) -> (String, bool) {
    let mut complete = true;
    let mut out = String::new();
    for part in &text.parts {
        match part {
            Part::Literal(literal) => out.push_str(literal),
            Part::Reference(reference) => {
                let known = identities
                    .get(&reference.id)
                    .and_then(|identity| identity.get(&reference.attribute));
                if let Some(value) = known {
                    out.push_str(value);
                } else {
                    complete = false;
                    out.push_str(&reference.to_string());
                }
            }
        }
    }
    (out, complete)
}

/// A wanted resource with its references filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Logical id.
    pub id: LogicalId,
    /// Identity as far as known.
    pub identity: Identity,
    /// Attributes.
    pub attrs: Attrs,
    /// What calls carry and nobody compares.
    pub carried: Attrs,
    /// Fields that still hold an unresolved reference.
    pub unknown: BTreeSet<String>,
    /// Does the kind have tags?
    pub tagged: bool,
}

impl Resolved {
    /// The field as text, if it is there and text.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.attrs.get(field).and_then(Value::as_str)
    }

    /// The field as a whole number, if it is there and one.
    pub fn number(&self, field: &str) -> Option<i64> {
        self.attrs.get(field).and_then(Value::as_i64)
    }

    /// Is the field there and true?
    pub fn is_true(&self, field: &str) -> bool {
        self.attrs.get(field).and_then(Value::as_bool) == Some(true)
    }

    /// Fields below `prefix.`, without it.
    pub fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        below(&self.attrs, prefix)
    }
}

/// Fields of `attrs` below `prefix.`, without it.
pub fn below<'a>(attrs: &'a Attrs, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    attrs.iter().filter_map(move |(field, value)| {
        let rest = field.strip_prefix(prefix)?.strip_prefix('.')?;
        Some((rest, value))
    })
}

/// The tags that say whose a resource is and what was applied to it.
pub fn our_tags(stack: &str, id: &LogicalId, applied: &Attrs) -> Tags {
    let mut tags = Tags::from([
        (TAG_STACK.to_owned(), stack.to_owned()),
        (TAG_ID.to_owned(), id.to_string()),
    ]);
    // CloudFormation passes the tags of a stack on to all that is in it: one that changes with every update
    // would change all of it every time.
    if id.kind != Kind::Template {
        tags.insert(TAG_APPLIED.to_owned(), Applied::text(applied));
    }
    tags
}
