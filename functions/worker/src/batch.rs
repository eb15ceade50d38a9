//! One batch of messages: each is processed by itself, and only those that should be tried again are
//! reported. // aws-behaviours E9

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use model::{JobResult, Outcome, ProcessingJob, Reason, SCHEMA, Timings, aws};
use time::OffsetDateTime;

use crate::analyse::Statistics;
use crate::effects::{Effects, Failure, Written};
use crate::event::{Answer, Batch, ItemFailure, Message};
use crate::letter::Letter;

/// So many messages are processed at once.
pub const AT_ONCE: usize = 10;
/// So long before the deadline a message is given up, so that the answer still arrives.
const MARGIN: Duration = Duration::from_secs(1);

/// Handles one batch.
///
/// A permanent fault first writes the `failed` result and then sets the job aside: if the second step
/// does not succeed, the message is tried again and both happen again. The other order could end with
/// a job in the dead letter queue and no result, which nobody waiting for the result would learn of.
/// Once the job is there, the result is marked with the message's id, so that a second delivery of the
/// same message does not send it again. Two deliveries at the very same time, or an end between sending
/// and marking, may still; redriving a job twice is one result.
///
/// A message that is not done a second before `deadline` is reported to be tried again, it alone.
pub async fn handle(batch: Batch, cold: bool, deadline: Instant, effects: &impl Effects) -> Answer {
    // Without a second left, there is no time at all.
    let until = deadline.checked_sub(MARGIN).unwrap_or_else(Instant::now);
    let mut outcomes = stream::iter(batch.records)
        .map(|message| async move {
            let work = one(&message, cold, effects);
            let outcome = match tokio::time::timeout_at(until.into(), work).await {
                Ok(outcome) => outcome,
                Err(_) => Err("the invocation's time is up".to_owned()),
            };
            (message, outcome)
        })
        .buffer_unordered(AT_ONCE);
    let mut answer = Answer::default();
    while let Some((message, outcome)) = outcomes.next().await {
        if let Err(error) = outcome {
            let message_id = message.message_id;
            let job_id = read(&message.body).ok().map(|job| job.job_id);
            tracing::warn!(message_id, job_id, error, "to be tried again");
            answer.batch_item_failures.push(ItemFailure {
                item_identifier: message_id,
            });
        }
    }
    answer
}

/// The job of a message, or what is wrong with it.
fn read(body: &str) -> Result<ProcessingJob, String> {
    let job: ProcessingJob =
        serde_json::from_str(body).map_err(|error| format!("the message is no job: {error}"))?;
    if job.schema != SCHEMA {
        return Err(format!(
            "the job has schema {}; this worker knows {SCHEMA}",
            job.schema
        ));
    }
    let parts = [
        ("job_id", &job.job_id),
        ("bucket", &job.bucket),
        ("key", &job.key),
    ];
    match parts.iter().find(|(_, part)| part.is_empty()) {
        Some((name, _)) => Err(format!("the job's {name} is empty")),
        None => Ok(job),
    }
}

