//! SQS's JSON 1.0: reading requests, queue URLs, answers, and errors under both of their names.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use crate::config::ACCOUNT;
use crate::error::AwsError;
use crate::service::{Request, Response};

use super::state_errors::{invalid, missing};

/// A batch of 1 MiB whose characters are all escaped, and then some, bytes.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// JSON of the answer, or the refusal.
pub(super) type Answer = Result<String, AwsError>;

/// A request, read.
pub(super) enum Incoming {
    /// One of the JSON protocol.
    Json(Call),
    /// One of the query protocol, which is not served.
    Query,
}

/// An operation to be done.
pub(super) struct Call {
    /// Name of the operation.
    pub operation: String,
    /// Path of the request: some clients call the queue's own URL.
    pub path: String,
    /// The JSON.
    pub body: Bytes,
}

impl Call {
    /// The parameters of the operation.
    pub(super) fn parameters<T: DeserializeOwned>(&self) -> Result<T, AwsError> {
        let body: &[u8] = if self.body.is_empty() {
            b"{}"
        } else {
            &self.body
        };
        serde_json::from_slice(body)
            .map_err(|error| AwsError::bad_request("SerializationException", error.to_string()))
    }

    /// The name of the queue that `url` (else the request's own path) is of. Scheme, host and
    /// port do not matter: the URL may be one of an earlier run.
    pub(super) fn queue<'a>(&'a self, url: Option<&'a str>) -> Result<&'a str, AwsError> {
        let url = match url {
            Some(url) if !url.is_empty() => url,
            _ if self.path.len() > 1 => &self.path,
            _ => return Err(missing("QueueUrl")),
        };
        let path = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None => url.trim_start_matches('/'),
        };
        match path.trim_end_matches('/').split_once('/') {
            Some((ACCOUNT, name)) => Ok(name),
            Some((account, _)) if account.len() == 12 => Err(super::state_errors::no_queue()),
            _ => Err(AwsError::bad_request(
                "InvalidAddress",
                format!("The address {url} is not valid for this endpoint."),
            )),
        }
    }
}

/// The operation named by `X-Amz-Target`, and the body.
pub(super) async fn read(request: Request) -> Result<Incoming, AwsError> {
    let operation = request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.strip_prefix("AmazonSQS."))
        .map(str::to_owned);
    let Some(operation) = operation else {
        return Ok(Incoming::Query);
    };
    let path = request.uri().path().to_owned();
    let body = Limited::new(request.into_body(), MAX_BODY)
        .collect()
        .await
        .map_err(|error| AwsError::new(413, "RequestEntityTooLargeException", error.to_string()))?
        .to_bytes();
    Ok(Incoming::Json(Call {
        operation,
        path,
        body,
    }))
}

/// JSON of an answer.
pub(super) fn answer(value: &impl Serialize) -> Answer {
    serde_json::to_string(value).map_err(AwsError::internal)
}

/// The answer of operations that have nothing to say.
pub(super) fn nothing() -> Answer {
    Ok("{}".to_owned())
}

/// The HTTP response.
pub(super) fn respond(answer: Answer) -> Response {
    match answer {
        Ok(json) => response(StatusCode::OK, "application/x-amz-json-1.0", json),
        Err(error) => {
            let status = status_of(&error);
            let body = json!({
                "__type": format!("{}#{}", namespace(&error.code), error.code),
                "message": error.message,
            });
            let mut response = response(status, "application/x-amz-json-1.0", body.to_string());
            let fault = if is_sender_fault(&error) {
                "Sender"
            } else {
                "Receiver"
            };
            let query_error = format!("{};{fault}", query_code(&error.code));
            if let Ok(value) = HeaderValue::from_str(&query_error) {
                response.headers_mut().insert("x-amzn-query-error", value);
            }
            response
        }
    }
}

