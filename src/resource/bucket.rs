//! S3 buckets: private, TLS only, encrypted (AWS encrypts new objects by itself), optionally
//! versioned and expiring. Policy statements and lifecycle rules that are not ours are kept.

use async_trait::async_trait;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint,
    BucketVersioningStatus, CreateBucketConfiguration, Delete, ExpirationStatus,
    LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, NoncurrentVersionExpiration,
    ObjectIdentifier, PublicAccessBlockConfiguration, Tag, Tagging, VersioningConfiguration,
};
use serde_json::{Value, json};

use super::error::{absent, failed};
use super::{
    Attrs, CallError, Context, Identity, Live, Observed, Place, Resolved, ResourceKind, Wanted,
};
use crate::stack::model::{Kind, LogicalId, Stack};

/// Buckets.
pub struct BucketKind;

const GONE: &[&str] = &["NoSuchBucket", "NotFound"];
/// Id of our lifecycle rule.
const EXPIRY_RULE: &str = "pipectl-expire";
/// Sid of our policy statement.
const TLS_SID: &str = "PipectlTlsOnly";
/// Parts of uploads that were never completed are dropped after this many days.
const ABORT_UPLOADS_DAYS: i32 = 7;

#[async_trait]
impl ResourceKind for BucketKind {
    fn kind(&self) -> Kind {
        Kind::Bucket
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        stack
            .buckets
            .iter()
            .map(|bucket| {
                let id = LogicalId::new(Kind::Bucket, &bucket.name);
                let mut wanted = Wanted::new(id, place.bucket(stack, &bucket.name))
                    .with("versioning", bucket.versioning)
                    .with("public_access", "blocked")
                    .with("tls_only", true)
                    .with_some("expire_after_days", bucket.expire_after.map(|days| days.0));
                wanted.retain = bucket.retain;
                wanted
            })
            .collect()
    }

    fn stores_data(&self) -> bool {
        true
    }

    async fn observe(&self, cx: &Context, wanted: &Wanted) -> Result<Observed, CallError> {
        let name = &wanted.identity.name;
        let s3 = &cx.clients.s3;
        let tags = async {
            s3.get_bucket_tagging()
                .bucket(name)
                .send()
                .await
                .map_err(failed("GetBucketTagging"))
        };
        let versioning = async {
            s3.get_bucket_versioning()
                .bucket(name)
                .send()
                .await
                .map_err(failed("GetBucketVersioning"))
        };
        let access = async {
            s3.get_public_access_block()
                .bucket(name)
                .send()
                .await
                .map_err(failed("GetPublicAccessBlock"))
        };
        let (tags, versioning, access, policy, rules) = futures::join!(
            tags,
            versioning,
            access,
            read_policy(cx, name),
            read_rules(cx, name)
        );
        // The calls run side by side: a bucket that comes or goes meanwhile answers some of them only.
        let (Some(versioning), Some(tags), Some(access)) = (
            absent(versioning, GONE)?,
            absent(absent(tags, &["NoSuchTagSet"]), GONE)?,
            absent(
                absent(access, &["NoSuchPublicAccessBlockConfiguration"]),
                GONE,
            )?,
        ) else {
            return Ok(Observed::Absent);
        };
        let tags = tags.map(|answer| answer.tag_set).unwrap_or_default();
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

        let mut attrs = Attrs::new();
        let versioned = versioning.status == Some(BucketVersioningStatus::Enabled);
        attrs.insert("versioning".to_owned(), versioned.into());
        if blocked {
            attrs.insert("public_access".to_owned(), "blocked".into());
        }
        if statements(&policy?)
            .iter()
            .any(|statement| statement == &tls_statement(cx, name))
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
        let live = Live {
            identity: wanted.identity.clone(),
            attrs,
            state: "Available".to_owned(),
            ..Live::default()
        };
        Ok(cx.owned_by(tags.iter().map(|tag| (tag.key(), tag.value())), live))
    }

