//! Invoke: at once, as an event, or not at all.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;

use super::handlers_functions::check_not_pending;
use super::runtime::{NotBegun, Outcome};
use super::{LambdaService, async_invoke, wire};
use crate::error::AwsError;
use crate::service::{Request, Response};

impl LambdaService {
    /// Accepts an asynchronous invocation; returns its id.
    pub(super) fn accept(&self, name: &str, payload: &[u8]) -> Result<String, AwsError> {
        let function = self.state.function(name)?;
        let request_id = uuid::Uuid::new_v4().to_string();
        let pending = self
            .state
            .accept(&function.name, &request_id, payload, self.now_ms())?;
        if let Some(own) = self.own() {
            tokio::spawn(async_invoke::settle(own, pending));
        }
        Ok(request_id)
    }

    /// Answers Invoke.
    pub(super) async fn invoke(&self, name: &str, request: Request) -> Result<Response, AwsError> {
        let (kind, log_type) = (
            header(&request, "x-amz-invocation-type"),
            header(&request, "x-amz-log-type"),
        );
        let event = kind == "Event";
        let payload = payload_of(request, event).await?;
        let function = self.state.function(name)?;
        check_not_pending(self, &function)?;
        match kind.as_str() {
            "DryRun" => return Ok(wire::answer(204, &Value::Null)),
            "" | "RequestResponse" => {}
            "Event" => {
                let request_id = self.accept(&function.name, &payload)?;
                return Ok(wire::answer_as(202, &Value::Null, &request_id));
            }
            other => {
                return Err(AwsError::bad_request(
                    "InvalidParameterValueException",
                    format!(
                        "Value '{other}' at 'invocationType' must be Event, RequestResponse or DryRun"
                    ),
                ));
            }
        }
        let request_id = uuid::Uuid::new_v4().to_string();
        let finished = match self.runtime.invoke(&function, &request_id, payload).await {
            Ok(finished) => finished,
            // aws-behaviours L14
            Err(NotBegun::Throttled) => return Ok(wire::throttled(&function)),
            Err(NotBegun::Stopping) => {
                let message = "The embedded target stops.";
                return Err(AwsError::new(503, "ServiceException", message));
            }
            Err(NotBegun::Failed(error)) => return Err(error),
        };
        let mut builder = http::Response::builder()
            .status(200)
            .header("content-type", "application/json")
            .header("x-amzn-requestid", &request_id)
            .header("x-amz-executed-version", "$LATEST");
        if log_type == "Tail" {
            builder = builder.header("x-amz-log-result", STANDARD.encode(&finished.log_tail));
        }
        let body = match finished.outcome.error(&request_id) {
            Some((word, error)) => {
                builder = builder.header("x-amz-function-error", word);
                Body::from(error.to_string())
            }
            None => match finished.outcome {
                Outcome::Answered(bytes) => Body::from(bytes),
                _ => Body::empty(),
            },
        };
        builder.body(body).map_err(AwsError::internal)
    }
}

fn header(request: &Request, name: &str) -> String {
    request
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

/// Largest request, bytes: a zip in base64. // aws-behaviours L7
pub(super) const MAX_REQUEST_BYTES: usize = 70_167_211;
/// Largest payload of a synchronous invocation, bytes (AWS Lambda quotas).
const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;
/// Largest payload of an asynchronous invocation, bytes. // aws-behaviours L21
const MAX_EVENT_BYTES: usize = 1024 * 1024;

pub(super) async fn body_of(request: Request, most: usize, code: &str) -> Result<Bytes, AwsError> {
    let body = Limited::new(request.into_body(), most).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                let message = format!("Request must be smaller than {most} bytes");
                AwsError::new(413, code, message)
            } else {
                AwsError::bad_request("InvalidRequestContentException", error.to_string())
            }
        })
}

/// The payload of an invocation: JSON, an empty object when there is none.
async fn payload_of(request: Request, event: bool) -> Result<Bytes, AwsError> {
    let most = if event {
        MAX_EVENT_BYTES
    } else {
        MAX_PAYLOAD_BYTES
    };
    let payload = body_of(request, most, "RequestEntityTooLargeException").await?;
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(&payload).map_err(|error| {
        AwsError::bad_request(
            "InvalidRequestContentException",
            format!("Could not parse request body into json: {error}"),
        )
    })?;
    Ok(payload)
}
