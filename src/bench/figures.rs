//! The figures of a run, made of its rows alone: reading the results file again gives the same.

use std::collections::BTreeMap;

use super::row::{Fate, Phase, PutClock, Row};
use super::settings::Method;
use super::stats::{self, Distribution, rounded};
use super::summary::{Cold, Figures, Hop, Outlier, ReportFigures, SizeFigures};

/// Most outliers that are told one by one.
const MOST_OUTLIERS: usize = 20;
/// A file may begin so late, milliseconds, without a word: timers are no better.
const LATE_MS: f64 = 3.0;

/// A column of times.
type Column = fn(&Row) -> Option<f64>;

/// The hops: their columns, and whose clocks.
const HOPS: &[(&str, &str, Column)] = &[
    ("late", "client", |row| Some(row.late_ms)),
    ("upload", "client", |row| row.upload_ms),
    ("put_to_trigger", "S3, trigger", |row| row.put_to_trigger_ms),
    ("trigger", "trigger, SQS", |row| row.trigger_ms),
    ("send_to_worker", "SQS, worker", |row| row.send_to_worker_ms),
    ("processing", "worker", |row| row.processing_ms),
    ("row_to_seen", "client, less the hops before", |row| {
        row.row_to_seen_ms
    }),
];

/// Names of the hops: their columns without `_ms`, in the order of time.
pub fn hop_names() -> impl Iterator<Item = &'static str> {
    HOPS.iter().map(|(name, ..)| *name)
}

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
        let unfinished = rows.iter().filter(|row| row.fate == Fate::Unfinished);
        for row in counted.iter().copied().chain(unfinished) {
            *fates.entry(fate(row.fate).to_owned()).or_default() += 1;
        }
        let by_answer = done
            .iter()
            .filter(|row| row.put_clock == Some(PutClock::Client));
        let of_client = by_answer.count() * 2 > done.len();
        // Only in an open loop a file should have begun at a moment.
        let hops = HOPS
            .iter()
            .filter(|(name, ..)| method.is_open_loop() || *name != "late");
        let hops = hops.filter_map(|(name, clocks, hop)| {
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
        let outliers = outliers(&done);
        let mut figures = Self {
            files: counted.len(),
            fates,
            error_rate: if counted.is_empty() {
                0.0
            } else {
                let failed = (counted.len() - done.len()) as f64;
                (failed / counted.len() as f64 * 1e6).round() / 1e6
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
            far_out: outliers.len(),
            outliers: outliers.into_iter().take(MOST_OUTLIERS).collect(),
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
        Fate::Unfinished => "unfinished",
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
    if let Some(unfinished) = figures.fates.get(fate(Fate::Unfinished)) {
        notes.push(format!(
            "{unfinished} files were on their way when the run ended; they are in no figure, and would have been among the slower ones"
        ));
    }
    let late = figures.hops.iter().find(|hop| hop.name == "late");
    if let (Some(late), Some(times)) = (late, &figures.end_to_end_ms)
        && late.ms.p95 > times.p50 / 10.0
        && late.ms.p95 > LATE_MS
    {
        notes.push(format!(
            "this machine sent files {:.1} ms late (p95): more of them a second than it can send",
            late.ms.p95
        ));
    }
    if figures.redelivered > 0 {
        notes.push(format!(
            "delivered to a worker more than once: {} of {} files",
            figures.redelivered,
            figures.done()
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

/// Times from end to end of the counted files that were processed.
pub fn times(rows: &[Row]) -> Vec<f64> {
    let done = rows.iter().filter(|row| row.is_done());
    done.filter_map(|row| row.end_to_end_ms).collect()
}
