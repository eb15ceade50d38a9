//! Event source mappings: one task each, woken by its queue, that takes batches and invokes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::LambdaService;
use super::runtime::{MOST_ENVIRONMENTS, Outcome};
use super::state::Mapping;
use crate::bus::ReceivedMessage;
use crate::config::REGION;

/// Batches at once when the mapping does not say otherwise. AWS begins with five.
const CONCURRENCY: u32 = 5;
/// Most messages of one receive.
const RECEIVE: usize = 10;
/// The pause before failed messages are released, by how many invocations failed in a row: it keeps a
/// queue without a dead letter queue from spinning.
const FREE_FAILURES: u32 = 10;
const LONGEST_PAUSE_MS: i64 = 5_000;

/// What to do with the messages of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All are done.
    AllDone,
    /// These failed, the others are done.
    Failed(Vec<String>),
    /// All failed.
    AllFailed,
}

/// Reads a batch response. // aws-behaviours E9
pub(super) fn verdict(response: &[u8], partial_failures: bool, ids: &[&str]) -> Verdict {
    if !partial_failures {
        return Verdict::AllDone;
    }
    if response.is_empty() {
        return Verdict::AllDone;
    }
    let Ok(response) = serde_json::from_slice::<Value>(response) else {
        return Verdict::AllFailed;
    };
    let failures = match &response {
        Value::Null => return Verdict::AllDone,
        Value::Object(fields) => match fields.get("batchItemFailures") {
            None | Some(Value::Null) => return Verdict::AllDone,
            Some(Value::Array(failures)) => failures,
            Some(_) => return Verdict::AllFailed,
        },
        _ => return Verdict::AllFailed,
    };
    let mut failed = Vec::new();
    for failure in failures {
        match failure["itemIdentifier"].as_str() {
            Some(id) if ids.contains(&id) => failed.push(id.to_owned()),
            _ => return Verdict::AllFailed,
        }
    }
    if failed.is_empty() {
        Verdict::AllDone
    } else {
        Verdict::Failed(failed)
    }
}

/// The event that a function gets.
fn event(mapping: &Mapping, messages: &[ReceivedMessage]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({
                "messageId": message.message_id,
                "receiptHandle": message.receipt_handle,
                "body": message.body,
                "attributes": message.attributes,
                "messageAttributes": message.message_attributes,
                "md5OfBody": message.md5_of_body,
                "eventSource": "aws:sqs",
                "eventSourceARN": mapping.queue_arn,
                "awsRegion": REGION,
            })
        })
        .collect();
    json!({ "Records": records })
}

/// Works for one mapping until `stop`.
pub(super) async fn poll(
    lambda: Arc<LambdaService>,
    mapping: Arc<Mapping>,
    stop: CancellationToken,
) {
    // No more than there are environments for: a batch that waits for one is hidden for nothing, and
    // comes twice when it waits longer than its visibility timeout.
    let wanted = mapping.max_concurrency.unwrap_or(CONCURRENCY) as usize;
    let limit = Arc::new(Semaphore::new(wanted.min(MOST_ENVIRONMENTS)));
    let failures = Arc::new(AtomicU32::new(0));
    loop {
        let mut messages = Vec::new();
        let work = async {
            let permit = Arc::clone(&limit).acquire_owned().await;
            next_batch(&lambda, &mapping, &mut messages).await;
            permit
        };
        let permit = tokio::select! {
            permit = work => permit,
            () = stop.cancelled() => {
                give_back(&lambda, &mapping, &messages);
                return;
            }
            () = lambda.shared.stop.cancelled() => {
                give_back(&lambda, &mapping, &messages);
                return;
            }
        };
        let (lambda, mapping, failures) = (
            Arc::clone(&lambda),
            Arc::clone(&mapping),
            Arc::clone(&failures),
        );
        // A batch that was taken is finished even when the mapping is deleted meanwhile.
        tokio::spawn(async move {
            process(&lambda, &mapping, &messages, &failures).await;
            drop(permit);
        });
    }
}

/// Messages that waited for the end of their window when the mapping stopped are there for others.
fn give_back(lambda: &LambdaService, mapping: &Mapping, messages: &[ReceivedMessage]) {
    let handles: Vec<String> = messages
        .iter()
        .map(|message| message.receipt_handle.clone())
        .collect();
    if !handles.is_empty()
        && let Err(error) = lambda
            .shared
            .bus
            .queues()
            .release(&mapping.queue_arn, &handles, 0)
    {
        tracing::warn!(%error, queue = mapping.queue_arn, "messages were not released");
    }
}

