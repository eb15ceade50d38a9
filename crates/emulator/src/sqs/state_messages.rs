//! Messages: sending, visibility, deletion, counting and retention. Receiving is next door, in
//! `state_receive`.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::error::AwsError;

use super::state::{Counts, Queue, State, find, id_of, require};
use super::state_errors::{invalid, invalid_value, no_queue};
use super::state_receive::Handle;

/// For how long a message can stay hidden after one receive, milliseconds.
const MAX_HIDDEN_MS: i64 = 43_200_000;
/// Messages that a sweep deletes before it lets others to the store.
const SWEEP_CHUNK: usize = 1_000;

/// A message to be sent. Attributes are kept as the wire wrote them.
pub(super) struct NewMessage {
    pub body: String,
    /// MD5 of the body, hex.
    pub md5: String,
    /// Message attributes as JSON.
    pub attributes: Option<String>,
    /// System attributes of the sender as JSON.
    pub system: Option<String>,
    /// Bytes of body and attributes.
    pub size: usize,
    /// Seconds until it is visible; the queue's own when absent.
    pub delay_s: Option<u32>,
}

/// The moment before which messages of the queue were sent that are past its retention.
pub(super) fn expiry_ms(queue: &Queue, now: i64) -> i64 {
    now - i64::from(queue.attributes.retention_s) * 1_000
}

impl State {
    /// Sends messages in one transaction; each is accepted or refused by itself. Gives the ids.
    pub(super) fn send(
        &self,
        name: &str,
        messages: Vec<NewMessage>,
        now: i64,
    ) -> Result<Vec<Result<String, AwsError>>, AwsError> {
        let mut store = self.lock();
        let transaction = store.connection.transaction()?;
        let queue = require(&transaction, name)?;
        let max_bytes = queue.attributes.max_bytes;
        let mut sent = Vec::with_capacity(messages.len());
        let mut first_visible_ms = i64::MAX;
        for message in messages {
            if message.size > max_bytes as usize {
                // aws-behaviours Q15
                sent.push(Err(invalid(format!(
                    "One or more parameters are invalid. \
                     Reason: Message must be shorter than {max_bytes} bytes."
                ))));
                continue;
            }
            let delay_s = message.delay_s.unwrap_or(queue.attributes.delay_s);
            let visible_ms = now + i64::from(delay_s) * 1_000;
            let message_id = Uuid::new_v4().to_string();
            transaction
                .prepare_cached(
                    "INSERT INTO messages (queue_id, sent_ms, visible_ms, message_id, md5,
                            system, attributes, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    queue.id,
                    now,
                    visible_ms,
                    message_id,
                    message.md5,
                    message.system,
                    message.attributes,
                    message.body,
                ])?;
            first_visible_ms = first_visible_ms.min(visible_ms);
            sent.push(Ok(message_id));
        }
        transaction.commit()?;
        drop(store);
        if first_visible_ms <= now {
            self.wakes.bump(queue.id);
        } else {
            self.wakes.at(first_visible_ms);
        }
        Ok(sent)
    }

    /// Deletes messages. Those that are gone already are no error, and the handle of an earlier
    /// receive is as good as the last one.
    pub(super) fn delete_messages(&self, name: &str, handles: &[Handle]) -> Result<(), AwsError> {
        let mut store = self.lock();
        let transaction = store.connection.transaction()?;
        let queue = id_of(&transaction, name)?.ok_or_else(no_queue)?;
        for handle in handles {
            transaction
                .prepare_cached(
                    "DELETE FROM messages WHERE id = ?1 AND queue_id = ?2 AND message_id = ?3",
                )?
                .execute(params![handle.id, queue, handle.message_id])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Makes messages in flight visible after so many seconds from now (0: at once); each change
    /// succeeds or fails by itself. What is visible already stays so, and that is no error.
    pub(super) fn change_visibility(
        &self,
        name: &str,
        changes: &[(Handle, u32)],
        now: i64,
    ) -> Result<Vec<Result<(), AwsError>>, AwsError> {
        let mut store = self.lock();
        let transaction = store.connection.transaction()?;
        let queue = require(&transaction, name)?;
        let mut results = Vec::with_capacity(changes.len());
        let mut first_visible_ms = i64::MAX;
        for (handle, visibility_s) in changes {
            let visible_ms = now + i64::from(*visibility_s) * 1_000;
            let changed = change_one(&transaction, &queue, handle, visible_ms, now)?;
            if changed.is_ok() {
                first_visible_ms = first_visible_ms.min(visible_ms);
            }
            results.push(changed);
        }
        transaction.commit()?;
        drop(store);
        if first_visible_ms <= now {
            self.wakes.bump(queue.id);
        } else {
            self.wakes.at(first_visible_ms);
        }
        Ok(results)
    }

    /// A queue with its exact counts.
    pub(super) fn counted(&self, name: &str, now: i64) -> Result<(Queue, Counts), AwsError> {
        let store = self.lock();
        let queue = require(&store.connection, name)?;
        let counts = store
            .connection
            .prepare_cached(
                "SELECT count(*) FILTER (WHERE visible_ms <= ?2),
                        count(*) FILTER (WHERE visible_ms > ?2 AND received_here > 0),
                        count(*) FILTER (WHERE visible_ms > ?2 AND received_here = 0)
                 FROM messages WHERE queue_id = ?1 AND sent_ms > ?3",
            )?
            .query_row(params![queue.id, now, expiry_ms(&queue, now)], |row| {
                Ok(Counts {
                    visible: row.get(0)?,
                    in_flight: row.get(1)?,
                    delayed: row.get(2)?,
                })
            })?;
        Ok((queue, counts))
    }

    /// Deletes what is past its queue's retention, and forgets the names of deleted queues that
    /// are free again; gives how many messages.
    pub(super) fn expire(&self, now: i64) -> Result<usize, AwsError> {
        self.waits.forget_names(&self.lock().connection, now)?;
        let mut deleted = 0;
        for name in self.list("", "", usize::MAX >> 1)? {
            loop {
                let store = self.lock();
                let Some(queue) = find(&store.connection, &name)? else {
                    break;
                };
                let gone = store
                    .connection
                    .prepare_cached(
                        "DELETE FROM messages WHERE id IN (
                             SELECT id FROM messages WHERE queue_id = ?1 AND sent_ms <= ?2
                             LIMIT ?3)",
                    )?
                    .execute(params![
                        queue.id,
                        expiry_ms(&queue, now),
                        SWEEP_CHUNK as i64
                    ])?;
                deleted += gone;
                if gone < SWEEP_CHUNK {
                    break;
                }
            }
        }
        Ok(deleted)
    }
}

