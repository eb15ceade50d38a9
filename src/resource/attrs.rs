//! Attributes: what a stack wants of a resource and what a target tells of it, in one shape, so
//! that comparing them is the same for every kind. Pure data; no SDK here.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::stack::model::{Attribute, LogicalId, Part, Text};

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
}

impl Identity {
    fn get(&self, attribute: Attribute) -> Option<&str> {
        match attribute {
            Attribute::Name => Some(&self.name),
            Attribute::Arn => self.arn.as_deref(),
            Attribute::Url => self.url.as_deref(),
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

/// What the stack wants of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Logical id.
    pub id: LogicalId,
    /// Identity as far as it is known before the resource exists.
    pub identity: Identity,
    /// Wanted attributes. A field the kind manages and that is absent here is wanted absent.
    pub attrs: BTreeMap<String, Want>,
    /// What must exist before.
    pub depends_on: BTreeSet<LogicalId>,
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
            depends_on: BTreeSet::new(),
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

    /// Sets a field to text; what it refers to must exist before.
    #[must_use]
    pub fn with_text(mut self, field: impl Into<String>, text: &Text) -> Self {
        self.depends_on
            .extend(text.references().map(|reference| reference.id.clone()));
        self.attrs.insert(field.into(), Want::Text(text.clone()));
        self
    }

    /// Names what must exist before.
    #[must_use]
    pub fn after(mut self, id: LogicalId) -> Self {
        self.depends_on.insert(id);
        self
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
            unknown,
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
                    .and_then(|identity| identity.get(reference.attribute));
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
    /// Fields that still hold an unresolved reference.
    pub unknown: BTreeSet<String>,
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

/// A field whose live value is not the wanted one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Field name.
    pub field: String,
    /// Live value; none when absent.
    pub from: Option<Value>,
    /// Wanted value; none when wanted absent.
    pub to: Option<Value>,
}

/// Compares field by field. A field that only one side has is a change too.
pub fn compare(wanted: &Resolved, live: &Attrs) -> Vec<Change> {
    let fields: BTreeSet<&String> = wanted.attrs.keys().chain(live.keys()).collect();
    fields
        .into_iter()
        .filter(|field| wanted.attrs.get(*field) != live.get(*field))
        .map(|field| Change {
            field: field.clone(),
            from: live.get(field).cloned(),
            to: wanted.attrs.get(field).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::model::{Kind, Reference};

    fn url_of_jobs() -> Text {
        Text {
            parts: vec![
                Part::Literal("at ".to_owned()),
                Part::Reference(Reference {
                    id: LogicalId::new(Kind::Queue, "jobs"),
                    attribute: Attribute::Url,
                }),
            ],
        }
    }

    #[test]
    fn a_reference_stays_as_written_until_its_identity_is_known() {
        let wanted = Wanted::new(LogicalId::new(Kind::Function, "f"), Identity::default())
            .with("memory", 128)
            .with_text("environment.URL", &url_of_jobs());
        assert!(
            wanted
                .depends_on
                .contains(&LogicalId::new(Kind::Queue, "jobs"))
        );

        let before = wanted.resolve(&Identities::new());
        assert_eq!(
            before.text("environment.URL"),
            Some("at ${queues.jobs.url}")
        );
        assert!(before.unknown.contains("environment.URL"));

        let mut identities = Identities::new();
        identities.insert(
            LogicalId::new(Kind::Queue, "jobs"),
            Identity {
                url: Some("http://q".to_owned()),
                ..Identity::default()
            },
        );
        let after = wanted.resolve(&identities);
        assert_eq!(after.text("environment.URL"), Some("at http://q"));
        assert!(after.unknown.is_empty());
        assert_eq!(after.below("environment").count(), 1);
    }

    #[test]
    fn comparing_finds_changed_added_and_removed_fields() {
        let wanted = Wanted::new(LogicalId::new(Kind::Queue, "q"), Identity::default())
            .with("same", 1)
            .with("changed", 2)
            .with("added", 3)
            .resolve(&Identities::new());
        let live = Attrs::from([
            ("same".to_owned(), 1.into()),
            ("changed".to_owned(), 1.into()),
            ("removed".to_owned(), 4.into()),
        ]);
        let changes = compare(&wanted, &live);
        let fields: Vec<_> = changes
            .iter()
            .map(|c| (c.field.as_str(), c.from.is_some(), c.to.is_some()))
            .collect();
        assert_eq!(
            fields,
            [
                ("added", false, true),
                ("changed", true, true),
                ("removed", true, false)
            ]
        );
    }
}
