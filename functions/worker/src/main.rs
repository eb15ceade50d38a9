//! Wires the worker function.

use std::time::{Instant, SystemTime};

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use model::aws;
use worker::{AwsEffects, Batch, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::init_logging();
    serve().await.inspect_err(|error| {
        tracing::error!(error = error.to_string(), "the function cannot run");
    })
}

async fn serve() -> Result<(), Error> {
    let config = aws::config().await;
    let effects = AwsEffects {
        s3: aws::s3(&config),
        sqs: aws_sdk_sqs::Client::new(&config),
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        dead_letter_queue_url: aws::required("DEAD_LETTER_QUEUE_URL")?,
        table: aws::required("RESULTS_TABLE")?,
    };
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
