//! The tables, as the engine keeps them.

use std::path::{Path, PathBuf};

use dynoxide::{Database, DynoxideError};
use serde_json::Value;

use crate::behaviour::Behaviour;
use crate::config::Durability;
use crate::server::StartError;
use crate::store::StoreError;

use super::state_phases::Lifecycle;
use super::state_sweep::Expiring;

/// All tables of one emulator.
pub(super) struct State {
    /// The engine.
    pub database: Database,
    /// Its file.
    pub path: PathBuf,
    /// What the engine does not know of its tables.
    pub lifecycle: Lifecycle,
}

impl State {
    /// Opens (or makes) the database files in `folder`.
    pub(super) fn open(
        folder: &Path,
        durability: Durability,
        behaviour: &Behaviour,
    ) -> Result<Self, StartError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Directory {
            path: folder.to_owned(),
            source,
        })?;
        let path = folder.join("dynamodb.sqlite");
        let fail = |error: DynoxideError| match error {
            DynoxideError::SqliteError(source) => StartError::Store(StoreError::Open {
                path: path.clone(),
                source,
            }),
            other => StartError::Tables {
                path: path.clone(),
                message: other.to_string(),
            },
        };
        let name = path.to_str().ok_or_else(|| StartError::Tables {
            path: path.clone(),
            message: "the path is not UTF-8".to_owned(),
        })?;
        let database = Database::new(name).map_err(fail)?;
        // The engine opens a WAL with SQLite's default, a sync per commit. "Normal" settings of
        // its bulk loading are a WAL with `synchronous = NORMAL`, which is what our own stores
        // use: a commit survives the death of the process, and costs no disk flush.
        if durability == Durability::Process {
            database.disable_bulk_loading().map_err(fail)?;
        }
        let phases = folder.join("dynamodb-phases.sqlite");
        let lifecycle = Lifecycle::open(&phases, durability, behaviour)?;
        Ok(Self {
            database,
            path,
            lifecycle,
        })
    }

    /// How many tables there are.
    pub(super) fn tables(&self) -> u64 {
        self.database
            .table_count()
            .inspect_err(|error| tracing::error!("counting tables: {error}"))
            .map_or(0, |count| count as u64)
    }

    /// Is there such a table?
    pub(super) fn has(&self, table: &str) -> Result<bool, DynoxideError> {
        Ok(self.database.get_table_metadata(table)?.is_some())
    }

    /// The attribute with the expiry, when there is such a table and it has a time to live.
    pub(super) fn time_to_live(&self, table: &str) -> Result<Option<String>, DynoxideError> {
        let metadata = self.database.get_table_metadata(table)?;
        Ok(metadata
            .filter(|metadata| metadata.ttl_enabled)
            .and_then(|metadata| metadata.ttl_attribute))
    }

    /// All tables with a time to live.
    pub(super) fn expiring(&self) -> Result<Vec<Expiring>, DynoxideError> {
        let mut found = Vec::new();
        let mut request = dynoxide::actions::list_tables::ListTablesRequest::default();
        loop {
            let page = self.database.list_tables(request)?;
            for name in &page.table_names {
                let Some(metadata) = self.database.get_table_metadata(name)? else {
                    continue;
                };
                if let Some(attribute) = metadata.ttl_attribute.filter(|_| metadata.ttl_enabled) {
                    found.push(Expiring {
                        name: name.clone(),
                        id: metadata.table_id,
                        attribute,
                        key: attributes_of_key(&metadata.key_schema),
                        after: None,
                    });
                }
            }
            if page.last_evaluated_table_name.is_none() {
                return Ok(found);
            }
            request = dynoxide::actions::list_tables::ListTablesRequest {
                exclusive_start_table_name: page.last_evaluated_table_name,
                limit: None,
            };
        }
    }
}

/// The attributes in a key schema, JSON.
fn attributes_of_key(schema: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let elements = schema.as_array().into_iter().flatten();
    elements
        .filter_map(|element| element["AttributeName"].as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commits_survive_without_closing() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let open = || State::open(dir.path(), Durability::Process, &Behaviour::INSTANT);
        let state = open().expect("opened");
        super::super::state_sweep_tests::table_with(&state, &[("a", "1")]);
        // As after a kill: the first connection was never closed, and never wrote its log back.
        let again = open().expect("opened again");
        assert_eq!(again.tables(), 1);
        let key = json!({"TableName": "results", "Key": {"id": {"S": "a"}}});
        let item = again
            .database
            .get_item(serde_json::from_value(key).expect("a request"))
            .expect("read");
        assert!(item.item.is_some());
        assert_eq!(
            again.time_to_live("results").expect("read"),
            Some("expires_at".to_owned())
        );
        drop(state);
    }
}
