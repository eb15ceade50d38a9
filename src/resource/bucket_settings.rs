//! Settings of a bucket, one call each: versioning, public access, the TLS-only statement of its
//! policy, expiry. Statements and rules that are not ours are kept.

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketVersioningStatus,
    ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, PublicAccessBlockConfiguration, VersioningConfiguration,
};
use serde_json::{Value, json};

use super::error::{absent, failed};
use super::policy::{same_statement, statements};
use super::{Attrs, CallError, Context, Resolved};

/// Codes of "no such bucket".
pub(super) const GONE: &[&str] = &["NoSuchBucket", "NotFound"];
/// Id of our lifecycle rule.
const EXPIRY_RULE: &str = "pipectl-expire";
/// Sid of our policy statement.
const TLS_SID: &str = "PipectlTlsOnly";
/// Parts of uploads that were never completed are dropped after this many days.
const ABORT_UPLOADS_DAYS: i32 = 7;

/// Reads all settings at once; none when the bucket is not there.
pub(super) async fn read(cx: &Context, name: &str) -> Result<Option<Attrs>, CallError> {
    let s3 = &cx.clients.s3;
    let versioning = async {
        let answer = s3.get_bucket_versioning().bucket(name).send().await;
        answer.map_err(failed("GetBucketVersioning"))
    };
    let access = async {
        let answer = s3.get_public_access_block().bucket(name).send().await;
        answer.map_err(failed("GetPublicAccessBlock"))
    };
    let (versioning, access, policy, rules) = futures::join!(
        versioning,
        access,
        read_policy(cx, name),
        read_rules(cx, name)
    );
    // The calls run side by side: a bucket that comes or goes meanwhile answers some of them only.
    let (Some(versioning), Some(access)) = (
        absent(versioning, GONE)?,
        absent(
            absent(access, &["NoSuchPublicAccessBlockConfiguration"]),
            GONE,
        )?,
    ) else {
        return Ok(None);
    };
    let mut attrs = Attrs::new();
    let versioned = versioning.status == Some(BucketVersioningStatus::Enabled);
    attrs.insert("versioning".to_owned(), versioned.into());
    let blocked = access
        .and_then(|answer| answer.public_access_block_configuration)
        .is_some_and(|access| {
            [
                access.block_public_acls,
                access.block_public_policy,
                access.ignore_public_acls,
                access.restrict_public_buckets,
            ]
            .iter()
            .all(|flag| *flag == Some(true))
        });
    if blocked {
        attrs.insert("public_access".to_owned(), "blocked".into());
    }
    let ours = tls_statement(cx, name);
    if statements(&policy?)
        .iter()
        .any(|statement| same_statement(statement, &ours))
    {
        attrs.insert("tls_only".to_owned(), true.into());
    }
    let days = rules?
        .iter()
        .find(|rule| rule.id() == Some(EXPIRY_RULE))
        .and_then(expiry_days);
    if let Some(days) = days {
        attrs.insert("expire_after_days".to_owned(), days.into());
    }
    Ok(Some(attrs))
}

/// Writes one setting as wanted.
pub(super) async fn write(cx: &Context, wanted: &Resolved, field: &str) -> Result<(), CallError> {
    match field {
        "versioning" => put_versioning(cx, wanted).await,
        "public_access" => block_public_access(cx, wanted).await,
        "tls_only" => put_policy(cx, wanted).await,
        "expire_after_days" => put_expiry(cx, wanted).await,
        other => Err(CallError::local(
            "sync",
            format!("a bucket has no field {other}"),
        )),
    }
}

async fn put_versioning(cx: &Context, wanted: &Resolved) -> Result<(), CallError> {
    let status = if wanted.is_true("versioning") {
        BucketVersioningStatus::Enabled
    } else {
        BucketVersioningStatus::Suspended
    };
    cx.clients
        .s3
        .put_bucket_versioning()
        .bucket(&wanted.identity.name)
        .versioning_configuration(VersioningConfiguration::builder().status(status).build())
        .send()
        .await
        .map_err(failed("PutBucketVersioning"))?;
    Ok(())
}

async fn block_public_access(cx: &Context, wanted: &Resolved) -> Result<(), CallError> {
    let configuration = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .block_public_policy(true)
        .ignore_public_acls(true)
        .restrict_public_buckets(true)
        .build();
    cx.clients
        .s3
        .put_public_access_block()
        .bucket(&wanted.identity.name)
        .public_access_block_configuration(configuration)
        .send()
        .await
        .map_err(failed("PutPublicAccessBlock"))?;
    Ok(())
}

