//! Loads: files at a rate, so many at once, and rates that grow until one is not sustained.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::feed::{Fed, ms};
use super::row::{Fate, Phase, Row};
use super::run::{Outcome, Run, stage};
use super::stats::{Distribution, rounded};
use super::summary::{LONGER, Step};
use super::workload::{File, Workload};
use crate::wait;

/// Most files on their way at once; those beyond are dropped, and counted.
const MOST_ON_THEIR_WAY: usize = 10_000;
/// Tries between the last rate that was sustained and the first that was not.
const REFINEMENTS: usize = 3;
/// A rate is sustained when what came in a step is done so much later than the step ended, at most: as a share
/// of the step, and so many median times of its first quarter, or of a slower rate where those were shorter.
const LATER: (f64, f64) = (0.01, 3.0);
/// Pause of a closed loop after an upload that failed, for each that failed in a row, and at most.
const BACK_OFF: (Duration, u32) = (Duration::from_millis(20), 50);

/// Files on their way, with the rows that they get if the run ends before they do.
#[derive(Default)]
struct Begun {
    tasks: JoinSet<Fed>,
    rows: BTreeMap<u64, Row>,
    rate: Option<f64>,
}

impl Begun {
    /// Sends one file; `intended` is when it should have begun.
    fn begin(&mut self, run: &Run<'_>, file: File, intended: Option<Instant>) {
        let mut row = run.feed.row(
            &file,
            Phase::Measured,
            intended.unwrap_or_else(Instant::now),
        );
        row.fate = Fate::Unfinished;
        row.rate = self.rate;
        self.rows.insert(file.n, row);
        let feed = run.feed.clone();
        self.tasks
            .spawn(async move { feed.one(file, Phase::Measured, intended).await });
    }

    /// The next that ends; none when none is on its way.
    async fn next(&mut self) -> Option<Fed> {
        let fed = self
            .tasks
            .join_next()
            .await?
            .expect("a file does not panic");
        self.rows.remove(&fed.row.n);
        Some(fed)
    }

    /// One that has ended already.
    fn ended(&mut self) -> Option<Fed> {
        let fed = self.tasks.try_join_next()?.expect("a file does not panic");
        self.rows.remove(&fed.row.n);
        Some(fed)
    }

    /// What is still on its way is waited for no longer.
    fn leave(self, outcome: &mut Outcome) {
        outcome.rows.extend(self.rows.into_values());
    }
}

impl Run<'_> {
    /// Files at a rate, whether or not those before are done.
    pub(super) async fn open_loop(
        &self,
        files: &mut Workload,
        rate: f64,
        duration_ms: u64,
        outcome: &mut Outcome,
    ) {
        let count = (rate * duration_ms as f64 / 1_000.0).round().max(1.0) as u64;
        let start = Instant::now();
        let mut begun = Begun {
            rate: Some(rate),
            ..Begun::default()
        };
        let mut told = start;
        for number in 0..count {
            let intended = start + Duration::from_secs_f64(number as f64 / rate);
            // A timer comes up to a millisecond late: nobody waits for one whose time has come.
            while let Some(pause) = intended.checked_duration_since(Instant::now())
                && !pause.is_zero()
                && !self.is_over(outcome)
            {
                tokio::select! {
                    biased;
                    () = self.cancel.asked() => {}
                    () = wait::pause(pause) => {}
                    Some(fed) = begun.next() => outcome.take(fed, Some(rate)),
                }
            }
            while let Some(fed) = begun.ended() {
                outcome.take(fed, Some(rate));
            }
            self.tell_now_and_then(&mut told, outcome, None);
            if self.is_over(outcome) {
                return begun.leave(outcome);
            }
            let file = files.next(number as usize);
            if begun.tasks.len() < MOST_ON_THEIR_WAY {
                begun.begin(self, file, Some(intended));
            } else {
                let mut row = self.feed.row(&file, Phase::Measured, intended);
                row.fate = Fate::Dropped;
                row.rate = Some(rate);
                outcome.rows.push(row);
            }
            // Where all are late, those on their way get their turn.
            tokio::task::yield_now().await;
        }
        self.drain(begun, &mut told, outcome).await;
    }

    /// So many files on their way at once.
    pub(super) async fn closed_loop(
        &self,
        files: &mut Workload,
        at_once: usize,
        duration_ms: u64,
        outcome: &mut Outcome,
    ) {
        let until = Instant::now() + Duration::from_millis(duration_ms);
        let mut begun = Begun::default();
        let mut told = Instant::now();
        let (mut sent, mut failures) = (0, 0);
        while Instant::now() < until && !self.is_over(outcome) {
            while begun.tasks.len() < at_once {
                begun.begin(self, files.next(sent), None);
                sent += 1;
            }
            tokio::select! {
                biased;
                () = self.cancel.asked() => {}
                Some(fed) = begun.next() => {
                    // What fails at once would otherwise be tried thousands of times.
                    failures = if fed.row.fate == Fate::NotUploaded { failures + 1 } else { 0 };
                    outcome.take(fed, None);
                    if failures > 0 {
                        let (pause, most) = BACK_OFF;
                        self.pause(pause * failures.min(most), outcome).await;
                    }
                }
            }
            self.tell_now_and_then(&mut told, outcome, None);
        }
        self.drain(begun, &mut told, outcome).await;
    }

    /// Waits for what is on its way.
    async fn drain(&self, mut begun: Begun, told: &mut Instant, outcome: &mut Outcome) {
        let rate = begun.rate;
        while !begun.tasks.is_empty() && !self.is_over(outcome) {
            tokio::select! {
                biased;
                () = self.cancel.asked() => {}
                Some(fed) = begun.next() => outcome.take(fed, rate),
            }
            self.tell_now_and_then(told, outcome, None);
        }
        begun.leave(outcome);
    }

    fn is_over(&self, outcome: &Outcome) -> bool {
        outcome.early.is_some() || self.cancel.is_asked()
    }

    /// Rates that double until one is not sustained, then between the last two.
    pub(super) async fn ramp(
        &self,
        files: &mut Workload,
        from: f64,
        step_ms: u64,
        outcome: &mut Outcome,
    ) {
        let (mut sustained, mut not) = (None, None);
        let mut refined = 0;
        loop {
            let rate = match (sustained, not) {
                (None, None) => from,
                (Some(sustained), None) => sustained * 2.0,
                (None, Some(not)) => not / 2.0,
                (Some(sustained), Some(not)) => f64::midpoint(sustained, not),
            };
            let before = outcome.rows.len();
            let begun = Instant::now();
            self.open_loop(files, rate, step_ms, outcome).await;
            if self.is_over(outcome) {
                return;
            }
            let rows = &outcome.rows[before..];
            let since = ms(begun.saturating_duration_since(self.feed.begun()));
            let shortest = outcome.steps.iter().filter(|step| step.sustained);
            let shortest = shortest.filter_map(|step| step.p50_ms).reduce(f64::min);
            let seed = self.settings.seed;
            let step = judged((rate, step_ms as f64), since, rows, shortest, seed);
            self.sink.emit(stage(format!("{rate:.1} files/s"), rows));
            if step.sustained {
                sustained = Some(rate);
            } else {
                not = Some(rate);
            }
            outcome.steps.push(step);
            if sustained.is_some() && not.is_some() {
                refined += 1;
            }
            let too_slow = sustained.is_none() && rate < 0.1;
            if refined > REFINEMENTS || too_slow {
                return;
            }
        }
    }
}

