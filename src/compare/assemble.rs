//! From runs as they lie on the disk to the numbers of a report.

use std::collections::BTreeSet;

use super::baseline::Baseline;
use super::input::Input;
use super::report::{Change, Difference, MOST_POINTS, Point, Published, Run};
use crate::bench::figures;
use crate::bench::row::{Fate, Phase};
use crate::bench::samples::{self, Differences};
use crate::bench::stats::{Distribution, Interval};
use crate::bench::summary::saturation;
use crate::bench::{Figures, Method, Row};

/// Values of which a difference is judged, on both sides.
const LEAST: usize = 8;

impl Change {
    fn between(from: f64, to: f64, interval: Option<Interval>) -> Self {
        Self {
            ms: to - from,
            percent: (to - from) / from * 100.0,
            interval_ms: interval,
            is_real: interval.map(|[low, high]| low > 0.0 || high < 0.0),
        }
    }
}

/// Lines that all runs have files of.
pub fn common_sizes(inputs: &[Input]) -> Vec<u64> {
    let of = |input: &Input| -> BTreeSet<u64> {
        let done = input.rows.iter().filter(|row| row.is_done());
        done.map(|row| row.lines).collect()
    };
    // A run without a file takes nothing away from the others.
    let all = inputs.iter().map(of).filter(|sizes| !sizes.is_empty());
    let common = all.reduce(|a, b| a.intersection(&b).copied().collect());
    common.unwrap_or_default().into_iter().collect()
}

/// Times from end to end of files of these sizes.
fn times(rows: &[Row], sizes: &[u64]) -> Vec<f64> {
    let of_size: Vec<Row> = rows
        .iter()
        .filter(|row| sizes.contains(&row.lines))
        .cloned()
        .collect();
    figures::times(&of_size)
}

