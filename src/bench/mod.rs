//! Measuring a running pipeline: files go through it in a way that somebody chose, and each is followed from
//! the first byte sent until its result is seen.
//!
//! [`workload`] makes the files, [`feed`] follows one, [`run`] has them come, [`summary`] makes the figures of
//! the rows alone, [`store`] keeps both, [`gate`] holds figures to what must be. The method is that of the study
//! in docs/baselines; docs/bench.md tells what each figure is.

mod backlog;
mod cold;
pub mod cycle;
pub mod error;
pub mod facts;
pub mod feed;
pub mod figures;
pub mod gate;
mod load;
pub mod reports;
pub mod row;
pub mod run;
pub mod samples;
pub mod settings;
pub mod stats;
pub mod store;
pub mod summary;
mod watcher;
pub mod workload;

use std::fs::File;
use std::path::Path;

use futures::stream::{self, StreamExt};

use crate::copies;
use crate::resource::error::failed;
use crate::resource::{CallError, Context};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

pub use error::BenchError;
pub use row::Row;
pub use settings::{Method, Poll, Settings};
pub use summary::{Figures, Summary};

use run::Object;

/// Objects of one call. // DeleteObjects takes 1,000
const OBJECTS: usize = 1_000;

/// Holds a stack on a target for one bench at a time, until it is dropped. None where the file system knows no
/// locks.
///
/// # Errors
/// Another one holds it.
pub fn hold(root: &Path, stack: &str, target: &str) -> Result<Option<File>, BenchError> {
    copies::hold(root, &format!("bench-{stack}-{target}")).map_err(|copies::Held| {
        BenchError::Busy {
            stack: stack.to_owned(),
            target: target.to_owned(),
        }
    })
}

/// Deletes objects that a run left and nobody needs: those whose results are there.
pub async fn clean_up(cx: &Context, bucket: &str, objects: &[Object]) -> Result<(), CallError> {
    let mut calls = stream::iter(objects.chunks(OBJECTS))
        .map(|chunk| async move {
            let mut delete = Delete::builder().quiet(true);
            for object in chunk {
                let id = ObjectIdentifier::builder().key(&object.key);
                let id = id.set_version_id(object.version_id.clone()).build();
                let id = id.map_err(|e| CallError::local("DeleteObjects", e.to_string()))?;
                delete = delete.objects(id);
            }
            let delete = delete.build();
            let delete = delete.map_err(|e| CallError::local("DeleteObjects", e.to_string()))?;
            let call = cx.clients.s3.delete_objects().bucket(bucket);
            let answer = call.delete(delete).send().await;
            let answer = answer.map_err(failed("DeleteObjects"))?;
            match answer.errors().first() {
                Some(error) => Err(CallError::of_object(
                    "DeleteObjects",
                    error.key().unwrap_or_default(),
                    error.code().unwrap_or_default(),
                    error.message().unwrap_or_default(),
                )),
                None => Ok(()),
            }
        })
        .buffer_unordered(4);
    while let Some(done) = calls.next().await {
        done?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{JobResult, Outcome, Timings};

    /// A result that was processed with these timings.
    pub(super) fn result(timings: Timings) -> JobResult {
        let item = serde_json::json!({
            "job_id": "ab", "status": Outcome::Done, "bucket": "b", "key": "k", "size": 1, "lines": 1,
            "malformed": 0, "error_rate": 0.0, "processed_at": "2026-11-26T10:00:00.000Z",
            "day": "2026-11-26#a", "expires_at": 1, "receive_count": 1, "timings": timings,
        });
        serde_json::from_value(item).expect("a result")
    }

    #[test]
    fn one_bench_at_a_time_holds_a_stack_on_a_target() {
        let root = tempfile::tempdir().expect("a directory");
        let held = hold(root.path(), "s", "embedded").expect("free");
        assert!(matches!(
            hold(root.path(), "s", "embedded"),
            Err(BenchError::Busy { .. })
        ));
        hold(root.path(), "s", "aws").expect("another target");
        drop(held);
        hold(root.path(), "s", "embedded").expect("free again");
    }
}
