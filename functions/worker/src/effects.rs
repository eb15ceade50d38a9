//! What the worker does to the world.

use std::future::Future;
use std::io::Cursor;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValue;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::MessageAttributeValue;
use model::{JobResult, ProcessingJob, Reason};

use crate::analyse::{Statistics, Unreadable, analyse, is_gzip};
use crate::letter::Letter;
use crate::source;

/// Smaller files are read whole and analysed at once: cheaper than a thread. Bytes.
const SMALL: i64 = 256 * 1024;
/// The same for gzip, which may unpack to a thousand times as much. Bytes.
const SMALL_GZIP: usize = 16 * 1024;

/// Why a step did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// Another try cannot succeed; and what was found in the content until then.
    Permanent(Reason, Box<Statistics>),
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
            Unreadable::Content(reason, until_then) => Self::Permanent(reason, until_then),
            Unreadable::Source(error) => Self::Transient(format!("reading the object: {error}")),
        }
    }
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is there now.
    New {
        /// The message by which the job of the replaced result went to the dead letter queue.
        dead_lettered: Option<String>,
    },
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
    /// Sends a message to the dead letter queue.
    fn set_aside(&self, letter: &Letter<'_>) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Notes on the job's result, if it is still a failed one, that this message went to the dead
    /// letter queue.
    fn mark(
        &self,
        job_id: &str,
        message_id: &str,
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
                let status = error.raw_response().map(|answer| answer.status().as_u16());
                let versioned = job.version_id.is_some();
                return Err(match unreachable(status, error.code(), versioned) {
                    Some(reason) => Failure::Permanent(reason, Box::default()),
                    None => Failure::transient(error),
                });
            }
        };
        let small = object
            .content_length()
            .is_some_and(|length| length <= SMALL);
        if small {
            let bytes = object
                .body
                .collect()
                .await
                .map_err(Failure::transient)?
                .into_bytes();
            if bytes.len() <= SMALL_GZIP || !is_gzip(&job.key, &bytes) {
                return Ok(analyse(&job.key, Cursor::new(bytes))?);
            }
            return on_thread(&job.key, Cursor::new(bytes)).await;
        }
        let (reader, _stop) = source::blocking(object.body);
        on_thread(&job.key, reader).await
    }

    async fn write(&self, result: &JobResult) -> Result<Written, Failure> {
        let answer = model::dynamodb::put_result(&self.dynamodb, &self.table, result)
            .map_err(|error| Failure::Transient(format!("the result does not serialise: {error}")))?
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(Written::New {
                dead_lettered: answer
                    .attributes()
                    .and_then(model::dynamodb::dead_lettered)
                    .map(str::to_owned),
            }),
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

    async fn set_aside(&self, letter: &Letter<'_>) -> Result<(), Failure> {
        let mut request = self
            .sqs
            .send_message()
            .queue_url(&self.dead_letter_queue_url)
            .message_body(letter.body);
        for (name, kind, text) in letter.attributes() {
            let value = MessageAttributeValue::builder()
                .data_type(kind)
                .string_value(text)
                .build()
                .map_err(|error| Failure::Transient(error.to_string()))?;
            request = request.message_attributes(name, value);
        }
        request.send().await.map_err(Failure::transient)?;
        Ok(())
    }

    async fn mark(&self, job_id: &str, message_id: &str) -> Result<(), Failure> {
        let answer =
            model::dynamodb::mark_dead_lettered(&self.dynamodb, &self.table, job_id, message_id)
                .send()
                .await;
        match answer {
            Ok(_) => Ok(()),
            // Healed meanwhile. // aws-behaviours D20
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(Failure::transient(error)),
        }
    }
}

async fn on_thread(
    key: &str,
    reader: impl std::io::Read + Send + 'static,
) -> Result<Statistics, Failure> {
    let key = key.to_owned();
    let analysis = tokio::task::spawn_blocking(move || analyse(&key, reader));
    Ok(analysis.await.map_err(Failure::transient)??)
}

/// Why an object can never be read, by the HTTP status and the code of S3's answer; `None` where
/// another try may succeed. Denied access is among the latter: a role takes a while to be in force.
fn unreachable(status: Option<u16>, code: Option<&str>, versioned: bool) -> Option<Reason> {
    let not_found = |text: &str| Some(Reason::new("not_found", text));
    match (status, code) {
        (_, Some("InvalidObjectState")) => Some(Reason::new(
            "archived",
            "the object is archived and has to be restored first",
        )),
        (_, Some("NoSuchVersion")) => not_found("the version is not there any more"),
        (_, Some("NoSuchBucket")) => not_found("the bucket is not there any more"),
        // The request says nothing but bucket, key and version.
        (Some(400), Some("InvalidArgument")) if versioned => {
            not_found("the id of the version is not one")
        }
        (Some(405), _) | (_, Some("MethodNotAllowed")) => {
            not_found("the object was deleted: the version is a delete marker")
        }
        (Some(404), _) | (_, Some("NoSuchKey")) => not_found("the object is not there any more"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
