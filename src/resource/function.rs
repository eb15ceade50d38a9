//! Lambda functions: code, configuration, asynchronous invocation settings, reserved concurrency.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::{
    Architecture as LambdaArchitecture, DestinationConfig, Environment, FunctionCode,
    LastUpdateStatus, OnFailure, Runtime, State,
};

use super::attrs::{Applied, TAG_APPLIED};
use super::error::{absent, failed, permitted};
use super::{
    Attrs, CallError, Context, Identity, Listed, Live, Observed, Place, Resolved, ResourceKind,
    Service, Tags, Wanted,
    attrs::{RESERVED_CONCURRENCY, STATE},
    code,
};

use crate::package;
use crate::stack::model::{Function, Kind, LogicalId, Stack};
use crate::wait::Look;

/// Lambda functions.
pub struct FunctionKind;

const GONE: &[&str] = &["ResourceNotFoundException"];
/// The OS-only runtime: what runs a `bootstrap`. // aws-behaviours L17
const RUNTIME: &str = "provided.al2023";

/// Fields that `UpdateFunctionConfiguration` carries.
const CONFIGURATION: &[&str] = &["memory", "timeout", "runtime", "handler", "role"];

#[async_trait]
impl ResourceKind for FunctionKind {
    fn kind(&self) -> Kind {
        Kind::Function
    }

    fn service(&self) -> Service {
        Service::Lambda
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        stack
            .functions
            .iter()
            .map(|function| wanted_function(stack, place, function))
            .collect()
    }

    async fn list(&self, cx: &Context, _within: Option<&Wanted>) -> Result<Vec<Listed>, CallError> {
        let pages = cx.clients.lambda.list_functions().into_paginator();
        let functions: Vec<_> = pages
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(failed("ListFunctions"))?;
        let ours = functions.into_iter().filter_map(|function| {
            let physical = function.function_name?;
            let name = cx.place.name_in_stack(&cx.stack, &physical)?;
            let id = LogicalId::new(Kind::Function, name);
            let wanted = Wanted::new(id, cx.place.function_named(physical));
            Some(Listed { wanted, live: None })
        });
        Ok(ours.collect())
    }

