//! The configuration documents of a bucket. They are kept and given back; nothing here enforces
//! policies or lets objects expire.

use s3s::dto::{
    BucketLifecycleConfiguration, DeleteBucketEncryptionInput, DeleteBucketEncryptionOutput,
    DeleteBucketLifecycleInput, DeleteBucketLifecycleOutput, DeleteBucketOwnershipControlsInput,
    DeleteBucketOwnershipControlsOutput, DeleteBucketPolicyInput, DeleteBucketPolicyOutput,
    DeleteBucketTaggingInput, DeleteBucketTaggingOutput, DeletePublicAccessBlockInput,
    DeletePublicAccessBlockOutput, GetBucketEncryptionInput, GetBucketEncryptionOutput,
    GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput,
    GetBucketOwnershipControlsInput, GetBucketOwnershipControlsOutput, GetBucketPolicyInput,
    GetBucketPolicyOutput, GetBucketTaggingInput, GetBucketTaggingOutput,
    GetPublicAccessBlockInput, GetPublicAccessBlockOutput, LifecycleRule, ObjectOwnership,
    OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration,
    PutBucketEncryptionInput, PutBucketEncryptionOutput, PutBucketLifecycleConfigurationInput,
    PutBucketLifecycleConfigurationOutput, PutBucketOwnershipControlsInput,
    PutBucketOwnershipControlsOutput, PutBucketPolicyInput, PutBucketPolicyOutput,
    PutBucketTaggingInput, PutBucketTaggingOutput, PutPublicAccessBlockInput,
    PutPublicAccessBlockOutput, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    TransitionDefaultMinimumObjectSize,
};
use s3s::{S3Request, S3Result};
use serde::de::DeserializeOwned;

use super::handlers::{Core, Tagged, checked_tags, tags_in, tags_out};
use super::state::Document;
use super::state_errors::{invalid_argument, malformed_xml};
use super::state_rows::{Tags, to_json};
use crate::error::AwsError;

fn absent(code: &str, message: &str) -> AwsError {
    AwsError::new(404, code, message)
}

impl Core {
    fn parsed<T: DeserializeOwned>(
        &self,
        bucket: &str,
        kind: Document,
    ) -> Result<Option<T>, AwsError> {
        self.store
            .document(bucket, kind)?
            .map(|document| serde_json::from_str(&document).map_err(AwsError::internal))
            .transpose()
    }

    pub(super) async fn put_bucket_tagging(
        &self,
        request: S3Request<PutBucketTaggingInput>,
    ) -> S3Result<PutBucketTaggingOutput> {
        let input = request.input;
        // aws-behaviours S18: the whole set is replaced.
        let tags = checked_tags(tags_in(input.tagging.tag_set)?, Tagged::Bucket)?;
        self.store
            .put_document(&input.bucket, Document::Tagging, &to_json(&tags)?)?;
        Ok(PutBucketTaggingOutput::default())
    }

    pub(super) async fn get_bucket_tagging(
        &self,
        request: S3Request<GetBucketTaggingInput>,
    ) -> S3Result<GetBucketTaggingOutput> {
        let tags: Option<Tags> = self.parsed(&request.input.bucket, Document::Tagging)?;
        let tags = tags
            .filter(|tags| !tags.is_empty())
            .ok_or_else(|| absent("NoSuchTagSet", "The TagSet does not exist"))?;
        Ok(GetBucketTaggingOutput {
            tag_set: tags_out(&tags),
        })
    }

    pub(super) async fn delete_bucket_tagging(
        &self,
        request: S3Request<DeleteBucketTaggingInput>,
    ) -> S3Result<DeleteBucketTaggingOutput> {
        self.store
            .delete_document(&request.input.bucket, Document::Tagging)?;
        Ok(DeleteBucketTaggingOutput::default())
    }

    pub(super) async fn put_public_access_block(
        &self,
        request: S3Request<PutPublicAccessBlockInput>,
    ) -> S3Result<PutPublicAccessBlockOutput> {
        let input = request.input;
        let wanted = input.public_access_block_configuration;
        // What is left away is off, and reads back so.
        let whole = PublicAccessBlockConfiguration {
            block_public_acls: Some(wanted.block_public_acls.unwrap_or(false)),
            block_public_policy: Some(wanted.block_public_policy.unwrap_or(false)),
            ignore_public_acls: Some(wanted.ignore_public_acls.unwrap_or(false)),
            restrict_public_buckets: Some(wanted.restrict_public_buckets.unwrap_or(false)),
        };
        self.store.put_document(
            &input.bucket,
            Document::PublicAccessBlock,
            &to_json(&whole)?,
        )?;
        Ok(PutPublicAccessBlockOutput::default())
    }

