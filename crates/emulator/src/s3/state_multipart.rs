//! Multipart uploads: parts are bodies of their own until the upload is completed.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::state::{Store, bucket};
use super::state_body::{BodyWriter, StoredBody};
use super::state_checksum::{Algorithm, Digest, StoredChecksum, md5};
use super::state_errors::{invalid_part, invalid_request, malformed_xml, no_such_upload};
use super::state_rows::{Attributes, Tags, from_json, key_of, to_json};
use super::state_steps::Step;
use crate::error::AwsError;

/// The smallest part that is not the last one.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;

/// What a client said when it started an upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Description {
    pub attributes: Attributes,
    pub tags: Tags,
    pub storage_class: String,
    /// What the object's checksum is computed with.
    pub algorithm: Algorithm,
    /// The client asked for that algorithm.
    pub asked: bool,
    /// The object's checksum is made of the checksums of the parts.
    pub composite: bool,
}

/// An unfinished upload.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub upload_id: String,
    pub key: String,
    /// Milliseconds since the Unix epoch.
    pub started_ms: i64,
    pub description: Description,
}

/// A part that was uploaded.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub number: u32,
    pub body: String,
    /// Bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    pub checksum: StoredChecksum,
    /// Milliseconds since the Unix epoch.
    pub modified_ms: i64,
}

/// A part as the client names it when it completes the upload.
#[derive(Debug, Clone)]
pub(super) struct NamedPart {
    pub number: u32,
    /// Without quotes.
    pub etag: String,
    /// The checksums that the client knows of it.
    pub checksums: Vec<(Algorithm, String)>,
}

/// The object that the parts make.
pub(super) struct Assembled {
    pub body: StoredBody,
    /// Without quotes.
    pub etag: String,
    pub checksum: StoredChecksum,
    pub part_sizes: Vec<u64>,
    /// Empty unless the client asked for an algorithm.
    pub part_checksums: Vec<String>,
}

impl Store {
    /// Starts an upload; returns its id.
    pub(super) fn create_upload(
        &self,
        bucket_name: &str,
        key: &str,
        description: &Description,
    ) -> Result<String, AwsError> {
        let started_ms = self.clock.now_ms();
        // Uploads of one key are listed by the time of their start, so ids begin with it.
        let random = Uuid::new_v4().simple().to_string();
        let upload_id = format!("{started_ms:012x}{}", &random[..20]);
        let guard = self.lock();
        bucket(&guard.connection, bucket_name)?;
        guard.connection.execute(
            "INSERT INTO uploads (upload_id, bucket, key, started_ms, description, started_seq)
             VALUES (?1, ?2, ?3, ?4, ?5, (SELECT value FROM counter))",
            params![
                upload_id,
                bucket_name,
                key.as_bytes(),
                started_ms,
                to_json(description)?
            ],
        )?;
        Ok(upload_id)
    }

    /// An unfinished upload, or `NoSuchUpload`.
    pub(super) fn upload(
        &self,
        bucket_name: &str,
        key: &str,
        upload_id: &str,
    ) -> Result<Upload, AwsError> {
        let guard = self.lock();
        bucket(&guard.connection, bucket_name)?;
        upload(&guard.connection, bucket_name, key, upload_id)
    }