/// Waits for messages; fills the batch as far as the queue and the window allow.
async fn next_batch(lambda: &LambdaService, mapping: &Mapping, batch: &mut Vec<ReceivedMessage>) {
    let clock = &lambda.shared.clock;
    let queues = lambda.shared.bus.queues();
    let mut window_end = None;
    loop {
        let Some(mut watch) = queues.watch(&mapping.queue_arn) else {
            if !batch.is_empty() {
                return;
            }
            // The queue is gone; the mapping stays, as on AWS, and looks for it now and then.
            // aws-behaviours E4
            clock.sleep_until(clock.now_ms() + 1_000).await;
            continue;
        };
        watch.mark_unchanged();
        let mut refused = false;
        while batch.len() < mapping.batch as usize {
            let most = RECEIVE.min(mapping.batch as usize - batch.len());
            match queues.receive(&mapping.queue_arn, most) {
                Ok(messages) if messages.is_empty() => break,
                Ok(messages) => batch.extend(messages),
                Err(error) => {
                    tracing::warn!(%error, queue = mapping.queue_arn, "a mapping cannot receive");
                    refused = true;
                    break;
                }
            }
        }
        let now = clock.now_ms();
        if !batch.is_empty() {
            let end = *window_end.get_or_insert(now + i64::from(mapping.window_s) * 1_000);
            if batch.len() >= mapping.batch as usize || now >= end {
                return;
            }
            tokio::select! {
                _ = watch.changed() => {}
                () = clock.sleep_until(end) => {}
            }
        } else if refused {
            // No message may come that would wake it.
            clock.sleep_until(now + 1_000).await;
        } else if watch.changed().await.is_err() {
            // The queue was deleted this moment.
            clock.sleep_until(now + 10).await;
        }
    }
}

async fn process(
    lambda: &Arc<LambdaService>,
    mapping: &Mapping,
    messages: &[ReceivedMessage],
    failures: &AtomicU32,
) {
    let ids: Vec<&str> = messages
        .iter()
        .map(|message| message.message_id.as_str())
        .collect();
    let payload = Bytes::from(event(mapping, messages).to_string());
    let request_id = uuid::Uuid::new_v4().to_string();
    let verdict = match lambda.state.function(&mapping.function) {
        Err(_) => Verdict::AllFailed,
        Ok(function) => match lambda.invoke_waiting(&function, &request_id, payload).await {
            // The emulator stops: the messages are visible again when their timeout has passed.
            Ok(None) => return,
            Ok(Some(finished)) => match &finished.outcome {
                Outcome::Answered(response) => verdict(response, mapping.partial_failures, &ids),
                _ => Verdict::AllFailed,
            },
            Err(error) => {
                tracing::error!(%error, function = mapping.function, "an invocation could not be begun");
                Verdict::AllFailed
            }
        },
    };
    if lambda.shared.stop.is_cancelled() && verdict == Verdict::AllFailed {
        return;
    }
    let failed = |message: &&ReceivedMessage| match &verdict {
        Verdict::AllDone => false,
        Verdict::AllFailed => true,
        Verdict::Failed(ids) => ids.contains(&message.message_id),
    };
    let handles = |wanted: bool| -> Vec<String> {
        messages
            .iter()
            .filter(|message| failed(message) == wanted)
            .map(|message| message.receipt_handle.clone())
            .collect()
    };
    let queues = lambda.shared.bus.queues();
    let done = handles(false);
    if !done.is_empty()
        && let Err(error) = queues.delete(&mapping.queue_arn, &done)
    {
        tracing::warn!(%error, queue = mapping.queue_arn, "processed messages were not deleted");
    }
    let again = handles(true);
    if again.is_empty() {
        failures.store(0, Ordering::Relaxed);
        return;
    }
    let in_a_row = failures.fetch_add(1, Ordering::Relaxed);
    if let Some(beyond) = in_a_row.checked_sub(FREE_FAILURES) {
        let pause = (10_i64 << beyond.min(9)).min(LONGEST_PAUSE_MS);
        lambda
            .shared
            .clock
            .sleep_until(lambda.shared.clock.now_ms() + pause)
            .await;
    }
    // In the behaviour `instant` failed messages are visible again at once.
    if let Err(error) = queues.release(&mapping.queue_arn, &again, 0) {
        tracing::warn!(%error, queue = mapping.queue_arn, "failed messages were not released");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_responses_mean_what_aws_says() {
        let ids = ["a", "b"];
        let failed = |ids: &[&str]| Verdict::Failed(ids.iter().map(ToString::to_string).collect());
        for (response, expected) in [
            (r#"{"batchItemFailures":[]}"#, Verdict::AllDone),
            ("{}", Verdict::AllDone),
            ("null", Verdict::AllDone),
            ("", Verdict::AllDone),
            (r#"{"batchItemFailures":null}"#, Verdict::AllDone),
            (
                r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#,
                failed(&["b"]),
            ),
            (
                r#"{"batchItemFailures":[{"itemIdentifier":"x"}]}"#,
                Verdict::AllFailed,
            ),
            (
                r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
                Verdict::AllFailed,
            ),
            (
                r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
                Verdict::AllFailed,
            ),
            (r#"{"batchItemFailures":[{"id":"a"}]}"#, Verdict::AllFailed),
            (r#"{"batchItemFailures":"a"}"#, Verdict::AllFailed),
            ("no json", Verdict::AllFailed),
            ("[1]", Verdict::AllFailed),
        ] {
            assert_eq!(
                verdict(response.as_bytes(), true, &ids),
                expected,
                "{response}"
            );
        }
        assert_eq!(verdict(b"no json", false, &ids), Verdict::AllDone);
    }
}
