//! Tags of queues.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::error::AwsError;

use super::state::{State, id_of};
use super::state_errors::{invalid, no_queue};

/// Tags that one queue may have.
const MAX_TAGS: i64 = 50;

/// Adds tags to a queue that exists, or changes their values.
pub(super) fn put_tags(
    connection: &Connection,
    queue_id: i64,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    for (key, value) in tags {
        connection.execute(
            "INSERT INTO queue_tags (queue_id, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (queue_id, key) DO UPDATE SET value = ?3",
            params![queue_id, key, value],
        )?;
    }
    let count: i64 = connection.query_row(
        "SELECT count(*) FROM queue_tags WHERE queue_id = ?1",
        [queue_id],
        |row| row.get(0),
    )?;
    if count > MAX_TAGS {
        return Err(invalid(format!(
            "Too many tags added for queue: a queue has at most {MAX_TAGS}."
        )));
    }
    Ok(())
}

impl State {
    /// The tags of a queue.
    pub(super) fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, AwsError> {
        let store = self.lock();
        let id = id_of(&store.connection, name)?.ok_or_else(no_queue)?;
        let mut statement = store
            .connection
            .prepare_cached("SELECT key, value FROM queue_tags WHERE queue_id = ?1")?;
        let tags = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(tags.collect::<Result<_, _>>()?)
    }

    /// Adds tags, or changes their values.
    pub(super) fn tag(&self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
        let mut store = self.lock();
        let transaction = store.connection.transaction()?;
        let id = id_of(&transaction, name)?.ok_or_else(no_queue)?;
        put_tags(&transaction, id, tags)?;
        transaction.commit()?;
        Ok(())
    }

    /// Takes tags away.
    pub(super) fn untag(&self, name: &str, keys: &[String]) -> Result<(), AwsError> {
        let mut store = self.lock();
        let transaction = store.connection.transaction()?;
        let id = id_of(&transaction, name)?.ok_or_else(no_queue)?;
        for key in keys {
            transaction.execute(
                "DELETE FROM queue_tags WHERE queue_id = ?1 AND key = ?2",
                params![id, key],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }
}
