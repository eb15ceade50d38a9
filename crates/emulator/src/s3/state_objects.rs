//! Objects and their versions: writing, finding, deleting, tagging.

use std::fs::File;

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::state::{Bucket, Store, Versioning, bucket};
use super::state_body::StoredBody;
use super::state_checksum::StoredChecksum;
use super::state_conditions::{Precondition, check, mark_conflicts};
use super::state_errors::{body_missing, no_such_key, no_such_version};
use super::state_events::{Caller, Delivery, Happening, post};
use super::state_rows::{Attributes, Tags, Version, to_json, version_row};
use super::state_steps::Step;
use crate::error::AwsError;

/// The id of the version that exists while a bucket is not versioned.
pub(super) const NULL_VERSION: &str = "null";
/// Entity tag of no bytes; a delete marker's event carries it.
const EMPTY_ETAG: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// An object about to be written.
pub(super) struct NewObject<'a> {
    pub bucket: &'a str,
    pub key: &'a str,
    pub body: StoredBody,
    /// Entity tag without quotes.
    pub etag: String,
    pub storage_class: String,
    pub attributes: Attributes,
    pub tags: Tags,
    pub checksum: StoredChecksum,
    /// Sizes of the parts of a multipart upload; empty for other objects.
    pub part_sizes: Vec<u64>,
    /// Checksums of those parts, where the client asked for an algorithm.
    pub part_checksums: Vec<String>,
    pub precondition: Precondition,
    /// The event type that tells of it.
    pub event: &'static str,
    pub caller: &'a Caller,
    /// The multipart upload that ends with this write.
    pub upload_id: Option<&'a str>,
}

/// What a write did.
#[derive(Debug)]
pub(super) struct Written {
    /// Only where the bucket is versioned.
    pub version_id: Option<String>,
    /// When, milliseconds since the Unix epoch.
    pub modified_ms: i64,
    /// Events to hand over now.
    pub deliveries: Vec<Delivery>,
}

/// A version that was looked for, with the bucket it is in.
pub(super) struct Found {
    pub bucket: Bucket,
    pub version: Version,
    /// The open body; a delete marker has none. Open, so that an overwrite cannot pull it away.
    pub file: Option<File>,
}

impl Found {
    /// The id to show: buckets that were never versioned show none.
    pub(super) fn version_id(&self) -> Option<String> {
        shown(self.bucket.versioning, &self.version.version_id)
    }
}

/// What a deletion did.
#[derive(Debug, Default)]
pub(super) struct Deleted {
    /// A marker was made, or the version deleted was one.
    pub delete_marker: bool,
    /// The marker made, or the version deleted.
    pub version_id: Option<String>,
    /// Events to hand over now.
    pub deliveries: Vec<Delivery>,
}

fn shown(versioning: Versioning, version_id: &str) -> Option<String> {
    (versioning != Versioning::Unversioned).then(|| version_id.to_owned())
}

