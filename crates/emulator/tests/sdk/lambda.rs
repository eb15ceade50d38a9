//! Lambda's control plane by its SDK. Invocations are tested where the functions are.

mod code_from_s3;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    DestinationConfig, FunctionCode, FunctionResponseType, OnFailure, Runtime,
};

use crate::common::{Running, code, sleeping_function};

/// A function whose bootstrap sleeps.
pub async fn make_function(client: &Client, name: &str) -> String {
    let code = FunctionCode::builder().zip_file(Blob::new(sleeping_function()));
    let made = client
        .create_function()
        .function_name(name)
        .runtime(Runtime::Providedal2023)
        .handler("bootstrap")
        .role("arn:aws:iam::000000000000:role/r")
        .code(code.build())
        .memory_size(256)
        .timeout(30)
        .tags("pipectl:stack", "s")
        .send()
        .await
        .expect("a function");
    made.function_arn().expect("its ARN").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_made_read_and_deleted() {
    let running = Running::start().await;
    let client = running.lambda();
    let arn = make_function(&client, "worker").await;
    assert_eq!(arn, "arn:aws:lambda:us-east-1:000000000000:function:worker");
    let got = client
        .get_function()
        .function_name("worker")
        .send()
        .await
        .expect("there");
    let configuration = got.configuration().expect("its configuration");
    assert_eq!(configuration.memory_size(), Some(256));
    assert_eq!(configuration.timeout(), Some(30));
    assert_eq!(got.tags().expect("its tags")["pipectl:stack"], "s");
    let tags = client
        .list_tags()
        .resource(&arn)
        .send()
        .await
        .expect("tags");
    assert_eq!(tags.tags().expect("some")["pipectl:stack"], "s");
    client
        .delete_function()
        .function_name("worker")
        .send()
        .await
        .expect("deleted");
    let gone = client.get_function().function_name("worker").send().await;
    assert_eq!(code(gone), "ResourceNotFoundException");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_has_a_policy_and_settings_for_asynchronous_invocations() {
    let running = Running::start().await;
    let client = running.lambda();
    make_function(&client, "trigger").await;
    let none = client.get_policy().function_name("trigger").send().await;
    assert_eq!(code(none), "ResourceNotFoundException");
    client
        .add_permission()
        .function_name("trigger")
        .statement_id("s3")
        .action("lambda:InvokeFunction")
        .principal("s3.amazonaws.com")
        .source_arn("arn:aws:s3:::uploads")
        .source_account("000000000000")
        .send()
        .await
        .expect("allowed");
    let policy = client
        .get_policy()
        .function_name("trigger")
        .send()
        .await
        .expect("a policy");
    let policy: serde_json::Value =
        serde_json::from_str(policy.policy().expect("its text")).expect("JSON");
    assert_eq!(policy["Statement"][0]["Sid"], "s3");

    let queue = running
        .sqs()
        .create_queue()
        .queue_name("uploads-dlq")
        .send()
        .await;
    queue.expect("a queue");
    let destination = "arn:aws:sqs:us-east-1:000000000000:uploads-dlq";
    let on_failure = OnFailure::builder().destination(destination).build();
    client
        .put_function_event_invoke_config()
        .function_name("trigger")
        .maximum_retry_attempts(1)
        .destination_config(DestinationConfig::builder().on_failure(on_failure).build())
        .send()
        .await
        .expect("set");
    let got = client
        .get_function_event_invoke_config()
        .function_name("trigger")
        .send()
        .await
        .expect("there");
    assert_eq!(got.maximum_retry_attempts(), Some(1));
    assert_eq!(
        got.destination_config()
            .and_then(|config| config.on_failure())
            .and_then(|failure| failure.destination()),
        Some(destination)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_is_made_listed_and_deleted() {
    let running = Running::start().await;
    let client = running.lambda();
    make_function(&client, "worker").await;
    running
        .sqs()
        .create_queue()
        .queue_name("jobs")
        .attributes(
            aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout,
            "180",
        )
        .send()
        .await
        .expect("a queue");
    let queue = "arn:aws:sqs:us-east-1:000000000000:jobs";
    let made = client
        .create_event_source_mapping()
        .function_name("worker")
        .event_source_arn(queue)
        .batch_size(10)
        .function_response_types(FunctionResponseType::ReportBatchItemFailures)
        .send()
        .await
        .expect("a mapping");
    let id = made.uuid().expect("its id");
    let listed = client
        .list_event_source_mappings()
        .function_name("worker")
        .event_source_arn(queue)
        .send()
        .await
        .expect("listed");
    assert_eq!(listed.event_source_mappings().len(), 1);
    assert_eq!(listed.event_source_mappings()[0].uuid(), Some(id));
    client
        .delete_event_source_mapping()
        .uuid(id)
        .send()
        .await
        .expect("deleted");
}
