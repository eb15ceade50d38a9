//! One function per operation of CloudWatch Logs. Those on events are next door, in
//! `handlers_events`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::AwsError;

use super::handlers_events::{filter_log_events, get_log_events, put_log_events};
use super::state::{Names, State, StreamOrder};
use super::wire::{self, invalid, parse};

/// Values that `PutRetentionPolicy` takes, days.
const RETENTION_DAYS: [i64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
/// Groups or streams on one page.
const MAX_LISTED: i64 = 50;

/// The response, or why there is none.
pub(super) type Answer = Result<Value, AwsError>;

/// Answers one request.
pub(super) fn dispatch(state: &State, operation: &str, body: &Value, now_ms: i64) -> Answer {
    match operation {
        "CreateLogGroup" => create_log_group(state, &parse(body)?, now_ms),
        "DeleteLogGroup" => delete_log_group(state, &parse(body)?),
        "DescribeLogGroups" => describe_log_groups(state, &parse(body)?),
        "PutRetentionPolicy" => put_retention_policy(state, &parse(body)?),
        "DeleteRetentionPolicy" => delete_retention_policy(state, &parse(body)?),
        "CreateLogStream" => create_log_stream(state, &parse(body)?, now_ms),
        "DeleteLogStream" => delete_log_stream(state, &parse(body)?),
        "DescribeLogStreams" => describe_log_streams(state, &parse(body)?),
        "PutLogEvents" => put_log_events(state, &parse(body)?, now_ms),
        "GetLogEvents" => get_log_events(state, &parse(body)?),
        "FilterLogEvents" => filter_log_events(state, &parse(body)?),
        "TagResource" => tag_resource(state, &parse(body)?),
        "UntagResource" => untag_resource(state, &parse(body)?),
        "ListTagsForResource" => list_tags_for_resource(state, &parse(body)?),
        "TagLogGroup" => tag_log_group(state, &parse(body)?),
        "UntagLogGroup" => untag_log_group(state, &parse(body)?),
        "ListTagsLogGroup" => list_tags_log_group(state, &parse(body)?),
        other => Err(AwsError::not_implemented("CloudWatch Logs", other)),
    }
}

fn create_log_group(state: &State, request: &wire::CreateLogGroup, now_ms: i64) -> Answer {
    check_name("logGroupName", &request.log_group_name, |character| {
        character.is_ascii_alphanumeric() || "._-/#".contains(character)
    })?;
    check_tags(&request.tags)?;
    refuse_member("CreateLogGroup with kmsKeyId", request.kms_key_id.is_some())?;
    refuse_member(
        "CreateLogGroup with deletionProtectionEnabled",
        request.deletion_protection_enabled,
    )?;
    let class = request.log_group_class.as_deref().unwrap_or("STANDARD");
    if !["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"].contains(&class) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{class}' at 'logGroupClass' failed to satisfy \
             constraint: Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY]"
        )));
    }
    state.create_group(&request.log_group_name, class, &request.tags, now_ms)?;
    Ok(json!({}))
}

fn delete_log_group(state: &State, request: &wire::GroupName) -> Answer {
    state.delete_group(&request.log_group_name)?;
    Ok(json!({}))
}

fn describe_log_groups(state: &State, request: &wire::DescribeLogGroups) -> Answer {
    let limit = page_size(request.limit, MAX_LISTED)?;
    refuse_member(
        "DescribeLogGroups with logGroupIdentifiers",
        !request.log_group_identifiers.is_empty(),
    )?;
    let names = match (
        &request.log_group_name_prefix,
        &request.log_group_name_pattern,
    ) {
        (Some(_), Some(_)) => {
            return Err(invalid(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            ));
        }
        (Some(prefix), None) => Names::Prefix(prefix),
        (None, Some(part)) => Names::Containing(part),
        (None, None) => Names::Any,
    };
    let after = request
        .next_token
        .as_deref()
        .map(wire::token_text)
        .transpose()?;
    let mut groups = state.groups(
        &names,
        request.log_group_class.as_deref(),
        after.as_deref(),
        limit + 1,
    )?;
    let more = groups.len() > limit;
    groups.truncate(limit);
    let mut answer = json!({
        "logGroups": groups.iter().map(wire::group_json).collect::<Vec<_>>(),
    });
    if let (true, Some(last)) = (more, groups.last()) {
        answer["nextToken"] = wire::text_token(&last.name).into();
    }
    Ok(answer)
}

fn put_retention_policy(state: &State, request: &wire::PutRetentionPolicy) -> Answer {
    let days = request.retention_in_days;
    if !RETENTION_DAYS.contains(&days) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy \
             constraint: Member must satisfy enum value set: {RETENTION_DAYS:?}"
        )));
    }
    state.set_retention(&request.log_group_name, Some(days))?;
    Ok(json!({}))
}

