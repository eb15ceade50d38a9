//! Dead letters: no rings, and kept at least as long as in the queue they come from.

use std::collections::{BTreeMap, BTreeSet};

use super::rings;
use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::model::Stack;
use crate::stack::units::Unit;

pub(super) fn check(cx: &Checker<'_>, stack: &Stack) {
    ring(cx, stack);
    retention(cx, stack);
}

fn ring(cx: &Checker<'_>, stack: &Stack) {
    let edges: BTreeMap<&str, BTreeSet<&str>> = stack
        .queues
        .iter()
        .filter_map(|queue| {
            Some((
                queue.name.as_str(),
                queue.dead_letter.as_ref()?.queue.as_str(),
            ))
        })
        .map(|(queue, dead_letters)| (queue, BTreeSet::from([dead_letters])))
        .collect();
    for ring in rings::rings(&edges) {
        let message = match ring[..] {
            [one] => format!("`{one}` is its own dead letter queue"),
            _ => format!("dead letters would go round: {}", rings::show(&ring)),
        };
        let help =
            "send the dead letters of the last queue nowhere, or to a queue outside of the ring";
        let mut error = StackError::new(Code::Cycle, message, help);
        for queue in &ring {
            let place = cx.place(&["queues", queue, "dead_letter", "queue"]);
            error = error.at(place, format!("where `{queue}` sends them"));
        }
        cx.push(error);
    }
}

/// A dead letter keeps the age it had. // aws-behaviours Q9
fn retention(cx: &Checker<'_>, stack: &Stack) {
    for source in &stack.queues {
        let Some(dead_letters) = source
            .dead_letter
            .as_ref()
            .and_then(|to| stack.queue(&to.queue))
        else {
            continue;
        };
        let from = ["queues", source.name.as_str(), "retention"];
        let to = ["queues", dead_letters.name.as_str(), "retention"];
        if dead_letters.retention >= source.retention || !cx.sound(&[&from, &to]) {
            continue;
        }
        let show = |path: &[&str], seconds: u32| {
            let default = if cx.written(path) { "" } else { " by default" };
            format!("{}{default}", Unit::Seconds.show(seconds))
        };
        cx.push(
            StackError::new(
                Code::DeadLetterRetention,
                format!("`{}` keeps messages for less time than `{}`", dead_letters.name, source.name),
                format!(
                    "set `retention: 14d` on `{}`: a dead letter keeps the age it had before, and would be lost early",
                    dead_letters.name
                ),
            )
            .at(cx.place(&to), format!("kept {}", show(&to, dead_letters.retention.0)))
            .at(cx.place(&from), format!("kept {}", show(&from, source.retention.0))),
        );
    }
}
