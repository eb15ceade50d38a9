//! Errors as AWS words them: a code, a message and an HTTP status.

use std::{fmt, io};

use rusqlite::ErrorCode;
use rustix::io::Errno;

use crate::store;

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

    /// 503 `ServiceUnavailable`: it was told to stop.
    pub fn stopping() -> Self {
        Self::new(503, "ServiceUnavailable", "the embedded target stops")
    }

    /// The disk takes nothing more. Of the statuses that SDKs do not retry: trying again at once
    /// fails again.
    fn disk_full(cause: impl fmt::Display) -> Self {
        Self::new(
            507,
            "InsufficientStorage",
            format!(
                "the disk with the embedded target's data directory is full, or its user's quota \
                 is ({cause}); free some space and send the request again"
            ),
        )
    }

    /// No file can be opened. Others are closed soon, so SDKs may retry it.
    fn too_many_open_files(cause: impl fmt::Display) -> Self {
        Self::new(
            503,
            "ServiceUnavailable",
            format!(
                "the embedded target has as many open files as it may ({cause}); close some \
                 connections, or start it with a higher `ulimit -n`"
            ),
        )
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for AwsError {}

/// A trouble of the machine, which is none of the emulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    DiskFull,
    OpenFiles,
}

/// The trouble that a system call met.
fn trouble(error: &io::Error) -> Option<Trouble> {
    let number = Errno::from_io_error(error)?;
    match number {
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Some(Trouble::DiskFull),
        Errno::MFILE | Errno::NFILE => Some(Trouble::OpenFiles),
        _ => None,
    }
}

impl From<rusqlite::Error> for AwsError {
    fn from(error: rusqlite::Error) -> Self {
        // SQLite tells a full disk by a code of its own, but neither a quota nor a limit of files:
        // those are only in the number that its last system call, on this thread, left behind.
        let system = trouble(&io::Error::last_os_error());
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::disk_full(error),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => match system {
                Some(Trouble::DiskFull) => Self::disk_full(error),
                Some(Trouble::OpenFiles) => Self::too_many_open_files(error),
                None => Self::internal(format!("store: {error}")),
            },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                store::note_damage();
                Self::internal(format!(
                    "store: {error}; start the embedded target again: it saves what can still be \
                     read"
                ))
            }
            _ => Self::internal(format!("store: {error}")),
        }
    }
}

impl From<io::Error> for AwsError {
    fn from(error: io::Error) -> Self {
        match trouble(&error) {
            Some(Trouble::DiskFull) => Self::disk_full(error),
            Some(Trouble::OpenFiles) => Self::too_many_open_files(error),
            None => Self::internal(format!("store: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_full_disk_is_507_and_too_many_files_are_503() {
        for (number, status, says) in [
            (Errno::NOSPC, 507, "free some space"),
            (Errno::DQUOT, 507, "quota"),
            (Errno::FBIG, 507, "free some space"),
            (Errno::MFILE, 503, "open files"),
            (Errno::NFILE, 503, "open files"),
            (Errno::IO, 500, "store"),
        ] {
            let error = AwsError::from(io::Error::from(number));
            assert_eq!(error.status, status, "{number:?}");
            assert!(error.message.contains(says), "{}", error.message);
        }
    }

    #[test]
    fn a_store_that_was_full_works_on() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let connection = store::open(
            &dir.path().join("s.sqlite"),
            &["CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB)"],
            crate::Durability::Process,
        )
        .expect("made");
        let add = |connection: &Connection| -> Result<usize, AwsError> {
            Ok(connection.execute("INSERT INTO t (x) VALUES (zeroblob(100000))", [])?)
        };
        add(&connection).expect("there is room");
        let pages: i64 = connection
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .expect("a count");
        let limit = |most: i64| {
            connection
                .query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))
                .expect("set");
        };
        limit(pages + 1);
        let full = add(&connection).expect_err("full");
        assert_eq!(
            (full.status, full.code.as_str()),
            (507, "InsufficientStorage")
        );
        let rows: i64 = connection
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .expect("it still reads");
        assert_eq!(rows, 1, "nothing of the refused write is left");
        limit(pages * 10);
        add(&connection).expect("there is room again");
    }
}
