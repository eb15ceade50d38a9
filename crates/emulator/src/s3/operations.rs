//! The operations of S3, by the service model of botocore 1.44.5, and how far each is served.
//!
//! What is served follows from the handlers there are, so that the two cannot drift: an operation
//! without a handler is absent, and a note about one without a handler does not compile.

use super::handlers::HANDLED;
use crate::service::Operation;

/// All of them, sorted by name.
pub(crate) const OPERATIONS: &[Operation] = &table();

/// Operations that an older name and a newer one stand for: their requests cannot be told apart.
const RENAMED: &[(&str, &str)] = &[
    (
        "GetBucketLifecycle",
        "answered as GetBucketLifecycleConfiguration, which it became",
    ),
    (
        "GetBucketNotification",
        "answered as GetBucketNotificationConfiguration, which it became",
    ),
    (
        "PutBucketLifecycle",
        "answered as PutBucketLifecycleConfiguration, which it became",
    ),
    (
        "PutBucketNotification",
        "answered as PutBucketNotificationConfiguration, which it became",
    ),
];

/// What is missing from operations that are served.
const BUT: &[(&str, &str)] = &[
    (
        "CompleteMultipartUpload",
        "completing an upload twice answers NoSuchUpload",
    ),
    (
        "CopyObject",
        "KMS, customer keys, object lock and access points are refused",
    ),
    (
        "CreateBucket",
        "object lock, ACLs and directory buckets are refused; nobody else owns a name",
    ),
    (
        "CreateMultipartUpload",
        "KMS, customer keys, object lock and ACLs are refused",
    ),
    ("DeleteObject", "there is no MFA and no object lock"),
    ("DeleteObjects", "there is no MFA and no object lock"),
    (
        "GetBucketLifecycleConfiguration",
        "rules are stored and not enforced",
    ),
    ("GetBucketPolicy", "policies are stored and not enforced"),
    (
        "GetObject",
        "archived storage classes are read like any other; customer keys are refused",
    ),
    (
        "GetObjectAttributes",
        "the ETag comes in quotes; parts are numbered one after another, whatever numbers they were \
         uploaded under",
    ),
    (
        "HeadObject",
        "archived storage classes are read like any other; customer keys are refused",
    ),
    ("ListObjectsV2", "restore status is not told"),
    (
        "PutBucketEncryption",
        "stored and not enforced: bodies are kept as they came; KMS is refused on objects",
    ),
    (
        "PutBucketLifecycleConfiguration",
        "rules are stored and not enforced: nothing expires",
    ),
    (
        "PutBucketNotificationConfiguration",
        "only functions; queues, topics and EventBridge are refused",
    ),
    (
        "PutBucketOwnershipControls",
        "stored and not enforced: ACLs are always off",
    ),
    (
        "PutBucketPolicy",
        "policies are stored and not enforced; only their JSON is checked",
    ),
    ("PutBucketVersioning", "MFA delete is refused"),
    (
        "PutObject",
        "KMS, customer keys, object lock, ACLs and appending are refused; storage classes are \
         stored and mean nothing; checksums by MD5, SHA512 and XXHASH are refused",
    ),
    (
        "PutPublicAccessBlock",
        "stored and not enforced: any credentials do",
    ),
    (
        "UploadPart",
        "customer keys are refused; checksums by MD5, SHA512 and XXHASH are refused",
    ),
    (
        "UploadPartCopy",
        "customer keys and access points are refused",
    ),
];

