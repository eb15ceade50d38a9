//! AWS's two waits on queues: the name of a deleted queue is not free at once, and a queue cannot
//! be purged twice in a row. What they count from is in the store: a restart shortens neither.

use rusqlite::{Connection, OptionalExtension, params};

use crate::behaviour::Behaviour;
use crate::error::AwsError;

use super::state::State;
use super::state_errors::no_queue;

/// How long the waits are, milliseconds; 0: there is none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waits {
    name_ms: i64,
    purge_ms: i64,
}

impl From<&Behaviour> for Waits {
    fn from(behaviour: &Behaviour) -> Self {
        Self {
            name_ms: behaviour.queue_name_ms,
            purge_ms: behaviour.purge_ms,
        }
    }
}

/// Is `now` within the wait after `began`? A clock that was set back ends all waits, rather than
/// making them as long as the step back.
fn waiting(began: Option<i64>, wait_ms: i64, now: i64) -> bool {
    began.is_some_and(|began| (0..wait_ms).contains(&(now - began)))
}

impl Waits {
    /// Refuses the name of a queue that was deleted a moment ago (aws-behaviours Q1).
    pub(super) fn check_name(
        self,
        connection: &Connection,
        name: &str,
        now: i64,
    ) -> Result<(), AwsError> {
        let deleted: Option<i64> = connection
            .query_row(
                "SELECT deleted_ms FROM deleted_queues WHERE name = ?1",
                [name],
                |row| row.get(0),
            )
            .optional()?;
        if waiting(deleted, self.name_ms, now) {
            return Err(AwsError::bad_request(
                "QueueDeletedRecently",
                format!(
                    "You must wait {} seconds after deleting a queue before you can create \
                     another with the same name.",
                    self.name_ms / 1_000
                ),
            ));
        }
        Ok(())
    }

    /// Remembers the name of a queue that is deleted now.
    pub(super) fn keep_name(
        self,
        connection: &Connection,
        name: &str,
        now: i64,
    ) -> Result<(), AwsError> {
        if self.name_ms > 0 {
            connection.execute(
                "INSERT INTO deleted_queues (name, deleted_ms) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET deleted_ms = ?2",
                params![name, now],
            )?;
        }
        Ok(())
    }

    /// Forgets the names that are free again.
    pub(super) fn forget_names(self, connection: &Connection, now: i64) -> Result<(), AwsError> {
        connection.execute(
            "DELETE FROM deleted_queues WHERE deleted_ms <= ?1",
            [now - self.name_ms],
        )?;
        Ok(())
    }
}

impl State {
    /// Deletes all messages of a queue, in flight ones included, unless the last purge was a
    /// moment ago (aws-behaviours Q13).
    pub(super) fn purge(&self, name: &str, now: i64) -> Result<(), AwsError> {
        let mut store = self.lock();
        let transaction = store.connection.transaction()?;
        let (queue, purged): (i64, Option<i64>) = transaction
            .query_row(
                "SELECT id, purged_ms FROM queues WHERE name = ?1",
                [name],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?
            .ok_or_else(no_queue)?;
        if waiting(purged, self.waits.purge_ms, now) {
            return Err(AwsError::bad_request(
                "PurgeQueueInProgress",
                format!(
                    "Only one PurgeQueue operation on {name} is allowed every {} seconds.",
                    self.waits.purge_ms / 1_000
                ),
            ));
        }
        transaction.execute("DELETE FROM messages WHERE queue_id = ?1", [queue])?;
        transaction.execute(
            "UPDATE queues SET purged_ms = ?2 WHERE id = ?1",
            params![queue, now],
        )?;
        transaction.commit()?;
        Ok(())
    }
}
