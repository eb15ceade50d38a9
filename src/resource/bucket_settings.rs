//! Settings of a bucket, one call each: versioning, public access, the TLS-only statement of its
//! policy, expiry. Statements and rules that are not ours are kept.

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketVersioningStatus,
    ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, PublicAccessBlockConfiguration, VersioningConfiguration,
};
use serde_json::{Value, json};

use super::error::{absent, failed, permitted};
use super::policy::{same_statement, statements};
use super::{CallError, Context, Live, Resolved, Wanted};

/// Codes of "no such bucket".
pub(super) const GONE: &[&str] = &["NoSuchBucket", "NotFound"];
/// Id of our lifecycle rule.
const LIFECYCLE_RULE: &str = "pipectl-expire";
/// Sid of our policy statement.
const TLS_SID: &str = "PipectlTlsOnly";
/// Parts of uploads that were never completed are dropped after this many days: nobody sees them, and they cost.
pub(super) const ABORT_UPLOADS_DAYS: i32 = 7;

/// Field: is every version of an object kept?
const VERSIONING: &str = "versioning";
/// Field: public access.
const ACCESS: &str = "public_access";
/// Field: are requests without TLS refused?
const TLS: &str = "tls_only";
/// Field: days after which objects expire.
pub(super) const EXPIRY: &str = "expire_after_days";
/// Field: days after which parts of uploads that were never completed are dropped.
pub(super) const ABORT: &str = "abort_uploads_after_days";

/// Reads all settings of a bucket at once into what is known of it; false when it is not there.
pub(super) async fn read(
    cx: &Context,
    wanted: &Wanted,
    live: &mut Live,
) -> Result<bool, CallError> {
    let name = &wanted.identity.name;
    let s3 = &cx.clients.s3;
    let versioning = async {
        let answer = s3.get_bucket_versioning().bucket(name).send().await;
        permitted(answer.map_err(failed("GetBucketVersioning")))
    };
    let access = async {
        let answer = s3.get_public_access_block().bucket(name).send().await;
        permitted(absent(
            answer.map_err(failed("GetPublicAccessBlock")),
            &["NoSuchPublicAccessBlockConfiguration"],
        ))
    };
    let policy = async { permitted(read_policy(cx, name).await) };
    let rules = async { permitted(read_rules(cx, name).await) };
    let (versioning, access, policy, rules) = futures::join!(versioning, access, policy, rules);
    // The calls run side by side: a bucket that comes or goes meanwhile answers some of them only.
    let (Some(versioning), Some(access)) = (absent(versioning, GONE)?, absent(access, GONE)?)
    else {
        return Ok(false);
    };
    match versioning {
        Some(versioning) => {
            let enabled = versioning.status == Some(BucketVersioningStatus::Enabled);
            live.attrs.insert(VERSIONING.to_owned(), enabled.into());
        }
        None => live.leave_unread(wanted, &[VERSIONING]),
    }
    match access {
        Some(access) => {
            let access = access.and_then(|answer| answer.public_access_block_configuration);
            if access.is_some_and(|access| blocks_all(&access)) {
                live.attrs.insert(ACCESS.to_owned(), "blocked".into());
            }
        }
        None => live.leave_unread(wanted, &[ACCESS]),
    }
    match policy? {
        Some(policy) => {
            let ours = tls_statement(cx, name);
            let is_ours = |statement| same_statement(statement, &ours);
            if statements(&policy).iter().any(is_ours) {
                live.attrs.insert(TLS.to_owned(), true.into());
            }
        }
        None => live.leave_unread(wanted, &[TLS]),
    }
    match rules? {
        Some(rules) => {
            let ours = rules.iter().find(|rule| rule.id() == Some(LIFECYCLE_RULE));
            for (field, days) in [
                (EXPIRY, ours.and_then(expiry_days)),
                (ABORT, ours.and_then(abort_days)),
            ] {
                let days = days.map(|days| (field.to_owned(), days.into()));
                live.attrs.extend(days);
            }
        }
        None => live.leave_unread(wanted, &[EXPIRY, ABORT]),
    }
    Ok(true)
}

fn blocks_all(access: &PublicAccessBlockConfiguration) -> bool {
    [
        access.block_public_acls,
        access.block_public_policy,
        access.ignore_public_acls,
        access.restrict_public_buckets,
    ]
    .iter()
    .all(|flag| *flag == Some(true))
}

/// Writes one setting as wanted.
pub(super) async fn write(cx: &Context, wanted: &Resolved, field: &str) -> Result<(), CallError> {
    match field {
        VERSIONING => put_versioning(cx, wanted).await,
        ACCESS => block_public_access(cx, wanted).await,
        TLS => put_policy(cx, wanted).await,
        EXPIRY | ABORT => put_lifecycle(cx, wanted).await,
        other => Err(CallError::local(
            "sync",
            format!("a bucket has no field {other}"),
        )),
    }
}

async fn put_versioning(cx: &Context, wanted: &Resolved) -> Result<(), CallError> {
    let status = if wanted.is_true(VERSIONING) {
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

fn abort_days(rule: &LifecycleRule) -> Option<i32> {
    let days = rule.abort_incomplete_multipart_upload()?;
    (rule.status() == &ExpirationStatus::Enabled).then_some(days.days_after_initiation()?)
}

async fn put_lifecycle(cx: &Context, wanted: &Resolved) -> Result<(), CallError> {
    let name = &wanted.identity.name;
    let mut rules = read_rules(cx, name).await?;
    rules.retain(|rule| rule.id() != Some(LIFECYCLE_RULE));
    let days = |field| wanted.number(field).map(|days| days as i32);
    let (expire, abort) = (days(EXPIRY), days(ABORT));
    if expire.is_some() || abort.is_some() {
        let expiration = |days| LifecycleExpiration::builder().days(days).build();
        let noncurrent = |days| {
            NoncurrentVersionExpiration::builder()
                .noncurrent_days(days)
                .build()
        };
        let uploads = |days| {
            AbortIncompleteMultipartUpload::builder()
                .days_after_initiation(days)
                .build()
        };
        let rule = LifecycleRule::builder()
            .id(LIFECYCLE_RULE)
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .set_expiration(expire.map(expiration))
            .set_noncurrent_version_expiration(expire.map(noncurrent))
            .set_abort_incomplete_multipart_upload(abort.map(uploads))
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
