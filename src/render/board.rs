//! What is going on at this moment, as lines that are drawn again and again: one per resource at work,
//! with the time it has taken so far. A plain function of the events so far, the time and the width.

use std::collections::BTreeMap;
use std::time::Duration;

use console::{Alignment, measure_text_width, pad_str, truncate_str};

use super::style::{dim, hint, plural, short_duration, warn};
use crate::event::Event;
use crate::plan::Action;
use crate::stack::model::LogicalId;

/// Resources that have a line of their own at once.
const MOST_LINES: usize = 10;
/// Narrowest screen that is drawn for.
const NARROWEST: usize = 40;

/// A resource at work.
#[derive(Debug)]
struct Running {
    name: String,
    action: Action,
    began: Duration,
    /// What it waits for, or how far it is.
    note: String,
}

/// Everything that is going on.
#[derive(Debug, Default)]
pub struct Board {
    /// One thing that is no step of a plan: a build, a wait for a result.
    doing: Option<(String, Duration)>,
    running: BTreeMap<LogicalId, Running>,
    planned: usize,
    ended: usize,
    interrupted: bool,
    /// Scenarios played so far, of how many, by target.
    sides: BTreeMap<String, (usize, usize)>,
}

impl Board {
    /// Takes an event that happened `at` after the start.
    pub fn event(&mut self, event: &Event, at: Duration) {
        match event {
            Event::PackagingStarted { functions } => {
                self.doing = Some((format!("building {}", functions.join(", ")), at));
            }
            Event::CargoSaid { line } | Event::CargoProgressed { line } => {
                let began = self.doing.as_ref().map_or(at, |(_, began)| *began);
                self.doing = Some((line.trim().to_owned(), began));
            }
            Event::Planned { changes, .. } => {
                *self = Self {
                    planned: *changes,
                    ..Self::default()
                };
            }
            Event::StepStarted { id, name, action } => {
                self.doing = None;
                let running = Running {
                    name: name.clone(),
                    action: *action,
                    began: at,
                    note: String::new(),
                };
                self.running.insert(id.clone(), running);
            }
            Event::StepWaiting { id, what, last } => {
                self.note(id, format!("waiting: {what} ({last})"));
            }
            Event::StepEmptied { id, objects } => {
                self.note(
                    id,
                    format!("{} deleted", plural(*objects as usize, "object")),
                );
            }
            Event::StepRetried { id, cause, .. } => {
                self.note(id, format!("waiting for {}", cause.waiting_for()));
            }
            Event::StepFinished { id, .. }
            | Event::StepFailed { id, .. }
            | Event::StepInterrupted { id, .. } => {
                self.running.remove(id);
                self.ended += 1;
            }
            Event::StepSkipped { .. } => self.ended += 1,
            Event::Interrupted => self.interrupted = true,
            Event::Applied { .. } | Event::ResultSeen { .. } => *self = Self::default(),
            Event::Uploaded { file, .. } => {
                self.doing = Some((format!("waiting for the result of {file}"), at));
            }
            Event::DeadLettersSettled { queue, done, of } => {
                let began = self.doing.as_ref().map_or(at, |(_, began)| *began);
                self.doing = Some((format!("{queue}: {done} of {of} dead letters"), began));
            }
            Event::BenchProgressed {
                files,
                of,
                failed,
                on_their_way,
                p50_ms,
            } => {
                let began = self.doing.as_ref().map_or(at, |(_, began)| *began);
                let text = super::bench::progress((*files, *of), *failed, *on_their_way, *p50_ms);
                self.doing = Some((text, began));
            }
            Event::CycleRoundEnded { n, of, .. } => {
                self.doing = (n < of).then(|| (format!("round {} of {of}", n + 1), at));
            }
            Event::ScenarioPlayed { target, n, of, .. } => {
                let began = self.doing.as_ref().map_or(at, |(_, began)| *began);
                self.sides.insert(target.clone(), (*n, *of));
                let sides: Vec<String> = self
                    .sides
                    .iter()
                    .map(|(target, (n, of))| format!("{target} {n} of {of} scenarios"))
                    .collect();
                self.doing = Some((sides.join(", "), began));
            }
            Event::BenchStageEnded { .. }
            | Event::BenchLeft { .. }
            | Event::CopyChanged { .. }
            | Event::CostEstimated { .. }
            | Event::ArtifactReady { .. }
            | Event::EmbeddedStarted { .. }
            | Event::EmbeddedStopped { .. }
            | Event::Skipped { .. }
            | Event::Unread { .. }
            | Event::PartNotMade { .. }
            | Event::Tuned { .. }
            | Event::AccountUsed { .. }
            | Event::LearnerLabUsed { .. }
            | Event::ClocksDiffered { .. }
            | Event::StackMissed { .. }
            | Event::LogGroupMissed { .. }
            | Event::UploadStarted { .. }
            | Event::UploadProgressed { .. } => {}
        }
    }

    fn note(&mut self, id: &LogicalId, note: String) {
        if let Some(running) = self.running.get_mut(id) {
            running.note = note;
        }
    }

    /// The lines `now`, for a screen `width` characters wide; none when nothing is going on.
    pub fn frame(&self, now: Duration, width: usize) -> Vec<String> {
        let width = width.max(NARROWEST);
        let mut lines = Vec::new();
        if let Some((doing, began)) = &self.doing {
            lines.push(row(doing, *began, now, width));
        }
        // The ones that take longest first: they are what is waited for.
        let mut running: Vec<_> = self.running.iter().collect();
        running.sort_by_key(|(id, running)| (running.began, (*id).clone()));
        for (id, running) in running.iter().take(MOST_LINES) {
            let mut text = format!("{} {id} {}", running.action.sign(), dim(&running.name));
            if !running.note.is_empty() {
                text.push_str(&format!(" {}", hint(&running.note)));
            }
            lines.push(row(&text, running.began, now, width));
        }
        if running.len() > MOST_LINES {
            let more = format!("  and {} more", running.len() - MOST_LINES);
            lines.push(dim(more).to_string());
        }
        if !running.is_empty() {
            let mut text = format!("{} of {} done", self.ended, self.planned);
            if self.interrupted {
                text = format!("{}: {text}", warn("interrupted, finishing"));
            }
            lines.push(dim(text).to_string());
        }
        lines
    }
}

/// Text on the left, the time so far on the right.
fn row(text: &str, began: Duration, now: Duration, width: usize) -> String {
    let elapsed = short_duration(now.saturating_sub(began));
    // One column stays free: some terminals wrap when the last one is written to.
    let room = width - 2 - measure_text_width(&elapsed);
    let text = truncate_str(text, room, "…");
    format!(
        "{} {}",
        pad_str(&text, room, Alignment::Left, None),
        dim(elapsed)
    )
}
