//! What is set on functions: permissions, concurrency, asynchronous invocations, tags; and the account.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::handlers::{Answer, conflict, invalid};
use super::state::{Function, InvokeConfig};
use super::wire::{self, number};
use super::{LambdaService, policy};
use crate::error::AwsError;

/// Concurrent executions of an account, AWS's default.
const ACCOUNT_CONCURRENCY: u32 = 1_000;
/// Executions that no function may reserve. // aws-behaviours L16
const UNRESERVED: u32 = 100;

pub(super) fn get_policy(lambda: &LambdaService, name: &str) -> Answer {
    let function = lambda.state.function(name)?;
    if function.policy.is_empty() {
        return Err(AwsError::new(
            404,
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
        ));
    }
    let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": function.policy });
    Ok((
        200,
        json!({ "Policy": policy.to_string(), "RevisionId": function.generation.to_string() }),
    ))
}

pub(super) fn add_permission(lambda: &LambdaService, name: &str, body: &Value) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    let sid = body["StatementId"].as_str().unwrap_or_default();
    policy::check(body)?;
    if function
        .policy
        .iter()
        .any(|statement| statement["Sid"] == sid)
    {
        // aws-behaviours L11
        return Err(conflict(format!(
            "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing statement."
        )));
    }
    let statement = policy::statement(body, &function.arn());
    function.policy.push(statement.clone());
    lambda.state.put_function(function)?;
    Ok((201, json!({ "Statement": statement.to_string() })))
}

pub(super) fn remove_permission(lambda: &LambdaService, name: &str, sid: &str) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    let before = function.policy.len();
    function.policy.retain(|statement| statement["Sid"] != sid);
    if function.policy.len() == before {
        return Err(AwsError::new(
            404,
            "ResourceNotFoundException",
            format!("Statement {sid} is not found in resource policy."),
        ));
    }
    lambda.state.put_function(function)?;
    Ok((204, Value::Null))
}

pub(super) fn get_concurrency(lambda: &LambdaService, name: &str) -> Answer {
    let function = lambda.state.function(name)?;
    let reserved = function
        .reserved
        .map(|reserved| json!({ "ReservedConcurrentExecutions": reserved }));
    Ok((200, reserved.unwrap_or_else(|| json!({}))))
}

pub(super) fn put_concurrency(lambda: &LambdaService, name: &str, body: &Value) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    let reserved = number(body, "ReservedConcurrentExecutions", 0, u32::MAX)?
        .ok_or_else(|| invalid("ReservedConcurrentExecutions is mandatory"))?;
    let of_others = lambda
        .state
        .functions()
        .iter()
        .filter(|other| other.name != function.name)
        .filter_map(|other| other.reserved)
        .sum::<u32>();
    // aws-behaviours L16
    if u64::from(of_others) + u64::from(reserved) > u64::from(ACCOUNT_CONCURRENCY - UNRESERVED) {
        return Err(invalid(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [{UNRESERVED}]."
        )));
    }
    function.reserved = Some(reserved);
    let answer = json!({ "ReservedConcurrentExecutions": function.reserved });
    lambda.state.put_function(function)?;
    lambda.runtime.freed.notify_waiters();
    Ok((200, answer))
}

pub(super) fn delete_concurrency(lambda: &LambdaService, name: &str) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    function.reserved = None;
    lambda.state.put_function(function)?;
    lambda.runtime.freed.notify_waiters();
    Ok((204, Value::Null))
}

fn no_invoke_config(function: &Function) -> AwsError {
    AwsError::new(
        404,
        "ResourceNotFoundException",
        format!(
            "The function {}:$LATEST doesn't have an EventInvokeConfig",
            function.arn()
        ),
    )
}

pub(super) fn get_invoke_config(lambda: &LambdaService, name: &str) -> Answer {
    let function = lambda.state.function(name)?;
    let config = function
        .invoke_config
        .as_ref()
        .ok_or_else(|| no_invoke_config(&function))?;
    Ok((200, wire::invoke_config(&function, config)))
}

