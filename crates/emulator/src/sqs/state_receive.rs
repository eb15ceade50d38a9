//! Receiving: receipt handles, visibility timeouts and dead letters.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use crate::error::AwsError;

use super::state::{Queue, State, Store, id_of, require};
use super::state_messages::expiry_ms;

/// Messages of a queue that may be in flight.
const MAX_IN_FLIGHT: i64 = 120_000;

/// Who receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiver {
    /// A client, which lives on when the emulator dies.
    Client,
    /// A mapping, which dies with it.
    Mapping,
}

/// A message that was received.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub message_id: String,
    /// The receipt handle.
    pub handle: String,
    pub body: String,
    pub md5: String,
    pub attributes: Option<String>,
    pub system: Option<String>,
    pub sent_ms: i64,
    pub first_received_ms: i64,
    pub receive_count: i64,
    /// The queue that it came from as a dead letter.
    pub source: Option<String>,
}

/// What a receive gave.
pub(super) struct Reception {
    pub messages: Vec<Received>,
    /// For how long the queue wants receives to wait, seconds.
    pub wait_s: u32,
}

/// A receipt handle, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Handle {
    /// The text, as the user knows it.
    pub text: String,
    pub id: i64,
    /// The how manieth receive gave it out.
    pub count: i64,
    pub message_id: String,
}

impl Handle {
    /// Reads a handle of the queue; `None` when the queue never gave it out.
    pub(super) fn parse(text: &str, queue: &str) -> Option<Self> {
        let plain = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
        let mut parts = plain.split('/');
        let (name, id, count, message_id) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let genuine =
            name == queue && parts.next().is_none() && Uuid::try_parse(message_id).is_ok();
        Some(Self {
            text: text.to_owned(),
            id: id.parse().ok().filter(|_| genuine)?,
            count: count.parse().ok()?,
            message_id: message_id.to_owned(),
        })
    }

    /// The count makes the handle of every receive another one.
    fn write(queue: &str, id: i64, count: i64, message_id: &str) -> String {
        STANDARD.encode(format!("{queue}/{id}/{count}/{message_id}"))
    }
}

/// A visible message, before it is received.
struct Candidate {
    id: i64,
    received_here: i64,
    message: Received,
}

fn read_candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        id: row.get(0)?,
        received_here: row.get(1)?,
        message: Received {
            message_id: row.get(2)?,
            handle: String::new(),
            sent_ms: row.get(3)?,
            first_received_ms: row.get::<_, Option<i64>>(4)?.unwrap_or(0),
            receive_count: row.get(5)?,
            source: row.get(6)?,
            md5: row.get(7)?,
            system: row.get(8)?,
            attributes: row.get(9)?,
            body: row.get(10)?,
        },
    })
}

/// The first `limit` visible messages, those that became visible first coming first.
fn candidates(
    connection: &Connection,
    queue: &Queue,
    limit: usize,
    now: i64,
) -> Result<Vec<Candidate>, AwsError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, received_here, message_id, sent_ms, first_received_ms, receive_count, source,
                md5, system, attributes, body
         FROM messages WHERE queue_id = ?1 AND visible_ms <= ?2 AND sent_ms > ?3
         ORDER BY visible_ms, id LIMIT ?4",
    )?;
    let rows = statement.query_map(
        params![queue.id, now, expiry_ms(queue, now), limit as i64],
        read_candidate,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Moves a message that was received too often. Its time of sending stays (aws-behaviours Q9).
fn move_to_dead_letters(
    connection: &Connection,
    message: i64,
    source: &str,
    target: i64,
    now: i64,
) -> Result<(), AwsError> {
    connection
        .prepare_cached(
            "INSERT INTO messages (queue_id, sent_ms, visible_ms, first_received_ms,
                    receive_count, source, message_id, md5, system, attributes, body)
             SELECT ?2, sent_ms, ?3, first_received_ms, receive_count, ?4, message_id, md5,
                    system, attributes, body
             FROM messages WHERE id = ?1",
        )?
        .execute(params![message, target, now, source])?;
    connection
        .prepare_cached("DELETE FROM messages WHERE id = ?1")?
        .execute([message])?;
    Ok(())
}

