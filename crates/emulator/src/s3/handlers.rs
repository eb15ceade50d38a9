//! Which operations there are, and what their handlers share.

use std::sync::{Arc, Mutex};

#[allow(
    clippy::wildcard_imports,
    reason = "the table below names the input and output of every operation"
)]
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result};
use tokio::sync::Notify;

use super::state::Store;
use super::state_errors::{invalid_argument, malformed_xml};
use super::state_events::{Caller, Delivery};
use super::state_rows::Tags;
use crate::config::ACCOUNT;
use crate::error::AwsError;
use crate::server::Shared;

/// What every handler works with.
pub(super) struct Core {
    pub(super) store: Store,
    pub(super) shared: Arc<Shared>,
    /// Events that the function service refused for now.
    pub(super) refused: Mutex<Vec<Delivery>>,
    /// Rung when there are such events.
    pub(super) bell: Notify,
}

impl Core {
    /// Puts the parts together.
    pub(super) fn new(store: Store, shared: Arc<Shared>) -> Self {
        Self {
            store,
            shared,
            refused: Mutex::new(Vec::new()),
            bell: Notify::new(),
        }
    }
}

/// The operations, as s3s calls them.
pub(super) struct Api(pub(super) Arc<Core>);

/// Writes the trait from a table, so that one line is one operation. What is missing here falls to
/// the trait's default: 501 `NotImplemented` with the operation's name.
macro_rules! operations {
    ($($method:ident: $input:ident -> $output:ident;)*) => {
        /// The inputs of the operations that have a handler; each is named after its operation.
        pub(super) const HANDLED: &[&str] = &[$(stringify!($input)),*];

        #[async_trait::async_trait]
        impl S3 for Api {
            $(
                async fn $method(
                    &self,
                    request: S3Request<$input>,
                ) -> S3Result<S3Response<$output>> {
                    let output: Result<$output, S3Error> = self.0.$method(request).await;
                    output.map(S3Response::new)
                }
            )*
        }
    };
}

operations! {
    // handlers_bucket
    create_bucket: CreateBucketInput -> CreateBucketOutput;
    head_bucket: HeadBucketInput -> HeadBucketOutput;
    get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput;
    list_buckets: ListBucketsInput -> ListBucketsOutput;
    delete_bucket: DeleteBucketInput -> DeleteBucketOutput;
    put_bucket_versioning: PutBucketVersioningInput -> PutBucketVersioningOutput;
    get_bucket_versioning: GetBucketVersioningInput -> GetBucketVersioningOutput;
    // handlers_config
    put_bucket_tagging: PutBucketTaggingInput -> PutBucketTaggingOutput;
    get_bucket_tagging: GetBucketTaggingInput -> GetBucketTaggingOutput;
    delete_bucket_tagging: DeleteBucketTaggingInput -> DeleteBucketTaggingOutput;
    put_public_access_block: PutPublicAccessBlockInput -> PutPublicAccessBlockOutput;
    get_public_access_block: GetPublicAccessBlockInput -> GetPublicAccessBlockOutput;
    delete_public_access_block: DeletePublicAccessBlockInput -> DeletePublicAccessBlockOutput;
    put_bucket_policy: PutBucketPolicyInput -> PutBucketPolicyOutput;
    get_bucket_policy: GetBucketPolicyInput -> GetBucketPolicyOutput;
    delete_bucket_policy: DeleteBucketPolicyInput -> DeleteBucketPolicyOutput;
    put_bucket_encryption: PutBucketEncryptionInput -> PutBucketEncryptionOutput;
    get_bucket_encryption: GetBucketEncryptionInput -> GetBucketEncryptionOutput;
    delete_bucket_encryption: DeleteBucketEncryptionInput -> DeleteBucketEncryptionOutput;
    put_bucket_lifecycle_configuration:
        PutBucketLifecycleConfigurationInput -> PutBucketLifecycleConfigurationOutput;
    get_bucket_lifecycle_configuration:
        GetBucketLifecycleConfigurationInput -> GetBucketLifecycleConfigurationOutput;
    delete_bucket_lifecycle: DeleteBucketLifecycleInput -> DeleteBucketLifecycleOutput;
    put_bucket_ownership_controls:
        PutBucketOwnershipControlsInput -> PutBucketOwnershipControlsOutput;
    get_bucket_ownership_controls:
        GetBucketOwnershipControlsInput -> GetBucketOwnershipControlsOutput;
    delete_bucket_ownership_controls:
        DeleteBucketOwnershipControlsInput -> DeleteBucketOwnershipControlsOutput;
    // handlers_events
    put_bucket_notification_configuration:
        PutBucketNotificationConfigurationInput -> PutBucketNotificationConfigurationOutput;
    get_bucket_notification_configuration:
        GetBucketNotificationConfigurationInput -> GetBucketNotificationConfigurationOutput;
    // handlers_object
    put_object: PutObjectInput -> PutObjectOutput;
    delete_object: DeleteObjectInput -> DeleteObjectOutput;
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput;
    put_object_tagging: PutObjectTaggingInput -> PutObjectTaggingOutput;
    get_object_tagging: GetObjectTaggingInput -> GetObjectTaggingOutput;
    delete_object_tagging: DeleteObjectTaggingInput -> DeleteObjectTaggingOutput;
    // handlers_copy
    copy_object: CopyObjectInput -> CopyObjectOutput;
    upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput;
    // handlers_read
    get_object: GetObjectInput -> GetObjectOutput;
    head_object: HeadObjectInput -> HeadObjectOutput;
    // handlers_attributes
    get_object_attributes: GetObjectAttributesInput -> GetObjectAttributesOutput;
    // handlers_list
    list_objects: ListObjectsInput -> ListObjectsOutput;
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output;
    list_object_versions: ListObjectVersionsInput -> ListObjectVersionsOutput;
    // handlers_multipart
    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput;
    upload_part: UploadPartInput -> UploadPartOutput;
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput;
    // handlers_complete
    complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput;
    // handlers_uploads
    list_parts: ListPartsInput -> ListPartsOutput;
    list_multipart_uploads: ListMultipartUploadsInput -> ListMultipartUploadsOutput;
}

