//! A run: files in the way that somebody chose, until all are done, somebody interrupts, or the target does not
//! answer any more. What was measured until then is kept.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::backlog::{self, Sample};
use super::feed::{Fed, Feed, ms};
use super::row::{Fate, Phase, Row};
use super::settings::{Method, Settings};
use super::stats::Distribution;
use super::summary::Step;
use super::workload::{File, Workload};
use crate::apply::Cancel;
use crate::event::{Event, Sink};
use crate::resource::{CallError, Context};
use crate::stack::model::Stack;
use crate::wait;

/// Most files on their way at once; those beyond are dropped, and counted.
const MOST_ON_THEIR_WAY: usize = 10_000;
/// So many uploads in a row that the target did not answer mean that it is gone.
const UNANSWERED: usize = 3;
/// Pause between two signs of life.
const TELL: Duration = Duration::from_secs(1);
/// Tries between the last rate that was sustained and the first that was not.
const REFINEMENTS: usize = 3;
/// A rate is sustained when what came in a step is done so much later than the step ended, at most: as a share
/// of the step, and so many median times of its first quarter, or of a slower rate where those were shorter.
const LATER: (f64, f64) = (0.01, 3.0);

/// Why a run ended early.
#[derive(Debug, Clone)]
pub enum Early {
    /// Somebody interrupted.
    Interrupted,
    /// The target does not answer any more.
    Gone(CallError),
    /// Environments could not be made new, or the functions not left as their stack says.
    NotRenewed(CallError),
}

impl Early {
    /// In a word, for the summary.
    pub fn word(&self) -> String {
        match self {
            Self::Interrupted => "interrupted".to_owned(),
            Self::Gone(error) => format!("the target does not answer any more: {}", error.message),
            Self::NotRenewed(cause) => format!("environments were not made new: {cause}"),
        }
    }
}

/// An object of the run.
#[derive(Debug, Clone)]
pub struct Object {
    /// Key.
    pub key: String,
    /// Version, where there is one.
    pub version_id: Option<String>,
}

/// What a run gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Every file, in the order in which they ended.
    pub rows: Vec<Row>,
    /// Objects whose files are done: nobody needs them any more.
    pub objects: Vec<Object>,
    /// Steps of a ramp.
    pub steps: Vec<Step>,
    /// How much was on its way, over time.
    pub backlog: Vec<Sample>,
    /// Why it ended early.
    pub early: Option<Early>,
    unanswered: usize,
}

/// Everything a run needs.
pub struct Run<'a> {
    /// Its id.
    pub id: &'a str,
    /// Files go through it.
    pub feed: Feed,
    /// How.
    pub settings: &'a Settings,
    /// The stack that is measured.
    pub stack: &'a Stack,
    /// Calls besides those that are measured.
    pub cx: &'a Context,
    /// Who hears of it.
    pub sink: &'a dyn Sink,
    /// Who may interrupt.
    pub cancel: &'a Cancel,
}

