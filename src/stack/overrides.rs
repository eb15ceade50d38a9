//! Overrides of targets: what `targets.NAME` says is merged into the stack, deep, before anything is
//! read. They change what is there and add no resources, so that a slip in a name cannot make one.

use std::collections::BTreeSet;

use miette::SourceSpan;

use super::error::{Code, StackError};
use super::fields::STACK;
use super::model::Kind;
use super::source::{Entry, Node, Spanned};
use super::suggest::{did_you_mean, quoted};

/// Sections whose names must be in the stack already.
const RESOURCES: &[Kind] = &[
    Kind::Bucket,
    Kind::Queue,
    Kind::Table,
    Kind::Function,
    Kind::Template,
];

/// Sections that a target may override.
fn sections() -> impl Iterator<Item = &'static str> {
    STACK
        .names()
        .filter(|name| !matches!(*name, "stack" | "tests" | "targets"))
}

/// Fields of a function of which one is written: an override of the one takes the other away.
const SOURCES: [(&str, &str); 2] = [("crate", "artifact"), ("artifact", "crate")];

/// The stack with the overrides of a target, as [`applicable`] gives them.
pub(super) fn apply(stack: &Spanned<Node>, over: &Spanned<Node>) -> Spanned<Node> {
    let mut stack = stack.clone();
    let functions = |node: &Node| -> Vec<Entry> {
        let section = node.get(Kind::Function.section());
        section.map_or_else(Vec::new, |entry| entry.value.value.entries().to_vec())
    };
    for changed in functions(&over.value) {
        for (written, other) in SOURCES {
            let replaces = changed.value.value.get(written).is_some()
                && changed.value.value.get(other).is_none();
            if replaces {
                let path = [Kind::Function.section(), &changed.key.value];
                remove(&mut stack.value, &path, other);
            }
        }
    }
    merge(&stack, over)
}

/// Takes the entry `key` out of the map at `path`.
fn remove(node: &mut Node, path: &[&str], key: &str) {
    let Node::Map(entries) = node else {
        return;
    };
    match path {
        [] => entries.retain(|entry| entry.key.value != key),
        [first, rest @ ..] => {
            if let Some(entry) = entries.iter_mut().find(|entry| entry.key.value == *first) {
                remove(&mut entry.value.value, rest, key);
            }
        }
    }
}

/// `base` with `over` laid on top: maps by key, everything else as a whole. A key with nothing after
/// it takes no map or list away.
fn merge(base: &Spanned<Node>, over: &Spanned<Node>) -> Spanned<Node> {
    if over.value == Node::Null && matches!(base.value, Node::Map(_) | Node::List(_)) {
        return base.clone();
    }
    let (Node::Map(base_entries), Node::Map(over_entries)) = (&base.value, &over.value) else {
        return over.clone();
    };
    let mut entries: Vec<Entry> = base_entries
        .iter()
        .map(|entry| match over.value.get(&entry.key.value) {
            Some(changed) => Entry {
                key: changed.key.clone(),
                value: merge(&entry.value, &changed.value),
            },
            None => entry.clone(),
        })
        .collect();
    entries.extend(
        over_entries
            .iter()
            .filter(|entry| base.value.get(&entry.key.value).is_none())
            .cloned(),
    );
    Spanned {
        value: Node::Map(entries),
        span: base.span,
    }
}

/// The overrides of one target, cleaned of what cannot be merged; that is told in `errors`.
pub(super) fn applicable(base: &Node, over: &Entry, errors: &mut Vec<StackError>) -> Spanned<Node> {
    let target = &over.key.value;
    let empty = |span: SourceSpan| Spanned {
        value: Node::Map(Vec::new()),
        span,
    };
    match &over.value.value {
        Node::Map(_) => {}
        Node::Null => return empty(over.value.span),
        other => {
            errors.push(
                StackError::new(
                    Code::WrongType,
                    format!(
                        "the overrides for `{target}` must be a map, not {}",
                        other.what()
                    ),
                    format!("its sections are {}", quoted(sections())),
                )
                .at(over.mark(), "map is expected here"),
            );
            return empty(over.value.span);
        }
    }
    let mut kept = Vec::new();
    for section in over.value.value.entries() {
        let name = section.key.value.as_str();
        if !sections().any(|known| known == name) {
            let help = did_you_mean(name, sections(), || {
                format!("a target may override {}", quoted(sections()))
            });
            errors.push(
                StackError::new(
                    Code::UnknownSection,
                    format!("a target cannot override `{name}`"),
                    help,
                )
                .at(section.key.span, "unknown section"),
            );
            continue;
        }
        let is_resource = RESOURCES.iter().any(|kind| kind.section() == name);
        kept.push(if is_resource {
            known_only(base, section, target, errors)
        } else {
            section.clone()
        });
    }
    Spanned {
        value: Node::Map(kept),
        span: over.value.span,
    }
}

