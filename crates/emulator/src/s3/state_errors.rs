//! S3's refusals in AWS's words, so that state and handlers say the same thing the same way, and
//! what the disk's refusals are called.

use std::io;

use crate::error::AwsError;

/// A fault of the disk. A full one is AWS's 507 wherever it happens; S3's word for "come back later",
/// which is what too many open files mean, is `SlowDown`.
pub(super) fn disk(error: io::Error) -> AwsError {
    match AwsError::from(error) {
        AwsError {
            status: 503,
            message,
            ..
        } => AwsError::new(503, "SlowDown", message),
        other => other,
    }
}

/// A row names a body that is not on the disk.
pub(super) fn body_missing(name: &str) -> AwsError {
    AwsError::internal(format!(
        "the store is damaged: the file of this object's body, {name}, is not there"
    ))
}

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
pub(super) fn bucket_not_empty(versioned: bool) -> AwsError {
    AwsError::new(
        409,
        "BucketNotEmpty",
        if versioned {
            "The bucket you tried to delete is not empty. You must delete all versions in the \
             bucket."
        } else {
            "The bucket you tried to delete is not empty"
        },
    )
}

/// 409 `ConditionalRequestConflict`.
pub(super) fn conditional_conflict() -> AwsError {
    AwsError::new(
        409,
        "ConditionalRequestConflict",
        "The conditional request cannot succeed due to a conflicting operation against this \
         resource.",
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

/// 400 `InvalidRequest`.
pub(super) fn invalid_request(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidRequest", message)
}

/// 400 `MalformedXML`.
pub(super) fn malformed_xml() -> AwsError {
    AwsError::bad_request(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

/// 400 `InvalidPart`.
pub(super) fn invalid_part() -> AwsError {
    AwsError::bad_request(
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been \
         uploaded, or the specified entity tag may not match the part's entity tag.",
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_disk_that_is_full_and_files_that_ran_out_are_told_apart() {
        for (errno, status, code, part) in [
            (Errno::NOSPC, 507, "InsufficientStorage", "full"),
            (Errno::DQUOT, 507, "InsufficientStorage", "quota"),
            (Errno::FBIG, 507, "InsufficientStorage", "full"),
            (Errno::MFILE, 503, "SlowDown", "ulimit -n"),
            (Errno::NFILE, 503, "SlowDown", "ulimit -n"),
            (Errno::IO, 500, "InternalFailure", "store"),
        ] {
            let error = disk(io::Error::from(errno));
            assert_eq!((error.status, error.code.as_str()), (status, code));
            assert!(error.message.contains(part), "{error}");
        }
    }

    #[test]
    fn what_the_system_says_of_a_full_device_is_understood() {
        let mut full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("the device that is always full");
        let error = full.write_all(b"x").expect_err("full");
        assert_eq!(disk(error).status, 507);
    }
}