/// Was a rate sustained? `before` is the shortest median of rates that were.
fn judged(
    (rate, step_ms): (f64, f64),
    begun_ms: f64,
    rows: &[Row],
    before: Option<f64>,
    seed: u64,
) -> Step {
    let done: Vec<&Row> = rows.iter().filter(|row| row.is_done()).collect();
    let times = done.iter().filter_map(|row| row.end_to_end_ms);
    let ends = done.iter();
    let ends = ends.filter_map(|row| Some(row.begun_ms + row.end_to_end_ms?));
    let took = ends.fold(0.0, f64::max) - begun_ms;
    let early = done.iter();
    let early = early.filter(|row| row.begun_ms - begun_ms < step_ms / 4.0);
    let early = Distribution::of(early.filter_map(|row| row.end_to_end_ms), seed);
    let usual = early.map_or(0.0, |early| early.p50);
    let figures = Distribution::of(times, seed);
    let usual = usual.min(before.unwrap_or(f64::INFINITY));
    let (share, medians) = LATER;
    Step {
        rate,
        files: rows.len(),
        done: done.len(),
        achieved_per_s: if took > 0.0 {
            rounded(done.len() as f64 / took.max(step_ms) * 1_000.0)
        } else {
            0.0
        },
        p50_ms: figures.as_ref().map(|figures| figures.p50),
        p95_ms: figures.as_ref().map(|figures| figures.p95),
        sustained: done.len() == rows.len()
            && figures.is_some_and(|figures| figures.p50 <= usual * LONGER)
            && took <= step_ms * (1.0 + share) + usual * medians,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rate: f64, seconds: f64, time: impl Fn(f64) -> f64) -> Vec<Row> {
        let count = (rate * seconds) as u64;
        let row = |n: u64| {
            let at = n as f64 / rate * 1_000.0;
            let mut row = Row::new(n, Phase::Measured, 100, 1, String::new());
            row.fate = Fate::Done;
            row.begun_ms = at;
            row.end_to_end_ms = Some(time(at));
            row
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn a_rate_is_sustained_when_nothing_piles_up() {
        let steady = judged((50.0, 10_000.0), 0.0, &rows(50.0, 10.0, |_| 300.0), None, 1);
        assert!(steady.sustained, "{steady:?}");
        assert!((steady.achieved_per_s - 50.0).abs() < 2.0, "{steady:?}");
        // It takes 20 % longer than files come.
        let slower = rows(50.0, 10.0, |at| 20.0 + at * 0.2);
        let piles = judged((50.0, 10_000.0), 0.0, &slower, None, 1);
        assert!(!piles.sustained, "{piles:?}");
        let mut lost = rows(50.0, 10.0, |_| 20.0);
        lost[7].fate = Fate::Lost;
        assert!(!judged((50.0, 10_000.0), 0.0, &lost, None, 1).sustained);
        // All take as long, but far longer than at a slower rate.
        let late = rows(50.0, 10.0, |_| 2_000.0);
        assert!(judged((50.0, 10_000.0), 0.0, &late, None, 1).sustained);
        assert!(!judged((50.0, 10_000.0), 0.0, &late, Some(20.0), 1).sustained);
    }
}
