//! The one port: guards it, decides which service a request is for, and answers for itself
//! (health, stop) and for AWS services that are not served.

mod guard;
mod route;
mod unread;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::route::{Kind, Route};
use crate::dynamodb::DynamoDbService;
use crate::error::AwsError;
use crate::lambda::LambdaService;
use crate::logs::LogsService;
use crate::s3::S3Service;
use crate::service::{Request, Response, Service};
use crate::sqs::SqsService;
use crate::sts::{self, StsService};

/// A web page cannot send this header without the preflight that is never granted.
const STOP_HEADER: &str = "x-pipectl-stop";
/// As much of a query-protocol body as is read to name the operation in a 501, bytes.
const MAX_NAMED_BODY: usize = 64 * 1024;

/// The services of one emulator.
pub(crate) struct Services {
    pub s3: Arc<S3Service>,
    pub sqs: Arc<SqsService>,
    pub lambda: Arc<LambdaService>,
    pub dynamodb: Arc<DynamoDbService>,
    pub logs: Arc<LogsService>,
    pub sts: Arc<StsService>,
}

impl Services {
    /// Each service with the name that health reports it under.
    fn named(&self) -> [(&'static str, &dyn Service); 6] {
        [
            ("s3", self.s3.as_ref()),
            ("sqs", self.sqs.as_ref()),
            ("lambda", self.lambda.as_ref()),
            ("dynamodb", self.dynamodb.as_ref()),
            ("logs", self.logs.as_ref()),
            ("sts", self.sts.as_ref()),
        ]
    }

    /// Resources of all services together.
    pub fn resources(&self) -> u64 {
        self.named()
            .iter()
            .map(|(_, service)| service.resources())
            .sum()
    }
}

/// What the gateway answers from.
pub(crate) struct Gateway {
    /// None is left once the emulator closes its stores. A connection that a client holds open does
    /// not keep them open, too.
    pub services: Weak<Services>,
    /// The endpoint that health reports.
    pub endpoint: String,
    /// The data directory that health reports.
    pub data_dir: PathBuf,
    /// Name of the behaviour that health reports.
    pub behaviour: &'static str,
    /// Name of the durability that health reports.
    pub durability: &'static str,
    /// Whether the listener is bound to loopback, so that other `Host`s are refused.
    pub loopback_only: bool,
    /// Cancelled when a client asks the emulator to stop.
    pub stop_asked: CancellationToken,
    /// Cancelled when requests in flight have had their time.
    pub cut: CancellationToken,
}

/// The HTTP application.
pub(crate) fn app(gateway: Arc<Gateway>) -> Router {
    Router::new().fallback(handle).with_state(gateway)
}

async fn handle(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    answer(&gateway, request).await
}

/// Answers one request, from whoever may ask.
pub(crate) async fn answer(gateway: &Gateway, mut request: Request) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = match guard::check(request.uri(), request.headers(), gateway.loopback_only) {
        Ok(()) => route::route(&method, request.uri(), request.headers()),
        Err(refusal) => {
            tracing::warn!(%method, path, "refused: {}", refusal.message());
            let error = AwsError::new(403, "AccessDenied", refusal.message());
            return with_request_id(json_error(&error), None);
        }
    };
    // Nothing here looks at it, and libraries write the headers that they see to the log.
    request.headers_mut().remove("x-amz-security-token");
    let kind = match route {
        Route::To(kind) => Some(kind),
        _ => None,
    };
    // Whoever expects to be asked for the body keeps it back after a refusal; a connection on which
    // nobody has asked for it cannot be used again.
    let expects = request.headers().contains_key(header::EXPECT);
    let (request, read) = unread::noted(request);
    let answered = tokio::select! {
        answered = gateway.answer(route, request) => answered,
        () = gateway.cut.cancelled() => json_error(&AwsError::stopping()),
    };
    let mut response = with_request_id(answered, kind);
    if expects && !read.load(Ordering::Relaxed) {
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if response.status() == StatusCode::INSUFFICIENT_STORAGE {
        tracing::error!(service = ?kind, "the disk with the data directory is full");
    }
    tracing::debug!(
        %method,
        path,
        service = ?kind,
        status = response.status().as_u16(),
        elapsed_us = begun.elapsed().as_micros() as u64,
        "answered"
    );
    response
}

impl Gateway {
    async fn answer(&self, route: Route, request: Request) -> Response {
        let Some(services) = self.services.upgrade() else {
            return json_error(&AwsError::stopping());
        };
        match route {
            Route::Health => self.health(&services),
            Route::Stop => self.stop(request.headers()),
            Route::UnknownOwn => json_error(&AwsError::new(
                404,
                "NotFound",
                "there are GET /_pipectl/health and POST /_pipectl/stop",
            )),
            Route::To(Kind::S3) => services.s3.call(request).await,
            Route::To(Kind::Sqs) => services.sqs.call(request).await,
            Route::To(Kind::Lambda) => services.lambda.call(request).await,
            Route::To(Kind::DynamoDb) => services.dynamodb.call(request).await,
            Route::To(Kind::Logs) => services.logs.call(request).await,
            Route::To(Kind::Sts) => services.sts.call(request).await,
            Route::AbsentQuery { service } => {
                let operation = query_action(request).await;
                sts::query_error(&AwsError::not_implemented(&service, &operation))
            }
            Route::Absent { service, operation } => {
                json_error(&AwsError::not_implemented(&service, &operation))
            }
        }
    }

    fn health(&self, services: &Services) -> Response {
        let resources: serde_json::Map<String, serde_json::Value> = services
            .named()
            .iter()
            .map(|(name, service)| ((*name).to_owned(), service.resources().into()))
            .collect();
        json_response(
            StatusCode::OK,
            &json!({
                "service": "pipectl-emulator",
                "version": env!("CARGO_PKG_VERSION"),
                "pid": std::process::id(),
                "data_dir": self.data_dir,
                "endpoint": self.endpoint,
                "behaviour": self.behaviour,
                "durability": self.durability,
                "resources": resources,
            }),
        )
    }

    fn stop(&self, headers: &HeaderMap) -> Response {
        if headers.get(STOP_HEADER).is_none_or(|value| value != "1") {
            return json_error(&AwsError::new(
                403,
                "AccessDenied",
                format!("stopping takes the header {STOP_HEADER}: 1"),
            ));
        }
        self.stop_asked.cancel();
        json_response(
            StatusCode::ACCEPTED,
            &json!({ "service": "pipectl-emulator", "stopping": true }),
        )
    }
}

/// The `Action` of a query-protocol request, from its query or the start of its body.
async fn query_action(request: Request) -> String {
    if let Some(action) = route::query_value(request.uri(), "Action") {
        return action;
    }
    // A body that cannot be read leaves the operation unnamed; the answer is a 501 either way.
    let body = Limited::new(request.into_body(), MAX_NAMED_BODY)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    sts::form_value(&body, "Action").unwrap_or_else(|| "request without an Action".to_owned())
}

/// Every answer carries an id; services that made one up for their body keep theirs.
fn with_request_id(mut response: Response, kind: Option<Kind>) -> Response {
    let name = match kind {
        Some(Kind::S3) => HeaderName::from_static("x-amz-request-id"),
        _ => HeaderName::from_static("x-amzn-requestid"),
    };
    if !response.headers().contains_key(&name) {
        let id = uuid::Uuid::new_v4().to_string();
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn json_error(error: &AwsError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_response(
        status,
        &json!({ "__type": error.code, "message": error.message }),
    );
    // REST-JSON clients read the code from here.
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

fn json_response(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
