//! Functions, mappings and pending asynchronous invocations. Memory is a copy of what SQLite holds:
//! every change is committed before it is seen. No HTTP here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{ACCOUNT, REGION};
use crate::error::AwsError;

/// Schema, one entry per version.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE functions (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE mappings (uuid TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE pending (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        function TEXT NOT NULL,
        request_id TEXT NOT NULL,
        payload BLOB NOT NULL,
        attempts INTEGER NOT NULL
    ) STRICT;
",
    "
    ALTER TABLE pending ADD COLUMN accepted_ms INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE pending ADD COLUMN next_ms INTEGER NOT NULL DEFAULT 0;
",
];

/// A function with everything that is configured on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Function {
    pub name: String,
    pub runtime: String,
    pub handler: String,
    pub role: String,
    pub description: String,
    pub memory_mb: u32,
    pub timeout_s: u32,
    pub environment: BTreeMap<String, String>,
    pub architecture: String,
    /// base64(SHA-256(zip)).
    pub code_sha256: String,
    /// Directory of the unpacked code below the code directory.
    pub code_dir: String,
    pub code_bytes: u64,
    pub modified_ms: i64,
    /// Rises with each change of code or configuration: older environments are retired.
    pub generation: u64,
    pub tags: BTreeMap<String, String>,
    /// Statements of the resource policy.
    pub policy: Vec<Value>,
    pub invoke_config: Option<InvokeConfig>,
    pub reserved: Option<u32>,
    /// Queue for events that used up their retries, by ARN.
    #[serde(default)]
    pub dead_letter: Option<String>,
    /// It is `Pending` until then, milliseconds since the Unix epoch. // aws-behaviours L1
    #[serde(default)]
    pub pending_until_ms: i64,
    /// Its last update is `InProgress` until then. // aws-behaviours L3
    #[serde(default)]
    pub updating_until_ms: i64,
}

impl Function {
    pub(super) fn arn(&self) -> String {
        function_arn(&self.name)
    }

    /// Is it not yet ready to be invoked?
    pub(super) fn is_pending(&self, now_ms: i64) -> bool {
        now_ms < self.pending_until_ms
    }

    /// Is its last update not yet done?
    pub(super) fn is_updating(&self, now_ms: i64) -> bool {
        now_ms < self.updating_until_ms
    }
}

/// Settings of asynchronous invocations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct InvokeConfig {
    pub retries: Option<u32>,
    pub max_age_s: Option<u32>,
    pub on_failure: Option<String>,
    pub on_success: Option<String>,
    pub modified_ms: i64,
}

/// An event source mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Mapping {
    pub uuid: String,
    pub queue_arn: String,
    pub function: String,
    pub enabled: bool,
    pub batch: u32,
    pub window_s: u32,
    pub partial_failures: bool,
    pub max_concurrency: Option<u32>,
    pub filter: Option<Value>,
    pub modified_ms: i64,
    pub tags: BTreeMap<String, String>,
    /// What is being done to it, and until when. // aws-behaviours E2
    #[serde(default)]
    pub change: Option<Change>,
}

/// A change of a mapping that takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub kind: ChangeKind,
    /// Milliseconds since the Unix epoch.
    pub until_ms: i64,
}

/// What a mapping's state says while it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ChangeKind {
    Creating,
    Updating,
    Enabling,
    Disabling,
    Deleting,
}

impl ChangeKind {
    /// AWS's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::Enabling => "Enabling",
            Self::Disabling => "Disabling",
            Self::Deleting => "Deleting",
        }
    }
}

impl Mapping {
    /// What is being done to it now.
    pub(super) fn changing(&self, now_ms: i64) -> Option<ChangeKind> {
        let change = self.change.filter(|change| now_ms < change.until_ms);
        change.map(|change| change.kind)
    }

    /// AWS's word for its state.
    pub(super) fn state(&self, now_ms: i64) -> &'static str {
        match self.changing(now_ms) {
            Some(change) => change.word(),
            None if self.enabled => "Enabled",
            None => "Disabled",
        }
    }
}

/// An accepted asynchronous invocation.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub seq: i64,
    pub function: String,
    pub request_id: String,
    pub payload: Vec<u8>,
    pub attempts: u32,
    /// When it was accepted, milliseconds since the Unix epoch.
    pub accepted_ms: i64,
    /// When it may be tried next.
    pub next_ms: i64,
}

pub(super) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// Name of a function in a name, a partial ARN or an ARN; a qualifier is cut off.
pub(super) fn function_name(text: &str) -> &str {
    let rest = text.rsplit_once("function:").map_or(text, |(_, rest)| rest);
    rest.split(':').next().unwrap_or(rest)
}

pub(super) fn no_function(name: &str) -> AwsError {
    AwsError::new(
        404,
        "ResourceNotFoundException",
        format!("Function not found: {}", function_arn(name)),
    )
}

pub(super) fn no_mapping() -> AwsError {
    AwsError::new(
        404,
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    )
}

pub(super) struct State {
    connection: Mutex<Connection>,
    functions: RwLock<BTreeMap<String, Arc<Function>>>,
    mappings: RwLock<BTreeMap<String, Arc<Mapping>>>,
    pub code: PathBuf,
}