    async fn holds_data(&self, cx: &Context, identity: &Identity) -> Result<bool, CallError> {
        let answer = cx
            .clients
            .s3
            .list_object_versions()
            .bucket(&identity.name)
            .max_keys(1)
            .send()
            .await;
        Ok(
            absent(answer.map_err(failed("ListObjectVersions")), GONE)?.is_some_and(|answer| {
                !answer.versions().is_empty() || !answer.delete_markers().is_empty()
            }),
        )
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        let name = &wanted.identity.name;
        let region = cx.place.target.region();
        let tags: Vec<Tag> = cx
            .tags(&wanted.id)
            .into_iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect::<Result<_, _>>()
            .map_err(|e| CallError::local("CreateBucket", e.to_string()))?;
        // With its tags from the first moment: nobody ever sees a bucket of ours without them.
        // Outside us-east-1 the region is told, there it must not be. // aws-behaviours S1
        let configuration = CreateBucketConfiguration::builder()
            .set_tags(Some(tags.clone()))
            .set_location_constraint(
                (region != "us-east-1").then(|| BucketLocationConstraint::from(region)),
            )
            .build();
        let answer = cx
            .clients
            .s3
            .create_bucket()
            .bucket(name)
            .create_bucket_configuration(configuration)
            .send()
            .await;
        // aws-behaviours S2
        absent(
            answer.map_err(failed("CreateBucket")),
            &["BucketAlreadyOwnedByYou"],
        )?;
        // Endpoints that look like S3 may pass over tags that come with the creation.
        let tagging = Tagging::builder()
            .set_tag_set(Some(tags))
            .build()
            .map_err(|e| CallError::local("PutBucketTagging", e.to_string()))?;
        cx.clients
            .s3
            .put_bucket_tagging()
            .bucket(name)
            .tagging(tagging)
            .send()
            .await
            .map_err(failed("PutBucketTagging"))?;
        Ok(Live {
            identity: wanted.identity.clone(),
            attrs: Attrs::from([("versioning".to_owned(), false.into())]),
            ..Live::default()
        })
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        // One write at a time: S3 refuses two at once on one bucket. // aws-behaviours S6
        for change in super::compare(wanted, &live.attrs) {
            match change.field.as_str() {
                "versioning" => put_versioning(cx, wanted).await?,
                "public_access" => block_public_access(cx, wanted).await?,
                "tls_only" => put_policy(cx, wanted).await?,
                "expire_after_days" => put_expiry(cx, wanted).await?,
                other => {
                    return Err(CallError::local(
                        "sync",
                        format!("a bucket has no field {other}"),
                    ));
                }
            }
        }
        Ok(())
    }

    async fn delete(&self, cx: &Context, live: &Live) -> Result<(), CallError> {
        let name = &live.identity.name;
        empty(cx, name).await?;
        let answer = cx.clients.s3.delete_bucket().bucket(name).send().await;
        absent(answer.map_err(failed("DeleteBucket")), GONE).map(|_| ())
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

fn statements(policy: &Value) -> Vec<Value> {
    match &policy["Statement"] {
        Value::Array(statements) => statements.clone(),
        Value::Null => Vec::new(),
        single => vec![single.clone()],
    }
}

async fn put_policy(cx: &Context, wanted: &Resolved) -> Result<(), CallError> {
    let name = &wanted.identity.name;
    let found = read_policy(cx, name).await?;
    let mut all = statements(&found);
    all.retain(|statement| statement["Sid"] != TLS_SID);
    all.push(tls_statement(cx, name));
    let policy = json!({ "Version": "2012-10-17", "Statement": all });
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

/// Deletes every version and delete marker and aborts uploads; looks again until none is left,
/// because writers may still have been at work. // aws-behaviours S16
async fn empty(cx: &Context, bucket: &str) -> Result<(), CallError> {
    let s3 = &cx.clients.s3;
    loop {
        let answer = s3.list_object_versions().bucket(bucket).send().await;
        let Some(page) = absent(answer.map_err(failed("ListObjectVersions")), GONE)? else {
            return Ok(());
        };
        let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
        let markers = page
            .delete_markers()
            .iter()
            .map(|m| (m.key(), m.version_id()));
        let objects: Vec<ObjectIdentifier> = versions
            .chain(markers)
            .map(|(key, version)| {
                ObjectIdentifier::builder()
                    .key(key.unwrap_or_default())
                    .set_version_id(version.map(str::to_owned))
                    .build()
            })
            .collect::<Result<_, _>>()
            .map_err(|e| CallError::local("DeleteObjects", e.to_string()))?;
        if objects.is_empty() {
            break;
        }
        let delete = Delete::builder()
            .set_objects(Some(objects))
            .quiet(true)
            .build()
            .map_err(|e| CallError::local("DeleteObjects", e.to_string()))?;
        let answer = s3
            .delete_objects()
            .bucket(bucket)
            .delete(delete)
            .send()
            .await
            .map_err(failed("DeleteObjects"))?;
        // aws-behaviours S17
        if let Some(error) = answer.errors().first() {
            return Err(CallError {
                operation: "DeleteObjects",
                code: error.code().unwrap_or("Unknown").to_owned(),
                message: format!(
                    "{}: {}",
                    error.key().unwrap_or_default(),
                    error.message().unwrap_or_default()
                ),
                request_id: None,
                unreachable: false,
            });
        }
    }
    let uploads = s3
        .list_multipart_uploads()
        .bucket(bucket)
        .send()
        .await
        .map_err(failed("ListMultipartUploads"))?;
    for upload in uploads.uploads() {
        let answer = s3
            .abort_multipart_upload()
            .bucket(bucket)
            .key(upload.key().unwrap_or_default())
            .upload_id(upload.upload_id().unwrap_or_default())
            .send()
            .await;
        absent(
            answer.map_err(failed("AbortMultipartUpload")),
            &["NoSuchUpload"],
        )?;
    }
    Ok(())
}
