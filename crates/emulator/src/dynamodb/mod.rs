//! DynamoDB and its streams, by the dynoxide engine over one SQLite file.
//!
//! The engine knows tables, items, expressions, transactions, PartiQL and streams. What is here
//! is the wire (JSON in and out, errors), our region in its ARNs, AWS's refusals that the engine
//! lacks, the phases of a table, and the time to live sweep. No other service is needed, and none
//! needs this one.

mod handlers;
mod handlers_tables;
mod operations;
mod state;
mod state_phases;
mod state_sweep;
mod wire;
mod wire_names;

#[cfg(test)]
mod handlers_phases_tests;
#[cfg(test)]
mod handlers_tests;
#[cfg(test)]
mod state_sweep_tests;

use std::sync::Arc;

use crate::server::{Shared, StartError};
use crate::service::{Request, Response, Service};

use self::state::State;
pub(crate) use operations::OPERATIONS;

/// Amazon DynamoDB.
pub(crate) struct DynamoDbService {
    state: Arc<State>,
    shared: Arc<Shared>,
}

/// Opens the stores in the data directory.
pub(crate) fn open(shared: Arc<Shared>) -> Result<Arc<DynamoDbService>, StartError> {
    let state = Arc::new(State::open(
        &shared.data_dir,
        shared.durability,
        &shared.behaviour,
    )?);
    Ok(Arc::new(DynamoDbService { state, shared }))
}

impl DynamoDbService {
    /// Starts the sweep that deletes expired items.
    pub(crate) fn start(&self) {
        tokio::spawn(state_sweep::sweep_until_stopped(
            Arc::clone(&self.state),
            Arc::clone(&self.shared),
        ));
    }
}

#[async_trait::async_trait]
impl Service for DynamoDbService {
    async fn call(&self, request: Request) -> Response {
        let (operation, body) = match wire::read(request).await {
            Ok(read) => read,
            Err(error) => return wire::refuse(&error),
        };
        let now = self.shared.clock.now_ms();
        if !handlers::is_long(&operation) {
            return handlers::answer(&self.state, &operation, &body, now);
        }
        let state = Arc::clone(&self.state);
        tokio::task::spawn_blocking(move || handlers::answer(&state, &operation, &body, now))
            .await
            .unwrap_or_else(|error| wire::refuse(&crate::error::AwsError::internal(error)))
    }

    fn resources(&self) -> u64 {
        self.state.tables()
    }
}
