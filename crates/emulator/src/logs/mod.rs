//! CloudWatch Logs, the part that functions and pipectl use: groups, streams, retention, tags,
//! writing, reading and filtering.
//!
//! Functions' output arrives by [`LogPort`]; SDKs use the same state over HTTP. Files besides the
//! usual four: `events` (reading and writing events, a part of the state) and `pattern` (filter
//! patterns).

mod events;
mod handlers;
mod handlers_events;
mod operations;
mod pattern;
mod state;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use crate::bus::{LogLine, LogPort};
use crate::error::AwsError;
use crate::server::{Shared, StartError};
use crate::service::{Request, Response, Service};

use self::events::NewEvent;
use self::state::State;
pub(crate) use operations::OPERATIONS;

/// Between two sweeps for events older than their group's retention.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// CloudWatch Logs.
pub(crate) struct LogsService {
    state: Arc<State>,
    shared: Arc<Shared>,
}

/// Opens the store in the data directory.
pub(crate) fn open(shared: Arc<Shared>) -> Result<Arc<LogsService>, StartError> {
    let state = Arc::new(State::open(
        &shared.data_dir.join("logs.sqlite"),
        shared.durability,
    )?);
    Ok(Arc::new(LogsService { state, shared }))
}

impl LogsService {
    /// Starts the sweep that deletes what is older than its retention.
    pub(crate) fn start(&self) {
        let (state, shared) = (Arc::clone(&self.state), Arc::clone(&self.shared));
        tokio::spawn(async move {
            loop {
                let now = shared.clock.now_ms();
                let sweeping = Arc::clone(&state);
                match tokio::task::spawn_blocking(move || sweeping.sweep(now)).await {
                    Ok(Ok(0)) => {}
                    Ok(Ok(deleted)) => tracing::debug!(deleted, "log events past retention"),
                    Ok(Err(error)) => tracing::error!("the retention sweep failed: {error}"),
                    Err(error) => tracing::error!("the retention sweep ended: {error}"),
                }
                tokio::select! {
                    () = shared.stop.cancelled() => return,
                    () = shared.clock.sleep_until(now + SWEEP_EVERY.as_millis() as i64) => {}
                }
            }
        });
    }
}

impl LogPort for LogsService {
    fn append(&self, group: &str, stream: &str, lines: &[LogLine]) -> Result<(), AwsError> {
        let events: Vec<NewEvent> = lines
            .iter()
            .map(|line| NewEvent {
                timestamp: line.timestamp_ms,
                message: line.message.clone(),
            })
            .collect();
        self.state
            .append(group, stream, &events, self.shared.clock.now_ms())
    }
}

#[async_trait::async_trait]
impl Service for LogsService {
    async fn call(&self, request: Request) -> Response {
        let (operation, body) = match wire::read(request).await {
            Ok(read) => read,
            Err(error) => return wire::respond(Err(error)),
        };
        let state = Arc::clone(&self.state);
        let now = self.shared.clock.now_ms();
        // Filtering reads as many events as there are.
        let answered =
            tokio::task::spawn_blocking(move || handlers::dispatch(&state, &operation, &body, now))
                .await
                .unwrap_or_else(|error| Err(AwsError::internal(error)));
        wire::respond(answered)
    }

    fn resources(&self) -> u64 {
        self.state.groups_count()
    }
}
