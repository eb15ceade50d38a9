//! Time to live: deletes expired items, by the shared clock.
//!
//! The engine has a sweep of its own, which reads the wall clock. This one asks the engine for the
//! expired items and has it delete them, each under the condition that it is expired still.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dynoxide::actions::delete_item;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::storage::Storage;
use dynoxide::storage_backend::Clock as EngineClock;
use dynoxide::{DynoxideError, Item};
use futures::FutureExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::clock::SharedClock;
use crate::config::Durability;
use crate::server::Shared;

use super::state::State;
use super::wire::Refusal;

/// Between two sweeps for expired items; AWS takes days.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// A sweep reads every item of every table with a time to live. It may take this share of the
/// time at most, so that a large table slows nothing down.
const SWEEP_SHARE: u32 = 20;
/// Items that are looked at while requests wait.
const PAGE: usize = 100;
/// Items that expired longer ago stay: more likely than such an age is a time in another unit.
const TOO_OLD_S: i64 = 5 * 365 * 24 * 60 * 60;
/// Marks the stream records of this sweep's deletions as those of the service, as AWS does. Only
/// its own connection has this trigger.
const SERVICE_IDENTITY: &str = r#"
    CREATE TEMP TRIGGER deleted_by_the_service AFTER INSERT ON main._stream_records
    BEGIN
        UPDATE _stream_records
        SET user_identity = '{"type":"Service","principalId":"dynamodb.amazonaws.com"}'
        WHERE id = NEW.id;
    END"#;

/// Deletes expired items until the emulator stops.
pub(super) async fn sweep_until_stopped(state: Arc<State>, shared: Arc<Shared>) {
    let mut pause = SWEEP_EVERY;
    loop {
        let next = shared.clock.now_ms() + pause.as_millis() as i64;
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.clock.sleep_until(next) => {}
        }
        let begun = Instant::now();
        match sweep(&state, &shared).await {
            Ok(0) => {}
            Ok(deleted) => tracing::debug!(deleted, "expired items"),
            Err(error) => tracing::error!("the time to live sweep failed: {error}"),
        }
        pause = SWEEP_EVERY.max(begun.elapsed() * SWEEP_SHARE);
    }
}

/// Looks at all tables; returns how many items were deleted.
pub(super) async fn sweep(state: &Arc<State>, shared: &Arc<Shared>) -> Result<usize, Refusal> {
    let mut deleted = 0;
    let mut tables = state.expiring()?;
    while let Some(table) = tables.last_mut() {
        if shared.stop.is_cancelled() {
            break;
        }
        // Each page on its own, so that requests come in between.
        let page = Page {
            clock: shared.clock.clone(),
            durability: shared.durability,
            path: state.path.clone(),
            table: table.clone(),
        };
        let paging = Arc::clone(state);
        let swept = tokio::task::spawn_blocking(move || page.sweep(&paging)).await;
        let (gone, after) = swept.map_err(|error| {
            DynoxideError::InternalServerError(format!("a page of the sweep ended: {error}"))
        })??;
        deleted += gone;
        if after.is_some() {
            table.after = after;
        } else {
            tables.pop();
        }
    }
    Ok(deleted)
}

/// A table with a time to live, and how far a sweep has come in it.
#[derive(Debug, Clone)]
pub(super) struct Expiring {
    pub name: String,
    /// Tells it from another that is made under the same name.
    pub id: Option<String>,
    /// The attribute with the moment of expiry.
    pub attribute: String,
    /// Attributes of its key.
    pub key: Vec<String>,
    /// The last key that was looked at.
    pub after: Option<Item>,
}

struct Page {
    clock: SharedClock,
    durability: Durability,
    path: PathBuf,
    table: Expiring,
}

impl Page {
    /// Deletes what has expired on one page; returns how many that was, and where to go on.
    fn sweep(&self, state: &State) -> Result<(usize, Option<Item>), Refusal> {
        let (expired, after) = match self.expired(state) {
            Ok(found) => found,
            // Deleted since the sweep began.
            Err(DynoxideError::ResourceNotFoundException(_)) => return Ok((0, None)),
            Err(error) => return Err(error.into()),
        };
        if expired.is_empty() {
            return Ok((0, after));
        }
        // Nobody changes the table meanwhile: the second connection reads its indexes only once.
        let _turn = state.lifecycle.turn();
        let now = state.expiring()?;
        if !now
            .iter()
            .any(|table| table.id == self.table.id && table.attribute == self.table.attribute)
        {
            return Ok((0, None));
        }
        let storage = connect(&self.path, self.durability, &self.clock)?;
        storage
            .conn()
            .execute_batch(SERVICE_IDENTITY)
            .map_err(DynoxideError::from)?;
        let mut deleted = 0;
        for key in expired {
            match self.delete(&storage, &key) {
                Ok(()) => deleted += 1,
                // Written anew since it was found.
                Err(DynoxideError::ConditionalCheckFailedException(..)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok((deleted, after))
    }

    /// Keys of expired items, and where to go on.
    fn expired(&self, state: &State) -> Result<(Vec<Item>, Option<Item>), DynoxideError> {
        let mut names = serde_json::Map::new();
        let mut projection = Vec::new();
        names.insert("#ttl".to_owned(), self.table.attribute.as_str().into());
        for (index, attribute) in self.table.key.iter().enumerate() {
            projection.push(format!("#k{index}"));
            names.insert(format!("#k{index}"), attribute.as_str().into());
        }
        let mut scan: ScanRequest = read(json!({
            "TableName": self.table.name,
            "FilterExpression": "#ttl BETWEEN :oldest AND :newest",
            "ProjectionExpression": projection.join(", "),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": self.bounds(),
            "Limit": PAGE,
        }))?;
        scan.exclusive_start_key.clone_from(&self.table.after);
        let found = state.database.scan(scan)?;
        Ok((found.items.unwrap_or_default(), found.last_evaluated_key))
    }

    fn delete(&self, storage: &Storage, key: &impl Serialize) -> Result<(), DynoxideError> {
        let request = read(json!({
            "TableName": self.table.name,
            "Key": key,
            "ConditionExpression": "#ttl BETWEEN :oldest AND :newest",
            "ExpressionAttributeNames": {"#ttl": self.table.attribute},
            "ExpressionAttributeValues": self.bounds(),
        }))?;
        delete_item::execute(storage, request)
            .now_or_never()
            .unwrap_or_else(|| {
                Err(DynoxideError::InternalServerError(
                    "the engine did not delete at once".to_owned(),
                ))
            })
            .map(drop)
    }

    /// Between these, an item has expired.
    fn bounds(&self) -> Value {
        let now = self.clock.now_ms() / 1000;
        json!({
            ":oldest": {"N": (now - TOO_OLD_S).to_string()},
            ":newest": {"N": (now - 1).to_string()},
        })
    }
}

/// A request of the engine's, written as JSON.
fn read<T: DeserializeOwned>(json: Value) -> Result<T, DynoxideError> {
    serde_json::from_value(json)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// The shared clock, as the engine wants one.
struct Told(SharedClock);

impl EngineClock for Told {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.0.now_ms() / 1000).unwrap_or(0)
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.0.now_ms() as f64 / 1000.0
    }
}

/// A second connection to the engine's file, on the shared clock.
pub(super) fn connect(
    path: &Path,
    durability: Durability,
    clock: &SharedClock,
) -> Result<Storage, DynoxideError> {
    let path = path.to_str().unwrap_or_default();
    let storage = Storage::new(path)?.with_clock(Arc::new(Told(clock.clone())));
    if durability == Durability::Process {
        storage.disable_bulk_loading()?;
    }
    Ok(storage)
}
