//! Which service a request is for: a pure decision over its head.

use http::{HeaderMap, Method, Uri, header};
use percent_encoding::percent_decode_str;

/// A service behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Amazon S3.
    S3,
    /// Amazon SQS.
    Sqs,
    /// AWS Lambda's control plane and `Invoke`.
    Lambda,
    /// Amazon DynamoDB and its streams.
    DynamoDb,
    /// CloudWatch Logs.
    Logs,
    /// AWS STS.
    Sts,
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `GET /_pipectl/health`.
    Health,
    /// `POST /_pipectl/stop`.
    Stop,
    /// Anything else under `/_pipectl/`.
    UnknownOwn,
    /// One of our services.
    To(Kind),
    /// A query-protocol request of an AWS service that is not served; its operation is the
    /// `Action` parameter, which may only be in the body.
    AbsentQuery {
        /// The service's name in the credential scope.
        service: String,
    },
    /// Any other request of an AWS service that is not served.
    Absent {
        /// The service's name in the credential scope, or the prefix of `X-Amz-Target`.
        service: String,
        /// The operation as far as the head tells.
        operation: String,
    },
}

const FORM: &str = "application/x-www-form-urlencoded";

/// `X-Amz-Target` prefixes of the JSON protocols that are served.
const TARGETS: [(&str, Kind); 4] = [
    ("AmazonSQS", Kind::Sqs),
    ("DynamoDB_20120810", Kind::DynamoDb),
    ("DynamoDBStreams_20120810", Kind::DynamoDb),
    ("Logs_20140328", Kind::Logs),
];

/// What follows the version in Lambda's paths, e.g. `/2015-03-31/functions`.
const LAMBDA_RESOURCES: [&str; 6] = [
    "functions",
    "event-source-mappings",
    "tags",
    "layers",
    "layers-by-arn",
    "account-settings",
];

/// Decides by path for our own endpoints, then by the signature's credential scope, then – for
/// requests without one – by `X-Amz-Target`, path and content type. What is left is S3, whose
/// requests may be anonymous and have any path.
pub(super) fn route(method: &Method, uri: &Uri, headers: &HeaderMap) -> Route {
    let path = uri.path();
    if let Some(own) = path.strip_prefix("/_pipectl/") {
        return match (method, own) {
            (&Method::GET, "health") => Route::Health,
            (&Method::POST, "stop") => Route::Stop,
            _ => Route::UnknownOwn,
        };
    }
    if let Some(service) = scope_service(uri, headers) {
        return match service.as_str() {
            "s3" => Route::To(Kind::S3),
            "sqs" => Route::To(Kind::Sqs),
            "lambda" => Route::To(Kind::Lambda),
            "dynamodb" => Route::To(Kind::DynamoDb),
            "logs" => Route::To(Kind::Logs),
            "sts" => Route::To(Kind::Sts),
            _ => absent(service, method, uri, headers),
        };
    }
    if let Some((prefix, operation)) = target(headers) {
        return TARGETS
            .iter()
            .find(|(known, _)| *known == prefix)
            .map_or_else(
                || Route::Absent {
                    service: prefix.to_owned(),
                    operation: operation.to_owned(),
                },
                |(_, kind)| Route::To(*kind),
            );
    }
    if is_lambda_path(path) {
        return Route::To(Kind::Lambda);
    }
    // Of the query protocols only STS is served, and S3 has no forms of this content type; a
    // query-protocol request of another service is named by STS's own answer.
    if method == Method::POST && is_form(headers) {
        return Route::To(Kind::Sts);
    }
    Route::To(Kind::S3)
}

fn absent(service: String, method: &Method, uri: &Uri, headers: &HeaderMap) -> Route {
    if let Some((_, operation)) = target(headers) {
        return Route::Absent {
            service,
            operation: operation.to_owned(),
        };
    }
    let action_in_query = query_value(uri, "Action").is_some();
    if is_form(headers) || action_in_query {
        return Route::AbsentQuery { service };
    }
    Route::Absent {
        service,
        operation: format!("{method} {}", uri.path()),
    }
}

/// The service in the signature's credential scope (`KEY/DATE/REGION/SERVICE/aws4_request`; a
/// SigV4a scope has no region), from the header or from a presigned query.
fn scope_service(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let signed = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .filter(|value| value.starts_with("AWS4-"))
        .and_then(|value| value.split_once("Credential="))
        .map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or_default().to_owned());
    let credential = signed.or_else(|| query_value(uri, "X-Amz-Credential"))?;
    let scope = credential.strip_suffix("/aws4_request")?;
    let (_, service) = scope.rsplit_once('/')?;
    (!service.is_empty()).then(|| service.to_ascii_lowercase())
}

