//! Wires the trigger function.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use model::aws;
use trigger::{AwsEffects, Limits, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws::config().await;
    let effects = AwsEffects {
        sqs: aws_sdk_sqs::Client::new(&config),
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        queue_url: aws::required("JOBS_QUEUE_URL")?,
        table: aws::required("RESULTS_TABLE")?,
    };
    let max_file_bytes = match std::env::var("MAX_FILE_BYTES") {
        Ok(text) => Some(
            text.parse()
                .map_err(|_| format!("MAX_FILE_BYTES is not a number of bytes: {text}"))?,
        ),
        Err(_) => None,
    };
    let memory_mb = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(128);
    let effects = &effects;
    run(service_fn(
        move |event: LambdaEvent<serde_json::Value>| async move {
            // Lambda tells the deadline, not the timeout: at the start of an invocation both say the same.
            let left = event
                .context
                .deadline()
                .duration_since(SystemTime::now())
                .unwrap_or_default();
            let timeout = Duration::from_secs_f64(left.as_secs_f64().ceil());
            let limits = Limits::new(max_file_bytes, memory_mb, timeout);
            handle(event.payload, &limits, aws::is_cold(), effects)
                .await
                .map_err(Error::from)
        },
    ))
    .await
}
