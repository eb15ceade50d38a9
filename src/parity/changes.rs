//! Functions that are changed: to fail before they are ready, to be tried once more, to run not at all, to have other
//! code. Each scenario leaves the copy as it was.

use std::collections::BTreeMap;
use std::time::Duration;

use model::sample::{SEED, sample};
use serde_json::Value;

use super::adjust::set;
use super::files::tell;
use super::front::FAIL_INIT;
use super::functions::{ask, tell_record};
use super::seen::{Played, Seen, Trouble};
use super::world::World;
use crate::stack::model::{Function, Stack};

/// The function of a copy that is to be changed.
fn function_of<'s>(stack: &'s mut Stack, name: &str) -> Option<&'s mut Function> {
    stack.functions.iter_mut().find(|one| one.name == name)
}

pub async fn init_error(world: &World) -> Played {
    let tag = "function-init-error";
    let function = world.function()?.to_owned();
    let fail = |stack: &mut Stack| {
        if let Some(function) = function_of(stack, &function) {
            set(function, FAIL_INIT, "1");
        }
    };
    world.change(fail, &[]).await?;
    let tried = async {
        let mut seen = Seen::new();
        let invoked = ask(world, &function, tag).await?;
        seen.fact("function error", invoked.error.as_deref().unwrap_or("none"));
        let kind = invoked.payload["errorType"].as_str();
        seen.fact("error type", kind.unwrap_or("none"));
        if let Some(queue) = &world.parts.on_failure {
            world.start(tag, "go").await?;
            let letters = world.letters(queue, 1, world.pace.promptly, tag).await?;
            let mut record = Seen::new();
            tell_record(&mut record, letters.first());
            let facts = record.facts.into_iter();
            seen.facts
                .extend(facts.map(|(name, value)| (format!("event: {name}"), value)));
        }
        Ok::<_, Trouble>(seen)
    };
    let tried = tried.await;
    world.change(|_| {}, &[]).await?;
    let mut seen = tried?;
    let healed = ask(world, &function, tag).await?;
    seen.is("works again without the fault", healed.error.is_none());
    Ok(seen)
}

/// Longer than AWS waits before the first retry. // aws-behaviours L21
const RETRY: Duration = Duration::from_secs(75);

pub async fn async_failure(world: &World) -> Played {
    let tag = "function-async-failure";
    let function = world.function()?.to_owned();
    let retry = |stack: &mut Stack| {
        if let Some(function) = function_of(stack, &function) {
            function.async_retries = 1;
        }
    };
    world.change(retry, &[]).await?;
    let tried = async {
        world.start(tag, "event-fail").await?;
        let queue = world.parts.on_failure.as_deref().unwrap_or_default();
        let patience = (world.pace.patience + world.pace.promptly).max(RETRY);
        let letters = world.letters(queue, 1, patience, tag).await?;
        let traces = world.traces(tag, &function, 2).await?;
        let mut seen = Seen::new();
        seen.fact("invocations", traces.len());
        let ids = traces.iter().map(|trace| &trace.request_id);
        seen.is(
            "with the same request id",
            ids.collect::<std::collections::BTreeSet<_>>().len() == 1,
        );
        tell_record(&mut seen, letters.first());
        let record = letters
            .first()
            .and_then(|letter| serde_json::from_str::<Value>(&letter.body).ok());
        let record = record.unwrap_or_default();
        let context = &record["requestContext"];
        seen.fact("version", record["version"].as_str().unwrap_or("none"));
        seen.is("has a timestamp", record["timestamp"].is_string());
        let id = context["requestId"].as_str();
        seen.is(
            "tells the invocation's id",
            id.is_some() && id == traces.first().map(|trace| trace.request_id.as_str()),
        );
        let arn = context["functionArn"].as_str().unwrap_or_default();
        let name = world.cx.place.function(&world.copy, &function).name;
        let end = arn.split(&name).nth(1).unwrap_or("another function");
        seen.fact(
            "qualifier of the function",
            if end.is_empty() { "none" } else { end },
        );
        seen.is(
            "has the event",
            record["requestPayload"].to_string().contains(tag),
        );
        seen.fact("status code", &record["responseContext"]["statusCode"]);
        seen.fact(
            "executed version",
            record["responseContext"]["executedVersion"]
                .as_str()
                .unwrap_or("none"),
        );
        Ok::<_, Trouble>(seen)
    };
    let tried = tried.await;
    world.change(|_| {}, &[]).await?;
    tried
}

pub async fn no_concurrency(world: &World) -> Played {
    let tag = "function-no-concurrency";
    let function = world.function()?.to_owned();
    let none = |stack: &mut Stack| {
        if let Some(function) = function_of(stack, &function) {
            function.reserved_concurrency = Some(0);
        }
    };
    world.change(none, &[]).await?;
    let mut seen = Seen::new();
    let tried = async {
        let refused = world.until(world.pace.promptly, || async {
            Ok(ask(world, &function, tag).await.err())
        });
        let refused = refused.await?;
        seen.fact(
            "an invocation is refused with",
            refused.map_or("nothing".to_owned(), |error| error.code),
        );
        let tag = "function-no-concurrency-during";
        world.start(tag, "go").await?;
        world.settle().await;
        seen.fact(
            "invocations meanwhile",
            world.traces_now(tag, &function).await?.len(),
        );
        if let Some(queue) = &world.parts.on_failure {
            let patience = world.pace.promptly;
            let letters = world.letters(queue, 1, patience, tag).await?;
            let mut record = Seen::new();
            tell_record(&mut record, letters.first());
            let kept = [
                "condition",
                "invoke count",
                "record in the on-failure queue",
            ];
            let facts = record
                .facts
                .into_iter()
                .filter(|(name, _)| kept.contains(&name.as_str()));
            seen.facts
                .extend(facts.map(|(name, value)| (format!("event meanwhile: {name}"), value)));
        }
        Ok::<_, Trouble>(())
    };
    let tried = tried.await;
    world.change(|_| {}, &[]).await?;
    tried?;
    let works = world.until(world.pace.patience, || async {
        Ok(ask(world, &function, tag).await.ok())
    });
    seen.is("an invocation works again", works.await?.is_some());
    let tag = "function-no-concurrency-after";
    world.start(tag, "go").await?;
    seen.is(
        "the next event starts it",
        !world.traces(tag, &function, 1).await?.is_empty(),
    );
    Ok(seen)
}

pub async fn code_update(world: &World) -> Played {
    let tag = "function-code-update";
    let function = world.function()?.to_owned();
    world
        .change_at_once(|_| {}, &[(&function, "second")])
        .await?;
    let mut seen = Seen::new();
    let begun = tokio::time::Instant::now();
    if world.pipeline.is_some() {
        let stored = world
            .put(
                &world.key(tag, "go", ".ndjson")?,
                sample(SEED + 60, 13, false),
            )
            .await?;
        let result = world.result(&stored).await?;
        tell(&mut seen, "next file", result.as_ref());
    } else {
        world.start(tag, "go").await?;
    }
    let traces = world.traces(tag, &function, 1).await?;
    let codes: BTreeMap<&str, usize> = traces.iter().fold(BTreeMap::new(), |mut codes, trace| {
        *codes.entry(trace.note.as_str()).or_default() += 1;
        codes
    });
    let codes: Vec<String> = codes
        .iter()
        .map(|(code, count)| format!("{code} × {count}"))
        .collect();
    seen.fact("code that handled it", codes.join(", "));
    seen.note("after", format!("{} ms", begun.elapsed().as_millis()));
    Ok(seen)
}
