//! One measured file: a line of the results file.

use model::{JobResult, Outcome, Timings};
use serde::{Deserialize, Serialize};

use super::stats::rounded;

/// How far a hop may seem to end before it began, milliseconds: moments of functions are whole milliseconds.
const RESOLUTION_MS: f64 = 2.0;

/// No run takes longer, milliseconds: a year.
pub(super) const LONGEST_MS: f64 = 366.0 * 86_400_000.0;
/// No run has more files.
const MOST_FILES: u64 = 1_000_000_000;

/// What a file was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not counted: sent so that what is counted meets warm functions.
    Warmup,
    /// Counted.
    Measured,
    /// Counted, and met environments that were made new for it.
    Cold,
    /// Counted beside a cold one, which it followed at once.
    Warm,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Processed.
    Done,
    /// Its result says why it was not processed.
    Failed,
    /// It was refused as no log file.
    Rejected,
    /// The upload failed; nothing was tried again.
    NotUploaded,
    /// No result came in time.
    Lost,
    /// Not sent: so many files were on their way already that one more would have told nothing.
    Dropped,
    /// On its way when the run ended early; not counted.
    Unfinished,
}

/// By whose clock the hop from the bucket to the trigger begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PutClock {
    /// S3's event time.
    S3,
    /// This machine's, when the upload was answered: S3 told whole seconds, and runs by the same clock.
    Client,
}

/// One line of the results file. Times are milliseconds, rounded to microseconds; empty where not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Number in the run, from 1.
    pub n: u64,
    /// What it was sent for.
    pub phase: Phase,
    /// Files per second that were asked for, where files came at a rate.
    pub rate: Option<f64>,
    /// Lines of the file.
    pub lines: u64,
    /// Its size, bytes.
    pub bytes: u64,
    /// Key in the bucket.
    pub key: String,
    /// Job id; empty when it was not uploaded.
    pub job_id: String,
    /// What became of it.
    pub fate: Fate,
    /// Why, where it is not done.
    pub error: Option<String>,
    /// When it began, since the run began: of an open loop the moment at which it should have begun.
    pub begun_ms: f64,
    /// From then until the result was seen, by this machine's monotonic clock.
    pub end_to_end_ms: Option<f64>,
    /// How much later than it should have the upload began: nothing but in an open loop.
    pub late_ms: f64,
    /// From the first byte sent to the answer of S3, by this machine's monotonic clock.
    pub upload_ms: Option<f64>,
    /// Whose clock the next hop begins by.
    pub put_clock: Option<PutClock>,
    /// Hop: the object was there → the trigger began. S3's clock (or this machine's), then the trigger's.
    pub put_to_trigger_ms: Option<f64>,
    /// Hop: the trigger, until SQS had the job. The trigger's clock, then SQS's.
    pub trigger_ms: Option<f64>,
    /// Hop: SQS had the job → the worker began. SQS's clock, then the worker's.
    pub send_to_worker_ms: Option<f64>,
    /// Hop: the worker read and analysed the file, until it was about to write. The worker's clock.
    pub processing_ms: Option<f64>,
    /// Hop: from there until this machine saw the result: what the other hops leave of `end_to_end_ms`, so that
    /// no clock is compared with another one's.
    pub row_to_seen_ms: Option<f64>,
    /// First invocation of the trigger's environment.
    pub trigger_cold: Option<bool>,
    /// First invocation of the worker's environment.
    pub worker_cold: Option<bool>,
    /// How often the job was received: more than once is a second delivery.
    pub receive_count: Option<u32>,
    /// How often the result was looked for.
    pub looks: u32,
    /// Since the last look that did not find it began, or the worker was about to write where that was later:
    /// so much too long at most `end_to_end_ms` is.
    pub poll_gap_ms: Option<f64>,
    /// Of the trigger's report: what is billed.
    pub trigger_billed_ms: Option<f64>,
    /// Its initialisation, where the environment was new.
    pub trigger_init_ms: Option<f64>,
    /// The most memory it used, MB.
    pub trigger_memory_mb: Option<f64>,
    /// Of the worker's report, which is of a batch: what is billed.
    pub worker_billed_ms: Option<f64>,
    /// Its initialisation, where the environment was new.
    pub worker_init_ms: Option<f64>,
    /// The most memory it used, MB.
    pub worker_memory_mb: Option<f64>,
}

/// When the result was seen, by the client.
#[derive(Debug, Clone, Copy)]
pub struct Observed {
    /// When the upload was answered: milliseconds since the Unix epoch by this machine's clock.
    pub answered_at_ms: f64,
    /// From the answer until the result was seen, by the monotonic clock.
    pub waited_ms: f64,
    /// Is that what the hop to the trigger begins by? S3 tells whole seconds, and runs by the same clock.
    pub by_answer: bool,
}

