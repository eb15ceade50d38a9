//! The stack's own tests.

use super::reader::{Reader, wrong_type};
use super::reference;
use crate::stack::checker::Checker;
use crate::stack::error::Code;
use crate::stack::fields::{EXPECTATION, ITEM, LOG, MESSAGE, TEST};
use crate::stack::model::{Expectation, Kind, Scalar, Seconds, Test};
use crate::stack::names;
use crate::stack::source::{Entry, Node, Spanned};

pub(super) fn read(cx: &Checker<'_>, entry: &Entry) -> Option<Test> {
    let name = entry.key.value.as_str();
    cx.push_name(Code::BadName, entry.key.span, names::plain(name));
    let path = ["tests", name];
    let reader = Reader::open(cx, entry, &path, &TEST)?;
    let upload = reader.text("upload").unwrap_or_default();
    let expect = reader.path("expect");
    if reader.want("expect").is_some() && reader.list("expect").is_empty() {
        reader.missing(
            "expect",
            "write what must come of it, as `expect: [{ item: … }]`",
        );
    }
    let test = Test {
        name: name.to_owned(),
        upload: upload.into(),
        key: reader.text("key").map(str::to_owned),
        expect: reader
            .list("expect")
            .iter()
            .enumerate()
            .filter_map(|(index, item)| expectation(cx, item, &expect, index))
            .collect(),
        within: Seconds(reader.number("within").unwrap_or_default()),
    };
    reader.finish();
    Some(test)
}

/// `{ log: { function: functions.worker, contains: done } }`.
fn expectation(
    cx: &Checker<'_>,
    item: &Spanned<Node>,
    expect: &[&str],
    index: usize,
) -> Option<Expectation> {
    let index = index.to_string();
    let path = [expect, &[index.as_str()]].concat();
    let reader = Reader::open_item(cx, item, &path, &EXPECTATION)?;
    let given: Vec<&Entry> = ["item", "message", "log"]
        .into_iter()
        .filter_map(|name| reader.get(name))
        .collect();
    let read = match given[..] {
        [one] => {
            let path = reader.path(&one.key.value);
            match one.key.value.as_str() {
                "item" => item_of(cx, one, &path),
                "message" => {
                    let (queue, contains) = found(cx, one, &path, Kind::Queue)?;
                    Some(Expectation::Message { queue, contains })
                }
                _ => {
                    let (function, contains) = found(cx, one, &path, Kind::Function)?;
                    Some(Expectation::Log { function, contains })
                }
            }
        }
        // An unknown word alone has had its error.
        [] if !item.value.entries().is_empty() => None,
        _ => {
            cx.push(wrong_type(
                item.mark(),
                "an entry of `expect`",
                "one thing that is expected",
                &item.value,
                "write one entry each, as in `[{ item: … }, { log: … }]`",
            ));
            None
        }
    };
    reader.finish();
    read
}

/// Text in messages of a queue, or in lines of a function's log.
fn found(cx: &Checker<'_>, entry: &Entry, path: &[&str], kind: Kind) -> Option<(String, String)> {
    let (section, field) = match kind {
        Kind::Queue => (&MESSAGE, "queue"),
        _ => (&LOG, "function"),
    };
    let reader = Reader::open(cx, entry, path, section)?;
    let name = named(cx, &reader, field, kind);
    let contains = reader.text("contains").map(str::to_owned);
    reader.finish();
    Some((name?, contains?))
}

fn item_of(cx: &Checker<'_>, entry: &Entry, path: &[&str]) -> Option<Expectation> {
    let reader = Reader::open(cx, entry, path, &ITEM)?;
    let table = named(cx, &reader, "table", Kind::Table);
    let has = reader.want("has").map(|_| reader.map("has"));
    let written = has.unwrap_or_default();
    if reader.get("has").is_some() && written.is_empty() {
        reader.missing(
            "has",
            "write attributes that tell the item from others, as `has: { key: … }`",
        );
    }
    let has = written.iter().filter_map(|attribute| {
        let value = match &attribute.value.value {
            Node::Text(text) => Scalar::Text(text.clone()),
            Node::Int(number) => Scalar::Number(*number as f64),
            Node::Float(number) => Scalar::Number(*number),
            Node::Bool(flag) => Scalar::Flag(*flag),
            other => {
                cx.push(wrong_type(
                    attribute.mark(),
                    &format!("`{}`", attribute.key.value),
                    "text, a number, true or false",
                    other,
                    "write the value that the item's attribute has",
                ));
                return None;
            }
        };
        Some((attribute.key.value.clone(), value))
    });
    let has = has.collect();
    reader.finish();
    Some(Expectation::Item { table: table?, has })
}

/// A resource that a field names.
fn named(cx: &Checker<'_>, reader: &Reader<'_, '_>, field: &str, kind: Kind) -> Option<String> {
    let text = reader.text(field)?;
    let at = cx.place(&reader.path(field));
    reference::resource(cx, text, at, field, &[kind]).map(|id| id.name)
}
