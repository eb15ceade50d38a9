//! The worker function with a bug: one line that is no log record fails the whole job, as if another try
//! could help. The real one counts such lines. Everything else is the real one's.

use std::time::{Instant, SystemTime};

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use model::{JobResult, ProcessingJob, aws};
use worker::analyse::Statistics;
use worker::{AwsEffects, Batch, Effects, Failure, Letter, Written, handle};

/// The real effects but for one.
struct Faulty(AwsEffects);

impl Effects for Faulty {
    async fn analyse(&self, job: &ProcessingJob) -> Result<Statistics, Failure> {
        let statistics = self.0.analyse(job).await?;
        match statistics.malformed_positions.first() {
            Some(line) => Err(Failure::Transient(format!("line {line} is no log record"))),
            None => Ok(statistics),
        }
    }

    async fn write(&self, result: &JobResult) -> Result<Written, Failure> {
        self.0.write(result).await
    }

    async fn set_aside(&self, letter: &Letter<'_>) -> Result<(), Failure> {
        self.0.set_aside(letter).await
    }

    async fn mark(&self, job_id: &str, message_id: &str) -> Result<(), Failure> {
        self.0.mark(job_id, message_id).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::init_logging();
    let config = aws::config().await;
    let effects = Faulty(AwsEffects {
        s3: aws::s3(&config),
        sqs: aws_sdk_sqs::Client::new(&config),
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        dead_letter_queue_url: aws::required("DEAD_LETTER_QUEUE_URL")?,
        table: aws::required("RESULTS_TABLE")?,
    });
    let effects = &effects;
    run(service_fn(move |event: LambdaEvent<Batch>| async move {
        let left = event
            .context
            .deadline()
            .duration_since(SystemTime::now())
            .unwrap_or_default();
        let deadline = Instant::now() + left;
        Ok::<_, Error>(handle(event.payload, aws::is_cold(), deadline, effects).await)
    }))
    .await
}
