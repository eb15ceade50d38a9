//! Tables, their keys and indexes.

use super::reader::Reader;
use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::fields::{INDEX, KEY, TABLE};
use crate::stack::model::{Index, Key, KeyType, Table};
use crate::stack::names;
use crate::stack::source::{Entry, Node};

/// Indexes that a table may have.
const MAX_INDEXES: usize = 20;

pub(super) fn read(cx: &Checker<'_>, entry: &Entry, path: &[&str]) -> Option<Table> {
    let reader = Reader::open(cx, entry, path, &TABLE)?;
    let partition_key = key(cx, &reader, "partition_key");
    let sort_key = key(cx, &reader, "sort_key");
    let ttl = reader.text("ttl");
    if let Some(ttl) = ttl {
        cx.push_name(
            Code::BadName,
            cx.place(&reader.path("ttl")),
            names::attribute(ttl),
        );
    }
    let indexes = reader.map("indexes");
    if indexes.len() > MAX_INDEXES {
        cx.push(
            StackError::new(
                Code::OutOfRange,
                format!(
                    "the table has {} indexes; {MAX_INDEXES} are allowed",
                    indexes.len()
                ),
                "remove indexes that no query needs",
            )
            .at(cx.place(&reader.path("indexes")), "these indexes"),
        );
    }
    let indexes_path = reader.path("indexes");
    let table = Table {
        name: entry.key.value.clone(),
        // Refused above; the placeholder is never seen outside.
        partition_key: partition_key.unwrap_or_else(nothing),
        sort_key,
        ttl: ttl.map(str::to_owned),
        indexes: indexes
            .iter()
            .filter_map(|entry| index(cx, entry, &indexes_path))
            .collect(),
        retain: reader.flag("retain"),
    };
    reader.finish();
    Some(table)
}

fn nothing() -> Key {
    Key {
        name: String::new(),
        key_type: KeyType::String,
    }
}

fn index(cx: &Checker<'_>, entry: &Entry, indexes: &[&str]) -> Option<Index> {
    let name = entry.key.value.as_str();
    cx.push_name(Code::BadName, entry.key.span, names::index(name));
    let path = [indexes, &[name]].concat();
    let reader = Reader::open(cx, entry, &path, &INDEX)?;
    let partition_key = key(cx, &reader, "partition_key");
    let sort_key = key(cx, &reader, "sort_key");
    reader.finish();
    Some(Index {
        name: name.to_owned(),
        partition_key: partition_key?,
        sort_key,
    })
}

/// A key: `name`, or `{ name: …, type: … }`.
fn key(cx: &Checker<'_>, reader: &Reader<'_, '_>, field: &str) -> Option<Key> {
    let entry = reader.want(field)?;
    let key = match &entry.value.value {
        Node::Map(_) => {
            let inner = Reader::open(cx, entry, &reader.path(field), &KEY)?;
            let name = inner.text("name");
            let key_type = [KeyType::String, KeyType::Number, KeyType::Binary][inner.word("type")];
            inner.finish();
            Key {
                name: name?.to_owned(),
                key_type,
            }
        }
        Node::Text(_) => Key {
            name: reader.text(field)?.to_owned(),
            key_type: KeyType::String,
        },
        _ => {
            let help = "write the attribute's name, or `{ name: …, type: number }`";
            reader.wrong_type(entry, "the name of an attribute", help);
            return None;
        }
    };
    cx.push_name(Code::BadName, entry.mark(), names::attribute(&key.name));
    Some(key)
}
