//! A result as a DynamoDB item and back. The shape is the result's JSON: objects are maps, arrays
//! lists, numbers `N`.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
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

/// When a result may be written over the one that is there: a failed or rejected result may be
/// replaced, so that a redrive heals it; one that is done never, unless it has expired and DynamoDB
/// has not yet deleted it.
pub const REPLACEABLE: &str =
    "attribute_not_exists(job_id) OR #status <> :done OR expires_at < :now";

/// The names that [`REPLACEABLE`] stands on: `status` is a reserved word.
fn replaceable_names() -> HashMap<String, String> {
    HashMap::from([("#status".to_owned(), "status".to_owned())])
}

fn replaceable_values(now_s: i64) -> HashMap<String, AttributeValue> {
    HashMap::from([
        (
            ":done".to_owned(),
            AttributeValue::S(crate::Outcome::Done.as_str().to_owned()),
        ),
        (":now".to_owned(), AttributeValue::N(now_s.to_string())),
    ])
}

/// The request that writes a result under the condition [`REPLACEABLE`]. A failed condition means
/// that the job is done already. // aws-behaviours D20
pub fn put_result(
    client: &Client,
    table: &str,
    result: &JobResult,
) -> Result<PutItemFluentBuilder, ItemError> {
    Ok(client
        .put_item()
        .table_name(table)
        .set_item(Some(item_from_result(result)?))
        .condition_expression(REPLACEABLE)
        .set_expression_attribute_names(Some(replaceable_names()))
        .set_expression_attribute_values(Some(replaceable_values(crate::aws::now_ms() / 1_000))))
}

/// Under what condition [`mark_dead_lettered`] writes: a result that has been healed meanwhile stays.
const STILL_FAILED: &str = "#status = :failed";
const SET_DEAD_LETTERED: &str = "SET dead_lettered = :message";

/// The request that notes on a failed result that its job went to the dead letter queue by the message
/// of this id.
pub fn mark_dead_lettered(
    client: &Client,
    table: &str,
    job_id: &str,
    message_id: &str,
) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
    client
        .update_item()
        .table_name(table)
        .key("job_id", AttributeValue::S(job_id.to_owned()))
        .update_expression(SET_DEAD_LETTERED)
        .condition_expression(STILL_FAILED)
        .set_expression_attribute_names(Some(replaceable_names()))
        .set_expression_attribute_values(Some(mark_values(message_id)))
}

fn mark_values(message_id: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([
        (
            ":failed".to_owned(),
            AttributeValue::S(crate::Outcome::Failed.as_str().to_owned()),
        ),
        (
            ":message".to_owned(),
            AttributeValue::S(message_id.to_owned()),
        ),
    ])
}

/// The message by which the job of an item went to the dead letter queue, if it did.
#[allow(
    clippy::implicit_hasher,
    reason = "the SDK's items are plain hash maps"
)]
pub fn dead_lettered(item: &HashMap<String, AttributeValue>) -> Option<&str> {
    item.get("dead_lettered")?.as_s().ok().map(String::as_str)
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
mod tests;
