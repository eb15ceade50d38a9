//! Listings: keys and versions in the order of their UTF-8 bytes, rolled up by a delimiter, in
//! pages. A rolled-up prefix is skipped with one seek, however many keys are under it.

use rusqlite::{Connection, Row, params};

use super::state::{Store, bucket};
use super::state_checksum::StoredChecksum;
use super::state_rows::{Version, checksum_of, key_of, version_row};
use crate::error::AwsError;

/// Rows read per query.
const BATCH: usize = 1_000;

/// What to list.
#[derive(Debug, Clone, Default)]
pub(super) struct Query<'a> {
    /// Only keys that start with this.
    pub prefix: &'a str,
    /// Keys are rolled up to here; empty: they are not.
    pub delimiter: &'a str,
    /// Entries and prefixes per page.
    pub max: usize,
}

/// Where a page of keys starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start<'a> {
    /// At the first key.
    Beginning,
    /// Behind this key; also behind everything under it when it is a rolled-up prefix.
    After(&'a str),
    /// At this position, as an earlier page gave it.
    At(Vec<u8>),
}

/// One page.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// Entries in order.
    pub entries: Vec<T>,
    /// Rolled-up prefixes in order.
    pub prefixes: Vec<String>,
    /// Set when there is more.
    pub next: Option<Next>,
}

/// Where the next page starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Next {
    /// For [`Start::At`].
    pub position: Vec<u8>,
    /// The last key or rolled-up prefix of this page.
    pub last: String,
    /// The last version of this page; none when it ended with a prefix.
    pub last_version: Option<String>,
}

/// One current object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// Milliseconds since the Unix epoch.
    pub modified_ms: i64,
    pub storage_class: String,
    pub checksum: Option<StoredChecksum>,
}

impl Store {
    /// A page of current objects.
    pub(super) fn list(
        &self,
        bucket_name: &str,
        query: &Query<'_>,
        start: &Start<'_>,
    ) -> Result<Page<Entry>, AwsError> {
        let guard = self.lock();
        bucket(&guard.connection, bucket_name)?;
        let mut walk = Walk::new(query, start);
        walk.run(
            &guard.connection,
            bucket_name,
            "SELECT key, size, etag, modified_ms, storage_class, checksum FROM versions
             WHERE bucket = ?1 AND key >= ?2 AND NOT (key = ?2 AND seq >= ?3)
                AND is_latest = 1 AND delete_marker = 0
             ORDER BY key LIMIT ?4",
            |row| {
                Ok(Entry {
                    key: key_of(row, "key")?,
                    size: row.get::<_, i64>("size")? as u64,
                    etag: row.get("etag")?,
                    modified_ms: row.get("modified_ms")?,
                    storage_class: row.get("storage_class")?,
                    checksum: checksum_of(row)?,
                })
            },
            |entry| (&entry.key, None),
        )
    }

    /// A page of versions and delete markers: newest first within a key. `after_version` goes on
    /// behind one version of the key in `start`.
    pub(super) fn list_versions(
        &self,
        bucket_name: &str,
        query: &Query<'_>,
        start: &Start<'_>,
        after_version: Option<&str>,
    ) -> Result<Page<Version>, AwsError> {
        let guard = self.lock();
        bucket(&guard.connection, bucket_name)?;
        let mut walk = Walk::new(query, start);
        if let (Start::After(key), Some(version_id)) = (start, after_version) {
            let sequence: Option<i64> = guard
                .connection
                .prepare_cached(
                    "SELECT max(seq) FROM versions
                     WHERE bucket = ?1 AND key = ?2 AND version_id = ?3",
                )?
                .query_row(params![bucket_name, key.as_bytes(), version_id], |row| {
                    row.get(0)
                })?;
            if let Some(sequence) = sequence {
                walk.position = key.as_bytes().to_vec();
                walk.below = sequence;
            }
        }
        walk.run(
            &guard.connection,
            bucket_name,
            "SELECT * FROM versions
             WHERE bucket = ?1 AND key >= ?2 AND NOT (key = ?2 AND seq >= ?3)
             ORDER BY key, seq DESC LIMIT ?4",
            version_row,
            |version| {
                (
                    &version.key,
                    Some((version.sequence, version.version_id.as_str())),
                )
            },
        )
    }
}

