//! What a row of the database says about an object, and how its columns are read and written.

use std::collections::BTreeMap;

use rusqlite::Row;
use serde::{Deserialize, Serialize};

use super::state_checksum::StoredChecksum;
use crate::error::AwsError;

/// Tags in the order in which they were given.
pub(super) type Tags = Vec<(String, String)>;

/// What a client says about an object and gets back with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attributes {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    pub content_language: Option<String>,
    pub cache_control: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub expires_ms: Option<i64>,
    pub website_redirect_location: Option<String>,
    /// `x-amz-meta-*`, names without the prefix.
    pub metadata: BTreeMap<String, String>,
}

/// One version of an object, or a delete marker.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub sequence: i64,
    pub key: String,
    pub version_id: String,
    pub is_latest: bool,
    pub delete_marker: bool,
    pub body: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// Milliseconds since the Unix epoch.
    pub modified_ms: i64,
    pub storage_class: String,
    pub attributes: Attributes,
    pub tags: Tags,
    pub checksum: Option<StoredChecksum>,
    /// Sizes of the parts of a multipart upload; empty for other objects.
    pub part_sizes: Vec<u64>,
    /// Checksums of those parts, where the client asked for an algorithm.
    pub part_checksums: Vec<String>,
}

/// Reads the column `checksum` of `versions`.
pub(super) fn checksum_of(row: &Row<'_>) -> rusqlite::Result<Option<StoredChecksum>> {
    let text: Option<String> = row.get("checksum")?;
    text.as_deref().map(from_json).transpose()
}

/// Reads a whole row of `versions`.
pub(super) fn version_row(row: &Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        sequence: row.get("seq")?,
        key: key_of(row, "key")?,
        version_id: row.get("version_id")?,
        is_latest: row.get("is_latest")?,
        delete_marker: row.get("delete_marker")?,
        body: row.get("body")?,
        size: row.get::<_, i64>("size")? as u64,
        etag: row.get("etag")?,
        modified_ms: row.get("modified_ms")?,
        storage_class: row.get("storage_class")?,
        attributes: from_json(&row.get::<_, String>("attributes")?)?,
        tags: from_json(&row.get::<_, String>("tags")?)?,
        checksum: checksum_of(row)?,
        part_sizes: from_json(&row.get::<_, String>("part_sizes")?)?,
        part_checksums: from_json(&row.get::<_, String>("part_checksums")?)?,
    })
}

/// Reads a key, which is stored as its UTF-8 bytes.
pub(super) fn key_of(row: &Row<'_>, column: &str) -> rusqlite::Result<String> {
    String::from_utf8(row.get(column)?).map_err(conversion)
}

/// Reads a JSON column.
pub(super) fn from_json<T: for<'de> Deserialize<'de>>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(conversion)
}

fn conversion(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
}

/// Writes a JSON column.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, AwsError> {
    serde_json::to_string(value).map_err(AwsError::internal)
}
