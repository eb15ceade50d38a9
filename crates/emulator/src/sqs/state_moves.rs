//! Move tasks: taking dead letters back to where they came from, or to another queue.

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::error::AwsError;

use super::state::{State, find, id_of, require};
use super::state_errors::{invalid, no_resource};
use super::state_messages::expiry_ms;

/// Ended tasks that are remembered for one source.
const KEPT: i64 = 10;

/// A move task as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MoveTask {
    pub task_id: String,
    /// Name of the dead letter queue.
    pub source: String,
    /// Name of the queue that gets the messages; where each came from when absent.
    pub destination: Option<String>,
    /// Messages to move in a second; as many as can be when absent.
    pub per_second: Option<u32>,
    /// `RUNNING`, `COMPLETED`, `CANCELLED` or `FAILED`.
    pub status: String,
    pub moved: i64,
    pub to_move: i64,
    pub started_ms: i64,
    pub failure: Option<String>,
}

/// What a new move task is asked to do.
pub(super) struct MoveRequest<'a> {
    pub source: &'a str,
    pub destination: Option<&'a str>,
    pub per_second: Option<u32>,
}

/// A message on its way.
struct Passenger {
    id: i64,
    source: Option<String>,
}

const COLUMNS: &str = "task_id, source, destination, per_second, status, moved, to_move, \
                       started_ms, failure";

