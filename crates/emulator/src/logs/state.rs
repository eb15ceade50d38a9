//! Log groups, streams, retention and tags in SQLite. Events are next door, in `events`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::config::Durability;
use crate::error::AwsError;
use crate::store::{self, StoreError};

const MIGRATIONS: &[&str] = &["
    CREATE TABLE log_groups (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        class TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        retention_days INTEGER,
        stored_bytes INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE log_tags (
        group_id INTEGER NOT NULL REFERENCES log_groups(id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (group_id, key)
    ) WITHOUT ROWID;
    CREATE TABLE log_streams (
        id INTEGER PRIMARY KEY,
        group_id INTEGER NOT NULL REFERENCES log_groups(id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        first_event_ms INTEGER,
        last_event_ms INTEGER,
        last_ingestion_ms INTEGER,
        UNIQUE (group_id, name)
    );
    CREATE TABLE log_events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        group_id INTEGER NOT NULL REFERENCES log_groups(id) ON DELETE CASCADE,
        stream_id INTEGER NOT NULL REFERENCES log_streams(id) ON DELETE CASCADE,
        at_ms INTEGER NOT NULL,
        ingested_ms INTEGER NOT NULL,
        message TEXT NOT NULL
    );
    CREATE INDEX log_events_of_stream ON log_events (stream_id, at_ms, id);
    CREATE INDEX log_events_of_group ON log_events (group_id, at_ms, id);
"];

/// Tags that one resource may have.
const MAX_TAGS: usize = 50;
/// Milliseconds of a day of retention.
pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub id: i64,
    pub name: String,
    pub class: String,
    pub created_ms: i64,
    pub retention_days: Option<i64>,
    pub stored_bytes: i64,
}

/// A log stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    pub id: i64,
    pub name: String,
    pub created_ms: i64,
    pub first_event_ms: Option<i64>,
    pub last_event_ms: Option<i64>,
    pub last_ingestion_ms: Option<i64>,
}

/// Which groups a list is about.
pub(super) enum Names<'a> {
    /// All.
    Any,
    /// Those that begin so.
    Prefix(&'a str),
    /// Those that contain this, in any case.
    Containing(&'a str),
}

/// How streams are listed.
pub(super) struct StreamOrder {
    /// By last event time; by name otherwise.
    pub by_last_event: bool,
    /// From the greatest.
    pub descending: bool,
}

/// All log groups of one emulator.
pub(super) struct State {
    connection: Mutex<Connection>,
}

impl State {
    /// Opens (or makes) the store.
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        Ok(Self {
            connection: Mutex::new(store::open(path, MIGRATIONS, durability)?),
        })
    }

    /// The connection. A panic elsewhere leaves no half-written state behind: a transaction that
    /// was not committed is rolled back when it is dropped.
    pub(super) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How many groups there are.
    pub(super) fn groups_count(&self) -> u64 {
        self.lock()
            .query_row("SELECT count(*) FROM log_groups", [], |row| {
                row.get::<_, i64>(0)
            })
            .inspect_err(|error| tracing::error!("counting log groups: {error}"))
            .map_or(0, |count| count as u64)
    }

    /// Makes a group with its tags.
    pub(super) fn create_group(
        &self,
        name: &str,
        class: &str,
        tags: &BTreeMap<String, String>,
        now_ms: i64,
    ) -> Result<(), AwsError> {
        check_tag_count(tags.len())?;
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let made = transaction.execute(
            "INSERT INTO log_groups (name, class, created_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO NOTHING",
            params![name, class, now_ms],
        )?;
        if made == 0 {
            // aws-behaviours C1
            return Err(AwsError::bad_request(
                "ResourceAlreadyExistsException",
                "The specified log group already exists",
            ));
        }
        let id = transaction.last_insert_rowid();
        for (key, value) in tags {
            transaction.execute(
                "INSERT INTO log_tags (group_id, key, value) VALUES (?1, ?2, ?3)",
                params![id, key, value],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// Deletes a group with its streams, events and tags.
    pub(super) fn delete_group(&self, name: &str) -> Result<(), AwsError> {
        let deleted = self
            .lock()
            .execute("DELETE FROM log_groups WHERE name = ?1", [name])?;
        if deleted == 0 {
            return Err(no_group());
        }
        Ok(())
    }

    /// Groups by name, after `after`; of one class only when it is given.
    pub(super) fn groups(
        &self,
        names: &Names<'_>,
        class: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Group>, AwsError> {
        let (condition, text) = match names {
            Names::Any => ("?1 = ''", ""),
            Names::Prefix(prefix) => ("substr(name, 1, length(?1)) = ?1", *prefix),
            Names::Containing(part) => ("instr(lower(name), lower(?1)) > 0", *part),
        };
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT id, name, class, created_ms, retention_days, stored_bytes FROM log_groups
             WHERE {condition} AND name > ?2 AND (?4 IS NULL OR class = ?4)
             ORDER BY name LIMIT ?3"
        ))?;
        let rows = statement.query_map(
            params![text, after.unwrap_or_default(), limit as i64, class],
            read_group,
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Sets how many days events are kept; `None` keeps them for ever.
    pub(super) fn set_retention(&self, name: &str, days: Option<i64>) -> Result<(), AwsError> {
        let changed = self.lock().execute(
            "UPDATE log_groups SET retention_days = ?2 WHERE name = ?1",
            params![name, days],
        )?;
        if changed == 0 {
            return Err(no_group());
        }
        Ok(())
    }

    /// Makes a stream.
    pub(super) fn create_stream(
        &self,
        group: &str,
        name: &str,
        now_ms: i64,
    ) -> Result<(), AwsError> {
        let connection = self.lock();
        let group = find_group(&connection, group)?.ok_or_else(no_group)?;
        let made = connection.execute(
            "INSERT INTO log_streams (group_id, name, created_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (group_id, name) DO NOTHING",
            params![group.id, name, now_ms],
        )?;
        if made == 0 {
            return Err(AwsError::bad_request(
                "ResourceAlreadyExistsException",
                "The specified log stream already exists",
            ));
        }
        Ok(())
    }

    /// Deletes a stream with its events.
    pub(super) fn delete_stream(&self, group: &str, name: &str) -> Result<(), AwsError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let group = find_group(&transaction, group)?.ok_or_else(no_group)?;
        let stream = find_stream(&transaction, group.id, name)?.ok_or_else(no_stream)?;
        transaction.execute(
            "UPDATE log_groups SET stored_bytes = stored_bytes - (
                 SELECT coalesce(sum(length(CAST(message AS BLOB)) + ?2), 0)
                 FROM log_events WHERE stream_id = ?1
             ) WHERE id = ?3",
            params![stream.id, super::events::EVENT_OVERHEAD as i64, group.id],
        )?;
        transaction.execute("DELETE FROM log_streams WHERE id = ?1", [stream.id])?;
        Ok(transaction.commit()?)
    }

    /// Streams of a group that begin with `prefix`, from the `offset`th on.
    pub(super) fn streams(
        &self,
        group: &str,
        prefix: &str,
        order: &StreamOrder,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Stream>, AwsError> {
        let connection = self.lock();
        let group = find_group(&connection, group)?.ok_or_else(no_group)?;
        let direction = if order.descending { "DESC" } else { "ASC" };
        let by = if order.by_last_event {
            format!("coalesce(last_event_ms, created_ms) {direction}, name")
        } else {
            format!("name {direction}")
        };
        let mut statement = connection.prepare_cached(&format!(
            "SELECT id, name, created_ms, first_event_ms, last_event_ms, last_ingestion_ms
             FROM log_streams WHERE group_id = ?1 AND substr(name, 1, length(?2)) = ?2
             ORDER BY {by} LIMIT ?3 OFFSET ?4"
        ))?;
        let rows = statement.query_map(
            params![group.id, prefix, limit as i64, offset as i64],
            read_stream,
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Tags of a group.
    pub(super) fn tags(&self, group: &str) -> Result<BTreeMap<String, String>, AwsError> {
        let connection = self.lock();
        let group = find_group(&connection, group)?.ok_or_else(no_group)?;
        let mut statement =
            connection.prepare_cached("SELECT key, value FROM log_tags WHERE group_id = ?1")?;
        let rows = statement.query_map([group.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds tags to a group, or changes them.
    pub(super) fn tag(&self, group: &str, tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let group = find_group(&transaction, group)?.ok_or_else(no_group)?;
        for (key, value) in tags {
            transaction.execute(
                "INSERT INTO log_tags (group_id, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (group_id, key) DO UPDATE SET value = excluded.value",
                params![group.id, key, value],
            )?;
        }
        let count: i64 = transaction.query_row(
            "SELECT count(*) FROM log_tags WHERE group_id = ?1",
            [group.id],
            |row| row.get(0),
        )?;
        check_tag_count(count as usize)?;
        Ok(transaction.commit()?)
    }

    /// Takes tags from a group; unknown keys are ignored.
    pub(super) fn untag(&self, group: &str, keys: &[String]) -> Result<(), AwsError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let group = find_group(&transaction, group)?.ok_or_else(no_group)?;
        for key in keys {
            transaction.execute(
                "DELETE FROM log_tags WHERE group_id = ?1 AND key = ?2",
                params![group.id, key],
            )?;
        }
        Ok(transaction.commit()?)
    }
}

fn check_tag_count(count: usize) -> Result<(), AwsError> {
    if count > MAX_TAGS {
        return Err(AwsError::bad_request(
            "TooManyTagsException",
            format!("A resource can have {MAX_TAGS} tags at most"),
        ));
    }
    Ok(())
}

/// The group of that name.
pub(super) fn find_group(connection: &Connection, name: &str) -> Result<Option<Group>, AwsError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, class, created_ms, retention_days, stored_bytes FROM log_groups
         WHERE name = ?1",
    )?;
    Ok(statement.query_row([name], read_group).optional()?)
}

/// The stream of that name.
pub(super) fn find_stream(
    connection: &Connection,
    group_id: i64,
    name: &str,
) -> Result<Option<Stream>, AwsError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, created_ms, first_event_ms, last_event_ms, last_ingestion_ms
         FROM log_streams WHERE group_id = ?1 AND name = ?2",
    )?;
    Ok(statement
        .query_row(params![group_id, name], read_stream)
        .optional()?)
}

fn read_group(row: &Row<'_>) -> rusqlite::Result<Group> {
    Ok(Group {
        id: row.get(0)?,
        name: row.get(1)?,
        class: row.get(2)?,
        created_ms: row.get(3)?,
        retention_days: row.get(4)?,
        stored_bytes: row.get(5)?,
    })
}

fn read_stream(row: &Row<'_>) -> rusqlite::Result<Stream> {
    Ok(Stream {
        id: row.get(0)?,
        name: row.get(1)?,
        created_ms: row.get(2)?,
        first_event_ms: row.get(3)?,
        last_event_ms: row.get(4)?,
        last_ingestion_ms: row.get(5)?,
    })
}

/// There is no such group.
pub(super) fn no_group() -> AwsError {
    AwsError::bad_request(
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )
}

/// There is no such stream.
pub(super) fn no_stream() -> AwsError {
    AwsError::bad_request(
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )
}
