//! `pipectl status`, once; watched: [`watch`].

mod watch;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

use super::results::parse_duration;
use super::{Ended, Global, Stop, session};
use crate::apply::Cancel;
use crate::failure::CommandError;
use crate::operate::pipeline::Pipeline;
use crate::operate::status::{self, StackStatus};
use crate::operate::watch::Found;
use crate::render::{Renderer, human};
use crate::resource::{self, Context};
use crate::stack::model::Stack;
use crate::target::{TargetError, TargetRow, embedded, record};

/// Show every resource of the stack with its live state, queue depths and the last results
///
/// Ends with 0 when all of it is there and well, with 1 when not, and with 69 when nothing is there any more where
/// it was brought up.
///
/// With --watch it looks again and again until Ctrl-C, and then ends as the last look was: with 0 when all was
/// there and well, and with 1 when not, or when a target could not be read. On a terminal the view is drawn in
/// place; elsewhere the first look is shown as without --watch, and then one line for each thing that changed;
/// with `--output json` each look is one line. A target that goes away is told, and watched on.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Look again and again, until Ctrl-C: also how fast queues and results grow, and for how long no queue shrank
    #[arg(long, short)]
    watch: bool,
    /// Pause between two looks, e.g. 2s or 1m
    #[arg(long, requires = "watch", default_value = "2s", value_name = "DURATION", value_parser = parse_interval)]
    interval: Duration,
}

/// At least a second: looks are calls, which a target counts.
fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval.is_zero() {
        return Err(format!("`{text}` is no pause: the shortest is 1s"));
    }
    Ok(interval)
}

#[derive(Debug, Serialize)]
struct StatusData {
    stack: String,
    /// Targets that it is recorded on and that do not run now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_running: Vec<String>,
    targets: Vec<StackStatus>,
}

pub(super) async fn run(
    global: &Global,
    args: StatusArgs,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Ended {
    if args.watch {
        renderer.go_on_without_end();
    }
    let row = session::named_row(global)?;
    let stack = session::load(global, &row.name)?;
    let mut rows = vec![row];
    if global.target.is_none() {
        // Every target that the stack was brought up on.
        let recorded = record::targets(&stack.root, &stack.name);
        if !recorded.is_empty() {
            rows = recorded
                .keys()
                .map(|name| session::find_row(global, name))
                .collect::<Result<_, _>>()?;
        }
    }
    if args.watch {
        return watch::run(global, stack, rows, args.interval, renderer, cancel).await;
    }
    let mut data = StatusData {
        stack: stack.name.clone(),
        not_running: Vec::new(),
        targets: Vec::new(),
    };
    let mut gone = None;
    for row in rows {
        let stack = session::load(global, &row.name)?;
        if row.capabilities.self_served && embedded::find(&stack.root).await.is_none() {
            if global.target.is_some() || record::targets(&stack.root, &stack.name).len() <= 1 {
                return Err(TargetError::NotRunning {
                    root: stack.root.display().to_string(),
                }
                .into());
            }
            renderer.say(human::embedded_rests());
            data.not_running.push(row.name.to_string());
            continue;
        }
        let (status, of_it) = one(global, &stack, &row, renderer).await?;
        gone = gone.or(of_it);
        data.targets.push(status);
    }
    let shown = || human::status(&data.stack, &data.targets);
    let unwell: Vec<String> = data.targets.iter().flat_map(StackStatus::unwell).collect();
    if unwell.is_empty() {
        renderer.data(&data, shown);
        return Ok(());
    }
    renderer.human(shown);
    let why = gone.unwrap_or(CommandError::Unhealthy { unwell });
    Err(Stop::with_data(why, &data))
}

/// One look at a target; and why nothing of the stack is there, where it was brought up.
async fn one(
    global: &Global,
    stack: &Stack,
    row: &Arc<TargetRow>,
    renderer: &Renderer,
) -> Result<(StackStatus, Option<CommandError>), Stop> {
    let target = session::reach(global, stack, row, false, renderer).await?;
    let cx = session::context(stack, target, None);
    let at = cx.place.target.now();
    let found = look(&cx, stack, at - time::Duration::DAY).await?;
    let status = StackStatus {
        target: row.name.to_string(),
        endpoint: found.endpoint,
        at: model::timestamp(at),
        resources: found.resources,
        last_results: status::last(&found.results.unwrap_or_default(), at),
    };
    let gone = if status.is_empty() {
        session::gone(stack, &cx.place.target)
    } else {
        None
    };
    Ok((status, gone))
}

/// Reads every resource, and the results since a moment.
async fn look(
    cx: &Context,
    stack: &Stack,
    results_from: OffsetDateTime,
) -> Result<Found, CommandError> {
    let (wanted, _) = resource::wanted(stack, &cx.place);
    let observed = crate::observe::observe(cx, &wanted)
        .await
        .map_err(|errors| CommandError::Observe { errors })?;
    let resources = status::resources(&wanted, &observed);
    let results = match Pipeline::of(stack, &cx.place) {
        Ok(pipeline)
            if resources
                .iter()
                .any(|r| r.id == pipeline.table_id && r.healthy) =>
        {
            status::results_since(cx, &pipeline, results_from)
                .await
                .map_err(|error| CommandError::Call {
                    what: format!("reading {}", pipeline.table.name),
                    error,
                    help: "the resources can be seen with `pipectl status --output json`",
                })?
        }
        // A stack without a results table has no results to show.
        _ => None,
    };
    Ok(Found {
        endpoint: cx.place.target.place(),
        resources,
        results,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_looks_there_is_a_pause() {
        assert_eq!(parse_interval("2s"), Ok(Duration::from_secs(2)));
        for bad in ["0s", "0d", "2", "0.5s"] {
            assert!(parse_interval(bad).is_err(), "{bad}");
        }
    }
}
