//! Copying: a whole object, or a range of one as a part of an upload.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use http::header::{HeaderMap, IF_MATCH, IF_NONE_MATCH};
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource, ETag,
    ETagCondition, MetadataDirective, Range, TaggingDirective, UploadPartCopyInput,
    UploadPartCopyOutput,
};
use s3s::{S3Error, S3Request, S3Result};

use super::handlers::{Core, caller, tags_of_header, timestamp};
use super::handlers_multipart::part_number;
use super::handlers_object::{
    attributes, checksum_type, encrypted, refuse_acl, show_checksum, storage_class, write_condition,
};
use super::handlers_read::{Conditions, marker_refusal};
use super::handlers_upload::{LARGEST, blocking};
use super::state_checksum::Algorithm;
use super::state_conditions::Precondition;
use super::state_errors::{disk, invalid_argument, invalid_request};
use super::state_objects::{Found, NewObject};
use super::state_rows::Attributes;
use super::wire_claims::unsupported;
use crate::error::AwsError;

impl Core {
    /// Finds what is to be copied.
    fn copy_source(
        &self,
        source: &CopySource,
        conditions: &Conditions<'_>,
    ) -> Result<(Found, File), S3Error> {
        let CopySource::Bucket {
            bucket,
            key,
            version_id,
        } = source
        else {
            return Err(AwsError::not_implemented("S3", "copying from an access point").into());
        };
        let mut found = self.store.find(bucket, key, version_id.as_deref())?;
        let Some(file) = found.file.take() else {
            if version_id.is_some() {
                return Err(invalid_request(
                    "The source of a copy request may not specifically refer to a delete marker \
                     by version id.",
                )
                .into());
            }
            return Err(marker_refusal(&found, false));
        };
        conditions.check_source(&found.version)?;
        Ok((found, file))
    }

    pub(super) async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<CopyObjectOutput> {
        let caller = caller(&request)?;
        let mut input = request.input;
        refuse_acl(input.acl.as_ref(), false)?;
        let precondition = destination_condition(&request.headers)?;
        let replace = |directive: Option<&str>| directive == Some(MetadataDirective::REPLACE);
        let new_metadata = replace(
            input
                .metadata_directive
                .as_ref()
                .map(MetadataDirective::as_str),
        );
        let new_tags = replace(
            input
                .tagging_directive
                .as_ref()
                .map(TaggingDirective::as_str),
        );
        self.store.bucket(&input.bucket)?;
        let (source, file) = self.copy_source(
            &input.copy_source,
            &Conditions {
                if_match: input.copy_source_if_match.as_ref(),
                if_none_match: input.copy_source_if_none_match.as_ref(),
                if_modified_since: input.copy_source_if_modified_since.as_ref(),
                if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
            },
        )?;
        if source.version.size > LARGEST {
            return Err(invalid_request(format!(
                "The specified copy source is larger than the maximum allowable size for a copy \
                 source: {LARGEST}"
            ))
            .into());
        }
        let changes = new_metadata
            || input.storage_class.is_some()
            || input.website_redirect_location.is_some()
            || input.server_side_encryption.is_some();
        if !changes && is_current(&input.copy_source, &input.bucket, &input.key) {
            return Err(invalid_request(
                "This copy request is illegal because it is trying to copy an object to itself \
                 without changing the object's metadata, storage class, website redirect location \
                 or encryption attributes.",
            )
            .into());
        }
        let tags = if new_tags {
            tags_of_header(input.tagging.as_deref())?
        } else {
            source.version.tags.clone()
        };
        let asked = input
            .checksum_algorithm
            .as_ref()
            .map(|name| Algorithm::parse(name.as_str()).ok_or_else(|| unsupported(name.as_str())))
            .transpose()?;
        let algorithm = asked
            .or(source.version.checksum.as_ref().map(|sum| sum.algorithm))
            .unwrap_or(Algorithm::Crc64Nvme);
        let mut writer = self.store.bodies.create(algorithm, None)?;
        let stored = blocking(move || {
            writer.copy(file)?;
            writer.finish()
        })
        .await?;
        let etag = hex::encode(stored.md5);
        let checksum = stored.checksum.clone();
        let attributes = if new_metadata {
            attributes!(input)
        } else {
            // Where a copy redirects to is its own affair.
            Attributes {
                website_redirect_location: input.website_redirect_location.take(),
                ..source.version.attributes.clone()
            }
        };
        let written = self.store.put(NewObject {
            bucket: &input.bucket,
            key: &input.key,
            body: stored,
            etag: etag.clone(),
            storage_class: storage_class(input.storage_class.as_ref()),
            attributes,
            tags,
            checksum: checksum.clone(),
            part_sizes: Vec::new(),
            part_checksums: Vec::new(),
            precondition,
            event: "s3:ObjectCreated:Copy",
            caller: &caller,
            upload_id: None,
        })?;
        self.deliver(written.deliveries);
        let mut result = CopyObjectResult {
            e_tag: Some(ETag::Strong(etag)),
            last_modified: Some(timestamp(written.modified_ms)),
            checksum_type: checksum_type(false),
            ..CopyObjectResult::default()
        };
        show_checksum!(result, checksum);
        Ok(CopyObjectOutput {
            copy_object_result: Some(result),
            copy_source_version_id: source.version_id(),
            server_side_encryption: encrypted(),
            version_id: written.version_id,
            ..CopyObjectOutput::default()
        })
    }

