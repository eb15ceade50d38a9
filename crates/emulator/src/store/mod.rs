//! The SQLite stores: opening and migrating them, finding damage, saving what can still be read.
//!
//! ```text
//!   start ─► check (is it whole?) ──► open (migrate) ─► the services
//!              └── no ──► salvage (rows into `<file>.salvaged`) ─► the start is refused
//!                             └── on request: replace (put it in place, keep the damaged file)
//! ```
//!
//! Nothing here resets a store: a damaged file stays as it is until the user says so.

mod check;
mod close;
mod header;
mod replace;
mod salvage;
mod wal;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use crate::config::Durability;

pub(crate) use check::{LastStop, examine};
pub(crate) use close::close;
pub use replace::Replaced;
pub(crate) use replace::use_salvaged;
use salvage::salvage as save_rows;

/// The SQLite files of all services, below the data directory.
pub(crate) const FILES: [&str; 6] = [
    "s3/meta.sqlite",
    "sqs.sqlite",
    "lambda/lambda.sqlite",
    "dynamodb.sqlite",
    "dynamodb-phases.sqlite",
    "logs.sqlite",
];

/// A store that cannot be opened. It is reported, never reset.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused the file.
    #[error("cannot open the store {path}: {source}")]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The directory could not be made.
    #[error("cannot make the directory {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file was written by a newer pipectl.
    #[error(
        "the store {path} has schema {found}, newer than {known}, the newest this version knows"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Schema version in the file.
        found: usize,
        /// Newest schema version this build knows.
        known: usize,
    },
    /// The files of a damaged store could not be put aside.
    #[error("cannot put what was saved in the place of the store {path}: {source}")]
    Replace {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Files are damaged. What can still be read of them was copied; they are as they were.
    #[error(
        "{}; the damaged files are as they were: starting with --use-salvaged puts what was saved \
         in their place, and keeps them",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    Damaged(Vec<Damage>),
}

/// A damaged store, and what was saved of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The database file.
    pub path: PathBuf,
    /// What is wrong with it, as SQLite says it.
    pub cause: String,
    /// What was saved, or why nothing could be.
    pub saved: Result<Saved, String>,
}

/// The rows that could still be read of a damaged store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Where they are: a whole store.
    pub path: PathBuf,
    /// How many there are, by table.
    pub tables: Vec<(String, u64)>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(f, "the store {path} is damaged ({}); ", self.cause)?;
        match &self.saved {
            Ok(Saved { path, tables }) if tables.iter().all(|(_, rows)| *rows == 0) => {
                write!(
                    f,
                    "no row of it can be read; {} is an empty store",
                    path.display()
                )
            }
            Ok(Saved { path, tables }) => {
                let rows: Vec<String> = tables
                    .iter()
                    .map(|(table, rows)| format!("{table} {rows}"))
                    .collect();
                let path = path.display();
                write!(f, "rows saved in {path}: {}", rows.join(", "))
            }
            Err(error) => write!(f, "what can be read of it could not be saved: {error}"),
        }
    }
}

/// Where the saved rows of the store at `path` are put.
pub(crate) fn salvaged_path(path: &Path) -> PathBuf {
    beside(path, ".salvaged")
}

/// `path` with `suffix` behind its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Bytes in a file; 0 when there is none.
fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Does SQLite say that the file is not what it wrote?
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Set once a store turned out to be damaged while it was in use: the stop after that is not clean,
/// so that the next start looks. One for the process: looking once too often does no harm.
static DAMAGE_SEEN: AtomicBool = AtomicBool::new(false);

/// Notes that a store in use is damaged.
pub(crate) fn note_damage() {
    DAMAGE_SEEN.store(true, Ordering::Relaxed);
}

/// Did a store turn out to be damaged while it was in use?
pub(crate) fn damage_was_seen() -> bool {
    DAMAGE_SEEN.load(Ordering::Relaxed)
}

/// Opens (or makes) the database at `path` and applies the `migrations` it has not seen.
///
/// Migration `n` (counted from 1) is `migrations[n - 1]`, a batch of SQL run in one transaction.
/// The journal is a WAL: with `synchronous = NORMAL` a commit survives the death of the process, with
/// `FULL` the loss of power.
pub fn open(
    path: &Path,
    migrations: &[&str],
    durability: Durability,
) -> Result<Connection, StoreError> {
    match open_whole(path, migrations, durability) {
        Err(StoreError::Open { source, .. }) if is_damage(&source) => {
            let damage = save_rows(path, source.to_string(), migrations);
            Err(StoreError::Damaged(vec![damage]))
        }
        other => other,
    }
}

fn open_whole(
    path: &Path,
    migrations: &[&str],
    durability: Durability,
) -> Result<Connection, StoreError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|source| StoreError::Directory {
            path: parent.to_owned(),
            source,
        })?;
    }
    let fail = |source| StoreError::Open {
        path: path.to_owned(),
        source,
    };
    let mut connection = Connection::open(path).map_err(fail)?;
    // Until the file has proved to be readable, closing it writes nothing into it.
    let hands_off = |connection: &Connection, on: bool| {
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on)
            .map(drop)
    };
    hands_off(&connection, true).map_err(fail)?;
    let synchronous = match durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    connection
        .execute_batch(&format!(
            "PRAGMA busy_timeout = 5000;
             SELECT count(*) FROM sqlite_schema;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = {synchronous};
             PRAGMA foreign_keys = ON;"
        ))
        .map_err(fail)?;
    let found: usize = connection
        .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
        .map_err(fail)? as usize;
    if found > migrations.len() {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: migrations.len(),
        });
    }
    for (index, sql) in migrations.iter().enumerate().skip(found) {
        let transaction = connection.transaction().map_err(fail)?;
        transaction.execute_batch(sql).map_err(fail)?;
        transaction
            .pragma_update(None, "user_version", (index + 1) as i64)
            .map_err(fail)?;
        transaction.commit().map_err(fail)?;
    }
    hands_off(&connection, false).map_err(fail)?;
    Ok(connection)
}

#[cfg(test)]
mod tests;
