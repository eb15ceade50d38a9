//! Operations on messages, batches and long polls, as clients call them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::handlers_tests::{Fixture, NOW, call, settle};

#[tokio::test]
async fn a_message_comes_back_with_what_was_asked_for() {
    let f = Fixture::new();
    let url = f.make("jobs", json!({"VisibilityTimeout": "0"})).await;
    let sent = f
        .ok(
            "SendMessage",
            json!({
                "QueueUrl": "http://localhost:1/000000000000/jobs", "MessageBody": "msg",
                "MessageAttributes": {
                    "Hello": {"DataType": "String", "StringValue": "There"},
                    "General": {"DataType": "String", "StringValue": "Kenobi"},
                },
                "MessageSystemAttributes": {
                    "AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"},
                },
            }),
        )
        .await;
    assert_eq!(sent["MD5OfMessageBody"], "6e2baaf3b97dbeef01c0043275f9a0e7");
    assert_eq!(
        sent["MD5OfMessageAttributes"],
        "fca026605781cb4126a1e9044df24232"
    );
    f.clock.advance(7);
    let bare = f.ok("ReceiveMessage", json!({"QueueUrl": url})).await;
    let bare = &bare["Messages"][0];
    assert_eq!(bare.as_object().expect("a map").len(), 4, "{bare}");
    let all = f
        .ok(
            "ReceiveMessage",
            json!({
                "QueueUrl": url, "MessageSystemAttributeNames": ["All"],
                "MessageAttributeNames": ["Hel.*"],
            }),
        )
        .await;
    let message = &all["Messages"][0];
    assert_eq!(message["MessageId"], sent["MessageId"]);
    assert_eq!(
        message["Attributes"],
        json!({
            "AWSTraceHeader": "Root=1",
            "ApproximateFirstReceiveTimestamp": (NOW + 7).to_string(),
            "ApproximateReceiveCount": "2",
            "SenderId": "000000000000",
            "SentTimestamp": NOW.to_string(),
        })
    );
    assert_eq!(
        message["MessageAttributes"],
        json!({"Hello": {"DataType": "String", "StringValue": "There"}})
    );
    // The digest is of what is shown, as AWS has it.
    assert_eq!(
        message["MD5OfMessageAttributes"],
        "a311262e065454b75da111d535b8dacd"
    );
    let unknown = json!({"QueueUrl": url, "AttributeNames": ["Colour"]});
    assert_eq!(
        f.code("ReceiveMessage", unknown).await,
        "InvalidAttributeName"
    );
}

#[tokio::test]
async fn parameters_out_of_range_are_refused() {
    let f = Fixture::new();
    let url = f.make("jobs", json!({"MaximumMessageSize": "1024"})).await;
    let long = "x".repeat(1_025);
    for (operation, body, code) in [
        (
            "ReceiveMessage",
            json!({"MaxNumberOfMessages": 11}),
            "InvalidParameterValueException",
        ),
        (
            "ReceiveMessage",
            json!({"MaxNumberOfMessages": 0}),
            "InvalidParameterValueException",
        ),
        (
            "ReceiveMessage",
            json!({"WaitTimeSeconds": 21}),
            "InvalidParameterValueException",
        ),
        (
            "ReceiveMessage",
            json!({"VisibilityTimeout": 43_201}),
            "InvalidParameterValueException",
        ),
        (
            "ReceiveMessage",
            json!({"MaxNumberOfMessages": "x"}),
            "SerializationException",
        ),
        (
            "SendMessage",
            json!({}),
            "MissingRequiredParameterException",
        ),
        (
            "SendMessage",
            json!({"MessageBody": long}),
            "InvalidParameterValueException",
        ),
        (
            "SendMessage",
            json!({"MessageBody": "\u{1}"}),
            "InvalidMessageContents",
        ),
        (
            "SendMessage",
            json!({"MessageBody": "x", "DelaySeconds": 901}),
            "InvalidParameterValueException",
        ),
        (
            "SendMessage",
            json!({"MessageBody": "x", "MessageDeduplicationId": "d"}),
            "InvalidParameterValueException",
        ),
        (
            "DeleteMessage",
            json!({}),
            "MissingRequiredParameterException",
        ),
        (
            "DeleteMessage",
            json!({"ReceiptHandle": "nonsense"}),
            "ReceiptHandleIsInvalid",
        ),
        (
            "ChangeMessageVisibility",
            json!({"ReceiptHandle": "x"}),
            "MissingRequiredParameterException",
        ),
        (
            "ChangeMessageVisibility",
            json!({"ReceiptHandle": "x", "VisibilityTimeout": 1}),
            "ReceiptHandleIsInvalid",
        ),
        ("PublishMessage", json!({}), "NotImplemented"),
    ] {
        let mut body = body;
        body["QueueUrl"] = json!(url);
        assert_eq!(
            f.code(operation, body.clone()).await,
            code,
            "{operation} {body}"
        );
    }
    let absent = json!({"QueueUrl": "http://h/000000000000/none", "ReceiptHandle": "x"});
    assert_eq!(f.code("DeleteMessage", absent).await, "QueueDoesNotExist");
    assert_eq!(f.attributes(&url).await["ApproximateNumberOfMessages"], "0");
}