/// The outer error is the store's, the inner one is a refusal.
fn change_one(
    connection: &Connection,
    queue: &Queue,
    handle: &Handle,
    visible_ms: i64,
    now: i64,
) -> Result<Result<(), AwsError>, AwsError> {
    // The handle of an earlier receive must not take the message from whoever has it now.
    let found: Option<(i64, i64)> = connection
        .prepare_cached(
            "SELECT visible_ms, received_ms FROM messages
             WHERE id = ?1 AND queue_id = ?2 AND message_id = ?3 AND sent_ms > ?4
                   AND receive_count = ?5 AND received_ms IS NOT NULL",
        )?
        .query_row(
            params![
                handle.id,
                queue.id,
                handle.message_id,
                expiry_ms(queue, now),
                handle.count,
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((hidden_until_ms, received_ms)) = found else {
        return Ok(Err(invalid_value(
            &handle.text,
            "ReceiptHandle",
            "Message does not exist or is not available for visibility timeout change.",
        )));
    };
    if hidden_until_ms <= now {
        // AWS says yes, and does nothing. A mapping that says so is done with it.
        connection
            .prepare_cached("UPDATE messages SET taken = 0 WHERE id = ?1 AND taken = 1")?
            .execute([handle.id])?;
        return Ok(Ok(()));
    }
    if visible_ms > received_ms + MAX_HIDDEN_MS {
        return Ok(Err(invalid_value(
            &((visible_ms - now) / 1_000).to_string(),
            "VisibilityTimeout",
            "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
        )));
    }
    connection
        .prepare_cached("UPDATE messages SET visible_ms = ?2, taken = 0 WHERE id = ?1")?
        .execute(params![handle.id, visible_ms])?;
    Ok(Ok(()))
}
