//! Facts that the engine tells and renderers show. Payloads are facts, never finished text.

use std::time::Duration;

use serde::Serialize;

use crate::plan::Action;
use crate::resource::CallError;
use crate::stack::model::LogicalId;

/// One fact, in the past tense.
#[derive(Debug, Clone, Serialize)]
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
    /// An artifact is ready.
    ArtifactReady {
        /// Function name.
        function: String,
        /// Size of the zip, bytes.
        zip_bytes: u64,
        /// Was it built now, or was the one at hand still right?
        built: bool,
        /// Milliseconds since packaging started.
        #[serde(rename = "elapsed_ms", serialize_with = "millis")]
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
        /// What is done.
        action: Action,
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
        #[serde(rename = "elapsed_ms", serialize_with = "millis")]
        elapsed: Duration,
    },
    /// A step failed.
    StepFailed {
        /// Which resource.
        id: LogicalId,
        /// What was tried.
        action: Action,
        /// What the target said.
        #[serde(serialize_with = "display")]
        error: CallError,
    },
    /// A step was not tried, because one that it needs failed.
    StepSkipped {
        /// Which resource.
        id: LogicalId,
        /// The step that failed.
        because: LogicalId,
    },
    /// Everything was carried out that could be.
    Applied {
        /// Steps done.
        done: usize,
        /// Steps failed.
        failed: usize,
        /// Steps not tried.
        skipped: usize,
        /// How long it took, milliseconds.
        #[serde(rename = "elapsed_ms", serialize_with = "millis")]
        elapsed: Duration,
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
        #[serde(rename = "elapsed_ms", serialize_with = "millis")]
        elapsed: Duration,
    },
    /// The result of a file was seen.
    ResultSeen {
        /// Local file.
        file: String,
        /// Milliseconds from the start of the upload.
        #[serde(rename = "elapsed_ms", serialize_with = "millis")]
        elapsed: Duration,
    },
}

fn millis<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // Microseconds are kept: a local step takes less than a millisecond.
    serializer.serialize_f64((elapsed.as_secs_f64() * 1_000_000.0).round() / 1_000.0)
}

fn display<S: serde::Serializer>(error: &CallError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(error)
}

/// Takes events. Called from several tasks at once.
pub trait Sink: Send + Sync {
    /// Takes one event; must not block.
    fn emit(&self, event: Event);
}

impl From<crate::package::PackageEvent> for Event {
    fn from(event: crate::package::PackageEvent) -> Self {
        use crate::package::PackageEvent;
        match event {
            PackageEvent::Started { functions } => Self::PackagingStarted { functions },
            PackageEvent::Cargo { line } => Self::CargoSaid { line },
            PackageEvent::Finished {
                artifact,
                built,
                elapsed,
            } => Self::ArtifactReady {
                function: artifact.function,
                zip_bytes: artifact.zip_bytes,
                built,
                elapsed,
            },
        }
    }
}
