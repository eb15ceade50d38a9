//! Event source mappings.

use super::*;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:jobs";
const PATH: &str = "/2015-03-31/event-source-mappings";

/// A queue, a function `f`, and a mapping: its id.
async fn map(fixture: &Fixture, more: Value) -> String {
    fixture.queues.make(QUEUE, 60);
    fixture.make("f", "batches", Value::Null).await;
    let mut body = json!({ "FunctionName": "f", "EventSourceArn": QUEUE });
    for (field, value) in more.as_object().into_iter().flatten() {
        body[field] = value.clone();
    }
    let made = fixture.ok(Method::POST, PATH, body).await;
    made["UUID"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_delivered_and_deleted() {
    let fixture = Fixture::new();
    map(&fixture, Value::Null).await;
    fixture.queues.put(QUEUE, &["a", "b", "c"]);
    eventually("they are deleted", || {
        fixture.queues.deleted(QUEUE).len() == 3
    })
    .await;
    assert_eq!(fixture.queues.deleted(QUEUE), ["a-0", "b-1", "c-2"]);
    assert!(fixture.queues.released(QUEUE).is_empty());
    fixture.stop().await;
    assert_eq!(fixture.logs.count("a batch of 3"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_error_releases_the_whole_batch() {
    let fixture = Fixture::new();
    let partial = json!({ "FunctionResponseTypes": ["ReportBatchItemFailures"] });
    map(&fixture, partial).await;
    fixture.queues.put(QUEUE, &["a", "error", "c"]);
    eventually("they are released", || {
        fixture.queues.released(QUEUE).len() == 3
    })
    .await;
    assert!(fixture.queues.deleted(QUEUE).is_empty());
    fixture.stop().await;
}

/// aws-behaviours E9
#[tokio::test(flavor = "multi_thread")]
async fn only_named_messages_are_released() {
    let fixture = Fixture::new();
    let partial = json!({ "FunctionResponseTypes": ["ReportBatchItemFailures"] });
    map(&fixture, partial).await;
    fixture.queues.put(QUEUE, &["a", "fail", "c", "fail"]);
    eventually("they are released", || {
        fixture.queues.released(QUEUE).len() == 2
    })
    .await;
    assert_eq!(fixture.queues.released(QUEUE), ["fail-1", "fail-3"]);
    assert_eq!(fixture.queues.deleted(QUEUE), ["a-0", "c-2"]);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_works_only_while_it_is_enabled_and_there() {
    let fixture = Fixture::new();
    let id = map(&fixture, json!({ "Enabled": false })).await;
    let path = format!("{PATH}/{id}");
    let got = fixture.ok(Method::GET, &path, Value::Null).await;
    assert_eq!(got["State"], "Disabled");
    fixture.queues.put(QUEUE, &["a"]);
    // Nothing may happen; a full round of the runtime is what that can be seen in.
    fixture.ok(Method::GET, &path, Value::Null).await;
    assert_eq!(fixture.queues.visible(QUEUE), 1);
    fixture
        .ok(Method::PUT, &path, json!({ "Enabled": true }))
        .await;
    eventually("it is deleted", || fixture.queues.deleted(QUEUE).len() == 1).await;
    let got = fixture.ok(Method::DELETE, &path, Value::Null).await;
    assert_eq!(got["State"], "Deleting");
    let poller_is_gone = || fixture.service.pollers().is_empty();
    assert!(poller_is_gone());
    let gone = fixture.request(Method::GET, &path, &[], Value::Null).await;
    assert_eq!(gone.status, 404);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_in_an_open_window_are_released_when_the_mapping_goes() {
    let fixture = Fixture::new();
    let window = json!({ "MaximumBatchingWindowInSeconds": 300 });
    let id = map(&fixture, window).await;
    fixture.queues.put(QUEUE, &["a", "b"]);
    eventually("they are taken", || {
        fixture.queues.received(QUEUE).len() == 2
    })
    .await;
    fixture
        .ok(Method::DELETE, &format!("{PATH}/{id}"), Value::Null)
        .await;
    eventually("they are released", || {
        fixture.queues.released(QUEUE).len() == 2
    })
    .await;
    fixture.stop().await;
}

/// aws-behaviours Q10, E1
#[tokio::test(flavor = "multi_thread")]
async fn a_second_mapping_and_a_visibility_below_the_timeout_are_refused() {
    let fixture = Fixture::new();
    let id = map(&fixture, Value::Null).await;
    let body = json!({ "FunctionName": "f", "EventSourceArn": QUEUE });
    let got = fixture.request(Method::POST, PATH, &[], body).await;
    assert_eq!(got.status, 409);
    let message = got.body["Message"].as_str().expect("a message");
    assert!(message.contains(&id), "{message}");

    let slow = "arn:aws:sqs:us-east-1:000000000000:slow";
    fixture.queues.make(slow, 59);
    let body = json!({ "FunctionName": "f", "EventSourceArn": slow });
    let got = fixture.request(Method::POST, PATH, &[], body).await;
    assert_eq!(got.status, 400);
    let timeout = json!({ "Timeout": 61 });
    let path = "/2015-03-31/functions/f/configuration";
    let got = fixture.request(Method::PUT, path, &[], timeout).await;
    assert_eq!(got.status, 400);
    fixture.stop().await;
}

/// aws-behaviours L12, E4
#[tokio::test(flavor = "multi_thread")]
async fn without_its_function_a_mapping_receives_nothing() {
    for window in [0, 5] {
        let fixture = Fixture::new();
        let more = json!({ "MaximumBatchingWindowInSeconds": window, "BatchSize": 1 });
        map(&fixture, more).await;
        let path = "/2015-03-31/functions/f";
        fixture.ok(Method::DELETE, path, Value::Null).await;
        fixture.queues.put(QUEUE, &["a"]);
        fixture.make("g", "events", Value::Null).await;
        fixture.pid("g").await;
        // As long as a process took to start and answer.
        assert!(fixture.queues.received(QUEUE).is_empty(), "{window}");
        fixture.make("f", "batches", Value::Null).await;
        eventually("it is deleted", || fixture.queues.deleted(QUEUE).len() == 1).await;
        fixture.stop().await;
    }
}
