//! Asynchronous invocations: accepted in SQLite, tried up to three times, then handed to the
//! on-failure destination and the dead letter queue. // aws-behaviours L21, L22

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::LambdaService;
use super::mapping::Claimed;
use super::runtime::{Finished, NotBegun, Outcome};
use super::state::{Function, Pending};

/// Retries when the function does not say otherwise.
const RETRIES: u32 = 2;
/// How long an event is kept when the function does not say otherwise, s.
const MAX_AGE_S: u32 = 21_600;
/// The pause before something is tried again that this machine could not do, ms.
const MACHINE_PAUSE_MS: i64 = 1_000;
/// Longest text of an error that a dead letter carries, bytes.
const MAX_ERROR_BYTES: usize = 1_024;

/// How an event ended.
enum End {
    /// It ran, and this came of it last.
    Ran(Finished),
    /// It grew too old; this came of the last try, if there was one.
    TooOld(Option<Finished>),
    /// The function may not run at all: what it is to be given then is told of at once. // aws-behaviours L22
    NotAllowed,
}

/// Works on one accepted invocation until it is settled. When the emulator stops in the middle, it stays
/// accepted and is taken up at the next start.
pub(super) async fn settle(lambda: Arc<LambdaService>, mut pending: Pending) {
    let payload = Bytes::from(std::mem::take(&mut pending.payload));
    if pending.attempts == 0 {
        let delivered_ms = pending.accepted_ms + lambda.shared.behaviour.async_delivery_ms;
        pending.next_ms = pending.next_ms.max(delivered_ms);
    }
    let Some(end) = run_to_end(&lambda, &mut pending, &payload).await else {
        return;
    };
    if let Some((function, end)) = end
        && !tell(&lambda, &function, &pending, &payload, &end).await
    {
        return;
    }
    if let Err(error) = lambda.state.settle(pending.seq) {
        tracing::error!(%error, "an invocation stays accepted and will run again");
    }
}

/// Tries an event until it has its end. `Some(None)`: its function is gone, and events of a deleted
/// function are dropped, as on AWS. None when the emulator stops.
async fn run_to_end(
    lambda: &Arc<LambdaService>,
    pending: &mut Pending,
    payload: &Bytes,
) -> Option<Option<(Arc<Function>, End)>> {
    let mut last = None;
    let mut throttles = 0;
    loop {
        let stop = &lambda.shared.stop;
        tokio::select! {
            () = lambda.shared.clock.sleep_until(pending.next_ms) => {}
            () = stop.cancelled() => return None,
        }
        let Ok(function) = lambda.state.function(&pending.function) else {
            return Some(None);
        };
        if function.reserved == Some(0) {
            return Some(Some((function, End::NotAllowed)));
        }
        let oldest_ms = pending.accepted_ms + max_age_ms(&function);
        // What waited for this emulator's start gets its first try, however old it is.
        let tried = pending.attempts > 0 || throttles > 0;
        if tried && lambda.now_ms() >= oldest_ms {
            return Some(Some((function, End::TooOld(last))));
        }
        let claimed = lambda.claim_for_event(&pending.function, oldest_ms).await;
        let (claim, function) = match claimed {
            None => return Some(Some((function, End::TooOld(last)))),
            Some(Claimed::Yes(taken)) => taken,
            Some(Claimed::Stopping) => return None,
            Some(Claimed::NoFunction) => return Some(None),
            Some(Claimed::Throttled) => {
                let behaviour = &lambda.shared.behaviour;
                let wait = (behaviour.async_throttle_ms << throttles.min(20))
                    .min(behaviour.async_throttle_max_ms);
                throttles += 1;
                pending.next_ms = (lambda.now_ms() + wait).min(oldest_ms);
                continue;
            }
        };
        let work = lambda
            .runtime
            .work(claim, &function, &pending.request_id, payload.clone());
        let finished = match work.await {
            Ok(finished) => finished,
            Err(NotBegun::Stopping) => return None,
            // The claim was taken; it can only be the machine, and the function is not to blame.
            Err(NotBegun::Throttled) => continue,
            Err(NotBegun::Failed(error)) => {
                tracing::error!(%error, function = pending.function, "an invocation could not be begun");
                pending.next_ms = lambda.now_ms() + MACHINE_PAUSE_MS;
                continue;
            }
        };
        let failed = finished.outcome.error(&pending.request_id).is_some();
        if failed && stop.is_cancelled() {
            // The process was ended by the stop and not by its own fault: this try does not count.
            return None;
        }
        pending.attempts += 1;
        let retries = function
            .invoke_config
            .as_ref()
            .and_then(|config| config.retries)
            .unwrap_or(RETRIES);
        if !failed || pending.attempts > retries {
            return Some(Some((function, End::Ran(finished))));
        }
        last = Some(finished);
        let waits = lambda.shared.behaviour.async_retry_ms;
        let wait = waits[(pending.attempts as usize - 1).min(waits.len() - 1)];
        pending.next_ms = lambda.now_ms() + wait;
        if let Err(error) = lambda.state.note_attempt(pending) {
            tracing::error!(%error, "an attempt was not noted");
        }
    }
}

