//! What is refused before any handler sees it.

use http::StatusCode;

use super::operations::OPERATIONS;
use super::test_fixture::Fixture;
use super::wire_absent::{Level, ROUTES};
use crate::service::Support;

/// A request for each operation that is not implemented, as a client would send it.
fn absent_requests() -> Vec<(&'static str, String, &'static str)> {
    let mut requests: Vec<_> = ROUTES
        .iter()
        .map(|route| {
            let path = match route.level {
                Level::Service => "/",
                Level::Bucket => "/uploads",
                Level::Object => "/uploads/k",
            };
            let query: Vec<String> = route
                .parameters
                .iter()
                .map(|name| match *name {
                    "id" | "annotationName" => format!("{name}=x"),
                    _ => (*name).to_owned(),
                })
                .collect();
            let uri = format!("{path}?{}", query.join("&"));
            (route.method, uri, route.operation)
        })
        .collect();
    requests.push((
        "GET",
        "/?x-id=ListDirectoryBuckets".to_owned(),
        "ListDirectoryBuckets",
    ));
    requests.push((
        "POST",
        "/WriteGetObjectResponse".to_owned(),
        "WriteGetObjectResponse",
    ));
    requests
}

#[tokio::test]
async fn every_operation_that_is_not_implemented_answers_501_with_its_name() {
    let fixture = Fixture::with_bucket().await;
    fixture.call("PUT", "/uploads/k", &[], "content").await;
    let requests = absent_requests();
    let absent: Vec<&str> = OPERATIONS
        .iter()
        .filter(|operation| operation.support == Support::NotImplemented)
        .map(|operation| operation.name)
        .collect();
    let mut tried: Vec<&str> = requests.iter().map(|(.., name)| *name).collect();
    tried.sort_unstable();
    assert_eq!(tried, absent, "one request for each of them");
    for (method, uri, operation) in requests {
        let headers: &[(&str, &str)] = if operation == "WriteGetObjectResponse" {
            &[("x-amz-request-route", "r"), ("x-amz-request-token", "t")]
        } else {
            &[]
        };
        let answer = fixture.call(method, &uri, headers, "").await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
            "{method} {uri}"
        );
        let message = answer.element("Message");
        assert!(
            message.contains(&format!("S3 {operation} ")),
            "{method} {uri}: {message}"
        );
    }
    let kept = fixture.call("GET", "/uploads/k", &[], "").await;
    assert_eq!(kept.text(), "content", "none of them changed the object");
}

#[tokio::test]
async fn writes_that_nobody_knows_are_not_taken_for_others() {
    let fixture = Fixture::with_bucket().await;
    fixture.call("PUT", "/uploads/k", &[], "content").await;
    for (method, uri) in [
        ("PUT", "/uploads/k?newThing"),
        ("DELETE", "/uploads/k?newThing="),
        ("DELETE", "/uploads?newThing"),
        ("PUT", "/other?newThing"),
    ] {
        let answer = fixture.call(method, uri, &[], "").await;
        assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED, "{method} {uri}");
        assert!(answer.text().contains("newThing"), "{}", answer.text());
    }
    let form = [("content-type", "multipart/form-data; boundary=x")];
    let post = fixture.call("POST", "/uploads", &form, "--x--").await;
    assert_eq!(post.status, StatusCode::NOT_IMPLEMENTED);
    assert!(post.text().contains("PostObject"), "{}", post.text());
    let kept = fixture.call("GET", "/uploads/k", &[], "").await;
    assert_eq!(kept.text(), "content");
    // What AWS ignores is ignored.
    let got = fixture.call("GET", "/uploads/k?newThing", &[], "").await;
    assert_eq!(got.status, StatusCode::OK);
}

#[tokio::test]
async fn names_metadata_and_classes_are_held_to_their_limits() {
    let fixture = Fixture::with_bucket().await;
    let refused = [
        ("/ab/k", vec![], "InvalidBucketName"),
        ("/xn--bucket", vec![], "InvalidBucketName"),
        ("/uploads/k?versionId=", vec![], "InvalidArgument"),
        (
            "/uploads/k",
            vec![("x-amz-storage-class", "COLD")],
            "InvalidStorageClass",
        ),
        (
            "/uploads/k",
            vec![("x-amz-server-side-encryption", "ROT13")],
            "InvalidEncryptionAlgorithmError",
        ),
        (
            "/uploads/k",
            vec![("x-amz-tagging", "a=1&a=2")],
            "InvalidArgument",
        ),
        (
            "/uploads/k",
            vec![("x-amz-acl", "public-read")],
            "AccessControlListNotSupported",
        ),
    ];
    for (uri, headers, code) in refused {
        let put = fixture.call("PUT", uri, &headers, "x").await;
        assert_eq!((put.status.as_u16(), put.code()), (400, code), "{uri}");
        assert!(!put.element("Message").is_empty(), "{uri}");
    }
    let name = "n".repeat(48);
    let header = format!("x-amz-meta-{name}");
    for (length, status) in [(2_000, 200), (2_001, 400)] {
        let value = "v".repeat(length);
        let headers = [(header.as_str(), value.as_str())];
        let put = fixture.call("PUT", "/uploads/k", &headers, "x").await;
        assert_eq!(put.status.as_u16(), status, "{}", put.text());
        if status == 400 {
            assert_eq!(put.code(), "MetadataTooLarge");
        }
    }
    for (length, status) in [(1_024, 200), (1_025, 400)] {
        let uri = format!("/uploads/{}", "k".repeat(length));
        let put = fixture.call("PUT", &uri, &[], "x").await;
        assert_eq!(put.status.as_u16(), status, "{}", put.text());
        if status == 400 {
            assert_eq!(put.code(), "KeyTooLongError");
        }
    }
    // Two bytes each in UTF-8.
    let uri = format!("/uploads/{}", "%C3%BC".repeat(513));
    let put = fixture.call("PUT", &uri, &[], "x").await;
    assert_eq!(put.code(), "KeyTooLongError");
}

