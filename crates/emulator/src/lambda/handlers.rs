//! Lambda's operations: which one a request is for, and what their handlers share.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;

use super::{
    LambdaService, handlers_functions as functions, handlers_mappings as mappings,
    handlers_settings as settings, routes, wire,
};
use crate::error::AwsError;

/// A status and a body.
pub(super) type Answer = Result<(u16, Value), AwsError>;

/// One request, taken apart.
pub(super) struct Call {
    pub method: Method,
    /// Parts of the path behind the version, percent-decoded.
    pub path: Vec<String>,
    pub query: BTreeMap<String, String>,
    pub body: Value,
}

impl Call {
    /// A part of the path; routes say which there are.
    fn part(&self, index: usize) -> &str {
        self.path.get(index).map_or("", String::as_str)
    }
}

/// There is one version of a function; to act on it when another one is meant would be worse than to
/// refuse.
pub(super) fn check_qualifier(qualifier: &str) -> Result<(), AwsError> {
    if qualifier.is_empty() || qualifier == "$LATEST" {
        return Ok(());
    }
    Err(AwsError::not_implemented(
        "Lambda",
        &format!("the qualifier {qualifier} (versions and aliases)"),
    ))
}

/// Answers everything but Invoke.
pub(super) fn dispatch(lambda: &LambdaService, call: &Call) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let Some(operation) = routes::operation(&call.method, &path) else {
        return Err(AwsError::new(
            404,
            "UnknownOperationException",
            format!("Lambda has no {} /{}", call.method, path.join("/")),
        ));
    };
    let _changing = (call.method != Method::GET).then(|| lambda.changing());
    let (first, body) = (call.part(1), &call.body);
    match operation {
        "ListFunctions" => functions::list(lambda, call),
        "CreateFunction" => functions::create(lambda, body),
        "GetFunction" => {
            let function = lambda.state.function(first)?;
            Ok((200, wire::function(&function, lambda.now_ms())))
        }
        "GetFunctionConfiguration" => {
            let function = lambda.state.function(first)?;
            Ok((200, wire::configuration(&function, lambda.now_ms())))
        }
        "DeleteFunction" => functions::delete(lambda, first),
        "UpdateFunctionConfiguration" => functions::update_configuration(lambda, first, body),
        "UpdateFunctionCode" => functions::update_code(lambda, first, body),
        "GetPolicy" => settings::get_policy(lambda, first),
        "AddPermission" => settings::add_permission(lambda, first, body),
        "RemovePermission" => settings::remove_permission(lambda, first, call.part(3)),
        "GetFunctionConcurrency" => settings::get_concurrency(lambda, first),
        "PutFunctionConcurrency" => settings::put_concurrency(lambda, first, body),
        "DeleteFunctionConcurrency" => settings::delete_concurrency(lambda, first),
        "GetFunctionEventInvokeConfig" => settings::get_invoke_config(lambda, first),
        "PutFunctionEventInvokeConfig" => settings::put_invoke_config(lambda, first, body, false),
        "UpdateFunctionEventInvokeConfig" => settings::put_invoke_config(lambda, first, body, true),
        "DeleteFunctionEventInvokeConfig" => settings::delete_invoke_config(lambda, first),
        "ListFunctionEventInvokeConfigs" => settings::list_invoke_configs(lambda, first),
        "ListEventSourceMappings" => mappings::list(lambda, call),
        "CreateEventSourceMapping" => mappings::create(lambda, body),
        "GetEventSourceMapping" => {
            let mapping = lambda.state.mapping(first)?;
            Ok((200, wire::mapping(&mapping, mapping.state(lambda.now_ms()))))
        }
        "UpdateEventSourceMapping" => mappings::update(lambda, first, body),
        "DeleteEventSourceMapping" => mappings::delete(lambda, first),
        "ListTags" => settings::list_tags(lambda, first),
        "TagResource" => settings::change_tags(lambda, first, |tags| {
            tags.extend(wire::texts(&body["Tags"]));
        }),
        "UntagResource" => settings::change_tags(lambda, first, |tags| {
            tags.retain(|name, _| {
                !call
                    .query
                    .iter()
                    .any(|(key, value)| key.starts_with("tagKeys") && value == name)
            });
        }),
        "GetAccountSettings" => Ok((200, settings::account_settings(lambda))),
        other => Err(AwsError::not_implemented("Lambda", other)),
    }
}

pub(super) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidParameterValueException", message)
}

pub(super) fn conflict(message: impl Into<String>) -> AwsError {
    AwsError::new(409, "ResourceConflictException", message)
}

/// How many items to tell: what was asked for, `most` at most.
pub(super) fn page_size(call: &Call, most: usize) -> Result<usize, AwsError> {
    let Some(text) = call.query.get("MaxItems") else {
        return Ok(most);
    };
    match text.parse::<usize>() {
        Ok(number @ 1..=10_000) => Ok(number.min(most)),
        _ => Err(AwsError::bad_request(
            "ValidationException",
            format!(
                "1 validation error detected: Value '{text}' at 'maxItems' must be a number between 1 and 10000"
            ),
        )),
    }
}
