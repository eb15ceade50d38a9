//! Buckets: make, look at, list, delete, version.

use s3s::dto::{
    Bucket, BucketCannedACL, BucketLocationConstraint, BucketVersioningStatus,
    CreateBucketConfiguration, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
    DeleteBucketOutput, GetBucketLocationInput, GetBucketLocationOutput, GetBucketVersioningInput,
    GetBucketVersioningOutput, HeadBucketInput, HeadBucketOutput, ListBucketsInput,
    ListBucketsOutput, MFADelete, ObjectOwnership, PutBucketVersioningInput,
    PutBucketVersioningOutput,
};
use s3s::{S3Request, S3Result};

use super::handlers::{Core, Tagged, checked_tags, owner, tags_in, timestamp};
use super::state::{Bucket as StoredBucket, Document, Versioning};
use super::state_errors::invalid_argument;
use super::state_rows::to_json;
use super::wire_tags::CreateTags;
use crate::config::REGION;
use crate::error::AwsError;

/// A new bucket on AWS has nothing public, and no ACLs.
const ALL_BLOCKED: &str = r#"{"block_public_acls":true,"block_public_policy":true,"ignore_public_acls":true,"restrict_public_buckets":true}"#;

impl Core {
    pub(super) async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<CreateBucketOutput> {
        let input = request.input;
        check_location(input.create_bucket_configuration.as_ref())?;
        if input.object_lock_enabled_for_bucket == Some(true) {
            return Err(AwsError::not_implemented("S3", "CreateBucket with object lock").into());
        }
        if input
            .acl
            .as_ref()
            .is_some_and(|acl| acl.as_str() != BucketCannedACL::PRIVATE)
        {
            return Err(AwsError::bad_request(
                "InvalidBucketAclWithObjectOwnership",
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
            )
            .into());
        }
        let ownership = input
            .object_ownership
            .as_ref()
            .map_or("BucketOwnerEnforced", ObjectOwnership::as_str);
        let tags = request
            .extensions
            .get::<CreateTags>()
            .map(|tags| checked_tags(tags_in(tags.0.clone())?, Tagged::Bucket))
            .transpose()?;
        let tagging = tags.as_ref().map(to_json).transpose()?;
        let mut documents = vec![
            (Document::PublicAccessBlock, ALL_BLOCKED),
            (Document::OwnershipControls, ownership),
        ];
        documents.extend(tagging.as_deref().map(|tags| (Document::Tagging, tags)));
        let new = self.store.create_bucket(&input.bucket, &documents)?;
        // aws-behaviours S2: in us-east-1 making one's own bucket again is no fault and changes
        // nothing here, as there are no ACLs to reset; with tags it is one.
        if !new && tagging.is_some() {
            return Err(AwsError::new(
                409,
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own \
                 it.",
            )
            .into());
        }
        Ok(CreateBucketOutput {
            location: Some(format!("/{}", input.bucket)),
        })
    }

    pub(super) async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<HeadBucketOutput> {
        self.store.bucket(&request.input.bucket)?;
        Ok(HeadBucketOutput {
            bucket_region: Some(REGION.to_owned()),
            ..HeadBucketOutput::default()
        })
    }

    pub(super) async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<GetBucketLocationOutput> {
        self.store.bucket(&request.input.bucket)?;
        // us-east-1 is the region that has no name here.
        Ok(GetBucketLocationOutput::default())
    }

    pub(super) async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<ListBucketsOutput> {
        let input = request.input;
        let max = match input.max_buckets {
            None => 10_000,
            Some(max) => usize::try_from(max)
                .ok()
                .filter(|max| (1..=10_000).contains(max))
                .ok_or_else(|| {
                    invalid_argument("Argument max-buckets must be an integer between 1 and 10000")
                })?,
        };
        let foreign = input
            .bucket_region
            .as_deref()
            .is_some_and(|region| region != REGION);
        let mut found = if foreign {
            Vec::new()
        } else {
            self.store.buckets(
                input.prefix.as_deref().unwrap_or_default(),
                input.continuation_token.as_deref().unwrap_or_default(),
                max + 1,
            )?
        };
        let more = found.len() > max;
        found.truncate(max);
        Ok(ListBucketsOutput {
            continuation_token: more
                .then(|| found.last().map(|bucket| bucket.name.clone()))
                .flatten(),
            buckets: Some(found.into_iter().map(listed).collect()),
            owner: Some(owner()),
            prefix: input.prefix,
        })
    }

    pub(super) async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<DeleteBucketOutput> {
        self.store.delete_bucket(&request.input.bucket)?;
        Ok(DeleteBucketOutput::default())
    }

    pub(super) async fn put_bucket_versioning(
        &self,
        request: S3Request<PutBucketVersioningInput>,
    ) -> S3Result<PutBucketVersioningOutput> {
        let wanted = request.input.versioning_configuration;
        if wanted
            .mfa_delete
            .as_ref()
            .is_some_and(|mfa| mfa.as_str() == MFADelete::ENABLED)
        {
            return Err(
                AwsError::not_implemented("S3", "PutBucketVersioning with MFA delete").into(),
            );
        }
        let versioning = wanted
            .status
            .as_ref()
            .and_then(|status| Versioning::parse(status.as_str()))
            .filter(|versioning| *versioning != Versioning::Unversioned)
            .ok_or_else(|| {
                AwsError::bad_request(
                    "IllegalVersioningConfigurationException",
                    "The Versioning element must be specified",
                )
            })?;
        self.store
            .set_versioning(&request.input.bucket, versioning)?;
        Ok(PutBucketVersioningOutput::default())
    }

    pub(super) async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<GetBucketVersioningOutput> {
        let versioning = self.store.bucket(&request.input.bucket)?.versioning;
        Ok(GetBucketVersioningOutput {
            mfa_delete: None,
            status: (versioning != Versioning::Unversioned)
                .then(|| BucketVersioningStatus::from_static(versioning.name())),
        })
    }
}

fn listed(bucket: StoredBucket) -> Bucket {
    Bucket {
        bucket_region: Some(REGION.to_owned()),
        creation_date: Some(timestamp(bucket.created_ms)),
        name: Some(bucket.name),
    }
}

/// The region goes without saying in us-east-1 (aws-behaviours S1).
fn check_location(configuration: Option<&CreateBucketConfiguration>) -> Result<(), AwsError> {
    let Some(configuration) = configuration else {
        return Ok(());
    };
    if configuration.bucket.is_some() || configuration.location.is_some() {
        return Err(AwsError::not_implemented(
            "S3",
            "CreateBucket of a directory bucket",
        ));
    }
    match configuration
        .location_constraint
        .as_ref()
        .map(BucketLocationConstraint::as_str)
    {
        None | Some("") => Ok(()),
        Some(REGION) => Err(AwsError::bad_request(
            "InvalidLocationConstraint",
            "The specified location-constraint is not valid",
        )),
        Some(other) => Err(AwsError::bad_request(
            "IllegalLocationConstraintException",
            format!(
                "The {other} location constraint is incompatible for the region specific endpoint \
                 this request was sent to."
            ),
        )),
    }
}
