//! S3 buckets: private, TLS only, encrypted (AWS encrypts new objects by itself), optionally
//! versioned and expiring. Policy statements and lifecycle rules that are not ours are kept.

use async_trait::async_trait;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Tag, Tagging};

use super::bucket_settings::{ABORT, ABORT_UPLOADS_DAYS, EXPIRY, GONE};
use super::error::{absent, failed};
use super::{
    Attrs, CallError, Context, Listed, Live, Observed, Owner, Place, Resolved, ResourceKind,
    Service, Tags, Wanted, bucket_contents, bucket_settings, code,
};
use crate::stack::model::{Days, Kind, LogicalId, Stack};

/// Buckets.
pub struct BucketKind;

#[async_trait]
impl ResourceKind for BucketKind {
    fn kind(&self) -> Kind {
        Kind::Bucket
    }

    fn service(&self) -> Service {
        Service::S3
    }

    fn wanted(&self, stack: &Stack, place: &Place) -> Vec<Wanted> {
        let wanted = |name: &str, versioning: bool, expire_after: Option<Days>, retain: bool| {
            let id = LogicalId::new(Kind::Bucket, name);
            let mut wanted = Wanted::new(id, place.bucket(stack, name))
                .with("versioning", versioning)
                .with("public_access", "blocked")
                .with("tls_only", true)
                .with(ABORT, ABORT_UPLOADS_DAYS)
                .with_some(EXPIRY, expire_after.map(|days| days.0));
            wanted.tagged = true;
            wanted.retain = retain;
            wanted
        };
        let of_the_stack = stack.buckets.iter().map(|bucket| {
            wanted(
                &bucket.name,
                bucket.versioning,
                bucket.expire_after,
                bucket.retain,
            )
        });
        let for_code =
            code::bucket_is_wanted(place).then(|| wanted(code::BUCKET, false, None, false));
        of_the_stack.chain(for_code).collect()
    }

    fn stores_data(&self) -> bool {
        true
    }

    async fn list(&self, cx: &Context, _within: Option<&Wanted>) -> Result<Vec<Listed>, CallError> {
        let prefix = Place::prefix(&cx.stack);
        let pages = cx.clients.s3.list_buckets().prefix(prefix).into_paginator();
        let buckets: Vec<_> = pages
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(failed("ListBuckets"))?;
        let ours = buckets.into_iter().filter_map(|bucket| {
            let physical = bucket.name?;
            let name = cx.place.bucket_in_stack(&cx.stack, &physical)?;
            let id = LogicalId::new(Kind::Bucket, name);
            let wanted = Wanted::new(id, cx.place.bucket_named(physical));
            Some(Listed { wanted, live: None })
        });
        Ok(ours.collect())
    }

    async fn observe(
        &self,
        cx: &Context,
        wanted: &Wanted,
        _listed: Option<&Live>,
    ) -> Result<Observed, CallError> {
        let name = &wanted.identity.name;
        let mut live = Live {
            identity: wanted.identity.clone(),
            state: "Available".to_owned(),
            ..Live::default()
        };
        let settings = bucket_settings::read(cx, wanted, &mut live);
        let (tags, is_there) = futures::join!(read_tags(cx, name), settings);
        let (Some(tags), true) = (absent(tags, GONE)?, is_there?) else {
            return Ok(Observed::Absent);
        };
        live.tags = Some(tags);
        Ok(cx.owned_by_tags(wanted, live))
    }

    async fn holds_data(&self, cx: &Context, live: &Live) -> Result<bool, CallError> {
        // What an interrupted `up` left there is no data of the user's.
        let name = &live.identity.name;
        if code::is_bucket(cx, name) && bucket_contents::holds_only(cx, name, code::is_key).await? {
            return Ok(false);
        }
        bucket_contents::holds_any(cx, name).await
    }

