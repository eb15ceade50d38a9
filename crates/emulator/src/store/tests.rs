mod migrations;
mod replace;

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use tempfile::TempDir;

use super::check::{Fault, fault_of};
use super::*;

/// Rows of the table whose pages the tests damage. Each fills an eighth of a page.
const ROWS: i64 = 4_000;
const PAGE: u64 = 4096;
const MIGRATIONS: [&str; 2] = [
    "CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
     CREATE INDEX messages_by_body ON messages (body);
     CREATE TABLE tags (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
     CREATE TABLE items (pk TEXT NOT NULL, sk TEXT NOT NULL, rowid TEXT, PRIMARY KEY (pk, sk));",
    "ALTER TABLE tags ADD COLUMN since INTEGER NOT NULL DEFAULT 7",
];

fn made() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("s.sqlite");
    let mut connection = open(&path, &MIGRATIONS, Durability::Process).expect("made");
    let transaction = connection.transaction().expect("begun");
    for id in 1..=ROWS {
        transaction
            .execute(
                "INSERT INTO messages (id, body) VALUES (?1, ?2)",
                (id, format!("{id:08}{}", "x".repeat(450))),
            )
            .expect("a row");
    }
    for number in 0..50 {
        transaction
            .execute(
                "INSERT INTO tags (key, value) VALUES (?1, 'v')",
                [format!("k{number:03}")],
            )
            .expect("a row");
        transaction
            .execute(
                "INSERT INTO items (pk, sk, rowid) VALUES (?1, 's', 'not a number')",
                [format!("p{number:03}")],
            )
            .expect("a row");
    }
    transaction
        .execute("UPDATE sqlite_sequence SET seq = 9999", [])
        .expect("a sequence");
    transaction.commit().expect("committed");
    (dir, path)
}

/// Pages that hold rows of `messages`, in the order of the rows.
fn leaves(path: &Path) -> Vec<u64> {
    let connection = Connection::open(path).expect("opened");
    let mut statement = connection
        .prepare(
            "SELECT pageno FROM dbstat WHERE name = 'messages' AND pagetype = 'leaf' ORDER BY path",
        )
        .expect("a statement");
    statement
        .query_map([], |row| row.get::<_, i64>(0).map(|page| page as u64))
        .expect("pages")
        .map(|page| page.expect("a number"))
        .collect()
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = File::options().write(true).open(path).expect("opened");
    file.seek(SeekFrom::Start(at)).expect("there");
    file.write_all(bytes).expect("written");
}

fn read(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    File::open(path)
        .expect("opened")
        .read_to_end(&mut bytes)
        .expect("read");
    bytes
}

