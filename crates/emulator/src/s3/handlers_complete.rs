//! Completing a multipart upload.

use std::sync::Arc;

use s3s::dto::{
    ChecksumType, CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, ETag,
};
use s3s::{S3Request, S3Result};

use super::handlers::{Core, caller};
use super::handlers_multipart::part_number;
use super::handlers_object::{checksum_type, encrypted, show_checksum, write_condition};
use super::handlers_upload::blocking;
use super::state_checksum::Algorithm;
use super::state_errors::invalid_request;
use super::state_multipart::{Description, NamedPart};
use super::state_objects::NewObject;
use super::wire_claims::bad_checksum;
use crate::error::AwsError;

impl Core {
    pub(super) async fn complete_multipart_upload(
        self: &Arc<Self>,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let caller = caller(&request)?;
        let input = request.input;
        let upload = self
            .store
            .upload(&input.bucket, &input.key, &input.upload_id)?;
        let precondition = write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        check_type(&upload.description, input.checksum_type.as_ref())?;
        let named = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default()
            .into_iter()
            .map(named)
            .collect::<Result<Vec<_>, AwsError>>()?;
        let core = Arc::clone(self);
        let (upload, made) = blocking(move || {
            let made = core.store.assemble(&upload, &named)?;
            Ok((upload, made))
        })
        .await?;
        let expected = match upload.description.algorithm {
            Algorithm::Crc32 => &input.checksum_crc32,
            Algorithm::Crc32c => &input.checksum_crc32c,
            Algorithm::Crc64Nvme => &input.checksum_crc64nvme,
            Algorithm::Sha1 => &input.checksum_sha1,
            Algorithm::Sha256 => &input.checksum_sha256,
        };
        // A composite value may come with the number of parts or without.
        let computed = made.checksum.value.as_str();
        let bare = computed.split('-').next().unwrap_or(computed);
        if let Some(expected) = expected
            && expected != computed
            && expected != bare
        {
            return Err(bad_checksum(upload.description.algorithm).into());
        }
        let size = made.body.size;
        if let Some(expected) = input.mpu_object_size
            && u64::try_from(expected) != Ok(size)
        {
            return Err(invalid_request(format!(
                "The provided 'x-amz-mp-object-size' header value {expected} does not match what \
                 was computed: {size}"
            ))
            .into());
        }
        let etag = made.etag.clone();
        let checksum = made.checksum.clone();
        let written = self.store.put(NewObject {
            bucket: &input.bucket,
            key: &input.key,
            body: made.body,
            etag: made.etag,
            storage_class: upload.description.storage_class,
            attributes: upload.description.attributes,
            tags: upload.description.tags,
            checksum: made.checksum,
            part_sizes: made.part_sizes,
            part_checksums: made.part_checksums,
            precondition,
            event: "s3:ObjectCreated:CompleteMultipartUpload",
            caller: &caller,
            upload_id: Some(&input.upload_id),
        })?;
        self.deliver(written.deliveries);
        let mut output = CompleteMultipartUploadOutput {
            location: Some(format!(
                "{}/{}/{}",
                self.shared.endpoint, input.bucket, input.key
            )),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(etag)),
            checksum_type: checksum_type(checksum.composite),
            server_side_encryption: encrypted(),
            version_id: written.version_id,
            ..CompleteMultipartUploadOutput::default()
        };
        show_checksum!(output, checksum);
        Ok(output)
    }
}

/// A part as the request names it.
fn named(part: CompletedPart) -> Result<NamedPart, AwsError> {
    Ok(NamedPart {
        number: part_number(part.part_number.unwrap_or_default())?,
        etag: part.e_tag.map(ETag::into_value).unwrap_or_default(),
        checksums: [
            (Algorithm::Crc32, part.checksum_crc32),
            (Algorithm::Crc32c, part.checksum_crc32c),
            (Algorithm::Crc64Nvme, part.checksum_crc64nvme),
            (Algorithm::Sha1, part.checksum_sha1),
            (Algorithm::Sha256, part.checksum_sha256),
        ]
        .into_iter()
        .filter_map(|(algorithm, value)| Some((algorithm, value?)))
        .collect(),
    })
}

/// The kind of checksum was settled when the upload began.
fn check_type(description: &Description, wanted: Option<&ChecksumType>) -> Result<(), AwsError> {
    let mode = if description.composite {
        ChecksumType::COMPOSITE
    } else {
        ChecksumType::FULL_OBJECT
    };
    if wanted.is_some_and(|wanted| wanted.as_str() != mode) {
        return Err(invalid_request(format!(
            "The upload was created using the {mode} checksum mode. The complete request must use \
             the same checksum mode."
        )));
    }
    Ok(())
}
