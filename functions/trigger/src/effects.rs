//! What the trigger does to the world.

use std::future::Future;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use model::{JobResult, ProcessingJob};

/// Something could not be done.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EffectError(String);

impl EffectError {
    /// From an error of the SDK, its causes included.
    pub fn aws(error: impl std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        Self(text)
    }

    /// From anything else.
    pub fn permanent(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Sending jobs and writing rejected results.
pub trait Effects {
    /// Sends the job to the worker.
    fn send(&self, job: &ProcessingJob) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Writes the result of a rejected file; never over one that is done.
    fn write_rejected(
        &self,
        result: JobResult,
    ) -> impl Future<Output = Result<(), EffectError>> + Send;
}

/// By the AWS SDK.
pub struct AwsEffects {
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Where jobs go.
    pub queue_url: String,
    /// Where results go.
    pub table: String,
}

impl Effects for AwsEffects {
    async fn send(&self, job: &ProcessingJob) -> Result<(), EffectError> {
        let body = serde_json::to_string(job).map_err(EffectError::permanent)?;
        self.sqs
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(body)
            .send()
            .await
            .map_err(EffectError::aws)?;
        Ok(())
    }

    async fn write_rejected(&self, result: JobResult) -> Result<(), EffectError> {
        let answer = model::dynamodb::put_result(&self.dynamodb, &self.table, &result)
            .map_err(EffectError::permanent)?
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            // aws-behaviours D20
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(EffectError::aws(error)),
        }
    }
}
