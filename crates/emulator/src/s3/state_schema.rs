//! The tables of S3's state.

/// Schema, one entry per version of it. Keys are blobs: S3 orders them by their UTF-8 bytes.
pub(super) const MIGRATIONS: &[&str] = &["
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
"];
