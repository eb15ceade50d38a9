//! From the tree to the model: every field is taken under its name in [`super::fields`], checked by
//! itself, and falls back to its default when it is refused, so that one pass finds every error.

mod function;
mod queue;
mod reader;
mod reference;
mod table;
pub(super) mod target;
pub(super) mod template;
mod test;
pub(super) mod wiring;

use std::path::Path;

use super::checker::Checker;
use super::error::Code;
use super::fields::{BUCKET, STACK};
use super::model::{Bucket, Days, Kind, Stack, Text};
use super::source::Entry;
use super::{iam, names};
use reader::Reader;

/// A stack as read, and which item of `wiring` each wiring is.
pub(super) struct Parsed {
    pub(super) stack: Stack,
    /// For each of [`Stack::notifications`].
    pub(super) notifications: Vec<String>,
    /// For each of [`Stack::mappings`].
    pub(super) mappings: Vec<String>,
}

/// Reads the checker's tree; what is refused is told to the checker.
pub(super) fn stack(cx: &Checker<'_>, file: &Path) -> Parsed {
    let top = Reader::top(cx, &STACK);
    let written = top.text("stack").unwrap_or_default();
    if let Some(entry) = top.get("stack").filter(|_| !written.is_empty()) {
        cx.push_name(Code::BadName, entry.value.span, names::stack(written));
    }
    // With an unusable name, resources are judged by themselves.
    let name = if names::stack(written).is_ok() {
        written
    } else {
        "s"
    };
    let resources = Resources {
        cx,
        top: &top,
        stack: name,
    };
    let mut parsed = Parsed {
        stack: Stack {
            name: written.to_owned(),
            file: file.to_owned(),
            root: cx.root.to_owned(),
            permissions_boundary: top.named_outside("permissions_boundary", iam::policy),
            buckets: resources.read(Kind::Bucket, |entry, path| bucket(cx, entry, path)),
            queues: resources.read(Kind::Queue, |entry, path| queue::read(cx, entry, path)),
            tables: resources.read(Kind::Table, |entry, path| table::read(cx, entry, path)),
            functions: resources.read(Kind::Function, |entry, path| {
                function::read(cx, entry, path)
            }),
            notifications: Vec::new(),
            mappings: Vec::new(),
            templates: resources.read(Kind::Template, |entry, path| {
                template::read(cx, entry, path)
            }),
            outputs: texts(&top, "outputs", |name| (Code::BadName, names::plain(name))),
            tests: top
                .map("tests")
                .iter()
                .filter_map(|entry| test::read(cx, entry))
                .collect(),
        },
        notifications: Vec::new(),
        mappings: Vec::new(),
    };
    wiring::read(cx, &top, &mut parsed);
    for target in top.map("targets") {
        cx.push_name(
            Code::BadName,
            target.key.span,
            names::plain(&target.key.value),
        );
    }
    top.finish();
    parsed
}

/// The sections of named resources.
struct Resources<'r, 'a> {
    cx: &'r Checker<'a>,
    top: &'r Reader<'r, 'a>,
    /// Name to judge physical names by.
    stack: &'r str,
}

impl<'a> Resources<'_, 'a> {
    fn read<T>(&self, kind: Kind, one: impl Fn(&'a Entry, &[&str]) -> Option<T>) -> Vec<T> {
        self.top
            .map(kind.section())
            .iter()
            .filter_map(|entry| {
                let name = entry.key.value.as_str();
                let legal = names::resource(kind, self.stack, name);
                self.cx.push_name(Code::BadName, entry.key.span, legal);
                one(entry, &[kind.section(), name])
            })
            .collect()
    }
}

fn bucket(cx: &Checker<'_>, entry: &Entry, path: &[&str]) -> Option<Bucket> {
    let reader = Reader::open(cx, entry, path, &BUCKET)?;
    let bucket = Bucket {
        name: entry.key.value.clone(),
        versioning: reader.flag("versioning"),
        expire_after: reader.number("expire_after").map(Days),
        retain: reader.flag("retain"),
    };
    reader.finish();
    Some(bucket)
}

/// A map from names to texts with references.
fn texts(
    reader: &Reader<'_, '_>,
    field: &str,
    judge: impl Fn(&str) -> (Code, Result<(), names::BadName>),
) -> Vec<(String, Text)> {
    reader
        .map(field)
        .iter()
        .map(|entry| {
            let name = &entry.key.value;
            let (code, result) = judge(name);
            reader.cx.push_name(code, entry.key.span, result);
            (name.clone(), reference::text(reader.cx, entry))
        })
        .collect()
}
