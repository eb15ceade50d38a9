//! Operations on events: writing them, reading a stream, filtering a group.

use serde_json::{Value, json};

use crate::error::AwsError;

use super::events::{Cursor, EVENT_OVERHEAD, Filter, NewEvent, Position};
use super::handlers::{Answer, page_size};
use super::pattern::Pattern;
use super::state::{DAY_MS, State};
use super::wire::{self, invalid};

/// Events of one batch.
const MAX_BATCH: usize = 10_000;
/// Bytes of one batch, counted with an overhead for each event.
const MAX_BATCH_BYTES: usize = 1_048_576;
/// Events on one page.
const MAX_EVENTS: i64 = 10_000;

pub(super) fn put_log_events(state: &State, request: &wire::PutLogEvents, now_ms: i64) -> Answer {
    check_batch(&request.log_events)?;
    let rejected = state.put(
        &request.log_group_name,
        &request.log_stream_name,
        &request.log_events,
        now_ms,
    )?;
    let mut info = serde_json::Map::new();
    for (name, index) in [
        ("tooNewLogEventStartIndex", rejected.too_new_from),
        ("tooOldLogEventEndIndex", rejected.too_old_until),
        ("expiredLogEventEndIndex", rejected.expired_until),
    ] {
        if let Some(index) = index {
            info.insert(name.to_owned(), index.into());
        }
    }
    // Tokens are not needed any more, but old clients pass them on.
    let mut answer = json!({ "nextSequenceToken": format!("{now_ms:056}") });
    if !info.is_empty() {
        answer["rejectedLogEventsInfo"] = Value::Object(info);
    }
    Ok(answer)
}

fn check_batch(events: &[NewEvent]) -> Result<(), AwsError> {
    if events.is_empty() || events.len() > MAX_BATCH {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'logEvents' failed to satisfy constraint: \
             Member must have length between 1 and {MAX_BATCH}"
        )));
    }
    let bytes: usize = events
        .iter()
        .map(|event| event.message.len() + EVENT_OVERHEAD)
        .sum();
    if bytes > MAX_BATCH_BYTES {
        return Err(invalid(format!(
            "Upload too large: {bytes} bytes exceeds limit of {MAX_BATCH_BYTES}"
        )));
    }
    if let Some(event) = events
        .iter()
        .find(|event| event.message.is_empty() || event.timestamp < 0)
    {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'logEvents' failed to satisfy constraint: \
             each needs a message and a timestamp of at least 0, found {event:?}"
        )));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(invalid(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    // In the order of time, so these are the first and the last.
    if let [first, .., last] = events
        && last.timestamp - first.timestamp > DAY_MS
    {
        return Err(invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 \
             hours.",
        ));
    }
    Ok(())
}

pub(super) fn get_log_events(state: &State, request: &wire::GetLogEvents) -> Answer {
    let limit = page_size(request.limit, MAX_EVENTS)?;
    let from_ms = request.start_time.unwrap_or(0);
    let to_ms = request.end_time.unwrap_or(i64::MAX);
    let head = Position {
        at_ms: from_ms,
        id: 0,
    };
    let tail = Position {
        at_ms: i64::MAX,
        id: i64::MAX,
    };
    let cursor = match request.next_token.as_deref() {
        None if request.start_from_head => Cursor::After(head),
        None => Cursor::Before(tail),
        Some(token) => match token.split_once('/') {
            Some(("f", position)) => Cursor::After(wire::token_position(position)?),
            Some(("b", position)) => Cursor::Before(wire::token_position(position)?),
            _ => return Err(wire::bad_token()),
        },
    };
    let group = request.group.name()?;
    let events = state.page(
        &group,
        &request.log_stream_name,
        from_ms,
        to_ms,
        cursor,
        limit,
    )?;
    // At an end, the token of that direction is the one that led there, so that a client sees it
    // and a tail can go on from it.
    let (backward, forward) = match (events.first(), events.last(), cursor) {
        (Some(first), Some(last), _) => (first.position, last.position),
        (_, _, Cursor::Before(position)) if position == tail => (head, head),
        (_, _, Cursor::After(position) | Cursor::Before(position)) => (position, position),
    };
    Ok(json!({
        "events": events.iter().map(wire::event_json).collect::<Vec<_>>(),
        "nextForwardToken": format!("f/{}", wire::position_token(forward)),
        "nextBackwardToken": format!("b/{}", wire::position_token(backward)),
    }))
}

pub(super) fn filter_log_events(state: &State, request: &wire::FilterLogEvents) -> Answer {
    if !request.log_stream_names.is_empty() && request.log_stream_name_prefix.is_some() {
        return Err(invalid(
            "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.",
        ));
    }
    let group = request.group.name()?;
    let (events, more) = state.filter(&Filter {
        group: &group,
        streams: &request.log_stream_names,
        stream_prefix: request
            .log_stream_name_prefix
            .as_deref()
            .unwrap_or_default(),
        from_ms: request.start_time.unwrap_or(0),
        to_ms: request.end_time.unwrap_or(i64::MAX),
        pattern: &Pattern::parse(&request.filter_pattern)?,
        after: request
            .next_token
            .as_deref()
            .map(wire::token_position)
            .transpose()?,
        limit: page_size(request.limit, MAX_EVENTS)?,
    })?;
    let mut answer = json!({
        "events": events.iter().map(wire::found_json).collect::<Vec<_>>(),
        "searchedLogStreams": [],
    });
    if let Some(position) = more {
        answer["nextToken"] = wire::position_token(position).into();
    }
    Ok(answer)
}
