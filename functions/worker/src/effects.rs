//! What the worker does to the world.

use std::future::Future;
use std::io::Cursor;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_sqs::types::MessageAttributeValue;
use model::{JobResult, ProcessingJob, Reason};

use crate::analyse::{Statistics, Unreadable, analyse};
use crate::source;

/// Smaller files are read whole and analysed at once: cheaper than a thread. Bytes.
const SMALL: i64 = 256 * 1024;

/// Why a step did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// Another try cannot succeed.
    Permanent(Reason),
    /// Another try may.
    Transient(String),
}

impl Failure {
    fn transient(error: impl std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        Self::Transient(text)
    }
}

impl From<Unreadable> for Failure {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Content(reason) => Self::Permanent(reason),
            Unreadable::Source(error) => Self::Transient(format!("reading the object: {error}")),
        }
    }
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is there now.
    New,
    /// A result that is done was there already: this delivery is a duplicate.
    Duplicate,
}

/// Reading objects, writing results, setting jobs aside.
pub trait Effects {
    /// Reads and analyses the job's object.
    fn analyse(
        &self,
        job: &ProcessingJob,
    ) -> impl Future<Output = Result<Statistics, Failure>> + Send;
    /// Writes the result, unless one that is done is there.
    fn write(&self, result: &JobResult) -> impl Future<Output = Result<Written, Failure>> + Send;
    /// Sends the message to the dead letter queue with its reason.
    fn set_aside(
        &self,
        body: &str,
        job_id: &str,
        reason: &Reason,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// By the AWS SDK.
pub struct AwsEffects {
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Where jobs go that can never be processed.
    pub dead_letter_queue_url: String,
    /// Where results go.
    pub table: String,
}

impl Effects for AwsEffects {
    async fn analyse(&self, job: &ProcessingJob) -> Result<Statistics, Failure> {
        let answer = self
            .s3
            .get_object()
            .bucket(&job.bucket)
            .key(&job.key)
            .set_version_id(job.version_id.clone())
            .send()
            .await;
        let object = match answer {
            Ok(object) => object,
            Err(error) => {
                let gone = error.as_service_error().is_some_and(|error| {
                    error.is_no_such_key()
                        || matches!(code(error), Some("NoSuchVersion" | "NoSuchBucket"))
                });
                return Err(if gone {
                    Failure::Permanent(Reason::new("not_found", "the object is not there any more"))
                } else {
                    Failure::transient(error)
                });
            }
        };
        if object
            .content_length()
            .is_some_and(|length| length <= SMALL)
        {
            let bytes = object
                .body
                .collect()
                .await
                .map_err(Failure::transient)?
                .into_bytes();
            return Ok(analyse(&job.key, Cursor::new(bytes))?);
        }
        let key = job.key.clone();
        let reader = source::blocking(object.body);
        let analysis = tokio::task::spawn_blocking(move || analyse(&key, reader));
        Ok(analysis.await.map_err(Failure::transient)??)
    }

    async fn write(&self, result: &JobResult) -> Result<Written, Failure> {
        let item = model::dynamodb::item_from_result(result).map_err(|error| {
            Failure::Transient(format!("the result does not serialise: {error}"))
        })?;
        let answer = self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            // A failed or rejected result may be replaced, so that a redrive heals it; one that has
            // expired and is not yet deleted does not count.
            .condition_expression(
                "attribute_not_exists(job_id) OR #status <> :done OR expires_at < :now",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":done", AttributeValue::S("done".to_owned()))
            .expression_attribute_values(
                ":now",
                AttributeValue::N((model::aws::now_ms() / 1_000).to_string()),
            )
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Written::New),
            // aws-behaviours D20
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
            {
                Ok(Written::Duplicate)
            }
            Err(error) => Err(Failure::transient(error)),
        }
    }

    async fn set_aside(&self, body: &str, job_id: &str, reason: &Reason) -> Result<(), Failure> {
        let text = |value: &str| {
            MessageAttributeValue::builder()
                .data_type("String")
                .string_value(attribute_text(value))
                .build()
                .map_err(|error| Failure::Transient(error.to_string()))
        };
        self.sqs
            .send_message()
            .queue_url(&self.dead_letter_queue_url)
            .message_body(body)
            .message_attributes("reason", text(&reason.code)?)
            .message_attributes("reason_text", text(&reason.text)?)
            .message_attributes("job_id", text(job_id)?)
            .send()
            .await
            .map_err(Failure::transient)?;
        Ok(())
    }
}

fn code(error: &GetObjectError) -> Option<&str> {
    use aws_sdk_s3::error::ProvideErrorMetadata;
    error.code()
}

/// What SQS takes as a String attribute: not empty, no control characters, short.
fn attribute_text(value: &str) -> String {
    let legal: String = value
        .chars()
        .map(|c| {
            if c.is_control() && !matches!(c, '\t' | '\n' | '\r') {
                ' '
            } else {
                c
            }
        })
        .filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .take(256)
        .collect();
    if legal.trim().is_empty() {
        "-".to_owned()
    } else {
        legal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_legal_whatever_the_reason_says() {
        assert_eq!(attribute_text("a\u{0}b\u{ffff}"), "a b");
        assert_eq!(attribute_text(""), "-");
        assert_eq!(attribute_text(&"ü".repeat(300)).chars().count(), 256);
    }
}
