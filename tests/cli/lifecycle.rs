//! The main job from an empty project to an empty project.

use insta::assert_snapshot;
use pipectl_testkit::{TestEnv, Transcript};
use serde_json::Value;

use super::{empty, project, settled, squeezed, succeed};

/// A stack without functions: nothing to build.
const STORES: &str = "stack: demo
buckets: { files: { versioning: true } }
queues:
  jobs: { dead_letter: { queue: jobs-dlq, max_receives: 3 } }
  jobs-dlq: {}
tables: { items: { partition_key: id, ttl: expires_at } }
outputs: { bucket: \"${buckets.files.name}\", queue: \"${queues.jobs.url}\" }
";

#[test]
fn stores_only() {
    let env = empty();
    env.write("stacks/demo.yaml", STORES);
    let up = env.pipectl(&["up"]).expect_success();
    assert_eq!(up.stdout.lines().count(), 2, "{}", up.unredacted());
    assert_snapshot!("stores_no_op", env.pipectl(&["up"]));
    assert_snapshot!("stores_status", env.pipectl(&["status"]));

    env.write(
        "stacks/demo.yaml",
        STORES
            .replace("max_receives: 3", "max_receives: 4")
            .replace("jobs-dlq: {}", "jobs-dlq: { retention: 14d }"),
    );
    let changed = env.pipectl(&["up"]).expect_success();
    assert!(
        changed.stderr.contains("retention: 345600 → 1209600"),
        "{}",
        changed.unredacted()
    );
    assert!(
        changed.stderr.contains("dead_letter.max_receives: 3 → 4"),
        "{}",
        changed.unredacted()
    );

    let down = env
        .pipectl(&["down", "--output", "json"])
        .expect_success()
        .json();
    assert_eq!(down["data"]["deleted"].as_array().map(Vec::len), Some(4));
    assert_eq!(down["data"]["emulator_stopped"], true);
    assert!(env.emulator().is_none(), "no process is left");
}

#[test]
fn the_main_job() {
    let env = project();
    let up = env
        .pipectl(&["up", "--smoke", "samples/app-1000.ndjson"])
        .expect_success();
    assert_snapshot!("up_smoke", settled(&up.to_string()));
    readme_shows(&env, &up);

    let results = env
        .pipectl(&["results", "--output", "json"])
        .expect_success()
        .json();
    let result = &results["data"]["results"][0];
    let counted = count(include_str!("../../samples/app-1000.ndjson"));
    assert_eq!(result["lines"], 1_000);
    assert_eq!(result["levels"], counted);
    assert_snapshot!("results", env.pipectl(&["results"]));
    assert_snapshot!("status", squeezed(&env.pipectl(&["status"]).to_string()));
    assert_snapshot!("up_no_op", env.pipectl(&["up"]));
    assert_snapshot!("env", env.pipectl(&["env"]));
    assert_snapshot!("down_refused", env.pipectl(&["down"]));
    succeed(&env, &["down", "--force"]);
    assert!(env.emulator().is_none(), "no process is left");
    assert_snapshot!("down_again", env.pipectl(&["down"]));
}

/// A message that waits in the dead letter queue of jobs; it stays there.
fn dead_letter(endpoint: &str) -> Value {
    let body = serde_json::json!({
        "QueueUrl": format!("{endpoint}/000000000000/log-pipeline-jobs-dlq"),
        "MessageAttributeNames": ["All"],
        "VisibilityTimeout": 0,
    });
    let headers = [
        ("x-amz-target", "AmazonSQS.ReceiveMessage"),
        ("content-type", "application/x-amz-json-1.0"),
    ];
    let body = body.to_string();
    let response =
        pipectl_testkit::http::post(endpoint, "/", &headers, body.as_bytes()).expect("an answer");
    response.json().expect("JSON")["Messages"][0].clone()
}

/// Delivers the upload event of a result to the trigger again; returns what the function answers.
fn invoke_trigger(endpoint: &str, result: &Value) -> Value {
    let record = serde_json::json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2026-11-23T10:00:00.000Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "p"}, "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "c",
            "bucket": {"name": result["bucket"], "ownerIdentity": {"principalId": "p"}, "arn": "arn:aws:s3:::b"},
            "object": {"key": result["key"], "size": result["size"], "eTag": result["etag"],
                "versionId": result["version_id"], "sequencer": "01"},
        },
    });
    let event = serde_json::json!({ "Records": [record] }).to_string();
    let path = "/2015-03-31/functions/log-pipeline-trigger/invocations";
    let response =
        pipectl_testkit::http::post(endpoint, path, &[], event.as_bytes()).expect("an answer");
    assert_eq!(response.status, 200, "{}", response.text());
    response.json().expect("JSON")
}

