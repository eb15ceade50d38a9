//! S3's operations.

use super::*;

#[test]
fn s3_operations_are_named_by_method_path_and_query() {
    check(
        "s3",
        Protocol::S3,
        &[
            ("GET", "/?x-id=ListBuckets", "ListBuckets", ""),
            ("PUT", "/uploads", "CreateBucket", "uploads"),
            ("PUT", "/uploads/", "CreateBucket", "uploads"),
            ("DELETE", "/uploads", "DeleteBucket", "uploads"),
            ("HEAD", "/uploads/", "HeadBucket", "uploads"),
            ("GET", "/uploads?tagging", "GetBucketTagging", "uploads"),
            ("PUT", "/uploads?tagging=", "PutBucketTagging", "uploads"),
            (
                "DELETE",
                "/uploads?tagging",
                "DeleteBucketTagging",
                "uploads",
            ),
            (
                "PUT",
                "/uploads?versioning",
                "PutBucketVersioning",
                "uploads",
            ),
            (
                "GET",
                "/uploads?publicAccessBlock",
                "GetPublicAccessBlock",
                "uploads",
            ),
            (
                "PUT",
                "/uploads?publicAccessBlock",
                "PutPublicAccessBlock",
                "uploads",
            ),
            ("DELETE", "/uploads?policy", "DeleteBucketPolicy", "uploads"),
            (
                "GET",
                "/uploads?lifecycle",
                "GetBucketLifecycleConfiguration",
                "uploads",
            ),
            (
                "PUT",
                "/uploads?lifecycle",
                "PutBucketLifecycleConfiguration",
                "uploads",
            ),
            (
                "DELETE",
                "/uploads?lifecycle",
                "DeleteBucketLifecycle",
                "uploads",
            ),
            (
                "GET",
                "/uploads?notification",
                "GetBucketNotificationConfiguration",
                "uploads",
            ),
            (
                "PUT",
                "/uploads?notification",
                "PutBucketNotificationConfiguration",
                "uploads",
            ),
            (
                "GET",
                "/uploads/?versions&max-keys=2",
                "ListObjectVersions",
                "uploads",
            ),
            (
                "GET",
                "/uploads/?uploads",
                "ListMultipartUploads",
                "uploads",
            ),
            (
                "GET",
                "/uploads?list-type=2&prefix=a%2Fb",
                "ListObjectsV2",
                "uploads",
            ),
            ("GET", "/uploads?prefix=tagging", "ListObjects", "uploads"),
            (
                "GET",
                "/uploads?metrics&id=m",
                "GetBucketMetricsConfiguration",
                "uploads",
            ),
            ("POST", "/uploads/?delete", "DeleteObjects", "uploads"),
            (
                "PUT",
                "/uploads/logs/a.log?x-id=PutObject",
                "PutObject",
                "uploads",
            ),
            (
                "PUT",
                "/uploads/2026-01-01/functions",
                "PutObject",
                "uploads",
            ),
            ("GET", "/uploads/a?versionId=1", "GetObject", "uploads"),
            ("HEAD", "/uploads/a", "HeadObject", "uploads"),
            (
                "DELETE",
                "/uploads/a?versionId=1",
                "DeleteObject",
                "uploads",
            ),
            ("GET", "/uploads/a?tagging", "GetObjectTagging", "uploads"),
            ("GET", "/uploads//", "GetObject", "uploads"),
            (
                "POST",
                "/uploads/a?uploads",
                "CreateMultipartUpload",
                "uploads",
            ),
            (
                "PUT",
                "/uploads/a?partNumber=1&uploadId=u",
                "UploadPart",
                "uploads",
            ),
            (
                "POST",
                "/uploads/a?uploadId=u",
                "CompleteMultipartUpload",
                "uploads",
            ),
            (
                "DELETE",
                "/uploads/a?uploadId=u",
                "AbortMultipartUpload",
                "uploads",
            ),
            ("GET", "/uploads/a?uploadId=u", "ListParts", "uploads"),
            ("PATCH", "/uploads/a?x", "PATCH /uploads/a?x", "uploads"),
        ],
    );
    let source = [("x-amz-copy-source", "b/k")];
    for (uri, operation) in [
        ("/uploads/a", "CopyObject"),
        ("/uploads/a?partNumber=1&uploadId=u", "UploadPartCopy"),
    ] {
        assert_eq!(name("PUT", uri, &source, "").operation, operation);
    }
    let presigned = "/2026-01-01/a?X-Amz-Credential=k%2F20260101%2Fr%2Fs3%2Faws4_request";
    assert_eq!(name("GET", presigned, &[], "").operation, "GetObject");
}
