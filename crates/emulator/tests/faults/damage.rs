//! Damaged stores: reported with what was saved, never reset, and usable again when the user says so.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use pipectl_emulator::{Config, Emulator, StartError};
use rusqlite::Connection;

use crate::common::{beside, directory, snapshot, start};
use crate::contents::{ITEMS, MESSAGES, OBJECTS, count, fill};

const PAGE: u64 = 4096;

/// A data directory with everything in it, whose emulator stopped cleanly.
async fn filled(data: &Path) {
    let emulator = start(data).await;
    fill(&emulator).await;
    emulator.stop().await;
    let lock = fs::read_to_string(data.join("lock")).expect("the lock file");
    assert_eq!(lock, "stopped\n", "a clean stop is noted");
}

/// As a kill would leave the note.
fn unclean(data: &Path) {
    fs::write(data.join("lock"), "4711\n").expect("written");
}

fn overwrite(path: &Path, at: u64, length: usize) {
    let mut file = File::options().write(true).open(path).expect("opened");
    file.seek(SeekFrom::Start(at)).expect("there");
    file.write_all(&vec![0xa5; length]).expect("written");
}

/// A page in the middle of a table's rows.
fn middle_of(path: &Path, table: &str) -> u64 {
    let connection = Connection::open(path).expect("opened");
    let pages: Vec<i64> = connection
        .prepare("SELECT pageno FROM dbstat WHERE name = ?1 AND pagetype = 'leaf' ORDER BY path")
        .expect("a statement")
        .query_map([table], |row| row.get(0))
        .expect("pages")
        .map(|page| page.expect("a number"))
        .collect();
    (pages[pages.len() / 2] as u64 - 1) * PAGE
}

fn read(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    File::open(path)
        .expect("there")
        .read_to_end(&mut bytes)
        .expect("read");
    bytes
}

async fn refused(data: &Path) -> StartError {
    match Emulator::start(Config::new(data)).await {
        Err(error) => error,
        Ok(_) => panic!("it must not start"),
    }
}

/// The start is refused for the store `name` and leaves it as it was; again, too. Returns what is
/// told of it.
async fn refused_for(data: &Path, name: &str) -> String {
    let store = data.join(name);
    let before = read(&store);
    let mut told = Vec::new();
    for _ in 0..2 {
        let error = refused(data).await;
        let damaged: Vec<&PathBuf> = error.damage().iter().map(|damage| &damage.path).collect();
        assert_eq!(damaged, [&store], "{error}");
        assert_eq!(read(&store), before, "nothing was written into it");
        assert!(beside(&store, ".salvaged").exists(), "{error}");
        told.push(error.to_string());
    }
    assert_eq!(told[0], told[1]);
    let text = told.remove(0);
    assert!(text.contains(&store.display().to_string()), "{text}");
    assert!(text.contains("--use-salvaged"), "{text}");
    text
}

