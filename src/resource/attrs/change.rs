//! Differences between what is wanted and what is live, field by field.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Attrs, Live, Origin, Resolved, TAG_APPLIED, our_tags, secret};

/// A field whose live value is not the wanted one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Field name; `tags.NAME` for a tag of ours.
    pub field: String,
    /// Live value; none when absent. Values that look like secrets are hidden, here and below.
    pub from: Option<Value>,
    /// Wanted value; none when wanted absent.
    pub to: Option<Value>,
    /// Where the difference came from.
    pub origin: Origin,
}

impl Change {
    /// Is it a tag of ours?
    pub fn is_tag(&self) -> bool {
        self.field.starts_with("tags.")
    }

    /// Is it the record of what was applied, which is nothing that people set?
    pub fn is_record(&self) -> bool {
        self.field.strip_prefix("tags.") == Some(TAG_APPLIED)
    }
}

/// Names of the fields that are not as wanted. A field that only one side has is among them.
pub fn differing(wanted: &Resolved, live: &Attrs) -> BTreeSet<String> {
    wanted
        .attrs
        .keys()
        .chain(live.keys())
        .filter(|field| wanted.attrs.get(*field) != live.get(*field))
        .cloned()
        .collect()
}

/// The fields of something that is not there yet, as changes: those of `fields` and what is below them.
pub fn made(wanted: &Resolved, fields: &[&str]) -> Vec<Change> {
    let is_shown = |name: &str| {
        let below = |field: &&str| {
            name.strip_prefix(*field)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        fields.contains(&name) || fields.iter().any(below)
    };
    let shown = wanted.attrs.iter().filter(|(name, _)| is_shown(name));
    shown
        .map(|(name, value)| Change {
            field: name.clone(),
            from: None,
            to: Some(secret::shown(name, value)),
            origin: Origin::Stack,
        })
        .collect()
}

/// Compares field by field, then our tags; what a stack calls `stack` wants of the resource.
pub fn compare(wanted: &Resolved, live: &Live, stack: &str) -> Vec<Change> {
    let applied = live.applied();
    let mut changes: Vec<Change> = differing(wanted, &live.attrs)
        .into_iter()
        .filter(|field| !live.hidden.contains(field))
        .map(|field| {
            let (from, to) = (live.attrs.get(&field), wanted.attrs.get(&field));
            let origin = applied
                .as_ref()
                .map_or(Origin::Unknown, |applied| applied.origin(&field, from, to));
            Change {
                from: from.map(|value| secret::shown(&field, value)),
                to: to.map(|value| secret::shown(&field, value)),
                origin,
                field,
            }
        })
        .collect();
    // What is not resolved yet has no fingerprint, and is a change anyway.
    if wanted.tagged
        && wanted.unknown.is_empty()
        && let Some(tags) = &live.tags
    {
        let ours = our_tags(stack, &wanted.id, &wanted.attrs);
        let missing = ours
            .into_iter()
            .filter(|(key, value)| tags.get(key) != Some(value));
        changes.extend(missing.map(|(key, value)| Change {
            from: tags.get(&key).cloned().map(Value::String),
            to: Some(value.into()),
            origin: if key == TAG_APPLIED {
                Origin::Stack
            } else {
                Origin::Outside
            },
            field: format!("tags.{key}"),
        }));
    }
    changes
}