fn garbage(length: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

fn examined(path: &Path, last: LastStop) -> Option<Fault> {
    fault_of(path, last, u64::MAX)
}

/// The ids that were saved, after checks that hold for every salvage.
fn saved_ids(damage: &Damage, original: &[u8]) -> Vec<i64> {
    let saved = damage.saved.as_ref().expect("rows were saved");
    assert_eq!(saved.path, salvaged_path(&damage.path));
    assert_eq!(
        read(&damage.path),
        original,
        "the damaged file is as it was"
    );
    assert!(!beside(&damage.path, ".salvaging").exists());
    let connection = Connection::open(&saved.path).expect("a store");
    let whole: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("checked");
    assert_eq!(whole, "ok");
    let ids: Vec<i64> = connection
        .prepare("SELECT id FROM messages NOT INDEXED ORDER BY id")
        .expect("a statement")
        .query_map([], |row| row.get(0))
        .expect("rows")
        .map(|id| id.expect("an id"))
        .collect();
    let told = |table: &str| saved.tables.iter().find(|(name, _)| name == table);
    assert_eq!(
        told("messages"),
        Some(&("messages".to_owned(), ids.len() as u64))
    );
    ids
}

/// What only the damaged page had is lost, and nothing else.
fn check_others(damage: &Damage) {
    let saved = damage.saved.as_ref().expect("saved");
    let rows = |table: &str| {
        saved
            .tables
            .iter()
            .find(|(name, _)| name == table)
            .map(|(_, rows)| *rows)
    };
    assert_eq!((rows("tags"), rows("items")), (Some(50), Some(50)));
    let connection =
        open(&saved.path, &MIGRATIONS, Durability::Process).expect("it opens as a store");
    let (seq, since): (i64, i64) = connection
        .query_row(
            "SELECT (SELECT seq FROM sqlite_sequence), (SELECT sum(since) FROM tags)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .expect("read");
    assert_eq!((seq, since), (9999, 350), "ids are not given twice");
    let kept: String = connection
        .query_row("SELECT rowid FROM items WHERE pk = 'p007'", [], |row| {
            row.get(0)
        })
        .expect("a column of that name");
    assert_eq!(kept, "not a number");
}

#[test]
fn rows_around_damaged_pages_are_saved() {
    for count in [1, 3] {
        let (_dir, path) = made();
        let leaves = leaves(&path);
        assert!(leaves.len() > 400, "{}", leaves.len());
        for part in 1..=count {
            let page = leaves[leaves.len() * part / (count + 1)];
            overwrite(&path, (page - 1) * PAGE, &garbage(PAGE));
        }
        let original = read(&path);
        let fault = examined(&path, LastStop::Unclean).expect("it is seen");
        assert!(!fault.unreadable, "{fault:?}");
        let damage = save_rows(&path, fault.cause, &[]);
        let ids = saved_ids(&damage, &original);
        let lost = ROWS as usize - ids.len();
        assert!(
            (count..=count * 9).contains(&lost),
            "{lost} lost with {count} pages"
        );
        assert_eq!(
            (ids[0], ids[ids.len() - 1]),
            (1, ROWS),
            "both ends are there"
        );
        check_others(&damage);
        let text = damage.to_string();
        assert!(text.contains(&format!("messages {}", ids.len())), "{text}");
    }
}

#[test]
fn a_damaged_header_loses_no_row() {
    for length in [16, 100] {
        let (_dir, path) = made();
        overwrite(&path, 0, &garbage(length));
        let original = read(&path);
        assert!(examined(&path, LastStop::Clean).is_some_and(|fault| fault.unreadable));
        let Err(StoreError::Damaged(damage)) = open(&path, &MIGRATIONS, Durability::Process) else {
            panic!("it must not open");
        };
        assert_eq!(saved_ids(&damage[0], &original).len(), ROWS as usize);
        check_others(&damage[0]);
    }
}

#[test]
fn an_older_version_is_known_again_without_its_header() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("s.sqlite");
    open(&path, &MIGRATIONS[..1], Durability::Process).expect("made");
    overwrite(&path, 0, &garbage(100));
    let damage = save_rows(&path, "damaged", &MIGRATIONS);
    let saved = damage.saved.expect("saved");
    let connection = Connection::open(&saved.path).expect("a store");
    let version: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .expect("a version");
    assert_eq!(version, 1);
    drop(connection);
    open(&saved.path, &MIGRATIONS, Durability::Process).expect("it migrates");
}

#[test]
fn a_cut_file_keeps_what_stood_before_the_cut() {
    let (_dir, path) = made();
    let bytes = fs::metadata(&path).expect("there").len();
    let file = File::options().write(true).open(&path).expect("opened");
    file.set_len(bytes / 2 / PAGE * PAGE).expect("cut");
    let original = read(&path);
    let fault = examined(&path, LastStop::Unclean).expect("it is seen");
    let damage = save_rows(&path, fault.cause, &MIGRATIONS);
    let ids = saved_ids(&damage, &original);
    assert!(ids.len() > 100, "{}", ids.len());
    open(
        &damage.saved.expect("saved").path,
        &MIGRATIONS,
        Durability::Process,
    )
    .expect("it opens as a store");
}

#[test]
fn an_empty_file_is_a_fault_where_there_was_a_store() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("s.sqlite");
    File::create(&path).expect("made");
    assert_eq!(examined(&path, LastStop::Never), None);
    let fault = examined(&path, LastStop::Unclean).expect("it is seen");
    let damage = save_rows(&path, fault.cause, &[]);
    assert!(damage.to_string().contains("no row of it"), "{damage}");
    fs::remove_file(&path).expect("removed");
    assert_eq!(
        examined(&path, LastStop::Unclean),
        None,
        "a new one is made"
    );
    overwrite_new(&beside(&path, "-wal"), &garbage(500));
    assert!(examined(&path, LastStop::Unclean).is_some());
}