fn delete_retention_policy(state: &State, request: &wire::GroupName) -> Answer {
    state.set_retention(&request.log_group_name, None)?;
    Ok(json!({}))
}

fn create_log_stream(state: &State, request: &wire::StreamName, now_ms: i64) -> Answer {
    check_name("logStreamName", &request.log_stream_name, |character| {
        !matches!(character, ':' | '*')
    })?;
    state.create_stream(&request.log_group_name, &request.log_stream_name, now_ms)?;
    Ok(json!({}))
}

fn delete_log_stream(state: &State, request: &wire::StreamName) -> Answer {
    state.delete_stream(&request.log_group_name, &request.log_stream_name)?;
    Ok(json!({}))
}

fn describe_log_streams(state: &State, request: &wire::DescribeLogStreams) -> Answer {
    let group = request.group.name()?;
    let limit = page_size(request.limit, MAX_LISTED)?;
    let by_last_event = match request.order_by.as_deref() {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") => true,
        Some(other) => {
            return Err(invalid(format!(
                "1 validation error detected: Value '{other}' at 'orderBy' failed to satisfy \
                 constraint: Member must satisfy enum value set: [LastEventTime, LogStreamName]"
            )));
        }
    };
    if by_last_event && request.log_stream_name_prefix.is_some() {
        return Err(invalid(
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ));
    }
    let offset: usize = match &request.next_token {
        Some(token) => wire::token_text(token)?
            .parse()
            .map_err(|_| wire::bad_token())?,
        None => 0,
    };
    let order = StreamOrder {
        by_last_event,
        descending: request.descending,
    };
    let prefix = request
        .log_stream_name_prefix
        .as_deref()
        .unwrap_or_default();
    let mut streams = state.streams(&group, prefix, &order, offset, limit + 1)?;
    let more = streams.len() > limit;
    streams.truncate(limit);
    let mut answer = json!({
        "logStreams": streams
            .iter()
            .map(|stream| wire::stream_json(&group, stream))
            .collect::<Vec<_>>(),
    });
    if more {
        answer["nextToken"] = wire::text_token(&(offset + limit).to_string()).into();
    }
    Ok(answer)
}

fn tag_resource(state: &State, request: &wire::TagResource) -> Answer {
    check_tags(&request.tags)?;
    state.tag(&wire::name_of_arn(&request.resource_arn)?, &request.tags)?;
    Ok(json!({}))
}

fn untag_resource(state: &State, request: &wire::UntagResource) -> Answer {
    state.untag(
        &wire::name_of_arn(&request.resource_arn)?,
        &request.tag_keys,
    )?;
    Ok(json!({}))
}

fn list_tags_for_resource(state: &State, request: &wire::ListTagsForResource) -> Answer {
    let tags = state.tags(&wire::name_of_arn(&request.resource_arn)?)?;
    Ok(json!({ "tags": tags }))
}

fn tag_log_group(state: &State, request: &wire::TagLogGroup) -> Answer {
    check_tags(&request.tags)?;
    state.tag(&request.log_group_name, &request.tags)?;
    Ok(json!({}))
}

fn untag_log_group(state: &State, request: &wire::UntagLogGroup) -> Answer {
    state.untag(&request.log_group_name, &request.tags)?;
    Ok(json!({}))
}

fn list_tags_log_group(state: &State, request: &wire::GroupName) -> Answer {
    Ok(json!({ "tags": state.tags(&request.log_group_name)? }))
}

/// What would be ignored is refused.
fn refuse_member(what: &str, given: bool) -> Result<(), AwsError> {
    if given {
        return Err(AwsError::not_implemented("CloudWatch Logs", what));
    }
    Ok(())
}

fn check_name(field: &str, name: &str, allowed: impl Fn(char) -> bool) -> Result<(), AwsError> {
    if (1..=512).contains(&name.chars().count()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at '{field}' failed to satisfy constraint: \
         1 to 512 characters of those that are allowed"
    )))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
    for (key, value) in tags {
        if !(1..=128).contains(&key.chars().count())
            || value.chars().count() > 256
            || key.starts_with("aws:")
        {
            return Err(invalid(format!(
                "the tag '{key}' is refused: keys have 1 to 128 characters and do not begin with \
                 aws:, values have 256 at most"
            )));
        }
    }
    Ok(())
}

/// How many of something a page holds.
pub(super) fn page_size(limit: Option<i64>, max: i64) -> Result<usize, AwsError> {
    let limit = limit.unwrap_or(max);
    if !(1..=max).contains(&limit) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy \
             constraint: Member must have value between 1 and {max}"
        )));
    }
    Ok(limit as usize)
}

#[cfg(test)]
mod tests;
