//! Which request is which operation, by the service model of botocore 1.44.5. The first part of a path is
//! the version of the API, which differs by operation and says nothing.

use http::Method;

/// Operation, method, path behind the version; `*` is any one part.
const ROUTES: &[(&str, &str, &str)] = &[
    (
        "AddLayerVersionPermission",
        "POST",
        "layers/*/versions/*/policy",
    ),
    ("AddPermission", "POST", "functions/*/policy"),
    (
        "CheckpointDurableExecution",
        "POST",
        "durable-executions/*/checkpoint",
    ),
    ("CreateAlias", "POST", "functions/*/aliases"),
    ("CreateCapacityProvider", "POST", "capacity-providers"),
    ("CreateCodeSigningConfig", "POST", "code-signing-configs"),
    ("CreateEventSourceMapping", "POST", "event-source-mappings"),
    ("CreateFunction", "POST", "functions"),
    ("CreateFunctionUrlConfig", "POST", "functions/*/url"),
    ("DeleteAlias", "DELETE", "functions/*/aliases/*"),
    ("DeleteCapacityProvider", "DELETE", "capacity-providers/*"),
    (
        "DeleteCodeSigningConfig",
        "DELETE",
        "code-signing-configs/*",
    ),
    ("DeleteDurableExecution", "DELETE", "durable-executions/*"),
    (
        "DeleteEventSourceMapping",
        "DELETE",
        "event-source-mappings/*",
    ),
    ("DeleteFunction", "DELETE", "functions/*"),
    (
        "DeleteFunctionCodeSigningConfig",
        "DELETE",
        "functions/*/code-signing-config",
    ),
    (
        "DeleteFunctionConcurrency",
        "DELETE",
        "functions/*/concurrency",
    ),
    (
        "DeleteFunctionEventInvokeConfig",
        "DELETE",
        "functions/*/event-invoke-config",
    ),
    ("DeleteFunctionUrlConfig", "DELETE", "functions/*/url"),
    ("DeleteLayerVersion", "DELETE", "layers/*/versions/*"),
    (
        "DeleteProvisionedConcurrencyConfig",
        "DELETE",
        "functions/*/provisioned-concurrency",
    ),
    ("DeleteResourcePolicy", "DELETE", "resource-policy/*"),
    ("GetAccountSettings", "GET", "account-settings"),
    ("GetAlias", "GET", "functions/*/aliases/*"),
    ("GetCapacityProvider", "GET", "capacity-providers/*"),
    ("GetCodeSigningConfig", "GET", "code-signing-configs/*"),
    ("GetDurableExecution", "GET", "durable-executions/*"),
    (
        "GetDurableExecutionHistory",
        "GET",
        "durable-executions/*/history",
    ),
    (
        "GetDurableExecutionState",
        "GET",
        "durable-executions/*/state",
    ),
    ("GetEventSourceMapping", "GET", "event-source-mappings/*"),
    ("GetFunction", "GET", "functions/*"),
    (
        "GetFunctionCodeSigningConfig",
        "GET",
        "functions/*/code-signing-config",
    ),
    ("GetFunctionConcurrency", "GET", "functions/*/concurrency"),
    (
        "GetFunctionConfiguration",
        "GET",
        "functions/*/configuration",
    ),
    (
        "GetFunctionEventInvokeConfig",
        "GET",
        "functions/*/event-invoke-config",
    ),
    (
        "GetFunctionRecursionConfig",
        "GET",
        "functions/*/recursion-config",
    ),
    (
        "GetFunctionScalingConfig",
        "GET",
        "functions/*/function-scaling-config",
    ),
    ("GetFunctionUrlConfig", "GET", "functions/*/url"),
    ("GetLayerVersion", "GET", "layers/*/versions/*"),
    ("GetLayerVersionPolicy", "GET", "layers/*/versions/*/policy"),
    ("GetPolicy", "GET", "functions/*/policy"),
    (
        "GetProvisionedConcurrencyConfig",
        "GET",
        "functions/*/provisioned-concurrency",
    ),
    ("GetResourcePolicy", "GET", "resource-policy/*"),
    (
        "GetRuntimeManagementConfig",
        "GET",
        "functions/*/runtime-management-config",
    ),
    ("Invoke", "POST", "functions/*/invocations"),
    ("InvokeAsync", "POST", "functions/*/invoke-async"),
    (
        "InvokeWithResponseStream",
        "POST",
        "functions/*/response-streaming-invocations",
    ),
    ("ListAliases", "GET", "functions/*/aliases"),
    ("ListCapacityProviders", "GET", "capacity-providers"),
    ("ListCodeSigningConfigs", "GET", "code-signing-configs"),
    (
        "ListDurableExecutionsByFunction",
        "GET",
        "functions/*/durable-executions",
    ),
    ("ListEventSourceMappings", "GET", "event-source-mappings"),
    (
        "ListFunctionEventInvokeConfigs",
        "GET",
        "functions/*/event-invoke-config/list",
    ),
    ("ListFunctionUrlConfigs", "GET", "functions/*/urls"),
    (
        "ListFunctionVersionsByCapacityProvider",
        "GET",
        "capacity-providers/*/function-versions",
    ),
    ("ListFunctions", "GET", "functions"),
    (
        "ListFunctionsByCodeSigningConfig",
        "GET",
        "code-signing-configs/*/functions",
    ),
    ("ListLayerVersions", "GET", "layers/*/versions"),
    ("ListLayers", "GET", "layers"),
    (
        "ListProvisionedConcurrencyConfigs",
        "GET",
        "functions/*/provisioned-concurrency",
    ),
    ("ListTags", "GET", "tags/*"),
    ("ListVersionsByFunction", "GET", "functions/*/versions"),
    (
        "PauseDurableExecution",
        "POST",
        "durable-executions/*/pause",
    ),
    ("PublishLayerVersion", "POST", "layers/*/versions"),
    ("PublishVersion", "POST", "functions/*/versions"),
    (
        "PutFunctionCodeSigningConfig",
        "PUT",
        "functions/*/code-signing-config",
    ),
    ("PutFunctionConcurrency", "PUT", "functions/*/concurrency"),
    (
        "PutFunctionEventInvokeConfig",
        "PUT",
        "functions/*/event-invoke-config",
    ),
    (
        "PutFunctionRecursionConfig",
        "PUT",
        "functions/*/recursion-config",
    ),
    (
        "PutFunctionScalingConfig",
        "PUT",
        "functions/*/function-scaling-config",
    ),
    (
        "PutProvisionedConcurrencyConfig",
        "PUT",
        "functions/*/provisioned-concurrency",
    ),
    ("PutResourcePolicy", "PUT", "resource-policy/*"),
    (
        "PutRuntimeManagementConfig",
        "PUT",
        "functions/*/runtime-management-config",
    ),
    (
        "RemoveLayerVersionPermission",
        "DELETE",
        "layers/*/versions/*/policy/*",
    ),
    ("RemovePermission", "DELETE", "functions/*/policy/*"),
    (
        "ResumeDurableExecution",
        "POST",
        "durable-executions/*/resume",
    ),
    (
        "SendDurableExecutionCallbackFailure",
        "POST",
        "durable-execution-callbacks/*/fail",
    ),
    (
        "SendDurableExecutionCallbackHeartbeat",
        "POST",
        "durable-execution-callbacks/*/heartbeat",
    ),
    (
        "SendDurableExecutionCallbackSuccess",
        "POST",
        "durable-execution-callbacks/*/succeed",
    ),
    ("StopDurableExecution", "POST", "durable-executions/*/stop"),
    ("TagResource", "POST", "tags/*"),
    ("UntagResource", "DELETE", "tags/*"),
    ("UpdateAlias", "PUT", "functions/*/aliases/*"),
    ("UpdateCapacityProvider", "PUT", "capacity-providers/*"),
    ("UpdateCodeSigningConfig", "PUT", "code-signing-configs/*"),
    ("UpdateEventSourceMapping", "PUT", "event-source-mappings/*"),
    ("UpdateFunctionCode", "PUT", "functions/*/code"),
    (
        "UpdateFunctionConfiguration",
        "PUT",
        "functions/*/configuration",
    ),
    (
        "UpdateFunctionEventInvokeConfig",
        "POST",
        "functions/*/event-invoke-config",
    ),
    ("UpdateFunctionUrlConfig", "PUT", "functions/*/url"),
];