#[tokio::test]
async fn documents_are_held_against_their_checksums() {
    let fixture = Fixture::with_bucket().await;
    let tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    let delete = "<Delete><Object><Key>k</Key></Object></Delete>";
    let crc = |text: &str| {
        super::state_checksum::value(super::state_checksum::Algorithm::Crc32, text.as_bytes())
    };
    let wrong = crc("something else");
    for (method, uri, body) in [
        ("PUT", "/uploads?tagging", tagging),
        ("POST", "/uploads?delete", delete),
    ] {
        for (name, value, code) in [
            ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"),
            ("content-md5", "short", "InvalidDigest"),
            ("x-amz-checksum-crc32", wrong.as_str(), "BadDigest"),
            ("x-amz-checksum-crc32", "AAAA", "InvalidRequest"),
            ("x-amz-checksum-sha512", "AAAA", "NotImplemented"),
            ("x-amz-sdk-checksum-algorithm", "CRC32", "InvalidRequest"),
        ] {
            let answer = fixture.call(method, uri, &[(name, value)], body).await;
            assert_eq!(answer.code(), code, "{uri} with {name}: {value}");
        }
        let right = crc(body);
        let headers = [("x-amz-checksum-crc32", right.as_str())];
        let answer = fixture.call(method, uri, &headers, body).await;
        assert!(answer.status.is_success(), "{}", answer.text());
    }
    let bare = fixture.call("POST", "/uploads?delete", &[], delete).await;
    assert_eq!(bare.code(), "InvalidRequest");
    assert!(bare.element("Message").contains("Content-MD5"));
    let mismatch = [("x-amz-content-sha256", &*"ab".repeat(32))];
    let put = fixture
        .call("PUT", "/uploads?tagging", &mismatch, tagging)
        .await;
    assert_eq!(put.code(), "XAmzContentSHA256Mismatch");
    let broken = fixture
        .document("PUT", "/uploads?tagging", "<Tagging><TagSet>")
        .await;
    assert_eq!(
        (broken.status.as_u16(), broken.code()),
        (400, "MalformedXML")
    );
    let large = "x".repeat(9 * 1024 * 1024);
    let put = fixture.call("PUT", "/uploads?tagging", &[], large).await;
    assert_eq!(put.code(), "MaxMessageLengthExceeded");
}

#[tokio::test]
async fn presigned_urls_expire_by_the_clock() {
    let fixture = Fixture::with_bucket().await;
    let uri = "/uploads/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20231114%2F\
        us-east-1%2Fs3%2Faws4_request&X-Amz-SignedHeaders=host&X-Amz-Signature=ff\
        &X-Amz-Date=20231114T221320Z&X-Amz-Expires=60";
    let put = fixture.call("PUT", uri, &[], "content").await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    fixture.clock.advance(60_000);
    let got = fixture.call("GET", uri, &[], "").await;
    assert_eq!(got.text(), "content");
    fixture.clock.advance(1);
    let late = fixture.call("GET", uri, &[], "").await;
    assert_eq!(
        (late.status.as_u16(), late.code(), late.element("Message")),
        (403, "AccessDenied", "Request has expired")
    );
}

#[tokio::test]
async fn keys_are_keys_and_never_paths() {
    let fixture = Fixture::with_bucket().await;
    let secret = fixture.dir.path().join("secret");
    std::fs::write(&secret, "not yours").expect("written");
    let keys = [
        "../../secret",
        "..%2F..%2Fsecret",
        "%2e%2e/%2e%2e/secret",
        "/etc/passwd",
        "./k",
        "k/",
        "k//",
        "%5C..%5Csecret",
        "con%3Aaux%7C*",
        "%F0%9F%A6%80%0A%09",
        "tmp-0",
    ];
    for key in keys {
        let uri = format!("/uploads/{key}");
        let put = fixture.call("PUT", &uri, &[], key).await;
        assert_eq!(put.status, StatusCode::OK, "{key}: {}", put.text());
    }
    for (index, key) in keys.into_iter().enumerate() {
        let got = fixture
            .call("GET", &format!("/uploads/{key}"), &[], "")
            .await;
        // The first three are one key, written in three ways.
        let expected = if index < 3 { keys[2] } else { key };
        assert_eq!(got.text(), expected);
    }
    let objects = std::fs::read_dir(fixture.dir.path().join("s3/objects")).expect("read");
    let names: Vec<String> = objects
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    assert_eq!(names.len(), keys.len() - 2);
    for name in names {
        let is_id = name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(is_id, "{name}");
    }
    assert_eq!(std::fs::read(&secret).expect("there"), b"not yours");
}