/// The transcript in the README is what a user sees: talk and data, one after the other.
fn readme_shows(env: &TestEnv, up: &Transcript) {
    let readme = include_str!("../../README.md");
    let block = readme
        .split("<!-- transcript -->")
        .nth(1)
        .and_then(|rest| rest.split("```text\n").nth(1))
        .and_then(|rest| rest.split("```").next())
        .expect("the transcript in the README");
    let seen = format!(
        "$ pipectl up --smoke samples/app-1000.ndjson\n{}{}",
        up.stderr, up.stdout
    );
    assert_eq!(settled(&env.redact(block)), settled(&env.redact(&seen)));
}

/// Records by level, counted by other means than the worker's.
fn count(text: &str) -> Value {
    let mut levels = serde_json::Map::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).expect("a sample line is JSON");
        let level = record["level"].as_str().expect("a level").to_owned();
        let count = levels.get(&level).and_then(Value::as_u64).unwrap_or(0);
        levels.insert(level, (count + 1).into());
    }
    levels.into()
}

#[test]
fn every_kind_of_file_ends_as_it_should() {
    let env = project();
    succeed(&env, &["up"]);
    env.write("binary.ndjson", [0u8, 159, 146, 150, 10, 255, 0]);
    env.write("empty.log", "");
    env.write("picture.png", "not a log");
    env.write(
        "a b+c ü%2B😀.ndjson",
        include_str!("../../samples/app-100.ndjson"),
    );

    let send = |file: &str| {
        let transcript = env.pipectl(&["send", file, "--output", "json"]);
        let json = transcript.json();
        (
            transcript.code,
            json["data"]["sent"][0]["result"].clone(),
            json,
        )
    };
    let (code, result, _) = send("samples/app-malformed.ndjson");
    assert_eq!((code, &result["status"]), (Some(0), &"done".into()));
    assert_eq!(
        (&result["lines"], &result["malformed"]),
        (&100.into(), &10.into())
    );
    assert_eq!(result["malformed_positions"][0], 7);

    let (code, result, json) = send("binary.ndjson");
    assert_eq!(
        (code, &result["status"], &result["reason"]["code"]),
        (Some(1), &"failed".into(), &"no_record".into()),
        "{json}"
    );
    assert_eq!(json["error"]["code"], "send::not_done");
    let (code, result, _) = send("empty.log");
    assert_eq!(
        (code, &result["status"], &result["reason"]["code"]),
        (Some(1), &"rejected".into(), &"empty".into())
    );
    let (code, result, _) = send("picture.png");
    assert_eq!(
        (code, &result["reason"]["code"]),
        (Some(1), &"wrong_suffix".into())
    );
    let (code, result, _) = send("a b+c ü%2B😀.ndjson");
    assert_eq!(
        (code, &result["key"]),
        (Some(0), &"logs/a b+c ü%2B😀.ndjson".into())
    );

    // The same file twice is two versions, and two results.
    let (_, first, _) = send("samples/app-100.ndjson");
    let (_, second, _) = send("samples/app-100.ndjson");
    assert_ne!(first["job_id"], second["job_id"]);
    // The same event twice more is the same job, and no result more.
    let endpoint = env.emulator().expect("running").endpoint;
    for _ in 0..2 {
        let answer = invoke_trigger(&endpoint, &second);
        assert_eq!(answer, serde_json::json!({"sent": 1, "rejected": 0}));
    }

    // Sent after both, so both are through when this one is.
    let (code, _, _) = send("samples/app-500.ndjson");
    assert_eq!(code, Some(0));
    let status = env
        .pipectl(&["status", "--output", "json"])
        .expect_success()
        .json();
    let resources = status["data"]["targets"][0]["resources"]
        .as_array()
        .expect("resources")
        .clone();
    let depth = |id: &str| {
        let found = resources
            .iter()
            .find(|resource| resource["id"] == id)
            .expect("the queue");
        found["facts"]["visible"].as_i64().expect("a count")
    };
    assert_eq!(
        (
            depth("queues.jobs-dlq"),
            depth("queues.jobs"),
            depth("queues.uploads-dlq")
        ),
        (1, 0, 0)
    );
    let message = dead_letter(&endpoint);
    assert_eq!(
        message["MessageAttributes"]["reason"]["StringValue"],
        "no_record"
    );
    let job: Value =
        serde_json::from_str(message["Body"].as_str().expect("a body")).expect("a job");
    assert_eq!(job["key"], "logs/binary.ndjson");
    let results = env
        .pipectl(&["results", "--output", "json"])
        .expect_success()
        .json();
    assert_eq!(results["data"]["results"].as_array().map(Vec::len), Some(8));

    let several = env.pipectl(&[
        "send",
        "samples/app-100.ndjson",
        "empty.log",
        "samples/app-500.ndjson",
    ]);
    assert_eq!(several.code, Some(1));
    assert_snapshot!("send_several", squeezed(&several.to_string()));
    succeed(&env, &["down", "--force"]);
    assert!(env.emulator().is_none(), "no process is left");
}

