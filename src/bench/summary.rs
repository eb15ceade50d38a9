//! The figures of a run, made of its rows alone: reading the results file again gives the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::backlog::Sample;
use super::facts::RunFacts;
use super::row::{Fate, Phase, PutClock, Row};
use super::settings::Method;
use super::stats::{self, Distribution, rounded};

/// Raised when a field changes its meaning or goes.
pub const VERSION: u32 = 1;
/// Most outliers that are told one by one.
const MOST_OUTLIERS: usize = 20;

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

/// Figures of the counted files. Times are milliseconds, of files that were processed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Counted files.
    pub files: usize,
    /// Of them by what became of them.
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
    /// Files that took far longer than the others. They are in every figure.
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

/// A column of times.
type Column = fn(&Row) -> Option<f64>;

/// The hops: their columns, and whose clocks.
const HOPS: &[(&str, &str, Column)] = &[
    ("upload", "client", |row| row.upload_ms),
    ("put_to_trigger", "S3, trigger", |row| row.put_to_trigger_ms),
    ("trigger", "trigger, SQS", |row| row.trigger_ms),
    ("send_to_worker", "SQS, worker", |row| row.send_to_worker_ms),
    ("processing", "worker", |row| row.processing_ms),
    ("row_to_seen", "client, less the hops before", |row| {
        row.row_to_seen_ms
    }),
];

impl Figures {
    /// Of the rows of a run.
    pub fn of(rows: &[Row], method: &Method, seed: u64) -> Self {
        let counted: Vec<&Row> = rows.iter().filter(|row| row.counts()).collect();
        let done: Vec<&Row> = counted
            .iter()
            .copied()
            .filter(|row| row.is_done())
            .collect();
        let column = |rows: &[&Row], column: Column| {
            Distribution::of(rows.iter().filter_map(|row| column(row)), seed)
        };
        let mut fates = BTreeMap::new();
        for row in &counted {
            *fates.entry(fate(row.fate).to_owned()).or_default() += 1;
        }
        let by_answer = done
            .iter()
            .filter(|row| row.put_clock == Some(PutClock::Client));
        let of_client = by_answer.count() * 2 > done.len();
        let hops = HOPS.iter().filter_map(|(name, clocks, hop)| {
            Some(Hop {
                name: (*name).to_owned(),
                clocks: if *name == "put_to_trigger" && of_client {
                    "client, trigger".to_owned()
                } else {
                    (*clocks).to_owned()
                },
                ms: column(&done, *hop)?,
            })
        });
        let report = |billed: Column, memory: Column| {
            let most = done.iter().filter_map(|row| memory(row)).reduce(f64::max);
            let billed_ms = column(&done, billed);
            (billed_ms.is_some() || most.is_some()).then_some(ReportFigures {
                billed_ms,
                max_memory_mb: most,
            })
        };
        let reports = [
            (
                "trigger",
                report(|row| row.trigger_billed_ms, |row| row.trigger_memory_mb),
            ),
            (
                "worker",
                report(|row| row.worker_billed_ms, |row| row.worker_memory_mb),
            ),
        ];
        let reports = reports.into_iter();
        let mut figures = Self {
            files: counted.len(),
            fates,
            error_rate: if counted.is_empty() {
                0.0
            } else {
                (counted.len() - done.len()) as f64 / counted.len() as f64
            },
            redelivered: done.iter().filter(|row| row.is_redelivered()).count(),
            files_per_s: rate(&done, method),
            end_to_end_ms: column(&done, |row| row.end_to_end_ms),
            hops: hops.collect(),
            sizes: sizes(&counted, seed),
            cold: cold(&done, seed),
            sent_cold: done.iter().filter(|row| row.phase == Phase::Cold).count(),
            poll_gap_ms: column(&done, |row| row.poll_gap_ms),
            reports: reports
                .filter_map(|(name, found)| Some((name.to_owned(), found?)))
                .collect(),
            outliers: outliers(&done),
            without_hops: done
                .iter()
                .filter(|row| row.processing_ms.is_none())
                .count(),
            notes: Vec::new(),
        };
        figures.notes = notes(&figures);
        figures
    }

    /// How many ended so.
    pub fn count(&self, which: Fate) -> usize {
        self.fates.get(fate(which)).copied().unwrap_or_default()
    }

    /// How many were processed.
    pub fn done(&self) -> usize {
        self.count(Fate::Done)
    }
}

/// As the results file has it.
fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Done => "done",
        Fate::Failed => "failed",
        Fate::Rejected => "rejected",
        Fate::NotUploaded => "not_uploaded",
        Fate::Lost => "lost",
        Fate::Dropped => "dropped",
    }
}

