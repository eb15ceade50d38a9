//! Log events: writing, paging through a stream, filtering a group, and retention.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};

use crate::error::AwsError;

use super::pattern::Pattern;
use super::state::{DAY_MS, Group, State, Stream, find_group, find_stream, no_group, no_stream};

/// What CloudWatch counts for an event besides its message, bytes.
pub(super) const EVENT_OVERHEAD: usize = 26;
/// The most that one page of events holds, bytes.
const PAGE_BYTES: usize = 1024 * 1024;
/// As many events as one filter call looks at; then it gives back what it has, and a token.
const SCAN_EVENTS: usize = 100_000;
/// Events older than this are refused, days.
const TOO_OLD_DAYS: i64 = 14;
/// Events further ahead than this are refused, milliseconds.
const TOO_NEW_MS: i64 = 2 * 60 * 60 * 1000;

/// An event to be written.
#[derive(Debug, Clone, serde::Deserialize)]
pub(super) struct NewEvent {
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The text.
    pub message: String,
}

/// An event that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub position: Position,
    pub ingested_ms: i64,
    pub message: String,
    /// The stream it is in.
    pub stream: String,
}

/// Where an event stands: events are in the order of time, then of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub at_ms: i64,
    pub id: i64,
}

/// Where a page of a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Events after the position, the oldest first.
    After(Position),
    /// The last events before the position.
    Before(Position),
}

/// Which events of a batch were refused, as `PutLogEvents` reports them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rejected {
    /// Index of the first event that is too far ahead.
    pub too_new_from: Option<usize>,
    /// Index after the last event that is older than two weeks.
    pub too_old_until: Option<usize>,
    /// Index after the last event that is older than the group's retention.
    pub expired_until: Option<usize>,
}

/// A question to a group.
pub(super) struct Filter<'a> {
    pub group: &'a str,
    /// Names of streams; all when empty.
    pub streams: &'a [String],
    pub stream_prefix: &'a str,
    /// First millisecond that is looked at.
    pub from_ms: i64,
    /// Last millisecond that is looked at.
    pub to_ms: i64,
    pub pattern: &'a Pattern,
    pub after: Option<Position>,
    pub limit: usize,
}

impl State {
    /// Writes lines of a function; makes group and stream when absent. Nothing is refused for
    /// its age: the emulator's own clock stamped them.
    pub(super) fn append(
        &self,
        group: &str,
        stream: &str,
        events: &[NewEvent],
        now_ms: i64,
    ) -> Result<(), AwsError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        transaction
            .prepare_cached(
                "INSERT INTO log_groups (name, class, created_ms) VALUES (?1, 'STANDARD', ?2)
                 ON CONFLICT (name) DO NOTHING",
            )?
            .execute(params![group, now_ms])?;
        let group = find_group(&transaction, group)?.ok_or_else(no_group)?;
        transaction
            .prepare_cached(
                "INSERT INTO log_streams (group_id, name, created_ms) VALUES (?1, ?2, ?3)
                 ON CONFLICT (group_id, name) DO NOTHING",
            )?
            .execute(params![group.id, stream, now_ms])?;
        let stream = find_stream(&transaction, group.id, stream)?.ok_or_else(no_stream)?;
        insert(&transaction, &group, &stream, events, now_ms)?;
        Ok(transaction.commit()?)
    }

    /// Writes a batch of `PutLogEvents`, without the events that are out of the time window.
    pub(super) fn put(
        &self,
        group: &str,
        stream: &str,
        events: &[NewEvent],
        now_ms: i64,
    ) -> Result<Rejected, AwsError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let group = find_group(&transaction, group)?.ok_or_else(no_group)?;
        let stream = find_stream(&transaction, group.id, stream)?.ok_or_else(no_stream)?;
        // The batch is in the order of time, so each bound cuts it in two.
        let before = |ms: i64| events.partition_point(|event| event.timestamp < ms);
        let too_old = before(now_ms - TOO_OLD_DAYS * DAY_MS);
        let expired = group
            .retention_days
            .map_or(0, |days| before(now_ms - days * DAY_MS));
        let too_new = before(now_ms + TOO_NEW_MS + 1);
        let accepted = &events[too_old.max(expired).min(too_new)..too_new];
        insert(&transaction, &group, &stream, accepted, now_ms)?;
        transaction.commit()?;
        Ok(Rejected {
            too_new_from: (too_new < events.len()).then_some(too_new),
            too_old_until: (too_old > 0).then_some(too_old),
            expired_until: (expired > 0).then_some(expired),
        })
    }

    /// One page of a stream, the oldest event first; `to_ms` itself is not in it.
    pub(super) fn page(
        &self,
        group: &str,
        stream: &str,
        from_ms: i64,
        to_ms: i64,
        cursor: Cursor,
        limit: usize,
    ) -> Result<Vec<Event>, AwsError> {
        let connection = self.lock();
        let group = find_group(&connection, group)?.ok_or_else(no_group)?;
        let stream = find_stream(&connection, group.id, stream)?.ok_or_else(no_stream)?;
        let (comparison, direction, position) = match cursor {
            Cursor::After(position) => (">", "ASC", position),
            Cursor::Before(position) => ("<", "DESC", position),
        };
        let mut statement = connection.prepare_cached(&format!(
            "SELECT id, at_ms, ingested_ms, message FROM log_events
             WHERE stream_id = ?1 AND at_ms >= ?2 AND at_ms < ?3
               AND (at_ms, id) {comparison} (?4, ?5)
             ORDER BY at_ms {direction}, id {direction} LIMIT ?6"
        ))?;
        let mut rows = statement.query(params![
            stream.id,
            from_ms,
            to_ms,
            position.at_ms,
            position.id,
            limit as i64
        ])?;
        let mut events = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let event = read_event(row, stream.name.clone())?;
            bytes += event.message.len() + EVENT_OVERHEAD;
            if bytes > PAGE_BYTES && !events.is_empty() {
                break;
            }
            events.push(event);
        }
        if direction == "DESC" {
            events.reverse();
        }
        Ok(events)
    }

    /// Events of a group that match, and where to go on when there may be more.
    pub(super) fn filter(
        &self,
        filter: &Filter<'_>,
    ) -> Result<(Vec<Event>, Option<Position>), AwsError> {
        let connection = self.lock();
        let group = find_group(&connection, filter.group)?.ok_or_else(no_group)?;
        let streams = streams_of(&connection, &group, filter)?;
        let after = filter.after.unwrap_or(Position {
            at_ms: i64::MIN,
            id: 0,
        });
        let mut statement = connection.prepare_cached(
            "SELECT id, at_ms, ingested_ms, message, stream_id FROM log_events
             WHERE group_id = ?1 AND at_ms >= ?2 AND at_ms <= ?3 AND (at_ms, id) > (?4, ?5)
             ORDER BY at_ms, id",
        )?;
        let mut rows = statement.query(params![
            group.id,
            filter.from_ms,
            filter.to_ms,
            after.at_ms,
            after.id
        ])?;
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut looked_at = 0;
        while let Some(row) = rows.next()? {
            let position = Position {
                at_ms: row.get(1)?,
                id: row.get(0)?,
            };
            looked_at += 1;
            if let Some(stream) = streams.get(&row.get::<_, i64>(4)?)
                && filter
                    .pattern
                    .matches(row.get_ref(3)?.as_str().unwrap_or_default())
            {
                let event = read_event(row, stream.clone())?;
                bytes += event.message.len() + EVENT_OVERHEAD;
                found.push(event);
            }
            if found.len() == filter.limit || bytes >= PAGE_BYTES || looked_at == SCAN_EVENTS {
                // A token is only given when there is something behind it.
                let more = rows.next()?.is_some();
                return Ok((found, more.then_some(position)));
            }
        }
        Ok((found, None))
    }

    /// Deletes events older than their group's retention; returns how many.
    pub(super) fn sweep(&self, now_ms: i64) -> Result<usize, AwsError> {
        let kept: Vec<(i64, i64)> = {
            let connection = self.lock();
            let mut statement = connection.prepare_cached(
                "SELECT id, retention_days FROM log_groups WHERE retention_days IS NOT NULL",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        let mut deleted = 0;
        for (group_id, days) in kept {
            let oldest = now_ms - days * DAY_MS;
            let mut connection = self.lock();
            let transaction = connection.transaction()?;
            transaction.execute(
                "UPDATE log_groups SET stored_bytes = stored_bytes - (
                     SELECT coalesce(sum(length(CAST(message AS BLOB)) + ?3), 0)
                     FROM log_events WHERE group_id = ?1 AND at_ms < ?2
                 ) WHERE id = ?1",
                params![group_id, oldest, EVENT_OVERHEAD as i64],
            )?;
            deleted += transaction.execute(
                "DELETE FROM log_events WHERE group_id = ?1 AND at_ms < ?2",
                params![group_id, oldest],
            )?;
            transaction.commit()?;
        }
        Ok(deleted)
    }
}

