//! A run: files in the way that somebody chose, until all are done, somebody interrupts, or the target does not
//! answer any more. What was measured until then is kept.

use std::time::Duration;

use tokio::time::Instant;

use super::backlog::{self, Sample};
use super::feed::{Fed, Feed};
use super::row::{Fate, Phase, Row};
use super::settings::{Method, Settings};
use super::summary::Step;
use super::workload::{File, Workload};
use crate::apply::Cancel;
use crate::event::{Event, Sink};
use crate::resource::{CallError, Context};
use crate::stack::model::Stack;
use crate::wait;

/// So many uploads in a row that the target did not answer, over as long as its patience, mean that it is gone.
const UNANSWERED: usize = 3;
/// Pause after an upload that the target did not answer, where files go one by one.
const BREATHER: Duration = Duration::from_secs(1);
/// Pause between two signs of life.
const TELL: Duration = Duration::from_secs(1);

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
    /// Uploads in a row that the target did not answer, and since when.
    unanswered: Option<(usize, Instant)>,
    patience: Duration,
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
        let mut outcome = Outcome {
            patience: self.settings.method.patience(),
            ..Outcome::default()
        };
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
            fed = self.feed.one(file, phase, None) => {
                let unanswered = fed.gone.is_some();
                outcome.take(fed, None);
                if unanswered {
                    self.pause(BREATHER, outcome).await;
                }
            }
            () = self.cancel.asked() => {}
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

    pub(super) fn tell_now_and_then(&self, told: &mut Instant, outcome: &Outcome, of: Option<u64>) {
        if told.elapsed() >= TELL {
            *told = Instant::now();
            self.tell(outcome, of);
        }
    }
}

impl Outcome {
    pub(super) fn take(&mut self, fed: Fed, rate: Option<f64>) {
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
        // One upload may be cut off, and under load several; a wait that nobody answers has been long already.
        self.unanswered = match (&gone, self.unanswered) {
            (None, _) => None,
            (Some(_), None) => Some((1, Instant::now())),
            (Some(_), Some((count, since))) => Some((count + 1, since)),
        };
        let too_many = self
            .unanswered
            .is_some_and(|(count, since)| count >= UNANSWERED && since.elapsed() >= self.patience);
        if let Some(error) = gone.filter(|_| row.fate == Fate::Lost || too_many) {
            self.early.get_or_insert(Early::Gone(error));
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