/// A section of resources without those that the stack does not have.
fn known_only(base: &Node, section: &Entry, target: &str, errors: &mut Vec<StackError>) -> Entry {
    let name = section.key.value.as_str();
    let there = base
        .get(name)
        .map_or(&[][..], |entry| entry.value.value.entries());
    let Node::Map(entries) = &section.value.value else {
        return section.clone();
    };
    let names = || there.iter().map(|entry| entry.key.value.as_str());
    let mut kept = Vec::new();
    for entry in entries {
        let id = entry.key.value.as_str();
        if names().any(|known| known == id) {
            kept.push(entry.clone());
            continue;
        }
        let help = did_you_mean(id, names(), || {
            format!("add `{id}` to `{name}` of the stack; overrides only change what is there")
        });
        let message =
            format!("the target `{target}` overrides `{name}.{id}`, which the stack does not have");
        errors.push(
            StackError::new(Code::UnknownOverride, message, help)
                .at(entry.key.span, "not in the stack"),
        );
    }
    Entry {
        key: section.key.clone(),
        value: Spanned {
            value: Node::Map(kept),
            span: section.value.span,
        },
    }
}

/// The errors that have a place inside the overrides: those that come with this target.
pub(super) fn caused_by(over: &Spanned<Node>, errors: Vec<StackError>) -> Vec<StackError> {
    let mut spans = BTreeSet::new();
    over.spans(&mut |span| {
        spans.insert(span);
    });
    let inside = |place: SourceSpan| {
        spans.iter().any(|span| {
            span.offset() <= place.offset()
                && place.offset() + place.len() <= span.offset() + span.len()
        })
    };
    errors
        .into_iter()
        .filter(|error| error.causes().any(inside))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::source::parse;

    fn text<'a>(node: &'a Node, path: &[&str]) -> &'a Node {
        path.iter().fold(node, |node, part| {
            &node.get(part).expect("the path").value.value
        })
    }

    #[test]
    fn maps_are_merged_and_everything_else_is_replaced() {
        let base = parse("a: { b: 1, c: { d: 2, e: [1, 2] } }\nf: x\n").expect("valid YAML");
        let over = parse("a: { c: { e: [3], g: 4 } }\nf: y\n").expect("valid YAML");
        let merged = merge(&base, &over).value;
        assert_eq!(text(&merged, &["a", "b"]), &Node::Int(1));
        assert_eq!(text(&merged, &["a", "c", "d"]), &Node::Int(2));
        assert!(matches!(text(&merged, &["a", "c", "e"]), Node::List(items) if items.len() == 1));
        assert_eq!(text(&merged, &["a", "c", "g"]), &Node::Int(4));
        assert_eq!(text(&merged, &["f"]), &Node::Text("y".to_owned()));
    }

    #[test]
    fn merging_nothing_changes_nothing() {
        let base = parse("a: { b: 1 }\nc: [1]\n").expect("valid YAML");
        for nothing in ["{}", "", "a:\n", "a: {}\nc: ~\n"] {
            let merged = merge(&base, &parse(nothing).expect("valid YAML")).value;
            assert_eq!(text(&merged, &["a", "b"]), &Node::Int(1), "{nothing}");
            assert!(
                matches!(text(&merged, &["c"]), Node::List(items) if items.len() == 1),
                "{nothing}"
            );
        }
    }
}