/// Refuses a receive when too many messages are in flight (aws-behaviours Q16). Only receives
/// raise that number, so it is counted again only when their sum could have reached the limit.
fn check_in_flight(store: &mut Store, queue: i64, max: usize, now: i64) -> Result<(), AwsError> {
    let bound = store.in_flight_bound.get(&queue).copied();
    let mut bound = bound.unwrap_or(MAX_IN_FLIGHT);
    if bound + max as i64 > MAX_IN_FLIGHT {
        bound = store
            .connection
            .prepare_cached(
                "SELECT count(*) FROM messages
                 WHERE queue_id = ?1 AND visible_ms > ?2 AND received_here > 0",
            )?
            .query_row(params![queue, now], |row| row.get(0))?;
    }
    if bound >= MAX_IN_FLIGHT {
        return Err(AwsError::bad_request(
            "OverLimit",
            format!("Too many messages in flight: a queue has at most {MAX_IN_FLIGHT}."),
        ));
    }
    store.in_flight_bound.insert(queue, bound + max as i64);
    Ok(())
}

impl State {
    /// Takes up to `max` visible messages and hides them, for the queue's visibility timeout
    /// unless another is given. What was received too often goes to the dead letter queue instead.
    pub(super) fn receive(
        &self,
        name: &str,
        max: usize,
        visibility_s: Option<u32>,
        receiver: Receiver,
        now: i64,
    ) -> Result<Reception, AwsError> {
        let mut store = self.lock();
        let queue = require(&store.connection, name)?;
        let wait_s = queue.attributes.wait_s;
        let mut waiting = candidates(&store.connection, &queue, max, now)?;
        let mut messages = Vec::with_capacity(waiting.len());
        if waiting.is_empty() {
            return Ok(Reception { messages, wait_s });
        }
        check_in_flight(&mut store, queue.id, max, now)?;

        let visibility_s = visibility_s.unwrap_or(queue.attributes.visibility_s);
        let visible_ms = now + i64::from(visibility_s) * 1_000;
        let transaction = store.connection.transaction()?;
        // Messages stay where they are while the dead letter queue does not exist; a queue that
        // names itself would turn in circles.
        let dead_letters = match &queue.attributes.redrive {
            Some(redrive) if redrive.target != name => {
                id_of(&transaction, &redrive.target)?.map(|id| (id, redrive.max_receives))
            }
            _ => None,
        };
        let mut taken = HashSet::new();
        let mut dead = 0;
        loop {
            let dead_before = dead;
            for candidate in waiting {
                if messages.len() == max || taken.contains(&candidate.id) {
                    continue;
                }
                if let Some((target, max_receives)) = dead_letters
                    && candidate.received_here >= max_receives
                {
                    move_to_dead_letters(&transaction, candidate.id, name, target, now)?;
                    dead += 1;
                    continue;
                }
                taken.insert(candidate.id);
                messages.push(hide(
                    &transaction,
                    name,
                    candidate,
                    visible_ms,
                    receiver,
                    now,
                )?);
            }
            if dead == dead_before || messages.len() == max {
                break;
            }
            // Others may be behind those that went. With a visibility timeout of 0 the ones that
            // were just taken are among them.
            waiting = candidates(&transaction, &queue, max + taken.len(), now)?;
        }
        transaction.commit()?;
        drop(store);

        if let Some((target, _)) = dead_letters.filter(|_| dead > 0) {
            self.wakes.bump(target);
        }
        if !messages.is_empty() {
            if visible_ms > now {
                self.wakes.at(visible_ms);
            } else {
                self.wakes.bump(queue.id);
            }
        }
        Ok(Reception { messages, wait_s })
    }
}

impl State {
    /// Gives back what mappings had when the emulator before this one ended: visible at once, and as if
    /// it had not been received, because nobody failed it. Returns how many messages that were.
    pub(super) fn give_back_taken(&self, now: i64) -> Result<usize, AwsError> {
        let store = self.lock();
        Ok(store.connection.execute(
            "UPDATE messages SET taken = 0, visible_ms = min(visible_ms, ?1),
                    receive_count = receive_count - 1, received_here = received_here - 1
             WHERE taken = 1",
            [now],
        )?)
    }
}

/// Receives one message: counts it and hides it until `visible_ms`.
fn hide(
    connection: &Connection,
    queue: &str,
    candidate: Candidate,
    visible_ms: i64,
    receiver: Receiver,
    now: i64,
) -> Result<Received, AwsError> {
    connection
        .prepare_cached(
            "UPDATE messages SET visible_ms = ?2, received_ms = ?3,
                    first_received_ms = coalesce(first_received_ms, ?3),
                    receive_count = receive_count + 1, received_here = received_here + 1,
                    taken = ?4
             WHERE id = ?1",
        )?
        .execute(params![
            candidate.id,
            visible_ms,
            now,
            receiver == Receiver::Mapping
        ])?;
    let mut message = candidate.message;
    if message.receive_count == 0 {
        message.first_received_ms = now;
    }
    message.receive_count += 1;
    message.handle = Handle::write(
        queue,
        candidate.id,
        message.receive_count,
        &message.message_id,
    );
    Ok(message)
}
