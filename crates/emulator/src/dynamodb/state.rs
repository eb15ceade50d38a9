//! The tables, as the engine keeps them, and the time to live sweep.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dynoxide::{Database, DynoxideError};

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
    pub(super) fn open(path: &Path) -> Result<Self, StartError> {
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
        database.disable_bulk_loading().map_err(fail)?;
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
