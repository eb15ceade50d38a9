//! What scenarios do with a copy: put files, send messages, invoke functions, read what came of it.

use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use model::JobResult;
use serde_json::{Value, json};

use super::adjust::VISIBILITY_S;
use super::front::MARK;
use super::letters::{self, Letter};
use super::seen::Trouble;
use super::traces::Trace;
use super::world::World;
use crate::operate::logs::LogEvent;
use crate::operate::results;
use crate::resource::error::{CallError, failed};

/// How often a first file is sent until one comes through.
const FIRST_FILES: u32 = 6;

/// A stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Key.
    pub key: String,
    /// Version, in a versioned bucket.
    pub version_id: Option<String>,
    /// ETag.
    pub etag: Option<String>,
    /// Bytes.
    pub size: usize,
}

/// What a synchronous invocation gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Invoked {
    /// Kind of error, where there was one.
    pub error: Option<String>,
    /// Answer.
    pub payload: Value,
}

impl World {
    // Files.

    /// Uploads an object.
    pub async fn put(&self, key: &str, body: impl Into<Vec<u8>>) -> Result<Stored, Trouble> {
        let body = body.into();
        let size = body.len();
        let put = self.cx.clients.s3.put_object();
        let put = put.bucket(self.bucket()?).key(key);
        let answer = put.body(ByteStream::from(body)).send().await;
        let answer = answer.map_err(failed("PutObject"))?;
        Ok(Stored {
            key: key.to_owned(),
            version_id: answer.version_id,
            etag: answer.e_tag,
            size,
        })
    }

    /// Job id of an object.
    pub fn job(&self, stored: &Stored) -> Result<String, Trouble> {
        let version = stored.version_id.as_deref();
        Ok(model::job_id(
            &self.bucket()?,
            &stored.key,
            version,
            stored.etag.as_deref(),
        ))
    }

    /// The result of a job, once it is there; none when it does not come.
    pub async fn result(&self, stored: &Stored) -> Result<Option<JobResult>, Trouble> {
        let job = self.job(stored)?;
        let look = || async { self.result_now(&job).await };
        self.until(self.pace.patience, look).await
    }

    /// The result of a job, if it is there.
    pub async fn result_now(&self, job: &str) -> Result<Option<JobResult>, Trouble> {
        let pipeline = self.pipeline.as_ref();
        let pipeline = pipeline.ok_or_else(|| "no results are written here".to_owned())?;
        Ok(results::by_id(&self.cx.clients, pipeline, job).await?)
    }

