//! Multipart uploads.

use std::sync::Arc;

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm, ChecksumType,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ETag, Initiator, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload, Part,
    StorageClass, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Result};

use super::handlers::{Core, caller, owner, tags_of_header, timestamp};
use super::handlers_object::{
    attributes, checksum_type, encrypted, precondition, refuse_acl, show_checksum, storage_class,
};
use super::handlers_upload::{Arrival, blocking};
use super::state_body::Algorithm;
use super::state_errors::invalid_argument;
use super::state_multipart::{Description, NamedPart};
use super::state_objects::NewObject;
use crate::config::ACCOUNT;
use crate::error::AwsError;

fn part_number(number: i32) -> Result<u32, AwsError> {
    u32::try_from(number)
        .ok()
        .filter(|number| (1..=10_000).contains(number))
        .ok_or_else(|| {
            invalid_argument("Part number must be an integer between 1 and 10000, inclusive")
        })
}

fn initiator() -> Initiator {
    Initiator {
        display_name: None,
        id: Some(ACCOUNT.to_owned()),
    }
}

/// Behind every upload id, which are hexadecimal.
const BEHIND_ALL_IDS: &str = "~";

impl Core {
    pub(super) async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<CreateMultipartUploadOutput> {
        let mut input = request.input;
        refuse_acl(input.acl.as_ref(), false)?;
        let asked = input
            .checksum_algorithm
            .as_ref()
            .map(|name| {
                Algorithm::parse(name.as_str()).ok_or_else(|| {
                    AwsError::bad_request(
                        "InvalidRequest",
                        "Checksum algorithm provided is unsupported.",
                    )
                })
            })
            .transpose()?;
        let algorithm = asked.unwrap_or(Algorithm::Crc64Nvme);
        let composite = match input.checksum_type.as_ref().map(ChecksumType::as_str) {
            Some(kind) => kind == ChecksumType::COMPOSITE,
            None => algorithm != Algorithm::Crc64Nvme,
        };
        let possible = match algorithm {
            Algorithm::Crc64Nvme => !composite,
            Algorithm::Sha1 | Algorithm::Sha256 => composite,
            Algorithm::Crc32 | Algorithm::Crc32c => true,
        };
        if !possible {
            return Err(AwsError::bad_request(
                "InvalidRequest",
                format!(
                    "The {} checksum type cannot be used with the {} checksum algorithm.",
                    if composite {
                        "COMPOSITE"
                    } else {
                        "FULL_OBJECT"
                    },
                    algorithm.name()
                ),
            )
            .into());
        }
        let description = Description {
            attributes: attributes!(input),
            tags: tags_of_header(input.tagging.as_deref())?,
            storage_class: storage_class(input.storage_class.as_ref()),
            algorithm,
            asked: asked.is_some(),
            composite,
        };
        let upload_id = self
            .store
            .create_upload(&input.bucket, &input.key, &description)?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            checksum_type: asked.and(checksum_type(composite)),
            checksum_algorithm: input.checksum_algorithm,
            server_side_encryption: encrypted(),
            ..CreateMultipartUploadOutput::default()
        })
    }

    pub(super) async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<UploadPartOutput> {
        let body = request.input.body.take();
        let arrival = Arrival::new(&request.headers, &request.extensions, body)?;
        let input = request.input;
        let number = part_number(input.part_number)?;
        let upload = self
            .store
            .upload(&input.bucket, &input.key, &input.upload_id)?;
        let algorithm = upload.description.algorithm;
        let stored = arrival.store(&self.store.bodies, Some(algorithm)).await?;
        let etag = hex::encode(stored.md5);
        let checksum = stored.checksum.clone();
        self.store
            .put_part(&input.bucket, &input.key, &input.upload_id, number, stored)?;
        let mut output = UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            server_side_encryption: encrypted(),
            ..UploadPartOutput::default()
        };
        show_checksum!(output, checksum);
        Ok(output)
    }

    pub(super) async fn complete_multipart_upload(
        self: &Arc<Self>,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let caller = caller(&request)?;
        let input = request.input;
        let upload = self
            .store
            .upload(&input.bucket, &input.key, &input.upload_id)?;
        let named = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default()
            .into_iter()
            .map(|part| {
                Ok(NamedPart {
                    number: part_number(part.part_number.unwrap_or_default())?,
                    etag: part.e_tag.map(ETag::into_value).unwrap_or_default(),
                })
            })
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
            return Err(AwsError::bad_request(
                "BadDigest",
                format!(
                    "The {} you specified did not match the calculated checksum.",
                    upload.description.algorithm.name()
                ),
            )
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
            precondition: precondition(input.if_match.as_ref(), input.if_none_match.as_ref()),
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

    pub(super) async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<AbortMultipartUploadOutput> {
        let input = request.input;
        self.store
            .abort_upload(&input.bucket, &input.key, &input.upload_id)?;
        Ok(AbortMultipartUploadOutput::default())
    }

    pub(super) async fn list_parts(
        &self,
        request: S3Request<ListPartsInput>,
    ) -> S3Result<ListPartsOutput> {
        let input = request.input;
        let upload = self
            .store
            .upload(&input.bucket, &input.key, &input.upload_id)?;
        let marker = input.part_number_marker.unwrap_or_default();
        let behind = u32::try_from(marker)
            .map_err(|_| invalid_argument("part-number-marker must not be negative"))?;
        let max = input.max_parts.unwrap_or(1_000).clamp(0, 1_000);
        let mut found = self.store.parts(&input.upload_id, behind)?;
        let more = found.len() > max as usize;
        found.truncate(max as usize);
        let last = found.last().map(|part| part.number as i32);
        let parts = found
            .into_iter()
            .map(|part| {
                let mut shown = Part {
                    e_tag: Some(ETag::Strong(part.etag)),
                    last_modified: Some(timestamp(part.modified_ms)),
                    part_number: Some(part.number as i32),
                    size: Some(part.size as i64),
                    ..Part::default()
                };
                if upload.description.asked {
                    show_checksum!(shown, part.checksum);
                }
                shown
            })
            .collect();
        let asked = upload.description.asked;
        Ok(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            initiator: Some(initiator()),
            owner: Some(owner()),
            storage_class: Some(StorageClass::from(upload.description.storage_class)),
            checksum_algorithm: asked
                .then(|| ChecksumAlgorithm::from_static(upload.description.algorithm.name())),
            checksum_type: checksum_type(upload.description.composite).filter(|_| asked),
            is_truncated: Some(more),
            max_parts: Some(max),
            part_number_marker: Some(marker),
            next_part_number_marker: last.filter(|_| more),
            parts: Some(parts),
            ..ListPartsOutput::default()
        })
    }

    pub(super) async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<ListMultipartUploadsOutput> {
        let input = request.input;
        if input
            .delimiter
            .as_deref()
            .is_some_and(|text| !text.is_empty())
        {
            return Err(
                AwsError::not_implemented("S3", "ListMultipartUploads with a delimiter").into(),
            );
        }
        let max = input.max_uploads.unwrap_or(1_000).clamp(0, 1_000);
        let key_marker = input.key_marker.unwrap_or_default();
        let behind = match input.upload_id_marker.as_deref() {
            Some(marker) if !marker.is_empty() => marker,
            _ if key_marker.is_empty() => "",
            _ => BEHIND_ALL_IDS,
        };
        let mut found = self.store.uploads(
            &input.bucket,
            input.prefix.as_deref().unwrap_or_default(),
            (&key_marker, behind),
            max as usize + 1,
        )?;
        let more = found.len() > max as usize;
        found.truncate(max as usize);
        let (next_key, next_id) = found
            .last()
            .filter(|_| more)
            .map(|upload| (upload.key.clone(), upload.upload_id.clone()))
            .unzip();
        let uploads = found
            .into_iter()
            .map(|upload| MultipartUpload {
                initiated: Some(timestamp(upload.started_ms)),
                initiator: Some(initiator()),
                key: Some(upload.key),
                owner: Some(owner()),
                storage_class: Some(StorageClass::from(upload.description.storage_class)),
                upload_id: Some(upload.upload_id),
                ..MultipartUpload::default()
            })
            .collect();
        Ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            is_truncated: Some(more),
            key_marker: Some(key_marker),
            upload_id_marker: input.upload_id_marker,
            max_uploads: Some(max),
            next_key_marker: next_key,
            next_upload_id_marker: next_id,
            prefix: input.prefix,
            uploads: Some(uploads),
            ..ListMultipartUploadsOutput::default()
        })
    }
}
