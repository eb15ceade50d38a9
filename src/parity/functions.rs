//! Functions that end in every way there is, what they find around them, and what is in their logs.

use serde_json::{Value, json};

use super::front::MARK;
use super::letters::Letter;
use super::seen::{Played, Seen, without_ids, words_of_error};
use super::world::World;
use crate::operate::logs::LineKind;
use crate::resource::CallError;
use crate::stack::model::Text;

/// What the record of a failed event says, besides the event.
pub fn tell_record(seen: &mut Seen, letter: Option<&Letter>) {
    let record = letter.map(|letter| serde_json::from_str::<Value>(&letter.body));
    let told = match &record {
        None => "none",
        Some(Err(_)) => "no JSON",
        Some(Ok(_)) => "there",
    };
    seen.fact("record in the on-failure queue", told);
    let Some(Ok(record)) = record else { return };
    let text = |path: &str| match record.pointer(path) {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    seen.fact("condition", text("/requestContext/condition"));
    seen.fact(
        "invoke count",
        text("/requestContext/approximateInvokeCount"),
    );
    seen.fact("function error", text("/responseContext/functionError"));
    seen.fact("error type", text("/responsePayload/errorType"));
    seen.fact(
        "error message",
        words_of_error(&text("/responsePayload/errorMessage")),
    );
}

/// A function that is started by an event and comes to a bad end.
async fn ends(world: &World, tag: &str, act: &str) -> Played {
    let function = world.function()?.to_owned();
    world.start(tag, act).await?;
    let mut seen = Seen::new();
    if let Some(queue) = &world.parts.on_failure {
        let letters = world.letters(queue, 1, world.pace.promptly, tag).await?;
        tell_record(&mut seen, letters.first());
    }
    let traces = world.traces(tag, &function, 1).await?;
    seen.fact("invocations", traces.len());
    if let Some(trace) = traces.first() {
        let id = &trace.request_id;
        let told = world.line(&function, |event| {
            event.line.tells_failure() && event.raw.contains(id.as_str())
        });
        let told = told.await?.map(|event| words_of_error(&event.raw));
        seen.fact("log", told.as_deref().unwrap_or("nothing of it"));
    }
    Ok(seen)
}

pub async fn timeout(world: &World) -> Played {
    ends(world, "function-timeout", "event-sleep").await
}

pub async fn crash(world: &World) -> Played {
    ends(world, "function-crash", "event-exit").await
}

pub async fn panic(world: &World) -> Played {
    let mut seen = ends(world, "function-panic", "event-panic").await?;
    let function = world.function()?.to_owned();
    let told = world.line(&function, |event| event.raw.contains("asked to panic"));
    seen.is("the panic's message is in the log", told.await?.is_some());
    Ok(seen)
}

pub async fn memory(world: &World) -> Played {
    let mut seen = ends(world, "function-memory", "event-memory").await?;
    let survived = world.has_line(world.function()?, 0, |event| {
        event.raw.contains("pipectl_parity_survived")
    });
    seen.is("goes on beyond its memory", survived.await?);
    Ok(seen)
}

/// Asks a function for what is around it.
pub async fn ask(
    world: &World,
    function: &str,
    tag: &str,
) -> Result<super::calls::Invoked, CallError> {
    let mark = json!({ "mark": format!("{MARK}{tag}--event-tell--") });
    world.invoke(function, &mark).await
}

/// Variables that AWS sets for functions of OS-only runtimes, which `_X_AMZN_TRACE_ID` is none of: there it is for
/// the runtime to set. (AWS Lambda developer guide, "Defined runtime environment variables".)
const RESERVED: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "LANG",
    "LD_LIBRARY_PATH",
    "PATH",
    "TZ",
    "_HANDLER",
];

/// Those whose values are the same everywhere.
const FIXED: &[&str] = &[
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "LAMBDA_RUNTIME_DIR",
    "LANG",
    "TZ",
];

