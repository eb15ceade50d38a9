//! SQS: standard queues over one SQLite file, by the JSON protocol.
//!
//! What sleeps here (long polls, mappings of the function service) is woken by the sends
//! themselves; one timer watches for the ends of delays and visibility timeouts. Other services
//! come in by [`QueuePort`]. Files besides the usual four are parts of them: `state_*` the
//! messages, attributes, move tasks and wake-ups, `handlers_*` operations by group, `wire_*` the
//! request shapes and message attributes. `property_tests` compares all of it with the reference
//! model in `model_tests`.

mod handlers;
mod handlers_batch;
mod handlers_messages;
#[cfg(test)]
mod handlers_messages_tests;
mod handlers_moves;
#[cfg(test)]
mod handlers_moves_tests;
mod handlers_permissions;
#[cfg(test)]
mod handlers_rules_tests;
#[cfg(test)]
mod handlers_tests;
#[cfg(test)]
mod model_tests;
mod operations;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod property_world_tests;
mod state;
mod state_attributes;
mod state_errors;
mod state_messages;
mod state_moves;
mod state_permissions;
mod state_receive;
mod state_schema;
mod state_tags;
#[cfg(test)]
mod state_tests;
mod state_waits;
#[cfg(test)]
mod state_waits_tests;
mod state_wakes;
mod wire;
mod wire_attributes;
mod wire_requests;
mod wire_rules;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::bus::{QueueFacts, QueuePort, ReceivedMessage};
use crate::error::AwsError;
use crate::server::{Shared, StartError};
use crate::service::{Request, Response, Service};

use self::state::State;
use self::state_messages::NewMessage;
use self::state_receive::{Handle, Received, Receiver};
use self::state_waits::Waits;
use self::wire_attributes::MessageAttribute;
pub(crate) use operations::OPERATIONS;

/// Between two sweeps for messages older than their queue's retention.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Amazon SQS.
#[derive(Clone)]
pub(crate) struct SqsService {
    state: Arc<State>,
    shared: Arc<Shared>,
}

/// Opens the store in the data directory.
pub(crate) fn open(shared: Arc<Shared>) -> Result<Arc<SqsService>, StartError> {
    let state = Arc::new(State::open(
        &shared.data_dir.join("sqs.sqlite"),
        shared.durability,
        Waits::from(&shared.behaviour),
    )?);
    Ok(Arc::new(SqsService { state, shared }))
}

impl SqsService {
    /// Starts the timer of delays and visibility timeouts, the retention sweep, and the move
    /// tasks that a stop interrupted.
    pub(crate) fn start(self: &Arc<Self>) {
        tokio::spawn(state_wakes::run_timer(
            Arc::clone(&self.state),
            Arc::clone(&self.shared.clock),
            self.shared.stop.clone(),
        ));
        // Before any mapping is started.
        match self.state.give_back_taken(self.now_ms()) {
            Ok(0) => {}
            Ok(given_back) => tracing::info!(given_back, "messages of interrupted batches"),
            Err(error) => tracing::error!("interrupted batches stay hidden: {error}"),
        }
        tokio::spawn(sweep_until_stopped(Arc::clone(self)));
        match self.state.running_moves() {
            Ok(tasks) => {
                for task in tasks {
                    handlers_moves::spawn(self, task);
                }
            }
            Err(error) => tracing::error!("interrupted move tasks stay where they are: {error}"),
        }
    }

    fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }
}

async fn sweep_until_stopped(service: Arc<SqsService>) {
    loop {
        let now = service.now_ms();
        let state = Arc::clone(&service.state);
        match tokio::task::spawn_blocking(move || state.expire(now)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(deleted)) => tracing::debug!(deleted, "messages past retention"),
            Ok(Err(error)) => tracing::error!("the retention sweep failed: {error}"),
            Err(error) => tracing::error!("the retention sweep ended: {error}"),
        }
        tokio::select! {
            () = service.shared.stop.cancelled() => return,
            () = service.shared.clock.sleep_until(now + SWEEP_EVERY.as_millis() as i64) => {}
        }
    }
}

