//! The tables of S3's state.

/// Schema, one entry per version of it. Keys are blobs: S3 orders them by their UTF-8 bytes.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE buckets (
        name TEXT PRIMARY KEY,
        created_ms INTEGER NOT NULL,
        versioning TEXT NOT NULL DEFAULT 'Unversioned'
    ) WITHOUT ROWID;
    CREATE TABLE documents (
        bucket TEXT NOT NULL REFERENCES buckets(name) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (bucket, kind)
    ) WITHOUT ROWID;
    CREATE TABLE counter (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL);
    INSERT INTO counter VALUES (1, 0);
    CREATE TABLE versions (
        seq INTEGER PRIMARY KEY,
        bucket TEXT NOT NULL REFERENCES buckets(name),
        key BLOB NOT NULL,
        version_id TEXT NOT NULL,
        is_latest INTEGER NOT NULL,
        delete_marker INTEGER NOT NULL,
        body TEXT,
        size INTEGER NOT NULL,
        etag TEXT NOT NULL,
        modified_ms INTEGER NOT NULL,
        storage_class TEXT NOT NULL,
        attributes TEXT NOT NULL,
        tags TEXT NOT NULL,
        checksum TEXT,
        part_sizes TEXT NOT NULL,
        UNIQUE (bucket, key, version_id)
    );
    CREATE UNIQUE INDEX latest ON versions (bucket, key) WHERE is_latest = 1;
    CREATE INDEX history ON versions (bucket, key, seq DESC);
    CREATE TABLE uploads (
        upload_id TEXT PRIMARY KEY,
        bucket TEXT NOT NULL REFERENCES buckets(name) ON DELETE CASCADE,
        key BLOB NOT NULL,
        started_ms INTEGER NOT NULL,
        description TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX uploads_by_key ON uploads (bucket, key, upload_id);
    CREATE TABLE parts (
        upload_id TEXT NOT NULL REFERENCES uploads(upload_id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        body TEXT NOT NULL,
        size INTEGER NOT NULL,
        etag TEXT NOT NULL,
        checksum TEXT NOT NULL,
        modified_ms INTEGER NOT NULL,
        PRIMARY KEY (upload_id, number)
    ) WITHOUT ROWID;
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        function_arn TEXT NOT NULL,
        payload TEXT NOT NULL
    );
",
    // What a conditional completion is held against, and what GetObjectAttributes tells of parts.
    "
    ALTER TABLE versions ADD COLUMN part_checksums TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE uploads ADD COLUMN started_seq INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE uploads ADD COLUMN conflicted INTEGER NOT NULL DEFAULT 0;
    UPDATE uploads SET started_seq = (SELECT value FROM counter);
",
];

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::state_tests::{BUCKET, Fixture, open};
    use super::*;
    use crate::clock::ManualClock;
    use crate::config::Durability;

    #[test]
    fn a_store_of_the_first_version_is_taken_over() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let objects = dir.path().join("objects");
        std::fs::create_dir_all(&objects).expect("made");
        std::fs::write(objects.join("body"), b"old").expect("written");
        let old = Connection::open(dir.path().join("meta.sqlite")).expect("made");
        old.execute_batch(MIGRATIONS[0]).expect("the first schema");
        old.execute_batch(
            "PRAGMA user_version = 1;
             UPDATE counter SET value = 7;
             INSERT INTO buckets (name, created_ms) VALUES ('uploads', 0);
             INSERT INTO versions (seq, bucket, key, version_id, is_latest, delete_marker, body,
                size, etag, modified_ms, storage_class, attributes, tags, checksum, part_sizes)
             VALUES (7, 'uploads', x'6b', 'null', 1, 0, 'body', 3, 'e', 0, 'STANDARD', '{}', '[]',
                NULL, '[]');
             INSERT INTO uploads (upload_id, bucket, key, started_ms, description)
             VALUES ('u', 'uploads', x'6b', 0, '{}');",
        )
        .expect("filled");
        drop(old);
        let clock = std::sync::Arc::new(ManualClock::new(0));
        let store = open(dir.path(), &clock, Durability::Process);
        let started: i64 = store
            .lock()
            .connection
            .query_row("SELECT started_seq FROM uploads", [], |row| row.get(0))
            .expect("migrated");
        assert_eq!(started, 7, "nothing before counts as a conflict");
        let fixture = Fixture { dir, clock, store };
        assert_eq!(fixture.read("k", None), Ok("old".to_owned()));
        let found = fixture.store.find(BUCKET, "k", None).expect("there");
        assert!(found.version.part_checksums.is_empty());
        fixture.put("k", b"new");
        assert_eq!(fixture.read("k", None), Ok("new".to_owned()));
    }
}