    async fn observe(
        &self,
        cx: &Context,
        wanted: &Wanted,
        _listed: Option<&Live>,
    ) -> Result<Observed, CallError> {
        let name = &wanted.identity.name;
        let function = async {
            cx.clients
                .lambda
                .get_function()
                .function_name(name)
                .send()
                .await
                .map_err(failed("GetFunction"))
        };
        let invoke_config = async {
            cx.clients
                .lambda
                .get_function_event_invoke_config()
                .function_name(name)
                .send()
                .await
                .map_err(failed("GetFunctionEventInvokeConfig"))
        };
        let (function, invoke_config) = futures::join!(function, invoke_config);
        let Some(function) = absent(function, GONE)? else {
            return Ok(Observed::Absent);
        };
        let mut live = live(&function, cx.place.artifacts.is_some());
        let config = permitted(absent(invoke_config, GONE))?;
        if config.is_none() {
            live.leave_unread(wanted, &["async_retries", "on_failure"]);
        }
        if let Some(config) = config.flatten() {
            if let Some(retries) = config.maximum_retry_attempts {
                live.attrs
                    .insert("async_retries".to_owned(), retries.into());
            }
            let destination = config
                .destination_config
                .and_then(|destinations| destinations.on_failure)
                .and_then(|failure| failure.destination);
            if let Some(destination) = destination {
                live.attrs
                    .insert("on_failure".to_owned(), destination.into());
            }
        }
        let tags: Tags = function.tags.unwrap_or_default().into_iter().collect();
        // LocalStack tells of a reserved concurrency of 0 only here. // aws-behaviours §11
        let applied = tags.get(TAG_APPLIED).and_then(|tag| Applied::read(tag));
        let applied = applied.is_none_or(|applied| applied.has(RESERVED_CONCURRENCY));
        if applied && !live.attrs.contains_key(RESERVED_CONCURRENCY) {
            let concurrency = cx.clients.lambda.get_function_concurrency();
            let concurrency = concurrency.function_name(name).send().await;
            let concurrency = concurrency.map_err(failed("GetFunctionConcurrency"));
            // Who may not ask has what `GetFunction` tells.
            let concurrency = permitted(absent(concurrency, GONE))?.flatten();
            let reserved = concurrency.and_then(|one| one.reserved_concurrent_executions);
            if let Some(reserved) = reserved {
                live.attrs
                    .insert(RESERVED_CONCURRENCY.to_owned(), reserved.into());
            }
        }
        live.tags = Some(tags);
        Ok(cx.owned_by_tags(wanted, live))
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        let architecture = wanted.text("architecture").unwrap_or_default();
        // These three have calls of their own; the function is born without them.
        let mut attrs = wanted.attrs.clone();
        for field in ["async_retries", "on_failure", RESERVED_CONCURRENCY] {
            attrs.remove(field);
        }
        let tags = cx.tags_with(wanted, &attrs);
        let mut code = code::of(cx, wanted).await?;
        let (bucket, key) = code.place();
        let source = FunctionCode::builder()
            .set_zip_file(code.take_zip())
            .set_s3_bucket(bucket)
            .set_s3_key(key);
        let answer = cx
            .clients
            .lambda
            .create_function()
            .function_name(&wanted.identity.name)
            .runtime(Runtime::from(RUNTIME))
            .handler(wanted.text("handler").unwrap_or_default())
            .role(wanted.text("role").unwrap_or_default())
            .architectures(LambdaArchitecture::from(architecture))
            .memory_size(number(wanted, "memory"))
            .timeout(number(wanted, "timeout"))
            .environment(environment(wanted))
            .code(source.build())
            .set_tags(Some(tags.clone().into_iter().collect()))
            .send()
            .await
            .map_err(failed("CreateFunction"))?;
        code.put_away(cx).await?;
        let mut live = Live {
            identity: wanted.identity.clone(),
            attrs,
            tags: Some(tags),
            ..Live::default()
        };
        live.identity.arn = answer.function_arn.or(live.identity.arn);
        Ok(live)
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        let changes = super::differing(wanted, &live.attrs);
        let changed = |fields: &[&str]| fields.iter().any(|field| changes.contains(*field));
        let environment_changed = changes
            .iter()
            .any(|field| field.starts_with("environment."));
        // What failed at the target is sent again. // aws-behaviours L1, L3
        let failed_there = changed(&[STATE]);
        let updates = changed(&["code", "architecture"]) || changed(CONFIGURATION);
        // One that was made a moment ago takes no update yet. // aws-behaviours L1, L3
        if live.state == "Pending" && (updates || environment_changed) {
            wait_updated(cx, &wanted.identity.name).await?;
        }
        // Code before configuration, each waited for: updates do not overlap. // aws-behaviours L3
        if changed(&["code", "architecture"]) || failed_there {
            let mut code = code::of(cx, wanted).await?;
            let (bucket, key) = code.place();
            cx.clients
                .lambda
                .update_function_code()
                .function_name(&wanted.identity.name)
                .set_zip_file(code.take_zip())
                .set_s3_bucket(bucket)
                .set_s3_key(key)
                .architectures(LambdaArchitecture::from(
                    wanted.text("architecture").unwrap_or_default(),
                ))
                .send()
                .await
                .map_err(failed("UpdateFunctionCode"))?;
            code.put_away(cx).await?;
            wait_updated(cx, &wanted.identity.name).await?;
        }
        if changed(CONFIGURATION) || environment_changed || failed_there {
            cx.clients
                .lambda
                .update_function_configuration()
                .function_name(&wanted.identity.name)
                .runtime(Runtime::from(RUNTIME))
                .handler(wanted.text("handler").unwrap_or_default())
                .role(wanted.text("role").unwrap_or_default())
                .memory_size(number(wanted, "memory"))
                .timeout(number(wanted, "timeout"))
                // The whole map: it replaces the live one. // aws-behaviours L9
                .environment(environment(wanted))
                .send()
                .await
                .map_err(failed("UpdateFunctionConfiguration"))?;
            wait_updated(cx, &wanted.identity.name).await?;
        }
        if changed(&["async_retries", "on_failure"]) {
            sync_invoke_config(cx, wanted).await?;
        }
        if changed(&[RESERVED_CONCURRENCY]) {
            sync_concurrency(cx, wanted).await?;
        }
        Ok(())
    }

