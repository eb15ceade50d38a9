//! Queues in SQLite. Next door are their tags (`state_tags`), permissions (`state_permissions`) and
//! messages (`state_messages`).

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::watch;

use crate::config::{ACCOUNT, Durability, REGION};
use crate::error::AwsError;
use crate::store::{self, StoreError};

use super::state_attributes::{Attributes, Redrive, allows_redrive};
use super::state_errors::{invalid_value, no_queue};
use super::state_schema::MIGRATIONS;
use super::state_tags::put_tags;
use super::state_waits::Waits;
use super::state_wakes::Wakes;

/// Prepared statements that are kept.
const STATEMENTS: usize = 64;

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Queue {
    pub id: i64,
    pub name: String,
    pub created_ms: i64,
    pub modified_ms: i64,
    pub attributes: Attributes,
}

/// How many messages of a queue are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub visible: i64,
    pub in_flight: i64,
    pub delayed: i64,
}

/// What is behind the lock.
pub(super) struct Store {
    pub connection: Connection,
    /// At least as many as are in flight, by queue, so that they need not be counted for every
    /// receive (aws-behaviours Q16).
    pub in_flight_bound: HashMap<i64, i64>,
}

/// All queues of one emulator.
pub(super) struct State {
    store: Mutex<Store>,
    pub wakes: Wakes,
    pub waits: Waits,
}