pub async fn environment(world: &World) -> Played {
    let name = world.function()?.to_owned();
    let invoked = ask(world, &name, "function-environment").await?;
    let mut seen = Seen::new();
    seen.fact("function error", invoked.error.as_deref().unwrap_or("none"));
    let told = invoked.payload["environment"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let value = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or("none");
    let missing: Vec<&str> = RESERVED
        .iter()
        .copied()
        .filter(|name| !told.contains_key(*name))
        .collect();
    seen.fact(
        "variables of AWS that are missing",
        if missing.is_empty() {
            "none".to_owned()
        } else {
            missing.join(", ")
        },
    );
    for name in FIXED {
        seen.fact(*name, value(name));
    }
    let copy = world.copy.functions.iter().find(|one| one.name == name);
    let place = &world.cx.place;
    let physical = place.function(&world.copy, &name).name;
    let memory = copy.map_or(0, |one| one.memory.0).to_string();
    seen.is(
        "region of the target",
        value("AWS_REGION") == place.target.region()
            && value("AWS_DEFAULT_REGION") == place.target.region(),
    );
    seen.is(
        "name of the function",
        value("AWS_LAMBDA_FUNCTION_NAME") == physical,
    );
    seen.is(
        "memory of the function",
        value("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") == memory,
    );
    seen.is(
        "log group of the function",
        value("AWS_LAMBDA_LOG_GROUP_NAME") == format!("/aws/lambda/{physical}"),
    );
    seen.is("finds its code", invoked.payload["finds_its_code"] == true);
    seen.is(
        "works in its code",
        invoked.payload["works_in_its_code"] == true,
    );
    let own = copy.into_iter().flat_map(|one| &one.environment);
    let unset: Vec<&str> = own
        .filter(|(name, text)| {
            // Secrets are told to be there, and no more.
            let there = told.get(name);
            there.is_none_or(|there| {
                literal(text).is_some_and(|text| !there.is_null() && *there != text)
            })
        })
        .map(|(name, _)| name.as_str())
        .collect();
    seen.fact(
        "variables of the stack that are not as it says",
        if unset.is_empty() {
            "none".to_owned()
        } else {
            unset.join(", ")
        },
    );
    let stack: Vec<&str> = copy
        .into_iter()
        .flat_map(|one| &one.environment)
        .map(|(name, _)| name.as_str())
        .collect();
    let others = told.keys().map(String::as_str);
    let others: Vec<&str> = others
        .filter(|name| !RESERVED.contains(name) && !stack.contains(name))
        .collect();
    // An emulator has to tell SDKs where it is. What else a machine has in its environment is nobody's business.
    let (of_aws, rest): (Vec<&str>, Vec<&str>) = others
        .iter()
        .partition(|name| name.contains("AWS") || name.contains("LAMBDA"));
    seen.note(
        "others",
        format!("{}, and {} more", of_aws.join(", "), rest.len()),
    );
    Ok(seen)
}

/// A text without references.
fn literal(text: &Text) -> Option<String> {
    use crate::stack::model::Part;
    let parts = text.parts.iter().map(|part| match part {
        Part::Literal(text) => Some(text.as_str()),
        Part::Reference(_) => None,
    });
    parts.collect()
}

pub async fn log_lines(world: &World) -> Played {
    let tag = "function-logs";
    let function = world.function()?.to_owned();
    ask(world, &function, tag).await?;
    let mut seen = Seen::new();
    let traces = world.traces(tag, &function, 1).await?;
    seen.is("the function's line is there", !traces.is_empty());
    let Some(trace) = traces.first() else {
        return Ok(seen);
    };
    for (name, kind) in [
        ("START", LineKind::Start),
        ("END", LineKind::End),
        ("REPORT", LineKind::Report),
    ] {
        let of_it = |event: &crate::operate::logs::LogEvent| {
            event.line.kind == kind && event.line.request_id.as_deref() == Some(&trace.request_id)
        };
        seen.is(
            &format!("{name} of the invocation"),
            world.line(&function, of_it).await?.is_some(),
        );
    }
    seen.fact("log stream", shape(&trace.stream));
    Ok(seen)
}

/// A name with digits for digits: `0000/00/00/[$LATEST]<32 hex digits>`.
fn shape(stream: &str) -> String {
    let (head, id) = stream.split_once(']').unwrap_or((stream, ""));
    let head: String = head
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let hex = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (id.len(), hex) {
        (0, _) => without_ids(&head),
        (length, true) => format!("{head}]<{length} hex digits>"),
        (_, false) => without_ids(&format!("{head}]{id}")),
    }
}
