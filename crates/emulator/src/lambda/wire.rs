//! Lambda's REST-JSON shapes.

use std::collections::BTreeMap;

use axum::body::Body;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::state::{Function, InvokeConfig, Mapping, function_arn};
use crate::config::{ACCOUNT, REGION};
use crate::error::AwsError;
use crate::service::Response;

const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]");

/// A moment as records write it.
pub(super) fn timestamp(moment: OffsetDateTime) -> String {
    moment
        .format(TIMESTAMP)
        .map_or_else(|_| String::new(), |text| format!("{text}Z"))
}

fn last_modified(ms: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    let text = moment.ok().and_then(|moment| moment.format(TIMESTAMP).ok());
    text.map_or_else(String::new, |text| format!("{text}+0000"))
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

/// A function's configuration.
pub(super) fn configuration(function: &Function, now_ms: i64) -> Value {
    let pending = function.is_pending(now_ms);
    let updating = pending || function.is_updating(now_ms);
    let mut value = json!({
        "FunctionName": function.name,
        "FunctionArn": function.arn(),
        "Runtime": function.runtime,
        "Role": function.role,
        "Handler": function.handler,
        "CodeSize": function.code_bytes,
        "Description": function.description,
        "Timeout": function.timeout_s,
        "MemorySize": function.memory_mb,
        "LastModified": last_modified(function.modified_ms),
        "CodeSha256": function.code_sha256,
        "Version": "$LATEST",
        "TracingConfig": { "Mode": "PassThrough" },
        "RevisionId": revision(function),
        // aws-behaviours L1, L3
        "State": if pending { "Pending" } else { "Active" },
        "LastUpdateStatus": if updating { "InProgress" } else { "Successful" },
        "PackageType": "Zip",
        "Architectures": [function.architecture],
        "EphemeralStorage": { "Size": 512 },
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{}", function.name) },
    });
    if !function.environment.is_empty() {
        value["Environment"] = json!({ "Variables": function.environment });
    }
    if pending {
        value["StateReason"] = "The function is being created.".into();
        value["StateReasonCode"] = "Creating".into();
    }
    if let Some(arn) = &function.dead_letter {
        value["DeadLetterConfig"] = json!({ "TargetArn": arn });
    }
    value
}

/// Id of the function's code and configuration as they are.
pub(super) fn revision(function: &Function) -> String {
    uuid_of(&format!("{}-{}", function.name, function.generation))
}

/// A stable id made from a text.
fn uuid_of(text: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(text);
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// Answer of GetFunction.
pub(super) fn function(function: &Function, now_ms: i64) -> Value {
    let mut value = json!({
        "Configuration": configuration(function, now_ms),
        "Code": { "RepositoryType": "S3", "Location": "" },
    });
    if !function.tags.is_empty() {
        value["Tags"] = json!(function.tags);
    }
    if let Some(reserved) = function.reserved {
        value["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
    }
    value
}

/// Settings of asynchronous invocations.
pub(super) fn invoke_config(function: &Function, config: &InvokeConfig) -> Value {
    let mut destinations = json!({ "OnSuccess": {}, "OnFailure": {} });
    if let Some(arn) = &config.on_failure {
        destinations["OnFailure"] = json!({ "Destination": arn });
    }
    if let Some(arn) = &config.on_success {
        destinations["OnSuccess"] = json!({ "Destination": arn });
    }
    let mut value = json!({
        "LastModified": seconds(config.modified_ms),
        "FunctionArn": format!("{}:$LATEST", function.arn()),
        "DestinationConfig": destinations,
    });
    if let Some(retries) = config.retries {
        value["MaximumRetryAttempts"] = retries.into();
    }
    if let Some(age) = config.max_age_s {
        value["MaximumEventAgeInSeconds"] = age.into();
    }
    value
}

/// ARN of a mapping.
pub(super) fn mapping_arn(uuid: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{uuid}")
}

/// A mapping in a state.
pub(super) fn mapping(mapping: &Mapping, state: &str) -> Value {
    let mut value = json!({
        "UUID": mapping.uuid,
        "BatchSize": mapping.batch,
        "MaximumBatchingWindowInSeconds": mapping.window_s,
        "EventSourceArn": mapping.queue_arn,
        "FunctionArn": function_arn(&mapping.function),
        "LastModified": seconds(mapping.modified_ms),
        "State": state,
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": if mapping.partial_failures { vec!["ReportBatchItemFailures"] } else { Vec::new() },
        "EventSourceMappingArn": mapping_arn(&mapping.uuid),
    });
    if let Some(most) = mapping.max_concurrency {
        value["ScalingConfig"] = json!({ "MaximumConcurrency": most });
    }
    if let Some(filter) = &mapping.filter {
        value["FilterCriteria"] = filter.clone();
    }
    value
}

/// A map of texts in a request; an empty one when it is not there.
pub(super) fn texts(value: &Value) -> BTreeMap<String, String> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// A whole number in a range, or what it is when it is not given.
pub(super) fn number(
    body: &Value,
    name: &str,
    least: u32,
    most: u32,
) -> Result<Option<u32>, AwsError> {
    let value = &body[name];
    if value.is_null() {
        return Ok(None);
    }
    let refused = |must: String| {
        let mut field = name.to_owned();
        field[..1].make_ascii_lowercase();
        Err(AwsError::bad_request(
            "ValidationException",
            format!(
                "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: Member must {must}"
            ),
        ))
    };
    match value.as_i64() {
        None => refused("be a whole number".to_owned()),
        Some(number) if number < i64::from(least) => {
            refused(format!("have value greater than or equal to {least}"))
        }
        Some(number) => match u32::try_from(number) {
            Ok(number) if number <= most => Ok(Some(number)),
            _ => refused(format!("have value less than or equal to {most}")),
        },
    }
}

/// More run than may.
pub(super) fn throttled(function: &Function) -> Response {
    let reason = if function.reserved.is_some() {
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    } else {
        "ConcurrentInvocationLimitExceeded"
    };
    let body = json!({ "Type": "User", "Reason": reason, "Message": "Rate Exceeded.", "message": "Rate Exceeded." });
    let mut response = answer(429, &body);
    let headers = response.headers_mut();
    headers.insert(
        "x-amzn-errortype",
        http::HeaderValue::from_static("TooManyRequestsException"),
    );
    headers.insert(
        http::header::RETRY_AFTER,
        http::HeaderValue::from_static("1"),
    );
    response
}

/// An answer with a JSON body; 204 without one.
pub(super) fn answer(status: u16, body: &Value) -> Response {
    answer_as(status, body, &uuid::Uuid::new_v4().to_string())
}

/// An answer to a request with this id.
pub(super) fn answer_as(status: u16, body: &Value, request_id: &str) -> Response {
    let builder = http::Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("x-amzn-requestid", request_id);
    let body = if status == 204 || body.is_null() {
        Body::empty()
    } else {
        Body::from(body.to_string())
    };
    builder.body(body).expect("a legal response")
}

/// An error as Lambda words it.
pub(super) fn error(error: &AwsError) -> Response {
    let kind = if error.status >= 500 {
        "Service"
    } else {
        "User"
    };
    let body = json!({ "Type": kind, "Message": error.message, "message": error.message });
    let mut response = answer(error.status, &body);
    if let Ok(code) = error.code.parse() {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}
