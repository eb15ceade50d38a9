//! Faults that pass: nobody has to do anything about the work that met them.

use pipectl_testkit::probe::{Probe, expect, parsed};
use pipectl_testkit::{TestEnv, free_port, until};
use serde_json::{Value, json};

use super::{
    JOBS_DLQ, PATIENCE, UPLOADS_DLQ, WORKER, delete_table, down, functions, pipeline, results, up,
    upload, wait_for_depth,
};

const FILES: usize = 8;

/// Takes events, one line each, to the file `$STATE/tries`; ends without an answer until there are
/// `$GOOD_FROM` of them, then answers. No more than bash is needed.
const CRASHES_AT_FIRST: &str = r#"#!/usr/bin/env bash
LC_ALL=C
api=$AWS_LAMBDA_RUNTIME_API
exchange() {
  exec 3<>"/dev/tcp/${api%:*}/${api##*:}" || exit 1
  printf '%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' \
    "$1" "$2" "$api" "${#3}" "$3" >&3
  answer=$(cat <&3)
  exec 3>&-
}
while :; do
  exchange GET invocation/next ''
  id=$(printf '%s' "$answer" | tr -d '\r' | sed -n 's/^lambda-runtime-aws-request-id: //p')
  [ -n "$id" ] || exit 1
  printf '%s\n' "${answer##*$'\r\n\r\n'}" >> "$STATE/tries"
  [ "$(grep -c . "$STATE/tries")" -ge "$GOOD_FROM" ] || exit 7
  exchange POST "invocation/$id/response" '"healed"'
done
"#;

#[test]
fn files_whose_table_is_away_for_a_moment_get_their_results() {
    // Failed jobs come again at once: five receives pass faster than any table comes back.
    let (env, probe) = pipeline(|stack| stack.replace("max_receives: 5", "max_receives: 1000"));
    delete_table(&probe);
    for file in 0..FILES {
        upload(&probe, &format!("logs/{file}.ndjson"), file + 1);
    }
    until("jobs fail", PATIENCE, || {
        let failed = probe.log_lines(WORKER, "to be tried again").len();
        if failed >= FILES {
            Ok(())
        } else {
            Err(format!("{failed} failures"))
        }
    });
    up(&env);

    let found = results(&probe, FILES);
    for file in 0..FILES {
        let key = format!("logs/{file}.ndjson");
        let result = found.iter().find(|item| item["key"]["S"] == *key);
        let result = result.unwrap_or_else(|| panic!("no result of {key}"));
        assert_eq!(result["status"]["S"], "done", "{result}");
        assert_eq!(result["lines"]["N"], (file + 1).to_string(), "{result}");
    }
    let retried = found
        .iter()
        .filter(|item| item["receive_count"]["N"] != "1");
    assert!(retried.count() > 0, "the retries did it: {found:?}");
    for queue in [JOBS_DLQ, UPLOADS_DLQ] {
        assert_eq!(probe.depth(queue).all(), 0, "{queue}");
    }
    down(&env);
}

/// Waits until so many tries are written down, and gives the events of each.
fn tries(env: &TestEnv, name: &str, wanted: usize) -> Vec<Value> {
    let file = env.root().join(name).join("tries");
    until(&format!("{wanted} tries of {name}"), PATIENCE, || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let count = text.lines().count();
        if count < wanted || !text.ends_with('\n') {
            return Err(format!("{count} tries"));
        }
        let events = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("an event"));
        Ok(events.collect())
    })
}

/// A function that works from its third try on, its own directory for what it writes.
fn create(env: &TestEnv, probe: &Probe, name: &str) {
    let state = env.root().join(name);
    std::fs::create_dir_all(&state).expect("a directory");
    let variables = json!({ "STATE": state, "GOOD_FROM": "3" });
    functions::create(probe, name, CRASHES_AT_FIRST, &variables);
}

#[test]
fn a_function_that_crashes_twice_does_its_work_at_the_third_try() {
    let env = TestEnv::empty(env!("CARGO_BIN_EXE_pipectl"));
    let mut serving = env.serve(free_port());
    serving.ready();
    let probe = Probe::new(serving.endpoint());
    let make = |name: &str, attributes: Value| {
        let request = json!({ "QueueName": name, "Attributes": attributes });
        expect(probe.sqs("CreateQueue", &request));
    };
    for queue in ["failed", "done", "dead"] {
        make(queue, json!({}));
    }
    let redrive = json!({ "deadLetterTargetArn": Probe::queue_arn("dead"), "maxReceiveCount": 3 });
    make("work", json!({ "RedrivePolicy": redrive.to_string() }));

    // By an event.
    create(&env, &probe, "by-event");
    let to = |queue: &str| json!({ "Destination": Probe::queue_arn(queue) });
    let config = json!({
        "DestinationConfig": { "OnSuccess": to("done"), "OnFailure": to("failed") },
    });
    let path = "/2019-09-25/functions/by-event/event-invoke-config";
    expect(probe.lambda("PUT", path, &config));
    let event = json!({ "order": 66, "text": "ü\n" });
    let accepted = expect(probe.invoke_event("by-event", &event));
    assert_eq!(accepted.status, 202);
    assert_eq!(
        tries(&env, "by-event", 3),
        [event.clone(), event.clone(), event.clone()]
    );
    wait_for_depth(&probe, "done", 1);
    let record = &probe.receive("done", 0)[0];
    let record: Value =
        serde_json::from_str(record["Body"].as_str().expect("a body")).expect("JSON");
    assert_eq!(record["requestContext"]["condition"], "Success", "{record}");
    assert_eq!(
        record["requestContext"]["approximateInvokeCount"], 3,
        "{record}"
    );
    assert_eq!(record["requestPayload"], event, "{record}");
    assert_eq!(record["responsePayload"], "healed", "{record}");

    // By a mapping: the third receive is the last that the queue allows.
    create(&env, &probe, "by-queue");
    let mapping = json!({
        "FunctionName": "by-queue", "EventSourceArn": Probe::queue_arn("work"), "BatchSize": 1,
    });
    expect(probe.lambda("POST", "/2015-03-31/event-source-mappings", &mapping));
    let send = json!({ "QueueUrl": probe.queue_url("work"), "MessageBody": "one piece of work" });
    let sent = parsed(&expect(probe.sqs("SendMessage", &send)));
    let events = tries(&env, "by-queue", 3);
    for (index, event) in events.iter().enumerate() {
        let message = &event["Records"][0];
        assert_eq!(message["messageId"], sent["MessageId"], "{event}");
        assert_eq!(message["body"], "one piece of work", "{event}");
        let count = &message["attributes"]["ApproximateReceiveCount"];
        assert_eq!(*count, (index + 1).to_string(), "{event}");
    }
    wait_for_depth(&probe, "work", 0);

    for queue in ["failed", "dead"] {
        assert_eq!(probe.depth(queue).all(), 0, "{queue}");
    }
    for name in ["by-event", "by-queue"] {
        assert_eq!(tries(&env, name, 3).len(), 3, "no fourth try of {name}");
        assert_eq!(probe.log_lines(name, "START RequestId").len(), 3);
        assert_eq!(
            probe
                .log_lines(name, "Runtime exited with error: exit status 7")
                .len(),
            2
        );
    }
    serving.stop();
}
