//! Looking at a dead letter queue without taking anything away. SQS has no such operation: messages are
//! received, which hides them for a while, until nothing new comes, and are then made visible again.
//!
//! A receive counts: the count of receives of what is looked at grows by one. Nothing else changes.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName,
    QueueAttributeName,
};
use tokio::time::Instant;

use crate::apply::Cancel;
use crate::resource::error::{CallError, absent, failed};
use crate::resource::{Context, Identity};

/// How long a message that is looked at is hidden, seconds, if it cannot be given back.
pub(super) const HIDDEN_S: i32 = 30;
/// How long is looked: what came first is hidden until then.
pub(super) const LOOK: Duration = Duration::from_secs(20);
/// Messages in one receive, SQS's largest.
const AT_ONCE: i32 = 10;
/// How long a receive waits where a quick one does not ask every server, seconds.
const WAIT_S: i32 = 2;
/// Codes of "no such queue" in the JSON and the query protocol.
const GONE: &[&str] = &["QueueDoesNotExist", "NonExistentQueue"];

/// What a look saw besides the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Messages that somebody else had in hand when it began, or that were delayed: they are not seen.
    pub hidden: u64,
    /// Was it ended before everything was seen?
    pub more: bool,
}

/// Shows up to `most` messages of a queue, each once. None when there is no such queue.
///
/// Ends early when somebody interrupts; what was received is visible again in any case.
pub async fn look(
    cx: &Context,
    queue: &Identity,
    most: usize,
    cancel: &Cancel,
    mut see: impl FnMut(&Message),
) -> Result<Option<Look>, CallError> {
    let Some(url) = url(cx, queue).await? else {
        return Ok(None);
    };
    let Some(hidden) = hidden(cx, &url).await? else {
        return Ok(None);
    };
    let begun = Instant::now();
    let mut handles = BTreeMap::new();
    let mut more = false;
    let ended = loop {
        if cancel.is_asked() || handles.len() >= most || begun.elapsed() > LOOK {
            more = true;
            break Ok(());
        }
        let messages = match receive(cx, &url).await {
            Ok(messages) => messages,
            Err(error) => break Err(error),
        };
        let seen_before = handles.len();
        for message in &messages {
            let id = message.message_id.clone().unwrap_or_default();
            // The newest handle is the one that counts.
            let handle = message.receipt_handle.clone().unwrap_or_default();
            if handles.insert(id, handle).is_none() {
                see(message);
            }
        }
        if handles.len() == seen_before {
            break Ok(());
        }
    };
    give_back(cx, &url, handles.into_values().collect()).await;
    ended.map(|()| Some(Look { hidden, more }))
}

/// The queue's URL; none when there is no such queue.
pub async fn url(cx: &Context, queue: &Identity) -> Result<Option<String>, CallError> {
    if let Some(url) = &queue.url {
        return Ok(Some(url.clone()));
    }
    let request = cx.clients.sqs.get_queue_url().queue_name(&queue.name);
    let answer = absent(request.send().await.map_err(failed("GetQueueUrl")), GONE)?;
    match answer {
        None => Ok(None),
        Some(answer) => answer
            .queue_url
            .map(Some)
            .ok_or_else(|| CallError::missing("GetQueueUrl", "QueueUrl")),
    }
}

/// Messages that a receive does not give now; none when there is no such queue.
async fn hidden(cx: &Context, url: &str) -> Result<Option<u64>, CallError> {
    let names = [
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let request = cx.clients.sqs.get_queue_attributes().queue_url(url);
    let answer = request
        .set_attribute_names(Some(names.to_vec()))
        .send()
        .await
        .map_err(failed("GetQueueAttributes"));
    let Some(answer) = absent(answer, GONE)? else {
        return Ok(None);
    };
    let told = answer.attributes.unwrap_or_default();
    let numbers = names
        .iter()
        .filter_map(|name| told.get(name)?.parse::<u64>().ok());
    Ok(Some(numbers.sum()))
}

/// One receive, with everything that is on the messages.
pub(super) async fn receive(cx: &Context, url: &str) -> Result<Vec<Message>, CallError> {
    // A quick receive asks only some of AWS's servers and may come back empty; one that waits asks all.
    // Where lists are current, there is one server.
    let wait = if cx.place.target.capabilities().current_lists {
        0
    } else {
        WAIT_S
    };
    let answer = cx
        .clients
        .sqs
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(AT_ONCE)
        .visibility_timeout(HIDDEN_S)
        .wait_time_seconds(wait)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await
        .map_err(failed("ReceiveMessage"))?;
    Ok(answer.messages.unwrap_or_default())
}

/// Makes messages visible again.
pub(super) async fn give_back(cx: &Context, url: &str, handles: Vec<String>) {
    for some in handles.chunks(AT_ONCE as usize) {
        let entries = some.iter().enumerate().map(|(index, handle)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(handle)
                .visibility_timeout(0)
                .build()
        });
        let Ok(entries) = entries.collect::<Result<Vec<_>, _>>() else {
            continue;
        };
        let request = cx.clients.sqs.change_message_visibility_batch();
        let answer = request.queue_url(url).set_entries(Some(entries)).send();
        // They come back by themselves when their time is over; single ones may have before.
        // aws-behaviours Q18
        if let Err(error) = answer.await.map_err(failed("ChangeMessageVisibilityBatch")) {
            tracing::warn!(%error, "dead letters stay hidden for up to {HIDDEN_S} s");
        }
    }
}