/// The answer to every request of the query protocol, in that protocol.
pub(super) fn query_refused() -> Response {
    let body = "<?xml version=\"1.0\"?>\
        <ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error>\
        <Type>Receiver</Type><Code>NotImplemented</Code>\
        <Message>The query protocol of SQS is not implemented by the embedded target; \
        use an SDK that speaks its JSON protocol (those from November 2023 on do)</Message>\
        </Error></ErrorResponse>";
    response(StatusCode::NOT_IMPLEMENTED, "text/xml", body.to_owned())
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

fn status_of(error: &AwsError) -> StatusCode {
    StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Is it the caller who must change something?
pub(super) fn is_sender_fault(error: &AwsError) -> bool {
    status_of(error).is_client_error()
}

/// Faults of the protocol are not of SQS's own model.
fn namespace(code: &str) -> &'static str {
    match code {
        "InvalidParameterValueException"
        | "MissingRequiredParameterException"
        | "SerializationException" => "com.amazon.coral.service",
        _ => "com.amazonaws.sqs",
    }
}

/// The name of an error in the query protocol, which is the one that SDKs tell users.
pub(super) fn query_code(code: &str) -> String {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        // aws-behaviours Q3
        "QueueNameExists" => "QueueAlreadyExists".to_owned(),
        "InvalidParameterValueException" => "InvalidParameterValue".to_owned(),
        "MissingRequiredParameterException" => "MissingParameter".to_owned(),
        "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "EmptyBatchRequest"
        | "InvalidBatchEntryId"
        | "PurgeQueueInProgress"
        | "QueueDeletedRecently"
        | "TooManyEntriesInBatchRequest"
        | "UnsupportedOperation" => format!("AWS.SimpleQueueService.{code}"),
        _ => code.to_owned(),
    }
}

/// A page token that means "after this name".
pub(super) fn page_token(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

/// Reads [`page_token`].
pub(super) fn read_page_token(token: Option<&str>) -> Result<String, AwsError> {
    let Some(token) = token else {
        return Ok(String::new());
    };
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| invalid("Invalid or expired next token."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(path: &str) -> Call {
        Call {
            operation: "SendMessage".to_owned(),
            path: path.to_owned(),
            body: Bytes::new(),
        }
    }

    #[test]
    fn only_the_path_of_a_queue_url_counts() {
        let root = call("/");
        for url in [
            "http://127.0.0.1:40123/000000000000/jobs",
            "http://127.0.0.1:1/000000000000/jobs",
            "https://sqs.us-east-1.amazonaws.com/000000000000/jobs",
            "/000000000000/jobs",
        ] {
            assert_eq!(root.queue(Some(url)), Ok("jobs"), "{url}");
        }
        assert_eq!(call("/000000000000/jobs").queue(None), Ok("jobs"));
        let code = |call: &Call, url| call.queue(url).expect_err("refused").code;
        assert_eq!(code(&root, None), "MissingRequiredParameterException");
        assert_eq!(code(&root, Some("jobs")), "InvalidAddress");
        assert_eq!(code(&root, Some("http://h:1")), "InvalidAddress");
        assert_eq!(
            code(&root, Some("http://h:1/111111111111/jobs")),
            "QueueDoesNotExist"
        );
    }

    #[tokio::test]
    async fn errors_carry_both_of_their_names() {
        let response = respond(Err(super::super::state_errors::no_queue()));
        assert_eq!(response.status(), 400);
        let headers = response.headers();
        assert_eq!(
            headers["x-amzn-query-error"],
            "AWS.SimpleQueueService.NonExistentQueue;Sender"
        );
        assert_eq!(headers["content-type"], "application/x-amz-json-1.0");
        assert!(headers.contains_key("x-amzn-requestid"));
        let body = response.into_body().collect().await.expect("a body");
        let body: serde_json::Value = serde_json::from_slice(&body.to_bytes()).expect("JSON");
        assert_eq!(
            body,
            json!({
                "__type": "com.amazonaws.sqs#QueueDoesNotExist",
                "message": "The specified queue does not exist.",
            })
        );
        let response = respond(Err(AwsError::not_implemented("SQS", "AddPermission")));
        assert_eq!(response.status(), 501);
        assert_eq!(
            response.headers()["x-amzn-query-error"],
            "NotImplemented;Receiver"
        );
    }

    #[tokio::test]
    async fn the_query_protocol_is_refused_in_its_own_words() {
        let request = http::Request::post("/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from("Action=ListQueues"))
            .expect("a request");
        assert!(matches!(read(request).await, Ok(Incoming::Query)));
        let response = query_refused();
        assert_eq!(response.status(), 501);
        let body = response.into_body().collect().await.expect("a body");
        let body = String::from_utf8(body.to_bytes().into()).expect("text");
        assert!(body.contains("<Code>NotImplemented</Code>"), "{body}");
    }

    #[test]
    fn page_tokens_are_read_back() {
        assert_eq!(read_page_token(None), Ok(String::new()));
        let token = page_token("jobs-dlq");
        assert_eq!(read_page_token(Some(&token)), Ok("jobs-dlq".to_owned()));
        assert!(read_page_token(Some("***")).is_err());
    }
}
