//! Move tasks: started by a request, carried on until they end, also by the next run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::error::AwsError;

use super::SqsService;
use super::handlers::within;
use super::state::{arn_of, name_of};
use super::state_errors::{invalid, missing, no_resource};
use super::state_moves::{MoveRequest, MoveTask};
use super::wire::{self, Answer, Call};
use super::wire_requests::{CancelMove, ListMoves, StartMove};

/// Messages that a task without a limit moves in one transaction.
const CHUNK: u32 = 100;

/// The handle of a task names its source as well, as AWS's do.
fn handle_of(task: &MoveTask) -> String {
    let named = json!({ "taskId": task.task_id, "sourceArn": arn_of(&task.source) });
    STANDARD.encode(named.to_string())
}

/// Task id and source ARN.
fn read_handle(handle: &str) -> Option<(String, String)> {
    let named: Value = serde_json::from_slice(&STANDARD.decode(handle).ok()?).ok()?;
    let text = |name: &str| named.get(name)?.as_str().map(str::to_owned);
    Some((text("taskId")?, text("sourceArn")?))
}

fn absent(parameter: &str) -> AwsError {
    no_resource(&format!(
        "The resource that you specified for the {parameter} parameter doesn't exist."
    ))
}

pub(super) fn start(service: &SqsService, call: &Call) -> Answer {
    let request: StartMove = call.parameters()?;
    let source = request.source_arn.ok_or_else(|| missing("SourceArn"))?;
    let per_second = within(
        request.max_number_of_messages_per_second,
        "MaxNumberOfMessagesPerSecond",
        (1, 500),
        "Must be between 1 and 500, if provided.",
    )?;
    let destination = match &request.destination_arn {
        None => None,
        Some(arn) => Some(name_of(arn).ok_or_else(|| absent("DestinationArn"))?),
    };
    let wanted = MoveRequest {
        source: name_of(&source).ok_or_else(|| absent("SourceArn"))?,
        destination,
        per_second,
    };
    let task = service.state.start_move(&wanted, service.now_ms())?;
    let handle = handle_of(&task);
    spawn(service, task);
    wire::answer(&json!({ "TaskHandle": handle }))
}

/// Carries a recorded task on, in the background, until it ends or the emulator stops.
pub(super) fn spawn(service: &SqsService, task: MoveTask) {
    let service = service.clone();
    tokio::spawn(async move {
        let chunk = task.per_second.unwrap_or(CHUNK);
        loop {
            let now = service.now_ms();
            let (state, id) = (service.state.clone(), task.task_id.clone());
            let moving = tokio::task::spawn_blocking(move || state.move_some(&id, chunk, now));
            match moving
                .await
                .unwrap_or_else(|error| Err(AwsError::internal(error)))
            {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    // It is tried again when the emulator starts the next time.
                    tracing::error!(task = task.task_id, "a move task stopped: {error}");
                    return;
                }
            }
            let next = if task.per_second.is_some() {
                now + 1_000
            } else {
                now
            };
            tokio::select! {
                () = service.shared.stop.cancelled() => return,
                () = service.shared.clock.sleep_until(next) => {}
            }
        }
    });
}

pub(super) fn list(service: &SqsService, call: &Call) -> Answer {
    let request: ListMoves = call.parameters()?;
    let source = request.source_arn.ok_or_else(|| missing("SourceArn"))?;
    let reason = "Must be between 1 and 10, if provided.";
    let max = within(request.max_results, "MaxResults", (1, 10), reason)?.unwrap_or(1);
    let name = name_of(&source).ok_or_else(|| absent("SourceArn"))?;
    let tasks = service.state.list_moves(name, max)?;
    let results: Vec<Map<String, Value>> = tasks.iter().map(render).collect();
    wire::answer(&json!({ "Results": results }))
}

fn render(task: &MoveTask) -> Map<String, Value> {
    let fields = [
        // A task that has ended cannot be cancelled: it has no handle any more.
        (
            "TaskHandle",
            (task.status == "RUNNING").then(|| handle_of(task).into()),
        ),
        ("Status", Some(task.status.clone().into())),
        ("SourceArn", Some(arn_of(&task.source).into())),
        (
            "DestinationArn",
            task.destination.as_deref().map(|name| arn_of(name).into()),
        ),
        (
            "MaxNumberOfMessagesPerSecond",
            task.per_second.map(Value::from),
        ),
        ("ApproximateNumberOfMessagesMoved", Some(task.moved.into())),
        (
            "ApproximateNumberOfMessagesToMove",
            Some(task.to_move.into()),
        ),
        ("FailureReason", task.failure.clone().map(Value::from)),
        ("StartedTimestamp", Some(task.started_ms.into())),
    ];
    fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

pub(super) fn cancel(service: &SqsService, call: &Call) -> Answer {
    let request: CancelMove = call.parameters()?;
    let handle = request.task_handle.ok_or_else(|| missing("TaskHandle"))?;
    let (task_id, source) = read_handle(&handle)
        .ok_or_else(|| invalid("Value for parameter TaskHandle is invalid."))?;
    let name = name_of(&source).ok_or_else(|| absent("SourceArn"))?;
    let moved = service.state.cancel_move(name, &task_id)?;
    wire::answer(&json!({ "ApproximateNumberOfMessagesMoved": moved }))
}
