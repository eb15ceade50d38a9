//! Requests for operations that are not implemented, recognized before s3s sees them: those that it
//! does not know it would take for others, `PUT /bucket/key?renameObject` for PutObject.

use http::request::Parts;
use http::{Method, header};

use super::operations::OPERATIONS;
use super::wire_target::Target;
use crate::error::AwsError;
use crate::service::Support;

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Service,
    Bucket,
    Object,
}

/// How a request for an operation looks: its method, its level, the parameters it has.
pub(super) struct Route {
    pub method: &'static str,
    pub level: Level,
    pub parameters: &'static [&'static str],
    pub operation: &'static str,
}

const fn bucket(
    method: &'static str,
    parameters: &'static [&'static str],
    operation: &'static str,
) -> Route {
    Route {
        method,
        level: Level::Bucket,
        parameters,
        operation,
    }
}

const fn object(
    method: &'static str,
    parameters: &'static [&'static str],
    operation: &'static str,
) -> Route {
    Route {
        level: Level::Object,
        ..bucket(method, parameters, operation)
    }
}

/// The operations without a handler. Of two that fit, the first is meant.
pub(super) const ROUTES: &[Route] = &[
    bucket(
        "DELETE",
        &["analytics"],
        "DeleteBucketAnalyticsConfiguration",
    ),
    bucket("DELETE", &["cors"], "DeleteBucketCors"),
    bucket(
        "DELETE",
        &["intelligent-tiering"],
        "DeleteBucketIntelligentTieringConfiguration",
    ),
    bucket(
        "DELETE",
        &["inventory"],
        "DeleteBucketInventoryConfiguration",
    ),
    bucket(
        "DELETE",
        &["metadataConfiguration"],
        "DeleteBucketMetadataConfiguration",
    ),
    bucket(
        "DELETE",
        &["metadataTable"],
        "DeleteBucketMetadataTableConfiguration",
    ),
    bucket("DELETE", &["metrics"], "DeleteBucketMetricsConfiguration"),
    bucket("DELETE", &["replication"], "DeleteBucketReplication"),
    bucket("DELETE", &["website"], "DeleteBucketWebsite"),
    bucket("GET", &["abac"], "GetBucketAbac"),
    bucket("GET", &["accelerate"], "GetBucketAccelerateConfiguration"),
    bucket("GET", &["acl"], "GetBucketAcl"),
    bucket(
        "GET",
        &["analytics", "id"],
        "GetBucketAnalyticsConfiguration",
    ),
    bucket("GET", &["analytics"], "ListBucketAnalyticsConfigurations"),
    bucket("GET", &["cors"], "GetBucketCors"),
    bucket(
        "GET",
        &["intelligent-tiering", "id"],
        "GetBucketIntelligentTieringConfiguration",
    ),
    bucket(
        "GET",
        &["intelligent-tiering"],
        "ListBucketIntelligentTieringConfigurations",
    ),
    bucket(
        "GET",
        &["inventory", "id"],
        "GetBucketInventoryConfiguration",
    ),
    bucket("GET", &["inventory"], "ListBucketInventoryConfigurations"),
    bucket("GET", &["logging"], "GetBucketLogging"),
    bucket(
        "GET",
        &["metadataConfiguration"],
        "GetBucketMetadataConfiguration",
    ),
    bucket(
        "GET",
        &["metadataTable"],
        "GetBucketMetadataTableConfiguration",
    ),
    bucket("GET", &["metrics", "id"], "GetBucketMetricsConfiguration"),
    bucket("GET", &["metrics"], "ListBucketMetricsConfigurations"),
    bucket("GET", &["object-lock"], "GetObjectLockConfiguration"),
    bucket("GET", &["policyStatus"], "GetBucketPolicyStatus"),
    bucket("GET", &["replication"], "GetBucketReplication"),
    bucket("GET", &["requestPayment"], "GetBucketRequestPayment"),
    bucket("GET", &["session"], "CreateSession"),
    bucket("GET", &["website"], "GetBucketWebsite"),
    bucket(
        "POST",
        &["metadataConfiguration"],
        "CreateBucketMetadataConfiguration",
    ),
    bucket(
        "POST",
        &["metadataTable"],
        "CreateBucketMetadataTableConfiguration",
    ),
    bucket("PUT", &["abac"], "PutBucketAbac"),
    bucket("PUT", &["accelerate"], "PutBucketAccelerateConfiguration"),
    bucket("PUT", &["acl"], "PutBucketAcl"),
    bucket("PUT", &["analytics"], "PutBucketAnalyticsConfiguration"),
    bucket("PUT", &["cors"], "PutBucketCors"),
    bucket(
        "PUT",
        &["intelligent-tiering"],
        "PutBucketIntelligentTieringConfiguration",
    ),
    bucket("PUT", &["inventory"], "PutBucketInventoryConfiguration"),
    bucket("PUT", &["logging"], "PutBucketLogging"),
    bucket(
        "PUT",
        &["metadataAnnotationTable"],
        "UpdateBucketMetadataAnnotationTableConfiguration",
    ),
    bucket(
        "PUT",
        &["metadataInventoryTable"],
        "UpdateBucketMetadataInventoryTableConfiguration",
    ),
    bucket(
        "PUT",
        &["metadataJournalTable"],
        "UpdateBucketMetadataJournalTableConfiguration",
    ),
    bucket("PUT", &["metrics"], "PutBucketMetricsConfiguration"),
    bucket("PUT", &["object-lock"], "PutObjectLockConfiguration"),
    bucket("PUT", &["replication"], "PutBucketReplication"),
    bucket("PUT", &["requestPayment"], "PutBucketRequestPayment"),
    bucket("PUT", &["website"], "PutBucketWebsite"),
    object("DELETE", &["annotation"], "DeleteObjectAnnotation"),
    object("GET", &["acl"], "GetObjectAcl"),
    object(
        "GET",
        &["annotation", "annotationName"],
        "GetObjectAnnotation",
    ),
    object("GET", &["annotation"], "ListObjectAnnotations"),
    object("GET", &["legal-hold"], "GetObjectLegalHold"),
    object("GET", &["retention"], "GetObjectRetention"),
    object("GET", &["torrent"], "GetObjectTorrent"),
    object("POST", &["restore"], "RestoreObject"),
    object("POST", &["select"], "SelectObjectContent"),
    object("PUT", &["acl"], "PutObjectAcl"),
    object("PUT", &["annotation"], "PutObjectAnnotation"),
    object("PUT", &["encryption"], "UpdateObjectEncryption"),
    object("PUT", &["legal-hold"], "PutObjectLegalHold"),
    object("PUT", &["renameObject"], "RenameObject"),
    object("PUT", &["retention"], "PutObjectRetention"),
];

