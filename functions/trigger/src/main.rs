//! Wires the trigger function.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use model::aws;
use trigger::{AwsEffects, Limits, handle, max_file_bytes};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::init_logging();
    serve().await.inspect_err(|error| {
        tracing::error!(error = error.to_string(), "the function cannot run");
    })
}

async fn serve() -> Result<(), Error> {
    let max_file_bytes = max_file_bytes(std::env::var_os("MAX_FILE_BYTES").as_deref())?;
    let config = aws::config().await;
    let effects = AwsEffects {
        sqs: aws_sdk_sqs::Client::new(&config),
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        queue_url: aws::required("JOBS_QUEUE_URL")?,
        table: aws::required("RESULTS_TABLE")?,
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
