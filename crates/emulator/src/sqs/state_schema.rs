//! The tables of SQS's store.

/// Ids are never used twice (`AUTOINCREMENT`): a receipt handle can only ever mean its message.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE queues (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        created_ms INTEGER NOT NULL,
        modified_ms INTEGER NOT NULL,
        visibility_s INTEGER NOT NULL,
        retention_s INTEGER NOT NULL,
        delay_s INTEGER NOT NULL,
        wait_s INTEGER NOT NULL,
        max_bytes INTEGER NOT NULL,
        sse_managed INTEGER NOT NULL,
        kms_key_id TEXT,
        kms_reuse_s INTEGER NOT NULL,
        policy TEXT,
        redrive_allow TEXT,
        redrive TEXT,
        dead_letter TEXT,
        max_receives INTEGER
    );
    CREATE INDEX queues_by_dead_letter ON queues (dead_letter, name)
        WHERE dead_letter IS NOT NULL;
    CREATE TABLE queue_tags (
        queue_id INTEGER NOT NULL REFERENCES queues(id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (queue_id, key)
    ) WITHOUT ROWID;
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        queue_id INTEGER NOT NULL REFERENCES queues(id) ON DELETE CASCADE,
        sent_ms INTEGER NOT NULL,
        visible_ms INTEGER NOT NULL,
        first_received_ms INTEGER,
        received_ms INTEGER,
        receive_count INTEGER NOT NULL DEFAULT 0,
        received_here INTEGER NOT NULL DEFAULT 0,
        source TEXT,
        message_id TEXT NOT NULL,
        md5 TEXT NOT NULL,
        system TEXT,
        attributes TEXT,
        body TEXT NOT NULL
    );
    CREATE INDEX messages_by_visibility ON messages (queue_id, visible_ms);
    CREATE INDEX messages_by_age ON messages (queue_id, sent_ms);
    CREATE TABLE move_tasks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        task_id TEXT NOT NULL UNIQUE,
        source TEXT NOT NULL,
        destination TEXT,
        per_second INTEGER,
        status TEXT NOT NULL,
        moved INTEGER NOT NULL DEFAULT 0,
        to_move INTEGER NOT NULL,
        last_message INTEGER NOT NULL,
        started_ms INTEGER NOT NULL,
        failure TEXT
    );
    CREATE INDEX move_tasks_by_source ON move_tasks (source);
",
    "
    CREATE TABLE deleted_queues (
        name TEXT PRIMARY KEY,
        deleted_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    ALTER TABLE queues ADD COLUMN purged_ms INTEGER;
",
    // Set while a mapping works on the message.
    "
    ALTER TABLE messages ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX messages_taken ON messages (id) WHERE taken = 1;
",
];
