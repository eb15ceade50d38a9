//! Invocations: answers, errors, time-outs, crashes, retries.

use super::*;

const DLQ: &str = "arn:aws:sqs:us-east-1:000000000000:dlq";

#[tokio::test(flavor = "multi_thread")]
async fn a_function_answers_or_reports_an_error_with_the_tail_of_its_log() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let got = fixture.invoke("f", json!({ "a": [1, "ü"] })).await;
    assert_eq!((got.status, got.function_error.as_str()), (200, ""));
    assert_eq!(got.body["event"], json!({ "a": [1, "ü"] }));
    assert!(got.tail.contains("Init Duration"), "{}", got.tail);

    let got = fixture
        .invoke("f", json!({ "do": "error", "say": "it is broken" }))
        .await;
    assert_eq!(
        (got.status, got.function_error.as_str()),
        (200, "Unhandled")
    );
    assert_eq!(
        got.body,
        json!({ "errorType": "Mine", "errorMessage": "as asked" })
    );
    // What was printed before the answer is between start and end.
    let lines: Vec<&str> = got.tail.lines().collect();
    assert!(lines[0].starts_with("START RequestId: "), "{}", got.tail);
    assert_eq!(lines[1], "it is broken");
    assert!(lines[2].starts_with("END RequestId: "), "{}", got.tail);
    assert!(lines[3].starts_with("REPORT RequestId: "), "{}", got.tail);
    assert!(!lines[3].contains("Max Memory Used: 0 MB"), "{}", lines[3]);

    let missing = fixture.invoke("g", json!({})).await;
    assert_eq!(missing.status, 404);
    let huge = json!("x".repeat(6 * 1024 * 1024));
    assert_eq!(fixture.invoke("f", huge).await.status, 413);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_out_of_time_is_ended() {
    let fixture = Fixture::new();
    fixture.make("f", "events", json!({ "Timeout": 1 })).await;
    let pid = fixture.pid("f").await;
    let got = fixture.invoke("f", json!({ "do": "hang" })).await;
    assert_eq!(got.function_error, "Unhandled");
    assert_eq!(got.body["errorType"], "Sandbox.Timedout");
    assert!(got.tail.contains("Task timed out after 1.00 seconds"));
    assert!(!got.tail.contains("Max Memory Used: 0 MB"), "{}", got.tail);
    assert!(!lives(pid));
    assert_ne!(fixture.pid("f").await, pid);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_told_and_the_next_invocation_has_a_new_process() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let before = fixture.pid("f").await;
    for (what, how) in [
        ("crash", "Runtime exited with error: exit status 101"),
        ("exit", "Runtime exited without providing a reason"),
    ] {
        let got = fixture.invoke("f", json!({ "do": what })).await;
        assert_eq!(got.function_error, "Unhandled");
        assert_eq!(got.body["errorType"], "Runtime.ExitError");
        let message = got.body["errorMessage"].as_str().expect("a message");
        assert!(message.contains(how), "{message}");
    }
    let after = fixture.pid("f").await;
    assert_ne!(after, before);
    // A process that ends between two invocations is nobody's error.
    let raw = rustix::process::Pid::from_raw(i32::try_from(after).expect("an id"));
    rustix::process::kill_process(raw.expect("an id"), rustix::process::Signal::KILL)
        .expect("killed");
    eventually("it is gone", || !lives(after)).await;
    assert_ne!(fixture.pid("f").await, after);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_says_about_its_start_is_the_error() {
    let fixture = Fixture::new();
    fixture.make("reports", "init-error", Value::Null).await;
    let got = fixture.invoke("reports", json!({})).await;
    assert_eq!(got.function_error, "Unhandled");
    assert_eq!(
        got.body,
        json!({ "errorType": "Mine.Init", "errorMessage": "no table" })
    );
    fixture.make("crashes", "crash-at-start", Value::Null).await;
    let got = fixture.invoke("crashes", json!({})).await;
    assert_eq!(got.body["errorType"], "Runtime.ExitError");
    fixture.stop().await;
}

/// aws-behaviours L14, L22
#[tokio::test(flavor = "multi_thread")]
async fn reserved_concurrency_of_nothing_throttles_and_events_go_to_the_destination() {
    let fixture = Fixture::new();
    fixture.queues.make(DLQ, 30);
    fixture.make("f", "events", Value::Null).await;
    let destination = json!({ "DestinationConfig": { "OnFailure": { "Destination": DLQ } } });
    let path = "/2019-09-25/functions/f/event-invoke-config";
    fixture.ok(Method::PUT, path, destination).await;
    // A warm process does not get around it.
    fixture.pid("f").await;
    fixture.reserve("f", 0).await;
    assert_eq!(fixture.invoke("f", json!({})).await.status, 429);
    let event = |number: u32| json!({ "do": "print", "say": format!("event {number}") });
    for number in 0..3 {
        fixture.invoke_event("f", event(number)).await;
    }
    eventually("all are told", || fixture.queues.sent(DLQ).len() == 3).await;
    assert!(!fixture.logs.has("event "));
    let record: Value = serde_json::from_str(&fixture.queues.sent(DLQ)[0]).expect("JSON");
    let context = &record["requestContext"];
    assert_eq!(context["condition"], "ZeroReservedConcurrency");
    assert_eq!(context["approximateInvokeCount"], 0);
    assert!(record.get("responseContext").is_none() && record.get("responsePayload").is_none());
    fixture.reserve("f", 1).await;
    fixture.invoke_event("f", event(3)).await;
    eventually("the next one is worked on", || {
        fixture.logs.count("event 3") == 1
            && fixture.service.state.pending().expect("read").is_empty()
    })
    .await;
    assert_eq!(fixture.logs.count("event "), 1);
    fixture.stop().await;
}

/// aws-behaviours L21
#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_tried_three_times_and_then_told_to_the_destination() {
    let fixture = Fixture::new();
    fixture.queues.make(DLQ, 30);
    fixture.make("f", "events", Value::Null).await;
    let destination = json!({ "DestinationConfig": { "OnFailure": { "Destination": DLQ } } });
    let path = "/2019-09-25/functions/f/event-invoke-config";
    fixture.ok(Method::PUT, path, destination).await;
    let event = json!({ "do": "error", "say": "one more try" });
    fixture.invoke_event("f", event.clone()).await;
    eventually("it is told", || !fixture.queues.sent(DLQ).is_empty()).await;
    eventually("it is settled", || {
        fixture.service.state.pending().expect("read").is_empty()
    })
    .await;
    assert_eq!(fixture.logs.count("one more try"), 3);
    let sent = fixture.queues.sent(DLQ);
    assert_eq!(sent.len(), 1);
    let mut record: Value = serde_json::from_str(&sent[0]).expect("JSON");
    let id = record["requestContext"]["requestId"].take();
    assert_eq!(id.as_str().map(str::len), Some(36));
    let moment = record["timestamp"].take();
    let format = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(moment.as_str().expect("a text"), format).expect("a moment");
    assert_eq!(
        record,
        json!({
            "version": "1.0",
            "timestamp": null,
            "requestContext": {
                "requestId": null,
                "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": event,
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "responsePayload": { "errorType": "Mine", "errorMessage": "as asked" },
        })
    );
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_event_survives_a_stop() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let directory = tempfile::tempdir().expect("a directory");
    // The one invocation that may run is taken.
    fixture.reserve("f", 1).await;
    let file = directory.path().join("go-on");
    let (work, _) = fixture.keep_busy("f", &file).await;
    let event = json!({ "do": "print", "say": "survived" });
    fixture.invoke_event("f", event).await;
    work.abort();
    let fixture = fixture.reopen().await;
    assert!(!fixture.logs.has("waited"));
    eventually("it is worked on", || fixture.logs.has("survived")).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_deleted_function_are_dropped() {
    let fixture = Fixture::new();
    fixture.make("f", "events", Value::Null).await;
    let directory = tempfile::tempdir().expect("a directory");
    fixture.reserve("f", 1).await;
    let file = directory.path().join("go-on");
    let (work, _) = fixture.keep_busy("f", &file).await;
    fixture.invoke_event("f", json!({})).await;
    work.abort();
    fixture
        .ok(Method::DELETE, "/2015-03-31/functions/f", Value::Null)
        .await;
    eventually("it is settled", || {
        fixture.service.state.pending().expect("read").is_empty()
    })
    .await;
    fixture.stop().await;
}
