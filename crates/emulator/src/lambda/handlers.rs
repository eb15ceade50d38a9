//! Lambda's control plane: which request is which operation, and functions with what is set on them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use super::state::{Function, InvokeConfig, function_name};
use super::wire::{self, number, texts};
use super::{LambdaService, code, handlers_mappings, policy};
use crate::error::AwsError;

/// A status and a body.
pub(super) type Answer = Result<(u16, Value), AwsError>;

/// One request, taken apart.
pub(super) struct Call<'a> {
    pub method: Method,
    /// Parts of the path behind the version, percent-decoded.
    pub path: Vec<&'a str>,
    pub query: BTreeMap<String, String>,
    pub body: Value,
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
pub(super) fn dispatch(lambda: &LambdaService, call: &Call<'_>) -> Answer {
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    let method = &call.method;
    let body = &call.body;
    let _changing = (*method != get).then(|| lambda.changing());
    match call.path.as_slice() {
        ["functions"] if method == get => list_functions(lambda, call),
        ["functions"] if method == post => create_function(lambda, body),
        ["functions", name] if method == get => {
            Ok((200, wire::function(&*lambda.state.function(name)?)))
        }
        ["functions", name] if method == delete => delete_function(lambda, name),
        ["functions", name, "configuration"] if method == get => {
            Ok((200, wire::configuration(&*lambda.state.function(name)?)))
        }
        ["functions", name, "configuration"] if method == put => {
            update_configuration(lambda, name, body)
        }
        ["functions", name, "code"] if method == put => update_code(lambda, name, body),
        ["functions", name, "policy"] if method == get => get_policy(lambda, name),
        ["functions", name, "policy"] if method == post => add_permission(lambda, name, body),
        ["functions", name, "policy", sid] if method == delete => {
            remove_permission(lambda, name, sid)
        }
        ["functions", name, "concurrency"] if method == get => get_concurrency(lambda, name),
        ["functions", name, "concurrency"] if method == put => put_concurrency(lambda, name, body),
        ["functions", name, "concurrency"] if method == delete => delete_concurrency(lambda, name),
        ["functions", name, "event-invoke-config"] if method == get => {
            get_invoke_config(lambda, name)
        }
        ["functions", name, "event-invoke-config"] if method == put => {
            put_invoke_config(lambda, name, body, false)
        }
        ["functions", name, "event-invoke-config"] if method == post => {
            put_invoke_config(lambda, name, body, true)
        }
        ["functions", name, "event-invoke-config"] if method == delete => {
            delete_invoke_config(lambda, name)
        }
        ["functions", name, "event-invoke-config", "list"] if method == get => {
            let function = lambda.state.function(name)?;
            let configs: Vec<Value> = function
                .invoke_config
                .iter()
                .map(|config| wire::invoke_config(&function, config))
                .collect();
            Ok((200, json!({ "FunctionEventInvokeConfigs": configs })))
        }
        ["event-source-mappings"] if method == get => handlers_mappings::list(lambda, call),
        ["event-source-mappings"] if method == post => handlers_mappings::create(lambda, body),
        ["event-source-mappings", uuid] if method == get => {
            Ok((200, wire::mapping(&*lambda.state.mapping(uuid)?, None)))
        }
        ["event-source-mappings", uuid] if method == put => {
            handlers_mappings::update(lambda, uuid, body)
        }
        ["event-source-mappings", uuid] if method == delete => {
            handlers_mappings::delete(lambda, uuid)
        }
        ["tags", arn] if method == get => list_tags(lambda, arn),
        ["tags", arn] if method == post => {
            change_tags(lambda, arn, |tags| tags.extend(texts(&body["Tags"])))
        }
        ["tags", arn] if method == delete => change_tags(lambda, arn, |tags| {
            tags.retain(|name, _| {
                !call
                    .query
                    .iter()
                    .any(|(key, value)| key.starts_with("tagKeys") && value == name)
            });
        }),
        ["account-settings"] if method == get => Ok((200, account_settings(lambda))),
        path => Err(AwsError::not_implemented(
            "Lambda",
            &format!("{method} /{}", path.join("/")),
        )),
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidParameterValueException", message)
}

fn conflict(message: impl Into<String>) -> AwsError {
    AwsError::new(409, "ResourceConflictException", message)
}

/// How many items to tell: what was asked for, `most` at most.
pub(super) fn page_size(call: &Call<'_>, most: usize) -> Result<usize, AwsError> {
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

fn list_functions(lambda: &LambdaService, call: &Call<'_>) -> Answer {
    let after = call.query.get("Marker").map_or("", String::as_str);
    let most = page_size(call, 50)?;
    let mut functions = lambda.state.functions();
    functions.retain(|function| function.name.as_str() > after);
    let more = functions.len() > most;
    functions.truncate(most);
    let mut answer = json!({ "Functions": functions.iter().map(|f| wire::configuration(f)).collect::<Vec<_>>() });
    if more {
        answer["NextMarker"] = functions
            .last()
            .map(|function| function.name.clone())
            .into();
    }
    Ok((200, answer))
}

/// Settings that would change what a function does, and that are not served.
fn refuse_unserved(body: &Value) -> Result<(), AwsError> {
    let logging = &body["LoggingConfig"];
    let unserved = if logging["LogFormat"] == "JSON" {
        Some("the log format JSON (Text is served)")
    } else if !logging["LogGroup"].is_null() {
        Some("a log group of one's own")
    } else if body["Layers"]
        .as_array()
        .is_some_and(|layers| !layers.is_empty())
    {
        Some("layers")
    } else {
        None
    };
    unserved.map_or(Ok(()), |what| {
        Err(AwsError::not_implemented("Lambda", what))
    })
}

fn zip_of(body: &Value) -> Result<Vec<u8>, AwsError> {
    if !body["S3Bucket"].is_null() || !body["ImageUri"].is_null() {
        return Err(AwsError::not_implemented(
            "Lambda",
            "code from S3 or an image registry (send ZipFile)",
        ));
    }
    let text = body["ZipFile"]
        .as_str()
        .ok_or_else(|| invalid("Please provide a source for function code."))?;
    STANDARD
        .decode(text)
        .map_err(|_| invalid("ZipFile is not base64"))
}

fn runtime_of(body: &Value) -> Result<Option<String>, AwsError> {
    match body["Runtime"].as_str() {
        None => Ok(None),
        Some(runtime @ ("provided.al2023" | "provided.al2")) => Ok(Some(runtime.to_owned())),
        Some(other) => Err(AwsError::not_implemented(
            "Lambda",
            &format!("the runtime {other} (provided.al2023 and provided.al2 are served)"),
        )),
    }
}

fn architecture_of(body: &Value) -> Result<Option<String>, AwsError> {
    match body["Architectures"][0].as_str() {
        None => Ok(None),
        Some(name @ ("x86_64" | "arm64")) => Ok(Some(name.to_owned())),
        Some(other) => Err(invalid(format!(
            "Value '{other}' at 'architectures' must be x86_64 or arm64"
        ))),
    }
}

fn create_function(lambda: &LambdaService, body: &Value) -> Answer {
    let name = body["FunctionName"]
        .as_str()
        .map(function_name)
        .unwrap_or_default();
    let legal = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !legal {
        return Err(AwsError::bad_request(
            "ValidationException",
            format!(
                "1 validation error detected: Value '{name}' at 'functionName' must match [a-zA-Z0-9-_]+ with at most 64 characters"
            ),
        ));
    }
    if lambda.state.function(name).is_ok() {
        // aws-behaviours L6
        return Err(conflict(format!("Function already exist: {name}")));
    }
    refuse_unserved(body)?;
    let runtime = runtime_of(body)?.ok_or_else(|| {
        invalid("Runtime is mandatory for functions created with deployment packages.")
    })?;
    let role = body["Role"]
        .as_str()
        .filter(|role| role.starts_with("arn:aws"))
        .ok_or_else(|| invalid("1 validation error detected: 'role' must be the ARN of a role"))?;
    let environment = texts(&body["Environment"]["Variables"]);
    code::check_environment(&environment)?;
    let unpacked = code::unpack(&lambda.state.code, &zip_of(&body["Code"])?)?;
    let function = Function {
        name: name.to_owned(),
        runtime,
        handler: body["Handler"].as_str().unwrap_or("bootstrap").to_owned(),
        role: role.to_owned(),
        description: body["Description"].as_str().unwrap_or_default().to_owned(),
        memory_mb: number(body, "MemorySize", 128, 10_240)?.unwrap_or(128),
        timeout_s: number(body, "Timeout", 1, 900)?.unwrap_or(3),
        environment,
        architecture: architecture_of(body)?.unwrap_or_else(|| "x86_64".to_owned()),
        code_sha256: unpacked.sha256,
        code_dir: unpacked.directory,
        code_bytes: unpacked.bytes,
        modified_ms: lambda.now_ms(),
        generation: lambda.next_generation(),
        tags: texts(&body["Tags"]),
        policy: Vec::new(),
        invoke_config: None,
        reserved: None,
    };
    let function = lambda.state.put_function(function)?;
    Ok((201, wire::configuration(&function)))
}

fn update_code(lambda: &LambdaService, name: &str, body: &Value) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    let zip = zip_of(body)?;
    let unpacked = code::unpack(&lambda.state.code, &zip)?;
    let before = std::mem::replace(&mut function.code_dir, unpacked.directory);
    function.code_sha256 = unpacked.sha256;
    function.code_bytes = unpacked.bytes;
    if let Some(architecture) = architecture_of(body)? {
        function.architecture = architecture;
    }
    if body["DryRun"] == true {
        return Ok((200, wire::configuration(&function)));
    }
    let function = lambda.change(function)?;
    lambda.remove_unused_code(&before);
    Ok((200, wire::configuration(&function)))
}

fn update_configuration(lambda: &LambdaService, name: &str, body: &Value) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    refuse_unserved(body)?;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    if let Some(runtime) = runtime_of(body)? {
        function.runtime = runtime;
    }
    if let Some(handler) = text("Handler") {
        function.handler = handler;
    }
    if let Some(role) = text("Role") {
        function.role = role;
    }
    if let Some(description) = text("Description") {
        function.description = description;
    }
    if let Some(memory) = number(body, "MemorySize", 128, 10_240)? {
        function.memory_mb = memory;
    }
    if let Some(timeout) = number(body, "Timeout", 1, 900)? {
        check_visibility(lambda, &function.name, timeout)?;
        function.timeout_s = timeout;
    }
    if !body["Environment"].is_null() {
        // The whole map is replaced. // aws-behaviours L9
        function.environment = texts(&body["Environment"]["Variables"]);
        code::check_environment(&function.environment)?;
    }
    let function = lambda.change(function)?;
    Ok((200, wire::configuration(&function)))
}

