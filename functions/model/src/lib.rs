//! What the functions and the CLI share: the job, its result, its id, and a log record.
//!
//! A file becomes one job ([`ProcessingJob`], the SQS message) and one result ([`JobResult`], the
//! DynamoDB item), joined by the job id.

pub mod aws;
pub mod dynamodb;
mod key;
mod record;
mod result;
pub mod sample;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::format_description::well_known::Iso8601;
use time::format_description::well_known::iso8601::{Config, EncodedConfig, TimePrecision};
use time::{Date, OffsetDateTime, UtcOffset};

pub use key::{KeyError, decode_event_key};
pub use record::Record;
pub use result::{Durations, JobResult, Outcome, Reason, Timings};

/// Version of the message and item format.
pub const SCHEMA: u32 = 1;

/// How long a result is kept: seven days, in seconds.
pub const KEEP_S: i64 = 7 * 24 * 60 * 60;

/// Identity of a file's content under its key: SHA-256 over bucket, decoded key and version (the
/// ETag where the bucket is not versioned), in hexadecimal. // aws-behaviours S13
///
/// The parts are joined by NUL, which none of them can hold. A version called `null` is that of an
/// object from before versioning was enabled, and identifies nothing.
pub fn job_id(bucket: &str, key: &str, version_id: Option<&str>, etag: Option<&str>) -> String {
    let version = version_id
        .filter(|version| !version.is_empty() && *version != "null")
        .or(etag)
        .unwrap_or_default()
        .trim_matches('"');
    let mut hash = Sha256::new();
    for (index, part) in [bucket, key, version].into_iter().enumerate() {
        if index > 0 {
            hash.update([0]);
        }
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

/// One file to process: the body of the message that the trigger sends to the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessingJob {
    /// Format version, [`SCHEMA`].
    pub schema: u32,
    /// Job id, [`job_id`].
    pub job_id: String,
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
    /// Size, bytes; 0 where the event did not tell.
    pub size: u64,
    /// When S3 says that the object came, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_ms: Option<i64>,
    /// When the trigger began with it.
    pub trigger_start_ms: i64,
    /// When the trigger sent it.
    pub sent_ms: i64,
    /// Was it the first invocation of its environment?
    pub trigger_cold: bool,
}

/// Milliseconds since the Unix epoch of a moment.
pub fn epoch_ms(moment: OffsetDateTime) -> i64 {
    (moment.unix_timestamp_nanos() / 1_000_000) as i64
}

const MILLISECONDS: EncodedConfig = Config::DEFAULT
    .set_time_precision(TimePrecision::Second {
        decimal_digits: std::num::NonZeroU8::new(3),
    })
    .set_year_is_six_digits(false)
    .encode();

/// A moment as results write it: UTC, RFC 3339, always three digits of milliseconds, so that text
/// order is time order.
pub fn timestamp(moment: OffsetDateTime) -> String {
    moment
        .to_offset(UtcOffset::UTC)
        .format(&Iso8601::<MILLISECONDS>)
        .unwrap_or_default()
}

/// Partition of the index on the day: `YYYY-MM-DD#x` with the first digit of the job id, so that a
/// busy day is sixteen partitions and not one.
pub fn day_partition(day: Date, job_id: &str) -> String {
    let digit = job_id.chars().next().unwrap_or('0');
    format!("{day}#{digit}")
}

/// All partitions of a day.
pub fn day_partitions(day: Date) -> [String; 16] {
    std::array::from_fn(|digit| format!("{day}#{digit:x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_version_counts_and_else_the_etag() {
        let id = job_id("b", "k", Some("v1"), Some("\"e\""));
        assert_eq!(id.len(), 64);
        assert_eq!(id, job_id("b", "k", Some("v1"), None));
        assert_ne!(id, job_id("b", "k", Some("v2"), None));
        assert_eq!(
            job_id("b", "k", None, Some("\"e\"")),
            job_id("b", "k", Some("null"), Some("e"))
        );
        assert_ne!(job_id("b", "k", None, Some("e")), id);
    }

    #[test]
    fn parts_do_not_run_into_one_another() {
        assert_ne!(
            job_id("ab", "c", Some("v"), None),
            job_id("a", "bc", Some("v"), None)
        );
    }

    #[test]
    fn timestamps_sort_as_text() {
        assert_eq!(
            timestamp(datetime!(2026-11-23 08:05:09.07 UTC)),
            "2026-11-23T08:05:09.070Z"
        );
        assert_eq!(
            timestamp(datetime!(2026-11-23 08:05:09 +1)),
            "2026-11-23T07:05:09.000Z"
        );
        assert_eq!(epoch_ms(datetime!(1970-01-01 00:00:01.5 UTC)), 1_500);
    }

    #[test]
    fn a_day_is_sixteen_partitions_and_every_job_is_in_one() {
        let day = datetime!(2026-11-23 0:00 UTC).date();
        let all = day_partitions(day);
        assert_eq!(
            (all[0].as_str(), all[15].as_str()),
            ("2026-11-23#0", "2026-11-23#f")
        );
        assert!(all.contains(&day_partition(day, &job_id("b", "k", None, None))));
    }
}