#[tokio::test]
async fn each_entry_of_a_batch_succeeds_or_fails_by_itself() {
    let f = Fixture::new();
    let url = f.make("jobs", json!({})).await;
    let send = |entries: Value| json!({"QueueUrl": url, "Entries": entries});
    let entries = json!([
        {"Id": "good", "MessageBody": "a"},
        {"Id": "bad", "MessageBody": "\u{0}"},
        {"Id": "late", "MessageBody": "b", "DelaySeconds": 10},
        {"Id": "later", "MessageBody": "b", "DelaySeconds": 1000},
    ]);
    let sent = f.ok("SendMessageBatch", send(entries)).await;
    let ids = |list: &Value| -> Vec<String> {
        let list = list.as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|entry| entry["Id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(ids(&sent["Successful"]), ["good", "late"]);
    assert_eq!(ids(&sent["Failed"]), ["bad", "later"]);
    assert_eq!(sent["Failed"][0]["Code"], "InvalidMessageContents");
    assert_eq!(sent["Failed"][0]["SenderFault"], true);
    assert_eq!(sent["Failed"][1]["Code"], "InvalidParameterValue");
    let counts = f.attributes(&url).await;
    assert_eq!(counts["ApproximateNumberOfMessages"], "1");
    assert_eq!(counts["ApproximateNumberOfMessagesDelayed"], "1");

    let entry = |id: &str| json!({"Id": id, "MessageBody": "x"});
    let eleven: Vec<Value> = (0..11).map(|n| entry(&n.to_string())).collect();
    let half = "x".repeat(600_000);
    for (entries, code) in [
        (json!([]), "EmptyBatchRequest"),
        (json!(eleven), "TooManyEntriesInBatchRequest"),
        (json!([entry("a"), entry("a")]), "BatchEntryIdsNotDistinct"),
        (json!([entry("a:b")]), "InvalidBatchEntryId"),
        (json!([entry("")]), "InvalidBatchEntryId"),
        (
            json!([{"Id": "a", "MessageBody": half}, {"Id": "b", "MessageBody": half}]),
            "BatchRequestTooLong",
        ),
    ] {
        assert_eq!(f.code("SendMessageBatch", send(entries)).await, code);
    }

    let received = f.ok("ReceiveMessage", json!({"QueueUrl": url})).await;
    let handle = &received["Messages"][0]["ReceiptHandle"];
    let entries = json!([
        {"Id": "1", "ReceiptHandle": handle, "VisibilityTimeout": 0},
        {"Id": "2", "ReceiptHandle": handle, "VisibilityTimeout": 50_000},
        {"Id": "3", "ReceiptHandle": "x", "VisibilityTimeout": 0},
    ]);
    let changed = f
        .ok("ChangeMessageVisibilityBatch", send(entries.clone()))
        .await;
    assert_eq!(ids(&changed["Successful"]), ["1"]);
    assert_eq!(ids(&changed["Failed"]), ["2", "3"]);
    let deleted = f.ok("DeleteMessageBatch", send(entries)).await;
    assert_eq!(ids(&deleted["Successful"]), ["1", "2"]);
    assert_eq!(deleted["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    assert_eq!(f.attributes(&url).await["ApproximateNumberOfMessages"], "0");
}

#[tokio::test]
async fn a_long_poll_is_woken_by_a_send() {
    let f = Fixture::new();
    let url = f.make("jobs", json!({})).await;
    let poll = json!({"QueueUrl": url, "WaitTimeSeconds": 20});
    let service = Arc::clone(&f.service);
    let polling = tokio::spawn(async move { call(&service, "ReceiveMessage", poll).await });
    settle().await;
    assert!(!polling.is_finished());
    f.ok(
        "SendMessage",
        json!({"QueueUrl": url, "MessageBody": "now"}),
    )
    .await;
    let received = polling.await.expect("ended").expect("received");
    assert_eq!(received["Messages"][0]["Body"], "now");
}

#[tokio::test]
async fn a_long_poll_ends_empty_at_its_time_and_with_its_queue() {
    let f = Fixture::new();
    let url = f
        .make("jobs", json!({"ReceiveMessageWaitTimeSeconds": "5"}))
        .await;
    let start = || {
        let (service, poll) = (Arc::clone(&f.service), json!({"QueueUrl": url}));
        tokio::spawn(async move { call(&service, "ReceiveMessage", poll).await })
    };
    let polling = start();
    settle().await;
    f.clock.advance(4_999);
    settle().await;
    assert!(!polling.is_finished());
    f.clock.advance(1);
    assert_eq!(polling.await.expect("ended"), Ok(json!({})));

    let polling = start();
    settle().await;
    f.ok("DeleteQueue", json!({"QueueUrl": url})).await;
    let refused = polling.await.expect("ended").expect_err("no queue");
    assert_eq!(refused.code, "QueueDoesNotExist");
}

#[tokio::test]
async fn the_timer_wakes_at_the_end_of_delays_and_visibility_timeouts() {
    let f = Fixture::new();
    f.service.start();
    let url = f.make("jobs", json!({"VisibilityTimeout": "30"})).await;
    let poll = json!({"QueueUrl": url, "WaitTimeSeconds": 20});
    let start = || {
        let (service, poll) = (Arc::clone(&f.service), poll.clone());
        tokio::spawn(async move { call(&service, "ReceiveMessage", poll).await })
    };
    let send = json!({"QueueUrl": url, "MessageBody": "late", "DelaySeconds": 15});
    f.ok("SendMessage", send).await;
    let polling = start();
    settle().await;
    f.clock.advance(14_999);
    settle().await;
    assert!(!polling.is_finished());
    f.clock.advance(1);
    let received = polling.await.expect("ended").expect("received");
    assert_eq!(received["Messages"][0]["Body"], "late");

    settle().await;
    f.clock.advance(15_000);
    let polling = start();
    settle().await;
    assert!(!polling.is_finished());
    f.clock.advance(15_000);
    let received = polling.await.expect("ended").expect("received again");
    assert_eq!(received["Messages"][0]["Body"], "late");
    f.service.shared.stop.cancel();
}