fn rate(done: &[&Row], method: &Method) -> Option<f64> {
    let times: Vec<(f64, f64)> = done
        .iter()
        .filter_map(|row| Some((row.begun_ms, row.end_to_end_ms?)))
        .collect();
    let ms = if method.is_one_by_one() {
        times.iter().map(|(_, took)| took).sum()
    } else {
        let first = times
            .iter()
            .map(|(begun, _)| *begun)
            .fold(f64::INFINITY, f64::min);
        let last = times.iter().map(|(begun, took)| begun + took);
        last.fold(0.0, f64::max) - first
    };
    (!times.is_empty() && ms > 0.0).then(|| rounded(times.len() as f64 / ms * 1_000.0))
}

fn sizes(counted: &[&Row], seed: u64) -> Vec<SizeFigures> {
    let mut by_lines: BTreeMap<u64, Vec<&Row>> = BTreeMap::new();
    for row in counted {
        by_lines.entry(row.lines).or_default().push(row);
    }
    let figures = by_lines.into_iter().map(|(lines, rows)| {
        let done: Vec<&Row> = rows.iter().copied().filter(|row| row.is_done()).collect();
        let column =
            |column: Column| Distribution::of(done.iter().filter_map(|row| column(row)), seed);
        SizeFigures {
            lines,
            files: rows.len(),
            done: done.len(),
            end_to_end_ms: column(|row| row.end_to_end_ms),
            upload_ms: column(|row| row.upload_ms),
            processing_ms: column(|row| row.processing_ms),
        }
    });
    figures.collect()
}

fn cold(done: &[&Row], seed: u64) -> Option<Cold> {
    let cold: Vec<&Row> = done.iter().copied().filter(|row| row.is_cold()).collect();
    let warm = done
        .iter()
        .filter(|row| row.phase == Phase::Warm && !row.is_cold());
    let warm: Vec<&Row> = warm.copied().collect();
    if cold.is_empty() {
        return None;
    }
    let of = |rows: &[&Row], column: Column| {
        Distribution::of(rows.iter().filter_map(|row| column(row)), seed)
    };
    let cold_ms = of(&cold, |row| row.end_to_end_ms);
    let warm_ms = of(&warm, |row| row.end_to_end_ms);
    Some(Cold {
        both: cold
            .iter()
            .filter(|row| row.trigger_cold == Some(true) && row.worker_cold == Some(true))
            .count(),
        difference_ms: Option::zip(cold_ms.as_ref(), warm_ms.as_ref())
            .map(|(cold, warm)| rounded(cold.p50 - warm.p50)),
        trigger_init_ms: of(&cold, |row| row.trigger_init_ms),
        worker_init_ms: of(&cold, |row| row.worker_init_ms),
        cold_ms,
        warm_ms,
    })
}

/// Those far above the others of their size, longest first.
fn outliers(done: &[&Row]) -> Vec<Outlier> {
    let mut by_lines: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for row in done {
        by_lines
            .entry(row.lines)
            .or_default()
            .extend(row.end_to_end_ms);
    }
    let fences: BTreeMap<u64, f64> = by_lines
        .into_iter()
        .filter_map(|(lines, times)| Some((lines, stats::far_out(&times)?)))
        .collect();
    let mut outliers: Vec<Outlier> = done
        .iter()
        .filter_map(|row| {
            let took = row.end_to_end_ms?;
            (took > *fences.get(&row.lines)?).then(|| Outlier {
                n: row.n,
                lines: row.lines,
                end_to_end_ms: took,
                cold: row.is_cold(),
            })
        })
        .collect();
    outliers.sort_by(|a, b| b.end_to_end_ms.total_cmp(&a.end_to_end_ms));
    outliers.truncate(MOST_OUTLIERS);
    outliers
}

fn notes(figures: &Figures) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(times) = &figures.end_to_end_ms
        && let Some(first) = times.only_the_maximum.first()
    {
        notes.push(format!(
            "of {} files p{first} and what is above it is the slowest one: {} files would tell more",
            times.n,
            100 / (100 - first) + 1,
        ));
    }
    if figures.without_hops > 0 {
        notes.push(format!(
            "{} of {} files have no hops: clocks differ, or one was set meanwhile",
            figures.without_hops,
            figures.done()
        ));
    }
    if let (Some(gap), Some(times)) = (&figures.poll_gap_ms, &figures.end_to_end_ms) {
        notes.push(format!(
            "looking for results makes the median {:.3} ms too long at most ({:.1} %), half of it as a rule",
            gap.p50,
            gap.p50 / times.p50 * 100.0
        ));
    }
    if figures.redelivered > 0 {
        notes.push(format!(
            "{} files were delivered to a worker more than once",
            figures.redelivered
        ));
    }
    let cold = figures.cold.as_ref().and_then(|cold| cold.cold_ms.as_ref());
    let cold = cold.map_or(0, |cold| cold.n);
    if figures.sent_cold > cold {
        notes.push(format!(
            "only {cold} of {} files that were sent for it met a new environment",
            figures.sent_cold
        ));
    }
    notes
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

/// Times from end to end of the counted files that were processed.
pub fn times(rows: &[Row]) -> Vec<f64> {
    let done = rows.iter().filter(|row| row.is_done());
    done.filter_map(|row| row.end_to_end_ms).collect()
}
