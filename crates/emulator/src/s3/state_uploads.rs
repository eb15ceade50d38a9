//! Listing unfinished uploads: by key, then by the time of their start, rolled up by a delimiter.

use rusqlite::params;

use super::state::{Store, bucket};
use super::state_list::{Query, common_prefix, past};
use super::state_multipart::{Upload, upload_row};
use crate::error::AwsError;

/// Rows read per query.
const BATCH: usize = 1_000;
/// Behind every upload id, which are hexadecimal.
const BEHIND_ALL_IDS: &str = "~";

/// One page of uploads.
#[derive(Debug)]
pub(super) struct UploadPage {
    /// Uploads in order.
    pub uploads: Vec<Upload>,
    /// Rolled-up prefixes in order.
    pub prefixes: Vec<String>,
    /// Key (or prefix) and upload id that the next page starts behind; set when there is more.
    pub next: Option<(String, String)>,
}

impl Store {
    /// A page of unfinished uploads behind the key `after` or, with an id, behind that upload of it.
    pub(super) fn uploads(
        &self,
        bucket_name: &str,
        query: &Query<'_>,
        after: &str,
        after_id: Option<&str>,
    ) -> Result<UploadPage, AwsError> {
        let guard = self.lock();
        bucket(&guard.connection, bucket_name)?;
        let mut page = UploadPage {
            uploads: Vec::new(),
            prefixes: Vec::new(),
            next: None,
        };
        if query.max == 0 {
            return Ok(page);
        }
        let mut statement = guard.connection.prepare_cached(
            "SELECT upload_id, key, started_ms, description FROM uploads
             WHERE bucket = ?1 AND (key, upload_id) > (?2, ?3)
                AND substr(key, 1, length(?4)) = ?4
             ORDER BY key, upload_id LIMIT ?5",
        )?;
        let mut position = match after_id {
            Some(id) => (after.as_bytes().to_vec(), id.to_owned()),
            None if after.is_empty() => (Vec::new(), String::new()),
            None => (after.as_bytes().to_vec(), BEHIND_ALL_IDS.to_owned()),
        };
        let mut last = (String::new(), String::new());
        'seek: loop {
            let found: Vec<Upload> = statement
                .query_map(
                    params![
                        bucket_name,
                        position.0,
                        position.1,
                        query.prefix.as_bytes(),
                        BATCH as i64
                    ],
                    upload_row,
                )?
                .collect::<Result<_, _>>()?;
            let whole = found.len() < BATCH;
            for upload in found {
                let rolled_up = common_prefix(&upload.key, query).map(str::to_owned);
                if let Some(common) = rolled_up.as_deref().filter(|common| *common == after) {
                    // An earlier page ended with this prefix.
                    position = (past(common), String::new());
                    continue 'seek;
                }
                if page.uploads.len() + page.prefixes.len() == query.max {
                    page.next = Some(last);
                    return Ok(page);
                }
                if let Some(common) = rolled_up {
                    position = (past(&common), String::new());
                    last = (common.clone(), String::new());
                    page.prefixes.push(common);
                    continue 'seek;
                }
                position = (upload.key.clone().into_bytes(), upload.upload_id.clone());
                last = (upload.key.clone(), upload.upload_id.clone());
                page.uploads.push(upload);
            }
            if whole {
                return Ok(page);
            }
        }
    }
}
