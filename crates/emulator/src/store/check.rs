//! Is a store whole? Asked at the start after an unclean stop, before a service writes to it.

use std::io;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{Damage, FILES, Saved, beside, is_damage, length, salvage, salvaged_path, wal};

/// Larger files are not read through at the start, which must not take longer than users wait: so
/// much takes a fifth of a second from memory, and three from a slow disk.
const MOST_CHECKED: u64 = 256 << 20;

/// How the emulator ended that had the data directory last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastStop {
    /// None ever served from it.
    Never,
    /// It closed its stores.
    Clean,
    /// It was killed, or the power went.
    Unclean,
}

/// What is wrong with a store.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// In SQLite's words where it is SQLite that says so.
    pub cause: String,
    /// Not even its header and schema can be read. Whoever opens it knows the schema that it should
    /// have.
    pub unreadable: bool,
}

impl Fault {
    fn new(cause: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            unreadable: false,
        }
    }
}

/// Looks at every store below `data_dir`, and saves what can be saved of those that are damaged.
///
/// A store whose header or schema cannot be read is left to whoever opens it, but for those of
/// `foreign` (another library's, which saves nothing).
pub(crate) fn examine(data_dir: &Path, last: LastStop, foreign: &[&str]) -> Vec<Damage> {
    let mut found = Vec::new();
    for name in FILES {
        let path = data_dir.join(name);
        let waiting = salvaged_path(&path);
        // A log that is left over tells of an unclean stop, too.
        let look =
            last == LastStop::Unclean || length(&beside(&path, "-wal")) > 0 || waiting.exists();
        let fault = if look {
            fault_of(&path, last, MOST_CHECKED)
        } else if foreign.contains(&name) {
            readable(&path)
        } else {
            None
        };
        match fault {
            Some(fault) if fault.unreadable && !foreign.contains(&name) => {}
            Some(fault) => found.push(salvage::salvage(&path, fault.cause, &[])),
            // Saved rows that nobody has put in place or thrown away: the store was damaged when it
            // was looked at last, and may only look whole because its log has gone.
            None if waiting.exists() => found.push(Damage {
                path,
                cause: "it was found damaged earlier".to_owned(),
                saved: counted(&waiting),
            }),
            None => {}
        }
    }
    found
}

/// What is wrong with the store at `path`; none when it is whole, absent, or too large to be read.
pub(crate) fn fault_of(path: &Path, last: LastStop, most: u64) -> Option<Fault> {
    let log = length(&beside(path, "-wal"));
    let bytes = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        // SQLite would throw the log of a file away that is not there, or empty.
        Err(error) if error.kind() == io::ErrorKind::NotFound && log > 0 => {
            return Some(Fault::new("the file is gone, and its log is still there"));
        }
        // Absent stores are made; what else is wrong is said by whoever opens it.
        Err(_) => return None,
    };
    if bytes == 0 && (log > 0 || last != LastStop::Never) {
        return Some(Fault::new("the file is empty"));
    }
    if bytes + log > most {
        tracing::warn!(
            path = %path.display(), bytes, most,
            "too large to be checked for damage at the start"
        );
        return readable(path);
    }
    match wal::fault(&beside(path, "-wal")) {
        Ok(None) => {}
        Ok(Some(cause)) => return Some(Fault::new(cause)),
        Err(error) => tracing::warn!(path = %path.display(), %error, "its log is not checked"),
    }
    readable(path).or_else(|| {
        let said = quick_check(path);
        said_of(path, said).map(Fault::new)
    })
}

/// Can the header and the schema be read?
fn readable(path: &Path) -> Option<Fault> {
    if length(path) == 0 {
        return None;
    }
    let schema = hands_off(path)
        .and_then(|connection| connection.execute_batch("SELECT count(*) FROM sqlite_schema"))
        .map(|()| None);
    said_of(path, schema).map(|cause| Fault {
        cause,
        unreadable: true,
    })
}

/// What SQLite says against it; another trouble than damage is for whoever opens it.
fn said_of(path: &Path, said: rusqlite::Result<Option<String>>) -> Option<String> {
    match said {
        Ok(said) => said,
        Err(error) if is_damage(&error) => Some(error.to_string()),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "it is not checked for damage");
            None
        }
    }
}

/// The first complaint of SQLite's check, on one line.
fn quick_check(path: &Path) -> rusqlite::Result<Option<String>> {
    let connection = hands_off(path)?;
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    let line = said
        .lines()
        .filter(|line| !line.starts_with("***"))
        .collect::<Vec<_>>()
        .join("; ");
    Ok((said != "ok").then_some(line))
}

/// A connection that leaves the file and its log as they are.
fn hands_off(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute_batch("PRAGMA busy_timeout = 5000; PRAGMA cell_size_check = ON;")?;
    Ok(connection)
}

/// The rows of a store that was saved earlier.
fn counted(path: &Path) -> Result<Saved, String> {
    let count = || -> rusqlite::Result<Vec<(String, u64)>> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        salvage::tables(&connection)?
            .into_iter()
            .map(|table| {
                let sql = format!("SELECT count(*) FROM {}", salvage::quoted(&table));
                let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
                Ok((table, rows as u64))
            })
            .collect()
    };
    count()
        .map(|tables| Saved {
            path: path.to_owned(),
            tables,
        })
        .map_err(|error| error.to_string())
}