    async fn tag(&self, cx: &Context, live: &Live, tags: &Tags) -> Result<(), CallError> {
        cx.clients
            .lambda
            .tag_resource()
            .resource(live.identity.arn.as_deref().unwrap_or_default())
            .set_tags(Some(tags.clone().into_iter().collect()))
            .send()
            .await
            .map_err(failed("TagResource"))?;
        Ok(())
    }

    async fn delete(&self, cx: &Context, live: &Live, _lose_data: bool) -> Result<(), CallError> {
        let answer = cx
            .clients
            .lambda
            .delete_function()
            .function_name(&live.identity.name)
            .send()
            .await;
        absent(answer.map_err(failed("DeleteFunction")), GONE).map(|_| ())
    }
}

fn wanted_function(stack: &Stack, place: &Place, function: &Function) -> Wanted {
    let identity = place.function(stack, &function.name);
    let role = place.role_of(stack, function);
    let mut wanted = Wanted::new(LogicalId::new(Kind::Function, &function.name), identity)
        .with("runtime", RUNTIME)
        .with("handler", "bootstrap")
        .with("role", role)
        .with("memory", function.memory.0)
        .with("timeout", function.timeout.0)
        .with("architecture", package::label(function.architecture))
        .with("async_retries", function.async_retries)
        .with_some(RESERVED_CONCURRENCY, function.reserved_concurrency)
        .after(LogicalId::new(Kind::LogGroup, &function.name));
    if place.makes_roles() && function.role.is_none() {
        wanted = wanted.after(LogicalId::new(Kind::Role, &function.name));
    }
    if let Some(artifact) = place
        .artifacts
        .as_ref()
        .and_then(|artifacts| artifacts.get(&function.name))
    {
        wanted = wanted.with("code", artifact.sha256.clone());
        if code::needs_bucket(artifact) {
            wanted = wanted.after(code::bucket_id());
        }
    }
    for access in &function.access {
        wanted = wanted.using(access.on.clone());
    }
    wanted.tagged = true;
    for (name, text) in &function.environment {
        wanted = wanted.with_text(format!("environment.{name}"), text);
    }
    if let Some(queue) = &function.on_failure {
        let arn = place.queue(stack, queue).arn.unwrap_or_default();
        wanted = wanted
            .with("on_failure", arn)
            .after(LogicalId::new(Kind::Queue, queue));
    }
    wanted
}

/// How many invocations at once nobody has reserved in the account; none where no function reserves any, or
/// nobody tells. // aws-behaviours L16
pub async fn unreserved_concurrency(cx: &Context, wanted: &[Wanted]) -> Option<i64> {
    let reserves = |wanted: &&Wanted| wanted.attrs.contains_key(RESERVED_CONCURRENCY);
    wanted.iter().find(reserves)?;
    let answer = cx.clients.lambda.get_account_settings().send().await;
    let limits = answer.ok()?.account_limit?;
    limits.unreserved_concurrent_executions.map(i64::from)
}

fn number(wanted: &Resolved, field: &str) -> i32 {
    wanted.number(field).unwrap_or_default() as i32
}

