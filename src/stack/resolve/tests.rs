//! The stack's own tests: does what they look for stay where it is looked for?

use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::model::{Expectation, Stack};
use crate::stack::source::Node;

pub(super) fn check(cx: &Checker<'_>, stack: &Stack) {
    for test in &stack.tests {
        // One that was refused by itself is not among them, and what follows it has another place.
        let written = cx.node(&["tests", &test.name, "expect"]);
        if !matches!(written, Some(Node::List(items)) if items.len() == test.expect.len()) {
            continue;
        }
        for (index, expectation) in test.expect.iter().enumerate() {
            let Expectation::Message { queue, .. } = expectation else {
                continue;
            };
            let taker = stack.mappings.iter().find(|one| one.queue == *queue);
            let Some(taker) = taker else { continue };
            let index = index.to_string();
            let path = ["tests", &test.name, "expect", &index, "message", "queue"];
            cx.push(
                StackError::new(
                    Code::QueueIsRead,
                    format!(
                        "the function `{}` takes the messages of `{queue}`",
                        taker.function
                    ),
                    "name a queue that nothing takes from, such as its dead letter queue",
                )
                .at(cx.place(&path), "messages do not stay here"),
            );
        }
    }
}
