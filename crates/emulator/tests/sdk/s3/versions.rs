//! Versions and delete markers.

use aws_sdk_s3::types::{BucketVersioningStatus, Delete, ObjectIdentifier};

use super::{BUCKET, body_of, make_bucket, put, version_bucket};
use crate::common::{Running, code};

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_kept_and_deleted_one_by_one() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    version_bucket(&client, BucketVersioningStatus::Enabled).await;
    let first = put(&client, "k", b"1").await.expect("a version");
    let second = put(&client, "k", b"2").await.expect("a version");
    assert_ne!(first, second);
    assert_eq!(body_of(&client, "k", None, None).await, b"2");
    assert_eq!(body_of(&client, "k", None, Some(&first)).await, b"1");
    let marker = client.delete_object().bucket(BUCKET).key("k").send().await;
    let marker = marker.expect("hidden");
    assert_eq!(marker.delete_marker(), Some(true));
    let hidden = client.get_object().bucket(BUCKET).key("k").send().await;
    assert_eq!(code(hidden), "NoSuchKey");
    let as_marker = client
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .set_version_id(marker.version_id().map(str::to_owned))
        .send()
        .await;
    assert_eq!(code(as_marker), "MethodNotAllowed");
    // Deleting the marker brings the object back.
    client
        .delete_object()
        .bucket(BUCKET)
        .key("k")
        .set_version_id(marker.version_id().map(str::to_owned))
        .send()
        .await
        .expect("undeleted");
    assert_eq!(body_of(&client, "k", None, None).await, b"2");
    let marker = client.delete_object().bucket(BUCKET).key("k").send().await;
    marker.expect("hidden");

    let listed = client.list_object_versions().bucket(BUCKET).send().await;
    let listed = listed.expect("listed");
    assert_eq!(listed.versions().len(), 2);
    assert_eq!(listed.delete_markers().len(), 1);
    let versions = listed.versions().iter().map(|one| one.version_id());
    let markers = listed.delete_markers().iter().map(|one| one.version_id());
    let objects = versions.chain(markers).map(|version| {
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
        .bucket(BUCKET)
        .delete(delete.expect("complete"))
        .send()
        .await
        .expect("deleted");
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (3, 0));
    let deleted = client.delete_bucket().bucket(BUCKET).send().await;
    deleted.expect("empty now");
}

#[tokio::test(flavor = "multi_thread")]
async fn suspended_versioning_writes_the_null_version() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    version_bucket(&client, BucketVersioningStatus::Enabled).await;
    let kept = put(&client, "k", b"kept").await.expect("a version");
    version_bucket(&client, BucketVersioningStatus::Suspended).await;
    assert_eq!(put(&client, "k", b"1").await.as_deref(), Some("null"));
    assert_eq!(put(&client, "k", b"2").await.as_deref(), Some("null"));
    assert_eq!(body_of(&client, "k", None, Some("null")).await, b"2");
    assert_eq!(body_of(&client, "k", None, Some(&kept)).await, b"kept");
    let status = client.get_bucket_versioning().bucket(BUCKET).send().await;
    let status = status.expect("told");
    assert_eq!(status.status(), Some(&BucketVersioningStatus::Suspended));
}
