//! Wiring from queues: times, batches and concurrency that fit together.

use std::collections::BTreeMap;

use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::model::Mapping;
use crate::stack::read::Parsed;
use crate::stack::units::Unit;

/// How many timeouts a message should stay hidden, as AWS advises.
const ADVISED_TIMEOUTS: u32 = 6;
/// Longest visibility timeout, seconds.
const MAX_VISIBILITY: u32 = 43_200;
/// Largest batch that needs no window. // aws-behaviours E8
const BATCH_WITHOUT_WINDOW: u32 = 10;

pub(super) fn check(cx: &Checker<'_>, parsed: &Parsed) {
    let mut seen: BTreeMap<String, (&Mapping, &str)> = BTreeMap::new();
    for (mapping, index) in parsed.stack.mappings.iter().zip(&parsed.mappings) {
        let earlier = *seen.entry(mapping.name()).or_insert((mapping, index));
        if earlier.1 == index {
            visibility(cx, parsed, mapping, index);
        } else {
            twice(cx, (mapping, index), earlier);
        }
        window(cx, mapping, index);
        concurrency(cx, parsed, mapping, index);
    }
}

/// ` (the default)` for what is not in the file.
fn default(cx: &Checker<'_>, path: &[&str]) -> &'static str {
    if cx.written(path) {
        ""
    } else {
        " (the default)"
    }
}

/// Lambda refuses such a mapping. // aws-behaviours Q10
fn visibility(cx: &Checker<'_>, parsed: &Parsed, mapping: &Mapping, index: &str) {
    let (Some(queue), Some(function)) = (
        parsed.stack.queue(&mapping.queue),
        parsed.stack.function(&mapping.function),
    ) else {
        return;
    };
    let hidden = ["queues", queue.name.as_str(), "visibility_timeout"];
    let timeout = ["functions", function.name.as_str(), "timeout"];
    if queue.visibility_timeout >= function.timeout || !cx.sound(&[&hidden, &timeout]) {
        return;
    }
    let show = |seconds: u32| Unit::Seconds.show(seconds);
    // A batch may wait for its window as well; Lambda advises to reckon with that, and does not refuse.
    let window = mapping.window.0;
    let and_window = if window > 0 && cx.sound(&[&["wiring", index, "window"]]) {
        " and the window"
    } else {
        ""
    };
    let advised = (function.timeout.0 * ADVISED_TIMEOUTS + window).min(MAX_VISIBILITY);
    cx.push(
        StackError::new(
            Code::VisibilityBelowTimeout,
            format!(
                "the queue `{}` shows a message again before `{}` must be done with it",
                queue.name, function.name
            ),
            format!(
                "set `visibility_timeout` to at least {}; AWS advises six times the timeout{and_window}: `{}`",
                show(function.timeout.0),
                show(advised)
            ),
        )
        .at(
            cx.place(&hidden),
            format!(
                "hidden for {}{}",
                show(queue.visibility_timeout.0),
                default(cx, &hidden)
            ),
        )
        .at(
            cx.place(&timeout),
            format!(
                "may take {}{}",
                show(function.timeout.0),
                default(cx, &timeout)
            ),
        ),
    );
}

fn twice(cx: &Checker<'_>, later: (&Mapping, &str), earlier: (&Mapping, &str)) {
    let same_pair = (&later.0.queue, &later.0.function) == (&earlier.0.queue, &earlier.0.function);
    let error = if same_pair {
        // aws-behaviours E1
        StackError::new(
            Code::DuplicateMapping,
            format!(
                "the queue `{}` is wired to `{}` twice",
                later.0.queue, later.0.function
            ),
            "keep one of the two wirings",
        )
    } else {
        StackError::new(
            Code::NameCollision,
            format!("two wirings would both be called `{}`", later.0.name()),
            "rename one of the queues or functions",
        )
    };
    cx.push(
        error
            .at(cx.place(&["wiring", later.1, "from"]), "again here")
            .at(cx.place(&["wiring", earlier.1, "from"]), "first here"),
    );
}

fn window(cx: &Checker<'_>, mapping: &Mapping, index: &str) {
    let (batch, window) = (["wiring", index, "batch"], ["wiring", index, "window"]);
    if mapping.batch <= BATCH_WITHOUT_WINDOW
        || mapping.window.0 >= 1
        || !cx.sound(&[&batch, &window])
    {
        return;
    }
    let mut error = StackError::new(
        Code::BatchNeedsWindow,
        format!(
            "a batch of {} messages needs a window in which it can fill",
            mapping.batch
        ),
        format!("add `window: 1s` or more, or use a batch of at most {BATCH_WITHOUT_WINDOW}"),
    )
    .at(
        cx.place(&batch),
        format!("more than {BATCH_WITHOUT_WINDOW}"),
    );
    if cx.written(&window) {
        error = error.at(cx.place(&window), "no time to fill");
    }
    cx.push(error);
}

/// Invocations over the reserve are throttled, and each throttle counts as a receive.
/// See aws-behaviours E10.
fn concurrency(cx: &Checker<'_>, parsed: &Parsed, mapping: &Mapping, index: &str) {
    let Some(function) = parsed.stack.function(&mapping.function) else {
        return;
    };
    let Some(reserved) = function.reserved_concurrency else {
        return;
    };
    let reserve = ["functions", function.name.as_str(), "reserved_concurrency"];
    if reserved == 0 {
        cx.push(
            StackError::new(
                Code::ConcurrencyAboveReserved,
                format!("`{}` is wired to a queue and may never run", function.name),
                "raise `reserved_concurrency`, or take the wiring out: throttled messages end as dead letters",
            )
            .at(cx.place(&["wiring", index, "to"]), "is to run for this")
            .at(cx.place(&reserve), "no invocation"),
        );
        return;
    }
    let Some(max) = mapping.max_concurrency else {
        return;
    };
    let wanted = ["wiring", index, "max_concurrency"];
    if max <= reserved || !cx.sound(&[&wanted, &reserve]) {
        return;
    }
    cx.push(
        StackError::new(
            Code::ConcurrencyAboveReserved,
            format!("the wiring may run `{}` {max} times at once, and {reserved} are reserved", function.name),
            "lower `max_concurrency` or raise `reserved_concurrency`: throttled messages end as dead letters",
        )
        .at(cx.place(&wanted), format!("up to {max}"))
        .at(cx.place(&reserve), format!("only {reserved}")),
    );
}
