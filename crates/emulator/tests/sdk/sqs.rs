//! SQS by its SDK.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};

use crate::common::Running;

async fn make_queue(
    client: &Client,
    name: &str,
    attributes: &[(QueueAttributeName, &str)],
) -> String {
    let mut request = client.create_queue().queue_name(name);
    for (attribute, value) in attributes {
        request = request.attributes(attribute.clone(), *value);
    }
    let made = request.send().await.expect("a queue");
    made.queue_url().expect("its URL").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_received_and_deleted() {
    let running = Running::start().await;
    let client = running.sqs();
    let url = make_queue(&client, "jobs", &[]).await;
    assert!(url.starts_with(running.emulator.endpoint()), "{url}");
    let text = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("why")
        .build()
        .expect("complete");
    let sent = client
        .send_message()
        .queue_url(&url)
        .message_body("job ü")
        .message_attributes("reason", text)
        .send()
        .await
        .expect("sent");
    let received = client
        .receive_message()
        .queue_url(&url)
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
        .wait_time_seconds(1)
        .send()
        .await
        .expect("received");
    let message = &received.messages()[0];
    assert_eq!(message.body(), Some("job ü"));
    assert_eq!(message.message_id(), sent.message_id());
    let attributes = message.message_attributes().expect("attributes");
    assert_eq!(attributes["reason"].string_value(), Some("why"));
    let system = message.attributes().expect("system attributes");
    assert_eq!(
        system[&MessageSystemAttributeName::ApproximateReceiveCount],
        "1"
    );
    client
        .delete_message()
        .queue_url(&url)
        .receipt_handle(message.receipt_handle().expect("a handle"))
        .send()
        .await
        .expect("deleted");
    let counts = client
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .expect("counts");
    let counts = counts.attributes().expect("some");
    assert_eq!(
        counts[&QueueAttributeName::ApproximateNumberOfMessages],
        "0"
    );
    assert_eq!(
        counts[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible],
        "0"
    );
    assert_eq!(
        counts[&QueueAttributeName::QueueArn],
        "arn:aws:sqs:us-east-1:000000000000:jobs"
    );
    let absent = client.get_queue_url().queue_name("none").send().await;
    let refusal = absent
        .expect_err("there is no such queue")
        .into_service_error();
    assert!(refusal.is_queue_does_not_exist(), "{refusal:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_go_both_ways() {
    let running = Running::start().await;
    let client = running.sqs();
    let url = make_queue(&client, "jobs", &[]).await;
    let entries = (0..10).map(|index| {
        SendMessageBatchRequestEntry::builder()
            .id(format!("e{index}"))
            .message_body(format!("m{index}"))
            .build()
            .expect("complete")
    });
    let sent = client
        .send_message_batch()
        .queue_url(&url)
        .set_entries(Some(entries.collect()))
        .send()
        .await
        .expect("sent");
    assert_eq!((sent.successful().len(), sent.failed().len()), (10, 0));
    let received = client
        .receive_message()
        .queue_url(&url)
        .max_number_of_messages(10)
        .send()
        .await
        .expect("received");
    assert_eq!(received.messages().len(), 10);
    let deletions = received
        .messages()
        .iter()
        .enumerate()
        .map(|(index, message)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(format!("d{index}"))
                .receipt_handle(message.receipt_handle().expect("a handle"))
                .build()
                .expect("complete")
        });
    let deleted = client
        .delete_message_batch()
        .queue_url(&url)
        .set_entries(Some(deletions.collect()))
        .send()
        .await
        .expect("deleted");
    assert_eq!(deleted.successful().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_received_too_often_goes_to_the_dead_letters() {
    let running = Running::start().await;
    let client = running.sqs();
    let dead = make_queue(&client, "jobs-dlq", &[]).await;
    let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:jobs-dlq","maxReceiveCount":"1"}"#;
    let url = make_queue(
        &client,
        "jobs",
        &[
            (QueueAttributeName::RedrivePolicy, redrive),
            (QueueAttributeName::VisibilityTimeout, "0"),
        ],
    )
    .await;
    client
        .send_message()
        .queue_url(&url)
        .message_body("poison")
        .send()
        .await
        .expect("sent");
    let receive = |url: &str| client.receive_message().queue_url(url).send();
    assert_eq!(receive(&url).await.expect("once").messages().len(), 1);
    assert_eq!(receive(&url).await.expect("twice").messages().len(), 0);
    let dead = receive(&dead).await.expect("the dead letter");
    assert_eq!(dead.messages()[0].body(), Some("poison"));
}