/// The names of all operations.
const NAMES: &[&str] = &[
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateBucketMetadataConfiguration",
    "CreateBucketMetadataTableConfiguration",
    "CreateMultipartUpload",
    "CreateSession",
    "DeleteBucket",
    "DeleteBucketAnalyticsConfiguration",
    "DeleteBucketCors",
    "DeleteBucketEncryption",
    "DeleteBucketIntelligentTieringConfiguration",
    "DeleteBucketInventoryConfiguration",
    "DeleteBucketLifecycle",
    "DeleteBucketMetadataConfiguration",
    "DeleteBucketMetadataTableConfiguration",
    "DeleteBucketMetricsConfiguration",
    "DeleteBucketOwnershipControls",
    "DeleteBucketPolicy",
    "DeleteBucketReplication",
    "DeleteBucketTagging",
    "DeleteBucketWebsite",
    "DeleteObject",
    "DeleteObjectAnnotation",
    "DeleteObjectTagging",
    "DeleteObjects",
    "DeletePublicAccessBlock",
    "GetBucketAbac",
    "GetBucketAccelerateConfiguration",
    "GetBucketAcl",
    "GetBucketAnalyticsConfiguration",
    "GetBucketCors",
    "GetBucketEncryption",
    "GetBucketIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration",
    "GetBucketLifecycle",
    "GetBucketLifecycleConfiguration",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketMetadataConfiguration",
    "GetBucketMetadataTableConfiguration",
    "GetBucketMetricsConfiguration",
    "GetBucketNotification",
    "GetBucketNotificationConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketReplication",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAnnotation",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectLockConfiguration",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "GetPublicAccessBlock",
    "HeadBucket",
    "HeadObject",
    "ListBucketAnalyticsConfigurations",
    "ListBucketIntelligentTieringConfigurations",
    "ListBucketInventoryConfigurations",
    "ListBucketMetricsConfigurations",
    "ListBuckets",
    "ListDirectoryBuckets",
    "ListMultipartUploads",
    "ListObjectAnnotations",
    "ListObjectVersions",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PutBucketAbac",
    "PutBucketAccelerateConfiguration",
    "PutBucketAcl",
    "PutBucketAnalyticsConfiguration",
    "PutBucketCors",
    "PutBucketEncryption",
    "PutBucketIntelligentTieringConfiguration",
    "PutBucketInventoryConfiguration",
    "PutBucketLifecycle",
    "PutBucketLifecycleConfiguration",
    "PutBucketLogging",
    "PutBucketMetricsConfiguration",
    "PutBucketNotification",
    "PutBucketNotificationConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketReplication",
    "PutBucketRequestPayment",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutBucketWebsite",
    "PutObject",
    "PutObjectAcl",
    "PutObjectAnnotation",
    "PutObjectLegalHold",
    "PutObjectLockConfiguration",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutPublicAccessBlock",
    "RenameObject",
    "RestoreObject",
    "SelectObjectContent",
    "UpdateBucketMetadataAnnotationTableConfiguration",
    "UpdateBucketMetadataInventoryTableConfiguration",
    "UpdateBucketMetadataJournalTableConfiguration",
    "UpdateObjectEncryption",
    "UploadPart",
    "UploadPartCopy",
    "WriteGetObjectResponse",
];

const fn table() -> [Operation; NAMES.len()] {
    let mut table = [Operation::absent(""); NAMES.len()];
    let mut index = 0;
    let mut handled = 0;
    let mut noted = 0;
    while index < NAMES.len() {
        let name = NAMES[index];
        let is_handled = is_handled(name);
        table[index] = match (is_handled, note(BUT, name), note(RENAMED, name)) {
            (true, None, None) => Operation::implemented(name),
            (true, Some(what), None) | (false, None, Some(what)) => Operation::partly(name, what),
            (false, None, None) => Operation::absent(name),
            _ => panic!("a note about an operation that is not served, or two notes about one"),
        };
        if is_handled {
            handled += 1;
        }
        if note(BUT, name).is_some() || note(RENAMED, name).is_some() {
            noted += 1;
        }
        index += 1;
    }
    assert!(handled == HANDLED.len(), "a handler of no operation");
    assert!(noted == BUT.len() + RENAMED.len(), "a note of no operation");
    table
}

const fn is_handled(name: &str) -> bool {
    let mut index = 0;
    while index < HANDLED.len() {
        if is_named(HANDLED[index], name, b"Input") {
            return true;
        }
        index += 1;
    }
    false
}

const fn note(notes: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    let mut index = 0;
    while index < notes.len() {
        if is_named(notes[index].0, name, b"") {
            return Some(notes[index].1);
        }
        index += 1;
    }
    None
}

/// Is `text` the name with the ending behind it?
const fn is_named(text: &str, name: &str, ending: &[u8]) -> bool {
    let (text, name) = (text.as_bytes(), name.as_bytes());
    if text.len() != name.len() + ending.len() {
        return false;
    }
    let mut index = 0;
    while index < text.len() {
        let wanted = if index < name.len() {
            name[index]
        } else {
            ending[index - name.len()]
        };
        if text[index] != wanted {
            return false;
        }
        index += 1;
    }
    true
}
