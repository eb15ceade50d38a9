//! A stack's own tests.

use std::fmt;
use std::path::PathBuf;

use super::Seconds;

/// This is uploaded, that is expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// Name in the stack.
    pub name: String,
    /// The file, relative to [`super::Stack::root`].
    pub upload: PathBuf,
    /// Its key; by default the wiring's prefix and the file's name.
    pub key: Option<String>,
    /// What must come of it.
    pub expect: Vec<Expectation>,
    /// How long it may take.
    pub within: Seconds,
}

/// What must come of an upload.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// An item.
    Item {
        /// Name of the table in the stack.
        table: String,
        /// Attributes that it has, among others.
        has: Vec<(String, Scalar)>,
    },
    /// A message that nobody takes: a dead letter.
    Message {
        /// Name of the queue in the stack.
        queue: String,
        /// What is in its body.
        contains: String,
    },
    /// A line of a log.
    Log {
        /// Name of the function in the stack.
        function: String,
        /// What is in it.
        contains: String,
    },
}

/// A value of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `S`
    Text(String),
    /// `N`
    Number(f64),
    /// `BOOL`
    Flag(bool),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

impl fmt::Display for Expectation {
    /// For people: `item in tables.results with status done, lines 100`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item { table, has } => {
                let has: Vec<String> = has
                    .iter()
                    .map(|(name, value)| format!("{name} {value}"))
                    .collect();
                write!(f, "item in tables.{table} with {}", has.join(", "))
            }
            Self::Message { queue, contains } => {
                write!(f, "message in queues.{queue} with `{contains}`")
            }
            Self::Log { function, contains } => {
                write!(f, "line of functions.{function} with `{contains}`")
            }
        }
    }
}
