//! What is told of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::backlog::Sample;
use super::facts::RunFacts;
use super::stats::Distribution;

/// Raised when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// One run: the summary file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Of this form.
    pub version: u32,
    /// What it was made on and with.
    pub run: RunFacts,
    /// Did it come to its end?
    pub complete: bool,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
    /// Lines of the results file, without its header: what was measured and what was not counted.
    pub rows: usize,
    /// The figures.
    pub figures: Figures,
    /// Steps of a ramp.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The highest rate of a ramp that was sustained, files per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturation_per_s: Option<f64>,
    /// How much was on its way, over time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backlog: Vec<Sample>,
}

/// One rate of a ramp.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Files per second that were asked for.
    pub rate: f64,
    /// Files.
    pub files: usize,
    /// Of them processed.
    pub done: usize,
    /// Files per second until the last one was done.
    pub achieved_per_s: f64,
    /// Median from end to end.
    pub p50_ms: Option<f64>,
    /// 95th percentile.
    pub p95_ms: Option<f64>,
    /// Did nothing pile up, and was everything processed?
    pub sustained: bool,
}

/// Medians of a rate that is sustained are no longer than so many usual times.
pub(super) const LONGER: f64 = 3.0;

/// The highest rate of a ramp that was sustained: by each step's own word, and by its median beside those of slower ones,
/// by which steps of older runs were not judged.
pub fn saturation(steps: &[Step]) -> Option<f64> {
    let mut sustained: Vec<&Step> = steps.iter().filter(|step| step.sustained).collect();
    sustained.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let (mut usual, mut highest) = (f64::INFINITY, None);
    for step in sustained {
        let median = step.p50_ms.unwrap_or(f64::INFINITY);
        usual = usual.min(median);
        if median <= usual * LONGER {
            highest = Some(step.rate);
        }
    }
    highest
}

/// Figures of the counted files. Times are milliseconds, of files that were processed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Counted files.
    pub files: usize,
    /// Of them by what became of them; `unfinished` ones are not counted.
    pub fates: BTreeMap<String, usize>,
    /// Share of files that were not processed, 0 to 1.
    pub error_rate: f64,
    /// Files that were delivered to a worker more than once.
    pub redelivered: usize,
    /// Files per second: one after the other, files by the sum of their times, as the study had it; else by the
    /// time from the beginning of the first to the end of the last.
    pub files_per_s: Option<f64>,
    /// From the beginning of the upload (of an open loop: from when it should have begun) until the result was
    /// seen. The client's monotonic clock.
    pub end_to_end_ms: Option<Distribution>,
    /// The parts of it, in the order of time.
    pub hops: Vec<Hop>,
    /// By lines of the files.
    pub sizes: Vec<SizeFigures>,
    /// Files that met a new environment, and those that did not.
    pub cold: Option<Cold>,
    /// Files that were sent after environments were made new.
    pub sent_cold: usize,
    /// What looking for results adds at most.
    pub poll_gap_ms: Option<Distribution>,
    /// Of the reports, by function: what is billed, and memory.
    pub reports: BTreeMap<String, ReportFigures>,
    /// How many files took far longer than the others of their size. They are in every figure.
    pub far_out: usize,
    /// The longest of them, one by one.
    pub outliers: Vec<Outlier>,
    /// Files whose hops are left out, because clocks differ or one was set meanwhile.
    pub without_hops: usize,
    /// What a reader should know of these figures.
    pub notes: Vec<String>,
}

/// One part of the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// Name: its column without `_ms`.
    pub name: String,
    /// By whose clocks.
    pub clocks: String,
    /// Its times.
    pub ms: Distribution,
}

/// Files of one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SizeFigures {
    /// Lines.
    pub lines: u64,
    /// Counted files.
    pub files: usize,
    /// Of them processed.
    pub done: usize,
    /// From end to end.
    pub end_to_end_ms: Option<Distribution>,
    /// Upload.
    pub upload_ms: Option<Distribution>,
    /// The worker's part.
    pub processing_ms: Option<Distribution>,
}

/// Cold starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cold {
    /// Files that met at least one new environment, from end to end.
    pub cold_ms: Option<Distribution>,
    /// Files that were sent right after a cold one and met none.
    pub warm_ms: Option<Distribution>,
    /// Files that met two new environments: the trigger's and the worker's.
    pub both: usize,
    /// What new environments cost, by the client: the difference of the medians.
    pub difference_ms: Option<f64>,
    /// Initialisation of the trigger, by Lambda's report.
    pub trigger_init_ms: Option<Distribution>,
    /// Initialisation of the worker.
    pub worker_init_ms: Option<Distribution>,
}

/// What reports tell of one function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportFigures {
    /// Billed duration.
    pub billed_ms: Option<Distribution>,
    /// The most memory used, MB.
    pub max_memory_mb: Option<f64>,
}

/// A file that took far longer than the others of its size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outlier {
    /// Number in the run.
    pub n: u64,
    /// Lines.
    pub lines: u64,
    /// From end to end.
    pub end_to_end_ms: f64,
    /// Did it meet a new environment?
    pub cold: bool,
}

/// Does a run differ from another one by more than chance? Two-sided, by ranks, of the times from end to end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// When the other one began.
    pub began_at: String,
    /// Its median from end to end, milliseconds.
    pub p50_ms: f64,
    /// How probable such a difference is without a cause.
    pub p_value: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_whose_median_has_grown_was_not_sustained_whatever_its_step_says() {
        let step = |rate, p50, sustained| Step {
            rate,
            files: 1,
            done: 1,
            achieved_per_s: rate,
            p50_ms: Some(p50),
            p95_ms: None,
            sustained,
        };
        // As older runs have it: in the order in which rates were tried.
        let steps = [
            step(4.0, 623.0, true),
            step(8.0, 991.0, true),
            step(16.0, 4_078.0, false),
            step(10.0, 2_390.0, true),
        ];
        assert_eq!(saturation(&steps), Some(8.0));
        assert_eq!(saturation(&steps[2..3]), None);
        assert_eq!(saturation(&[]), None);
    }
}
