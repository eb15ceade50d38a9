//! The numbers of a report: everything that is shown, and the JSON that lies beside the page.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::baseline::{Baseline, Breakdown, Percentiles};
use super::words::Words;
use crate::bench::facts::RunFacts;
use crate::bench::figures::hop_names;
use crate::bench::stats::{Distribution, Interval};
use crate::bench::summary::Cold;
use crate::bench::{Figures, Settings};
use crate::cost::Estimate;
use crate::cost::study::Claim;

/// Raised when a field changes its meaning or goes.
pub const VERSION: u32 = 1;
/// Points of a run that are drawn at most: more can nobody tell apart.
pub const MOST_POINTS: usize = 1_000;
/// Changes of code a day for which the time waited is told.
pub const CHANGES_A_DAY: [u32; 3] = [10, 25, 50];

/// The whole.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Of this form.
    pub version: u32,
    /// Version of pipectl.
    pub pipectl: String,
    /// The stacks of the runs: one, if they are comparable.
    pub stacks: BTreeSet<String>,
    /// Label of the first run: the others are compared with it.
    pub reference: String,
    /// Lines of the files that are compared: those that all runs have.
    pub sizes: Vec<u64>,
    /// Runs, in the order in which they were named.
    pub runs: Vec<Run>,
    /// Published figures.
    pub published: Vec<Published>,
    /// Where the published figures are from, and what a reader should know of them.
    pub baseline: Option<Baseline>,
    /// Reports of parity.
    pub parity: Vec<Parity>,
    /// What the stack costs on AWS.
    pub cost: Option<Cost>,
    /// What cannot be compared, and why.
    pub not_comparable: Vec<Words>,
    /// Which target is for what.
    pub verdicts: Vec<Verdict>,
    /// What a reader should know.
    pub limitations: Vec<Words>,
}

/// A run.
#[derive(Debug, Serialize)]
pub struct Run {
    /// What it is called.
    pub label: String,
    /// Files that it was read from.
    pub files: Vec<String>,
    /// What it was made on and with.
    pub facts: RunFacts,
    /// Why it is not whole.
    pub ended_early: Option<String>,
    /// Its figures.
    pub figures: Figures,
    /// Times from end to end of the files that are compared.
    pub compared_ms: Option<Distribution>,
    /// Against the first run, where both are comparable.
    pub difference: Option<Difference>,
    /// Where the share of files that fail may be, 0 to 1.
    pub error_interval: Interval,
    /// Cold starts, from a run that was made for them.
    pub cold: Option<Cold>,
    /// Files of the run itself that met a new environment, also those that were not counted.
    pub cold_files: usize,
    /// Rounds of work, milliseconds.
    pub cycle: BTreeMap<String, Distribution>,
    /// The highest rate that was sustained, files per second.
    pub saturation_per_s: Option<f64>,
    /// How what was measured beside it was made: cold starts, a ramp.
    pub beside: Vec<Settings>,
    /// Its files as they are drawn.
    pub points: Vec<Point>,
    /// How many files have a time; more than `points` where not all are drawn.
    pub timed: usize,
}

/// A file of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Point {
    /// Number in the run.
    pub n: u64,
    /// Lines.
    pub lines: u64,
    /// From end to end, milliseconds.
    pub ms: f64,
    /// Is it counted?
    pub counts: bool,
    /// Did it meet a new environment?
    pub cold: bool,
}

/// A run against another one.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// Median.
    pub p50: Change,
    /// 95th percentile.
    pub p95: Change,
    /// 99th percentile.
    pub p99: Change,
    /// How probable such ranks are without a cause.
    pub p_value: Option<f64>,
}

/// By how much a figure is above that of the first run.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Milliseconds.
    pub ms: f64,
    /// Of the first run's.
    pub percent: f64,
    /// Its interval; none where there are no rows.
    pub interval_ms: Option<Interval>,
    /// Beyond chance? None where nobody can tell.
    pub is_real: Option<bool>,
}

/// A target of a published study.
#[derive(Debug, Serialize)]
pub struct Published {
    /// What it is called.
    pub label: String,
    /// Percentiles, milliseconds.
    pub end_to_end_ms: Percentiles,
    /// Against the first run, where both were made in the same way.
    pub difference: Option<Difference>,
    /// Files that count.
    pub files: usize,
    /// Files that failed.
    pub failed: usize,
    /// Where the share of files that fail may be, 0 to 1.
    pub error_interval: Interval,
    /// Files per second.
    pub files_per_s: f64,
    /// Parts of the mean, milliseconds.
    pub breakdown_ms: Breakdown,
    /// A change of code until it ran, seconds: from, to.
    pub deploy_cycle_s: [f64; 2],
}

/// What a report of parity says.
#[derive(Debug, Serialize)]
pub struct Parity {
    /// File.
    pub file: String,
    /// The targets.
    pub labels: [String; 2],
    /// What answered there.
    pub products: [String; 2],
    /// Scenarios that are equal.
    pub equal: usize,
    /// All.
    pub all: usize,
    /// Of them played: the others were left out.
    pub played: usize,
    /// Did it come to its end?
    pub complete: bool,
    /// Percent.
    pub percent: f64,
    /// Scenarios of each target in which it does not as AWS does, where that is known.
    pub unlike_aws: [usize; 2],
    /// Those that are not equal: name, what is tried, what became of it.
    pub unequal: Vec<[String; 3]>,
}

/// What the stack costs on AWS.
#[derive(Debug, Serialize)]
pub struct Cost {
    /// By how long functions run: assumed, and as each run measured.
    pub bases: Vec<Basis>,
    /// The study's figures.
    pub study: Vec<Claim>,
    /// What a reader should know.
    pub warnings: Vec<String>,
}

/// An estimate by one source.
#[derive(Debug, Serialize)]
pub struct Basis {
    /// `(assumed)`, or the label of a run.
    pub label: String,
    /// On arm64.
    pub arm64: Estimate,
    /// On x86.
    pub x86_64: Estimate,
}

/// Which target is for what.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// What is asked.
    pub question: &'static str,
    /// What follows.
    pub answer: Words,
    /// The numbers that it follows from.
    pub because: Words,
}

/// The hops of a run's mean, in the order of time: name, mean in milliseconds, share of the sum of all from 0 to 1. A mean
/// that is below zero, which clocks in whole milliseconds may give, has no share.
pub fn shares(figures: &Figures) -> Vec<(&str, f64, f64)> {
    let hops = figures.hops.iter();
    let total: f64 = hops.clone().map(|hop| hop.ms.mean.max(0.0)).sum();
    if total <= 0.0 {
        return Vec::new();
    }
    hops.map(|hop| (&*hop.name, hop.ms.mean, hop.ms.mean.max(0.0) / total))
        .collect()
}

/// The parts as the study has them: upload, processing, and what is left of the mean.
pub fn as_the_study(figures: &Figures) -> Option<Breakdown> {
    let mean = |name: &str| {
        let mut hops = figures.hops.iter();
        Some(hops.find(|hop| hop.name == name)?.ms.mean)
    };
    let (upload, processing) = (mean("upload")?, mean("processing")?);
    let all = figures.end_to_end_ms.as_ref()?.mean;
    Some(Breakdown {
        upload,
        processing,
        queue_and_overhead: all - upload - processing,
    })
}

/// Hops in the order of time, for those who colour them.
pub fn hops() -> Vec<&'static str> {
    hop_names().collect()
}

impl Report {
    /// The run that the others are compared with.
    pub fn first(&self) -> Option<&Run> {
        self.runs.iter().find(|run| run.label == self.reference)
    }
}