    /// The record of S3 that tells of an object.
    pub fn record(&self, stored: &Stored) -> Result<Value, Trouble> {
        let key: String =
            percent_encoding::utf8_percent_encode(&stored.key, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
                .replace("%2D", "-")
                .replace("%2F", "/")
                .replace("%2E", ".");
        Ok(json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "awsRegion": self.cx.place.target.region(),
            "eventTime": model::timestamp(self.cx.place.target.now()),
            "s3": {
                "s3SchemaVersion": "1.0",
                "bucket": { "name": self.bucket()? },
                "object": {
                    "key": key, "size": stored.size, "versionId": stored.version_id,
                    "eTag": stored.etag.as_deref().unwrap_or_default().trim_matches('"'),
                },
            },
        }))
    }

    // Messages.

    /// Sends messages with marks in one call, hidden for `delay_s` first, so that they come in sight together.
    pub async fn send(&self, tag: &str, acts: &[&str], delay_s: i32) -> Result<(), Trouble> {
        let url = letters::url(&self.cx, &self.queue_named(&self.queue()?.queue)).await?;
        let mut batch = self.cx.clients.sqs.send_message_batch().queue_url(url);
        for (index, act) in acts.iter().enumerate() {
            let body = json!({ "mark": format!("{MARK}{tag}--{act}--"), "n": index });
            let entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .delay_seconds(delay_s)
                .message_body(body.to_string())
                .build()
                .map_err(|error| error.to_string())?;
            batch = batch.entries(entry);
        }
        let answer = batch.send().await.map_err(failed("SendMessageBatch"))?;
        match answer.failed.first() {
            None => Ok(()),
            Some(one) => Err(Trouble::Failed(format!("SendMessageBatch: {}", one.code))),
        }
    }

    /// The letters of a scenario, once there are `count` of them; what there is when they do not come in time.
    pub async fn letters(
        &self,
        queue: &str,
        count: usize,
        patience: Duration,
        tag: &str,
    ) -> Result<Vec<Letter>, Trouble> {
        self.until(patience, || async {
            let letters = self.letters_now(queue, tag).await?;
            Ok((letters.len() >= count).then_some(()))
        })
        .await?;
        self.letters_now(queue, tag).await
    }

    /// The letters of a scenario so far.
    pub async fn letters_now(&self, queue: &str, tag: &str) -> Result<Vec<Letter>, Trouble> {
        let mut letters = self.letters_of(queue).await?;
        letters.retain(|letter| letter.is_of(tag));
        Ok(letters)
    }

    /// All letters of a queue so far.
    pub async fn letters_of(&self, queue: &str) -> Result<Vec<Letter>, Trouble> {
        Ok(self.letters.of(&self.cx, &self.queue_named(queue)).await?)
    }

    /// How long until a message has used up its receives, at most.
    pub fn redrives(&self) -> Duration {
        self.pace.patience + Duration::from_secs(u64::from(2 * VISIBILITY_S))
    }

    // Functions.

    /// Invokes a function and waits for its answer.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Invoked, CallError> {
        let invoke = self.cx.clients.lambda.invoke();
        let name = self.cx.place.function(&self.copy, function).name;
        let invoke = invoke
            .function_name(name)
            .payload(Blob::new(payload.to_string()));
        let answer = invoke.send().await.map_err(failed("Invoke"))?;
        let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
        Ok(Invoked {
            error: answer.function_error,
            payload: serde_json::from_slice(&payload)
                .unwrap_or_else(|_| String::from_utf8_lossy(&payload).into_owned().into()),
        })
    }

    /// Starts the function by an event of its own kind: an upload where a bucket starts it, else an asynchronous
    /// invocation.
    pub async fn start(&self, tag: &str, act: &str) -> Result<(), Trouble> {
        if self.parts.event.is_some() {
            let key = self.key(tag, act, ".ndjson")?;
            self.put(&key, model::sample::sample(1, 3, false)).await?;
            return Ok(());
        }
        let name = self.cx.place.function(&self.copy, self.function()?).name;
        let payload = json!({ "mark": format!("{MARK}{tag}--{act}--") });
        let invoke = self.cx.clients.lambda.invoke().function_name(name);
        let invoke = invoke.invocation_type(InvocationType::Event);
        let invoke = invoke.payload(Blob::new(payload.to_string()));
        invoke.send().await.map_err(failed("Invoke"))?;
        Ok(())
    }

    // Logs.

    /// Records of a scenario that a function was given, once there are `count` and then a while has passed in which
    /// more could come.
    pub async fn traces(
        &self,
        tag: &str,
        function: &str,
        count: usize,
    ) -> Result<Vec<Trace>, Trouble> {
        self.traces_until(tag, function, self.pace.patience, |traces| {
            traces.len() >= count
        })
        .await?;
        self.settle().await;
        self.traces_now(tag, function).await
    }

    /// Waits until the records of a scenario that a function was given are as they should be; false when that does
    /// not come.
    pub async fn traces_until(
        &self,
        tag: &str,
        function: &str,
        patience: Duration,
        are: impl Fn(&[Trace]) -> bool,
    ) -> Result<bool, Trouble> {
        let came = self.until(patience, || async {
            let traces = self.traces_now(tag, function).await?;
            Ok(are(&traces).then_some(()))
        });
        Ok(came.await?.is_some())
    }

    /// Records of a scenario that a function was given.
    pub async fn traces_now(&self, tag: &str, function: &str) -> Result<Vec<Trace>, Trouble> {
        let mut traces = self.traces.of(&self.cx, tag).await?;
        traces.retain(|trace| trace.function == function);
        Ok(traces)
    }

    /// Is such a line in a function's log by now, of `since` or later?
    pub async fn has_line(
        &self,
        function: &str,
        since: i64,
        is: impl Fn(&LogEvent) -> bool,
    ) -> Result<bool, Trouble> {
        let events = self.traces.events(&self.cx).await?;
        let mut events = events
            .iter()
            .filter(|event| event.function == function && event.at >= since);
        Ok(events.any(is))
    }

    /// A line of a function's log, once it is there; none when it does not come.
    pub async fn line(
        &self,
        function: &str,
        is: impl Fn(&LogEvent) -> bool,
    ) -> Result<Option<LogEvent>, Trouble> {
        self.until(self.pace.promptly, || async {
            let events = self.traces.events(&self.cx).await?;
            let mut events = events.iter().filter(|event| event.function == function);
            Ok(events.find(|event| is(event)).cloned())
        })
        .await
    }

    /// Sends files until one starts the function: AWS begins to tell of a bucket's objects a while after it was asked
    /// to. From there on what does not come is told.
    pub async fn first_file(&self, tag: &str) -> Result<(), Trouble> {
        let (Ok(function), true) = (self.function(), self.parts.event.is_some()) else {
            return Ok(());
        };
        let patience = self.pace.patience / FIRST_FILES;
        for n in 0..FIRST_FILES {
            let key = self.key(tag, "go", &format!("{n}.ndjson"))?;
            let stored = self.put(&key, model::sample::sample(1, 1, false)).await?;
            let came = self.traces_until(tag, function, patience, |traces| !traces.is_empty());
            if came.await? {
                if self.pipeline.is_some() {
                    self.result(&stored).await?;
                }
                break;
            }
        }
        Ok(())
    }
}
