//! Wiring: buckets and queues to functions.

use miette::SourceSpan;

use super::reader::Reader;
use super::{Parsed, reference};
use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::fields::{WIRING, WIRING_FROM_BUCKET, WIRING_FROM_QUEUE};
use crate::stack::model::{Kind, LogicalId, Mapping, Notification, Seconds};
use crate::stack::source::{Node, Spanned};
use crate::stack::suggest::{did_you_mean, quoted};

/// Longest key of an object, and so of a part of one.
const MAX_KEY: usize = 1_024;

/// Words for S3's events.
const EVENTS: &[(&str, &str)] = &[
    ("object-created", "s3:ObjectCreated:*"),
    ("object-created-put", "s3:ObjectCreated:Put"),
    ("object-created-post", "s3:ObjectCreated:Post"),
    ("object-created-copy", "s3:ObjectCreated:Copy"),
    (
        "object-created-multipart",
        "s3:ObjectCreated:CompleteMultipartUpload",
    ),
    ("object-removed", "s3:ObjectRemoved:*"),
    ("object-removed-delete", "s3:ObjectRemoved:Delete"),
    (
        "object-removed-marker",
        "s3:ObjectRemoved:DeleteMarkerCreated",
    ),
];

/// S3's events that have no word of ours; these names are accepted as they are.
const OTHER_EVENTS: &[&str] = &[
    "s3:IntelligentTiering",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:ObjectAcl:Put",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:ObjectRestore:Post",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Delete",
    "s3:ObjectTagging:Put",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationReplicatedAfterThreshold",
];

/// Every way to write an event.
pub(in crate::stack) fn event_names() -> impl Iterator<Item = &'static str> {
    let words = EVENTS.iter().map(|(word, _)| *word);
    words
        .chain(EVENTS.iter().map(|(_, name)| *name))
        .chain(OTHER_EVENTS.iter().copied())
}

pub(super) fn read(cx: &Checker<'_>, top: &Reader<'_, '_>, parsed: &mut Parsed) {
    for (index, item) in top.list("wiring").iter().enumerate() {
        let index = index.to_string();
        if let Some(reader) = Reader::open_item(cx, item, &["wiring", &index], &WIRING) {
            one(cx, &reader, &index, parsed);
            reader.finish();
        }
    }
}

fn one(cx: &Checker<'_>, reader: &Reader<'_, '_>, index: &str, parsed: &mut Parsed) {
    let place = |field: &str| cx.place(&["wiring", index, field]);
    let end = |field: &'static str, allowed: &[Kind]| -> Option<LogicalId> {
        reference::resource(cx, reader.text(field)?, place(field), field, allowed)
    };
    let from = end("from", &[Kind::Bucket, Kind::Queue]);
    let to = end("to", &[Kind::Function]);

    let filter = |field: &str| {
        // An empty filter is as good as none, so `prefix: ""` is no error.
        let empty = reader
            .get(field)
            .is_some_and(|e| e.value.value == Node::Text(String::new()));
        let text = if empty { None } else { reader.text(field) }.unwrap_or_default();
        if text.len() > MAX_KEY {
            cx.push(
                StackError::new(
                    Code::OutOfRange,
                    format!("`{field}` has {} bytes; {MAX_KEY} are allowed", text.len()),
                    "shorten it: no object's key is longer",
                )
                .at(place(field), "too long"),
            );
        }
        text.to_owned()
    };
    let events = events(cx, reader, index);
    let (prefix, suffix) = (filter("prefix"), filter("suffix"));
    let batch = reader.number("batch").unwrap_or_default();
    let window = Seconds(reader.number("window").unwrap_or_default());
    let max_concurrency = reader.number("max_concurrency");

    let Some(from) = from else { return };
    if from.kind == Kind::Bucket {
        refuse(
            cx,
            reader,
            WIRING_FROM_QUEUE,
            place("from"),
            "queue",
            "bucket",
        );
        if reader.get("events").is_none() {
            reader.missing("events", "add `events: [object-created]`");
        }
        if let (Some(to), Some(events)) = (to, events) {
            parsed.notifications.push(index.to_owned());
            parsed.stack.notifications.push(Notification {
                bucket: from.name,
                function: to.name,
                events,
                prefix,
                suffix,
            });
        }
        return;
    }
    refuse(
        cx,
        reader,
        WIRING_FROM_BUCKET,
        place("from"),
        "bucket",
        "queue",
    );
    if let Some(to) = to {
        parsed.mappings.push(index.to_owned());
        parsed.stack.mappings.push(Mapping {
            queue: from.name,
            function: to.name,
            batch,
            window,
            max_concurrency,
        });
    }
}

