//! CloudWatch Logs' JSON 1.1: request shapes, ARNs, page tokens and the response.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::{ACCOUNT, REGION};
use crate::error::AwsError;
use crate::json_protocol::Dialect;
use crate::service::{Request, Response};

use super::events::{Event, NewEvent, Position};
use super::state::{Group, Stream};

const DIALECT: Dialect = Dialect {
    content_type: "application/x-amz-json-1.1",
    common_namespace: "",
    // Larger than any batch of events, whose limit is checked by its own rule.
    max_body: 8 * 1024 * 1024,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateLogGroup {
    pub log_group_name: String,
    pub kms_key_id: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    pub log_group_class: Option<String>,
    #[serde(default)]
    pub deletion_protection_enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupName {
    pub log_group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutRetentionPolicy {
    pub log_group_name: String,
    pub retention_in_days: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogGroups {
    pub log_group_name_prefix: Option<String>,
    pub log_group_name_pattern: Option<String>,
    #[serde(default)]
    pub log_group_identifiers: Vec<String>,
    pub log_group_class: Option<String>,
    pub next_token: Option<String>,
    pub limit: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StreamName {
    pub log_group_name: String,
    pub log_stream_name: String,
}

/// A group by name, or by name or ARN.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupReference {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogStreams {
    #[serde(flatten)]
    pub group: GroupReference,
    pub log_stream_name_prefix: Option<String>,
    pub order_by: Option<String>,
    #[serde(default)]
    pub descending: bool,
    pub next_token: Option<String>,
    pub limit: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutLogEvents {
    pub log_group_name: String,
    pub log_stream_name: String,
    pub log_events: Vec<NewEvent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogEvents {
    #[serde(flatten)]
    pub group: GroupReference,
    pub log_stream_name: String,
    pub start_time: Option<i64>,
    pub end_time: Option<i64>,
    pub next_token: Option<String>,
    pub limit: Option<i64>,
    #[serde(default)]
    pub start_from_head: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterLogEvents {
    #[serde(flatten)]
    pub group: GroupReference,
    #[serde(default)]
    pub log_stream_names: Vec<String>,
    pub log_stream_name_prefix: Option<String>,
    pub start_time: Option<i64>,
    pub end_time: Option<i64>,
    #[serde(default)]
    pub filter_pattern: String,
    pub next_token: Option<String>,
    pub limit: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagResource {
    pub resource_arn: String,
    pub tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UntagResource {
    pub resource_arn: String,
    pub tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListTagsForResource {
    pub resource_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagLogGroup {
    pub log_group_name: String,
    pub tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UntagLogGroup {
    pub log_group_name: String,
    pub tags: Vec<String>,
}

impl GroupReference {
    /// The name that is meant.
    pub(super) fn name(&self) -> Result<String, AwsError> {
        match (&self.log_group_name, &self.log_group_identifier) {
            (None, Some(arn)) if arn.starts_with("arn:") => name_of_arn(arn),
            (Some(name), None) | (None, Some(name)) => Ok(name.clone()),
            (Some(_), Some(_)) => Err(invalid(
                "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
            )),
            (None, None) => Err(invalid(
                "one of logGroupName and logGroupIdentifier is required",
            )),
        }
    }
}

/// The operation named by `X-Amz-Target`, and the body.
pub(super) async fn read(request: Request) -> Result<(String, Value), AwsError> {
    let (operation, body) = DIALECT.read(request).await?;
    if body.is_empty() {
        return Ok((operation, json!({})));
    }
    let body = serde_json::from_slice(&body).map_err(|error| DIALECT.unreadable(error))?;
    Ok((operation, body))
}

/// A request in its shape.
pub(super) fn parse<T: DeserializeOwned>(body: &Value) -> Result<T, AwsError> {
    T::deserialize(body).map_err(|error| invalid(format!("1 validation error detected: {error}")))
}

/// The response of an operation.
pub(super) fn respond(answered: Result<Value, AwsError>) -> Response {
    match answered {
        Ok(body) => DIALECT.respond(200, body.to_string()),
        Err(error) => DIALECT.refuse(&error),
    }
}

/// `InvalidParameterException`.
pub(super) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidParameterException", message)
}

fn arn(group: &str) -> String {
    format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}")
}

/// The group's name in an ARN, which may end in `:*`.
pub(super) fn name_of_arn(text: &str) -> Result<String, AwsError> {
    let own = arn("");
    let name = text
        .strip_prefix(&own)
        .map(|name| name.strip_suffix(":*").unwrap_or(name))
        .filter(|name| !name.is_empty() && !name.contains(':'));
    name.map(str::to_owned).ok_or_else(|| {
        invalid(format!(
            "'{text}' is not the ARN of a log group here; those begin with {own}"
        ))
    })
}

/// A group as `DescribeLogGroups` shows it. Its `arn` ends in `:*`, its `logGroupArn` does not.
pub(super) fn group_json(group: &Group) -> Value {
    let arn = arn(&group.name);
    let mut shown = json!({
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": 0,
        "arn": format!("{arn}:*"),
        "logGroupArn": arn,
        "storedBytes": group.stored_bytes,
        "logGroupClass": group.class,
    });
    if let Some(days) = group.retention_days {
        shown["retentionInDays"] = days.into();
    }
    shown
}

/// A stream as `DescribeLogStreams` shows it.
pub(super) fn stream_json(group: &str, stream: &Stream) -> Value {
    let mut shown = json!({
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "uploadSequenceToken": format!("{:056}", stream.id),
        "arn": format!("{}:log-stream:{}", arn(group), stream.name),
        "storedBytes": 0,
    });
    for (name, value) in [
        ("firstEventTimestamp", stream.first_event_ms),
        ("lastEventTimestamp", stream.last_event_ms),
        ("lastIngestionTime", stream.last_ingestion_ms),
    ] {
        if let Some(ms) = value {
            shown[name] = ms.into();
        }
    }
    shown
}

/// An event as `GetLogEvents` shows it.
pub(super) fn event_json(event: &Event) -> Value {
    json!({
        "timestamp": event.position.at_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
    })
}

/// An event as `FilterLogEvents` shows it.
pub(super) fn found_json(event: &Event) -> Value {
    let mut shown = event_json(event);
    shown["logStreamName"] = event.stream.as_str().into();
    shown["eventId"] = format!("{:056}", event.position.id).into();
    shown
}

/// A position as part of a page token.
pub(super) fn position_token(position: Position) -> String {
    format!("{}/{}", position.at_ms, position.id)
}

/// A position from a page token.
pub(super) fn token_position(token: &str) -> Result<Position, AwsError> {
    token
        .split_once('/')
        .and_then(|(at_ms, id)| {
            Some(Position {
                at_ms: at_ms.parse().ok()?,
                id: id.parse().ok()?,
            })
        })
        .ok_or_else(bad_token)
}

/// Any text as a page token.
pub(super) fn text_token(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The text of a page token.
pub(super) fn token_text(token: &str) -> Result<String, AwsError> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(bad_token)
}

/// A token that we did not make.
pub(super) fn bad_token() -> AwsError {
    invalid("The specified nextToken is invalid.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_read_with_and_without_their_star() {
        let arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f";
        for text in [arn.to_owned(), format!("{arn}:*")] {
            assert_eq!(name_of_arn(&text).expect("ours"), "/aws/lambda/f");
        }
        for text in [
            "arn:aws:logs:eu-west-1:000000000000:log-group:g",
            "arn:aws:logs:us-east-1:000000000000:log-group:",
            "g",
        ] {
            assert!(name_of_arn(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tokens_come_back_as_they_went() {
        let position = Position { at_ms: -5, id: 42 };
        let token = position_token(position);
        assert_eq!(token_position(&token).expect("ours"), position);
        assert_eq!(token_text(&text_token("a/b c")).expect("ours"), "a/b c");
        assert!(token_position("x").is_err());
        assert!(token_text("!").is_err());
    }
}
