//! The trigger function: validates an uploaded log file and sends a job for it.
//!
//! `main.rs` wires the AWS clients; everything here works against the trait [`Effects`].

mod effects;
mod limits;

use aws_lambda_events::s3::{S3Event, S3EventRecord};
use model::{
    JobResult, Outcome, ProcessingJob, Reason, SCHEMA, Timings, aws, decode_event_key, job_id,
};
use serde_json::Value;
use time::OffsetDateTime;

pub use effects::{AwsEffects, EffectError, Effects};
pub use limits::{Limits, SUFFIXES};

/// What became of the records of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Summary {
    /// Jobs sent.
    pub sent: usize,
    /// Files rejected, each with a result that says why.
    pub rejected: usize,
}

/// Handles one event. Every record is attempted; an error at the end makes Lambda invoke again,
/// which is safe: the same record is the same job.
pub async fn handle(
    event: Value,
    limits: &Limits,
    cold: bool,
    effects: &impl Effects,
) -> Result<Summary, EffectError> {
    let mut summary = Summary::default();
    // `s3:TestEvent` and whatever else has no records is no upload. // aws-behaviours S15
    if !event.get("Records").is_some_and(Value::is_array) {
        return Ok(summary);
    }
    let event: S3Event = serde_json::from_value(event).map_err(EffectError::permanent)?;
    let mut failure = None;
    for record in event.records {
        let begun = aws::now_ms();
        match one(&record, limits, begun, cold, effects).await {
            Ok(Outcome::Rejected) => summary.rejected += 1,
            Ok(_) => summary.sent += 1,
            Err(error) => {
                tracing::error!(%error, key = record.s3.object.key, "record failed");
                failure = Some(error);
            }
        }
    }
    failure.map_or(Ok(summary), Err)
}

async fn one(
    record: &S3EventRecord,
    limits: &Limits,
    begun: i64,
    cold: bool,
    effects: &impl Effects,
) -> Result<Outcome, EffectError> {
    let bucket = record.s3.bucket.name.clone().unwrap_or_default();
    let object = &record.s3.object;
    let raw_key = object.key.clone().unwrap_or_default();
    let decoded = decode_event_key(&raw_key);
    let key = decoded.clone().unwrap_or(raw_key);
    let etag = object
        .e_tag
        .as_deref()
        .map(|etag| etag.trim_matches('"').to_owned());
    let size = object.size.unwrap_or(0).max(0) as u64;
    let job = ProcessingJob {
        schema: SCHEMA,
        job_id: job_id(&bucket, &key, object.version_id.as_deref(), etag.as_deref()),
        bucket,
        key,
        version_id: object
            .version_id
            .clone()
            .filter(|version| !version.is_empty()),
        etag,
        size,
        event_ms: Some(record.event_time.timestamp_millis()),
        trigger_start_ms: begun,
        sent_ms: aws::now_ms(),
        trigger_cold: cold,
    };
    let reason = match decoded {
        Err(error) => Some(Reason::new("undecodable_key", error.to_string())),
        Ok(_) => limits.refuses(&job.key, size),
    };
    let outcome = if let Some(reason) = reason {
        tracing::info!(
            job_id = job.job_id,
            key = job.key,
            reason = reason.code,
            "rejected"
        );
        effects.write_rejected(rejected(job, reason)).await?;
        Outcome::Rejected
    } else {
        effects.send(&job).await?;
        tracing::info!(job_id = job.job_id, key = job.key, size, "sent");
        Outcome::Done
    };
    Ok(outcome)
}

/// The result of a file that cannot be a log file.
fn rejected(job: ProcessingJob, reason: Reason) -> JobResult {
    let now = OffsetDateTime::now_utc();
    JobResult {
        status: Outcome::Rejected,
        reason: Some(reason),
        size: job.size,
        lines: 0,
        malformed: 0,
        malformed_positions: Vec::new(),
        levels: std::collections::BTreeMap::default(),
        services: std::collections::BTreeMap::default(),
        error_rate: 0.0,
        first_timestamp: None,
        last_timestamp: None,
        duration_ms: None,
        top_errors: Vec::new(),
        top_denied_sources: Vec::new(),
        processed_at: model::timestamp(now),
        day: model::day_partition(now.date(), &job.job_id),
        expires_at: now.unix_timestamp() + model::KEEP_S,
        receive_count: 0,
        timings: Timings {
            event_ms: job.event_ms,
            trigger_start_ms: job.trigger_start_ms,
            sent_ms: aws::now_ms(),
            trigger_cold: job.trigger_cold,
            ..Timings::default()
        },
        job_id: job.job_id,
        bucket: job.bucket,
        key: job.key,
        version_id: job.version_id,
        etag: job.etag,
    }
}

#[cfg(test)]
mod tests;
