//! Copies every row of a damaged store that can still be read into a new one beside it.
//!
//! It works on a copy, so the damaged file and its log stay as they are. A table is read by rowid,
//! forwards until SQLite meets the damage, backwards from the other end, and then from the middle
//! of what is left between: what is lost is what stood on the damaged pages.

mod rows;

use std::fs::{self, File};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::{Damage, Saved, beside, header, salvaged_path, wal};

/// Why rows could not be saved.
#[derive(Debug, thiserror::Error)]
enum SalvageError {
    #[error("{0}")]
    Files(#[from] std::io::Error),
    #[error("{0}")]
    Rows(#[from] rusqlite::Error),
}

/// Saves what can be read of the store at `path`, whose damage is `cause`. `migrations` tell the
/// schema that it should have; without them its own is taken as it is.
pub(crate) fn salvage(path: &Path, cause: impl Into<String>, migrations: &[&str]) -> Damage {
    let saved = save(path, migrations).map_err(|error| error.to_string());
    Damage {
        path: path.to_owned(),
        cause: cause.into(),
        saved,
    }
}

fn save(path: &Path, migrations: &[&str]) -> Result<Saved, SalvageError> {
    // A room of its own: what is in it is incomplete. One that is there is of a run cut off.
    let room = beside(path, ".salvaging");
    if room.exists() {
        fs::remove_dir_all(&room)?;
    }
    fs::create_dir_all(&room)?;
    let done = save_in(&room, path, migrations);
    let cleared = fs::remove_dir_all(&room);
    let saved = done?;
    cleared?;
    Ok(saved)
}

fn save_in(room: &Path, path: &Path, migrations: &[&str]) -> Result<Saved, SalvageError> {
    let copy = room.join("damaged.sqlite");
    // A file that is gone has no rows.
    File::create(&copy)?;
    for suffix in ["", "-wal", "-journal"] {
        let from = beside(path, suffix);
        if from.exists() {
            fs::copy(from, beside(&copy, suffix))?;
        }
    }
    wal::mend(&beside(&copy, "-wal"))?;
    let guessed = header::mend(&copy)?;
    let new = room.join("saved.sqlite");
    let tables = copy_rows(&copy, &new, guessed, migrations)?;
    // Complete or absent: it has its name only when all of it is on the disk.
    File::open(&new)?.sync_all()?;
    let salvaged = salvaged_path(path);
    fs::rename(&new, &salvaged)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(Saved {
        path: salvaged,
        tables,
    })
}

/// Copies schema and rows; returns the tables with the number of rows saved.
fn copy_rows(
    from: &Path,
    to: &Path,
    guessed: bool,
    migrations: &[&str],
) -> rusqlite::Result<Vec<(String, u64)>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let from = Connection::open_with_flags(from, flags)?;
    // "Writable" makes SQLite go on where it cannot read a part of the schema.
    for pragma in [
        "writable_schema = ON",
        "cell_size_check = ON",
        "foreign_keys = OFF",
    ] {
        if let Err(error) = from.execute_batch(&format!("PRAGMA {pragma}")) {
            tracing::debug!(%error, pragma, "salvaging without it");
        }
    }
    let to = Connection::open(to)?;
    to.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN",
    )?;
    let known = schema(&from);
    for (name, sql) in &known {
        if let Err(error) = to.execute_batch(sql) {
            tracing::warn!(%error, name, "a part of the schema is not saved");
        }
    }
    let mut version = number(&from, "user_version").unwrap_or(0);
    if !migrations.is_empty() && !known.is_empty() {
        if guessed || version == 0 || version > migrations.len() as i64 {
            version = version_of(&to, migrations)?;
        }
        complete(&to, &migrations[..version as usize])?;
    }
    let mut saved = Vec::new();
    for table in tables(&to)? {
        let rows = rows::copy(&from, &to, &table)?;
        saved.push((table, rows));
    }
    sequences(&from, &to)?;
    // Nothing could be read of the schema: the store begins anew, and its migrations run.
    let version = if known.is_empty() { 0 } else { version };
    to.pragma_update(None, "user_version", version)?;
    if let Some(application) = number(&from, "application_id") {
        to.pragma_update(None, "application_id", application)?;
    }
    to.execute_batch("COMMIT; PRAGMA writable_schema = OFF")?;
    Ok(saved)
}

/// A number in the header, as far as it can be read.
fn number(connection: &Connection, pragma: &str) -> Option<i64> {
    connection
        .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
        .ok()
}

/// What made the tables, then what made the rest, by name; as far as it can be read.
fn schema(connection: &Connection) -> Vec<(String, String)> {
    let read = || -> rusqlite::Result<Vec<(String, String)>> {
        let mut statement = connection.prepare(
            "SELECT name, sql FROM sqlite_schema
             WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )?;
        let mut rows = statement.query([])?;
        let mut known = Vec::new();
        // Up to the first row that cannot be read.
        while let Ok(Some(row)) = rows.next() {
            if let (Ok(name), Ok(sql)) = (row.get(0), row.get::<_, String>(1)) {
                known.push((name, sql));
            }
        }
        known.sort_by_key(|(_, sql)| !is_table(sql));
        Ok(known)
    };
    read().unwrap_or_else(|error| {
        tracing::debug!(%error, "no schema can be read");
        Vec::new()
    })
}

fn is_table(sql: &str) -> bool {
    sql.get(..12)
        .is_some_and(|start| start.eq_ignore_ascii_case("CREATE TABLE"))
}

/// The names of the tables, without SQLite's own.
pub(super) fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare(
            "SELECT name FROM sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// A name as SQL takes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A store as the first `migrations` make it.
fn template(migrations: &[&str]) -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    for sql in migrations {
        connection.execute_batch(sql)?;
    }
    Ok(connection)
}

/// The newest version whose schema is that of `to`; of one that is nobody's, the newest there is.
fn version_of(to: &Connection, migrations: &[&str]) -> rusqlite::Result<i64> {
    let mut found = schema(to);
    found.sort();
    for version in (1..=migrations.len()).rev() {
        let mut wanted = schema(&template(&migrations[..version])?);
        wanted.sort();
        if wanted == found {
            return Ok(version as i64);
        }
    }
    Ok(migrations.len() as i64)
}

/// Makes what `to` lacks of the schema that `migrations` make.
fn complete(to: &Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    let known = schema(to);
    for (name, sql) in schema(&template(migrations)?) {
        if !known.iter().any(|(there, _)| *there == name) {
            to.execute_batch(&sql)?;
        }
    }
    Ok(())
}

/// Ids that were given once are not given again, though their rows are gone.
fn sequences(from: &Connection, to: &Connection) -> rusqlite::Result<()> {
    let Ok(mut statement) = from.prepare("SELECT name, seq FROM sqlite_sequence") else {
        return Ok(());
    };
    let Ok(mut rows) = statement.query([]) else {
        return Ok(());
    };
    while let Ok(Some(row)) = rows.next() {
        let (Ok(name), Ok(seq)) = (row.get::<_, String>(0), row.get::<_, i64>(1)) else {
            continue;
        };
        let changed = to.execute(
            "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1",
            params![name, seq],
        )?;
        if changed == 0 {
            to.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)",
                params![name, seq],
            )?;
        }
    }
    Ok(())
}
