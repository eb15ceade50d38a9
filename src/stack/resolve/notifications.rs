//! Wiring from buckets: no event goes two ways, and no function feeds itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::model::{AccessAction, Kind, Notification};
use crate::stack::read::{Parsed, wiring::same_event};
use crate::stack::source::{Entry, Node};

pub(super) fn check(cx: &Checker<'_>, parsed: &Parsed) {
    let all: Vec<(&Notification, &str)> = parsed
        .stack
        .notifications
        .iter()
        .zip(parsed.notifications.iter().map(String::as_str))
        .collect();
    for (index, later) in all.iter().enumerate() {
        for earlier in &all[..index] {
            pair(cx, *later, *earlier);
        }
    }
    self_trigger(cx, parsed, &all);
    names(cx, &all);
}

/// One of two filters covers the other's keys. // aws-behaviours S10
fn overlap(a: &Notification, b: &Notification) -> bool {
    let prefixes = a.prefix.starts_with(&b.prefix) || b.prefix.starts_with(&a.prefix);
    let suffixes = a.suffix.ends_with(&b.suffix) || b.suffix.ends_with(&a.suffix);
    a.bucket == b.bucket && prefixes && suffixes
}

fn pair(cx: &Checker<'_>, later: (&Notification, &str), earlier: (&Notification, &str)) {
    let shared = later.0.events.iter().find(|event| {
        earlier
            .0
            .events
            .iter()
            .any(|other| same_event(event, other))
    });
    let Some(event) = shared.filter(|_| overlap(later.0, earlier.0)) else {
        return;
    };
    let keys = |(notification, index): (&Notification, &str)| {
        let field = if notification.prefix.is_empty() && !notification.suffix.is_empty() {
            "suffix"
        } else if notification.prefix.is_empty() {
            "from"
        } else {
            "prefix"
        };
        let label = match (notification.prefix.as_str(), notification.suffix.as_str()) {
            ("", "") => "every key".to_owned(),
            (prefix, "") => format!("keys that begin with `{prefix}`"),
            ("", suffix) => format!("keys that end with `{suffix}`"),
            (prefix, suffix) => format!("keys like `{prefix}…{suffix}`"),
        };
        (cx.place(&["wiring", index, field]), label)
    };
    let (later_place, later_label) = keys(later);
    let (earlier_place, earlier_label) = keys(earlier);
    cx.push(
        StackError::new(
            Code::OverlappingNotifications,
            format!("two wirings of the bucket `{}` overlap: both want `{event}`", later.0.bucket),
            "give them prefixes or suffixes of which none covers another, or wire one function that does both",
        )
        .at(later_place, later_label)
        .at(earlier_place, earlier_label),
    );
}

/// What a function writes into the bucket that triggers it, triggers it. // aws-behaviours S21
fn self_trigger(cx: &Checker<'_>, parsed: &Parsed, all: &[(&Notification, &str)]) {
    let mut told = BTreeSet::new();
    for (notification, index) in all {
        let (bucket, function) = (&notification.bucket, &notification.function);
        let Some(granted) = parsed.stack.function(function) else {
            continue;
        };
        let writes = granted.access.iter().any(|access| {
            access.action == AccessAction::Write
                && access.on.kind == Kind::Bucket
                && access.on.name == *bucket
        });
        if !writes || !told.insert((bucket, function)) {
            continue;
        }
        // Refused entries are not in the model's list, so the place is sought in the tree.
        let list = ["functions", function.as_str(), "access"];
        let wanted = Node::Text(format!("buckets.{bucket}"));
        let items = match cx.node(&list) {
            Some(Node::List(items)) => items.as_slice(),
            _ => &[],
        };
        let place = items
            .iter()
            .filter_map(|item| item.value.get("write"))
            .find(|entry| entry.value.value == wanted)
            .map_or_else(|| cx.place(&list), Entry::mark);
        cx.push(
            StackError::new(
                Code::SelfTrigger,
                format!("`{function}` may write to the bucket `{bucket}`, which triggers it"),
                "let it write to another bucket: what it writes here would start it again, without end",
            )
            .at(place, "writes here")
            .at(cx.place(&["wiring", index, "from"]), "is triggered from here"),
        );
    }
}

/// A notification is known by its name at the target. // aws-behaviours S8
fn names(cx: &Checker<'_>, all: &[(&Notification, &str)]) {
    let mut seen: BTreeMap<(&str, String), (&Notification, &str)> = BTreeMap::new();
    for &(notification, index) in all {
        let earlier = *seen
            .entry((&notification.bucket, notification.name()))
            .or_insert((notification, index));
        if earlier.1 == index {
            continue;
        }
        // Overlapping ones have had their error.
        let shares = notification.events.iter().any(|event| {
            earlier
                .0
                .events
                .iter()
                .any(|other| same_event(event, other))
        });
        if shares && overlap(notification, earlier.0) {
            continue;
        }
        let same_filter =
            (&notification.prefix, &notification.suffix) == (&earlier.0.prefix, &earlier.0.suffix);
        let help = if same_filter && notification.function == earlier.0.function {
            "put the events of both into one wiring"
        } else {
            "make the prefixes differ in a letter or digit, or rename one of the functions"
        };
        cx.push(
            StackError::new(
                Code::NameCollision,
                format!("two wirings would both be called `{}`", notification.name()),
                help,
            )
            .at(cx.place(&["wiring", index]), "this one")
            .at(cx.place(&["wiring", earlier.1]), "and this one"),
        );
    }
}
