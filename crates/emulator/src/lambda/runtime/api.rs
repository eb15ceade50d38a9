//! The Lambda Runtime API and the part of the Extensions API that runtimes use themselves.

use std::sync::Arc;

use axum::body::Body;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;

use super::{Environment, Outcome, Runtime};
use crate::lambda::state::function_arn;
use crate::service::{Request, Response};

impl Runtime {
    /// Answers `/_lambda/{token}/…`.
    pub(in crate::lambda) async fn api(&self, request: Request) -> Response {
        let path = request.uri().path().to_owned();
        let mut parts = path.trim_start_matches("/_lambda/").splitn(2, '/');
        let (token, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let Some(environment) = self.environment(token) else {
            return error(StatusCode::FORBIDDEN, "no such environment");
        };
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method().clone(), parts.as_slice()) {
            (Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => next(&environment).await,
            (Method::POST, ["2018-06-01", "runtime", "invocation", id, "response"]) => {
                let id = (*id).to_owned();
                accept(&environment, &id, request, Outcome::Answered).await
            }
            (Method::POST, ["2018-06-01", "runtime", "invocation", id, "error"]) => {
                let id = (*id).to_owned();
                accept(&environment, &id, request, Outcome::Error).await
            }
            (Method::POST, ["2018-06-01", "runtime", "init", "error"]) => match request.into_body().collect().await {
                Ok(body) => {
                    environment.init_failed(&body.to_bytes());
                    accepted()
                }
                Err(cause) => error(StatusCode::BAD_REQUEST, &cause.to_string()),
            },
            (Method::POST, ["2020-01-01", "extension", "register"]) => register(&environment),
            (Method::GET, ["2020-01-01", "extension", "event", "next"]) => {
                // Environments are ended by a signal; no event comes before it.
                std::future::pending().await
            }
            (_, _) => error(StatusCode::NOT_FOUND, "no such operation of the Runtime API"),
        }
    }
}

async fn next(environment: &Arc<Environment>) -> Response {
    let Some(invocation) = environment.next().await else {
        return error(StatusCode::GONE, "the environment has ended");
    };
    http::Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &invocation.request_id)
        .header("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string())
        .header("lambda-runtime-invoked-function-arn", function_arn(environment.function()))
        .header("lambda-runtime-trace-id", trace_id())
        .body(Body::from(invocation.payload))
        .expect("a legal response")
}

/// An X-Ray header that says "not sampled": there is no tracing here.
fn trace_id() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("Root=1-{}-{};Parent={};Sampled=0", &id[..8], &id[8..], &id[16..])
}

async fn accept(
    environment: &Arc<Environment>,
    id: &str,
    request: Request,
    outcome: impl FnOnce(bytes::Bytes) -> Outcome,
) -> Response {
    match request.into_body().collect().await {
        Ok(body) if environment.answer(id, outcome(body.to_bytes())) => accepted(),
        Ok(_) => error(StatusCode::BAD_REQUEST, "that is not the invocation at work"),
        Err(cause) => error(StatusCode::BAD_REQUEST, &cause.to_string()),
    }
}

fn register(environment: &Environment) -> Response {
    http::Response::builder()
        .header("content-type", "application/json")
        .header("lambda-extension-identifier", uuid::Uuid::new_v4().to_string())
        .body(Body::from(
            json!({ "functionName": environment.function(), "functionVersion": "$LATEST", "handler": "bootstrap" }).to_string(),
        ))
        .expect("a legal response")
}

fn accepted() -> Response {
    http::Response::builder()
        .status(StatusCode::ACCEPTED)
        .header("content-type", "application/json")
        .body(Body::from(r#"{"status":"OK"}"#))
        .expect("a legal response")
}

fn error(status: StatusCode, message: &str) -> Response {
    http::Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(json!({ "errorType": "InvalidRequest", "errorMessage": message }).to_string()))
        .expect("a legal response")
}
