//! Conditional writes: what must hold of the current object, and what may not have happened while a
//! multipart upload was under way.

use rusqlite::{Connection, OptionalExtension, params};

use super::state_errors::{conditional_conflict, no_such_key, precondition_failed};
use crate::error::AwsError;

/// What must hold of the current object for a write to go ahead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Precondition {
    /// The current object must have this entity tag (`*`: there must be one).
    pub if_match: Option<String>,
    /// There must be no current object (`*`), or one with another entity tag.
    pub if_none_match: Option<String>,
}

/// Refuses a write whose condition does not hold. `upload_id` is the multipart upload that ends with
/// the write: where somebody changed the object since it began, AWS answers 409 instead.
pub(super) fn check(
    connection: &Connection,
    bucket: &str,
    key: &str,
    precondition: &Precondition,
    upload_id: Option<&str>,
) -> Result<(), AwsError> {
    if *precondition == Precondition::default() {
        return Ok(());
    }
    let current: Option<(String, i64)> = connection
        .prepare_cached(
            "SELECT etag, seq FROM versions
             WHERE bucket = ?1 AND key = ?2 AND is_latest = 1 AND delete_marker = 0",
        )?
        .query_row(params![bucket, key.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let upload: Option<(i64, bool)> = match upload_id {
        Some(upload_id) => connection
            .prepare_cached("SELECT started_seq, conflicted FROM uploads WHERE upload_id = ?1")?
            .query_row([upload_id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?,
        None => None,
    };
    let matches = |wanted: &str| {
        current
            .as_ref()
            .is_some_and(|(etag, _)| wanted == "*" || wanted == etag)
    };
    if let Some(wanted) = &precondition.if_match {
        let Some((_, sequence)) = current else {
            return Err(no_such_key());
        };
        if !matches(wanted) {
            return Err(precondition_failed());
        }
        if upload.is_some_and(|(started, _)| sequence > started) {
            return Err(conditional_conflict());
        }
    }
    if let Some(wanted) = &precondition.if_none_match {
        if matches(wanted) {
            return Err(precondition_failed());
        }
        if upload.is_some_and(|(_, conflicted)| conflicted) {
            return Err(conditional_conflict());
        }
    }
    Ok(())
}

/// Remembers with the uploads of a key that something was deleted there meanwhile.
pub(super) fn mark_conflicts(
    connection: &Connection,
    bucket: &str,
    key: &str,
) -> Result<(), AwsError> {
    connection
        .prepare_cached("UPDATE uploads SET conflicted = 1 WHERE bucket = ?1 AND key = ?2")?
        .execute(params![bucket, key.as_bytes()])?;
    Ok(())
}
