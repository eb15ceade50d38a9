//! A copy of the stack on one target, and what scenarios do with it.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use model::JobResult;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::adjust::VISIBILITY_S;
use super::front::{Fronts, MARK};
use super::letters::{self, Letter, Letters};
use super::parts::{EventWay, Parts, QueueWay};
use super::seen::Trouble;
use super::traces::{Trace, Traces};
use crate::apply::Cancel;
use crate::copies;
use crate::operate::logs::LogEvent;
use crate::operate::pipeline::Pipeline;
use crate::operate::results;
use crate::plan::Plan;
use crate::resource::error::{CallError, failed};
use crate::resource::{Context, Identity};
use crate::stack::model::Stack;
use crate::target::{ProductName, Target};
use crate::wait;

/// How often a first file is sent until one comes through.
const FIRST_FILES: u32 = 6;

/// How long is waited at a target.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// For what must come, when it has no time of its own.
    pub patience: Duration,
    /// For what follows at once when it comes at all: the record of an event that failed, a line of a log.
    pub promptly: Duration,
    /// For what must not come.
    pub settle: Duration,
    /// How old may logs be?
    pub fresh: Duration,
    /// For a scenario.
    pub deadline: Duration,
}

impl Pace {
    /// Of a target: the one that is ours delivers at once, others look for work once a second or so, AWS's logs and
    /// events take a while. // aws-behaviours C5, S12
    pub fn of(target: &Target) -> Self {
        let seconds = Duration::from_secs;
        // Whoever serves it.
        if target.product.name == ProductName::Embedded {
            return Self {
                patience: seconds(30),
                promptly: seconds(15),
                settle: Duration::from_millis(300),
                fresh: Duration::from_millis(30),
                deadline: seconds(150),
            };
        }
        let is_local = target.is_on_this_machine();
        Self {
            // A function's timeout and a minute: LocalStack takes that long where an event is dropped.
            // aws-behaviours §11
            patience: seconds(90),
            promptly: seconds(if is_local { 15 } else { 60 }),
            settle: seconds(if is_local { 3 } else { 10 }),
            fresh: seconds(1),
            deadline: seconds(if is_local { 240 } else { 420 }),
        }
    }
}

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

/// The copy.
pub struct World {
    /// As it was made.
    pub copy: Stack,
    /// What scenarios work with.
    pub parts: Parts,
    /// Calls.
    pub cx: Context,
    /// The way from files to results.
    pub pipeline: Option<Pipeline>,
    /// How long is waited.
    pub pace: Pace,
    fronts: Fronts,
    cancel: Cancel,
    letters: Letters,
    traces: Traces,
}

impl World {
    /// A copy that is to be made.
    ///
    /// # Errors
    /// For people: an artifact cannot be read or written.
    pub fn new(
        copy: Stack,
        parts: Parts,
        target: &Target,
        fronts: Fronts,
        cancel: Cancel,
    ) -> Result<Self, String> {
        let artifacts = fronts.with(&BTreeMap::new());
        let artifacts = artifacts.map_err(|error| error.to_string())?;
        let cx = copies::context(&copy, target, Some(artifacts));
        let pace = Pace::of(target);
        Ok(Self {
            pipeline: Pipeline::of(&copy, &cx.place)
                .ok()
                .filter(|_| parts.is_pipeline),
            traces: Traces::new(&copy, &cx, pace.fresh),
            letters: Letters::default(),
            copy,
            parts,
            cx,
            pace,
            fronts,
            cancel,
        })
    }

    /// Brings the copy up as it is, or finds nothing to do.
    pub async fn up(&self, expected: &dyn Fn(&Plan) -> bool) -> Result<(), String> {
        copies::up(&self.copy, &self.cx, expected, &self.cancel).await
    }

    /// As [`World::change_at_once`], and lets it settle: what served a function before may still take events.
    /// // aws-behaviours §11
    pub async fn change(
        &self,
        change: impl FnOnce(&mut Stack),
        notes: &[(&str, &str)],
    ) -> Result<(), Trouble> {
        self.change_at_once(change, notes).await?;
        self.settle().await;
        Ok(())
    }

