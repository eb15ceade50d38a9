//! A result as a DynamoDB item and back. The shape is the result's JSON: objects are maps, arrays
//! lists, numbers `N`.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Number, Value};

use crate::JobResult;

/// An item of the results table that is not a result.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// Fields are missing or of another type.
    #[error("{0}")]
    Shape(#[from] serde_json::Error),
    /// An attribute type that results do not use, or a number that is none.
    #[error("the attribute `{0}` has a type that results do not use")]
    Attribute(String),
}

/// The item of a result.
pub fn item_from_result(result: &JobResult) -> Result<HashMap<String, AttributeValue>, ItemError> {
    let Value::Object(fields) = serde_json::to_value(result)? else {
        return Err(ItemError::Attribute("result".to_owned()));
    };
    Ok(fields
        .into_iter()
        .map(|(name, value)| (name, to_attribute(value)))
        .collect())
}

/// The result of an item.
#[allow(
    clippy::implicit_hasher,
    reason = "the SDK's items are plain hash maps"
)]
pub fn result_from_item(item: &HashMap<String, AttributeValue>) -> Result<JobResult, ItemError> {
    let mut fields = Map::new();
    for (name, attribute) in item {
        fields.insert(name.clone(), to_value(name, attribute)?);
    }
    Ok(serde_json::from_value(Value::Object(fields))?)
}

fn to_attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(to_attribute).collect()),
        Value::Object(fields) => AttributeValue::M(
            fields
                .into_iter()
                .map(|(name, value)| (name, to_attribute(value)))
                .collect(),
        ),
    }
}

fn to_value(name: &str, attribute: &AttributeValue) -> Result<Value, ItemError> {
    let unknown = || ItemError::Attribute(name.to_owned());
    Ok(match attribute {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::N(text) => number(text).ok_or_else(unknown)?,
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::L(values) => Value::Array(
            values
                .iter()
                .map(|value| to_value(name, value))
                .collect::<Result<_, _>>()?,
        ),
        AttributeValue::M(fields) => {
            let fields: Result<Map<_, _>, ItemError> = fields
                .iter()
                .map(|(name, value)| Ok((name.clone(), to_value(name, value)?)))
                .collect();
            Value::Object(fields?)
        }
        _ => return Err(unknown()),
    })
}

/// DynamoDB writes numbers without a needless fraction: `12.0` comes back as `12`.
fn number(text: &str) -> Option<Value> {
    text.parse::<i64>()
        .map(Value::from)
        .or_else(|_| text.parse::<u64>().map(Value::from))
        .ok()
        .or_else(|| {
            text.parse::<f64>()
                .ok()
                .and_then(Number::from_f64)
                .map(Value::Number)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Durations, Outcome, Reason, Timings};

    fn result() -> JobResult {
        JobResult {
            job_id: "ab".to_owned(),
            status: Outcome::Done,
            reason: None,
            bucket: "b".to_owned(),
            key: "logs/ü x.ndjson".to_owned(),
            version_id: Some("v".to_owned()),
            etag: None,
            size: 12,
            lines: 3,
            malformed: 1,
            malformed_positions: vec![2],
            levels: [("INFO".to_owned(), 2)].into(),
            services: [("api".to_owned(), 2)].into(),
            error_rate: 0.5,
            first_timestamp: Some("2026-01-01T00:00:00Z".to_owned()),
            last_timestamp: Some("2026-01-01T00:00:01Z".to_owned()),
            duration_ms: Some(Durations {
                count: 2,
                p50: 1.0,
                p90: 2.5,
                p95: 2.5,
                p99: 2.5,
                max: 2.5,
            }),
            top_errors: vec![("boom".to_owned(), 1)],
            top_denied_sources: vec![("10.0.0.1".to_owned(), 1)],
            processed_at: "2026-11-23T00:00:00.000Z".to_owned(),
            day: "2026-11-23#a".to_owned(),
            expires_at: 1_780_000_000,
            receive_count: 1,
            timings: Timings {
                event_ms: Some(1),
                worker_cold: true,
                ..Timings::default()
            },
        }
    }

    #[test]
    fn a_result_survives_the_way_through_an_item() {
        let mut failed = result();
        failed.status = Outcome::Failed;
        failed.reason = Some(Reason::new("no_record", "no line is a record"));
        failed.duration_ms = None;
        failed.error_rate = 0.0;
        for result in [result(), failed] {
            let item = item_from_result(&result).expect("an item");
            assert_eq!(
                item["expires_at"],
                AttributeValue::N("1780000000".to_owned())
            );
            assert_eq!(
                item["status"],
                AttributeValue::S(result.status.as_str().to_owned())
            );
            // As DynamoDB gives whole numbers back.
            let item: HashMap<_, _> = item
                .into_iter()
                .map(|(name, value)| match value {
                    AttributeValue::N(n) => {
                        (name, AttributeValue::N(n.trim_end_matches(".0").to_owned()))
                    }
                    other => (name, other),
                })
                .collect();
            assert_eq!(result_from_item(&item).expect("a result"), result);
        }
    }

    #[test]
    fn an_item_that_is_no_result_says_what_is_wrong() {
        let error = result_from_item(&HashMap::from([(
            "job_id".to_owned(),
            AttributeValue::S("x".to_owned()),
        )]));
        assert!(
            error
                .expect_err("no result")
                .to_string()
                .contains("missing field")
        );
    }
}