/// A walk along the keys.
struct Walk<'a> {
    query: &'a Query<'a>,
    /// The next key is not before this.
    position: Vec<u8>,
    /// A rolled-up prefix that an earlier page ended with.
    done: Option<&'a str>,
    /// Of the key at `position`, only versions older than this one are left.
    below: i64,
}

impl<'a> Walk<'a> {
    fn new(query: &'a Query<'a>, start: &'a Start<'a>) -> Self {
        let (position, done) = match start {
            Start::Beginning => (Vec::new(), None),
            Start::After(key) => (behind(key), Some(*key)),
            Start::At(position) => (position.clone(), None),
        };
        Self {
            query,
            position: position.max(query.prefix.as_bytes().to_vec()),
            done: done.filter(|key| !key.is_empty()),
            below: i64::MAX,
        }
    }

    fn seek(&mut self, position: Vec<u8>) {
        self.position = position;
        self.below = i64::MAX;
    }

    fn run<T>(
        &mut self,
        connection: &Connection,
        bucket_name: &str,
        sql: &str,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
        identity: impl for<'t> Fn(&'t T) -> (&'t String, Option<(i64, &'t str)>),
    ) -> Result<Page<T>, AwsError> {
        let mut page = Page {
            entries: Vec::new(),
            prefixes: Vec::new(),
            next: None,
        };
        if self.query.max == 0 {
            return Ok(page);
        }
        let mut last = (String::new(), None);
        let mut statement = connection.prepare_cached(sql)?;
        // One row more than the page needs tells whether there is a next page.
        let batch = self.query.max.min(BATCH) + 1;
        'seek: loop {
            let mut rows = statement.query(params![
                bucket_name,
                self.position,
                self.below,
                batch as i64
            ])?;
            let mut seen = 0;
            while let Some(row) = rows.next()? {
                seen += 1;
                let item = read(row)?;
                let (key, version) = identity(&item);
                if !key.starts_with(self.query.prefix) {
                    return Ok(page);
                }
                let rolled_up = common_prefix(key, self.query);
                if let Some(common) = rolled_up.filter(|common| self.done == Some(common)) {
                    self.seek(past(common));
                    continue 'seek;
                }
                if page.entries.len() + page.prefixes.len() == self.query.max {
                    page.next = Some(Next {
                        position: self.position.clone(),
                        last: last.0,
                        last_version: last.1,
                    });
                    return Ok(page);
                }
                if let Some(common) = rolled_up {
                    self.seek(past(common));
                    last = (common.to_owned(), None);
                    page.prefixes.push(common.to_owned());
                    continue 'seek;
                }
                self.seek(behind(key));
                if let Some((sequence, _)) = version {
                    // Older versions of this key may be in the next batch.
                    self.position.pop();
                    self.below = sequence;
                }
                last = (key.clone(), version.map(|(_, id)| id.to_owned()));
                page.entries.push(item);
            }
            if seen < batch {
                return Ok(page);
            }
        }
    }
}

/// The part of the key up to and with the first delimiter behind the prefix.
pub(super) fn common_prefix<'k>(key: &'k str, query: &Query<'_>) -> Option<&'k str> {
    if query.delimiter.is_empty() {
        return None;
    }
    let rest = key.get(query.prefix.len()..)?;
    let end = query.prefix.len() + rest.find(query.delimiter)? + query.delimiter.len();
    key.get(..end)
}

/// The smallest position behind a key.
fn behind(key: &str) -> Vec<u8> {
    let mut position = key.as_bytes().to_vec();
    position.push(0);
    position
}

/// The smallest position behind every key under a prefix.
pub(super) fn past(prefix: &str) -> Vec<u8> {
    let mut position = prefix.as_bytes().to_vec();
    // UTF-8 never holds 0xFF, so the last byte can always be raised.
    if let Some(byte) = position.last_mut() {
        *byte += 1;
    }
    position
}
