//! Facts that the engine tells and renderers show. Payloads are facts, never finished text. They are
//! written as JSON lines and read again by the tests of the renderers.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::package::Why;
use crate::plan::Action;
use crate::resource::{CallError, Cause};
use crate::stack::model::LogicalId;

/// Part of the chain of steps that decided how long a plan took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// Which step.
    pub id: LogicalId,
    /// How long it took, milliseconds.
    #[serde(rename = "elapsed_ms", with = "millis")]
    pub elapsed: Duration,
}

/// One fact, in the past tense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Functions are being built.
    PackagingStarted {
        /// Their names.
        functions: Vec<String>,
    },
    /// Cargo said something.
    CargoSaid {
        /// One line, as cargo wrote it.
        line: String,
    },
    /// Cargo drew its bar.
    CargoProgressed {
        /// The bar.
        line: String,
    },
    /// An artifact is ready.
    ArtifactReady {
        /// Function name.
        function: String,
        /// Size of the zip, bytes.
        zip_bytes: u64,
        /// Is it another one than before?
        built: bool,
        /// Why it was looked at or made.
        #[serde(flatten)]
        why: Why,
        /// Milliseconds since packaging started.
        #[serde(rename = "elapsed_ms", with = "millis")]
        elapsed: Duration,
    },
    /// The embedded target was started.
    EmbeddedStarted {
        /// Where it answers.
        endpoint: String,
        /// Its process.
        pid: u32,
    },
    /// The embedded target was stopped.
    EmbeddedStopped {
        /// Its process.
        pid: u32,
    },
    /// An account of AWS is about to be worked in.
    AccountUsed {
        /// Its id.
        account: String,
        /// Region.
        region: String,
    },
    /// The account turned out to be one of a Learner Lab.
    LearnerLabUsed {
        /// ARN of the role that every function gets; none where the stack has no functions.
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<String>,
        /// Most invocations at once of one mapping.
        max_concurrency: u32,
    },
    /// The clock of an endpoint and that of this machine say different times.
    ClocksDiffered {
        /// Where it is.
        place: String,
        /// How far its clock is ahead, seconds; below zero when it is behind.
        ahead_s: i64,
    },
    /// Nothing of a stack was there any more where it was brought up.
    StackMissed {
        /// Where that was.
        place: String,
        /// What answers there.
        product: String,
        /// What answered there before, where that was something else.
        was: Option<String>,
    },
    /// A setting was chosen for this target that the stack does not have.
    Tuned {
        /// Logical id.
        id: LogicalId,
        /// What answers there.
        product: String,
    },
    /// Fields of a resource may not be read with these credentials: they are taken to be as wanted.
    Unread {
        /// Which resource.
        id: LogicalId,
        /// Which fields.
        fields: Vec<String>,
    },
    /// A kind of resource was left out on this target.
    Skipped {
        /// Which resource.
        id: LogicalId,
        /// Why.
        why: String,
    },
    /// A plan was made.
    Planned {
        /// Steps that do something.
        changes: usize,
        /// All steps.
        steps: usize,
    },
    /// A step began.
    StepStarted {
        /// Which resource.
        id: LogicalId,
        /// Physical name.
        name: String,
        /// What is done.
        action: Action,
    },
    /// A step waits for the target.
    StepWaiting {
        /// Which resource.
        id: LogicalId,
        /// For what, e.g. `table active`.
        what: String,
        /// The last state seen.
        last: String,
    },
    /// A resource of a template was passed over by an endpoint that does not know its type.
    PartNotMade {
        /// Which template.
        id: LogicalId,
        /// Logical id in the template.
        part: String,
        /// Type.
        kind: String,
    },
    /// Objects of a bucket were deleted.
    StepEmptied {
        /// Which bucket.
        id: LogicalId,
        /// How many so far.
        objects: u64,
    },
    /// A step failed in a way that passes, and is tried again.
    StepRetried {
        /// Which resource.
        id: LogicalId,
        /// Why it passes.
        cause: Cause,
        /// What the target said.
        error: CallError,
        /// Pause before the next try, milliseconds.
        #[serde(rename = "pause_ms", with = "millis")]
        pause: Duration,
        /// Is it the first pause of this step that a person notices?
        notable: bool,
    },
    /// A step is done.
    StepFinished {
        /// Which resource.
        id: LogicalId,
        /// Physical name.
        name: String,
        /// What was done.
        action: Action,
        /// How long it took, milliseconds.
        #[serde(rename = "elapsed_ms", with = "millis")]
        elapsed: Duration,
    },
    /// A step failed.
    StepFailed {
        /// Which resource.
        id: LogicalId,
        /// Physical name.
        name: String,
        /// What was tried.
        action: Action,
        /// What the target said.
        error: CallError,
    },
    /// A step that waited was given up, because somebody interrupted.
    StepInterrupted {
        /// Which resource.
        id: LogicalId,
        /// What it waited for.
        what: String,
    },
    /// A step was not tried, because one that it needs failed.
    StepSkipped {
        /// Which resource.
        id: LogicalId,
        /// The step that failed.
        because: LogicalId,
    },
    /// Somebody interrupted: what is on its way finishes.
    Interrupted,
    /// Everything was carried out that could be.
    Applied {
        /// Steps done.
        done: usize,
        /// Steps failed.
        failed: usize,
        /// Steps not tried because others failed.
        skipped: usize,
        /// Steps not tried because somebody interrupted.
        not_started: usize,
        /// How long it took, milliseconds.
        #[serde(rename = "elapsed_ms", with = "millis")]
        elapsed: Duration,
        /// The chain of steps that decided how long it took, in the order of time.
        critical_path: Vec<Stretch>,
    },
    /// The log group of a function was not there.
    LogGroupMissed {
        /// Function name.
        function: String,
        /// The group's name.
        group: String,
    },
    /// An upload began.
    UploadStarted {
        /// Local file.
        file: String,
        /// Its size, bytes.
        bytes: u64,
    },
    /// Part of an upload arrived.
    UploadProgressed {
        /// Local file.
        file: String,
        /// Bytes that arrived so far.
        bytes: u64,
    },
    /// A file was uploaded.
    Uploaded {
        /// Local file.
        file: String,
        /// Its key.
        key: String,
        /// How long the upload took, milliseconds.
        #[serde(rename = "elapsed_ms", with = "millis")]
        elapsed: Duration,
    },
    /// The result of a file was seen.
    ResultSeen {
        /// Local file.
        file: String,
        /// Milliseconds from the start of the upload.
        #[serde(rename = "elapsed_ms", with = "millis")]
        elapsed: Duration,
    },
    /// Files of a bench are done.
    BenchProgressed {
        /// Counted files that ended.
        files: u64,
        /// Of how many, where that is known.
        of: Option<u64>,
        /// Of them not processed.
        failed: u64,
        /// Files on their way.
        on_their_way: u64,
        /// Median from end to end so far, milliseconds.
        p50_ms: Option<f64>,
    },
    /// A part of a bench is over: a size, a rate.
    BenchStageEnded {
        /// Which part.
        what: String,
        /// Counted files of it.
        files: u64,
        /// Of them not processed.
        failed: u64,
        /// Their median from end to end, milliseconds.
        p50_ms: Option<f64>,
    },
    /// Something of a bench could not be read or cleaned up; its figures are there.
    BenchLeft {
        /// What, and why.
        what: String,
    },
    /// A round of a cycle is over. Milliseconds.
    CycleRoundEnded {
        /// Number, from 1.
        n: u32,
        /// Of how many.
        of: u32,
        /// Making everything.
        first_up_ms: f64,
        /// Finding nothing to do.
        no_op_ms: f64,
        /// Bringing in a change of code.
        code_change_ms: f64,
        /// Taking everything down.
        down_ms: f64,
    },
    /// A copy of the stack was made or taken down.
    CopyChanged {
        /// Target.
        target: String,
        /// Name of the copy.
        copy: String,
        /// `up` or `down`.
        what: String,
        /// How long it took, milliseconds.
        #[serde(rename = "elapsed_ms", with = "millis")]
        elapsed: Duration,
    },
    /// A scenario was played on a target.
    ScenarioPlayed {
        /// Target.
        target: String,
        /// Name of the scenario.
        scenario: String,
        /// Did it come to its end?
        seen: bool,
        /// Scenarios played so far.
        n: usize,
        /// Of how many.
        of: usize,
        /// How long it took, milliseconds.
        #[serde(rename = "elapsed_ms", with = "millis")]
        elapsed: Duration,
    },
    /// What running something at AWS may cost.
    CostEstimated {
        /// Target.
        target: String,
        /// US dollars at most.
        usd: f64,
        /// What it is made of.
        of: String,
    },
    /// Dead letters of a queue were redriven or deleted.
    DeadLettersSettled {
        /// The dead letter queue.
        queue: LogicalId,
        /// How many so far.
        done: u64,
        /// Of how many.
        of: u64,
    },
}

