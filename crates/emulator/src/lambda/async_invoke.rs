//! Asynchronous invocations: accepted in SQLite, tried up to three times, then handed to the
//! on-failure destination. // aws-behaviours L21

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::LambdaService;
use super::runtime::{Finished, NotBegun, Outcome, Slot};
use super::state::{Function, Pending};
use crate::error::AwsError;

/// Retries when the function does not say otherwise.
const RETRIES: u32 = 2;

/// Works on one accepted invocation until it is settled. When the emulator stops in the middle, it stays
/// accepted and is taken up at the next start.
pub(super) async fn settle(lambda: Arc<LambdaService>, mut pending: Pending) {
    let payload = Bytes::from(std::mem::take(&mut pending.payload));
    let last = loop {
        let Ok(function) = lambda.state.function(&pending.function) else {
            // Events for a function that was deleted meanwhile are dropped, as on AWS.
            break None;
        };
        let finished = match lambda
            .invoke_waiting(&function, &pending.request_id, payload.clone())
            .await
        {
            Ok(Some(finished)) => finished,
            // The emulator stops.
            Ok(None) => return,
            // It was deleted while the invocation waited.
            Err(_) if lambda.state.function(&pending.function).is_err() => break None,
            Err(error) => {
                tracing::error!(%error, function = pending.function, "an invocation could not be begun");
                Finished {
                    outcome: Outcome::InitFailed(
                        json!({ "errorType": error.code, "errorMessage": error.message }),
                    ),
                    log_tail: String::new(),
                }
            }
        };
        let failed = finished.outcome.error(&pending.request_id).is_some();
        if failed && lambda.shared.stop.is_cancelled() {
            // The process was ended by the stop and not by its own fault: this try does not count.
            return;
        }
        pending.attempts += 1;
        if let Err(error) = lambda.state.count_attempt(pending.seq, pending.attempts) {
            tracing::error!(%error, "an attempt was not counted");
        }
        let retries = function
            .invoke_config
            .as_ref()
            .and_then(|config| config.retries)
            .unwrap_or(RETRIES);
        // In the behaviour `instant` a retry follows at once.
        if !failed || pending.attempts > retries {
            break Some((function, finished));
        }
    };
    if let Some((function, finished)) = last {
        tell_destination(&lambda, &function, &pending, &payload, &finished);
    }
    if let Err(error) = lambda.state.settle(pending.seq) {
        tracing::error!(%error, "an invocation stays accepted and will run again");
    }
}

fn tell_destination(
    lambda: &LambdaService,
    function: &Function,
    pending: &Pending,
    payload: &[u8],
    finished: &Finished,
) {
    let config = function.invoke_config.as_ref();
    let failed = finished.outcome.error(&pending.request_id);
    let destination = match failed {
        Some(_) => config.and_then(|config| config.on_failure.as_deref()),
        None => config.and_then(|config| config.on_success.as_deref()),
    };
    let Some(destination) = destination else {
        return;
    };
    let now = time::OffsetDateTime::from_unix_timestamp_nanos(
        i128::from(lambda.shared.clock.now_ms()) * 1_000_000,
    );
    let record = record(
        function,
        pending,
        payload,
        &finished.outcome,
        now.unwrap_or(time::OffsetDateTime::UNIX_EPOCH),
    );
    let sent = lambda
        .shared
        .bus
        .queues()
        .send(destination, &record.to_string(), &BTreeMap::new());
    if let Err(error) = sent {
        tracing::error!(%error, destination, "a record could not be sent to its destination");
    }
}

/// AWS's record of an invocation that came to its end.
fn record(
    function: &Function,
    pending: &Pending,
    payload: &[u8],
    outcome: &Outcome,
    now: time::OffsetDateTime,
) -> Value {
    let json_of = |bytes: &[u8]| {
        serde_json::from_slice(bytes)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(bytes).into_owned()))
    };
    let mut context = json!({ "statusCode": 200, "executedVersion": "$LATEST" });
    let (condition, response) = match outcome.error(&pending.request_id) {
        Some((word, error)) => {
            context["functionError"] = word.into();
            ("RetriesExhausted", error)
        }
        None => match outcome {
            Outcome::Answered(bytes) => ("Success", json_of(bytes)),
            _ => ("Success", Value::Null),
        },
    };
    json!({
        "version": "1.0",
        "timestamp": super::wire::timestamp(now),
        "requestContext": {
            "requestId": pending.request_id,
            "functionArn": format!("{}:$LATEST", function.arn()),
            "condition": condition,
            "approximateInvokeCount": pending.attempts,
        },
        "requestPayload": json_of(payload),
        "responseContext": context,
        "responsePayload": response,
    })
}

impl LambdaService {
    /// Invokes; waits while the function is throttled. None when the emulator stops meanwhile.
    pub(super) async fn invoke_waiting(
        &self,
        function: &Arc<Function>,
        request_id: &str,
        payload: Bytes,
    ) -> Result<Option<Finished>, AwsError> {
        let mut function = Arc::clone(function);
        loop {
            let Some(slot) = self.wait_for_slot(&mut function).await? else {
                return Ok(None);
            };
            let work = self
                .runtime
                .work(slot, &function, request_id, payload.clone());
            match work.await {
                Ok(finished) => return Ok(Some(finished)),
                Err(NotBegun::Stopping) => return Ok(None),
                Err(NotBegun::Failed(error)) => return Err(error),
                // The process had ended, and its place was taken by another.
                Err(NotBegun::Throttled) => {}
            }
        }
    }

    /// Waits for an environment of the function as it is then. None when the emulator stops meanwhile.
    async fn wait_for_slot(&self, function: &mut Arc<Function>) -> Result<Option<Slot>, AwsError> {
        let turn = self.runtime.turn(&function.name);
        let stop = &self.shared.stop;
        let _turn = tokio::select! {
            turn = turn.lock() => turn,
            () = stop.cancelled() => return Ok(None),
        };
        loop {
            // Made before the look: what becomes free after the look rings it.
            let freed = self.runtime.freed.notified();
            *function = self.state.function(&function.name)?;
            match self.runtime.reserve(function) {
                Ok(slot) => return Ok(Some(slot)),
                Err(NotBegun::Stopping) => return Ok(None),
                Err(NotBegun::Failed(error)) => return Err(error),
                Err(NotBegun::Throttled) => {}
            }
            tokio::select! {
                () = freed => {}
                () = stop.cancelled() => return Ok(None),
            }
        }
    }
}
