//! Puts saved rows in the place of a damaged store. Only when the user says so.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::{FILES, StoreError, beside, salvaged_path};

/// A damaged store that was replaced by what was saved of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The store.
    pub store: PathBuf,
    /// Where the damaged file is now; none when there was no file any more.
    pub kept: Option<PathBuf>,
    /// Files that belong to rows which could not be saved, and where they are now.
    pub strays: Option<(usize, PathBuf)>,
}

/// Files beside a store that its rows name. A service removes those that no row names when it
/// starts; what belongs to rows that were lost must not go that way.
struct Named {
    store: &'static str,
    folder: &'static str,
    /// Their names.
    sql: &'static str,
}

const NAMED: [Named; 2] = [
    Named {
        store: "s3/meta.sqlite",
        folder: "s3/objects",
        sql: "SELECT body FROM versions WHERE body IS NOT NULL UNION SELECT body FROM parts",
    },
    Named {
        store: "lambda/lambda.sqlite",
        folder: "lambda/code",
        sql: "SELECT json_extract(value, '$.code_dir') FROM functions",
    },
];

/// Puts every saved store below `data_dir` in its place. The damaged ones are kept beside it, named
/// by `now_s`, seconds since the Unix epoch.
///
/// It can be cut off anywhere: while saved rows wait, no emulator starts, and this goes on.
pub(crate) fn use_salvaged(data_dir: &Path, now_s: i64) -> Result<Vec<Replaced>, StoreError> {
    let mut replaced = Vec::new();
    for name in FILES {
        let store = data_dir.join(name);
        let salvaged = salvaged_path(&store);
        if !salvaged.exists() {
            continue;
        }
        let fail = |source| StoreError::Replace {
            path: store.clone(),
            source,
        };
        let mut strays = None;
        for named in NAMED.iter().filter(|named| named.store == name) {
            let names = names(&salvaged, named.sql).map_err(|source| StoreError::Open {
                path: salvaged.clone(),
                source,
            })?;
            let folder = data_dir.join(named.folder);
            let aside = beside(&folder, &format!(".damaged-{now_s}"));
            let moved = set_aside(&folder, &aside, &names).map_err(fail)?;
            strays = (moved > 0).then_some((moved, aside));
        }
        let kept = beside(&store, &format!(".damaged-{now_s}"));
        // The log goes with its store: with another it would be replayed into the wrong pages.
        for log in ["-wal", "-journal"] {
            rename(&beside(&store, log), &beside(&kept, log)).map_err(fail)?;
        }
        remove(&beside(&store, "-shm")).map_err(fail)?;
        let was_there = rename(&store, &kept).map_err(fail)?;
        fs::rename(&salvaged, &store).map_err(fail)?;
        replaced.push(Replaced {
            store,
            kept: was_there.then_some(kept),
            strays,
        });
    }
    Ok(replaced)
}

/// The names of the files that the rows of a store name.
fn names(path: &Path, sql: &str) -> rusqlite::Result<HashSet<String>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let empty: bool = connection.query_row(
        "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)",
        [],
        |row| row.get(0),
    )?;
    if empty {
        return Ok(HashSet::new());
    }
    connection
        .prepare(sql)?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Moves what `names` does not hold to a folder of its own; returns how much that was.
fn set_aside(folder: &Path, aside: &Path, names: &HashSet<String>) -> io::Result<usize> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut moved = 0;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| names.contains(name)) {
            continue;
        }
        fs::create_dir_all(aside)?;
        fs::rename(entry.path(), aside.join(name))?;
        moved += 1;
    }
    Ok(moved)
}

/// Moves a file; false when there is none.
fn rename(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