    pub(super) async fn get_public_access_block(
        &self,
        request: S3Request<GetPublicAccessBlockInput>,
    ) -> S3Result<GetPublicAccessBlockOutput> {
        let found = self.parsed(&request.input.bucket, Document::PublicAccessBlock)?;
        let configuration = found.ok_or_else(|| {
            absent(
                "NoSuchPublicAccessBlockConfiguration",
                "The public access block configuration was not found",
            )
        })?;
        Ok(GetPublicAccessBlockOutput {
            public_access_block_configuration: Some(configuration),
        })
    }

    pub(super) async fn delete_public_access_block(
        &self,
        request: S3Request<DeletePublicAccessBlockInput>,
    ) -> S3Result<DeletePublicAccessBlockOutput> {
        self.store
            .delete_document(&request.input.bucket, Document::PublicAccessBlock)?;
        Ok(DeletePublicAccessBlockOutput::default())
    }

    pub(super) async fn put_bucket_policy(
        &self,
        request: S3Request<PutBucketPolicyInput>,
    ) -> S3Result<PutBucketPolicyOutput> {
        let input = request.input;
        check_policy(&input.policy)?;
        self.store
            .put_document(&input.bucket, Document::Policy, &input.policy)?;
        Ok(PutBucketPolicyOutput::default())
    }

    pub(super) async fn get_bucket_policy(
        &self,
        request: S3Request<GetBucketPolicyInput>,
    ) -> S3Result<GetBucketPolicyOutput> {
        let policy = self
            .store
            .document(&request.input.bucket, Document::Policy)?
            .ok_or_else(|| absent("NoSuchBucketPolicy", "The bucket policy does not exist"))?;
        Ok(GetBucketPolicyOutput {
            policy: Some(policy),
        })
    }

    pub(super) async fn delete_bucket_policy(
        &self,
        request: S3Request<DeleteBucketPolicyInput>,
    ) -> S3Result<DeleteBucketPolicyOutput> {
        self.store
            .delete_document(&request.input.bucket, Document::Policy)?;
        Ok(DeleteBucketPolicyOutput::default())
    }

    pub(super) async fn put_bucket_encryption(
        &self,
        request: S3Request<PutBucketEncryptionInput>,
    ) -> S3Result<PutBucketEncryptionOutput> {
        let input = request.input;
        let configuration = input.server_side_encryption_configuration;
        if configuration.rules.len() != 1 {
            return Err(malformed_xml().into());
        }
        self.store.put_document(
            &input.bucket,
            Document::Encryption,
            &to_json(&configuration)?,
        )?;
        Ok(PutBucketEncryptionOutput::default())
    }