async fn with_salvaged(data: &Path, name: &str) -> Emulator {
    let before = read(&data.join(name));
    let replaced = Emulator::use_salvaged(&Config::new(data)).expect("put in place");
    assert_eq!(replaced.len(), 1);
    let kept = replaced[0].kept.as_ref().expect("the damaged file is kept");
    assert!(
        kept.display()
            .to_string()
            .contains(&format!("{name}.damaged-"))
    );
    assert_eq!(read(kept), before);
    start(data).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_costs_the_rows_on_it_and_no_other() {
    let dir = directory();
    filled(dir.path()).await;
    let store = dir.path().join("sqs.sqlite");
    overwrite(&store, middle_of(&store, "messages"), PAGE as usize);
    unclean(dir.path());
    let text = refused_for(dir.path(), "sqs.sqlite").await;
    assert!(text.contains("queues 1"), "{text}");
    let emulator = with_salvaged(dir.path(), "sqs.sqlite").await;
    let (messages, objects, items) = count(&emulator).await;
    assert!((MESSAGES - 12..MESSAGES).contains(&messages), "{messages}");
    assert_eq!((objects, items), (OBJECTS, ITEMS));
    assert_eq!(emulator.resources(), 5);
    emulator.stop().await;
    start(dir.path()).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_header_is_seen_after_a_clean_stop_too() {
    for name in ["s3/meta.sqlite", "dynamodb.sqlite", "lambda/lambda.sqlite"] {
        let dir = directory();
        filled(dir.path()).await;
        overwrite(&dir.path().join(name), 0, 100);
        let text = refused_for(dir.path(), name).await;
        assert!(text.contains("not a database"), "{text}");
        let emulator = with_salvaged(dir.path(), name).await;
        assert_eq!(count(&emulator).await, (MESSAGES, OBJECTS, ITEMS), "{name}");
        assert_eq!(emulator.resources(), 5, "{name}");
        emulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_table_is_saved_around_the_damage() {
    let dir = directory();
    filled(dir.path()).await;
    let store = dir.path().join("dynamodb.sqlite");
    overwrite(&store, middle_of(&store, "results"), PAGE as usize);
    unclean(dir.path());
    refused_for(dir.path(), "dynamodb.sqlite").await;
    let emulator = with_salvaged(dir.path(), "dynamodb.sqlite").await;
    let (messages, objects, items) = count(&emulator).await;
    assert_eq!((messages, objects), (MESSAGES, OBJECTS));
    assert!((ITEMS - 16..ITEMS).contains(&items), "{items}");
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_lost_objects_are_put_aside_and_not_swept() {
    let dir = directory();
    filled(dir.path()).await;
    let store = dir.path().join("s3/meta.sqlite");
    overwrite(&store, middle_of(&store, "versions"), PAGE as usize);
    unclean(dir.path());
    refused_for(dir.path(), "s3/meta.sqlite").await;
    let replaced = Emulator::use_salvaged(&Config::new(dir.path())).expect("put in place");
    let (count_aside, folder) = replaced[0].strays.clone().expect("bodies without a row");
    let emulator = start(dir.path()).await;
    let (_, objects, _) = count(&emulator).await;
    assert!(objects < OBJECTS);
    assert_eq!(objects + count_aside, OBJECTS);
    assert_eq!(fs::read_dir(folder).expect("there").count(), count_aside);
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_or_emptied_file_is_not_a_new_store() {
    for (name, emptied) in [
        ("dynamodb.sqlite", false),
        ("sqs.sqlite", false),
        ("logs.sqlite", true),
    ] {
        let dir = directory();
        filled(dir.path()).await;
        let store = dir.path().join(name);
        let bytes = fs::metadata(&store).expect("there").len();
        let left = if emptied { 0 } else { bytes / 2 };
        let file = File::options().write(true).open(&store).expect("opened");
        file.set_len(left).expect("cut");
        unclean(dir.path());
        let text = refused_for(dir.path(), name).await;
        assert_eq!(text.contains("no row of it can be read"), emptied, "{text}");
        let emulator = with_salvaged(dir.path(), name).await;
        emulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_its_header_is_seen_and_loses_nothing() {
    let (dir, killed) = (directory(), directory());
    let emulator = start(dir.path()).await;
    fill(&emulator).await;
    snapshot(dir.path(), killed.path());
    emulator.stop().await;
    let store = killed.path().join("sqs.sqlite");
    let log = beside(&store, "-wal");
    // All that was written since the start is in it: the header alone takes nothing away.
    overwrite(&log, 0, 32);
    let damaged_log = read(&log);
    let text = refused_for(killed.path(), "sqs.sqlite").await;
    assert!(text.contains("log"), "{text}");
    assert_eq!(read(&log), damaged_log, "it is as it was");
    let emulator = with_salvaged(killed.path(), "sqs.sqlite").await;
    assert_eq!(count(&emulator).await, (MESSAGES, OBJECTS, ITEMS));
    let kept = fs::read_dir(killed.path())
        .expect("a folder")
        .flatten()
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with("sqs.sqlite.damaged-") && name.ends_with("-wal")
        })
        .count();
    assert_eq!(kept, 1, "the log is kept with its store");
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_is_no_damage() {
    let (dir, killed) = (directory(), directory());
    let emulator = start(dir.path()).await;
    fill(&emulator).await;
    snapshot(dir.path(), killed.path());
    emulator.stop().await;
    let emulator = start(killed.path()).await;
    assert_eq!(count(&emulator).await, (MESSAGES, OBJECTS, ITEMS));
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damaged_store_is_named_at_once() {
    let dir = directory();
    filled(dir.path()).await;
    for name in ["sqs.sqlite", "s3/meta.sqlite"] {
        let store = dir.path().join(name);
        let table = if name == "sqs.sqlite" {
            "messages"
        } else {
            "versions"
        };
        overwrite(&store, middle_of(&store, table), PAGE as usize);
    }
    unclean(dir.path());
    let error = refused(dir.path()).await;
    assert_eq!(error.damage().len(), 2, "{error}");
    let replaced = Emulator::use_salvaged(&Config::new(dir.path())).expect("put in place");
    assert_eq!(replaced.len(), 2);
    start(dir.path()).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_newer_version_is_refused_and_not_salvaged() {
    let dir = directory();
    filled(dir.path()).await;
    let store = dir.path().join("sqs.sqlite");
    Connection::open(&store)
        .and_then(|connection| connection.pragma_update(None, "user_version", 99))
        .expect("written");
    let error = refused(dir.path()).await;
    assert!(error.to_string().contains("schema 99, newer"), "{error}");
    assert!(error.damage().is_empty());
    assert!(!beside(&store, ".salvaged").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_store_is_one_that_is_checked() {
    let dir = directory();
    filled(dir.path()).await;
    let mut stores = Vec::new();
    for folder in ["", "s3", "lambda"] {
        for entry in fs::read_dir(dir.path().join(folder))
            .expect("a folder")
            .flatten()
        {
            if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "sqlite")
            {
                stores.push(entry.path());
            }
        }
    }
    assert!(stores.len() >= 5, "{stores:?}");
    for store in &stores {
        overwrite(store, 0, 100);
    }
    // One that is not checked would not be named here.
    unclean(dir.path());
    let mut named = Vec::new();
    while named.len() < stores.len() {
        let error = refused(dir.path()).await;
        assert!(!error.damage().is_empty(), "{error}");
        named.extend(error.damage().iter().map(|damage| damage.path.clone()));
        Emulator::use_salvaged(&Config::new(dir.path())).expect("put in place");
    }
    named.sort();
    stores.sort();
    assert_eq!(named, stores);
    start(dir.path()).await.stop().await;
}
