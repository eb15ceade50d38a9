//! The durable state of S3: buckets and their documents. Objects, listings, uploads and events
//! have files of their own beside this one; none of them knows HTTP.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::state_body::Bodies;
use super::state_errors::{bucket_not_empty, no_such_bucket};
use super::state_rules::Rule;
use super::state_schema::MIGRATIONS;
use crate::clock::SharedClock;
use crate::config::Durability;
use crate::error::AwsError;
use crate::store::StoreError;

/// The versioning state of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versioning {
    /// Never turned on: every object is the null version.
    Unversioned,
    /// Every write makes a version.
    Enabled,
    /// Writes replace the null version; other versions stay.
    Suspended,
}

impl Versioning {
    /// The name in the database and, but for `Unversioned`, on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unversioned => "Unversioned",
            Self::Enabled => "Enabled",
            Self::Suspended => "Suspended",
        }
    }

    /// Reads [`Versioning::name`].
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Unversioned, Self::Enabled, Self::Suspended]
            .into_iter()
            .find(|versioning| versioning.name() == name)
    }
}

/// A bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    /// Its name.
    pub name: String,
    /// When it was made, milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// Its versioning state.
    pub versioning: Versioning,
}

/// The configuration documents of a bucket, each replaced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Document {
    Tagging,
    PublicAccessBlock,
    Policy,
    Encryption,
    Lifecycle,
    Notification,
    OwnershipControls,
}

impl Document {
    fn name(self) -> &'static str {
        match self {
            Self::Tagging => "tagging",
            Self::PublicAccessBlock => "public-access-block",
            Self::Policy => "policy",
            Self::Encryption => "encryption",
            Self::Lifecycle => "lifecycle",
            Self::Notification => "notification",
            Self::OwnershipControls => "ownership-controls",
        }
    }
}

/// All of S3's state.
pub(super) struct Store {
    inner: Mutex<Inner>,
    /// The body files.
    pub(super) bodies: Bodies,
    /// Time.
    pub(super) clock: SharedClock,
}

pub(super) struct Inner {
    pub(super) connection: Connection,
    /// The notification rules of each bucket, parsed, so that a put reads no document.
    pub(super) rules: HashMap<String, Vec<Rule>>,
}

impl Inner {
    /// A write transaction and, beside it, the rules.
    pub(super) fn begin(
        &mut self,
    ) -> Result<(Transaction<'_>, &mut HashMap<String, Vec<Rule>>), AwsError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok((transaction, &mut self.rules))
    }
}

impl Store {
    /// Opens the store under `folder` and sweeps what a crash left behind.
    pub(super) fn open(
        folder: &Path,
        clock: SharedClock,
        durability: Durability,
    ) -> Result<Self, StoreError> {
        let database = folder.join("meta.sqlite");
        let objects = folder.join("objects");
        let connection = crate::store::open(&database, MIGRATIONS, durability)?;
        connection.set_prepared_statement_cache_capacity(64);
        let directory = |source| StoreError::Directory {
            path: objects.clone(),
            source,
        };
        let open = |source| StoreError::Open {
            path: database.clone(),
            source,
        };
        // A store that was salvaged may have lost the row, or its newest value; without it nothing
        // could be written, and with an old one numbers would come twice.
        connection
            .execute(
                "INSERT INTO counter (id, value)
                 VALUES (1, coalesce((SELECT max(seq) FROM versions), 0))
                 ON CONFLICT (id) DO UPDATE SET value = max(value, excluded.value)",
                [],
            )
            .map_err(open)?;
        let bodies = Bodies::open(objects.clone(), durability).map_err(directory)?;
        let named = named_bodies(&connection).map_err(open)?;
        let swept = bodies.sweep(&named).map_err(directory)?;
        if swept.removed > 0 {
            tracing::info!(
                removed = swept.removed,
                "removed unfinished uploads of an earlier run"
            );
        }
        if swept.missing > 0 {
            tracing::error!(
                missing = swept.missing,
                "the store is damaged: object bodies are missing; every other object is there"
            );
        }
        let rules = all_rules(&connection).map_err(open)?;
        Ok(Self {
            inner: Mutex::new(Inner { connection, rules }),
            bodies,
            clock,
        })
    }

    /// The connection. Held for one transaction, never across an await.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere rolled its transaction back, so the state behind the lock is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a bucket with documents; says whether it is new. One that is there stays as it is.
    pub(super) fn create_bucket(
        &self,
        name: &str,
        documents: &[(Document, &str)],
    ) -> Result<bool, AwsError> {
        let created_ms = self.clock.now_ms();
        let mut inner = self.lock();
        let (transaction, _) = inner.begin()?;
        let made = transaction.execute(
            "INSERT INTO buckets (name, created_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![name, created_ms],
        )?;
        if made == 1 {
            for (kind, document) in documents {
                write_document(&transaction, name, *kind, document)?;
            }
        }
        transaction.commit()?;
        Ok(made == 1)
    }

    /// A bucket, or `NoSuchBucket`.
    pub(super) fn bucket(&self, name: &str) -> Result<Bucket, AwsError> {
        bucket(&self.lock().connection, name)
    }