/// Durations as milliseconds. Microseconds are kept: a local step takes less than a millisecond.
mod millis {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(super) fn serialize<S: Serializer>(
        elapsed: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((elapsed.as_secs_f64() * 1_000_000.0).round() / 1_000.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let ms = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(ms / 1_000.0).map_err(serde::de::Error::custom)
    }
}

/// An event and when it happened: one line of JSON on stderr, and of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Milliseconds since the command began.
    pub at_ms: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Takes events. Called from several tasks at once.
pub trait Sink: Send + Sync {
    /// Takes one event; must not block.
    fn emit(&self, event: Event);
}

/// Nobody hears: of steps that are not told one by one.
pub struct Silent;

impl Sink for Silent {
    fn emit(&self, _: Event) {}
}

impl From<crate::package::PackageEvent> for Event {
    fn from(event: crate::package::PackageEvent) -> Self {
        use crate::package::PackageEvent;
        match event {
            PackageEvent::Started { functions } => Self::PackagingStarted { functions },
            PackageEvent::Cargo { line } => Self::CargoSaid { line },
            PackageEvent::Progress { line } => Self::CargoProgressed { line },
            PackageEvent::Finished {
                artifact,
                built,
                why,
                elapsed,
            } => Self::ArtifactReady {
                function: artifact.function,
                zip_bytes: artifact.zip_bytes,
                built,
                why,
                elapsed,
            },
        }
    }
}
