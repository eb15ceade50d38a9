//! Putting saved rows in place.

use super::*;

#[test]
fn saved_rows_are_put_in_place_and_the_damaged_file_is_kept() {
    let (dir, path) = made();
    let data = dir.path().join("data");
    let store = data.join("sqs.sqlite");
    fs::create_dir_all(&data).expect("made");
    fs::rename(&path, &store).expect("moved");
    let page = leaves(&store)[100];
    overwrite(&store, (page - 1) * PAGE, &garbage(PAGE));
    fs::write(beside(&store, "-wal"), garbage(100)).expect("a log");
    let original = read(&store);
    let found = examine(&data, LastStop::Unclean, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    // The log is away: without the page it would look whole. The saved rows still wait.
    let again = examine(&data, LastStop::Clean, &[]);
    assert_eq!(again.len(), 1, "{again:?}");
    let replaced = use_salvaged(&data, 1_700_000_000).expect("replaced");
    let kept = data.join("sqs.sqlite.damaged-1700000000");
    assert_eq!(
        replaced,
        [Replaced {
            store: store.clone(),
            kept: Some(kept.clone()),
            strays: None
        }]
    );
    assert_eq!(read(&kept), original);
    assert!(beside(&kept, "-wal").exists() && !beside(&store, "-wal").exists());
    assert_eq!(examine(&data, LastStop::Unclean, &[]), []);
    assert_eq!(use_salvaged(&data, 1).expect("nothing is left to do"), []);
    open(&store, &MIGRATIONS, Durability::Process).expect("it opens");
}

#[test]
fn a_replacement_that_was_cut_off_goes_on() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = dir.path().join("logs.sqlite");
    open(
        &beside(&store, ".salvaged"),
        &MIGRATIONS,
        Durability::Process,
    )
    .expect("saved rows");
    // The damaged file has been moved away, and the saved one has not been moved in.
    let found = examine(dir.path(), LastStop::Clean, &[]);
    assert!(found[0].cause.contains("earlier"), "{found:?}");
    assert_eq!(use_salvaged(dir.path(), 1).expect("replaced")[0].kept, None);
    assert!(store.exists());
    assert_eq!(examine(dir.path(), LastStop::Clean, &[]), []);
}
