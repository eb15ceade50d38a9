//! Lambda's operations. The first part of a path is the version of the API, which differs by operation.

use hyper::Method;

use super::resource::{in_json, name_of};
use super::{Query, decoded};

/// Method, path behind the version and operation. `*` is any one part; behind `?` is a parameter that must
/// be there, and such a row comes before the one without.
const ROUTES: &[&str] = &[
    "GET account-settings GetAccountSettings",
    "GET code-signing-configs ListCodeSigningConfigs",
    "POST code-signing-configs CreateCodeSigningConfig",
    "DELETE code-signing-configs/* DeleteCodeSigningConfig",
    "GET code-signing-configs/* GetCodeSigningConfig",
    "PUT code-signing-configs/* UpdateCodeSigningConfig",
    "GET code-signing-configs/*/functions ListFunctionsByCodeSigningConfig",
    "GET event-source-mappings ListEventSourceMappings",
    "POST event-source-mappings CreateEventSourceMapping",
    "DELETE event-source-mappings/* DeleteEventSourceMapping",
    "GET event-source-mappings/* GetEventSourceMapping",
    "PUT event-source-mappings/* UpdateEventSourceMapping",
    "GET functions ListFunctions",
    "POST functions CreateFunction",
    "DELETE functions/* DeleteFunction",
    "GET functions/* GetFunction",
    "GET functions/*/aliases ListAliases",
    "POST functions/*/aliases CreateAlias",
    "DELETE functions/*/aliases/* DeleteAlias",
    "GET functions/*/aliases/* GetAlias",
    "PUT functions/*/aliases/* UpdateAlias",
    "PUT functions/*/code UpdateFunctionCode",
    "DELETE functions/*/code-signing-config DeleteFunctionCodeSigningConfig",
    "GET functions/*/code-signing-config GetFunctionCodeSigningConfig",
    "PUT functions/*/code-signing-config PutFunctionCodeSigningConfig",
    "DELETE functions/*/concurrency DeleteFunctionConcurrency",
    "GET functions/*/concurrency GetFunctionConcurrency",
    "PUT functions/*/concurrency PutFunctionConcurrency",
    "GET functions/*/configuration GetFunctionConfiguration",
    "PUT functions/*/configuration UpdateFunctionConfiguration",
    "DELETE functions/*/event-invoke-config DeleteFunctionEventInvokeConfig",
    "GET functions/*/event-invoke-config GetFunctionEventInvokeConfig",
    "POST functions/*/event-invoke-config UpdateFunctionEventInvokeConfig",
    "PUT functions/*/event-invoke-config PutFunctionEventInvokeConfig",
    "GET functions/*/event-invoke-config/list ListFunctionEventInvokeConfigs",
    "POST functions/*/invocations Invoke",
    "POST functions/*/invoke-async InvokeAsync",
    "GET functions/*/policy GetPolicy",
    "POST functions/*/policy AddPermission",
    "DELETE functions/*/policy/* RemovePermission",
    "GET functions/*/provisioned-concurrency?List ListProvisionedConcurrencyConfigs",
    "DELETE functions/*/provisioned-concurrency DeleteProvisionedConcurrencyConfig",
    "GET functions/*/provisioned-concurrency GetProvisionedConcurrencyConfig",
    "PUT functions/*/provisioned-concurrency PutProvisionedConcurrencyConfig",
    "GET functions/*/recursion-config GetFunctionRecursionConfig",
    "PUT functions/*/recursion-config PutFunctionRecursionConfig",
    "POST functions/*/response-streaming-invocations InvokeWithResponseStream",
    "GET functions/*/runtime-management-config GetRuntimeManagementConfig",
    "PUT functions/*/runtime-management-config PutRuntimeManagementConfig",
    "DELETE functions/*/url DeleteFunctionUrlConfig",
    "GET functions/*/url GetFunctionUrlConfig",
    "POST functions/*/url CreateFunctionUrlConfig",
    "PUT functions/*/url UpdateFunctionUrlConfig",
    "GET functions/*/urls ListFunctionUrlConfigs",
    "GET functions/*/versions ListVersionsByFunction",
    "POST functions/*/versions PublishVersion",
    "GET layers?Arn GetLayerVersionByArn",
    "GET layers ListLayers",
    "GET layers/*/versions ListLayerVersions",
    "POST layers/*/versions PublishLayerVersion",
    "DELETE layers/*/versions/* DeleteLayerVersion",
    "GET layers/*/versions/* GetLayerVersion",
    "GET layers/*/versions/*/policy GetLayerVersionPolicy",
    "POST layers/*/versions/*/policy AddLayerVersionPermission",
    "DELETE layers/*/versions/*/policy/* RemoveLayerVersionPermission",
    "DELETE tags/* UntagResource",
    "GET tags/* ListTags",
    "POST tags/* TagResource",
];

/// The version of the API, and the parts behind it.
fn split(path: &str) -> Option<(&str, Vec<&str>)> {
    let mut parts = path.strip_prefix('/')?.split('/');
    let version = parts.next()?;
    // ListFunctions and some others end in a slash.
    Some((version, parts.filter(|part| !part.is_empty()).collect()))
}

/// Is it a path of Lambda? A date is no name of a bucket that anybody would use.
pub(super) fn is_path(path: &str) -> bool {
    let is_date = |text: &str| {
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        lengths == [4, 2, 2] && text.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    };
    split(path).is_some_and(|(version, parts)| is_date(version) && !parts.is_empty())
}

/// The operation, where the table has it.
pub(super) fn operation(method: &Method, path: &str, query: &Query) -> Option<&'static str> {
    let (_, parts) = split(path)?;
    ROUTES.iter().find_map(|row| {
        let mut columns = row.split(' ');
        let (wanted, pattern, name) = (columns.next()?, columns.next()?, columns.next()?);
        let (pattern, parameter) = pattern.split_once('?').unwrap_or((pattern, ""));
        let pattern: Vec<&str> = pattern.split('/').collect();
        let fits = wanted == method.as_str()
            && pattern.len() == parts.len()
            && pattern
                .iter()
                .zip(&parts)
                .all(|(p, part)| *p == "*" || p == part)
            && (parameter.is_empty() || query.value(parameter).is_some());
        fits.then_some(name)
    })
}

/// The function; of other kinds what the path names.
pub(super) fn resource(path: &str, query: &Query, body: &[u8]) -> String {
    let (_, parts) = split(path).unwrap_or_default();
    match (parts.first(), parts.get(1)) {
        (Some(&"functions"), Some(function)) => function_name(&decoded(function)),
        (Some(_), Some(name)) => name_of(&decoded(name)),
        _ => match query.value("FunctionName") {
            Some(function) => function_name(function),
            None => function_name(&in_json(body)),
        },
    }
}

/// Functions go by name, by ARN and by `ACCOUNT:function:NAME`, each with a version or an alias behind.
fn function_name(text: &str) -> String {
    let name = name_of(text);
    let name = name
        .split_once("function:")
        .map_or(&*name, |(_, name)| name);
    name.split(':').next().unwrap_or_default().to_owned()
}
