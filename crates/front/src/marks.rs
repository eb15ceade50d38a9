//! Marks in what a function is started with.

use serde_json::{Value, json};

/// How a mark begins.
pub const BEGINS: &str = "pipectl-parity--";

/// One record of an event; an event without records is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// `aws:s3`, `aws:sqs`; empty for anything else.
    pub source: String,
    /// Of which scenario.
    pub tag: Option<String>,
    /// What is asked for.
    pub act: Option<String>,
    /// Kind of an event of S3.
    pub event: Option<String>,
    /// Id of a message.
    pub message: Option<String>,
    /// How often the message was received.
    pub receives: Option<String>,
}

impl Record {
    /// As it stands in the log.
    pub fn told(&self) -> Value {
        json!({
            "source": self.source, "tag": self.tag, "act": self.act, "event": self.event,
            "message": self.message, "receives": self.receives,
        })
    }
}

/// The records of an event.
pub fn records(event: &Value) -> Vec<Record> {
    match event["Records"].as_array() {
        Some(records) => records.iter().map(record).collect(),
        None => vec![record(event)],
    }
}

fn record(value: &Value) -> Record {
    let text = |path: &str| {
        value
            .pointer(path)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let mark = mark(&value.to_string());
    let (tag, act) = mark.unzip();
    Record {
        source: text("/eventSource").unwrap_or_default(),
        tag,
        act,
        event: text("/eventName"),
        message: text("/messageId"),
        receives: text("/attributes/ApproximateReceiveCount"),
    }
}

/// Tag and act of the first whole mark in a text.
fn mark(text: &str) -> Option<(String, String)> {
    text.match_indices(BEGINS).find_map(|(at, _)| {
        let mut parts = text[at + BEGINS.len()..].splitn(3, "--");
        let (tag, act) = (parts.next()?, parts.next()?);
        // Without the end of it, it is none.
        parts.next()?;
        let word = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        (word(tag) && word(act)).then(|| (tag.to_owned(), act.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_wherever_it_is() {
        let key = "logs/pipectl-parity--file-gzip--go--a+b.ndjson.gz";
        let expected = Some(("file-gzip".to_owned(), "go".to_owned()));
        assert_eq!(mark(key), expected);
        let in_json = format!(r#"{{"body":"{{\"key\":\"{key}\"}}"}}"#);
        assert_eq!(mark(&in_json), expected);
        for none in [
            "",
            "pipectl-parity--a--b",
            "pipectl-parity----b--",
            "pipectl-parity--A--b--",
        ] {
            assert_eq!(mark(none), None, "{none}");
        }
        assert_eq!(
            mark("pipectl-parity--a pipectl-parity--b--c-d--"),
            Some(("b".to_owned(), "c-d".to_owned()))
        );
    }

    #[test]
    fn records_of_both_services_and_events_without_any_are_read() {
        let event = json!({"Records": [
            {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
             "s3": {"object": {"key": "pipectl-parity--t--event-exit--"}}},
            {"eventSource": "aws:sqs", "messageId": "m", "body": "x",
             "attributes": {"ApproximateReceiveCount": "2"}},
        ]});
        let both = records(&event);
        assert_eq!(both[0].act.as_deref(), Some("event-exit"));
        assert_eq!(both[0].event.as_deref(), Some("ObjectCreated:Put"));
        assert_eq!(
            (both[1].tag.as_deref(), both[1].receives.as_deref()),
            (None, Some("2"))
        );
        let one = records(&json!({"mark": "pipectl-parity--t--event-tell--"}));
        assert_eq!((one.len(), one[0].act.as_deref()), (1, Some("event-tell")));
    }
}
