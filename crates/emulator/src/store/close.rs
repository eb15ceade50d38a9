//! The end of a run: no log of megabytes stays behind.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{FILES, beside, length};

/// Writes the logs that are still there back into their stores. The services have closed theirs by
/// now; what is left is of one that a request cut off still holds.
pub(crate) fn close(data_dir: &Path) {
    for name in FILES {
        let path = data_dir.join(name);
        if length(&beside(&path, "-wal")) == 0 {
            continue;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let written = Connection::open_with_flags(&path, flags).and_then(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        });
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "its log stays until the next start");
        }
    }
}
