//! The Lambda Runtime API and the part of the Extensions API that runtimes use themselves.
//!
//! Every environment has a listener of its own, as on AWS: `AWS_LAMBDA_RUNTIME_API` is a host and a
//! port, and clients of the Runtime API are written for that.

use std::sync::Arc;

use axum::body::Body;
use axum::serve::ListenerExt as _;
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;
use tokio::net::TcpListener;

use super::{Environment, MAX_RESPONSE_BYTES, Outcome};
use crate::lambda::state::function_arn;
use crate::service::{Request, Response};

/// Serves one environment until it has ended.
pub(super) async fn serve(listener: TcpListener, environment: Arc<Environment>) {
    let address = match listener.local_addr() {
        Ok(address) => Arc::<str>::from(address.to_string()),
        Err(error) => {
            tracing::error!(%error, "the Runtime API of an environment has no address");
            return;
        }
    };
    let listener = listener.tap_io(|stream| {
        // Without it small answers wait for acknowledgements.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
    });
    let served = environment.clone();
    let app = axum::Router::new().fallback(move |request: Request| {
        let (environment, address) = (served.clone(), address.clone());
        async move { answer(&environment, &address, request).await }
    });
    tokio::select! {
        result = axum::serve(listener, app) => {
            if let Err(error) = result {
                tracing::error!(%error, "the Runtime API of an environment ended");
            }
        }
        () = environment.has_ended() => {}
    }
}

async fn answer(environment: &Arc<Environment>, address: &str, request: Request) -> Response {
    // No web page is a runtime: one of another site sends an origin, one whose name was pointed at
    // this machine sends that name.
    let host = request.headers().get(header::HOST);
    let own = host.is_none_or(|host| host.as_bytes() == address.as_bytes());
    if !own || request.headers().contains_key(header::ORIGIN) {
        return error(
            StatusCode::FORBIDDEN,
            "the Runtime API is for the function's process",
        );
    }
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (request.method().clone(), parts.as_slice()) {
        (Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => next(environment).await,
        (Method::POST, ["2018-06-01", "runtime", "invocation", id, "response"]) => {
            accept(environment, id, request, Outcome::Answered).await
        }
        (Method::POST, ["2018-06-01", "runtime", "invocation", id, "error"]) => {
            accept(environment, id, request, Outcome::Error).await
        }
        (Method::POST, ["2018-06-01", "runtime", "init", "error"]) => {
            match Limited::new(request.into_body(), MAX_RESPONSE_BYTES)
                .collect()
                .await
            {
                Ok(body) => {
                    environment.init_failed(&body.to_bytes());
                    accepted()
                }
                Err(cause) => error(StatusCode::BAD_REQUEST, &cause.to_string()),
            }
        }
        (Method::POST, ["2020-01-01", "extension", "register"]) => register(environment),
        (Method::GET, ["2020-01-01", "extension", "event", "next"]) => {
            // Environments are ended by a signal; no event comes before it.
            std::future::pending().await
        }
        (_, _) => error(
            StatusCode::NOT_FOUND,
            "no such operation of the Runtime API",
        ),
    }
}

async fn next(environment: &Arc<Environment>) -> Response {
    let Some(invocation) = environment.next().await else {
        return error(StatusCode::GONE, "the environment has ended");
    };
    http::Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &invocation.request_id)
        .header(
            "lambda-runtime-deadline-ms",
            invocation.deadline_ms.to_string(),
        )
        .header(
            "lambda-runtime-invoked-function-arn",
            function_arn(environment.function()),
        )
        .header("lambda-runtime-trace-id", trace_id())
        .body(Body::from(invocation.payload))
        .expect("a legal response")
}

/// An X-Ray header that says "not sampled": there is no tracing here.
fn trace_id() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!(
        "Root=1-{}-{};Parent={};Sampled=0",
        &id[..8],
        &id[8..],
        &id[16..]
    )
}

async fn accept(
    environment: &Arc<Environment>,
    id: &str,
    request: Request,
    outcome: impl FnOnce(bytes::Bytes) -> Outcome,
) -> Response {
    let body = Limited::new(request.into_body(), MAX_RESPONSE_BYTES).collect();
    let outcome = match body.await {
        Ok(body) => outcome(body.to_bytes()),
        Err(cause) if cause.is::<LengthLimitError>() => {
            // The rest of it is not read; the function's answer is this error. AWS says 413 to the
            // process, too.
            environment.answer(id, Outcome::too_large());
            return error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the response is larger than an invocation may answer",
            );
        }
        Err(cause) => return error(StatusCode::BAD_REQUEST, &cause.to_string()),
    };
    if environment.answer(id, outcome) {
        accepted()
    } else {
        error(
            StatusCode::BAD_REQUEST,
            "that is not the invocation at work",
        )
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
        .body(Body::from(
            json!({ "errorType": "InvalidRequest", "errorMessage": message }).to_string(),
        ))
        .expect("a legal response")
}