/// The operation that a request is for. Of two that differ only by their query it is the first; none of
/// those is served.
pub(super) fn operation(method: &Method, path: &[&str]) -> Option<&'static str> {
    let fits = |pattern: &str| {
        let mut parts = path.iter();
        pattern.split('/').all(|wanted| {
            parts
                .next()
                .is_some_and(|part| wanted == "*" || wanted == *part)
        }) && parts.next().is_none()
    };
    ROUTES
        .iter()
        .find(|(_, wanted, pattern)| method.as_str() == *wanted && fits(pattern))
        .map(|(name, _, _)| *name)
}

/// A request for an operation, its names all `x`.
#[cfg(test)]
pub(super) fn example(name: &str) -> Option<(Method, String)> {
    let (_, method, pattern) = ROUTES.iter().find(|(known, _, _)| *known == name)?;
    Some((method.parse().ok()?, pattern.replace('*', "x")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lambda::OPERATIONS;
    use crate::service::Support;

    #[test]
    fn every_operation_of_the_table_has_a_route_and_is_found_by_it() {
        let route = |name: &str| ROUTES.iter().find(|(known, _, _)| *known == name);
        for served in OPERATIONS {
            let Some((_, method, pattern)) = route(served.name) else {
                // Its path is that of `ListLayers`.
                assert_eq!(served.name, "GetLayerVersionByArn");
                continue;
            };
            let path = pattern.replace('*', "x");
            let path: Vec<&str> = path.split('/').collect();
            let wanted: Method = method.parse().expect("a method");
            let found = operation(&wanted, &path).expect("an operation");
            if found != served.name {
                assert_eq!(served.support, Support::NotImplemented, "{}", served.name);
                let (_, other_method, other_pattern) = route(found).expect("its route");
                assert_eq!((other_method, other_pattern), (method, pattern));
            }
        }
        assert_eq!(operation(&Method::PATCH, &["functions"]), None);
        assert_eq!(
            operation(&Method::GET, &["functions", "f", "x", "y", "z"]),
            None
        );
    }
}
