//! Functions.

use super::reader::{Reader, wrong_type};
use super::{reference, texts};
use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::fields::{ACCESS, FUNCTION, LOG_RETENTION_DAYS};
use crate::stack::model::{
    Access, AccessAction, Architecture, Days, Function, Kind, LogicalId, Megabytes, Seconds, Source,
};
use crate::stack::source::{Entry, Node, Spanned};
use crate::stack::suggest::quoted;
use crate::stack::{iam, names};

pub(super) fn read(cx: &Checker<'_>, entry: &Entry, path: &[&str]) -> Option<Function> {
    let reader = Reader::open(cx, entry, path, &FUNCTION)?;
    let architectures = [
        Architecture::Host,
        Architecture::Arm64,
        Architecture::X86_64,
    ];
    let function = Function {
        name: entry.key.value.clone(),
        source: source(cx, &reader),
        memory: Megabytes(reader.number("memory").unwrap_or_default()),
        timeout: Seconds(reader.number("timeout").unwrap_or_default()),
        architecture: architectures[reader.word("architecture")],
        environment: texts(&reader, "environment", |name| {
            (Code::BadVariable, names::variable(name))
        }),
        access: access(cx, &reader),
        role: reader.named_outside("role", iam::role),
        on_failure: on_failure(cx, &reader),
        async_retries: reader.number("async_retries").unwrap_or_default(),
        reserved_concurrency: reader.number("reserved_concurrency"),
        log_retention: log_retention(cx, &reader),
    };
    reader.finish();
    Some(function)
}

/// A crate or a zip, and not both.
fn source(cx: &Checker<'_>, reader: &Reader<'_, '_>) -> Source {
    match (reader.get("crate"), reader.get("artifact")) {
        (Some(of_crate), Some(of_zip)) => cx.push(
            StackError::new(
                Code::TwoSources,
                "a function has either `crate` or `artifact`, not both",
                "remove the one that is not meant",
            )
            .at(of_zip.mark(), "a zip made elsewhere")
            .at(of_crate.mark(), "a crate to be built"),
        ),
        (None, None) => reader.missing(
            "crate",
            "add `crate: DIRECTORY` to have it built, or `artifact: FILE.zip` for one made elsewhere",
        ),
        (Some(_), None) | (None, Some(_)) => {}
    }
    match reader.text("artifact") {
        Some(file) => Source::Artifact(file.into()),
        // What was refused is empty.
        None => Source::Crate(reader.text("crate").unwrap_or_default().into()),
    }
}

fn on_failure(cx: &Checker<'_>, reader: &Reader<'_, '_>) -> Option<String> {
    let text = reader.text("on_failure")?;
    let at = cx.place(&reader.path("on_failure"));
    reference::resource(cx, text, at, "on_failure", &[Kind::Queue]).map(|id| id.name)
}

fn log_retention(cx: &Checker<'_>, reader: &Reader<'_, '_>) -> Days {
    let days = reader.number("log_retention").unwrap_or_default();
    if !LOG_RETENTION_DAYS.contains(&days) {
        let nearest = LOG_RETENTION_DAYS
            .iter()
            .min_by_key(|allowed| allowed.abs_diff(days));
        let all: Vec<String> = LOG_RETENTION_DAYS.iter().map(u32::to_string).collect();
        let help = format!(
            "write `{}d`; CloudWatch Logs keeps log events for {} days",
            nearest.unwrap_or(&days),
            all.join(", ")
        );
        cx.push(
            StackError::new(
                Code::UnknownValue,
                format!("`log_retention` cannot be {days} days"),
                help,
            )
            .at(cx.place(&reader.path("log_retention")), "unknown value"),
        );
    }
    Days(days)
}

fn access(cx: &Checker<'_>, reader: &Reader<'_, '_>) -> Vec<Access> {
    let path = reader.path("access");
    reader
        .list("access")
        .iter()
        .enumerate()
        .filter_map(|(index, item)| access_item(cx, item, &path, index))
        .collect()
}

/// `{ read: buckets.uploads }`.
fn access_item(
    cx: &Checker<'_>,
    item: &Spanned<Node>,
    access: &[&str],
    index: usize,
) -> Option<Access> {
    let index = index.to_string();
    let path = [access, &[index.as_str()]].concat();
    let reader = Reader::open_item(cx, item, &path, &ACCESS)?;
    let actions = [
        ("read", AccessAction::Read),
        ("write", AccessAction::Write),
        ("send", AccessAction::Send),
    ];
    let given: Vec<_> = actions
        .into_iter()
        .filter_map(|(name, action)| reader.get(name).map(|_| (name, action)))
        .collect();
    let access = match given[..] {
        [(name, action)] => reader.text(name).and_then(|text| {
            let at = cx.place(&reader.path(name));
            let id = reference::resource(cx, text, at, name, reference::NAMEABLE)?;
            possible(cx, name, action, &id, &reader).then_some(Access { action, on: id })
        }),
        // An unknown word alone has had its error.
        [] if !item.value.entries().is_empty() => None,
        _ => {
            cx.push(wrong_type(
                item.mark(),
                "an entry of `access`",
                "one action on one resource",
                &item.value,
                "write one entry each, as in `[{ read: buckets.a }, { send: queues.b }]`",
            ));
            None
        }
    };
    reader.finish();
    access
}

/// The actions that a kind knows.
fn actions_of(kind: Kind) -> &'static [(&'static str, AccessAction)] {
    match kind {
        Kind::Bucket | Kind::Table => {
            &[("read", AccessAction::Read), ("write", AccessAction::Write)]
        }
        Kind::Queue => &[("send", AccessAction::Send), ("read", AccessAction::Read)],
        _ => &[],
    }
}

fn possible(
    cx: &Checker<'_>,
    name: &str,
    action: AccessAction,
    id: &LogicalId,
    reader: &Reader<'_, '_>,
) -> bool {
    let actions = actions_of(id.kind);
    if actions.iter().any(|(_, known)| *known == action) {
        return true;
    }
    let label = id.kind.label();
    let help = if actions.is_empty() {
        format!("a {label} is reached by wiring only; remove the entry")
    } else {
        format!(
            "use {} for a {label}",
            quoted(actions.iter().map(|(name, _)| *name))
        )
    };
    cx.push(
        StackError::new(
            Code::AccessNotPossible,
            format!("`{name}` is nothing one can do with a {label}"),
            help,
        )
        .at(cx.place(&reader.path(name)), format!("this is a {label}")),
    );
    false
}
