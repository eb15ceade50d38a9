//! What was acknowledged is there after a restart.

use aws_sdk_s3::types::BucketLifecycleConfiguration;
use aws_sdk_s3::types::{
    BucketVersioningStatus, CompletedMultipartUpload, CompletedPart, ExpirationStatus,
    LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
};

use super::{BUCKET, body_of, make_bucket, put, tag, tagging, version_bucket};
use crate::common::Running;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_everything() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    version_bucket(&client, BucketVersioningStatus::Enabled).await;
    let first = put(&client, "k", b"first").await.expect("a version");
    put(&client, "k", b"second").await;
    put(&client, "hidden", b"x").await;
    let hidden = client.delete_object().bucket(BUCKET).key("hidden");
    hidden.send().await.expect("hidden");
    client
        .put_object_tagging()
        .bucket(BUCKET)
        .key("k")
        .tagging(tagging(vec![tag("stage", "raw")]))
        .send()
        .await
        .expect("tagged");
    let rule = LifecycleRule::builder()
        .id("logs")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("logs/").build())
        .expiration(LifecycleExpiration::builder().days(7).build())
        .build()
        .expect("complete");
    let rules = BucketLifecycleConfiguration::builder().rules(rule.clone());
    client
        .put_bucket_lifecycle_configuration()
        .bucket(BUCKET)
        .lifecycle_configuration(rules.build().expect("complete"))
        .send()
        .await
        .expect("kept");
    let upload = client.create_multipart_upload().bucket(BUCKET).key("big");
    let upload = upload.send().await.expect("begun");
    let id = upload.upload_id().expect("an id").to_owned();
    let part = client
        .upload_part()
        .bucket(BUCKET)
        .key("big")
        .upload_id(&id)
        .part_number(1)
        .body(b"part".to_vec().into())
        .send()
        .await
        .expect("a part");

    let running = running.restart().await;
    let client = running.s3();
    assert_eq!(body_of(&client, "k", None, None).await, b"second");
    assert_eq!(body_of(&client, "k", None, Some(&first)).await, b"first");
    let head = client.head_object().bucket(BUCKET).key("k").send().await;
    let head = head.expect("there");
    assert_eq!(head.metadata().expect("metadata")["origin"], "test");
    let listed = client.list_object_versions().bucket(BUCKET).send().await;
    let listed = listed.expect("listed");
    assert_eq!(listed.versions().len(), 3);
    assert_eq!(listed.delete_markers().len(), 1);
    let tags = client.get_object_tagging().bucket(BUCKET).key("k");
    let tags = tags.send().await.expect("tags");
    assert_eq!(tags.tag_set(), [tag("stage", "raw")]);
    let rules = client
        .get_bucket_lifecycle_configuration()
        .bucket(BUCKET)
        .send()
        .await
        .expect("rules");
    assert_eq!(rules.rules(), [rule]);
    let part = CompletedPart::builder()
        .part_number(1)
        .set_e_tag(part.e_tag)
        .set_checksum_crc32(part.checksum_crc32)
        .build();
    client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("big")
        .upload_id(&id)
        .multipart_upload(CompletedMultipartUpload::builder().parts(part).build())
        .send()
        .await
        .expect("completed");
    assert_eq!(body_of(&client, "big", None, None).await, b"part");
}
