//! S3's refusals in AWS's words, so that state and handlers say the same thing the same way.

use crate::error::AwsError;

/// 404 `NoSuchBucket`.
pub(super) fn no_such_bucket() -> AwsError {
    AwsError::new(404, "NoSuchBucket", "The specified bucket does not exist")
}

/// 404 `NoSuchKey`.
pub(super) fn no_such_key() -> AwsError {
    AwsError::new(404, "NoSuchKey", "The specified key does not exist.")
}

/// 404 `NoSuchVersion`.
pub(super) fn no_such_version() -> AwsError {
    AwsError::new(
        404,
        "NoSuchVersion",
        "The specified version does not exist.",
    )
}

/// 404 `NoSuchUpload`.
pub(super) fn no_such_upload() -> AwsError {
    AwsError::new(
        404,
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may \
         have been aborted or completed.",
    )
}

/// 409 `BucketNotEmpty` (aws-behaviours S16).
pub(super) fn bucket_not_empty() -> AwsError {
    AwsError::new(
        409,
        "BucketNotEmpty",
        "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
    )
}

/// 412 `PreconditionFailed`.
pub(super) fn precondition_failed() -> AwsError {
    AwsError::new(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    )
}

/// 400 `InvalidArgument`.
pub(super) fn invalid_argument(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidArgument", message)
}

/// 400 `InvalidPart`.
pub(super) fn invalid_part() -> AwsError {
    AwsError::bad_request(
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been \
         uploaded, or the specified entity tag may not match the part's entity tag.",
    )
}