/// Refuses the fields of the other kind of wiring.
fn refuse(
    cx: &Checker<'_>,
    reader: &Reader<'_, '_>,
    fields: &[&str],
    from: SourceSpan,
    theirs: &str,
    ours: &str,
) {
    for entry in fields.iter().filter_map(|field| reader.get(field)) {
        let field = &entry.key.value;
        cx.push(
            StackError::new(
                Code::FieldNotForKind,
                format!("a wiring from a {ours} has no `{field}`"),
                format!("remove `{field}`: it is for wiring from a {theirs}"),
            )
            .at(entry.key.span, format!("for a {theirs}"))
            .at(from, format!("this is a {ours}")),
        );
    }
}

/// S3's names of the events; none when the list is missing or refused.
fn events(cx: &Checker<'_>, reader: &Reader<'_, '_>, index: &str) -> Option<Vec<String>> {
    let entry = reader.get("events")?;
    let Node::List(items) = &entry.value.value else {
        let help = match &entry.value.value {
            Node::Text(text) => format!("write `events: [{text}]`"),
            _ => "write `events: [object-created]`".to_owned(),
        };
        reader.wrong_type(entry, "a list", &help);
        return None;
    };
    if items.is_empty() {
        cx.push(
            StackError::new(
                Code::UnknownValue,
                "`events` is empty",
                "write `events: [object-created]`",
            )
            .at(entry.key.span, "no event"),
        );
        return None;
    }
    let names: Vec<Option<&str>> = items.iter().map(|item| event(cx, item)).collect();
    let path = ["wiring", index, "events"];
    for (later, name) in names.iter().enumerate() {
        let earlier = names[..later].iter().position(|other| match (other, name) {
            (Some(other), Some(name)) => same_event(other, name),
            _ => false,
        });
        if let Some(earlier) = earlier {
            let place =
                |index: usize| cx.place(&[&path[..], &[index.to_string().as_str()]].concat());
            cx.push(
                StackError::new(
                    Code::OverlappingNotifications,
                    "one event is in the list twice",
                    "keep the wider of the two",
                )
                .at(place(later), "again here")
                .at(place(earlier), "covered by this"),
            );
        }
    }
    names
        .into_iter()
        .map(|name| name.map(str::to_owned))
        .collect()
}

/// S3's name of one event.
fn event<'a>(cx: &Checker<'_>, item: &'a Spanned<Node>) -> Option<&'a str> {
    let Node::Text(word) = &item.value else {
        cx.push(super::reader::wrong_type(
            item.mark(),
            "an event",
            "text",
            &item.value,
            "write `object-created`",
        ));
        return None;
    };
    let known = EVENTS
        .iter()
        .find(|(short, name)| short == word || name == word)
        .map(|(_, name)| *name)
        .or_else(|| OTHER_EVENTS.iter().copied().find(|name| name == word));
    if known.is_none() {
        let words = || EVENTS.iter().map(|(short, _)| *short);
        let help = did_you_mean(word, event_names(), || {
            format!("use one of {}", quoted(words()))
        });
        cx.push(
            StackError::new(
                Code::UnknownValue,
                format!("there is no event `{word}`"),
                help,
            )
            .at(item.span, "unknown event"),
        );
    }
    known
}

/// Do two of S3's event names have an event in common?
pub(in crate::stack) fn same_event(a: &str, b: &str) -> bool {
    let covers = |wide: &str, narrow: &str| {
        wide.strip_suffix('*')
            .is_some_and(|family| narrow.starts_with(family))
    };
    a == b || covers(a, b) || covers(b, a)
}
