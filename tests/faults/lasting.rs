//! Faults that stay: the work ends in a dead letter queue after exactly as many tries as were allowed,
//! and comes back from there when the fault is gone.

use pipectl_testkit::probe::{Probe, expect, parsed};
use pipectl_testkit::until;
use serde_json::{Value, json};

use super::{
    JOBS, JOBS_DLQ, PATIENCE, TRIGGER, UPLOADS_DLQ, WORKER, delete_table, down, pipeline, results,
    up, upload, wait_for_depth,
};

/// Receives that the stack allows.
const MAX_RECEIVES: usize = 5;
/// Tries of an asynchronous invocation: the first, and two retries. // aws-behaviours L21
const TRIES: usize = 3;

/// Waits until so many invocations of a function began, and checks that no more did.
fn invocations(probe: &Probe, function: &str) -> usize {
    let began = probe.log_lines(function, "START RequestId").len();
    // An invocation's end is written after its start: then all is.
    until("the log is complete", PATIENCE, || {
        let ended = probe.log_lines(function, "REPORT RequestId").len();
        if ended == began {
            Ok(began)
        } else {
            Err(format!("{began} began, {ended} ended"))
        }
    })
}

fn body(message: &Value) -> Value {
    serde_json::from_str(message["Body"].as_str().expect("a body")).expect("JSON")
}

#[test]
fn jobs_without_a_table_are_dead_after_max_receives_and_done_after_a_redrive() {
    let (env, probe) = pipeline(|stack| {
        assert!(
            stack.contains(&format!("max_receives: {MAX_RECEIVES} ")),
            "{stack}"
        );
        stack
    });
    delete_table(&probe);

    // One by itself: every receive is an invocation.
    upload(&probe, "logs/0.ndjson", 1);
    wait_for_depth(&probe, JOBS_DLQ, 1);
    assert_eq!(invocations(&probe, WORKER), MAX_RECEIVES);
    // Several at once may share invocations.
    let files = 4;
    for file in 1..files {
        upload(&probe, &format!("logs/{file}.ndjson"), file + 1);
    }
    wait_for_depth(&probe, JOBS_DLQ, files as u64);
    assert_eq!(probe.depth(JOBS).all(), 0);
    let mut keys = Vec::new();
    for message in probe.receive(JOBS_DLQ, 0) {
        // This receive is one more.
        let count = &message["Attributes"]["ApproximateReceiveCount"];
        assert_eq!(*count, (MAX_RECEIVES + 1).to_string(), "{message}");
        assert_eq!(
            message["Attributes"]["DeadLetterQueueSourceArn"],
            Probe::queue_arn(JOBS),
            "{message}"
        );
        let id = message["MessageId"].as_str().expect("an id");
        let tries = probe.log_lines(WORKER, id).len();
        assert_eq!(tries, MAX_RECEIVES, "{message}");
        keys.push(body(&message)["key"].as_str().expect("a key").to_owned());
    }
    keys.sort();
    let expected: Vec<_> = (0..files)
        .map(|file| format!("logs/{file}.ndjson"))
        .collect();
    assert_eq!(keys, expected);
    assert_eq!(probe.depth(UPLOADS_DLQ).all(), 0);

    up(&env);
    let (source, destination) = (Probe::queue_arn(JOBS_DLQ), Probe::queue_arn(JOBS));
    let task = json!({ "SourceArn": source, "DestinationArn": destination });
    expect(probe.sqs("StartMessageMoveTask", &task));
    let found = results(&probe, files);
    for (file, key) in expected.iter().enumerate() {
        let result = found.iter().find(|item| item["key"]["S"] == **key);
        let result = result.unwrap_or_else(|| panic!("no result of {key}"));
        assert_eq!(result["status"]["S"], "done", "{result}");
        assert_eq!(result["lines"]["N"], (file + 1).to_string(), "{result}");
    }
    assert_eq!(probe.depth(JOBS_DLQ).all(), 0);
    until("the move task is complete", PATIENCE, || {
        let request = json!({ "SourceArn": source });
        let tasks = parsed(&expect(probe.sqs("ListMessageMoveTasks", &request)));
        let task = &tasks["Results"][0];
        if task["Status"] == "COMPLETED" && task["ApproximateNumberOfMessagesMoved"] == files {
            Ok(())
        } else {
            Err(tasks.to_string())
        }
    });
    down(&env);
}

