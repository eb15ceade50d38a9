//! Stage 4: the live state of everything a stack wants, read in parallel.

use std::collections::BTreeMap;

use futures::stream::{FuturesUnordered, StreamExt};

use crate::resource::{self, CallError, Context, Observed, Wanted};
use crate::stack::model::LogicalId;

/// What was observed, by logical id.
pub type Snapshot = BTreeMap<LogicalId, Observed>;

/// A resource that could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{id}: {error}")]
pub struct ObserveError {
    /// Which resource.
    pub id: LogicalId,
    /// The call that failed.
    #[source]
    pub error: CallError,
}

/// Reads all wanted resources at once. All failures are collected, not the first alone.
pub async fn observe(cx: &Context, wanted: &[Wanted]) -> Result<Snapshot, Vec<ObserveError>> {
    let mut reads: FuturesUnordered<_> = wanted
        .iter()
        .map(|wanted| async move {
            let observed = match resource::of(wanted.id.kind) {
                Some(kind) => kind.observe(cx, wanted).await,
                None => Ok(Observed::Absent),
            };
            (wanted.id.clone(), observed)
        })
        .collect();
    let mut snapshot = Snapshot::new();
    let mut errors = Vec::new();
    while let Some((id, observed)) = reads.next().await {
        match observed {
            Ok(observed) => {
                snapshot.insert(id, observed);
            }
            Err(error) => errors.push(ObserveError { id, error }),
        }
    }
    if errors.is_empty() {
        Ok(snapshot)
    } else {
        errors.sort_by(|a, b| a.id.cmp(&b.id));
        Err(errors)
    }
}
