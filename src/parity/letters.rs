//! Dead letters of a copy. Its queues are nobody else's, so letters are taken out for good and kept here: each
//! scenario finds its own by the mark in it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::front::MARK;
use crate::operate::dead_letters::peek;
use crate::resource::error::{CallError, failed};
use crate::resource::{Context, Identity};

/// Messages of one receive, SQS's largest.
const AT_ONCE: i32 = 10;
/// While it is taken out it is nobody else's, s.
const HIDDEN_S: i32 = 60;
/// A queue is not looked at more often than this.
const PAUSE: Duration = Duration::from_millis(100);

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Body.
    pub body: String,
    /// Message attributes that are text.
    pub attributes: BTreeMap<String, String>,
    /// SQS's own attributes.
    pub system: BTreeMap<String, String>,
}

impl Letter {
    fn of(message: &Message) -> Self {
        let attributes = message.message_attributes.iter().flatten();
        let system = message.attributes.iter().flatten();
        Self {
            body: message.body.clone().unwrap_or_default(),
            attributes: attributes
                .filter_map(|(name, value)| Some((name.clone(), value.string_value.clone()?)))
                .collect(),
            system: system
                .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
                .collect(),
        }
    }

    /// Is it of this scenario?
    pub fn is_of(&self, tag: &str) -> bool {
        self.body.contains(&format!("{MARK}{tag}--"))
    }

    /// How often it was received, when it was taken out.
    pub fn receives(&self) -> &str {
        let name = MessageSystemAttributeName::ApproximateReceiveCount;
        self.system.get(name.as_str()).map_or("", String::as_str)
    }
}

/// The letters that were taken out so far, by queue.
#[derive(Default)]
pub struct Letters(Mutex<BTreeMap<String, Taken>>);

/// When a queue was looked at last, and what was there.
#[derive(Default)]
struct Taken {
    looked: Option<Instant>,
    letters: Vec<Letter>,
}

impl Letters {
    /// Takes out what is there, and gives all letters of a queue.
    pub async fn of(&self, cx: &Context, queue: &Identity) -> Result<Vec<Letter>, CallError> {
        let mut all = self.0.lock().await;
        let taken = all.entry(queue.name.clone()).or_default();
        if taken.looked.is_none_or(|at| at.elapsed() > PAUSE) {
            let url = url(cx, queue).await?;
            while take(cx, &url, &mut taken.letters).await? {}
            taken.looked = Some(Instant::now());
        }
        Ok(taken.letters.clone())
    }
}

/// Takes out up to ten; false when there were none.
async fn take(cx: &Context, url: &str, letters: &mut Vec<Letter>) -> Result<bool, CallError> {
    let sqs = &cx.clients.sqs;
    let answer = sqs
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(AT_ONCE)
        .visibility_timeout(HIDDEN_S)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await
        .map_err(failed("ReceiveMessage"))?;
    let messages = answer.messages.unwrap_or_default();
    for message in &messages {
        letters.push(Letter::of(message));
        let delete = sqs.delete_message().queue_url(url);
        let delete = delete.set_receipt_handle(message.receipt_handle.clone());
        delete.send().await.map_err(failed("DeleteMessage"))?;
    }
    Ok(!messages.is_empty())
}

/// URL of a queue that has to be there.
pub async fn url(cx: &Context, queue: &Identity) -> Result<String, CallError> {
    let url = peek::url(cx, queue).await?;
    url.ok_or_else(|| CallError::missing("GetQueueUrl", "QueueUrl"))
}

/// Messages that wait in a queue, in sight or not.
pub async fn waiting(cx: &Context, queue: &Identity) -> Result<u64, CallError> {
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    ];
    let url = url(cx, queue).await?;
    let request = cx.clients.sqs.get_queue_attributes().queue_url(url);
    let answer = request
        .set_attribute_names(Some(names.to_vec()))
        .send()
        .await
        .map_err(failed("GetQueueAttributes"))?;
    let counts = answer.attributes.unwrap_or_default();
    let count = |name| counts.get(name).and_then(|count| count.parse::<u64>().ok());
    Ok(names.iter().filter_map(count).sum())
}
