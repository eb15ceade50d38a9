//! Wires the worker function.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use model::aws;
use worker::{AwsEffects, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws::config().await;
    let effects = AwsEffects {
        s3: aws::s3(&config),
        sqs: aws_sdk_sqs::Client::new(&config),
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        dead_letter_queue_url: aws::required("DEAD_LETTER_QUEUE_URL")?,
        table: aws::required("RESULTS_TABLE")?,
    };
    let effects = &effects;
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(handle(event.payload, aws::is_cold(), effects).await)
    }))
    .await
}
