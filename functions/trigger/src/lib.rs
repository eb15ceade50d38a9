//! The trigger function: validates an uploaded log file and sends a job for it.
//!
//! `main.rs` wires the AWS clients; everything here works against the trait [`Effects`].

mod effects;
mod event;
mod limits;

use model::{
    JobResult, Outcome, ProcessingJob, Reason, SCHEMA, Timings, aws, decode_event_key, job_id,
};
use serde_json::Value;
use time::OffsetDateTime;

use event::Upload;

pub use effects::{AwsEffects, EffectError, Effects};
pub use limits::{Limits, SUFFIXES, max_file_bytes};

/// What became of the records of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Summary {
    /// Jobs sent.
    pub sent: usize,
    /// Files rejected, each with a result that says why.
    pub rejected: usize,
    /// Records without bucket or key: nothing can be done with them, now or at another try.
    #[serde(skip_serializing_if = "is_zero")]
    pub unreadable: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
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
    let Some(records) = event.get("Records").and_then(Value::as_array) else {
        return Ok(summary);
    };
    let mut failure = None;
    for record in records {
        let begun = aws::now_ms();
        let Some(upload) = Upload::read(record) else {
            tracing::error!(%record, "the record names no bucket and key; skipped");
            summary.unreadable += 1;
            continue;
        };
        match one(upload, limits, begun, cold, effects).await {
            Ok(Outcome::Rejected) => summary.rejected += 1,
            Ok(_) => summary.sent += 1,
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(summary), Err)
}

async fn one(
    upload: Upload,
    limits: &Limits,
    begun: i64,
    cold: bool,
    effects: &impl Effects,
) -> Result<Outcome, EffectError> {
    let decoded = decode_event_key(&upload.raw_key);
    let key = decoded.clone().unwrap_or(upload.raw_key);
    let job = ProcessingJob {
        schema: SCHEMA,
        job_id: job_id(
            &upload.bucket,
            &key,
            upload.version_id.as_deref(),
            upload.etag.as_deref(),
        ),
        bucket: upload.bucket,
        key,
        version_id: upload.version_id,
        etag: upload.etag,
        size: upload.size.unwrap_or(0),
        event_ms: upload.event_ms,
        trigger_start_ms: begun,
        sent_ms: aws::now_ms(),
        trigger_cold: cold,
    };
    let reason = match decoded {
        Err(error) => Some(Reason::new("undecodable_key", error.to_string())),
        Ok(_) => limits.refuses(&job.key, upload.size),
    };
    // Named in every line, so that a file's whole story can be found by its job.
    let (job_id, key) = (job.job_id.clone(), job.key.clone());
    let failed = |error: &EffectError| tracing::error!(%error, job_id, key, "record failed");
    if let Some(reason) = reason {
        tracing::info!(job_id, key, reason = reason.code, "rejected");
        let result = rejected(job, reason);
        effects.write_rejected(result).await.inspect_err(failed)?;
        return Ok(Outcome::Rejected);
    }
    effects.send(&job).await.inspect_err(failed)?;
    tracing::info!(job_id, key, size = job.size, "sent");
    Ok(Outcome::Done)
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
        dead_lettered: None,
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
