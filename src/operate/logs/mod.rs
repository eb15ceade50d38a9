//! Logs of a stack's functions: their log groups read by `FilterLogEvents`, merged in the order of time,
//! told once, or followed as they grow; and the story of one file across all of them.
//!
//! [`line`] reads one line, [`read`] pages through groups and merges them, [`tail`] follows them, [`failures`]
//! picks what tells of a failure, [`story`] what belongs to one job. All but the calls is plain data.

pub mod error;
pub mod failures;
pub mod line;
mod merge;
pub mod read;
pub mod story;
pub mod tail;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;

use crate::resource::Place;
use crate::stack::model::Stack;

pub use error::LogsError;
pub use failures::Failures;
pub use line::{Line, LineKind};
pub use story::{JobPrefix, JobStory, Run, Story};

/// The log group of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name of the function in the stack.
    pub function: String,
    /// Physical name of the group.
    pub name: String,
}

/// One event of a function's log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogEvent {
    /// When, by the clock that the function ran by: milliseconds since the Unix epoch.
    #[serde(serialize_with = "as_timestamp")]
    pub at: i64,
    /// Name of the function in the stack.
    pub function: String,
    /// Log stream: one per environment of the function.
    pub stream: String,
    /// What the line says.
    #[serde(flatten)]
    pub line: Line,
    /// The line as it came.
    pub raw: String,
    /// Event id, where the target gives one.
    #[serde(skip)]
    pub id: Option<String>,
}

impl LogEvent {
    /// Reads a line that came at `at`.
    pub fn new(at: i64, function: &str, stream: &str, raw: &str) -> Self {
        // LocalStack keeps the end of the line.
        let raw = raw.trim_end_matches(['\n', '\r']);
        Self {
            at,
            function: function.to_owned(),
            stream: stream.to_owned(),
            line: Line::read(raw),
            raw: raw.to_owned(),
            id: None,
        }
    }
}

/// A moment of a log as results write theirs: UTC with milliseconds.
pub fn timestamp(at: i64) -> String {
    let nanos = i128::from(at) * 1_000_000;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos);
    model::timestamp(moment.unwrap_or(OffsetDateTime::UNIX_EPOCH))
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn as_timestamp<S: Serializer>(at: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&timestamp(*at))
}

/// The log groups of the stack's functions, or of the one called `only`, in the order of the stack.
pub fn groups(stack: &Stack, place: &Place, only: Option<&str>) -> Vec<Group> {
    stack
        .functions
        .iter()
        .filter(|function| only.is_none_or(|only| function.name == only))
        .map(|function| Group {
            function: function.name.clone(),
            name: place.log_group(stack, &function.name).name,
        })
        .collect()
}