fn environment(wanted: &Resolved) -> Environment {
    let variables: HashMap<String, String> = wanted
        .below("environment")
        .map(|(name, value)| {
            (
                name.to_owned(),
                value.as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    Environment::builder()
        .set_variables(Some(variables))
        .build()
}

/// What Lambda says of a function, called by its name or ARN.
async fn configuration(
    cx: &Context,
    function: &str,
) -> Result<GetFunctionConfigurationOutput, CallError> {
    let call = cx.clients.lambda.get_function_configuration();
    let answer = call.function_name(function).send().await;
    answer.map_err(failed("GetFunctionConfiguration"))
}

/// A function can be invoked: what starts one that is Pending fails, and its first message would be hidden
/// for a whole visibility timeout, its first event lost where nobody tries again. // aws-behaviours L1, L2
pub(super) async fn wait_active(cx: &Context, function: &str) -> Result<(), CallError> {
    let deadline = cx.place.target.row.deadlines.function;
    cx.wait("function active", deadline, || async {
        let answer = configuration(cx, function).await?;
        let state = answer.state.as_ref().map_or("", State::as_str);
        match state {
            "Failed" => Err(CallError::local(
                "create",
                answer
                    .state_reason
                    .unwrap_or_else(|| "the function failed".to_owned()),
            )),
            // An Inactive one is woken by whatever starts it; endpoints that keep no states tell none.
            "Active" | "Inactive" | "" => Ok(Look::Done(())),
            _ => Ok(Look::NotYet(state.to_owned())),
        }
    })
    .await
}

/// The last update has been taken. // aws-behaviours L3
pub async fn wait_updated(cx: &Context, name: &str) -> Result<(), CallError> {
    let deadline = cx.place.target.row.deadlines.function;
    cx.wait("function updated", deadline, || async {
        let answer = configuration(cx, name).await?;
        let state = answer.state.as_ref().map_or("", State::as_str);
        Ok(match answer.last_update_status {
            Some(LastUpdateStatus::Failed) => {
                return Err(CallError::local(
                    "update",
                    answer
                        .last_update_status_reason
                        .unwrap_or_else(|| "the update failed".to_owned()),
                ));
            }
            Some(LastUpdateStatus::InProgress) => Look::NotYet("InProgress".to_owned()),
            _ if state == "Pending" => Look::NotYet(state.to_owned()),
            _ => Look::Done(()),
        })
    })
    .await
}

/// Retries and destination of asynchronous invocations. // aws-behaviours L21
async fn sync_invoke_config(cx: &Context, wanted: &Resolved) -> Result<(), CallError> {
    let destinations = DestinationConfig::builder()
        .set_on_failure(
            wanted
                .text("on_failure")
                .map(|arn| OnFailure::builder().destination(arn).build()),
        )
        .build();
    cx.clients
        .lambda
        .put_function_event_invoke_config()
        .function_name(&wanted.identity.name)
        .maximum_retry_attempts(number(wanted, "async_retries"))
        .destination_config(destinations)
        .send()
        .await
        .map_err(failed("PutFunctionEventInvokeConfig"))?;
    Ok(())
}

async fn sync_concurrency(cx: &Context, wanted: &Resolved) -> Result<(), CallError> {
    let name = &wanted.identity.name;
    if let Some(reserved) = wanted.number(RESERVED_CONCURRENCY) {
        cx.clients
            .lambda
            .put_function_concurrency()
            .function_name(name)
            .reserved_concurrent_executions(reserved as i32)
            .send()
            .await
            .map_err(failed("PutFunctionConcurrency"))?;
    } else {
        cx.clients
            .lambda
            .delete_function_concurrency()
            .function_name(name)
            .send()
            .await
            .map_err(failed("DeleteFunctionConcurrency"))?;
    }
    Ok(())
}

fn live(function: &GetFunctionOutput, with_code: bool) -> Live {
    let mut attrs = Attrs::new();
    let mut live = Live::default();
    let Some(configuration) = &function.configuration else {
        return live;
    };
    let mut put = |field: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            attrs.insert(field.to_owned(), value);
        }
    };
    put(
        "runtime",
        configuration.runtime.as_ref().map(|r| r.as_str().into()),
    );
    put("handler", configuration.handler.clone().map(Into::into));
    put("role", configuration.role.clone().map(Into::into));
    put("memory", configuration.memory_size.map(Into::into));
    put("timeout", configuration.timeout.map(Into::into));
    // Endpoints that leave it out mean AWS's default.
    let architecture = configuration
        .architectures()
        .first()
        .map_or("x86_64", LambdaArchitecture::as_str);
    put("architecture", Some(architecture.into()));
    if with_code {
        put("code", configuration.code_sha256.clone().map(Into::into));
    }
    let reserved = function
        .concurrency
        .as_ref()
        .and_then(|c| c.reserved_concurrent_executions);
    put(RESERVED_CONCURRENCY, reserved.map(Into::into));
    let variables = configuration
        .environment
        .as_ref()
        .and_then(|e| e.variables.as_ref());
    for (name, value) in variables.into_iter().flatten() {
        put(&format!("environment.{name}"), Some(value.clone().into()));
    }
    if configuration.last_update_status == Some(LastUpdateStatus::Failed)
        || configuration.state == Some(State::Failed)
    {
        put(STATE, Some("failed".into()));
    }
    live.identity = Identity {
        name: configuration.function_name.clone().unwrap_or_default(),
        arn: configuration.function_arn.clone(),
        ..Identity::default()
    };
    live.attrs = attrs;
    configuration
        .state
        .as_ref()
        .map_or("Active", State::as_str)
        .clone_into(&mut live.state);
    live
}
