//! Event source mappings.

use serde_json::{Value, json};

use super::LambdaService;
use super::handlers::{Answer, Call, invalid, page_size};
use super::state::{Change, ChangeKind, Mapping, function_name};
use super::wire::{self, number, texts};
use crate::error::AwsError;

/// aws-behaviours Q10
pub(super) fn check_visibility(visibility_s: u32, timeout_s: u32) -> Result<(), AwsError> {
    if visibility_s >= timeout_s {
        return Ok(());
    }
    Err(invalid(format!(
        "Invalid request provided: Queue visibility timeout: {visibility_s} seconds is less than Function timeout: {timeout_s} seconds"
    )))
}

pub(super) fn list(lambda: &LambdaService, call: &Call) -> Answer {
    let source = call.query.get("EventSourceArn");
    let function = call
        .query
        .get("FunctionName")
        .map(|name| function_name(name));
    let after = call.query.get("Marker").map_or("", String::as_str);
    let most = page_size(call, 100)?;
    let mut mappings = lambda.state.mappings();
    mappings.retain(|mapping| {
        source.is_none_or(|arn| *arn == mapping.queue_arn)
            && function.is_none_or(|name| name == mapping.function)
            && mapping.uuid.as_str() > after
    });
    let more = mappings.len() > most;
    mappings.truncate(most);
    let told: Vec<Value> = mappings
        .iter()
        .map(|mapping| wire::mapping(mapping, mapping.state(lambda.now_ms())))
        .collect();
    let mut answer = json!({ "EventSourceMappings": told });
    if more {
        answer["NextMarker"] = mappings.last().map(|mapping| mapping.uuid.clone()).into();
    }
    Ok((200, answer))
}

/// What create and update have in common.
fn settings(mapping: &mut Mapping, body: &Value) -> Result<(), AwsError> {
    if let Some(enabled) = body["Enabled"].as_bool() {
        mapping.enabled = enabled;
    }
    if let Some(batch) = number(body, "BatchSize", 1, 10_000)? {
        mapping.batch = batch;
    }
    if let Some(window) = number(body, "MaximumBatchingWindowInSeconds", 0, 300)? {
        mapping.window_s = window;
    }
    // aws-behaviours E8
    if mapping.batch > 10 && mapping.window_s == 0 {
        return Err(invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ));
    }
    if let Some(types) = body["FunctionResponseTypes"].as_array() {
        mapping.partial_failures = types.iter().any(|kind| kind == "ReportBatchItemFailures");
    }
    if body["ScalingConfig"].is_object() {
        // An empty object takes the limit away. // aws-behaviours E5
        mapping.max_concurrency = number(&body["ScalingConfig"], "MaximumConcurrency", 2, 1_000)?;
    }
    let filters = &body["FilterCriteria"]["Filters"];
    if filters
        .as_array()
        .is_some_and(|filters| !filters.is_empty())
    {
        return Err(AwsError::not_implemented(
            "Lambda",
            "filter criteria of event source mappings",
        ));
    }
    Ok(())
}

pub(super) fn create(lambda: &LambdaService, body: &Value) -> Answer {
    let queue_arn = body["EventSourceArn"].as_str().unwrap_or_default();
    if queue_arn.is_empty() {
        return Err(invalid(
            "EventSourceArn is mandatory: queues are the event sources served",
        ));
    }
    if !queue_arn.contains(":sqs:") {
        return Err(AwsError::not_implemented(
            "Lambda",
            &format!("the event source {queue_arn} (SQS queues are served)"),
        ));
    }
    let function = lambda
        .state
        .function(body["FunctionName"].as_str().unwrap_or_default())?;
    let queue = lambda.shared.bus.queues().describe(queue_arn).ok_or_else(|| {
        invalid("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.")
    })?;
    check_visibility(queue.visibility_timeout_s, function.timeout_s)?;
    let mut mapping = Mapping {
        uuid: uuid::Uuid::new_v4().to_string(),
        queue_arn: queue_arn.to_owned(),
        function: function.name.clone(),
        enabled: true,
        batch: 10,
        window_s: 0,
        partial_failures: false,
        max_concurrency: None,
        filter: None,
        modified_ms: lambda.now_ms(),
        tags: texts(&body["Tags"]),
        change: None,
    };
    settings(&mut mapping, body)?;
    mapping.change = change(lambda, ChangeKind::Creating);
    let mapping = lambda.add_mapping(mapping)?;
    Ok((202, wire::mapping(&mapping, ChangeKind::Creating.word())))
}