/// The ARN of the queue `name`.
pub(super) fn arn_of(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// The name in an ARN of our region and account.
pub(super) fn name_of(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let ours = parts.next() == Some("arn")
        && parts.next() == Some("aws")
        && parts.next() == Some("sqs")
        && parts.next() == Some(REGION)
        && parts.next() == Some(ACCOUNT);
    parts.next().filter(|name| ours && !name.is_empty())
}

/// Finds a queue by name.
pub(super) fn find(connection: &Connection, name: &str) -> Result<Option<Queue>, AwsError> {
    Ok(connection
        .prepare_cached(
            "SELECT id, name, created_ms, modified_ms, visibility_s, retention_s, delay_s, wait_s,
                    max_bytes, sse_managed, kms_key_id, kms_reuse_s, policy, redrive_allow,
                    redrive, dead_letter, max_receives
             FROM queues WHERE name = ?1",
        )?
        .query_row([name], read_queue)
        .optional()?)
}

/// Finds a queue that must exist.
pub(super) fn require(connection: &Connection, name: &str) -> Result<Queue, AwsError> {
    find(connection, name)?.ok_or_else(no_queue)
}

/// The id of the queue `name`.
pub(super) fn id_of(connection: &Connection, name: &str) -> Result<Option<i64>, AwsError> {
    Ok(connection
        .prepare_cached("SELECT id FROM queues WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

fn read_queue(row: &Row<'_>) -> rusqlite::Result<Queue> {
    let redrive: Option<String> = row.get(14)?;
    Ok(Queue {
        id: row.get(0)?,
        name: row.get(1)?,
        created_ms: row.get(2)?,
        modified_ms: row.get(3)?,
        attributes: Attributes {
            visibility_s: row.get(4)?,
            retention_s: row.get(5)?,
            delay_s: row.get(6)?,
            wait_s: row.get(7)?,
            max_bytes: row.get(8)?,
            sse_managed: row.get(9)?,
            kms_key_id: row.get(10)?,
            kms_reuse_s: row.get(11)?,
            policy: row.get(12)?,
            redrive_allow: row.get(13)?,
            redrive: match redrive {
                None => None,
                Some(text) => Some(Redrive {
                    text,
                    target: row.get(15)?,
                    max_receives: row.get(16)?,
                }),
            },
        },
    })
}

/// Writes a queue: makes it, or changes its attributes.
pub(super) fn save(
    connection: &Connection,
    name: &str,
    attributes: &Attributes,
    now: i64,
) -> Result<(), AwsError> {
    let redrive = attributes.redrive.as_ref();
    connection
        .prepare_cached(
            "INSERT INTO queues (name, created_ms, modified_ms, visibility_s, retention_s,
                    delay_s, wait_s, max_bytes, sse_managed, kms_key_id, kms_reuse_s, policy,
                    redrive_allow, redrive, dead_letter, max_receives)
             VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
             ON CONFLICT (name) DO UPDATE SET
                    modified_ms = ?2, visibility_s = ?3, retention_s = ?4, delay_s = ?5,
                    wait_s = ?6, max_bytes = ?7, sse_managed = ?8, kms_key_id = ?9,
                    kms_reuse_s = ?10, policy = ?11, redrive_allow = ?12, redrive = ?13,
                    dead_letter = ?14, max_receives = ?15",
        )?
        .execute(params![
            name,
            now,
            attributes.visibility_s,
            attributes.retention_s,
            attributes.delay_s,
            attributes.wait_s,
            attributes.max_bytes,
            attributes.sse_managed,
            attributes.kms_key_id,
            attributes.kms_reuse_s,
            attributes.policy,
            attributes.redrive_allow,
            redrive.map(|redrive| &redrive.text),
            redrive.map(|redrive| &redrive.target),
            redrive.map(|redrive| redrive.max_receives),
        ])?;
    Ok(())
}

/// The dead letter queue must exist and accept this source.
fn check_redrive(
    connection: &Connection,
    name: &str,
    redrive: Option<&Redrive>,
) -> Result<(), AwsError> {
    let Some(redrive) = redrive else {
        return Ok(());
    };
    let refuse = |reason: &str| Err(invalid_value(&redrive.text, "RedrivePolicy", reason));
    // aws-behaviours Q7
    let Some(target) = find(connection, &redrive.target)? else {
        return refuse("Dead letter target does not exist.");
    };
    // aws-behaviours Q8
    if !allows_redrive(target.attributes.redrive_allow.as_deref(), &arn_of(name))? {
        return refuse(
            "The RedriveAllowPolicy of the dead letter target does not allow this queue.",
        );
    }
    Ok(())
}

impl State {
    /// Opens (or makes) the store.
    pub(super) fn open(
        path: &Path,
        durability: Durability,
        waits: Waits,
    ) -> Result<Self, StoreError> {
        let connection = store::open(path, MIGRATIONS, durability)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self {
            store: Mutex::new(Store {
                connection,
                in_flight_bound: HashMap::new(),
            }),
            wakes: Wakes::default(),
            waits,
        })
    }

    /// The store. A panic elsewhere leaves no half-written state behind: a transaction that was
    /// not committed is rolled back when it is dropped.
    pub(super) fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many queues there are.
    pub(super) fn queues_count(&self) -> Result<u64, AwsError> {
        let count: i64 =
            self.lock()
                .connection
                .query_row("SELECT count(*) FROM queues", [], |row| row.get(0))?;
        Ok(count as u64)
    }

    /// The queue `name`, if there is one.
    pub(super) fn find(&self, name: &str) -> Result<Option<Queue>, AwsError> {
        find(&self.lock().connection, name)
    }

    /// Makes a queue; the same request again changes nothing.
    pub(super) fn create(
        &self,
        name: &str,
        requested: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
        now: i64,
    ) -> Result<(), AwsError> {
        let wanted = Attributes::default().with(requested)?;
        let mut store = self.lock();
        let transaction = store.connection.transaction()?;
        if let Some(existing) = find(&transaction, name)? {
            // aws-behaviours Q2, Q3
            return match existing.attributes.difference(&wanted, requested.keys()) {
                None => Ok(()),
                Some(attribute) => Err(AwsError::bad_request(
                    "QueueNameExists",
                    format!(
                        "A queue already exists with the same name and a different value \
                         for attribute {attribute}"
                    ),
                )),
            };
        }
        self.waits.check_name(&transaction, name, now)?;
        check_redrive(&transaction, name, wanted.redrive.as_ref())?;
        save(&transaction, name, &wanted, now)?;
        put_tags(&transaction, transaction.last_insert_rowid(), tags)?;
        transaction.commit()?;
        Ok(())
    }

    /// Changes the attributes of a queue.
    pub(super) fn set_attributes(
        &self,
        name: &str,
        requested: &BTreeMap<String, String>,
        now: i64,
    ) -> Result<(), AwsError> {
        let mut store = self.lock();
        let transaction = store.connection.transaction()?;
        let queue = require(&transaction, name)?;
        let wanted = queue.attributes.with(requested)?;
        if requested.contains_key("RedrivePolicy") {
            check_redrive(&transaction, name, wanted.redrive.as_ref())?;
        }
        save(&transaction, name, &wanted, now)?;
        transaction.commit()?;
        Ok(())
    }

    /// Deletes a queue with its messages, tags and move tasks.
    pub(super) fn delete(&self, name: &str, now: i64) -> Result<(), AwsError> {
        let mut store = self.lock();
        let transaction = store.connection.transaction()?;
        let id = id_of(&transaction, name)?.ok_or_else(no_queue)?;
        transaction.execute("DELETE FROM move_tasks WHERE source = ?1", [name])?;
        transaction.execute("DELETE FROM queues WHERE id = ?1", [id])?;
        self.waits.keep_name(&transaction, name, now)?;
        transaction.commit()?;
        store.in_flight_bound.remove(&id);
        // Under the lock: nobody can begin to watch a queue that is gone.
        self.wakes.close(id);
        Ok(())
    }

    /// Names that begin with `prefix`, from after `after` on, at most `limit`, in order.
    pub(super) fn list(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, AwsError> {
        let store = self.lock();
        let mut statement = store.connection.prepare_cached(
            "SELECT name FROM queues WHERE substr(name, 1, length(?1)) = ?1 AND name > ?2
             ORDER BY name LIMIT ?3",
        )?;
        let names = statement.query_map(params![prefix, after, limit as i64], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// Names of the queues whose dead letters go to `name`, as in [`State::list`].
    pub(super) fn list_sources(
        &self,
        name: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, AwsError> {
        let store = self.lock();
        id_of(&store.connection, name)?.ok_or_else(no_queue)?;
        let mut statement = store.connection.prepare_cached(
            "SELECT name FROM queues WHERE dead_letter = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
        )?;
        let names = statement.query_map(params![name, after, limit as i64], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// Watches a queue; `None` when there is no such queue.
    pub(super) fn watch(&self, name: &str) -> Result<Option<watch::Receiver<u64>>, AwsError> {
        let store = self.lock();
        let id = id_of(&store.connection, name)?;
        Ok(id.map(|id| self.wakes.watch(id)))
    }
}
