//! Multipart uploads: beginning, filling and dropping them.

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumType,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3Request, S3Result};

use super::handlers::{Core, tags_of_header};
use super::handlers_object::{
    attributes, checksum_type, encrypted, refuse_acl, show_checksum, storage_class,
};
use super::handlers_upload::Arrival;
use super::state_checksum::Algorithm;
use super::state_errors::{invalid_argument, invalid_request};
use super::state_multipart::Description;
use super::wire_claims::unsupported;
use crate::error::AwsError;

/// A number that a part can have.
pub(super) fn part_number(number: i32) -> Result<u32, AwsError> {
    u32::try_from(number)
        .ok()
        .filter(|number| (1..=10_000).contains(number))
        .ok_or_else(|| {
            invalid_argument("Part number must be an integer between 1 and 10000, inclusive")
        })
}

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
            .map(|name| Algorithm::parse(name.as_str()).ok_or_else(|| unsupported(name.as_str())))
            .transpose()?;
        if asked.is_none() && input.checksum_type.is_some() {
            return Err(invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm \
                 header.",
            )
            .into());
        }
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
        let given = arrival.algorithm();
        let needed = upload.description.asked && upload.description.composite;
        let fits = match given {
            Some(given) => !upload.description.asked || given == algorithm,
            None => !needed,
        };
        if !fits {
            let name = |algorithm: Algorithm| algorithm.name().to_ascii_lowercase();
            return Err(invalid_request(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum \
                 Type: {}",
                name(algorithm),
                given.map_or_else(|| "null".to_owned(), name)
            ))
            .into());
        }
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

    pub(super) async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<AbortMultipartUploadOutput> {
        let input = request.input;
        self.store
            .abort_upload(&input.bucket, &input.key, &input.upload_id)?;
        Ok(AbortMultipartUploadOutput::default())
    }
}