/// A function must not run longer than the queues it is mapped to hide its messages.
/// // aws-behaviours Q10
fn check_visibility(lambda: &LambdaService, name: &str, timeout_s: u32) -> Result<(), AwsError> {
    for mapping in lambda
        .state
        .mappings()
        .iter()
        .filter(|mapping| mapping.function == name)
    {
        if let Some(queue) = lambda.shared.bus.queues().describe(&mapping.queue_arn) {
            handlers_mappings::check_visibility(queue.visibility_timeout_s, timeout_s)?;
        }
    }
    Ok(())
}

fn delete_function(lambda: &LambdaService, name: &str) -> Answer {
    let function = lambda.state.function(name)?;
    // Its mappings stay. // aws-behaviours L12, E4
    {
        let _logging = lambda.logging.lock().expect("no holder panics");
        lambda.state.delete_function(&function.name)?;
    }
    lambda.runtime.retire(&function.name);
    lambda.remove_unused_code(&function.code_dir);
    Ok((204, Value::Null))
}

fn get_policy(lambda: &LambdaService, name: &str) -> Answer {
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

fn add_permission(lambda: &LambdaService, name: &str, body: &Value) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    let sid = body["StatementId"].as_str().unwrap_or_default();
    if sid.is_empty() || body["Action"].as_str().is_none() || body["Principal"].as_str().is_none() {
        return Err(invalid("StatementId, Action and Principal are mandatory"));
    }
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

fn remove_permission(lambda: &LambdaService, name: &str, sid: &str) -> Answer {
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

fn get_concurrency(lambda: &LambdaService, name: &str) -> Answer {
    let function = lambda.state.function(name)?;
    let reserved = function
        .reserved
        .map(|reserved| json!({ "ReservedConcurrentExecutions": reserved }));
    Ok((200, reserved.unwrap_or_else(|| json!({}))))
}

fn put_concurrency(lambda: &LambdaService, name: &str, body: &Value) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    // A hundred must stay unreserved. // aws-behaviours L16
    let reserved = number(
        body,
        "ReservedConcurrentExecutions",
        0,
        ACCOUNT_CONCURRENCY - 100,
    )?;
    function.reserved =
        Some(reserved.ok_or_else(|| invalid("ReservedConcurrentExecutions is mandatory"))?);
    let answer = json!({ "ReservedConcurrentExecutions": function.reserved });
    lambda.state.put_function(function)?;
    lambda.runtime.freed.notify_waiters();
    Ok((200, answer))
}

fn delete_concurrency(lambda: &LambdaService, name: &str) -> Answer {
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

fn get_invoke_config(lambda: &LambdaService, name: &str) -> Answer {
    let function = lambda.state.function(name)?;
    let config = function
        .invoke_config
        .as_ref()
        .ok_or_else(|| no_invoke_config(&function))?;
    Ok((200, wire::invoke_config(&function, config)))
}

/// `keep`: fields that are not given stay as they are.
fn put_invoke_config(lambda: &LambdaService, name: &str, body: &Value, keep: bool) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    let before = function.invoke_config.take().filter(|_| keep);
    let destination = |which: &str, before: Option<String>| -> Result<Option<String>, AwsError> {
        let given = &body["DestinationConfig"][which];
        if body["DestinationConfig"].is_null() {
            return Ok(before);
        }
        let Some(arn) = given["Destination"].as_str().filter(|arn| !arn.is_empty()) else {
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

fn delete_invoke_config(lambda: &LambdaService, name: &str) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    if function.invoke_config.take().is_none() {
        return Err(no_invoke_config(&function));
    }
    lambda.state.put_function(function)?;
    Ok((204, Value::Null))
}

fn list_tags(lambda: &LambdaService, arn: &str) -> Answer {
    let tags = match arn.rsplit_once("event-source-mapping:") {
        Some((_, uuid)) => lambda.state.mapping(uuid)?.tags.clone(),
        None => lambda.state.function(arn)?.tags.clone(),
    };
    Ok((200, json!({ "Tags": tags })))
}

fn change_tags(
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

/// Concurrent executions of an account, AWS's default.
const ACCOUNT_CONCURRENCY: u32 = 1_000;

fn account_settings(lambda: &LambdaService) -> Value {
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
