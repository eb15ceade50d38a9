//! The service as the gateway sees it: HTTP in, HTTP out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

use super::{S3Service, open};
use crate::bus::{
    FunctionPort, InvokePermission, LogLine, LogPort, QueueFacts, QueuePort, ReceivedMessage,
};
use crate::clock::ManualClock;
use crate::config::Config;
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

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
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
) -> Arc<S3Service> {
    let functions: Arc<dyn FunctionPort> = Arc::<Functions>::clone(functions);
    let config = Config {
        clock: Arc::<ManualClock>::clone(clock),
        ..Config::new(dir.path())
    };
    let shared = Shared::new(&config, "http://127.0.0.1:1");
    shared
        .bus
        .connect(Arc::new(Unused), functions, Arc::new(Unused));
    open(Arc::new(shared)).expect("opens")
}

impl Fixture {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let functions = Arc::new(Functions::default());
        let clock = Arc::new(ManualClock::new(NOW_MS));
        let service = service(&dir, &functions, &clock);
        Self {
            dir,
            functions,
            clock,
            service,
        }
    }

    pub(super) async fn with_bucket() -> Self {
        let fixture = Self::new();
        let made = fixture.call("PUT", "/uploads", &[], "").await;
        assert_eq!(made.status, StatusCode::OK);
        fixture
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

#[tokio::test]
async fn an_aws_chunked_upload_with_a_trailer_is_unframed_and_checked() {
    let fixture = Fixture::with_bucket().await;
    let framed = |checksum: &str| {
        format!("4\r\n1234\r\n5\r\n56789\r\n0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n")
    };
    let headers = [
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("x-amz-decoded-content-length", "9"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("content-encoding", "gzip,aws-chunked"),
    ];
    let put = fixture
        .call("PUT", "/uploads/k", &headers, framed("y/Q5Jg=="))
        .await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    assert_eq!(put.header("etag"), "\"25f9e794323b453885f5181f1b624d0b\"");
    assert_eq!(put.header("x-amz-checksum-crc32"), "y/Q5Jg==");
    let mode = [("x-amz-checksum-mode", "ENABLED")];
    let got = fixture.call("GET", "/uploads/k", &mode, "").await;
    assert_eq!(got.text(), "123456789");
    assert_eq!(got.header("content-encoding"), "gzip");
    assert_eq!(got.header("content-length"), "9");
    assert_eq!(got.header("x-amz-checksum-crc32"), "y/Q5Jg==");

    let bad = fixture
        .call("PUT", "/uploads/k", &headers, framed("AAAAAA=="))
        .await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    assert!(
        bad.text().contains("<Code>BadDigest</Code>"),
        "{}",
        bad.text()
    );
    let cut = fixture
        .call("PUT", "/uploads/k", &headers, "4\r\n1234\r\n5\r\n5")
        .await;
    assert!(
        cut.text().contains("<Code>IncompleteBody</Code>"),
        "{}",
        cut.text()
    );
    let got = fixture.call("GET", "/uploads/k", &[], "").await;
    assert_eq!(got.text(), "123456789", "refused uploads changed nothing");
}

#[tokio::test]
async fn hashes_and_lengths_that_do_not_match_are_refused() {
    let fixture = Fixture::with_bucket().await;
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for (name, good, bad, code) in [
        (
            "x-amz-content-sha256",
            abc,
            &abc.replace('a', "b")[..],
            "XAmzContentSHA256Mismatch",
        ),
        (
            "content-md5",
            "kAFQmDzST7DWlj99KOF/cg==",
            "1B2M2Y8AsgTpgAmY7PhCfg==",
            "BadDigest",
        ),
        (
            "content-md5",
            "kAFQmDzST7DWlj99KOF/cg==",
            "short",
            "InvalidDigest",
        ),
        ("x-amz-checksum-crc32", "NSRBwg==", "AAAAAA==", "BadDigest"),
        ("content-length", "3", "4", "IncompleteBody"),
    ] {
        let put = fixture
            .call("PUT", "/uploads/k", &[(name, good)], "abc")
            .await;
        assert_eq!(put.status, StatusCode::OK, "{name}: {}", put.text());
        let put = fixture
            .call("PUT", "/uploads/k", &[(name, bad)], "abc")
            .await;
        assert!(
            put.text().contains(&format!("<Code>{code}</Code>")),
            "{}",
            put.text()
        );
    }
}

#[tokio::test]
async fn reads_honour_ranges_conditions_versions_and_hosts() {
    let fixture = Fixture::with_bucket().await;
    let enable = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let set = fixture
        .call("PUT", "/uploads?versioning", &[], enable)
        .await;
    assert_eq!(set.status, StatusCode::OK);
    let meta = [
        ("content-type", "text/plain"),
        ("x-amz-meta-who", "me"),
        ("x-amz-tagging", "a=b+c"),
    ];
    let key = "/uploads/a%20b%2Bc/%C3%BC";
    let put = fixture.call("PUT", key, &meta, "0123456789").await;
    let version = put.header("x-amz-version-id").to_owned();
    assert_eq!(version.len(), 32);
    let etag = put.header("etag").to_owned();

    let head = fixture.call("HEAD", key, &[], "").await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-length"), "10");
    assert_eq!(head.header("x-amz-meta-who"), "me");
    assert_eq!(
        head.header("last-modified"),
        "Tue, 14 Nov 2023 22:13:20 GMT"
    );
    for (range, content, shown) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-1", "9", "bytes 9-9/10"),
    ] {
        let part = fixture.call("GET", key, &[("range", range)], "").await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(
            (part.text(), part.header("content-range")),
            (content, shown)
        );
    }
    for (name, value, status) in [
        ("range", "bytes=10-", 416),
        ("if-none-match", etag.as_str(), 304),
        ("if-match", "\"other\"", 412),
        ("if-match", etag.as_str(), 200),
        ("if-modified-since", "Tue, 14 Nov 2023 22:13:20 GMT", 304),
    ] {
        let got = fixture.call("GET", key, &[(name, value)], "").await;
        assert_eq!(got.status, status, "{name}: {value}");
    }
    let by_host = [("host", "uploads.localhost:4566")];
    let got = fixture.call("GET", "/a%20b%2Bc/%C3%BC", &by_host, "").await;
    assert_eq!(got.text(), "0123456789");

    let deleted = fixture.call("DELETE", key, &[], "").await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(deleted.header("x-amz-delete-marker"), "true");
    let gone = fixture.call("GET", key, &[], "").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert_eq!(gone.header("x-amz-delete-marker"), "true");
    assert!(gone.text().contains("<Code>NoSuchKey</Code>"));
    let old = format!("{key}?versionId={version}");
    assert_eq!(
        fixture.call("GET", &old, &[], "").await.text(),
        "0123456789"
    );
    let tags = fixture
        .call(
            "GET",
            &format!("{key}?tagging&versionId={version}"),
            &[],
            "",
        )
        .await;
    assert!(
        tags.text().contains("<Key>a</Key><Value>b c</Value>"),
        "{}",
        tags.text()
    );
}