/// Are times of these two comparable? Those of a load are not those of files one after the other.
pub fn same_way(a: &Method, b: &Method) -> bool {
    match (a, b) {
        (Method::Rate { files_per_s: a, .. }, Method::Rate { files_per_s: b, .. }) => {
            a.to_bits() == b.to_bits()
        }
        (Method::Concurrency { files: a, .. }, Method::Concurrency { files: b, .. }) => a == b,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

/// A run as it is told, `reference` being the first one.
pub fn run(input: &Input, reference: &Input, sizes: &[u64]) -> Run {
    let settings = &input.summary.run.settings;
    let own = times(&input.rows, sizes);
    let seed = reference.summary.run.settings.seed;
    let compared_ms = Distribution::of(own.iter().copied(), settings.seed);
    let is_first = input.results == reference.results;
    let comparable = same_way(&settings.method, &reference.summary.run.settings.method);
    let difference = (!is_first && comparable).then(|| {
        let first = times(&reference.rows, sizes);
        let of_first = Distribution::of(first.iter().copied(), seed)?;
        let intervals = samples::differences(&first, &own, seed)?;
        let p_value = samples::rank_test(&first, &own);
        Some(difference(
            &of_first,
            compared_ms.as_ref()?,
            &intervals,
            p_value,
        ))
    });
    let figures = input.summary.figures.clone();
    let failed = figures.files - figures.done();
    let cold = input.cold.as_ref().and_then(|(summary, rows)| {
        let settings = &summary.run.settings;
        Figures::of(rows, &settings.method, settings.seed).cold
    });
    // A run into new environments is its own.
    let is_cold = matches!(settings.method, Method::Cold { .. });
    let cold = cold.or_else(|| figures.cold.clone().filter(|_| is_cold));
    let (points, timed) = points(&input.rows);
    Run {
        label: input.label.clone(),
        files: names(&input.files),
        facts: input.summary.run.clone(),
        ended_early: input.summary.ended_early.clone(),
        compared_ms,
        difference: difference.flatten(),
        error_interval: samples::share_interval(failed, figures.files),
        cold,
        cold_files: input.rows.iter().filter(|row| row.is_cold()).count(),
        cycle: input
            .cycle
            .as_ref()
            .map(|(summary, _)| summary.figures.clone())
            .unwrap_or_default(),
        saturation_per_s: input.ramp.as_ref().and_then(|ramp| saturation(&ramp.steps)),
        beside: input
            .cold
            .iter()
            .map(|(summary, _)| summary)
            .chain(&input.ramp)
            .map(|summary| summary.run.settings.clone())
            .collect(),
        points,
        timed,
        figures,
    }
}

/// As `/` has them, so that a report is the same on every machine.
fn names(files: &[std::path::PathBuf]) -> Vec<String> {
    let name = |path: &std::path::PathBuf| path.to_string_lossy().replace('\\', "/");
    files.iter().map(name).collect()
}

fn difference(
    first: &Distribution,
    own: &Distribution,
    intervals: &Differences,
    p_value: Option<f64>,
) -> Difference {
    // Of a few values, or of the slowest one alone, drawing again tells nothing.
    let few = first.n.min(own.n) < LEAST;
    let change = |percent: u64, from: f64, to: f64, interval: Interval| {
        let mut change = Change::between(from, to, Some(interval));
        let slowest = |one: &Distribution| one.only_the_maximum.contains(&percent);
        if few || slowest(first) || slowest(own) {
            change.is_real = None;
        }
        change
    };
    Difference {
        p50: change(50, first.p50, own.p50, intervals.p50),
        p95: change(95, first.p95, own.p95, intervals.p95),
        p99: change(99, first.p99, own.p99, intervals.p99),
        p_value: p_value.filter(|_| !few),
    }
}

fn points(rows: &[Row]) -> (Vec<Point>, usize) {
    let mut points: Vec<Point> = rows
        .iter()
        .filter(|row| row.fate == Fate::Done)
        .filter_map(|row| {
            Some(Point {
                n: row.n,
                lines: row.lines,
                ms: row.end_to_end_ms?,
                counts: row.phase != Phase::Warmup,
                cold: row.is_cold(),
            })
        })
        .collect();
    let timed = points.len();
    if timed > MOST_POINTS {
        // Evenly by number, and every cold one unless these are many themselves.
        let keep_cold = points.iter().filter(|point| point.cold).count() <= MOST_POINTS / 4;
        let (mut drawn, mut seen) = (0, 0);
        points.retain(|point| {
            seen += 1;
            let due = seen * MOST_POINTS / timed > drawn;
            drawn += usize::from(due);
            due || (keep_cold && point.cold)
        });
    }
    (points, timed)
}

/// The targets of a published study.
pub fn published(baseline: &Baseline, reference: &Input, sizes: &[u64]) -> Vec<Published> {
    let method = &reference.summary.run.settings.method;
    let is_alike = matches!(method, Method::Sequential { .. }) && baseline.method.one_by_one;
    let comparable = is_alike && sizes == baseline.method.lines;
    let files = baseline.method.files - baseline.method.of_them_warmup;
    let seed = reference.summary.run.settings.seed;
    let first = Distribution::of(times(&reference.rows, sizes), seed);
    let first = first.filter(|_| comparable);
    baseline
        .targets
        .iter()
        .map(|(name, target)| {
            let own = target.end_to_end_ms;
            let difference = first.as_ref().map(|first| Difference {
                p50: Change::between(first.p50, own.p50, None),
                p95: Change::between(first.p95, own.p95, None),
                p99: Change::between(first.p99, own.p99, None),
                p_value: None,
            });
            Published {
                label: format!("{name} (study)"),
                end_to_end_ms: own,
                difference,
                files,
                failed: target.failed,
                error_interval: samples::share_interval(target.failed, files),
                files_per_s: target.files_per_s,
                breakdown_ms: target.breakdown_ms,
                deploy_cycle_s: target.deploy_cycle_s,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cold: impl Fn(u64) -> bool) -> Vec<Row> {
        let row = |n| {
            let mut row = Row::new(n, Phase::Measured, 100, 1, String::new());
            row.fate = Fate::Done;
            row.end_to_end_ms = Some(n as f64);
            row.worker_cold = Some(cold(n));
            row
        };
        (1..=25_000).map(row).collect()
    }

    #[test]
    fn of_many_files_some_are_drawn_evenly_and_cold_ones_unless_they_are_many() {
        let (some, timed) = points(&rows(|n| n % 1_000 == 7));
        assert_eq!(timed, 25_000);
        assert_eq!(some.iter().filter(|point| point.cold).count(), 25);
        assert!(
            (MOST_POINTS..=MOST_POINTS + 25).contains(&some.len()),
            "{}",
            some.len()
        );
        assert!(some.windows(2).all(|two| two[1].n - two[0].n <= 26));
        let (half, _) = points(&rows(|n| n % 2 == 0));
        assert_eq!(half.len(), MOST_POINTS);
    }
}
