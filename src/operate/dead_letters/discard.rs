//! Deleting dead letters for good.

use std::collections::BTreeSet;

use super::DeadLetterQueue;
use super::rounds::{Desk, Report};
use crate::resource::CallError;

/// Deletes these letters of a queue. None when there is no such queue.
pub async fn some(
    desk: &Desk<'_>,
    queue: &DeadLetterQueue,
    letters: BTreeSet<String>,
) -> Result<Option<Report>, CallError> {
    desk.each(queue, letters, async |_| Ok(None)).await
}
