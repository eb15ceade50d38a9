//! S3's operations, of buckets that are addressed by path.

use hyper::Method;

use super::{Query, decoded};

/// Method, parameter that must be there (of `a+b` both; `-` is none) and operation, for paths of a bucket.
/// The first row that fits counts.
const BUCKET: &[&str] = &[
    "DELETE analytics DeleteBucketAnalyticsConfiguration",
    "DELETE cors DeleteBucketCors",
    "DELETE encryption DeleteBucketEncryption",
    "DELETE intelligent-tiering DeleteBucketIntelligentTieringConfiguration",
    "DELETE inventory DeleteBucketInventoryConfiguration",
    "DELETE lifecycle DeleteBucketLifecycle",
    "DELETE metrics DeleteBucketMetricsConfiguration",
    "DELETE ownershipControls DeleteBucketOwnershipControls",
    "DELETE policy DeleteBucketPolicy",
    "DELETE publicAccessBlock DeletePublicAccessBlock",
    "DELETE replication DeleteBucketReplication",
    "DELETE tagging DeleteBucketTagging",
    "DELETE website DeleteBucketWebsite",
    "DELETE - DeleteBucket",
    "GET accelerate GetBucketAccelerateConfiguration",
    "GET acl GetBucketAcl",
    "GET analytics+id GetBucketAnalyticsConfiguration",
    "GET analytics ListBucketAnalyticsConfigurations",
    "GET cors GetBucketCors",
    "GET encryption GetBucketEncryption",
    "GET intelligent-tiering+id GetBucketIntelligentTieringConfiguration",
    "GET intelligent-tiering ListBucketIntelligentTieringConfigurations",
    "GET inventory+id GetBucketInventoryConfiguration",
    "GET inventory ListBucketInventoryConfigurations",
    "GET lifecycle GetBucketLifecycleConfiguration",
    "GET location GetBucketLocation",
    "GET logging GetBucketLogging",
    "GET metrics+id GetBucketMetricsConfiguration",
    "GET metrics ListBucketMetricsConfigurations",
    "GET notification GetBucketNotificationConfiguration",
    "GET object-lock GetObjectLockConfiguration",
    "GET ownershipControls GetBucketOwnershipControls",
    "GET policy GetBucketPolicy",
    "GET policyStatus GetBucketPolicyStatus",
    "GET publicAccessBlock GetPublicAccessBlock",
    "GET replication GetBucketReplication",
    "GET requestPayment GetBucketRequestPayment",
    "GET tagging GetBucketTagging",
    "GET uploads ListMultipartUploads",
    "GET versioning GetBucketVersioning",
    "GET versions ListObjectVersions",
    "GET website GetBucketWebsite",
    "GET list-type ListObjectsV2",
    "GET - ListObjects",
    "HEAD - HeadBucket",
    "POST delete DeleteObjects",
    "POST - PostObject",
    "PUT accelerate PutBucketAccelerateConfiguration",
    "PUT acl PutBucketAcl",
    "PUT analytics PutBucketAnalyticsConfiguration",
    "PUT cors PutBucketCors",
    "PUT encryption PutBucketEncryption",
    "PUT intelligent-tiering PutBucketIntelligentTieringConfiguration",
    "PUT inventory PutBucketInventoryConfiguration",
    "PUT lifecycle PutBucketLifecycleConfiguration",
    "PUT logging PutBucketLogging",
    "PUT metrics PutBucketMetricsConfiguration",
    "PUT notification PutBucketNotificationConfiguration",
    "PUT object-lock PutObjectLockConfiguration",
    "PUT ownershipControls PutBucketOwnershipControls",
    "PUT policy PutBucketPolicy",
    "PUT publicAccessBlock PutPublicAccessBlock",
    "PUT replication PutBucketReplication",
    "PUT requestPayment PutBucketRequestPayment",
    "PUT tagging PutBucketTagging",
    "PUT versioning PutBucketVersioning",
    "PUT website PutBucketWebsite",
    "PUT - CreateBucket",
];

/// The same for paths of an object.
const OBJECT: &[&str] = &[
    "DELETE tagging DeleteObjectTagging",
    "DELETE uploadId AbortMultipartUpload",
    "DELETE - DeleteObject",
    "GET acl GetObjectAcl",
    "GET attributes GetObjectAttributes",
    "GET legal-hold GetObjectLegalHold",
    "GET retention GetObjectRetention",
    "GET tagging GetObjectTagging",
    "GET torrent GetObjectTorrent",
    "GET uploadId ListParts",
    "GET - GetObject",
    "HEAD - HeadObject",
    "POST restore RestoreObject",
    "POST select SelectObjectContent",
    "POST uploads CreateMultipartUpload",
    "POST uploadId CompleteMultipartUpload",
    "PUT acl PutObjectAcl",
    "PUT legal-hold PutObjectLegalHold",
    "PUT renameObject RenameObject",
    "PUT retention PutObjectRetention",
    "PUT tagging PutObjectTagging",
    "PUT partNumber+uploadId UploadPart",
    "PUT - PutObject",
];

/// Bucket and key, as they are in the path.
fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_once('/').unwrap_or((path, ""))
}

/// The operation, where the tables have it. `copies` says that the request names a source.
pub(super) fn operation(
    method: &Method,
    path: &str,
    query: &Query,
    copies: bool,
) -> Option<&'static str> {
    let rows = match split(path) {
        ("", _) => return (method == Method::GET).then_some("ListBuckets"),
        (_, "") => BUCKET,
        _ => OBJECT,
    };
    let found = rows.iter().find_map(|row| {
        let mut columns = row.split(' ');
        let (wanted, parameters, name) = (columns.next()?, columns.next()?, columns.next()?);
        let fits = wanted == method.as_str()
            && (parameters == "-" || parameters.split('+').all(|p| query.value(p).is_some()));
        fits.then_some(name)
    });
    match found {
        Some("PutObject") if copies => Some("CopyObject"),
        Some("UploadPart") if copies => Some("UploadPartCopy"),
        _ => found,
    }
}

/// The bucket; empty when none is named.
pub(super) fn bucket(path: &str) -> String {
    decoded(split(path).0)
}