#[async_trait::async_trait]
impl Service for SqsService {
    async fn call(&self, request: Request) -> Response {
        let call = match wire::read(request).await {
            Ok(wire::Incoming::Json(call)) => call,
            Ok(wire::Incoming::Query) => return wire::query_refused(),
            Err(error) => return wire::respond(Err(error)),
        };
        let operation = call.operation.clone();
        let answer = handlers::dispatch(self, call).await;
        if let Err(error) = &answer
            && error.status == 500
        {
            tracing::error!(operation, "{error}");
        }
        wire::respond(answer)
    }

    fn resources(&self) -> u64 {
        self.state
            .queues_count()
            .inspect_err(|error| tracing::error!("counting queues: {error}"))
            .unwrap_or(0)
    }
}

impl QueuePort for SqsService {
    fn describe(&self, queue_arn: &str) -> Option<QueueFacts> {
        let found = self.state.find(state::name_of(queue_arn)?);
        let queue = found
            .inspect_err(|error| tracing::error!("describing {queue_arn}: {error}"))
            .ok()??;
        Some(QueueFacts {
            visibility_timeout_s: queue.attributes.visibility_s,
        })
    }

    fn receive(&self, queue_arn: &str, max: usize) -> Result<Vec<ReceivedMessage>, AwsError> {
        let name = port_name(queue_arn)?;
        let received = self
            .state
            .receive(name, max, None, Receiver::Mapping, self.now_ms())?;
        received.messages.into_iter().map(as_record).collect()
    }

    fn delete(&self, queue_arn: &str, receipt_handles: &[String]) -> Result<(), AwsError> {
        let name = port_name(queue_arn)?;
        self.state
            .delete_messages(name, &known(name, receipt_handles))
    }

    fn release(
        &self,
        queue_arn: &str,
        receipt_handles: &[String],
        visibility_s: u32,
    ) -> Result<(), AwsError> {
        let name = port_name(queue_arn)?;
        let changes: Vec<(Handle, u32)> = known(name, receipt_handles)
            .into_iter()
            .map(|handle| (handle, visibility_s))
            .collect();
        // A message that is refused is gone, or hidden for as long as it can be: either way there
        // is nothing to release.
        self.state
            .change_visibility(name, &changes, self.now_ms())
            .map(drop)
    }

    fn send(
        &self,
        queue_arn: &str,
        body: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, AwsError> {
        let name = port_name(queue_arn)?;
        let attributes = attributes
            .iter()
            .map(|(name, value)| (name.clone(), MessageAttribute::string(value)))
            .collect();
        wire_rules::check_body(body)?;
        wire_rules::check(&attributes)?;
        let message = NewMessage {
            size: body.len() + wire_attributes::size(&attributes),
            md5: wire_attributes::md5_hex(body.as_bytes()),
            body: body.to_owned(),
            attributes: wire_attributes::stored(&attributes)?,
            system: None,
            delay_s: None,
        };
        let mut sent = self.state.send(name, vec![message], self.now_ms())?;
        sent.pop()
            .unwrap_or_else(|| Err(AwsError::internal("nothing was sent")))
    }

    fn watch(&self, queue_arn: &str) -> Option<watch::Receiver<u64>> {
        self.state
            .watch(state::name_of(queue_arn)?)
            .inspect_err(|error| tracing::error!("watching {queue_arn}: {error}"))
            .ok()
            .flatten()
    }
}

fn port_name(queue_arn: &str) -> Result<&str, AwsError> {
    state::name_of(queue_arn).ok_or_else(state_errors::no_queue)
}

/// The handles that are of this queue; others name nothing that could be found.
fn known(queue: &str, receipt_handles: &[String]) -> Vec<Handle> {
    receipt_handles
        .iter()
        .filter_map(|text| Handle::parse(text, queue))
        .collect()
}

/// A message in the shape of a Lambda SQS event record.
fn as_record(message: Received) -> Result<ReceivedMessage, AwsError> {
    let attributes = wire_attributes::parse_stored(message.attributes.as_deref())?;
    Ok(ReceivedMessage {
        attributes: wire_attributes::system_attributes(&message)?,
        message_attributes: attributes
            .iter()
            .map(|(name, attribute)| (name.clone(), attribute.as_record()))
            .collect(),
        message_id: message.message_id,
        receipt_handle: message.handle,
        body: message.body,
        md5_of_body: message.md5,
        md5_of_message_attributes: wire_attributes::attributes_md5(&attributes),
    })
}
