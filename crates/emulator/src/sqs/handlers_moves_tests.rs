//! Move tasks, as clients see them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::yield_now;

use super::SqsService;
use super::handlers_tests::{ARN, Fixture, NOW, call, open, settle};

/// Waits until the newest move task of `dead` has ended; gives it.
async fn ended_task(f: &Fixture) -> Value {
    let listing = async {
        loop {
            let tasks = f
                .ok(
                    "ListMessageMoveTasks",
                    json!({"SourceArn": format!("{ARN}dead")}),
                )
                .await;
            if tasks["Results"][0]["Status"] != "RUNNING" {
                return tasks["Results"][0].clone();
            }
            yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), listing)
        .await
        .expect("the task ends")
}

/// A queue with a dead letter queue that has so many of its messages.
async fn with_dead_letters(f: &Fixture, count: usize) -> (String, String) {
    let dead = f.make("dead", json!({})).await;
    let policy = json!({"deadLetterTargetArn": format!("{ARN}dead"), "maxReceiveCount": 1});
    let attributes = json!({"RedrivePolicy": policy.to_string(), "VisibilityTimeout": "1"});
    let url = f.make("jobs", attributes).await;
    for number in 0..count {
        let body = format!("m{number}");
        f.ok("SendMessage", json!({"QueueUrl": url, "MessageBody": body}))
            .await;
    }
    let all = json!({"QueueUrl": url, "MaxNumberOfMessages": 10});
    f.ok("ReceiveMessage", all.clone()).await;
    f.clock.advance(1_000);
    assert_eq!(f.ok("ReceiveMessage", all).await, json!({}));
    (url, dead)
}

#[tokio::test]
async fn a_move_task_takes_dead_letters_back() {
    let f = Fixture::new();
    let (url, dead) = with_dead_letters(&f, 3).await;
    let received = f
        .ok(
            "ReceiveMessage",
            json!({
            "QueueUrl": dead, "VisibilityTimeout": 0, "AttributeNames": ["All"]}),
        )
        .await;
    let letter = &received["Messages"][0];
    assert_eq!(
        letter["Attributes"]["DeadLetterQueueSourceArn"],
        format!("{ARN}jobs")
    );
    let source = json!({"SourceArn": format!("{ARN}dead")});
    let started = f.ok("StartMessageMoveTask", source.clone()).await;
    assert!(started["TaskHandle"].is_string());
    let task = ended_task(&f).await;
    assert_eq!(
        task,
        json!({
            "Status": "COMPLETED", "SourceArn": format!("{ARN}dead"),
            "ApproximateNumberOfMessagesMoved": 3, "ApproximateNumberOfMessagesToMove": 3,
            "StartedTimestamp": NOW + 1_000,
        })
    );
    assert_eq!(
        f.attributes(&dead).await["ApproximateNumberOfMessages"],
        "0"
    );
    let back = f
        .ok(
            "ReceiveMessage",
            json!({"QueueUrl": url, "AttributeNames": ["All"]}),
        )
        .await;
    let back = &back["Messages"][0];
    assert_ne!(back["MessageId"], letter["MessageId"], "a new message");
    assert_eq!(back["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(
        f.code("CancelMessageMoveTask", started).await,
        "UnsupportedOperation"
    );

    for (body, code) in [
        (
            json!({"SourceArn": format!("{ARN}none")}),
            "ResourceNotFoundException",
        ),
        (
            json!({"SourceArn": format!("{ARN}jobs")}),
            "InvalidParameterValueException",
        ),
        (
            json!({"SourceArn": format!("{ARN}dead"), "DestinationArn": format!("{ARN}none")}),
            "ResourceNotFoundException",
        ),
        (
            json!({"SourceArn": format!("{ARN}dead"), "MaxNumberOfMessagesPerSecond": 501}),
            "InvalidParameterValueException",
        ),
    ] {
        assert_eq!(f.code("StartMessageMoveTask", body).await, code);
    }
    // What was sent to the dead letter queue itself came from nowhere.
    f.ok(
        "SendMessage",
        json!({"QueueUrl": dead, "MessageBody": "direct"}),
    )
    .await;
    f.ok("StartMessageMoveTask", source.clone()).await;
    let task = ended_task(&f).await;
    assert_eq!(task["FailureReason"], "CouldNotDetermineMessageSource");
    let mut to_jobs = source;
    to_jobs["DestinationArn"] = json!(format!("{ARN}jobs"));
    f.ok("StartMessageMoveTask", to_jobs).await;
    assert_eq!(ended_task(&f).await["Status"], "COMPLETED");
}

#[tokio::test]
async fn a_slow_move_task_survives_a_restart_and_can_be_cancelled() {
    let f = Fixture::new();
    let (_, dead) = with_dead_letters(&f, 3).await;
    let moved = |service: Arc<SqsService>, wanted: i64| async move {
        let counting = async {
            let source = json!({"SourceArn": format!("{ARN}dead")});
            loop {
                let tasks = call(&service, "ListMessageMoveTasks", source.clone()).await;
                let task = tasks.expect("listed")["Results"][0].clone();
                if task["ApproximateNumberOfMessagesMoved"] == wanted {
                    return task;
                }
                yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), counting)
            .await
            .expect("messages are moved")
    };
    let slow = json!({"SourceArn": format!("{ARN}dead"), "MaxNumberOfMessagesPerSecond": 1});
    f.ok("StartMessageMoveTask", slow.clone()).await;
    assert_eq!(
        f.code("StartMessageMoveTask", slow).await,
        "InvalidParameterValueException",
        "one at a time"
    );
    moved(Arc::clone(&f.service), 1).await;
    f.service.shared.stop.cancel();
    settle().await;

    let service = open(f.dir.path(), &f.clock);
    service.start();
    let task = moved(Arc::clone(&service), 2).await;
    assert_eq!(task["Status"], "RUNNING");
    let handle = json!({"TaskHandle": task["TaskHandle"]});
    let cancelled = call(&service, "CancelMessageMoveTask", handle).await;
    assert_eq!(
        cancelled,
        Ok(json!({"ApproximateNumberOfMessagesMoved": 2}))
    );
    let left = json!({"QueueUrl": dead, "AttributeNames": ["All"]});
    let left = call(&service, "GetQueueAttributes", left)
        .await
        .expect("read");
    assert_eq!(left["Attributes"]["ApproximateNumberOfMessages"], "1");
    let nonsense = call(
        &service,
        "CancelMessageMoveTask",
        json!({"TaskHandle": "x"}),
    )
    .await;
    assert_eq!(
        nonsense.expect_err("refused").code,
        "InvalidParameterValueException"
    );
    service.shared.stop.cancel();
}
