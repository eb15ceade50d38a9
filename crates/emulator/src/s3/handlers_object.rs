//! Objects: put, delete, tag. Reading and copying have files of their own.

use s3s::dto::{
    ChecksumType, DeleteObjectInput, DeleteObjectOutput, DeleteObjectTaggingInput,
    DeleteObjectTaggingOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag,
    ETagCondition, Error, GetObjectTaggingInput, GetObjectTaggingOutput, ObjectCannedACL,
    PutObjectInput, PutObjectOutput, PutObjectTaggingInput, PutObjectTaggingOutput,
    ServerSideEncryption, StorageClass,
};
use s3s::{S3Request, S3Result};

use super::handlers::{Core, Tagged, caller, checked_tags, tags_in, tags_of_header, tags_out};
use super::handlers_read::marker_refusal;
use super::handlers_upload::Arrival;
use super::state_conditions::Precondition;
use super::state_errors::malformed_xml;
use super::state_objects::NewObject;
use super::wire_target::check_key;
use crate::error::AwsError;

/// What a client says about an object; every input that makes one has the same fields.
macro_rules! attributes {
    ($input:expr) => {
        $crate::s3::state_rows::Attributes {
            content_type: $input.content_type.take(),
            content_encoding: $input.content_encoding.take(),
            content_disposition: $input.content_disposition.take(),
            content_language: $input.content_language.take(),
            cache_control: $input.cache_control.take(),
            expires_ms: $input.expires.as_ref().map($crate::s3::handlers::millis),
            website_redirect_location: $input.website_redirect_location.take(),
            metadata: $input
                .metadata
                .take()
                .unwrap_or_default()
                .into_iter()
                .collect(),
        }
    };
}
pub(super) use attributes;

/// Puts a checksum where its algorithm belongs.
macro_rules! show_checksum {
    ($output:expr, $checksum:expr) => {{
        let value = Some($checksum.value.clone());
        match $checksum.algorithm {
            $crate::s3::state_checksum::Algorithm::Crc32 => $output.checksum_crc32 = value,
            $crate::s3::state_checksum::Algorithm::Crc32c => $output.checksum_crc32c = value,
            $crate::s3::state_checksum::Algorithm::Crc64Nvme => $output.checksum_crc64nvme = value,
            $crate::s3::state_checksum::Algorithm::Sha1 => $output.checksum_sha1 = value,
            $crate::s3::state_checksum::Algorithm::Sha256 => $output.checksum_sha256 = value,
        }
    }};
}
pub(super) use show_checksum;

/// ACLs are off, as in every new bucket on AWS.
pub(super) fn refuse_acl(acl: Option<&ObjectCannedACL>, granted: bool) -> Result<(), AwsError> {
    let harmless = acl.is_none_or(|acl| {
        [
            ObjectCannedACL::PRIVATE,
            ObjectCannedACL::BUCKET_OWNER_FULL_CONTROL,
        ]
        .contains(&acl.as_str())
    });
    if harmless && !granted {
        return Ok(());
    }
    Err(AwsError::bad_request(
        "AccessControlListNotSupported",
        "The bucket does not allow ACLs",
    ))
}

