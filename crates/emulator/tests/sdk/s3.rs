//! S3 by its SDK.

mod lists;
mod multipart;
mod objects;
mod presigned;
mod restart;
mod versions;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, Tag, Tagging,
    VersioningConfiguration,
};

use crate::common::{Running, code};

const BUCKET: &str = "uploads";

async fn make_bucket(client: &Client) {
    let made = client.create_bucket().bucket(BUCKET).send().await;
    made.expect("a bucket");
}

async fn put(client: &Client, key: &str, body: &'static [u8]) -> Option<String> {
    client
        .put_object()
        .bucket(BUCKET)
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
        .bucket(BUCKET)
        .key(key)
        .set_range(range.map(str::to_owned))
        .set_version_id(version.map(str::to_owned))
        .send()
        .await
        .expect("got");
    let body = got.body.collect().await.expect("all of it");
    body.into_bytes().to_vec()
}

async fn version_bucket(client: &Client, status: BucketVersioningStatus) {
    let configuration = VersioningConfiguration::builder().status(status).build();
    client
        .put_bucket_versioning()
        .bucket(BUCKET)
        .versioning_configuration(configuration)
        .send()
        .await
        .expect("versioned");
}

fn tag(key: &str, value: &str) -> Tag {
    let tag = Tag::builder().key(key).value(value).build();
    tag.expect("complete")
}

fn tagging(tags: Vec<Tag>) -> Tagging {
    let tagging = Tagging::builder().set_tag_set(Some(tags)).build();
    tagging.expect("complete")
}

/// aws-behaviours S1, S2, S4, S16
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_lives_from_its_creation_to_its_deletion() {
    let running = Running::start().await;
    let client = running.s3();
    let head = client.head_bucket().bucket(BUCKET).send().await;
    assert!(head.is_err_and(|error| error.into_service_error().is_not_found()));
    // aws-behaviours S1
    let ireland = CreateBucketConfiguration::builder()
        .location_constraint(BucketLocationConstraint::EuWest1)
        .build();
    let elsewhere = client
        .create_bucket()
        .bucket(BUCKET)
        .create_bucket_configuration(ireland)
        .send()
        .await;
    assert_eq!(code(elsewhere), "IllegalLocationConstraintException");
    // aws-behaviours S4
    let odd = client.create_bucket().bucket("uploads--x-s3x--ol-s3");
    assert_eq!(code(odd.send().await), "InvalidBucketName");
    make_bucket(&client).await;
    // aws-behaviours S2
    make_bucket(&client).await;
    let head = client.head_bucket().bucket(BUCKET).send().await;
    assert_eq!(head.expect("there").bucket_region(), Some("us-east-1"));
    let location = client.get_bucket_location().bucket(BUCKET).send().await;
    // The region that has no name here.
    let location = location.expect("told");
    let named = location
        .location_constraint()
        .map(BucketLocationConstraint::as_str);
    assert_eq!(named.unwrap_or_default(), "");
    let listed = client.list_buckets().send().await.expect("listed");
    let names: Vec<_> = listed.buckets().iter().filter_map(|b| b.name()).collect();
    assert_eq!(names, [BUCKET]);

    put(&client, "k", b"x").await;
    // aws-behaviours S16
    let full = client.delete_bucket().bucket(BUCKET).send().await;
    assert_eq!(code(full), "BucketNotEmpty");
    let deleted = client.delete_object().bucket(BUCKET).key("k").send().await;
    deleted.expect("deleted");
    let deleted = client.delete_bucket().bucket(BUCKET).send().await;
    deleted.expect("empty now");
    let again = client.delete_bucket().bucket(BUCKET).send().await;
    assert_eq!(code(again), "NoSuchBucket");
    let orphan = client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await;
    assert_eq!(code(orphan), "NoSuchBucket");
}

/// aws-behaviours S18
#[tokio::test(flavor = "multi_thread")]
async fn buckets_and_objects_have_tags() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    let none = client.get_bucket_tagging().bucket(BUCKET).send().await;
    assert_eq!(code(none), "NoSuchTagSet");
    let put_tags = |tags| {
        client
            .put_bucket_tagging()
            .bucket(BUCKET)
            .tagging(tagging(tags))
            .send()
    };
    put_tags(vec![tag("old", "1")]).await.expect("tagged");
    // aws-behaviours S18: the whole set is replaced.
    let ours = vec![tag("pipectl:stack", "s")];
    put_tags(ours.clone()).await.expect("tagged");
    let system = put_tags(vec![tag("aws:system", "x")]).await;
    assert_eq!(code(system), "InvalidTag");
    let tags = client.get_bucket_tagging().bucket(BUCKET).send().await;
    assert_eq!(tags.expect("tags").tag_set(), ours);

    client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .body(ByteStream::from_static(b"x"))
        .tagging("stage=raw&note=a+b")
        .send()
        .await
        .expect("put");
    let got = client.get_object().bucket(BUCKET).key("k").send().await;
    assert_eq!(got.expect("got").tag_count(), Some(2));
    let tags = client.get_object_tagging().bucket(BUCKET).key("k");
    let tags = tags.send().await.expect("tags");
    assert_eq!(tags.tag_set(), [tag("stage", "raw"), tag("note", "a b")]);
    let many = (0..11).map(|number| tag(&number.to_string(), "")).collect();
    let many = client
        .put_object_tagging()
        .bucket(BUCKET)
        .key("k")
        .tagging(tagging(many))
        .send()
        .await;
    assert_eq!(code(many), "BadRequest");
    let deleted = client.delete_object_tagging().bucket(BUCKET).key("k");
    deleted.send().await.expect("deleted");
    let tags = client.get_object_tagging().bucket(BUCKET).key("k");
    assert!(tags.send().await.expect("tags").tag_set().is_empty());
}