impl Run<'_> {
    /// Runs to its end. `files` is where they come from.
    pub async fn go(&self, files: &mut Workload) -> Outcome {
        let mut outcome = Outcome::default();
        match self.settings.method {
            Method::Sequential {
                iterations,
                warmup,
                pause_ms,
            } => {
                let pause = Duration::from_millis(pause_ms);
                self.sequential(files, (iterations, warmup), pause, &mut outcome)
                    .await;
            }
            Method::Rate {
                files_per_s,
                duration_ms,
            } => {
                let watched = backlog::Watch::start(self.cx, self.stack, &self.feed);
                self.open_loop(files, files_per_s, duration_ms, &mut outcome)
                    .await;
                outcome.backlog = watched.end();
            }
            Method::Concurrency {
                files: at_once,
                duration_ms,
            } => {
                let watched = backlog::Watch::start(self.cx, self.stack, &self.feed);
                self.closed_loop(files, at_once as usize, duration_ms, &mut outcome)
                    .await;
                outcome.backlog = watched.end();
            }
            Method::Ramp { from, step_ms } => {
                let watched = backlog::Watch::start(self.cx, self.stack, &self.feed);
                self.ramp(files, from, step_ms, &mut outcome).await;
                outcome.backlog = watched.end();
            }
            Method::Cold { times } => super::cold::run(self, files, times, &mut outcome).await,
        }
        if outcome.early.is_none() && self.cancel.is_asked() {
            outcome.early = Some(Early::Interrupted);
        }
        outcome
    }

    async fn sequential(
        &self,
        files: &mut Workload,
        (iterations, warmup): (u32, u32),
        pause: Duration,
        outcome: &mut Outcome,
    ) {
        let of = u64::from(iterations) * self.settings.sizes.len() as u64;
        for _ in 0..warmup {
            let file = files.next(0);
            self.alone(file, Phase::Warmup, outcome).await;
            if self.pause(pause, outcome).await {
                return;
            }
        }
        for (which, lines) in self.settings.sizes.iter().enumerate() {
            let begun = outcome.rows.len();
            for _ in 0..iterations {
                let file = files.next(which);
                self.alone(file, Phase::Measured, outcome).await;
                self.tell(outcome, Some(of));
                if self.pause(pause, outcome).await {
                    return;
                }
            }
            let what = format!("{lines} lines");
            self.sink.emit(stage(what, &outcome.rows[begun..]));
        }
    }

    /// Pauses; true when the run is over.
    pub(super) async fn pause(&self, pause: Duration, outcome: &Outcome) -> bool {
        if outcome.early.is_none() {
            tokio::select! {
                () = wait::pause(pause) => {}
                () = self.cancel.asked() => {}
            }
        }
        outcome.early.is_some() || self.cancel.is_asked()
    }

    /// One file while no other is on its way. One that somebody interrupts is not counted.
    pub(super) async fn alone(&self, file: File, phase: Phase, outcome: &mut Outcome) {
        if outcome.early.is_some() || self.cancel.is_asked() {
            return;
        }
        tokio::select! {
            fed = self.feed.one(file, phase, None) => outcome.take(fed, None),
            () = self.cancel.asked() => {}
        }
    }

    /// Files at a rate, whether or not those before are done.
    async fn open_loop(
        &self,
        files: &mut Workload,
        rate: f64,
        duration_ms: u64,
        outcome: &mut Outcome,
    ) {
        let count = (rate * duration_ms as f64 / 1_000.0).round().max(1.0) as u64;
        let begun = Instant::now();
        let mut running: JoinSet<Fed> = JoinSet::new();
        let mut told = begun;
        for number in 0..count {
            let intended = begun + Duration::from_secs_f64(number as f64 / rate);
            loop {
                let until = intended.saturating_duration_since(Instant::now());
                tokio::select! {
                    biased;
                    () = self.cancel.asked() => return,
                    () = wait::pause(until) => break,
                    Some(fed) = running.join_next() => outcome.take(fed.expect("no panic"), Some(rate)),
                }
                self.tell_now_and_then(&mut told, outcome, None);
            }
            if outcome.early.is_some() {
                return;
            }
            let file = files.next(number as usize);
            if running.len() >= MOST_ON_THEIR_WAY {
                let mut row = self.feed.row(&file, Phase::Measured, intended);
                row.fate = Fate::Dropped;
                row.rate = Some(rate);
                outcome.rows.push(row);
                continue;
            }
            let feed = self.feed.clone();
            running.spawn(async move { feed.one(file, Phase::Measured, Some(intended)).await });
        }
        self.drain(running, Some(rate), &mut told, outcome).await;
    }

    /// So many files on their way at once.
    async fn closed_loop(
        &self,
        files: &mut Workload,
        at_once: usize,
        duration_ms: u64,
        outcome: &mut Outcome,
    ) {
        let begun = Instant::now();
        let until = begun + Duration::from_millis(duration_ms);
        let mut running: JoinSet<Fed> = JoinSet::new();
        let mut sent = 0;
        let mut told = begun;
        while Instant::now() < until && outcome.early.is_none() {
            while running.len() < at_once {
                let (feed, file) = (self.feed.clone(), files.next(sent));
                sent += 1;
                running.spawn(async move { feed.one(file, Phase::Measured, None).await });
            }
            tokio::select! {
                biased;
                () = self.cancel.asked() => return,
                Some(fed) = running.join_next() => outcome.take(fed.expect("no panic"), None),
            }
            self.tell_now_and_then(&mut told, outcome, None);
        }
        self.drain(running, None, &mut told, outcome).await;
    }

    /// Waits for what is on its way.
    async fn drain(
        &self,
        mut running: JoinSet<Fed>,
        rate: Option<f64>,
        told: &mut Instant,
        outcome: &mut Outcome,
    ) {
        while !running.is_empty() && outcome.early.is_none() {
            tokio::select! {
                biased;
                () = self.cancel.asked() => return,
                Some(fed) = running.join_next() => outcome.take(fed.expect("no panic"), rate),
            }
            self.tell_now_and_then(told, outcome, None);
        }
    }

    /// Rates that double until one is not sustained, then between the last two.
    async fn ramp(&self, files: &mut Workload, from: f64, step_ms: u64, outcome: &mut Outcome) {
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
            if outcome.early.is_some() || self.cancel.is_asked() {
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

    pub(super) fn tell(&self, outcome: &Outcome, of: Option<u64>) {
        let rows = outcome.rows.iter().filter(|row| row.counts());
        let done = rows.clone().count() as u64;
        let failed = rows.filter(|row| !row.is_done()).count() as u64;
        self.sink.emit(Event::BenchProgressed {
            files: done,
            of,
            failed,
            on_their_way: self.feed.on_their_way() as u64,
            p50_ms: median(&outcome.rows),
        });
    }

    fn tell_now_and_then(&self, told: &mut Instant, outcome: &Outcome, of: Option<u64>) {
        if told.elapsed() >= TELL {
            *told = Instant::now();
            self.tell(outcome, of);
        }
    }
}

impl Outcome {
    fn take(&mut self, fed: Fed, rate: Option<f64>) {
        let Fed {
            mut row,
            version_id,
            gone,
        } = fed;
        row.rate = rate;
        if row.fate == Fate::Done {
            let key = row.key.clone();
            self.objects.push(Object { key, version_id });
        }
        // One upload may be cut off; a wait that nobody answers has been long already.
        match gone {
            Some(error) if row.fate == Fate::Lost || self.unanswered + 1 >= UNANSWERED => {
                self.early.get_or_insert(Early::Gone(error));
            }
            Some(_) => self.unanswered += 1,
            None => self.unanswered = 0,
        }
        self.rows.push(row);
    }
}

/// Some files are over.
pub(super) fn stage(what: String, rows: &[Row]) -> Event {
    let rows_that_count = rows.iter().filter(|row| row.counts());
    Event::BenchStageEnded {
        what,
        files: rows_that_count.clone().count() as u64,
        failed: rows_that_count.filter(|row| !row.is_done()).count() as u64,
        p50_ms: median(rows),
    }
}

/// Median of the time from end to end so far.
fn median(rows: &[Row]) -> Option<f64> {
    let done = rows.iter().filter(|row| row.is_done());
    let mut times: Vec<f64> = done.filter_map(|row| row.end_to_end_ms).collect();
    let middle = times.len().checked_sub(1)? / 2;
    Some(*times.select_nth_unstable_by(middle, f64::total_cmp).1)
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
    let ends = done
        .iter()
        .filter_map(|row| Some(row.begun_ms + row.end_to_end_ms?));
    let took = ends.fold(0.0, f64::max) - begun_ms;
    let early = done
        .iter()
        .filter(|row| row.begun_ms - begun_ms < step_ms / 4.0);
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
            super::stats::rounded(done.len() as f64 / took.max(step_ms) * 1_000.0)
        } else {
            0.0
        },
        p50_ms: figures.as_ref().map(|figures| figures.p50),
        p95_ms: figures.as_ref().map(|figures| figures.p95),
        sustained: !done.is_empty()
            && done.len() == rows.len()
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
