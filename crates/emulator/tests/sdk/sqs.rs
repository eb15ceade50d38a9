//! SQS by its SDK. Emulators whose clock the test moves have AWS's times.

mod batches;
mod dead_letters;
mod messages;
mod queues;

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use pipectl_emulator::Behaviour;
use pipectl_emulator::clock::ManualClock;

use crate::common::Running;

const NOW: i64 = 1_760_000_000_000;
const SECOND: i64 = 1_000;
const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:";

/// A running emulator with AWS's times, whose clock stands still until the test moves it.
struct Timed {
    running: Running,
    clock: Arc<ManualClock>,
    client: Client,
}

impl Timed {
    async fn start() -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let running = Running::start_with(|config| {
            config.clock = clock.clone();
            config.behaviour = Behaviour::AWS;
        });
        Self::of(running.await, clock)
    }

    fn of(running: Running, clock: Arc<ManualClock>) -> Self {
        Self {
            client: running.sqs(),
            running,
            clock,
        }
    }

    /// Stops it and starts another over the same directory, at the same moment.
    async fn restart(self) -> Self {
        Self::of(self.running.restart().await, self.clock)
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(seconds * SECOND);
    }
}

async fn make_queue(
    client: &Client,
    name: &str,
    attributes: &[(QueueAttributeName, &str)],
) -> String {
    let mut request = client.create_queue().queue_name(name);
    for (attribute, value) in attributes {
        request = request.attributes(attribute.clone(), *value);
    }
    let made = request.send().await.expect("a queue");
    made.queue_url().expect("its URL").to_owned()
}

/// The redrive policy that sends messages to `target` after `max` receives.
fn redrive(target: &str, max: u32) -> String {
    format!(r#"{{"deadLetterTargetArn":"{ARN}{target}","maxReceiveCount":{max}}}"#)
}

async fn send(client: &Client, url: &str, body: &str) -> String {
    let sent = client.send_message().queue_url(url).message_body(body);
    let sent = sent.send().await.expect("sent");
    sent.message_id().expect("an id").to_owned()
}

/// Receives up to ten messages with everything that is known of them.
async fn receive(client: &Client, url: &str) -> Vec<Message> {
    client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await
        .expect("received")
        .messages
        .unwrap_or_default()
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter_map(Message::body).collect()
}

fn handle(message: &Message) -> &str {
    message.receipt_handle().expect("a handle")
}

fn system(message: &Message, name: MessageSystemAttributeName) -> &str {
    let attributes = message.attributes().expect("system attributes");
    attributes.get(&name).map_or("", String::as_str)
}

async fn attributes(client: &Client, url: &str) -> HashMap<QueueAttributeName, String> {
    client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .expect("attributes")
        .attributes
        .expect("some")
}

/// Messages that are visible, in flight and delayed.
async fn counts(client: &Client, url: &str) -> [String; 3] {
    use QueueAttributeName as Name;
    let attributes = attributes(client, url).await;
    [
        Name::ApproximateNumberOfMessages,
        Name::ApproximateNumberOfMessagesNotVisible,
        Name::ApproximateNumberOfMessagesDelayed,
    ]
    .map(|name| attributes[&name].clone())
}
