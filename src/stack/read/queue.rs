//! Queues.

use super::reader::Reader;
use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::fields::{DEAD_LETTER, QUEUE};
use crate::stack::model::{DeadLetter, Kind, Queue, Seconds};
use crate::stack::source::Entry;
use crate::stack::suggest::did_you_mean;

pub(super) fn read(cx: &Checker<'_>, entry: &Entry, path: &[&str]) -> Option<Queue> {
    let reader = Reader::open(cx, entry, path, &QUEUE)?;
    let seconds = |field: &str| Seconds(reader.number(field).unwrap_or_default());
    let queue = Queue {
        name: entry.key.value.clone(),
        visibility_timeout: seconds("visibility_timeout"),
        retention: seconds("retention"),
        delay: seconds("delay"),
        dead_letter: reader
            .get("dead_letter")
            .and_then(|entry| dead_letter(cx, entry, &reader.path("dead_letter"))),
        retain: reader.flag("retain"),
    };
    reader.finish();
    Some(queue)
}

fn dead_letter(cx: &Checker<'_>, entry: &Entry, path: &[&str]) -> Option<DeadLetter> {
    let reader = Reader::open(cx, entry, path, &DEAD_LETTER)?;
    let max_receives = reader.number("max_receives").unwrap_or_default();
    let queue = reader.text("queue").filter(|name| {
        let known = cx.names(Kind::Queue).any(|known| known == *name);
        if !known {
            unknown_queue(cx, &reader, name);
        }
        known
    });
    reader.finish();
    Some(DeadLetter {
        queue: queue?.to_owned(),
        max_receives,
    })
}

fn unknown_queue(cx: &Checker<'_>, reader: &Reader<'_, '_>, name: &str) {
    let bare = name.strip_prefix("queues.").unwrap_or(name);
    let help = if bare != name && cx.names(Kind::Queue).any(|known| known == bare) {
        format!("write `{bare}`: a dead letter queue is always one of `queues`")
    } else {
        did_you_mean(bare, cx.names(Kind::Queue), || {
            format!("add `{bare}` to `queues`")
        })
    };
    cx.unsound(&reader.path("queue"));
    cx.push(
        StackError::new(
            Code::UnknownReference,
            format!("there is no queue `{name}`"),
            help,
        )
        .at(cx.place(&reader.path("queue")), "leads nowhere"),
    );
}
