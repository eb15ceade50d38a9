//! Environments: their size, and functions that need each other through them.

use std::collections::{BTreeMap, BTreeSet};

use super::rings;
use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::model::{Kind, Part, Stack, Text};

/// Bytes of JSON that Lambda takes. // aws-behaviours L8
const MAX_ENVIRONMENT: usize = 4_096;

pub(super) fn check(cx: &Checker<'_>, stack: &Stack) {
    size(cx, stack);
    ring(cx, stack);
}

/// What of a text is known before anything exists.
fn literal(text: &Text) -> String {
    let literals = text.parts.iter().filter_map(|part| match part {
        Part::Literal(literal) => Some(literal.as_str()),
        Part::Reference(_) => None,
    });
    literals.collect()
}

fn size(cx: &Checker<'_>, stack: &Stack) {
    for function in &stack.functions {
        let known: serde_json::Map<String, serde_json::Value> = function
            .environment
            .iter()
            .map(|(name, text)| (name.clone(), literal(text).into()))
            .collect();
        let bytes = serde_json::Value::Object(known).to_string().len();
        if bytes > MAX_ENVIRONMENT {
            cx.push(
                StackError::new(
                    Code::EnvironmentTooLarge,
                    format!(
                        "the environment of `{}` is {bytes} bytes of JSON; Lambda takes {MAX_ENVIRONMENT}",
                        function.name
                    ),
                    "move large values into a file of the crate or an object in a bucket",
                )
                .at(cx.place(&["functions", &function.name, "environment"]), "too large"),
            );
        }
    }
}

/// A function is made after everything its environment names, so such references must not go round.
/// Wiring is made after both of its ends and closes no ring.
fn ring(cx: &Checker<'_>, stack: &Stack) {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut named_in: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for function in &stack.functions {
        for (variable, text) in &function.environment {
            for reference in text
                .references()
                .filter(|reference| reference.id.kind == Kind::Function)
            {
                let other = reference.id.name.as_str();
                edges.entry(&function.name).or_default().insert(other);
                named_in.entry((&function.name, other)).or_insert(variable);
            }
        }
    }
    for ring in rings::rings(&edges) {
        let (message, help) = match ring[..] {
            [one] => (
                format!("the environment of `{one}` names the function itself"),
                "read `AWS_LAMBDA_FUNCTION_NAME` in the function instead",
            ),
            _ => (
                format!("functions need each other: {}", rings::show(&ring)),
                "take one of the references out, or let the functions talk through a queue",
            ),
        };
        let mut error = StackError::new(Code::Cycle, message, help);
        for (function, next) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            let variable = named_in
                .get(&(*function, *next))
                .copied()
                .unwrap_or_default();
            let place = cx.place(&["functions", function, "environment", variable]);
            error = error.at(place, format!("`{function}` needs `{next}`"));
        }
        cx.push(error);
    }
}
