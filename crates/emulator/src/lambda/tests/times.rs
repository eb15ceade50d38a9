//! The behaviour `aws`: minutes pass by a clock that only the test moves.

use super::*;
use crate::Behaviour;
use crate::clock::ManualClock;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:jobs";
const DLQ: &str = "arn:aws:sqs:us-east-1:000000000000:dlq";
const FUNCTION: &str = "/2015-03-31/functions/f";
const MAPPINGS: &str = "/2015-03-31/event-source-mappings";

fn aws() -> (Fixture, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(1_800_000_000_000));
    let fixture = Fixture::with(|config| {
        config.clock = clock.clone();
        config.behaviour = Behaviour::AWS;
    });
    (fixture, clock)
}

/// A function `f` that is ready.
async fn ready(fixture: &Fixture, clock: &ManualClock, mode: &str) {
    fixture.make("f", mode, Value::Null).await;
    clock.advance(Behaviour::AWS.function_pending_ms);
}

impl Fixture {
    async fn refused(&self, method: Method, path: &str, body: Value) -> String {
        let got = self.request(method, path, &[], body).await;
        assert!(got.status >= 400, "{path}: {}", got.status);
        let message = got.body["Message"].as_str().expect("a message");
        format!("{} {message}", got.status)
    }
}

/// aws-behaviours L21
#[tokio::test(flavor = "multi_thread")]
async fn retries_of_an_event_come_after_one_and_two_minutes() {
    let (fixture, clock) = aws();
    ready(&fixture, &clock, "events").await;
    fixture.queues.make(DLQ, 30);
    let destination = json!({ "DestinationConfig": { "OnFailure": { "Destination": DLQ } } });
    let path = "/2019-09-25/functions/f/event-invoke-config";
    fixture.ok(Method::PUT, path, destination).await;
    let event = json!({ "do": "error", "say": "one more try" });
    fixture.invoke_event("f", event).await;
    let tries = |count: usize| {
        let logs = Arc::clone(&fixture.logs);
        move || logs.count("one more try") == count && logs.count("REPORT ") == count
    };
    let waits_until = |moment: i64| {
        let service = Arc::clone(&fixture.service);
        move || {
            let pending = service.state.pending().expect("read");
            pending.len() == 1 && pending[0].next_ms == moment
        }
    };
    eventually("the first try", tries(1)).await;
    eventually("it waits a minute", waits_until(clock.now_ms() + 60_000)).await;
    clock.advance(59_999);
    assert!(tries(1)());
    clock.advance(1);
    eventually("the second try", tries(2)).await;
    eventually("it waits two", waits_until(clock.now_ms() + 120_000)).await;
    clock.advance(120_000);
    eventually("the third try", tries(3)).await;
    eventually("it is told", || fixture.queues.sent(DLQ).len() == 1).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_retry_keeps_its_moment_over_a_restart() {
    let (fixture, clock) = aws();
    ready(&fixture, &clock, "events").await;
    let event = json!({ "do": "error", "say": "one more try" });
    fixture.invoke_event("f", event).await;
    eventually("the first try", || fixture.logs.count("REPORT ") == 1).await;
    let moment = clock.now_ms() + 60_000;
    eventually("it is noted", || {
        let pending = fixture.service.state.pending().expect("read");
        pending.len() == 1 && pending[0].next_ms == moment && pending[0].attempts == 1
    })
    .await;
    let fixture = fixture.reopen().await;
    clock.advance(60_000);
    eventually("the second try", || fixture.logs.count("one more try") == 2).await;
    fixture.stop().await;
}

/// aws-behaviours L21
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_grows_too_old_is_told_as_such() {
    let (fixture, clock) = aws();
    fixture.make("f", "events", json!({ "Timeout": 900 })).await;
    clock.advance(Behaviour::AWS.function_pending_ms);
    fixture.queues.make(DLQ, 30);
    let config = json!({
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": { "OnFailure": { "Destination": DLQ } },
    });
    let path = "/2019-09-25/functions/f/event-invoke-config";
    fixture.ok(Method::PUT, path, config).await;
    // The one invocation that may run is taken.
    fixture.reserve("f", 1).await;
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("go-on");
    let (work, _) = fixture.keep_busy("f", &file).await;
    fixture.invoke_event("f", json!({ "n": 1 })).await;
    eventually("it is told", || {
        clock.advance(1_000);
        !fixture.queues.sent(DLQ).is_empty()
    })
    .await;
    let record: Value = serde_json::from_str(&fixture.queues.sent(DLQ)[0]).expect("JSON");
    assert_eq!(record["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(record["requestPayload"], json!({ "n": 1 }));
    assert!(record["responsePayload"].is_null());
    assert_eq!(fixture.logs.count("START "), 1);
    std::fs::write(&file, "").expect("written");
    work.await.expect("it goes on");
    fixture.stop().await;
}

/// aws-behaviours L1, L2, L3, L13
#[tokio::test(flavor = "multi_thread")]
async fn a_new_function_is_pending_and_a_changed_one_in_progress() {
    let (fixture, clock) = aws();
    fixture.make("f", "events", Value::Null).await;
    let state = async || {
        let path = format!("{FUNCTION}/configuration");
        let got = fixture.ok(Method::GET, &path, Value::Null).await;
        format!("{} {}", got["State"], got["LastUpdateStatus"])
    };
    assert_eq!(state().await, "\"Pending\" \"InProgress\"");
    let invocations = format!("{FUNCTION}/invocations");
    // aws-behaviours L2, L13
    for (method, path) in [
        (Method::POST, invocations.as_str()),
        (Method::DELETE, FUNCTION),
    ] {
        let refused = fixture.refused(method, path, json!({})).await;
        assert!(
            refused.starts_with("409 ") && refused.ends_with("state: Pending"),
            "{refused}"
        );
    }
    clock.advance(Behaviour::AWS.function_pending_ms);
    assert_eq!(state().await, "\"Active\" \"Successful\"");

    let configuration = format!("{FUNCTION}/configuration");
    let memory = |mb: u32| json!({ "MemorySize": mb });
    fixture.ok(Method::PUT, &configuration, memory(256)).await;
    assert_eq!(state().await, "\"Active\" \"InProgress\"");
    // aws-behaviours L3
    let refused = fixture
        .refused(Method::PUT, &configuration, memory(512))
        .await;
    assert!(
        refused.contains("An update is in progress for resource: arn:aws:lambda"),
        "{refused}"
    );
    fixture.pid("f").await;
    clock.advance(Behaviour::AWS.function_update_ms);
    fixture.ok(Method::PUT, &configuration, memory(512)).await;
    fixture.stop().await;
}

/// aws-behaviours E2, E3
#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_goes_through_its_states_and_works_only_when_enabled() {
    let (fixture, clock) = aws();
    ready(&fixture, &clock, "batches").await;
    fixture.queues.make(QUEUE, 60);
    let body = json!({ "FunctionName": "f", "EventSourceArn": QUEUE });
    let made = fixture.ok(Method::POST, MAPPINGS, body).await;
    let path = format!("{MAPPINGS}/{}", made["UUID"].as_str().expect("an id"));
    let state = async || fixture.ok(Method::GET, &path, Value::Null).await["State"].clone();
    assert_eq!(state().await, "Creating");
    fixture.queues.put(QUEUE, &["a"]);
    // aws-behaviours E3
    let off = json!({ "Enabled": false });
    let refused = fixture.refused(Method::PUT, &path, off.clone()).await;
    assert!(refused.contains("because it is in use"), "{refused}");
    assert_eq!(fixture.queues.visible(QUEUE), 1);
    clock.advance(Behaviour::AWS.mapping_change_ms);
    assert_eq!(state().await, "Enabled");
    eventually("it is deleted", || fixture.queues.deleted(QUEUE).len() == 1).await;

    fixture.ok(Method::PUT, &path, off).await;
    assert_eq!(state().await, "Disabling");
    clock.advance(Behaviour::AWS.mapping_change_ms);
    assert_eq!(state().await, "Disabled");
    fixture
        .ok(Method::PUT, &path, json!({ "Enabled": true }))
        .await;
    assert_eq!(state().await, "Enabling");
    clock.advance(Behaviour::AWS.mapping_change_ms);
    fixture.ok(Method::DELETE, &path, Value::Null).await;
    assert_eq!(state().await, "Deleting");
    let fixture = fixture.reopen().await;
    clock.advance(Behaviour::AWS.mapping_change_ms);
    eventually("it is gone", || fixture.service.state.mappings().is_empty()).await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_without_work_for_ten_minutes_are_ended() {
    let clock = Arc::new(ManualClock::new(1_800_000_000_000));
    let fixture = Fixture::with(|config| config.clock = clock.clone());
    fixture.make("f", "events", Value::Null).await;
    let pid = fixture.pid("f").await;
    clock.advance(9 * 60_000);
    assert_eq!(fixture.pid("f").await, pid);
    eventually("it is ended", || {
        clock.advance(60_000);
        !lives(pid)
    })
    .await;
    assert_ne!(fixture.pid("f").await, pid);
    fixture.stop().await;
}
