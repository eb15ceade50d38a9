//! Messages: batches, failures, dead letters.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use model::sample::{SEED, sample};

use super::adjust::RECEIVES;
use super::files::tell;
use super::letters;
use super::seen::{Played, Seen, Trouble};
use super::traces::Trace;
use super::world::World;
use crate::event::Silent;
use crate::operate::dead_letters::{self, Desk, redrive};
use crate::stack::model::{Kind, LogicalId};

/// So long are messages hidden at first that are to come in sight together, s.
const TOGETHER_S: i32 = 2;

/// How often each message of a scenario was received: `1, 1, 2`.
fn receives(traces: &[Trace]) -> String {
    let ids: BTreeSet<&Option<String>> = traces.iter().map(|trace| &trace.message).collect();
    let mut counts: Vec<usize> = ids
        .iter()
        .map(|id| traces.iter().filter(|trace| trace.message == **id).count())
        .collect();
    counts.sort_unstable();
    let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
    counts.join(", ")
}

/// Name of the queue's dead letter queue.
fn dead_letters_of(world: &World) -> Result<&str, Trouble> {
    let queue = world.queue()?.dead_letters.as_deref();
    queue.ok_or_else(|| Trouble::Failed("the queue has no dead letter queue".to_owned()))
}

pub async fn batch(world: &World) -> Played {
    let tag = "queue-batch";
    let function = world.queue()?.function.clone();
    world.send(tag, &["queue-ok"; 10], TOGETHER_S).await?;
    let traces = world.traces(tag, &function, 10).await?;
    let requests: BTreeSet<&String> = traces.iter().map(|trace| &trace.request_id).collect();
    let of_request = |id: &String| {
        traces
            .iter()
            .filter(|trace| trace.request_id == *id)
            .count()
    };
    let largest = requests.iter().map(|id| of_request(id)).max().unwrap_or(0);
    let mut seen = Seen::new();
    seen.fact("messages handled", traces.len());
    seen.fact("receives of each", receives(&traces));
    seen.is("several in one invocation", largest > 1);
    seen.is(
        "more than ten in one",
        traces.iter().any(|trace| trace.batch > 10),
    );
    // SQS gives what the servers it asks happen to have.
    seen.note("largest batch", largest);
    seen.note("invocations", requests.len());
    Ok(seen)
}

pub async fn partial_failure(world: &World) -> Played {
    let tag = "queue-partial-failure";
    let function = world.queue()?.function.clone();
    world
        .send(tag, &["queue-ok", "queue-once-ok", "queue-ok"], TOGETHER_S)
        .await?;
    let traces = world.traces(tag, &function, 4).await?;
    let of = |act: &str| -> Vec<Trace> {
        traces
            .iter()
            .filter(|trace| trace.act == act)
            .cloned()
            .collect()
    };
    let mut seen = Seen::new();
    seen.fact(
        "receives of those that did not fail",
        receives(&of("queue-ok")),
    );
    seen.fact(
        "receives of the one that failed once",
        receives(&of("queue-once-ok")),
    );
    if let Some(queue) = &world.queue()?.dead_letters {
        let letters = world.letters_now(queue, tag).await?;
        seen.fact("dead letters", letters.len());
    }
    Ok(seen)
}

/// Attributes of a letter that differ from run to run.
const OF_THE_RUN: &[&str] = &["job_id", "failed_at"];

pub async fn poison(world: &World) -> Played {
    let tag = "queue-poison";
    let body = "this is no log\nand never was\n".repeat(3);
    let stored = world.put(&world.key(tag, "go", ".ndjson")?, body).await?;
    let result = world.result(&stored).await?;
    let mut seen = Seen::new();
    tell(&mut seen, "", result.as_ref());
    let letters = world
        .letters(dead_letters_of(world)?, 1, world.pace.promptly, tag)
        .await?;
    seen.fact("dead letters", letters.len());
    if let Some(letter) = letters.first() {
        let told = letter.attributes.iter();
        let told = told.filter(|(name, _)| !OF_THE_RUN.contains(&name.as_str()));
        let told: Vec<String> = told
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        seen.fact(
            "the letter tells",
            told.join(", ").replace(&stored.key, "<key>"),
        );
    }
    let worker = world.queue()?.function.clone();
    let traces = world.traces(tag, &worker, 1).await?;
    seen.fact("receives of the message", receives(&traces));
    Ok(seen)
}

