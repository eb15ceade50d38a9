//! Conditions, ranges, copies and tags over HTTP.

use http::StatusCode;

use super::test_fixture::Fixture;

const PART: usize = 5 * 1024 * 1024;

#[tokio::test]
async fn conditional_writes_answer_like_aws() {
    let fixture = Fixture::with_bucket().await;
    let absent = ("if-none-match", "*");
    let put = fixture.call("PUT", "/uploads/k", &[absent], "one").await;
    assert_eq!(put.status, StatusCode::OK);
    let etag = put.header("etag").to_owned();
    let etag = etag.as_str();
    let other = "\"0123456789abcdef0123456789abcdef\"";
    for (headers, status, code) in [
        (vec![absent], 412, "PreconditionFailed"),
        (vec![("if-match", other)], 412, "PreconditionFailed"),
        // What S3 does not take.
        (vec![("if-match", "*")], 501, "NotImplemented"),
        (vec![("if-none-match", other)], 501, "NotImplemented"),
        (vec![absent, ("if-match", etag)], 501, "NotImplemented"),
    ] {
        let put = fixture.call("PUT", "/uploads/k", &headers, "two").await;
        assert_eq!((put.status.as_u16(), put.code()), (status, code));
        let copy = [headers, vec![("x-amz-copy-source", "/uploads/k")]].concat();
        fixture.call("PUT", "/uploads/target", &[], "x").await;
        let copied = fixture.call("PUT", "/uploads/target", &copy, "").await;
        assert_eq!((copied.status.as_u16(), copied.code()), (status, code));
    }
    let missing = [("if-match", etag)];
    let put = fixture.call("PUT", "/uploads/missing", &missing, "x").await;
    assert_eq!((put.status.as_u16(), put.code()), (404, "NoSuchKey"));
    let put = fixture.call("PUT", "/uploads/k", &missing, "two").await;
    assert_eq!(put.status, StatusCode::OK);

    // A completion is held to the same, and a deletion to If-Match.
    let id = fixture.begin("k", &[]).await;
    let uri = format!("/uploads/k?partNumber=1&uploadId={id}");
    let part = fixture.call("PUT", &uri, &[], "part").await;
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part>\
         </CompleteMultipartUpload>",
        part.header("etag")
    );
    let uri = format!("/uploads/k?uploadId={id}");
    for (header, status) in [
        (absent, 412),
        (("if-match", other), 412),
        (("if-match", "*"), 501),
    ] {
        let done = fixture
            .call("POST", &uri, &[header], document.clone())
            .await;
        assert_eq!(done.status.as_u16(), status, "{}", done.text());
    }
    fixture.call("DELETE", "/uploads/k", &[], "").await;
    let done = fixture.call("POST", &uri, &[absent], document).await;
    assert_eq!(
        (done.status.as_u16(), done.code()),
        (409, "ConditionalRequestConflict")
    );
    let gone = fixture
        .call("DELETE", "/uploads/target", &[("if-match", other)], "")
        .await;
    assert_eq!(gone.status, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let fixture = Fixture::with_bucket().await;
    let put = fixture.call("PUT", "/uploads/k", &[], "one").await;
    let etag = put.header("etag");
    let date = "Tue, 14 Nov 2023 22:13:20 GMT";
    let before = "Tue, 14 Nov 2023 22:13:19 GMT";
    for (headers, status) in [
        (vec![("if-none-match", etag)], 304),
        (vec![("if-none-match", "*")], 304),
        (vec![("if-modified-since", date)], 304),
        (vec![("if-modified-since", before)], 200),
        (vec![("if-unmodified-since", before)], 412),
        // An entity tag outweighs a date.
        (
            vec![("if-match", etag), ("if-unmodified-since", before)],
            200,
        ),
        (
            vec![("if-none-match", etag), ("if-modified-since", before)],
            304,
        ),
        (
            vec![("if-none-match", "\"x\""), ("if-modified-since", date)],
            200,
        ),
    ] {
        for method in ["GET", "HEAD"] {
            let got = fixture.call(method, "/uploads/k", &headers, "").await;
            assert_eq!(got.status.as_u16(), status, "{method} {headers:?}");
            if status == 304 {
                assert_eq!((got.header("etag"), got.body.len()), (etag, 0));
                assert_eq!(got.header("last-modified"), date);
            }
        }
    }
}

