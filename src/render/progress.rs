//! Talk while something is going on: one live line on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::style::{bad, bytes, dim, duration, good, hint, plural, warn};
use crate::event::Event;
use crate::plan::Action;

/// Shows events as they come.
pub struct Progress {
    live: bool,
    verbose: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    /// Resources at work, with what is done to them.
    running: BTreeMap<String, Action>,
}

impl Progress {
    /// `live`: on a terminal. `verbose`: also what is otherwise left out.
    pub fn new(live: bool, verbose: bool) -> Self {
        Self {
            live,
            verbose,
            state: Mutex::new(State::default()),
        }
    }

    /// Takes the live line away.
    pub fn finish(&self) {
        let bar = self.state.lock().expect("no holder panics").bar.take();
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }

    /// Prints a line above the live one.
    pub fn line(&self, line: &str) {
        match &self.state.lock().expect("no holder panics").bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Sets the text of the live line; makes it when it is not there.
    fn now(&self, text: String) {
        if !self.live {
            return;
        }
        let mut state = self.state.lock().expect("no holder panics");
        let bar = state.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) =
                ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:.dim}")
            {
                bar.set_style(style);
            }
            // Nothing is drawn for what ends within the first tick.
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.set_message(text);
    }

    fn upload(&self, file: &str, done: u64, total: Option<u64>) {
        if !self.live {
            return;
        }
        let mut state = self.state.lock().expect("no holder panics");
        if let Some(total) = total {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let template = "{wide_msg} {bar:24.cyan/dim} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(file.to_owned());
            state.bar = Some(bar);
        }
        if let Some(bar) = &state.bar {
            bar.set_position(done);
        }
    }

    fn steps(&self, id: String, action: Option<Action>) {
        let text = {
            let mut state = self.state.lock().expect("no holder panics");
            match action {
                Some(action) => state.running.insert(id, action),
                None => state.running.remove(&id),
            };
            state
                .running
                .iter()
                .map(|(id, action)| format!("{} {id}", action.sign()))
                .collect::<Vec<_>>()
                .join("  ")
        };
        self.now(text);
    }

    /// Shows one event.
    pub fn event(&self, event: &Event) {
        match event {
            Event::PackagingStarted { functions } => {
                self.now(format!("building {}", functions.join(", ")));
            }
            Event::CargoSaid { line } => {
                self.now(line.trim().to_owned());
                // Where nothing is live, a build that takes its time is seen by what it compiles.
                let compiles = line.trim_start().starts_with("Compiling");
                if self.verbose || (!self.live && compiles) {
                    self.line(&dim(line).to_string());
                }
            }
            Event::ArtifactReady {
                function,
                zip_bytes,
                built,
                elapsed,
            } => {
                if *built {
                    let took = duration(*elapsed);
                    self.line(&format!(
                        "{} {function}, {} zipped, in {took}",
                        good("packaged"),
                        bytes(*zip_bytes)
                    ));
                } else if self.verbose {
                    self.line(&format!(
                        "{} {function}, {}",
                        dim("unchanged"),
                        bytes(*zip_bytes)
                    ));
                }
            }
            Event::EmbeddedStarted { endpoint, pid } => {
                self.line(&format!(
                    "{} the embedded target at {} (pid {pid})",
                    good("started"),
                    hint(endpoint)
                ));
            }
            Event::EmbeddedStopped { pid } => {
                self.line(&format!(
                    "{} the embedded target (pid {pid})",
                    good("stopped")
                ));
            }
            Event::Skipped { id, why } => self.line(&format!("{} {id}: {why}", warn("skipped"))),
            Event::Planned { .. } => {}
            Event::StepStarted { id, action } => self.steps(id.to_string(), Some(*action)),
            Event::StepFinished {
                id,
                name,
                action,
                elapsed,
            } => {
                self.steps(id.to_string(), None);
                let took = dim(duration(*elapsed));
                self.line(&format!(
                    "{} {id} {} {took}",
                    good(action.sign()),
                    dim(name)
                ));
            }
            Event::StepFailed { id, action, error } => {
                self.steps(id.to_string(), None);
                self.line(&format!(
                    "{} {id} {} {error}",
                    bad(action.sign()),
                    bad("failed:")
                ));
            }
            Event::StepSkipped { id, because } => {
                self.line(&format!(
                    "{} {id}, because {because} failed",
                    warn("skipped")
                ));
            }
            Event::Applied {
                done,
                failed,
                skipped,
                elapsed,
            } => {
                self.finish();
                let mut text =
                    format!("{} done in {}", plural(*done, "change"), duration(*elapsed));
                if failed + skipped > 0 {
                    text = format!("{text}, {failed} failed, {skipped} not tried");
                }
                self.line(&text);
            }
            Event::UploadStarted { file, bytes } => self.upload(file, 0, Some(*bytes)),
            Event::UploadProgressed { file, bytes } => self.upload(file, *bytes, None),
            Event::Uploaded { file, key, elapsed } => {
                self.finish();
                if self.verbose {
                    self.line(&format!(
                        "{} {file} as {} in {}",
                        good("uploaded"),
                        hint(key),
                        duration(*elapsed)
                    ));
                }
                self.now(format!("waiting for the result of {file}"));
            }
            Event::ResultSeen { .. } => self.finish(),
        }
    }
}