impl Row {
    /// Names of its columns, in their order. docs/bench.md tells what they are.
    pub const COLUMNS: &[&str] = &[
        "n",
        "phase",
        "rate",
        "lines",
        "bytes",
        "key",
        "job_id",
        "fate",
        "error",
        "begun_ms",
        "end_to_end_ms",
        "late_ms",
        "upload_ms",
        "put_clock",
        "put_to_trigger_ms",
        "trigger_ms",
        "send_to_worker_ms",
        "processing_ms",
        "row_to_seen_ms",
        "trigger_cold",
        "worker_cold",
        "receive_count",
        "looks",
        "poll_gap_ms",
        "trigger_billed_ms",
        "trigger_init_ms",
        "trigger_memory_mb",
        "worker_billed_ms",
        "worker_init_ms",
        "worker_memory_mb",
    ];

    /// A file of which nothing is known yet.
    pub fn new(n: u64, phase: Phase, lines: u64, bytes: u64, key: String) -> Self {
        Self {
            n,
            phase,
            rate: None,
            lines,
            bytes,
            key,
            job_id: String::new(),
            fate: Fate::NotUploaded,
            error: None,
            begun_ms: 0.0,
            end_to_end_ms: None,
            late_ms: 0.0,
            upload_ms: None,
            put_clock: None,
            put_to_trigger_ms: None,
            trigger_ms: None,
            send_to_worker_ms: None,
            processing_ms: None,
            row_to_seen_ms: None,
            trigger_cold: None,
            worker_cold: None,
            receive_count: None,
            looks: 0,
            poll_gap_ms: None,
            trigger_billed_ms: None,
            trigger_init_ms: None,
            trigger_memory_mb: None,
            worker_billed_ms: None,
            worker_init_ms: None,
            worker_memory_mb: None,
        }
    }

    /// What no run writes, and no figure can be made of: a time that is no number, below zero or longer than a run can
    /// be, a number that is none.
    pub fn fault(&self) -> Option<String> {
        let from_zero = [
            ("begun_ms", Some(self.begun_ms)),
            ("end_to_end_ms", self.end_to_end_ms),
            ("late_ms", Some(self.late_ms)),
            ("upload_ms", self.upload_ms),
            ("poll_gap_ms", self.poll_gap_ms),
            ("trigger_billed_ms", self.trigger_billed_ms),
            ("worker_billed_ms", self.worker_billed_ms),
            ("trigger_init_ms", self.trigger_init_ms),
            ("worker_init_ms", self.worker_init_ms),
        ];
        // A hop may seem to end a little before it began.
        let hops = [
            ("put_to_trigger_ms", self.put_to_trigger_ms),
            ("trigger_ms", self.trigger_ms),
            ("send_to_worker_ms", self.send_to_worker_ms),
            ("processing_ms", self.processing_ms),
            ("row_to_seen_ms", self.row_to_seen_ms),
        ];
        let out = |value: Option<f64>, least: f64| {
            value.is_some_and(|value| !(least..=LONGEST_MS).contains(&value))
        };
        let bad = from_zero.iter().find(|(_, value)| out(*value, 0.0));
        let bad = bad.or_else(|| hops.iter().find(|(_, value)| out(*value, -LONGEST_MS)));
        if let Some((column, value)) = bad {
            return Some(format!(
                "`{column}` cannot be {}",
                value.unwrap_or_default()
            ));
        }
        if self.end_to_end_ms.is_some_and(|took| took <= 0.0) {
            return Some("`end_to_end_ms` cannot be 0".to_owned());
        }
        (self.n > MOST_FILES).then(|| format!("`n` cannot be {}", self.n))
    }

    /// Is it counted?
    pub fn counts(&self) -> bool {
        self.phase != Phase::Warmup && self.fate != Fate::Unfinished
    }

    /// Counted, and processed?
    pub fn is_done(&self) -> bool {
        self.counts() && self.fate == Fate::Done
    }

    /// Was it received more than once?
    pub fn is_redelivered(&self) -> bool {
        self.receive_count.is_some_and(|count| count > 1)
    }

    /// Did it meet an environment that was new?
    pub fn is_cold(&self) -> bool {
        self.trigger_cold == Some(true) || self.worker_cold == Some(true)
    }

