//! Something in every store, and how much of it is there.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use pipectl_emulator::Emulator;

use crate::common::{make_function, s3, sdk, sqs};

pub const MESSAGES: usize = 400;
pub const OBJECTS: usize = 40;
pub const ITEMS: usize = 100;

/// Fills every store.
pub async fn fill(emulator: &Emulator) {
    let s3 = s3(emulator);
    s3.create_bucket()
        .bucket("uploads")
        .send()
        .await
        .expect("a bucket");
    for number in 0..OBJECTS {
        s3.put_object()
            .bucket("uploads")
            .key(format!("logs/{number:03}"))
            .body(ByteStream::from(format!("body {number}").into_bytes()))
            .send()
            .await
            .expect("an object");
    }
    let sqs = sqs(emulator);
    let queue = sqs
        .create_queue()
        .queue_name("jobs")
        .send()
        .await
        .expect("a queue");
    let url = queue.queue_url().expect("its URL");
    for batch in 0..MESSAGES / 10 {
        let entries = (0..10).map(|number| {
            SendMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .message_body(format!("{batch}-{number} {}", "x".repeat(500)))
                .build()
                .expect("an entry")
        });
        sqs.send_message_batch()
            .queue_url(url)
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .expect("sent");
    }
    make_function(emulator, "worker", &[("LEVEL", "info")]).await;
    aws_sdk_cloudwatchlogs::Client::new(&sdk(emulator))
        .create_log_group()
        .log_group_name("g")
        .send()
        .await
        .expect("a group");
    let tables = aws_sdk_dynamodb::Client::new(&sdk(emulator));
    tables
        .create_table()
        .table_name("results")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(
            KeySchemaElement::builder()
                .attribute_name("id")
                .key_type(KeyType::Hash)
                .build()
                .expect("a key"),
        )
        .attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name("id")
                .attribute_type(ScalarAttributeType::S)
                .build()
                .expect("an attribute"),
        )
        .send()
        .await
        .expect("a table");
    for number in 0..ITEMS {
        tables
            .put_item()
            .table_name("results")
            .item("id", AttributeValue::S(format!("{number:04}")))
            .item("text", AttributeValue::S("y".repeat(300)))
            .send()
            .await
            .expect("an item");
    }
}

/// How many messages, objects with whole bodies, and items there are.
pub async fn count(emulator: &Emulator) -> (usize, usize, usize) {
    let sqs = sqs(emulator);
    let queue = sqs
        .get_queue_url()
        .queue_name("jobs")
        .send()
        .await
        .expect("the queue");
    let attributes = sqs
        .get_queue_attributes()
        .queue_url(queue.queue_url().expect("its URL"))
        .attribute_names(aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages)
        .send()
        .await
        .expect("attributes");
    let messages = attributes
        .attributes()
        .and_then(|all| all.values().next())
        .and_then(|value| value.parse().ok())
        .expect("a number");
    let s3 = s3(emulator);
    let listed = s3
        .list_objects_v2()
        .bucket("uploads")
        .send()
        .await
        .expect("a list");
    for object in listed.contents() {
        let key = object.key().expect("a key");
        let got = s3
            .get_object()
            .bucket("uploads")
            .key(key)
            .send()
            .await
            .expect("the object");
        let body = got.body.collect().await.expect("its bytes").into_bytes();
        let number: usize = key
            .rsplit('/')
            .next()
            .and_then(|n| n.parse().ok())
            .expect("a number");
        assert_eq!(body, format!("body {number}").as_bytes());
    }
    let items = aws_sdk_dynamodb::Client::new(&sdk(emulator))
        .scan()
        .table_name("results")
        .send()
        .await
        .expect("items");
    (messages, listed.contents().len(), items.items().len())
}
