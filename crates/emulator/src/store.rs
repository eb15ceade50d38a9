//! Opening a service's SQLite database: one file per service, migrated by its `user_version`.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::config::Durability;

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
    let synchronous = match durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = {synchronous};
             PRAGMA busy_timeout = 5000;
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
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_run_once_each_and_a_newer_store_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("a/b.sqlite");
        let first = ["CREATE TABLE t (x INTEGER)"];
        open(&path, &first, Durability::Process).expect("made");
        let both = [first[0], "ALTER TABLE t ADD COLUMN y INTEGER"];
        let connection = open(&path, &both, Durability::Process).expect("migrated");
        connection
            .execute("INSERT INTO t (x, y) VALUES (1, 2)", [])
            .expect("both columns are there");
        drop(connection);
        assert!(matches!(
            open(&path, &first, Durability::Process),
            Err(StoreError::Newer {
                found: 2,
                known: 1,
                ..
            })
        ));
    }
}