pub async fn max_receives(world: &World) -> Played {
    let tag = "queue-max-receives";
    let function = world.queue()?.function.clone();
    let queue = dead_letters_of(world)?;
    world.send(tag, &["queue-fail"], 0).await?;
    let letters = world.letters(queue, 1, world.redrives(), tag).await?;
    world.settle().await;
    let traces = world.traces_now(tag, &function).await?;
    let mut seen = Seen::new();
    seen.fact("receives by the function", traces.len());
    seen.fact("dead letters", letters.len());
    if let Some(letter) = letters.first() {
        seen.fact("receive count of the letter", letter.receives());
        let source = world.queue_named(&world.queue()?.queue).arn;
        let told = letter.system.get("DeadLetterQueueSourceArn");
        seen.is(
            "the letter tells its queue",
            told.is_some() && told == source.as_ref(),
        );
        seen.is("the body is the message's", letter.body.contains("\"n\":0"));
    }
    Ok(seen)
}

pub async fn visible_again(world: &World) -> Played {
    let tag = "queue-visible-again";
    let function = world.queue()?.function.clone();
    world.send(tag, &["queue-once-ok"], 0).await?;
    let traces = world.traces(tag, &function, 2).await?;
    let mut seen = Seen::new();
    seen.fact("receives", traces.len());
    let counts: Vec<String> = traces
        .iter()
        .filter_map(|trace| trace.receives)
        .map(|n| n.to_string())
        .collect();
    seen.fact("receive counts", counts.join(", "));
    seen.is(
        "the same message",
        traces
            .windows(2)
            .all(|pair| pair[0].message == pair[1].message),
    );
    if let [first, second, ..] = traces.as_slice() {
        seen.note("after", format!("{} ms", second.at - first.at));
    }
    Ok(seen)
}

/// Files at once.
const MANY: usize = 50;

pub async fn many_files(world: &World) -> Played {
    let uploads = (0..MANY).map(|index| async move {
        let key = world.key("queue-50-files", "go", &format!("{index}.ndjson"))?;
        world
            .put(&key, sample(SEED + 40 + index as u64, index + 1, false))
            .await
    });
    let stored = try_join_all(uploads).await?;
    let results = try_join_all(stored.iter().map(|one| world.result(one))).await?;
    let mut seen = Seen::new();
    let done = results
        .iter()
        .flatten()
        .filter(|one| one.status == model::Outcome::Done);
    seen.fact("done", done.count());
    let right = results.iter().enumerate();
    let right = right.filter(|(index, one)| {
        one.as_ref()
            .is_some_and(|one| one.lines == *index as u64 + 1)
    });
    seen.fact("with the lines of their own file", right.count());
    let lines: u64 = results.iter().flatten().map(|one| one.lines).sum();
    seen.fact("lines in all", lines);
    Ok(seen)
}

pub async fn redriven(world: &World) -> Played {
    let tag = "queue-redrive";
    let worker = world.queue()?.function.clone();
    let letters = dead_letters_of(world)?;
    let queue = world.queue_named(letters);
    // What scenarios before this left there is not waited for.
    world.letters_of(letters).await?;
    // A file where files come in, else a message.
    let stored = match &world.parts.event {
        Some(_) if world.pipeline.is_some() => {
            let key = world.key(tag, "queue-unfixed", ".ndjson")?;
            Some(world.put(&key, sample(SEED + 90, 12, false)).await?)
        }
        _ => {
            world.send(tag, &["queue-unfixed-ok"], 0).await?;
            None
        }
    };
    let waits = world
        .until(world.redrives(), || async {
            let waiting = letters::waiting(&world.cx, &queue).await?;
            Ok((waiting > 0).then_some(waiting))
        })
        .await?;
    let mut seen = Seen::new();
    seen.fact("dead letters before the fix", waits.unwrap_or(0));
    let before = world.traces(tag, &worker, RECEIVES as usize).await?;
    seen.fact("receives by the function before", before.len());

    world.change(|_| {}, &[(&worker, "fixed")]).await?;
    let all = dead_letters::queues::all(&world.copy, &world.cx.place);
    let id = LogicalId::new(Kind::Queue, letters);
    let one = all.into_iter().find(|one| one.id == id);
    let one = one.ok_or_else(|| "no dead letter queue".to_owned())?;
    let desk = Desk {
        cx: &world.cx,
        cancel: &world.cancel,
        rate: None,
        sink: &Silent,
    };
    let report = redrive::all(&desk, &one).await?;
    let report = report.ok_or_else(|| "the dead letter queue is gone".to_owned())?;
    seen.fact("redriven", report.done);
    seen.note("by", format!("{:?}", report.how));
    if let Some(stored) = &stored {
        let result = world.result(stored).await?;
        tell(&mut seen, "after the fix", result.as_ref());
    } else {
        let came = world.traces_until(tag, &worker, world.pace.patience, |traces| {
            traces.iter().any(|trace| trace.note == "fixed")
        });
        seen.is("handled after the fix", came.await?);
    }
    let left = world
        .until(world.pace.patience, || async {
            let waiting = letters::waiting(&world.cx, &queue).await?;
            Ok((waiting == 0).then_some(waiting))
        })
        .await?;
    seen.is("nothing is left in the queue", left.is_some());
    Ok(seen)
}