/// Parameters of the operations that are served, as far as they can stand without a value.
const KNOWN: &[&str] = &[
    "delete",
    "encryption",
    "lifecycle",
    "notification",
    "ownershipControls",
    "partNumber",
    "policy",
    "publicAccessBlock",
    "tagging",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
];

/// Refuses a request for an operation that is not implemented.
pub(super) fn refuse(parts: &Parts, target: &Target) -> Result<(), AwsError> {
    if let Some(operation) = absent(parts, target) {
        return Err(AwsError::not_implemented("S3", &operation));
    }
    Ok(())
}

fn absent(parts: &Parts, target: &Target) -> Option<String> {
    let level = match (&target.bucket, &target.key) {
        (None, _) => Level::Service,
        (Some(_), None) => Level::Bucket,
        (Some(_), Some(_)) => Level::Object,
    };
    let method = &parts.method;
    let route = ROUTES.iter().find(|route| {
        route.method == method.as_str()
            && route.level == level
            && route.parameters.iter().all(|name| target.has(name))
    });
    if let Some(route) = route {
        return Some(route.operation.to_owned());
    }
    // SDKs name the operation where the rest of the request does not tell it apart.
    if let Some(named) = target.value("x-id")
        && OPERATIONS
            .iter()
            .any(|known| known.name == named && known.support == Support::NotImplemented)
    {
        return Some(named.to_owned());
    }
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    if header("x-amz-request-route").is_some() && header("x-amz-request-token").is_some() {
        return Some("WriteGetObjectResponse".to_owned());
    }
    let is_form = header(header::CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.starts_with("multipart/form-data"));
    if method == Method::POST && level == Level::Bucket && is_form {
        return Some("PostObject".to_owned());
    }
    // A write must not be taken for another one: what stands there without a value names an
    // operation, and one that is newer than this table.
    let writes = [Method::PUT, Method::POST, Method::DELETE].contains(method);
    let unknown = target
        .query
        .iter()
        .find(|(name, value)| value.is_empty() && !KNOWN.contains(&name.as_str()));
    match unknown {
        Some((name, _)) if writes => Some(format!("{method} with ?{name}")),
        _ => None,
    }
}
