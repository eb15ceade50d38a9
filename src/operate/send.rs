//! Sending files through the pipeline: upload, then wait for each result by its job id, which is
//! computed from what S3 answered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{JobResult, Outcome};
use serde::Serialize;
use tokio::time::Instant;

use super::pipeline::Pipeline;
use super::results;
use super::upload;
use crate::event::{Event, Sink};
use crate::resource::CallError;
use crate::target::Clients;
use crate::wait;

/// What became of one file.
#[derive(Debug, Clone, Serialize)]
pub struct Sent {
    /// Local file.
    pub file: PathBuf,
    /// Its key in the bucket.
    pub key: String,
    /// Version, in a versioned bucket.
    pub version_id: Option<String>,
    /// Job id.
    pub job_id: String,
    /// Milliseconds the upload took.
    pub upload_ms: f64,
    /// Milliseconds from the start of the upload until the result was seen; none when it was not.
    pub elapsed_ms: Option<f64>,
    /// The result; none when it did not come in time.
    pub result: Option<JobResult>,
}

impl Sent {
    /// Did it end as done?
    pub fn is_done(&self) -> bool {
        self.result
            .as_ref()
            .is_some_and(|result| result.status == Outcome::Done)
    }
}

/// The key of a local file: the prefix that starts the pipeline, and the file's name.
pub fn key_of(pipeline: &Pipeline, file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    format!("{}{name}", pipeline.prefix)
}

/// Uploads one file and waits until its result is there or `timeout` has passed.
pub async fn send(
    clients: &Clients,
    pipeline: &Pipeline,
    file: &Path,
    timeout: Duration,
    sink: &dyn Sink,
) -> Result<Sent, CallError> {
    let size = tokio::fs::metadata(file)
        .await
        .map_err(|error| CallError::local("read", format!("{}: {error}", file.display())))?
        .len();
    let key = key_of(pipeline, file);
    let bucket = &pipeline.bucket.name;
    let begun = Instant::now();
    let stored = upload::upload(clients, bucket, &key, file, size, sink).await?;
    let uploaded = begun.elapsed();
    let label = file.display().to_string();
    sink.emit(Event::Uploaded {
        file: label.clone(),
        key: key.clone(),
        elapsed: uploaded,
    });

    let job_id = model::job_id(
        bucket,
        &key,
        stored.version_id.as_deref(),
        stored.etag.as_deref(),
    );
    let result = wait_for_result(clients, pipeline, &job_id, begun, timeout).await?;
    let elapsed = result.as_ref().map(|_| begun.elapsed());
    if let Some(elapsed) = elapsed {
        sink.emit(Event::ResultSeen {
            file: label,
            elapsed,
        });
    }
    Ok(Sent {
        file: file.to_owned(),
        key,
        version_id: stored.version_id,
        job_id,
        upload_ms: milliseconds(uploaded),
        elapsed_ms: elapsed.map(milliseconds),
        result,
    })
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// The pause between two looks grows with the time waited, so that it never shapes the figure by
/// more than a tenth.
async fn wait_for_result(
    clients: &Clients,
    pipeline: &Pipeline,
    job_id: &str,
    begun: Instant,
    timeout: Duration,
) -> Result<Option<JobResult>, CallError> {
    loop {
        if let Some(result) = results::by_id(clients, pipeline, job_id).await? {
            return Ok(Some(result));
        }
        let waited = begun.elapsed();
        if waited >= timeout {
            return Ok(None);
        }
        let pause = (waited / 10).clamp(Duration::from_millis(1), Duration::from_millis(250));
        wait::pause(pause.min(timeout.saturating_sub(waited))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Identity;
    use crate::stack::model::{Kind, LogicalId};

    #[test]
    fn the_key_is_the_prefix_and_the_name_as_it_is() {
        let pipeline = Pipeline {
            bucket_id: LogicalId::new(Kind::Bucket, "b"),
            bucket: Identity::default(),
            prefix: "logs/".to_owned(),
            table_id: LogicalId::new(Kind::Table, "t"),
            table: Identity::default(),
            day_index: None,
        };
        assert_eq!(
            key_of(&pipeline, Path::new("/a/b c+ü.ndjson")),
            "logs/b c+ü.ndjson"
        );
    }
}
