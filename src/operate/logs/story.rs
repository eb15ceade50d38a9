//! The story of one file: all lines that name its job, and of the invocations that worked on it the platform's
//! lines and those that name no job. Lines of the same invocation that name other jobs are not part of it.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use model::JobResult;
use serde::Serialize;
use serde_json::Value;

use super::{LineKind, LogEvent, LogsError, timestamp};

/// Digits of a job id.
const ID: usize = 64;
/// Fewest digits that a prefix may have.
const FEWEST: usize = 6;
/// Most lines kept of an environment before its first invocation.
const INIT_LINES: usize = 200;

/// A job id, or how one begins: 6 to 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPrefix(String);

impl JobPrefix {
    /// As given, in small letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is it a whole id?
    pub fn is_whole(&self) -> bool {
        self.0.len() == ID
    }
}

impl FromStr for JobPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex && (FEWEST..=ID).contains(&text.len()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(format!(
                "`{text}` is not a job id: write its {ID} hexadecimal digits, or the first {FEWEST} at least"
            ))
        }
    }
}

/// One invocation that worked on the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Name of the function in the stack.
    pub function: String,
    /// Its request id.
    pub request_id: String,
    /// When it began: UTC, RFC 3339 with milliseconds.
    pub at: String,
}

/// What is known of the job besides its lines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobStory {
    /// Its whole id.
    pub job_id: String,
    /// Invocations in the order of time.
    pub runs: Vec<Run>,
    /// Its result, if there is one.
    pub result: Option<JobResult>,
}

impl JobStory {
    /// Of a job of which no line tells.
    pub fn of(job_id: &str) -> Self {
        Self {
            job_id: job_id.to_owned(),
            runs: Vec::new(),
            result: None,
        }
    }
}

/// Takes events in the order of time. Holds the lines of the invocations that run, and of those that worked on
/// the job.
#[derive(Debug)]
pub struct Story {
    wanted: JobPrefix,
    environments: BTreeMap<(String, String), Environment>,
    kept: Kept,
}

/// What belongs to the story.
#[derive(Debug, Default)]
struct Kept {
    /// With their position among all events.
    events: Vec<(usize, LogEvent)>,
    runs: Vec<(usize, Run)>,
    ids: BTreeSet<String>,
}

/// One log stream. An environment runs one invocation at a time.
#[derive(Debug, Default)]
struct Environment {
    current: Option<Invocation>,
    /// The last one that ended, and whether it was kept.
    previous: Option<(String, bool)>,
    /// Lines before the first invocation.
    init: Vec<(usize, LogEvent)>,
}

#[derive(Debug)]
struct Invocation {
    request_id: String,
    events: Vec<(usize, LogEvent)>,
    names_job: bool,
}

/// What a line names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Nothing,
    Wanted,
    Others,
}

impl Story {
    /// Of the job whose id begins so.
    pub fn new(wanted: JobPrefix) -> Self {
        Self {
            wanted,
            environments: BTreeMap::new(),
            kept: Kept::default(),
        }
    }

    /// Takes the event at `position`.
    pub fn take(&mut self, position: usize, event: LogEvent) {
        let names = self.names(&event);
        let place = (event.function.clone(), event.stream.clone());
        let environment = self.environments.entry(place).or_default();
        environment.take(position, event, names, &mut self.kept);
    }

    /// What the line names; notes the ids that are wanted.
    fn names(&mut self, event: &LogEvent) -> Names {
        let mut names = Names::Nothing;
        for id in ids(&event.raw) {
            if id.starts_with(self.wanted.as_str()) {
                self.kept.ids.insert(id.to_owned());
                names = Names::Wanted;
            }
        }
        if names == Names::Nothing
            && event
                .line
                .fields
                .get("job_id")
                .is_some_and(Value::is_string)
        {
            names = Names::Others;
        }
        names
    }

    /// The lines in the order of time, and what they tell; none when no line names the job.
    pub fn finish(mut self) -> Result<Option<(Vec<LogEvent>, JobStory)>, LogsError> {
        for environment in self.environments.values_mut() {
            environment.close(&mut self.kept);
        }
        let Kept {
            mut events,
            mut runs,
            ids,
        } = self.kept;
        let mut ids = ids.into_iter();
        let Some(job_id) = ids.next() else {
            return Ok(None);
        };
        let others: Vec<String> = ids.collect();
        if !others.is_empty() {
            return Err(LogsError::AmbiguousJob {
                job: self.wanted.0,
                ids: std::iter::once(job_id).chain(others).collect(),
            });
        }
        events.sort_by_key(|(position, _)| *position);
        runs.sort_by_key(|(position, _)| *position);
        let story = JobStory {
            runs: runs.into_iter().map(|(_, run)| run).collect(),
            ..JobStory::of(&job_id)
        };
        let events = events.into_iter().map(|(_, event)| event).collect();
        Ok(Some((events, story)))
    }
}

impl Environment {
    fn take(&mut self, position: usize, event: LogEvent, names: Names, kept: &mut Kept) {
        let begins = event.line.kind == LineKind::Start;
        let ends = event.line.kind == LineKind::Report;
        match event.line.request_id.clone() {
            // A retry has the id of what it tries again.
            Some(request_id) if !begins && self.has_ended(&request_id) => {
                // A line that came in after the report.
                let was_kept = self.previous.as_ref().is_some_and(|(_, kept)| *kept);
                if names == Names::Wanted || (was_kept && names == Names::Nothing) {
                    kept.events.push((position, event));
                }
                return;
            }
            Some(request_id) if begins || !self.is_running(&request_id) => {
                self.close(kept);
                self.current = Some(Invocation {
                    request_id,
                    events: std::mem::take(&mut self.init),
                    names_job: false,
                });
            }
            None if self.current.is_none() => {
                if names == Names::Wanted {
                    kept.events.push((position, event));
                } else if self.previous.is_none()
                    && names == Names::Nothing
                    && self.init.len() < INIT_LINES
                {
                    self.init.push((position, event));
                }
                return;
            }
            _ => {}
        }
        if let Some(current) = &mut self.current {
            current.names_job |= names == Names::Wanted;
            if names != Names::Others {
                current.events.push((position, event));
            }
        }
        if ends {
            self.close(kept);
        }
    }

    fn is_running(&self, request_id: &str) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|current| current.request_id == request_id)
    }

    fn has_ended(&self, request_id: &str) -> bool {
        let previous = self.previous.as_ref();
        !self.is_running(request_id) && previous.is_some_and(|(previous, _)| previous == request_id)
    }

    /// Ends the invocation that runs: it is kept or forgotten.
    fn close(&mut self, kept: &mut Kept) {
        let Some(ended) = self.current.take() else {
            return;
        };
        if ended.names_job {
            // Lines before the first invocation are of its environment.
            let own = |(_, event): &&(usize, LogEvent)| event.line.request_id.is_some();
            if let Some((position, first)) = ended.events.iter().find(own) {
                let run = Run {
                    function: first.function.clone(),
                    request_id: ended.request_id.clone(),
                    at: timestamp(first.at),
                };
                kept.runs.push((*position, run));
            }
            kept.events.extend(ended.events);
        }
        self.previous = Some((ended.request_id, ended.names_job));
    }
}

/// The job ids in a line: runs of exactly 64 hexadecimal digits.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(move |word| word.len() == ID && word.bytes().all(is_digit))
}

#[cfg(test)]
mod tests;