    /// Commits a part; one of the same number is replaced. Returns when that was.
    pub(super) fn put_part(
        &self,
        bucket_name: &str,
        key: &str,
        upload_id: &str,
        number: u32,
        body: StoredBody,
    ) -> Result<i64, AwsError> {
        let modified_ms = self.clock.now_ms();
        let mut guard = self.lock();
        let (transaction, _) = guard.begin()?;
        upload(&transaction, bucket_name, key, upload_id)?;
        let replaced: Option<String> = transaction
            .query_row(
                "DELETE FROM parts WHERE upload_id = ?1 AND number = ?2 RETURNING body",
                params![upload_id, number],
                |row| row.get(0),
            )
            .optional()?;
        transaction.execute(
            "INSERT INTO parts (upload_id, number, body, size, etag, checksum, modified_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                upload_id,
                number,
                body.name,
                body.size as i64,
                hex::encode(body.md5),
                to_json(&body.checksum)?,
                modified_ms
            ],
        )?;
        transaction.commit()?;
        drop(guard);
        self.bodies.steps.pass(Step::Committed);
        body.keep();
        self.bodies.remove(&replaced);
        Ok(modified_ms)
    }

    /// The parts of an upload behind number `after`, in order.
    pub(super) fn parts(&self, upload_id: &str, after: u32) -> Result<Vec<Part>, AwsError> {
        let guard = self.lock();
        let mut statement = guard.connection.prepare_cached(
            "SELECT number, body, size, etag, checksum, modified_ms FROM parts
             WHERE upload_id = ?1 AND number > ?2 ORDER BY number",
        )?;
        let rows = statement.query_map(params![upload_id, after], |row| {
            Ok(Part {
                number: row.get(0)?,
                body: row.get(1)?,
                size: row.get::<_, i64>(2)? as u64,
                etag: row.get(3)?,
                checksum: from_json(&row.get::<_, String>(4)?)?,
                modified_ms: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Drops an upload and its parts.
    pub(super) fn abort_upload(
        &self,
        bucket_name: &str,
        key: &str,
        upload_id: &str,
    ) -> Result<(), AwsError> {
        let mut guard = self.lock();
        let (transaction, _) = guard.begin()?;
        bucket(&transaction, bucket_name)?;
        upload(&transaction, bucket_name, key, upload_id)?;
        let unnamed = remove_upload(&transaction, upload_id)?;
        transaction.commit()?;
        drop(guard);
        self.bodies.remove(&unnamed);
        Ok(())
    }

    /// Joins the named parts into one body. Reads and writes every byte: not for the async threads.
    /// The upload is still there afterwards; [`Store::put`] ends it.
    pub(super) fn assemble(
        &self,
        upload: &Upload,
        named: &[NamedPart],
    ) -> Result<Assembled, AwsError> {
        let stored = self.parts(&upload.upload_id, 0)?;
        let chosen = choose(&upload.description, &stored, named)?;
        let algorithm = upload.description.algorithm;
        let mut writer: BodyWriter = self.bodies.create(algorithm, None)?;
        let mut md5s = Vec::with_capacity(chosen.len() * 16);
        let mut composite = Digest::new(algorithm);
        for part in &chosen {
            // A part that is gone was replaced, or its upload ended, while this was under way.
            let file = self.bodies.read(&part.body)?.ok_or_else(invalid_part)?;
            writer.copy(file)?;
            md5s.extend(hex::decode(&part.etag).map_err(AwsError::internal)?);
            composite.update(&decode_checksum(&part.checksum)?);
        }
        let body = writer.finish()?;
        let checksum = if upload.description.composite {
            StoredChecksum {
                algorithm,
                value: format!("{}-{}", composite.finish(), chosen.len()),
                composite: true,
            }
        } else {
            body.checksum.clone()
        };
        Ok(Assembled {
            body,
            etag: format!("{}-{}", hex::encode(md5(&md5s)), chosen.len()),
            checksum,
            part_sizes: chosen.iter().map(|part| part.size).collect(),
            part_checksums: chosen
                .iter()
                .filter(|_| upload.description.asked)
                .map(|part| part.checksum.value.clone())
                .collect(),
        })
    }
}

fn decode_checksum(checksum: &StoredChecksum) -> Result<Vec<u8>, AwsError> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .decode(&checksum.value)
        .map_err(AwsError::internal)
}

/// The stored parts that the client names, as AWS checks them.
fn choose<'a>(
    description: &Description,
    stored: &'a [Part],
    named: &[NamedPart],
) -> Result<Vec<&'a Part>, AwsError> {
    if named.is_empty() {
        return Err(malformed_xml());
    }
    if !named.is_sorted_by(|a, b| a.number < b.number) {
        return Err(AwsError::bad_request(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. The parts list must be specified in \
             order by part number.",
        ));
    }
    let algorithm = description.algorithm;
    let chosen = named
        .iter()
        .map(|name| {
            let given = name.checksums.iter().find(|(by, _)| *by == algorithm);
            if description.composite && description.asked && given.is_none() {
                return Err(invalid_request(format!(
                    "The upload was created using a {} checksum. The complete request must \
                     include the checksum for each part. It was missing for part {} in the \
                     request.",
                    algorithm.name().to_ascii_lowercase(),
                    name.number
                )));
            }
            stored
                .binary_search_by_key(&name.number, |part| part.number)
                .ok()
                .and_then(|index| stored.get(index))
                .filter(|part| part.etag == name.etag)
                .filter(|part| given.is_none_or(|(_, value)| *value == part.checksum.value))
                .ok_or_else(invalid_part)
        })
        .collect::<Result<Vec<_>, _>>()?;
    if chosen[..chosen.len() - 1]
        .iter()
        .any(|part| part.size < SMALLEST_PART)
    {
        return Err(AwsError::bad_request(
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
        ));
    }
    Ok(chosen)
}

fn upload(
    connection: &Connection,
    bucket_name: &str,
    key: &str,
    upload_id: &str,
) -> Result<Upload, AwsError> {
    connection
        .prepare_cached(
            "SELECT upload_id, key, started_ms, description FROM uploads
             WHERE upload_id = ?1 AND bucket = ?2 AND key = ?3",
        )?
        .query_row(params![upload_id, bucket_name, key.as_bytes()], upload_row)
        .optional()?
        .ok_or_else(no_such_upload)
}

/// Reads a row of `uploads`.
pub(super) fn upload_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Upload> {
    Ok(Upload {
        upload_id: row.get("upload_id")?,
        key: key_of(row, "key")?,
        started_ms: row.get("started_ms")?,
        description: from_json(&row.get::<_, String>("description")?)?,
    })
}

/// Deletes an upload's rows, or refuses when it has ended already; returns the bodies nobody names
/// now.
pub(super) fn remove_upload(
    connection: &Connection,
    upload_id: &str,
) -> Result<Vec<String>, AwsError> {
    let bodies = connection
        .prepare_cached("DELETE FROM parts WHERE upload_id = ?1 RETURNING body")?
        .query_map([upload_id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let ended = connection
        .prepare_cached("DELETE FROM uploads WHERE upload_id = ?1")?
        .execute([upload_id])?;
    if ended == 0 {
        return Err(no_such_upload());
    }
    Ok(bodies)
}
