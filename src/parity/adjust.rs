//! The stack as copies are.

use super::parts::Parts;
use crate::stack::model::{Function, Kind, Part, Stack, Text};

/// Longest run of one invocation in a copy, s.
pub const TIMEOUT_S: u32 = 3;
/// How long a message is hidden in a copy, s: six times as long, as AWS advises. // aws-behaviours Q10
pub const VISIBILITY_S: u32 = 18;
/// Receives before a message moves to the dead letter queue, in a copy.
pub const RECEIVES: u32 = 2;
/// Most memory of a function in a copy, MB: a scenario takes all of it, also where nothing stops it.
const MEMORY_MB: u32 = 512;
/// Largest file in a copy of a pipeline, bytes.
pub const LARGEST_FILE: usize = 21 * 1024 * 1024;

/// The stack as copies are: short times, few tries, nothing that stays, nothing that costs beyond what scenarios
/// need.
pub fn adjusted(stack: &Stack, parts: &Parts) -> Stack {
    let mut copy = stack.clone();
    let started_by_queue = |queue: &str| stack.mappings.iter().any(|one| one.queue == queue);
    for function in &mut copy.functions {
        function.timeout.0 = TIMEOUT_S;
        function.memory.0 = function.memory.0.min(MEMORY_MB);
        function.async_retries = 0;
        // It may not fit an account, and is what a scenario sets.
        function.reserved_concurrency = None;
        if parts.is_pipeline
            && parts
                .event
                .as_ref()
                .is_some_and(|e| e.function == function.name)
        {
            set(function, "MAX_FILE_BYTES", &LARGEST_FILE.to_string());
        }
    }
    for queue in &mut copy.queues {
        queue.delay.0 = 0;
        if started_by_queue(&queue.name) {
            queue.visibility_timeout.0 = VISIBILITY_S;
            if let Some(letters) = &mut queue.dead_letter {
                letters.max_receives = RECEIVES;
            }
        }
    }
    for mapping in &mut copy.mappings {
        mapping.batch = mapping.batch.min(10);
        mapping.window.0 = 0;
    }
    let mut texts = copy
        .functions
        .iter()
        .flat_map(|function| &function.environment);
    let needs_templates = texts.any(|(_, text)| {
        let mut references = text.references();
        references.any(|reference| reference.id.kind == Kind::Template)
    });
    if !needs_templates {
        copy.templates.clear();
    }
    copy.outputs.clear();
    copy.tests.clear();
    copy
}

/// Sets a variable of a function.
pub fn set(function: &mut Function, name: &str, value: &str) {
    let text = Text {
        parts: vec![Part::Literal(value.to_owned())],
    };
    function.environment.retain(|(one, _)| one != name);
    function.environment.push((name.to_owned(), text));
}
