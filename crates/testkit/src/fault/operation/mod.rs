//! Which operation of which service a request is, by its head and, where the head does not tell, its body.
//! The tables are of their own: nothing is shared with what is tested by them.

mod lambda;
mod resource;
mod s3;
#[cfg(test)]
mod tests;

use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::http::request::Parts;
use percent_encoding::percent_decode;

/// How a service speaks, as far as errors differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// AWS JSON, by `X-Amz-Target`: SQS, DynamoDB, CloudWatch Logs.
    Json,
    /// JSON by method and path: Lambda.
    RestJson,
    /// XML by method and path: S3.
    S3,
    /// A form in, XML out: STS.
    Query,
}

/// A request by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub service: String,
    pub operation: String,
    pub resource: String,
    pub protocol: Protocol,
}

/// What `X-Amz-Target` begins with, for requests without a signature.
const TARGETS: [(&str, &str); 3] = [
    ("AmazonSQS", "sqs"),
    ("DynamoDB", "dynamodb"),
    ("Logs_", "logs"),
];
/// Beginnings of the names of operations that only read.
const READS: [&str; 4] = ["Get", "List", "Describe", "Head"];
/// Operations that only read, whatever their names begin with. Receiving hides messages for a while, which
/// is no more than any reader does.
const MORE_READS: [&str; 6] = [
    "BatchGetItem",
    "FilterLogEvents",
    "Query",
    "ReceiveMessage",
    "Scan",
    "TransactGetItems",
];

/// Names a request.
pub(crate) fn named(head: &Parts, body: &[u8]) -> Named {
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let path = head.uri.path();
    let query = Query::of(head.uri.query().unwrap_or_default());
    let signed = scope_service(header(AUTHORIZATION.as_str()), &query);
    let form = header(CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let unnamed = || format!("{} {}", head.method, head.uri);

    if let Some((prefix, operation)) = header("x-amz-target").and_then(|t| t.split_once('.')) {
        let known = TARGETS.iter().find(|(known, _)| prefix.starts_with(known));
        let by_target = known.map_or(prefix, |(_, service)| service);
        return Named {
            service: signed.unwrap_or_else(|| by_target.to_owned()),
            operation: operation.to_owned(),
            resource: resource::in_json(body),
            protocol: Protocol::Json,
        };
    }
    if path.starts_with("/_") && signed.is_none() {
        return Named {
            service: String::new(),
            operation: unnamed(),
            resource: String::new(),
            protocol: Protocol::RestJson,
        };
    }
    let of_lambda = match signed.as_deref() {
        Some(service) => service == "lambda",
        None => lambda::is_path(path),
    };
    if of_lambda {
        let found = lambda::operation(&head.method, path, &query);
        return Named {
            service: "lambda".to_owned(),
            operation: found.map_or_else(unnamed, str::to_owned),
            resource: lambda::resource(path, &query, body),
            protocol: Protocol::RestJson,
        };
    }
    let of_s3 = match signed.as_deref() {
        Some(service) => service == "s3",
        None => !(form && head.method == Method::POST) && query.value("Action").is_none(),
    };
    if of_s3 {
        let copies = head.headers.contains_key("x-amz-copy-source");
        let found = s3::operation(&head.method, path, &query, copies);
        return Named {
            service: "s3".to_owned(),
            operation: found.map_or_else(unnamed, str::to_owned),
            resource: s3::bucket(path),
            protocol: Protocol::S3,
        };
    }
    let fields = Query::of(&String::from_utf8_lossy(body));
    let action = query.value("Action").or_else(|| fields.value("Action"));
    Named {
        service: signed.unwrap_or_else(|| "sts".to_owned()),
        operation: action.map_or_else(unnamed, str::to_owned),
        resource: resource::in_fields(|key| fields.value(key).or_else(|| query.value(key))),
        protocol: Protocol::Query,
    }
}

/// May an operation change something?
pub(crate) fn writes(operation: &str) -> bool {
    let reads = MORE_READS.contains(&operation)
        || READS.iter().any(|begin| operation.starts_with(begin))
        || operation.starts_with("GET ")
        || operation.starts_with("HEAD ");
    !reads
}

/// The service in the scope of a signature, `KEY/DATE/REGION/SERVICE/aws4_request`.
fn scope_service(authorization: Option<&str>, query: &Query) -> Option<String> {
    let in_header = authorization.and_then(|value| value.split_once("Credential="));
    let credential = match in_header {
        Some((_, rest)) => rest.split([',', ' ']).next()?,
        None => query.value("X-Amz-Credential")?,
    };
    let (_, service) = credential.strip_suffix("/aws4_request")?.rsplit_once('/')?;
    Some(service.to_owned())
}

/// Fields of a query or a form, decoded.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn of(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decoded(name), decoded(&value.replace('+', " "))))
                .collect(),
        )
    }

    /// The value of a field, which is empty for one without `=`.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn decoded(text: &str) -> String {
    percent_decode(text.as_bytes())
        .decode_utf8_lossy()
        .into_owned()
}
