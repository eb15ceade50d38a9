//! Uploads in parts.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart,
    ObjectAttributes,
};

use super::{BUCKET, body_of, make_bucket, put};
use crate::common::{Running, code};

const PART: usize = 5 * 1024 * 1024;

async fn begin(client: &Client, algorithm: Option<ChecksumAlgorithm>) -> String {
    let begun = client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("big")
        .set_checksum_algorithm(algorithm)
        .send()
        .await
        .expect("begun");
    begun.upload_id().expect("an id").to_owned()
}

async fn part(
    client: &Client,
    id: &str,
    number: i32,
    bytes: Vec<u8>,
    algorithm: Option<ChecksumAlgorithm>,
) -> CompletedPart {
    let part = client
        .upload_part()
        .bucket(BUCKET)
        .key("big")
        .upload_id(id)
        .part_number(number)
        .set_checksum_algorithm(algorithm)
        .body(bytes.into())
        .send()
        .await
        .expect("a part");
    CompletedPart::builder()
        .part_number(number)
        .set_e_tag(part.e_tag)
        .set_checksum_crc32(part.checksum_crc32)
        .set_checksum_sha256(part.checksum_sha256)
        .build()
}

fn all(parts: Vec<CompletedPart>) -> CompletedMultipartUpload {
    let upload = CompletedMultipartUpload::builder();
    upload.set_parts(Some(parts)).build()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_become_one_object() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    let id = begin(&client, None).await;
    let first = part(&client, &id, 1, vec![b'a'; PART], None).await;
    let second = part(&client, &id, 2, b"tail".to_vec(), None).await;
    let parts = client
        .list_parts()
        .bucket(BUCKET)
        .key("big")
        .upload_id(&id)
        .max_parts(1)
        .send()
        .await
        .expect("listed");
    assert_eq!(parts.parts().len(), 1);
    assert_eq!(parts.is_truncated(), Some(true));
    let done = client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("big")
        .upload_id(&id)
        .multipart_upload(all(vec![first, second]))
        .send()
        .await
        .expect("completed");
    assert!(done.e_tag().is_some_and(|tag| tag.ends_with("-2\"")));
    let tail = format!("bytes={PART}-");
    assert_eq!(body_of(&client, "big", Some(&tail), None).await, b"tail");
    let second = client.get_object().bucket(BUCKET).key("big").part_number(2);
    let second = second.send().await.expect("a part");
    assert_eq!(second.parts_count(), Some(2));
    assert_eq!(second.content_length(), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_composite_checksum_is_kept_and_told() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    let by = Some(ChecksumAlgorithm::Sha256);
    let id = begin(&client, by.clone()).await;
    let first = part(&client, &id, 1, vec![b'a'; PART], by.clone()).await;
    let second = part(&client, &id, 2, b"tail".to_vec(), by).await;
    let of_second = second.checksum_sha256().expect("a sum").to_owned();
    client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("big")
        .upload_id(&id)
        .multipart_upload(all(vec![first, second]))
        .send()
        .await
        .expect("completed");
    let head = client.head_object().bucket(BUCKET).key("big");
    let head = head.checksum_mode(ChecksumMode::Enabled).send().await;
    let head = head.expect("there");
    assert!(
        head.checksum_sha256()
            .is_some_and(|sum| sum.ends_with("-2"))
    );
    assert_eq!(head.checksum_type(), Some(&ChecksumType::Composite));
    assert_eq!(body_of(&client, "big", None, None).await.len(), PART + 4);
    let told = client
        .get_object_attributes()
        .bucket(BUCKET)
        .key("big")
        .object_attributes(ObjectAttributes::ObjectParts)
        .object_attributes(ObjectAttributes::ObjectSize)
        .send()
        .await
        .expect("told");
    assert_eq!(told.object_size(), Some((PART + 4) as i64));
    let parts = told.object_parts().expect("parts");
    assert_eq!(parts.total_parts_count(), Some(2));
    assert_eq!(parts.parts()[1].checksum_sha256(), Some(&*of_second));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_completion_is_told_and_the_upload_stays() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    let id = begin(&client, None).await;
    let small = part(&client, &id, 1, b"small".to_vec(), None).await;
    let last = part(&client, &id, 2, b"last".to_vec(), None).await;
    let complete = |parts: Vec<CompletedPart>| {
        client
            .complete_multipart_upload()
            .bucket(BUCKET)
            .key("big")
            .upload_id(&id)
            .multipart_upload(all(parts))
            .send()
    };
    let unknown = CompletedPart::builder()
        .part_number(3)
        .e_tag("\"0123\"")
        .set_checksum_crc32(last.checksum_crc32().map(str::to_owned))
        .build();
    for (parts, refusal) in [
        (vec![small.clone(), last.clone()], "EntityTooSmall"),
        (vec![last.clone(), small.clone()], "InvalidPartOrder"),
        (vec![last.clone(), unknown], "InvalidPart"),
        (vec![], "MalformedXML"),
    ] {
        assert_eq!(code(complete(parts).await), refusal);
    }
    let beyond = client
        .upload_part()
        .bucket(BUCKET)
        .key("big")
        .upload_id(&id)
        .part_number(10_001)
        .body(b"x".to_vec().into())
        .send()
        .await;
    assert_eq!(code(beyond), "InvalidArgument");
    complete(vec![last]).await.expect("one small part will do");
    assert_eq!(body_of(&client, "big", None, None).await, b"last");
    assert_eq!(code(complete(vec![small]).await), "NoSuchUpload");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_copied_and_uploads_dropped() {
    let running = Running::start().await;
    let client = running.s3();
    make_bucket(&client).await;
    put(&client, "source", b"0123456789").await;
    let id = begin(&client, None).await;
    let copied = client
        .upload_part_copy()
        .bucket(BUCKET)
        .key("big")
        .upload_id(&id)
        .part_number(1)
        .copy_source(format!("{BUCKET}/source"))
        .copy_source_range("bytes=2-5")
        .send()
        .await
        .expect("copied");
    let copied = copied.copy_part_result().expect("a result");
    let part = CompletedPart::builder()
        .part_number(1)
        .set_e_tag(copied.e_tag().map(str::to_owned))
        .set_checksum_crc32(copied.checksum_crc32().map(str::to_owned))
        .build();
    client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("big")
        .upload_id(&id)
        .multipart_upload(all(vec![part]))
        .send()
        .await
        .expect("completed");
    assert_eq!(body_of(&client, "big", None, None).await, b"2345");

    let id = begin(&client, None).await;
    let abort = || {
        let abort = client.abort_multipart_upload().bucket(BUCKET).key("big");
        abort.upload_id(&id).send()
    };
    abort().await.expect("dropped");
    assert_eq!(code(abort().await), "NoSuchUpload");
}
