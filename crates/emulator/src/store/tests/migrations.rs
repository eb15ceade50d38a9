//! Schemas: every older one is migrated, a newer one refused.

use crate::config::Durability;
use crate::store::{StoreError, open};

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

#[test]
fn a_store_of_every_older_version_opens() {
    let all = [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)",
        "ALTER TABLE t ADD COLUMN b TEXT NOT NULL DEFAULT 'b'; CREATE INDEX by_b ON t (b);",
        "CREATE TABLE u (t INTEGER REFERENCES t(id)); INSERT INTO u SELECT id FROM t;",
    ];
    for older in 0..all.len() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("s.sqlite");
        let connection = open(&path, &all[..older], Durability::Power).expect("made");
        if older > 0 {
            connection
                .execute("INSERT INTO t (a) VALUES ('a')", [])
                .expect("a row of then");
        }
        drop(connection);
        let connection = open(&path, &all, Durability::Power).expect("migrated");
        let (version, rows): (i64, i64) = connection
            .query_row(
                "SELECT user_version, (SELECT count(*) FROM t) FROM pragma_user_version",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .expect("read");
        assert_eq!((version, rows), (3, i64::from(older > 0)), "from {older}");
    }
}

#[test]
fn a_migration_that_fails_leaves_the_store_as_it_was() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("s.sqlite");
    let bad = [
        "CREATE TABLE t (a TEXT)",
        "CREATE TABLE u (a TEXT); SELECT no_such_function()",
    ];
    assert!(matches!(
        open(&path, &bad, Durability::Process),
        Err(StoreError::Open { .. })
    ));
    let good = [bad[0], "CREATE TABLE u (a TEXT)"];
    open(&path, &good, Durability::Process).expect("the table of the failed one is not there");
}
