//! What tests of the service over HTTP share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

use super::state_checksum::md5;
use super::{S3Service, open};
use crate::bus::{
    FunctionPort, InvokePermission, LogLine, LogPort, ObjectPort, QueueFacts, QueuePort,
    ReceivedMessage,
};
use crate::clock::ManualClock;
use crate::config::{Config, Durability};
use crate::error::AwsError;
use crate::server::Shared;
use crate::service::Service;

pub(super) const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:trigger";
pub(super) const NOW_MS: i64 = 1_700_000_000_000;

/// Functions that are allowed, denied, gone or busy by their name; keeps what was invoked.
#[derive(Default)]
pub(super) struct Functions {
    pub(super) invoked: Mutex<Vec<(String, Value)>>,
    pub(super) busy: Mutex<bool>,
}

impl FunctionPort for Functions {
    fn permission(
        &self,
        function_arn: &str,
        principal: &str,
        source_arn: &str,
        source_account: &str,
    ) -> InvokePermission {
        assert_eq!(
            (principal, source_arn, source_account),
            ("s3.amazonaws.com", "arn:aws:s3:::uploads", "000000000000")
        );
        match function_arn.rsplit(':').next() {
            Some("trigger") => InvokePermission::Allowed,
            Some("denied") => InvokePermission::Denied,
            _ => InvokePermission::NoFunction,
        }
    }

    fn invoke_async(&self, function_arn: &str, payload: Bytes) -> Result<(), AwsError> {
        if *self.busy.lock().expect("no panic") {
            return Err(AwsError::internal("busy"));
        }
        if function_arn.ends_with(":gone") {
            return Err(AwsError::new(404, "ResourceNotFoundException", "gone"));
        }
        let payload = serde_json::from_slice(&payload).expect("JSON");
        self.invoked
            .lock()
            .expect("no panic")
            .push((function_arn.to_owned(), payload));
        Ok(())
    }
}

struct Unused;

impl QueuePort for Unused {
    fn describe(&self, _: &str) -> Option<QueueFacts> {
        None
    }
    fn receive(&self, _: &str, _: usize) -> Result<Vec<ReceivedMessage>, AwsError> {
        Err(AwsError::internal("not for S3"))
    }
    fn delete(&self, _: &str, _: &[String]) -> Result<(), AwsError> {
        Err(AwsError::internal("not for S3"))
    }
    fn release(&self, _: &str, _: &[String], _: u32) -> Result<(), AwsError> {
        Err(AwsError::internal("not for S3"))
    }
    fn send(&self, _: &str, _: &str, _: &BTreeMap<String, String>) -> Result<String, AwsError> {
        Err(AwsError::internal("not for S3"))
    }
    fn watch(&self, _: &str) -> Option<tokio::sync::watch::Receiver<u64>> {
        None
    }
}

impl LogPort for Unused {
    fn append(&self, _: &str, _: &str, _: &[LogLine]) -> Result<(), AwsError> {
        Err(AwsError::internal("not for S3"))
    }
}

impl ObjectPort for Unused {
    fn open(&self, _: &str, _: &str, _: Option<&str>) -> Result<std::fs::File, AwsError> {
        Err(AwsError::internal("not for S3"))
    }
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// The code of an error.
    pub(super) fn code(&self) -> &str {
        self.element("Code")
    }

    /// What the first element of that name holds; nothing when there is none.
    pub(super) fn element(&self, name: &str) -> &str {
        let Some((_, rest)) = self.text().split_once(&format!("<{name}>")) else {
            return "";
        };
        rest.split('<').next().unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| {
            value.to_str().expect("a header value that is text")
        })
    }
}

pub(super) struct Fixture {
    pub(super) dir: tempfile::TempDir,
    pub(super) functions: Arc<Functions>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) service: Arc<S3Service>,
}

pub(super) fn service(
    dir: &tempfile::TempDir,
    functions: &Arc<Functions>,
    clock: &Arc<ManualClock>,
    durability: Durability,
) -> Arc<S3Service> {
    let functions: Arc<dyn FunctionPort> = Arc::<Functions>::clone(functions);
    let config = Config {
        clock: Arc::<ManualClock>::clone(clock),
        durability,
        ..Config::new(dir.path())
    };
    let shared = Shared::new(&config, "http://127.0.0.1:1");
    shared.bus.connect(
        Arc::new(Unused),
        functions,
        Arc::new(Unused),
        Arc::new(Unused),
    );
    open(Arc::new(shared)).expect("opens")
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::durable(Durability::Process)
    }

    pub(super) fn durable(durability: Durability) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let functions = Arc::new(Functions::default());
        let clock = Arc::new(ManualClock::new(NOW_MS));
        let service = service(&dir, &functions, &clock, durability);
        Self {
            dir,
            functions,
            clock,
            service,
        }
    }

    pub(super) async fn with_bucket() -> Self {
        let fixture = Self::new();
        fixture.make_bucket().await;
        fixture
    }

    pub(super) async fn make_bucket(&self) {
        let made = self.call("PUT", "/uploads", &[], "").await;
        assert_eq!(made.status, StatusCode::OK);
    }

    pub(super) async fn call(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let body: Bytes = body.into();
        let mut request = http::Request::builder()
            .method(method)
            .uri(uri)
            .header("authorization", "AWS4-HMAC-SHA256 Credential=any/20231114/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00");
        let given = |wanted: &str| headers.iter().any(|(name, _)| *name == wanted);
        if !given("content-length") {
            request = request.header("content-length", body.len());
        }
        if !given("host") {
            request = request.header("host", "127.0.0.1:4566");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).expect("a request");
        let (parts, body) = self.service.call(request).await.into_parts();
        assert!(parts.headers.contains_key("x-amz-request-id"));
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.expect("a body").to_bytes(),
        }
    }

    /// A request with a document, and with the MD5 that some operations must have.
    pub(super) async fn document(&self, method: &str, uri: &str, body: &str) -> Answer {
        let md5 = STANDARD.encode(md5(body.as_bytes()));
        let headers = [("content-md5", md5.as_str())];
        self.call(method, uri, &headers, body.to_owned()).await
    }

    /// Begins an upload in parts; returns its id.
    pub(super) async fn begin(&self, key: &str, headers: &[(&str, &str)]) -> String {
        let uri = format!("/uploads/{key}?uploads");
        let begun = self.call("POST", &uri, headers, "").await;
        assert_eq!(begun.status, StatusCode::OK, "{}", begun.text());
        begun.element("UploadId").to_owned()
    }

    pub(super) fn invoked(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.functions.invoked.lock().expect("no panic"))
    }

    pub(super) async fn notify(&self, function: &str, skip: bool) -> Answer {
        let document = format!(
            "<NotificationConfiguration><CloudFunctionConfiguration><CloudFunction>{function}\
             </CloudFunction><Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event>\
             <Filter><S3Key><FilterRule><Name>prefix</Name><Value>logs/</Value></FilterRule>\
             </S3Key></Filter></CloudFunctionConfiguration></NotificationConfiguration>"
        );
        let skip = if skip { "true" } else { "false" };
        let headers = [("x-amz-skip-destination-validation", skip)];
        self.call("PUT", "/uploads?notification", &headers, document)
            .await
    }
}