/// The statement that refuses requests without TLS.
fn tls_statement(cx: &Context, bucket: &str) -> Value {
    let arn = format!("arn:{}:s3:::{bucket}", cx.place.target.partition());
    json!({
        "Sid": TLS_SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, format!("{arn}/*")],
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })
}

async fn read_policy(cx: &Context, bucket: &str) -> Result<Value, CallError> {
    let answer = cx
        .clients
        .s3
        .get_bucket_policy()
        .bucket(bucket)
        .send()
        .await;
    let policy = absent(
        answer.map_err(failed("GetBucketPolicy")),
        &["NoSuchBucketPolicy", "NoSuchBucket"],
    )?
    .and_then(|answer| answer.policy);
    policy.map_or(Ok(Value::Null), |policy| {
        serde_json::from_str(&policy).map_err(|e| {
            CallError::local("GetBucketPolicy", format!("the policy is not JSON: {e}"))
        })
    })
}

async fn put_policy(cx: &Context, wanted: &Resolved) -> Result<(), CallError> {
    let name = &wanted.identity.name;
    let found = read_policy(cx, name).await?;
    let mut all = statements(&found);
    all.retain(|statement| statement["Sid"] != TLS_SID);
    all.push(tls_statement(cx, name));
    // Everything else of the document stays: its version decides how statements of others are read.
    let mut policy = found;
    if !policy.is_object() {
        policy = json!({ "Version": "2012-10-17" });
    }
    policy["Statement"] = all.into();
    cx.clients
        .s3
        .put_bucket_policy()
        .bucket(name)
        .policy(policy.to_string())
        .send()
        .await
        .map_err(failed("PutBucketPolicy"))?;
    Ok(())
}

async fn read_rules(cx: &Context, bucket: &str) -> Result<Vec<LifecycleRule>, CallError> {
    let answer = cx
        .clients
        .s3
        .get_bucket_lifecycle_configuration()
        .bucket(bucket)
        .send()
        .await;
    Ok(absent(
        answer.map_err(failed("GetBucketLifecycleConfiguration")),
        &["NoSuchLifecycleConfiguration", "NoSuchBucket"],
    )?
    .and_then(|answer| answer.rules)
    .unwrap_or_default())
}

/// Days of a rule of ours, if it has all its parts.
fn expiry_days(rule: &LifecycleRule) -> Option<i32> {
    let days = rule.expiration()?.days()?;
    let noncurrent = rule.noncurrent_version_expiration()?.noncurrent_days()?;
    (rule.status() == &ExpirationStatus::Enabled && noncurrent == days).then_some(days)
}

async fn put_expiry(cx: &Context, wanted: &Resolved) -> Result<(), CallError> {
    let name = &wanted.identity.name;
    let mut rules = read_rules(cx, name).await?;
    rules.retain(|rule| rule.id() != Some(EXPIRY_RULE));
    if let Some(days) = wanted.number("expire_after_days") {
        let days = days as i32;
        let rule = LifecycleRule::builder()
            .id(EXPIRY_RULE)
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .expiration(LifecycleExpiration::builder().days(days).build())
            .noncurrent_version_expiration(
                NoncurrentVersionExpiration::builder()
                    .noncurrent_days(days)
                    .build(),
            )
            .abort_incomplete_multipart_upload(
                AbortIncompleteMultipartUpload::builder()
                    .days_after_initiation(ABORT_UPLOADS_DAYS)
                    .build(),
            )
            .build()
            .map_err(|e| CallError::local("PutBucketLifecycleConfiguration", e.to_string()))?;
        rules.push(rule);
    }
    if rules.is_empty() {
        cx.clients
            .s3
            .delete_bucket_lifecycle()
            .bucket(name)
            .send()
            .await
            .map_err(failed("DeleteBucketLifecycle"))?;
        return Ok(());
    }
    let configuration = BucketLifecycleConfiguration::builder()
        .set_rules(Some(rules))
        .build()
        .map_err(|e| CallError::local("PutBucketLifecycleConfiguration", e.to_string()))?;
    cx.clients
        .s3
        .put_bucket_lifecycle_configuration()
        .bucket(name)
        .lifecycle_configuration(configuration)
        .send()
        .await
        .map_err(failed("PutBucketLifecycleConfiguration"))?;
    Ok(())
}
