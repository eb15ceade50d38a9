//! What a bucket holds: looking for it, and deleting all of it.

use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::bucket_settings::GONE;
use super::error::{absent, failed};
use super::{CallError, Context, Note};

/// Is there an object, a noncurrent version or a delete marker in it?
pub(super) async fn holds_any(cx: &Context, bucket: &str) -> Result<bool, CallError> {
    let answer = cx
        .clients
        .s3
        .list_object_versions()
        .bucket(bucket)
        .max_keys(1)
        .send()
        .await;
    Ok(absent(answer.map_err(failed("ListObjectVersions")), GONE)?
        .is_some_and(|answer| !answer.versions().is_empty() || !answer.delete_markers().is_empty()))
}

/// Has every object in it such a key? One page is looked at: what is more than that is not known.
pub(super) async fn holds_only(
    cx: &Context,
    bucket: &str,
    is_such: fn(&str) -> bool,
) -> Result<bool, CallError> {
    let answer = cx.clients.s3.list_object_versions().bucket(bucket).send();
    let answer = answer.await.map_err(failed("ListObjectVersions"));
    Ok(absent(answer, GONE)?.is_some_and(|page| {
        let versions = page.versions().iter().filter_map(|version| version.key());
        let markers = page
            .delete_markers()
            .iter()
            .filter_map(|marker| marker.key());
        page.is_truncated() != Some(true) && versions.chain(markers).all(is_such)
    }))
}

/// Deletes every version and delete marker and aborts uploads; looks again until none is left,
/// because writers may still have been at work. // aws-behaviours S16
pub(super) async fn empty(cx: &Context, bucket: &str) -> Result<(), CallError> {
    let mut deleted = 0;
    let mut before: Vec<ObjectIdentifier> = Vec::new();
    loop {
        // A page is at most 1,000, which is as many as one deletion takes.
        let answer = cx.clients.s3.list_object_versions().bucket(bucket).send();
        let answer = answer.await.map_err(failed("ListObjectVersions"));
        let Some(page) = absent(answer, GONE)? else {
            return Ok(());
        };
        let objects = identifiers(&page)?;
        if objects.is_empty() {
            break;
        }
        if objects == before {
            return Err(CallError::local(
                "DeleteObjects",
                "what was deleted is still listed: the endpoint does not delete it",
            ));
        }
        deleted += objects.len() as u64;
        before.clone_from(&objects);
        delete_page(cx, bucket, objects).await?;
        cx.note(Note::Emptied { objects: deleted });
        if cx.stop.is_cancelled() {
            return Err(CallError::interrupted("bucket emptied"));
        }
    }
    abort_uploads(cx, bucket).await
}

fn identifiers(page: &ListObjectVersionsOutput) -> Result<Vec<ObjectIdentifier>, CallError> {
    let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
    let markers = page
        .delete_markers()
        .iter()
        .map(|m| (m.key(), m.version_id()));
    versions
        .chain(markers)
        .map(|(key, version)| {
            ObjectIdentifier::builder()
                .key(key.unwrap_or_default())
                .set_version_id(version.map(str::to_owned))
                .build()
        })
        .collect::<Result<_, _>>()
        .map_err(|e| CallError::local("DeleteObjects", e.to_string()))
}

async fn delete_page(
    cx: &Context,
    bucket: &str,
    objects: Vec<ObjectIdentifier>,
) -> Result<(), CallError> {
    let delete = Delete::builder()
        .set_objects(Some(objects))
        .quiet(true)
        .build()
        .map_err(|e| CallError::local("DeleteObjects", e.to_string()))?;
    let answer = cx
        .clients
        .s3
        .delete_objects()
        .bucket(bucket)
        .delete(delete)
        .send()
        .await
        .map_err(failed("DeleteObjects"))?;
    // aws-behaviours S17
    match answer.errors().first() {
        None => Ok(()),
        Some(error) => Err(CallError::of_object(
            "DeleteObjects",
            error.key().unwrap_or_default(),
            error.code().unwrap_or("Unknown"),
            error.message().unwrap_or_default(),
        )),
    }
}

async fn abort_uploads(cx: &Context, bucket: &str) -> Result<(), CallError> {
    loop {
        let answer = cx.clients.s3.list_multipart_uploads().bucket(bucket).send();
        let answer = answer.await.map_err(failed("ListMultipartUploads"));
        let Some(page) = absent(answer, GONE)? else {
            return Ok(());
        };
        if page.uploads().is_empty() {
            return Ok(());
        }
        for upload in page.uploads() {
            let answer = cx
                .clients
                .s3
                .abort_multipart_upload()
                .bucket(bucket)
                .key(upload.key().unwrap_or_default())
                .upload_id(upload.upload_id().unwrap_or_default())
                .send()
                .await;
            absent(
                answer.map_err(failed("AbortMultipartUpload")),
                &["NoSuchUpload"],
            )?;
        }
    }
}