    /// Brings up the copy with a change; `notes` tells of functions which code it is.
    pub async fn change_at_once(
        &self,
        change: impl FnOnce(&mut Stack),
        notes: &[(&str, &str)],
    ) -> Result<(), Trouble> {
        let mut changed = self.copy.clone();
        change(&mut changed);
        let notes = notes.iter();
        let notes = notes.map(|(name, note)| ((*name).to_owned(), (*note).to_owned()));
        let artifacts = self.fronts.with(&notes.collect());
        let artifacts = artifacts.map_err(|error| error.to_string())?;
        let cx = copies::context(&changed, &self.cx.place.target, Some(artifacts));
        Ok(copies::up(&changed, &cx, &|_| true, &self.cancel).await?)
    }

    /// Takes the copy down.
    pub async fn take_down(&self) -> Result<(), String> {
        copies::take_down(&self.copy, &self.cx.place.target, &self.cancel).await
    }

    // Names.

    /// The bucket's way. Scenarios that ask for it need it.
    pub fn event(&self) -> Result<&EventWay, Trouble> {
        let event = self.parts.event.as_ref();
        event.ok_or_else(|| Trouble::Failed("no bucket starts a function".to_owned()))
    }

    /// The queue's way. Scenarios that ask for it need it.
    pub fn queue(&self) -> Result<&QueueWay, Trouble> {
        let queue = self.parts.queue.as_ref();
        queue.ok_or_else(|| Trouble::Failed("no queue starts a function".to_owned()))
    }

    /// The function that is started by events.
    pub fn function(&self) -> Result<&str, Trouble> {
        let function = self.parts.function.as_deref();
        function.ok_or_else(|| Trouble::Failed("there is no function".to_owned()))
    }

    /// A queue by its name in the stack.
    pub fn queue_named(&self, name: &str) -> Identity {
        self.cx.place.queue(&self.copy, name)
    }

    /// A key under the prefix, with a mark.
    pub fn key(&self, tag: &str, act: &str, ending: &str) -> Result<String, Trouble> {
        let event = self.event()?;
        let suffix = if ending.ends_with(&event.suffix) {
            ""
        } else {
            &event.suffix
        };
        Ok(format!(
            "{}{MARK}{tag}--{act}--{ending}{suffix}",
            event.prefix
        ))
    }

    /// A key that starts nothing, with a mark.
    pub fn outside(&self, tag: &str, ending: &str) -> Result<String, Trouble> {
        let outside = self.event()?.outside;
        let outside = outside.ok_or_else(|| "every key starts a function".to_owned())?;
        Ok(format!("{outside}{MARK}{tag}--go--{ending}"))
    }

    /// Physical name of the event's bucket.
    pub fn bucket(&self) -> Result<String, Trouble> {
        Ok(self.cx.place.bucket(&self.copy, &self.event()?.bucket).name)
    }

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

    /// All letters of a queue so far that `belongs`, once there are `count` of them; what there is when they do not
    /// come in time.
    pub async fn letters(
        &self,
        queue: &str,
        count: usize,
        patience: Duration,
        belongs: impl Fn(&Letter) -> bool,
    ) -> Result<Vec<Letter>, Trouble> {
        let now = || async {
            let mut letters = self.letters_of(queue).await?;
            letters.retain(|letter| belongs(letter));
            Ok::<_, Trouble>(letters)
        };
        self.until(patience, || async {
            Ok((now().await?.len() >= count).then_some(()))
        })
        .await?;
        now().await
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

    // Waiting.

    /// Gives what must not come its time.
    pub async fn settle(&self) {
        tokio::select! {
            () = wait::pause(self.pace.settle) => {}
            () = self.cancel.asked() => {}
        }
    }

    /// Looks until there is something or the time is over.
    pub async fn until<T, F, Fut>(
        &self,
        patience: Duration,
        mut look: F,
    ) -> Result<Option<T>, Trouble>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Option<T>, Trouble>>,
    {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            if let Some(found) = look().await? {
                return Ok(Some(found));
            }
            if self.cancel.is_asked() {
                return Err(Trouble::Failed("interrupted".to_owned()));
            }
            if begun.elapsed() + pause > patience {
                return Ok(None);
            }
            wait::pause(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_millis(500));
        }
    }
}