    /// Takes what the result tells.
    pub fn take(&mut self, result: &JobResult, observed: Observed) {
        self.fate = match result.status {
            Outcome::Done => Fate::Done,
            Outcome::Failed => Fate::Failed,
            Outcome::Rejected => Fate::Rejected,
        };
        self.error = result.reason.as_ref().map(|reason| reason.code.clone());
        self.trigger_cold = Some(result.timings.trigger_cold);
        if result.timings.worker_start_ms.is_some() {
            self.worker_cold = Some(result.timings.worker_cold);
            self.receive_count = Some(result.receive_count);
        }
        let Some((clock, hops)) = hops(&result.timings, observed) else {
            return;
        };
        // Clocks that differ, or one that was set meanwhile, tell no hops.
        // S3 has the object before its answer arrives: the last hop may be short by that, and the first one where
        // it begins by the answer.
        let answer = self.upload_ms.unwrap_or_default();
        let early = if observed.by_answer { answer } else { 0.0 };
        let least = [early, 0.0, 0.0, 0.0, answer].map(|so_far| -RESOLUTION_MS - so_far);
        if hops.iter().zip(least).any(|(hop, least)| *hop < least) {
            return;
        }
        let hops = hops.map(|hop| Some(rounded(hop)));
        // It was not there before the worker wrote it, whenever it was looked for.
        let since_written = hops[4].unwrap_or_default() + answer;
        self.poll_gap_ms = self
            .poll_gap_ms
            .map(|gap| rounded(gap.min(since_written.max(0.0))));
        self.put_clock = Some(clock);
        [
            self.put_to_trigger_ms,
            self.trigger_ms,
            self.send_to_worker_ms,
            self.processing_ms,
            self.row_to_seen_ms,
        ] = hops;
    }
}

/// The hops behind the upload, in the order of time; they add up to the time waited for the result.
fn hops(timings: &Timings, observed: Observed) -> Option<(PutClock, [f64; 5])> {
    let worker_start = timings.worker_start_ms? as f64;
    let worker_end = timings.worker_end_ms? as f64;
    let sent = timings.queued_ms.unwrap_or(timings.sent_ms) as f64;
    let trigger_start = timings.trigger_start_ms as f64;
    let (clock, put) = if observed.by_answer {
        (PutClock::Client, observed.answered_at_ms)
    } else {
        (PutClock::S3, timings.event_ms? as f64)
    };
    let seen = observed.waited_ms - (worker_end - put);
    let hops = [
        trigger_start - put,
        sent - trigger_start,
        worker_start - sent,
        worker_end - worker_start,
        seen,
    ];
    Some((clock, hops))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUT: i64 = 1_795_000_000_123;

    fn timings() -> Timings {
        Timings {
            event_ms: Some(PUT),
            trigger_start_ms: PUT + 10,
            sent_ms: PUT + 11,
            queued_ms: Some(PUT + 14),
            worker_start_ms: Some(PUT + 20),
            worker_end_ms: Some(PUT + 27),
            ..Timings::default()
        }
    }

    fn observed() -> Observed {
        Observed {
            answered_at_ms: PUT as f64 + 1.5,
            waited_ms: 30.25,
            by_answer: false,
        }
    }

    #[test]
    fn hops_add_up_to_the_time_waited_and_compare_no_foreign_clocks() {
        let (clock, hops) = super::hops(&timings(), observed()).expect("hops");
        assert_eq!((clock, hops), (PutClock::S3, [10.0, 4.0, 6.0, 7.0, 3.25]));
        let elsewhere = Timings {
            event_ms: Some(PUT + 3_600_000),
            trigger_start_ms: PUT + 3_600_010,
            queued_ms: Some(PUT + 3_600_014),
            worker_start_ms: Some(PUT + 3_600_020),
            worker_end_ms: Some(PUT + 3_600_027),
            ..timings()
        };
        let same = super::hops(&elsewhere, observed()).expect("hops").1;
        assert_eq!(same.map(f64::to_bits), hops.map(f64::to_bits));
    }

    #[test]
    fn where_s3_tells_whole_seconds_the_answer_of_the_upload_is_taken() {
        let by_answer = Observed {
            by_answer: true,
            ..observed()
        };
        let (clock, hops) = super::hops(&timings(), by_answer).expect("hops");
        assert_eq!((clock, hops[0], hops[4]), (PutClock::Client, 8.5, 4.75));
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_the_hops_out() {
        let result = crate::bench::tests::result(Timings {
            worker_start_ms: Some(PUT - 5_000),
            ..timings()
        });
        let mut row = Row::new(1, Phase::Measured, 100, 1, "k".to_owned());
        row.take(&result, observed());
        assert_eq!((row.fate, row.processing_ms), (Fate::Done, None));
        let mut row = Row::new(1, Phase::Measured, 100, 1, "k".to_owned());
        row.take(&crate::bench::tests::result(timings()), observed());
        assert_eq!(row.processing_ms, Some(7.0));
    }

    #[test]
    fn the_document_tells_of_every_column() {
        let document = include_str!("../../docs/bench.md");
        for column in Row::COLUMNS {
            assert!(document.contains(&format!("`{column}`")), "{column}");
        }
    }
}
