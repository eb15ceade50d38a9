//! Tasks of SQS that move all messages of a dead letter queue. // aws-behaviours Q14
//!
//! The destination is always named: a message that a function sent to the dead letter queue by itself has
//! no queue that it came from, and a task without a destination fails at it.

use std::cell::Cell;
use std::time::Duration;

use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry as Task;
use tokio::time::Instant;

use super::rounds::{Desk, How, NotSettled, Report};
use super::{DeadLetterQueue, queues::SourceQueue};
use crate::event::Event;
use crate::resource::error::{CallError, failed};
use crate::wait::Look;

/// How long AWS lets a task run.
const LONGEST: Duration = Duration::from_secs(36 * 60 * 60);
/// What became of a task.
pub(super) enum Moved {
    /// It ended, or was ended.
    Ended(Report),
    /// The endpoint does not have such tasks, or not for this queue.
    Unsupported,
    /// There is no such queue.
    Gone,
}

/// Moves everything that waits in a queue back to its source, and waits until that is done. A task that
/// runs already is waited for instead. Interrupted, the task is ended: what it has moved stays moved.
pub(super) async fn run(
    desk: &Desk<'_>,
    queue: &DeadLetterQueue,
    source: &SourceQueue,
) -> Result<Moved, CallError> {
    let from = queue.queue.arn.as_deref().unwrap_or_default();
    // Ended tasks are listed, too: only a newer one is ours.
    let before = match newest(desk, from).await {
        Ok(before) => before,
        Err(error) => return not_begun(error),
    };
    let running = before.as_ref().filter(|task| !is_over(task));
    let since = if running.is_some() {
        None
    } else {
        before.as_ref().map(|task| task.started_timestamp)
    };
    if running.is_none() {
        let request = desk.cx.clients.sqs.start_message_move_task();
        let rate = desk.rate.and_then(|rate| i32::try_from(rate).ok());
        let started = request
            .source_arn(from)
            .destination_arn(source.queue.arn.as_deref().unwrap_or_default())
            .set_max_number_of_messages_per_second(rate)
            .send()
            .await
            .map_err(failed("StartMessageMoveTask"));
        // Somebody else was a little faster, or an answer was lost and the call made twice.
        if let Err(error) = started
            && !error.says("already a task running")
        {
            return not_begun(error);
        }
    }
    let ended = wait(desk, queue, from, since).await;
    let interrupted = matches!(&ended, Err(error) if error.is_interrupted());
    if interrupted {
        end(desk, from).await;
    }
    let task = match ended {
        Ok(task) => Some(task),
        Err(_) if interrupted => newest(desk, from).await?,
        Err(error) => return Err(error),
    };
    Ok(Moved::Ended(report(queue, task)))
}

fn not_begun(error: CallError) -> Result<Moved, CallError> {
    let no_dead_letter_queue = error.says("configured as a Dead Letter Queue");
    if error.is_unsupported() || no_dead_letter_queue {
        tracing::debug!(%error, "dead letters are moved one by one");
        return Ok(Moved::Unsupported);
    }
    if error.is("ResourceNotFoundException") {
        return Ok(Moved::Gone);
    }
    Err(error)
}

/// The task that was started last.
async fn newest(desk: &Desk<'_>, from: &str) -> Result<Option<Task>, CallError> {
    let request = desk.cx.clients.sqs.list_message_move_tasks();
    let answer = request
        .source_arn(from)
        .max_results(1)
        .send()
        .await
        .map_err(failed("ListMessageMoveTasks"))?;
    let tasks = answer.results.unwrap_or_default().into_iter();
    Ok(tasks.max_by_key(|task| task.started_timestamp))
}

fn is_over(task: &Task) -> bool {
    matches!(task.status(), Some("COMPLETED" | "CANCELLED" | "FAILED"))
}

/// Waits for the end of the task that was started after `since`.
async fn wait(
    desk: &Desk<'_>,
    queue: &DeadLetterQueue,
    from: &str,
    since: Option<i64>,
) -> Result<Task, CallError> {
    let begun = Instant::now();
    let told = Cell::new(None);
    let patience = desk.cx.place.target.row.deadlines.busy;
    desk.cx
        .wait("move task ended", LONGEST, || async {
            let task = newest(desk, from).await?;
            let task = task.filter(|task| since.is_none_or(|since| task.started_timestamp > since));
            let Some(task) = task else {
                return if begun.elapsed() > patience {
                    Err(CallError::missing(
                        "ListMessageMoveTasks",
                        "task that was started",
                    ))
                } else {
                    Ok(Look::NotYet("not listed yet".to_owned()))
                };
            };
            let done = moved(&task);
            if told.replace(Some(done)) != Some(done) {
                desk.sink.emit(Event::DeadLettersSettled {
                    queue: queue.id.clone(),
                    done,
                    of: to_move(&task).max(done),
                });
            }
            let status = task.status().unwrap_or_default().to_owned();
            Ok(if is_over(&task) {
                Look::Done(task)
            } else {
                Look::NotYet(status)
            })
        })
        .await
}

/// Ends the task that runs. One that has ended meanwhile cannot be, which is as well.
async fn end(desk: &Desk<'_>, from: &str) {
    let handle = match newest(desk, from).await {
        Ok(task) => task.and_then(|task| task.task_handle),
        Err(error) => {
            tracing::warn!(%error, "the task goes on by itself");
            return;
        }
    };
    let request = desk.cx.clients.sqs.cancel_message_move_task();
    let answer = request.set_task_handle(handle).send().await;
    if let Err(error) = answer.map_err(failed("CancelMessageMoveTask")) {
        tracing::warn!(%error, "the task goes on by itself, or has ended");
    }
}

fn moved(task: &Task) -> u64 {
    u64::try_from(task.approximate_number_of_messages_moved).unwrap_or(0)
}

fn to_move(task: &Task) -> u64 {
    let told = task.approximate_number_of_messages_to_move;
    told.and_then(|told| u64::try_from(told).ok()).unwrap_or(0)
}

fn report(queue: &DeadLetterQueue, task: Option<Task>) -> Report {
    let mut report = Report::new(&queue.id, How::MoveTask);
    let Some(task) = task else {
        return report;
    };
    report.done = moved(&task);
    if task.status() != Some("COMPLETED") {
        report.left = to_move(&task).saturating_sub(report.done);
    }
    if task.status() == Some("FAILED") {
        let reason = task.failure_reason().unwrap_or("the task failed");
        report.failed.push(NotSettled {
            id: queue.id.to_string(),
            reason: reason.to_owned(),
        });
    }
    report
}
