//! Buckets, documents, listings, deletions and uploads in parts, over HTTP.

use http::StatusCode;

use super::test_fixture::Fixture;
use crate::service::Service;

/// aws-behaviours S1, S2
#[tokio::test]
async fn buckets_are_made_by_the_rules_of_us_east_1() {
    let fixture = Fixture::new();
    assert_eq!(fixture.service.resources(), 0);
    let location = |region: &str| {
        format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint>\
             </CreateBucketConfiguration>"
        )
    };
    for (region, refusal) in [
        ("us-east-1", "InvalidLocationConstraint"),
        ("eu-west-1", "IllegalLocationConstraintException"),
    ] {
        let made = fixture.call("PUT", "/uploads", &[], location(region)).await;
        assert_eq!((made.status.as_u16(), made.code()), (400, refusal));
    }
    let tagged = "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
        <Tags><Tag><Key>pipectl:stack</Key><Value>log-pipeline</Value></Tag></Tags>\
        </CreateBucketConfiguration>";
    let made = fixture.call("PUT", "/uploads", &[], tagged).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    let tags = fixture.call("GET", "/uploads?tagging", &[], "").await;
    assert!(tags.text().contains("<Key>pipectl:stack</Key>"));
    let again = fixture.call("PUT", "/uploads", &[], "").await;
    assert_eq!(again.status, StatusCode::OK);
    let again = fixture.call("PUT", "/uploads", &[], tagged).await;
    assert_eq!(
        (again.status.as_u16(), again.code()),
        (409, "BucketAlreadyOwnedByYou")
    );
    let bad = fixture.call("PUT", "/Not_A_Bucket", &[], "").await;
    assert_eq!(bad.code(), "InvalidBucketName");

    assert_eq!(fixture.service.resources(), 1);
    let head = fixture.call("HEAD", "/uploads", &[], "").await;
    assert_eq!(head.header("x-amz-bucket-region"), "us-east-1");
    let head = fixture.call("HEAD", "/nothing", &[], "").await;
    assert_eq!(head.status, StatusCode::NOT_FOUND);
    let listed = fixture.call("GET", "/", &[], "").await;
    assert!(listed.text().contains("<Name>uploads</Name>"));
    let gone = fixture.call("DELETE", "/uploads", &[], "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(fixture.service.resources(), 0);
}

#[tokio::test]
async fn documents_are_kept_and_their_absence_has_awss_codes() {
    let fixture = Fixture::with_bucket().await;
    for (document, absent, body, kept) in [
        (
            "tagging",
            "NoSuchTagSet",
            "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
            "<Key>a</Key>",
        ),
        (
            "policy",
            "NoSuchBucketPolicy",
            r#"{"Version":"2012-10-17","Statement":[]}"#,
            r#"{"Version":"2012-10-17","Statement":[]}"#,
        ),
        (
            "lifecycle",
            "NoSuchLifecycleConfiguration",
            "<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter><Prefix></Prefix>\
             </Filter><Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>",
            "<Days>30</Days>",
        ),
        (
            "publicAccessBlock",
            "NoSuchPublicAccessBlockConfiguration",
            "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>\
             </PublicAccessBlockConfiguration>",
            "<BlockPublicPolicy>false</BlockPublicPolicy>",
        ),
    ] {
        let uri = format!("/uploads?{document}");
        fixture.call("DELETE", &uri, &[], "").await;
        let got = fixture.call("GET", &uri, &[], "").await;
        assert_eq!((got.status.as_u16(), got.code()), (404, absent));
        let put = fixture.call("PUT", &uri, &[], body).await;
        assert!(put.status.is_success(), "{document}: {}", put.text());
        let got = fixture.call("GET", &uri, &[], "").await;
        assert!(got.text().contains(kept), "{document}: {}", got.text());
        let other = fixture
            .call("GET", &format!("/nothing?{document}"), &[], "")
            .await;
        assert_eq!(other.code(), "NoSuchBucket");
    }
    let encryption = fixture.call("GET", "/uploads?encryption", &[], "").await;
    assert!(
        encryption
            .text()
            .contains("<SSEAlgorithm>AES256</SSEAlgorithm>")
    );
    let policy = fixture.call("PUT", "/uploads?policy", &[], "no JSON").await;
    assert_eq!(policy.code(), "MalformedPolicy");
    let cors = fixture.call("GET", "/uploads?cors", &[], "").await;
    assert_eq!(cors.status, StatusCode::NOT_IMPLEMENTED);
    assert!(cors.text().contains("GetBucketCors"), "{}", cors.text());
    let kms = [("x-amz-server-side-encryption", "aws:kms")];
    let put = fixture.call("PUT", "/uploads/k", &kms, "x").await;
    assert_eq!(put.status, StatusCode::NOT_IMPLEMENTED);
}