#[tokio::test]
async fn ranges_are_one_or_none() {
    let fixture = Fixture::with_bucket().await;
    fixture.call("PUT", "/uploads/k", &[], "0123456789").await;
    fixture.call("PUT", "/uploads/empty", &[], "").await;
    for (range, status, content) in [
        ("bytes=0-0", 206, "0"),
        ("bytes=5-100", 206, "56789"),
        ("bytes=-3", 206, "789"),
        ("bytes=-100", 206, "0123456789"),
        // Several ranges, another unit, nonsense: S3 sends everything.
        ("bytes=0-1,4-5", 200, "0123456789"),
        ("bytes=5-2", 200, "0123456789"),
        ("lines=1-2", 200, "0123456789"),
        ("bytes=abc", 200, "0123456789"),
    ] {
        let got = fixture
            .call("GET", "/uploads/k", &[("range", range)], "")
            .await;
        assert_eq!(
            (got.status.as_u16(), got.text()),
            (status, content),
            "{range}"
        );
        assert_eq!(got.header("content-length"), content.len().to_string());
    }
    for (uri, range) in [
        ("/uploads/k", "bytes=10-"),
        ("/uploads/k", "bytes=-0"),
        ("/uploads/empty", "bytes=0-"),
        ("/uploads/empty", "bytes=-1"),
    ] {
        let got = fixture.call("GET", uri, &[("range", range)], "").await;
        assert_eq!((got.status.as_u16(), got.code()), (416, "InvalidRange"));
    }
    let both = fixture
        .call(
            "GET",
            "/uploads/k?partNumber=1",
            &[("range", "bytes=0-1")],
            "",
        )
        .await;
    assert_eq!(both.code(), "InvalidRequest");
}

#[tokio::test]
async fn parts_are_copied_from_objects_and_ranges_of_them() {
    let fixture = Fixture::with_bucket().await;
    let mut content = vec![b'a'; PART];
    content.extend(b"0123456789");
    fixture
        .call("PUT", "/uploads/source", &[], content.clone())
        .await;
    let id = fixture.begin("k", &[]).await;
    let copy = |number: i32, range: Option<&'static str>| {
        let uri = format!("/uploads/k?partNumber={number}&uploadId={id}");
        let mut headers = vec![("x-amz-copy-source", "/uploads/source")];
        headers.extend(range.map(|range| ("x-amz-copy-source-range", range)));
        let fixture = &fixture;
        async move { fixture.call("PUT", &uri, &headers, "").await }
    };
    for (range, message) in [
        ("bytes=0-", "of the form bytes=first-last"),
        ("bytes=-5", "of the form bytes=first-last"),
        ("0-5", "of the form bytes=first-last"),
        ("bytes=0-5242890", "size: 5242890"),
    ] {
        let refused = copy(1, Some(range)).await;
        assert_eq!(refused.code(), "InvalidArgument", "{range}");
        assert!(refused.element("Message").contains(message));
    }
    let mut parts = String::new();
    for (number, range) in [(1, None), (2, Some("bytes=5242880-5242883"))] {
        let copied = copy(number, range).await;
        assert_eq!(copied.status, StatusCode::OK, "{}", copied.text());
        let etag = copied.element("ETag");
        assert!(copied.text().contains("<LastModified>"));
        parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    let uri = format!("/uploads/k?uploadId={id}");
    let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let done = fixture.call("POST", &uri, &[], document).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    let whole = fixture.call("GET", "/uploads/k", &[], "").await;
    content.extend(b"0123");
    assert!(whole.body == content);
    let absent = [("x-amz-copy-source", "/uploads/absent")];
    let uri = format!("/uploads/k?partNumber=1&uploadId={id}");
    let copied = fixture.call("PUT", &uri, &absent, "").await;
    assert_eq!(copied.code(), "NoSuchUpload");
}

