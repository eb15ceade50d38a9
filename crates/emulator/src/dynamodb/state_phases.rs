//! What a table goes through where the engine knows only "there" and "not there": being created,
//! being deleted, and the wait after a change of its time to live.
//!
//! All of it is moments on the shared clock, written down and compared, so nothing has to happen
//! when one of them comes. It is in a file of its own: the other belongs to the engine.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use crate::behaviour::Behaviour;
use crate::config::Durability;
use crate::error::AwsError;
use crate::store::{self, StoreError};

const MIGRATIONS: &[&str] = &["
    CREATE TABLE table_phases (
        name TEXT PRIMARY KEY,
        creating_until_ms INTEGER,
        deleting_until_ms INTEGER,
        -- The description that a table being deleted is shown with.
        description TEXT,
        ttl_kept_until_ms INTEGER
    ) WITHOUT ROWID;
"];

/// Where a table is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is going on, or there is no such table.
    Settled,
    /// `CREATING`.
    Creating,
    /// `DELETING`: the engine has forgotten it; this is its last description, JSON.
    Deleting(String),
}

/// The phases of all tables.
pub(super) struct Lifecycle {
    connection: Mutex<Connection>,
    behaviour: Behaviour,
    /// No table is `CREATING` from this moment on. Saves every item operation a look at the file.
    creating_until_ms: AtomicI64,
}

impl Lifecycle {
    /// Opens (or makes) the file.
    pub(super) fn open(
        path: &Path,
        durability: Durability,
        behaviour: &Behaviour,
    ) -> Result<Self, StoreError> {
        let connection = store::open(path, MIGRATIONS, durability)?;
        let latest: Option<i64> = connection
            .query_row(
                "SELECT max(creating_until_ms) FROM table_phases",
                [],
                |row| row.get(0),
            )
            .map_err(|source| StoreError::Open {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            connection: Mutex::new(connection),
            behaviour: behaviour.clone(),
            creating_until_ms: AtomicI64::new(latest.unwrap_or(i64::MIN)),
        })
    }

    /// Whether a table may be `CREATING`.
    pub(super) fn may_be_creating(&self, now_ms: i64) -> bool {
        self.behaviour.table_creating_ms > 0
            && now_ms < self.creating_until_ms.load(Ordering::Acquire)
    }

    /// Takes its turn: operations on tables go one at a time, so that what is written here and what
    /// the engine does belong together.
    pub(super) fn turn(&self) -> Turn<'_> {
        Turn {
            connection: self
                .connection
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
            lifecycle: self,
        }
    }
}

/// The turn of one operation on tables.
pub(super) struct Turn<'a> {
    connection: MutexGuard<'a, Connection>,
    lifecycle: &'a Lifecycle,
}

impl Turn<'_> {
    /// Where the table is in its life.
    pub(super) fn phase(&self, name: &str, now_ms: i64) -> Result<Phase, AwsError> {
        let row = self
            .connection
            .prepare_cached(
                "SELECT creating_until_ms, deleting_until_ms, description
                 FROM table_phases WHERE name = ?1",
            )?
            .query_row([name], |row| {
                Ok((
                    row.get::<_, Option<i64>>(0)?,
                    row.get::<_, Option<i64>>(1)?,
                    row.get::<_, Option<String>>(2)?,
                ))
            })
            .optional()?;
        let Some((creating, deleting, description)) = row else {
            return Ok(Phase::Settled);
        };
        // A store may have been written under another behaviour.
        let behaviour = &self.lifecycle.behaviour;
        let goes_on =
            |until: Option<i64>, takes: i64| takes > 0 && until.is_some_and(|until| now_ms < until);
        Ok(match description {
            Some(description) if goes_on(deleting, behaviour.table_deleting_ms) => {
                Phase::Deleting(description)
            }
            None if goes_on(creating, behaviour.table_creating_ms) => Phase::Creating,
            _ => Phase::Settled,
        })
    }

    /// Tables that are `DELETING`, by name.
    pub(super) fn deleting(&self, now_ms: i64) -> Result<Vec<String>, AwsError> {
        if self.lifecycle.behaviour.table_deleting_ms == 0 {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT name FROM table_phases WHERE deleting_until_ms > ?1 ORDER BY name",
        )?;
        let names = statement.query_map([now_ms], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// A table of this name is about to be made: nothing of an earlier one is left
    /// (aws-behaviours D15).
    pub(super) fn created(&self, name: &str, now_ms: i64) -> Result<(), AwsError> {
        let takes = self.lifecycle.behaviour.table_creating_ms;
        self.connection.execute(
            "DELETE FROM table_phases WHERE name = ?1 OR deleting_until_ms <= ?2",
            params![name, now_ms],
        )?;
        if takes > 0 {
            self.connection.execute(
                "INSERT INTO table_phases (name, creating_until_ms) VALUES (?1, ?2)",
                params![name, now_ms + takes],
            )?;
            self.lifecycle
                .creating_until_ms
                .fetch_max(now_ms + takes, Ordering::AcqRel);
        }
        Ok(())
    }

    /// The table was not made after all.
    pub(super) fn not_created(&self, name: &str) -> Result<(), AwsError> {
        self.connection
            .execute("DELETE FROM table_phases WHERE name = ?1", [name])?;
        Ok(())
    }

    /// The engine has deleted a table that is shown as `description` from now on.
    pub(super) fn deleted(
        &self,
        name: &str,
        description: &str,
        now_ms: i64,
    ) -> Result<(), AwsError> {
        let takes = self.lifecycle.behaviour.table_deleting_ms;
        if takes == 0 {
            return self.not_created(name);
        }
        self.connection.execute(
            "INSERT OR REPLACE INTO table_phases (name, deleting_until_ms, description)
             VALUES (?1, ?2, ?3)",
            params![name, now_ms + takes, description],
        )?;
        Ok(())
    }

    /// Whether the table's time to live was changed too short a while ago (aws-behaviours D4).
    pub(super) fn keeps_time_to_live(&self, name: &str, now_ms: i64) -> Result<bool, AwsError> {
        if self.lifecycle.behaviour.ttl_cool_down_ms == 0 {
            return Ok(false);
        }
        let until: Option<Option<i64>> = self
            .connection
            .query_row(
                "SELECT ttl_kept_until_ms FROM table_phases WHERE name = ?1",
                [name],
                |row| row.get(0),
            )
            .optional()?;
        Ok(until.flatten().is_some_and(|until| now_ms < until))
    }

    /// The table's time to live was changed.
    pub(super) fn changed_time_to_live(&self, name: &str, now_ms: i64) -> Result<(), AwsError> {
        let takes = self.lifecycle.behaviour.ttl_cool_down_ms;
        if takes > 0 {
            self.connection.execute(
                "INSERT INTO table_phases (name, ttl_kept_until_ms) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET ttl_kept_until_ms = excluded.ttl_kept_until_ms",
                params![name, now_ms + takes],
            )?;
        }
        Ok(())
    }
}