/// The streams that a filter looks at: id → name.
fn streams_of(
    connection: &Connection,
    group: &Group,
    filter: &Filter<'_>,
) -> Result<HashMap<i64, String>, AwsError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name FROM log_streams
         WHERE group_id = ?1 AND substr(name, 1, length(?2)) = ?2",
    )?;
    let rows = statement.query_map(params![group.id, filter.stream_prefix], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let mut streams: HashMap<i64, String> = rows.collect::<Result<_, _>>()?;
    if !filter.streams.is_empty() {
        let wanted: HashSet<&str> = filter.streams.iter().map(String::as_str).collect();
        streams.retain(|_, name| wanted.contains(name.as_str()));
        if streams.len() < wanted.len() {
            return Err(no_stream());
        }
    }
    Ok(streams)
}

fn insert(
    connection: &Connection,
    group: &Group,
    stream: &Stream,
    events: &[NewEvent],
    now_ms: i64,
) -> Result<(), AwsError> {
    let (Some(first), Some(last)) = (
        events.iter().map(|event| event.timestamp).min(),
        events.iter().map(|event| event.timestamp).max(),
    ) else {
        return Ok(());
    };
    let mut statement = connection.prepare_cached(
        "INSERT INTO log_events (group_id, stream_id, at_ms, ingested_ms, message)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut bytes = 0;
    for event in events {
        statement.execute(params![
            group.id,
            stream.id,
            event.timestamp,
            now_ms,
            event.message
        ])?;
        bytes += event.message.len() + EVENT_OVERHEAD;
    }
    connection
        .prepare_cached(
            "UPDATE log_streams SET last_ingestion_ms = ?2,
                 first_event_ms = min(coalesce(first_event_ms, ?3), ?3),
                 last_event_ms = max(coalesce(last_event_ms, ?4), ?4)
             WHERE id = ?1",
        )?
        .execute(params![stream.id, now_ms, first, last])?;
    connection
        .prepare_cached("UPDATE log_groups SET stored_bytes = stored_bytes + ?2 WHERE id = ?1")?
        .execute(params![group.id, bytes as i64])?;
    Ok(())
}

fn read_event(row: &rusqlite::Row<'_>, stream: String) -> rusqlite::Result<Event> {
    Ok(Event {
        position: Position {
            id: row.get(0)?,
            at_ms: row.get(1)?,
        },
        ingested_ms: row.get(2)?,
        message: row.get(3)?,
        stream,
    })
}
