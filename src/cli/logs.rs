//! `pipectl logs`

use std::ops::ControlFlow;
use std::time::Duration;

use serde::Serialize;

use super::results::parse_duration;
use super::{Ended, Global, Stop, session};
use crate::apply::Cancel;
use crate::event::{Event, Sink};
use crate::failure::CommandError;
use crate::operate::logs::{
    self, Failures, Group, JobPrefix, JobStory, LogEvent, LogsError, Story,
};
use crate::operate::pipeline::Pipeline;
use crate::operate::results;
use crate::render::{Renderer, human};
use crate::resource::{CallError, Context};
use crate::stack::model::Stack;
use crate::target::TargetRow;

/// Show the logs of all functions in the order of time
///
/// Lines that are JSON are shown as level, message and fields; what an invocation took is shown in short. With
/// `--output json` the data is `events`, each with at, function, stream, kind, level, message, fields,
/// request_id and raw; with --follow each of these is one line of its own, without an envelope.
#[derive(Debug, clap::Args)]
pub struct LogsArgs {
    /// Only of this function of the stack
    #[arg(value_name = "FUNCTION")]
    function: Option<String>,
    /// Go on with what comes, until Ctrl-C; with `--output json` one object a line
    #[arg(long, short)]
    follow: bool,
    /// How far to look back, e.g. 15m, 6h or 7d
    #[arg(long, default_value = "1h", value_name = "DURATION", value_parser = parse_duration)]
    since: Duration,
    /// Only what tells of a failure: errors and warnings, timeouts, panics, ends of the process
    #[arg(long)]
    errors: bool,
    /// The story of one file across all functions: its job id, or 6 digits of it at least
    #[arg(long, value_name = "ID", conflicts_with_all = ["function", "follow"])]
    job: Option<JobPrefix>,
}

#[derive(Debug, Serialize)]
struct LogsData {
    events: Vec<LogEvent>,
}

#[derive(Debug, Serialize)]
struct StoryData {
    job: JobStory,
    events: Vec<LogEvent>,
}