#[tokio::test]
async fn keys_are_listed_copied_and_deleted() {
    let fixture = Fixture::with_bucket().await;
    for key in ["a%20b", "logs/1", "logs/2"] {
        fixture
            .call("PUT", &format!("/uploads/{key}"), &[], "x")
            .await;
    }
    let uri = "/uploads?list-type=2&encoding-type=url&delimiter=%2F&max-keys=1";
    let page = fixture.call("GET", uri, &[], "").await;
    assert!(page.text().contains("<Key>a%20b</Key>"), "{}", page.text());
    let token = page
        .text()
        .split_once("<NextContinuationToken>")
        .expect("a token")
        .1;
    let token = token.split('<').next().expect("a token");
    let uri = format!("{uri}&continuation-token={token}");
    let page = fixture.call("GET", &uri, &[], "").await;
    assert!(
        page.text().contains("<Prefix>logs/</Prefix>"),
        "{}",
        page.text()
    );
    assert!(page.text().contains("<IsTruncated>false</IsTruncated>"));

    let from = [("x-amz-copy-source", "/uploads/a%20b")];
    let copied = fixture.call("PUT", "/uploads/copy", &from, "").await;
    assert!(
        copied.text().contains("<CopyObjectResult"),
        "{}",
        copied.text()
    );
    let onto = fixture.call("PUT", "/uploads/a%20b", &from, "").await;
    assert_eq!(onto.code(), "InvalidRequest");
    let absent = [("x-amz-copy-source", "/uploads/absent")];
    let copied = fixture.call("PUT", "/uploads/copy", &absent, "").await;
    assert_eq!(copied.code(), "NoSuchKey");

    let full = fixture.call("DELETE", "/uploads", &[], "").await;
    assert_eq!((full.status.as_u16(), full.code()), (409, "BucketNotEmpty"));
    let keys = ["a b", "copy", "logs/1", "logs/2", "absent"];
    let objects = keys.map(|key| format!("<Object><Key>{key}</Key></Object>"));
    let document = format!("<Delete>{}</Delete>", objects.concat());
    let deleted = fixture.document("POST", "/uploads?delete", &document).await;
    assert_eq!(deleted.text().matches("<Deleted>").count(), keys.len());
    let gone = fixture.call("DELETE", "/uploads", &[], "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_upload_in_parts_becomes_an_object() {
    let fixture = Fixture::with_bucket().await;
    let made = fixture.call("POST", "/uploads/k?uploads", &[], "").await;
    let id = made.text().split_once("<UploadId>").expect("an id").1;
    let id = id.split('<').next().expect("an id").to_owned();
    let mut parts = String::new();
    for (number, size) in [(1, 5 * 1024 * 1024), (2, 10)] {
        let uri = format!("/uploads/k?partNumber={number}&uploadId={id}");
        let put = fixture.call("PUT", &uri, &[], vec![b'x'; size]).await;
        let etag = put.header("etag");
        parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    let uri = format!("/uploads/k?uploadId={id}");
    let listed = fixture.call("GET", &uri, &[], "").await;
    assert!(
        listed.text().contains("<Size>5242880</Size>"),
        "{}",
        listed.text()
    );
    let unfinished = fixture.call("GET", "/uploads?uploads", &[], "").await;
    assert!(unfinished.text().contains(&id));
    let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let done = fixture.call("POST", &uri, &[], document).await;
    assert!(
        done.text().contains("-2&quot;") || done.text().contains("-2\""),
        "{}",
        done.text()
    );
    let part = fixture
        .call("GET", "/uploads/k?partNumber=2", &[], "")
        .await;
    assert_eq!(part.text(), "x".repeat(10));
    assert_eq!(part.header("x-amz-mp-parts-count"), "2");
    let whole = fixture.call("GET", "/uploads/k", &[], "").await;
    assert_eq!(whole.body.len(), 5 * 1024 * 1024 + 10);
    let again = fixture.call("DELETE", &uri, &[], "").await;
    assert_eq!(again.code(), "NoSuchUpload");
}
