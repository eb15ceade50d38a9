//! What AWS's JSON protocols share: the operation in `X-Amz-Target`, a JSON body, and errors whose
//! code is in `__type`. Each service says in what its dialect differs.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde_json::json;

use crate::error::AwsError;
use crate::service::{Request, Response};

/// One service's dialect.
pub(crate) struct Dialect {
    /// Content type of its answers.
    pub content_type: &'static str,
    /// What stands before the codes of errors that are not the service's own.
    pub common_namespace: &'static str,
    /// It takes requests up to this size, bytes.
    pub max_body: usize,
}

impl Dialect {
    /// The operation that a request names, and its body.
    pub(crate) async fn read(&self, request: Request) -> Result<(String, Bytes), AwsError> {
        let operation = request
            .headers()
            .get("x-amz-target")
            .and_then(|target| target.to_str().ok())
            .and_then(|target| target.rsplit_once('.'))
            .map(|(_, operation)| operation.to_owned())
            .ok_or_else(|| {
                AwsError::bad_request(
                    self.common("UnknownOperationException"),
                    "the header X-Amz-Target names no operation",
                )
            })?;
        let body = Limited::new(request.into_body(), self.max_body)
            .collect()
            .await
            .map_err(|error| {
                AwsError::new(413, "RequestEntityTooLargeException", error.to_string())
            })?
            .to_bytes();
        Ok((operation, body))
    }

    /// A body that is not what it should be.
    pub(crate) fn unreadable(&self, error: impl std::fmt::Display) -> AwsError {
        AwsError::bad_request(self.common("SerializationException"), error.to_string())
    }

    /// A response with a body that is JSON already.
    pub(crate) fn respond(&self, status: u16, json: String) -> Response {
        let mut response = Response::new(Body::from(json));
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        response
    }

    /// The response to what is refused.
    pub(crate) fn refuse(&self, error: &AwsError) -> Response {
        if error.status == 500 {
            tracing::error!("{error}");
        }
        let body = json!({ "__type": error.code, "message": error.message });
        self.respond(error.status, body.to_string())
    }

    fn common(&self, code: &str) -> String {
        format!("{}{code}", self.common_namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALECT: Dialect = Dialect {
        content_type: "application/x-amz-json-1.0",
        common_namespace: "com.amazon.coral.service#",
        max_body: 8,
    };

    async fn read(target: Option<&str>, body: &'static str) -> Result<(String, Bytes), AwsError> {
        let mut request = http::Request::post("/");
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        DIALECT
            .read(request.body(Body::from(body)).expect("a request"))
            .await
    }

    #[tokio::test]
    async fn the_operation_is_behind_the_last_dot_of_the_target() {
        let (operation, body) = read(Some("DynamoDB_20120810.GetItem"), "{}")
            .await
            .expect("read");
        assert_eq!((operation.as_str(), &body[..]), ("GetItem", &b"{}"[..]));
        let error = read(None, "{}").await.expect_err("no target");
        assert_eq!(
            error.code,
            "com.amazon.coral.service#UnknownOperationException"
        );
        let error = read(Some("a.B"), "{\"a\": 123}")
            .await
            .expect_err("too long");
        assert_eq!(error.status, 413);
    }

    #[tokio::test]
    async fn a_refusal_has_its_code_in_the_body() {
        let response = DIALECT.refuse(&DIALECT.unreadable("no JSON"));
        assert_eq!(response.status(), 400);
        assert_eq!(
            response.headers()["content-type"],
            "application/x-amz-json-1.0"
        );
        let body = response.into_body().collect().await.expect("a body");
        let body: serde_json::Value = serde_json::from_slice(&body.to_bytes()).expect("JSON");
        assert_eq!(
            body,
            json!({
                "__type": "com.amazon.coral.service#SerializationException",
                "message": "no JSON",
            })
        );
    }
}
