//! Events of S3: how often they come, and what two of them do.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use model::sample::{SEED, sample};
use serde_json::json;

use super::calls::Stored;
use super::files::tell;
use super::front::MARK;
use super::seen::{Played, Seen};
use super::traces::Trace;
use super::world::World;
use crate::resource::error::failed;

/// Kinds of the events that came, in order.
fn kinds(traces: &[Trace]) -> String {
    let mut kinds: Vec<&str> = traces
        .iter()
        .map(|trace| trace.event.as_deref().unwrap_or("none"))
        .collect();
    kinds.sort_unstable();
    kinds.join(", ")
}

/// Two uploads to one key, and what came of both versions.
async fn twice(world: &World, tag: &str, bodies: [String; 2]) -> Played {
    let key = world.key(tag, "go", ".ndjson")?;
    let function = world.function()?.to_owned();
    let mut stored = Vec::new();
    for body in bodies {
        stored.push(world.put(&key, body).await?);
    }
    let traces = world.traces(tag, &function, 2).await?;
    let mut seen = Seen::new();
    seen.fact("invocations", traces.len());
    if world.pipeline.is_some() {
        let jobs = [world.job(&stored[0])?, world.job(&stored[1])?];
        let jobs = if jobs[0] == jobs[1] { 1 } else { 2 };
        seen.fact("jobs", jobs);
        for (name, one) in ["first", "second"].iter().zip(&stored) {
            let result = world.result(one).await?;
            seen.fact(
                format!("{name}: status"),
                result
                    .as_ref()
                    .map_or("no result", |one| one.status.as_str()),
            );
            seen.fact(format!("{name}: lines"), result.map_or(0, |one| one.lines));
        }
    }
    Ok(seen)
}

pub async fn same_bytes_twice(world: &World) -> Played {
    let body = sample(SEED + 20, 7, false);
    twice(world, "event-same-bytes", [body.clone(), body]).await
}

pub async fn overwritten(world: &World) -> Played {
    let bodies = [sample(SEED + 21, 8, false), sample(SEED + 22, 9, false)];
    twice(world, "event-overwritten-key", bodies).await
}

pub async fn duplicate(world: &World) -> Played {
    let tag = "event-duplicate";
    let stored = world
        .put(&world.outside(tag, ".ndjson")?, sample(SEED + 23, 6, false))
        .await?;
    let event = json!({ "Records": [world.record(&stored)?] });
    let function = world.function()?.to_owned();
    let mut seen = Seen::new();
    let mut errors = 0;
    for _ in 0..2 {
        errors += usize::from(world.invoke(&function, &event).await?.error.is_some());
    }
    seen.fact("invocations that failed", errors);
    let result = world.result(&stored).await?;
    tell(&mut seen, "", result.as_ref());
    if let Some(worker) = world.parts.other_function() {
        seen.fact(
            "messages handled",
            world.traces(tag, worker, 2).await?.len(),
        );
    }
    let after = world.result_now(&world.job(&stored)?).await?;
    seen.is(
        "the result stays as it was",
        result.map(|one| one.processed_at) == after.map(|one| one.processed_at),
    );
    Ok(seen)
}

pub async fn two_in_one(world: &World) -> Played {
    let tag = "event-two-in-one";
    let mut stored = Vec::new();
    for (index, ending) in ["-a.ndjson", "-b.ndjson"].iter().enumerate() {
        let body = sample(SEED + 24, index + 4, false);
        stored.push(world.put(&world.outside(tag, ending)?, body).await?);
    }
    let event = json!({ "Records": [world.record(&stored[0])?, world.record(&stored[1])?] });
    let invoked = world.invoke(world.function()?, &event).await?;
    let mut seen = Seen::new();
    seen.fact("function error", invoked.error.as_deref().unwrap_or("none"));
    for (name, one) in ["first", "second"].iter().zip(&stored) {
        let result = world.result(one).await?;
        seen.fact(format!("{name}: lines"), result.map_or(0, |one| one.lines));
    }
    Ok(seen)
}

/// What one change of an object starts.
async fn once(world: &World, tag: &str, stored: Option<&Stored>) -> Played {
    let function = world.function()?.to_owned();
    let traces = world.traces(tag, &function, 1).await?;
    let mut seen = Seen::new();
    seen.fact("invocations", traces.len());
    seen.fact("events", kinds(&traces));
    if let (Some(stored), true) = (stored, world.pipeline.is_some()) {
        let result = world.result(stored).await?;
        tell(&mut seen, "", result.as_ref());
    }
    Ok(seen)
}