#[test]
fn a_stack_that_was_up_is_there_after_the_emulator_was_killed() {
    let env = empty();
    env.write("stacks/demo.yaml", STORES);
    succeed(&env, &["up"]);
    let before = env.emulator().expect("running");
    let killed = std::process::Command::new("kill")
        .args(["-9", &before.pid.to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
    assert!(pipectl_testkit::process::gone(
        before.pid,
        std::time::Duration::from_secs(10)
    ));
    let again = env.pipectl(&["up"]).expect_success();
    assert!(
        again.stderr.contains("nothing to do"),
        "{}",
        again.unredacted()
    );
    let after = env.emulator().expect("running again");
    assert_ne!(before.pid, after.pid);
    assert_eq!(before.endpoint, after.endpoint, "the port is used again");
    succeed(&env, &["down"]);
}

#[test]
fn two_ups_at_once_end_as_one() {
    let env = empty();
    env.write("stacks/demo.yaml", STORES);
    let children: Vec<_> = (0..3)
        .map(|_| {
            let mut command = env.invocation(&["up"]).command();
            command
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::piped());
            command.spawn().expect("started")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("ended");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let status = env
        .pipectl(&["status", "--output", "json"])
        .expect_success()
        .json();
    let resources = status["data"]["targets"][0]["resources"]
        .as_array()
        .expect("resources");
    assert!(
        resources.iter().all(|resource| resource["healthy"] == true),
        "{status}"
    );
    succeed(&env, &["down"]);
}

#[test]
fn a_port_that_is_taken_is_said_so() {
    let env = empty();
    env.write("stacks/demo.yaml", STORES);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let transcript = env.pipectl(&["emulator", "--port", &port]);
    assert_eq!(transcript.code, Some(1), "{}", transcript.unredacted());
    assert!(
        transcript.stderr.contains("is taken"),
        "{}",
        transcript.unredacted()
    );
    assert!(
        transcript.stderr.contains("--port"),
        "{}",
        transcript.unredacted()
    );
}

#[test]
fn status_fails_when_something_is_missing() {
    let env = empty();
    env.write("stacks/demo.yaml", STORES);
    succeed(&env, &["up"]);
    succeed(&env, &["status"]);
    env.write(
        "stacks/demo.yaml",
        STORES.replace("jobs-dlq: {}", "jobs-dlq: {}\n  late: {}"),
    );
    let transcript = env.pipectl(&["status", "--output", "json"]).expect_code(1);
    let status = transcript.json();
    assert_eq!(status["error"]["code"], "status::unhealthy", "{status:#}");
    let resources = status["data"]["targets"][0]["resources"]
        .as_array()
        .expect("resources");
    let unwell: Vec<&Value> = resources.iter().filter(|r| r["healthy"] == false).collect();
    assert_eq!(unwell.len(), 1, "{status:#}");
    assert_eq!(unwell[0]["id"], "queues.late");
    let shown = env.pipectl(&["status"]).expect_code(1);
    assert!(
        shown.stderr.contains("queues.late (Absent)") && shown.stdout.contains("queues.jobs"),
        "{}",
        shown.unredacted()
    );
}