    pub(super) async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<UploadPartCopyOutput> {
        let input = request.input;
        let number = part_number(input.part_number)?;
        let upload = self
            .store
            .upload(&input.bucket, &input.key, &input.upload_id)?;
        let (source, mut file) = self.copy_source(
            &input.copy_source,
            &Conditions {
                if_match: input.copy_source_if_match.as_ref(),
                if_none_match: input.copy_source_if_none_match.as_ref(),
                if_modified_since: input.copy_source_if_modified_since.as_ref(),
                if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
            },
        )?;
        let size = source.version.size;
        let (start, length) = match &input.copy_source_range {
            Some(range) => copied_range(range, size)?,
            None => (0, size),
        };
        if length > LARGEST {
            return Err(AwsError::bad_request(
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
            )
            .into());
        }
        let bodies = self.store.bodies.clone();
        let algorithm = upload.description.algorithm;
        let stored = blocking(move || {
            file.seek(SeekFrom::Start(start)).map_err(disk)?;
            let mut writer = bodies.create(algorithm, None)?;
            writer.copy(file.take(length))?;
            writer.finish()
        })
        .await?;
        let etag = hex::encode(stored.md5);
        let checksum = stored.checksum.clone();
        let modified_ms =
            self.store
                .put_part(&input.bucket, &input.key, &input.upload_id, number, stored)?;
        let mut result = CopyPartResult {
            e_tag: Some(ETag::Strong(etag)),
            last_modified: Some(timestamp(modified_ms)),
            ..CopyPartResult::default()
        };
        if upload.description.asked {
            show_checksum!(result, checksum);
        }
        Ok(UploadPartCopyOutput {
            copy_part_result: Some(result),
            copy_source_version_id: source.version_id(),
            server_side_encryption: encrypted(),
            ..UploadPartCopyOutput::default()
        })
    }
}

/// The conditions on the destination, which the pinned s3s does not know of this operation.
fn destination_condition(headers: &HeaderMap) -> Result<Precondition, AwsError> {
    let parsed = |name| {
        headers
            .get(name)
            .map(|value| ETagCondition::parse_http_header(value.as_bytes()))
            .transpose()
            .map_err(|_| invalid_argument("The conditional header is not an entity tag"))
    };
    write_condition(parsed(IF_MATCH)?.as_ref(), parsed(IF_NONE_MATCH)?.as_ref())
}

/// Is the source the object itself, as it is now?
fn is_current(source: &CopySource, bucket: &str, key: &str) -> bool {
    matches!(
        source,
        CopySource::Bucket { bucket: from, key: from_key, version_id: None }
            if **from == *bucket && **from_key == *key
    )
}

/// Start and length of `bytes=first-last`, which must lie within the source.
fn copied_range(range: &str, size: u64) -> Result<(u64, u64), AwsError> {
    let Ok(Range::Int {
        first,
        last: Some(last),
    }) = Range::parse(range)
    else {
        return Err(invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first \
             and last are the zero-based offsets of the first and last bytes to copy",
        ));
    };
    if last >= size {
        return Err(invalid_argument(format!(
            "Range specified is not valid for source object of size: {size}"
        )));
    }
    Ok((first, last - first + 1))
}
