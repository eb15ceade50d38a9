//! Errors as AWS words them: a code, a message and an HTTP status.

use std::fmt;

/// A refusal or failure with AWS's code, message and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    /// HTTP status.
    pub status: u16,
    /// AWS's error code, e.g. `ResourceNotFoundException`.
    pub code: String,
    /// The message shown to the user.
    pub message: String,
}

impl AwsError {
    /// An error with any status.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    /// A 400 with AWS's code.
    pub fn bad_request(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// A fault of the emulator itself: 500 `InternalFailure`.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(500, "InternalFailure", cause.to_string())
    }

    /// 501 `NotImplemented` naming the operation: never a pretended success.
    pub fn not_implemented(service: &str, operation: &str) -> Self {
        Self::new(
            501,
            "NotImplemented",
            format!("{service} {operation} is not implemented by the embedded target"),
        )
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for AwsError {}

impl From<rusqlite::Error> for AwsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::internal(format!("store: {error}"))
    }
}

impl From<std::io::Error> for AwsError {
    fn from(error: std::io::Error) -> Self {
        Self::internal(format!("store: {error}"))
    }
}
