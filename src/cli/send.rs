//! `pipectl send`

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::stream::{StreamExt, TryStreamExt};
use serde::Serialize;

use super::{Ended, Global, Stop, session};
use crate::failure::CommandError;
use crate::operate::pipeline::Pipeline;
use crate::operate::send::{Sent, send};
use crate::render::{Renderer, human};
use crate::resource::{self, Context, Observed};
use crate::stack::model::Stack;

/// Files on their way at once.
const PARALLEL_FILES: usize = 8;

/// Upload log files and wait for their results
#[derive(Debug, clap::Args)]
pub struct SendArgs {
    /// Log files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How long to wait for each result, e.g. 90s or 5m
    #[arg(long, default_value = "60s", value_parser = super::results::parse_duration)]
    timeout: Duration,
}

/// How long to wait.
pub(super) struct Wait {
    pub(super) timeout: Duration,
}

#[derive(Debug, Serialize)]
struct SendData {
    sent: Vec<Sent>,
}

pub(super) async fn run(global: &Global, args: SendArgs, renderer: &Renderer) -> Ended {
    for file in &args.files {
        readable(file)?;
    }
    let (stack, row) = session::recorded_row(global)?;
    let target = session::reach(global, &stack, &row, false, renderer).await?;
    session::agree(global, &stack, &target, renderer).await?;
    let cx = session::context(&stack, target, None);
    is_up(&stack, &cx).await?;
    let wait = Wait {
        timeout: args.timeout,
    };
    let data = SendData {
        sent: send_all(&stack, &cx, &args.files, &wait, renderer).await?,
    };
    verdict(&data.sent, &data, renderer)?;
    renderer.data(&data, || human::sent(&data.sent));
    Ok(())
}

/// A file that cannot be read is told before anything is made or uploaded.
pub(super) fn readable(file: &Path) -> Result<(), CommandError> {
    let fail = |cause: String| CommandError::Unreadable {
        path: file.display().to_string(),
        cause,
    };
    let opened = std::fs::File::open(file).map_err(|error| fail(error.to_string()))?;
    let metadata = opened.metadata().map_err(|error| fail(error.to_string()))?;
    if metadata.is_file() {
        Ok(())
    } else {
        Err(fail("it is not a regular file".to_owned()))
    }
}

/// Both ends of the pipeline must be there and ours, else files would wait for nothing.
pub(super) async fn is_up(stack: &Stack, cx: &Context) -> Result<(), Stop> {
    let pipeline = Pipeline::of(stack, &cx.place)?;
    let (wanted, _) = resource::wanted(stack, &cx.place);
    let ends: Vec<_> = wanted
        .into_iter()
        .filter(|wanted| {
            wanted.id == pipeline.bucket_id
                || wanted.id == pipeline.table_id
                || wanted.id.kind == crate::stack::model::Kind::Notification
        })
        .collect();
    let observed = crate::observe::observe(cx, &ends)
        .await
        .map_err(|errors| CommandError::Observe { errors })?;
    let missing: Vec<_> = ends
        .iter()
        .filter(|wanted| !matches!(observed.get(&wanted.id), Some(Observed::Owned(_))))
        .collect();
    match missing[..] {
        [] => Ok(()),
        [first, ..] => {
            let all = missing.len() == ends.len();
            Err(session::not_up(stack, &cx.place.target, &first.id, all).into())
        }
    }
}

/// Sends all files, several at once, and returns what became of them in the order given.
pub(super) async fn send_all(
    stack: &Stack,
    cx: &Context,
    files: &[PathBuf],
    wait: &Wait,
    renderer: &Renderer,
) -> Result<Vec<Sent>, Stop> {
    let pipeline = Pipeline::of(stack, &cx.place)?;
    let pipeline = &pipeline;
    let sent = futures::stream::iter(files)
        .map(|file| async move {
            send(&cx.clients, pipeline, file, wait.timeout, renderer)
                .await
                .map_err(|error| CommandError::Call {
                    what: format!("sending {}", file.display()),
                    error,
                    help: "look at the stack with `pipectl status`",
                })
        })
        .buffered(PARALLEL_FILES)
        .try_collect()
        .await?;
    Ok(sent)
}

/// Exit 1 when a file was rejected, failed, or its result did not come in time; `data` then goes out
/// with the failure.
pub(super) fn verdict(sent: &[Sent], data: &impl Serialize, renderer: &Renderer) -> Ended {
    let failed: Vec<&Sent> = sent.iter().filter(|sent| !sent.is_done()).collect();
    let Some(first) = failed.first() else {
        return Ok(());
    };
    let help = match &first.result {
        None => format!(
            "no result came for {} in time: look at `pipectl status`, or wait longer with --timeout",
            first.file.display()
        ),
        Some(_) => "the reason is in the result; failed files also wait in the dead letter queue"
            .to_owned(),
    };
    renderer.human(|| human::sent(sent));
    Err(Stop::with_data(
        CommandError::NotDone {
            failed: failed.len(),
            total: sent.len(),
            help,
        },
        data,
    ))
}
