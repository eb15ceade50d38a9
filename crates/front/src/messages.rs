//! Batches of messages: some fail because a mark says so, some are done with, and the rest is the program's.

use serde_json::{Value, json};

use crate::marks::Record;

/// A batch, sorted.
#[derive(Debug, PartialEq, Eq)]
pub struct Sorted {
    /// The event with the messages that are for the program; none when there are none.
    pub rest: Option<Value>,
    /// Ids of messages that fail.
    pub failed: Vec<String>,
}

/// Sorts the messages of an event by their marks. `note` tells which code this is.
pub fn sort(mut event: Value, records: &[Record], note: &str) -> Sorted {
    let mut failed = Vec::new();
    let mut kept = Vec::new();
    let messages = event["Records"].as_array().cloned().unwrap_or_default();
    for (message, record) in messages.into_iter().zip(records) {
        let first = record.receives.as_deref() == Some("1");
        let fails = match record.act.as_deref() {
            Some("queue-ok") => continue,
            Some("queue-fail") => true,
            Some("queue-once") => first,
            Some("queue-once-ok") if first => true,
            Some("queue-once-ok") => continue,
            Some("queue-unfixed" | "queue-unfixed-ok") if note.trim() != "fixed" => true,
            Some("queue-unfixed-ok") => continue,
            _ => false,
        };
        if fails {
            failed.extend(record.message.clone());
        } else {
            kept.push(message);
        }
    }
    let rest = (!kept.is_empty()).then(|| {
        event["Records"] = Value::Array(kept);
        event
    });
    Sorted { rest, failed }
}

/// The answer that tells which messages failed. // aws-behaviours E9
pub fn failures(failed: &[String]) -> Value {
    let items: Vec<Value> = failed
        .iter()
        .map(|id| json!({ "itemIdentifier": id }))
        .collect();
    json!({ "batchItemFailures": items })
}

/// The program's answer with more messages that failed. An answer that is no JSON stays as it is: all fail then.
pub fn with_failures(answer: &[u8], failed: &[String]) -> Vec<u8> {
    let mut value = match serde_json::from_slice::<Value>(answer) {
        Ok(value @ Value::Object(_)) => value,
        // Nothing failed, says a program that answers null or nothing.
        Ok(Value::Null) => json!({}),
        _ if answer.is_empty() => json!({}),
        _ => return answer.to_vec(),
    };
    let mut items = value["batchItemFailures"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    items.extend(failed.iter().map(|id| json!({ "itemIdentifier": id })));
    value["batchItemFailures"] = Value::Array(items);
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::records;

    fn event(acts: &[(&str, &str, &str)]) -> Value {
        let messages: Vec<Value> = acts
            .iter()
            .map(|(id, act, receives)| {
                json!({
                    "messageId": id, "eventSource": "aws:sqs",
                    "body": format!("pipectl-parity--t--{act}--"),
                    "attributes": {"ApproximateReceiveCount": receives},
                })
            })
            .collect();
        json!({ "Records": messages })
    }

    fn sorted(acts: &[(&str, &str, &str)], note: &str) -> (Vec<String>, Vec<String>) {
        let event = event(acts);
        let records = records(&event);
        let sorted = sort(event, &records, note);
        let rest = sorted.rest.map(|rest| crate::marks::records(&rest));
        let rest = rest.unwrap_or_default().into_iter();
        (
            rest.filter_map(|record| record.message).collect(),
            sorted.failed,
        )
    }

    #[test]
    fn each_act_does_what_it_says() {
        let acts = [
            ("a", "go", "1"),
            ("b", "queue-ok", "1"),
            ("c", "queue-fail", "2"),
            ("d", "queue-once", "1"),
            ("e", "queue-once", "2"),
            ("f", "queue-once-ok", "1"),
            ("g", "queue-once-ok", "2"),
            ("h", "queue-unfixed", "1"),
            ("i", "queue-unfixed-ok", "1"),
        ];
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            sorted(&acts, ""),
            (owned(&["a", "e"]), owned(&["c", "d", "f", "h", "i"]))
        );
        assert_eq!(sorted(&acts, "fixed\n").0, owned(&["a", "e", "h"]));
        let nothing: (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        assert_eq!(sorted(&[("b", "queue-ok", "1")], ""), nothing);
    }

    #[test]
    fn failures_come_beside_those_of_the_program() {
        let more = ["x".to_owned()];
        for (answer, expected) in [
            (
                r#"{"batchItemFailures":[{"itemIdentifier":"p"}]}"#,
                vec!["p", "x"],
            ),
            ("null", vec!["x"]),
            ("", vec!["x"]),
            ("{}", vec!["x"]),
        ] {
            let merged = with_failures(answer.as_bytes(), &more);
            let merged: Value = serde_json::from_slice(&merged).expect("JSON");
            let ids: Vec<&str> = merged["batchItemFailures"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(|item| item["itemIdentifier"].as_str())
                .collect();
            assert_eq!(ids, expected, "{answer}");
        }
        assert_eq!(with_failures(b"[1]", &more), b"[1]");
    }
}