/// A change that takes its time, where it does.
fn change(lambda: &LambdaService, kind: ChangeKind) -> Option<Change> {
    let takes_ms = lambda.shared.behaviour.mapping_change_ms;
    (takes_ms > 0).then(|| Change {
        kind,
        until_ms: lambda.now_ms() + takes_ms,
    })
}

/// A mapping that changes can be neither changed nor deleted. // aws-behaviours E3
fn check_settled(lambda: &LambdaService, mapping: &Mapping, what: &str) -> Result<(), AwsError> {
    match mapping.changing(lambda.now_ms()) {
        None => Ok(()),
        Some(_) => Err(AwsError::bad_request(
            "ResourceInUseException",
            format!("Cannot {what} the event source mapping because it is in use."),
        )),
    }
}

/// aws-behaviours E1
pub(super) fn duplicate(existing: &Mapping) -> AwsError {
    AwsError::new(
        409,
        "ResourceConflictException",
        format!(
            "An event source mapping with SQS arn (\" {} \") and function (\" {} \") already exists. Please update or delete the existing mapping with UUID {}",
            existing.queue_arn, existing.function, existing.uuid
        ),
    )
}

pub(super) fn update(lambda: &LambdaService, uuid: &str, body: &Value) -> Answer {
    let mut mapping = (*lambda.state.mapping(uuid)?).clone();
    check_settled(lambda, &mapping, "update")?;
    let was_enabled = mapping.enabled;
    if let Some(name) = body["FunctionName"].as_str() {
        let function = lambda.state.function(name)?;
        mapping.function.clone_from(&function.name);
        let taken = lambda.state.mappings().into_iter().find(|other| {
            other.uuid != mapping.uuid
                && other.queue_arn == mapping.queue_arn
                && other.function == mapping.function
        });
        if let Some(existing) = taken {
            return Err(duplicate(&existing));
        }
    }
    if let (Some(queue), Ok(function)) = (
        lambda.shared.bus.queues().describe(&mapping.queue_arn),
        lambda.state.function(&mapping.function),
    ) {
        check_visibility(queue.visibility_timeout_s, function.timeout_s)?;
    }
    settings(&mut mapping, body)?;
    mapping.modified_ms = lambda.now_ms();
    let kind = match (was_enabled, mapping.enabled) {
        (false, true) => ChangeKind::Enabling,
        (true, false) => ChangeKind::Disabling,
        _ => ChangeKind::Updating,
    };
    mapping.change = change(lambda, kind);
    let mapping = lambda.state.put_mapping(mapping)?;
    lambda.poll_mapping(&mapping);
    Ok((202, wire::mapping(&mapping, kind.word())))
}

pub(super) fn delete(lambda: &LambdaService, uuid: &str) -> Answer {
    let mut mapping = (*lambda.state.mapping(uuid)?).clone();
    check_settled(lambda, &mapping, "delete")?;
    lambda.stop_polling(uuid);
    mapping.change = change(lambda, ChangeKind::Deleting);
    if mapping.change.is_some() {
        let mapping = lambda.state.put_mapping(mapping)?;
        lambda.remove_when_deleted(&mapping);
        return Ok((202, wire::mapping(&mapping, ChangeKind::Deleting.word())));
    }
    lambda.delete_mapping(uuid)?;
    Ok((202, wire::mapping(&mapping, ChangeKind::Deleting.word())))
}
