//! What a batch looks like to the function, and what its answer means.

use serde_json::{Value, json};

use crate::bus::ReceivedMessage;
use crate::config::REGION;

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

impl Verdict {
    /// Did this message fail?
    pub(super) fn failed(&self, message_id: &str) -> bool {
        match self {
            Self::AllDone => false,
            Self::AllFailed => true,
            Self::Failed(ids) => ids.iter().any(|id| id == message_id),
        }
    }
}

/// Reads a batch response. // aws-behaviours E9
pub(super) fn verdict(response: &[u8], partial_failures: bool, ids: &[&str]) -> Verdict {
    if !partial_failures || response.is_empty() {
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
pub(super) fn event(queue_arn: &str, messages: &[ReceivedMessage]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            let mut record = json!({
                "messageId": message.message_id,
                "receiptHandle": message.receipt_handle,
                "body": message.body,
                "attributes": message.attributes,
                "messageAttributes": message.message_attributes,
                "md5OfBody": message.md5_of_body,
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": REGION,
            });
            if let Some(md5) = &message.md5_of_message_attributes {
                record["md5OfMessageAttributes"] = md5.as_str().into();
            }
            record
        })
        .collect();
    json!({ "Records": records })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aws-behaviours E9
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