fn max_age_ms(function: &Function) -> i64 {
    let config = function.invoke_config.as_ref();
    let seconds = config.and_then(|config| config.max_age_s);
    i64::from(seconds.unwrap_or(MAX_AGE_S)) * 1_000
}

/// Tells the destinations that are set how an event ended. False when the emulator stops before they
/// know: the event is not settled then.
async fn tell(
    lambda: &LambdaService,
    function: &Function,
    pending: &Pending,
    payload: &[u8],
    end: &End,
) -> bool {
    let finished = match end {
        End::Ran(finished) => Some(finished),
        End::TooOld(finished) => finished.as_ref(),
        End::NotAllowed => None,
    };
    let error = finished.and_then(|finished| finished.outcome.error(&pending.request_id));
    let failed = !matches!(end, End::Ran(_)) || error.is_some();
    let config = function.invoke_config.as_ref();
    let destination = config.and_then(|config| {
        if failed {
            config.on_failure.as_deref()
        } else {
            config.on_success.as_deref()
        }
    });
    if let Some(destination) = destination {
        let now = time::OffsetDateTime::from_unix_timestamp_nanos(
            i128::from(lambda.now_ms()) * 1_000_000,
        );
        let now = now.unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        let record = record(function, pending, payload, end, finished, now).to_string();
        if !send(lambda, destination, &record, &BTreeMap::new()).await {
            return false;
        }
    }
    let Some(queue) = function.dead_letter.as_deref().filter(|_| failed) else {
        return true;
    };
    let text = error.map_or_else(
        || match end {
            End::NotAllowed => "The function's reserved concurrency is zero.".to_owned(),
            _ => "The event was too old.".to_owned(),
        },
        |(_, error)| {
            error["errorMessage"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        },
    );
    let attributes = BTreeMap::from([
        ("RequestID".to_owned(), pending.request_id.clone()),
        ("ErrorCode".to_owned(), "200".to_owned()),
        (
            "ErrorMessage".to_owned(),
            cut(&text, MAX_ERROR_BYTES).to_owned(),
        ),
    ]);
    send(
        lambda,
        queue,
        &String::from_utf8_lossy(payload),
        &attributes,
    )
    .await
}

/// Sends what became of an event; as often as this machine refuses it. False when the emulator stops
/// first. A queue that is gone is nobody to tell, as on AWS.
async fn send(
    lambda: &LambdaService,
    queue: &str,
    body: &str,
    attributes: &BTreeMap<String, String>,
) -> bool {
    loop {
        match lambda.shared.bus.queues().send(queue, body, attributes) {
            Ok(_) => return true,
            Err(error) if error.status < 500 => {
                tracing::error!(%error, queue, "what became of an event could not be told");
                return true;
            }
            Err(error) => {
                tracing::error!(%error, queue, "what became of an event is told again");
            }
        }
        let again = lambda.now_ms() + MACHINE_PAUSE_MS;
        tokio::select! {
            () = lambda.shared.clock.sleep_until(again) => {}
            () = lambda.shared.stop.cancelled() => return false,
        }
    }
}

/// The start of a text, of at most `most` bytes.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// AWS's record of an invocation that came to its end. // aws-behaviours L23
fn record(
    function: &Function,
    pending: &Pending,
    payload: &[u8],
    end: &End,
    finished: Option<&Finished>,
    now: time::OffsetDateTime,
) -> Value {
    let json_of = |bytes: &[u8]| {
        serde_json::from_slice(bytes)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(bytes).into_owned()))
    };
    let mut record = json!({
        "version": "1.0",
        "timestamp": super::wire::timestamp(now),
        "requestContext": {
            "requestId": pending.request_id,
            "functionArn": format!("{}:$LATEST", function.arn()),
            "condition": "Success",
            "approximateInvokeCount": pending.attempts,
        },
        "requestPayload": json_of(payload),
    });
    let mut failed = false;
    if let Some(finished) = finished {
        let mut context = json!({ "statusCode": 200, "executedVersion": "$LATEST" });
        record["responsePayload"] = match finished.outcome.error(&pending.request_id) {
            Some((word, error)) => {
                failed = true;
                context["functionError"] = word.into();
                error
            }
            None => match &finished.outcome {
                Outcome::Answered(bytes) => json_of(bytes),
                _ => Value::Null,
            },
        };
        record["responseContext"] = context;
    }
    let condition = match end {
        End::TooOld(_) => "EventAgeExceeded",
        End::NotAllowed => "ZeroReservedConcurrency",
        End::Ran(_) if failed => "RetriesExhausted",
        End::Ran(_) => "Success",
    };
    record["requestContext"]["condition"] = condition.into();
    record
}
