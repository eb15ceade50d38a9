//! Objects: put, read, delete; conditions, ranges, checksums, copies.

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, Delete, MetadataDirective, ObjectIdentifier,
};

use super::{BUCKET, body_of, make_bucket, put};
use crate::common::{Running, code};

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_put_read_and_deleted() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    let key = "logs/a b+c.log";
    put(&client, key, b"0123456789").await;
    assert_eq!(body_of(&client, key, None, None).await, b"0123456789");
    let head = client.head_object().bucket(BUCKET).key(key).send().await;
    let head = head.expect("there");
    assert_eq!(head.content_length(), Some(10));
    assert_eq!(head.content_type(), Some("text/plain"));
    assert_eq!(head.metadata().expect("metadata")["origin"], "test");
    assert_eq!(head.e_tag(), Some("\"781e5e245d69b566979b86e28d23f2c7\""));
    let deleted = client.delete_object().bucket(BUCKET).key(key).send().await;
    deleted.expect("deleted");
    let gone = client.get_object().bucket(BUCKET).key(key).send().await;
    assert_eq!(code(gone), "NoSuchKey");
    let again = client.delete_object().bucket(BUCKET).key(key).send().await;
    again.expect("deleting what is not there is no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_stream_both_ways() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    let content: Vec<u8> = (0..20_000_000_u32).map(|n| (n % 251) as u8).collect();
    client
        .put_object()
        .bucket(BUCKET)
        .key("large")
        .body(content.clone().into())
        .send()
        .await
        .expect("put");
    assert!(body_of(&client, "large", None, None).await == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_read() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    put(&client, "k", b"0123456789").await;
    for (range, content) in [
        ("bytes=2-4", &b"234"[..]),
        ("bytes=7-", b"789"),
        ("bytes=-2", b"89"),
        ("bytes=0-0,2-3", b"0123456789"),
    ] {
        assert_eq!(body_of(&client, "k", Some(range), None).await, content);
    }
    let beyond = client
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .range("bytes=10-");
    assert_eq!(code(beyond.send().await), "InvalidRange");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_and_writes_are_conditional() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    let write = |body: &'static [u8]| {
        client
            .put_object()
            .bucket(BUCKET)
            .key("k")
            .body(ByteStream::from_static(body))
    };
    let first = write(b"one").if_none_match("*").send().await.expect("new");
    let etag = first.e_tag().expect("a tag").to_owned();
    let again = write(b"two").if_none_match("*").send().await;
    assert_eq!(code(again), "PreconditionFailed");
    let second = write(b"two")
        .if_match(&etag)
        .send()
        .await
        .expect("the same");
    let stale = write(b"three").if_match(&etag).send().await;
    assert_eq!(code(stale), "PreconditionFailed");
    assert_eq!(body_of(&client, "k", None, None).await, b"two");

    let etag = second.e_tag().expect("a tag");
    let read = || client.get_object().bucket(BUCKET).key("k");
    let known = read().if_none_match(etag).send().await;
    let known = known.expect_err("not sent again");
    let SdkError::ServiceError(known) = known else {
        panic!("an answer: {known:?}");
    };
    assert_eq!(known.raw().status().as_u16(), 304);
    let other = read().if_match("\"0123456789abcdef\"").send().await;
    assert_eq!(code(other), "PreconditionFailed");
    read().if_match(etag).send().await.expect("the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_may_only_create_one_wins() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    let writers: Vec<_> = (0..16_u8)
        .map(|number| {
            let put = client.put_object().bucket(BUCKET).key("k");
            let put = put.if_none_match("*").body(vec![number].into());
            tokio::spawn(async move { (number, put.send().await) })
        })
        .collect();
    let mut winners = Vec::new();
    for writer in writers {
        match writer.await.expect("no panic") {
            (number, Ok(_)) => winners.push(number),
            (_, refused) => assert_eq!(code(refused), "PreconditionFailed"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(body_of(&client, "k", None, None).await, winners);
}

#[tokio::test(flavor = "multi_thread")]
async fn checksums_of_every_algorithm_are_verified_kept_and_compared() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        client
            .put_object()
            .bucket(BUCKET)
            .key("k")
            .checksum_algorithm(algorithm.clone())
            .body(ByteStream::from_static(b"content"))
            .send()
            .await
            .expect("the sum matches");
        let head = client.head_object().bucket(BUCKET).key("k");
        let head = head.checksum_mode(ChecksumMode::Enabled).send().await;
        let head = head.expect("there");
        let sums = [
            head.checksum_crc32(),
            head.checksum_crc32_c(),
            head.checksum_crc64_nvme(),
            head.checksum_sha1(),
            head.checksum_sha256(),
        ];
        assert_eq!(sums.iter().flatten().count(), 1, "{algorithm:?}");
        assert_eq!(head.checksum_type(), Some(&ChecksumType::FullObject));
        // The SDK holds what it reads against the sum.
        assert_eq!(body_of(&client, "k", None, None).await, b"content");
    }
    let write = || {
        client
            .put_object()
            .bucket(BUCKET)
            .key("k")
            .body(ByteStream::from_static(b"other"))
    };
    let wrong = write().checksum_crc32("AAAAAA==").send().await;
    assert_eq!(code(wrong), "BadDigest");
    let wrong = write().content_md5("1B2M2Y8AsgTpgAmY7PhCfg==").send().await;
    assert_eq!(code(wrong), "BadDigest");
    let broken = write().content_md5("x").send().await;
    assert_eq!(code(broken), "InvalidDigest");
    assert_eq!(body_of(&client, "k", None, None).await, b"content");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_copied_with_their_metadata_or_new() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    put(&client, "a b", b"content").await;
    let copy = |to: &str| {
        client
            .copy_object()
            .bucket(BUCKET)
            .key(to)
            .copy_source(format!("{BUCKET}/a%20b"))
    };
    copy("same").send().await.expect("copied");
    copy("other")
        .metadata_directive(MetadataDirective::Replace)
        .metadata("who", "me")
        .content_type("text/csv")
        .send()
        .await
        .expect("copied");
    let head = |key: &'static str| client.head_object().bucket(BUCKET).key(key).send();
    let same = head("same").await.expect("there");
    assert_eq!(same.content_type(), Some("text/plain"));
    assert_eq!(same.metadata().expect("metadata")["origin"], "test");
    let other = head("other").await.expect("there");
    assert_eq!(other.content_type(), Some("text/csv"));
    assert_eq!(other.metadata().expect("metadata").get("origin"), None);
    assert_eq!(body_of(&client, "other", None, None).await, b"content");
    assert_eq!(code(copy("a b").send().await), "InvalidRequest");
    let taken = copy("same").if_none_match("*").send().await;
    assert_eq!(code(taken), "PreconditionFailed");
    let stale = copy("same").copy_source_if_match("\"0123\"").send().await;
    assert_eq!(code(stale), "PreconditionFailed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_deleted_with_errors_key_by_key() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    for key in ["a", "b", "c"] {
        put(&client, key, b"x").await;
    }
    let object = |key: &str| ObjectIdentifier::builder().key(key);
    let delete = Delete::builder()
        .objects(object("a").build().expect("complete"))
        .objects(object("b").e_tag("\"0123\"").build().expect("complete"))
        .objects(object("absent").build().expect("complete"))
        .build()
        .expect("complete");
    let deleted = client
        .delete_objects()
        .bucket(BUCKET)
        .delete(delete)
        .send()
        .await
        .expect("answered");
    let keys: Vec<_> = deleted.deleted().iter().filter_map(|d| d.key()).collect();
    assert_eq!(keys, ["a", "absent"]);
    let [error] = deleted.errors() else {
        panic!("one error: {deleted:?}");
    };
    assert_eq!(error.key(), Some("b"));
    assert_eq!(error.code(), Some("PreconditionFailed"));
    let left = client.list_objects_v2().bucket(BUCKET).send().await;
    let left = left.expect("listed");
    let left: Vec<_> = left.contents().iter().filter_map(|o| o.key()).collect();
    assert_eq!(left, ["b", "c"]);
}