/// The conditional headers of a write, as far as S3 takes them: one of the two, `If-None-Match` only
/// with an asterisk and `If-Match` only with an entity tag.
pub(super) fn write_condition(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> Result<Precondition, AwsError> {
    let taken = match (if_match, if_none_match) {
        (Some(_), Some(_)) => false,
        (Some(condition), None) => !condition.is_any(),
        (None, Some(condition)) => condition.is_any(),
        (None, None) => true,
    };
    if !taken {
        return Err(AwsError::new(
            501,
            "NotImplemented",
            "A header you provided implies functionality that is not implemented",
        ));
    }
    Ok(precondition(if_match, if_none_match))
}

/// The conditional headers of a write or a deletion.
pub(super) fn precondition(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> Precondition {
    let text = |condition: &ETagCondition| condition.as_etag().map_or("*", ETag::value).to_owned();
    Precondition {
        if_match: if_match.map(text),
        if_none_match: if_none_match.map(text),
    }
}

/// The name of a storage class, `STANDARD` when none was asked for.
pub(super) fn storage_class(wanted: Option<&StorageClass>) -> String {
    wanted
        .map_or(StorageClass::STANDARD, StorageClass::as_str)
        .to_owned()
}

/// S3 encrypts everything, and says so.
pub(super) fn encrypted() -> Option<ServerSideEncryption> {
    Some(ServerSideEncryption::from_static(
        ServerSideEncryption::AES256,
    ))
}

pub(super) fn checksum_type(composite: bool) -> Option<ChecksumType> {
    Some(ChecksumType::from_static(if composite {
        ChecksumType::COMPOSITE
    } else {
        ChecksumType::FULL_OBJECT
    }))
}

impl Core {
    pub(super) async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<PutObjectOutput> {
        let caller = caller(&request)?;
        let body = request.input.body.take();
        let arrival = Arrival::new(&request.headers, &request.extensions, body)?;
        let mut input = request.input;
        let granted = input.grant_full_control.is_some()
            || input.grant_read.is_some()
            || input.grant_read_acp.is_some()
            || input.grant_write_acp.is_some();
        refuse_acl(input.acl.as_ref(), granted)?;
        let tags = tags_of_header(input.tagging.as_deref())?;
        let precondition = write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        self.store.bucket(&input.bucket)?;
        let stored = arrival.store(&self.store.bodies, None).await?;
        let size = stored.size;
        let etag = hex::encode(stored.md5);
        let checksum = stored.checksum.clone();
        let written = self.store.put(NewObject {
            bucket: &input.bucket,
            key: &input.key,
            body: stored,
            etag: etag.clone(),
            storage_class: storage_class(input.storage_class.as_ref()),
            attributes: attributes!(input),
            tags,
            checksum: checksum.clone(),
            part_sizes: Vec::new(),
            part_checksums: Vec::new(),
            precondition,
            event: "s3:ObjectCreated:Put",
            caller: &caller,
            upload_id: None,
        })?;
        self.deliver(written.deliveries);
        tracing::debug!(bucket = input.bucket, key = input.key, size, "object put");
        let mut output = PutObjectOutput {
            e_tag: Some(ETag::Strong(etag)),
            checksum_type: checksum_type(false),
            server_side_encryption: encrypted(),
            version_id: written.version_id,
            ..PutObjectOutput::default()
        };
        show_checksum!(output, checksum);
        Ok(output)
    }

    pub(super) async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<DeleteObjectOutput> {
        let caller = caller(&request)?;
        let input = request.input;
        let deleted = self.store.delete(
            &input.bucket,
            &input.key,
            input.version_id.as_deref(),
            &precondition(input.if_match.as_ref(), None),
            &caller,
        )?;
        self.deliver(deleted.deliveries);
        Ok(DeleteObjectOutput {
            delete_marker: deleted.delete_marker.then_some(true),
            version_id: deleted.version_id,
            ..DeleteObjectOutput::default()
        })
    }

    pub(super) async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<DeleteObjectsOutput> {
        let caller = caller(&request)?;
        let input = request.input;
        self.store.bucket(&input.bucket)?;
        // aws-behaviours S16
        if input.delete.objects.is_empty() || input.delete.objects.len() > 1_000 {
            return Err(malformed_xml().into());
        }
        let mut done = Vec::new();
        let mut errors = Vec::new();
        for object in input.delete.objects {
            let if_match = object.e_tag.map(ETagCondition::ETag);
            let outcome = check_listed(&object.key).and_then(|()| {
                self.store.delete(
                    &input.bucket,
                    &object.key,
                    object.version_id.as_deref(),
                    &precondition(if_match.as_ref(), None),
                    &caller,
                )
            });
            match outcome {
                Ok(deleted) => {
                    self.deliver(deleted.deliveries);
                    let marker = deleted.delete_marker;
                    done.push(DeletedObject {
                        delete_marker: marker.then_some(true),
                        delete_marker_version_id: deleted.version_id.filter(|_| marker),
                        key: Some(object.key),
                        version_id: object.version_id,
                    });
                }
                Err(error) => errors.push(Error {
                    code: Some(error.code),
                    key: Some(object.key),
                    message: Some(error.message),
                    version_id: object.version_id,
                }),
            }
        }
        let quiet = input.delete.quiet == Some(true);
        Ok(DeleteObjectsOutput {
            deleted: (!quiet).then_some(done),
            errors: (!errors.is_empty()).then_some(errors),
            ..DeleteObjectsOutput::default()
        })
    }

    pub(super) async fn put_object_tagging(
        &self,
        request: S3Request<PutObjectTaggingInput>,
    ) -> S3Result<PutObjectTaggingOutput> {
        let input = request.input;
        let tags = checked_tags(tags_in(input.tagging.tag_set)?, Tagged::Object)?;
        let version_id = self.store.set_object_tags(
            &input.bucket,
            &input.key,
            input.version_id.as_deref(),
            &tags,
        )?;
        Ok(PutObjectTaggingOutput { version_id })
    }

    pub(super) async fn get_object_tagging(
        &self,
        request: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<GetObjectTaggingOutput> {
        let input = request.input;
        let found = self
            .store
            .find(&input.bucket, &input.key, input.version_id.as_deref())?;
        if found.version.delete_marker {
            return Err(marker_refusal(&found, input.version_id.is_some()));
        }
        Ok(GetObjectTaggingOutput {
            tag_set: tags_out(&found.version.tags),
            version_id: found.version_id(),
        })
    }

    pub(super) async fn delete_object_tagging(
        &self,
        request: S3Request<DeleteObjectTaggingInput>,
    ) -> S3Result<DeleteObjectTaggingOutput> {
        let input = request.input;
        let version_id = self.store.set_object_tags(
            &input.bucket,
            &input.key,
            input.version_id.as_deref(),
            &Vec::new(),
        )?;
        Ok(DeleteObjectTaggingOutput { version_id })
    }
}

/// A key in a list went through no path, so nobody has looked at it yet.
fn check_listed(key: &str) -> Result<(), AwsError> {
    if key.is_empty() {
        return Err(AwsError::bad_request(
            "UserKeyMustBeSpecified",
            "The bucket POST must contain the specified field name. If it is specified, please \
             check the order of the fields.",
        ));
    }
    check_key(key)
}
