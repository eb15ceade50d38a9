//! S3 by its SDK.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketVersioningStatus, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier, Tag,
    Tagging, VersioningConfiguration,
};

use crate::common::{Running, code};

async fn make_bucket(client: &Client) {
    client
        .create_bucket()
        .bucket("uploads")
        .send()
        .await
        .expect("a bucket");
}

async fn put(client: &Client, key: &str, body: &'static [u8]) -> Option<String> {
    client
        .put_object()
        .bucket("uploads")
        .key(key)
        .body(ByteStream::from_static(body))
        .content_type("text/plain")
        .metadata("origin", "test")
        .send()
        .await
        .expect("put")
        .version_id()
        .map(str::to_owned)
}

async fn body_of(
    client: &Client,
    key: &str,
    range: Option<&str>,
    version: Option<&str>,
) -> Vec<u8> {
    let got = client
        .get_object()
        .bucket("uploads")
        .key(key)
        .set_range(range.map(str::to_owned))
        .set_version_id(version.map(str::to_owned))
        .send()
        .await
        .expect("got");
    let body = got.body.collect().await.expect("all of it");
    body.into_bytes().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_put_read_and_deleted() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    put(&client, "logs/a b+c.log", b"0123456789").await;
    assert_eq!(
        body_of(&client, "logs/a b+c.log", None, None).await,
        b"0123456789"
    );
    assert_eq!(
        body_of(&client, "logs/a b+c.log", Some("bytes=2-4"), None).await,
        b"234"
    );
    let head = client
        .head_object()
        .bucket("uploads")
        .key("logs/a b+c.log")
        .send()
        .await
        .expect("there");
    assert_eq!(head.content_length(), Some(10));
    assert_eq!(head.content_type(), Some("text/plain"));
    assert_eq!(head.metadata().expect("metadata")["origin"], "test");
    assert_eq!(head.e_tag(), Some("\"781e5e245d69b566979b86e28d23f2c7\""));
    // aws-behaviours S16
    let full = client.delete_bucket().bucket("uploads").send().await;
    assert_eq!(code(full), "BucketNotEmpty");
    client
        .delete_object()
        .bucket("uploads")
        .key("logs/a b+c.log")
        .send()
        .await
        .expect("deleted");
    let gone = client
        .get_object()
        .bucket("uploads")
        .key("logs/a b+c.log")
        .send()
        .await;
    assert_eq!(code(gone), "NoSuchKey");
    client
        .delete_bucket()
        .bucket("uploads")
        .send()
        .await
        .expect("empty now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_listed_by_prefix_and_page() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    for key in ["a/1", "a/2", "a/3", "b/1"] {
        put(&client, key, b"x").await;
    }
    let page = client
        .list_objects_v2()
        .bucket("uploads")
        .prefix("a/")
        .max_keys(2)
        .send()
        .await
        .expect("a page");
    assert_eq!(page.contents().len(), 2);
    assert_eq!(page.is_truncated(), Some(true));
    let rest = client
        .list_objects_v2()
        .bucket("uploads")
        .prefix("a/")
        .set_continuation_token(page.next_continuation_token().map(str::to_owned))
        .send()
        .await
        .expect("the rest");
    assert_eq!(rest.contents()[0].key(), Some("a/3"));
    let folders = client
        .list_objects_v2()
        .bucket("uploads")
        .delimiter("/")
        .send()
        .await
        .expect("folders");
    let folders: Vec<_> = folders
        .common_prefixes()
        .iter()
        .filter_map(|folder| folder.prefix())
        .collect();
    assert_eq!(folders, ["a/", "b/"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_kept_and_deleted_one_by_one() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    let enabled = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    client
        .put_bucket_versioning()
        .bucket("uploads")
        .versioning_configuration(enabled)
        .send()
        .await
        .expect("versioned");
    let first = put(&client, "k", b"1").await.expect("a version");
    let second = put(&client, "k", b"2").await.expect("a version");
    assert_ne!(first, second);
    assert_eq!(body_of(&client, "k", None, None).await, b"2");
    assert_eq!(body_of(&client, "k", None, Some(&first)).await, b"1");
    let marker = client
        .delete_object()
        .bucket("uploads")
        .key("k")
        .send()
        .await
        .expect("hidden");
    assert_eq!(marker.delete_marker(), Some(true));
    let listed = client
        .list_object_versions()
        .bucket("uploads")
        .send()
        .await
        .expect("listed");
    assert_eq!(listed.versions().len(), 2);
    assert_eq!(listed.delete_markers().len(), 1);
    let versions = listed
        .versions()
        .iter()
        .map(|version| version.version_id())
        .chain(
            listed
                .delete_markers()
                .iter()
                .map(|marker| marker.version_id()),
        );
    let objects = versions.map(|version| {
        ObjectIdentifier::builder()
            .key("k")
            .set_version_id(version.map(str::to_owned))
            .build()
            .expect("complete")
    });
    let delete = Delete::builder()
        .set_objects(Some(objects.collect()))
        .build();
    let deleted = client
        .delete_objects()
        .bucket("uploads")
        .delete(delete.expect("complete"))
        .send()
        .await
        .expect("deleted");
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (3, 0));
    client
        .delete_bucket()
        .bucket("uploads")
        .send()
        .await
        .expect("empty now");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_become_one_object() {
    const PART: usize = 5 * 1024 * 1024;
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    let upload = client
        .create_multipart_upload()
        .bucket("uploads")
        .key("big")
        .send()
        .await
        .expect("begun");
    let id = upload.upload_id().expect("an id");
    let mut parts = Vec::new();
    for (number, bytes) in [(1, vec![b'a'; PART]), (2, b"tail".to_vec())] {
        let part = client
            .upload_part()
            .bucket("uploads")
            .key("big")
            .upload_id(id)
            .part_number(number)
            .body(bytes.into())
            .send()
            .await
            .expect("a part");
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(part.e_tag().map(str::to_owned))
                .set_checksum_crc32(part.checksum_crc32().map(str::to_owned))
                .build(),
        );
    }
    let all = CompletedMultipartUpload::builder().set_parts(Some(parts));
    let done = client
        .complete_multipart_upload()
        .bucket("uploads")
        .key("big")
        .upload_id(id)
        .multipart_upload(all.build())
        .send()
        .await
        .expect("completed");
    assert!(done.e_tag().is_some_and(|tag| tag.ends_with("-2\"")));
    let tail = format!("bytes={PART}-");
    assert_eq!(body_of(&client, "big", Some(&tail), None).await, b"tail");
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_have_tags() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    let none = client.get_bucket_tagging().bucket("uploads").send().await;
    assert_eq!(code(none), "NoSuchTagSet");
    let tag = Tag::builder()
        .key("pipectl:stack")
        .value("s")
        .build()
        .expect("complete");
    let tagging = Tagging::builder().tag_set(tag.clone()).build();
    client
        .put_bucket_tagging()
        .bucket("uploads")
        .tagging(tagging.expect("complete"))
        .send()
        .await
        .expect("tagged");
    let tags = client
        .get_bucket_tagging()
        .bucket("uploads")
        .send()
        .await
        .expect("tags");
    assert_eq!(tags.tag_set(), [tag]);
}
