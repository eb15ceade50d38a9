//! The tables, as the engine keeps them, and the time to live sweep.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dynoxide::{Database, DynoxideError};

use crate::config::Durability;
use crate::server::{Shared, StartError};
use crate::store::StoreError;

/// Between two sweeps for expired items; AWS takes days.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// A sweep reads every item of every table with a time to live. It may take this share of the
/// time at most, so that a large table slows nothing down.
const SWEEP_SHARE: u32 = 20;

/// All tables of one emulator.
pub(super) struct State {
    /// The engine.
    pub database: Database,
}

/// Time to live of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TimeToLive {
    /// The attribute with the expiry when it is on.
    pub attribute: Option<String>,
}

impl State {
    /// Opens (or makes) the database file.
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, StartError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|source| StoreError::Directory {
                path: parent.to_owned(),
                source,
            })?;
        }
        let fail = |error: DynoxideError| match error {
            DynoxideError::SqliteError(source) => StartError::Store(StoreError::Open {
                path: path.to_owned(),
                source,
            }),
            other => StartError::Tables {
                path: path.to_owned(),
                message: other.to_string(),
            },
        };
        let name = path.to_str().ok_or_else(|| StartError::Tables {
            path: path.to_owned(),
            message: "the path is not UTF-8".to_owned(),
        })?;
        let database = Database::new(name).map_err(fail)?;
        // The engine opens a WAL with SQLite's default, a sync per commit. "Normal" settings of
        // its bulk loading are a WAL with `synchronous = NORMAL`, which is what our own stores
        // use: a commit survives the death of the process, and costs no disk flush.
        if durability == Durability::Process {
            database.disable_bulk_loading().map_err(fail)?;
        }
        Ok(Self { database })
    }

    /// How many tables there are.
    pub(super) fn tables(&self) -> u64 {
        self.database
            .table_count()
            .inspect_err(|error| tracing::error!("counting tables: {error}"))
            .map_or(0, |count| count as u64)
    }

    /// Time to live of a table; `None` when there is no such table.
    pub(super) fn time_to_live(&self, table: &str) -> Result<Option<TimeToLive>, DynoxideError> {
        let metadata = self.database.get_table_metadata(table)?;
        Ok(metadata.map(|metadata| TimeToLive {
            attribute: metadata.ttl_attribute.filter(|_| metadata.ttl_enabled),
        }))
    }
}

/// Deletes expired items until the emulator stops. The rounds go by the shared clock; whether an
/// item has expired is judged by the engine, which reads the wall clock for a database in a file.
pub(super) async fn sweep_until_stopped(state: Arc<State>, shared: Arc<Shared>) {
    let mut pause = SWEEP_EVERY;
    loop {
        let next = shared.clock.now_ms() + pause.as_millis() as i64;
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.clock.sleep_until(next) => {}
        }
        let begun = Instant::now();
        let sweeping = Arc::clone(&state);
        match tokio::task::spawn_blocking(move || sweeping.database.sweep_ttl()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(deleted)) => tracing::debug!(deleted, "expired items"),
            Ok(Err(error)) => tracing::error!("the time to live sweep failed: {error}"),
            Err(error) => tracing::error!("the time to live sweep ended: {error}"),
        }
        pause = SWEEP_EVERY.max(begun.elapsed() * SWEEP_SHARE);
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::ManualClock;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    /// A request of the engine's, written as JSON.
    fn read<T: DeserializeOwned>(json: Value) -> T {
        serde_json::from_value(json).expect("a request")
    }

    fn table_with(state: &State, items: &[(&str, i64)]) {
        let db = &state.database;
        db.create_table(read(json!({
            "TableName": "results", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        })))
        .expect("a table");
        db.update_time_to_live(read(json!({
            "TableName": "results",
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": true},
        })))
        .expect("a time to live");
        for (id, expires_at) in items {
            db.put_item(read(json!({
                "TableName": "results",
                "Item": {"id": {"S": id}, "expires_at": {"N": expires_at.to_string()}},
            })))
            .expect("an item");
        }
    }

    #[tokio::test]
    async fn expired_items_go_with_the_next_sweep() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let state = Arc::new(
            State::open(&dir.path().join("d.sqlite"), Durability::Process).expect("opened"),
        );
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs() as i64;
        table_with(&state, &[("expired", now - 60), ("kept", now + 3600)]);
        let clock = Arc::new(ManualClock::new(0));
        let config = crate::Config {
            clock: clock.clone(),
            ..crate::Config::new(dir.path())
        };
        let shared = Arc::new(Shared::new(&config, ""));
        let sweep = tokio::spawn(sweep_until_stopped(Arc::clone(&state), Arc::clone(&shared)));
        let swept = async {
            loop {
                clock.advance(SWEEP_EVERY.as_millis() as i64);
                tokio::task::yield_now().await;
                let left = state
                    .database
                    .scan(read(json!({"TableName": "results"})))
                    .expect("scanned");
                if left.count == 1 {
                    break serde_json::to_value(left).expect("JSON");
                }
            }
        };
        let left = tokio::time::timeout(Duration::from_secs(20), swept)
            .await
            .expect("the expired item goes");
        assert_eq!(left["Items"][0]["id"]["S"], "kept");
        shared.stop.cancel();
        sweep.await.expect("the sweep ends with the emulator");
    }

    #[test]
    fn commits_survive_without_closing() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("d.sqlite");
        let state = State::open(&path, Durability::Process).expect("opened");
        table_with(&state, &[("a", 1)]);
        // As after a kill: the first connection was never closed, and never wrote its log back.
        let again = State::open(&path, Durability::Process).expect("opened again");
        assert_eq!(again.tables(), 1);
        let item = again
            .database
            .get_item(read(
                json!({"TableName": "results", "Key": {"id": {"S": "a"}}}),
            ))
            .expect("read");
        assert!(item.item.is_some());
        assert_eq!(
            again.time_to_live("results").expect("read"),
            Some(TimeToLive {
                attribute: Some("expires_at".to_owned())
            })
        );
        drop(state);
    }
}