    async fn ensure(&self, cx: &Context, wanted: &Resolved) -> Result<Live, CallError> {
        let region = cx.place.target.region();
        let attrs = Attrs::from([("versioning".to_owned(), false.into())]);
        let tags = cx.tags_with(wanted, &attrs);
        // With its tags from the first moment: nobody ever sees a bucket of ours without them. And
        // with tags a bucket that is there already is refused everywhere. // aws-behaviours S2
        // Outside us-east-1 the region is told, there it must not be. // aws-behaviours S1
        let configuration = CreateBucketConfiguration::builder()
            .set_tags(Some(tag_set("CreateBucket", &tags)?))
            .set_location_constraint(
                (region != "us-east-1").then(|| BucketLocationConstraint::from(region)),
            )
            .build();
        cx.clients
            .s3
            .create_bucket()
            .bucket(&wanted.identity.name)
            .create_bucket_configuration(configuration)
            .send()
            .await
            .map_err(failed("CreateBucket"))?;
        // Some endpoints, and us-east-1, answer so for one that is there already; its tags stay then.
        let live = Live {
            identity: wanted.identity.clone(),
            attrs,
            tags: Some(read_tags(cx, &wanted.identity.name).await?),
            ..Live::default()
        };
        match live.owner() {
            Owner::Stack(stack) if stack == cx.stack => Ok(live),
            other => Err(CallError::foreign("CreateBucket", other)),
        }
    }

    async fn sync(&self, cx: &Context, wanted: &Resolved, live: &Live) -> Result<(), CallError> {
        // One write at a time: S3 refuses two at once on one bucket. // aws-behaviours S6
        let mut fields = super::differing(wanted, &live.attrs);
        if fields.contains(EXPIRY) {
            // Both are in one rule, which is written once.
            fields.remove(ABORT);
        }
        for field in fields {
            bucket_settings::write(cx, wanted, &field).await?;
        }
        Ok(())
    }

    async fn tag(&self, cx: &Context, live: &Live, tags: &Tags) -> Result<(), CallError> {
        put_tags(cx, &live.identity.name, tags).await
    }

    async fn delete(&self, cx: &Context, live: &Live, lose_data: bool) -> Result<(), CallError> {
        let name = &live.identity.name;
        let only_code = || bucket_contents::holds_only(cx, name, code::is_key);
        if lose_data || (code::is_bucket(cx, name) && only_code().await?) {
            bucket_contents::empty(cx, name).await?;
        }
        let answer = cx.clients.s3.delete_bucket().bucket(name).send().await;
        match absent(answer.map_err(failed("DeleteBucket")), GONE) {
            Err(error) if error.is("BucketNotEmpty") && !lose_data => {
                Err(CallError::holds_data("DeleteBucket"))
            }
            other => other.map(|_| ()),
        }
    }
}

fn tag_set(operation: &'static str, tags: &Tags) -> Result<Vec<Tag>, CallError> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| CallError::local(operation, error.to_string()))
}

async fn read_tags(cx: &Context, bucket: &str) -> Result<Tags, CallError> {
    let answer = cx
        .clients
        .s3
        .get_bucket_tagging()
        .bucket(bucket)
        .send()
        .await;
    let found = absent(
        answer.map_err(failed("GetBucketTagging")),
        &["NoSuchTagSet"],
    )?;
    let tags = found.map(|answer| answer.tag_set).unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// Adds tags to those that are there at this moment: a write replaces all. // aws-behaviours S18
async fn put_tags(cx: &Context, bucket: &str, tags: &Tags) -> Result<(), CallError> {
    let mut all = read_tags(cx, bucket).await?;
    all.retain(|key, _| !key.starts_with("aws:"));
    all.extend(tags.clone());
    let tagging = Tagging::builder()
        .set_tag_set(Some(tag_set("PutBucketTagging", &all)?))
        .build()
        .map_err(|error| CallError::local("PutBucketTagging", error.to_string()))?;
    cx.clients
        .s3
        .put_bucket_tagging()
        .bucket(bucket)
        .tagging(tagging)
        .send()
        .await
        .map_err(failed("PutBucketTagging"))?;
    Ok(())
}
