//! The service as the gateway sees it: HTTP in, HTTP out.

use http::StatusCode;

use super::test_fixture::Fixture;

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