    /// Up to `max` buckets whose name starts with `prefix` and comes after `after`, by name.
    pub(super) fn buckets(
        &self,
        prefix: &str,
        after: &str,
        max: usize,
    ) -> Result<Vec<Bucket>, AwsError> {
        let inner = self.lock();
        let mut statement = inner.connection.prepare_cached(
            "SELECT name, created_ms, versioning FROM buckets
             WHERE name > ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY name LIMIT ?3",
        )?;
        let rows = statement.query_map(params![after, prefix, max as i64], bucket_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many buckets there are.
    pub(super) fn count_buckets(&self) -> Result<u64, AwsError> {
        let count: i64 =
            self.lock()
                .connection
                .query_row("SELECT count(*) FROM buckets", [], |row| row.get(0))?;
        Ok(count as u64)
    }

    /// Deletes a bucket that holds no version and no delete marker; its unfinished multipart
    /// uploads go with it.
    pub(super) fn delete_bucket(&self, name: &str) -> Result<(), AwsError> {
        let mut inner = self.lock();
        let (transaction, rules) = inner.begin()?;
        let versioning = bucket(&transaction, name)?.versioning;
        let full: bool = transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM versions WHERE bucket = ?1)",
            [name],
            |row| row.get(0),
        )?;
        if full {
            return Err(bucket_not_empty(versioning != Versioning::Unversioned));
        }
        let bodies: Vec<String> = transaction
            .prepare_cached(
                "SELECT body FROM parts JOIN uploads USING (upload_id) WHERE bucket = ?1",
            )?
            .query_map([name], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        transaction.execute("DELETE FROM buckets WHERE name = ?1", [name])?;
        transaction.commit()?;
        rules.remove(name);
        drop(inner);
        self.bodies.remove(&bodies);
        Ok(())
    }

    /// Turns versioning on or suspends it.
    pub(super) fn set_versioning(
        &self,
        name: &str,
        versioning: Versioning,
    ) -> Result<(), AwsError> {
        let changed = self.lock().connection.execute(
            "UPDATE buckets SET versioning = ?2 WHERE name = ?1",
            params![name, versioning.name()],
        )?;
        if changed == 0 {
            return Err(no_such_bucket());
        }
        Ok(())
    }

    /// Replaces a document of a bucket.
    pub(super) fn put_document(
        &self,
        name: &str,
        kind: Document,
        document: &str,
    ) -> Result<(), AwsError> {
        let mut inner = self.lock();
        let (transaction, _) = inner.begin()?;
        bucket(&transaction, name)?;
        write_document(&transaction, name, kind, document)?;
        transaction.commit()?;
        Ok(())
    }

    /// Replaces the notification document of a bucket and the rules parsed from it.
    pub(super) fn put_notification(
        &self,
        name: &str,
        document: &str,
        parsed: Vec<Rule>,
    ) -> Result<(), AwsError> {
        let mut inner = self.lock();
        let (transaction, rules) = inner.begin()?;
        bucket(&transaction, name)?;
        write_document(&transaction, name, Document::Notification, document)?;
        transaction.commit()?;
        rules.insert(name.to_owned(), parsed);
        Ok(())
    }

    /// A document of a bucket, if it was put.
    pub(super) fn document(&self, name: &str, kind: Document) -> Result<Option<String>, AwsError> {
        let inner = self.lock();
        bucket(&inner.connection, name)?;
        Ok(inner
            .connection
            .prepare_cached("SELECT document FROM documents WHERE bucket = ?1 AND kind = ?2")?
            .query_row(params![name, kind.name()], |row| row.get(0))
            .optional()?)
    }

    /// Deletes a document of a bucket; it is no fault when there is none.
    pub(super) fn delete_document(&self, name: &str, kind: Document) -> Result<(), AwsError> {
        let inner = self.lock();
        bucket(&inner.connection, name)?;
        inner.connection.execute(
            "DELETE FROM documents WHERE bucket = ?1 AND kind = ?2",
            params![name, kind.name()],
        )?;
        Ok(())
    }
}

/// A bucket, or `NoSuchBucket`.
pub(super) fn bucket(connection: &Connection, name: &str) -> Result<Bucket, AwsError> {
    connection
        .prepare_cached("SELECT name, created_ms, versioning FROM buckets WHERE name = ?1")?
        .query_row([name], bucket_row)
        .optional()?
        .ok_or_else(no_such_bucket)
}

fn bucket_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Bucket> {
    let versioning: String = row.get(2)?;
    Ok(Bucket {
        name: row.get(0)?,
        created_ms: row.get(1)?,
        versioning: Versioning::parse(&versioning).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(
                2,
                rusqlite::types::Type::Text,
                format!("unknown versioning state {versioning}").into(),
            )
        })?,
    })
}

fn write_document(
    connection: &Connection,
    name: &str,
    kind: Document,
    document: &str,
) -> Result<(), AwsError> {
    connection.execute(
        "INSERT OR REPLACE INTO documents (bucket, kind, document) VALUES (?1, ?2, ?3)",
        params![name, kind.name(), document],
    )?;
    Ok(())
}

fn named_bodies(connection: &Connection) -> rusqlite::Result<HashSet<String>> {
    connection
        .prepare(
            "SELECT body FROM versions WHERE body IS NOT NULL UNION ALL SELECT body FROM parts",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn all_rules(connection: &Connection) -> rusqlite::Result<HashMap<String, Vec<Rule>>> {
    connection
        .prepare("SELECT bucket, document FROM documents WHERE kind = ?1")?
        .query_map([Document::Notification.name()], |row| {
            let document: String = row.get(1)?;
            let rules = Rule::parse_document(&document).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    1,
                    rusqlite::types::Type::Text,
                    Box::new(error),
                )
            })?;
            Ok((row.get(0)?, rules))
        })?
        .collect()
}