/// Who asks; the wire put it into every request.
pub(super) fn caller<T>(request: &S3Request<T>) -> Result<Caller, AwsError> {
    request
        .extensions
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| AwsError::internal("a request reached its handler without a caller"))
}

/// The only account there is.
pub(super) fn owner() -> Owner {
    Owner {
        display_name: None,
        id: Some(ACCOUNT.to_owned()),
    }
}

/// Milliseconds since the Unix epoch as s3s has times.
pub(super) fn timestamp(ms: i64) -> Timestamp {
    time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
        .into()
}

/// The other way round.
pub(super) fn millis(timestamp: &Timestamp) -> i64 {
    let time: time::OffsetDateTime = timestamp.clone().into();
    (time.unix_timestamp_nanos() / 1_000_000) as i64
}

/// What tags are put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tagged {
    Bucket,
    Object,
}

/// Checks tags as AWS does (aws-behaviours S18).
pub(super) fn checked_tags(tags: Tags, on: Tagged) -> Result<Tags, AwsError> {
    let invalid = |message: &str| Err(AwsError::bad_request("InvalidTag", message));
    let (most, too_many, system) = match on {
        Tagged::Bucket => (
            50,
            "Bucket tag count cannot be greater than 50",
            "System tags cannot be added/updated by requester",
        ),
        Tagged::Object => (
            10,
            "Object tags cannot be greater than 10",
            "Your TagKey cannot be prefixed with aws:",
        ),
    };
    if tags.len() > most {
        return Err(AwsError::bad_request("BadRequest", too_many));
    }
    for (index, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > 128 || !is_tag_text(key) {
            return invalid("The TagKey you have provided is invalid");
        }
        if value.chars().count() > 256 || !is_tag_text(value) {
            return invalid("The TagValue you have provided is invalid");
        }
        if key.starts_with("aws:") {
            return invalid(system);
        }
        if tags[..index].iter().any(|(earlier, _)| earlier == key) {
            return invalid("Cannot provide multiple Tags with the same key");
        }
    }
    Ok(tags)
}

/// Letters, digits and spaces of any script, and some punctuation.
fn is_tag_text(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
    })
}

/// Tags of a request body; a key and a value must be there, be they empty.
pub(super) fn tags_in(set: TagSet) -> Result<Tags, AwsError> {
    set.into_iter()
        .map(|tag| tag.key.zip(tag.value).ok_or_else(malformed_xml))
        .collect()
}

/// Tags for an answer.
pub(super) fn tags_out(tags: &Tags) -> TagSet {
    tags.iter()
        .map(|(key, value)| Tag {
            key: Some(key.clone()),
            value: Some(value.clone()),
        })
        .collect()
}

/// Tags of the `x-amz-tagging` header, which is a query string.
pub(super) fn tags_of_header(header: Option<&str>) -> Result<Tags, AwsError> {
    let invalid = || {
        invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query \
             parameters without tag name duplicates.",
        )
    };
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(&text.replace('+', " "))
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| invalid())
    };
    let mut tags = Tags::new();
    for pair in header.unwrap_or_default().split('&') {
        if pair.is_empty() {
            continue;
        }
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let tag = (decode(key)?, decode(value)?);
        if tags.iter().any(|(earlier, _)| *earlier == tag.0) {
            return Err(invalid());
        }
        tags.push(tag);
    }
    checked_tags(tags, Tagged::Object)
}
