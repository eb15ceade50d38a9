//! What was seen of a scenario on one target.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::resource::CallError;

/// Facts by name, in words.
pub type Facts = BTreeMap<String, String>;

/// What a scenario saw.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// What is compared.
    pub facts: Facts,
    /// What is told and not compared: times, how something was done.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: Facts,
}

impl Seen {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what is compared.
    pub fn fact(&mut self, name: impl Into<String>, value: impl Display) {
        self.facts.insert(name.into(), value.to_string());
    }

    /// Adds yes or no.
    pub fn is(&mut self, name: &str, value: bool) {
        self.fact(name, if value { "yes" } else { "no" });
    }

    /// Adds what is only told.
    pub fn note(&mut self, name: impl Into<String>, value: impl Display) {
        self.notes.insert(name.into(), value.to_string());
    }
}

/// How a scenario ended on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It was played to its end.
    Seen,
    /// The target does not have what it needs.
    NotSupported {
        /// What the target said.
        why: String,
    },
    /// A call failed in the middle.
    Failed {
        /// What the target said.
        why: String,
    },
    /// It did not come to an end.
    Hung {
        /// How long it was waited for, seconds.
        after_s: u64,
    },
    /// It was not played: the copy was not there, or somebody interrupted.
    NotPlayed {
        /// Why.
        why: String,
    },
}

/// A scenario on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// What was seen.
    #[serde(flatten)]
    pub seen: Seen,
    /// How long it took, ms.
    pub took_ms: u64,
}

/// Why a scenario was not played to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The target does not have what it needs.
    NotSupported(String),
    /// Something failed.
    Failed(String),
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        if error.is_unsupported() {
            Self::NotSupported(error.to_string())
        } else {
            Self::Failed(error.to_string())
        }
    }
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl From<Trouble> for Ending {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NotSupported(why) => Self::NotSupported { why },
            Trouble::Failed(why) => Self::Failed { why },
        }
    }
}

/// What playing a scenario gives.
pub type Played = Result<Seen, Trouble>;

/// A text that differs from run to run in the ids in it, without them.
pub fn without_ids(text: &str) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some(at) = find_id(rest) {
        out.push_str(&rest[..at]);
        out.push_str("<id>");
        rest = &rest[at + ID..];
    }
    out + rest
}

/// Length of a UUID.
const ID: usize = 36;

fn find_id(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len().saturating_sub(ID - 1)).find(|at| {
        bytes[*at..at + ID].iter().enumerate().all(|(index, byte)| {
            if matches!(index, 8 | 13 | 18 | 23) {
                *byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
    })
}

/// The words of an error that say what happened, without what differs from invocation to invocation: ids, and the
/// moment with which some lines begin.
pub fn words_of_error(text: &str) -> String {
    let text = without_ids(text);
    let text = text.lines().next().unwrap_or_default();
    let from = ["Task timed out", "Runtime exited"]
        .iter()
        .find_map(|words| text.find(words));
    text[from.unwrap_or(0)..].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_an_error_are_the_same_in_every_run() {
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        for text in [
            format!("RequestId: {id} Error: Task timed out after 3.00 seconds"),
            format!("2026-11-26T20:00:00.000Z {id} Task timed out after 3.00 seconds\n\n"),
        ] {
            assert_eq!(words_of_error(&text), "Task timed out after 3.00 seconds");
        }
        let exited = format!(
            "RequestId: {id} Error: Runtime exited with error: exit status 1\nRuntime.ExitError"
        );
        assert_eq!(
            words_of_error(&exited),
            "Runtime exited with error: exit status 1"
        );
        assert_eq!(words_of_error(&format!("ü {id}é")), "ü <id>é");
        assert_eq!(words_of_error(""), "");
    }
}