/// aws-behaviours S13, L21
#[test]
fn an_upload_whose_trigger_always_fails_is_recorded_after_three_tries() {
    let (env, probe) = pipeline(|stack| stack);
    let path = format!("/2015-03-31/functions/{TRIGGER}/configuration");
    let mut variables =
        parsed(&expect(probe.lambda("GET", &path, &Value::Null)))["Environment"].clone();
    variables["Variables"]["JOBS_QUEUE_URL"] = probe.queue_url("log-pipeline-gone").into();
    expect(probe.lambda("PUT", &path, &json!({ "Environment": variables })));

    let keys = ["logs/a b+ü.ndjson", "logs/two.ndjson"];
    upload(&probe, "logs/a%20b%2B%C3%BC.ndjson", 1);
    wait_for_depth(&probe, UPLOADS_DLQ, 1);
    assert_eq!(invocations(&probe, TRIGGER), TRIES);
    upload(&probe, keys[1], 2);
    wait_for_depth(&probe, UPLOADS_DLQ, 2);
    assert_eq!(invocations(&probe, TRIGGER), 2 * TRIES);

    let records: Vec<Value> = probe.receive(UPLOADS_DLQ, 0).iter().map(body).collect();
    assert_eq!(records.len(), 2);
    for (encoded, size) in [("logs/a+b%2B%C3%BC.ndjson", 1), (keys[1], 2)] {
        let key = |record: &&Value| {
            record["requestPayload"]["Records"][0]["s3"]["object"]["key"] == encoded
        };
        let record = records.iter().find(key);
        let record = record.unwrap_or_else(|| panic!("no record of {encoded}: {records:?}"));
        let event = &record["requestPayload"]["Records"][0];
        assert_eq!(event["eventSource"], "aws:s3");
        assert_eq!(event["eventName"], "ObjectCreated:Put");
        let bytes = event["s3"]["object"]["size"].as_u64().expect("a size");
        assert!(bytes > 50 * size, "{event}");
        assert_eq!(record["version"], "1.0");
        assert!(
            record["timestamp"]
                .as_str()
                .is_some_and(|time| time.ends_with('Z'))
        );
        let context = &record["requestContext"];
        assert_eq!(context["condition"], "RetriesExhausted", "{record}");
        assert_eq!(context["approximateInvokeCount"], TRIES, "{record}");
        let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{TRIGGER}:$LATEST");
        assert_eq!(context["functionArn"], arn);
        // All tries are of one request.
        let id = context["requestId"].as_str().expect("an id");
        let start = format!("START RequestId: {id}");
        assert_eq!(probe.log_lines(TRIGGER, &start).len(), TRIES, "{record}");
        let response = &record["responseContext"];
        assert_eq!(response["statusCode"], 200);
        assert_eq!(response["executedVersion"], "$LATEST");
        assert_eq!(response["functionError"], "Unhandled");
        let error = record["responsePayload"]["errorMessage"].as_str();
        assert!(
            error.is_some_and(|error| error.contains("queue does not exist")),
            "{record}"
        );
    }
    assert_eq!(probe.depth(JOBS).all(), 0);
    assert_eq!(probe.depth(JOBS_DLQ).all(), 0);

    // Healed, what comes now is done.
    up(&env);
    upload(&probe, "logs/healed.ndjson", 3);
    let found = results(&probe, 1);
    assert_eq!(found[0]["lines"]["N"], "3", "{found:?}");
    down(&env);
}
