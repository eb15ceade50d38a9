//! Figures that somebody published, of which there are no rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::CompareError;

/// The study's, which are part of pipectl.
const STUDY: &str = include_str!("../../docs/baselines/study-2025-12.json");

/// A published study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Of this form.
    pub version: u32,
    /// Name.
    pub name: String,
    /// Where it is from.
    pub source: String,
    /// How it measured.
    pub method: Method,
    /// What a reader should know.
    pub caveats: Vec<String>,
    /// Figures by target.
    pub targets: BTreeMap<String, Target>,
}

/// How it measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// Files of a target, with those that were not counted.
    pub files: usize,
    /// Of them not counted.
    pub of_them_warmup: usize,
    /// Lines of the files.
    pub lines: Vec<u64>,
    /// Files of each size.
    pub iterations: u32,
    /// Pause after each, milliseconds.
    pub pause_ms: u64,
    /// Pause between looks for a result, milliseconds.
    pub poll_ms: u64,
    /// Did one file wait for the one before?
    pub one_by_one: bool,
}

/// Figures of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// From end to end, milliseconds.
    pub end_to_end_ms: Percentiles,
    /// Files per second.
    pub files_per_s: f64,
    /// Mean of each part, milliseconds.
    pub breakdown_ms: Breakdown,
    /// Files that failed.
    pub failed: usize,
    /// How long a change of code took until it ran, seconds: from, to.
    pub deploy_cycle_s: [f64; 2],
}

/// Percentiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 95th.
    pub p95: f64,
    /// 99th.
    pub p99: f64,
}

/// Parts of the way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// Upload.
    pub upload: f64,
    /// The worker's part.
    pub processing: f64,
    /// All else.
    pub queue_and_overhead: f64,
}

impl Breakdown {
    /// Mean from end to end.
    pub fn total(&self) -> f64 {
        self.upload + self.processing + self.queue_and_overhead
    }
}

impl Baseline {
    /// `study`, or a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn named(name: &str) -> Result<Self, CompareError> {
        let bad = |cause: String| CompareError::BadBaseline {
            name: name.to_owned(),
            cause,
        };
        let text = match name {
            "study" => STUDY.to_owned(),
            path => std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?,
        };
        let read: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        let numbers = read.targets.values().flat_map(|one| {
            let [from, to] = one.deploy_cycle_s;
            let Percentiles { p50, p95, p99 } = one.end_to_end_ms;
            [
                p50,
                p95,
                p99,
                one.files_per_s,
                one.breakdown_ms.total(),
                from,
                to,
            ]
        });
        let mut numbers = numbers;
        if read.targets.is_empty() || numbers.any(|one| !one.is_finite() || one <= 0.0) {
            return Err(bad("every target needs figures above zero".to_owned()));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_study_is_part_of_pipectl_and_others_are_files() {
        let study = Baseline::named("study").expect("the study");
        assert_eq!(study.name, "study-2025-12");
        assert_eq!(
            study.targets["aws"].breakdown_ms.total().round() as u64,
            2_057
        );
        let error = Baseline::named("/nowhere/x.json").expect_err("no file");
        assert!(error.to_string().contains("/nowhere/x.json"), "{error}");
    }
}
