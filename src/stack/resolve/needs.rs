//! Functions and templates that need each other through what they name.

use std::collections::{BTreeMap, BTreeSet};

use super::rings;
use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::model::{Kind, LogicalId, Stack, Text};

/// What is made after everything that its texts name.
struct Part<'a> {
    id: LogicalId,
    field: &'static str,
    texts: &'a [(String, Text)],
}

/// Such references must not go round. Wiring is made after both of its ends and closes no ring.
pub(super) fn check(cx: &Checker<'_>, stack: &Stack) {
    let functions = stack.functions.iter().map(|function| Part {
        id: LogicalId::new(Kind::Function, &function.name),
        field: "environment",
        texts: &function.environment,
    });
    let templates = stack.templates.iter().map(|template| Part {
        id: LogicalId::new(Kind::Template, &template.name),
        field: "parameters",
        texts: &template.parameters,
    });
    let parts: Vec<Part<'_>> = functions.chain(templates).collect();
    let ids: Vec<String> = parts.iter().map(|part| part.id.to_string()).collect();
    let index: BTreeMap<&str, usize> = ids.iter().map(String::as_str).zip(0..).collect();

    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut named_in: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (part, id) in parts.iter().zip(&ids) {
        for (name, text) in part.texts {
            for reference in text.references() {
                let Some((other, _)) = index.get_key_value(reference.id.to_string().as_str())
                else {
                    continue;
                };
                edges.entry(id).or_default().insert(other);
                named_in.entry((id, other)).or_insert(name);
            }
        }
    }
    for ring in rings::rings(&edges) {
        let members: Vec<&Part<'_>> = ring.iter().map(|id| &parts[index[id]]).collect();
        let (message, help) = told(&members);
        let mut error = StackError::new(Code::Cycle, message, help);
        for (at, part) in members.iter().enumerate() {
            let next = (at + 1) % ring.len();
            let name = named_in.get(&(ring[at], ring[next])).copied();
            let place = [
                part.id.kind.section(),
                &part.id.name,
                part.field,
                name.unwrap_or_default(),
            ];
            let label = format!("`{}` needs `{}`", part.id.name, members[next].id.name);
            error = error.at(cx.place(&place), label);
        }
        cx.push(error);
    }
}

/// Message and next step.
fn told(ring: &[&Part<'_>]) -> (String, &'static str) {
    let is_all = |kind: Kind| ring.iter().all(|part| part.id.kind == kind);
    if let [one] = ring {
        let name = &one.id.name;
        return if one.id.kind == Kind::Function {
            (
                format!("the environment of `{name}` names the function itself"),
                "read `AWS_LAMBDA_FUNCTION_NAME` in the function instead",
            )
        } else {
            (
                format!("a parameter of the template `{name}` is an output of its own"),
                "use the value inside of the template: an output is known when all of it is made",
            )
        };
    }
    if is_all(Kind::Function) {
        let names: Vec<&str> = ring.iter().map(|part| part.id.name.as_str()).collect();
        return (
            format!("functions need each other: {}", rings::show(&names)),
            "take one of the references out, or let the functions talk through a queue",
        );
    }
    let ids: Vec<String> = ring.iter().map(|part| part.id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let who = if is_all(Kind::Template) {
        "templates need"
    } else {
        "functions and templates need"
    };
    (
        format!("{who} each other: {}", rings::show(&ids)),
        "take one of the references out; a template of its own may hold what the others need",
    )
}