/// `keep`: fields that are not given stay as they are.
pub(super) fn put_invoke_config(
    lambda: &LambdaService,
    name: &str,
    body: &Value,
    keep: bool,
) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    let before = function.invoke_config.take().filter(|_| keep);
    let destination = |which: &str, before: Option<String>| -> Result<Option<String>, AwsError> {
        if body["DestinationConfig"].is_null() {
            return Ok(before);
        }
        queue_named(lambda, &body["DestinationConfig"][which]["Destination"])
    };
    let before = before.as_ref();
    let config = InvokeConfig {
        retries: number(body, "MaximumRetryAttempts", 0, 2)?
            .or_else(|| before.and_then(|b| b.retries)),
        max_age_s: number(body, "MaximumEventAgeInSeconds", 60, 21_600)?
            .or_else(|| before.and_then(|b| b.max_age_s)),
        on_failure: destination("OnFailure", before.and_then(|b| b.on_failure.clone()))?,
        on_success: destination("OnSuccess", before.and_then(|b| b.on_success.clone()))?,
        modified_ms: lambda.now_ms(),
    };
    let answer = wire::invoke_config(&function, &config);
    function.invoke_config = Some(config);
    lambda.state.put_function(function)?;
    Ok((200, answer))
}

pub(super) fn delete_invoke_config(lambda: &LambdaService, name: &str) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    if function.invoke_config.take().is_none() {
        return Err(no_invoke_config(&function));
    }
    lambda.state.put_function(function)?;
    Ok((204, Value::Null))
}

pub(super) fn list_invoke_configs(lambda: &LambdaService, name: &str) -> Answer {
    let function = lambda.state.function(name)?;
    let configs: Vec<Value> = function
        .invoke_config
        .iter()
        .map(|config| wire::invoke_config(&function, config))
        .collect();
    Ok((200, json!({ "FunctionEventInvokeConfigs": configs })))
}

/// The queue of a request's `DeadLetterConfig`.
pub(super) fn dead_letter(
    lambda: &LambdaService,
    body: &Value,
) -> Result<Option<String>, AwsError> {
    queue_named(lambda, &body["DeadLetterConfig"]["TargetArn"])
}

/// A queue that must exist, named by ARN; none when the text is empty.
fn queue_named(lambda: &LambdaService, arn: &Value) -> Result<Option<String>, AwsError> {
    let Some(arn) = arn.as_str().filter(|arn| !arn.is_empty()) else {
        return Ok(None);
    };
    if !arn.contains(":sqs:") {
        return Err(AwsError::not_implemented(
            "Lambda",
            &format!("the destination {arn} (SQS queues are served)"),
        ));
    }
    if lambda.shared.bus.queues().describe(arn).is_none() {
        return Err(invalid(format!(
            "The destination ARN {arn} is invalid: there is no such queue."
        )));
    }
    Ok(Some(arn.to_owned()))
}

pub(super) fn list_tags(lambda: &LambdaService, arn: &str) -> Answer {
    let tags = match arn.rsplit_once("event-source-mapping:") {
        Some((_, uuid)) => lambda.state.mapping(uuid)?.tags.clone(),
        None => lambda.state.function(arn)?.tags.clone(),
    };
    Ok((200, json!({ "Tags": tags })))
}

pub(super) fn change_tags(
    lambda: &LambdaService,
    arn: &str,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Answer {
    // aws-behaviours E11
    if let Some((_, uuid)) = arn.rsplit_once("event-source-mapping:") {
        let mut mapping = (*lambda.state.mapping(uuid)?).clone();
        change(&mut mapping.tags);
        lambda.state.put_mapping(mapping)?;
    } else {
        let mut function = (*lambda.state.function(arn)?).clone();
        change(&mut function.tags);
        lambda.state.put_function(function)?;
    }
    Ok((204, Value::Null))
}

pub(super) fn account_settings(lambda: &LambdaService) -> Value {
    let functions = lambda.state.functions();
    let reserved: u32 = functions
        .iter()
        .filter_map(|function| function.reserved)
        .sum();
    json!({
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800_u64,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
            "UnreservedConcurrentExecutions": ACCOUNT_CONCURRENCY.saturating_sub(reserved),
        },
        "AccountUsage": {
            "TotalCodeSize": functions.iter().map(|function| function.code_bytes).sum::<u64>(),
            "FunctionCount": functions.len(),
        },
    })
}