impl Store {
    /// Commits an object; its body becomes visible under the key, all at once.
    pub(super) fn put(&self, new: NewObject<'_>) -> Result<Written, AwsError> {
        let modified_ms = self.clock.now_ms();
        let mut guard = self.lock();
        let (transaction, rules) = guard.begin()?;
        let versioning = bucket(&transaction, new.bucket)?.versioning;
        check(
            &transaction,
            new.bucket,
            new.key,
            &new.precondition,
            new.upload_id,
        )?;
        let sequence = next_sequence(&transaction)?;
        let (version_id, mut unnamed) = make_room(&transaction, versioning, new.bucket, new.key)?;
        transaction
            .prepare_cached(
                "INSERT INTO versions (seq, bucket, key, version_id, is_latest, delete_marker, body,
                    size, etag, modified_ms, storage_class, attributes, tags, checksum, part_sizes,
                    part_checksums)
                 VALUES (?1, ?2, ?3, ?4, 1, 0, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                sequence,
                new.bucket,
                new.key.as_bytes(),
                version_id,
                new.body.name,
                new.body.size as i64,
                new.etag,
                modified_ms,
                new.storage_class,
                to_json(&new.attributes)?,
                to_json(&new.tags)?,
                to_json(&new.checksum)?,
                to_json(&new.part_sizes)?,
                to_json(&new.part_checksums)?,
            ])?;
        if let Some(upload_id) = new.upload_id {
            unnamed.extend(super::state_multipart::remove_upload(
                &transaction,
                upload_id,
            )?);
        }
        let version_id = shown(versioning, &version_id);
        let deliveries = post(
            &transaction,
            rules.get(new.bucket),
            &Happening {
                event: new.event,
                bucket: new.bucket,
                key: new.key,
                size: Some(new.body.size),
                etag: Some(&new.etag),
                version_id: version_id.as_deref(),
                sequence,
                time_ms: modified_ms,
                caller: new.caller,
            },
        )?;
        transaction.commit()?;
        drop(guard);
        self.bodies.steps.pass(Step::Committed);
        new.body.keep();
        self.bodies.remove(&unnamed);
        Ok(Written {
            version_id,
            modified_ms,
            deliveries,
        })
    }

    /// Finds the current object or one version. A delete marker is found too: whether that is a
    /// fault depends on the operation.
    pub(super) fn find(
        &self,
        bucket_name: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<Found, AwsError> {
        let guard = self.lock();
        let bucket = bucket(&guard.connection, bucket_name)?;
        let version = lookup(&guard.connection, bucket_name, key, version_id)?;
        let file = match &version.body {
            Some(name) => Some(self.bodies.read(name)?.ok_or_else(|| body_missing(name))?),
            None => None,
        };
        Ok(Found {
            bucket,
            version,
            file,
        })
    }

    /// Deletes the current object (with versioning: puts a marker before it) or one version.
    pub(super) fn delete(
        &self,
        bucket_name: &str,
        key: &str,
        version_id: Option<&str>,
        precondition: &Precondition,
        caller: &Caller,
    ) -> Result<Deleted, AwsError> {
        let time_ms = self.clock.now_ms();
        let mut guard = self.lock();
        let (transaction, rules) = guard.begin()?;
        let versioning = bucket(&transaction, bucket_name)?.versioning;
        check(&transaction, bucket_name, key, precondition, None)?;
        let sequence = next_sequence(&transaction)?;
        let target = match (version_id, versioning) {
            (None, Versioning::Unversioned) => Some(NULL_VERSION),
            (version_id, _) => version_id,
        };
        let mut happening = Happening {
            event: "s3:ObjectRemoved:Delete",
            bucket: bucket_name,
            key,
            size: None,
            etag: None,
            version_id: None,
            sequence,
            time_ms,
            caller,
        };
        let mut deleted = Deleted::default();
        let unnamed: Vec<String> =
            if let Some(target) = target {
                let id = version_id.and_then(|id| shown(versioning, id));
                let removed = remove_version(&transaction, bucket_name, key, target)?;
                if let Some(removed) = &removed {
                    deleted.delete_marker = removed.delete_marker;
                    happening.version_id = id.as_deref();
                    deleted.deliveries = post(&transaction, rules.get(bucket_name), &happening)?;
                }
                deleted.version_id = id;
                removed
                    .and_then(|removed| removed.body)
                    .into_iter()
                    .collect()
            } else {
                let (marker, unnamed) = make_room(&transaction, versioning, bucket_name, key)?;
                transaction
                .prepare_cached(
                    "INSERT INTO versions (seq, bucket, key, version_id, is_latest, delete_marker,
                        body, size, etag, modified_ms, storage_class, attributes, tags, checksum,
                        part_sizes)
                     VALUES (?1, ?2, ?3, ?4, 1, 1, NULL, 0, '', ?5, '', '{}', '[]', NULL, '[]')",
                )?
                .execute(params![sequence, bucket_name, key.as_bytes(), marker, time_ms])?;
                happening.event = "s3:ObjectRemoved:DeleteMarkerCreated";
                happening.etag = Some(EMPTY_ETAG);
                happening.version_id = Some(&marker);
                deleted.deliveries = post(&transaction, rules.get(bucket_name), &happening)?;
                deleted.delete_marker = true;
                deleted.version_id = Some(marker);
                unnamed
            };
        if deleted.delete_marker || !unnamed.is_empty() {
            mark_conflicts(&transaction, bucket_name, key)?;
        }
        transaction.commit()?;
        drop(guard);
        self.bodies.remove(&unnamed);
        Ok(deleted)
    }

    /// Replaces the tags of an object; returns the id to show.
    pub(super) fn set_object_tags(
        &self,
        bucket_name: &str,
        key: &str,
        version_id: Option<&str>,
        tags: &Tags,
    ) -> Result<Option<String>, AwsError> {
        let guard = self.lock();
        let bucket = bucket(&guard.connection, bucket_name)?;
        let version = lookup(&guard.connection, bucket_name, key, version_id)?;
        if version.delete_marker {
            return Err(AwsError::new(
                405,
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
            ));
        }
        guard
            .connection
            .prepare_cached("UPDATE versions SET tags = ?2 WHERE seq = ?1")?
            .execute(params![version.sequence, to_json(tags)?])?;
        Ok(shown(bucket.versioning, &version.version_id))
    }
}

