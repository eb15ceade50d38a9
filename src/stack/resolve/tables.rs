//! Tables: one attribute has one type, and a key has two different attributes.

use std::collections::BTreeMap;

use miette::SourceSpan;

use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::model::{Key, KeyType, Stack, Table};

pub(super) fn check(cx: &Checker<'_>, stack: &Stack) {
    for table in &stack.tables {
        one(cx, table);
    }
}

fn word(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::String => "string",
        KeyType::Number => "number",
        KeyType::Binary => "binary",
    }
}

fn one(cx: &Checker<'_>, table: &Table) {
    let base = ["tables", table.name.as_str()];
    let mut keys = vec![(base.to_vec(), &table.partition_key, table.sort_key.as_ref())];
    for index in &table.indexes {
        let path = [&base[..], &["indexes", index.name.as_str()]].concat();
        keys.push((path, &index.partition_key, index.sort_key.as_ref()));
    }
    let mut types: BTreeMap<&str, (KeyType, SourceSpan)> = BTreeMap::new();
    for (path, partition_key, sort_key) in keys {
        let place = |field: &str| cx.place(&[&path[..], &[field]].concat());
        if sort_key.is_some_and(|sort_key| sort_key.name == partition_key.name) {
            cx.push(
                StackError::new(
                    Code::KeyConflict,
                    format!(
                        "`{}` is partition key and sort key at once",
                        partition_key.name
                    ),
                    "use two attributes, or no sort key",
                )
                .at(place("sort_key"), "sort key")
                .at(place("partition_key"), "partition key"),
            );
            continue;
        }
        let both = [
            ("partition_key", Some(partition_key)),
            ("sort_key", sort_key),
        ];
        for (field, key) in both
            .into_iter()
            .filter_map(|(field, key)| Some((field, key?)))
        {
            same_type(cx, key, place(field), &mut types);
        }
    }
    expiry(cx, table, &types);
}

fn same_type<'t>(
    cx: &Checker<'_>,
    key: &'t Key,
    place: SourceSpan,
    types: &mut BTreeMap<&'t str, (KeyType, SourceSpan)>,
) {
    // A key that was refused has no name.
    if key.name.is_empty() {
        return;
    }
    let (earlier, earlier_place) = *types.entry(&key.name).or_insert((key.key_type, place));
    if earlier != key.key_type {
        cx.push(
            StackError::new(
                Code::KeyConflict,
                format!(
                    "`{}` is a {} here and a {} there",
                    key.name,
                    word(key.key_type),
                    word(earlier)
                ),
                format!(
                    "give it one type: write `{{ name: {}, type: … }}` alike at both places",
                    key.name
                ),
            )
            .at(place, word(key.key_type))
            .at(earlier_place, word(earlier)),
        );
    }
}

/// DynamoDB reads the expiry as a number and ignores anything else.
fn expiry(cx: &Checker<'_>, table: &Table, types: &BTreeMap<&str, (KeyType, SourceSpan)>) {
    let Some(ttl) = &table.ttl else { return };
    if let Some((key_type, place)) = types
        .get(ttl.as_str())
        .filter(|(known, _)| *known != KeyType::Number)
    {
        cx.push(
            StackError::new(
                Code::KeyConflict,
                format!(
                    "`{ttl}` is a {} as a key, and an expiry is a number",
                    word(*key_type)
                ),
                "keep the expiry in an attribute of its own, or give the key `type: number`",
            )
            .at(cx.place(&["tables", &table.name, "ttl"]), "expiry")
            .at(*place, word(*key_type)),
        );
    }
}