impl State {
    pub(super) fn new(connection: Connection, directory: &Path) -> Result<Self, AwsError> {
        let functions: Vec<Function> = all(&connection, "SELECT value FROM functions")?;
        let mappings: Vec<Mapping> = all(&connection, "SELECT value FROM mappings")?;
        Ok(Self {
            connection: Mutex::new(connection),
            functions: RwLock::new(
                functions
                    .into_iter()
                    .map(|f| (f.name.clone(), Arc::new(f)))
                    .collect(),
            ),
            mappings: RwLock::new(
                mappings
                    .into_iter()
                    .map(|m| (m.uuid.clone(), Arc::new(m)))
                    .collect(),
            ),
            code: directory.join("code"),
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().expect("no holder panics")
    }

    pub(super) fn functions(&self) -> Vec<Arc<Function>> {
        self.functions
            .read()
            .expect("no holder panics")
            .values()
            .cloned()
            .collect()
    }

    pub(super) fn function(&self, name: &str) -> Result<Arc<Function>, AwsError> {
        let name = function_name(name);
        let functions = self.functions.read().expect("no holder panics");
        functions
            .get(name)
            .cloned()
            .ok_or_else(|| no_function(name))
    }

    pub(super) fn put_function(&self, function: Function) -> Result<Arc<Function>, AwsError> {
        let text = serde_json::to_string(&function).map_err(AwsError::internal)?;
        self.connection()
            .prepare_cached("INSERT OR REPLACE INTO functions (name, value) VALUES (?1, ?2)")?
            .execute([&function.name, &text])?;
        let function = Arc::new(function);
        self.functions
            .write()
            .expect("no holder panics")
            .insert(function.name.clone(), function.clone());
        Ok(function)
    }

    pub(super) fn delete_function(&self, name: &str) -> Result<(), AwsError> {
        self.connection()
            .execute("DELETE FROM functions WHERE name = ?1", [name])?;
        self.functions
            .write()
            .expect("no holder panics")
            .remove(name);
        Ok(())
    }

    pub(super) fn mappings(&self) -> Vec<Arc<Mapping>> {
        self.mappings
            .read()
            .expect("no holder panics")
            .values()
            .cloned()
            .collect()
    }

    pub(super) fn mapping(&self, uuid: &str) -> Result<Arc<Mapping>, AwsError> {
        self.mappings
            .read()
            .expect("no holder panics")
            .get(uuid)
            .cloned()
            .ok_or_else(no_mapping)
    }

    pub(super) fn put_mapping(&self, mapping: Mapping) -> Result<Arc<Mapping>, AwsError> {
        let text = serde_json::to_string(&mapping).map_err(AwsError::internal)?;
        self.connection().execute(
            "INSERT OR REPLACE INTO mappings (uuid, value) VALUES (?1, ?2)",
            [&mapping.uuid, &text],
        )?;
        let mapping = Arc::new(mapping);
        self.mappings
            .write()
            .expect("no holder panics")
            .insert(mapping.uuid.clone(), mapping.clone());
        Ok(mapping)
    }

    pub(super) fn delete_mapping(&self, uuid: &str) -> Result<(), AwsError> {
        self.connection()
            .execute("DELETE FROM mappings WHERE uuid = ?1", [uuid])?;
        self.mappings
            .write()
            .expect("no holder panics")
            .remove(uuid);
        Ok(())
    }

    /// Accepts an asynchronous invocation.
    pub(super) fn accept(
        &self,
        function: &str,
        request_id: &str,
        payload: &[u8],
        now_ms: i64,
    ) -> Result<Pending, AwsError> {
        let connection = self.connection();
        connection
            .prepare_cached(
                "INSERT INTO pending (function, request_id, payload, attempts, accepted_ms, next_ms)
                 VALUES (?1, ?2, ?3, 0, ?4, ?4)",
            )?
            .execute(params![function, request_id, payload, now_ms])?;
        Ok(Pending {
            seq: connection.last_insert_rowid(),
            function: function.to_owned(),
            request_id: request_id.to_owned(),
            payload: payload.to_vec(),
            attempts: 0,
            accepted_ms: now_ms,
            next_ms: now_ms,
        })
    }

    /// Notes how often it was tried and when it may be tried next.
    pub(super) fn note_attempt(&self, pending: &Pending) -> Result<(), AwsError> {
        self.connection()
            .prepare_cached("UPDATE pending SET attempts = ?1, next_ms = ?2 WHERE seq = ?3")?
            .execute(params![pending.attempts, pending.next_ms, pending.seq])?;
        Ok(())
    }

    pub(super) fn settle(&self, seq: i64) -> Result<(), AwsError> {
        self.connection()
            .prepare_cached("DELETE FROM pending WHERE seq = ?1")?
            .execute([seq])?;
        Ok(())
    }

    /// Everything accepted and not settled.
    pub(super) fn pending(&self) -> Result<Vec<Pending>, AwsError> {
        let connection = self.connection();
        let mut select = connection.prepare(
            "SELECT seq, function, request_id, payload, attempts, accepted_ms, next_ms
             FROM pending ORDER BY seq",
        )?;
        let rows = select.query_map([], |row| {
            Ok(Pending {
                seq: row.get(0)?,
                function: row.get(1)?,
                request_id: row.get(2)?,
                payload: row.get(3)?,
                attempts: row.get(4)?,
                accepted_ms: row.get(5)?,
                next_ms: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn all<T: serde::de::DeserializeOwned>(
    connection: &Connection,
    sql: &str,
) -> Result<Vec<T>, AwsError> {
    let mut select = connection.prepare(sql)?;
    let texts: Vec<String> = select
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    texts
        .iter()
        .map(|text| serde_json::from_str(text).map_err(AwsError::internal))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_by_name_arn_and_qualified_arn() {
        for text in [
            "f",
            "function:f",
            "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
            "000000000000:function:f",
        ] {
            assert_eq!(function_name(text), "f", "{text}");
        }
    }
}