/// `Err` when the message should be tried again.
async fn one(message: &Message, cold: bool, effects: &impl Effects) -> Result<(), String> {
    let begun = Instant::now();
    let start_ms = aws::now_ms();
    let job = match read(&message.body) {
        Ok(job) => job,
        Err(text) => {
            // Without a job there is no id to write a result under.
            let reason = Reason::new("bad_message", text);
            tracing::error!(
                message_id = message.message_id,
                reason = reason.text,
                "set aside"
            );
            return set_aside(effects, message, None, &reason).await;
        }
    };
    // Said before the work, so that the job is known of an invocation that does not come to its end.
    let received = attribute(message, "ApproximateReceiveCount");
    tracing::info!(job_id = job.job_id, key = job.key, received, "begun");
    let (outcome, statistics, reason) = match effects.analyse(&job).await {
        Ok(statistics) => (Outcome::Done, statistics, None),
        Err(Failure::Permanent(reason, until_then)) => (Outcome::Failed, *until_then, Some(reason)),
        Err(Failure::Transient(error)) => return Err(error),
    };
    let result = result(message, &job, outcome, statistics, reason, start_ms, cold);
    let written = effects.write(&result).await.map_err(text)?;
    let ms = begun.elapsed().as_millis() as u64;
    let Written::New { dead_lettered } = written else {
        tracing::info!(job_id = job.job_id, key = job.key, ms, "duplicate");
        return Ok(());
    };
    let Some(reason) = &result.reason else {
        tracing::info!(
            job_id = job.job_id,
            key = job.key,
            lines = result.lines,
            ms,
            "done"
        );
        return Ok(());
    };
    tracing::error!(
        job_id = job.job_id,
        key = job.key,
        reason = reason.code,
        ms,
        "failed"
    );
    if dead_lettered.as_deref() != Some(message.message_id.as_str()) {
        set_aside(effects, message, Some(&job), reason).await?;
    }
    // The write has replaced a mark, if there was one. Without it a second delivery of this message
    // sends the job once more: no reason to try this one again, which would do just that.
    if let Err(failure) = effects.mark(&job.job_id, &message.message_id).await {
        let error = text(failure);
        tracing::warn!(job_id = job.job_id, error, "the result is not marked");
    }
    Ok(())
}

/// A number that SQS tells of a message.
fn attribute(message: &Message, name: &str) -> Option<i64> {
    let value = message.attributes.get(name)?;
    value.parse().ok()
}

fn text(failure: Failure) -> String {
    match failure {
        Failure::Transient(error) => error,
        Failure::Permanent(reason, _) => reason.text,
    }
}

async fn set_aside(
    effects: &impl Effects,
    message: &Message,
    job: Option<&ProcessingJob>,
    reason: &Reason,
) -> Result<(), String> {
    let letter = Letter {
        body: &message.body,
        reason,
        job_id: job.map(|job| job.job_id.as_str()),
        key: job.map(|job| job.key.as_str()),
        failed_at: model::timestamp(OffsetDateTime::now_utc()),
        receive_count: attribute(message, "ApproximateReceiveCount"),
    };
    effects.set_aside(&letter).await.map_err(text)
}

fn result(
    message: &Message,
    job: &ProcessingJob,
    status: Outcome,
    statistics: Statistics,
    reason: Option<Reason>,
    start_ms: i64,
    cold: bool,
) -> JobResult {
    let now = OffsetDateTime::now_utc();
    JobResult {
        job_id: job.job_id.clone(),
        status,
        reason,
        bucket: job.bucket.clone(),
        key: job.key.clone(),
        version_id: job.version_id.clone(),
        etag: job.etag.clone(),
        size: job.size,
        lines: statistics.lines,
        malformed: statistics.malformed,
        malformed_positions: statistics.malformed_positions,
        levels: statistics.levels,
        services: statistics.services,
        error_rate: statistics.error_rate,
        first_timestamp: statistics.first_timestamp,
        last_timestamp: statistics.last_timestamp,
        duration_ms: statistics.duration_ms,
        top_errors: statistics.top_errors,
        top_denied_sources: statistics.top_denied_sources,
        processed_at: model::timestamp(now),
        day: model::day_partition(now.date(), &job.job_id),
        expires_at: now.unix_timestamp() + model::KEEP_S,
        dead_lettered: None,
        receive_count: attribute(message, "ApproximateReceiveCount").unwrap_or(1) as u32,
        timings: Timings {
            event_ms: job.event_ms,
            trigger_start_ms: job.trigger_start_ms,
            sent_ms: job.sent_ms,
            queued_ms: attribute(message, "SentTimestamp"),
            worker_start_ms: Some(start_ms),
            worker_end_ms: Some(aws::now_ms()),
            trigger_cold: job.trigger_cold,
            worker_cold: cold,
        },
    }
}

#[cfg(test)]
mod tests;