fn tasks(
    connection: &Connection,
    condition: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<MoveTask>, AwsError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM move_tasks {condition}"))?;
    let rows = statement.query_map(parameters, |row| {
        Ok(MoveTask {
            task_id: row.get(0)?,
            source: row.get(1)?,
            destination: row.get(2)?,
            per_second: row.get(3)?,
            status: row.get(4)?,
            moved: row.get(5)?,
            to_move: row.get(6)?,
            started_ms: row.get(7)?,
            failure: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn end(
    connection: &Connection,
    task_id: &str,
    status: &str,
    failure: Option<&str>,
) -> Result<(), AwsError> {
    connection.execute(
        "UPDATE move_tasks SET status = ?2, failure = ?3 WHERE task_id = ?1",
        params![task_id, status, failure],
    )?;
    Ok(())
}

impl State {
    /// Records a task that moves what is in the source now. [`State::move_some`] does the work.
    pub(super) fn start_move(
        &self,
        request: &MoveRequest<'_>,
        now: i64,
    ) -> Result<MoveTask, AwsError> {
        let mut store = self.lock();
        let transaction = store.connection.transaction()?;
        let absent = |parameter: &str| {
            no_resource(&format!(
                "The resource that you specified for the {parameter} parameter doesn't exist."
            ))
        };
        let source = find(&transaction, request.source)?.ok_or_else(|| absent("SourceArn"))?;
        // aws-behaviours Q14
        let is_dead_letter_queue: bool = transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM queues WHERE dead_letter = ?1)",
            [request.source],
            |row| row.get(0),
        )?;
        if !is_dead_letter_queue {
            return Err(invalid(
                "Source queue must be configured as a Dead Letter Queue.",
            ));
        }
        if let Some(destination) = request.destination {
            if destination == request.source {
                return Err(invalid(
                    "Source queue arn and destination queue arn cannot be the same.",
                ));
            }
            id_of(&transaction, destination)?.ok_or_else(|| absent("DestinationArn"))?;
        }
        let running = tasks(
            &transaction,
            "WHERE source = ?1 AND status = 'RUNNING'",
            [request.source],
        )?;
        if !running.is_empty() {
            return Err(invalid(
                "There is already a task running. Only one active task is allowed \
                 for a source queue arn at a given time.",
            ));
        }
        let task_id = Uuid::new_v4().to_string();
        transaction.execute(
            "INSERT INTO move_tasks (task_id, source, destination, per_second, status, to_move,
                    last_message, started_ms)
             SELECT ?1, ?2, ?3, ?4, 'RUNNING',
                    (SELECT count(*) FROM messages
                     WHERE queue_id = ?5 AND visible_ms <= ?6 AND sent_ms > ?7),
                    (SELECT coalesce(max(id), 0) FROM messages),
                    ?6",
            params![
                task_id,
                request.source,
                request.destination,
                request.per_second,
                source.id,
                now,
                expiry_ms(&source, now),
            ],
        )?;
        transaction.execute(
            "DELETE FROM move_tasks WHERE source = ?1 AND id NOT IN (
                 SELECT id FROM move_tasks WHERE source = ?1 ORDER BY id DESC LIMIT ?2)",
            params![request.source, KEPT],
        )?;
        let made = tasks(&transaction, "WHERE task_id = ?1", [&task_id])?;
        transaction.commit()?;
        made.into_iter()
            .next()
            .ok_or_else(|| AwsError::internal("the move task was not written"))
    }

    /// Moves up to `max` messages of a running task in one transaction; `false` when the task
    /// has ended. Moved messages are new ones: they get an id, a time of sending and a count of
    /// their own.
    pub(super) fn move_some(&self, task_id: &str, max: u32, now: i64) -> Result<bool, AwsError> {
        let mut store = self.lock();
        let transaction = store.connection.transaction()?;
        let Some(task) = tasks(
            &transaction,
            "WHERE task_id = ?1 AND status = 'RUNNING'",
            [task_id],
        )?
        .pop() else {
            return Ok(false);
        };
        let source = require(&transaction, &task.source)?;
        let passengers = {
            // Not what arrived after the start, or a task whose messages fail again at once would
            // never end.
            let mut statement = transaction.prepare_cached(
                "SELECT id, source FROM messages
                 WHERE queue_id = ?1 AND visible_ms <= ?2 AND sent_ms > ?3 AND id <=
                       (SELECT last_message FROM move_tasks WHERE task_id = ?4)
                 ORDER BY visible_ms, id LIMIT ?5",
            )?;
            let rows = statement.query_map(
                params![source.id, now, expiry_ms(&source, now), task_id, max],
                |row| {
                    Ok(Passenger {
                        id: row.get(0)?,
                        source: row.get(1)?,
                    })
                },
            )?;
            rows.collect::<Result<Vec<_>, _>>()?
        };
        let mut targets = Vec::new();
        let mut failure = None;
        let mut moved = 0;
        for passenger in &passengers {
            let Some(name) = task.destination.as_ref().or(passenger.source.as_ref()) else {
                // It was sent to the dead letter queue itself.
                failure = Some("CouldNotDetermineMessageSource");
                break;
            };
            let Some(target) = id_of(&transaction, name)? else {
                failure = Some("AWS.SimpleQueueService.NonExistentQueue");
                break;
            };
            send_again(&transaction, passenger.id, target, now)?;
            moved += 1;
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        transaction.execute(
            "UPDATE move_tasks SET moved = moved + ?2 WHERE task_id = ?1",
            params![task_id, moved],
        )?;
        let ended = failure.is_some() || passengers.is_empty();
        if let Some(failure) = failure {
            end(&transaction, task_id, "FAILED", Some(failure))?;
        } else if ended {
            end(&transaction, task_id, "COMPLETED", None)?;
        }
        transaction.commit()?;
        drop(store);
        for target in targets {
            self.wakes.bump(target);
        }
        Ok(!ended)
    }

    /// Ends a running task before its time; gives how many messages it has moved.
    pub(super) fn cancel_move(&self, source: &str, task_id: &str) -> Result<i64, AwsError> {
        let store = self.lock();
        if id_of(&store.connection, source)?.is_none() {
            return Err(no_resource(
                "The resource that you specified for the SourceArn parameter doesn't exist.",
            ));
        }
        let task = tasks(
            &store.connection,
            "WHERE task_id = ?1 AND source = ?2",
            [task_id, source],
        )?
        .pop()
        .ok_or_else(|| no_resource("Task does not exist."))?;
        if task.status != "RUNNING" {
            return Err(AwsError::bad_request(
                "UnsupportedOperation",
                format!(
                    "Only a running task can be cancelled; this one is {}.",
                    task.status
                ),
            ));
        }
        end(&store.connection, task_id, "CANCELLED", None)?;
        Ok(task.moved)
    }

    /// The newest tasks of a source, at most `max`, the newest first.
    pub(super) fn list_moves(&self, source: &str, max: u32) -> Result<Vec<MoveTask>, AwsError> {
        let store = self.lock();
        if id_of(&store.connection, source)?.is_none() {
            return Err(no_resource(
                "The resource that you specified for the SourceArn parameter doesn't exist.",
            ));
        }
        tasks(
            &store.connection,
            "WHERE source = ?1 ORDER BY id DESC LIMIT ?2",
            params![source, max],
        )
    }

    /// All tasks that have not ended.
    pub(super) fn running_moves(&self) -> Result<Vec<MoveTask>, AwsError> {
        tasks(&self.lock().connection, "WHERE status = 'RUNNING'", [])
    }
}

/// Sends a message anew to the queue `target` and deletes the old one.
fn send_again(
    connection: &Connection,
    message: i64,
    target: i64,
    now: i64,
) -> Result<(), AwsError> {
    connection
        .prepare_cached(
            "INSERT INTO messages (queue_id, sent_ms, visible_ms, message_id, md5, system,
                    attributes, body)
             SELECT ?2, ?3, ?3, ?4, md5, system, attributes, body FROM messages WHERE id = ?1",
        )?
        .execute(params![message, target, now, Uuid::new_v4().to_string()])?;
    connection
        .prepare_cached("DELETE FROM messages WHERE id = ?1")?
        .execute([message])?;
    Ok(())
}