pub(super) async fn run(
    global: &Global,
    args: LogsArgs,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Ended {
    if args.follow {
        cancel.go_on_until_asked();
        renderer.go_on_without_end();
    }
    let (stack, row) = session::recorded_row(global)?;
    is_known(&stack, args.function.as_deref())?;
    let target = session::reach(global, &stack, &row, false, renderer).await?;
    let cx = session::context(&stack, target, None);
    let groups = logs::groups(&stack, &cx.place, args.function.as_deref());
    let shown = Shown {
        cx: &cx,
        groups: &groups,
        from: model::epoch_ms(cx.place.target.now() - args.since),
        width: groups
            .iter()
            .map(|group| group.function.chars().count())
            .max()
            .unwrap_or(0),
        verbose: global.verbose,
        renderer,
    };
    let failures = args.errors.then(Failures::default);
    match args.job {
        Some(job) => shown.story(&stack, &row, job, failures).await,
        None if args.follow => shown.follow(failures).await,
        None => shown.once(&row, failures).await,
    }
}

/// The function must be one of the stack, which must have one.
fn is_known(stack: &Stack, function: Option<&str>) -> Result<(), Stop> {
    if stack.functions.is_empty() {
        return Err(LogsError::NoFunctions {
            stack: stack.name.clone(),
        }
        .into());
    }
    let mut names = stack.functions.iter().map(|function| &function.name);
    match function {
        Some(name) if !names.any(|known| known == name) => Err(CommandError::NoSuchFunction {
            name: name.to_owned(),
            stack: stack.name.clone(),
            known: stack
                .functions
                .iter()
                .map(|function| function.name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        }
        .into()),
        _ => Ok(()),
    }
}

/// What is shown, and how.
struct Shown<'a> {
    cx: &'a Context,
    groups: &'a [Group],
    /// Milliseconds since the Unix epoch.
    from: i64,
    width: usize,
    verbose: bool,
    renderer: &'a Renderer,
}

impl Shown<'_> {
    /// What there is.
    async fn once(&self, row: &TargetRow, mut failures: Option<Failures>) -> Ended {
        let mut count = 0;
        let mut events = Vec::new();
        let mut take = |event: LogEvent| {
            if !is_wanted(&mut failures, &event) {
                return ControlFlow::Continue(());
            }
            count += 1;
            if self.renderer.takes_pieces() {
                return self.print(&event);
            }
            events.push(event);
            ControlFlow::Continue(())
        };
        let absent = logs::read::read(&self.cx.clients, self.groups, self.from, &mut take)
            .await
            .map_err(unread)?;
        self.tell_absent(row, &absent)?;
        if !self.renderer.takes_pieces() {
            self.renderer.data(&LogsData { events }, String::new);
        } else if count == 0 {
            self.renderer.say(human::no_lines(failures.is_some()));
        }
        Ok(())
    }

    /// What there is and what comes.
    async fn follow(&self, mut failures: Option<Failures>) -> Ended {
        let mut take = |event: LogEvent| {
            if is_wanted(&mut failures, &event) {
                self.print(&event)
            } else {
                ControlFlow::Continue(())
            }
        };
        let follow = logs::tail::follow(self.cx, self.groups, self.from, self.renderer, &mut take);
        tokio::select! {
            biased;
            followed = follow => followed.map_err(unread)?,
            () = self.renderer.unread() => {}
        }
        Ok(())
    }

    /// What belongs to one job.
    async fn story(
        &self,
        stack: &Stack,
        row: &TargetRow,
        job: JobPrefix,
        mut failures: Option<Failures>,
    ) -> Ended {
        let mut story = Story::new(job.clone());
        let mut position = 0;
        let mut take = |event: LogEvent| {
            story.take(position, event);
            position += 1;
            ControlFlow::Continue(())
        };
        let absent = logs::read::read(&self.cx.clients, self.groups, self.from, &mut take)
            .await
            .map_err(unread)?;
        self.tell_absent(row, &absent)?;
        let found = story.finish()?;
        let unknown = || LogsError::NoSuchJob {
            job: job.as_str().to_owned(),
        };
        let (mut events, mut job_story) = match found {
            Some(found) => found,
            None if job.is_whole() => (Vec::new(), JobStory::of(job.as_str())),
            None => return Err(unknown().into()),
        };
        job_story.result = self.result(stack, &job_story.job_id).await?;
        if events.is_empty() && job_story.result.is_none() {
            return Err(unknown().into());
        }
        let lines = events.len();
        events.retain(|event| is_wanted(&mut failures, event));
        let data = StoryData {
            job: job_story,
            events,
        };
        self.renderer.data(&data, || {
            let mut text: Vec<String> = data.events.iter().filter_map(|e| self.line(e)).collect();
            text.push(human::job_story(&data.job, lines));
            text.join("\n")
        });
        Ok(())
    }

    /// The job's result. A stack that is no pipeline, or has lost its table, has none.
    async fn result(
        &self,
        stack: &Stack,
        job_id: &str,
    ) -> Result<Option<model::JobResult>, CommandError> {
        let Ok(pipeline) = Pipeline::of(stack, &self.cx.place) else {
            return Ok(None);
        };
        match results::by_id(&self.cx.clients, &pipeline, job_id).await {
            Ok(result) => Ok(result),
            Err(error) if error.is("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(CommandError::Call {
                what: format!("reading {}", pipeline.table.name),
                error,
                help: "look at the stack with `pipectl status`; `pipectl up` brings it up",
            }),
        }
    }

    fn line(&self, event: &LogEvent) -> Option<String> {
        human::log_line(event, self.width, self.verbose)
    }

    /// Prints one event; breaks once nobody reads.
    fn print(&self, event: &LogEvent) -> ControlFlow<()> {
        if self.renderer.piece(event, || self.line(event)) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    /// Groups that are not there are told; it is a failure when none is.
    fn tell_absent(&self, row: &TargetRow, absent: &[&Group]) -> Result<(), LogsError> {
        if absent.len() == self.groups.len() {
            let names: Vec<&str> = absent.iter().map(|group| group.name.as_str()).collect();
            return Err(LogsError::NoGroup {
                target: row.name.to_string(),
                names: names.join(", "),
                flag: session::target_flag(row),
            });
        }
        for group in absent {
            self.renderer.emit(Event::LogGroupMissed {
                function: group.function.clone(),
                group: group.name.clone(),
            });
        }
        Ok(())
    }
}

/// All lines, or those that tell of a failure.
fn is_wanted(failures: &mut Option<Failures>, event: &LogEvent) -> bool {
    failures
        .as_mut()
        .is_none_or(|failures| failures.tells(event))
}

fn unread(error: CallError) -> CommandError {
    CommandError::Call {
        what: "reading the logs".to_owned(),
        error,
        help: "look at the stack with `pipectl status`; `pipectl up` brings it up",
    }
}