/// aws-behaviours S18
#[tokio::test]
async fn tags_follow_the_rules_of_what_they_are_on() {
    let fixture = Fixture::with_bucket().await;
    fixture.call("PUT", "/uploads/k", &[], "x").await;
    let tagging = |tags: &[(&str, &str)]| {
        let tags: Vec<String> = tags
            .iter()
            .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"))
            .collect();
        let tags = tags.concat();
        format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
    };
    let numbered = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("n{number}")).collect();
        let tags: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
        tagging(&tags)
    };
    let long_key = "k".repeat(129);
    let long_value = "v".repeat(257);
    for (uri, most, too_many, system) in [
        (
            "/uploads?tagging",
            50,
            "Bucket tag count cannot be greater than 50",
            "System tags cannot be added/updated by requester",
        ),
        (
            "/uploads/k?tagging",
            10,
            "Object tags cannot be greater than 10",
            "Your TagKey cannot be prefixed with aws:",
        ),
    ] {
        let put = fixture.document("PUT", uri, &numbered(most)).await;
        assert!(put.status.is_success(), "{}", put.text());
        for (document, code, message) in [
            (numbered(most + 1), "BadRequest", too_many),
            (tagging(&[("aws:a", "b")]), "InvalidTag", system),
            (
                tagging(&[("a", "1"), ("a", "2")]),
                "InvalidTag",
                "Cannot provide multiple Tags with the same key",
            ),
            (
                tagging(&[(&long_key, "")]),
                "InvalidTag",
                "The TagKey you have provided is invalid",
            ),
            (
                tagging(&[("", "")]),
                "InvalidTag",
                "The TagKey you have provided is invalid",
            ),
            (
                tagging(&[("a", &long_value)]),
                "InvalidTag",
                "The TagValue you have provided is invalid",
            ),
            (
                tagging(&[("a", "b?")]),
                "InvalidTag",
                "The TagValue you have provided is invalid",
            ),
        ] {
            let put = fixture.document("PUT", uri, &document).await;
            assert_eq!(
                (put.code(), put.element("Message")),
                (code, message),
                "{uri}"
            );
        }
        let kept = fixture.call("GET", uri, &[], "").await;
        assert_eq!(kept.text().matches("<Tag>").count(), most, "refused ones");
        // aws-behaviours S18: a new set replaces the whole old one.
        let one = tagging(&[("größe/x", "1 + 1 = 2_.:@-")]);
        let put = fixture.document("PUT", uri, &one).await;
        assert!(put.status.is_success(), "{}", put.text());
        let got = fixture.call("GET", uri, &[], "").await;
        assert_eq!(got.text().matches("<Tag>").count(), 1);
        assert_eq!(got.element("Key"), "größe/x");
    }
}

#[tokio::test]
async fn a_batch_deletes_what_it_may_and_tells_of_the_rest() {
    let fixture = Fixture::with_bucket().await;
    for key in ["a", "b"] {
        fixture
            .call("PUT", &format!("/uploads/{key}"), &[], key)
            .await;
    }
    let long = "k".repeat(1_025);
    let document = format!(
        "<Delete><Object><Key>a</Key></Object>\
         <Object><Key>b</Key><ETag>\"0123456789abcdef0123456789abcdef\"</ETag></Object>\
         <Object><Key>{long}</Key></Object><Object><Key></Key></Object></Delete>"
    );
    let deleted = fixture.document("POST", "/uploads?delete", &document).await;
    assert_eq!(deleted.status, StatusCode::OK, "{}", deleted.text());
    assert_eq!(deleted.text().matches("<Deleted>").count(), 1);
    for code in [
        "PreconditionFailed",
        "KeyTooLongError",
        "UserKeyMustBeSpecified",
    ] {
        let error = format!("<Code>{code}</Code>");
        assert!(deleted.text().contains(&error), "{}", deleted.text());
    }
    let quiet = "<Delete><Quiet>true</Quiet><Object><Key>b</Key></Object></Delete>";
    let deleted = fixture.document("POST", "/uploads?delete", quiet).await;
    assert!(!deleted.text().contains("<Deleted>"), "{}", deleted.text());
    let gone = fixture.call("GET", "/uploads/b", &[], "").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    for count in [0, 1_001] {
        let objects = "<Object><Key>x</Key></Object>".repeat(count);
        let document = format!("<Delete>{objects}</Delete>");
        let refused = fixture.document("POST", "/uploads?delete", &document).await;
        assert_eq!(refused.code(), "MalformedXML", "{count} keys");
    }
}