/// Makes the next write the latest version: the null version goes when the write replaces it, and
/// whatever was latest no longer is. Returns the id for the write and the bodies nobody names now.
fn make_room(
    connection: &Connection,
    versioning: Versioning,
    bucket: &str,
    key: &str,
) -> Result<(String, Vec<String>), AwsError> {
    let mut unnamed = Vec::new();
    let version_id = if versioning == Versioning::Enabled {
        Uuid::new_v4().simple().to_string()
    } else {
        let replaced: Option<Option<String>> = connection
            .prepare_cached(
                "DELETE FROM versions WHERE bucket = ?1 AND key = ?2 AND version_id = 'null'
                 RETURNING body",
            )?
            .query_row(params![bucket, key.as_bytes()], |row| row.get(0))
            .optional()?;
        unnamed.extend(replaced.flatten());
        NULL_VERSION.to_owned()
    };
    if versioning != Versioning::Unversioned {
        connection
            .prepare_cached(
                "UPDATE versions SET is_latest = 0
                 WHERE bucket = ?1 AND key = ?2 AND is_latest = 1",
            )?
            .execute(params![bucket, key.as_bytes()])?;
    }
    Ok((version_id, unnamed))
}

struct Removed {
    delete_marker: bool,
    body: Option<String>,
}

fn remove_version(
    connection: &Connection,
    bucket: &str,
    key: &str,
    version_id: &str,
) -> Result<Option<Removed>, AwsError> {
    let removed = connection
        .prepare_cached(
            "DELETE FROM versions WHERE bucket = ?1 AND key = ?2 AND version_id = ?3
             RETURNING delete_marker, body, is_latest",
        )?
        .query_row(params![bucket, key.as_bytes(), version_id], |row| {
            let removed = Removed {
                delete_marker: row.get(0)?,
                body: row.get(1)?,
            };
            Ok((removed, row.get::<_, bool>(2)?))
        })
        .optional()?;
    let Some((removed, was_latest)) = removed else {
        return Ok(None);
    };
    if was_latest {
        connection
            .prepare_cached(
                "UPDATE versions SET is_latest = 1 WHERE seq =
                    (SELECT max(seq) FROM versions WHERE bucket = ?1 AND key = ?2)",
            )?
            .execute(params![bucket, key.as_bytes()])?;
    }
    Ok(Some(removed))
}

fn lookup(
    connection: &Connection,
    bucket: &str,
    key: &str,
    version_id: Option<&str>,
) -> Result<Version, AwsError> {
    match version_id {
        Some(version_id) => connection
            .prepare_cached(
                "SELECT * FROM versions WHERE bucket = ?1 AND key = ?2 AND version_id = ?3",
            )?
            .query_row(params![bucket, key.as_bytes(), version_id], version_row)
            .optional()?
            .ok_or_else(no_such_version),
        None => connection
            .prepare_cached(
                "SELECT * FROM versions WHERE bucket = ?1 AND key = ?2 AND is_latest = 1",
            )?
            .query_row(params![bucket, key.as_bytes()], version_row)
            .optional()?
            .ok_or_else(no_such_key),
    }
}

fn next_sequence(connection: &Connection) -> Result<i64, AwsError> {
    Ok(connection
        .prepare_cached("UPDATE counter SET value = value + 1 RETURNING value")?
        .query_row([], |row| row.get(0))?)
}
