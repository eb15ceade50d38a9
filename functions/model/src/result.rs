//! The result of one file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Processed.
    Done,
    /// Was accepted and can never be processed; its job waits in the dead letter queue.
    Failed,
    /// Cannot be a log file; nothing else was done with it.
    Rejected,
}

impl Outcome {
    /// As the item has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
        }
    }
}

/// Why a file was not processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For programs: `empty`, `too_large`, `wrong_suffix`, `no_record`, `cut_gzip`, `not_found`,
    /// `archived` …
    pub code: String,
    /// For people.
    pub text: String,
}

impl Reason {
    /// Joins both.
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            text: text.into(),
        }
    }
}

/// Percentiles of `duration_ms` over the records that have it, milliseconds. Negative durations are
/// left out.
///
/// A percentile is by nearest rank: of `n` sorted values the one at position `ceil(p / 100 * n)`, from
/// 1, so it is always a value that occurred. The first 16,384 values of a file are kept and their
/// percentiles are exact; of a file with more, percentiles are read from a histogram of microseconds
/// with three digits, within 0.1 % and up to a day. `count` and `max` are exact in any case.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Durations {
    /// How many records had one.
    pub count: u64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// When the parts of the way happened, milliseconds since the Unix epoch, each by the clock of the
/// machine that did it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timings {
    /// S3's event time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_ms: Option<i64>,
    /// The trigger began.
    pub trigger_start_ms: i64,
    /// The trigger sent the job, or wrote a rejected result.
    pub sent_ms: i64,
    /// SQS took the job (`SentTimestamp`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_ms: Option<i64>,
    /// The worker began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_start_ms: Option<i64>,
    /// The worker was about to write the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_end_ms: Option<i64>,
    /// First invocation of the trigger's environment.
    pub trigger_cold: bool,
    /// First invocation of the worker's environment.
    #[serde(default)]
    pub worker_cold: bool,
}

/// The result of one file: the item in the results table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobResult {
    /// Partition key.
    pub job_id: String,
    /// How it ended.
    pub status: Outcome,
    /// Why, unless it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Bucket.
    pub bucket: String,
    /// Key, decoded.
    pub key: String,
    /// Version, in a versioned bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// ETag without quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Size of the object, bytes; 0 also where the event did not tell.
    pub size: u64,
    /// Lines that are not blank, malformed ones included.
    pub lines: u64,
    /// Lines that are no record.
    pub malformed: u64,
    /// Line numbers, from 1, of the first few malformed lines.
    #[serde(default)]
    pub malformed_positions: Vec<u64>,
    /// Records by level.
    #[serde(default)]
    pub levels: BTreeMap<String, u64>,
    /// Records by service; `(other)` for those beyond the bound.
    #[serde(default)]
    pub services: BTreeMap<String, u64>,
    /// Share of records that are errors, 0 to 1.
    pub error_rate: f64,
    /// Earliest timestamp, as the file has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_timestamp: Option<String>,
    /// Latest timestamp, as the file has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_timestamp: Option<String>,
    /// Percentiles of the records' durations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Durations>,
    /// Most frequent messages of errors, with counts.
    #[serde(default)]
    pub top_errors: Vec<(String, u64)>,
    /// Most frequent addresses that were denied access (401, 403), with counts.
    #[serde(default)]
    pub top_denied_sources: Vec<(String, u64)>,
    /// When the result was made: UTC, RFC 3339 with milliseconds. Sort key of the index on the day.
    pub processed_at: String,
    /// Partition of the index on the day: `YYYY-MM-DD#x`.
    pub day: String,
    /// When the item may be deleted, seconds since the Unix epoch.
    pub expires_at: i64,
    /// Id of the message by which the job of a failed result went to the dead letter queue. A second
    /// delivery of that message does not send it again; a redriven job is a new message and does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_lettered: Option<String>,
    /// How often the job had been received.
    #[serde(default)]
    pub receive_count: u32,
    /// When the parts of the way happened.
    pub timings: Timings,
}