/// `X-Amz-Target` as prefix and operation.
fn target(headers: &HeaderMap) -> Option<(&str, &str)> {
    headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.rsplit_once('.'))
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let media = value.split(';').next().unwrap_or_default().trim();
            media.eq_ignore_ascii_case(FORM)
        })
}

fn is_lambda_path(path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    let version = segments.next().unwrap_or_default();
    let looks_like_a_date = version.len() == 10
        && version
            .bytes()
            .enumerate()
            .all(|(index, byte)| match index {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
    looks_like_a_date
        && segments
            .next()
            .is_some_and(|resource| LAMBDA_RESOURCES.contains(&resource))
}

/// A query parameter, percent-decoded.
pub(super) fn query_value(uri: &Uri, name: &str) -> Option<String> {
    uri.query()?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Routes a request written as method, URI and header lines.
    fn routed(method: &str, uri: &str, headers: &[(&'static str, &str)]) -> Route {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a header value"));
        }
        route(
            &method.parse().expect("a method"),
            &uri.parse().expect("a URI"),
            &map,
        )
    }

    fn signed(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/{service}/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=00"
        )
    }

    #[test]
    fn the_credential_scope_decides_whatever_the_path_is() {
        for (service, kind) in [
            ("s3", Kind::S3),
            ("sqs", Kind::Sqs),
            ("lambda", Kind::Lambda),
            ("dynamodb", Kind::DynamoDb),
            ("logs", Kind::Logs),
            ("sts", Kind::Sts),
        ] {
            let authorization = signed(service);
            let route = routed("POST", "/x/y", &[("authorization", &authorization)]);
            assert_eq!(route, Route::To(kind), "{service}");
        }
        let sigv4a = "AWS4-ECDSA-P256-SHA256 Credential=k/20261123/s3/aws4_request,Signature=0";
        assert_eq!(
            routed("GET", "/b", &[("authorization", sigv4a)]),
            Route::To(Kind::S3)
        );
    }

    #[test]
    fn a_presigned_query_decides_as_well() {
        let uri = "/?Action=ReceiveMessage&X-Amz-Credential=test%2F20261123%2Fus-east-1%2Fsqs%2Faws4_request";
        assert_eq!(routed("GET", uri, &[]), Route::To(Kind::Sqs));
    }

    #[test]
    fn unsigned_requests_go_by_target_path_and_content_type() {
        for (target, kind) in [
            ("AmazonSQS.SendMessage", Kind::Sqs),
            ("DynamoDB_20120810.PutItem", Kind::DynamoDb),
            ("DynamoDBStreams_20120810.ListStreams", Kind::DynamoDb),
            ("Logs_20140328.PutLogEvents", Kind::Logs),
        ] {
            assert_eq!(
                routed("POST", "/", &[("x-amz-target", target)]),
                Route::To(kind)
            );
        }
        assert_eq!(
            routed("POST", "/2015-03-31/functions/f/invocations", &[]),
            Route::To(Kind::Lambda)
        );
        assert_eq!(routed("GET", "/2015-03-31/other", &[]), Route::To(Kind::S3));
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        assert_eq!(
            routed("POST", "/", &[("content-type", form)]),
            Route::To(Kind::Sts)
        );
        assert_eq!(routed("GET", "/bucket/key", &[]), Route::To(Kind::S3));
    }

    #[test]
    fn absent_services_are_named_with_their_operation() {
        let kms = signed("kms");
        assert_eq!(
            routed(
                "POST",
                "/",
                &[
                    ("authorization", &kms),
                    ("x-amz-target", "TrentService.Encrypt")
                ]
            ),
            Route::Absent {
                service: "kms".to_owned(),
                operation: "Encrypt".to_owned()
            }
        );
        let iam = signed("iam");
        let form = "application/x-www-form-urlencoded";
        assert_eq!(
            routed(
                "POST",
                "/",
                &[("authorization", &iam), ("content-type", form)]
            ),
            Route::AbsentQuery {
                service: "iam".to_owned()
            }
        );
        let scheduler = signed("scheduler");
        assert_eq!(
            routed("GET", "/schedules", &[("authorization", &scheduler)]),
            Route::Absent {
                service: "scheduler".to_owned(),
                operation: "GET /schedules".to_owned()
            }
        );
    }

    #[test]
    fn own_endpoints_come_before_everything() {
        let s3 = signed("s3");
        assert_eq!(
            routed("GET", "/_pipectl/health", &[("authorization", &s3)]),
            Route::Health
        );
        assert_eq!(routed("POST", "/_pipectl/stop", &[]), Route::Stop);
        assert_eq!(routed("GET", "/_pipectl/stop", &[]), Route::UnknownOwn);
    }
}