    pub(super) async fn get_bucket_encryption(
        &self,
        request: S3Request<GetBucketEncryptionInput>,
    ) -> S3Result<GetBucketEncryptionOutput> {
        let found = self.parsed(&request.input.bucket, Document::Encryption)?;
        // A bucket whose encryption was never set, or was deleted, has S3's own.
        let configuration = found.unwrap_or_else(|| ServerSideEncryptionConfiguration {
            rules: vec![ServerSideEncryptionRule {
                apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                    kms_master_key_id: None,
                    sse_algorithm: ServerSideEncryption::from_static(ServerSideEncryption::AES256),
                }),
                bucket_key_enabled: Some(false),
            }],
        });
        Ok(GetBucketEncryptionOutput {
            server_side_encryption_configuration: Some(configuration),
        })
    }

    pub(super) async fn delete_bucket_encryption(
        &self,
        request: S3Request<DeleteBucketEncryptionInput>,
    ) -> S3Result<DeleteBucketEncryptionOutput> {
        self.store
            .delete_document(&request.input.bucket, Document::Encryption)?;
        Ok(DeleteBucketEncryptionOutput::default())
    }

    pub(super) async fn put_bucket_lifecycle_configuration(
        &self,
        request: S3Request<PutBucketLifecycleConfigurationInput>,
    ) -> S3Result<PutBucketLifecycleConfigurationOutput> {
        let input = request.input;
        let mut configuration = input.lifecycle_configuration.ok_or_else(malformed_xml)?;
        check_lifecycle(&mut configuration.rules)?;
        self.store.put_document(
            &input.bucket,
            Document::Lifecycle,
            &to_json(&configuration)?,
        )?;
        Ok(PutBucketLifecycleConfigurationOutput {
            transition_default_minimum_object_size: Some(smallest_transition()),
        })
    }

    pub(super) async fn get_bucket_lifecycle_configuration(
        &self,
        request: S3Request<GetBucketLifecycleConfigurationInput>,
    ) -> S3Result<GetBucketLifecycleConfigurationOutput> {
        let found: Option<BucketLifecycleConfiguration> =
            self.parsed(&request.input.bucket, Document::Lifecycle)?;
        let configuration = found.ok_or_else(|| {
            absent(
                "NoSuchLifecycleConfiguration",
                "The lifecycle configuration does not exist",
            )
        })?;
        Ok(GetBucketLifecycleConfigurationOutput {
            rules: Some(configuration.rules),
            transition_default_minimum_object_size: Some(smallest_transition()),
        })
    }

    pub(super) async fn delete_bucket_lifecycle(
        &self,
        request: S3Request<DeleteBucketLifecycleInput>,
    ) -> S3Result<DeleteBucketLifecycleOutput> {
        self.store
            .delete_document(&request.input.bucket, Document::Lifecycle)?;
        Ok(DeleteBucketLifecycleOutput::default())
    }

    pub(super) async fn put_bucket_ownership_controls(
        &self,
        request: S3Request<PutBucketOwnershipControlsInput>,
    ) -> S3Result<PutBucketOwnershipControlsOutput> {
        let input = request.input;
        let [rule] = &input.ownership_controls.rules[..] else {
            return Err(malformed_xml().into());
        };
        self.store.put_document(
            &input.bucket,
            Document::OwnershipControls,
            rule.object_ownership.as_str(),
        )?;
        Ok(PutBucketOwnershipControlsOutput::default())
    }

    pub(super) async fn delete_bucket_ownership_controls(
        &self,
        request: S3Request<DeleteBucketOwnershipControlsInput>,
    ) -> S3Result<DeleteBucketOwnershipControlsOutput> {
        self.store
            .delete_document(&request.input.bucket, Document::OwnershipControls)?;
        Ok(DeleteBucketOwnershipControlsOutput::default())
    }

    pub(super) async fn get_bucket_ownership_controls(
        &self,
        request: S3Request<GetBucketOwnershipControlsInput>,
    ) -> S3Result<GetBucketOwnershipControlsOutput> {
        let ownership = self
            .store
            .document(&request.input.bucket, Document::OwnershipControls)?
            .ok_or_else(|| {
                absent(
                    "OwnershipControlsNotFoundError",
                    "The bucket ownership controls were not found",
                )
            })?;
        Ok(GetBucketOwnershipControlsOutput {
            ownership_controls: Some(OwnershipControls {
                rules: vec![OwnershipControlsRule {
                    object_ownership: ObjectOwnership::from(ownership),
                }],
            }),
        })
    }
}

fn smallest_transition() -> TransitionDefaultMinimumObjectSize {
    TransitionDefaultMinimumObjectSize::from_static(
        TransitionDefaultMinimumObjectSize::ALL_STORAGE_CLASSES_128K,
    )
}

fn check_policy(policy: &str) -> Result<(), AwsError> {
    let refused = |message: &str| Err(AwsError::bad_request("MalformedPolicy", message));
    let parsed: Option<serde_json::Value> = policy
        .starts_with('{')
        .then(|| serde_json::from_str(policy).ok())
        .flatten();
    let Some(parsed) = parsed else {
        return refused("Policies must be valid JSON and the first byte must be '{'");
    };
    if parsed.get("Statement").is_none() {
        return refused("Missing required field Statement");
    }
    Ok(())
}

/// Checks rules as AWS does and names those without an id.
fn check_lifecycle(rules: &mut [LifecycleRule]) -> Result<(), AwsError> {
    if rules.is_empty() {
        return Err(malformed_xml());
    }
    for index in 0..rules.len() {
        let rule = &rules[index];
        let acts = rule.expiration.is_some()
            || rule.noncurrent_version_expiration.is_some()
            || rule.abort_incomplete_multipart_upload.is_some()
            || rule.transitions.is_some()
            || rule.noncurrent_version_transitions.is_some();
        if !acts {
            return Err(AwsError::bad_request(
                "InvalidRequest",
                "At least one action needs to be specified in a rule",
            ));
        }
        if rule.filter.is_none() && rule.prefix.is_none() {
            return Err(malformed_xml());
        }
        let days = rule
            .expiration
            .as_ref()
            .and_then(|expiration| expiration.days);
        if days.is_some_and(|days| days < 1) {
            return Err(invalid_argument(
                "'Days' for Expiration action must be a positive integer",
            ));
        }
        let taken = |id: &Option<String>| rules[..index].iter().any(|earlier| earlier.id == *id);
        if rule.id.is_some() && taken(&rule.id) {
            return Err(invalid_argument(
                "Rule ID must be unique. Found same ID for more than one rule",
            ));
        }
        if rule.id.as_deref().unwrap_or_default().is_empty() {
            rules[index].id = Some(uuid::Uuid::new_v4().to_string());
        }
    }
    Ok(())
}