fn overwrite_new(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("written");
}

/// A store as it is after a kill: 20 committed rows are only in its log.
fn killed() -> (TempDir, PathBuf) {
    let (from_dir, from) = made();
    let connection = open(&from, &MIGRATIONS, Durability::Process).expect("opened");
    for _ in 0..20 {
        connection
            .execute("INSERT INTO messages (body) VALUES ('in the log')", [])
            .expect("a row");
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("s.sqlite");
    for suffix in ["", "-wal"] {
        fs::copy(beside(&from, suffix), beside(&path, suffix)).expect("copied");
    }
    drop((connection, from_dir));
    (dir, path)
}

#[test]
fn a_kill_is_no_damage() {
    let (_dir, path) = killed();
    assert_eq!(examined(&path, LastStop::Unclean), None);
    // The torn end of a transaction that did not come to its commit.
    let log = beside(&path, "-wal");
    let whole = fs::metadata(&log).expect("there").len();
    for torn in [1, 24, 1000] {
        let file = File::options().write(true).open(&log).expect("opened");
        file.set_len(whole - torn).expect("cut");
        assert_eq!(examined(&path, LastStop::Unclean), None, "{torn} bytes cut");
    }
}

#[test]
fn leftovers_of_a_rolled_back_transaction_are_no_damage() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("s.sqlite");
    let connection = open(&path, &MIGRATIONS, Durability::Process).expect("made");
    // So small a cache spills into the log before the commit.
    connection
        .execute_batch(
            "PRAGMA cache_size = 5; PRAGMA wal_autocheckpoint = 0; BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO messages (body) SELECT hex(zeroblob(200)) FROM n;
             ROLLBACK;
             INSERT INTO messages (body) VALUES ('kept')",
        )
        .expect("run");
    assert!(length(&beside(&path, "-wal")) > 500_000, "it did spill");
    assert_eq!(wal::fault(&beside(&path, "-wal")).expect("read"), None);
    drop(connection);
}

#[test]
fn a_damaged_log_is_seen_and_its_commits_before_the_damage_are_saved() {
    let (_dir, path) = killed();
    let log = beside(&path, "-wal");
    let whole = read(&log);
    let middle = whole.len() as u64 / 2;
    // The header, which can be told from what follows; header and first frame; the middle.
    for (at, length, saved_from_log) in [(0, 32, 20..21), (0, 64, 0..1), (middle, 32, 5..20)] {
        fs::write(&log, &whole).expect("restored");
        overwrite(&log, at, &garbage(length));
        let (store, damaged_log) = (read(&path), read(&log));
        let fault = examined(&path, LastStop::Unclean).expect("it is seen");
        assert!(fault.cause.contains("log"), "{fault:?}");
        let damage = save_rows(&path, fault.cause, &[]);
        let ids = saved_ids(&damage, &store);
        assert_eq!(read(&log), damaged_log, "the log is as it was");
        let from_log = ids.len() - ROWS as usize;
        assert!(saved_from_log.contains(&from_log), "{at}: {from_log}");
    }
}

#[test]
fn a_large_store_is_not_read_through() {
    let (_dir, path) = made();
    let page = leaves(&path)[100];
    overwrite(&path, (page - 1) * PAGE, &garbage(PAGE));
    assert_eq!(fault_of(&path, LastStop::Unclean, 1_000_000), None);
    overwrite(&path, 0, &garbage(100));
    assert!(
        fault_of(&path, LastStop::Unclean, 1_000_000).is_some(),
        "its header and schema are read at any size"
    );
}
