//! The shapes of a batch of SQS messages and of its answer: what the worker uses of them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// A batch as Lambda hands it over.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Batch {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<Message>,
}

/// One message.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Identifies it in the answer; a redriven message has a new one.
    pub message_id: String,
    /// The job.
    #[serde(default)]
    pub body: String,
    /// SQS's own: `ApproximateReceiveCount`, `SentTimestamp` …
    #[serde(default)]
    pub attributes: HashMap<String, String>,
}

/// The messages that should be tried again. // aws-behaviours E9
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Empty when all are dealt with.
    pub batch_item_failures: Vec<ItemFailure>,
}

/// One message that should be tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    /// [`Message::message_id`].
    pub item_identifier: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aws-behaviours E9
    #[test]
    fn a_message_as_sqs_sends_it_is_read_and_the_answer_is_lambdas() {
        let event = serde_json::json!({"Records": [{
            "messageId": "m", "receiptHandle": "r", "body": "{}", "md5OfBody": "x",
            "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {},
            "eventSource": "aws:sqs", "eventSourceARN": "a", "awsRegion": "us-east-1"
        }]});
        let batch: Batch = serde_json::from_value(event).expect("a batch");
        let message = &batch.records[0];
        assert_eq!(
            (message.message_id.as_str(), message.body.as_str()),
            ("m", "{}")
        );
        assert_eq!(message.attributes["ApproximateReceiveCount"], "1");
        let answer = Answer {
            batch_item_failures: vec![ItemFailure {
                item_identifier: "m".to_owned(),
            }],
        };
        assert_eq!(
            serde_json::to_string(&answer).expect("JSON"),
            r#"{"batchItemFailures":[{"itemIdentifier":"m"}]}"#
        );
    }
}
