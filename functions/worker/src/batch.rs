//! One batch of messages: each is processed by itself, and only those that should be tried again are
//! reported. // aws-behaviours E9

use std::time::Instant;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::stream::{FuturesUnordered, StreamExt};
use model::{JobResult, Outcome, ProcessingJob, Reason, Timings, aws};
use time::OffsetDateTime;

use crate::analyse::Statistics;
use crate::effects::{Effects, Failure, Written};

/// Handles one batch.
///
/// A permanent fault first writes the `failed` result and then sets the job aside: if the second step
/// does not succeed, the message is tried again and both happen again. The other order could end with
/// a job in the dead letter queue and no result, which nobody waiting for the result would learn of.
/// The price is that the dead letter queue may get a job twice; redriving it twice is one result.
pub async fn handle(event: SqsEvent, cold: bool, effects: &impl Effects) -> SqsBatchResponse {
    let mut jobs: FuturesUnordered<_> = event
        .records
        .iter()
        .map(|message| async move { (message, one(message, cold, effects).await) })
        .collect();
    let mut response = SqsBatchResponse::default();
    while let Some((message, outcome)) = jobs.next().await {
        if let Err(error) = outcome {
            tracing::warn!(message_id = message.message_id, error, "to be tried again");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.clone().unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
    }
    response
}

/// `Err` when the message should be tried again.
async fn one(message: &SqsMessage, cold: bool, effects: &impl Effects) -> Result<(), String> {
    let begun = Instant::now();
    let start_ms = aws::now_ms();
    let body = message.body.as_deref().unwrap_or_default();
    let job: ProcessingJob = match serde_json::from_str(body) {
        Ok(job) => job,
        Err(error) => {
            // Without a job there is no id to write a result under.
            let reason = Reason::new("bad_message", format!("the message is no job: {error}"));
            tracing::error!(reason = reason.text, "set aside");
            return set_aside(effects, body, "unknown", &reason).await;
        }
    };
    let (outcome, statistics, reason) = match effects.analyse(&job).await {
        Ok(statistics) => (Outcome::Done, statistics, None),
        Err(Failure::Permanent(reason)) => (Outcome::Failed, Statistics::default(), Some(reason)),
        Err(Failure::Transient(error)) => return Err(error),
    };
    let result = result(message, &job, outcome, statistics, reason, start_ms, cold);
    let written = match effects.write(&result).await {
        Ok(written) => written,
        Err(Failure::Transient(error)) => return Err(error),
        Err(Failure::Permanent(reason)) => return Err(reason.text),
    };
    let ms = begun.elapsed().as_millis() as u64;
    if written == Written::Duplicate {
        tracing::info!(job_id = job.job_id, key = job.key, ms, "duplicate");
        return Ok(());
    }
    if let Some(reason) = &result.reason {
        tracing::error!(
            job_id = job.job_id,
            key = job.key,
            reason = reason.code,
            ms,
            "failed"
        );
        return set_aside(effects, body, &job.job_id, reason).await;
    }
    tracing::info!(
        job_id = job.job_id,
        key = job.key,
        lines = result.lines,
        ms,
        "done"
    );
    Ok(())
}

async fn set_aside(
    effects: &impl Effects,
    body: &str,
    job_id: &str,
    reason: &Reason,
) -> Result<(), String> {
    match effects.set_aside(body, job_id, reason).await {
        Ok(()) => Ok(()),
        Err(Failure::Transient(error)) => Err(error),
        Err(Failure::Permanent(reason)) => Err(reason.text),
    }
}

fn result(
    message: &SqsMessage,
    job: &ProcessingJob,
    status: Outcome,
    statistics: Statistics,
    reason: Option<Reason>,
    start_ms: i64,
    cold: bool,
) -> JobResult {
    let now = OffsetDateTime::now_utc();
    let attribute = |name: &str| {
        message
            .attributes
            .get(name)
            .and_then(|value| value.parse::<i64>().ok())
    };
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
        receive_count: attribute("ApproximateReceiveCount").unwrap_or(1) as u32,
        timings: Timings {
            event_ms: job.event_ms,
            trigger_start_ms: job.trigger_start_ms,
            sent_ms: job.sent_ms,
            queued_ms: attribute("SentTimestamp"),
            worker_start_ms: Some(start_ms),
            worker_end_ms: Some(aws::now_ms()),
            trigger_cold: job.trigger_cold,
            worker_cold: cold,
        },
    }
}

#[cfg(test)]
mod tests;
