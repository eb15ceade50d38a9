//! Functions: made, changed, listed, deleted.

use serde_json::{Value, json};

use super::handlers::{Answer, Call, conflict, invalid, page_size};
use super::state::{Function, function_name};
use super::wire::{self, number, texts};
use super::{LambdaService, code, handlers_mappings, handlers_settings, source};
use crate::error::AwsError;

pub(super) fn list(lambda: &LambdaService, call: &Call) -> Answer {
    let after = call.query.get("Marker").map_or("", String::as_str);
    let most = page_size(call, 50)?;
    let mut functions = lambda.state.functions();
    functions.retain(|function| function.name.as_str() > after);
    let more = functions.len() > most;
    functions.truncate(most);
    let mut answer = json!({ "Functions": functions.iter().map(|f| wire::configuration(f, lambda.now_ms())).collect::<Vec<_>>() });
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
    let unserved = if body["Publish"] == true {
        Some("published versions (Publish)")
    } else if logging["LogFormat"] == "JSON" {
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
        Some(other) => Err(AwsError::bad_request(
            "ValidationException",
            format!(
                "1 validation error detected: Value '[{other}]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64]]"
            ),
        )),
    }
}

pub(super) fn create(lambda: &LambdaService, body: &Value) -> Answer {
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
                "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+ (1 to 64 characters)"
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
        .ok_or_else(|| {
            let role = body["Role"].as_str().unwrap_or_default();
            AwsError::bad_request(
                "ValidationException",
                format!(
                    "1 validation error detected: Value '{role}' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{{12}}:role/?[a-zA-Z_0-9+=,.@\\-_/]+"
                ),
            )
        })?;
    let environment = texts(&body["Environment"]["Variables"]);
    code::check_environment(&environment)?;
    let unpacked = source::unpack(lambda, &body["Code"])?;
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
        dead_letter: handlers_settings::dead_letter(lambda, body)?,
        pending_until_ms: lambda.now_ms() + lambda.shared.behaviour.function_pending_ms,
        updating_until_ms: 0,
    };
    let function = lambda.state.put_function(function)?;
    // A mapping that was left by one of this name works on.
    lambda.runtime.freed.notify_waiters();
    Ok((201, wire::configuration(&function, lambda.now_ms())))
}

pub(super) fn update_code(lambda: &LambdaService, name: &str, body: &Value) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    check_settled(lambda, &function)?;
    refuse_unserved(body)?;
    check_revision(&function, body)?;
    let unpacked = source::unpack(lambda, body)?;
    let before = std::mem::replace(&mut function.code_dir, unpacked.directory);
    function.code_sha256 = unpacked.sha256;
    function.code_bytes = unpacked.bytes;
    if let Some(architecture) = architecture_of(body)? {
        function.architecture = architecture;
    }
    if body["DryRun"] == true {
        return Ok((200, wire::configuration(&function, lambda.now_ms())));
    }
    let function = lambda.change(function)?;
    lambda.remove_unused_code(&before);
    Ok((200, wire::configuration(&function, lambda.now_ms())))
}

pub(super) fn update_configuration(lambda: &LambdaService, name: &str, body: &Value) -> Answer {
    let mut function = (*lambda.state.function(name)?).clone();
    check_settled(lambda, &function)?;
    refuse_unserved(body)?;
    check_revision(&function, body)?;
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
    if !body["DeadLetterConfig"].is_null() {
        function.dead_letter = handlers_settings::dead_letter(lambda, body)?;
    }
    let function = lambda.change(function)?;
    Ok((200, wire::configuration(&function, lambda.now_ms())))
}

/// A function that is being made or changed cannot be changed. // aws-behaviours L3
fn check_settled(lambda: &LambdaService, function: &Function) -> Result<(), AwsError> {
    check_not_pending(lambda, function)?;
    if function.is_updating(lambda.now_ms()) {
        return Err(conflict(format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {}",
            function.arn()
        )));
    }
    Ok(())
}

/// A function that is being made can be neither invoked nor deleted. // aws-behaviours L2, L13
pub(super) fn check_not_pending(
    lambda: &LambdaService,
    function: &Function,
) -> Result<(), AwsError> {
    if function.is_pending(lambda.now_ms()) {
        return Err(conflict(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending",
        ));
    }
    Ok(())
}

/// Who names a revision wants to change that one and no other.
fn check_revision(function: &Function, body: &Value) -> Result<(), AwsError> {
    match body["RevisionId"].as_str() {
        Some(revision) if revision != wire::revision(function) => Err(AwsError::new(
            412,
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve the latest RevisionId",
        )),
        _ => Ok(()),
    }
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

pub(super) fn delete(lambda: &LambdaService, name: &str) -> Answer {
    let function = lambda.state.function(name)?;
    check_not_pending(lambda, &function)?;
    // Its mappings stay. // aws-behaviours L12, E4
    {
        let _logging = lambda.logging.lock().expect("no holder panics");
        lambda.state.delete_function(&function.name)?;
    }
    lambda
        .runtime
        .retire(&function.name, lambda.next_generation());
    lambda.remove_unused_code(&function.code_dir);
    Ok((204, Value::Null))
}