/// S3's smallest part that is not the last, bytes.
const PART: usize = 5 * 1024 * 1024;

pub async fn multipart(world: &World) -> Played {
    let tag = "event-multipart";
    let (bucket, key) = (world.bucket()?, world.key(tag, "go", ".ndjson")?);
    let line = sample(SEED + 25, 1, false);
    let text = line.repeat(PART / line.len() + 10);
    let s3 = &world.cx.clients.s3;
    let begun = s3
        .create_multipart_upload()
        .bucket(&bucket)
        .key(&key)
        .send()
        .await;
    let begun = begun.map_err(failed("CreateMultipartUpload"))?;
    let mut parts = Vec::new();
    for (number, bytes) in [&text.as_bytes()[..PART], &text.as_bytes()[PART..]]
        .into_iter()
        .enumerate()
    {
        let number = number as i32 + 1;
        let part = s3
            .upload_part()
            .bucket(&bucket)
            .key(&key)
            .part_number(number);
        let part = part.set_upload_id(begun.upload_id.clone());
        let answer = part.body(ByteStream::from(bytes.to_vec())).send().await;
        let answer = answer.map_err(failed("UploadPart"))?;
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(answer.e_tag)
                .build(),
        );
    }
    let complete = s3.complete_multipart_upload().bucket(&bucket).key(&key);
    let parts = CompletedMultipartUpload::builder()
        .set_parts(Some(parts))
        .build();
    let answer = complete
        .set_upload_id(begun.upload_id)
        .multipart_upload(parts)
        .send()
        .await;
    let answer = answer.map_err(failed("CompleteMultipartUpload"))?;
    let stored = Stored {
        key,
        version_id: answer.version_id,
        etag: answer.e_tag,
        size: text.len(),
    };
    once(world, tag, Some(&stored)).await
}

pub async fn copy(world: &World) -> Played {
    let tag = "event-copy";
    let (bucket, key) = (world.bucket()?, world.key(tag, "go", ".ndjson")?);
    let source = world
        .put(
            &world.outside(tag, ".ndjson")?,
            sample(SEED + 26, 11, false),
        )
        .await?;
    let copy = world.cx.clients.s3.copy_object().bucket(&bucket).key(&key);
    let answer = copy
        .copy_source(format!("{bucket}/{}", source.key))
        .send()
        .await;
    let answer = answer.map_err(failed("CopyObject"))?;
    let etag = answer.copy_object_result.and_then(|result| result.e_tag);
    let stored = Stored {
        key,
        version_id: answer.version_id,
        etag,
        size: source.size,
    };
    once(world, tag, Some(&stored)).await
}

pub async fn delete(world: &World) -> Played {
    let tag = "event-delete";
    let stored = world
        .put(
            &world.key(tag, "go", ".ndjson")?,
            sample(SEED + 27, 2, false),
        )
        .await?;
    let function = world.function()?.to_owned();
    world
        .traces_until(tag, &function, world.pace.patience, |traces| {
            !traces.is_empty()
        })
        .await?;
    if world.pipeline.is_some() {
        // What is still to be read must be there.
        world.result(&stored).await?;
    }
    let deleted = world.cx.clients.s3.delete_object().bucket(world.bucket()?);
    let deleted = deleted.key(&stored.key).send().await;
    deleted.map_err(failed("DeleteObject"))?;
    once(world, tag, None).await
}

pub async fn test_event(world: &World) -> Played {
    let tag = "event-test";
    let event = json!({
        "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": world.bucket()?,
        "Time": model::timestamp(world.cx.place.target.now()),
        "RequestId": format!("{MARK}{tag}--go--"), "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
    });
    let invoked = world.invoke(world.function()?, &event).await?;
    let mut seen = Seen::new();
    seen.fact("function error", invoked.error.as_deref().unwrap_or("none"));
    seen.fact("answer", invoked.payload);
    if let Some(worker) = world.parts.other_function() {
        world.settle().await;
        seen.fact("messages", world.traces_now(tag, worker).await?.len());
    }
    Ok(seen)
}
